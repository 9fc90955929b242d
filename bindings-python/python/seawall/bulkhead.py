"""Bulkhead: a fixed number of permits, so that one slow dependency cannot hold every worker."""

import threading
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any, NamedTuple, ParamSpec, TypeVar

from . import _native
from ._native import BulkheadPermit
from .clock import CallLater, Clock, Timer, call_later_of, checked
from .errors import BulkheadFull, refusal
from .forking import remember
from .protect import protect
from .settings import (
    COUNT,
    MOST,
    SECOND,
    SECONDS,
    Fields,
    Mode,
    Named,
    Seconds,
    apply,
    checked_name,
    nanoseconds,
    present,
    span,
)

if TYPE_CHECKING:
    import asyncio

    from typing_extensions import Self

__all__ = ["Acquire", "Bulkhead", "BulkheadSnapshot"]

P = ParamSpec("P")
R = TypeVar("R")
F = TypeVar("F", bound=Callable[..., Any])

_FIELDS: Fields = {
    "capacity": ("capacity", COUNT),
    "max_concurrent": ("max_concurrent", COUNT),
    "reserved": ("reserved", COUNT),
    "max_waiting": ("max_waiting", COUNT),
    "max_wait": ("max_wait_ns", SECONDS),
}

_WAIT_TIMEOUT = 22


class BulkheadSnapshot(NamedTuple):
    """What a bulkhead looked like at one moment. Counters only grow."""

    name: str | None
    limit: int
    reserved: int
    in_use: int
    waiting: int
    rejected: int
    """Callers turned away, ever; a caller that waited and then got a permit is none."""
    shadow_refused: int
    stale: int
    """Releases that came twice, ever."""
    longest_hold: float
    """Seconds that the oldest permit has been held, to about a millisecond."""


