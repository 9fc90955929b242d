package dev.seawall;

/** Whether something else may be served when a call fails. */
public enum FallbackRule {
    /** A failure must be seen. */
    FORBIDDEN,
    /** Something else may be served. */
    ALLOWED,
    /** Something else should be served. */
    EXPECTED
}
