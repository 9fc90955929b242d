"""Everything that a dashboard needs to know about a dependency, at one moment."""

from typing import Any, Literal, NamedTuple

from .breaker import BreakerSnapshot, BreakerWindow
from .bulkhead import BulkheadSnapshot
from .limiter import LimiterSnapshot
from .retry_budget import RetryBudgetSnapshot
from .settings import SECOND
from .settings import seconds as shown_seconds

__all__ = ["CallCounts", "DependencySnapshot", "Latency"]


class CallCounts(NamedTuple):
    """What became of the calls that have ended. Counters only grow."""

    calls: int
    """All that have ended, however."""
    successes: int
    failures: int
    ignored: int
    cancelled: int
    retries: int
    """Attempts beyond the first."""
    timeouts: int
    """Attempts that did not end in time."""
    stopped_retries: int
    """Calls that failed with attempts left, for whatever reason."""
    stopped_by_budget: int
    stopped_by_breaker: int
    stopped_by_deadline: int
    fallbacks: int
    """Calls that a fallback served."""
    late: int
    """Results that came too late to count."""
    refused: int
    """Calls without an attempt, by reason below."""
    refused_by_breaker: int
    refused_by_bulkhead: int
    refused_by_rate_limit: int
    refused_by_deadline: int


class Latency(NamedTuple):
    """Seconds that calls took from begin to end, over all time, within 3 %; 0 before the first."""

    p50: float
    p90: float
    p99: float


class DependencySnapshot(NamedTuple):
    """What a dependency looked like at one moment. What the policy does not have is None."""

    name: str
    criticality: Literal["critical", "important", "optional"]
    counts: CallCounts
    latency: Latency
    breaker: BreakerSnapshot | None
    bulkhead: BulkheadSnapshot | None
    retry_budget: RetryBudgetSnapshot | None
    rate_limits: dict[str, LimiterSnapshot]
    hook_failures: int
    """How often a hook of this dependency raised."""

    def to_dict(self) -> dict[str, Any]:
        """Plain dicts, texts and numbers: ready for JSON."""
        found: dict[str, Any] = _plain(self)
        return found


def _plain(value: Any) -> Any:
    if hasattr(value, "_asdict"):
        value = value._asdict()
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    return value


def of(name: str, look: dict[str, Any], hook_failures: int) -> DependencySnapshot:
    """The snapshot of the numbers that the core gave."""
    breaker = bulkhead = budget = None
    if "breaker" in look:
        state, (generation, streak, calls, failures, slow, probes, retry_after, *counters) = look["breaker"]
        window = BreakerWindow(calls, failures, slow)
        wait = shown_seconds(retry_after)
        breaker = BreakerSnapshot(name, state, generation, streak, window, probes, wait, *counters)
    if "bulkhead" in look:
        limit, reserved, in_use, waiting, rejected, shadow, stale, hold = look["bulkhead"]
        bulkhead = BulkheadSnapshot(name, limit, reserved, in_use, waiting, rejected, shadow, stale, hold / SECOND)
    if "retry_budget" in look:
        tokens, cap, *counts = look["retry_budget"]
        budget = RetryBudgetSnapshot(name, tokens / 1_000, cap / 1_000, *counts)
    limits = {}
    for rate, (most, remaining, reset, retry_after, *counters) in look["rate_limits"].items():
        limits[rate] = LimiterSnapshot(rate, most, remaining, reset / SECOND, retry_after / SECOND, *counters)
    return DependencySnapshot(
        name,
        look["criticality"],
        CallCounts(*look["counts"]),
        Latency(*(nanoseconds / SECOND for nanoseconds in look["latency"])),
        breaker,
        bulkhead,
        budget,
        limits,
        hook_failures,
    )
