package dev.seawall;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.lang.ref.Reference;
import java.time.Duration;
import java.util.Objects;
import java.util.function.Consumer;

/**
 * Retry budget: retries may be a share of the calls, never a multiple.
 *
 * <pre>{@code
 * RetryBudget budget = RetryBudget.builder("payments").ratio(0.1).build();
 * budget.deposit();                                    // once per call, whatever its attempts
 * try (var withdrawal = budget.tryWithdraw()) {        // before each retry; throws BudgetExhaustedException
 *     charge(order);
 *     withdrawal.record(Outcome.SUCCESS);
 * }
 * }</pre>
 *
 * <p>All methods may be called from any thread, virtual ones too; none waits. A full budget that gets another
 * deposit writes nothing.
 */
public final class RetryBudget extends Primitive {
    private final Object reconfiguring = new Object();
    private volatile Settings settings;

    private RetryBudget(Builder builder, Settings settings) {
        super("retry budget", builder.name, builder.clock, NATIVE.retryBudgetBytes(), memory -> {
            long[] error = new long[Layout.ConfigError.WORDS];
            int status = NATIVE.retryBudgetInit(
                    memory, NATIVE.retryBudgetBytes(), settings.words, SystemClock.argument(builder.clock), error);
            settings.check(builder.name, status, error);
        });
        this.settings = settings;
    }

    /**
     * Starts the settings of a budget by {@link Profile#BUCKET}.
     *
     * @param name what it guards, for exceptions; not blank
     * @return settings, all at their defaults
     */
    public static Builder builder(String name) {
        return builder(name, Profile.BUCKET);
    }

    /**
     * Starts the settings of a budget by a published profile.
     *
     * @param name what it guards, for exceptions; not blank
     * @param profile whose rules; it cannot be changed later
     * @return settings as the profile has them
     */
    public static Builder builder(String name, Profile profile) {
        return new Builder(name, profile);
    }

    /** Says that a call begins, once per call whatever its attempts. */
    public void deposit() {
        int status = NATIVE.retryBudgetDeposit(open(), now());
        Reference.reachabilityFence(this);
        Status.check(name(), status);
    }

    /** Says that a call has ended, for the rule of {@code maxConcurrentRetriesRatio}; once for each deposit. */
    public void finish() {
        int status = NATIVE.retryBudgetFinish(open());
        Reference.reachabilityFence(this);
        Status.check(name(), status);
    }

    /**
     * Asks for leave to send one more retry.
     *
     * @return the leave; say how the retry ended with {@link Withdrawal#record}
     * @throws BudgetExhaustedException when there is none: end the call with its last real error
     */
    public Withdrawal tryWithdraw() {
        return tryWithdraw(Cause.FAILURE);
    }

    /**
     * Asks for leave to send one more retry.
     *
     * @param cause why
     * @return the leave; say how the retry ended with {@link Withdrawal#record}
     * @throws BudgetExhaustedException when there is none: end the call with its last real error
     */
    public Withdrawal tryWithdraw(Cause cause) {
        long[] words = new long[Layout.Withdrawal.WORDS];
        int status = NATIVE.retryBudgetTryWithdraw(open(), cause.ordinal(), now(), words);
        Reference.reachabilityFence(this);
        if (status != Status.OK) {
            throw Status.exception(name(), status, Layout.Withdrawal.RETRY_AFTER_NS.get(words));
        }
        return new Withdrawal(this, words);
    }

    /**
     * Says how a first attempt ended, for the profiles that learn from it (gRPC, AWS).
     *
     * @param outcome how
     */
    public void record(Outcome outcome) {
        int status = NATIVE.retryBudgetRecord(open(), outcome.ordinal(), null);
        Reference.reachabilityFence(this);
        Status.check(name(), status);
    }

    /**
     * Changes settings of the live budget. What is not mentioned stays; tokens stay, within the new cap; so do profile
     * and clock.
     *
     * @param change sets what is to change
     * @throws ConfigException when a setting is out of range; nothing has changed then
     */
    public void reconfigure(Consumer<? super Builder> change) {
        synchronized (reconfiguring) {
            Builder builder = new Builder(name(), settings.copy());
            change.accept(builder);
            long[] error = new long[Layout.ConfigError.WORDS];
            int status = NATIVE.retryBudgetReconfigure(open(), builder.settings.words, error);
            builder.settings.check(name(), status, error);
            settings = builder.settings;
        }
    }

    /**
     * A look at everything, changing nothing.
     *
     * @return what the budget looks like now
     */
    public Snapshot snapshot() {
        long[] words = new long[Layout.RetryBudgetSnapshot.WORDS];
        Layout.RetryBudgetSnapshot.STRUCT_BYTES.set(words, Layout.RetryBudgetSnapshot.BYTES);
        int status = NATIVE.retryBudgetSnapshot(open(), now(), words);
        Reference.reachabilityFence(this);
        Status.check(name(), status);
        return new Snapshot(words);
    }

    /** Leave for one retry. Record its outcome once; closing it without that gives it back. */
    public static final class Withdrawal implements AutoCloseable {
        private static final VarHandle USED;

        static {
            try {
                USED = MethodHandles.lookup().findVarHandle(Withdrawal.class, "used", boolean.class);
            } catch (ReflectiveOperationException impossible) {
                throw new ExceptionInInitializerError(impossible);
            }
        }

        private final RetryBudget budget;
        private final long[] words;
        private volatile boolean used;

        private Withdrawal(RetryBudget budget, long[] words) {
            this.budget = budget;
            this.words = words;
        }

