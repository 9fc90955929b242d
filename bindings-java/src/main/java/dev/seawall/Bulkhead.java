package dev.seawall;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.lang.ref.Reference;
import java.time.Duration;
import java.util.Objects;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ExecutionException;
import java.util.function.Consumer;
import java.util.function.Supplier;

/**
 * Bulkhead: a fixed number of permits, so that one slow dependency cannot hold every thread.
 *
 * <pre>{@code
 * Bulkhead payments = Bulkhead.builder("payments").maxConcurrent(20).build();
 * Receipt receipt = payments.call(() -> client.charge(order));     // throws BulkheadFullException when full
 * }</pre>
 *
 * <p>All methods may be called from any thread, virtual ones too. Only the forms with a {@code maxWait} wait, and
 * never in native code, so a virtual thread that waits leaves its carrier. Waiters are served first come first
 * served, critical ones before ordinary ones.
 */
public final class Bulkhead extends Primitive {
    private final Object reconfiguring = new Object();
    private final Waiters waiters = new Waiters(this);
    private volatile Settings settings;

    private Bulkhead(Builder builder, Settings settings, int capacity) {
        super("bulkhead", builder.name, builder.clock, bytes(capacity), memory -> {
            long[] error = new long[Layout.ConfigError.WORDS];
            int status = NATIVE.bulkheadInit(memory, bytes(capacity), capacity, settings.words, error);
            settings.check(builder.name, status, error);
        });
        this.settings = settings;
    }

    /** A capacity that the library refuses needs no memory to be refused in; one aligned block will do. */
    private static long bytes(int capacity) {
        return Math.max(64, NATIVE.bulkheadBytes(capacity));
    }

    /**
     * Starts the settings of a bulkhead.
     *
     * @param name what it guards, for exceptions; not blank
     * @return settings, all at their defaults
     */
    public static Builder builder(String name) {
        return new Builder(name);
    }

    /**
     * Asks for a permit without waiting. Close it when the work has really ended, best by a try statement.
     *
     * @return the permit
     * @throws BulkheadFullException when all permits are held
     */
    public Permit tryAcquire() {
        return tryAcquire(Priority.ORDINARY);
    }

    /**
     * Asks for a permit without waiting.
     *
     * @param priority critical callers may take reserved permits
     * @return the permit
     * @throws BulkheadFullException when all permits that this caller may take are held
     */
    public Permit tryAcquire(Priority priority) {
        open();
        long[] words = new long[Layout.Permit.WORDS];
        int status = take(priority, words);
        if (status != Status.OK) {
            throw Status.exception(name(), status, Layout.Permit.RETRY_AFTER_NS.get(words));
        }
        return new Permit(this, words);
    }

    /**
     * Asks for a permit and waits for one if need be, first come first served.
     *
     * @param maxWait the longest wait; zero does not wait
     * @return the permit
     * @throws BulkheadFullException when none came free in time, or too many wait already ({@code maxWaiting})
     * @throws InterruptedException when the thread is interrupted; it holds no permit then
     */
    public Permit acquire(Duration maxWait) throws InterruptedException {
        return acquire(Priority.ORDINARY, maxWait);
    }

    /**
     * As {@link #acquire(Duration)}, for callers of a priority.
     *
     * @param priority critical callers may take reserved permits, and are served first
     * @param maxWait the longest wait; zero does not wait
     * @return the permit
     * @throws BulkheadFullException when none came free in time, or too many wait already
     * @throws InterruptedException when the thread is interrupted; it holds no permit then
     */
    public Permit acquire(Priority priority, Duration maxWait) throws InterruptedException {
        if (Thread.interrupted()) {
            throw new InterruptedException();
        }
        Objects.requireNonNull(priority, "priority");
        long nanos = Settings.argument("maxWait", maxWait);
        if (nanos == 0) {
            return tryAcquire(priority);
        }
        Permit now = waiters.atOnce(priority);
        if (now != null) {
            return now;
        }
        CompletableFuture<Permit> coming = waiters.queue(priority, nanos);
        try {
            return coming.get();
        } catch (InterruptedException interrupted) {
            giveUp(coming);
            throw interrupted;
        } catch (ExecutionException refused) {
            throw (RuntimeException) refused.getCause();
        }
    }

    private static void giveUp(CompletableFuture<Permit> coming) {
        // Too late to cancel means that it was given or refused just now.
        if (!coming.cancel(false) && !coming.isCompletedExceptionally()) {
            coming.join().close();
        }
    }

