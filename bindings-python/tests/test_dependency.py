"""Calls in threads: what runs, what is tried again, what the caller sees."""

import pickle
import sys
import threading

import pytest

import seawall
from seawall import BreakerPolicy, BulkheadPolicy, Policy, RatePolicy, RetryPolicy, attempts_of
from seawall.testing import force, inject, no_waiting
from walls import THREE, events_of, in_use, made, real


class Down(ConnectionError):
    pass


def failing(times, error=Down):
    """A function that fails so often and then answers with the number of its attempt."""
    left = [times]

    def fn(attempt):
        if left[0]:
            left[0] -= 1
            raise error("down")
        return attempt.number

    return fn


def test_the_function_gets_its_arguments_and_the_attempt_only_if_it_wants_it():
    d = made(2.0)
    assert d.call(lambda: 1) == 1
    assert d.call(lambda a: a.number) == 1
    assert d.call(lambda x, y: (x, y), 1, 2) == (1, 2)
    assert d.call(lambda x, attempt: (x, attempt.timeout), 1) == (1, 2.0)
    assert d.call(lambda x, *, attempt: (x, attempt.number), 1) == (1, 1)
    assert d.call(lambda x=3: x) == 3
    assert d.call(int, "7") == 7
    assert d.call(len, "abc") == 3

    class Client:
        def get(self):
            return "plain"

        def ask(self, attempt):
            return attempt.number

        def __call__(self):
            return "called"

    assert (d.call(Client().get), d.call(Client().ask), d.call(Client())) == ("plain", 1, "called")


def test_a_connection_error_is_tried_again_and_a_bug_is_not():
    d = made(retry=THREE)
    with no_waiting(d):
        assert d.call(failing(2)) == 3
        for bug in (TypeError, KeyError, FileNotFoundError, ValueError):
            with pytest.raises(bug) as caught:
                d.call(failing(1, bug))
            assert attempts_of(caught.value) == ("d", 1, "not_retryable")
        assert d.call(failing(1, ValueError), on=ValueError) == 2
        assert d.call(failing(1, TimeoutError)) == 2


def test_the_last_real_error_is_raised_unchanged_with_a_note():
    d = made(retry=THREE, breaker="off")
    errors = [Down("1"), Down("2"), Down("3")]
    left = iter(errors)

    def fn():
        raise next(left)

    with no_waiting(d), pytest.raises(Down) as caught:
        d.call(fn)
    assert caught.value is errors[2]
    assert attempts_of(caught.value) == seawall.CallEnd("d", 3, "attempts_used")
    if sys.version_info >= (3, 11):
        assert caught.value.__notes__ == ["seawall: d: 3 attempts, no more are allowed"]
    # One exception raised again and again does not collect notes.
    error = ValueError("same")

    def again():
        raise error

    for _ in range(5):
        with pytest.raises(ValueError, match="same"):
            d.call(again)
    if sys.version_info >= (3, 11):
        assert len(error.__notes__) == 1


def test_ignore_precedes_on_and_failure_limits_what_counts():
    d = made(retry=THREE, breaker=BreakerPolicy(consecutive_failures=2))
    with no_waiting(d), pytest.raises(Down):
        d.call(failing(1), on=Down, ignore=Down)
    counts = d.snapshot().counts
    assert (counts.ignored, counts.failures, counts.retries) == (1, 0, 0)
    for _ in range(4):
        with pytest.raises(KeyError):
            d.call(failing(1, KeyError), failure=lambda error: False)
    assert d.snapshot().counts.successes == 4, "it answered"
    assert d.snapshot().breaker.state == "closed"


def test_a_rule_that_fails_leaves_nothing_behind():
    d = made(bulkhead=BulkheadPolicy(max_concurrent=1))

    def rule(error):
        raise RuntimeError("a bug in a rule")

    with pytest.raises(RuntimeError):
        d.call(failing(1), on=rule)
    assert in_use(d) == 0


