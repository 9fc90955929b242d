"""A hundred thousand calls leave nothing behind."""

import asyncio
import gc
import itertools
import sys
import weakref

import pytest

from seawall import (
    Breaker,
    BreakerOpen,
    Bulkhead,
    BulkheadFull,
    BulkheadPolicy,
    LastGood,
    Limiter,
    Policy,
    RateLimited,
    RetryBudget,
    RetryPolicy,
    Seawall,
)
from seawall.testing import ManualClock


class Down(Exception):
    pass


def fails():
    raise Down


def grown(work, times):
    """How many blocks of memory more there are after `work` was done so many times, in the better of two rounds.

    What is really lost is lost in both; caches, and timers that a loop throws away by the hundred, are not.
    """
    for _ in range(times // 10 + 50):  # caches and free lists fill up first
        work()
    rounds = []
    for _ in range(2):
        gc.collect()
        before = sys.getallocatedblocks()
        for _ in range(times // 2):
            work()
        gc.collect()
        rounds.append(sys.getallocatedblocks() - before)
    return min(rounds)


def success():
    breaker, bulkhead, limiter, budget = objects
    with breaker.permit(), bulkhead.acquire():
        limiter.try_acquire()
        breaker.call(int)
        budget.deposit()
        budget.try_withdraw().record("success")


def failure():
    breaker, bulkhead, limiter, _ = objects
    for attempt, error in ((lambda: breaker.call(fails), Down), (shut.permit, BreakerOpen), (full.try_acquire, BulkheadFull), (empty.try_acquire, RateLimited)):
        try:
            attempt()
        except error:
            pass


wall = Seawall()
dependency = wall.define("d", Policy(5.0, breaker="off", retry=RetryPolicy(attempts=2, base=0), bulkhead=BulkheadPolicy()))
refusing = wall.define("refusing", Policy(5.0))
refusing.force_open()
store = LastGood(60, max_entries=10)
numbers = itertools.count()


def whole_calls():
    dependency.call(int)
    dependency.call(lambda attempt: attempt.idempotency_key)
    dependency.call(next, numbers, fallback=store)
    for form in (lambda: dependency.call(fails), lambda: dependency.call(fails, on=Down), lambda: refusing.call(int)):
        try:
            form()
        except (Down, BreakerOpen):
            pass
    for attempt in dependency.attempts():
        with attempt:
            pass
    with dependency.permit():
        pass


objects = (
    Breaker(consecutive_failures=0, failure_rate=0),
    Bulkhead(5),
    Limiter(10**9),
    RetryBudget(ratio=2.0),
)
shut, full, empty = Breaker(), Bulkhead(1), Limiter("1/day", burst=1)
shut.force_open()
held = full.try_acquire()
empty.try_acquire()


@pytest.mark.skipif(not hasattr(sys, "getallocatedblocks"), reason="only CPython counts its blocks")
@pytest.mark.parametrize(("work", "times"), [(success, 100_000), (failure, 25_000), (whole_calls, 10_000)])
def test_calls_leave_nothing_behind(work, times):
    assert grown(work, times) < 200


@pytest.mark.skipif(not hasattr(sys, "getallocatedblocks"), reason="only CPython counts its blocks")
def test_waits_leave_nothing_behind():
    async def wait():
        bulkhead = Bulkhead(1)

        @bulkhead
        async def work():
            await asyncio.sleep(0)

        bulkhead.reconfigure(max_wait=30)
        await asyncio.gather(*(work() for _ in range(5)))
        task = asyncio.create_task(work())
        with bulkhead.acquire():
            await asyncio.sleep(0)
            task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    with asyncio.Runner() if hasattr(asyncio, "Runner") else _Loop() as runner:
        assert grown(lambda: runner.run(wait()), 2_000) < 200


class _Loop:
    def __enter__(self):
        self.loop = asyncio.new_event_loop()
        return self

    def __exit__(self, *_):
        self.loop.close()

    def run(self, task):
        return self.loop.run_until_complete(task)


def test_objects_in_cycles_are_collected():
    class Owner:
        def __init__(self):
            self.clock = ManualClock()
            self.breaker = Breaker(clock=self.now, on=self.rule, on_transition=self.told, result_is_failure=self.judge)
            self.bulkhead = Bulkhead(1, clock=self.now)
            self.permit = self.breaker.permit()
            self.place = self.bulkhead.try_acquire()

        def now(self):
            return self.clock()

        def rule(self, error):
            return True

        judge = rule

        def told(self, *change):
            pass

    watched = weakref.ref(Owner())
    gc.collect()
    assert watched() is None


def test_reference_counts_stay():
    breaker, argument, result = Breaker(), object(), object()
    before = [sys.getrefcount(one) for one in (breaker, argument, result)]
    for _ in range(1_000):
        breaker.call(lambda *args, **kwargs: result, argument, key=argument)
        with breaker.permit():
            pass
    assert [sys.getrefcount(one) for one in (breaker, argument, result)] == before


@pytest.mark.skipif(not hasattr(sys, "getallocatedblocks"), reason="only CPython counts its blocks")
def test_whole_calls_of_asyncio_leave_nothing_behind():
    async def fn():
        await asyncio.sleep(0)

    async def stuck():
        await asyncio.sleep(60)

    async def work():
        await dependency.acall(fn)
        task = asyncio.ensure_future(dependency.acall(stuck))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    with asyncio.Runner() if hasattr(asyncio, "Runner") else _Loop() as runner:
        assert grown(lambda: runner.run(work()), 4_000) < 200
    assert dependency.snapshot().bulkhead.in_use == 0
