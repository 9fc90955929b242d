"""The deadline in force: in nested calls, in tasks, and between services."""

import asyncio
import pickle
import threading

import pytest

import seawall
from seawall import Deadline, HeaderError, current_deadline, deadline
from seawall.testing import FakeClock
from walls import made, real


def test_calls_within_a_call_inherit_the_nearer_deadline():
    outer, inner = real(0.5, name="outer"), real(2.0, name="inner")
    assert outer.call(lambda: inner.call(lambda a: a.timeout)) <= 0.5
    assert inner.call(lambda: outer.call(lambda a: a.timeout)) == 0.5
    assert current_deadline() is None
    fake = made(9.0)
    assert outer.call(lambda: fake.call(lambda a: a.timeout)) <= 0.5, "what is left counts, whatever the clock"
    assert fake.call(lambda: inner.call(lambda a: a.timeout)) == 2.0
    with pytest.raises(ZeroDivisionError):
        outer.call(lambda: 1 / 0)
    assert current_deadline() is None


async def test_tasks_started_within_a_call_inherit_it_and_others_do_not():
    d = real(0.5)

    async def left():
        await asyncio.sleep(0)
        return current_deadline()

    async def fn():
        return await asyncio.gather(left(), asyncio.ensure_future(left()))

    outside = asyncio.ensure_future(left())
    inside = await d.acall(fn)
    assert all(found is not None and found.remaining() <= 0.5 for found in inside)
    assert await outside is None and current_deadline() is None


def test_a_scope_is_a_deadline_for_everything_within():
    d = real(2.0)
    with deadline(0.5) as limit:
        assert current_deadline() == limit and 0 < limit.remaining() <= 0.5
        assert d.call(lambda a: a.timeout) <= 0.5
        with deadline(9):
            assert current_deadline() == limit, "the nearer one counts"
        with deadline(None):
            assert current_deadline() == limit
        with deadline(0), pytest.raises(seawall.DeadlineExceeded):
            d.call(int)
        found = []
        thread = threading.Thread(target=lambda: found.append(current_deadline()))
        thread.start()
        thread.join()
        assert found == [None]
    assert current_deadline() is None
    with deadline(Deadline.after(1)):
        assert current_deadline().remaining() <= 1
    for bad in (-1, float("nan"), "5s", True):
        with pytest.raises(seawall.ArgumentError):
            deadline(bad)


def test_the_policy_keeps_its_reserve():
    d = made(10.0, reserve=0.1)
    with deadline(5.0, clock=d._clock):
        assert d.call(lambda a: a.timeout) == 4.5


def test_what_is_injected_is_extracted():
    clock = FakeClock()
    headers = {"X-Request-Timeout-Ms": "1", "Grpc-Timeout": "1S", "other": "x"}
    deadline.inject(headers, Deadline.after(1.5, clock=clock))
    assert headers == {"other": "x", "x-request-timeout-ms": "1500", "grpc-timeout": "1500000u"}
    assert deadline.extract(headers, clock=clock) == Deadline.after(1.5, clock=clock)
    deadline.inject(headers)
    assert headers == {"other": "x"}, "without a deadline none is sent"
    assert deadline.extract(headers) is None
    with deadline(2.0):
        deadline.inject(headers)
    assert 0 < int(headers["x-request-timeout-ms"]) <= 2000


def test_pairs_of_servers_are_read_and_the_nearest_counts():
    clock = FakeClock()
    pairs = [(b"x-request-timeout-ms", b"500"), (b"grpc-timeout", b"20m"), (b"host", b"\xff")]
    assert deadline.extract(pairs, clock=clock).remaining() == 0.02
    assert deadline.extract({"X-REQUEST-TIMEOUT-MS": " 7 "}, clock=clock).remaining() == 0.007


@pytest.mark.parametrize("text", ["", "soon", "-5", "1e3", "5s", "99999999999", "é", "\ud800", "1" * 1_000_000, b"\xff"])
def test_what_is_malformed_absurd_or_a_megabyte_is_refused(text):
    with pytest.raises(HeaderError) as caught:
        deadline.extract({"x-request-timeout-ms": text, "grpc-timeout": "1S"})
    assert caught.value.header == "x-request-timeout-ms" and len(str(caught.value)) < 200
    with pytest.raises(HeaderError):
        deadline.extract({"grpc-timeout": text})


@pytest.mark.parametrize(
    ("text", "kind"),
    [("", "empty"), ("5" * 65, "too_long"), ("\x1b[31m\nroot: logged in", "malformed"), ("86400001", "too_large")],
)
def test_a_refused_header_says_its_kind_and_length_and_repeats_nothing(text, kind):
    with pytest.raises(HeaderError) as caught:
        deadline.extract({"x-request-timeout-ms": text})
    error = caught.value
    assert (error.header, error.kind, error.length) == ("x-request-timeout-ms", kind, len(text))
    assert str(error).isprintable() and (not text or text not in str(error))
    again = pickle.loads(pickle.dumps(error))
    assert (str(again), again.kind, again.length) == (str(error), kind, len(text))