    /**
     * As {@link #acquire(Duration)}, without holding a thread. Cancel the future to stop waiting; a permit that it
     * has been given is the caller's to close.
     *
     * @param maxWait the longest wait; zero does not wait
     * @return the permit, or {@link BulkheadFullException}
     */
    public CompletableFuture<Permit> acquireAsync(Duration maxWait) {
        return acquireAsync(Priority.ORDINARY, maxWait);
    }

    /**
     * As {@link #acquireAsync(Duration)}, for callers of a priority.
     *
     * @param priority critical callers may take reserved permits, and are served first
     * @param maxWait the longest wait; zero does not wait
     * @return the permit, or {@link BulkheadFullException}
     */
    public CompletableFuture<Permit> acquireAsync(Priority priority, Duration maxWait) {
        Objects.requireNonNull(priority, "priority");
        return waiters.acquire(priority, Settings.argument("maxWait", maxWait));
    }

    /**
     * Does work while holding a permit; does not wait for one. What the work throws comes through unchanged.
     *
     * @param call the work
     * @param <T> its result
     * @param <X> what it throws; the compiler finds out
     * @return its result
     * @throws X what the work throws
     * @throws BulkheadFullException when the work was not done
     */
    public <T, X extends Exception> T call(Call<T, X> call) throws X {
        Objects.requireNonNull(call, "call");
        try (Permit permit = tryAcquire()) {
            return call.call();
        }
    }

    /**
     * Does work while holding a permit, waiting for one first if need be. What the work throws comes through unchanged.
     *
     * @param maxWait the longest wait for the permit
     * @param call the work
     * @param <T> its result
     * @param <X> what it throws; the compiler finds out
     * @return its result
     * @throws X what the work throws
     * @throws BulkheadFullException when the work was not done
     * @throws InterruptedException when the thread is interrupted while it waits; the work was not done
     */
    public <T, X extends Exception> T call(Duration maxWait, Call<T, X> call) throws X, InterruptedException {
        Objects.requireNonNull(call, "call");
        try (Permit permit = acquire(maxWait)) {
            return call.call();
        }
    }

    /**
     * As {@link #call(Call)}, for work without a result.
     *
     * @param run the work
     * @param <X> what it throws; the compiler finds out
     * @throws X what the work throws
     * @throws BulkheadFullException when the work was not done
     */
    public <X extends Exception> void run(Run<X> run) throws X {
        Objects.requireNonNull(run, "run");
        try (Permit permit = tryAcquire()) {
            run.run();
        }
    }

    /**
     * Does work that ends later, holding a permit until the stage that it gave completes: a timeout on the future
     * given here does not free the permit of work that still runs. Cancelling that future asks the stage to stop.
     *
     * @param call starts the work
     * @param <T> its result
     * @return its result or what it failed with, unchanged, or {@link BulkheadFullException}
     */
    public <T> CompletableFuture<T> callAsync(Supplier<? extends CompletionStage<T>> call) {
        Objects.requireNonNull(call, "call");
        try {
            return follow(tryAcquire(), call);
        } catch (RefusedException refused) {
            return CompletableFuture.failedFuture(refused);
        }
    }

    /**
     * As {@link #callAsync(Supplier)}, waiting for a permit first if need be, without holding a thread.
     *
     * @param maxWait the longest wait for the permit
     * @param call starts the work
     * @param <T> its result
     * @return its result or what it failed with, unchanged, or {@link BulkheadFullException}
     */
    public <T> CompletableFuture<T> callAsync(Duration maxWait, Supplier<? extends CompletionStage<T>> call) {
        Objects.requireNonNull(call, "call");
        CompletableFuture<Permit> permit = acquireAsync(maxWait);
        CompletableFuture<T> result = new CompletableFuture<>();
        permit.whenComplete((held, refused) -> {
            if (refused != null) {
                result.completeExceptionally(refused);
                return;
            }
            if (result.isDone()) {
                held.close();
                return;
            }
            CompletableFuture<T> work = follow(held, call);
            result.whenComplete((value, thrown) -> {
                if (result.isCancelled()) {
                    work.cancel(true);
                }
            });
            work.whenComplete((value, thrown) -> {
                if (thrown == null) {
                    result.complete(value);
                } else {
                    result.completeExceptionally(thrown);
                }
            });
        });
        result.whenComplete((value, thrown) -> permit.cancel(false));
        return result;
    }

    private static <T> CompletableFuture<T> follow(Permit permit, Supplier<? extends CompletionStage<T>> call) {
        return Async.follow(call, (value, thrown) -> permit.close(), () -> {});
    }

    /**
     * The same work with this bulkhead around it.
     *
     * @param work what to guard
     * @param <T> its result
     * @return work that throws {@link BulkheadFullException} instead of starting when all permits are held
     */
    public <T> Callable<T> decorateCallable(Callable<T> work) {
        Objects.requireNonNull(work, "work");
        return () -> call(work::call);
    }

