package dev.seawall;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.function.Predicate;

/** The settings of a breaker. Ranges are checked by {@link #build}. Not for two threads at once. */
public final class BreakerBuilder {
    final String name;
    final Settings settings;
    final List<Breaker.Listener> listeners = new ArrayList<>();
    Classifier classifier;
    Clock clock = Clock.system();

    BreakerBuilder(String name) {
        this(ConfigException.name(name), new Settings(Layout.BreakerConfig.WORDS), Classifier.DEFAULT);
        long[] words = settings.words;
        Layout.BreakerConfig.STRUCT_BYTES.set(words, Layout.BreakerConfig.BYTES);
        Layout.BreakerConfig.CONSECUTIVE_FAILURES.set(words, 5);
        Layout.BreakerConfig.FAILURE_PERMILLE.set(words, 500);
        Layout.BreakerConfig.MIN_CALLS.set(words, 20);
        Layout.BreakerConfig.OPEN_BACKOFF_PERMILLE.set(words, 2000);
        Layout.BreakerConfig.OPEN_JITTER_PERMILLE.set(words, 100);
        Layout.BreakerConfig.PROBES.set(words, 1);
        Layout.BreakerConfig.MIN_WITNESSES.set(words, 1);
        Layout.BreakerConfig.WINDOW_NS.set(words, 10_000_000_000L);
        Layout.BreakerConfig.OPEN_FOR_NS.set(words, 30_000_000_000L);
        Layout.BreakerConfig.OPEN_MAX_NS.set(words, 300_000_000_000L);
        Layout.BreakerConfig.PROBE_LEASE_NS.set(words, 30_000_000_000L);
    }

    BreakerBuilder(String name, Settings settings, Classifier classifier) {
        this.name = name;
        this.settings = settings;
        this.classifier = classifier;
    }

    /**
     * Opens after so many failures in a row. Counts only while the window holds fewer than {@code minCalls}
     * calls, unless {@link #consecutiveAlways}.
     *
     * @param failures 0 to 1,000,000; 0 leaves the rule out; default 5
     * @return this
     */
    public BreakerBuilder consecutiveFailures(int failures) {
        settings.count("consecutiveFailures", Layout.BreakerConfig.CONSECUTIVE_FAILURES, failures);
        return this;
    }

    /**
     * Lets the rule above count also when the window holds enough calls for a ratio.
     *
     * @param always default false
     * @return this
     */
    public BreakerBuilder consecutiveAlways(boolean always) {
        settings.choice(Layout.BreakerConfig.CONSECUTIVE_ALWAYS, always ? 1 : 0);
        return this;
    }

    /**
     * Opens at or above this ratio of failures in the window.
     *
     * @param ratio 0.0 to 1.0, to a thousandth; 0 leaves the rule out; default 0.5
     * @return this
     */
    public BreakerBuilder failureRate(double ratio) {
        settings.ratio("failureRate", Layout.BreakerConfig.FAILURE_PERMILLE, ratio);
        return this;
    }

    /**
     * Opens at or above this ratio of slow calls in the window; needs {@link #slowAfter}.
     *
     * @param ratio 0.0 to 1.0, to a thousandth; 0 leaves the rule out; default 0
     * @return this
     */
    public BreakerBuilder slowRate(double ratio) {
        settings.ratio("slowRate", Layout.BreakerConfig.SLOW_PERMILLE, ratio);
        return this;
    }

    /**
     * A call that took longer is slow, whatever its outcome.
     *
     * @param after 1 ns to 24 h; no default
     * @return this
     */
    public BreakerBuilder slowAfter(Duration after) {
        settings.duration("slowAfter", Layout.BreakerConfig.SLOW_AFTER_NS, after);
        return this;
    }

    /**
     * Looks at the last so many calls instead of the calls of {@link #window}.
     *
     * @param calls 0 to 1024; 0 looks at time; default 0
     * @return this
     */
    public BreakerBuilder windowCalls(int calls) {
        settings.count("windowCalls", Layout.BreakerConfig.WINDOW_CALLS, calls);
        return this;
    }

