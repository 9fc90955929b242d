package dev.seawall;

/**
 * The functions of {@code include/seawall.h} as Java sees them, whatever carries the call over the border.
 *
 * <p>Objects are addresses; structures are {@code long[]} words read and written through {@link Layout}, null
 * where C takes null. Answers are status numbers ({@link Status}). A time of 0 reads the clock. Nobody here
 * checks anything: lifetimes and arguments are the business of the public classes.
 */
interface Native {
    /** How the calls are made: {@code "jni"} or {@code "foreign"}. */
    String kind();

    /** Zeroed memory for one object, aligned as the library wants it; 0 when there is none. */
    long allocate(long bytes);

    /** Gives memory back that {@link #allocate} gave. */
    void free(long memory);

    /** The short name of a status, as metrics use it. */
    String statusName(int status);

    /** One sentence for people about a status. */
    String statusText(int status);

    // Breaker
    long breakerBytes();
    int breakerInit(long memory, long bytes, long[] config, long[] error);
    int breakerReconfigure(long breaker, long[] config, long[] error);
    int breakerTryAcquire(long breaker, long now, long[] permit);
    int breakerRecord(long breaker, long[] permit, int outcome, long retryAfter, long now);
    int breakerCancel(long breaker, long[] permit);
    int breakerForceOpen(long breaker, long[] transition);
    int breakerDisable(long breaker, long[] transition);
    int breakerReset(long breaker, long[] transition);
    int breakerState(long breaker);
    int breakerSnapshot(long breaker, long now, long[] snapshot);

    // Bulkhead
    long bulkheadBytes(int capacity);
    int bulkheadInit(long memory, long bytes, int capacity, long[] config, long[] error);
    int bulkheadReconfigure(long bulkhead, long[] config, long[] error);
    int bulkheadTryAcquire(long bulkhead, int priority, long now, long[] permit);
    int bulkheadRelease(long bulkhead, long[] permit);
    int bulkheadBeginWait(long bulkhead);
    int bulkheadEndWait(long bulkhead);
    int bulkheadSnapshot(long bulkhead, long now, long[] snapshot);

    // Limiter
    long limiterBytes();
    int limiterInit(long memory, long bytes, long[] config, long[] error);
    int limiterReconfigure(long limiter, long[] config, long now, long[] error);
    int limiterTryAcquire(long limiter, long tokens, long now, long[] retryAfter);
    int limiterReserve(long limiter, long tokens, long maxWait, long now, long[] reservation);
    int limiterCancel(long limiter, long[] reservation, long now);
    int limiterAdjust(long limiter, long tokens, long now);
    int limiterSnapshot(long limiter, long now, long[] snapshot);

    // Retry budget
    long retryBudgetBytes();
    int retryBudgetProfile(int profile, long[] config);
    int retryBudgetInit(long memory, long bytes, long[] config, long now, long[] error);
    int retryBudgetReconfigure(long budget, long[] config, long[] error);
    int retryBudgetDeposit(long budget, long now);
    int retryBudgetTryWithdraw(long budget, int cause, long now, long[] withdrawal);
    int retryBudgetRecord(long budget, int outcome, long[] withdrawal);
    int retryBudgetCancel(long budget, long[] withdrawal, long now);
    int retryBudgetFinish(long budget);
    int retryBudgetSnapshot(long budget, long now, long[] snapshot);

    // Backoff
    int backoffValidate(long[] config, long[] error);
    int backoffDelay(long[] config, int attempt, long previous, long random, long retryAfter, long[] delay);

    // Deadline
    long deadlineAfter(long now, long span);
    long deadlineRemaining(long deadline, long now);
    int deadlineIsExpired(long deadline, long now);
    long deadlineNearer(long deadline, long other);
    long deadlineKeep(long deadline, long now, int permille);
    long deadlineAttemptTimeout(long deadline, long timeout, long now);

    // Histogram
    long histogramBytes();
    int histogramInit(long memory, long bytes);
    int histogramRecord(long histogram, long latency);
    int histogramQuantile(long histogram, int ppm, long[] latency);
    int histogramTotal(long histogram, long[] total);
    int histogramMerge(long histogram, long other);
    int histogramReset(long histogram);

    // Library
    int abiVersion();
    long nowNs();
    long random();
}
