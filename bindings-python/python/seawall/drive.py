"""A call under way: its events go to the engine, and what else they bring about is told.

It neither runs nor waits; `blocking`, `asynchronous`, `attempts` and `executor` do. Whatever the engine decides is done,
and nothing is decided here.
"""

from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING, Any

from .attempt import Attempt
from .classify import EVERYDAY, Rules
from .deadline import Deadline, current_ns, moment
from .errors import ArgumentError, AttemptTimeout, CallbackError, ResultFailure, refusal
from .outcome import Outcome, mark
from .settings import OUTCOMES, SECOND, Seconds, count, seconds
from .trouble import IGNORED, RETRYABLE, Ended

if TYPE_CHECKING:
    from ._native import Call
    from .breaker import Rule
    from .dependency import Dependency
    from .fallback import Chain

RUN, SLEEP, WAIT, FINISH = 1, 2, 3, 4

_NAMES = {number: name for name, number in OUTCOMES.items()}
_CHOICE = {None: 0, True: 1, False: 2}


class Asked:
    """What one call, or each call of a decorated function, asks for beyond the policy."""

    __slots__ = ("chain", "costs", "critical", "deadline", "idempotent", "rules")

    def __init__(
        self,
        dependency: "Dependency",
        on: "Rule | None" = None,
        ignore: "Rule | None" = None,
        failure: "Rule | None" = None,
        fallback: Any = None,
        deadline: "Seconds | Deadline | None" = None,
        critical: bool | None = None,
        idempotent: bool | None = None,
        costs: Any = None,
        may_await: bool = False,
        result_is_failure: Callable[[Any], object] | None = None,
    ) -> None:
        plain = on is None and ignore is None and failure is None and result_is_failure is None
        self.rules = EVERYDAY if plain else Rules(on, ignore, failure, result_is_failure)
        self.chain: Chain | None = None
        if fallback is not None:
            self.chain = dependency._chain(fallback, may_await)
        if deadline is not None:
            moment(deadline, dependency._clock)  # refuses what is none
        self.deadline = deadline
        self.critical = _choice("critical", critical)
        self.idempotent = _choice("idempotent", idempotent)
        self.costs = costs
        if costs is not None:
            costs_of(dependency, costs)

    def limit(self, dependency: "Dependency") -> int:
        """The deadline of a call that begins now."""
        at = current_ns(dependency._clock)
        return at if self.deadline is None else min(at, moment(self.deadline, dependency._clock))


def _choice(field: str, value: object) -> int:
    if value is None or isinstance(value, bool):
        return _CHOICE[value]
    raise ArgumentError(field, value, "True, False or None")


def costs_of(dependency: "Dependency", costs: Any) -> list[int]:
    """What an attempt costs of each limit."""
    if not isinstance(costs, dict):
        costs = {"requests": costs} if len(dependency._limits) != 1 else {dependency._limits[0]: costs}
    found = [1, 1, 1, 1]
    names = dependency._limits
    for name, value in costs.items():
        whole = count(value)
        if whole is None or whole >= 1 << 32:
            raise ArgumentError("costs", value, "0..=4294967295 in whole numbers")
        if name not in names:
            raise ArgumentError("costs", name, "a rate limit of this dependency: " + (", ".join(names) or "it has none"))
        found[names.index(name)] = whole
    return found


def begin(dependency: "Dependency", asked: Asked | None) -> "Call":
    """Begins a call under the deadline in force here."""
    if asked is None:
        return dependency._begin(current_ns(dependency._clock))
    costs = None if asked.costs is None else costs_of(dependency, asked.costs)
    return dependency._begin(asked.limit(dependency), asked.critical, asked.idempotent, costs)


