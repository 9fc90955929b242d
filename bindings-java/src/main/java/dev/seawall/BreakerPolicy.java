package dev.seawall;

import java.time.Duration;

/**
 * The circuit breaker of a policy; see {@link PolicyBuilder#breaker} and, for what they mean, {@link
 * BreakerBuilder}. Ranges are checked when the policy is built. Not for two threads at once.
 */
public final class BreakerPolicy {
    final Toml table = new Toml();

    BreakerPolicy() {}

    /**
     * Opens after so many failures in a row.
     *
     * @param failures 0 to 1,000,000; 0 leaves the rule out; default 5
     * @return this
     */
    public BreakerPolicy consecutiveFailures(int failures) {
        table.number("consecutive_failures", failures);
        return this;
    }

    /**
     * Lets the rule above count also when the window holds enough calls for a ratio.
     *
     * @param always default false
     * @return this
     */
    public BreakerPolicy consecutiveAlways(boolean always) {
        table.flag("consecutive_always", always);
        return this;
    }

    /**
     * Opens at or above this ratio of failures in the window.
     *
     * @param ratio 0.0 to 1.0; 0 leaves the rule out; default 0.5
     * @return this
     */
    public BreakerPolicy failureRate(double ratio) {
        table.number("failure_rate", ratio);
        return this;
    }

    /**
     * Opens at or above this ratio of slow calls in the window.
     *
     * @param ratio 0.0 to 1.0; 0 leaves the rule out; default 0
     * @return this
     */
    public BreakerPolicy slowRate(double ratio) {
        table.number("slow_rate", ratio);
        return this;
    }

    /**
     * A call that took longer is slow.
     *
     * @param span 1 ns to 24 h
     * @return this
     */
    public BreakerPolicy slowAfter(Duration span) {
        table.duration("slow_after", span);
        return this;
    }

    /**
     * Looks at the calls of this time.
     *
     * @param span 10 ms to 24 h; default 10 s
     * @return this
     */
    public BreakerPolicy window(Duration span) {
        table.duration("window", span);
        return this;
    }

    /**
     * Looks at the last so many calls instead.
     *
     * @param calls 1 to 1,024
     * @return this
     */
    public BreakerPolicy windowCalls(int calls) {
        table.number("window_calls", calls);
        return this;
    }

    /**
     * No ratio counts before so many calls.
     *
     * @param calls 1 to 1,000,000; default 20, or {@code windowCalls} if that is less
     * @return this
     */
    public BreakerPolicy minCalls(int calls) {
        table.number("min_calls", calls);
        return this;
    }

    /**
     * How long to stay open the first time.
     *
     * @param span 1 ms to 24 h; default 30 s
     * @return this
     */
    public BreakerPolicy openFor(Duration span) {
        table.duration("open_for", span);
        return this;
    }

    /**
     * Growth of the open time at each opening without a close between.
     *
     * @param factor 1.0 to 10.0; default 2.0
     * @return this
     */
    public BreakerPolicy openBackoff(double factor) {
        table.number("open_backoff", factor);
        return this;
    }

    /**
     * The longest open time.
     *
     * @param span {@code openFor} to 24 h; default 5 min
     * @return this
     */
    public BreakerPolicy openMax(Duration span) {
        table.duration("open_max", span);
        return this;
    }

    /**
     * How far the open time may stray either way.
     *
     * @param ratio 0.0 to 0.5; default 0.1
     * @return this
     */
    public BreakerPolicy openJitter(double ratio) {
        table.number("open_jitter", ratio);
        return this;
    }

    /**
     * Calls let through in a half-open round.
     *
     * @param calls 1 to 32; default 1
     * @return this
     */
    public BreakerPolicy probes(int calls) {
        table.number("probes", calls);
        return this;
    }

    /**
     * After this time without a verdict a probe may be made anew.
     *
     * @param span 1 ms to 24 h; default by open time and deadline
     * @return this
     */
    public BreakerPolicy probeLease(Duration span) {
        table.duration("probe_lease", span);
        return this;
    }

    /**
     * A ratio counts only when failures come from so many processes.
     *
     * @param owners 1 to 8; default 1
     * @return this
     */
    public BreakerPolicy minWitnesses(int owners) {
        table.number("min_witnesses", owners);
        return this;
    }

    /**
     * What it counts.
     *
     * @param scope default {@link Scope#CALL}
     * @return this
     */
    public BreakerPolicy scope(Scope scope) {
        table.word("scope", scope);
        return this;
    }

    /**
     * How strictly it acts.
     *
     * @param mode default: that of the policy
     * @return this
     */
    public BreakerPolicy mode(Mode mode) {
        table.word("mode", mode);
        return this;
    }
}
