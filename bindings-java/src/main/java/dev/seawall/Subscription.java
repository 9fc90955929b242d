package dev.seawall;

/** Ends a hook of {@code onEvent}. Leaving it alone leaves the hook in place. */
@FunctionalInterface
public interface Subscription extends AutoCloseable {
    /** No event reaches the hook from now on, except one that is being told at this moment. May be repeated. */
    @Override
    void close();
}
