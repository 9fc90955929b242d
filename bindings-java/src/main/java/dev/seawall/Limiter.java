package dev.seawall;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.lang.ref.Reference;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.function.Consumer;

/**
 * Limiter: so many calls per while, with a burst (a token bucket).
 *
 * <pre>{@code
 * Limiter api = Limiter.builder("api").rate(100, Duration.ofSeconds(1)).burst(20).build();
 * api.tryAcquire();                            // throws RateLimitedException when it is too early
 * api.acquire(5, Duration.ofSeconds(2));       // waits for five tokens, two seconds at most
 * }</pre>
 *
 * <p>All methods may be called from any thread, virtual ones too. Only {@code acquire} waits, and never in native
 * code. Tokens are promised in the order in which they were asked for.
 */
public final class Limiter extends Primitive {
    private final Object reconfiguring = new Object();
    private volatile Settings settings;

    private Limiter(Builder builder, Settings settings) {
        super("limiter", builder.name, builder.clock, NATIVE.limiterBytes(), memory -> {
            long[] error = new long[Layout.ConfigError.WORDS];
            int status = NATIVE.limiterInit(memory, NATIVE.limiterBytes(), settings.words, error);
            settings.check(builder.name, status, error);
        });
        this.settings = settings;
    }

    /**
     * Starts the settings of a limiter.
     *
     * @param name what it guards, for exceptions; not blank
     * @return settings, all at their defaults
     */
    public static Builder builder(String name) {
        return new Builder(name);
    }

    /**
     * Takes one token if it is there.
     *
     * @throws RateLimitedException when it is not
     */
    public void tryAcquire() {
        tryAcquire(1);
    }

    /**
     * Takes tokens if all of them are there. Nothing is taken otherwise.
     *
     * @param tokens how many; 0 always works
     * @throws RateLimitedException when they are not
     * @throws ExceedsCapacityException when there can never be so many
     */
    public void tryAcquire(long tokens) {
        check(tokens);
        long[] retryAfter = new long[1];
        int status = NATIVE.limiterTryAcquire(open(), tokens, now(), retryAfter);
        Reference.reachabilityFence(this);
        if (status != Status.OK) {
            throw Status.exception(name(), status, retryAfter[0]);
        }
    }

    /**
     * Takes one token, waiting for it if need be.
     *
     * @param maxWait the longest wait; where it would be longer, the refusal comes at once
     * @throws RateLimitedException when it would be longer
     * @throws InterruptedException when the thread is interrupted; the token is given back
     */
    public void acquire(Duration maxWait) throws InterruptedException {
        acquire(1, maxWait);
    }

    /**
     * Takes tokens, waiting for them if need be.
     *
     * @param tokens how many
     * @param maxWait the longest wait; where it would be longer, the refusal comes at once and nothing is taken
     * @throws RateLimitedException when it would be longer
     * @throws ExceedsCapacityException when there can never be so many
     * @throws InterruptedException when the thread is interrupted; the tokens are given back
     */
    public void acquire(long tokens, Duration maxWait) throws InterruptedException {
        if (Thread.interrupted()) {
            throw new InterruptedException();
        }
        Reservation reservation = reserve(tokens, maxWait);
        if (reservation.waitNanos == 0) {
            return;
        }
        try {
            Timer.sleep(clock, reservation.waitNanos);
        } catch (InterruptedException interrupted) {
            reservation.cancelFirst();
            throw interrupted;
        }
    }

    /**
     * As {@link #acquire(long, Duration)}, without holding a thread. Cancelling the future gives the tokens back.
     *
     * @param tokens how many
     * @param maxWait the longest wait
     * @return done when it is time to go, or failed with {@link RateLimitedException}
     */
    public CompletableFuture<Void> acquireAsync(long tokens, Duration maxWait) {
        Reservation reservation;
        try {
            reservation = reserve(tokens, maxWait);
        } catch (SeawallException refused) {
            return CompletableFuture.failedFuture(refused);
        }
        if (reservation.waitNanos == 0) {
            return CompletableFuture.completedFuture(null);
        }
        CompletableFuture<Void> turn = new CompletableFuture<>();
        CompletableFuture<Void> timer = Timer.after(clock, reservation.waitNanos);
        // Not on the one timer thread of the Java machine: the caller's code may run now.
        timer.thenRunAsync(() -> turn.complete(null));
        turn.whenComplete((nothing, thrown) -> {
            if (thrown != null) {
                timer.cancel(false);
                reservation.cancelFirst();
            }
        });
        return turn;
    }

