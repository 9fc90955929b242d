"""Circuit breaker: stop calling what keeps failing, and find out gently when it is well again."""

import sys
from collections.abc import Awaitable, Callable, Iterable
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, ParamSpec, TypeAlias, TypeVar

from . import _native
from .clock import Clock, checked
from .errors import ConfigError, Refused
from .forking import remember
from .protect import protect
from .settings import COUNT, FACT, RATIO, SECONDS, Fields, Mode, Named, Seconds, apply, checked_name, present
from .settings import seconds as shown_seconds

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ["Breaker", "BreakerSnapshot", "BreakerWindow", "Rule", "State"]

P = ParamSpec("P")
R = TypeVar("R")
F = TypeVar("F", bound=Callable[..., Any])

State: TypeAlias = Literal["closed", "open", "half_open", "forced_open", "disabled"]
"""What a breaker does with callers."""

Rule: TypeAlias = type[BaseException] | Iterable[type[BaseException]] | Callable[[BaseException], object]
"""Which exceptions are meant: a class, some classes, or a predicate."""

_FIELDS: Fields = {
    "consecutive_failures": ("consecutive_failures", COUNT),
    "consecutive_always": ("consecutive_always", FACT),
    "failure_rate": ("failure_permille", RATIO),
    "slow_rate": ("slow_permille", RATIO),
    "slow_after": ("slow_after_ns", SECONDS),
    "window_calls": ("window_calls", COUNT),
    "window": ("window_ns", SECONDS),
    "min_calls": ("min_calls", COUNT),
    "open_for": ("open_for_ns", SECONDS),
    "open_backoff": ("open_backoff_permille", RATIO),
    "open_max": ("open_max_ns", SECONDS),
    "open_jitter": ("open_jitter_permille", RATIO),
    "probes": ("probes", COUNT),
    "probe_lease": ("probe_lease_ns", SECONDS),
    "min_witnesses": ("min_witnesses", COUNT),
    "seed": ("seed", COUNT),
}

_SUCCESS, _FAILURE, _IGNORED = 0, 1, 2


class BreakerWindow(NamedTuple):
    """What the window of a closed breaker holds."""

    calls: int
    failures: int
    slow: int


class BreakerSnapshot(NamedTuple):
    """What a breaker looked like at one moment. Counters only grow, over all states and resets."""

    name: str | None
    state: State
    generation: int
    """How many state changes there were, modulo 65,536."""
    streak: int
    """Failures in a row; 0 unless closed."""
    window: BreakerWindow
    probes_in_flight: int
    retry_after: float | None
    """Seconds until somebody may go; None when now, or when nobody knows."""
    success: int
    failure: int
    ignored: int
    slow: int
    refused: int
    shadow_refused: int
    """Calls that would have been refused in mode "enforce"."""
    late: int
    """Results that came after the state had moved on, and counted for nothing."""
    opened: int


