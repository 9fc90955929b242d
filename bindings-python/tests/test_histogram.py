"""What a user of the histogram sees."""

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

import seawall
from seawall import Histogram


@given(st.lists(st.floats(1e-6, 137), min_size=1, max_size=200), st.floats(0, 1))
def test_quantiles_are_within_three_percent(latencies, q):
    histogram = Histogram()
    for latency in latencies:
        histogram.record(latency)
    rank = max(1, -(-round(q * 1_000_000) * len(latencies) // 1_000_000))
    assert histogram.quantile(q) == pytest.approx(sorted(latencies)[rank - 1], rel=0.03)
    assert histogram.total == len(latencies)


def test_empty_merge_and_reset():
    one, other = Histogram(), Histogram()
    assert (one.total, one.quantile(0.5)) == (0, 0.0)
    one.record(0.001)
    other.record(1)
    one.merge(other)
    assert (one.total, repr(one)) == (2, "<seawall.Histogram of 2>")
    one.reset()
    assert one.total == 0


def test_odd_arguments():
    histogram = Histogram()
    for odd in (-1, float("nan"), "1", None, True):
        with pytest.raises(seawall.ArgumentError, match="latency: "):
            histogram.record(odd)
    for odd in (-0.1, 1.1, float("nan"), "p99", None):
        with pytest.raises(seawall.ArgumentError, match="q: "):
            histogram.quantile(odd)
    with pytest.raises(TypeError):
        histogram.merge(3)
    histogram.record(float("inf"))
    assert histogram.total == 1


def test_threads_lose_no_count():
    histogram = Histogram()
    threads = [threading.Thread(target=lambda: [histogram.record(0.01) for _ in range(5_000)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert histogram.total == 20_000
