package dev.seawall;

import java.util.concurrent.CompletionStage;
import java.util.concurrent.locks.LockSupport;

/**
 * Drives a call on the caller's thread: runs, sleeps, waits, as the library says. Whatever goes wrong on the way, the
 * call ends and holds nothing.
 *
 * @param <T> the result
 */
final class BlockingCall<T> {
    /** How an attempt is made: on this thread, or on one that can be left behind. */
    interface Runner<T> {
        T run(Flight flight, Attempt attempt) throws Throwable;
    }

    private final Dependency dependency;
    private final Flight flight;
    private T value;
    private Throwable thrown;

    BlockingCall(Dependency dependency, CallOptions options) {
        this.dependency = dependency;
        flight = new Flight(dependency, options);
    }

    /** From its begin to its end. Throws {@link InterruptedException} only for an interrupt while it waits itself. */
    Ending<T> drive(Runner<? extends T> runner) throws InterruptedException {
        flight.begin();
        while (flight.kind() != Flight.FINISH) {
            if (flight.kind() == Flight.RUN) {
                attempt(runner);
            } else {
                pause();
            }
        }
        return new Ending<>(flight, value, thrown);
    }

    /** Until an attempt may be made; who made it says how it ended. */
    DependencyPermit admit() throws InterruptedException {
        flight.begin();
        while (flight.kind() != Flight.RUN) {
            if (flight.kind() == Flight.FINISH) {
                throw flight.refusal();
            }
            pause();
        }
        return new DependencyPermit(flight);
    }

    private void attempt(Runner<? extends T> runner) {
        Attempt attempt = flight.attempt();
        value = null;
        thrown = null;
        Deadline before = Ambient.enter(attempt.deadline());
        try {
            TestControl test = dependency.testControl;
            if (test != null) {
                test.strike(attempt);
            }
            value = runner.run(flight, attempt);
        } catch (Throwable cause) {
            thrown = cause;
        } finally {
            Ambient.leave(before);
        }
        Verdict verdict = Verdict.IGNORED;
        if (value instanceof CompletionStage<?> stage) {
            // It would count as a success before it has begun.
            thrown = new SeawallException("misuse", "a function of a synchronous call of " + dependency.name()
                    + " gave a " + stage.getClass().getSimpleName() + ": use callAsync");
            value = null;
        } else {
            verdict = flight.options.rules.judge(value, thrown);
        }
        flight.ended(verdict, thrown);
        if (flight.kind() != Flight.FINISH && thrown == null && flight.options.discard != null) {
            Dependency.discard(flight.options, value);
        }
    }

    /** Until the next event; an interrupt is the caller giving up. */
    private void pause() throws InterruptedException {
        try {
            if (flight.kind() == Flight.SLEEP) {
                sleep();
            } else {
                await();
            }
        } catch (Throwable gone) {
            flight.cancelled();
            if (thrown != null && gone != thrown) {
                // The caller gave up between two attempts: the error of the last one goes along.
                gone.addSuppressed(thrown);
            }
            throw gone;
        }
    }

    private void sleep() throws InterruptedException {
        TestControl test = dependency.testControl;
        if (test == null || !test.skips(flight.span())) {
            Timer.sleep(dependency.wall.clock, flight.span());
        }
        flight.woke();
    }

    /** Waits for a place of the bulkhead, first come first served. */
    private void await() throws InterruptedException {
        Thread me = Thread.currentThread();
        PlaceQueue.Place place = flight.place();
        place.onWake(() -> LockSupport.unpark(me));
        TestControl test = dependency.testControl;
        long until = Deadline.after(flight.now(), flight.span());
        if (test != null) {
            test.skips(flight.span());
        }
        while (true) {
            long now = dependency.wall.coreNow();
            boolean isFirst = flight.isFirst();
            if (isFirst || Deadline.isOver(until, now)) {
                flight.woke();
                if (flight.kind() != Flight.WAIT) {
                    return;
                }
                until = Deadline.after(flight.now(), flight.span());
            }
            if (Thread.interrupted()) {
                throw new InterruptedException();
            }
            long left = Math.max(1, until - now);
            Timer.park(dependency.wall.clock, isFirst ? Math.min(PlaceQueue.TICK_NANOS, left) : left);
            if (Thread.interrupted()) {
                throw new InterruptedException();
            }
        }
    }
}
