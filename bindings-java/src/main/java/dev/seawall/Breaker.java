package dev.seawall;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.lang.ref.Reference;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Consumer;
import java.util.function.Supplier;

/**
 * Breaker: stop calling what keeps failing.
 *
 * <pre>{@code
 * Breaker payments = Breaker.builder("payments").failureRate(0.5).openFor(Duration.ofSeconds(30)).build();
 * Receipt receipt = payments.call(() -> client.charge(order));     // throws BreakerOpenException when open
 * }</pre>
 *
 * <p>Make one per dependency and keep it. All methods may be called from any thread, virtual ones too; none
 * waits. A call through a closed breaker costs some tens of nanoseconds.
 */
public final class Breaker extends Primitive {
    /** Hears of state changes. */
    @FunctionalInterface
    public interface Listener {
        /**
         * The breaker has changed its state, already for everybody. Called by the thread whose call made the change,
         * so keep it short. What it throws is logged and goes no further.
         *
         * @param name the breaker's name
         * @param from the state before
         * @param to the state after
         */
        void onTransition(String name, State from, State to);
    }

    private static final System.Logger LOG = System.getLogger("dev.seawall");

    private final List<Listener> listeners;
    private final Object reconfiguring = new Object();
    private volatile Settings settings;
    private volatile Classifier classifier;

    Breaker(BreakerBuilder builder, Settings settings) {
        super("breaker", builder.name, builder.clock, NATIVE.breakerBytes(), memory -> {
            long[] error = new long[Layout.ConfigError.WORDS];
            int status = NATIVE.breakerInit(memory, NATIVE.breakerBytes(), settings.words, error);
            settings.check(builder.name, status, error);
        });
        this.settings = settings;
        classifier = builder.classifier;
        listeners = new CopyOnWriteArrayList<>(builder.listeners);
    }

    /**
     * Starts the settings of a breaker.
     *
     * @param name what it guards, for exceptions and listeners; not blank
     * @return settings, all at their defaults
     */
    public static BreakerBuilder builder(String name) {
        return new BreakerBuilder(name);
    }

    /**
     * Asks for leave to make one call. Say how it ended with {@link Permit#record}, best in a try statement:
     *
     * <pre>{@code
     * try (var permit = breaker.tryAcquire()) {
     *     charge(order);
     *     permit.record(Outcome.SUCCESS);
     * } // without a record: cancelled, which says nothing about the dependency
     * }</pre>
     *
     * @return the leave
     * @throws BreakerOpenException when the call must not be made
     */
    public Permit tryAcquire() {
        return new Permit(this, acquire());
    }

    /**
     * Makes a call, if the breaker lets it through, and records how it ended. What the call throws comes through
     * unchanged.
     *
     * @param call the call
     * @param <T> its result
     * @param <X> what it throws; the compiler finds out
     * @return its result
     * @throws X what the call throws
     * @throws BreakerOpenException when the call was not made
     */
    public <T, X extends Exception> T call(Call<T, X> call) throws X {
        Objects.requireNonNull(call, "call");
        Classifier rules = classifier;
        long[] words = acquire();
        T result;
        try {
            result = call.call();
        } catch (Throwable thrown) {
            finish(words, rules.ofThrown(thrown), 0);
            throw thrown;
        }
        Outcome outcome = Outcome.IGNORED;
        try {
            outcome = rules.ofResult(result);
        } finally {
            finish(words, outcome, 0);
        }
        return result;
    }

    /**
     * As {@link #call}, for work without a result.
     *
     * @param run the work
     * @param <X> what it throws; the compiler finds out
     * @throws X what the work throws
     * @throws BreakerOpenException when the work was not done
     */
    public <X extends Exception> void run(Run<X> run) throws X {
        Objects.requireNonNull(run, "run");
        this.<Void, X>call(() -> {
            run.run();
            return null;
        });
    }

    /**
     * Makes a call that ends later. A refusal is a future that failed with {@link BreakerOpenException}; nothing is
     * thrown here. Cancelling the future is ignored by the breaker and asks the call to stop.
     *
     * @param call starts the call
     * @param <T> its result
     * @return its result, or what it failed with, unchanged
     */
    public <T> CompletableFuture<T> callAsync(Supplier<? extends CompletionStage<T>> call) {
        Objects.requireNonNull(call, "call");
        Classifier rules = classifier;
        Permit permit;
        try {
            permit = tryAcquire();
        } catch (RefusedException refused) {
            return CompletableFuture.failedFuture(refused);
        }
        return Async.follow(call, (result, thrown) -> {
            Outcome outcome = Outcome.IGNORED;
            try {
                outcome = thrown != null ? rules.ofThrown(thrown) : rules.ofResult(result);
            } finally {
                permit.recordFirst(outcome);
            }
        }, () -> permit.recordFirst(Outcome.IGNORED));
    }

