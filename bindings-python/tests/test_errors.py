"""Every constructor refuses what cannot be, with the field, the value and the range in the error."""

import copy
import math
import pickle
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction

import pytest

import seawall
from seawall import Backoff, Breaker, Bulkhead, ConfigError, Limiter, RetryBudget

NAN, INFINITY, HUGE = float("nan"), float("inf"), 1 << 70

SECONDS = [-1, -0.001, NAN, INFINITY, HUGE, timedelta(seconds=-1), timedelta.max, "30", b"30", [], object(), True, 1j]
RATIOS = [-0.1, NAN, INFINITY, HUGE, "0.5", 1e-9, True, timedelta(1)]
COUNTS = [-1, 1.0, 0.5, NAN, INFINITY, HUGE, "5", True, timedelta(1), [1]]
WORDS = ["", "ENFORCE", 0, True, ["enforce"], b"enforce"]
NAMES = ["", "  ", 3, b"x"]
CALLABLES = [3, "x", []]

FIELDS = {
    Breaker: {
        "consecutive_failures": COUNTS,
        "consecutive_always": [0, 1, "yes"],
        "failure_rate": [*RATIOS, 1.001],
        "slow_rate": [*RATIOS, 1.001],
        "slow_after": [-1, NAN, "1", True],
        "window_calls": [*COUNTS, 1_025],
        "window": [*SECONDS, 0, 0.009, 86_401],
        "min_calls": [*COUNTS, 0],
        "open_for": [*SECONDS, 0],
        "open_backoff": [*RATIOS, 0, 0.9, 10.1],
        "open_max": [*SECONDS, 29],
        "open_jitter": [*RATIOS, 0.501],
        "probes": [*COUNTS, 0, 33],
        "probe_lease": [*SECONDS, 0],
        "min_witnesses": [*COUNTS, 0, 9],
        "mode": WORDS,
        "name": NAMES,
        "clock": CALLABLES,
        "on": [3, "x", int, [int], object()],
        "ignore": [3, "x", int, (Exception, 3)],
        "result_is_failure": CALLABLES,
        "on_transition": CALLABLES,
        "seed": [-1, 1.5, "x"],
    },
    Bulkhead: {
        "max_concurrent": [*COUNTS, 0, 4_097],
        "reserved": [*COUNTS, 10],
        "max_waiting": [*COUNTS, 1_000_001],
        "max_wait": [-1, NAN, "1", True, timedelta(seconds=-1)],
        "capacity": [*COUNTS, 0, 4_097],
        "mode": WORDS,
        "name": NAMES,
        "clock": CALLABLES,
    },
    Limiter: {
        "rate": [-1, 0, 1.5, NAN, HUGE, True, None, b"100/s", "often", 1_000_000_001],
        "period": [*SECONDS, 0, 31 * 86_400 + 1],
        "burst": [*COUNTS, 0],
        "mode": WORDS,
        "name": NAMES,
        "clock": CALLABLES,
    },
    RetryBudget: {
        "profile": ["", "Bucket", 0, b"grpc"],
        "ratio": [*RATIOS, 10.001],
        "min_per_second": [*COUNTS, 10_001],
        "window": [*SECONDS, 0.9, 3_601],
        "cap": [*COUNTS, 0, 9, 1_000_001],
        "max_concurrent_retries_ratio": [*RATIOS, 10.001],
        "min_concurrent_retries": [*COUNTS, 1_000_001],
        "mode": WORDS,
        "name": NAMES,
        "clock": CALLABLES,
    },
    Backoff: {
        "base": [*SECONDS, 86_401],
        "factor": [*RATIOS, 0, 0.9, 10.1],
        "cap": [*SECONDS, 0.05],
        "jitter": ["", "Full", 0],
        "retry_after_margin": [-1, NAN, "1", True],
    },
}
GOOD = {Bulkhead: {"max_concurrent": 10}, Limiter: {"rate": 10}}
CASES = [
    pytest.param(kind, field, value, id=f"{kind.__name__}({field}={value!r})"[:60])
    for kind, fields in FIELDS.items()
    for field, values in fields.items()
    for value in values
]


