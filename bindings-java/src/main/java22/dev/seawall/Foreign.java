package dev.seawall;

import java.lang.foreign.MemorySegment;
import java.util.Objects;

/**
 * The border by java.lang.foreign, for Java 22 and later.
 *
 * <p>All functions are short, never block and never call back, so they are linked as critical: no thread state
 * change, and arrays of the Java heap are passed as they are.
 */
final class Foreign implements Native {
    static volatile String library;

    Foreign(String path) {
        library = path;
        // Links everything now, so that a wrong library is told at the start and not in the first call.
        Objects.requireNonNull(Handles.ABI_VERSION);
    }

    @Override
    public String kind() {
        return "foreign";
    }

    private static String text(MemorySegment sentence) {
        return sentence.reinterpret(Long.MAX_VALUE).getString(0);
    }

    /** Our functions throw nothing, so this is a wrong signature here or a Java machine in trouble. */
    static Error broken(Throwable thrown) {
        return thrown instanceof Error error ? error : new AssertionError(thrown);
    }

    @Override
    public long allocate(long bytes) {
        try {
            return (long) Handles.ALLOCATE.invokeExact(bytes);
        } catch (Throwable thrown) {
            throw broken(thrown);
        }
    }

    @Override
    public void free(long memory) {
        try {
            Handles.FREE.invokeExact(memory);
        } catch (Throwable thrown) {
            throw broken(thrown);
        }
    }

    @Override
    public String statusName(int status) {
        try {
            return text((MemorySegment) Handles.STATUS_NAME.invokeExact(status));
        } catch (Throwable thrown) {
            throw broken(thrown);
        }
    }

    @Override
    public String statusText(int status) {
        try {
            return text((MemorySegment) Handles.STATUS_TEXT.invokeExact(status));
        } catch (Throwable thrown) {
            throw broken(thrown);
        }
    }

    @Override
    public long breakerBytes() {
        try {
            return (long) Handles.BREAKER_BYTES.invokeExact();
        } catch (Throwable thrown) {
            throw broken(thrown);
        }
    }

    @Override
    public int breakerInit(long memory, long bytes, long[] config, long[] error) {
        try {
            return (int) Handles.BREAKER_INIT.invokeExact(
                    memory, bytes, MemorySegment.ofArray(config), MemorySegment.ofArray(error),
                    MemorySegment.ofArray(new long[1]));
        } catch (Throwable thrown) {
            throw broken(thrown);
        }
    }

    @Override
    public int breakerReconfigure(long breaker, long[] config, long[] error) {
        try {
            return (int) Handles.BREAKER_RECONFIGURE.invokeExact(
                    breaker, MemorySegment.ofArray(config), MemorySegment.ofArray(error));
        } catch (Throwable thrown) {
            throw broken(thrown);
        }
    }

    @Override
    public int breakerTryAcquire(long breaker, long now, long[] permit) {
        try {
            return (int) Handles.BREAKER_TRY_ACQUIRE.invokeExact(breaker, now, MemorySegment.ofArray(permit));
        } catch (Throwable thrown) {
            throw broken(thrown);
        }
    }

    @Override
    public int breakerRecord(long breaker, long[] permit, int outcome, long retryAfter, long now) {
        try {
            return (int) Handles.BREAKER_RECORD.invokeExact(
                    breaker, MemorySegment.ofArray(permit), outcome, retryAfter, now);
        } catch (Throwable thrown) {
            throw broken(thrown);
        }
    }

    @Override
    public int breakerCancel(long breaker, long[] permit) {
        try {
            return (int) Handles.BREAKER_CANCEL.invokeExact(breaker, MemorySegment.ofArray(permit));
        } catch (Throwable thrown) {
            throw broken(thrown);
        }
    }

    @Override
    public int breakerForceOpen(long breaker, long[] transition) {
        try {
            return (int) Handles.BREAKER_FORCE_OPEN.invokeExact(breaker, MemorySegment.ofArray(transition));
        } catch (Throwable thrown) {
            throw broken(thrown);
        }
    }

    @Override
    public int breakerDisable(long breaker, long[] transition) {
        try {
            return (int) Handles.BREAKER_DISABLE.invokeExact(breaker, MemorySegment.ofArray(transition));
        } catch (Throwable thrown) {
            throw broken(thrown);
        }
    }

    @Override
    public int breakerReset(long breaker, long[] transition) {
        try {
            return (int) Handles.BREAKER_RESET.invokeExact(breaker, MemorySegment.ofArray(transition));
        } catch (Throwable thrown) {
            throw broken(thrown);
        }
    }

