package dev.seawall;

import java.lang.System.Logger.Level;
import java.lang.ref.Reference;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import java.util.function.Consumer;

/**
 * Something this service calls, by name: a policy and its live state. Look it up once in its {@link Seawall} and keep it.
 *
 * <pre>{@code
 * Dependency payments = wall.dependency("payments");
 * Receipt receipt = payments.call(attempt -> client.charge(order, attempt.remaining()));
 * }</pre>
 *
 * <p>Any thread may call, virtual ones too; a call that waits or sleeps never does so in native code. A call costs one
 * crossing into native code to begin and one to end. Its wall lives as long as it does.
 */
public final class Dependency {
    private static final NativeWall NATIVE = Library.WALL;

    final Seawall wall;
    final long address;
    final PlaceQueue queue = new PlaceQueue();
    volatile TestControl testControl;
    private final String name;
    private final Hooks hooks = new Hooks();
    private volatile PolicyFacts facts;

    Dependency(Seawall wall, String name, long address) {
        this.wall = wall;
        this.name = name;
        this.address = address;
    }

    /**
     * The name that it has in its wall.
     *
     * @return the name
     */
    public String name() {
        return name;
    }

    /**
     * Calls a function as the policy has it, sleeping and waiting on this thread. Errors of connections and timeouts may
     * be followed by another attempt, all others are failures; see {@link CallOptions}. Inside the function the
     * attempt's deadline is in force for further calls.
     *
     * <p>Nobody stops a function whose time is over, so let it block no longer than {@link Attempt#remaining}; for one
     * that cannot be trusted see {@link #executor}. An interrupt is the caller giving up: nothing stays behind.
     *
     * @param function makes an attempt
     * @param <T> its result
     * @param <X> what it throws; the compiler finds out
     * @return its result
     * @throws X what its last attempt threw, the same object, with a {@link CallInfo} among its suppressed exceptions
     * @throws RefusedException when no attempt was made
     * @throws SeawallException when the function gave a {@link java.util.concurrent.CompletionStage}: for
     *     {@link #callAsync}
     * @throws InterruptedException when this thread is interrupted while it waits
     */
    public <T, X extends Exception> T call(AttemptFunction<T, X> function) throws X, InterruptedException {
        return call(function, CallOptions.DEFAULT, null);
    }

    /**
     * As {@link #call(AttemptFunction)}, with something to serve when the call is refused or has finally failed.
     *
     * @param function makes an attempt
     * @param fallback what to serve
     * @param <T> its result
     * @param <X> what it throws; the compiler finds out
     * @return its result, or what the fallback served
     * @throws X what its last attempt threw, if nothing served; or what the fallback threw, with that as its cause
     * @throws ConfigException when the policy forbids fallbacks; nothing was called then
     * @throws InterruptedException when this thread is interrupted while it waits
     */
    public <T, X extends Exception> T call(AttemptFunction<T, X> function, Fallback<T> fallback)
            throws X, InterruptedException {
        return call(function, CallOptions.DEFAULT, fallback);
    }

    /**
     * As {@link #call(AttemptFunction)}, with what this call asks for beyond its policy.
     *
     * @param function makes an attempt
     * @param options what it asks for
     * @param <T> its result
     * @param <X> what it throws; the compiler finds out
     * @return its result
     * @throws X what its last attempt threw
     * @throws InterruptedException when this thread is interrupted while it waits
     */
    public <T, X extends Exception> T call(AttemptFunction<T, X> function, CallOptions options)
            throws X, InterruptedException {
        return call(function, options, null);
    }

    /**
     * All of it together; see {@link #call(AttemptFunction)} and {@link #call(AttemptFunction, Fallback)}.
     *
     * @param function makes an attempt
     * @param options what the call asks for beyond its policy
     * @param fallback what to serve when it fails; null for nothing
     * @param <T> its result
     * @param <X> what it throws; the compiler finds out
     * @return its result, or what the fallback served
     * @throws X what its last attempt threw, or what the fallback threw
     * @throws ConfigException when there is a fallback and the policy forbids it
     * @throws InterruptedException when this thread is interrupted while it waits
     */
    public <T, X extends Exception> T call(AttemptFunction<T, X> function, CallOptions options, Fallback<T> fallback)
            throws X, InterruptedException {
        return drive(function, options, fallback).conclude(fallback);
    }

