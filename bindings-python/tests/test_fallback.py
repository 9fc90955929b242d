"""Fallbacks: what is served when the dependency does not."""

import pytest

import seawall
from seawall import BulkheadPolicy, LastGood
from seawall.testing import no_waiting
from walls import THREE, events_of, in_use, made


def fails():
    raise KeyError("down")


def test_a_value_a_function_and_a_chain():
    d = made(breaker="off")
    assert d.call(fails, fallback="other") == "other"
    assert d.call(fails, fallback=()) == ()
    assert d.call(fails, fallback=lambda: 1) == 1
    assert d.call(fails, fallback=lambda error: error.args) == ("down",)
    assert d.call(fails, fallback=[LastGood(1), lambda error: 1 / 0, 7]) == 7
    assert d.call(lambda: 0, fallback=9) == 0
    assert d.snapshot().counts.fallbacks == 5


def test_the_outcome_says_that_it_is_degraded_by_which_step_and_why():
    d = made(retry=THREE)
    seen = events_of(d)
    outcome = d.call_detailed(fails, fallback=[LastGood(1), "x"])
    assert (outcome.value, outcome.degraded, outcome.step, outcome.source) == ("x", True, 1, "value")
    assert outcome.reason == "not_retryable" and isinstance(outcome.error, KeyError) and outcome.attempts == 1
    d.force_open()
    outcome = d.call_detailed(fails, fallback="x")
    assert outcome.reason == "breaker_forced_open" and isinstance(outcome.error, seawall.BreakerOpen)
    assert outcome.attempts == 0
    told = [event for event in seen if event.kind == "fallback"]
    assert [(event.step, event.reason) for event in told] == [(1, "not_retryable"), (0, "breaker_forced_open")]
    assert told[0].to_dict()["error"] == "KeyError: 'down'"


def test_a_failing_fallback_has_the_original_as_cause():
    d = made(breaker="off")
    with pytest.raises(ZeroDivisionError) as caught:
        d.call(fails, fallback=[lambda: [][1], lambda: 1 / 0])
    assert isinstance(caught.value.__cause__, KeyError)
    with pytest.raises(KeyError):
        d.call(fails, fallback=LastGood(1))


def test_the_last_good_result_of_the_same_arguments_is_served_for_its_time():
    d = made(breaker="off")
    store = LastGood(60)
    results = {"a": 1, "b": 2}

    def get(name):
        return results[name]

    assert (d.call(get, "a", fallback=store), d.call(get, "b", fallback=store)) == (1, 2)
    results.clear()
    d._clock.advance(60)
    assert d.call(get, "a", fallback=store) == 1
    d._clock.advance(0.000001)
    with pytest.raises(KeyError):
        d.call(get, "a", fallback=store)
    assert len(store) == 2
    store.clear()
    assert len(store) == 0 and bool(store)


def test_a_store_is_bounded_and_keys_are_chosen():
    d = made(breaker="off")
    store = LastGood(60, max_entries=2, key=lambda name: name.lower())
    for name in ("A", "B", "C"):
        d.call(str, name, fallback=store)
    assert len(store) == 2
    assert store.recall("c", d._now()) == ("C",) and store.recall("a", d._now()) is None
    one = LastGood(60, key="one")
    d.call(lambda: [1], fallback=one)
    assert d.call(fails, fallback=one) == [1]
    with pytest.raises(seawall.ArgumentError, match="hashable"):
        d.call(len, [1], fallback=LastGood(60))
    for settings in ({"max_age": 0}, {"max_age": float("nan")}, {"max_age": 1, "max_entries": 0}, {"max_age": 1e12}):
        with pytest.raises(seawall.ConfigError):
            LastGood(**settings)


def test_none_of_it_runs_for_a_result_an_answer_or_a_caller_who_gave_up():
    d = made(bulkhead=BulkheadPolicy(max_concurrent=1))
    for error in (KeyboardInterrupt, seawall.AttemptTimeout):

        def fn(error=error):
            raise error("d", 1)

        if error is KeyboardInterrupt:
            with pytest.raises(error):
                d.call(fn, fallback=1)
        else:
            assert d.call(fn, fallback=1) == 1
    with pytest.raises(KeyError):
        d.call(fails, ignore=KeyError, fallback=1)
    with pytest.raises(KeyError):
        d.call(fails, failure=ValueError, fallback=1)
    # It holds nothing of the dependency any more.
    assert d.call(fails, fallback=lambda: in_use(d)) == 0


def test_where_the_policy_forbids_one_declaring_it_is_the_error():
    d = made(criticality="critical")
    for declare in (
        lambda: d.call(int, fallback=1),
        lambda: d.call_detailed(int, fallback=1),
        lambda: d.protect(fallback=1)(len),
    ):
        with pytest.raises(seawall.ConfigError) as caught:
            declare()
        assert caught.value.field == "fallback"
    assert d.snapshot().counts.calls == 0
    assert made(criticality="critical", fallback="allowed").call(fails, fallback=1) == 1
    with pytest.raises(seawall.ConfigError):
        made().call(int, fallback=[])


async def test_async_functions_are_awaited_where_somebody_can():
    d = made(breaker="off", retry=THREE)

    async def other(error):
        return type(error).__name__

    async def fails_async():
        raise KeyError

    with no_waiting(d):
        assert await d.acall(fails_async, fallback=other) == "KeyError"
        assert await d.acall(fails_async, fallback=[lambda: 1 / 0, other]) == "KeyError"
        outcome = await d.acall_detailed(fails_async, fallback=5)
        assert (outcome.value, outcome.degraded) == (5, True)

    async def breaks():
        raise ValueError

    with pytest.raises(ValueError) as caught:  # noqa: PT011
        await d.acall(fails_async, fallback=breaks)
    assert isinstance(caught.value.__cause__, KeyError)
    with pytest.raises(seawall.CallbackError, match="acall"):
        d.call(fails, fallback=other)

    @d.protect(fallback=LastGood(60))
    async def get(what, fail=False):
        if fail:
            raise KeyError
        return what

    assert await get(1) == 1
