package dev.seawall;

/** All permits are held, too many wait already, or none came free in time; {@link #code} says which. */
public final class BulkheadFullException extends RefusedException {
    private static final long serialVersionUID = 1;

    BulkheadFullException(String name, int status, long retryAfterNanos) {
        super(name, status, retryAfterNanos);
    }
}
