"""Retry budget: retries may be a share of the calls, never a multiple, so a sick dependency gets no more load."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias

from . import _native
from ._native import Withdrawal
from .clock import Clock, checked
from .errors import ArgumentError, PermitForeign
from .forking import remember
from .settings import COUNT, RATIO, SECONDS, Fields, Mode, Named, Outcome, Seconds, apply, checked_name, present, word

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ["Cause", "Profile", "RetryBudget", "RetryBudgetSnapshot"]

Profile: TypeAlias = Literal["bucket", "finagle", "grpc", "aws_standard", "aws_legacy"]
"""Which published rule a budget follows."""

Cause: TypeAlias = Literal["failure", "throttled", "timeout"]
"""What made the retry necessary, for profiles that charge differently."""

_PROFILES = {"bucket": 0, "finagle": 1, "grpc": 2, "aws_standard": 3, "aws_legacy": 4}
_CAUSES = {"failure": 0, "throttled": 1, "timeout": 2}

_FIELDS: Fields = {
    "ratio": ("ratio_permille", RATIO),
    "min_per_second": ("min_per_second", COUNT),
    "window": ("window_ns", SECONDS),
    "cap": ("cap", COUNT),
    "max_concurrent_retries_ratio": ("max_concurrent_retries_permille", RATIO),
    "min_concurrent_retries": ("min_concurrent_retries", COUNT),
}


class RetryBudgetSnapshot(NamedTuple):
    """What a budget looked like at one moment. Counters only grow."""

    name: str | None
    tokens: float
    cap: float
    """The most tokens there can be; 0 where the profile has no such bound."""
    calls_in_flight: int
    retries_in_flight: int
    deposited: int
    withdrawn: int
    refused: int
    shadow_refused: int


class RetryBudget(Named, _native.RetryBudget):
    """A retry budget: each call deposits, each retry withdraws.

    ```python
    budget = RetryBudget(ratio=0.1)       # retries may be a tenth of the calls, and one per second in any case

    with budget.call():                   # a deposit; once per call, whatever its attempts
        try:
            return send()
        except TransportError:
            with budget.try_withdraw():   # raises BudgetExhausted: give up with the last real error
                return send()
    ```

    Profiles follow published budgets exactly; settings not given take the profile's published value:

    | profile | rule | ratio | min_per_second | window | cap |
    |---|---|---|---|---|---|
    | "bucket" | a call adds `ratio`, time adds a floor, a retry takes one | 0.1 | 1 | 10 s | 100 |
    | "finagle" | the balance of the last window, plus a reserve | 0.2 | 10 | 10 s | |
    | "grpc" | gRFC A6: failures take one, successes add `ratio`, retries need more than half | 0.1 | | | 10 |
    | "aws_standard" | a retry takes 14 tokens, 5 when throttled; success gives back | | | | 500 |
    | "aws_legacy" | a retry takes 5 tokens, 10 after a timeout; success gives back | | | | 500 |

    Ranges: ratio 0..=10, min_per_second 0..=10,000, window 1..=3,600 s, cap 1..=1,000,000 (grpc: 1,000) and
    at least what the floor saves up in a window. The profiles that look at outcomes need `record` for first attempts too.

    `max_concurrent_retries_ratio` (0..=10; 0: no such rule) bounds retries under way by calls under way in any profile,
    but always allows `min_concurrent_retries` (0..=1,000,000, default 3). It needs the end of each call: `call()`, or
    `deposit` and `finish`.

    `mode` "shadow" counts and never refuses, "off" does nothing. Threads and tasks may share a budget freely; it takes no
    lock. A forked child has a copy of its own in which nothing is under way.
    """

    __slots__ = ("__weakref__", "_name")

    def __new__(
        cls,
        profile: Profile = "bucket",
        *,
        ratio: float | None = None,
        min_per_second: int | None = None,
        window: Seconds | None = None,
        cap: int | None = None,
        max_concurrent_retries_ratio: float | None = None,
        min_concurrent_retries: int | None = None,
        mode: Mode = "enforce",
        name: str | None = None,
        clock: Clock | None = None,
    ) -> "Self":
        name = checked_name(name)
        clock = checked(clock)
        number = word("profile", profile, _PROFILES)
        given: dict[str, Any] = {
            "ratio": ratio,
            "min_per_second": min_per_second,
            "window": window,
            "cap": cap,
            "max_concurrent_retries_ratio": max_concurrent_retries_ratio,
            "min_concurrent_retries": min_concurrent_retries,
        }
        make = super().__new__
        self: Self = apply(_FIELDS, present(given) | {"mode": mode}, lambda numbers: make(cls, number, numbers, clock))
        self._name = name
        remember(self)
        return self

    _name: str | None

    def try_withdraw(self, cause: Cause = "failure") -> "Withdrawal":
        """Asks for leave to send one more retry, and raises `BudgetExhausted` when there is none.

        What it returns wants to know how the retry ended: `record("success")`, or `cancel()` if it was not sent, or a
        `with` block, where an exception is a failure. `cause` matters to the AWS profiles.
        """
        number = _CAUSES.get(cause)
        if number is None:
            raise ArgumentError("cause", cause, "one of " + ", ".join(_CAUSES))
        return self._withdraw(number)

    def record(self, outcome: Outcome, withdrawal: "Withdrawal | None" = None) -> None:
        """Says how an attempt ended: a first one, or the retry of this withdrawal."""
        number = self._outcome(outcome)
        if withdrawal is None:
            self._record(number)
        else:
            self._own(withdrawal).record(outcome)

    def cancel(self, withdrawal: "Withdrawal") -> None:
        """Gives leave back that was not used: what it cost is there again."""
        self._own(withdrawal).cancel()

    def _own(self, withdrawal: "Withdrawal") -> "Withdrawal":
        if withdrawal.budget is not self:
            raise PermitForeign(self._name)
        return withdrawal

    @contextmanager
    def call(self) -> Iterator[None]:
        """A call, from its deposit to its end, whatever its attempts."""
        self.deposit()
        try:
            yield
        finally:
            self.finish()

    def reconfigure(
        self,
        *,
        ratio: float | None = None,
        min_per_second: int | None = None,
        window: Seconds | None = None,
        cap: int | None = None,
        max_concurrent_retries_ratio: float | None = None,
        min_concurrent_retries: int | None = None,
        mode: Mode | None = None,
    ) -> None:
        """Changes the settings that are given, while calls go on; tokens stay, within the new cap.

        The profile cannot change. On `ConfigError` nothing has changed. Not for two threads at once.
        """
        given: dict[str, Any] = {
            "ratio": ratio,
            "min_per_second": min_per_second,
            "window": window,
            "cap": cap,
            "max_concurrent_retries_ratio": max_concurrent_retries_ratio,
            "min_concurrent_retries": min_concurrent_retries,
            "mode": mode,
        }
        apply(_FIELDS, present(given), self._reconfigure)

    def snapshot(self) -> RetryBudgetSnapshot:
        """A look at everything, changing nothing."""
        tokens, cap, *counts = self._look()
        return RetryBudgetSnapshot(self._name, tokens / 1_000, cap / 1_000, *counts)

    def _after_fork(self) -> None:
        self._forked()

