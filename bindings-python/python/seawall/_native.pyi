# The compiled half. Reviewed by hand against the module itself (`python -m mypy.stubtest seawall`).
# What begins with an underscore is for the Python half only.

from collections.abc import Callable
from types import TracebackType
from typing import Any, Literal, ParamSpec, TypeAlias, TypeVar, final

from typing_extensions import Self, disjoint_base

__all__ = [
    "__version__",
    "Backoff",
    "Breaker",
    "BreakerPermit",
    "Bulkhead",
    "BulkheadPermit",
    "Call",
    "Deadline",
    "Dependency",
    "Histogram",
    "Limiter",
    "Place",
    "RetryBudget",
    "Seawall",
    "Withdrawal",
    "header_from_grpc",
    "header_from_millis",
    "header_retry_after",
    "header_to_grpc",
    "header_to_millis",
    "http_is_idempotent",
    "http_status",
    "http_trouble",
]

__version__: str

_P = ParamSpec("_P")
_R = TypeVar("_R")

_State: TypeAlias = Literal["closed", "open", "half_open", "forced_open", "disabled"]
_Outcome: TypeAlias = Literal["success", "failure", "ignored"]
_Clock: TypeAlias = Callable[[], int]

@disjoint_base
class Breaker:
    def __new__(
        cls,
        settings: dict[str, int],
        clock: _Clock | None = None,
        judge: Callable[[Any], object] | None = None,
        on_transition: Callable[[str | None, _State, _State], object] | None = None,
    ) -> Self: ...
    @property
    def state(self) -> _State:
        """The state right now, without a look at the clock: an open breaker says open until somebody asks."""

    def try_acquire(self) -> BreakerPermit:
        """Asks for leave to make one call, and raises BreakerOpen when there is none."""

    def permit(self) -> BreakerPermit:
        """The same, named for `with breaker.permit():`."""

    def call(self, fn: Callable[_P, _R], /, *args: _P.args, **kwargs: _P.kwargs) -> _R:
        """Calls `fn(*args, **kwargs)` if the breaker allows it, and records how it ended."""

    def force_open(self) -> bool:
        """Refuses every call until reset. False when it did so already."""

    def disable(self) -> bool:
        """Admits every call and records nothing until reset. False when it did so already."""

    def reset(self) -> None:
        """Closes the breaker with an empty window; results of permits given before are late."""

    def _reconfigure(self, settings: dict[str, int]) -> None: ...
    def _settings(self) -> dict[str, int]: ...
    def _look(self) -> tuple[_State, list[int]]: ...
    def _forked(self) -> None: ...

@final
class BreakerPermit:
    """Leave to make one call; ends with `success`, `failure`, `ignore`, `cancel` or a `with` block, exactly once."""

    @property
    def is_probe(self) -> bool:
        """True when this call tests whether the dependency has recovered."""

    @property
    def is_spent(self) -> bool:
        """True once an outcome was recorded or the permit was cancelled."""

    def success(self) -> bool:
        """The call did what was asked. False when this came too late to count."""

    def failure(self, *, retry_after: Any = None) -> bool:
        """The call failed; `retry_after` is what the server asked for. False when this came too late to count."""

    def ignore(self) -> bool:
        """The call says nothing about the dependency. False when this came too late to count."""

    def record(self, outcome: _Outcome, *, retry_after: Any = None) -> bool:
        """How the call ended. False when this came too late to count."""

    def cancel(self) -> bool:
        """Gives the permit back unused. False when this came too late to matter."""

    def __enter__(self) -> BreakerPermit: ...
    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
        /,
    ) -> Literal[False]: ...

