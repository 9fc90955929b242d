package dev.seawall;

import java.time.Duration;

/**
 * An attempt did not end within its time and was given up: thrown by asynchronous calls and by calls of a
 * {@link DependencyExecutor}. Another attempt may help. Its code is {@code timeout}; it has no stack trace.
 */
public final class AttemptTimeoutException extends SeawallException {
    private static final long serialVersionUID = 1;

    /** Who was called. */
    private final String dependency;
    /** What time it had. */
    private final long timeoutNanos;

    AttemptTimeoutException(String dependency, long timeoutNanos) {
        super("timeout", false);
        this.dependency = dependency;
        this.timeoutNanos = timeoutNanos;
    }

    /**
     * The time that the attempt had.
     *
     * @return the time
     */
    public Duration timeout() {
        return Settings.nanos(timeoutNanos);
    }

    @Override
    public String getMessage() {
        return dependency + ": no answer within " + timeout();
    }
}
