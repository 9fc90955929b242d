package dev.seawall;

/**
 * What a call does in each of its attempts. Written as a lambda, it lets the compiler see which checked exceptions it
 * throws, so that {@code dependency.call(...)} declares just those.
 *
 * @param <T> the result
 * @param <X> what it throws
 */
@FunctionalInterface
public interface AttemptFunction<T, X extends Exception> {
    /**
     * Makes one attempt. Nobody stops it when its time is over: give {@link Attempt#remaining} to whatever blocks.
     *
     * @param attempt which one it is, and how much time it has
     * @return the result
     * @throws X what goes wrong
     * @throws InterruptedException when the caller interrupts it, which says nothing about the dependency
     */
    T call(Attempt attempt) throws X, InterruptedException;
}
