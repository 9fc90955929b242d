package dev.seawall;

import java.time.Duration;

/** What the function of a call is told about the attempt it makes. Any thread may use it, also after the attempt. */
public final class Attempt {
    private final Flight flight;
    private final int number;
    private final long timeoutNanos;
    private final Deadline deadline;

    Attempt(Flight flight, int number, long timeoutNanos, Deadline deadline) {
        this.flight = flight;
        this.number = number;
        this.timeoutNanos = timeoutNanos;
        this.deadline = deadline;
    }

    /**
     * Which attempt of the call it is.
     *
     * @return from 1
     */
    public int number() {
        return number;
    }

    /**
     * How long it may take in all: the timeout of the policy, or what the deadline of the call left at its begin.
     *
     * @return the time
     */
    public Duration timeout() {
        return Settings.nanos(timeoutNanos);
    }

    /**
     * How long it may still take. In a synchronous call nobody stops the function, so give this to whatever blocks.
     *
     * @return the time, zero once it is over
     */
    public Duration remaining() {
        return deadline.remaining();
    }

    /**
     * When its time is over. In force for further calls that the function makes on its thread, see
     * {@link Deadline#current}.
     *
     * @return the deadline for everything below
     */
    public Deadline deadline() {
        return deadline;
    }

    /**
     * A random UUID that is the same for all attempts of the call, so that a server can tell a repetition from a second
     * order.
     *
     * @return the key
     */
    public String idempotencyKey() {
        return flight.key();
    }

    @Override
    public String toString() {
        return "attempt " + number + " of " + flight.dependency.name();
    }
}
