"""Seawall: one call to a dependency through every layer of resilience, on one compiled core.

```python
wall = seawall.open("seawall.toml")              # timeouts, retries, breakers, bulkheads, rates: checked when opened
payments = wall.dependency("payments")

receipt = payments.call(charge, order)           # or: await payments.acall(charge_async, order)
```

| what | where |
|---|---|
| policies | `open`, `Seawall`, `Policy`, `RetryPolicy`, `BreakerPolicy`, `BulkheadPolicy`, `RatePolicy`, `BudgetPolicy` |
| calls | `Dependency`: `call`, `acall`, `protect`, `attempts`, `permit`, `executor`; `Outcome`, `attempts_of` |
| fallbacks | `fallback=` with a value, a function, a list or `LastGood` |
| deadlines | `deadline`, `current_deadline`, `deadline.inject`, `deadline.extract` |
| HTTP | `seawall.httpx`, `seawall.requests` |
| what happens | `on_event`, `Event`, `snapshot()`, the logger `seawall` |
| tests | `seawall.testing` |
| by hand | `Breaker`, `Bulkhead`, `Limiter`, `RetryBudget`, `Backoff`, `Deadline`, `Histogram` |

Durations are seconds (int or float) or a timedelta, ratios 0 to 1. What is refused raises a subclass of `Refused` with
`retry_after` in seconds; what is misused raises a subclass of `SeawallError`. Everything may be shared by threads and
tasks.
"""

from typing import TYPE_CHECKING, Any

from ._native import BreakerPermit, BulkheadPermit, Withdrawal, __version__
from .attempt import Attempt
from .backoff import Backoff
from .breaker import Breaker, BreakerSnapshot, BreakerWindow
from .bulkhead import Bulkhead, BulkheadSnapshot
from .deadline import Deadline, current_deadline, deadline
from .dependency import Dependency, PolicyFacts
from .errors import (
    ArgumentError,
    AttemptTimeout,
    BreakerOpen,
    BudgetExhausted,
    BulkheadFull,
    CallbackError,
    ConfigError,
    DeadlineExceeded,
    ExceedsCapacity,
    HeaderError,
    PermitForeign,
    PermitSpent,
    PolicyError,
    Problem,
    RateLimited,
    Refused,
    ResultFailure,
    SeawallError,
    UnknownDependency,
)
from .event import Event
from .fallback import LastGood
from .histogram import Histogram
from .limiter import Limiter, LimiterSnapshot, Reservation
from .outcome import CallEnd, Outcome, attempts_of
from .retry_budget import RetryBudget, RetryBudgetSnapshot
from .snapshot import CallCounts, DependencySnapshot, Latency
from .wall import Finding, Reloaded, Seawall
from .wall import open as open  # not in `__all__`, where it would hide the built-in one

if TYPE_CHECKING:
    from .policy import BreakerPolicy, BudgetPolicy, BulkheadPolicy, Policy, RatePolicy, RetryPolicy

__all__ = [
    "ArgumentError",
    "Attempt",
    "AttemptTimeout",
    "Backoff",
    "Breaker",
    "BreakerOpen",
    "BreakerPermit",
    "BreakerPolicy",
    "BreakerSnapshot",
    "BreakerWindow",
    "BudgetExhausted",
    "BudgetPolicy",
    "Bulkhead",
    "BulkheadFull",
    "BulkheadPermit",
    "BulkheadPolicy",
    "BulkheadSnapshot",
    "CallCounts",
    "CallEnd",
    "CallbackError",
    "ConfigError",
    "Deadline",
    "DeadlineExceeded",
    "Dependency",
    "DependencySnapshot",
    "Event",
    "ExceedsCapacity",
    "Finding",
    "HeaderError",
    "Histogram",
    "LastGood",
    "Latency",
    "Limiter",
    "LimiterSnapshot",
    "Outcome",
    "PermitForeign",
    "PermitSpent",
    "Policy",
    "PolicyError",
    "PolicyFacts",
    "Problem",
    "RateLimited",
    "RatePolicy",
    "Refused",
    "ResultFailure",
    "Reloaded",
    "Reservation",
    "RetryBudget",
    "RetryBudgetSnapshot",
    "RetryPolicy",
    "Seawall",
    "SeawallError",
    "UnknownDependency",
    "Withdrawal",
    "__version__",
    "attempts_of",
    "current_deadline",
    "deadline",
]

_POLICIES = {"BreakerPolicy", "BudgetPolicy", "BulkheadPolicy", "Policy", "RatePolicy", "RetryPolicy"}


def __getattr__(name: str) -> Any:
    # Needed only by those who write policies in code, and dataclasses are slow to import.
    if name in _POLICIES:
        from . import policy

        return getattr(policy, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
