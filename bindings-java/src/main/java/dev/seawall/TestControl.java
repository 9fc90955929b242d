package dev.seawall;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CompletionStage;
import java.util.function.Supplier;

/**
 * What tests may do to one dependency. The short way to it is {@link dev.seawall.testing.SeawallTesting}. Calls of a
 * dependency that no test has asked for this pay one read for it. Any thread may use it.
 */
public final class TestControl {
    private static final class Fault {
        final Duration latency;
        final Supplier<? extends Throwable> error;
        final double rate;
        long left;

        Fault(Duration latency, Supplier<? extends Throwable> error, double rate, long times) {
            this.latency = latency;
            this.error = error;
            this.rate = rate;
            left = times;
        }
    }

    private final Dependency dependency;
    private final List<Fault> faults = new ArrayList<>();
    private ManualClock clock;

    TestControl(Dependency dependency) {
        this.dependency = dependency;
    }

    /**
     * Makes attempts meet a fault in place of their function, after those injected before.
     *
     * @param error makes what they throw
     * @param rate the share of attempts that meet it, 0.0 to 1.0; which ones is chance
     * @param times how many meet it at most
     */
    public void inject(Supplier<? extends Throwable> error, double rate, long times) {
        add(new Fault(null, Objects.requireNonNull(error, "error"), share(rate), count(times)));
    }

    /**
     * Makes attempts begin so much later, after faults injected before. If that is their timeout or more, they time out.
     *
     * @param latency how much later
     * @param rate the share of attempts that meet it, 0.0 to 1.0; which ones is chance
     * @param times how many meet it at most
     */
    public void inject(Duration latency, double rate, long times) {
        Settings.argument("latency", latency);
        add(new Fault(latency, null, share(rate), count(times)));
    }

    private static double share(double rate) {
        if (!(rate >= 0 && rate <= 1)) {
            throw new ConfigException("rate", rate, 0.0, 1.0);
        }
        return rate;
    }

    private static long count(long times) {
        if (times < 1) {
            throw new ConfigException("times", times, 1L, Long.MAX_VALUE);
        }
        return times;
    }

    private synchronized void add(Fault fault) {
        faults.add(fault);
    }

    /**
     * From now on no call waits: where it would sleep between attempts, for a rate or for a place, it moves the clock on
     * instead. Timeouts of real functions are waited for all the same.
     *
     * @param clock the clock of the wall
     */
    public synchronized void noWaiting(ManualClock clock) {
        this.clock = Objects.requireNonNull(clock, "clock");
    }

    /** Takes all faults out again, and waits are waited for again. */
    public synchronized void restore() {
        faults.clear();
        clock = null;
    }

    /**
     * Puts the breaker into a state: closed and without memory; open, as failures would have opened it; half-open, with
     * its next probe free; held open or disabled by hand.
     *
     * @param state the state
     * @throws ConfigException when there is no breaker, or failures do not bring it there
     */
    public void force(State state) {
        switch (Objects.requireNonNull(state, "state")) {
            case FORCED_OPEN -> dependency.forceOpen();
            case DISABLED -> dependency.disable();
            default -> {
                dependency.reset();
                if (state != State.CLOSED) {
                    trip(state);
                }
            }
        }
        State now = dependency.state();
        if (now != state) {
            throw ConfigException.of("breaker", state,
                    "breaker: no breaker of " + dependency.name() + " that failures bring to " + state + ", it is " + now);
        }
    }

    private void trip(State wanted) {
        Native library = Library.NATIVE;
        long breaker = dependency.breaker();
        long now = dependency.wall.coreNow();
        long[] permit = new long[Layout.Permit.WORDS];
        // No setting asks for more failures than this.
        for (int failure = 0; failure < 1_000_000 && dependency.state() == State.CLOSED; failure++) {
            if (breaker == 0 || library.breakerTryAcquire(breaker, now, permit) != Status.OK) {
                return;
            }
            library.breakerRecord(breaker, permit, Outcome.FAILURE.ordinal(), 0, now);
        }
        if (wanted == State.HALF_OPEN && dependency.state() == State.OPEN) {
            // A probe that is given back leaves the breaker half-open with its seat free. Seen from the end of the open
            // time, which the clock of the wall need not have reached.
            if (library.breakerTryAcquire(breaker, now, permit) != Status.OK) {
                library.breakerTryAcquire(breaker, now + Layout.Permit.RETRY_AFTER_NS.get(permit), permit);
            }
            library.breakerCancel(breaker, permit);
        }
    }

    /** Moves the clock on in place of a wait. */
    boolean skips(long nanos) {
        ManualClock moved;
        synchronized (this) {
            moved = clock;
        }
        if (moved == null) {
            return false;
        }
        moved.advance(Duration.ofNanos(nanos));
        return true;
    }

    private synchronized Fault next() {
        for (Iterator<Fault> each = faults.iterator(); each.hasNext();) {
            Fault fault = each.next();
            if (fault.rate < 1 && (Library.NATIVE.random() >>> 11) * 0x1.0p-53 >= fault.rate) {
                continue;
            }
            if (--fault.left == 0) {
                each.remove();
            }
            return fault;
        }
        return null;
    }

    /** Before an attempt on this thread. */
    void strike(Attempt attempt) throws Throwable {
        Fault fault = next();
        if (fault == null) {
            return;
        }
        if (fault.error != null) {
            throw fault.error.get();
        }
        Duration wait = fault.latency.compareTo(attempt.timeout()) < 0 ? fault.latency : attempt.timeout();
        if (!skips(wait.toNanos())) {
            Timer.sleep(dependency.wall.clock, wait.toNanos());
        }
        if (fault.latency.compareTo(attempt.timeout()) >= 0) {
            throw new AttemptTimeoutException(dependency.name(), attempt.timeout().toNanos());
        }
    }

    /** In place of an attempt of an asynchronous call. */
    <T> CompletionStage<T> strikeAsync(Attempt attempt, AsyncAttemptFunction<T> function) throws Exception {
        Fault fault = next();
        if (fault == null) {
            return function.call(attempt);
        }
        if (fault.error != null) {
            throw Ending.<RuntimeException>sneaky(fault.error.get());
        }
        if (skips(Math.min(fault.latency.toNanos(), attempt.timeout().toNanos()))) {
            if (fault.latency.compareTo(attempt.timeout()) >= 0) {
                throw new AttemptTimeoutException(dependency.name(), attempt.timeout().toNanos());
            }
            return function.call(attempt);
        }
        return Timer.after(dependency.wall.clock, fault.latency.toNanos()).thenComposeAsync(nothing -> {
            try {
                return function.call(attempt);
            } catch (Exception failed) {
                throw Ending.<RuntimeException>sneaky(failed);
            }
        });
    }
}
