package dev.seawall;

/** What a gate counts. */
public enum Scope {
    /** A call once, whatever its attempts. The default. */
    CALL,
    /** Each attempt by itself; nothing is held through a backoff. */
    ATTEMPT
}