        /**
         * Says how the retry ended.
         *
         * @param outcome how
         * @throws PermitSpentException when this leave was used before
         */
        public void record(Outcome outcome) {
            Objects.requireNonNull(outcome, "outcome");
            if (!USED.compareAndSet(this, false, true)) {
                throw Status.exception(budget.name(), Status.ERROR_SPENT, 0);
            }
            int status = NATIVE.retryBudgetRecord(budget.address, outcome.ordinal(), words);
            Reference.reachabilityFence(budget);
            Status.check(budget.name(), status);
        }

        /** Gives leave back that was not used: what it cost is there again. Nothing happens once it was used. */
        public void cancel() {
            if (USED.compareAndSet(this, false, true)) {
                int status = NATIVE.retryBudgetCancel(budget.address, words, budget.now());
                Reference.reachabilityFence(budget);
                Status.check(budget.name(), status);
            }
        }

        /** As {@link #cancel}. */
        @Override
        public void close() {
            cancel();
        }
    }

    /**
     * What a budget looked like at one moment.
     *
     * @param callsInFlight calls under way, where the in-flight rule is on
     * @param retriesInFlight retries under way, where the in-flight rule is on
     * @param tokensMilli what is left, in thousandths of a token
     * @param capMilli the most there can be, in thousandths of a token; 0 where the profile has no such bound
     * @param deposited deposits, ever
     * @param withdrawn retries granted, ever
     * @param refused retries refused, ever
     * @param shadowRefused retries that would have been refused in {@link Mode#ENFORCE}, ever
     */
    public record Snapshot(
            int callsInFlight, int retriesInFlight, long tokensMilli, long capMilli, long deposited, long withdrawn,
            long refused, long shadowRefused) {
        Snapshot(long[] words) {
            this(
                    Layout.RetryBudgetSnapshot.CALLS_IN_FLIGHT.getInt(words),
                    Layout.RetryBudgetSnapshot.RETRIES_IN_FLIGHT.getInt(words),
                    Layout.RetryBudgetSnapshot.TOKENS_MILLI.get(words),
                    Layout.RetryBudgetSnapshot.CAP_MILLI.get(words),
                    Layout.RetryBudgetSnapshot.DEPOSITED.get(words),
                    Layout.RetryBudgetSnapshot.WITHDRAWN.get(words),
                    Layout.RetryBudgetSnapshot.REFUSED.get(words),
                    Layout.RetryBudgetSnapshot.SHADOW_REFUSED.get(words));
        }
    }

    /** The settings of a retry budget. Ranges are checked by {@link #build}. Not for two threads at once. */
    public static final class Builder {
        private final String name;
        final Settings settings;
        private Clock clock = Clock.system();

        private Builder(String name, Profile profile) {
            this(ConfigException.name(name), new Settings(Layout.RetryBudgetConfig.WORDS));
            Status.check(name, NATIVE.retryBudgetProfile(profile.ordinal(), settings.words));
        }

        private Builder(String name, Settings settings) {
            this.name = name;
            this.settings = settings;
        }

        /**
         * What each call (bucket, Finagle) or success (gRPC) adds.
         *
         * @param tokens 0.0 to 10.0, to a thousandth; default 0.1, Finagle 0.2
         * @return this
         */
        public Builder ratio(double tokens) {
            settings.ratio("ratio", Layout.RetryBudgetConfig.RATIO_PERMILLE, tokens);
            return this;
        }

        /**
         * Retries per second allowed whatever the traffic (bucket, Finagle).
         *
         * @param retries 0 to 10,000; default 1, Finagle 10
         * @return this
         */
        public Builder minPerSecond(int retries) {
            settings.count("minPerSecond", Layout.RetryBudgetConfig.MIN_PER_SECOND, retries);
            return this;
        }

        /**
         * How long a deposit counts (Finagle), how much of {@code minPerSecond} can be saved up (bucket).
         *
         * @param time 1 s to 1 h; default 10 s
         * @return this
         */
        public Builder window(Duration time) {
            settings.duration("window", Layout.RetryBudgetConfig.WINDOW_NS, time);
            return this;
        }

        /**
         * The most tokens. A bucket holds at least what {@code minPerSecond} saves up.
         *
         * @param tokens 1 to 1,000,000 (gRPC 1000); default 100, gRPC 10, AWS 500
         * @return this
         */
        public Builder cap(int tokens) {
            settings.count("cap", Layout.RetryBudgetConfig.CAP, tokens);
            return this;
        }

        /**
         * Retries under way may be this share of the calls under way.
         *
         * @param ratio 0.0 to 10.0; 0 leaves the rule out; default 0
         * @return this
         */
        public Builder maxConcurrentRetriesRatio(double ratio) {
            settings.ratio("maxConcurrentRetriesRatio", Layout.RetryBudgetConfig.MAX_CONCURRENT_RETRIES_PERMILLE, ratio);
            return this;
        }

        /**
         * So many retries under way are always allowed by the rule above.
         *
         * @param retries 0 to 1,000,000; default 3
         * @return this
         */
        public Builder minConcurrentRetries(int retries) {
            settings.count("minConcurrentRetries", Layout.RetryBudgetConfig.MIN_CONCURRENT_RETRIES, retries);
            return this;
        }

        /**
         * How strictly to act.
         *
         * @param mode default {@link Mode#ENFORCE}
         * @return this
         */
        public Builder mode(Mode mode) {
            settings.choice(Layout.RetryBudgetConfig.MODE, mode.ordinal());
            return this;
        }

        /**
         * Where the time comes from.
         *
         * @param clock default {@link Clock#system}
         * @return this
         */
        public Builder clock(Clock clock) {
            this.clock = Primitive.clock(clock);
            return this;
        }

        /**
         * Makes the budget.
         *
         * @return a new budget
         * @throws ConfigException when a setting is out of range
         */
        public RetryBudget build() {
            return new RetryBudget(this, settings.copy());
        }
    }
}
