package dev.seawall;

/**
 * As {@link AttemptFunction}, for work without a result.
 *
 * @param <X> what it throws
 */
@FunctionalInterface
public interface AttemptAction<X extends Exception> {
    /**
     * Makes one attempt.
     *
     * @param attempt which one it is, and how much time it has
     * @throws X what goes wrong
     * @throws InterruptedException when the caller interrupts it, which says nothing about the dependency
     */
    void run(Attempt attempt) throws X, InterruptedException;
}
