"""What a user of the breaker sees."""

import asyncio
import concurrent.futures
import functools
import inspect
import sys
from datetime import timedelta

import pytest

import seawall
from seawall import Breaker, BreakerOpen
from seawall.testing import ManualClock


class Down(Exception):
    pass


def failing(error=Down):
    raise error("down")


def tripping(clock=None, **settings):
    return Breaker(**{"consecutive_failures": 1, "open_for": 30, "open_jitter": 0, "clock": clock or ManualClock()} | settings)


def trip(breaker):
    with pytest.raises(Down):
        breaker.call(failing)
    assert breaker.state == "open"


def test_a_failing_call_opens_and_the_refusal_says_when_to_come_back():
    clock = ManualClock()
    breaker = tripping(clock, name="payments")
    trip(breaker)
    clock.advance(10)
    with pytest.raises(BreakerOpen) as caught:
        breaker.call(pytest.fail)
    assert (caught.value.name, caught.value.reason, caught.value.retry_after) == ("payments", "breaker_open", 20.0)
    assert str(caught.value) == "payments: the circuit breaker is open; retry after 20 s"
    clock.advance(20)
    assert breaker.call(lambda: "back") == "back"
    assert breaker.state == "closed"


def test_with_records_success_failure_and_what_was_said_inside():
    breaker = Breaker(clock=ManualClock())
    with breaker.permit():
        pass
    with pytest.raises(Down), breaker.permit():
        failing()
    with breaker.permit() as permit:
        assert permit.failure()
    with pytest.raises(Down), breaker.permit() as permit:
        permit.ignore()
        failing()
    with breaker.permit() as permit:
        permit.cancel()
    seen = breaker.snapshot()
    assert (seen.success, seen.failure, seen.ignored) == (1, 2, 1)


def test_the_error_of_the_user_passes_through_unchanged():
    error = Down("mine")

    def fails():
        raise error

    breaker = Breaker()
    for call in (lambda: breaker.call(fails), breaker(fails)):
        with pytest.raises(Down) as caught:
            call()
        assert caught.value is error and error.__cause__ is None and error.__context__ is None
        assert caught.traceback[-1].name == "fails"


@pytest.mark.parametrize(
    ("rules", "error", "counted"),
    [
        ({}, Down, "failure"),
        ({"on": Down}, Down, "failure"),
        ({"on": (OSError, Down)}, Down, "failure"),
        ({"on": [OSError]}, ConnectionError, "failure"),
        ({"on": OSError}, Down, "success"),
        ({"on": lambda error: "down" in str(error)}, Down, "failure"),
        ({"on": lambda error: False}, Down, "success"),
        ({"ignore": Down}, Down, "ignored"),
        ({"on": Down, "ignore": lambda error: True}, Down, "ignored"),
        ({"on": BaseException}, KeyboardInterrupt, "ignored"),
        ({"on": BaseException}, SystemExit, "ignored"),
        ({"on": BaseException}, GeneratorExit, "ignored"),
        ({"on": BaseException}, asyncio.CancelledError, "ignored"),
        ({}, concurrent.futures.CancelledError, "ignored"),
        ({}, functools.partial(seawall.BulkheadFull), "ignored"),
        ({}, TimeoutError, "failure"),
    ],
)
def test_what_counts(rules, error, counted):
    breaker = Breaker(**rules)
    expected = error.func if isinstance(error, functools.partial) else error
    for protected in (lambda: breaker.call(failing, error), lambda: breaker(failing)(error)):
        before = getattr(breaker.snapshot(), counted)
        with pytest.raises(expected):
            protected()
        assert getattr(breaker.snapshot(), counted) == before + 1
    with pytest.raises(expected), breaker.permit():
        failing(error)
    assert getattr(breaker.snapshot(), counted) == 3


def test_a_result_can_be_a_failure():
    breaker = Breaker(result_is_failure=lambda status: status >= 500)
    assert breaker.call(lambda: 503) == 503
    assert breaker(lambda: 200)() == 200

    async def answers(status):
        return status

    async def both():
        return await breaker(answers)(500), await breaker.call_async(answers, 204)

    assert asyncio.run(both()) == (500, 204)
    seen = breaker.snapshot()
    assert (seen.success, seen.failure) == (2, 2)


def test_a_rule_that_raises_gives_the_probe_seat_back():
    clock = ManualClock()

    def broken(_):
        raise ZeroDivisionError

    breaker = tripping(clock)
    trip(breaker)
    judged = tripping(clock, result_is_failure=broken)
    trip(judged)
    clock.advance(30)
    with pytest.raises(ZeroDivisionError):
        judged.call(lambda: 1)
    assert (judged.state, judged.snapshot().probes_in_flight) == ("half_open", 0)
    ruled = tripping(clock, on=lambda error: 1 / 0)
    for attempt in (lambda: ruled.call(failing), lambda: ruled(failing)()):
        with pytest.raises(ZeroDivisionError) as caught:
            attempt()
    with pytest.raises(ZeroDivisionError) as caught, ruled.permit():
        failing()
    assert isinstance(caught.value.__context__, Down)
    assert ruled.snapshot().failure == 0


