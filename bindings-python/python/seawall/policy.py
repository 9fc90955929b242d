"""Policies written in code: the same settings as a table of `seawall.toml`, checked by the same reader.

Names, ranges and defaults are those of the file; what is None is left to its default. Durations are seconds (int or
float) or a timedelta, shares are 0 to 1, rates are texts such as "100/s".
"""

import math
import operator
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Literal, TypeAlias

from .errors import ConfigError
from .settings import Mode, Seconds, nanoseconds

__all__ = ["BreakerPolicy", "BudgetPolicy", "BulkheadPolicy", "Policy", "RatePolicy", "RetryPolicy", "Scope"]

Scope: TypeAlias = Literal["call", "attempt"]
"""call: once for each call, whatever its attempts. attempt: for each attempt by itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetPolicy:
    """What retries may cost, given how many calls there are."""

    profile: Literal["bucket", "finagle", "grpc", "aws_standard", "aws_legacy"] | None = None
    """Whose behaviour; default "bucket"."""
    ratio: float | None = None
    """Retries per call, 0..=10; default 0.1."""
    min_per_second: int | None = None
    """Retries per second in any case, 0..=10,000; default 1."""
    window: Seconds | None = None
    """1..=3,600 s; default 10."""
    cap: int | None = None
    """The most tokens there can be, 1..=1,000,000; default 100."""
    max_concurrent_retries_ratio: float | None = None
    """Retries under way per call under way, 0..=10; default: no such rule."""
    min_concurrent_retries: int | None = None
    """Retries under way that are allowed in any case; default 3."""
    mode: Mode | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """Further attempts."""

    attempts: int | None = None
    """Attempts in all, 1..=100; default 3."""
    base: Seconds | None = None
    """The wait before the second attempt, 0..=86,400 s; default 0.1."""
    factor: float | None = None
    """How much longer each further wait is, 1..=10; default 2."""
    cap: Seconds | None = None
    """The longest wait, base..=86,400 s; default 20."""
    jitter: Literal["full", "equal", "decorrelated", "none"] | None = None
    """How waits are spread; default "full"."""
    retry_after_margin: Seconds | None = None
    """How much longer than our own wait a server's Retry-After may make it; default: as long as it says."""
    budget: BudgetPolicy | float | Literal["off"] | None = None
    """A share such as 0.1, "off", or everything; default 0.1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerPolicy:
    """When to stop calling; the settings of `seawall.Breaker`."""

    consecutive_failures: int | None = None
    consecutive_always: bool | None = None
    failure_rate: float | None = None
    slow_rate: float | None = None
    slow_after: Seconds | None = None
    window: Seconds | None = None
    window_calls: int | None = None
    min_calls: int | None = None
    open_for: Seconds | None = None
    open_backoff: float | None = None
    open_max: Seconds | None = None
    open_jitter: float | None = None
    probes: int | None = None
    probe_lease: Seconds | None = None
    min_witnesses: int | None = None
    scope: Scope | None = None
    """What is counted; default "call"."""
    mode: Mode | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkheadPolicy:
    """How many calls at once; the settings of `seawall.Bulkhead`."""

    max_concurrent: int | None = None
    reserved: int | None = None
    max_wait: Seconds | None = None
    """How long to wait for a permit, 0..=86,400 s; default 0."""
    max_waiting: int | None = None
    scope: Scope | None = None
    """What a permit is held for; default "call"."""
    mode: Mode | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RatePolicy:
    """How often; the settings of `seawall.Limiter`."""

    rate: str
    """"100/s", "10/minute", "5/250ms"."""
    burst: int | None = None
    """Calls that may come at once, 1..=1,000,000,000; default: those of the rate."""
    max_wait: Seconds | None = None
    """How long to wait for the rate, 0..=86,400 s; default 0."""
    name: str | None = None
    """What is counted; default "requests". Distinct where there are several."""
    mode: Mode | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Everything there is to say about calling one dependency. A plain value; `wall.define` puts it in force.

    ```python
    policy = Policy(2.0, deadline=5.0, retry=RetryPolicy(attempts=2), bulkhead=BulkheadPolicy(max_concurrent=20))
    ledger = wall.define("ledger", policy)
    ```
    """

    timeout: Seconds = field(kw_only=False)
    """The time one attempt may take, 0.001..=86,400 s. There is no default on purpose."""
    criticality: Literal["critical", "important", "optional"] | None = None
    """How much depends on it; default "important". critical: calls may take reserved permits, no fallback."""
    fallback: Literal["forbidden", "allowed", "expected"] | None = None
    """Default: as `criticality` has it."""
    connect_timeout: Seconds | None = None
    """The time to connect, for HTTP adapters, up to `timeout`; default `timeout`."""
    deadline: Seconds | None = None
    """The time the whole call may take, `timeout`..=86,400 s; default: no limit but the caller's."""
    reserve: float | None = None
    """The share of the caller's deadline that is kept for the caller, 0..=1; default 0."""
    useful: Seconds | None = None
    """The least time worth an attempt, 0..=timeout; default 0."""
    overhead: Seconds | None = None
    """What a call takes besides attempts and waits, for the planner; default 0."""
    idempotent: bool | None = None
    """False: only what was certainly not sent is sent again; default True."""
    idempotency_key: bool | None = None
    """Whether HTTP adapters send an Idempotency-Key; default False."""
    mode: Mode | None = None
    """How strictly those gates act that have no mode of their own; default "enforce"."""
    retry: RetryPolicy | None = None
    """Default: one attempt."""
    breaker: BreakerPolicy | Literal["off"] | None = None
    """Default: on, with the defaults of `Breaker`."""
    bulkhead: BulkheadPolicy | None = None
    """Default: none."""
    rate_limit: RatePolicy | str | Sequence[RatePolicy] | None = None
    """One, a rate such as "100/s", or up to four, all of which must agree; default: none."""
    pool: int | None = None
    """The connections of the pool behind it, 1..=1,000,000, to be compared with the bulkhead."""
    called_by: Sequence[str] | None = None
    """The dependencies whose calls end up here, to compare timeouts."""

    def to_toml(self) -> str:
        """The body of its table in `seawall.toml`.

        Raises `ConfigError` for what can be no setting at all, such as NaN seconds; ranges are checked by `define`.
        """
        return "".join(f"{key} = {value}\n" for key, value in _table(self, ""))