class Drive:
    """One call under way."""

    __slots__ = ("asked", "call", "dependency", "error", "keys", "number")

    def __init__(
        self,
        dependency: "Dependency",
        asked: Asked | None,
        keys: list[Hashable] | None = None,
        call: "Call | None" = None,
    ) -> None:
        self.dependency = dependency
        self.asked = asked
        self.keys = keys
        self.error: BaseException | None = None
        self.number = 0
        self.call = begin(dependency, asked) if call is None else call

    def began(self) -> int:
        """The first action."""
        kind = self.call.kind
        if kind != RUN or self.call.transition is not None or self.dependency._queue.waiters:
            self.publish(kind, None)
        return kind

    def attempt(self) -> Attempt:
        """The attempt to run now, for its function."""
        return Attempt(self.dependency, self.call)

    def succeeded(self) -> None:
        """The attempt succeeded, which ends the call."""
        told = self.call.succeeded()
        # Told by far the most often: a place came free, and nobody waits for it.
        if told and (told != 2 or self.dependency._queue.waiters):
            self.publish(FINISH, None, "success")

    def returned(self, value: Any) -> int:
        """The attempt gave a result; the next action. With FINISH and no `error` the result is the call's good one."""
        judge = None if self.asked is None else self.asked.rules.judge
        if judge is not None:
            try:
                is_failure = judge(value)
            except BaseException:
                self.give_up()
                raise
            if is_failure and self.call.is_under_way:
                return self.ended(ResultFailure(value), RETRYABLE)
        self.error = None
        self.succeeded()
        return FINISH

    def failed(self, error: BaseException, is_last: bool = False) -> int:
        """The attempt raised; the next action. `is_last`: nobody makes another one."""
        # Neither cancellation nor an interrupt says anything about the dependency: the caller gave up.
        if not isinstance(error, Exception) or not self.call.is_under_way:
            self.give_up()
            self.error = error
            return FINISH
        try:
            rules = EVERYDAY if self.asked is None else self.asked.rules
            ended = rules.classify(error)
        except BaseException:
            self.give_up()
            raise
        if is_last:
            ended = (ended[0], False, *ended[2:])
        return self.ended(error, ended)

    def ended(self, error: BaseException, ended: Ended) -> int:
        """The attempt ended like this; the next action."""
        self.error = error
        self.number = self.call.attempt
        kind = self.call.ended(*ended)
        self.publish(kind, ended)
        return kind

    def timed_out(self, error: BaseException | None, is_last: bool = False) -> int:
        """The attempt did not end in time and was cancelled or abandoned; the next action."""
        timeout = AttemptTimeout(self.dependency.name, self.call.span_ns / SECOND)
        timeout.__cause__ = error
        return self.failed(timeout, is_last)

    def woke(self) -> int:
        """Time has passed; the next action."""
        kind = self.call.woke()
        self.publish(kind, None)
        return kind

    def give_up(self) -> None:
        """The caller gave up, or a rule of the user's failed. Gives everything back; nothing when it has ended."""
        self.number = self.call.attempt
        if self.call.cancelled():
            self.publish(FINISH, IGNORED, None)

    def publish(self, kind: int, ended: Ended | None, outcome: str | None = None) -> None:
        """Wakes who waits, and tells what happened."""
        call, dependency = self.call, self.dependency
        if dependency._queue.waiters and (kind == RUN or call.freed):
            dependency._queue.wake_first()
        change = call.transition
        if change is not None:
            dependency._tell("state_change", from_state=change[0], to_state=change[1])
        if call.is_late:
            if ended is not None and ended is not IGNORED:
                outcome = _NAMES[ended[0]]
            dependency._tell("late_result", attempt=self.number or call.attempt, outcome=outcome)
        if kind == SLEEP and ended is not None:
            delay = call.span_ns / SECOND
            dependency._tell("retry", attempt=self.number, delay=delay, error=self.error)
        elif kind == FINISH and call.status:
            limit = call.limiter
            name = None if limit is None else dependency._limits[limit]
            dependency._tell("refusal", reason=call.reason, retry_after=seconds(call.retry_after_ns), limit=name)

    def ending(self) -> BaseException:
        """What the call raises unless a fallback serves."""
        call = self.call
        if call.status:
            return refusal(call.status, self.dependency.name, call.retry_after_ns)
        error = self.error
        if error is None:
            raise AssertionError("a call that was not refused ended with an error")
        end = call.end
        if end is not None and isinstance(error, Exception):
            mark(error, self.dependency.name, call.attempt, call.stop or "done", end == "failure")
        return error

    def may_serve(self) -> bool:
        """Whether a fallback was declared and the engine allows it now."""
        return self.asked is not None and self.asked.chain is not None and self.call.may_fall_back

    def outcome(self, value: Any) -> Outcome[Any]:
        """The dependency served."""
        return Outcome(value, attempts=self.call.attempt, duration=self.call.took_ns / SECOND)

    def unserved(self, last: BaseException, is_detailed: bool) -> Any:
        """No fallback serves: raises what the call ended with, or returns it where it is a result."""
        if not isinstance(last, ResultFailure):
            raise last
        if not is_detailed:
            return last.result
        call = self.call
        return Outcome(last.result, attempts=call.attempt, duration=call.took_ns / SECOND, reason=call.stop)

    def served(self, value: Any, number: int, error: BaseException) -> Outcome[Any]:
        """A step of the fallback served."""
        call, dependency = self.call, self.dependency
        assert self.asked is not None and self.asked.chain is not None
        reason = call.reason if call.status else call.stop
        source = self.asked.chain.steps[number].source
        dependency._count_fallback()
        dependency._tell("fallback", step=number, source=source, reason=reason, error=error)
        return Outcome(
            value,
            attempts=call.attempt,
            duration=call.took_ns / SECOND,
            degraded=True,
            step=number,
            source=source,
            reason=reason,
            error=error,
        )

    def keep(self, value: Any) -> None:
        """Keeps a good result for the fallbacks that want it."""
        if self.keys is not None and self.asked is not None and self.asked.chain is not None:
            self.asked.chain.keep(self.keys, value, self.dependency._now())


def keys_of(asked: Asked | None, args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[Hashable] | None:
    """The keys of the stores of a call's fallback."""
    return None if asked is None or asked.chain is None else asked.chain.keys(args, kwargs)


def not_awaitable(field: str, value: object) -> CallbackError:
    """The error for a function that gave nothing to await."""
    return CallbackError(field, value, "awaitable: give acall() an async function, or use call()")


__all__ = ["FINISH", "RUN", "SLEEP", "WAIT", "Asked", "Drive", "begin", "costs_of", "keys_of", "not_awaitable"]
