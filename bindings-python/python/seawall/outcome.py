"""How a call ended, for those who want to know more than its value."""

import sys
from typing import Any, Generic, NamedTuple, TypeVar

T = TypeVar("T")

__all__ = ["CallEnd", "Outcome", "attempts_of"]


class Outcome(Generic[T]):
    """What `call_detailed` returns: the value, and how it came about."""

    __slots__ = ("attempts", "degraded", "duration", "error", "reason", "source", "step", "value")

    value: T
    """What the function returned, or what a fallback served."""
    degraded: bool
    """True when a fallback served."""
    step: int | None
    """Which step of the fallback served, from 0."""
    source: str | None
    """What kind of step it is: "value", "function" or "last_good"."""
    reason: str | None
    """Why the dependency did not serve: the reason of the refusal, or why there was no further attempt."""
    attempts: int
    """Attempts made."""
    duration: float
    """Seconds from the begin of the call to its end, all attempts and waits included, without the fallback."""
    error: BaseException | None
    """What the dependency ended with when a fallback served: its last error, or the refusal."""

    def __init__(
        self,
        value: T,
        *,
        attempts: int,
        duration: float,
        degraded: bool = False,
        step: int | None = None,
        source: str | None = None,
        reason: str | None = None,
        error: BaseException | None = None,
    ) -> None:
        self.value = value
        self.degraded = degraded
        self.step = step
        self.source = source
        self.reason = reason
        self.attempts = attempts
        self.duration = duration
        self.error = error

    def __repr__(self) -> str:
        how = f"degraded by step {self.step} ({self.reason})" if self.degraded else f"attempts={self.attempts}"
        return f"<seawall.Outcome {self.value!r:.60} {how}>"


class CallEnd(NamedTuple):
    """How the call ended that raised an exception."""

    dependency: str
    attempts: int
    """Attempts made."""
    stop: str
    """Why there was no further one: "attempts_used", "not_retryable", "breaker_open", "bulkhead_full",
    "budget_exhausted", "rate_limited", "deadline_too_near", "cancelled", or "done" for an error that is an answer."""


def attempts_of(error: BaseException) -> CallEnd | None:
    """How the call ended that raised this exception; None when it comes from no call to a dependency.

    Of calls within calls it is the outermost. A refusal tells by itself, and was no attempt.
    """
    end: Any = getattr(error, "_seawall", None)
    return end if isinstance(end, CallEnd) else None


def mark(error: BaseException, dependency: str, attempts: int, stop: str, with_note: bool) -> None:
    """Writes onto an exception how its call ended; the exception itself stays as it is."""
    try:
        error._seawall = CallEnd(dependency, attempts, stop)  # type: ignore[attr-defined]
        if not with_note or sys.version_info < (3, 11):
            return
        start = f"seawall: {dependency}: "
        # The same exception may be raised again and again; it says how it ended last.
        notes = [note for note in getattr(error, "__notes__", ()) if not str(note).startswith(start)]
        notes.append(f"{start}{attempts} attempt{'' if attempts == 1 else 's'}, {_STOPS.get(stop, stop)}")
        error.__notes__ = notes
    except Exception:
        # One that takes no attributes goes without.
        pass


_STOPS = {
    "attempts_used": "no more are allowed",
    "not_retryable": "another one would not help, or might do it twice",
    "breaker_open": "then the circuit was open",
    "bulkhead_full": "then all permits were held",
    "budget_exhausted": "then the retry budget was spent",
    "rate_limited": "then the rate limit did not allow another one",
    "deadline_too_near": "then the deadline was too near",
}
