"""Results that count as failures, although nothing was raised."""

import asyncio
import threading

import pytest

import seawall
from seawall import BulkheadPolicy, ConfigError, LastGood, ResultFailure, RetryPolicy
from seawall.testing import no_waiting
from walls import THREE, events_of, in_use, made, real


def unavailable(status):
    return status == 503


def statuses(*given):
    left = list(given)
    return lambda: left.pop(0)


def counts_of(d):
    found = d.snapshot().counts
    return found.successes, found.failures, found.retries


def test_a_failing_result_is_tried_again_and_told():
    d = made(retry=THREE)
    seen = events_of(d)
    with no_waiting(d):
        assert d.call(statuses(503, 503, 200), result_is_failure=unavailable) == 200
    assert counts_of(d) == (1, 0, 2)
    assert [(event.kind, event.attempt, event.error.result) for event in seen] == [("retry", 1, 503), ("retry", 2, 503)]
    assert isinstance(seen[0].error, ResultFailure) and "503" in str(seen[0].error)


def test_the_last_one_is_the_calls_result_all_the_same():
    d = made(retry=THREE)
    with no_waiting(d):
        assert d.call(statuses(503, 503, 503, 200), result_is_failure=unavailable) == 503
        outcome = d.call_detailed(statuses(503, 503, 503), result_is_failure=unavailable)
    assert (outcome.value, outcome.degraded, outcome.attempts, outcome.reason) == (503, False, 3, "attempts_used")
    assert counts_of(d) == (0, 2, 4)
    with no_waiting(d):
        assert d.call(statuses(503), result_is_failure=unavailable, idempotent=False) == 503


def test_without_the_option_every_result_is_a_success():
    d = made(retry=THREE)
    assert d.call(statuses(503)) == 503
    assert d.call(statuses(404), result_is_failure=unavailable) == 404
    assert counts_of(d) == (2, 0, 0)


def test_an_error_after_a_failing_result_is_raised_and_the_other_way_round_not():
    d = made(retry=THREE)
    left = [503, ConnectionResetError, 503, KeyError]

    def get():
        found = left.pop(0)
        if isinstance(found, type):
            raise found
        return found

    with no_waiting(d):
        assert d.call(get, result_is_failure=unavailable) == 503
    with pytest.raises(KeyError) as caught:
        d.call(get, result_is_failure=unavailable)
    assert caught.value.__context__ is None


def test_failing_results_open_the_breaker():
    d = made(breaker=seawall.BreakerPolicy(consecutive_failures=2))
    get = d.protect(result_is_failure=unavailable)(lambda: 503)
    assert (get(), get()) == (503, 503)
    with pytest.raises(seawall.BreakerOpen):
        get()


def test_a_fallback_serves_in_place_of_one_and_keeps_none():
    d = made(breaker="off")
    store = LastGood(60)
    ask = {"result_is_failure": unavailable, "fallback": store}
    assert d.call(statuses(503), **ask) == 503  # the store has nothing
    assert len(store) == 0
    assert d.call(statuses(200), **ask) == 200
    outcome = d.call_detailed(statuses(503), **ask)
    assert (outcome.value, outcome.degraded, outcome.source, outcome.error.result) == (200, True, "last_good", 503)
    assert d.call(statuses(503), result_is_failure=unavailable, fallback=lambda error: error.result + 1) == 504
    with pytest.raises(ZeroDivisionError) as caught:
        d.call(statuses(503), result_is_failure=unavailable, fallback=lambda: 1 / 0)
    assert isinstance(caught.value.__cause__, ResultFailure)


def test_a_fallback_that_hands_the_error_back_gives_the_result():
    d = made(breaker="off")

    def no_idea(error):
        raise error

    assert d.call(statuses(503), result_is_failure=unavailable, fallback=no_idea) == 503
    with pytest.raises(ResultFailure) as caught:
        d.call(statuses(), result_is_failure=unavailable, fallback=lambda: no_idea(ResultFailure(1)))
    assert isinstance(caught.value.__cause__, IndexError)


def test_a_predicate_that_raises_counts_as_nothing_and_gives_everything_back():
    d = made(bulkhead=BulkheadPolicy(max_concurrent=1))
    for _ in range(3):
        with pytest.raises(ZeroDivisionError):
            d.call(lambda: 1, result_is_failure=lambda result: 1 / 0)
    assert counts_of(d) == (0, 0, 0) and d.snapshot().counts.cancelled == 3 and in_use(d) == 0


@pytest.mark.parametrize("form", ["call", "acall", "call_detailed", "protect"])
def test_what_is_no_predicate_is_refused_before_anything_is_called(form):
    d = made()
    with pytest.raises(ConfigError) as caught:
        if form == "protect":
            d.protect(result_is_failure=503)(len)
        elif form == "acall":
            asyncio.run(d.acall(asyncio.sleep, 0, result_is_failure=503))
        else:
            getattr(d, form)(len, "x", result_is_failure=503)
    assert (caught.value.field, caught.value.value) == ("result_is_failure", 503)


def test_async_calls_judge_what_was_awaited():
    d = made(retry=THREE)

    async def main():
        get = statuses(503, 200, 503, 503, 503, 503)

        async def get_async():
            return get()

        with no_waiting(d):
            assert await d.acall(get_async, result_is_failure=unavailable) == 200
            assert await d.acall(get_async, result_is_failure=unavailable) == 503

            @d.protect(result_is_failure=unavailable, fallback="old", idempotent=False)
            async def protected():
                return get()

            assert await protected() == "old"
            outcome = await d.acall_detailed(get_async_503, result_is_failure=unavailable)
        assert (outcome.value, outcome.reason) == (503, "attempts_used")

    async def get_async_503():
        return 503

    asyncio.run(main())
    assert counts_of(d) == (1, 3, 5)


def test_the_executor_judges_too_and_a_late_result_says_what_it_was():
    retry = RetryPolicy(attempts=2, base=0.001)
    d = real(0.05, name="pooled", retry=retry, bulkhead=BulkheadPolicy(max_concurrent=2))
    seen = events_of(d)
    with d.executor() as pool:
        assert pool.call(statuses(503, 200), result_is_failure=unavailable) == 200
        assert pool.submit(statuses(503, 503), result_is_failure=unavailable).result(5) == 503
        go_on = threading.Event()

        def stuck():
            go_on.wait(5)
            return 503

        with pytest.raises(seawall.AttemptTimeout):
            pool.call(stuck, result_is_failure=unavailable, idempotent=False)
        go_on.set()
        pool.shutdown()
    assert [event.outcome for event in seen if event.kind == "late_result"] == ["failure"]
