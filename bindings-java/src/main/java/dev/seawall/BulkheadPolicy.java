package dev.seawall;

import java.time.Duration;

/**
 * The bulkhead of a policy; see {@link PolicyBuilder#bulkhead}. Ranges are checked when the policy is built. Not
 * for two threads at once.
 */
public final class BulkheadPolicy {
    final Toml table = new Toml();

    BulkheadPolicy() {}

    /**
     * Places in all.
     *
     * @param calls 1 to 4,096; default 20
     * @return this
     */
    public BulkheadPolicy maxConcurrent(int calls) {
        table.number("max_concurrent", calls);
        return this;
    }

    /**
     * How many of them only critical calls may take.
     *
     * @param calls 0 to {@code maxConcurrent - 1}; default 0
     * @return this
     */
    public BulkheadPolicy reserved(int calls) {
        table.number("reserved", calls);
        return this;
    }

    /**
     * How long a call may wait for a place.
     *
     * @param wait 0 to 24 h; default 0
     * @return this
     */
    public BulkheadPolicy maxWait(Duration wait) {
        table.duration("max_wait", wait);
        return this;
    }

    /**
     * How many may wait at once.
     *
     * @param callers 0 to 1,000,000; default 1,000 where there is a wait
     * @return this
     */
    public BulkheadPolicy maxWaiting(int callers) {
        table.number("max_waiting", callers);
        return this;
    }

    /**
     * What it holds a place for.
     *
     * @param scope default {@link Scope#CALL}
     * @return this
     */
    public BulkheadPolicy scope(Scope scope) {
        table.word("scope", scope);
        return this;
    }

    /**
     * How strictly it acts.
     *
     * @param mode default: that of the policy
     * @return this
     */
    public BulkheadPolicy mode(Mode mode) {
        table.word("mode", mode);
        return this;
    }
}