    @Override
    public int breakerState(long breaker) {
        try {
            return (int) Handles.BREAKER_STATE.invokeExact(breaker);
        } catch (Throwable thrown) {
            throw broken(thrown);
        }
    }

    @Override
    public int breakerSnapshot(long breaker, long now, long[] snapshot) {
        try {
            return (int) Handles.BREAKER_SNAPSHOT.invokeExact(breaker, now, MemorySegment.ofArray(snapshot));
        } catch (Throwable thrown) {
            throw broken(thrown);
        }
    }

    @Override
    public long bulkheadBytes(int capacity) {
        try {
            return (long) Handles.BULKHEAD_BYTES.invokeExact(capacity);
        } catch (Throwable thrown) {
            throw broken(thrown);
        }
    }

    @Override
    public int bulkheadInit(long memory, long bytes, int capacity, long[] config, long[] error) {
        try {
            return (int) Handles.BULKHEAD_INIT.invokeExact(
                    memory, bytes, capacity, MemorySegment.ofArray(config), MemorySegment.ofArray(error),
                    MemorySegment.ofArray(new long[1]));
        } catch (Throwable thrown) {
            throw broken(thrown);
        }
    }

    @Override
    public int bulkheadReconfigure(long bulkhead, long[] config, long[] error) {
        try {
            return (int) Handles.BULKHEAD_RECONFIGURE.invokeExact(
                    bulkhead, MemorySegment.ofArray(config), MemorySegment.ofArray(error));
        } catch (Throwable thrown) {
            throw broken(thrown);
        }
    }

    @Override
    public int bulkheadTryAcquire(long bulkhead, int priority, long now, long[] permit) {
        try {
            return (int) Handles.BULKHEAD_TRY_ACQUIRE.invokeExact(
                    bulkhead, priority, now, MemorySegment.ofArray(permit));
        } catch (Throwable thrown) {
            throw broken(thrown);
        }
    }

    @Override
    public int bulkheadRelease(long bulkhead, long[] permit) {
        try {
            return (int) Handles.BULKHEAD_RELEASE.invokeExact(bulkhead, MemorySegment.ofArray(permit));
        } catch (Throwable thrown) {
            throw broken(thrown);
        }
    }

    @Override
    public int bulkheadBeginWait(long bulkhead) {
        try {
            return (int) Handles.BULKHEAD_BEGIN_WAIT.invokeExact(bulkhead);
        } catch (Throwable thrown) {
            throw broken(thrown);
        }
    }

    @Override
    public int bulkheadEndWait(long bulkhead) {
        try {
            return (int) Handles.BULKHEAD_END_WAIT.invokeExact(bulkhead);
        } catch (Throwable thrown) {
            throw broken(thrown);
        }
    }

    @Override
    public int bulkheadSnapshot(long bulkhead, long now, long[] snapshot) {
        try {
            return (int) Handles.BULKHEAD_SNAPSHOT.invokeExact(bulkhead, now, MemorySegment.ofArray(snapshot));
        } catch (Throwable thrown) {
            throw broken(thrown);
        }
    }

    @Override
    public long limiterBytes() {
        try {
            return (long) Handles.LIMITER_BYTES.invokeExact();
        } catch (Throwable thrown) {
            throw broken(thrown);
        }
    }

    @Override
    public int limiterInit(long memory, long bytes, long[] config, long[] error) {
        try {
            return (int) Handles.LIMITER_INIT.invokeExact(
                    memory, bytes, MemorySegment.ofArray(config), MemorySegment.ofArray(error),
                    MemorySegment.ofArray(new long[1]));
        } catch (Throwable thrown) {
            throw broken(thrown);
        }
    }

    @Override
    public int limiterReconfigure(long limiter, long[] config, long now, long[] error) {
        try {
            return (int) Handles.LIMITER_RECONFIGURE.invokeExact(
                    limiter, MemorySegment.ofArray(config), now, MemorySegment.ofArray(error));
        } catch (Throwable thrown) {
            throw broken(thrown);
        }
    }

    @Override
    public int limiterTryAcquire(long limiter, long tokens, long now, long[] retryAfter) {
        try {
            return (int) Handles.LIMITER_TRY_ACQUIRE.invokeExact(
                    limiter, tokens, now, MemorySegment.ofArray(retryAfter));
        } catch (Throwable thrown) {
            throw broken(thrown);
        }
    }

