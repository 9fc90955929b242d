package dev.seawall;

import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;

/** Waiting, on whatever clock. Real time passes on every clock but a {@link ManualClock}. No threads of our own. */
final class Timer {
    private Timer() {}

    /** Done when the time has passed. Cancelling it takes it off the timer queue of the Java machine. */
    static CompletableFuture<Void> after(Clock clock, long nanos) {
        if (clock instanceof ManualClock manual) {
            return manual.timer(nanos);
        }
        return new CompletableFuture<Void>().completeOnTimeout(null, nanos, TimeUnit.NANOSECONDS);
    }

    /** Parks this thread until it is woken, interrupted, or the time has passed; or for no reason at all. */
    static void park(Clock clock, long nanos) {
        if (clock instanceof ManualClock manual) {
            Thread me = Thread.currentThread();
            CompletableFuture<Void> timer = manual.timer(nanos);
            timer.thenRun(() -> LockSupport.unpark(me));
            LockSupport.park(clock);
            timer.cancel(false);
        } else {
            LockSupport.parkNanos(clock, nanos);
        }
    }

    /** Sleeps. Virtual threads leave their carrier meanwhile. */
    static void sleep(Clock clock, long nanos) throws InterruptedException {
        if (clock instanceof ManualClock manual) {
            CompletableFuture<Void> timer = manual.timer(nanos);
            try {
                timer.get();
            } catch (ExecutionException impossible) {
                throw new AssertionError(impossible);
            } finally {
                timer.cancel(false);
            }
            return;
        }
        long start = System.nanoTime();
        for (long left = nanos; left > 0; left = nanos - (System.nanoTime() - start)) {
            if (Thread.interrupted()) {
                throw new InterruptedException();
            }
            LockSupport.parkNanos(left);
        }
        if (Thread.interrupted()) {
            throw new InterruptedException();
        }
    }
}
