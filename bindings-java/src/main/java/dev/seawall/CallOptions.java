package dev.seawall;

import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import java.util.UUID;
import java.util.concurrent.Executor;
import java.util.function.Consumer;
import java.util.function.Predicate;

/**
 * What calls may ask for beyond their policy, and what their errors mean. Make it once and keep it: it is immutable and
 * any thread may use it.
 *
 * <pre>{@code
 * static final CallOptions CHARGE = CallOptions.builder()
 *         .on(IOException.class, BusyException.class)      // worth another attempt
 *         .ignore(IllegalArgumentException.class)          // our own mistake
 *         .build();
 * }</pre>
 */
public final class CallOptions {
    /** Nothing special. */
    public static final CallOptions DEFAULT = builder().build();

    final Rules rules;
    final Deadline deadline;
    final Duration within;
    final Boolean critical;
    final Boolean idempotent;
    final Map<String, Integer> costs;
    final UUID key;
    final Consumer<Object> discard;
    final Executor executor;

    private CallOptions(Builder builder) {
        rules = new Rules(builder.on, builder.ignore, builder.failure, builder.onResult, builder.own);
        deadline = builder.deadline;
        within = builder.within;
        critical = builder.critical;
        idempotent = builder.idempotent;
        costs = builder.costs.isEmpty() ? Map.of() : Map.copyOf(builder.costs);
        key = builder.key;
        discard = builder.discard;
        executor = builder.executor;
    }

    /**
     * Starts options, all as the policy says.
     *
     * @return a builder
     */
    public static Builder builder() {
        return new Builder();
    }

    /** Collects options. Not for two threads at once. */
    public static final class Builder {
        private Predicate<? super Throwable> on;
        private Predicate<? super Throwable> ignore;
        private Predicate<? super Throwable> failure;
        private Predicate<Object> onResult;
        private Classification own;
        private Deadline deadline;
        private Duration within;
        private Boolean critical;
        private Boolean idempotent;
        private final Map<String, Integer> costs = new LinkedHashMap<>();
        private UUID key;
        private Consumer<Object> discard;
        private Executor executor;

        private Builder() {}

        private static Predicate<? super Throwable> either(
                Predicate<? super Throwable> one, Predicate<? super Throwable> other) {
            Objects.requireNonNull(other, "predicate");
            return one == null ? other : thrown -> one.test(thrown) || other.test(thrown);
        }

        /**
         * Exceptions after which another attempt may help. Without any: those of connections
         * ({@link java.io.IOException}) and timeouts, and those that are {@link Throttled}.
         *
         * @param kinds classes; more calls add to them
         * @return this
         */
        @SafeVarargs
        public final Builder on(Class<? extends Throwable>... kinds) {
            for (Class<? extends Throwable> kind : kinds) {
                on(Classifier.kind(kind));
            }
            return this;
        }

        /**
         * As {@link #on(Class[])}, by a test.
         *
         * @param test true for those after which another attempt may help
         * @return this
         */
        public Builder on(Predicate<? super Throwable> test) {
            on = either(on, test);
            return this;
        }

        /**
         * Exceptions that say nothing about the dependency. What the caller interrupts or cancels is always ignored.
         *
         * @param kinds classes; more calls add to them
         * @return this
         */
        @SafeVarargs
        public final Builder ignore(Class<? extends Throwable>... kinds) {
            for (Class<? extends Throwable> kind : kinds) {
                ignore(Classifier.kind(kind));
            }
            return this;
        }

        /**
         * As {@link #ignore(Class[])}, by a test.
         *
         * @param test true for those that say nothing
         * @return this
         */
        public Builder ignore(Predicate<? super Throwable> test) {
            ignore = either(ignore, test);
            return this;
        }

        /**
         * Exceptions that are failures of the dependency but not worth another attempt. Without any: all that are
         * neither ignored nor worth one. With some, all others mean that the dependency has answered.
         *
         * @param kinds classes; more calls add to them
         * @return this
         */
        @SafeVarargs
        public final Builder failure(Class<? extends Throwable>... kinds) {
            for (Class<? extends Throwable> kind : kinds) {
                failure(Classifier.kind(kind));
            }
            return this;
        }

