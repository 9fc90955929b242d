package dev.seawall.http;

import dev.seawall.RefusedException;
import java.io.IOException;
import java.time.Duration;

/** A request was not sent, because the policy refused it. An {@link IOException}, as callers of HTTP clients expect. */
public final class SeawallHttpRefusedException extends IOException {
    private static final long serialVersionUID = 1;

    /** What was refused. */
    private final RefusedException refusal;

    SeawallHttpRefusedException(RefusedException refusal) {
        super(refusal.getMessage(), refusal);
        this.refusal = refusal;
    }

    /** A refusal must be cheap, and where it happened is where the request was to be sent. */
    @Override
    public Throwable fillInStackTrace() {
        return this;
    }

    /**
     * Why: {@code breaker_open}, {@code bulkhead_full} and so on are its codes.
     *
     * @return the refusal
     */
    public RefusedException refusal() {
        return refusal;
    }

    /**
     * How long until asking again can help.
     *
     * @return the time; zero when nobody knows
     */
    public Duration retryAfter() {
        return refusal.retryAfter();
    }
}
