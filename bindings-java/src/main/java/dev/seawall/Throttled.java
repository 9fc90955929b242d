package dev.seawall;

import java.time.Duration;

/**
 * Implemented by exceptions that say how long the other side wants to be left alone. A call waits at least that long
 * before its next attempt, or ends if it may not wait so long.
 */
public interface Throttled {
    /**
     * How long the other side wants to be left alone.
     *
     * @return the time; null, zero and negative ones count as nothing said
     */
    Duration retryAfter();
}
