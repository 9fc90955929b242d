package dev.seawall.testing;

import dev.seawall.TestControl;
import java.time.Duration;
import java.util.Objects;
import java.util.function.Supplier;

/** Something that goes wrong with an attempt; give it to {@link SeawallTesting#inject}. Immutable. */
public final class Fault {
    private final Supplier<? extends Throwable> error;
    private final Duration latency;
    private final double rate;
    private final long times;

    private Fault(Supplier<? extends Throwable> error, Duration latency, double rate, long times) {
        this.error = error;
        this.latency = latency;
        this.rate = rate;
        this.times = times;
    }

    /**
     * The attempt throws this; its function is not called.
     *
     * @param error makes it
     * @return a fault that every attempt meets
     */
    public static Fault error(Supplier<? extends Throwable> error) {
        return new Fault(Objects.requireNonNull(error, "error"), null, 1, Long.MAX_VALUE);
    }

    /**
     * The attempt begins so much later; if that is its timeout or more, it times out.
     *
     * @param latency not negative
     * @return a fault that every attempt meets
     */
    public static Fault latency(Duration latency) {
        return new Fault(null, Objects.requireNonNull(latency, "latency"), 1, Long.MAX_VALUE);
    }

    /**
     * Only this share of the attempts meets it.
     *
     * @param share 0.0 to 1.0
     * @return such a fault
     */
    public Fault rate(double share) {
        return new Fault(error, latency, share, times);
    }

    /**
     * Only so many attempts meet it.
     *
     * @param most 1 or more
     * @return such a fault
     */
    public Fault times(long most) {
        return new Fault(error, latency, rate, most);
    }

    void into(TestControl control) {
        if (error != null) {
            control.inject(error, rate, times);
        } else {
            control.inject(latency, rate, times);
        }
    }
}
