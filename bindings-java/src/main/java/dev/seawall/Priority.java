package dev.seawall;

/** Who asks a {@link Bulkhead}. */
public enum Priority {
    /** An ordinary caller. The default. */
    ORDINARY,
    /** A caller that may take reserved permits, and takes those first. */
    CRITICAL
}
