"""For the tests of code that uses Seawall."""

import heapq
import threading
from collections.abc import Callable

from .settings import Seconds, span

__all__ = ["ManualClock"]


class ManualClock:
    """A clock that stands still until the test moves it.

    ```python
    clock = ManualClock()
    breaker = Breaker(consecutive_failures=1, open_for=30, open_jitter=0, clock=clock)
    ...
    clock.advance(30)          # now the next call is a probe
    ```

    Waits that were given this clock wait for it too: `advance` wakes whoever is due, in order. In asyncio give the
    woken tasks a turn afterwards with `await asyncio.sleep(0)`. Any thread may move the clock; one clock may serve any
    number of objects.
    """

    def __init__(self, start: Seconds = 1_000) -> None:
        self._lock = threading.RLock()
        self._now = span("start", start)
        self._due: list[tuple[int, int, _Alarm]] = []
        self._made = 0

    def __call__(self) -> int:
        return self._now

    @property
    def now(self) -> float:
        """The time in seconds."""
        return self._now / 1_000_000_000

    def advance(self, by: Seconds) -> None:
        """Moves the time on and wakes those whose time comes on the way, each at its own moment."""
        with self._lock:
            self._run_to(self._now + span("by", by))

    def set(self, to: Seconds) -> None:
        """Moves the time to this moment, back as well: primitives must bear that."""
        with self._lock:
            self._run_to(span("to", to))

    def call_later(self, nanoseconds: int, callback: Callable[[], object]) -> "_Alarm":
        """Has `callback` called when the time has moved on by so much. What it returns can `cancel()` that."""
        with self._lock:
            alarm = _Alarm(callback)
            self._made += 1
            heapq.heappush(self._due, (self._now + nanoseconds, self._made, alarm))
            return alarm

    @property
    def waiting(self) -> int:
        """How many alarms are set."""
        with self._lock:
            return sum(alarm.callback is not None for _, _, alarm in self._due)

    def _run_to(self, moment: int) -> None:
        while self._due and self._due[0][0] <= moment:
            at, _, alarm = heapq.heappop(self._due)
            callback, alarm.callback = alarm.callback, None
            if callback is not None:
                self._now = max(self._now, at)
                callback()
        self._now = moment


class _Alarm:
    __slots__ = ("callback",)

    def __init__(self, callback: Callable[[], object]) -> None:
        self.callback: Callable[[], object] | None = callback

    def cancel(self) -> None:
        self.callback = None
