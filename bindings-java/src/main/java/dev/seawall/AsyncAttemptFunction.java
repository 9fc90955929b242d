package dev.seawall;

import java.util.concurrent.CompletionStage;

/**
 * What an asynchronous call does in each of its attempts.
 *
 * @param <T> the result
 */
@FunctionalInterface
public interface AsyncAttemptFunction<T> {
    /**
     * Starts one attempt. When its time is over its stage is cancelled, if it is a future.
     *
     * @param attempt which one it is, and how much time it has
     * @return the result to come
     * @throws Exception what keeps it from starting: counts as the attempt's error
     */
    CompletionStage<T> call(Attempt attempt) throws Exception;
}
