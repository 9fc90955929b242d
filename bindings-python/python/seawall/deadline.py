"""The moment after which nobody waits for the answer any more."""

import math
from functools import total_ordering
from typing import TYPE_CHECKING

from . import _native
from .clock import Clock, checked
from .errors import ArgumentError, DeadlineExceeded
from .settings import MOST, SECOND, Seconds, span, thousandths

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ["Deadline"]


@total_ordering
class Deadline(_native.Deadline):
    """A moment after which an answer is of no use. A plain value: pass it on to whatever is called next.

    ```python
    deadline = Deadline.after(2.0)
    ...
    deadline.check()                                        # raises DeadlineExceeded
    response = client.get(url, timeout=deadline.attempt_timeout(0.5))
    ```

    Durations are seconds or a timedelta. It means a moment of this host's monotonic clock, so it is not to be stored or
    sent to another host: send `remaining()` instead.
    """

    __slots__ = ("_clock",)

    _clock: Clock | None

    def __new__(cls, seconds: Seconds, *, clock: Clock | None = None) -> "Self":
        """So many seconds from now; the same as `after`."""
        return cls._made(span("seconds", seconds), True, checked(clock))

    @classmethod
    def _made(cls, nanoseconds: int, from_now: bool, clock: Clock | None) -> "Self":
        self = super().__new__(cls, nanoseconds, from_now, clock)
        self._clock = clock
        return self

    @classmethod
    def after(cls, seconds: Seconds, *, clock: Clock | None = None) -> "Self":
        """So many seconds from now."""
        return cls(seconds, clock=clock)

    @classmethod
    def never(cls, *, clock: Clock | None = None) -> "Self":
        """One that never comes."""
        return cls._made(MOST, False, checked(clock))

    def remaining(self) -> float:
        """Seconds left; 0 once expired, math.inf if it never comes."""
        return math.inf if self.is_never else self._remaining() / SECOND

    def check(self) -> None:
        """Raises `DeadlineExceeded` from the moment itself on."""
        if self.is_expired:
            raise DeadlineExceeded("deadline_exceeded")

    def nearer(self, other: "Deadline") -> "Deadline":
        """The nearer of the two."""
        self._same_clock(other)
        return other if other.at_ns < self.at_ns else self

    def keep(self, reserve: float) -> "Deadline":
        """An earlier deadline for the work below, keeping this share (0..=1) of what is left for the caller."""
        permille = thousandths(reserve)
        if permille is None or permille > 1_000:
            raise ArgumentError("reserve", reserve, "0..=1")
        return type(self)._made(self._keep(permille), False, self._clock)

    def attempt_timeout(self, timeout: Seconds) -> float:
        """Seconds that one attempt may take: its own timeout, or what is left if that is less."""
        return self._attempt_timeout(span("timeout", timeout)) / SECOND

    def _same_clock(self, other: "Deadline") -> None:
        if self._clock is not other._clock:
            raise ArgumentError("other", other, "deadlines of the same clock")

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Deadline):
            return NotImplemented
        return self._clock is other._clock and self.at_ns == other.at_ns

    def __lt__(self, other: "Deadline") -> bool:
        if not isinstance(other, Deadline):
            return NotImplemented
        self._same_clock(other)
        return self.at_ns < other.at_ns

    def __hash__(self) -> int:
        return hash(self.at_ns)

    def __repr__(self) -> str:
        return "<seawall.Deadline never>" if self.is_never else f"<seawall.Deadline {self.remaining():.3g} s left>"
