"""What a user of the backoff sees."""

import itertools
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

import seawall
from seawall import Backoff

MOST = (1 << 64) - 1


def test_it_grows_to_the_cap():
    backoff = Backoff(base=0.1, factor=2, cap=0.5, jitter="none")
    assert list(backoff.delays(5)) == [0.1, 0.2, 0.4, 0.5, 0.5]
    assert list(itertools.islice(backoff.delays(), 2)) == [0.1, 0.2]
    assert repr(backoff) == "<seawall.Backoff 0.1 s x 2 up to 0.5 s, jitter none>"


@given(st.integers(1, 10_000), st.integers(0, MOST), st.sampled_from(["full", "equal", "decorrelated", "none"]))
def test_never_beyond_the_cap_and_never_below_what_the_server_asks(attempt, random, jitter):
    backoff = Backoff(base=0.1, cap=2, jitter=jitter)
    assert 0 <= backoff.delay(attempt, previous=1, random=random) <= 2
    assert backoff.delay(attempt, random=random, retry_after=7) == 7


def test_jitter_spreads():
    backoff = Backoff(base=1)
    assert (backoff.delay(1, random=0), backoff.delay(1, random=MOST)) == (0, 1)
    assert len({backoff.delay(1) for _ in range(100)}) > 90
    assert Backoff(base=1, jitter="equal").delay(1, random=0) == 0.5


def test_the_server_is_heard_within_a_margin():
    backoff = Backoff(base=timedelta(seconds=1), jitter="none", retry_after_margin=5)
    assert backoff.delay(1, retry_after=60) == 6
    assert Backoff.aws_standard().delay(1, random=MOST) == 0.05
    assert Backoff.aws_throttled().delay(1, random=MOST) == 1.0


@pytest.mark.parametrize("attempt", [-1, 1.5, "1", None, True])
def test_odd_attempts(attempt):
    with pytest.raises(seawall.ArgumentError, match="attempt: "):
        Backoff().delay(attempt)


def test_other_odd_arguments():
    backoff = Backoff()
    for field, odd in [("previous", -1), ("retry_after", float("nan")), ("random", -1), ("random", 1 << 64), ("random", 0.5)]:
        with pytest.raises(seawall.ArgumentError, match=f"{field}: "):
            backoff.delay(1, **{field: odd})
    with pytest.raises(seawall.ArgumentError, match="attempts: "):
        backoff.delays(-1)
    assert backoff.delay(10**30, random=MOST) == 20