@disjoint_base
class Bulkhead:
    def __new__(cls, capacity: int, settings: dict[str, int], clock: _Clock | None = None) -> Self: ...
    def try_acquire(self, *, critical: bool = False) -> BulkheadPermit:
        """Asks for a permit without waiting, and raises BulkheadFull when there is none."""

    @property
    def _queued(self) -> int: ...
    def _attempt(self, critical: bool) -> BulkheadPermit | None: ...
    def _begin_wait(self) -> int: ...
    def _end_wait(self) -> None: ...
    def _resize(self, max_concurrent: int, reserved: int) -> None: ...
    def _reconfigure(self, settings: dict[str, int]) -> None: ...
    def _settings(self) -> dict[str, int]: ...
    def _look(self) -> list[int]: ...
    def _forked(self) -> None: ...

@final
class BulkheadPermit:
    """A permit, held until `release`, the end of a `with` block, or until nobody refers to it any more."""

    @property
    def is_released(self) -> bool:
        """True once it was given back."""

    def release(self) -> bool:
        """Gives the permit back. False for a second time, which is counted as stale and changes nothing."""

    def __enter__(self) -> BulkheadPermit: ...
    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
        /,
    ) -> Literal[False]: ...

@disjoint_base
class Limiter:
    def __new__(cls, settings: dict[str, int], clock: _Clock | None = None) -> Self: ...
    def try_acquire(self, n: int | None = None) -> None:
        """Takes `n` tokens (one, if not told) if they are there now, and raises RateLimited when they are not."""

    def _reserve(self, tokens: int, max_wait: int) -> tuple[int, int, int]: ...
    def _cancel(self, tokens: int) -> None: ...
    def _adjust(self, tokens: int) -> None: ...
    def _reconfigure(self, settings: dict[str, int]) -> None: ...
    def _settings(self) -> dict[str, int]: ...
    def _look(self) -> list[int]: ...

@disjoint_base
class RetryBudget:
    def __new__(cls, profile: int, settings: dict[str, int], clock: _Clock | None = None) -> Self: ...
    def deposit(self) -> None:
        """Says that a call begins: once per call, whatever its attempts."""

    def finish(self) -> None:
        """Says that a call has ended: once for each deposit. Only the in-flight rule needs it."""

    def _withdraw(self, cause: int) -> Withdrawal: ...
    def _record(self, outcome: int) -> None: ...
    def _reconfigure(self, settings: dict[str, int]) -> None: ...
    def _settings(self) -> dict[str, int]: ...
    def _look(self) -> list[int]: ...
    def _forked(self) -> None: ...

@final
class Withdrawal:
    """Leave for one retry; ends with `record`, `cancel` or a `with` block, exactly once."""

    @property
    def budget(self) -> RetryBudget:
        """The budget that gave it."""

    @property
    def is_spent(self) -> bool:
        """True once it was recorded or given back."""

    def record(self, outcome: _Outcome) -> None:
        """How the retry ended."""

    def cancel(self) -> None:
        """Gives the leave back unused: what it cost is there again."""

    def __enter__(self) -> Withdrawal: ...
    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
        /,
    ) -> Literal[False]: ...

@disjoint_base
class Backoff:
    def __new__(cls, settings: dict[str, int]) -> Self: ...
    def _delay(self, attempt: int, previous: int, random: int | None, retry_after: int) -> int: ...
    def _settings(self) -> dict[str, int]: ...

@disjoint_base
class Deadline:
    def __new__(cls, nanoseconds: int, from_now: bool, clock: _Clock | None = None) -> Self: ...
    @property
    def at_ns(self) -> int:
        """The moment in nanoseconds of its clock."""

    @property
    def is_expired(self) -> bool:
        """True from the moment itself on."""

    @property
    def is_never(self) -> bool:
        """True for a deadline that never comes."""

    def _remaining(self) -> int: ...
    def _keep(self, permille: int) -> int: ...
    def _attempt_timeout(self, timeout: int) -> int: ...

@disjoint_base
class Histogram:
    def __new__(cls) -> Self: ...
    @property
    def total(self) -> int:
        """How many latencies were counted."""

    def merge(self, other: Histogram) -> None:
        """Adds everything that `other` holds."""

    def reset(self) -> None:
        """Forgets everything. Latencies recorded meanwhile may or may not stay."""

    def _record(self, nanoseconds: int) -> None: ...
    def _quantile(self, ppm: int) -> int: ...