def test_refusals_are_typed_and_survive_pickling():
    d = made(breaker=BreakerPolicy(consecutive_failures=1, open_for=30, open_jitter=0), bulkhead=BulkheadPolicy(max_concurrent=1))
    with pytest.raises(seawall.BulkheadFull) as full:
        d.call(lambda: d.call(int))
    assert full.value.reason == "bulkhead_full" and full.value.name == "d"
    with pytest.raises(Down):
        d.call(failing(1))
    with pytest.raises(seawall.BreakerOpen) as caught:
        d.call(int)
    refused = pickle.loads(pickle.dumps(caught.value))
    assert (type(refused), refused.reason, refused.name, refused.retry_after) == (seawall.BreakerOpen, "breaker_open", "d", 30.0)
    assert attempts_of(caught.value) is None
    rated = made(rate_limit="1/s")
    rated.call(int)
    with pytest.raises(seawall.RateLimited) as limited:
        rated.call(int)
    assert limited.value.retry_after == 1.0


def test_a_nested_refusal_is_no_outcome_of_the_outer_call():
    inner, outer = made(name="inner"), made(name="outer", breaker=BreakerPolicy(consecutive_failures=1))
    inner.force_open()
    with pytest.raises(seawall.BreakerOpen):
        outer.call(inner.call, int)
    assert outer.snapshot().breaker.state == "closed"
    assert outer.snapshot().counts.ignored == 1


def test_retry_after_of_an_error_is_waited_for():
    class Busy(Exception):
        retry_after = 7

    d = made(retry=THREE)
    seen = events_of(d)
    start = d._clock.now
    with no_waiting(d):
        assert d.call(failing(1, Busy), on=Busy) == 2
    assert d._clock.now - start == 7
    assert [(event.kind, event.delay) for event in seen] == [("retry", 7.0)]


def test_strange_errors_are_classified_all_the_same():
    class Odd(ValueError):
        __slots__ = ()

        @property
        def retry_after(self):
            raise RuntimeError("a bug in a property")

        def __setattr__(self, name, value):
            raise TypeError("frozen")

    class Wordy(ValueError):
        retry_after = "tomorrow"

    d = made(retry=THREE, breaker="off")
    with no_waiting(d):
        for error in (Odd, Wordy):
            assert d.call(failing(1, error), on=error) == 2
            with pytest.raises(error):
                d.call(failing(1, error))


def test_what_was_not_sent_is_sent_again_though_not_idempotent():
    d = made(retry=THREE, idempotent=False)
    with no_waiting(d):
        assert d.call(failing(1, ConnectionRefusedError)) == 2
        with pytest.raises(ConnectionResetError):
            d.call(failing(1, ConnectionResetError))
        assert d.call(failing(1, ConnectionResetError), idempotent=True) == 2


def test_keys_are_the_same_for_all_attempts_and_no_other_call():
    d, keys = made(retry=THREE), []

    def fn(attempt):
        keys.append(attempt.idempotency_key)
        if attempt.number < 3:
            raise Down

    with no_waiting(d):
        d.call(fn)
        d.call(fn)
    assert keys[0] == keys[1] == keys[2] != keys[3]
    assert len(keys[0]) == 36 and keys[0][14] == "4"


def test_the_deadline_is_kept_and_stops_retries():
    d = made(0.4, deadline=1.0, retry=RetryPolicy(attempts=2, base=0.1))
    spans = []

    def slow(attempt):
        spans.append(attempt.timeout)
        d._clock.advance(attempt.timeout)
        attempt.check()

    with no_waiting(d), pytest.raises(seawall.AttemptTimeout) as caught:
        d.call(slow)
    assert spans == [0.4, 0.4] and attempts_of(caught.value).stop == "attempts_used"
    with pytest.raises(seawall.DeadlineExceeded) as over:
        d.call(int, deadline=0)
    assert isinstance(over.value, TimeoutError) and d.snapshot().counts.refused_by_deadline == 1
    past = seawall.Deadline.after(0.1, clock=d._clock)
    d._clock.advance(1)
    with pytest.raises(seawall.DeadlineExceeded):
        d.call(int, deadline=past)


