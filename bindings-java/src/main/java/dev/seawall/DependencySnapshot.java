package dev.seawall;

import java.time.Duration;
import java.util.Map;

/**
 * Everything a dashboard needs to know about a dependency, at one moment. Counters only grow.
 *
 * @param name its name
 * @param criticality how much depends on it
 * @param calls calls that ended, refused ones included
 * @param successes calls that ended with a success
 * @param failures calls that ended with a failure
 * @param ignored calls that say nothing about it, cancelled ones included
 * @param cancelled calls that their caller gave up
 * @param refused calls turned away before an attempt was made
 * @param refusedByBreaker of those, by the breaker
 * @param refusedByBulkhead of those, by the bulkhead
 * @param refusedByRateLimit of those, by a rate limit
 * @param refusedByDeadline of those, by their deadline
 * @param retries second and further attempts
 * @param timeouts attempts that ran out of time
 * @param stoppedRetries calls that another attempt might have helped, but a gate said no
 * @param stoppedByBudget of those, the retry budget was spent
 * @param stoppedByBreaker of those, the breaker was not closed any more
 * @param stoppedByDeadline of those, the deadline was too near
 * @param fallbacks results that a fallback served
 * @param late results that came too late to count
 * @param p50 the time half of the calls took at most, within 3 %; zero before the first
 * @param p90 the time 90 % of the calls took at most
 * @param p99 the time 99 % of the calls took at most
 * @param waiting callers of this process that wait for a place
 * @param breaker its breaker, or null
 * @param bulkhead its bulkhead, or null
 * @param retryBudget its retry budget, or null
 * @param limits its rate limits by name
 */
public record DependencySnapshot(
        String name, Criticality criticality, long calls, long successes, long failures, long ignored, long cancelled,
        long refused, long refusedByBreaker, long refusedByBulkhead, long refusedByRateLimit, long refusedByDeadline,
        long retries, long timeouts, long stoppedRetries, long stoppedByBudget, long stoppedByBreaker,
        long stoppedByDeadline, long fallbacks, long late, Duration p50, Duration p90, Duration p99, int waiting,
        Breaker.Snapshot breaker, Bulkhead.Snapshot bulkhead, RetryBudget.Snapshot retryBudget,
        Map<String, Limiter.Snapshot> limits) {
    /** Makes one out of what the library filled. */
    static DependencySnapshot of(
            Dependency dependency, long[] words, Breaker.Snapshot breaker, Bulkhead.Snapshot bulkhead,
            RetryBudget.Snapshot retryBudget, Map<String, Limiter.Snapshot> limits) {
        return new DependencySnapshot(
                dependency.name(), dependency.facts().criticality(),
                Layout.DependencySnapshot.CALLS.get(words),
                Layout.DependencySnapshot.SUCCESSES.get(words),
                Layout.DependencySnapshot.FAILURES.get(words),
                Layout.DependencySnapshot.IGNORED.get(words),
                Layout.DependencySnapshot.CANCELLED.get(words),
                Layout.DependencySnapshot.REFUSED.get(words),
                Layout.DependencySnapshot.REFUSED_BY_BREAKER.get(words),
                Layout.DependencySnapshot.REFUSED_BY_BULKHEAD.get(words),
                Layout.DependencySnapshot.REFUSED_BY_RATE_LIMIT.get(words),
                Layout.DependencySnapshot.REFUSED_BY_DEADLINE.get(words),
                Layout.DependencySnapshot.RETRIES.get(words),
                Layout.DependencySnapshot.TIMEOUTS.get(words),
                Layout.DependencySnapshot.STOPPED_RETRIES.get(words),
                Layout.DependencySnapshot.STOPPED_BY_BUDGET.get(words),
                Layout.DependencySnapshot.STOPPED_BY_BREAKER.get(words),
                Layout.DependencySnapshot.STOPPED_BY_DEADLINE.get(words),
                Layout.DependencySnapshot.FALLBACKS.get(words),
                Layout.DependencySnapshot.LATE.get(words),
                Settings.nanos(Layout.DependencySnapshot.P50_NS.get(words)),
                Settings.nanos(Layout.DependencySnapshot.P90_NS.get(words)),
                Settings.nanos(Layout.DependencySnapshot.P99_NS.get(words)),
                dependency.queue.length(),
                breaker, bulkhead, retryBudget, limits);
    }
}