def test_decorated_functions_keep_name_doc_and_signature():
    breaker = Breaker()

    @breaker
    def charge(order: int, *, twice: bool = False) -> str:
        """Charges."""
        return f"{order}{twice}"

    @breaker
    async def charge_async(order: int) -> int:
        return order

    assert (charge.__name__, charge.__doc__) == ("charge", "Charges.")
    assert str(inspect.signature(charge)) == "(order: int, *, twice: bool = False) -> str"
    assert inspect.isfunction(charge) and not inspect.iscoroutinefunction(charge)
    assert inspect.iscoroutinefunction(charge_async)
    assert charge(1, twice=True) == "1True"
    assert asyncio.run(charge_async(7)) == 7
    assert breaker.snapshot().success == 2


def test_methods_class_methods_and_partials_can_be_decorated():
    breaker = Breaker()

    class Client:
        base = 40

        @breaker
        def get(self, more):
            return self.base + more

        @classmethod
        @breaker
        def made(cls):
            return cls.base

        @staticmethod
        @breaker
        def plain(fn, self=1):
            return fn + self

        @breaker
        async def get_async(self, fn):
            return self.base + fn

    assert (Client().get(more=2), Client.made(), Client.plain(fn=1, self=2)) == (42, 40, 3)
    assert asyncio.run(Client().get_async(fn=1)) == 41

    async def plus(a, b):
        return a + b

    assert inspect.iscoroutinefunction(breaker(functools.partial(plus, 1)))
    assert asyncio.run(breaker(functools.partial(plus, 1))(2)) == 3
    assert breaker.snapshot().success == 5


def test_generators_are_refused_with_a_reason():
    breaker = Breaker()

    def rows():
        yield 1

    async def rows_async():
        yield 1

    for generator in (rows, rows_async):
        with pytest.raises(TypeError, match="generator.*use `with breaker.permit"):
            breaker(generator)
    for other in (staticmethod(rows), classmethod(rows), int, 3):
        with pytest.raises(TypeError):
            breaker(other)


def test_call_of_an_async_function_is_a_mistake_that_is_told():
    async def answer():
        return 1

    breaker = Breaker()
    with pytest.raises(TypeError, match="call_async"):
        breaker.call(answer)
    assert breaker.snapshot().success == 0


async def test_async_calls_trip_and_cancellation_is_ignored():
    breaker = tripping()

    @breaker
    async def hang():
        await asyncio.sleep(60)

    task = asyncio.create_task(hang())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (breaker.state, breaker.snapshot().ignored) == ("closed", 1)

    @breaker
    async def fails():
        raise Down

    with pytest.raises(Down):
        await fails()
    with pytest.raises(BreakerOpen):
        await fails()
    with pytest.raises(BreakerOpen):
        await breaker.call_async(hang)


async def test_a_timeout_inside_counts_and_one_around_is_a_cancellation():
    breaker = Breaker()
    with pytest.raises(asyncio.TimeoutError), breaker.permit():
        await asyncio.wait_for(asyncio.sleep(60), 0.001)

    async def protected():
        with breaker.permit():
            await asyncio.sleep(60)

    with pytest.raises(asyncio.TimeoutError):
        await asyncio.wait_for(protected(), 0.001)
    seen = breaker.snapshot()
    assert (seen.failure, seen.ignored) == (1, 1)


def test_a_permit_counts_once():
    breaker = Breaker("payments")
    permit = breaker.try_acquire()
    assert not permit.is_spent and permit.success() and permit.is_spent
    for again in (permit.success, permit.failure, permit.ignore, permit.cancel, lambda: permit.record("success")):
        with pytest.raises(seawall.PermitSpent, match="payments: the permit was used already"):
            again()
    assert breaker.snapshot().success == 1


def test_a_late_result_counts_for_nothing():
    breaker = tripping()
    early = breaker.try_acquire()
    trip(breaker)
    assert early.success() is False
    assert (breaker.state, breaker.snapshot().late) == ("open", 1)


def test_a_dropped_probe_gives_its_seat_back():
    clock = ManualClock()
    breaker = tripping(clock)
    trip(breaker)
    clock.advance(30)
    probe = breaker.try_acquire()
    assert probe.is_probe
    with pytest.raises(BreakerOpen) as caught:
        breaker.try_acquire()
    assert (caught.value.reason, caught.value.retry_after) == ("breaker_half_open", 30.0)
    del probe
    assert breaker.try_acquire().is_probe


