package dev.seawall;

import java.time.Duration;
import java.util.Objects;

/**
 * Deadline: the time left for a whole call, however many attempts it takes.
 *
 * <pre>{@code
 * Deadline deadline = Deadline.after(Duration.ofSeconds(5));
 * Duration timeout = deadline.attemptTimeout(Duration.ofSeconds(2));   // what is left, two seconds at most
 * }</pre>
 *
 * <p>A value: share it freely between threads.
 */
public final class Deadline {
    private static final Native NATIVE = Library.NATIVE;

    private final long at;
    private final Clock clock;

    private Deadline(long at, Clock clock) {
        this.at = at;
        this.clock = clock;
    }

    /**
     * So long from now, on the system's clock.
     *
     * @param span not negative; beyond 292 years it means never
     * @return the deadline
     */
    public static Deadline after(Duration span) {
        return after(span, Clock.system());
    }

    /**
     * So long from now.
     *
     * @param span not negative; beyond 292 years it means never
     * @param clock where the time comes from
     * @return the deadline
     */
    public static Deadline after(Duration span, Clock clock) {
        long nanos = Settings.argument("span", span);
        return new Deadline(NATIVE.deadlineAfter(SystemClock.read(clock), nanos), clock);
    }

    /**
     * At a time of a clock.
     *
     * @param nanos the time, as {@link Clock#nanos} has it
     * @param clock the clock
     * @return the deadline
     */
    public static Deadline at(long nanos, Clock clock) {
        if (nanos < 0) {
            throw new ConfigException("nanos", nanos, 0L, Long.MAX_VALUE);
        }
        return new Deadline(nanos, Objects.requireNonNull(clock, "clock"));
    }

    /**
     * What is left.
     *
     * @return the time, zero once expired
     */
    public Duration remaining() {
        return Settings.nanos(NATIVE.deadlineRemaining(at, SystemClock.read(clock)));
    }

    /**
     * Whether it has come: true from the moment itself on.
     *
     * @return whether there is no time left
     */
    public boolean isExpired() {
        return NATIVE.deadlineIsExpired(at, SystemClock.read(clock)) != 0;
    }

    /**
     * Goes on only while there is time left.
     *
     * @throws DeadlineExceededException when there is none
     */
    public void check() {
        if (isExpired()) {
            throw Status.exception("deadline", Status.REFUSED_DEADLINE_EXCEEDED, 0);
        }
    }

    /**
     * The nearer of two deadlines of one clock.
     *
     * @param other another one
     * @return the nearer
     */
    public Deadline nearer(Deadline other) {
        if (other.clock != clock) {
            throw new SeawallException("two deadlines of different clocks cannot be compared");
        }
        return new Deadline(NATIVE.deadlineNearer(at, other.at), clock);
    }

    /**
     * An earlier deadline for the work below, so that the caller keeps a share of what is left.
     *
     * @param reserve the share kept, 0.0 to 1.0, to a thousandth
     * @return the deadline for the work below
     */
    public Deadline keep(double reserve) {
        if (!(reserve >= 0 && reserve <= 1)) {
            throw new ConfigException("reserve", reserve, 0.0, 1.0);
        }
        return new Deadline(NATIVE.deadlineKeep(at, SystemClock.read(clock), (int) Math.round(reserve * 1000)), clock);
    }

    /**
     * The time one attempt may take.
     *
     * @param timeout the longest
     * @return that, or what is left if that is less
     */
    public Duration attemptTimeout(Duration timeout) {
        long nanos = Settings.argument("timeout", timeout);
        return Settings.nanos(NATIVE.deadlineAttemptTimeout(at, nanos, SystemClock.read(clock)));
    }

    @Override
    public String toString() {
        return "deadline in " + remaining();
    }
}
