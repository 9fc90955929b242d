"""A thread pool bound to the bulkhead of a dependency, for work that cannot be stopped.

A thread cannot be cancelled. So the caller of a stuck call goes on at the end of its time, and the place of the
bulkhead stays with the thread until the work has really ended: stuck work can take all places, and never more.
"""

import contextvars
import threading
from collections import deque
from collections.abc import Callable
from types import CoroutineType, TracebackType
from typing import TYPE_CHECKING, Any, TypeVar

from .deadline import CURRENT, Deadline
from .drive import FINISH, RUN, SLEEP, Asked, Drive, keys_of
from .errors import CallbackError, ConfigError, ResultFailure, SeawallError
from .forking import remember
from .settings import OUTCOMES, SECOND, Seconds
from .shape import FIRST, NAMED, checked, wants
from .waiting import sleep_in_thread, wait_in_thread

if TYPE_CHECKING:
    from concurrent.futures import Future

    from typing_extensions import Self

    from ._native import Place
    from .dependency import Dependency

T = TypeVar("T")

__all__ = ["DependencyExecutor"]

_IDLE = 10.0
_NAMES = {number: name for name, number in OUTCOMES.items()}


class _Pool:
    """Threads that are made when needed and end when idle. Bounded by the bulkhead, whose places its work holds."""

    def __init__(self, name: str) -> None:
        self._name = name
        self.is_shut = False
        self._after_fork()
        remember(self)

    def _after_fork(self) -> None:
        # No thread of the parent exists in the child, and the lock may have been held.
        self._lock = threading.Lock()
        self._work: deque[Callable[[], None]] = deque()
        self._has_work = threading.Condition(self._lock)
        self._idle = 0
        self._threads = 0

    @property
    def threads(self) -> int:
        return self._threads

    def run(self, work: Callable[[], None]) -> None:
        with self._lock:
            if self.is_shut:
                raise SeawallError(f"{self._name}: the executor was shut down")
            self._work.append(work)
            if self._idle >= len(self._work):
                self._has_work.notify()
                return
            self._threads += 1
        thread = threading.Thread(target=self._live, name=f"seawall-{self._name}", daemon=True)
        try:
            thread.start()
        except BaseException:
            with self._lock:
                self._threads -= 1
                if work in self._work:
                    self._work.remove(work)
            raise

    def _live(self) -> None:
        while True:
            with self._lock:
                self._idle += 1
                while not self._work and not self.is_shut:
                    if not self._has_work.wait(_IDLE):
                        break
                self._idle -= 1
                if not self._work:
                    self._threads -= 1
                    self._has_work.notify_all()
                    return
                work = self._work.popleft()
            work()
            del work

    def shut(self, wait: bool) -> None:
        with self._lock:
            self.is_shut = True
            self._has_work.notify_all()
            while wait and self._threads:
                self._has_work.wait()


class _Task:
    """One attempt on its way through a thread."""

    __slots__ = ("_done", "_lock", "error", "is_abandoned", "place", "value")

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._done = threading.Event()
        self.value: Any = None
        self.error: BaseException | None = None
        self.is_abandoned = False
        self.place: Place | None = None

    def wait(self, seconds: float) -> bool:
        return self._done.wait(min(seconds, threading.TIMEOUT_MAX))

    def finish(self, value: Any, error: BaseException | None) -> bool:
        """In the thread. False when nobody waits for the result any more."""
        with self._lock:
            if self.is_abandoned:
                return False
            self.value, self.error = value, error
            self._done.set()
            return True

    def abandon(self, drive: Drive) -> bool:
        """By the caller. False when the result has come at the last moment."""
        with self._lock:
            if self._done.is_set():
                return False
            self.is_abandoned = True
            self.place = drive.call.keep()
            return True


