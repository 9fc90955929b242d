package dev.seawall;

import java.lang.ref.Reference;
import java.time.Duration;

/**
 * Histogram: how long calls take, in fixed memory.
 *
 * <pre>{@code
 * Histogram latency = new Histogram();
 * latency.record(Duration.ofMillis(12));
 * Duration p999 = latency.quantile(0.999);
 * }</pre>
 *
 * <p>Quantiles are within 3 % up to 137 seconds. All methods may be called from any thread, virtual ones too;
 * none waits.
 */
public final class Histogram extends Primitive {
    /** An empty histogram, about 3.5 KB. */
    public Histogram() {
        super("histogram", "of latencies", Clock.system(), NATIVE.histogramBytes(),
                memory -> Status.check("histogram", NATIVE.histogramInit(memory, NATIVE.histogramBytes())));
    }

    /**
     * Counts one latency.
     *
     * @param latency not negative
     */
    public void record(Duration latency) {
        recordNanos(Settings.argument("latency", latency));
    }

    /**
     * Counts one latency without making an object of it.
     *
     * @param nanos nanoseconds, not negative
     */
    public void recordNanos(long nanos) {
        if (nanos < 0) {
            throw new ConfigException("latency", nanos, 0L, Long.MAX_VALUE);
        }
        int status = NATIVE.histogramRecord(open(), nanos);
        Reference.reachabilityFence(this);
        Status.check(name(), status);
    }

    /**
     * The latency that a share of all calls stayed at or below.
     *
     * @param share 0.0 to 1.0, to a millionth: 0.5 is the median, 0.999 is p99.9
     * @return the latency, zero when nothing was counted
     */
    public Duration quantile(double share) {
        if (!(share >= 0 && share <= 1)) {
            throw new ConfigException("share", share, 0.0, 1.0);
        }
        long[] latency = new long[1];
        int status = NATIVE.histogramQuantile(open(), (int) Math.round(share * 1_000_000), latency);
        Reference.reachabilityFence(this);
        Status.check(name(), status);
        return Settings.nanos(latency[0]);
    }

    /**
     * How many latencies were counted.
     *
     * @return the number
     */
    public long total() {
        long[] total = new long[1];
        int status = NATIVE.histogramTotal(open(), total);
        Reference.reachabilityFence(this);
        Status.check(name(), status);
        return total[0];
    }

    /**
     * Adds everything that another histogram holds.
     *
     * @param other the other one, which stays as it is
     */
    public void merge(Histogram other) {
        int status = NATIVE.histogramMerge(open(), other.open());
        Reference.reachabilityFence(this);
        Reference.reachabilityFence(other);
        Status.check(name(), status);
    }

    /** Forgets everything. */
    public void reset() {
        int status = NATIVE.histogramReset(open());
        Reference.reachabilityFence(this);
        Status.check(name(), status);
    }
}
