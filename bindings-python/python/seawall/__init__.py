"""Seawall: circuit breaker, bulkhead, rate limiter and retry budget on one compiled core.

| concept | class | what it answers |
|---|---|---|
| circuit breaker | `Breaker` | may this call go out, given how earlier calls ended? |
| bulkhead | `Bulkhead` | is there a permit left of the ones this dependency may hold? |
| token bucket | `Limiter` | does the rate allow it now, and if not, when? |
| retry budget | `RetryBudget` | may one more retry be sent, given how many calls there were? |
| backoff | `Backoff` | how long to wait before attempt k? |
| deadline | `Deadline` | how much time is left? |
| histogram | `Histogram` | how long do calls take, within 3 %? |

Durations are seconds (int or float) or a timedelta, ratios 0 to 1. What is refused raises a subclass of `Refused` with
`retry_after` in seconds; what is misused raises a subclass of `SeawallError`. Everything may be shared by threads and
tasks.
"""

from ._native import BreakerPermit, BulkheadPermit, Withdrawal, __version__
from .backoff import Backoff
from .breaker import Breaker, BreakerSnapshot, BreakerWindow
from .bulkhead import Bulkhead, BulkheadSnapshot
from .deadline import Deadline
from .errors import (
    ArgumentError,
    BreakerOpen,
    BudgetExhausted,
    BulkheadFull,
    ConfigError,
    DeadlineExceeded,
    ExceedsCapacity,
    PermitForeign,
    PermitSpent,
    RateLimited,
    Refused,
    SeawallError,
)
from .histogram import Histogram
from .limiter import Limiter, LimiterSnapshot, Reservation
from .retry_budget import RetryBudget, RetryBudgetSnapshot

__all__ = [
    "ArgumentError",
    "Backoff",
    "Breaker",
    "BreakerOpen",
    "BreakerPermit",
    "BreakerSnapshot",
    "BreakerWindow",
    "BudgetExhausted",
    "Bulkhead",
    "BulkheadFull",
    "BulkheadPermit",
    "BulkheadSnapshot",
    "ConfigError",
    "Deadline",
    "DeadlineExceeded",
    "ExceedsCapacity",
    "Histogram",
    "Limiter",
    "LimiterSnapshot",
    "PermitForeign",
    "PermitSpent",
    "RateLimited",
    "Refused",
    "Reservation",
    "RetryBudget",
    "RetryBudgetSnapshot",
    "SeawallError",
    "Withdrawal",
    "__version__",
]