    @Override
    public int limiterReserve(long limiter, long tokens, long maxWait, long now, long[] reservation) {
        try {
            return (int) Handles.LIMITER_RESERVE.invokeExact(
                    limiter, tokens, maxWait, now, MemorySegment.ofArray(reservation));
        } catch (Throwable thrown) {
            throw broken(thrown);
        }
    }

    @Override
    public int limiterCancel(long limiter, long[] reservation, long now) {
        try {
            return (int) Handles.LIMITER_CANCEL.invokeExact(limiter, MemorySegment.ofArray(reservation), now);
        } catch (Throwable thrown) {
            throw broken(thrown);
        }
    }

    @Override
    public int limiterAdjust(long limiter, long tokens, long now) {
        try {
            return (int) Handles.LIMITER_ADJUST.invokeExact(limiter, tokens, now);
        } catch (Throwable thrown) {
            throw broken(thrown);
        }
    }

    @Override
    public int limiterSnapshot(long limiter, long now, long[] snapshot) {
        try {
            return (int) Handles.LIMITER_SNAPSHOT.invokeExact(limiter, now, MemorySegment.ofArray(snapshot));
        } catch (Throwable thrown) {
            throw broken(thrown);
        }
    }

    @Override
    public long retryBudgetBytes() {
        try {
            return (long) Handles.RETRY_BUDGET_BYTES.invokeExact();
        } catch (Throwable thrown) {
            throw broken(thrown);
        }
    }

    @Override
    public int retryBudgetProfile(int profile, long[] config) {
        try {
            return (int) Handles.RETRY_BUDGET_PROFILE.invokeExact(profile, MemorySegment.ofArray(config));
        } catch (Throwable thrown) {
            throw broken(thrown);
        }
    }

    @Override
    public int retryBudgetInit(long memory, long bytes, long[] config, long now, long[] error) {
        try {
            return (int) Handles.RETRY_BUDGET_INIT.invokeExact(
                    memory, bytes, MemorySegment.ofArray(config), now, MemorySegment.ofArray(error),
                    MemorySegment.ofArray(new long[1]));
        } catch (Throwable thrown) {
            throw broken(thrown);
        }
    }

    @Override
    public int retryBudgetReconfigure(long budget, long[] config, long[] error) {
        try {
            return (int) Handles.RETRY_BUDGET_RECONFIGURE.invokeExact(
                    budget, MemorySegment.ofArray(config), MemorySegment.ofArray(error));
        } catch (Throwable thrown) {
            throw broken(thrown);
        }
    }

    @Override
    public int retryBudgetDeposit(long budget, long now) {
        try {
            return (int) Handles.RETRY_BUDGET_DEPOSIT.invokeExact(budget, now);
        } catch (Throwable thrown) {
            throw broken(thrown);
        }
    }

    @Override
    public int retryBudgetTryWithdraw(long budget, int cause, long now, long[] withdrawal) {
        try {
            return (int) Handles.RETRY_BUDGET_TRY_WITHDRAW.invokeExact(
                    budget, cause, now, MemorySegment.ofArray(withdrawal));
        } catch (Throwable thrown) {
            throw broken(thrown);
        }
    }

    @Override
    public int retryBudgetRecord(long budget, int outcome, long[] withdrawal) {
        try {
            // The one structure that may be absent: a first attempt has no withdrawal.
            MemorySegment words = withdrawal == null ? MemorySegment.NULL : MemorySegment.ofArray(withdrawal);
            return (int) Handles.RETRY_BUDGET_RECORD.invokeExact(budget, outcome, words);
        } catch (Throwable thrown) {
            throw broken(thrown);
        }
    }

    @Override
    public int retryBudgetCancel(long budget, long[] withdrawal, long now) {
        try {
            return (int) Handles.RETRY_BUDGET_CANCEL.invokeExact(budget, MemorySegment.ofArray(withdrawal), now);
        } catch (Throwable thrown) {
            throw broken(thrown);
        }
    }

    @Override
    public int retryBudgetFinish(long budget) {
        try {
            return (int) Handles.RETRY_BUDGET_FINISH.invokeExact(budget);
        } catch (Throwable thrown) {
            throw broken(thrown);
        }
    }

    @Override
    public int retryBudgetSnapshot(long budget, long now, long[] snapshot) {
        try {
            return (int) Handles.RETRY_BUDGET_SNAPSHOT.invokeExact(budget, now, MemorySegment.ofArray(snapshot));
        } catch (Throwable thrown) {
            throw broken(thrown);
        }
    }

