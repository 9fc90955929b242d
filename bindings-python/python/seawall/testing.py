"""For the tests of code that uses Seawall: a clock moved by hand, forced states, injected faults, no waiting.

```python
clock = testing.FakeClock()
wall = seawall.Seawall(clock=clock)
profile = wall.define("profile", Policy(1.0, retry=RetryPolicy(attempts=3)))

with testing.no_waiting(profile), testing.inject(profile, error=ConnectionResetError, times=2):
    assert profile.call(fetch) == "fetched"         # at the third attempt, after two backoffs in no time

testing.force(profile, "open")
with pytest.raises(BreakerOpen):
    profile.call(fetch)
```

None of it costs a call anything where no test has asked for it.
"""

import heapq
import threading
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Literal

from .errors import ArgumentError, AttemptTimeout, ConfigError
from .settings import SECOND, Seconds, count, span

if TYPE_CHECKING:
    from typing_extensions import Self

    from .dependency import Dependency
    from .drive import Drive
    from .wall import Seawall

__all__ = ["FakeClock", "Handle", "ManualClock", "force", "inject", "no_waiting"]


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

    def _skip(self, nanoseconds: int) -> None:
        with self._lock:
            self._run_to(self._now + nanoseconds)

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


FakeClock = ManualClock
"""The same clock under the name that other test kits have for it."""


class Handle:
    """Ends what it was returned for: by `restore()`, or at the end of a `with` block."""

    __slots__ = ("_undo",)

    def __init__(self, undo: Callable[[], None]) -> None:
        self._undo = undo

    def restore(self) -> None:
        """As if it had never been asked for. A second time changes nothing."""
        undo, self._undo = self._undo, lambda: None
        undo()

    def __enter__(self) -> "Self":
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.restore()


class _Fault:
    __slots__ = ("error", "latency", "left", "threshold")

    def __init__(
        self, error: BaseException | type[BaseException] | None, latency: int, threshold: int, left: int | None
    ) -> None:
        self.error = error
        self.latency = latency
        self.threshold = threshold
        self.left = left


class Script:
    """What tests have asked of one dependency."""

    __slots__ = ("_faults", "_lock", "clock")

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._faults: list[_Fault] = []
        self.clock: ManualClock | None = None

    def add(self, fault: _Fault) -> Callable[[], None]:
        with self._lock:
            self._faults.append(fault)

        def remove() -> None:
            with self._lock:
                if fault in self._faults:
                    self._faults.remove(fault)

        return remove

    def skip(self, nanoseconds: int) -> bool:
        """Moves the clock on in place of waiting; False where waits are to be waited for."""
        if self.clock is None:
            return False
        self.clock._skip(nanoseconds)
        return True

    def _struck(self, drive: "Drive") -> _Fault | None:
        if not self._faults:
            return None
        with self._lock:
            for fault in self._faults:
                if fault.threshold >> 64 == 0 and drive.dependency._random() >= fault.threshold:
                    continue
                if fault.left is not None:
                    fault.left -= 1
                    if fault.left == 0:
                        self._faults.remove(fault)
                return fault
        return None

    @staticmethod
    def _fail(drive: "Drive", fault: _Fault, span_ns: int) -> None:
        if fault.error is not None:
            raise fault.error
        if fault.latency >= span_ns:
            raise AttemptTimeout(drive.dependency.name, span_ns / SECOND)

    def strike(self, drive: "Drive") -> None:
        """What the attempt meets before its function; raises what is injected."""
        fault = self._struck(drive)
        if fault is not None:
            from .waiting import sleep_in_thread

            span_ns = drive.call.span_ns
            if fault.latency:
                sleep_in_thread(drive, min(fault.latency, span_ns))
            self._fail(drive, fault, span_ns)

    async def strike_async(self, drive: "Drive") -> None:
        fault = self._struck(drive)
        if fault is not None:
            from .waiting import sleep_in_task

            span_ns = drive.call.span_ns
            if fault.latency:
                await sleep_in_task(drive, min(fault.latency, span_ns))
            self._fail(drive, fault, span_ns)


def _script(dependency: "Dependency") -> Script:
    script = dependency._script
    if script is None:
        script = dependency._script = Script()
    return script


def inject(
    dependency: "Dependency",
    *,
    error: BaseException | type[BaseException] | None = None,
    latency: Seconds = 0,
    rate: float = 1.0,
    times: int | None = None,
) -> Handle:
    """Makes attempts meet a fault in place of their function, after those injected before.

    `error` (an exception or its class) is raised and the function not called; `latency` seconds pass before it, and if
    that is the attempt's timeout or more, it times out. Only a `rate` (0..=1) of the attempts meet it, which ones is
    repeatable with the seed of the wall, and only so many `times`.
    """
    is_class = isinstance(error, type) and issubclass(error, BaseException)
    if error is not None and not is_class and not isinstance(error, BaseException):
        raise ArgumentError("error", error, "an exception or a class of them")
    if isinstance(rate, bool) or not isinstance(rate, (int, float)) or not 0 <= rate <= 1:
        raise ArgumentError("rate", rate, "0..=1")
    left = None if times is None else count(times)
    if times is not None and not left:
        raise ArgumentError("times", times, "a whole number, 1 or more")
    fault = _Fault(error, span("latency", latency), int(rate * (1 << 64)), left)
    return Handle(_script(dependency).add(fault))


def no_waiting(target: "Dependency | Seawall") -> Handle:
    """From now on no call to the dependency, or to any dependency that the wall has now, waits.

    Where it would sleep between attempts, for a rate or for a place, it moves the wall's clock on instead, which must be
    a `FakeClock`. Timeouts of real functions are waited for all the same.
    """
    clock = target._clock
    if not isinstance(clock, ManualClock):
        raise ConfigError("clock", clock, "a FakeClock: open the wall with clock=seawall.testing.FakeClock()")
    from .dependency import Dependency

    targets = [target] if isinstance(target, Dependency) else [target.dependency(name) for name in target.names]
    for dependency in targets:
        _script(dependency).clock = clock

    def undo() -> None:
        for dependency in targets:
            _script(dependency).clock = None

    return Handle(undo)


_STATES = {"closed": 0, "open": 1, "half_open": 2, "forced_open": 3, "disabled": 4}


def force(
    dependency: "Dependency", state: Literal["closed", "open", "half_open", "forced_open", "disabled"]
) -> None:
    """Puts the breaker into a state: closed and without memory; open, as failures would have opened it; half-open, with
    its probe free; held open or disabled by hand.

    Raises `ConfigError` when there is no breaker, or failures do not bring it there.
    """
    if state not in _STATES:
        raise ArgumentError("state", state, "one of " + ", ".join(_STATES))
    if not dependency._force(_STATES[state]):
        raise ConfigError("breaker", None, f"one that failures bring to the state {state}")
