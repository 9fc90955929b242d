"""Calls in asyncio: timeouts, waits that hold up nobody, and cancellation that leaves nothing behind."""

import asyncio
import gc
import threading
import time

import pytest

import seawall
from seawall import BreakerPolicy, BulkheadPolicy, RatePolicy, RetryPolicy, attempts_of
from seawall.testing import inject, no_waiting
from walls import PLENTY, THREE, events_of, in_use, made, real


class Down(ConnectionError):
    pass


async def answer():
    return 42


async def test_an_async_function_is_called_as_the_policy_says():
    d = made(retry=THREE)

    async def fn(attempt):
        if attempt.number < 3:
            raise Down
        return attempt.number

    with no_waiting(d):
        assert await d.acall(answer) == 42
        assert await d.acall(fn) == 3
        outcome = await d.acall_detailed(fn)
        assert (outcome.value, outcome.attempts) == (3, 3)

    @d.protect
    async def get(url, attempt):
        return url, attempt.number

    assert await get("u") == ("u", 1)


async def test_an_attempt_is_cancelled_at_the_end_of_its_time():
    d = real(0.02, retry=RetryPolicy(attempts=2, base=0.001))
    seen, cleaned = events_of(d), []

    async def stuck():
        try:
            await asyncio.sleep(60)
        finally:
            cleaned.append(True)

    with pytest.raises(seawall.AttemptTimeout) as caught:
        await d.acall(stuck)
    assert isinstance(caught.value, TimeoutError) and caught.value.timeout == 0.02
    assert attempts_of(caught.value) == ("d", 2, "attempts_used")
    assert cleaned == [True, True] and d.snapshot().counts.timeouts == 2
    assert [event.kind for event in seen] == ["retry"]
    assert len(asyncio.all_tasks()) == 1


async def test_a_timeout_of_the_function_is_its_own():
    d = made(5.0)

    async def fn():
        raise TimeoutError("mine")

    with pytest.raises(TimeoutError, match="mine") as caught:
        await d.acall(fn)
    assert not isinstance(caught.value, seawall.AttemptTimeout)


async def test_what_is_not_awaitable_is_refused():
    d = made(bulkhead=BulkheadPolicy(max_concurrent=1))
    with pytest.raises(seawall.CallbackError, match="awaitable"):
        await d.acall(int)
    with pytest.raises(seawall.CallbackError):
        await d.acall(None)

    async def numbers():
        yield 1

    with pytest.raises(seawall.CallbackError, match="generator"):
        await d.acall(numbers)
    assert in_use(d) == 0


async def steps_of(make, most=200):
    """Cancels `make()` after 0, 1, 2... turns of the loop, until it gets to its end; how many points there were."""
    for turns in range(most):
        task = asyncio.ensure_future(make())
        for _ in range(turns):
            await asyncio.sleep(0)
        if task.done():
            await asyncio.gather(task, return_exceptions=True)
            return turns
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    raise AssertionError("it never ends")


async def test_cancelling_at_any_await_leaks_no_permit_no_task_and_no_timer():
    d = real(
        5.0,
        retry=RetryPolicy(attempts=3, base=0.000001, cap=0.000001, budget=PLENTY),
        bulkhead=BulkheadPolicy(max_concurrent=1, max_wait=5, max_waiting=10),
        breaker=BreakerPolicy(consecutive_failures=0, failure_rate=1.0, min_calls=1_000_000),
    )
    loop = asyncio.get_running_loop()

    async def fn(attempt):
        for _ in range(3):
            await asyncio.sleep(0)
        if attempt.number < 3:
            raise Down
        return attempt.number

    async def loop_form():
        async for attempt in d.attempts():
            async with attempt:
                await fn(attempt)

    async def block_form():
        async with d.permit():
            await asyncio.sleep(0)
            await asyncio.sleep(0)

    async def with_fallback():
        async def other(error):
            await asyncio.sleep(0)
            return "other"

        async def fails():
            await asyncio.sleep(0)
            raise KeyError

        return await d.acall(fails, fallback=other)

    for make in (lambda: d.acall(fn), loop_form, block_form, with_fallback):
        before = len(asyncio.all_tasks())
        points = await steps_of(make)
        assert points > 2
        snapshot = d.snapshot()
        assert (snapshot.bulkhead.in_use, snapshot.bulkhead.waiting, len(d._queue.waiters)) == (0, 0, 0)
        assert snapshot.breaker.probes_in_flight == 0 and snapshot.retry_budget.retries_in_flight == 0
        assert snapshot.retry_budget.calls_in_flight == 0
        assert len(asyncio.all_tasks()) == before
    assert d.snapshot().counts.cancelled > 10
    timers = [timer for timer in getattr(loop, "_scheduled", ()) if not timer.cancelled()]
    assert timers == []


async def test_cancelling_one_who_waits_leaves_no_trace():
    d = real(5.0, bulkhead=BulkheadPolicy(max_concurrent=1, max_wait=30, max_waiting=10))
    release = asyncio.Event()
    holder = asyncio.ensure_future(d.acall(release.wait))
    await asyncio.sleep(0)
    waiters = [asyncio.ensure_future(d.acall(answer)) for _ in range(5)]
    await asyncio.sleep(0.03)
    assert d.snapshot().bulkhead.waiting == 5
    waiters[0].cancel()
    waiters[3].cancel()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert d.snapshot().bulkhead.waiting == 3
    release.set()
    assert await asyncio.gather(*waiters[1:3], waiters[4], holder) == [42, 42, 42, True]
    snapshot = d.snapshot().bulkhead
    assert (snapshot.in_use, snapshot.waiting, len(d._queue.waiters)) == (0, 0, 0)


