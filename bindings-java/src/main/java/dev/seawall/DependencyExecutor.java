package dev.seawall;

import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.SynchronousQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.ReentrantLock;

/**
 * Calls whose functions may get stuck: each attempt runs on a thread of this executor, which is interrupted when its time
 * is over and left behind if that does not help. The caller goes on at once with {@link AttemptTimeoutException}; the
 * place of the bulkhead stays held until the function has really returned, so there are never more threads than places
 * in an enforced bulkhead. Then a {@link Event.LateResult} tells of it.
 *
 * <p>Threads are daemons, made when needed, and end after ten idle seconds. Close it when nobody needs it any more.
 */
public final class DependencyExecutor implements AutoCloseable {
    private static final AtomicInteger NUMBER = new AtomicInteger();

    private final Dependency dependency;
    private final ThreadPoolExecutor threads;

    DependencyExecutor(Dependency dependency) {
        this.dependency = dependency;
        if (dependency.facts().maxConcurrent() == 0) {
            throw ConfigException.of("bulkhead", null,
                    "bulkhead: " + dependency.name() + " has none, which an executor is bounded by");
        }
        String name = "seawall-" + dependency.name() + "-";
        // No queue: whoever has a place of the bulkhead gets a thread at once.
        threads = new ThreadPoolExecutor(0, Integer.MAX_VALUE, 10, TimeUnit.SECONDS, new SynchronousQueue<>(), work -> {
            Thread thread = new Thread(work, name + NUMBER.incrementAndGet());
            thread.setDaemon(true);
            return thread;
        });
    }

    /**
     * As {@link Dependency#call(AttemptFunction)}, with attempts that can be left behind. The deadline of the attempt is
     * in force on its thread.
     *
     * @param function makes an attempt
     * @param <T> its result
     * @param <X> what it throws; the compiler finds out
     * @return its result
     * @throws X what its last attempt threw, unchanged
     * @throws InterruptedException when this thread is interrupted; the attempt is, too
     */
    public <T, X extends Exception> T call(AttemptFunction<T, X> function) throws X, InterruptedException {
        return call(function, CallOptions.DEFAULT, null);
    }

    /**
     * As {@link Dependency#call(AttemptFunction, CallOptions, Fallback)}, with attempts that can be left behind.
     *
     * @param function makes an attempt
     * @param options what the call asks for beyond its policy
     * @param fallback what to serve when it fails; null for nothing
     * @param <T> its result
     * @param <X> what it throws; the compiler finds out
     * @return its result
     * @throws X what its last attempt threw, unchanged
     * @throws InterruptedException when this thread is interrupted; the attempt is, too
     */
    public <T, X extends Exception> T call(AttemptFunction<T, X> function, CallOptions options, Fallback<T> fallback)
            throws X, InterruptedException {
        Objects.requireNonNull(function, "function");
        dependency.allow(fallback);
        if (threads.isShutdown()) {
            throw new ClosedException("executor of " + dependency.name());
        }
        Ending<T> ending = new BlockingCall<T>(dependency, options).drive(
                (flight, attempt) -> run(flight, attempt, function));
        return ending.conclude(fallback);
    }

    private <T> T run(Flight flight, Attempt attempt, AttemptFunction<T, ?> function) throws Throwable {
        Work<T> work = new Work<>(flight, attempt, function);
        try {
            threads.execute(work);
        } catch (RejectedExecutionException closed) {
            throw new ClosedException("executor of " + dependency.name());
        }
        try {
            return work.result.get(attempt.timeout().toNanos(), TimeUnit.NANOSECONDS);
        } catch (ExecutionException failed) {
            throw failed.getCause();
        } catch (TimeoutException over) {
            work.leave();
            throw new AttemptTimeoutException(dependency.name(), attempt.timeout().toNanos());
        } catch (InterruptedException interrupted) {
            work.leave();
            throw interrupted;
        }
    }

    /** One attempt on a thread of its own. */
    private static final class Work<T> implements Runnable {
        final CompletableFuture<T> result = new CompletableFuture<>();
        private final Flight flight;
        private final Attempt attempt;
        private final AttemptFunction<T, ?> function;
        private final ReentrantLock lock = new ReentrantLock();
        private Thread thread;
        private boolean isOver;
        private boolean isLeft;
        private Flight.Kept kept;

        Work(Flight flight, Attempt attempt, AttemptFunction<T, ?> function) {
            this.flight = flight;
            this.attempt = attempt;
            this.function = function;
        }

        @Override
        public void run() {
            Outcome outcome = Outcome.IGNORED;
            T value = null;
            Throwable failed = null;
            try {
                if (begins()) {
                    value = attempt.deadline().call(() -> function.call(attempt));
                    outcome = flight.options.rules.judge(value, null).outcome();
                }
            } catch (Throwable thrown) {
                failed = thrown;
                outcome = flight.options.rules.judge(null, thrown).outcome();
            }
            if (ends()) {
                late(outcome);
            } else if (failed == null) {
                result.complete(value);
            } else {
                result.completeExceptionally(failed);
            }
        }

        private boolean begins() {
            lock.lock();
            try {
                thread = Thread.currentThread();
                return !isLeft;
            } finally {
                lock.unlock();
            }
        }

        /** From here on no interrupt reaches the thread. True when nobody waits for it any more. */
        private boolean ends() {
            lock.lock();
            try {
                thread = null;
                isOver = true;
                return isLeft;
            } finally {
                lock.unlock();
            }
        }

        /** Interrupts the thread; what goes on all the same keeps its place. */
        void leave() {
            lock.lock();
            try {
                if (isOver) {
                    return;
                }
                isLeft = true;
                kept = flight.keep();
                if (thread != null) {
                    thread.interrupt();
                }
            } finally {
                lock.unlock();
            }
        }

        private void late(Outcome outcome) {
            if (kept != null) {
                kept.release(outcome);
            } else {
                flight.dependency.cameLate(attempt.number(), outcome);
            }
        }
    }

    /**
     * How many threads there are, those left behind included.
     *
     * @return threads
     */
    public int threads() {
        return threads.getPoolSize();
    }

    /** Takes no more calls and interrupts those under way. May be repeated. */
    @Override
    public void close() {
        threads.shutdownNow();
    }
}