    /**
     * As {@link #call(AttemptFunction)}, for work without a result.
     *
     * @param action makes an attempt
     * @param <X> what it throws; the compiler finds out
     * @throws X what its last attempt threw
     * @throws InterruptedException when this thread is interrupted while it waits
     */
    public <X extends Exception> void run(AttemptAction<X> action) throws X, InterruptedException {
        Objects.requireNonNull(action, "action");
        this.<Void, X>call(attempt -> {
            action.run(attempt);
            return null;
        });
    }

    /**
     * As {@link #call(AttemptFunction, CallOptions, Fallback)}, and tells everything about it. What the call ends with is
     * in the outcome, not thrown.
     *
     * @param function makes an attempt
     * @param options what the call asks for beyond its policy
     * @param fallback what to serve when it fails; null for nothing
     * @param <T> its result
     * @return how it went
     * @throws ConfigException when there is a fallback and the policy forbids it
     * @throws InterruptedException when this thread is interrupted while it waits
     */
    public <T> CallOutcome<T> callDetailed(AttemptFunction<T, ?> function, CallOptions options, Fallback<T> fallback)
            throws InterruptedException {
        return drive(function, options, fallback).detailed(fallback);
    }

    private <T> Ending<T> drive(AttemptFunction<T, ?> function, CallOptions options, Fallback<T> fallback)
            throws InterruptedException {
        Objects.requireNonNull(function, "function");
        Objects.requireNonNull(options, "options");
        allow(fallback);
        return new BlockingCall<T>(this, options).drive((flight, attempt) -> function.call(attempt));
    }

    /**
     * Calls a function as the policy has it, blocking no thread. The first attempt starts on this thread, if it need not
     * wait; further ones on the executor of the options. An attempt whose time is over is cancelled, and another one may
     * help; work that cannot be cancelled keeps its place of the bulkhead until it ends.
     *
     * @param function starts an attempt
     * @param <T> its result
     * @return its result, or what the call ended with: as {@link #call(AttemptFunction)} throws it, or
     *     {@link AttemptTimeoutException}. Cancelling it cancels the call: nothing of it stays behind
     */
    public <T> CompletableFuture<T> callAsync(AsyncAttemptFunction<T> function) {
        return callAsync(function, CallOptions.DEFAULT, null);
    }

    /**
     * As {@link #callAsync(AsyncAttemptFunction)}, with something to serve when the call is refused or has finally failed.
     *
     * @param function starts an attempt
     * @param fallback what to serve
     * @param <T> its result
     * @return its result, what the fallback served, or what the call ended with
     * @throws ConfigException when the policy forbids fallbacks; nothing was called then
     */
    public <T> CompletableFuture<T> callAsync(AsyncAttemptFunction<T> function, Fallback<T> fallback) {
        return callAsync(function, CallOptions.DEFAULT, fallback);
    }

    /**
     * As {@link #callAsync(AsyncAttemptFunction)}, with what this call asks for beyond its policy.
     *
     * @param function starts an attempt
     * @param options what it asks for
     * @param <T> its result
     * @return its result, or what the call ended with
     */
    public <T> CompletableFuture<T> callAsync(AsyncAttemptFunction<T> function, CallOptions options) {
        return callAsync(function, options, null);
    }

    /**
     * All of it together.
     *
     * @param function starts an attempt
     * @param options what the call asks for beyond its policy
     * @param fallback what to serve when it fails; null for nothing
     * @param <T> its result
     * @return its result, what the fallback served, or what the call ended with
     * @throws ConfigException when there is a fallback and the policy forbids it
     */
    public <T> CompletableFuture<T> callAsync(
            AsyncAttemptFunction<T> function, CallOptions options, Fallback<T> fallback) {
        ready(function, options, fallback);
        return AsyncCall.start(this, options, function, ending -> ending.conclude(fallback));
    }

    /**
     * As {@link #callAsync(AsyncAttemptFunction, CallOptions, Fallback)}, and tells everything about it.
     *
     * @param function starts an attempt
     * @param options what the call asks for beyond its policy
     * @param fallback what to serve when it fails; null for nothing
     * @param <T> its result
     * @return how it went; fails only when the call cannot mean anything
     * @throws ConfigException when there is a fallback and the policy forbids it
     */
    public <T> CompletableFuture<CallOutcome<T>> callDetailedAsync(
            AsyncAttemptFunction<T> function, CallOptions options, Fallback<T> fallback) {
        ready(function, options, fallback);
        return AsyncCall.start(this, options, function, ending -> ending.detailed(fallback));
    }

