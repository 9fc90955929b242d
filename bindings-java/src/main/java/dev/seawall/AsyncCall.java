package dev.seawall;

import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.Executor;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Function;

/**
 * Drives a call that blocks no thread: an actor. Whoever brings the event that it waits for becomes its owner and goes on
 * with it until it has to wait again; events that come meanwhile are kept for the owner. Each wait has a number, so that
 * an event of an earlier one is known to be late.
 *
 * @param <T> the result
 */
final class AsyncCall<T> {
    private enum Kind { DONE, TIMED_OUT, WOKE, CANCELLED }

    private record Happened<T>(Kind kind, T value, Throwable thrown) {}

    private final Dependency dependency;
    private final Flight flight;
    private final AsyncAttemptFunction<T> function;
    private final CompletableFuture<Ending<T>> result = new CompletableFuture<>();
    private final Executor executor;

    private final ReentrantLock lock = new ReentrantLock();
    private int turn;
    private boolean isOwned = true;
    private boolean isCancelled;
    private Happened<T> next;

    // Of the owner.
    private CompletableFuture<Void> timer;
    private CompletionStage<T> stage;
    private T value;
    private Throwable thrown;
    private long until;

    private AsyncCall(Dependency dependency, CallOptions options, AsyncAttemptFunction<T> function) {
        this.dependency = dependency;
        this.function = function;
        flight = new Flight(dependency, options);
        executor = options.executor != null ? options.executor : result.defaultExecutor();
    }

    /**
     * Starts a call. What it ended with goes through {@code conclude}; cancelling the future given here cancels the call.
     */
    static <T, R> CompletableFuture<R> start(
            Dependency dependency, CallOptions options, AsyncAttemptFunction<T> function, Function<Ending<T>, R> conclude) {
        AsyncCall<T> call = new AsyncCall<>(dependency, options, function);
        CompletableFuture<R> answer = new CompletableFuture<>();
        call.result.whenComplete((ending, failed) -> {
            if (failed != null) {
                answer.completeExceptionally(failed);
                return;
            }
            try {
                answer.complete(conclude.apply(ending));
            } catch (Throwable thrown) {
                answer.completeExceptionally(thrown);
            }
        });
        answer.whenComplete((value, thrown) -> {
            // Done by somebody else than the call: cancelled, or completed by hand.
            if (!call.result.isDone()) {
                call.cancel();
            }
        });
        try {
            call.flight.begin();
        } catch (Throwable impossible) {
            call.result.completeExceptionally(impossible);
            return answer;
        }
        call.own();
        return answer;
    }

    /** An event of a wait; whoever finds the call without an owner becomes it. */
    private void happened(int of, Happened<T> event) {
        lock.lock();
        try {
            if (of != turn || next != null) {
                return;
            }
            next = event;
            if (isOwned) {
                return;
            }
            isOwned = true;
        } finally {
            lock.unlock();
        }
        own();
    }

    private void cancel() {
        lock.lock();
        try {
            isCancelled = true;
            if (isOwned) {
                return;
            }
            isOwned = true;
        } finally {
            lock.unlock();
        }
        own();
    }

    /** A new wait begins; its number. */
    private int newTurn() {
        lock.lock();
        try {
            next = null;
            return ++turn;
        } finally {
            lock.unlock();
        }
    }

    /** The event to go on with; null: none yet, and the call has no owner any more. */
    private Happened<T> nextOrLeave() {
        lock.lock();
        try {
            if (isCancelled) {
                return new Happened<>(Kind.CANCELLED, null, null);
            }
            if (next == null) {
                isOwned = false;
                return null;
            }
            Happened<T> event = next;
            next = null;
            // What else comes for this wait is late.
            turn++;
            return event;
        } finally {
            lock.unlock();
        }
    }

    private void own() {
        try {
            if (turn == 0) {
                act();
            }
            while (!result.isDone()) {
                Happened<T> event = nextOrLeave();
                if (event == null) {
                    return;
                }
                handle(event);
            }
        } catch (Throwable broken) {
            giveUp();
            result.completeExceptionally(broken);
        }
    }

    private void handle(Happened<T> event) {
        if (timer != null) {
            timer.cancel(false);
            timer = null;
        }
        switch (event.kind) {
            case CANCELLED -> {
                giveUp();
                result.completeExceptionally(new CancellationException());
            }
            case WOKE -> {
                if (flight.kind() == Flight.SLEEP || flight.isFirst()
                        || Deadline.isOver(until, dependency.wall.coreNow())) {
                    flight.woke();
                }
                act();
            }
            case TIMED_OUT -> {
                CompletionStage<T> left = stage;
                stop(left);
                Throwable late = new AttemptTimeoutException(dependency.name(), flight.span());
                leaveBehind(left);
                ended(null, late);
            }
            default -> ended(event.value, event.thrown);
        }
    }

