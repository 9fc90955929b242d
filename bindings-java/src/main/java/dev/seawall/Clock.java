package dev.seawall;

/**
 * Where an object takes its time from.
 *
 * <p>Without a clock of your own the library reads the monotonic clock of the system, and only when an answer
 * needs it. Give builders a {@link ManualClock} to drive time by hand in tests.
 */
@FunctionalInterface
public interface Clock {
    /**
     * The time since some fixed moment, in nanoseconds. Never negative and never running backwards; times before
     * 1 count as 1. ({@link System#nanoTime} may be negative and is no such clock by itself.)
     *
     * @return nanoseconds
     */
    long nanos();

    /**
     * The monotonic clock that all processes of this machine share. The default everywhere.
     *
     * @return the clock
     */
    static Clock system() {
        return SystemClock.INSTANCE;
    }
}
