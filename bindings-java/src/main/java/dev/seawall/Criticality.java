package dev.seawall;

/** How much depends on a dependency. */
public enum Criticality {
    /** The service cannot do without it: calls may take reserved permits, and a fallback is forbidden by default. */
    CRITICAL,
    /** The service is worse without it. The default. */
    IMPORTANT,
    /** The service does well without it: a fallback is expected. */
    OPTIONAL
}
