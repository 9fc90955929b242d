package dev.seawall;

/**
 * Work that gives a result and may throw. Written as a lambda, it lets the compiler see which checked exceptions
 * the work throws, so that {@code breaker.call(...)} declares just those.
 *
 * @param <T> the result
 * @param <X> what it throws
 */
@FunctionalInterface
public interface Call<T, X extends Exception> {
    /**
     * Does the work.
     *
     * @return its result
     * @throws X what goes wrong
     */
    T call() throws X;
}