    /**
     * The same work with this bulkhead around it.
     *
     * @param work what to guard
     * @param <T> its result
     * @return work that throws {@link BulkheadFullException} instead of starting when all permits are held
     */
    public <T> Supplier<T> decorateSupplier(Supplier<T> work) {
        Objects.requireNonNull(work, "work");
        return () -> call(work::get);
    }

    /**
     * Changes the number of permits; the reserve stays.
     *
     * @param maxConcurrent 1 to the capacity, more than are reserved
     * @throws ConfigException when it is out of range; nothing has changed then
     */
    public void resize(int maxConcurrent) {
        reconfigure(builder -> builder.maxConcurrent(maxConcurrent));
    }

    /**
     * Changes limit and reserve. Never blocks: after a shrink holders keep their permits, and new ones are given once
     * the holders are below the new limit. After growth those who wait are served.
     *
     * @param maxConcurrent 1 to the capacity
     * @param reserved 0 to {@code maxConcurrent - 1}
     * @throws ConfigException when one is out of range; nothing has changed then
     */
    public void resize(int maxConcurrent, int reserved) {
        reconfigure(builder -> builder.maxConcurrent(maxConcurrent).reserved(reserved));
    }

    /**
     * Changes settings of the live bulkhead. What is not mentioned stays; so do holders, waiters, capacity and clock.
     *
     * @param change sets what is to change
     * @throws ConfigException when a setting is out of range; nothing has changed then
     */
    public void reconfigure(Consumer<? super Builder> change) {
        synchronized (reconfiguring) {
            Builder builder = new Builder(name(), settings.copy());
            change.accept(builder);
            long[] error = new long[Layout.ConfigError.WORDS];
            int status = NATIVE.bulkheadReconfigure(open(), builder.settings.words, error);
            builder.settings.check(name(), status, error);
            settings = builder.settings;
        }
        waiters.serve(Integer.MAX_VALUE);
    }

    /**
     * A look at everything, changing nothing. Walks all permits.
     *
     * @return what the bulkhead looks like now
     */
    public Snapshot snapshot() {
        long[] words = new long[Layout.BulkheadSnapshot.WORDS];
        Layout.BulkheadSnapshot.STRUCT_BYTES.set(words, Layout.BulkheadSnapshot.BYTES);
        int status = NATIVE.bulkheadSnapshot(open(), now(), words);
        Reference.reachabilityFence(this);
        Status.check(name(), status);
        return new Snapshot(words);
    }

    /** Ends the use of this bulkhead. Those who wait get a {@link SeawallException}; held permits may still be closed. */
    @Override
    public void close() {
        super.close();
        waiters.close();
    }

    /** One ask; a refusal is counted. */
    int take(Priority priority, long[] words) {
        return ask(priority.ordinal(), words);
    }

    /** One ask of somebody who goes on waiting after a refusal, which is therefore not counted. */
    int takeWaiting(Priority priority, long[] words) {
        return ask(priority.ordinal() | Status.PRIORITY_WAITING, words);
    }

    private int ask(int priority, long[] words) {
        int status = NATIVE.bulkheadTryAcquire(address, priority, now(), words);
        Reference.reachabilityFence(this);
        Status.check(name(), status);
        return status;
    }

    /**
     * A place held. Close it when the work has really ended. Any thread may do so. Its bulkhead lives as long as it
     * does.
     */
    public static final class Permit implements AutoCloseable {
        private static final VarHandle RELEASED;

        static {
            try {
                RELEASED = MethodHandles.lookup().findVarHandle(Permit.class, "released", boolean.class);
            } catch (ReflectiveOperationException impossible) {
                throw new ExceptionInInitializerError(impossible);
            }
        }

        private final Bulkhead bulkhead;
        private final long[] words;
        private volatile boolean released;

        Permit(Bulkhead bulkhead, long[] words) {
            this.bulkhead = bulkhead;
            this.words = words;
        }

        /**
         * Gives the place back and serves whoever waits longest for it.
         *
         * @return false when it was given back before: counted as stale, nothing else changes
         */
        public boolean release() {
            RELEASED.setVolatile(this, true);
            return bulkhead.waiters.release(this);
        }

        /** Gives the place back, if that was not done before. */
        @Override
        public void close() {
            if (RELEASED.compareAndSet(this, false, true)) {
                bulkhead.waiters.release(this);
            }
        }

        /** The library marks what it is given as spent; from a copy it can tell a second release and count it. */
        boolean giveBack() {
            int status = NATIVE.bulkheadRelease(bulkhead.address, words.clone());
            Reference.reachabilityFence(bulkhead);
            Status.check(bulkhead.name(), status);
            return status == Status.OK;
        }
    }

