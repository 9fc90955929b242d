package dev.seawall;

import java.lang.ref.Reference;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.ReentrantLock;

/**
 * Those who wait for a permit of one bulkhead, in the order in which they came, critical ones first.
 *
 * <p>The library decides whether there is a permit; here is only who asks next. Whoever gives a permit back asks for
 * the one who waits longest. No wake-up is lost: a caller announces itself in {@code interested} before its last
 * try, and a releaser looks there after its release, so at least one of the two sees the other.
 */
final class Waiters {
    private static final class Waiter {
        final Priority priority;
        final CompletableFuture<Bulkhead.Permit> coming;

        Waiter(Priority priority, CompletableFuture<Bulkhead.Permit> coming) {
            this.priority = priority;
            this.coming = coming;
        }
    }

    private final Bulkhead bulkhead;
    private final ReentrantLock lock = new ReentrantLock();
    private final LinkedHashSet<Waiter> ordinary = new LinkedHashSet<>();
    private final LinkedHashSet<Waiter> critical = new LinkedHashSet<>();
    private final AtomicInteger interested = new AtomicInteger();

    Waiters(Bulkhead bulkhead) {
        this.bulkhead = bulkhead;
    }

    /** A permit, sooner or later, or a refusal. Nothing is thrown. */
    CompletableFuture<Bulkhead.Permit> acquire(Priority priority, long maxWait) {
        try {
            Bulkhead.Permit now = maxWait == 0 ? bulkhead.tryAcquire(priority) : atOnce(priority);
            return now != null ? CompletableFuture.completedFuture(now) : queue(priority, maxWait);
        } catch (SeawallException refused) {
            return CompletableFuture.failedFuture(refused);
        }
    }

    /** As {@link #acquire}, for one who has tried already. */
    CompletableFuture<Bulkhead.Permit> queue(Priority priority, long maxWait) {
        CompletableFuture<Bulkhead.Permit> coming = new CompletableFuture<>();
        try {
            join(priority, maxWait, coming);
        } catch (SeawallException refused) {
            coming.completeExceptionally(refused);
        }
        return coming;
    }

    /** A permit if nobody waits and one is free, which is the common case and needs no lock; else null. */
    Bulkhead.Permit atOnce(Priority priority) {
        bulkhead.open();
        if (interested.get() != 0) {
            return null;
        }
        long[] words = new long[Layout.Permit.WORDS];
        return bulkhead.takeWaiting(priority, words) == Status.OK ? new Bulkhead.Permit(bulkhead, words) : null;
    }

    private void join(Priority priority, long maxWait, CompletableFuture<Bulkhead.Permit> coming) {
        long[] words = new long[Layout.Permit.WORDS];
        Waiter waiter = new Waiter(priority, coming);
        lock.lock();
        try {
            interested.incrementAndGet();
            boolean joined = false;
            try {
                if (queue(priority).isEmpty() && bulkhead.takeWaiting(priority, words) == Status.OK) {
                    coming.complete(new Bulkhead.Permit(bulkhead, words));
                    return;
                }
                // Whoever closes the bulkhead later finds this one in the queue.
                bulkhead.open();
                int status = Primitive.NATIVE.bulkheadBeginWait(bulkhead.address);
                Reference.reachabilityFence(bulkhead);
                if (status != Status.OK) {
                    coming.complete(lastTry(priority, status));
                    return;
                }
                queue(priority).add(waiter);
                joined = true;
            } finally {
                if (!joined) {
                    interested.decrementAndGet();
                }
            }
        } finally {
            lock.unlock();
        }
        CompletableFuture<Void> timer = Timer.after(bulkhead.clock, maxWait);
        timer.thenRun(() -> timeOut(waiter));
        // However it ends, nothing of it is left behind.
        coming.whenComplete((permit, thrown) -> {
            leave(waiter);
            timer.cancel(false);
        });
    }

    private LinkedHashSet<Waiter> queue(Priority priority) {
        return priority == Priority.CRITICAL ? critical : ordinary;
    }

    /** True for the one who takes the waiter off the queue. */
    private boolean leave(Waiter waiter) {
        lock.lock();
        try {
            if (!queue(waiter.priority).remove(waiter)) {
                return false;
            }
            left();
            return true;
        } finally {
            lock.unlock();
        }
    }

    private void left() {
        interested.decrementAndGet();
        Primitive.NATIVE.bulkheadEndWait(bulkhead.address);
        Reference.reachabilityFence(bulkhead);
    }

    /** Who gives up asks once more: the library counts it as turned away, or serves it at the last moment. */
    private Bulkhead.Permit lastTry(Priority priority, int reason) {
        long[] words = new long[Layout.Permit.WORDS];
        if (bulkhead.take(priority, words) == Status.OK) {
            return new Bulkhead.Permit(bulkhead, words);
        }
        throw Status.exception(bulkhead.name(), reason, 0);
    }

    private void timeOut(Waiter waiter) {
        if (leave(waiter)) {
            // Not on the one timer thread of the Java machine: the caller's code may run now.
            waiter.coming.defaultExecutor().execute(() -> giveUp(waiter));
        }
    }

    private void giveUp(Waiter waiter) {
        try {
            Bulkhead.Permit permit = lastTry(waiter.priority, Status.REFUSED_BULKHEAD_WAIT_TIMEOUT);
            if (!waiter.coming.complete(permit)) {
                permit.close();
            }
        } catch (SeawallException refused) {
            waiter.coming.completeExceptionally(refused);
        }
    }

    boolean release(Bulkhead.Permit permit) {
        boolean released;
        if (interested.get() == 0) {
            released = permit.giveBack();
            if (interested.get() != 0) {
                serve(1);
            }
            return released;
        }
        // Held between release and the next one's try, so that few can step in between.
        lock.lock();
        List<Waiter> served = new ArrayList<>(1);
        List<Bulkhead.Permit> permits = new ArrayList<>(1);
        try {
            released = permit.giveBack();
            take(1, served, permits);
        } finally {
            lock.unlock();
        }
        hand(served, permits);
        return released;
    }

    /** Asks for those who wait longest, as long as there are permits. */
    void serve(int most) {
        List<Waiter> served = new ArrayList<>();
        List<Bulkhead.Permit> permits = new ArrayList<>();
        lock.lock();
        try {
            take(most, served, permits);
        } finally {
            lock.unlock();
        }
        hand(served, permits);
    }

    private void take(int most, List<Waiter> served, List<Bulkhead.Permit> permits) {
        for (LinkedHashSet<Waiter> queue : List.of(critical, ordinary)) {
            while (!queue.isEmpty() && served.size() < most) {
                Iterator<Waiter> first = queue.iterator();
                Waiter waiter = first.next();
                long[] words = new long[Layout.Permit.WORDS];
                if (bulkhead.takeWaiting(waiter.priority, words) != Status.OK) {
                    break;
                }
                first.remove();
                left();
                served.add(waiter);
                permits.add(new Bulkhead.Permit(bulkhead, words));
            }
        }
    }

    /** Outside the lock: the code of waiters may run in here. */
    private static void hand(List<Waiter> served, List<Bulkhead.Permit> permits) {
        for (int index = 0; index < served.size(); index++) {
            if (!served.get(index).coming.complete(permits.get(index))) {
                permits.get(index).close();
            }
        }
    }

    void close() {
        List<Waiter> all = new ArrayList<>();
        lock.lock();
        try {
            all.addAll(critical);
            all.addAll(ordinary);
        } finally {
            lock.unlock();
        }
        for (Waiter waiter : all) {
            waiter.coming.completeExceptionally(new ClosedException(bulkhead.toString()));
        }
    }
}