def test_what_the_server_asks_for_keeps_it_open_longer():
    clock = ManualClock()
    breaker = tripping(clock)
    breaker.try_acquire().failure(retry_after=120)
    assert breaker.snapshot().retry_after == 120.0
    for odd in (-1, float("nan"), "soon"):
        permit = tripping(clock).try_acquire()
        with pytest.raises(seawall.ArgumentError, match="retry_after"):
            permit.failure(retry_after=odd)
        assert not permit.is_spent
    with pytest.raises(seawall.ArgumentError, match="outcome: 'maybe' is not one of"):
        tripping(clock).try_acquire().record("maybe")


def test_by_hand():
    breaker = Breaker()
    assert breaker.force_open() and not breaker.force_open()
    with pytest.raises(BreakerOpen) as caught:
        breaker.permit()
    assert (caught.value.reason, caught.value.retry_after) == ("breaker_forced_open", None)
    assert breaker.disable() and not breaker.disable()
    with pytest.raises(Down):
        breaker.call(failing)
    assert breaker.snapshot().failure == 0
    breaker.reset()
    assert breaker.state == "closed"


def test_the_callback_hears_of_every_change_and_cannot_break_the_call(monkeypatch):
    heard, lost = [], []
    monkeypatch.setattr(sys, "unraisablehook", lambda report: lost.append(report.exc_value))

    def listen(*change):
        heard.append((*change, breaker.state))
        raise ValueError("in the callback")

    clock = ManualClock()
    breaker = tripping(clock, name="payments", on_transition=listen)
    trip(breaker)
    clock.advance(30)
    breaker.call(lambda: None)
    assert heard == [
        ("payments", "closed", "open", "open"),
        ("payments", "open", "half_open", "half_open"),
        ("payments", "half_open", "closed", "closed"),
    ]
    assert [str(error) for error in lost] == ["in the callback"] * 3


def test_an_interrupt_in_the_callback_gives_the_probe_back():
    clock = ManualClock()

    def interrupt(_, before, after):
        if after == "half_open":
            raise KeyboardInterrupt

    breaker = tripping(clock, on_transition=interrupt)
    trip(breaker)
    clock.advance(30)
    with pytest.raises(KeyboardInterrupt):
        breaker.call(pytest.fail)
    assert breaker.snapshot().probes_in_flight == 0


def test_shadow_counts_and_never_refuses_and_off_does_nothing():
    breaker = tripping(mode="shadow")
    trip(breaker)
    assert breaker.call(lambda: 1) == 1
    assert breaker.snapshot().shadow_refused == 1
    off = tripping(mode="off")
    with pytest.raises(Down):
        off.call(failing)
    assert (off.state, off.snapshot().failure) == ("closed", 0)


def test_settings_change_while_calls_go_on():
    clock = ManualClock()
    breaker = tripping(clock, consecutive_failures=5)
    breaker.reconfigure(consecutive_failures=2, open_for=10)
    for _ in range(2):
        breaker.try_acquire().failure()
    assert breaker.snapshot().retry_after == 10.0
    assert breaker._settings()["probe_lease_ns"] == 10 * 10**9
    with pytest.raises(seawall.ConfigError, match="probes: 0 is outside 1..=32"):
        breaker.reconfigure(probes=0)
    breaker.reconfigure(mode="off")
    breaker.permit().cancel()


def test_the_defaults_in_the_signature_are_those_of_the_core():
    assert Breaker()._settings() == seawall._native.Breaker({})._settings()
    given = {name for name in inspect.signature(Breaker).parameters}
    table = {row.split("|")[1].strip() for row in Breaker.__doc__.splitlines() if row.strip().startswith("| ")}
    assert given - {"name", "on", "ignore", "result_is_failure", "clock", "on_transition", "seed"} <= table


def test_slow_calls_open_it():
    clock = ManualClock()
    breaker = Breaker(slow_rate=0.5, slow_after=1, window_calls=4, min_calls=2, clock=clock)
    for _ in range(2):
        with breaker.permit():
            clock.advance(1.5)
    assert (breaker.state, breaker.snapshot().slow) == ("open", 2)


def test_a_subclass_can_add_its_own():
    class Loud(Breaker):
        def __new__(cls, *args, volume, **settings):
            self = super().__new__(cls, *args, **settings)
            self.volume = volume
            return self

    loud = Loud("x", volume=11)
    assert (loud.volume, loud.name, loud.call(lambda: 1)) == (11, "x", 1)


def test_defaults_follow_what_is_given() -> None:
    breaker = Breaker(window_calls=4, open_for=timedelta(hours=1), consecutive_failures=0, seed=1)
    for _ in range(4):
        breaker.try_acquire().record("failure")
    assert breaker.state == "open"
    retry_after = breaker.snapshot().retry_after
    assert retry_after is not None and retry_after > 3_000
