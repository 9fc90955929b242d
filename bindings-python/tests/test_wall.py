"""Walls: files, policies in code, reloads, and everything that can be wrong with them."""

import json
import math
import pickle
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

import seawall
from seawall import BreakerPolicy, BudgetPolicy, BulkheadPolicy, Policy, RatePolicy, RetryPolicy, Seawall
from walls import fake_wall

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


def test_the_example_opens_and_every_policy_is_there():
    wall = seawall.open(EXAMPLES / "seawall.toml")
    assert wall.names == ["assistant", "ledger", "payments", "recommendations"]
    assert wall.findings == [] and wall.health()
    payments = wall.dependency("payments")
    assert wall.dependency("payments") is payments
    assert payments.policy.timeout == 2.0 and payments.policy.fallback == "forbidden"
    assert set(wall.snapshot()) == set(wall.names)
    for name in wall.names:
        wall.dependency(name).force_open()
    assert wall.health(), "a service whose dependency is down is not down itself"


def test_a_bad_file_says_everything_that_is_wrong_with_lines():
    with pytest.raises(seawall.PolicyError) as caught:
        seawall.open(EXAMPLES / "seawall-bad.toml")
    error = caught.value
    assert isinstance(error, seawall.ConfigError) and isinstance(error, ValueError)
    assert "seawall-bad.toml:" in str(error)
    text = "[dependency.a]\ntimeuot = '1s'\n[dependency.b]\ntimeout = 250\n[dependency.a]\ntimeout='1s'\n"
    with pytest.raises(seawall.PolicyError) as caught:
        Seawall.parse(text, "x.toml")
    assert "x.toml:5" in str(caught.value)
    with pytest.raises(seawall.PolicyError) as caught:
        Seawall.parse("[dependency.a]\ntimeuot = '1s'\n[dependency.b]\ntimeout = 250\n", "x.toml")
    problems = caught.value.problems
    assert {(problem.line, problem.key) for problem in problems} >= {(2, "dependency.a.timeuot"), (4, "dependency.b.timeout")}
    assert any(problem.nearest == "timeout" for problem in problems)
    assert 'did you mean "timeout"?' in str(caught.value) and str(caught.value).count("\n") >= 1
    again = pickle.loads(pickle.dumps(caught.value))
    assert again.problems == problems and str(again) == str(caught.value)


