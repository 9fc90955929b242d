"""The outages that this project was founded on, each as a test in virtual time."""

import pytest

import seawall
from seawall import BreakerPolicy, BudgetPolicy, BulkheadPolicy, Policy, RetryPolicy
from seawall.testing import FakeClock, no_waiting
from walls import fake_wall, made


class Down(ConnectionError):
    pass


def test_an_outage_opens_the_circuit_probes_it_and_closes_it_again():
    """Down at 0 s for 70 s; one call to it every 100 ms, and one to another route."""
    clock = FakeClock()
    wall = seawall.Seawall(clock=clock)
    breaker = BreakerPolicy(failure_rate=0.5, min_calls=20, window=10, open_for=30, open_jitter=0)
    payment = wall.define("payment", Policy(2.0, breaker=breaker, bulkhead=BulkheadPolicy(max_concurrent=20)))
    search = wall.define("search", Policy(0.5))
    start, changes, most = clock.now, [], 0
    payment.on_event(lambda event: event.kind == "state_change" and changes.append((event.to_state, event.at - start)))

    def pay():
        nonlocal most
        most = max(most, payment.snapshot().bulkhead.in_use)
        if clock.now - start < 70:
            raise Down
        return "paid"

    served, asked = 0, 0
    while clock.now - start < 120:
        try:
            payment.call(pay)
        except (Down, seawall.BreakerOpen):
            pass
        asked += 1
        served += search.call(lambda: 1)
        assert wall.health()
        clock.advance(0.1)
    states = [state for state, _ in changes]
    assert states == ["open", "half_open", "open", "half_open", "closed"]
    opened, first_probe, _, second_probe, closed = (at for _, at in changes)
    assert opened <= 10 and 30 <= first_probe <= 42 and closed == second_probe <= 100
    assert served == asked and most <= 20


def test_five_layers_of_three_tries_send_243_requests_and_three_with_one_layer_that_retries():
    for retrying, wanted in ((5, 243), (1, 3)):
        wall, sent = fake_wall(), []
        plenty = RetryPolicy(attempts=3, base=0.001, budget=BudgetPolicy(ratio=10.0, cap=100_000))
        layers = [
            wall.define(f"layer-{number}", Policy(1.0, breaker="off", retry=plenty if number < retrying else None))
            for number in range(5)
        ]

        def send(sent=sent):
            sent.append(1)
            raise Down

        call = send
        for layer in layers:
            call = lambda layer=layer, call=call: layer.call(call, on=Down)  # noqa: E731
        with no_waiting(wall), pytest.raises(Down):
            call()
        assert len(sent) == wanted


def test_a_deadline_of_five_seconds_never_takes_nine():
    d = made(3.0, deadline=7.0, retry=RetryPolicy(attempts=2, base=0.5))
    start = d._clock.now

    def slow(attempt):
        d._clock.advance(min(3.0, attempt.remaining))
        attempt.check()
        raise Down

    with no_waiting(d), pytest.raises((seawall.AttemptTimeout, Down)):
        d.call(slow, deadline=5.0)
    assert d._clock.now - start <= 5.0


def test_five_hundred_messages_after_an_outage_are_spread():
    for jitter, most in (("full", 110), ("none", 500)):
        d = made(1.0, breaker="off", retry=RetryPolicy(attempts=2, base=1.0, jitter=jitter, budget=BudgetPolicy(ratio=10.0, cap=1_000)))
        waits = []
        d.on_event(lambda event, waits=waits: waits.append(event.delay))

        def fails(attempt):
            if attempt.number == 1:
                raise Down

        with no_waiting(d):
            for _ in range(500):
                d.call(fails)
        bins = [0] * 11
        for wait in waits:
            bins[int(wait * 10)] += 1
        assert len(waits) == 500 and max(bins) <= most and (jitter == "full" or max(bins) == 500)
