package dev.seawall;

import java.time.Duration;

/**
 * Everything about one call.
 *
 * @param value what it gave, or what a fallback served in its place; null when there is an error and nothing served
 * @param degraded whether a fallback served
 * @param step the step of the fallback that served, from 0; -1 for none
 * @param reason why there was no further attempt
 * @param attempts how many were made; 0 for a refused call
 * @param duration from begin to end, waits included and the fallback not
 * @param error what the call ended with, also when a fallback served; null for a result
 * @param <T> the result
 */
public record CallOutcome<T>(
        T value, boolean degraded, int step, Stop reason, int attempts, Duration duration, Throwable error) {
    /**
     * Whether there is a value: a result, or something that a fallback served.
     *
     * @return false when there is only an error
     */
    public boolean hasValue() {
        return degraded || error == null;
    }
}
