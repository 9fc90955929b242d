package dev.seawall;

/** The circuit breaker is open, its probe is under way, or it was opened by hand; {@link #code} says which. */
public final class BreakerOpenException extends RefusedException {
    private static final long serialVersionUID = 1;

    BreakerOpenException(String name, int status, long retryAfterNanos) {
        super(name, status, retryAfterNanos);
    }
}