        /**
         * As {@link #failure(Class[])}, by a test.
         *
         * @param test true for those that are failures
         * @return this
         */
        public Builder failure(Predicate<? super Throwable> test) {
            failure = either(failure, test);
            return this;
        }

        /**
         * Results that are failures after which another attempt may help. The last one is the call's result all the same.
         *
         * @param test true for those
         * @return this
         */
        public Builder onResult(Predicate<Object> test) {
            Objects.requireNonNull(test, "test");
            onResult = onResult == null ? test : onResult.or(test);
            return this;
        }

        /**
         * Says what the end of an attempt means, in place of all rules above. What the caller interrupts or cancels is
         * ignored all the same.
         *
         * @param classification your word
         * @return this
         */
        public Builder classify(Classification classification) {
            own = Objects.requireNonNull(classification, "classification");
            return this;
        }

        /**
         * Hears of results that count as failures and are followed by another attempt, to close what they hold.
         *
         * @param consumer gets them before the wait
         * @return this
         */
        public Builder discard(Consumer<Object> consumer) {
            discard = Objects.requireNonNull(consumer, "consumer");
            return this;
        }

        /**
         * When nobody waits for the call any more. The nearest of this, the policy's and {@link Deadline#current} counts.
         * One that has passed is refused with {@link DeadlineExceededException}.
         *
         * @param deadline a moment
         * @return this
         */
        public Builder deadline(Deadline deadline) {
            this.deadline = Objects.requireNonNull(deadline, "deadline");
            return this;
        }

        /**
         * The time that each call may take, from its begin.
         *
         * @param within not negative
         * @return this
         * @throws ConfigException when it is negative
         */
        public Builder deadline(Duration within) {
            Settings.argument("deadline", within);
            this.within = within;
            return this;
        }

        /**
         * Whether calls may take reserved permits, whatever the policy says.
         *
         * @param critical whether
         * @return this
         */
        public Builder critical(boolean critical) {
            this.critical = critical;
            return this;
        }

        /**
         * Whether a request that may have been carried out may be sent again, whatever the policy says.
         *
         * @param idempotent whether
         * @return this
         */
        public Builder idempotent(boolean idempotent) {
            this.idempotent = idempotent;
            return this;
        }

        /**
         * Tokens that an attempt costs of a rate limit; 1 of each that is not mentioned.
         *
         * @param limit the name of the limit; {@code requests} when it was given none
         * @param tokens 0 to 4,294,967,295; more than the limit's burst is refused when the call begins
         * @return this
         * @throws ConfigException when tokens are out of range
         */
        public Builder cost(String limit, long tokens) {
            if (tokens < 0 || tokens > 0xFFFF_FFFFL) {
                throw new ConfigException("costs." + limit, tokens, 0L, 0xFFFF_FFFFL);
            }
            costs.put(Objects.requireNonNull(limit, "limit"), (int) tokens);
            return this;
        }

        /**
         * The idempotency key of the call, for one that began in another process. Drawn at random when absent.
         *
         * @param key a random UUID (version 4)
         * @return this
         * @throws ConfigException when it is of another version
         */
        public Builder idempotencyKey(UUID key) {
            if (key.version() != 4 || key.variant() != 2) {
                throw ConfigException.of("idempotencyKey", key, "idempotencyKey: " + key + " is not a random UUID");
            }
            this.key = key;
            return this;
        }

        /**
         * Where asynchronous calls go on after a wait: attempts start there.
         *
         * @param executor default: that of {@link java.util.concurrent.CompletableFuture}
         * @return this
         */
        public Builder executor(Executor executor) {
            this.executor = Objects.requireNonNull(executor, "executor");
            return this;
        }

        /**
         * Makes the options.
         *
         * @return them
         */
        public CallOptions build() {
            return new CallOptions(this);
        }
    }
}