def test_costs_are_taken_by_name_and_can_be_corrected():
    d = made(rate_limit=[RatePolicy(rate="10/s", name="requests"), RatePolicy(rate="1000/minute", name="tokens")])
    d.call(int, costs={"tokens": 400})
    left = {name: limit.remaining for name, limit in d.snapshot().rate_limits.items()}
    assert left == {"requests": 9, "tokens": 600}
    d.adjust("tokens", 100)
    d.adjust("requests", -5)
    assert [limit.remaining for limit in d.snapshot().rate_limits.values()] == [10, 500]
    with pytest.raises(seawall.RateLimited):
        d.call(int, costs={"tokens": 501})
    with pytest.raises(seawall.ExceedsCapacity):
        d.call(int, costs={"tokens": 1001})
    assert d.snapshot().rate_limits["requests"].remaining == 10, "all or nothing"
    for bad in ({"token": 1}, {"tokens": -1}, {"tokens": 1.5}, {"tokens": 1 << 32}):
        with pytest.raises(seawall.ArgumentError):
            d.call(int, costs=bad)
    for limit, tokens in (("token", 1), ("tokens", 1.5), ("tokens", 1 << 63)):
        with pytest.raises(seawall.ArgumentError):
            d.adjust(limit, tokens)
    assert made(rate_limit="5/s").call(lambda: 1, costs=5) == 1


def test_call_detailed_says_how_it_came_about():
    d = made(retry=THREE)
    with no_waiting(d):
        outcome = d.call_detailed(failing(1))
    assert (outcome.value, outcome.degraded, outcome.step, outcome.reason, outcome.error) == (2, False, None, None, None)
    assert outcome.attempts == 2 and outcome.duration == pytest.approx(0.1)


def test_protect_keeps_the_function_and_gives_the_attempt():
    d = made(retry=THREE)

    @d.protect(on=KeyError)
    def get(url, *, attempt, tries=[2]):
        """Gets it."""
        tries[0] -= 1
        if tries[0]:
            raise KeyError(url)
        return url, attempt.number

    with no_waiting(d):
        assert get("u") == ("u", 2)
    assert get.__doc__ == "Gets it." and get.__name__ == "get"

    class Client:
        @d.protect
        def ask(self, what, more=1):
            return what, more

    assert Client().ask("x", more=2) == ("x", 2)
    with pytest.raises(TypeError):
        d.protect(3)

    def numbers():
        yield 1

    with pytest.raises(TypeError, match="generator"):
        d.protect(numbers)


def test_what_cannot_be_called_that_way_is_refused_before_anything_is_asked_for():
    d = made(bulkhead=BulkheadPolicy(max_concurrent=1))

    async def coroutine():
        return 1

    def generator():
        yield 1

    class Odd:
        async def __call__(self):
            return 1

    for bad in (3, None, "x", coroutine, generator, Odd()):
        with pytest.raises(seawall.CallbackError) as caught:
            d.call(bad)
        assert isinstance(caught.value, TypeError) and caught.value.field == "fn"
    assert "acall" in str(pytest.raises(seawall.CallbackError, d.call, coroutine).value)
    # One that hides that it is async is found when it answers.
    with pytest.raises(seawall.CallbackError, match="acall"):
        d.call(lambda: coroutine())
    snapshot = d.snapshot()
    assert snapshot.counts.successes == 0 and snapshot.counts.failures == 0 and in_use(d) == 0
    with pytest.raises(TypeError):
        d.call(int, retries=3)
    for option in ({"deadline": -1}, {"deadline": float("nan")}, {"critical": 1}, {"idempotent": "no"}):
        with pytest.raises(seawall.ArgumentError):
            d.call(int, **option)
    for option in ({"on": 3}, {"ignore": [int]}, {"failure": "x"}):
        with pytest.raises(seawall.ConfigError):
            d.call(int, **option)