    /**
     * The same work with this breaker around it.
     *
     * @param work what to guard
     * @param <T> its result
     * @return work that throws {@link BreakerOpenException} instead of starting when the breaker is open
     */
    public <T> Callable<T> decorateCallable(Callable<T> work) {
        Objects.requireNonNull(work, "work");
        return () -> call(work::call);
    }

    /**
     * The same work with this breaker around it.
     *
     * @param work what to guard
     * @param <T> its result
     * @return work that throws {@link BreakerOpenException} instead of starting when the breaker is open
     */
    public <T> Supplier<T> decorateSupplier(Supplier<T> work) {
        Objects.requireNonNull(work, "work");
        return () -> call(work::get);
    }

    /**
     * The same work with this breaker around it.
     *
     * @param work what to guard
     * @param <T> its result
     * @return work whose futures fail with {@link BreakerOpenException} when the breaker is open
     */
    public <T> Supplier<CompletableFuture<T>> decorateAsync(Supplier<? extends CompletionStage<T>> work) {
        Objects.requireNonNull(work, "work");
        return () -> callAsync(work);
    }

    /**
     * Tells a listener of every state change from now on.
     *
     * @param listener who wants to know
     */
    public void onTransition(Listener listener) {
        listeners.add(Objects.requireNonNull(listener, "listener"));
    }

    /** Refuses every call until {@link #reset}. */
    public void forceOpen() {
        byHand(NATIVE::breakerForceOpen);
    }

    /** Admits every call and records nothing until {@link #reset}. */
    public void disable() {
        byHand(NATIVE::breakerDisable);
    }

    /** Closes the breaker with an empty window, whatever its state. */
    public void reset() {
        byHand(NATIVE::breakerReset);
    }

    /**
     * The state now. An open breaker turns half-open when somebody asks for leave, not by time alone.
     *
     * @return the state
     */
    public State state() {
        int status = NATIVE.breakerState(open());
        Reference.reachabilityFence(this);
        Status.check(name(), status);
        return State.of(status);
    }

    /**
     * A look at everything, changing nothing.
     *
     * @return what the breaker looks like now
     */
    public Snapshot snapshot() {
        long[] words = new long[Layout.BreakerSnapshot.WORDS];
        Layout.BreakerSnapshot.STRUCT_BYTES.set(words, Layout.BreakerSnapshot.BYTES);
        int status = NATIVE.breakerSnapshot(open(), now(), words);
        Reference.reachabilityFence(this);
        Status.check(name(), status);
        return new Snapshot(words);
    }

    /**
     * Changes settings of the live breaker: {@code breaker.reconfigure(b -> b.openFor(Duration.ofSeconds(5)))}. What
     * is not mentioned stays. State, window and counters stay; so do name, clock and listeners.
     *
     * @param change sets what is to change
     * @throws ConfigException when a setting is out of range; nothing has changed then
     */
    public void reconfigure(Consumer<? super BreakerBuilder> change) {
        synchronized (reconfiguring) {
            BreakerBuilder builder = new BreakerBuilder(name(), settings.copy(), classifier);
            change.accept(builder);
            Settings changed = builder.complete();
            long[] error = new long[Layout.ConfigError.WORDS];
            int status = NATIVE.breakerReconfigure(open(), changed.words, error);
            changed.check(name(), status, error);
            settings = changed;
            classifier = builder.classifier;
        }
    }

    private long[] acquire() {
        long[] words = new long[Layout.Permit.WORDS];
        int status = NATIVE.breakerTryAcquire(open(), now(), words);
        Reference.reachabilityFence(this);
        if (status != Status.OK) {
            throw Status.exception(name(), status, Layout.Permit.RETRY_AFTER_NS.get(words));
        }
        tell(Layout.Permit.TRANSITION.getInt(words));
        return words;
    }

    /** False when the result came too late to count. */
    private boolean finish(long[] words, Outcome outcome, long retryAfterNanos) {
        int status = NATIVE.breakerRecord(address, words, outcome.ordinal(), retryAfterNanos, now());
        Reference.reachabilityFence(this);
        Status.check(name(), status);
        tell(Layout.Permit.TRANSITION.getInt(words));
        return status == Status.OK;
    }

    private interface ByHand {
        int apply(long breaker, long[] transition);
    }

    private void byHand(ByHand act) {
        long[] transition = new long[1];
        int status = act.apply(open(), transition);
        Reference.reachabilityFence(this);
        Status.check(name(), status);
        tell(Field.u32(0).getInt(transition));
    }

    /** The library says {@code 0x10000 | from | to << 8} for a change, 0 for none. */
    private void tell(int transition) {
        if (transition == 0) {
            return;
        }
        State from = State.of(transition & 0xFF);
        State to = State.of(transition >> 8 & 0xFF);
        for (Listener listener : listeners) {
            try {
                listener.onTransition(name(), from, to);
            } catch (Throwable thrown) {
                LOG.log(System.Logger.Level.WARNING, "a listener of breaker " + name() + " failed", thrown);
            }
        }
    }

