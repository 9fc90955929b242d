"""The time limit of a block in asyncio."""

import sys
from typing import Any

if sys.version_info >= (3, 11):

    class Scope:
        """Cancels the task at the end of the time, and knows its own cancellation from the caller's."""

        __slots__ = ("_timeout",)

        def __init__(self, seconds: float) -> None:
            import asyncio

            self._timeout = asyncio.timeout(seconds)

        async def __aenter__(self) -> None:
            await self._timeout.__aenter__()

        async def leave(self, exc: BaseException | None) -> bool:
            """Ends the limit. Whether it was what ended the block."""
            try:
                await self._timeout.__aexit__(type(exc) if exc is not None else None, exc, None)
            except TimeoutError:
                return True
            return False

else:

    class Scope:
        """Cancels the task at the end of the time. A caller's cancellation at the same moment is taken for it."""

        __slots__ = ("_is_over", "_seconds", "_task", "_timer")

        def __init__(self, seconds: float) -> None:
            self._seconds = seconds
            self._is_over = False
            self._task: Any = None
            self._timer: Any = None

        async def __aenter__(self) -> None:
            import asyncio

            self._task = asyncio.current_task()
            self._timer = asyncio.get_running_loop().call_later(self._seconds, self._expire)

        def _expire(self) -> None:
            self._is_over = True
            self._task.cancel()

        async def leave(self, exc: BaseException | None) -> bool:
            """Ends the limit. Whether it was what ended the block."""
            import asyncio

            self._timer.cancel()
            task, self._task = self._task, None
            return self._is_over and task is not None and isinstance(exc, asyncio.CancelledError)