    private void ended(T given, Throwable failed) {
        stage = null;
        value = given;
        thrown = failed;
        flight.ended(flight.options.rules.judge(value, thrown), thrown);
        if (flight.kind() != Flight.FINISH && thrown == null && flight.options.discard != null) {
            Dependency.discard(flight.options, value);
        }
        act();
    }

    /** Does what the library says, as far as it goes without waiting. */
    private void act() {
        switch (flight.kind()) {
            case Flight.RUN -> run();
            case Flight.SLEEP -> {
                TestControl test = dependency.testControl;
                boolean skipped = test != null && test.skips(flight.span());
                arm(newTurn(), Kind.WOKE, skipped ? 0 : flight.span());
            }
            case Flight.WAIT -> await();
            default -> result.complete(new Ending<>(flight, value, thrown));
        }
    }

    private void run() {
        Attempt attempt = flight.attempt();
        int mine = newTurn();
        Deadline before = Ambient.enter(attempt.deadline());
        CompletionStage<T> started;
        try {
            TestControl test = dependency.testControl;
            started = test == null ? function.call(attempt) : test.strikeAsync(attempt, function);
            if (started == null) {
                throw new NullPointerException("the function gave no CompletionStage");
            }
        } catch (Throwable failed) {
            started = CompletableFuture.failedFuture(failed);
        } finally {
            Ambient.leave(before);
        }
        stage = started;
        if (!isOver(started)) {
            arm(mine, Kind.TIMED_OUT, flight.span());
        }
        started.whenComplete((given, failed) ->
                happened(mine, new Happened<>(Kind.DONE, given, failed == null ? null : Rules.unwrap(failed))));
    }

    private void await() {
        PlaceQueue.Place place = flight.place();
        while (true) {
            int mine = newTurn();
            // Before the look, so that who frees a place after it wakes us.
            place.onWake(() -> resume(mine, Kind.WOKE));
            until = Deadline.after(flight.now(), flight.span());
            boolean isFirst = flight.isFirst();
            TestControl test = dependency.testControl;
            boolean skipped = test != null && test.skips(flight.span());
            if (isFirst || skipped) {
                flight.woke();
                if (flight.kind() != Flight.WAIT) {
                    newTurn();
                    act();
                    return;
                }
                if (skipped) {
                    continue;
                }
            }
            long left = Math.max(1, until - dependency.wall.coreNow());
            boolean ticks = isFirst && !(dependency.wall.clock instanceof ManualClock);
            arm(mine, Kind.WOKE, ticks ? Math.min(PlaceQueue.TICK_NANOS, left) : left);
            return;
        }
    }

    private void arm(int mine, Kind kind, long nanos) {
        if (nanos == 0) {
            happened(mine, new Happened<>(kind, null, null));
            return;
        }
        timer = Timer.after(dependency.wall.clock, nanos);
        timer.thenRun(() -> resume(mine, kind));
    }

    /** Not on the one timer thread of the Java machine, nor on that of whoever freed a place. */
    private void resume(int mine, Kind kind) {
        try {
            executor.execute(() -> happened(mine, new Happened<>(kind, null, null)));
        } catch (RejectedExecutionException full) {
            happened(mine, new Happened<>(kind, null, null));
        }
    }

    /** The caller does not want it any more. */
    private void giveUp() {
        if (timer != null) {
            timer.cancel(false);
        }
        CompletionStage<T> left = stage;
        if (left != null) {
            stop(left);
            leaveBehind(left);
        }
        if (flight.kind() != 0 && flight.kind() != Flight.FINISH) {
            flight.cancelled();
        }
    }

    /** Work that does not stop keeps its place of the bulkhead until it ends. */
    private void leaveBehind(CompletionStage<T> left) {
        if (isOver(left)) {
            return;
        }
        Flight.Kept kept = flight.keep();
        left.whenComplete((given, failed) -> {
            Outcome outcome = flight.options.rules.judge(given, failed).outcome();
            if (kept != null) {
                kept.release(outcome);
            } else {
                dependency.cameLate(flight.attempts(), outcome);
            }
        });
    }

    private static boolean isOver(CompletionStage<?> stage) {
        try {
            return stage.toCompletableFuture().isDone();
        } catch (UnsupportedOperationException opaque) {
            return false;
        }
    }

    private static void stop(CompletionStage<?> stage) {
        try {
            stage.toCompletableFuture().cancel(true);
        } catch (UnsupportedOperationException cannot) {
            // A stage that is no future cannot be asked to stop; it runs to its end unheard.
        }
    }
}
