"""Refusals and errors.

A *refusal* is an expected "no": the breaker is open, the bulkhead is full. Catch `Refused` for all of them, or one
class, and serve something else. A *refusal* is never an outcome: no breaker counts it.

An *error* is misuse: a setting out of range, a permit used twice. Catch nothing there; fix the program.
"""

from typing import Any, NamedTuple

__all__ = [
    "ArgumentError",
    "AttemptTimeout",
    "BreakerOpen",
    "BudgetExhausted",
    "BulkheadFull",
    "CallbackError",
    "ConfigError",
    "DeadlineExceeded",
    "ExceedsCapacity",
    "HeaderError",
    "PermitForeign",
    "PermitSpent",
    "PolicyError",
    "Problem",
    "RateLimited",
    "Refused",
    "ResultFailure",
    "SeawallError",
    "UnknownDependency",
]


class Refused(Exception):
    """Leave was refused; the call was not made.

    `reason` is the short name that every language uses ("breaker_open"), `name` the name of the object that refused
    (None if it has none), and `retry_after` the seconds until asking again can help (None when nobody knows).
    """

    text = "refused"

    # All three are the exception's `args`: so building one runs no Python, and it survives pickling.

    @property
    def reason(self) -> str:
        """The short name of the refusal."""
        return str(self.args[0]) if self.args else "refused"

    @property
    def name(self) -> str | None:
        """The name of the object that refused, if it has one."""
        return self.args[1] if len(self.args) > 1 else None

    @property
    def retry_after(self) -> float | None:
        """Seconds until asking again can help, if anybody knows."""
        return self.args[2] if len(self.args) > 2 else None

    def __str__(self) -> str:
        text = _TEXTS.get(self.reason, self.text)
        if self.name is not None:
            text = f"{self.name}: {text}"
        if self.retry_after is not None:
            text = f"{text}; retry after {self.retry_after:.3g} s"
        return text


class BreakerOpen(Refused):
    """The circuit breaker is open, half-open with its probes under way, or was opened by hand."""

    text = "the circuit breaker is open"


class BulkheadFull(Refused):
    """All permits are held, and none came free within the time the caller was ready to wait."""

    text = "all permits of the bulkhead are held"


class RateLimited(Refused):
    """The rate does not allow it now; `retry_after` says exactly when it will if nobody else asks."""

    text = "the rate limit does not allow it now"


class BudgetExhausted(Refused):
    """Too many retries already, given how many calls there were: end the call with its last real error."""

    text = "the retry budget is spent"


class DeadlineExceeded(Refused, TimeoutError):
    """The deadline has passed."""

    text = "the deadline has passed"

    def __new__(cls, *args: object) -> "DeadlineExceeded":
        # Not given to `OSError`, which would take the first two for an error number and its text.
        self = super().__new__(cls)
        self.args = args
        return self


_TEXTS = {
    "breaker_half_open": "the circuit breaker is half-open and its probe is under way",
    "breaker_forced_open": "the circuit breaker was opened by hand",
    "bulkhead_wait_full": "too many callers wait for the bulkhead already",
    "bulkhead_wait_timeout": "no permit of the bulkhead came free in time",
}

_REFUSALS: dict[int, tuple[type[Refused], str]] = {
    10: (BreakerOpen, "breaker_open"),
    11: (BreakerOpen, "breaker_half_open"),
    12: (BreakerOpen, "breaker_forced_open"),
    20: (BulkheadFull, "bulkhead_full"),
    21: (BulkheadFull, "bulkhead_wait_full"),
    22: (BulkheadFull, "bulkhead_wait_timeout"),
    30: (RateLimited, "rate_limited"),
    40: (BudgetExhausted, "budget_exhausted"),
    50: (DeadlineExceeded, "deadline_exceeded"),
}


def refusal(status: int, name: str | None, retry_after_ns: int) -> Refused:
    """The exception of a status number, in the caller's units."""
    kind, reason = _REFUSALS[status]
    return kind(reason, name, retry_after_ns / 1_000_000_000 if retry_after_ns else None)


class AttemptTimeout(TimeoutError):
    """An attempt of an async call did not end within its time, `timeout` seconds, and was cancelled."""

    def __new__(cls, *args: object) -> "AttemptTimeout":
        # Not given to `OSError`, which would take the first two for an error number and its text.
        self = super().__new__(cls)
        self.args = args
        return self

    def __init__(self, name: str, timeout: float) -> None:
        self.name = name
        self.timeout = timeout

    def __str__(self) -> str:
        return f"{self.name}: no answer within {self.timeout:.3g} s"


