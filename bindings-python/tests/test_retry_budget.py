"""What a user of the retry budget sees."""

import pytest

import seawall
from seawall import BudgetExhausted, RetryBudget
from seawall.testing import ManualClock


def spend(budget):
    count = 0
    while True:
        try:
            withdrawal = budget.try_withdraw()
        except BudgetExhausted:
            return count
        withdrawal.record("failure")
        count += 1


def test_retries_are_a_share_of_the_calls():
    budget = RetryBudget(ratio=0.2, min_per_second=0, cap=10_000, name="payments", clock=ManualClock())
    for _ in range(10_000):
        budget.deposit()
    assert spend(budget) == 2_000
    with pytest.raises(BudgetExhausted) as caught:
        budget.try_withdraw()
    assert (caught.value.name, caught.value.reason) == ("payments", "budget_exhausted")
    seen = budget.snapshot()
    assert (seen.deposited, seen.withdrawn, seen.refused, seen.tokens, seen.cap) == (10_000, 2_000, 2, 0.0, 10_000.0)


def test_some_retries_per_second_in_any_case():
    clock = ManualClock()
    budget = RetryBudget(min_per_second=2, clock=clock)
    assert spend(budget) == 20
    clock.advance(3)
    assert spend(budget) == 6


def test_leave_not_used_is_given_back_once():
    budget = RetryBudget(clock=ManualClock())
    withdrawal = budget.try_withdraw()
    assert (budget.snapshot().tokens, withdrawal.is_spent) == (9.0, False)
    budget.cancel(withdrawal)
    assert budget.snapshot().tokens == 10.0
    for again in (withdrawal.cancel, lambda: withdrawal.record("success"), lambda: budget.record("success", withdrawal)):
        with pytest.raises(seawall.PermitSpent):
            again()
    dropped = budget.try_withdraw()
    del dropped
    assert budget.snapshot().tokens == 10.0


def test_a_withdrawal_belongs_to_its_budget():
    budget, other = RetryBudget(name="a"), RetryBudget(name="b")
    withdrawal = budget.try_withdraw()
    for foreign in (lambda: other.record("success", withdrawal), lambda: other.cancel(withdrawal)):
        with pytest.raises(seawall.PermitForeign, match="b: the permit belongs to another object"):
            foreign()
    budget.record("success", withdrawal)


def test_with_says_how_the_retry_ended():
    budget = RetryBudget("aws_standard")
    with budget.try_withdraw():
        assert budget.snapshot().tokens == 486.0
    assert budget.snapshot().tokens == 500.0
    with pytest.raises(OSError), budget.try_withdraw("throttled"):
        raise OSError
    assert budget.snapshot().tokens == 495.0
    with budget.try_withdraw() as withdrawal:
        withdrawal.cancel()
    assert budget.snapshot().tokens == 495.0


def test_retries_under_way_are_a_share_of_calls_under_way():
    budget = RetryBudget(max_concurrent_retries_ratio=0.5, min_concurrent_retries=1)
    with budget.call(), budget.call(), budget.call(), budget.call():
        held = [budget.try_withdraw(), budget.try_withdraw()]
        with pytest.raises(BudgetExhausted):
            budget.try_withdraw()
        assert budget.snapshot()[3:5] == (4, 2)
    held.pop().record("success")
    with pytest.raises(BudgetExhausted):
        budget.try_withdraw()
    held.pop().cancel()
    assert budget.snapshot()[3:5] == (0, 0)
    budget.try_withdraw().cancel()


def test_grpc_looks_at_outcomes():
    budget = RetryBudget("grpc")
    for _ in range(5):
        budget.record("failure")
    with pytest.raises(BudgetExhausted):
        budget.try_withdraw()
    budget.record("success")
    budget.try_withdraw().record("success")


def test_live_changes():
    budget = RetryBudget(clock=ManualClock())
    budget.reconfigure(cap=10, ratio=1.0)
    budget.deposit()
    assert (budget.snapshot().tokens, budget.snapshot().cap) == (10.0, 10.0)
    budget.reconfigure(mode="off")
    assert budget.try_withdraw().record("failure") is None
    with pytest.raises(seawall.ConfigError, match="window: 0.5 is outside 1..=3600 seconds"):
        budget.reconfigure(window=0.5)


def test_odd_arguments():
    budget = RetryBudget()
    with pytest.raises(seawall.ArgumentError, match="cause: 'bad luck' is not one of failure, throttled, timeout"):
        budget.try_withdraw("bad luck")
    with pytest.raises(seawall.ArgumentError, match="outcome"):
        budget.record("maybe")
    assert budget.snapshot().withdrawn == 0
