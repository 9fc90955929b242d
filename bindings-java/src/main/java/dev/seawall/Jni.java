package dev.seawall;

/** The border by JNI, for Java 17 to 21. Its other half is {@code src/main/c/seawall_jni.c}. */
final class Jni implements Native {
    Jni(String library) {
        System.load(library);
    }

    @Override
    public String kind() {
        return "jni";
    }

    @Override
    public native long allocate(long bytes);

    @Override
    public native void free(long memory);

    @Override
    public native String statusName(int status);

    @Override
    public native String statusText(int status);

    @Override
    public native long breakerBytes();

    @Override
    public native int breakerInit(long memory, long bytes, long[] config, long[] error);

    @Override
    public native int breakerReconfigure(long breaker, long[] config, long[] error);

    @Override
    public native int breakerTryAcquire(long breaker, long now, long[] permit);

    @Override
    public native int breakerRecord(long breaker, long[] permit, int outcome, long retryAfter, long now);

    @Override
    public native int breakerCancel(long breaker, long[] permit);

    @Override
    public native int breakerForceOpen(long breaker, long[] transition);

    @Override
    public native int breakerDisable(long breaker, long[] transition);

    @Override
    public native int breakerReset(long breaker, long[] transition);

    @Override
    public native int breakerState(long breaker);

    @Override
    public native int breakerSnapshot(long breaker, long now, long[] snapshot);

    @Override
    public native long bulkheadBytes(int capacity);

    @Override
    public native int bulkheadInit(long memory, long bytes, int capacity, long[] config, long[] error);

    @Override
    public native int bulkheadReconfigure(long bulkhead, long[] config, long[] error);

    @Override
    public native int bulkheadTryAcquire(long bulkhead, int priority, long now, long[] permit);

    @Override
    public native int bulkheadRelease(long bulkhead, long[] permit);

    @Override
    public native int bulkheadBeginWait(long bulkhead);

    @Override
    public native int bulkheadEndWait(long bulkhead);

    @Override
    public native int bulkheadSnapshot(long bulkhead, long now, long[] snapshot);

    @Override
    public native long limiterBytes();

    @Override
    public native int limiterInit(long memory, long bytes, long[] config, long[] error);

    @Override
    public native int limiterReconfigure(long limiter, long[] config, long now, long[] error);

    @Override
    public native int limiterTryAcquire(long limiter, long tokens, long now, long[] retryAfter);

    @Override
    public native int limiterReserve(long limiter, long tokens, long maxWait, long now, long[] reservation);

    @Override
    public native int limiterCancel(long limiter, long[] reservation, long now);

    @Override
    public native int limiterAdjust(long limiter, long tokens, long now);

    @Override
    public native int limiterSnapshot(long limiter, long now, long[] snapshot);

    @Override
    public native long retryBudgetBytes();

    @Override
    public native int retryBudgetProfile(int profile, long[] config);

    @Override
    public native int retryBudgetInit(long memory, long bytes, long[] config, long now, long[] error);

    @Override
    public native int retryBudgetReconfigure(long budget, long[] config, long[] error);

    @Override
    public native int retryBudgetDeposit(long budget, long now);

    @Override
    public native int retryBudgetTryWithdraw(long budget, int cause, long now, long[] withdrawal);

    @Override
    public native int retryBudgetRecord(long budget, int outcome, long[] withdrawal);

    @Override
    public native int retryBudgetCancel(long budget, long[] withdrawal, long now);

    @Override
    public native int retryBudgetFinish(long budget);

    @Override
    public native int retryBudgetSnapshot(long budget, long now, long[] snapshot);

    @Override
    public native int backoffValidate(long[] config, long[] error);

    @Override
    public native int backoffDelay(long[] config, int attempt, long previous, long random, long retryAfter, long[] delay);

    @Override
    public native long deadlineAfter(long now, long span);

    @Override
    public native long deadlineRemaining(long deadline, long now);

    @Override
    public native int deadlineIsExpired(long deadline, long now);

    @Override
    public native long deadlineNearer(long deadline, long other);

    @Override
    public native long deadlineKeep(long deadline, long now, int permille);

    @Override
    public native long deadlineAttemptTimeout(long deadline, long timeout, long now);

    @Override
    public native long histogramBytes();

    @Override
    public native int histogramInit(long memory, long bytes);

    @Override
    public native int histogramRecord(long histogram, long latency);

    @Override
    public native int histogramQuantile(long histogram, int ppm, long[] latency);

    @Override
    public native int histogramTotal(long histogram, long[] total);

    @Override
    public native int histogramMerge(long histogram, long other);

    @Override
    public native int histogramReset(long histogram);

    @Override
    public native int abiVersion();

    @Override
    public native long nowNs();

    @Override
    public native long random();
}