    @Override
    public int backoffValidate(long[] config, long[] error) {
        try {
            return (int) Handles.BACKOFF_VALIDATE.invokeExact(
                    MemorySegment.ofArray(config), MemorySegment.ofArray(error));
        } catch (Throwable thrown) {
            throw broken(thrown);
        }
    }

    @Override
    public int backoffDelay(long[] config, int attempt, long previous, long random, long retryAfter, long[] delay) {
        try {
            return (int) Handles.BACKOFF_DELAY.invokeExact(
                    MemorySegment.ofArray(config), attempt, previous, random, retryAfter, MemorySegment.ofArray(delay));
        } catch (Throwable thrown) {
            throw broken(thrown);
        }
    }

    @Override
    public long deadlineAfter(long now, long span) {
        try {
            return (long) Handles.DEADLINE_AFTER.invokeExact(now, span);
        } catch (Throwable thrown) {
            throw broken(thrown);
        }
    }

    @Override
    public long deadlineRemaining(long deadline, long now) {
        try {
            return (long) Handles.DEADLINE_REMAINING.invokeExact(deadline, now);
        } catch (Throwable thrown) {
            throw broken(thrown);
        }
    }

    @Override
    public int deadlineIsExpired(long deadline, long now) {
        try {
            return (int) Handles.DEADLINE_IS_EXPIRED.invokeExact(deadline, now);
        } catch (Throwable thrown) {
            throw broken(thrown);
        }
    }

    @Override
    public long deadlineNearer(long deadline, long other) {
        try {
            return (long) Handles.DEADLINE_NEARER.invokeExact(deadline, other);
        } catch (Throwable thrown) {
            throw broken(thrown);
        }
    }

    @Override
    public long deadlineKeep(long deadline, long now, int permille) {
        try {
            return (long) Handles.DEADLINE_KEEP.invokeExact(deadline, now, permille);
        } catch (Throwable thrown) {
            throw broken(thrown);
        }
    }

    @Override
    public long deadlineAttemptTimeout(long deadline, long timeout, long now) {
        try {
            return (long) Handles.DEADLINE_ATTEMPT_TIMEOUT.invokeExact(deadline, timeout, now);
        } catch (Throwable thrown) {
            throw broken(thrown);
        }
    }

    @Override
    public long histogramBytes() {
        try {
            return (long) Handles.HISTOGRAM_BYTES.invokeExact();
        } catch (Throwable thrown) {
            throw broken(thrown);
        }
    }

    @Override
    public int histogramInit(long memory, long bytes) {
        try {
            return (int) Handles.HISTOGRAM_INIT.invokeExact(memory, bytes, MemorySegment.ofArray(new long[1]));
        } catch (Throwable thrown) {
            throw broken(thrown);
        }
    }

    @Override
    public int histogramRecord(long histogram, long latency) {
        try {
            return (int) Handles.HISTOGRAM_RECORD.invokeExact(histogram, latency);
        } catch (Throwable thrown) {
            throw broken(thrown);
        }
    }

    @Override
    public int histogramQuantile(long histogram, int ppm, long[] latency) {
        try {
            return (int) Handles.HISTOGRAM_QUANTILE.invokeExact(histogram, ppm, MemorySegment.ofArray(latency));
        } catch (Throwable thrown) {
            throw broken(thrown);
        }
    }

    @Override
    public int histogramTotal(long histogram, long[] total) {
        try {
            return (int) Handles.HISTOGRAM_TOTAL.invokeExact(histogram, MemorySegment.ofArray(total));
        } catch (Throwable thrown) {
            throw broken(thrown);
        }
    }

    @Override
    public int histogramMerge(long histogram, long other) {
        try {
            return (int) Handles.HISTOGRAM_MERGE.invokeExact(histogram, other);
        } catch (Throwable thrown) {
            throw broken(thrown);
        }
    }

    @Override
    public int histogramReset(long histogram) {
        try {
            return (int) Handles.HISTOGRAM_RESET.invokeExact(histogram);
        } catch (Throwable thrown) {
            throw broken(thrown);
        }
    }

    @Override
    public int abiVersion() {
        try {
            return (int) Handles.ABI_VERSION.invokeExact();
        } catch (Throwable thrown) {
            throw broken(thrown);
        }
    }

    @Override
    public long nowNs() {
        try {
            return (long) Handles.NOW_NS.invokeExact();
        } catch (Throwable thrown) {
            throw broken(thrown);
        }
    }

    @Override
    public long random() {
        try {
            return (long) Handles.RANDOM.invokeExact();
        } catch (Throwable thrown) {
            throw broken(thrown);
        }
    }
}