class ResultFailure(Exception):
    """A `result` that counts as a failure, by the call's `result_is_failure`: what a fallback and events get as the error.

    It is never raised by itself: a call that ends so returns the result. A fallback that fails has it as its cause.
    """

    @property
    def result(self) -> Any:
        """What the function returned."""
        return self.args[0]

    def __str__(self) -> str:
        return f"the result {_shown(self.args[0])} counts as a failure"


class SeawallError(Exception):
    """Misuse: the call cannot mean anything, and nothing was changed."""


class ConfigError(SeawallError, ValueError):
    """A setting out of range. `field` names it, `value` is what was given and `allowed` what would have been right."""

    def __init__(self, field: str, value: Any, allowed: str) -> None:
        super().__init__(field, value, allowed)
        self.field = field
        self.value = value
        self.allowed = allowed

    def __str__(self) -> str:
        return f"{self.field}: {_shown(self.value)} is {_relation(self.allowed)} {self.allowed}"


class ArgumentError(SeawallError, ValueError):
    """An argument of a call out of range. Same attributes as `ConfigError`."""

    def __init__(self, field: str, value: Any, allowed: str) -> None:
        super().__init__(field, value, allowed)
        self.field = field
        self.value = value
        self.allowed = allowed

    def __str__(self) -> str:
        return f"{self.field}: {_shown(self.value)} is {_relation(self.allowed)} {self.allowed}"


class Problem(NamedTuple):
    """One thing that is wrong with a file or a policy."""

    file: str
    """The file as it was named; empty for a policy written in code."""
    line: int
    """From 1; 0 where there is none."""
    column: int
    key: str
    """The setting as a path of keys, `dependency.payments.retry.base`."""
    message: str
    nearest: str | None
    """The known word nearest to an unknown one."""
    text: str
    """All of it in one line, as `seawall check` prints it."""


class PolicyError(ConfigError):
    """A file or a policy that says something wrong: everything, one problem a line, not only the first thing.

    `problems` has them one by one, `field` is the key of the first. A file that cannot be read has the `OSError` as
    its `__cause__`.
    """

    def __init__(self, message: str, problems: tuple[Problem, ...] = ()) -> None:
        SeawallError.__init__(self, message, problems)
        self.problems = problems
        self.field = problems[0].key if problems else ""
        self.value = None
        self.allowed = problems[0].message if problems else message

    def __str__(self) -> str:
        return str(self.args[0])


class UnknownDependency(SeawallError, LookupError):
    """No dependency has this `name`; `nearest` is the one that was perhaps meant."""

    def __init__(self, name: str, nearest: str | None = None) -> None:
        super().__init__(name, nearest)
        self.name = name
        self.nearest = nearest

    def __str__(self) -> str:
        text = f"no dependency is called {_shown(self.name)}"
        return text if self.nearest is None else f"{text}; did you mean {self.nearest!r}?"


class CallbackError(SeawallError, TypeError):
    """What was given as `field` cannot be called that way: it is no function, or an async one where nobody awaits."""

    def __init__(self, field: str, value: Any, wanted: str) -> None:
        super().__init__(field, value, wanted)
        self.field = field
        self.value = value
        self.wanted = wanted

    def __str__(self) -> str:
        return f"{self.field}: {_shown(self.value)} is not {self.wanted}"


class HeaderError(SeawallError, ValueError):
    """A header that is malformed, too long or absurd. Nothing of its value is repeated: it came from outside.

    `header` names it, `kind` is "empty", "too_long", "malformed" or "too_large", and `length` how many bytes it had.
    """

    def __init__(self, header: str, message: str, kind: str = "malformed", length: int = 0) -> None:
        super().__init__(header, message, kind, length)
        self.header = header
        self.kind = kind
        self.length = length

    def __str__(self) -> str:
        return str(self.args[1])


def _relation(allowed: str) -> str:
    return "outside" if "..=" in allowed else "not"


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


class ExceedsCapacity(SeawallError, ValueError):
    """More tokens at once than the bucket can ever hold: waiting would not help. `n` were asked for, `burst` fit."""

    def __init__(self, n: int, burst: int) -> None:
        super().__init__(n, burst)
        self.n = n
        self.burst = burst

    def __str__(self) -> str:
        return f"n: {self.n} is outside 0..={self.burst}, the burst"


class PermitSpent(SeawallError):
    """A permit, reservation or withdrawal that was used already."""

    def __init__(self, name: str | None = None) -> None:
        super().__init__(name)
        self.name = name

    def __str__(self) -> str:
        text = "the permit was used already"
        return text if self.name is None else f"{self.name}: {text}"


class PermitForeign(SeawallError):
    """A permit of another object."""

    def __init__(self, name: str | None = None) -> None:
        super().__init__(name)
        self.name = name

    def __str__(self) -> str:
        text = "the permit belongs to another object"
        return text if self.name is None else f"{self.name}: {text}"
