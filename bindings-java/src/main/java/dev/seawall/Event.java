package dev.seawall;

import java.time.Duration;

/**
 * Something that happened at a dependency, told to the hooks of {@link Seawall#onEvent} and {@link Dependency#onEvent}.
 */
public sealed interface Event {
    /**
     * Which dependency.
     *
     * @return its name
     */
    String dependency();

    /**
     * When.
     *
     * @return nanoseconds of the wall's clock
     */
    long at();

    /**
     * What, as logs and other languages name it.
     *
     * @return {@code state_change}, {@code refusal}, {@code retry}, {@code fallback} or {@code late_result}
     */
    String kind();

    /**
     * The breaker changed its state.
     *
     * @param dependency which dependency
     * @param at when
     * @param from the state it left
     * @param to the state it is in
     */
    record StateChange(String dependency, long at, State from, State to) implements Event {
        @Override
        public String kind() {
            return "state_change";
        }
    }

    /**
     * A call was refused before any attempt was made.
     *
     * @param dependency which dependency
     * @param at when
     * @param reason why, as {@link SeawallException#code} has it
     * @param retryAfter how long until asking again can help; zero when nobody knows
     * @param limit the rate limit that said no, or null
     */
    record Refusal(String dependency, long at, String reason, Duration retryAfter, String limit) implements Event {
        @Override
        public String kind() {
            return "refusal";
        }
    }

    /**
     * An attempt failed, and another one follows.
     *
     * @param dependency which dependency
     * @param at when
     * @param attempt the one that failed, from 1
     * @param delay the wait before the next one
     * @param error what it failed with; null where a result counts as a failure
     */
    record Retry(String dependency, long at, int attempt, Duration delay, Throwable error) implements Event {
        @Override
        public String kind() {
            return "retry";
        }
    }

    /**
     * A fallback served.
     *
     * @param dependency which dependency
     * @param at when
     * @param step which step of the chain, from 0
     * @param source what kind of step: {@code value}, {@code function}, {@code last_good}
     * @param reason why the dependency made no further attempt
     */
    record FellBack(String dependency, long at, int step, String source, Stop reason) implements Event {
        @Override
        public String kind() {
            return "fallback";
        }
    }

    /**
     * A result came too late to count: after the breaker had changed its state, or after its attempt was given up.
     *
     * @param dependency which dependency
     * @param at when
     * @param attempt the attempt, from 1
     * @param outcome the result; null when the caller gave up
     */
    record LateResult(String dependency, long at, int attempt, Outcome outcome) implements Event {
        @Override
        public String kind() {
            return "late_result";
        }
    }
}
