"""What a user of the deadline sees."""

import math
from datetime import timedelta

import pytest

import seawall
from seawall import Deadline, DeadlineExceeded
from seawall.testing import ManualClock


def test_it_comes_nearer_and_passes():
    clock = ManualClock()
    deadline = Deadline.after(2, clock=clock)
    assert (deadline.remaining(), deadline.is_expired) == (2.0, False)
    deadline.check()
    clock.advance(timedelta(seconds=1.5))
    assert (deadline.remaining(), deadline.attempt_timeout(1), deadline.attempt_timeout(0.25)) == (0.5, 0.5, 0.25)
    clock.advance(0.5)
    assert (deadline.remaining(), deadline.is_expired) == (0.0, True)
    with pytest.raises(DeadlineExceeded, match="the deadline has passed"):
        deadline.check()
    with pytest.raises(TimeoutError):
        deadline.check()


def test_the_nearer_one_and_a_share_for_the_caller():
    clock = ManualClock()
    near, far = Deadline(1, clock=clock), Deadline(10, clock=clock)
    assert near.nearer(far) is near and far.nearer(near) is near
    assert near < far and near != far and near == Deadline(1, clock=clock)
    assert far.keep(0.25).remaining() == 7.5
    assert len({near, far, Deadline(1, clock=clock)}) == 2
    assert repr(far) == "<seawall.Deadline 10 s left>"


def test_never():
    never = Deadline.never()
    assert (never.remaining(), never.is_expired, never.is_never) == (math.inf, False, True)
    assert never.attempt_timeout(3) == 3
    assert repr(never) == "<seawall.Deadline never>"
    assert Deadline(math.inf).is_never


def test_deadlines_of_different_clocks_do_not_mix():
    one, other = Deadline(1, clock=ManualClock()), Deadline(1)
    assert one != other
    for mix in (lambda: one.nearer(other), lambda: one < other):
        with pytest.raises(seawall.ArgumentError, match="deadlines of the same clock"):
            mix()
    with pytest.raises(TypeError):
        one < 3


def test_odd_arguments():
    for odd in (-1, float("nan"), "1", None):
        with pytest.raises(seawall.ArgumentError):
            Deadline.after(odd)
        with pytest.raises(seawall.ArgumentError):
            Deadline(1).attempt_timeout(odd)
        with pytest.raises(seawall.ArgumentError):
            Deadline(1).keep(odd)
    with pytest.raises(seawall.ArgumentError):
        Deadline(1).keep(1.5)
