"""Work that cannot be stopped, in threads that hold their place of the bulkhead."""

import contextvars
import threading
import time

import pytest

import seawall
from seawall import BulkheadPolicy, RetryPolicy, attempts_of
from walls import events_of, in_use, made, real


def pooled(timeout=5.0, places=2, **settings):
    d = real(timeout, bulkhead=BulkheadPolicy(max_concurrent=places), **settings)
    return d, d.executor()


def until(is_so):
    end = time.monotonic() + 10
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.001)


def test_a_call_runs_in_a_thread_of_the_pool_with_the_context_of_its_caller():
    d, executor = pooled()
    variable = contextvars.ContextVar("variable", default=0)
    variable.set(7)

    def fn(x, attempt):
        assert seawall.current_deadline() == attempt.deadline
        return threading.current_thread().name, variable.get(), x, attempt.number

    assert executor.call(fn, 3) == ("seawall-d", 7, 3, 1)
    with executor:
        assert executor.submit(fn, 4).result(10)[2:] == (4, 1)
    with pytest.raises(seawall.SeawallError, match="shut down"):
        executor.call(int)
    assert in_use(d) == 0


def test_a_stuck_call_is_abandoned_and_its_place_stays_held_until_it_really_ends():
    d, executor = pooled(0.02, places=1)
    seen, release = events_of(d), threading.Event()
    start = time.monotonic()
    with pytest.raises(seawall.AttemptTimeout) as caught:
        executor.call(release.wait, 60)
    assert time.monotonic() - start < 5
    assert attempts_of(caught.value).attempts == 1
    assert in_use(d) == 1, "the thread is still at work"
    with pytest.raises(seawall.BulkheadFull):
        executor.call(int)
    release.set()
    until(lambda: in_use(d) == 0)
    until(lambda: "late_result" in [event.kind for event in seen])
    late = next(event for event in seen if event.kind == "late_result")
    assert (late.outcome, late.attempt) == ("success", 1)
    assert d.snapshot().counts.late == 1
    assert executor.call(int) == 0


def test_a_retry_after_an_abandoned_attempt_takes_a_place_of_its_own():
    d, executor = pooled(0.02, places=2, retry=RetryPolicy(attempts=2, base=0))
    release = threading.Event()
    with pytest.raises(seawall.AttemptTimeout):
        executor.call(release.wait, 60)
    assert in_use(d) == 2 and executor.threads == 2
    release.set()
    until(lambda: in_use(d) == 0)


def test_errors_fallbacks_and_refusals_are_as_those_of_a_call():
    d, executor = pooled()
    with pytest.raises(ZeroDivisionError) as caught:
        executor.call(lambda: 1 / 0)
    assert attempts_of(caught.value).attempts == 1
    assert executor.call(lambda: 1 / 0, fallback=3) == 3
    with pytest.raises(ZeroDivisionError):
        executor.submit(lambda: 1 / 0).result(10)
    d.force_open()
    assert isinstance(executor.submit(int).exception(10), seawall.BreakerOpen)

    async def coroutine():
        return 1

    for bad in (coroutine, 3):
        with pytest.raises(seawall.CallbackError):
            executor.call(bad)
    with pytest.raises(seawall.DeadlineExceeded):
        executor.call(int, timeout=0)
    assert in_use(d) == 0


def test_it_needs_a_bulkhead_to_be_bounded_by():
    with pytest.raises(seawall.ConfigError) as caught:
        made().executor()
    assert caught.value.field == "bulkhead"


def test_no_thread_is_left_when_it_is_shut_down():
    d, executor = pooled(places=8)
    before = threading.active_count()
    futures = [executor.submit(time.sleep, 0.005) for _ in range(8)]
    for future in futures:
        assert future.result(10) is None
    executor.shutdown()
    assert executor.threads == 0
    until(lambda: threading.active_count() <= before)
    assert in_use(d) == 0
