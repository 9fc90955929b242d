package dev.seawall;

/** The rate limit does not allow it now; {@link #retryAfter} says when it will if nobody else takes it. */
public final class RateLimitedException extends RefusedException {
    private static final long serialVersionUID = 1;

    RateLimitedException(String name, int status, long retryAfterNanos) {
        super(name, status, retryAfterNanos);
    }
}
