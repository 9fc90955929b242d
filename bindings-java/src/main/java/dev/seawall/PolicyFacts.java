package dev.seawall;

import java.time.Duration;
import java.util.List;

/**
 * What a policy in force says, as far as others than the library need to know.
 *
 * @param criticality how much depends on the dependency
 * @param fallback whether something else may be served
 * @param timeout the time one attempt may take
 * @param connectTimeout the time connecting may take; null when not given
 * @param deadline the time the whole call may take; null for no limit
 * @param attempts attempts in all
 * @param idempotent whether what may have been carried out may be sent again
 * @param sendsKey whether adapters send an idempotency key
 * @param maxConcurrent places of the bulkhead; 0 for no bulkhead
 * @param maxWait how long to wait for a place
 * @param limits the names of the rate limits
 */
public record PolicyFacts(
        Criticality criticality, FallbackRule fallback, Duration timeout, Duration connectTimeout, Duration deadline,
        int attempts, boolean idempotent, boolean sendsKey, int maxConcurrent, Duration maxWait, List<String> limits) {
    static PolicyFacts of(long[] about, List<String> limits) {
        long connect = Layout.DependencyAbout.CONNECT_TIMEOUT_NS.get(about);
        long deadline = Layout.DependencyAbout.DEADLINE_NS.get(about);
        return new PolicyFacts(
                Criticality.values()[Layout.DependencyAbout.CRITICALITY.getInt(about)],
                FallbackRule.values()[Layout.DependencyAbout.FALLBACK.getInt(about)],
                Settings.nanos(Layout.DependencyAbout.TIMEOUT_NS.get(about)),
                connect == 0 ? null : Settings.nanos(connect),
                deadline == Deadline.NEVER ? null : Settings.nanos(deadline),
                Layout.DependencyAbout.ATTEMPTS.getInt(about),
                Layout.DependencyAbout.IDEMPOTENT.get(about) != 0,
                Layout.DependencyAbout.SENDS_KEY.get(about) != 0,
                Layout.DependencyAbout.MAX_CONCURRENT.getInt(about),
                Settings.nanos(Layout.DependencyAbout.MAX_WAIT_NS.get(about)),
                limits);
    }
}
