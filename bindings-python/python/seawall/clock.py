"""Where the time comes from.

Without a clock the core reads the system's monotonic clock by itself, and only when an answer needs the time. Every
primitive also takes `clock=`, any callable that returns whole nanoseconds and does not go back:

- `seawall.testing.ManualClock()`: a test moves the time by hand, waits included.
- `seawall.clock.python`: `time.monotonic_ns`, looked up at each call. This is the switch for tools that patch Python's
  clocks, such as freezegun: `Breaker(clock=seawall.clock.python)`.
- `seawall.clock.wall`: `time.time_ns`, looked up at each call, for tools that leave the monotonic clock alone, such as
  time-machine. For tests only: a wall clock can be set back.

A clock of one's own may have a method `call_later(nanoseconds, callback)` that returns something with `cancel()`;
waits with a time limit use it then instead of the system's timers.
"""

import time
from collections.abc import Callable
from typing import Protocol, TypeAlias

from .errors import ConfigError

__all__ = ["Clock", "Timer", "python", "wall"]

Clock: TypeAlias = Callable[[], int]
"""A callable that returns whole nanoseconds, at least 0 and at most 2**64 - 1."""


class Timer(Protocol):
    """What `call_later` returns."""

    def cancel(self) -> object:
        """The callback is not called any more."""


CallLater: TypeAlias = Callable[[int, Callable[[], object]], Timer]
"""Has a callback called after so many nanoseconds of a clock."""


def python() -> int:
    """Python's monotonic clock, looked up in the module `time` at each call so that patches are seen."""
    return time.monotonic_ns()


def wall() -> int:
    """Python's wall clock, looked up in the module `time` at each call so that patches are seen."""
    return time.time_ns()


def checked(clock: Clock | None) -> Clock | None:
    """The clock, if it can be called."""
    if clock is not None and not callable(clock):
        raise ConfigError("clock", clock, "None or a callable that returns nanoseconds")
    return clock


def call_later_of(clock: Clock | None) -> CallLater | None:
    """How to be called after a while of this clock, if the clock itself can do that."""
    return getattr(clock, "call_later", None)