_SECONDS = {
    *("timeout", "connect_timeout", "deadline", "useful", "overhead", "base", "retry_after_margin", "max_wait"),
    *("slow_after", "window", "open_for", "open_max", "probe_lease"),
}
_RATIOS = {
    *("reserve", "factor", "ratio", "max_concurrent_retries_ratio", "failure_rate", "slow_rate"),
    *("open_backoff", "open_jitter"),
}
_FACTS = {"idempotent", "idempotency_key", "consecutive_always"}
_WORDS = {"criticality", "fallback", "mode", "jitter", "profile", "scope", "rate", "name"}
_TABLES: dict[str, type] = {}


def _table(settings: Any, path: str) -> list[tuple[str, str]]:
    found = []
    for setting in fields(settings):
        value = getattr(settings, setting.name)
        if value is not None or setting.name == "timeout":
            where = f"{path}{setting.name}"
            found.append((setting.name, _value(settings, setting.name, value, where)))
    return found


def _value(settings: Any, key: str, value: Any, path: str) -> str:
    if key == "rate_limit" and isinstance(value, str):
        value = RatePolicy(rate=value)
    if key in _TABLES and isinstance(value, _TABLES[key]):
        return _inline(value, path)
    if key == "rate_limit" and isinstance(value, Sequence) and all(isinstance(one, RatePolicy) for one in value):
        return f"[{', '.join(_inline(one, f'{path}[{number}]') for number, one in enumerate(value))}]"
    if key in ("breaker", "budget") and isinstance(value, str):
        return _text(value)
    if key in _TABLES and key != "budget":
        raise ConfigError(path, value, f"a {_TABLES[key].__name__}")
    if key in _SECONDS or (key == "cap" and isinstance(settings, RetryPolicy)):
        span = nanoseconds(value)
        if span is None:
            raise ConfigError(path, value, "seconds, 0 or more, or a timedelta")
        return f'"{span}ns"'
    if key in _RATIOS or key == "budget":
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
            raise ConfigError(path, value, "a finite number, 0 or more")
        return repr(value)
    if key in _FACTS:
        if not isinstance(value, bool):
            raise ConfigError(path, value, "True or False")
        return "true" if value else "false"
    if key in _WORDS:
        if not isinstance(value, str):
            raise ConfigError(path, value, "a text")
        return _text(value)
    if key == "called_by":
        if isinstance(value, str) or not all(isinstance(name, str) for name in value):
            raise ConfigError(path, value, "a list of names")
        return f"[{', '.join(map(_text, value))}]"
    try:
        whole = operator.index(value)
    except TypeError:
        whole = None
    # The reader knows numbers up to 2**63 - 1 and, of these, every range.
    if whole is None or isinstance(value, bool) or not -(1 << 63) <= whole < 1 << 63:
        raise ConfigError(path, value, "a whole number")
    return str(whole)


def _inline(settings: Any, path: str) -> str:
    return f"{{ {', '.join(f'{key} = {value}' for key, value in _table(settings, f'{path}.'))} }}"


def _text(value: str) -> str:
    """A basic string of TOML."""
    shown = []
    for letter in value:
        if letter in '"\\':
            shown.append(f"\\{letter}")
        elif letter < " " or letter == "\x7f":
            shown.append(f"\\u{ord(letter):04x}")
        elif "\ud800" <= letter <= "\udfff":
            shown.append("\\ufffd")  # half a character is none in TOML
        else:
            shown.append(letter)
    return f'"{"".join(shown)}"'


_TABLES.update(
    retry=RetryPolicy, budget=BudgetPolicy, breaker=BreakerPolicy, bulkhead=BulkheadPolicy, rate_limit=RatePolicy
)
