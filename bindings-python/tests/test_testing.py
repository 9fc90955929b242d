"""The test kit: forced states, injected faults, no waiting."""

import pytest

import seawall
from seawall import BreakerPolicy, BulkheadPolicy, Policy, RatePolicy
from seawall.testing import FakeClock, ManualClock, force, inject, no_waiting
from walls import THREE, fake_wall, made, real


class Down(ConnectionError):
    pass


def test_every_state_can_be_forced():
    d = made(breaker=BreakerPolicy(open_for=10, open_jitter=0))
    for state in ("open", "half_open", "forced_open", "disabled", "closed", "half_open", "open"):
        force(d, state)
        assert d.snapshot().breaker.state == state
    with pytest.raises(seawall.BreakerOpen):
        d.call(int)
    d._clock.advance(10)
    assert d.call(int) == 0 and d.snapshot().breaker.state == "closed"
    force(d, "half_open")
    assert d.call(int) == 0 and d.snapshot().breaker.state == "closed"
    with pytest.raises(seawall.ArgumentError):
        force(d, "ajar")
    with pytest.raises(seawall.ConfigError):
        force(made(breaker="off"), "open")


def test_a_share_of_attempts_meets_a_fault_repeatably():
    def struck():
        d = made(breaker="off")
        found = []
        with inject(d, error=Down, rate=0.3):
            for number in range(200):
                try:
                    d.call(int)
                except Down:
                    found.append(number)
        return found

    first = struck()
    assert first == struck() and 30 < len(first) < 90


def test_faults_come_one_after_the_other():
    d = made(retry=THREE)
    seen = []
    d.on_event(lambda event: seen.append(type(event.error)))
    with no_waiting(d):
        inject(d, error=Down("an instance"), times=1)
        inject(d, latency=9, times=1)
        assert d.call(lambda a: a.number) == 3
    assert seen == [Down, seawall.AttemptTimeout]
    start = d._clock.now
    with no_waiting(d), inject(d, latency=0.5, times=1):
        assert d.call(lambda a: a.remaining) == 0.5
    assert d._clock.now - start == 0.5


def test_bad_faults_are_refused():
    d = made()
    for fault in ({"error": 3}, {"rate": 1.5}, {"rate": float("nan")}, {"rate": True}, {"times": 0}, {"times": 1.5}, {"latency": -1}):
        with pytest.raises(seawall.ArgumentError):
            inject(d, **fault)
    assert d.call(int) == 0


def test_no_waiting_moves_the_clock_of_the_wall():
    assert FakeClock is ManualClock
    wall = fake_wall()
    d = wall.define("d", Policy(1, rate_limit=RatePolicy(rate="1/s", burst=1, max_wait=10)))
    places = wall.define("places", Policy(60, bulkhead=BulkheadPolicy(max_concurrent=1, max_wait=5, max_waiting=5)))
    start = d._clock.now
    with no_waiting(wall):
        for _ in range(4):
            d.call(int)
        assert d._clock.now - start == 3
        with pytest.raises(seawall.BulkheadFull) as caught:
            places.call(lambda: places.call(int))
        assert caught.value.reason == "bulkhead_wait_timeout" and d._clock.now - start == 8
    with pytest.raises(seawall.ConfigError) as caught:
        no_waiting(real())
    assert caught.value.field == "clock"
