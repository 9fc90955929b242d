package dev.seawall;

/** The state of a {@link Breaker}. */
public enum State {
    /** Everybody may call. */
    CLOSED,
    /** Nobody may call until the open time is over. */
    OPEN,
    /** A few probes may call. */
    HALF_OPEN,
    /** Nobody may call until a reset by hand. */
    FORCED_OPEN,
    /** Everybody may call, nothing is recorded. */
    DISABLED;

    private static final State[] ALL = values();

    static State of(long number) {
        return ALL[(int) number];
    }
}