def test_an_interrupt_gives_everything_back():
    d = made(bulkhead=BulkheadPolicy(max_concurrent=1), breaker=BreakerPolicy(consecutive_failures=1))
    for error in (KeyboardInterrupt, SystemExit, GeneratorExit):
        with pytest.raises(error):
            d.call(failing(1, error))
    counts = d.snapshot().counts
    assert counts.cancelled == 3 and counts.failures == 0 and in_use(d) == 0


def test_two_requests_of_three_attempts_trip_five_only_where_attempts_count():
    for scope, state in (("call", "closed"), ("attempt", "open")):
        d = made(retry=THREE, breaker=BreakerPolicy(consecutive_failures=5, scope=scope))
        with no_waiting(d):
            for _ in range(2):
                with pytest.raises(Down):
                    d.call(failing(9))
        assert d.snapshot().breaker.state == state


def test_states_by_hand_and_facts():
    d = made(2, deadline=5, criticality="optional", bulkhead=BulkheadPolicy(max_concurrent=3), rate_limit="5/s")
    assert d.force_open() and not d.force_open()
    with pytest.raises(seawall.BreakerOpen) as caught:
        d.call(int)
    assert caught.value.reason == "breaker_forced_open"
    assert d.disable()
    assert d.call(int) == 0
    d.reset()
    facts = d.policy
    assert (facts.timeout, facts.deadline, facts.attempts, facts.max_concurrent) == (2.0, 5.0, 1, 3)
    assert (facts.criticality, facts.fallback, facts.rate_limits) == ("optional", "expected", ("requests",))
    assert facts.connect_timeout is None and 'timeout = "2s"' in facts.toml
    assert d.name == "d" and repr(d) == "<seawall.Dependency d>"


def test_a_probe_is_one_attempt_and_a_force_is_undone():
    d = made(retry=THREE, breaker=BreakerPolicy(consecutive_failures=1, open_for=10, open_jitter=0))
    force(d, "open")
    d._clock.advance(10)
    with pytest.raises(Down) as caught:
        d.call(failing(1))
    assert attempts_of(caught.value).stop == "breaker_open"


def test_many_threads_share_a_dependency():
    d = real(bulkhead=BulkheadPolicy(max_concurrent=4, max_wait=30, max_waiting=100))
    most, now, lock = [0], [0], threading.Lock()

    def fn():
        with lock:
            now[0] += 1
            most[0] = max(most[0], now[0])
        with lock:
            now[0] -= 1

    def work():
        for _ in range(50):
            d.call(fn)

    threads = [threading.Thread(target=work) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    snapshot = d.snapshot()
    assert snapshot.counts.successes == 600 and snapshot.bulkhead.in_use == 0 and snapshot.bulkhead.waiting == 0
    assert most[0] <= 4


def test_injected_faults_end():
    d = made(retry=THREE)
    with no_waiting(d):
        with inject(d, error=Down("injected"), times=2):
            assert d.call(lambda a: a.number) == 3
        assert d.call(lambda a: a.number) == 1
        with inject(d, latency=5), pytest.raises(seawall.AttemptTimeout):
            d.call(int)
        with inject(d, error=Down, rate=0):
            assert d.call(int) == 0
        handle = inject(d, error=Down)
        handle.restore()
        handle.restore()
        assert d.call(int) == 0


def test_two_dependencies_of_one_name_and_policies_of_none():
    wall = seawall.Seawall()
    wall.define("a", Policy(1))
    with pytest.raises(seawall.PolicyError, match="defined already"):
        wall.define("a", Policy(1))
    with pytest.raises(seawall.UnknownDependency, match="did you mean 'payments'"):
        seawall.Seawall.parse("[dependency.payments]\ntimeout = '1s'").dependency("payment")
    assert pickle.loads(pickle.dumps(seawall.UnknownDependency("a", "b"))).nearest == "b"
