"""The loop and the block."""

import pytest

import seawall
from seawall import BulkheadPolicy, attempts_of
from seawall.testing import inject, no_waiting
from walls import THREE, events_of, in_use, made


class Down(ConnectionError):
    pass


def test_the_loop_ends_with_the_first_success():
    d, numbers = made(retry=THREE), []
    seen = events_of(d)
    with no_waiting(d):
        for attempt in d.attempts():
            with attempt:
                numbers.append((attempt.number, seawall.current_deadline() == attempt.deadline))
                if attempt.number < 3:
                    raise Down
    assert numbers == [(1, True), (2, True), (3, True)]
    assert seawall.current_deadline() is None
    assert [event.kind for event in seen] == ["retry", "retry"]
    counts = d.snapshot().counts
    assert (counts.calls, counts.successes, counts.retries) == (1, 1, 2)


def test_the_last_error_of_the_loop_is_raised_unchanged():
    d = made(retry=THREE, bulkhead=BulkheadPolicy(max_concurrent=1))
    last = None
    with no_waiting(d), pytest.raises(Down) as caught:
        for attempt in d.attempts():
            with attempt:
                last = Down(attempt.number)
                raise last
    assert caught.value is last and attempts_of(last) == ("d", 3, "attempts_used")
    with pytest.raises(KeyError):
        for attempt in d.attempts():
            with attempt:
                raise KeyError
    assert in_use(d) == 0


def test_the_loop_is_refused_by_its_for():
    d = made()
    d.force_open()
    with pytest.raises(seawall.BreakerOpen):
        for _ in d.attempts():
            raise AssertionError("not reached")
    with pytest.raises(seawall.BreakerOpen), d.permit():
        raise AssertionError("not reached")


def test_leaving_the_loop_early_holds_nothing():
    d = made(retry=THREE, bulkhead=BulkheadPolicy(max_concurrent=1))

    def found():
        for attempt in d.attempts():
            with attempt:
                return attempt.number

    assert found() == 1
    for attempt in d.attempts():
        with attempt:
            break
    assert d.snapshot().counts.successes == 2 and in_use(d) == 0
    for attempt in d.attempts():
        break
    del attempt
    assert in_use(d) == 0

    def stops():
        for attempt in d.attempts():
            with attempt:
                yield attempt.number

    generator = stops()
    assert next(generator) == 1 and in_use(d) == 1
    generator.close()
    assert in_use(d) == 0
    counts = d.snapshot().counts
    assert counts.failures == 0 and counts.cancelled == 2


def test_misuse_of_the_loop_is_an_error():
    d = made(retry=THREE, bulkhead=BulkheadPolicy(max_concurrent=1))
    with pytest.raises(seawall.SeawallError, match="with attempt"):
        for _ in d.attempts():
            pass
    assert in_use(d) == 0
    loop = d.attempts()
    with no_waiting(d):
        for attempt in loop:
            with attempt, pytest.raises(seawall.SeawallError):
                attempt.__enter__()
    with pytest.raises(seawall.SeawallError, match="one loop"):
        iter(loop)
    permit = d.permit()
    with permit:
        pass
    with pytest.raises(seawall.SeawallError, match="one block"):
        permit.__enter__()
    assert in_use(d) == 0


def test_a_fault_strikes_the_attempt_before_its_block():
    d, numbers = made(retry=THREE), []
    with no_waiting(d), inject(d, error=Down, times=2):
        for attempt in d.attempts():
            with attempt:
                numbers.append(attempt.number)
    assert numbers == [3]
    with inject(d, error=Down), pytest.raises(Down), d.permit():
        raise AssertionError("not reached")


def test_a_permit_is_one_attempt():
    d = made(retry=THREE, bulkhead=BulkheadPolicy(max_concurrent=1))
    with d.permit() as attempt:
        assert attempt.number == 1 and in_use(d) == 1 and attempt.remaining == 1.0
        d._clock.advance(2)
        assert attempt.remaining == 0
        with pytest.raises(seawall.AttemptTimeout):
            attempt.check()
    with pytest.raises(Down) as caught, d.permit():
        raise Down
    assert attempts_of(caught.value).attempts == 1
    with pytest.raises(KeyboardInterrupt), d.permit():
        raise KeyboardInterrupt
    counts = d.snapshot().counts
    assert (counts.successes, counts.failures, counts.cancelled, in_use(d)) == (1, 1, 1, 0)