    /**
     * Takes tokens now or ahead of time: wait for {@link Reservation#delay}, then go.
     *
     * @param tokens how many
     * @param maxWait the longest wait; where it would be longer, nothing is taken
     * @return the tokens
     * @throws RateLimitedException when the wait would be longer
     * @throws ExceedsCapacityException when there can never be so many
     */
    public Reservation reserve(long tokens, Duration maxWait) {
        check(tokens);
        long[] words = new long[Layout.Reservation.WORDS];
        int status = NATIVE.limiterReserve(open(), tokens, Settings.argument("maxWait", maxWait), now(), words);
        Reference.reachabilityFence(this);
        long wait = Layout.Reservation.WAIT_NS.get(words);
        if (status != Status.OK) {
            throw Status.exception(name(), status, wait);
        }
        return new Reservation(this, words, tokens, wait);
    }

    /**
     * Corrects a cost after the fact: takes more whatever the bucket holds (it may go into debt, which later callers
     * wait for), or gives back when negative.
     *
     * @param tokens how many more the call has cost than was asked for
     */
    public void adjust(long tokens) {
        int status = NATIVE.limiterAdjust(open(), tokens, now());
        Reference.reachabilityFence(this);
        Status.check(name(), status);
    }

    /**
     * Changes the rate of the live limiter: tokens that are missing stay missing. A burst that was set stays; one that
     * was not follows the rate.
     *
     * @param permits tokens per period, 1 to 1,000,000,000, at most one per nanosecond
     * @param period 1 ns to 31 days
     * @throws ConfigException when one is out of range; nothing has changed then
     */
    public void setRate(long permits, Duration period) {
        reconfigure(builder -> builder.rate(permits, period));
    }

    /**
     * Changes rate and burst of the live limiter: tokens that are missing stay missing.
     *
     * @param permits tokens per period, 1 to 1,000,000,000, at most one per nanosecond
     * @param period 1 ns to 31 days
     * @param burst the most tokens the bucket holds, 1 to 1,000,000,000
     * @throws ConfigException when one is out of range; nothing has changed then
     */
    public void setRate(long permits, Duration period, long burst) {
        reconfigure(builder -> builder.rate(permits, period).burst(burst));
    }

    /**
     * Changes settings of the live limiter. What is not mentioned stays; so do missing tokens and the clock.
     *
     * @param change sets what is to change
     * @throws ConfigException when a setting is out of range; nothing has changed then
     */
    public void reconfigure(Consumer<? super Builder> change) {
        synchronized (reconfiguring) {
            Builder builder = new Builder(name(), settings.copy());
            change.accept(builder);
            Settings changed = builder.complete();
            long[] error = new long[Layout.ConfigError.WORDS];
            int status = NATIVE.limiterReconfigure(open(), changed.words, now(), error);
            changed.check(name(), status, error);
            settings = changed;
        }
    }

    /**
     * A look at everything, changing nothing.
     *
     * @return what the limiter looks like now
     */
    public Snapshot snapshot() {
        long[] words = new long[Layout.LimiterSnapshot.WORDS];
        Layout.LimiterSnapshot.STRUCT_BYTES.set(words, Layout.LimiterSnapshot.BYTES);
        int status = NATIVE.limiterSnapshot(open(), now(), words);
        Reference.reachabilityFence(this);
        Status.check(name(), status);
        return new Snapshot(words);
    }

    private void check(long tokens) {
        if (tokens < 0) {
            throw new ConfigException("tokens", tokens, 0L, Layout.LimiterConfig.BURST.get(settings.words));
        }
    }

    /** Tokens taken, perhaps ahead of time. */
    public static final class Reservation {
        private static final VarHandle CANCELLED;

        static {
            try {
                CANCELLED = MethodHandles.lookup().findVarHandle(Reservation.class, "cancelled", boolean.class);
            } catch (ReflectiveOperationException impossible) {
                throw new ExceptionInInitializerError(impossible);
            }
        }

        private final Limiter limiter;
        private final long[] words;
        private final long tokens;
        private final long waitNanos;
        private volatile boolean cancelled;

        private Reservation(Limiter limiter, long[] words, long tokens, long waitNanos) {
            this.limiter = limiter;
            this.words = words;
            this.tokens = tokens;
            this.waitNanos = waitNanos;
        }

