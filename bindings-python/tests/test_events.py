"""What happens is told, and telling harms nobody."""

import json
import logging

import pytest

import seawall
from seawall import BreakerPolicy, Policy, RatePolicy
from seawall.testing import no_waiting
from walls import THREE, events_of, fake_wall, made


def fails():
    raise ConnectionResetError("reset")


def test_every_kind_of_event_says_what_belongs_to_it():
    wall = fake_wall()
    policy = Policy(1, retry=THREE, breaker=BreakerPolicy(consecutive_failures=1, open_for=30, open_jitter=0))
    d = wall.define("d", policy)
    mine, all_of_them = events_of(d), []
    wall.on_event(all_of_them.append)
    with no_waiting(d):
        d.call(fails, fallback=1)
    with pytest.raises(seawall.BreakerOpen):
        d.call(int)
    assert [event.kind for event in mine] == ["retry", "retry", "state_change", "fallback", "refusal"]
    retry, _, change, fallback, refusal = mine
    assert (retry.attempt, retry.delay, str(retry.error)) == (1, 0.1, "reset")
    assert (change.from_state, change.to_state) == ("closed", "open")
    assert (fallback.step, fallback.source, fallback.reason) == (0, "value", "attempts_used")
    assert (refusal.reason, refusal.retry_after, refusal.dependency) == ("breaker_open", 30.0, "d")
    assert refusal.at == d._clock.now and mine == all_of_them
    assert json.loads(json.dumps([event.to_dict() for event in mine]))[0]["error"] == "ConnectionResetError: reset"
    d.reset()
    assert mine[-1].to_state == "closed"


def test_a_refusal_names_the_limit_that_said_no():
    d = made(rate_limit=[RatePolicy(rate="5/s", name="requests"), RatePolicy(rate="1/s", name="tokens")])
    seen = events_of(d)
    d.call(int)
    with pytest.raises(seawall.RateLimited):
        d.call(int)
    assert [(event.kind, event.limit, event.reason) for event in seen] == [("refusal", "tokens", "rate_limited")]


def test_a_result_after_a_change_of_state_is_late():
    d = made()
    seen = events_of(d)

    def fn():
        d.force_open()
        d.reset()

    d.call(fn)
    assert [event.kind for event in seen] == ["state_change", "state_change", "late_result"]
    assert (seen[-1].outcome, seen[-1].attempt) == ("success", 1)
    assert d.snapshot().counts.late == 1


def test_a_hook_that_fails_is_counted_and_the_call_goes_on():
    wall = fake_wall()
    d, heard = wall.define("d", Policy(1)), []

    def broken(event):
        raise RuntimeError("a bug in a hook")

    d.on_event(broken)
    d.on_event(heard.append)
    wall.on_event(broken)
    assert d.force_open()
    assert len(heard) == 1 and d.snapshot().hook_failures == 1 and wall.hook_failures == 1


def test_a_hook_can_be_taken_out_again_and_may_call():
    d, heard = made(), []
    first, second = d.on_event(heard.append), d.on_event(heard.append)
    d.on_event(lambda event: d.snapshot())
    d.force_open()
    first()
    first()
    d.reset()
    second()
    d.force_open()
    assert len(heard) == 3
    for bad in (None, 3):
        with pytest.raises(seawall.CallbackError):
            d.on_event(bad)


def test_events_go_to_the_log(caplog):
    caplog.set_level(logging.DEBUG, "seawall")
    d = made(retry=THREE, breaker=BreakerPolicy(consecutive_failures=1, open_for=30, open_jitter=0))
    caplog.clear()
    with no_waiting(d):
        d.call(fails, fallback=1)
    with pytest.raises(seawall.BreakerOpen):
        d.call(int)
    found = [(record.levelname, record.getMessage()) for record in caplog.records]
    assert found[0] == ("INFO", "d: attempt 1 failed with ConnectionResetError('reset'), next in 0.1 s")
    assert ("WARNING", "d: breaker closed -> open") in found
    assert ("INFO", "d: step 0 of the fallback served (value), attempts_used") in found
    assert found[-1] == ("DEBUG", "d: refused, breaker_open, retry after 30 s")
    assert caplog.records[0].seawall.kind == "retry"