_Ended: TypeAlias = tuple[int, bool, bool, int, int]

def header_from_grpc(text: bytes) -> int: ...
def header_from_millis(text: bytes) -> int: ...
def header_retry_after(text: bytes, unix_ms: int) -> int: ...
def header_to_grpc(span: int) -> str | None: ...
def header_to_millis(span: int) -> str | None: ...
def http_is_idempotent(method: bytes) -> bool: ...
def http_status(status: int, retry_after: int) -> _Ended: ...
def http_trouble(trouble: int) -> _Ended: ...
@disjoint_base
class Seawall:
    def __new__(
        cls,
        path: str | None = None,
        text: str | None = None,
        clock: _Clock | None = None,
        seed: int | None = None,
    ) -> Self: ...
    @property
    def _names(self) -> list[str]: ...
    def _define(self, name: str, toml: str, now: int | None = None) -> None: ...
    def _redefine(self, name: str, toml: str, now: int | None = None) -> None: ...
    def _reload(self) -> tuple[list[str], list[str], list[str]]: ...
    def _findings(self) -> list[tuple[Any, ...]]: ...
    def _now(self) -> int: ...

@disjoint_base
class Dependency:
    def __new__(cls, wall: Seawall, name: str) -> Self: ...
    @property
    def name(self) -> str:
        """The name that the policy has in the file or in code."""

    @property
    def _forbids_fallback(self) -> bool: ...
    @property
    def _toml(self) -> str: ...
    @property
    def _limits(self) -> list[str]: ...
    def _begin(
        self,
        deadline: int,
        critical: int = 0,
        idempotent: int = 0,
        costs: list[int] | None = None,
        now: int | None = None,
    ) -> Call: ...
    def _force_open(self) -> tuple[_State, _State] | None: ...
    def _disable(self) -> tuple[_State, _State] | None: ...
    def _reset(self) -> tuple[_State, _State] | None: ...
    def _force(self, state: int) -> bool: ...
    def _adjust(self, limit: int, tokens: int, now: int | None = None) -> bool: ...
    def _count_fallback(self) -> None: ...
    def _count_late(self) -> None: ...
    def _random(self) -> int: ...
    def _now(self) -> int: ...
    def _facts(self) -> dict[str, Any]: ...
    def _look(self, now: int | None = None) -> dict[str, Any]: ...
    def _forked(self) -> None: ...

@final
class Call:
    @property
    def kind(self) -> int: ...
    @property
    def attempt(self) -> int: ...
    @property
    def span_ns(self) -> int: ...
    @property
    def until_ns(self) -> int: ...
    @property
    def quick_ns(self) -> int: ...
    @property
    def decided_ns(self) -> int: ...
    @property
    def deadline_ns(self) -> int: ...
    @property
    def took_ns(self) -> int: ...
    @property
    def end(self) -> str | None: ...
    @property
    def stop(self) -> str | None: ...
    @property
    def status(self) -> int: ...
    @property
    def reason(self) -> str: ...
    @property
    def retry_after_ns(self) -> int: ...
    @property
    def may_fall_back(self) -> bool: ...
    @property
    def transition(self) -> tuple[_State, _State] | None: ...
    @property
    def freed(self) -> bool: ...
    @property
    def is_late(self) -> bool: ...
    @property
    def limiter(self) -> int | None: ...
    @property
    def is_under_way(self) -> bool: ...
    def succeeded(self, now: int | None = None) -> int: ...
    def ended(
        self,
        outcome: int,
        retryable: bool = False,
        not_sent: bool = False,
        cause: int = 0,
        retry_after: int = 0,
        random: int | None = None,
        now: int | None = None,
    ) -> int: ...
    def woke(self, now: int | None = None) -> int: ...
    def cancelled(self, now: int | None = None) -> bool: ...
    def keep(self) -> Place | None: ...
    def key(self) -> str: ...
    def now_ns(self) -> int: ...

@final
class Place:
    def release(self) -> bool: ...