async def test_waiters_are_served_in_the_order_of_coming_threads_and_tasks_together():
    d = real(5.0, bulkhead=BulkheadPolicy(max_concurrent=1, max_wait=30, max_waiting=10))
    release, order, threads = asyncio.Event(), [], []
    holder = asyncio.ensure_future(d.acall(release.wait))
    await asyncio.sleep(0)
    tasks = []

    async def note(number):
        order.append(number)

    for number in range(6):
        if number % 2:
            thread = threading.Thread(target=d.call, args=(order.append, number))
            thread.start()
            threads.append(thread)
        else:
            tasks.append(asyncio.ensure_future(d.acall(note, number)))
        while d.snapshot().bulkhead.waiting <= number:
            await asyncio.sleep(0.001)
    release.set()
    await asyncio.gather(holder, *tasks)
    for thread in threads:
        await asyncio.to_thread(thread.join)
    assert order == [0, 1, 2, 3, 4, 5]


async def test_a_wait_for_a_place_ends_in_time_and_holds_up_nobody():
    d = real(5.0, bulkhead=BulkheadPolicy(max_concurrent=1, max_wait=0.05, max_waiting=2))
    release = asyncio.Event()
    holder = asyncio.ensure_future(d.acall(release.wait))
    await asyncio.sleep(0)
    turns = 0
    waiter = asyncio.ensure_future(d.acall(answer))
    while not waiter.done():
        turns += 1
        await asyncio.sleep(0.001)
    assert turns > 5
    with pytest.raises(seawall.BulkheadFull) as caught:
        await waiter
    assert caught.value.reason == "bulkhead_wait_timeout"
    release.set()
    await holder


async def test_a_rate_is_waited_for():
    d = real(5.0, rate_limit=RatePolicy(rate="50/s", burst=1, max_wait=1))
    start = time.monotonic()
    await asyncio.gather(*(d.acall(answer) for _ in range(4)))
    assert 0.05 < time.monotonic() - start < 2


async def test_waits_of_a_fake_clock_are_waits_for_it():
    d = made(5.0, retry=THREE)

    async def fn(attempt):
        if attempt.number == 1:
            raise Down
        return attempt.number

    task = asyncio.ensure_future(d.acall(fn))
    for _ in range(5):
        await asyncio.sleep(0)
    assert not task.done() and d._clock.waiting == 1
    d._clock.advance(0.1)
    assert await task == 2
    with inject(d, latency=1):
        task = asyncio.ensure_future(d.acall(answer))
        for _ in range(5):
            await asyncio.sleep(0)
        assert not task.done()
        d._clock.advance(1)
        assert await task == 42
    assert d._clock.waiting == 0


async def test_a_call_that_nobody_finishes_is_cancelled_when_it_is_collected():
    d = made(bulkhead=BulkheadPolicy(max_concurrent=1))
    coroutine = d.acall(asyncio.Event().wait)
    coroutine.send(None)
    assert in_use(d) == 1
    coroutine.close()
    gc.collect()
    assert in_use(d) == 0


async def test_the_loop_form_and_the_block_form():
    d = made(0.5, retry=THREE)
    numbers = []
    with no_waiting(d):
        async for attempt in d.attempts():
            async with attempt:
                numbers.append(attempt.number)
                if attempt.number < 3:
                    raise Down
        assert numbers == [1, 2, 3]
        async for attempt in d.attempts():
            with attempt:
                numbers.append(attempt.number)
    async with d.permit() as attempt:
        assert attempt.number == 1
    with pytest.raises(Down) as caught:
        async with d.permit():
            raise Down
    assert attempts_of(caught.value).attempts == 1


async def test_blocks_are_cancelled_at_the_end_of_their_time():
    d = real(0.02, retry=RetryPolicy(attempts=2, base=0.001))
    with pytest.raises(seawall.AttemptTimeout):
        async with d.permit():
            await asyncio.sleep(60)
    numbers = []
    with pytest.raises(seawall.AttemptTimeout) as caught:
        async for attempt in d.attempts():
            async with attempt:
                numbers.append(attempt.number)
                await asyncio.sleep(60)
    assert numbers == [1, 2] and attempts_of(caught.value).attempts == 2


def test_two_loops_share_a_dependency():
    d = real(5.0, bulkhead=BulkheadPolicy(max_concurrent=2, max_wait=10, max_waiting=200))

    async def work():
        async def fn():
            await asyncio.sleep(0)

        await asyncio.gather(*(d.acall(fn) for _ in range(40)))

    threads = [threading.Thread(target=lambda: asyncio.run(work())) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    snapshot = d.snapshot()
    assert snapshot.counts.successes == 120 and snapshot.bulkhead.in_use == 0 and snapshot.bulkhead.waiting == 0


def test_a_waiter_whose_loop_was_closed_holds_up_nobody():
    d = real(5.0, bulkhead=BulkheadPolicy(max_concurrent=1, max_wait=5, max_waiting=10))
    loop, left = asyncio.new_event_loop(), []
    with d.permit():

        async def leave():
            left.append(asyncio.ensure_future(d.acall(answer)))
            await asyncio.sleep(0.02)

        loop.run_until_complete(leave())
        assert len(d._queue.waiters) == 1
        left[0]._log_destroy_pending = False
        loop.close()
        thread = threading.Thread(target=d.call, args=(int,))
        thread.start()
        while len(d._queue.waiters) < 2:
            time.sleep(0.001)
    begun = time.monotonic()
    thread.join()
    assert time.monotonic() - begun < 2
    del left[:]
    gc.collect()
    assert d.snapshot().bulkhead.waiting == 0