        /**
         * How many tokens.
         *
         * @return the number asked for
         */
        public long tokens() {
            return tokens;
        }

        /**
         * How long to wait before going, from the moment of the reservation on.
         *
         * @return the wait, zero to go now
         */
        public Duration delay() {
            return Settings.nanos(waitNanos);
        }

        /**
         * Gives the tokens back, whether their time has come or not.
         *
         * @throws PermitSpentException when they were given back before; nothing has changed then
         */
        public void cancel() {
            if (!cancelFirst()) {
                throw Status.exception(limiter.name(), Status.ERROR_SPENT, 0);
            }
        }

        private boolean cancelFirst() {
            if (!CANCELLED.compareAndSet(this, false, true)) {
                return false;
            }
            int status = NATIVE.limiterCancel(limiter.address, words, limiter.now());
            Reference.reachabilityFence(limiter);
            Status.check(limiter.name(), status);
            return true;
        }
    }

    /**
     * What a bucket looked like at one moment, in the terms of the HTTP rate limit fields.
     *
     * @param limit the most tokens the bucket holds
     * @param remaining whole tokens left
     * @param reset how long until the bucket is full
     * @param retryAfter how long until one token is there; zero if it is
     * @param allowed requests granted, ever
     * @param refused requests refused, ever
     * @param shadowRefused requests that would have been refused in {@link Mode#ENFORCE}, ever
     */
    public record Snapshot(
            long limit, long remaining, Duration reset, Duration retryAfter, long allowed, long refused,
            long shadowRefused) {
        Snapshot(long[] words) {
            this(
                    Layout.LimiterSnapshot.LIMIT.get(words),
                    Layout.LimiterSnapshot.REMAINING.get(words),
                    Settings.nanos(Layout.LimiterSnapshot.RESET_NS.get(words)),
                    Settings.nanos(Layout.LimiterSnapshot.RETRY_AFTER_NS.get(words)),
                    Layout.LimiterSnapshot.ALLOWED.get(words),
                    Layout.LimiterSnapshot.REFUSED.get(words),
                    Layout.LimiterSnapshot.SHADOW_REFUSED.get(words));
        }
    }

    /** The settings of a limiter. Ranges are checked by {@link #build}. Not for two threads at once. */
    public static final class Builder {
        private final String name;
        final Settings settings;
        private Clock clock = Clock.system();

        private Builder(String name) {
            this(ConfigException.name(name), new Settings(Layout.LimiterConfig.WORDS));
            Layout.LimiterConfig.STRUCT_BYTES.set(settings.words, Layout.LimiterConfig.BYTES);
            Layout.LimiterConfig.PERMITS.set(settings.words, 100);
            Layout.LimiterConfig.PERIOD_NS.set(settings.words, 1_000_000_000);
        }

        private Builder(String name, Settings settings) {
            this.name = name;
            this.settings = settings;
        }

        /**
         * Tokens per time.
         *
         * @param permits 1 to 1,000,000,000, at most one per nanosecond; default 100
         * @param period the while that they are meant for, 1 ns to 31 days; default 1 s
         * @return this
         */
        public Builder rate(long permits, Duration period) {
            settings.count("rate", Layout.LimiterConfig.PERMITS, permits);
            settings.duration("period", Layout.LimiterConfig.PERIOD_NS, period);
            return this;
        }

        /**
         * The most tokens the bucket holds. It is full at the start.
         *
         * @param tokens 1 to 1,000,000,000; default the permits of the rate
         * @return this
         */
        public Builder burst(long tokens) {
            settings.count("burst", Layout.LimiterConfig.BURST, tokens);
            return this;
        }

        /**
         * How strictly to act.
         *
         * @param mode default {@link Mode#ENFORCE}
         * @return this
         */
        public Builder mode(Mode mode) {
            settings.choice(Layout.LimiterConfig.MODE, mode.ordinal());
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
         * Makes the limiter, its bucket full.
         *
         * @return a new limiter
         * @throws ConfigException when a setting is out of range
         */
        public Limiter build() {
            return new Limiter(this, complete().copy());
        }

        Settings complete() {
            if (!settings.has("burst")) {
                Layout.LimiterConfig.BURST.set(settings.words, Layout.LimiterConfig.PERMITS.get(settings.words));
            }
            return settings;
        }
    }
}
