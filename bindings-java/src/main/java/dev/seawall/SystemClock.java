package dev.seawall;

/** The clock of the library itself. */
final class SystemClock implements Clock {
    static final SystemClock INSTANCE = new SystemClock();

    private SystemClock() {}

    @Override
    public long nanos() {
        return Library.NATIVE.nowNs();
    }

    /** The time of a clock as the library takes it: 0 lets the library read this one, only if an answer needs it. */
    static long argument(Clock clock) {
        return clock == INSTANCE ? 0 : read(clock);
    }

    /** The time of a clock, never 0. */
    static long read(Clock clock) {
        long nanos = clock.nanos();
        if (nanos < 0) {
            throw new ConfigException("clock", nanos, 0L, Long.MAX_VALUE);
        }
        return Math.max(1, nanos);
    }
}