    /**
     * What a bulkhead looked like at one moment.
     *
     * @param maxConcurrent permits in all
     * @param reserved those that only critical callers may take
     * @param inUse permits held
     * @param waiting callers that wait
     * @param capacity how many permits it could be resized to
     * @param rejected callers turned away, ever; those that waited and were served are not among them
     * @param shadowRefused callers that would have been turned away in {@link Mode#ENFORCE}, ever
     * @param stale releases that came twice, ever
     * @param longestHold how long the oldest permit has been held, to about a millisecond
     */
    public record Snapshot(
            int maxConcurrent, int reserved, int inUse, int waiting, int capacity, long rejected, long shadowRefused,
            long stale, Duration longestHold) {
        Snapshot(long[] words) {
            this(
                    Layout.BulkheadSnapshot.MAX_CONCURRENT.getInt(words),
                    Layout.BulkheadSnapshot.RESERVED.getInt(words),
                    Layout.BulkheadSnapshot.IN_USE.getInt(words),
                    Layout.BulkheadSnapshot.WAITING.getInt(words),
                    Layout.BulkheadSnapshot.CAPACITY.getInt(words),
                    Layout.BulkheadSnapshot.REJECTED.get(words),
                    Layout.BulkheadSnapshot.SHADOW_REFUSED.get(words),
                    Layout.BulkheadSnapshot.STALE.get(words),
                    Settings.nanos(Layout.BulkheadSnapshot.LONGEST_HOLD_NS.get(words)));
        }
    }

    /** The settings of a bulkhead. Ranges are checked by {@link #build}. Not for two threads at once. */
    public static final class Builder {
        /** Room to grow that costs two kilobytes. */
        private static final int ROOM = 256;

        private final String name;
        final Settings settings;
        private Clock clock = Clock.system();
        private int capacity;

        private Builder(String name) {
            this(ConfigException.name(name), new Settings(Layout.BulkheadConfig.WORDS));
            Layout.BulkheadConfig.STRUCT_BYTES.set(settings.words, Layout.BulkheadConfig.BYTES);
            Layout.BulkheadConfig.MAX_CONCURRENT.set(settings.words, 20);
        }

        private Builder(String name, Settings settings) {
            this.name = name;
            this.settings = settings;
        }

        /**
         * Permits in all.
         *
         * @param permits 1 to the capacity; default 20
         * @return this
         */
        public Builder maxConcurrent(int permits) {
            settings.count("maxConcurrent", Layout.BulkheadConfig.MAX_CONCURRENT, permits);
            return this;
        }

        /**
         * How many of them only {@link Priority#CRITICAL} callers may take.
         *
         * @param permits 0 to {@code maxConcurrent - 1}; default 0
         * @return this
         */
        public Builder reserved(int permits) {
            settings.count("reserved", Layout.BulkheadConfig.RESERVED, permits);
            return this;
        }

        /**
         * How many callers may wait at once.
         *
         * @param callers 0 to 1,000,000; default 0: nobody waits, whatever {@code maxWait} they give
         * @return this
         */
        public Builder maxWaiting(int callers) {
            settings.count("maxWaiting", Layout.BulkheadConfig.MAX_WAITING, callers);
            return this;
        }

        /**
         * How many permits {@link Bulkhead#resize} can go up to. Costs 8 bytes each. A live bulkhead keeps its capacity.
         *
         * @param permits 1 to 4096; default {@code maxConcurrent}, at least 256
         * @return this
         */
        public Builder capacity(int permits) {
            settings.note("capacity", permits);
            capacity = permits;
            return this;
        }

        /**
         * How strictly to act.
         *
         * @param mode default {@link Mode#ENFORCE}
         * @return this
         */
        public Builder mode(Mode mode) {
            settings.choice(Layout.BulkheadConfig.MODE, mode.ordinal());
            return this;
        }

        /**
         * Where the time comes from. Only {@link Snapshot#longestHold} and waits look at it.
         *
         * @param clock default {@link Clock#system}
         * @return this
         */
        public Builder clock(Clock clock) {
            this.clock = Primitive.clock(clock);
            return this;
        }

        /**
         * Makes the bulkhead, all permits free.
         *
         * @return a new bulkhead
         * @throws ConfigException when a setting is out of range
         */
        public Bulkhead build() {
            int most = (int) Math.min(4096, Math.max(ROOM, Layout.BulkheadConfig.MAX_CONCURRENT.get(settings.words)));
            return new Bulkhead(this, settings.copy(), settings.has("capacity") ? capacity : most);
        }
    }
}
