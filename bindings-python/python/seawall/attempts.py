"""A call written out as a loop or as a block, for work that is no function of its own."""

from types import TracebackType
from typing import TYPE_CHECKING, Any

from .attempt import Attempt
from .deadline import CURRENT, Deadline, restore
from .drive import FINISH, RUN, SLEEP, WAIT, Asked, Drive
from .errors import SeawallError
from .settings import SECOND
from .waiting import sleep_in_task, sleep_in_thread, wait_in_task, wait_in_thread

if TYPE_CHECKING:
    from contextvars import Token

    from typing_extensions import Self

    from .dependency import Dependency
    from .testing import Script

__all__ = ["Attempts", "LoopAttempt", "Permit"]


class _Block:
    """What the blocks of both forms have in common: the deadline in force, and the timeout of an async one."""

    __slots__ = ("_drive", "_is_open", "_timeout", "_token")

    def __init__(self, drive: Drive) -> None:
        self._drive = drive
        self._token: Token[int | Deadline] | None = None
        self._timeout: Any = None
        self._is_open = False

    def _open(self) -> None:
        drive = self._drive
        clock, until = drive.dependency._clock, drive.call.until_ns
        self._token = CURRENT.set(until if clock is None else Deadline._made(until, False, clock))
        self._is_open = True

    def _close(self) -> None:
        self._is_open = False
        if self._token is not None:
            restore(self._token)
            self._token = None

    async def _open_async(self) -> None:
        from .scope import Scope

        timeout = Scope(self._drive.call.span_ns / SECOND)
        await timeout.__aenter__()
        self._timeout = timeout

    async def _close_async(self, exc: BaseException | None) -> tuple[bool, BaseException | None]:
        """Whether the time was over, and what was raised then."""
        timeout, self._timeout = self._timeout, None
        is_over: bool = await timeout.leave(exc)
        return is_over, exc


class LoopAttempt(Attempt):
    """One attempt of a loop: a `with` block, or an `async with` block that is cancelled at the end of its time."""

    __slots__ = ("_block", "_loop")

    def __init__(self, loop: "Attempts", drive: Drive) -> None:
        super().__init__(drive.dependency, drive.call)
        self._loop = loop
        self._block = _Block(drive)

    def __enter__(self) -> "Self":
        self._loop._enter(self)
        self._block._open()
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> bool:
        self._block._close()
        return self._loop._ended(exc, False)

    async def __aenter__(self) -> "Self":
        self._loop._enter(self)
        await self._block._open_async()
        self._block._open()
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> bool:
        self._block._close()
        is_over, _ = await self._block._close_async(exc)
        return self._loop._ended(exc, is_over)


class Attempts:
    """The attempts of one call, as a loop. For one loop.

    ```python
    for attempt in dependency.attempts(on=httpx.TransportError):
        with attempt:
            response = client.get(url, timeout=attempt.remaining)
    ```

    A block that ends well ends the loop; an exception that is worth another attempt, and allowed one, is swallowed, and
    the next attempt comes after the backoff; else it is raised. In asyncio `async for` and `async with`. Refusals are
    raised by the `for`. To leave early `break`, `return` or raise inside the block.
    """

    __slots__ = ("_asked", "_dependency", "_drive", "_is_inside", "_kind")

    def __init__(self, dependency: "Dependency", asked: Asked) -> None:
        self._dependency = dependency
        self._asked = asked
        self._drive: Drive | None = None
        self._kind = 0
        self._is_inside = False

    def __iter__(self) -> "Self":
        self._once()
        return self

    def __aiter__(self) -> "Self":
        self._once()
        return self

    def _once(self) -> None:
        if self._drive is not None:
            raise SeawallError("each attempts() is for one loop")

    def _begin(self) -> Drive:
        drive = self._drive
        if drive is None:
            drive = self._drive = Drive(self._dependency, self._asked)
            self._kind = drive.began()
        elif self._kind == RUN:
            drive.give_up()
            raise SeawallError("the attempt was not made: write `with attempt:` inside the loop")
        return drive

    def __next__(self) -> LoopAttempt:
        drive = self._begin()
        try:
            while self._kind != FINISH:
                if self._kind == SLEEP:
                    sleep_in_thread(drive, drive.call.span_ns)
                    self._kind = drive.woke()
                elif self._kind == WAIT:
                    self._kind = wait_in_thread(drive)
                elif self._dependency._script is None or not self._is_struck(drive, self._dependency._script):
                    break
        except BaseException:
            self._abandon()
            raise
        return self._next(drive, StopIteration)

    async def __anext__(self) -> LoopAttempt:
        drive = self._begin()
        try:
            while self._kind != FINISH:
                if self._kind == SLEEP:
                    await sleep_in_task(drive, drive.call.span_ns)
                    self._kind = drive.woke()
                elif self._kind == WAIT:
                    self._kind = await wait_in_task(drive)
                elif self._dependency._script is None or not await self._is_struck_async(
                    drive, self._dependency._script
                ):
                    break
        except BaseException:
            self._abandon()
            raise
        return self._next(drive, StopAsyncIteration)

    def _is_struck(self, drive: Drive, script: "Script") -> bool:
        """Whether a fault of a test's struck the attempt before its block."""
        try:
            script.strike(drive)
        except Exception as error:
            self._kind = drive.failed(error)
            return True
        return False

    async def _is_struck_async(self, drive: Drive, script: "Script") -> bool:
        try:
            await script.strike_async(drive)
        except Exception as error:
            self._kind = drive.failed(error)
            return True
        return False

    def _next(self, drive: Drive, stop: type[Exception]) -> LoopAttempt:
        if self._kind == RUN:
            return LoopAttempt(self, drive)
        if drive.call.status or drive.error is not None:
            error = drive.ending()
            drive.error = None
            raise error
        raise stop

    def _enter(self, attempt: LoopAttempt) -> None:
        if self._is_inside or self._kind != RUN or self._drive is None or attempt.number != self._drive.call.attempt:
            raise SeawallError("each attempt is for one block, in its own turn of the loop")
        self._is_inside = True

    def _abandon(self) -> None:
        self._kind = FINISH
        if self._drive is not None:
            self._drive.error = None
            self._drive.give_up()

    def _ended(self, exc: BaseException | None, is_over: bool) -> bool:
        """The block ended. Whether its exception is swallowed, because another attempt follows."""
        drive = self._drive
        assert drive is not None
        self._is_inside = False
        if exc is None:
            self._kind = FINISH
            drive.error = None
            drive.succeeded()
            return False
        if isinstance(exc, GeneratorExit):
            self._abandon()
            return False
        self._kind = drive.timed_out(exc) if is_over else drive.failed(exc)
        if self._kind != FINISH:
            return True
        error = drive.ending()
        drive.error = None
        if error is not exc:
            raise error
        return False