    /**
     * Leave to make one call. Record its outcome once; closing it without that cancels it. Any thread may do so.
     * Its breaker lives as long as it does.
     */
    public static final class Permit implements AutoCloseable {
        private static final VarHandle USED;

        static {
            try {
                USED = MethodHandles.lookup().findVarHandle(Permit.class, "used", boolean.class);
            } catch (ReflectiveOperationException impossible) {
                throw new ExceptionInInitializerError(impossible);
            }
        }

        private final Breaker breaker;
        private final long[] words;
        private volatile boolean used;

        private Permit(Breaker breaker, long[] words) {
            this.breaker = breaker;
            this.words = words;
        }

        /**
         * Says how the call ended.
         *
         * @param outcome how
         * @return false when the breaker has changed its state since: counted as late, nothing else changes
         * @throws PermitSpentException when this permit was used before
         */
        public boolean record(Outcome outcome) {
            return record(outcome, Duration.ZERO);
        }

        /**
         * Says how the call ended, and how long the server wants to be left alone: if this failure opens the breaker,
         * it stays open at least that long, up to a day.
         *
         * @param outcome how
         * @param retryAfter what the server asked for; zero for nothing
         * @return false when the breaker has changed its state since: counted as late, nothing else changes
         * @throws PermitSpentException when this permit was used before
         */
        public boolean record(Outcome outcome, Duration retryAfter) {
            Objects.requireNonNull(outcome, "outcome");
            long nanos = Settings.argument("retryAfter", retryAfter);
            if (!USED.compareAndSet(this, false, true)) {
                throw Status.exception(breaker.name(), Status.ERROR_SPENT, 0);
            }
            return breaker.finish(words, outcome, nanos);
        }

        /** Gives the permit back unused: a probe's seat is free again. Nothing happens once it was used. */
        public void cancel() {
            if (USED.compareAndSet(this, false, true)) {
                int status = NATIVE.breakerCancel(breaker.address, words);
                Reference.reachabilityFence(breaker);
                Status.check(breaker.name(), status);
                breaker.tell(Layout.Permit.TRANSITION.getInt(words));
            }
        }

        /** As {@link #cancel}. */
        @Override
        public void close() {
            cancel();
        }

        private void recordFirst(Outcome outcome) {
            if (USED.compareAndSet(this, false, true)) {
                breaker.finish(words, outcome, 0);
            }
        }
    }

    /**
     * What a breaker looked like at one moment.
     *
     * @param state the state
     * @param generation state changes so far, modulo 65536
     * @param probesInFlight probes under way
     * @param streak failures in a row; 0 unless closed
     * @param windowCalls calls in the window; 0 unless closed
     * @param windowFailures failures in the window
     * @param windowSlow slow calls in the window
     * @param retryAfter how long until somebody may go; zero when now, or when nobody knows
     * @param success calls recorded as success, ever; this and all below only grow
     * @param failure calls recorded as failure
     * @param ignored calls recorded as ignored
     * @param slow slow calls
     * @param refused calls refused
     * @param shadowRefused calls that would have been refused in {@link Mode#ENFORCE}
     * @param late results that came too late to count
     * @param opened how often it opened
     */
    public record Snapshot(
            State state, int generation, int probesInFlight, long streak, long windowCalls, long windowFailures,
            long windowSlow, Duration retryAfter, long success, long failure, long ignored, long slow, long refused,
            long shadowRefused, long late, long opened) {
        Snapshot(long[] words) {
            this(
                    State.of(Layout.BreakerSnapshot.STATE.get(words)),
                    Layout.BreakerSnapshot.GENERATION.getInt(words),
                    Layout.BreakerSnapshot.PROBES_IN_FLIGHT.getInt(words),
                    Layout.BreakerSnapshot.STREAK.get(words),
                    Layout.BreakerSnapshot.WINDOW_CALLS.get(words),
                    Layout.BreakerSnapshot.WINDOW_FAILURES.get(words),
                    Layout.BreakerSnapshot.WINDOW_SLOW.get(words),
                    Settings.nanos(Layout.BreakerSnapshot.RETRY_AFTER_NS.get(words)),
                    Layout.BreakerSnapshot.SUCCESS.get(words),
                    Layout.BreakerSnapshot.FAILURE.get(words),
                    Layout.BreakerSnapshot.IGNORED.get(words),
                    Layout.BreakerSnapshot.SLOW.get(words),
                    Layout.BreakerSnapshot.REFUSED.get(words),
                    Layout.BreakerSnapshot.SHADOW_REFUSED.get(words),
                    Layout.BreakerSnapshot.LATE.get(words),
                    Layout.BreakerSnapshot.OPENED.get(words));
        }
    }
}