    /**
     * Looks at the calls of this time, in ten rolling buckets.
     *
     * @param time 10 ms to 24 h; default 10 s
     * @return this
     */
    public BreakerBuilder window(Duration time) {
        settings.duration("window", Layout.BreakerConfig.WINDOW_NS, time);
        return this;
    }

    /**
     * No ratio counts before so many calls are in the window.
     *
     * @param calls 1 to 1,000,000, at most {@code windowCalls} where that is set; default 20, or a shorter {@code windowCalls}
     * @return this
     */
    public BreakerBuilder minCalls(int calls) {
        settings.count("minCalls", Layout.BreakerConfig.MIN_CALLS, calls);
        return this;
    }

    /**
     * How long to stay open the first time.
     *
     * @param time 1 ms to 24 h; default 30 s
     * @return this
     */
    public BreakerBuilder openFor(Duration time) {
        settings.duration("openFor", Layout.BreakerConfig.OPEN_FOR_NS, time);
        return this;
    }

    /**
     * How the open time grows at each opening without a close in between.
     *
     * @param factor 1.0 to 10.0; default 2.0
     * @return this
     */
    public BreakerBuilder openBackoff(double factor) {
        settings.ratio("openBackoff", Layout.BreakerConfig.OPEN_BACKOFF_PERMILLE, factor);
        return this;
    }

    /**
     * The longest open time, before jitter.
     *
     * @param time {@code openFor} to 24 h; default 5 min
     * @return this
     */
    public BreakerBuilder openMax(Duration time) {
        settings.duration("openMax", Layout.BreakerConfig.OPEN_MAX_NS, time);
        return this;
    }

    /**
     * How far the open time may stray either way.
     *
     * @param ratio 0.0 to 0.5; default 0.1
     * @return this
     */
    public BreakerBuilder openJitter(double ratio) {
        settings.ratio("openJitter", Layout.BreakerConfig.OPEN_JITTER_PERMILLE, ratio);
        return this;
    }

    /**
     * Calls let through in a half-open round.
     *
     * @param calls 1 to 32; default 1
     * @return this
     */
    public BreakerBuilder probes(int calls) {
        settings.count("probes", Layout.BreakerConfig.PROBES, calls);
        return this;
    }

    /**
     * After this time without a verdict a probe's seat can be taken again.
     *
     * @param time 1 ms to 24 h; default {@code openFor}
     * @return this
     */
    public BreakerBuilder probeLease(Duration time) {
        settings.duration("probeLease", Layout.BreakerConfig.PROBE_LEASE_NS, time);
        return this;
    }

    /**
     * A ratio counts only when failures come from so many owners. For breakers that processes share; one
     * process alone is one owner.
     *
     * @param owners 1 to 8; default 1
     * @return this
     */
    public BreakerBuilder minWitnesses(int owners) {
        settings.count("minWitnesses", Layout.BreakerConfig.MIN_WITNESSES, owners);
        return this;
    }

    /**
     * How strictly to act.
     *
     * @param mode default {@link Mode#ENFORCE}
     * @return this
     */
    public BreakerBuilder mode(Mode mode) {
        settings.choice(Layout.BreakerConfig.MODE, mode.ordinal());
        return this;
    }

    /**
     * Where the jitter of the open time starts from. For tests and simulations that want the same run again.
     *
     * @param seed any number; default random
     * @return this
     */
    public BreakerBuilder seed(long seed) {
        settings.count("seed", Layout.BreakerConfig.SEED, seed & Long.MAX_VALUE);
        Layout.BreakerConfig.SEED.set(settings.words, seed);
        return this;
    }

