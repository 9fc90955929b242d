package dev.seawall;

import java.time.Duration;

/**
 * An expected "no": the call was not made. Refusals are no failures of the dependency: a breaker around a call
 * that is refused further in ignores it.
 *
 * <p>Cheap on purpose: it has no stack trace, and its message is put together only when asked for.
 */
public abstract class RefusedException extends SeawallException {
    private static final long serialVersionUID = 1;

    /** Who refused. */
    private final String name;
    /** Why, as a number of the library's. */
    private final int status;
    /** How long until asking again can help; 0 when nobody knows. */
    private final long retryAfterNanos;

    RefusedException(String name, int status, long retryAfterNanos) {
        super(Status.name(status), false);
        this.name = name;
        this.status = status;
        this.retryAfterNanos = retryAfterNanos;
    }

    /**
     * Who refused: the name given to the builder.
     *
     * @return the name
     */
    public String name() {
        return name;
    }

    /**
     * How long until asking again can help. Zero when nobody knows: a full bulkhead, a breaker opened by hand.
     *
     * @return the time, never negative
     */
    public Duration retryAfter() {
        return Duration.ofNanos(retryAfterNanos);
    }

    @Override
    public String getMessage() {
        String text = name + ": " + Status.text(status);
        return retryAfterNanos == 0 ? text : text + ", retry after " + retryAfter();
    }
}
