"""Waiting: for a place of a bulkhead, first come first served, and for time to pass.

One queue for each dependency, for its threads and its tasks together. Only the first in the queue asks for a place:
when it is woken, and every 10 ms in any case, because what other processes give back wakes nobody here.
"""

import threading
from collections import OrderedDict
from typing import TYPE_CHECKING

from .settings import MOST, SECOND

if TYPE_CHECKING:
    import asyncio

    from .drive import Drive

TICK = 10_000_000
WAIT = 3


class Waiter:
    """One place in the queue."""

    __slots__ = ()

    def wake(self) -> bool:
        """A place may have come free. From any thread. False when it can never run again."""
        raise NotImplementedError


class Queue:
    """Who waits, in the order of coming."""

    __slots__ = ("_lock", "waiters")

    def __init__(self) -> None:
        # Re-entrant, because garbage collection may give a place back at any moment.
        self._lock = threading.RLock()
        self.waiters: OrderedDict[Waiter, None] = OrderedDict()

    def join(self, waiter: Waiter) -> None:
        with self._lock:
            self.waiters[waiter] = None

    def leave(self, waiter: Waiter) -> None:
        """Leaves without a trace, and hands on a wake-up that may have been meant for this one."""
        with self._lock:
            self.waiters.pop(waiter, None)
        self.wake_first()

    def is_first(self, waiter: Waiter) -> bool:
        with self._lock:
            return next(iter(self.waiters), None) is waiter

    def wake_first(self) -> None:
        while True:
            with self._lock:
                first = next(iter(self.waiters), None)
            if first is None or first.wake():
                return
            # Its event loop is closed: it will never run again, and must not hold up the others.
            with self._lock:
                self.waiters.pop(first, None)


class ThreadWaiter(Waiter):
    """A thread in the queue."""

    __slots__ = ("_event",)

    def __init__(self) -> None:
        self._event = threading.Event()

    def wake(self) -> bool:
        self._event.set()
        return True

    def nap(self, nanoseconds: int) -> None:
        self._event.wait(min(nanoseconds / SECOND, threading.TIMEOUT_MAX))
        self._event.clear()


class TaskWaiter(Waiter):
    """A task in the queue."""

    __slots__ = ("_future", "_is_woken", "_loop")

    def __init__(self, loop: "asyncio.AbstractEventLoop") -> None:
        self._loop = loop
        self._future: asyncio.Future[None] | None = None
        self._is_woken = False

    def wake(self) -> bool:
        self._is_woken = True
        try:
            self._loop.call_soon_threadsafe(self._finish)
        except RuntimeError:  # the loop is closed
            return False
        return True

    def _finish(self) -> None:
        if self._future is not None and not self._future.done():
            self._future.set_result(None)

    async def nap(self, nanoseconds: int) -> None:
        if not self._is_woken:
            self._future = self._loop.create_future()
            timer = self._loop.call_later(nanoseconds / SECOND, self._finish)
            try:
                if not self._is_woken:
                    await self._future
            finally:
                timer.cancel()
                self._future = None
        self._is_woken = False


def _nap_of(drive: "Drive", now: int, until: int, is_first: bool) -> int:
    # A clock of a test's own says nothing about how long that is for a thread.
    if drive.dependency._clock is not None:
        return TICK
    left = max(until - now, 1)
    return min(left, TICK) if is_first else left


def wait_in_thread(drive: "Drive") -> int:
    """Waits for a place; the next action."""
    queue, call = drive.dependency._queue, drive.call
    waiter = ThreadWaiter()
    queue.join(waiter)
    try:
        skip(drive)
        while True:
            now, is_first = call.now_ns(), queue.is_first(waiter)
            if is_first or now >= call.until_ns:
                kind = drive.woke()
                if kind != WAIT:
                    return kind
            waiter.nap(_nap_of(drive, now, call.until_ns, is_first))
    finally:
        queue.leave(waiter)


async def wait_in_task(drive: "Drive") -> int:
    """The same, without holding up the event loop."""
    import asyncio

    queue, call = drive.dependency._queue, drive.call
    waiter = TaskWaiter(asyncio.get_running_loop())
    queue.join(waiter)
    try:
        skip(drive)
        while True:
            now, is_first = call.now_ns(), queue.is_first(waiter)
            if is_first or now >= call.until_ns:
                kind = drive.woke()
                if kind != WAIT:
                    return kind
            await waiter.nap(_nap_of(drive, now, call.until_ns, is_first))
    finally:
        queue.leave(waiter)


def skip(drive: "Drive") -> bool:
    """Where a test wants no waiting: moves its clock on instead."""
    script = drive.dependency._script
    return script is not None and script.skip(drive.call.span_ns)


def sleep_in_thread(drive: "Drive", nanoseconds: int) -> None:
    """Lets so much time of the wall's clock pass."""
    import time

    script = drive.dependency._script
    if script is not None and script.skip(nanoseconds):
        return
    call_later = drive.dependency._call_later
    if call_later is None:
        time.sleep(nanoseconds / SECOND)
        return
    event = threading.Event()
    timer = call_later(nanoseconds, event.set)
    try:
        event.wait()
    finally:
        timer.cancel()


async def sleep_in_task(drive: "Drive", nanoseconds: int) -> None:
    """The same in asyncio."""
    import asyncio

    script = drive.dependency._script
    if script is not None and script.skip(nanoseconds):
        return
    call_later = drive.dependency._call_later
    if call_later is None:
        await asyncio.sleep(min(nanoseconds, MOST) / SECOND)
        return
    waiter = TaskWaiter(asyncio.get_running_loop())
    timer = call_later(nanoseconds, waiter.wake)
    try:
        await waiter.nap(86_400 * SECOND)
    finally:
        timer.cancel()