    private void ready(AsyncAttemptFunction<?> function, CallOptions options, Fallback<?> fallback) {
        Objects.requireNonNull(function, "function");
        Objects.requireNonNull(options, "options");
        allow(fallback);
    }

    /** A fallback where none may be is told before anything is called. */
    void allow(Fallback<?> fallback) {
        if (fallback != null && facts().fallback() == FallbackRule.FORBIDDEN) {
            throw ConfigException.of("fallback", fallback.length(),
                    "fallback: " + name + " forbids one, " + fallback.length() + " given is outside 0..0");
        }
    }

    /**
     * Asks for leave to make one attempt by hand, waiting on this thread as the policy has it.
     *
     * @return the leave
     * @throws RefusedException when it must not be made
     * @throws InterruptedException when this thread is interrupted while it waits
     */
    public DependencyPermit permit() throws InterruptedException {
        return permit(CallOptions.DEFAULT);
    }

    /**
     * As {@link #permit()}, with what it asks for beyond the policy.
     *
     * @param options what it asks for
     * @return the leave
     * @throws RefusedException when it must not be made
     * @throws InterruptedException when this thread is interrupted while it waits
     */
    public DependencyPermit permit(CallOptions options) throws InterruptedException {
        return new BlockingCall<Void>(this, Objects.requireNonNull(options, "options")).admit();
    }

    /**
     * Threads for calls that may get stuck, as many as the bulkhead has places.
     *
     * @return a new executor; close it when it is not needed any more
     * @throws ConfigException when the policy has no bulkhead
     */
    public DependencyExecutor executor() {
        return new DependencyExecutor(this);
    }

    /**
     * What the policy in force says.
     *
     * @return some of it
     */
    public PolicyFacts facts() {
        PolicyFacts known = facts;
        return known != null ? known : learn();
    }

    /** Under the lock of {@link #forget}, so that what was asked before a reload is not kept after it. */
    private PolicyFacts learn() {
        synchronized (hooks) {
            PolicyFacts fresh = ask();
            facts = fresh;
            return fresh;
        }
    }

    private PolicyFacts ask() {
        long[] about = new long[Layout.DependencyAbout.WORDS];
        Layout.DependencyAbout.STRUCT_BYTES.set(about, Layout.DependencyAbout.BYTES);
        Status.check(name, NATIVE.dependencyAbout(address, about));
        int count = Layout.DependencyAbout.LIMITERS.getInt(about);
        List<String> limits = new ArrayList<>(count);
        for (int limit = 0; limit < count; limit++) {
            byte[] text = new byte[80];
            NATIVE.dependencyLimiterName(address, limit, text);
            limits.add(Problems.out(text));
        }
        Reference.reachabilityFence(this);
        return PolicyFacts.of(about, List.copyOf(limits));
    }

    /** The policy may have become another one. */
    void forget() {
        synchronized (hooks) {
            facts = null;
        }
    }

    /** The number of a rate limit. */
    int limit(String limit) {
        int index = facts().limits().indexOf(limit);
        if (index < 0) {
            throw ConfigException.of("limit", limit,
                    "limit: " + name + " has none of the name \"" + limit + "\", only " + facts().limits());
        }
        return index;
    }

    /**
     * The state of its breaker.
     *
     * @return the state; {@link State#DISABLED} where the policy has no breaker
     */
    public State state() {
        long breaker = breaker();
        return breaker == 0 ? State.DISABLED : State.of(Library.NATIVE.breakerState(breaker));
    }

    long breaker() {
        long breaker = NATIVE.dependencyBreaker(address);
        Reference.reachabilityFence(this);
        return breaker;
    }

    /**
     * A look at everything, changing nothing.
     *
     * @return what it looks like now
     * @throws ClosedException when the wall is closed
     */
    public DependencySnapshot snapshot() {
        wall.open();
        return DependencyLook.at(this);
    }

