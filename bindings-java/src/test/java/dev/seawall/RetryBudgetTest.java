package dev.seawall;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

class RetryBudgetTest {
    private final ManualClock clock = new ManualClock();

    private RetryBudget.Builder empty() {
        return RetryBudget.builder("payments").minPerSecond(0).clock(clock);
    }

    @Test
    void ten_calls_pay_for_one_retry() {
        RetryBudget budget = empty().build();
        BudgetExhaustedException spent = assertThrows(BudgetExhaustedException.class, budget::tryWithdraw);
        assertEquals("budget_exhausted", spent.code());
        for (int call = 0; call < 10; call++) {
            budget.deposit();
        }
        budget.tryWithdraw().record(Outcome.SUCCESS);
        assertThrows(BudgetExhaustedException.class, budget::tryWithdraw);
        RetryBudget.Snapshot now = budget.snapshot();
        assertEquals(0, now.tokensMilli());
        assertEquals(10, now.deposited());
        assertEquals(1, now.withdrawn());
        assertEquals(2, now.refused());
    }

    @Test
    void leave_that_was_not_used_goes_back() {
        RetryBudget budget = RetryBudget.builder("payments").clock(clock).build();
        long before = budget.snapshot().tokensMilli();
        try (RetryBudget.Withdrawal withdrawal = budget.tryWithdraw()) {
            assertEquals(before - 1000, budget.snapshot().tokensMilli());
        }
        assertEquals(before, budget.snapshot().tokensMilli());
        RetryBudget.Withdrawal used = budget.tryWithdraw();
        used.record(Outcome.FAILURE);
        used.close();
        used.cancel();
        assertThrows(PermitSpentException.class, () -> used.record(Outcome.SUCCESS));
        assertEquals(before - 1000, budget.snapshot().tokensMilli());
    }

    @Test
    void profiles_keep_their_published_numbers() {
        RetryBudget grpc = RetryBudget.builder("grpc", Profile.GRPC).clock(clock).build();
        for (int failure = 0; failure < 5; failure++) {
            grpc.tryWithdraw().close();
            grpc.record(Outcome.FAILURE);
        }
        assertThrows(BudgetExhaustedException.class, grpc::tryWithdraw);
        RetryBudget aws = RetryBudget.builder("aws", Profile.AWS_STANDARD).clock(clock).build();
        aws.tryWithdraw(Cause.THROTTLED);
        assertEquals(495_000, aws.snapshot().tokensMilli());
        aws.tryWithdraw(Cause.TIMEOUT).record(Outcome.SUCCESS);
        assertEquals(495_000, aws.snapshot().tokensMilli());
    }

    @Test
    void retries_under_way_stay_a_share_of_calls_under_way() {
        RetryBudget budget = RetryBudget.builder("payments").maxConcurrentRetriesRatio(0.5).minConcurrentRetries(1)
                .clock(clock).build();
        for (int call = 0; call < 4; call++) {
            budget.deposit();
        }
        RetryBudget.Withdrawal one = budget.tryWithdraw();
        budget.tryWithdraw();
        assertThrows(BudgetExhaustedException.class, budget::tryWithdraw);
        one.record(Outcome.FAILURE);
        budget.tryWithdraw();
        budget.finish();
        assertEquals(3, budget.snapshot().callsInFlight());
        assertEquals(2, budget.snapshot().retriesInFlight());
    }

    @Test
    void a_live_budget_changes_its_settings_and_keeps_its_tokens() {
        RetryBudget budget = empty().build();
        budget.deposit();
        assertEquals("ratio", assertThrows(ConfigException.class, () -> budget.reconfigure(b -> b.ratio(10.001))).field());
        budget.reconfigure(b -> b.ratio(0.9));
        budget.deposit();
        budget.tryWithdraw();
        assertEquals(0, budget.snapshot().tokensMilli());
    }

    @Test
    void racing_threads_share_one_budget_exactly() throws Exception {
        RetryBudget budget = empty().cap(1_000_000).build();
        AtomicInteger granted = new AtomicInteger();
        AtomicInteger refused = new AtomicInteger();
        Threads.together(8, number -> {
            for (int call = 0; call < 20_000; call++) {
                budget.deposit();
                try {
                    budget.tryWithdraw().record(Outcome.FAILURE);
                    granted.incrementAndGet();
                } catch (BudgetExhaustedException no) {
                    refused.incrementAndGet();
                }
            }
        });
        long left = budget.snapshot().tokensMilli();
        assertEquals(160_000 * 100, granted.get() * 1000L + left);
        assertEquals(160_000, granted.get() + refused.get());
    }
}
