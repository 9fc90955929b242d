"""A forked child has copies that go their own way, whatever the parent was doing."""

import asyncio
import os
import threading
import time
import warnings

import pytest

import seawall
from seawall import Breaker, Bulkhead, Limiter, RetryBudget

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")


def in_child(work):
    """What `work` answers in a forked child, as text."""
    reading, writing = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of forking with threads, which is the point
        child = os.fork()
    if child == 0:
        answer = "nothing"
        try:
            answer = repr(work())
        except BaseException as error:  # noqa: BLE001
            answer = repr(error)
        finally:
            os.write(writing, answer.encode()[:4_000])
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        answer = pipe.read()
    os.waitpid(child, 0)
    return answer


def test_multiprocessing_fork_gives_each_child_its_own():
    import multiprocessing

    breaker = Breaker(consecutive_failures=1)
    context = multiprocessing.get_context("fork")
    queue = context.SimpleQueue()

    def child():
        breaker.try_acquire().failure()
        queue.put((breaker.state, breaker.snapshot().failure))

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        processes = [context.Process(target=child) for _ in range(2)]
        for process in processes:
            process.start()
    assert [queue.get() for _ in processes] == [("open", 1)] * 2
    for process in processes:
        process.join()
    assert (breaker.state, breaker.snapshot().failure) == ("closed", 0)


def test_what_the_parents_threads_held_is_free_in_the_child():
    bulkhead = Bulkhead(2)
    mine = bulkhead.try_acquire()
    done = threading.Event()

    def hold():
        with bulkhead.acquire():
            done.wait(30)

    threads = [threading.Thread(target=hold)]
    threads.append(threading.Thread(target=lambda: bulkhead.acquire(max_wait=30).__enter__().release()))
    threads[0].start()
    while bulkhead.snapshot().in_use < 2:
        time.sleep(0.001)
    threads[1].start()
    while bulkhead.snapshot().waiting < 1:
        time.sleep(0.001)

    def work():
        before = bulkhead.snapshot()
        inert = mine.release()
        with bulkhead.acquire(max_wait=1), bulkhead.acquire(max_wait=1):
            inside = bulkhead.snapshot().in_use
            try:
                bulkhead.acquire(max_wait=0.01).__enter__()
            except seawall.BulkheadFull as full:
                return (before.in_use, before.waiting, inert, inside, full.reason)

    assert in_child(work) == "(0, 0, False, 2, 'bulkhead_wait_timeout')"
    assert (bulkhead.snapshot().in_use, bulkhead.snapshot().waiting) == (2, 1)
    done.set()
    mine.release()
    for thread in threads:
        thread.join()


def test_the_lock_may_be_held_at_the_fork():
    bulkhead = Bulkhead(1)

    def work():
        with bulkhead.acquire(), pytest.raises(seawall.BulkheadFull), bulkhead.acquire(max_wait=0.01):
            pass
        return "fine"

    held, go_on = threading.Event(), threading.Event()

    def hold():
        with bulkhead._lock:
            held.set()
            go_on.wait(30)

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait(30)
    try:
        assert in_child(work) == "'fine'"
    finally:
        go_on.set()
        thread.join()


def test_probes_and_retries_of_the_parent_are_not_under_way_in_the_child():
    breaker = Breaker(consecutive_failures=1, open_for=0.001, open_jitter=0, probe_lease=3_600)
    breaker.try_acquire().failure()
    time.sleep(0.003)
    probe = breaker.try_acquire()
    budget = RetryBudget(max_concurrent_retries_ratio=0.1, min_concurrent_retries=1)
    budget.deposit()
    withdrawal = budget.try_withdraw()
    limiter = Limiter(10, burst=5)
    limiter.try_acquire(5)

    def work():
        async def call():
            return await breaker.call_async(asyncio.sleep, 0, breaker.state)

        first = asyncio.run(call())
        again = budget.try_withdraw()
        return first, breaker.state, budget.snapshot()[3:5], again.cancel(), limiter.snapshot().limit

    assert in_child(work) == "('half_open', 'closed', (0, 1), None, 5)"
    assert breaker.state == "half_open" and probe.success() and breaker.state == "closed"
    assert budget.snapshot()[3:5] == (1, 1)
    withdrawal.cancel()


def test_a_dependency_in_a_child_has_every_permit_and_its_own_threads():
    wall = seawall.Seawall()
    policy = seawall.Policy(5, bulkhead=seawall.BulkheadPolicy(max_concurrent=1, max_wait=5, max_waiting=5))
    d = wall.define("d", policy)
    executor, release = d.executor(), threading.Event()
    stuck = executor.submit(release.wait, 30)
    waiting = threading.Thread(target=d.call, args=(int,))
    waiting.start()
    while d.snapshot().bulkhead.waiting == 0:
        time.sleep(0.001)

    def child():
        before = d.snapshot().bulkhead
        return before.in_use, before.waiting, d.call(lambda: 7), executor.call(lambda: 8), d.snapshot().bulkhead.in_use

    assert in_child(child) == repr((0, 0, 7, 8, 0))
    assert d.snapshot().bulkhead.in_use == 1
    release.set()
    assert stuck.result(10) is True
    waiting.join()
    executor.shutdown()


def test_a_child_forked_within_a_call_ends_well():
    d = seawall.Seawall().define("d", seawall.Policy(5, bulkhead=seawall.BulkheadPolicy(max_concurrent=1)))

    def child():
        return d.call(lambda: 1), d.snapshot().bulkhead.in_use

    assert d.call(in_child, child) == repr((1, 0))
    assert d.snapshot().bulkhead.in_use == 0
