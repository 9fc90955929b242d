package dev.seawall;

/**
 * Work without a result that may throw; see {@link Call}.
 *
 * @param <X> what it throws
 */
@FunctionalInterface
public interface Run<X extends Exception> {
    /**
     * Does the work.
     *
     * @throws X what goes wrong
     */
    void run() throws X;
}
