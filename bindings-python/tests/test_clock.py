"""Driving the time: by hand, and by the tools that patch Python's clocks."""

import threading
import time

import pytest

import seawall
import seawall.clock
from seawall import Breaker, Bulkhead, Deadline, Limiter, RetryBudget
from seawall.testing import ManualClock

freezegun = pytest.importorskip("freezegun")


def opened(clock):
    breaker = Breaker(consecutive_failures=1, open_for=30, open_jitter=0, clock=clock)
    breaker.try_acquire().failure()
    assert breaker.state == "open"
    return breaker


def test_freezegun_moves_the_python_clock():
    with freezegun.freeze_time("2026-01-01") as frozen:
        breaker = opened(seawall.clock.python)
        assert breaker.snapshot().retry_after == 30.0
        frozen.tick(29)
        with pytest.raises(seawall.BreakerOpen):
            breaker.permit()
        frozen.tick(1)
        assert breaker.permit().is_probe


def test_the_wall_clock_is_for_tools_that_leave_the_monotonic_one_alone(monkeypatch):
    breaker = opened(seawall.clock.wall)
    now = time.time_ns()
    monkeypatch.setattr(time, "time_ns", lambda: now + 31 * 10**9)
    assert breaker.permit().is_probe


def test_any_callable_that_counts_nanoseconds_is_a_clock():
    now = 10**9
    breaker = opened(lambda: now)
    now = 31 * 10**9
    assert breaker.permit().is_probe


@pytest.mark.parametrize("year", [1970, 1985, 1999, 2010, 2026, 2038])
def test_a_clock_may_count_from_1970(year):
    clock = ManualClock((year - 1970) * 31_557_600)
    breaker = opened(clock)
    limiter = Limiter(1, clock=clock)
    deadline = Deadline(30, clock=clock)
    limiter.try_acquire()
    clock.advance(29.5)
    with pytest.raises(seawall.BreakerOpen) as caught:
        breaker.permit()
    assert caught.value.retry_after == 0.5
    limiter.try_acquire()
    assert deadline.remaining() == 0.5
    clock.advance(0.5)
    assert breaker.permit().is_probe and deadline.is_expired


def test_without_a_clock_the_time_is_that_of_the_system():
    breaker = Breaker(consecutive_failures=1, open_for=0.02, open_jitter=0)
    breaker.try_acquire().failure()
    assert 0 < breaker.snapshot().retry_after <= 0.021
    time.sleep(0.025)
    assert breaker.permit().is_probe


@pytest.mark.parametrize("odd", [1.5, -1, None, 1 << 64, "now"])
def test_a_clock_that_gives_nonsense_is_told_so_and_nothing_is_lost(odd):
    answer = 1
    breaker = Breaker(clock=lambda: answer)
    bulkhead = Bulkhead(1, clock=lambda: answer)
    permit = breaker.permit()
    held = bulkhead.try_acquire()
    answer = odd
    for ask in (breaker.permit, breaker.snapshot, permit.success, lambda: breaker.call(print), bulkhead.snapshot):
        with pytest.raises((TypeError, OverflowError)):
            ask()
    for make in (Deadline(1, clock=lambda: 1).check, lambda: RetryBudget(clock=lambda: odd), lambda: Deadline(1, clock=lambda: odd)):
        if make.__name__ == "<lambda>":
            with pytest.raises((TypeError, OverflowError)):
                make()
    with pytest.raises((TypeError, OverflowError)):
        Limiter(1, clock=lambda: odd).try_acquire()
    answer = 1
    held.release()
    assert not permit.is_spent and permit.success()
    assert bulkhead.snapshot().in_use == 0


def test_a_clock_that_raises_in_with_gives_the_permit_back():
    fail = False

    def clock():
        if fail:
            raise OSError("no clock")
        return 1

    breaker = Breaker(clock=clock)
    with pytest.raises(OSError), breaker.permit() as permit:
        fail = True
    assert permit.is_spent


def test_time_that_goes_back_is_no_time_passed():
    clock = ManualClock(1_000)
    breaker, limiter = opened(clock), Limiter(1, clock=clock)
    limiter.try_acquire()
    clock.set(10)
    with pytest.raises(seawall.BreakerOpen):
        breaker.permit()
    with pytest.raises(seawall.RateLimited):
        limiter.try_acquire()


def test_alarms_ring_in_order_at_their_moment():
    clock = ManualClock(0)
    rung = []
    for seconds in (5, 3, 4):
        clock.call_later(seconds * 10**9, lambda: rung.append(clock.now))
    clock.call_later(10**9, lambda: rung.append("never")).cancel()
    assert clock.waiting == 3
    clock.advance(4.5)
    assert (rung, clock.now) == ([3.0, 4.0], 4.5)
    clock.advance(1)
    assert (rung, clock.waiting) == ([3.0, 4.0, 5.0], 0)
    with pytest.raises(seawall.ArgumentError, match="by: "):
        clock.advance(-1)


def test_many_threads_may_move_it():
    clock = ManualClock(0)
    threads = [threading.Thread(target=lambda: [clock.advance(0.001) for _ in range(1_000)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert clock() == 4 * 10**9
