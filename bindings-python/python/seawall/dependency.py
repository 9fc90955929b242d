"""A dependency: something this service calls, by name; its policy and its live state."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeVar, overload

from . import _native, asynchronous, blocking
from .attempts import Attempts, Permit
from .clock import CallLater, Clock, call_later_of
from .drive import Asked
from .errors import ArgumentError, ConfigError, ExceedsCapacity
from .event import Event, Hook, Hooks, Kind, is_logged, log
from .fallback import Chain
from .forking import remember
from .outcome import Outcome
from .protect import protect
from .settings import SECOND, Mode, Seconds
from .shape import NAMED, NOTHING, wants
from .snapshot import DependencySnapshot, of
from .waiting import Queue

if TYPE_CHECKING:
    from typing_extensions import Self

    from .breaker import Rule
    from .deadline import Deadline
    from .executor import DependencyExecutor
    from .testing import Script
    from .wall import Seawall

T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])

__all__ = ["Dependency", "PolicyFacts"]


class PolicyFacts(NamedTuple):
    """What the policy in force says. Durations in seconds."""

    timeout: float
    connect_timeout: float | None
    deadline: float | None
    attempts: int
    criticality: Literal["critical", "important", "optional"]
    fallback: Literal["forbidden", "allowed", "expected"]
    idempotent: bool
    idempotency_key: bool
    mode: Mode
    max_concurrent: int | None
    rate_limits: tuple[str, ...]
    toml: str
    """All of it as the body of its table in `seawall.toml`, defaults written out."""


class Dependency(_native.Dependency):
    """Something this service calls. Made by `wall.dependency(name)` and `wall.define(name, policy)`.

    ```python
    answer = payments.call(charge, order)                      # threads
    answer = await payments.acall(charge_async, order)         # asyncio

    @payments.protect(on=httpx.TransportError)                 # sync and async functions alike
    def charge(order, attempt): ...                            # attempt is optional: number, remaining, deadline
    ```

    One call goes through every layer of the policy: deadline, bulkhead, breaker, retries with their budget, rate limits,
    timeout. What it raises is a refusal (`Refused`: no attempt was made), or the function's own last error, unchanged, with
    a note that says how many attempts there were and why there is no further one (`seawall.attempts_of(error)`).

    The function gets the arguments given, and, if it has a parameter `attempt`, or needs exactly one argument and none was
    given, the `Attempt`. A synchronous function is not stopped at the end of its time: give `attempt.remaining` to what
    blocks, or use `executor()`. An async one is cancelled then. Cancelling the caller leaks nothing, wherever it waits.

    Options of every form:

    | option | meaning |
    |---|---|
    | on | exceptions after which another attempt may help: a class, some classes or a predicate. Default: errors of the connection (`ConnectionError`, `TimeoutError`, those of httpx and requests) and the attempt's own timeout |
    | ignore | exceptions that say nothing about the dependency; precedes the others |
    | failure | exceptions that are failures without another attempt. Default: every other `Exception` |
    | result_is_failure | a predicate of the result: true for those that are failures after which another attempt may help. The last one is returned all the same, unless a fallback serves |
    | fallback | what to serve when the call is refused or has failed: a value, a function (which may take the error), a `LastGood`, or a list of these; None for none |
    | deadline | seconds for the whole call, or a `Deadline`; the nearest counts of it, the policy's and the caller's |
    | critical | whether it may take reserved permits; None: as the policy says |
    | idempotent | whether what may have been carried out may be sent again; None: as the policy says |
    | costs | tokens that an attempt costs: `{"tokens": 500}` by limit, or a number where there is one limit; 1 each |

    An exception with an attribute `retry_after` (seconds) says how long the server wants to be left alone. Threads and
    tasks may share a dependency freely. A forked child has a copy of its own, with every permit free. A call costs about
    1.5 us on top of the function, an async one about 9 us, most of which is `asyncio.timeout`.
    """

    __slots__ = (
        "__weakref__",
        "_call_later",
        "_clock",
        "_hooks",
        "_queue",
        "_script",
        "_wall_hooks",
    )

    _clock: Clock | None
    _call_later: CallLater | None
    _hooks: Hooks
    _wall_hooks: Hooks
    _queue: Queue
    _script: "Script | None"

    def __new__(cls, wall: "Seawall", name: str) -> "Self":
        """Use `wall.dependency(name)`: its dependencies are one object for each name."""
        self = super().__new__(cls, wall, name)
        self._clock = wall._clock
        self._call_later = call_later_of(wall._clock)
        self._hooks = Hooks()
        self._wall_hooks = wall._hooks
        self._queue = Queue()
        self._script = None
        remember(self)
        return self

    def call(
        self,
        fn: Callable[..., T],
        /,
        *args: Any,
        on: "Rule | None" = None,
        ignore: "Rule | None" = None,
        failure: "Rule | None" = None,
        result_is_failure: Callable[[T], object] | None = None,
        fallback: Any = None,
        deadline: "Seconds | Deadline | None" = None,
        critical: bool | None = None,
        idempotent: bool | None = None,
        costs: Any = None,
    ) -> T:
        """Calls `fn(*args)` as the policy says, and returns what it returns, or what a fallback served."""
        if (
            on is None
            and ignore is None
            and failure is None
            and result_is_failure is None
            and fallback is None
            and deadline is None
            and critical is None
            and idempotent is None
            and costs is None
        ):
            asked = None
        else:
            asked = Asked(
                self, on, ignore, failure, fallback, deadline, critical, idempotent, costs, False, result_is_failure
            )
        result: T = blocking.run(self, fn, args, {}, asked, False)
        return result

    async def acall(
        self,
        fn: Callable[..., Awaitable[T]],
        /,
        *args: Any,
        on: "Rule | None" = None,
        ignore: "Rule | None" = None,
        failure: "Rule | None" = None,
        result_is_failure: Callable[[T], object] | None = None,
        fallback: Any = None,
        deadline: "Seconds | Deadline | None" = None,
        critical: bool | None = None,
        idempotent: bool | None = None,
        costs: Any = None,
    ) -> T:
        """Awaits `fn(*args)` as the policy says. Its attempts are cancelled at the end of their time."""
        if (
            on is None
            and ignore is None
            and failure is None
            and result_is_failure is None
            and fallback is None
            and deadline is None
            and critical is None
            and idempotent is None
            and costs is None
        ):
            asked = None
        else:
            asked = Asked(
                self, on, ignore, failure, fallback, deadline, critical, idempotent, costs, True, result_is_failure
            )
        result: T = await asynchronous.run(self, fn, args, {}, asked, False)
        return result

    def call_detailed(
        self,
        fn: Callable[..., T],
        /,
        *args: Any,
        on: "Rule | None" = None,
        ignore: "Rule | None" = None,
        failure: "Rule | None" = None,
        result_is_failure: Callable[[T], object] | None = None,
        fallback: Any = None,
        deadline: "Seconds | Deadline | None" = None,
        critical: bool | None = None,
        idempotent: bool | None = None,
        costs: Any = None,
    ) -> Outcome[T]:
        """As `call`, and says whether the value is degraded, by which step and why. Raises as `call` does."""
        asked = Asked(
            self, on, ignore, failure, fallback, deadline, critical, idempotent, costs, False, result_is_failure
        )
        outcome: Outcome[T] = blocking.run(self, fn, args, {}, asked, True)
        return outcome

    async def acall_detailed(
        self,
        fn: Callable[..., Awaitable[T]],
        /,
        *args: Any,
        on: "Rule | None" = None,
        ignore: "Rule | None" = None,
        failure: "Rule | None" = None,
        result_is_failure: Callable[[T], object] | None = None,
        fallback: Any = None,
        deadline: "Seconds | Deadline | None" = None,
        critical: bool | None = None,
        idempotent: bool | None = None,
        costs: Any = None,
    ) -> Outcome[T]:
        """As `acall`, and says whether the value is degraded, by which step and why. Raises as `acall` does."""
        asked = Asked(
            self, on, ignore, failure, fallback, deadline, critical, idempotent, costs, True, result_is_failure
        )
        outcome: Outcome[T] = await asynchronous.run(self, fn, args, {}, asked, True)
        return outcome

    @overload
    def protect(self, fn: F, /) -> F: ...
    @overload
    def protect(
        self,
        fn: None = None,
        /,
        *,
        on: "Rule | None" = None,
        ignore: "Rule | None" = None,
        failure: "Rule | None" = None,
        result_is_failure: Callable[[Any], object] | None = None,
        fallback: Any = None,
        deadline: "Seconds | Deadline | None" = None,
        critical: bool | None = None,
        idempotent: bool | None = None,
        costs: Any = None,
    ) -> Callable[[F], F]: ...
    def protect(
        self,
        fn: Any = None,
        /,
        *,
        on: "Rule | None" = None,
        ignore: "Rule | None" = None,
        failure: "Rule | None" = None,
        result_is_failure: Callable[[Any], object] | None = None,
        fallback: Any = None,
        deadline: "Seconds | Deadline | None" = None,
        critical: bool | None = None,
        idempotent: bool | None = None,
        costs: Any = None,
    ) -> Any:
        """Decorates a function, a method or an async function: each of its calls goes through the policy.

        A parameter `attempt`, if there is one, is filled in. Generators are refused with `TypeError`, because they work
        while somebody iterates and not when they are called.
        """

        def decorate(fn: F) -> F:
            passing = NAMED if callable(fn) and wants(fn, 0) == NAMED else NOTHING

            def around(fn: F) -> Callable[..., Any]:
                asked = Asked(
                    self, on, ignore, failure, fallback, deadline, critical, idempotent, costs, False, result_is_failure
                )

                def protected(*args: Any, **kwargs: Any) -> Any:
                    return blocking.run(self, fn, args, kwargs, asked, False, passing)

                return protected

            def around_async(fn: F) -> Callable[..., Any]:
                asked = Asked(
                    self, on, ignore, failure, fallback, deadline, critical, idempotent, costs, True, result_is_failure
                )

                async def protected(*args: Any, **kwargs: Any) -> Any:
                    return await asynchronous.run(self, fn, args, kwargs, asked, False, passing)

                return protected

            return protect(fn, around, around_async, "dependency.permit()")

        return decorate if fn is None else decorate(fn)

    def attempts(
        self,
        *,
        on: "Rule | None" = None,
        ignore: "Rule | None" = None,
        failure: "Rule | None" = None,
        deadline: "Seconds | Deadline | None" = None,
        critical: bool | None = None,
        idempotent: bool | None = None,
        costs: Any = None,
    ) -> Attempts:
        """The attempts of one call as a loop: `for attempt in dependency.attempts(): with attempt: ...`, or with `async`."""
        return Attempts(self, Asked(self, on, ignore, failure, None, deadline, critical, idempotent, costs))

    def permit(
        self,
        *,
        on: "Rule | None" = None,
        ignore: "Rule | None" = None,
        failure: "Rule | None" = None,
        deadline: "Seconds | Deadline | None" = None,
        critical: bool | None = None,
        costs: Any = None,
    ) -> Permit:
        """One attempt as a block: `with dependency.permit() as attempt: ...`, or with `async`. There is no further one."""
        return Permit(self, Asked(self, on, ignore, failure, None, deadline, critical, None, costs))

    def executor(self) -> "DependencyExecutor":
        """A bounded thread pool bound to the bulkhead, which can abandon a stuck call. Keep it; each has its own threads.

        Raises `ConfigError` when the policy has no bulkhead.
        """
        from .executor import DependencyExecutor

        return DependencyExecutor(self)

    @property
    def policy(self) -> PolicyFacts:
        """What the policy in force says."""
        facts = self._facts()
        for field in ("timeout", "connect_timeout", "deadline"):
            if facts[field] is not None:
                facts[field] /= SECOND
        return PolicyFacts(**facts, rate_limits=tuple(self._limits), toml=self._toml)

    def snapshot(self) -> DependencySnapshot:
        """A look at everything, changing nothing. Some microseconds."""
        return of(self.name, self._look(), self._hooks.failures)

    def on_event(self, hook: Hook) -> Callable[[], None]:
        """Calls `hook(event)` with everything that happens here from now on; what it returns ends that.

        On the thread or task where it happened, after the new state is visible. What a hook raises is swallowed and
        counted in `snapshot().hook_failures`.
        """
        return self._hooks.add(hook)

    def force_open(self) -> bool:
        """Refuses every call until `reset`. False when it did so already."""
        return self._changed(self._force_open())

    def disable(self) -> bool:
        """Lets the breaker admit every call and record nothing until `reset`. False when it did so already."""
        return self._changed(self._disable())

    def reset(self) -> None:
        """Closes the breaker with an empty window."""
        self._changed(self._reset())

    def adjust(self, limit: str, tokens: int) -> None:
        """Corrects a cost after the fact: takes so many tokens more of a rate limit, or gives back when negative."""
        names = self._limits
        if limit not in names:
            raise ArgumentError("limit", limit, "a rate limit of this dependency: " + (", ".join(names) or "it has none"))
        if isinstance(tokens, bool) or not isinstance(tokens, int) or not -(1 << 63) <= tokens < 1 << 63:
            raise ArgumentError("tokens", tokens, "a whole number of 64 bits")
        self._adjust(names.index(limit), tokens)

    def __repr__(self) -> str:
        return f"<seawall.Dependency {self.name}>"

    def _changed(self, change: tuple[str, str] | None) -> bool:
        if change is not None:
            self._tell("state_change", from_state=change[0], to_state=change[1])
        return change is not None

    def _tell(self, kind: Kind, **facts: Any) -> None:
        hooks, wall_hooks = self._hooks, self._wall_hooks
        is_loud = is_logged(kind)
        if not (is_loud or hooks.hooks or wall_hooks.hooks):
            return
        event = Event(kind, self.name, self._now() / SECOND, **facts)
        hooks.tell(event)
        wall_hooks.tell(event)
        if is_loud:
            log(event)

    def _chain(self, fallback: Any, may_await: bool) -> Chain:
        if self._forbids_fallback:
            raise ConfigError("fallback", fallback, f"allowed: the policy of {self.name} forbids one")
        return Chain(fallback, may_await)

    def _exceeds(self, cost: int, burst: int) -> Exception:
        return ExceedsCapacity(cost, burst)

    def _after_fork(self) -> None:
        # The lock of the queue may have been held, and the waiters are threads and tasks of the parent.
        self._queue = Queue()
        self._forked()