    /**
     * These exceptions are failures of the dependency. Once any {@code on} is given, others are not: the dependency
     * has answered. Without any, everything thrown is a failure. May be repeated.
     *
     * @param classes exceptions, with their subclasses
     * @return this
     */
    @SafeVarargs
    public final BreakerBuilder on(Class<? extends Throwable>... classes) {
        for (Class<? extends Throwable> one : classes) {
            classifier = classifier.withOn(Classifier.kind(one));
        }
        return this;
    }

    /**
     * As {@link #on(Class[])}, by looking at the exception. What futures wrap is unwrapped first.
     *
     * @param isFailure whether it is a failure of the dependency
     * @return this
     */
    public BreakerBuilder on(Predicate<? super Throwable> isFailure) {
        classifier = classifier.withOn(Objects.requireNonNull(isFailure, "isFailure"));
        return this;
    }

    /**
     * These exceptions say nothing about the dependency; stronger than {@code on}. Always ignored: interruption,
     * cancellation and refusals from further in. May be repeated.
     *
     * @param classes exceptions, with their subclasses
     * @return this
     */
    @SafeVarargs
    public final BreakerBuilder ignore(Class<? extends Throwable>... classes) {
        for (Class<? extends Throwable> one : classes) {
            classifier = classifier.withIgnore(Classifier.kind(one));
        }
        return this;
    }

    /**
     * As {@link #ignore(Class[])}, by looking at the exception.
     *
     * @param isIgnored whether it says nothing about the dependency
     * @return this
     */
    public BreakerBuilder ignore(Predicate<? super Throwable> isIgnored) {
        classifier = classifier.withIgnore(Objects.requireNonNull(isIgnored, "isIgnored"));
        return this;
    }

    /**
     * Results that are failures all the same: {@code onResult(r -> r instanceof Response x && x.status() >= 500)}.
     *
     * @param isFailure whether the result, which may be null, is a failure of the dependency
     * @return this
     */
    public BreakerBuilder onResult(Predicate<Object> isFailure) {
        classifier = classifier.withOnResult(Objects.requireNonNull(isFailure, "isFailure"));
        return this;
    }

    /**
     * Tells a listener of every state change.
     *
     * @param listener who wants to know
     * @return this
     */
    public BreakerBuilder onTransition(Breaker.Listener listener) {
        listeners.add(Objects.requireNonNull(listener, "listener"));
        return this;
    }

    /**
     * Where the time comes from.
     *
     * @param clock default {@link Clock#system}
     * @return this
     */
    public BreakerBuilder clock(Clock clock) {
        this.clock = Primitive.clock(clock);
        return this;
    }

    /**
     * Makes the breaker, closed.
     *
     * @return a new breaker
     * @throws ConfigException when a setting is out of range
     */
    public Breaker build() {
        Settings whole = complete().copy();
        if (!whole.has("seed")) {
            Layout.BreakerConfig.SEED.set(whole.words, Primitive.NATIVE.random());
        }
        return new Breaker(this, whole);
    }

    Settings complete() {
        settings.refuse("slowAfter", Duration.ofNanos(1), Duration.ofHours(24));
        settings.refuse("window", Duration.ofMillis(10), Duration.ofHours(24));
        if (!settings.has("probeLease")) {
            Layout.BreakerConfig.PROBE_LEASE_NS.set(
                    settings.words, Layout.BreakerConfig.OPEN_FOR_NS.get(settings.words));
        }
        // Defaults follow what is given: a short window could never hold twenty calls, and a long first open time
        // is the longest, too.
        int windowCalls = Layout.BreakerConfig.WINDOW_CALLS.getInt(settings.words);
        if (!settings.has("minCalls") && windowCalls > 0) {
            Layout.BreakerConfig.MIN_CALLS.set(settings.words, Math.min(windowCalls, 20));
        }
        long openFor = Layout.BreakerConfig.OPEN_FOR_NS.get(settings.words);
        if (!settings.has("openMax") && openFor > 300_000_000_000L) {
            Layout.BreakerConfig.OPEN_MAX_NS.set(settings.words, openFor);
        }
        return settings;
    }
}
