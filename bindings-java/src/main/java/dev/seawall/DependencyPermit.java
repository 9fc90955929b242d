package dev.seawall;

import java.time.Duration;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * One attempt by hand, from {@link Dependency#permit}: for code that is no function. Record how it ended once; closing
 * without that gives it up, which says nothing about the dependency. Any thread may do so. Its deadline is in force only
 * where {@code permit.attempt().deadline().run(...)} puts it in force.
 */
public final class DependencyPermit implements AutoCloseable {
    private final Flight flight;
    private final Attempt attempt;
    private final AtomicBoolean isUsed = new AtomicBoolean();

    DependencyPermit(Flight flight) {
        this.flight = flight;
        attempt = flight.attempt();
    }

    /**
     * How much time it has, and its idempotency key.
     *
     * @return the attempt, number 1
     */
    public Attempt attempt() {
        return attempt;
    }

    /**
     * Says how it ended.
     *
     * @param outcome how
     * @throws PermitSpentException when that was said before, or it is closed
     */
    public void record(Outcome outcome) {
        record(outcome, Duration.ZERO);
    }

    /**
     * Says how it ended, and how long the other side wants to be left alone.
     *
     * @param outcome how
     * @param retryAfter what it asked for with a failure; zero for nothing
     * @throws PermitSpentException when that was said before, or it is closed
     */
    public void record(Outcome outcome, Duration retryAfter) {
        Objects.requireNonNull(outcome, "outcome");
        Verdict verdict = new Verdict(outcome, false, false, Cause.FAILURE, retryAfter);
        if (!isUsed.compareAndSet(false, true)) {
            throw Status.exception(flight.dependency.name(), Status.ERROR_SPENT, 0);
        }
        flight.ended(verdict, null);
    }

    @Override
    public void close() {
        if (isUsed.compareAndSet(false, true)) {
            flight.cancelled();
        }
    }
}
