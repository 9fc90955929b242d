package dev.seawall;

/** The deadline has passed. */
public final class DeadlineExceededException extends RefusedException {
    private static final long serialVersionUID = 1;

    DeadlineExceededException(String name, int status, long retryAfterNanos) {
        super(name, status, retryAfterNanos);
    }
}