class Breaker(Named, _native.Breaker):
    """A circuit breaker.

    Closed, it lets every call go and watches how calls end. It opens when failures come in a row, or when their ratio in
    a window gets too high; then calls are refused at once with `BreakerOpen`. After a while single calls go through as
    probes, and their outcome decides between closed and open again.

    ```python
    payments = Breaker("payments", on=httpx.TransportError)

    @payments                           # sync and async functions alike
    def charge(order): ...

    with payments.permit():             # or by hand; raises BreakerOpen, .retry_after in seconds
        charge_by_hand(order)
    ```

    Which exceptions count: those that match `ignore` say nothing about the dependency; else those that match `on` (by
    default every `Exception`) are failures; all others are answers, so successes. Ignored whatever the rules say:
    refusals (`Refused`), cancellation, and exceptions outside `Exception` such as `KeyboardInterrupt`. So put a
    timeout inside the protected call, not around it: from outside it is a cancellation. `result_is_failure` may
    say of a returned value that it is a failure. Exceptions pass through unchanged.

    Settings, all live-changeable with `reconfigure` unless noted; durations are seconds or a timedelta:

    | setting | range | default | meaning |
    |---|---|---|---|
    | consecutive_failures | 0..=1,000,000 | 5 | open after so many failures in a row; 0: no such rule |
    | consecutive_always | | False | the rule above also while the window holds `min_calls` |
    | failure_rate | 0..=1 | 0.5 | open at this ratio of failures in the window; 0: no such rule |
    | slow_rate | 0..=1 | 0 | open at this ratio of slow calls in the window; 0: no such rule |
    | slow_after | 1e-9..=86,400 s | none | a call that took longer is slow; needed by `slow_rate` |
    | window_calls | 0..=1,024 | 0 | the window is the last so many calls; 0: it is a time |
    | window | 0.01..=86,400 s | 10 | the window is so long, in ten rolling buckets |
    | min_calls | 1..=1,000,000 | 20, or a shorter window_calls | no ratio counts before the window holds so many |
    | open_for | 0.001..=86,400 s | 30 | how long to stay open the first time |
    | open_backoff | 1..=10 | 2 | how much longer each time without a close in between |
    | open_max | open_for..=86,400 s | 300, or a longer open_for | the longest open time, before jitter |
    | open_jitter | 0..=0.5 | 0.1 | how far the open time may stray either way |
    | probes | 1..=32 | 1 | calls let through in a half-open round |
    | probe_lease | 0.001..=86,400 s | open_for | a probe without a verdict after so long may be replaced |
    | min_witnesses | 1..=8 | 1 | failures must come from so many processes (one private breaker is one) |
    | mode | | "enforce" | "shadow" counts and never refuses, "off" does nothing |
    | on, ignore, result_is_failure, clock, on_transition, seed | | | fixed at construction |

    `on_transition(name, from_state, to_state)` is called by exactly one thread for each state change, after it happened;
    what it raises goes to `sys.unraisablehook`.

    Threads and tasks may share a breaker freely: it takes no lock. A process that forks leaves its child a copy of its
    own. About 0.2 us per protected call on top of the call.
    """

    __slots__ = ("__weakref__", "_ignore", "_judge", "_lease_follows", "_name", "_on")

    def __new__(
        cls,
        name: str | None = None,
        *,
        consecutive_failures: int = 5,
        consecutive_always: bool = False,
        failure_rate: float = 0.5,
        slow_rate: float = 0.0,
        slow_after: Seconds | None = None,
        window_calls: int = 0,
        window: Seconds = 10,
        min_calls: int | None = None,
        open_for: Seconds = 30,
        open_backoff: float = 2.0,
        open_max: Seconds | None = None,
        open_jitter: float = 0.1,
        probes: int = 1,
        probe_lease: Seconds | None = None,
        min_witnesses: int = 1,
        mode: Mode = "enforce",
        on: Rule | None = None,
        ignore: Rule | None = None,
        result_is_failure: Callable[[Any], object] | None = None,
        on_transition: Callable[[str | None, State, State], object] | None = None,
        clock: Clock | None = None,
        seed: int | None = None,
    ) -> "Self":
        name = checked_name(name)
        matches_on, matches_ignore = _rule("on", on), _rule("ignore", ignore)
        for field, callback in (("result_is_failure", result_is_failure), ("on_transition", on_transition)):
            if callback is not None and not callable(callback):
                raise ConfigError(field, callback, "None or a callable")
        clock = checked(clock)
        given = {
            "consecutive_failures": consecutive_failures,
            "consecutive_always": consecutive_always,
            "failure_rate": failure_rate,
            "slow_rate": slow_rate,
            "window_calls": window_calls,
            "window": window,
            "min_calls": _min_calls_for(window_calls) if min_calls is None else min_calls,
            "open_for": open_for,
            "open_backoff": open_backoff,
            "open_max": _open_max_for(open_for) if open_max is None else open_max,
            "open_jitter": open_jitter,
            "probes": probes,
            "probe_lease": open_for if probe_lease is None else probe_lease,
            "min_witnesses": min_witnesses,
            "mode": mode,
            **present({"slow_after": slow_after, "seed": seed}),
        }
        make = super().__new__
        self: Self = apply(
            _FIELDS, given, lambda numbers: make(cls, numbers, clock, result_is_failure, on_transition)
        )
        self._name = name
        self._on = matches_on
        self._ignore = matches_ignore
        self._judge = result_is_failure
        self._lease_follows = probe_lease is None
        remember(self)
        return self

    _name: str | None
    _on: Callable[[BaseException], object] | None
    _ignore: Callable[[BaseException], object] | None
    _judge: Callable[[Any], object] | None
    _lease_follows: bool

    def __call__(self, fn: F, /) -> F:
        """Decorates a function, a method or an async function: each of its calls is protected.

        Generators are refused with `TypeError`, because they work while somebody iterates and not when they are called.
        """
        return protect(fn, self._around, self._around_async, "breaker.permit()")

    def _around(self, fn: Callable[..., Any]) -> Callable[..., Any]:
        call = self.call

        def protected(*args: Any, **kwargs: Any) -> Any:
            return call(fn, *args, **kwargs)

        return protected

    def _around_async(self, fn: Callable[..., Any]) -> Callable[..., Any]:
        ask = self.permit
        if self._judge is not None:
            call_async = self.call_async

            async def protected_and_judged(*args: Any, **kwargs: Any) -> Any:
                return await call_async(fn, *args, **kwargs)

            return protected_and_judged

        async def protected(*args: Any, **kwargs: Any) -> Any:
            with ask():
                return await fn(*args, **kwargs)

        return protected

    async def call_async(self, fn: Callable[P, Awaitable[R]], /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Awaits `fn(*args, **kwargs)` if the breaker allows it, and records how it ended.

        Raises `BreakerOpen` instead when it does not; whatever `fn` raises passes through unchanged. Cancellation is an
        ignored outcome.
        """
        with self.permit() as permit:
            result = await fn(*args, **kwargs)
            if self._judge is not None:
                try:
                    is_failure = self._judge(result)
                except BaseException:
                    permit.cancel()
                    raise
                permit.record("failure" if is_failure else "success")
        return result

    def reconfigure(
        self,
        *,
        consecutive_failures: int | None = None,
        consecutive_always: bool | None = None,
        failure_rate: float | None = None,
        slow_rate: float | None = None,
        slow_after: Seconds | None = None,
        window_calls: int | None = None,
        window: Seconds | None = None,
        min_calls: int | None = None,
        open_for: Seconds | None = None,
        open_backoff: float | None = None,
        open_max: Seconds | None = None,
        open_jitter: float | None = None,
        probes: int | None = None,
        probe_lease: Seconds | None = None,
        min_witnesses: int | None = None,
        mode: Mode | None = None,
    ) -> None:
        """Changes the settings that are given, while calls go on. State and counters stay.

        A window of another shape begins empty. On `ConfigError` nothing has changed. Not for two threads at once.
        """
        if probe_lease is not None:
            follows = False
        else:
            follows = self._lease_follows
            probe_lease = open_for if follows else None
        given = {
            "consecutive_failures": consecutive_failures,
            "consecutive_always": consecutive_always,
            "failure_rate": failure_rate,
            "slow_rate": slow_rate,
            "slow_after": slow_after,
            "window_calls": window_calls,
            "window": window,
            "min_calls": min_calls,
            "open_for": open_for,
            "open_backoff": open_backoff,
            "open_max": open_max,
            "open_jitter": open_jitter,
            "probes": probes,
            "probe_lease": probe_lease,
            "min_witnesses": min_witnesses,
            "mode": mode,
        }
        apply(_FIELDS, present(given), self._reconfigure)
        self._lease_follows = follows

    def snapshot(self) -> BreakerSnapshot:
        """A look at everything, changing nothing. Walks the window: some microseconds."""
        state, numbers = self._look()
        generation, streak, calls, failures, slow, probes, retry_after, *counters = numbers
        window = BreakerWindow(calls, failures, slow)
        return BreakerSnapshot(
            self._name, state, generation, streak, window, probes, shown_seconds(retry_after), *counters
        )

    def _classify(self, error: BaseException) -> int:
        if not isinstance(error, Exception) or isinstance(error, Refused) or _is_cancellation(error):
            return _IGNORED
        if self._ignore is not None and self._ignore(error):
            return _IGNORED
        return _FAILURE if self._on is None or self._on(error) else _SUCCESS

    def _after_fork(self) -> None:
        self._forked()


def _is_cancellation(error: BaseException) -> bool:
    # That of asyncio is no `Exception`; that of futures is one. Where its module was never imported nobody raised it.
    futures = sys.modules.get("concurrent.futures")
    return futures is not None and isinstance(error, futures.CancelledError)


def _rule(field: str, rule: Rule | None) -> Callable[[BaseException], object] | None:
    """One predicate for the forms a rule may have."""
    if rule is None:
        return None
    if isinstance(rule, type):
        classes: tuple[Any, ...] = (rule,)
    elif callable(rule):
        return rule
    else:
        try:
            classes = tuple(rule)
        except TypeError:
            classes = (None,)
    if not all(isinstance(one, type) and issubclass(one, BaseException) for one in classes):
        raise ConfigError(field, rule, "an exception class, some of them, or a predicate")
    return lambda error: isinstance(error, classes)


def _min_calls_for(window_calls: object) -> object:
    """The default follows a short window, which could never hold twenty calls."""
    return min(20, window_calls) if isinstance(window_calls, int) and window_calls > 0 else 20


def _open_max_for(open_for: Seconds) -> Seconds:
    """The default follows a long first open time."""
    seconds = open_for.total_seconds() if isinstance(open_for, timedelta) else open_for
    return open_for if isinstance(seconds, (int, float)) and 300 < seconds <= 86_400 else 300