class Bulkhead(Named, _native.Bulkhead):
    """A bulkhead: at most `max_concurrent` calls at once, whatever the interleaving.

    ```python
    bulkhead = Bulkhead(20, name="payments")

    with bulkhead.acquire():                        # threads; raises BulkheadFull
        charge(order)

    async with bulkhead.acquire(max_wait=0.5):      # asyncio; waits up to half a second, first come first served
        await charge(order)

    @bulkhead                                       # sync and async functions alike
    def charge(order): ...
    ```

    | setting | range | default | meaning |
    |---|---|---|---|
    | max_concurrent | 1..=capacity | 20 | permits in all |
    | reserved | 0..max_concurrent | 0 | permits that only `critical` callers may take |
    | max_wait | seconds | 0 | how long `acquire` and the decorator wait if not told otherwise; 0: refuse at once |
    | max_waiting | 0..=1,000,000 | 1,000 | callers that may wait at the same time; beyond it they are refused at once |
    | capacity | 1..=4,096 | 256, or twice max_concurrent | how far `resize` may go; fixed, 8 bytes each |
    | mode | | "enforce" | "shadow" counts and never refuses, "off" does nothing |

    Those who wait are served first come first served, critical ones before others, across threads and event loops of
    the process. Whoever does not wait may get in between. A waiter that gives up or is cancelled leaves no trace. An event
    loop is never blocked by `async with`; do not use the plain `with` and a wait on a loop's own thread.

    A permit lives until the work really ends: a timeout that abandons running work does not free it. Threads may share a
    bulkhead freely; without waiters no lock is taken. A forked child begins with all permits free.
    """

    __slots__ = ("__weakref__", "_call_later", "_critical", "_lock", "_max_wait", "_name", "_ordinary")

    def __new__(
        cls,
        max_concurrent: int = 20,
        *,
        reserved: int = 0,
        max_wait: Seconds = 0,
        max_waiting: int = 1_000,
        capacity: int | None = None,
        mode: Mode = "enforce",
        name: str | None = None,
        clock: Clock | None = None,
    ) -> "Self":
        name = checked_name(name)
        clock = checked(clock)
        given = {
            "max_concurrent": max_concurrent,
            "reserved": reserved,
            "max_waiting": max_waiting,
            "max_wait": max_wait,
            "capacity": _capacity_for(max_concurrent) if capacity is None else capacity,
            "mode": mode,
        }
        make = super().__new__
        self: Self = apply(_FIELDS, given, lambda numbers: make(cls, numbers.pop("capacity"), numbers, clock))
        self._name = name
        self._max_wait = nanoseconds(max_wait) or 0
        self._call_later = call_later_of(clock)
        # Re-entrant, because a permit may be dropped, and so released, by garbage collection at any moment.
        self._lock = threading.RLock()
        self._critical = OrderedDict()
        self._ordinary = OrderedDict()
        remember(self)
        return self

    _name: str | None
    _max_wait: int
    _call_later: CallLater | None
    _lock: "threading.RLock"
    _critical: "OrderedDict[_Waiter, None]"
    _ordinary: "OrderedDict[_Waiter, None]"

    def acquire(self, *, max_wait: Seconds | None = None, critical: bool = False) -> "Acquire":
        """A permit for the length of a `with` block, or of an `async with` block in asyncio.

        Waits up to `max_wait` (seconds; math.inf for as long as it takes; by default the bulkhead's own) and then raises
        `BulkheadFull`. `critical` callers may also take reserved permits.
        """
        return Acquire(self, critical, self._max_wait if max_wait is None else span("max_wait", max_wait))

    def __call__(self, fn: F, /) -> F:
        """Decorates a function, a method or an async function: each of its calls holds a permit.

        Generators are refused with `TypeError`, because they work while somebody iterates and not when they are called.
        """
        return protect(fn, self._around, self._around_async, "bulkhead.acquire()")

    def _around(self, fn: Callable[..., Any]) -> Callable[..., Any]:
        def protected(*args: Any, **kwargs: Any) -> Any:
            with self._take(False, self._max_wait):
                return fn(*args, **kwargs)

        return protected

    def _around_async(self, fn: Callable[..., Any]) -> Callable[..., Any]:
        async def protected(*args: Any, **kwargs: Any) -> Any:
            with await self._take_async(False, self._max_wait):
                return await fn(*args, **kwargs)

        return protected

    def call(self, fn: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Calls `fn(*args, **kwargs)` while holding a permit. What it raises passes through unchanged."""
        with self._take(False, self._max_wait):
            return fn(*args, **kwargs)

    async def call_async(self, fn: Callable[P, Awaitable[R]], /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Awaits `fn(*args, **kwargs)` while holding a permit. What it raises passes through unchanged."""
        with await self._take_async(False, self._max_wait):
            return await fn(*args, **kwargs)

    def resize(self, max_concurrent: int, *, reserved: int = 0) -> None:
        """Changes limit and reserve, while calls go on.

        Never blocks and takes no permit away: after a shrink new permits wait until the holders are below the new limit.
        """
        given = {"max_concurrent": max_concurrent, "reserved": reserved}
        apply(_FIELDS, given, lambda numbers: self._resize(numbers["max_concurrent"], numbers["reserved"]))

    def reconfigure(
        self,
        *,
        max_concurrent: int | None = None,
        reserved: int | None = None,
        max_wait: Seconds | None = None,
        max_waiting: int | None = None,
        mode: Mode | None = None,
    ) -> None:
        """Changes the settings that are given; holders and waiters stay. On `ConfigError` nothing has changed."""
        given = {
            "max_concurrent": max_concurrent,
            "reserved": reserved,
            "max_waiting": max_waiting,
            "max_wait": max_wait,
            "mode": mode,
        }
        apply(_FIELDS, present(given), self._reconfigure)
        if max_wait is not None:
            self._max_wait = nanoseconds(max_wait) or 0

    def snapshot(self) -> BulkheadSnapshot:
        """A look at everything, changing nothing. Walks all cells: a microsecond or so."""
        limit, reserved, in_use, waiting, rejected, shadow_refused, stale, hold = self._look()
        return BulkheadSnapshot(
            self._name, limit, reserved, in_use, waiting, rejected, shadow_refused, stale, hold / SECOND
        )

    # Waiting. Each waiter is in one queue until, under the lock, exactly one of three things happens: it is given a
    # permit, it gives up, or it turns out to be gone.

    def _take(self, critical: bool, max_wait: int) -> BulkheadPermit:
        if not max_wait:
            return self.try_acquire(critical=critical)
        permit = self._at_once(critical)
        if permit is not None:
            return permit
        waiter = _ThreadWaiter(critical)
        self._join(waiter)
        timer = None
        try:
            if max_wait < MOST and self._call_later is not None:
                timer = self._call_later(max_wait, waiter.wake)
                waiter.wait(None)
            else:
                waiter.wait(max_wait / SECOND if max_wait < MOST else None)
        except BaseException:
            self._leave(waiter)
            raise
        finally:
            if timer is not None:
                timer.cancel()
        return self._settle(waiter, max_wait)

    async def _take_async(self, critical: bool, max_wait: int) -> BulkheadPermit:
        if not max_wait:
            return self.try_acquire(critical=critical)
        permit = self._at_once(critical)
        if permit is not None:
            return permit
        import asyncio

        loop = asyncio.get_running_loop()
        waiter = _TaskWaiter(critical, loop)
        self._join(waiter)
        timer: Timer | None = None
        try:
            if max_wait < MOST:
                if self._call_later is not None:
                    timer = self._call_later(max_wait, waiter.wake)
                else:
                    timer = loop.call_later(max_wait / SECOND, waiter.finish)
            await waiter.future
        except BaseException:
            self._leave(waiter)
            raise
        finally:
            if timer is not None:
                timer.cancel()
        return self._settle(waiter, max_wait)

    def _at_once(self, critical: bool) -> BulkheadPermit | None:
        """A permit if there is one and nobody waits for it."""
        if self._critical or (self._ordinary and not critical):
            return None
        return self._attempt(critical)

    def _join(self, waiter: "_Waiter") -> None:
        status = self._begin_wait()
        if status:
            # Turned away, unless a permit has come back at the last moment; counted if not.
            try:
                waiter.permit = self.try_acquire(critical=waiter.critical)
            except BulkheadFull:
                raise refusal(status, self._name, 0) from None
            waiter.wake()
            return
        with self._lock:
            (self._critical if waiter.critical else self._ordinary)[waiter] = None
            # A permit may have come back before we were in the queue.
            self._grant()

    def _grant(self) -> None:
        """Gives free permits to those who have waited longest."""
        with self._lock:
            for queue, critical in ((self._critical, True), (self._ordinary, False)):
                while queue:
                    permit = self._attempt(critical)
                    if permit is None:
                        break
                    try:
                        waiter, _ = queue.popitem(last=False)
                    except KeyError:  # served by a release within the attempt
                        permit.release()
                        break
                    self._end_wait()
                    waiter.permit = permit
                    if not waiter.wake():
                        # Its event loop is closed: nobody will ever use the permit.
                        waiter.permit = None
                        permit.release()

    def _leave(self, waiter: "_Waiter") -> None:
        """The waiter was interrupted: it leaves the queue, or gives back what it was just given."""
        with self._lock:
            permit, waiter.permit = waiter.permit, None
            self._remove(waiter)
        if permit is not None:
            permit.release()

    def _settle(self, waiter: "_Waiter", max_wait: int) -> BulkheadPermit:
        """What the waiter got. At the end of its time it may look once more, and is counted if that is in vain."""
        with self._lock:
            permit = waiter.permit
            if permit is not None:
                return permit
            self._remove(waiter)
        try:
            return self.try_acquire(critical=waiter.critical)
        except BulkheadFull:
            raise refusal(_WAIT_TIMEOUT, self._name, 0) from None

    def _remove(self, waiter: "_Waiter") -> None:
        queue = self._critical if waiter.critical else self._ordinary
        if waiter in queue:
            del queue[waiter]
            self._end_wait()

    def _after_fork(self) -> None:
        # The lock may have been held, and the waiters are threads and tasks of the parent.
        self._lock = threading.RLock()
        self._critical = OrderedDict()
        self._ordinary = OrderedDict()
        self._forked()


def _capacity_for(max_concurrent: object) -> int:
    if isinstance(max_concurrent, int):
        return min(max(256, 2 * max_concurrent), 4_096)
    return 256


class Acquire:
    """What `Bulkhead.acquire` returns: a permit for the length of a `with` or an `async with` block. For one block."""

    __slots__ = ("_bulkhead", "_critical", "_max_wait", "_permit")

    def __init__(self, bulkhead: Bulkhead, critical: bool, max_wait: int) -> None:
        self._bulkhead = bulkhead
        self._critical = critical
        self._max_wait = max_wait
        self._permit: BulkheadPermit | None = None

    def __enter__(self) -> BulkheadPermit:
        if self._permit is not None:
            raise RuntimeError("each acquire() is for one block")
        permit = self._permit = self._bulkhead._take(self._critical, self._max_wait)
        return permit

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._permit is not None and not self._permit.is_released:
            self._permit.release()

    async def __aenter__(self) -> BulkheadPermit:
        if self._permit is not None:
            raise RuntimeError("each acquire() is for one block")
        permit = self._permit = await self._bulkhead._take_async(self._critical, self._max_wait)
        return permit

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.__exit__(exc_type, exc, traceback)


class _Waiter:
    __slots__ = ("critical", "permit")

    def __init__(self, critical: bool) -> None:
        self.critical = critical
        self.permit: BulkheadPermit | None = None

    def wake(self) -> bool:
        """Wakes the waiter, from any thread. False when it can never run again."""
        raise NotImplementedError


class _ThreadWaiter(_Waiter):
    __slots__ = ("_event",)

    def __init__(self, critical: bool) -> None:
        super().__init__(critical)
        self._event = threading.Event()

    def wake(self) -> bool:
        self._event.set()
        return True

    def wait(self, seconds: float | None) -> None:
        self._event.wait(None if seconds is None else min(seconds, threading.TIMEOUT_MAX))


class _TaskWaiter(_Waiter):
    __slots__ = ("_loop", "future")

    def __init__(self, critical: bool, loop: "asyncio.AbstractEventLoop") -> None:
        super().__init__(critical)
        self._loop = loop
        self.future: asyncio.Future[None] = loop.create_future()

    def wake(self) -> bool:
        try:
            self._loop.call_soon_threadsafe(self.finish)
        except RuntimeError:  # the loop is closed
            return False
        return True

    def finish(self) -> None:
        if not self.future.done():
            self.future.set_result(None)