    /**
     * Tells a hook of everything that happens here from now on. It runs on the thread where it happened, after the new
     * state is visible to everybody, under no lock; what it throws goes no further and is counted.
     *
     * @param hook who wants to know
     * @return ends it
     */
    public Subscription onEvent(Consumer<? super Event> hook) {
        return hooks.add(hook);
    }

    /**
     * How often a hook of this dependency threw something.
     *
     * @return a count that only grows
     */
    public long hookFailures() {
        return hooks.failures();
    }

    /** Refuses every call until {@link #reset}. */
    public void forceOpen() {
        byHand(NATIVE::dependencyForceOpen);
    }

    /** Admits every call and records nothing until {@link #reset}. */
    public void disable() {
        byHand(NATIVE::dependencyDisable);
    }

    /** Closes the breaker and forgets its past, whatever its state. */
    public void reset() {
        byHand(NATIVE::dependencyReset);
    }

    private interface ByHand {
        int apply(long dependency, long[] transition);
    }

    private void byHand(ByHand act) {
        wall.open();
        long[] transition = new long[1];
        int status = act.apply(address, transition);
        Reference.reachabilityFence(this);
        Status.check(name, status);
        int change = Field.u32(0).getInt(transition);
        if (change != 0) {
            changed(change, wall.coreNow());
        }
    }

    /**
     * Corrects the cost of a call after the fact.
     *
     * @param limit the name of the rate limit; {@code requests} when it was given none
     * @param tokens to take more, or to give back when negative
     * @throws ConfigException when there is no such limit
     */
    public void adjust(String limit, long tokens) {
        wall.open();
        int status = NATIVE.dependencyAdjust(address, limit(limit), tokens, wall.now());
        Reference.reachabilityFence(this);
        Status.check(name, status);
    }

    /**
     * For tests: see {@link dev.seawall.testing.SeawallTesting}.
     *
     * @return what tests may do to it
     */
    public TestControl testControl() {
        synchronized (hooks) {
            if (testControl == null) {
                testControl = new TestControl(this);
            }
            return testControl;
        }
    }

    @Override
    public String toString() {
        return "dependency " + name;
    }

    // What happens, told by calls.

    private boolean isWatched(Level level) {
        return !hooks.isEmpty() || !wall.hooks.isEmpty() || Hooks.LOG.isLoggable(level);
    }

    private void tell(Event event) {
        Hooks.log(event);
        hooks.tell(event);
        wall.hooks.tell(event);
    }

    /** The library says {@code 0x10000 | from | to << 8}. */
    void changed(int transition, long at) {
        if (isWatched(Level.WARNING)) {
            tell(new Event.StateChange(
                    name, wall.clockTime(at), State.of(transition & 0xFF), State.of(transition >> 8 & 0xFF)));
        }
    }

    void refused(long at, int status, long retryAfterNanos, int limiter) {
        if (isWatched(Level.DEBUG)) {
            String limit = limiter >= 0 && limiter < facts().limits().size() ? facts().limits().get(limiter) : null;
            tell(new Event.Refusal(
                    name, wall.clockTime(at), Status.name(status), Settings.nanos(retryAfterNanos), limit));
        }
    }

    void retries(long at, int attempt, long delay, Throwable error) {
        if (isWatched(Level.INFO)) {
            tell(new Event.Retry(name, wall.clockTime(at), attempt, Settings.nanos(delay), error));
        }
    }

    void late(long at, int attempt, Outcome outcome) {
        if (isWatched(Level.DEBUG)) {
            tell(new Event.LateResult(name, wall.clockTime(at), attempt, outcome));
        }
    }

    void fellBack(long at, int step, String source, Stop reason) {
        NATIVE.dependencyFellBack(address);
        Reference.reachabilityFence(this);
        if (isWatched(Level.INFO)) {
            tell(new Event.FellBack(name, wall.clockTime(at), step, source, reason));
        }
    }

    /** Work that was left behind has ended. */
    void cameLate(int attempt, Outcome outcome) {
        NATIVE.dependencyCameLate(address);
        Reference.reachabilityFence(this);
        late(wall.coreNow(), attempt, outcome);
    }

    /** Hands a result on that is followed by another attempt. */
    static void discard(CallOptions options, Object value) {
        try {
            options.discard.accept(value);
        } catch (Throwable thrown) {
            Hooks.LOG.log(Level.DEBUG, "a consumer of discarded results failed", thrown);
        }
    }
}