@pytest.mark.parametrize(("kind", "field", "value"), CASES)
def test_what_cannot_be_is_refused_by_name(kind, field, value):
    argument = "per" if field == "period" else field
    with pytest.raises(ConfigError) as caught:
        kind(**GOOD.get(kind, {}) | {argument: value})
    error = caught.value
    assert error.field == field
    assert error.value is value or error.value == value or value != value
    assert str(error).startswith(f"{field}: ") and error.allowed and error.allowed in str(error)
    assert isinstance(error, ValueError) and isinstance(error, seawall.SeawallError)
    assert error.__suppress_context__ or error.__context__ is None


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Breaker(open_for=-1), "open_for: -1 is outside 0.001..=86400 seconds"),
        (lambda: Breaker(open_for=600, open_max=300), "open_max: 300 is outside 600..=86400 seconds"),
        (lambda: Breaker(slow_rate=0.5), "slow_after: 0.0 is outside 1e-09..=86400 seconds"),
        (lambda: Breaker(window_calls=10, min_calls=20), "min_calls: 20 is outside 1..=10 in whole numbers"),
        (lambda: Breaker(failure_rate=1e-9), "failure_rate: 1e-09 is outside 0..=1 in steps of 0.001"),
        (lambda: Breaker(probes=1.5), "probes: 1.5 is outside 1..=32 in whole numbers"),
        (lambda: Breaker(mode="on"), "mode: 'on' is not one of enforce, shadow, off"),
        (lambda: Breaker(""), "name: '' is not None or a text that is not empty"),
        (lambda: Bulkhead(0), "max_concurrent: 0 is outside 1..=256 in whole numbers"),
        (lambda: Limiter(10, per=-1), "period: -1 is outside 1e-09..=2678400 seconds"),
        (lambda: Limiter(11, per=1e-8), "rate: 11 is outside 1..=10 in whole numbers"),
        (lambda: RetryBudget(cap=5), "cap: 5 is outside 10..=1000000 in whole numbers"),
        (lambda: Backoff(2, cap=1), "cap: 1 is outside 2..=86400 seconds"),
    ],
)
def test_messages(make, message):
    with pytest.raises(ConfigError) as caught:
        make()
    assert str(caught.value) == message


def test_long_values_are_cut():
    with pytest.raises(ConfigError) as caught:
        Breaker(open_for="x" * 10_000)
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize("value", [30, 30.0, timedelta(seconds=30), Decimal(30), Fraction(60, 2)])
def test_what_is_a_duration(value):
    assert Breaker(open_for=value)._settings()["open_for_ns"] == 30 * 10**9


def test_durations_are_exact_and_never_become_zero():
    assert seawall.settings.nanoseconds(0.1) == 100_000_000
    assert seawall.settings.nanoseconds(1e-12) == 1
    assert seawall.settings.nanoseconds(0) == 0
    assert seawall.settings.nanoseconds(math.inf) == (1 << 64) - 1
    assert seawall.settings.nanoseconds(timedelta(days=1, microseconds=1)) == 86_400_000_001_000


REFUSALS = [seawall.BreakerOpen, seawall.BulkheadFull, seawall.RateLimited, seawall.BudgetExhausted, seawall.DeadlineExceeded]


@pytest.mark.parametrize("kind", REFUSALS)
def test_refusals_travel_between_processes(kind):
    refused = kind("some_reason", "payments", 1.5)
    for twin in (pickle.loads(pickle.dumps(refused)), copy.copy(refused)):
        assert type(twin) is kind and isinstance(twin, seawall.Refused)
        assert (twin.reason, twin.name, twin.retry_after, str(twin)) == ("some_reason", "payments", 1.5, str(refused))
    assert not isinstance(refused, seawall.SeawallError)


@pytest.mark.parametrize(
    "error",
    [
        ConfigError("a", 1, "2..=3"),
        seawall.ArgumentError("a", 1, "2..=3"),
        seawall.ExceedsCapacity(3, 2),
        seawall.PermitSpent("x"),
        seawall.PermitForeign(None),
    ],
)
def test_errors_travel_between_processes(error):
    twin = pickle.loads(pickle.dumps(error))
    assert type(twin) is type(error) and str(twin) == str(error) and twin.__dict__ == error.__dict__


def test_every_status_of_the_core_has_its_exception():
    for status in (10, 11, 12, 20, 21, 22, 30, 40, 50):
        refused = seawall.errors.refusal(status, None, 0)
        assert refused.retry_after is None and str(refused)