class DependencyExecutor:
    """A bounded thread pool bound to the bulkhead of a dependency. Made by `dependency.executor()`.

    ```python
    executor = dependency.executor()
    report = executor.call(render, order)               # at most `timeout` per attempt, whatever render() does
    future = executor.submit(render, order)             # a concurrent.futures.Future
    ```

    Each attempt runs in a thread of the pool. At the end of its time the caller gets `AttemptTimeout`, or the next
    attempt begins, while the abandoned thread keeps its place of the bulkhead until it really ends; what it returns then
    is told as a `late_result` event. So there are never more threads at work than the bulkhead has places. Context
    variables of the caller are seen in the thread. A call costs a hand-over to another thread and back, about 20 us.
    """

    def __init__(self, dependency: "Dependency") -> None:
        if dependency._facts()["max_concurrent"] is None:
            raise ConfigError("bulkhead", None, "given; an executor needs one to be bounded by")
        self._dependency = dependency
        self._pool = _Pool(dependency.name)

    @property
    def threads(self) -> int:
        """How many threads there are now, idle ones included; each ends after ten seconds without work."""
        return self._pool.threads

    def call(
        self,
        fn: Callable[..., T],
        /,
        *args: Any,
        on: Any = None,
        ignore: Any = None,
        failure: Any = None,
        result_is_failure: Callable[[Any], object] | None = None,
        fallback: Any = None,
        deadline: "Seconds | Deadline | None" = None,
        timeout: Seconds | None = None,
        critical: bool | None = None,
        idempotent: bool | None = None,
        costs: Any = None,
    ) -> T:
        """Calls `fn(*args)` in a thread of the pool and waits for it, as `dependency.call` does.

        `timeout`: seconds for the whole call, the nearer of it and `deadline` counts.
        """
        nearer = _nearer(self, deadline, timeout)
        asked = Asked(
            self._dependency, on, ignore, failure, fallback, nearer, critical, idempotent, costs, False, result_is_failure
        )
        checked(fn, "fn", False)
        drive = Drive(self._dependency, asked, keys_of(asked, args, {}))
        result: T = self._drive(drive, fn, args)
        return result

    def submit(
        self,
        fn: Callable[..., T],
        /,
        *args: Any,
        on: Any = None,
        ignore: Any = None,
        failure: Any = None,
        result_is_failure: Callable[[Any], object] | None = None,
        fallback: Any = None,
        deadline: "Seconds | Deadline | None" = None,
        timeout: Seconds | None = None,
        critical: bool | None = None,
        idempotent: bool | None = None,
        costs: Any = None,
    ) -> "Future[T]":
        """Begins the call at once and returns its future; a refusal is its exception.

        A second thread of the pool drives the call. It is under way when this returns, so it cannot be cancelled.
        """
        from concurrent.futures import Future

        nearer = _nearer(self, deadline, timeout)
        asked = Asked(
            self._dependency, on, ignore, failure, fallback, nearer, critical, idempotent, costs, False, result_is_failure
        )
        checked(fn, "fn", False)
        drive = Drive(self._dependency, asked, keys_of(asked, args, {}))
        future: Future[T] = Future()
        future.set_running_or_notify_cancel()
        context = contextvars.copy_context()

        def work() -> None:
            try:
                value = context.run(self._drive, drive, fn, args)
            except BaseException as error:
                future.set_exception(error)
            else:
                future.set_result(value)

        if drive.call.kind == FINISH:
            work()
        else:
            try:
                self._pool.run(work)
            except BaseException:
                drive.give_up()
                raise
        return future

    def shutdown(self, wait: bool = True) -> None:
        """Takes no more work, and waits until what there is has ended, stuck work included, unless told not to."""
        self._pool.shut(wait)

    def __enter__(self) -> "Self":
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.shutdown(wait=False)

    def _drive(self, drive: Drive, fn: Any, args: tuple[Any, ...]) -> Any:
        call, asked = drive.call, drive.asked
        passing = wants(fn, len(args))
        last: BaseException | None = None
        try:
            kind = drive.began()
            while kind != FINISH:
                if kind == RUN:
                    task = self._start(drive, fn, args, passing)
                    try:
                        is_over = not task.wait(call.span_ns / SECOND) and task.abandon(drive)
                    except BaseException:
                        task.abandon(drive)  # interrupted; the thread goes on, and so its place is held
                        raise
                    if is_over:
                        kind = drive.timed_out(None)
                    elif task.error is not None:
                        kind = drive.failed(task.error)
                        task.error = None
                    else:
                        kind = drive.returned(task.value)
                        if kind == FINISH and drive.error is None:
                            drive.keep(task.value)
                            return task.value
                elif kind == SLEEP:
                    sleep_in_thread(drive, call.span_ns)
                    kind = drive.woke()
                else:
                    kind = wait_in_thread(drive)
            last = drive.ending()
            if not drive.may_serve():
                return drive.unserved(last, False)
            assert asked is not None and asked.chain is not None
            try:
                value, number = asked.chain.serve(drive, last)
            except ResultFailure as unserved:
                if unserved is not last:
                    raise
                return drive.unserved(last, False)
            drive.served(value, number, last)
            return value
        finally:
            drive.error = last = None
            if call.is_under_way:
                drive.give_up()

    def _start(self, drive: Drive, fn: Any, args: tuple[Any, ...], passing: int) -> _Task:
        task, dependency, call = _Task(), drive.dependency, drive.call
        until, number = call.until_ns, call.attempt
        attempt = drive.attempt() if passing else None
        context = contextvars.copy_context()
        inside: Any = context.run
        clock = dependency._clock
        inside(CURRENT.set, until if clock is None else Deadline._made(until, False, clock))

        def work() -> None:
            value, error = None, None
            try:
                if dependency._script is not None:
                    dependency._script.strike(drive)
                if passing == NAMED:
                    value = inside(fn, *args, attempt=attempt)
                elif passing == FIRST:
                    value = inside(fn, *args, attempt)
                else:
                    value = inside(fn, *args)
                if type(value) is CoroutineType:
                    value.close()
                    raise CallbackError("fn", fn, "a function that returns its value: it is async, so await acall()")
            except BaseException as raised:
                error = raised
            if not task.finish(value, error):
                _came_late(dependency, task, number, drive, value, error)

        try:
            self._pool.run(work)
        except BaseException:
            drive.give_up()
            raise
        return task


def _came_late(
    dependency: "Dependency", task: _Task, number: int, drive: Drive, value: Any, error: BaseException | None
) -> None:
    """The abandoned work has ended: its place is free again."""
    if task.place is not None:
        task.place.release()
        dependency._queue.wake_first()
    outcome = "success"
    rules = drive.asked.rules if drive.asked is not None else None
    try:
        if error is not None:
            outcome = "failure" if rules is None else _NAMES[rules.classify(error)[0]]
        elif rules is not None and rules.judge is not None and rules.judge(value):
            outcome = "failure"
    except Exception:
        outcome = "ignored"
    dependency._count_late()
    dependency._tell("late_result", attempt=number, outcome=outcome)


def _nearer(
    executor: DependencyExecutor, deadline: "Seconds | Deadline | None", timeout: Seconds | None
) -> "Seconds | Deadline | None":
    if timeout is None or deadline is None:
        return deadline if timeout is None else timeout
    clock = executor._dependency._clock
    one = deadline if isinstance(deadline, Deadline) else Deadline(deadline, clock=clock)
    return one.nearer(Deadline(timeout, clock=clock))