class Permit:
    """Leave to do one thing, as a block; one attempt, and no further one.

    ```python
    with dependency.permit() as attempt:
        client.get(url, timeout=attempt.remaining)

    async with dependency.permit() as attempt:      # cancelled at the end of its time
        await client.get(url)
    ```
    """

    __slots__ = ("_asked", "_block", "_dependency")

    def __init__(self, dependency: "Dependency", asked: Asked) -> None:
        self._dependency = dependency
        self._asked = asked
        self._block: _Block | None = None

    def _begin(self) -> tuple[Drive, int]:
        if self._block is not None:
            raise SeawallError("each permit() is for one block")
        drive = Drive(self._dependency, self._asked)
        self._block = _Block(drive)
        return drive, drive.began()

    def __enter__(self) -> Attempt:
        drive, kind = self._begin()
        try:
            while kind not in (RUN, FINISH):
                if kind == SLEEP:
                    sleep_in_thread(drive, drive.call.span_ns)
                    kind = drive.woke()
                else:
                    kind = wait_in_thread(drive)
        except BaseException:
            drive.give_up()
            raise
        if kind == RUN and self._dependency._script is not None:
            try:
                self._dependency._script.strike(drive)
            except BaseException as error:
                self._conclude(drive, error, False)
                raise
        return self._entered(drive, kind)

    async def __aenter__(self) -> Attempt:
        drive, kind = self._begin()
        try:
            while kind not in (RUN, FINISH):
                if kind == SLEEP:
                    await sleep_in_task(drive, drive.call.span_ns)
                    kind = drive.woke()
                else:
                    kind = await wait_in_task(drive)
        except BaseException:
            drive.give_up()
            raise
        if kind == RUN:
            try:
                if self._dependency._script is not None:
                    await self._dependency._script.strike_async(drive)
                assert self._block is not None
                await self._block._open_async()
            except BaseException as error:
                self._conclude(drive, error, False)
                raise
        return self._entered(drive, kind)

    def _entered(self, drive: Drive, kind: int) -> Attempt:
        if kind == FINISH:
            raise drive.ending()
        assert self._block is not None
        self._block._open()
        return drive.attempt()

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        block = self._block
        assert block is not None
        block._close()
        self._conclude(block._drive, exc, False)

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        block = self._block
        assert block is not None
        block._close()
        is_over, _ = await block._close_async(exc)
        self._conclude(block._drive, exc, is_over)

    def _conclude(self, drive: Drive, exc: BaseException | None, is_over: bool) -> None:
        if exc is None:
            drive.succeeded()
            return
        if not isinstance(exc, Exception) and not is_over:
            drive.give_up()
            return
        if is_over:
            kind = drive.timed_out(exc, is_last=True)
        else:
            kind = drive.failed(exc, is_last=True)
        assert kind == FINISH
        error = drive.ending()
        drive.error = None
        if error is not exc:
            raise error


