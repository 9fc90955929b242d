"""What a user of the bulkhead sees, waits included."""

import asyncio
import gc
import math
import random
import threading
import time

import pytest

import seawall
from seawall import Bulkhead, BulkheadFull
from seawall.testing import ManualClock


def until(condition, seconds=10):
    """Waits for another thread to get somewhere."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it never happened"
        time.sleep(0.001)


async def turns(count=5):
    for _ in range(count):
        await asyncio.sleep(0)


def test_never_more_than_the_limit():
    bulkhead = Bulkhead(2, name="payments")
    with bulkhead.acquire(), bulkhead.acquire():
        with pytest.raises(BulkheadFull) as caught, bulkhead.acquire():
            pytest.fail("a third one got in")
    assert (caught.value.reason, caught.value.name, caught.value.retry_after) == ("bulkhead_full", "payments", None)
    with bulkhead.acquire():
        assert bulkhead.snapshot().in_use == 1
    seen = bulkhead.snapshot()
    assert (seen.in_use, seen.rejected, seen.limit) == (0, 1, 2)


def test_a_second_release_is_counted_and_frees_nobody_elses_permit():
    bulkhead = Bulkhead(1)
    first = bulkhead.try_acquire()
    assert first.release() is True
    second = bulkhead.try_acquire()
    assert first.release() is False and first.is_released
    assert (bulkhead.snapshot().in_use, bulkhead.snapshot().stale) == (1, 1)
    with second:
        second.release()
    assert (bulkhead.snapshot().in_use, bulkhead.snapshot().stale) == (0, 1)


def test_a_dropped_permit_is_free_again():
    bulkhead = Bulkhead(1)
    bulkhead.try_acquire()
    gc.collect()
    assert bulkhead.snapshot().in_use == 0


def test_a_permit_outlives_the_name_of_its_bulkhead():
    permit = Bulkhead(1).try_acquire()
    gc.collect()
    assert permit.release() is True


def test_reserved_permits_are_for_critical_callers():
    bulkhead = Bulkhead(2, reserved=1)
    ordinary = bulkhead.try_acquire()
    with pytest.raises(BulkheadFull):
        bulkhead.try_acquire()
    critical = bulkhead.try_acquire(critical=True)
    with pytest.raises(BulkheadFull), bulkhead.acquire(critical=True):
        pass
    del ordinary, critical


def test_decorated_functions_hold_a_permit():
    bulkhead = Bulkhead(1)

    @bulkhead
    def work():
        return bulkhead.snapshot().in_use

    @bulkhead
    async def work_async(value=1):
        return value, bulkhead.snapshot().in_use

    async def main():
        return await work_async(), await bulkhead.call_async(asyncio.sleep, 0, "slept")

    assert (work(), bulkhead.call(work_async.__name__.upper)) == (1, "WORK_ASYNC")
    assert asyncio.run(main()) == ((1, 1), "slept")
    assert bulkhead.snapshot().in_use == 0
    with pytest.raises(TypeError, match="generator"):
        bulkhead(_rows)


def _rows():
    yield 1


def test_threads_are_served_in_the_order_they_came():
    bulkhead = Bulkhead(1)
    served = []

    def work(number):
        with bulkhead.acquire(max_wait=30):
            served.append(number)

    permit = bulkhead.try_acquire()
    threads = []
    for number in range(8):
        thread = threading.Thread(target=work, args=(number,))
        thread.start()
        threads.append(thread)
        until(lambda: bulkhead.snapshot().waiting == number + 1)
    assert served == []
    permit.release()
    for thread in threads:
        thread.join()
    assert served == list(range(8))
    seen = bulkhead.snapshot()
    assert (seen.in_use, seen.waiting, seen.rejected) == (0, 0, 0)


def test_a_thread_that_waited_in_vain_leaves_no_trace():
    clock = ManualClock()
    bulkhead = Bulkhead(1, clock=clock)
    permit = bulkhead.try_acquire()
    reasons = []

    def work():
        try:
            with bulkhead.acquire(max_wait=5):
                pass
        except BulkheadFull as full:
            reasons.append(full.reason)

    thread = threading.Thread(target=work)
    thread.start()
    until(lambda: clock.waiting == 1)
    clock.advance(4)
    assert thread.is_alive()
    clock.advance(1)
    thread.join()
    assert reasons == ["bulkhead_wait_timeout"]
    seen = bulkhead.snapshot()
    assert (seen.waiting, seen.rejected, seen.in_use) == (0, 1, 1)
    permit.release()
    with bulkhead.acquire():
        pass


def test_a_wait_in_real_time_ends():
    bulkhead = Bulkhead(1, max_wait=0.01)
    with bulkhead.acquire(), pytest.raises(BulkheadFull, match="no permit of the bulkhead came free in time"):
        bulkhead.call(pytest.fail)


def test_so_many_may_wait_and_no_more():
    clock = ManualClock()
    bulkhead = Bulkhead(1, max_waiting=1, clock=clock)
    permit = bulkhead.try_acquire()
    thread = threading.Thread(target=lambda: bulkhead.acquire(max_wait=math.inf).__enter__().release())
    thread.start()
    until(lambda: bulkhead.snapshot().waiting == 1)
    with pytest.raises(BulkheadFull) as caught, bulkhead.acquire(max_wait=1):
        pass
    assert caught.value.reason == "bulkhead_wait_full"
    permit.release()
    thread.join()
    nobody = Bulkhead(1, max_waiting=0)
    with nobody.acquire(), pytest.raises(BulkheadFull) as caught, nobody.acquire(max_wait=1):
        pass
    assert caught.value.reason == "bulkhead_wait_full"


async def test_tasks_are_served_in_the_order_they_came():
    bulkhead = Bulkhead(1)
    served = []

    async def work(number):
        async with bulkhead.acquire(max_wait=30):
            served.append(number)
            await asyncio.sleep(0)

    await asyncio.gather(*(work(number) for number in range(20)))
    assert served == list(range(20))
    assert bulkhead.snapshot()[3:6] == (0, 0, 0)


async def test_cancelled_waiters_leave_no_trace_and_lose_no_permit():
    bulkhead = Bulkhead(1)
    got = []

    async def work(number):
        async with bulkhead.acquire(max_wait=30):
            got.append(number)

    permit = bulkhead.try_acquire()
    tasks = [asyncio.create_task(work(number)) for number in range(4)]
    await turns()
    assert bulkhead.snapshot().waiting == 4
    tasks[1].cancel()
    await turns()
    assert bulkhead.snapshot().waiting == 3
    # The first waiter is given the permit and cancelled before it runs: the next one gets it.
    permit.release()
    tasks[0].cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert got == [2, 3]
    seen = bulkhead.snapshot()
    assert (seen.in_use, seen.waiting, seen.rejected) == (0, 0, 0)


async def test_a_task_gives_up_after_its_time():
    clock = ManualClock()
    bulkhead = Bulkhead(1, clock=clock)
    permit = bulkhead.try_acquire()

    async def work():
        async with bulkhead.acquire(max_wait=5):
            return "got it"

    patient = asyncio.create_task(work())
    await turns()
    clock.advance(5)
    with pytest.raises(BulkheadFull, match="in time"):
        await patient
    assert (bulkhead.snapshot().waiting, clock.waiting) == (0, 0)
    again = asyncio.create_task(work())
    await turns()
    permit.release()
    assert await again == "got it"
    assert clock.waiting == 0, "an alarm stayed behind"


async def test_a_real_timer_is_taken_down():
    bulkhead = Bulkhead(1)
    with bulkhead.acquire(), pytest.raises(BulkheadFull):
        await bulkhead.acquire(max_wait=0.01).__aenter__()
    assert bulkhead.snapshot().waiting == 0


async def test_waiting_never_blocks_the_loop():
    bulkhead = Bulkhead(1)
    ticks = 0

    async def tick():
        nonlocal ticks
        while True:
            ticks += 1
            await asyncio.sleep(0)

    ticking = asyncio.create_task(tick())
    permit = bulkhead.try_acquire()
    waiting = asyncio.create_task(bulkhead.call_async(asyncio.sleep, 0, "done"))
    with pytest.raises(BulkheadFull):
        await waiting
    waiting = asyncio.create_task(bulkhead.acquire(max_wait=30).__aenter__())
    await asyncio.sleep(0.05)
    assert ticks > 10
    permit.release()
    (await waiting).release()
    ticking.cancel()


def test_waiters_of_a_closed_loop_are_passed_over():
    bulkhead = Bulkhead(1)
    permit = bulkhead.try_acquire()
    loop = asyncio.new_event_loop()
    left_behind = loop.create_task(bulkhead.acquire(max_wait=math.inf).__aenter__())
    loop.run_until_complete(turns())
    assert bulkhead.snapshot().waiting == 1
    left_behind._log_destroy_pending = False
    loop.close()
    permit.release()
    assert (bulkhead.snapshot().waiting, bulkhead.snapshot().in_use) == (0, 0)


def test_threads_and_several_loops_share_one_queue():
    bulkhead = Bulkhead(3)
    inside, most, done, contended = 0, 0, 0, 0
    lock = threading.Lock()

    def enter():
        nonlocal inside, most
        with lock:
            inside += 1
            most = max(most, inside)

    def leave():
        nonlocal inside, done
        with lock:
            inside -= 1
            done += 1

    async def tasks():
        async def one(number):
            nonlocal contended
            for _ in range(40):
                contended += bulkhead.snapshot().in_use == 3
                async with bulkhead.acquire(max_wait=60, critical=number % 5 == 0):
                    enter()
                    await asyncio.sleep(0)
                    leave()

        await asyncio.gather(*(one(number) for number in range(10)))

    def thread():
        nonlocal contended
        for _ in range(100):
            contended += bulkhead.snapshot().in_use == 3
            with bulkhead.acquire(max_wait=60):
                enter()
                time.sleep(0)
                leave()

    workers = [threading.Thread(target=lambda: asyncio.run(tasks())) for _ in range(3)]
    workers += [threading.Thread(target=thread) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    seen = bulkhead.snapshot()
    assert done == 3 * 10 * 40 + 4 * 100
    assert most == 3, "the limit was never reached, or exceeded"
    assert contended > 100, "nobody ever had to wait"
    assert (seen.in_use, seen.waiting, seen.rejected) == (0, 0, 0)


def test_resize_lets_waiters_in_and_takes_nothing_away():
    bulkhead = Bulkhead(1)
    held = [bulkhead.try_acquire()]
    thread = threading.Thread(target=lambda: held.append(bulkhead.acquire(max_wait=30).__enter__()))
    thread.start()
    until(lambda: bulkhead.snapshot().waiting == 1)
    bulkhead.resize(2)
    thread.join()
    bulkhead.resize(1)
    assert bulkhead.snapshot().in_use == 2
    held.pop().release()
    with pytest.raises(BulkheadFull):
        bulkhead.try_acquire()
    held.pop().release()
    bulkhead.try_acquire().release()
    bulkhead.reconfigure(max_concurrent=7, max_wait=1, max_waiting=0, mode="shadow")
    assert bulkhead.snapshot().limit == 7
    with pytest.raises(seawall.ConfigError, match="max_concurrent: 257 is outside 1..=256"):
        bulkhead.resize(257)
    with pytest.raises(seawall.ConfigError, match="reserved: 7 is outside 0..=6"):
        bulkhead.resize(7, reserved=7)


def test_each_acquire_is_for_one_block():
    bulkhead = Bulkhead(2)
    acquire = bulkhead.acquire()
    with acquire:
        with pytest.raises(RuntimeError), acquire:
            pass
    assert bulkhead.snapshot().in_use == 0


def test_an_interrupted_thread_leaves_no_trace(monkeypatch):
    bulkhead = Bulkhead(1)
    permit = bulkhead.try_acquire()

    def interrupt(self, timeout=None):
        raise KeyboardInterrupt

    monkeypatch.setattr(threading.Event, "wait", interrupt)
    with pytest.raises(KeyboardInterrupt), bulkhead.acquire(max_wait=5):
        pass
    assert bulkhead.snapshot().waiting == 0
    permit.release()
    assert bulkhead.snapshot().in_use == 0


def test_shadow_admits_and_counts():
    bulkhead = Bulkhead(1, mode="shadow")
    with bulkhead.acquire(), bulkhead.acquire(), bulkhead.acquire(max_wait=1):
        assert bulkhead.snapshot().shadow_refused == 2


def test_how_long_the_oldest_permit_is_held():
    clock = ManualClock()
    bulkhead = Bulkhead(2, clock=clock)
    permit = bulkhead.try_acquire()
    clock.advance(3)
    assert bulkhead.snapshot().longest_hold == pytest.approx(3, abs=0.002)
    permit.release()
    assert bulkhead.snapshot().longest_hold == 0


def test_waiters_that_come_go_and_are_cancelled_lose_no_permit():
    bulkhead = Bulkhead(2)
    got, gone = [], []

    async def tasks(seed):
        chance = random.Random(seed)

        async def one():
            try:
                async with bulkhead.acquire(max_wait=chance.choice([0.0005, 0.002, 30]), critical=chance.random() < 0.2):
                    await asyncio.sleep(chance.choice([0, 0, 0.0005]))
                got.append(1)
            except (BulkheadFull, asyncio.CancelledError):
                gone.append(1)

        running = [asyncio.create_task(one()) for _ in range(300)]
        for task in chance.sample(running, 100):
            await asyncio.sleep(0.0002)
            task.cancel()
        await asyncio.gather(*running)

    workers = [threading.Thread(target=lambda seed=seed: asyncio.run(tasks(seed))) for seed in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert len(got) + len(gone) == 900
    assert len(got) > 50 and len(gone) > 50, "nobody got in, or nobody had to go"
    seen = bulkhead.snapshot()
    assert (seen.in_use, seen.waiting) == (0, 0)
    with bulkhead.acquire(), bulkhead.acquire():
        pass
