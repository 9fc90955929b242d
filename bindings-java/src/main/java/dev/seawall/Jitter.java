package dev.seawall;

/** How a {@link Backoff} spreads its waits, so that callers who failed together do not come back together. */
public enum Jitter {
    /** Anywhere from nothing to the whole wait. The default. */
    FULL,
    /** Half the wait, and anywhere within the other half. */
    EQUAL,
    /** From {@code base} to three times the previous wait, capped. */
    DECORRELATED,
    /** None. */
    NONE
}