def test_an_unreadable_file_has_the_reason_as_cause(tmp_path):
    with pytest.raises(seawall.PolicyError) as caught:
        seawall.open(tmp_path / "none.toml")
    assert isinstance(caught.value.__cause__, FileNotFoundError)
    with pytest.raises(seawall.PolicyError):
        seawall.open(tmp_path)
    (tmp_path / "x.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(seawall.PolicyError):
        seawall.open(tmp_path / "x.toml")
    for bad in (None, 3, "a\0b"):
        with pytest.raises(seawall.ArgumentError):
            seawall.open(bad)
    with pytest.raises(seawall.ArgumentError):
        Seawall.parse(None)
    with pytest.raises(seawall.PolicyError):
        Seawall.parse("[dependency.a")


def test_a_policy_in_code_is_the_table_of_a_file():
    policy = Policy(
        timedelta(seconds=2),
        criticality="important",
        fallback="allowed",
        connect_timeout=0.25,
        deadline=9,
        reserve=0.1,
        useful=0.05,
        overhead=0.001,
        idempotent=False,
        idempotency_key=True,
        mode="shadow",
        retry=RetryPolicy(
            attempts=2,
            base=0.2,
            factor=3.0,
            cap=1.5,
            jitter="equal",
            retry_after_margin=5,
            budget=BudgetPolicy(profile="bucket", ratio=0.2, min_per_second=2, window=20, cap=200, mode="enforce"),
        ),
        breaker=BreakerPolicy(failure_rate=0.25, slow_rate=0.5, slow_after=1, window=20, min_calls=7, scope="attempt"),
        bulkhead=BulkheadPolicy(max_concurrent=9, reserved=2, max_wait=0.02, max_waiting=5, scope="attempt", mode="off"),
        rate_limit=[RatePolicy(rate="10/s", burst=3, name="requests"), RatePolicy(rate="90000/minute", name="tokens")],
        pool=12,
        called_by=["gate"],
    )
    in_code = fake_wall().define("d", policy)
    in_file = Seawall.parse(
        """[dependency.d]
        timeout = "2s"
        criticality = "important"
        fallback = "allowed"
        connect_timeout = "250ms"
        deadline = "9s"
        reserve = "10%"
        useful = "50ms"
        overhead = "1ms"
        idempotent = false
        idempotency_key = true
        mode = "shadow"
        pool = 12
        called_by = ["gate"]
        breaker = { failure_rate = "25%", slow_rate = "50%", slow_after = "1s", window = "20s", min_calls = 7, scope = "attempt" }
        bulkhead = { max_concurrent = 9, reserved = 2, max_wait = "20ms", max_waiting = 5, scope = "attempt", mode = "off" }
        rate_limit = [{ rate = "10/s", burst = 3, name = "requests" }, { rate = "90000/minute", name = "tokens" }]
        [dependency.d.retry]
        attempts = 2
        base = "200ms"
        factor = 3.0
        cap = "1500ms"
        jitter = "equal"
        retry_after_margin = "5s"
        budget = { profile = "bucket", ratio = "20%", min_per_second = 2, window = "20s", cap = 200, mode = "enforce" }
        """
    ).dependency("d")
    assert in_code.policy == in_file.policy
    # What the core writes out is read back to the same.
    assert fake_wall().define("d", in_code.policy.toml).policy == in_code.policy
    assert replace(policy, pool=None).pool is None


@pytest.mark.parametrize(
    ("key", "policy"),
    [
        ("timeout", Policy(-1)),
        ("timeout", Policy(math.nan)),
        ("timeout", Policy(math.inf)),
        ("timeout", Policy(0)),
        ("timeout", Policy("2s")),
        ("timeout", Policy(None)),
        ("timeout", Policy(1e300)),
        ("timeout", Policy(timedelta(-1))),
        ("deadline", Policy(2, deadline=1)),
        ("reserve", Policy(2, reserve=math.nan)),
        ("reserve", Policy(2, reserve=True)),
        ("reserve", Policy(2, reserve=1.5)),
        ("retry.attempts", Policy(2, retry=RetryPolicy(attempts=1.5))),
        ("retry.attempts", Policy(2, retry=RetryPolicy(attempts=0))),
        ("retry.attempts", Policy(2, retry=RetryPolicy(attempts=1 << 80))),
        ("retry.cap", Policy(2, retry=RetryPolicy(cap=-1))),
        ("retry.budget", Policy(2, retry=RetryPolicy(budget=math.inf))),
        ("retry.budget.profile", Policy(2, retry=RetryPolicy(budget=BudgetPolicy(profile="mine")))),
        ("retry", Policy(2, retry=3)),
        ("breaker", Policy(2, breaker="on")),
        ("breaker.probes", Policy(2, breaker=BreakerPolicy(probes=33))),
        ("bulkhead.max_concurrent", Policy(2, bulkhead=BulkheadPolicy(max_concurrent=-1))),
        ("rate_limit", Policy(2, rate_limit=100)),
        ("rate_limit", Policy(2, rate_limit="100 per day")),
        ("criticality", Policy(2, criticality="very")),
        ("criticality", Policy(2, criticality=1)),
        ("idempotent", Policy(2, idempotent="yes")),
        ("called_by", Policy(2, called_by="gate")),
        ("pool", Policy(2, pool=0)),
    ],
)
def test_a_bad_setting_names_its_key(key, policy):
    wall = fake_wall()
    with pytest.raises(seawall.ConfigError) as caught:
        wall.define("d", policy)
    assert caught.value.field.startswith(key), str(caught.value)
    assert key in str(caught.value)
    assert wall.names == []


def test_texts_cannot_break_out_of_their_quotes():
    with pytest.raises(seawall.PolicyError) as caught:
        fake_wall().define("d", Policy(1, called_by=['a"]\ntimeout = "9s', "\x00\ud800"]))
    assert "called_by" in str(caught.value)


def test_names_and_policies_that_are_none():
    wall = fake_wall()
    for name in ("", "a b", "x" * 65, "é", "\ud800", 3, None):
        with pytest.raises(seawall.ConfigError) as caught:
            wall.define(name, Policy(1))
        assert caught.value.field == "name"
    for policy in (None, 3, {"timeout": 1}):
        with pytest.raises(seawall.ConfigError):
            wall.define("d", policy)
    with pytest.raises(seawall.PolicyError, match="timeout"):
        wall.define("d", "")
    with pytest.raises(seawall.UnknownDependency):
        wall.redefine("d", Policy(1))
    with pytest.raises(seawall.UnknownDependency):
        wall.dependency("d")
    with pytest.raises(seawall.ArgumentError):
        wall.dependency(None)
    for seed in (-1, 1 << 64, 1.5):
        with pytest.raises(seawall.ConfigError):
            Seawall(seed=seed)
    with pytest.raises(seawall.ConfigError):
        Seawall(clock=3)


def test_a_policy_whose_arithmetic_does_not_work_out_is_refused():
    with pytest.raises(seawall.PolicyError, match="SW001"):
        fake_wall().define("d", Policy(2, deadline=3, retry=RetryPolicy(attempts=3)))


def test_a_warning_is_a_finding_and_is_logged_once(caplog):
    wall = fake_wall()
    wall.define("d", Policy(1, pool=2, bulkhead=BulkheadPolicy(max_concurrent=20)))
    assert [finding.id for finding in wall.findings] == ["SW003"]
    assert str(wall.findings[0]).startswith("warning SW003") and wall.findings[0].dependency == "d"
    assert sum("SW003" in record.getMessage() for record in caplog.records) == 1


def test_a_reload_keeps_state_and_is_all_or_nothing(tmp_path):
    file = tmp_path / "seawall.toml"
    file.write_text("[dependency.a]\ntimeout = '1s'\n[dependency.b]\ntimeout = '1s'\n")
    wall = seawall.open(file)
    a = wall.dependency("a")
    a.force_open()
    file.write_text("[dependency.a]\ntimeout = '2s'\n[dependency.c]\ntimeout = '0.5s'\n")
    reloaded = wall.reload()
    assert (reloaded.added, reloaded.changed, reloaded.removed) == (("c",), ("a",), ("b",))
    assert wall.dependency("a") is a and a.policy.timeout == 2.0
    assert a.snapshot().breaker.state == "forced_open"
    with pytest.raises(seawall.UnknownDependency):
        wall.dependency("b")
    file.write_text("[dependency.a]\ntimeout = '3s'\n[dependency.c]\ntimeout = 'soon'\n")
    with pytest.raises(seawall.PolicyError):
        wall.reload()
    assert a.policy.timeout == 2.0
    with pytest.raises(seawall.ConfigError) as caught:
        fake_wall().reload()
    assert caught.value.field == "path"


def test_redefining_keeps_state():
    wall = fake_wall()
    d = wall.define("d", Policy(1, rate_limit="10/s"))
    d.call(int)
    wall.redefine("d", Policy(2, rate_limit="10/s"))
    assert d.policy.timeout == 2.0 and d.snapshot().rate_limits["requests"].remaining == 9


def test_a_snapshot_is_ready_for_json():
    wall = seawall.open(EXAMPLES / "seawall.toml")
    wall.dependency("ledger").call(int)
    found = {name: snapshot.to_dict() for name, snapshot in wall.snapshot().items()}
    ledger = json.loads(json.dumps(found))["ledger"]
    assert ledger["counts"]["successes"] == 1 and ledger["breaker"]["state"] == "closed"
    assert ledger["rate_limits"]["requests"]["limit"] == 50 and ledger["latency"]["p50"] > 0


def test_the_same_seed_gives_the_same_waits():
    def waits(seed):
        wall = Seawall(clock=seawall.testing.FakeClock(), seed=seed)
        d = wall.define("d", Policy(1, retry=RetryPolicy(attempts=5)))
        seen = []
        d.on_event(lambda event: seen.append(event.delay))
        with seawall.testing.no_waiting(d), seawall.testing.inject(d, error=ConnectionError):
            with pytest.raises(ConnectionError):
                d.call(int)
        return seen

    assert waits(1) == waits(1) != waits(2)
