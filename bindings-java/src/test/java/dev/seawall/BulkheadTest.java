package dev.seawall;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;

class BulkheadTest {
    private static final Duration LONG = Duration.ofSeconds(30);
    private final ManualClock clock = new ManualClock();

    private static Bulkhead of(int permits, int waiting) {
        return Bulkhead.builder("payments").maxConcurrent(permits).maxWaiting(waiting).build();
    }

    @Test
    void refuses_when_full_and_takes_permits_back() {
        Bulkhead bulkhead = of(2, 0);
        Bulkhead.Permit one = bulkhead.tryAcquire();
        try (Bulkhead.Permit other = bulkhead.tryAcquire()) {
            BulkheadFullException full = assertThrows(BulkheadFullException.class, bulkhead::tryAcquire);
            assertEquals("bulkhead_full", full.code());
            assertEquals(Duration.ZERO, full.retryAfter());
            assertEquals(2, bulkhead.snapshot().inUse());
        }
        assertTrue(one.release());
        assertFalse(one.release());
        one.close();
        Bulkhead.Snapshot now = bulkhead.snapshot();
        assertEquals(0, now.inUse());
        assertEquals(1, now.stale());
        assertEquals(1, now.rejected());
    }

    @Test
    void work_holds_a_permit_and_throws_its_own_exception() throws Exception {
        Bulkhead bulkhead = of(1, 0);
        assertEquals(1, bulkhead.call(() -> bulkhead.snapshot().inUse()));
        IOException own = new IOException();
        assertSame(own, assertThrows(IOException.class, () -> bulkhead.run(() -> {
            throw own;
        })));
        assertEquals(1, bulkhead.decorateCallable(() -> 1).call());
        assertEquals(1, bulkhead.decorateSupplier(() -> 1).get());
        assertEquals(1, bulkhead.call(LONG, () -> bulkhead.snapshot().inUse()));
        assertEquals(0, bulkhead.snapshot().inUse());
    }

    @Test
    void nobody_waits_where_nobody_may() {
        Bulkhead bulkhead = of(1, 0);
        try (Bulkhead.Permit held = bulkhead.tryAcquire()) {
            assertEquals("bulkhead_wait_full",
                    assertThrows(BulkheadFullException.class, () -> bulkhead.acquire(LONG)).code());
            assertEquals("bulkhead_full",
                    assertThrows(BulkheadFullException.class, () -> bulkhead.acquire(Duration.ZERO)).code());
        }
        assertEquals(2, bulkhead.snapshot().rejected());
    }

    @Test
    void waiters_are_served_in_the_order_in_which_they_came() throws Exception {
        Bulkhead bulkhead = of(1, 10);
        Bulkhead.Permit held = bulkhead.tryAcquire();
        List<CompletableFuture<Bulkhead.Permit>> waiting = new ArrayList<>();
        for (int number = 0; number < 10; number++) {
            waiting.add(bulkhead.acquireAsync(LONG));
        }
        assertEquals(10, bulkhead.snapshot().waiting());
        assertEquals("bulkhead_wait_full",
                assertThrows(BulkheadFullException.class, () -> bulkhead.acquire(LONG)).code());
        for (int number = 0; number < 10; number++) {
            held.close();
            for (int other = 0; other < 10; other++) {
                assertEquals(other <= number, waiting.get(other).isDone());
            }
            held = waiting.get(number).get();
        }
        held.close();
        Bulkhead.Snapshot now = bulkhead.snapshot();
        assertEquals(0, now.inUse());
        assertEquals(0, now.waiting());
        assertEquals(1, now.rejected(), "only the one who found too many waiting");
    }

    @Test
    void critical_callers_take_the_reserve_and_are_served_first() throws Exception {
        Bulkhead bulkhead = Bulkhead.builder("x").maxConcurrent(2).reserved(1).maxWaiting(9).build();
        Bulkhead.Permit ordinary = bulkhead.tryAcquire();
        assertThrows(BulkheadFullException.class, bulkhead::tryAcquire);
        CompletableFuture<Bulkhead.Permit> second = bulkhead.acquireAsync(LONG);
        Bulkhead.Permit critical = bulkhead.acquire(Priority.CRITICAL, LONG);
        CompletableFuture<Bulkhead.Permit> first = bulkhead.acquireAsync(Priority.CRITICAL, LONG);
        ordinary.close();
        assertTrue(first.isDone());
        assertFalse(second.isDone());
        critical.close();
        assertFalse(second.isDone(), "what came free is the reserve");
        first.get().close();
        assertTrue(second.isDone());
        second.get().close();
        assertEquals(0, bulkhead.snapshot().inUse());
    }

    @Test
    void a_wait_ends_when_its_time_is_over_and_leaves_no_trace() throws Exception {
        Bulkhead bulkhead = Bulkhead.builder("x").maxConcurrent(1).maxWaiting(5).clock(clock).build();
        Bulkhead.Permit held = bulkhead.tryAcquire();
        CompletableFuture<Bulkhead.Permit> brief = bulkhead.acquireAsync(Duration.ofMillis(10));
        CompletableFuture<Bulkhead.Permit> patient = bulkhead.acquireAsync(Duration.ofSeconds(Long.MAX_VALUE));
        clock.advance(Duration.ofMillis(9));
        assertFalse(brief.isDone());
        clock.advance(Duration.ofMillis(1));
        ExecutionException over = assertThrows(ExecutionException.class, () -> brief.get(20, TimeUnit.SECONDS));
        assertEquals("bulkhead_wait_timeout", ((BulkheadFullException) over.getCause()).code());
        assertEquals(1, bulkhead.snapshot().waiting());
        assertEquals(1, bulkhead.snapshot().rejected());
        held.close();
        patient.get().close();
        assertEquals(0, clock.sleepers());
        assertEquals(0, bulkhead.snapshot().waiting());
        assertEquals(0, bulkhead.snapshot().inUse());
        assertEquals(1, bulkhead.snapshot().rejected());
    }

    @Test
    void a_wait_on_the_real_clock_ends_too() throws Exception {
        Bulkhead bulkhead = of(1, 5);
        try (Bulkhead.Permit held = bulkhead.tryAcquire()) {
            long start = System.nanoTime();
            assertThrows(BulkheadFullException.class, () -> bulkhead.acquire(Duration.ofMillis(30)));
            assertTrue(System.nanoTime() - start >= 30_000_000);
            CompletableFuture<Bulkhead.Permit> patient = bulkhead.acquireAsync(Duration.ofSeconds(Long.MAX_VALUE));
            held.close();
            patient.get().close();
        }
    }

    @Test
    void cancelling_a_wait_leaves_no_trace() throws Exception {
        Bulkhead bulkhead = Bulkhead.builder("x").maxConcurrent(1).maxWaiting(5).clock(clock).build();
        Bulkhead.Permit held = bulkhead.tryAcquire();
        CompletableFuture<Bulkhead.Permit> first = bulkhead.acquireAsync(LONG);
        CompletableFuture<Bulkhead.Permit> second = bulkhead.acquireAsync(LONG);
        first.cancel(false);
        assertEquals(1, bulkhead.snapshot().waiting());
        held.close();
        assertTrue(second.isDone());
        second.get().close();
        assertEquals(0, clock.sleepers());
        assertEquals(0, bulkhead.snapshot().rejected(), "who leaves is not turned away");
    }

    @Test
    void an_interrupted_wait_holds_nothing() throws Exception {
        Bulkhead bulkhead = of(1, 5);
        Bulkhead.Permit held = bulkhead.tryAcquire();
        AtomicInteger interrupted = new AtomicInteger();
        Thread waiter = new Thread(() -> {
            try {
                bulkhead.acquire(LONG);
            } catch (InterruptedException expected) {
                interrupted.incrementAndGet();
            }
        });
        waiter.start();
        Threads.until(() -> bulkhead.snapshot().waiting() == 1);
        waiter.interrupt();
        waiter.join();
        assertEquals(1, interrupted.get());
        assertEquals(0, bulkhead.snapshot().waiting());
        held.close();
        bulkhead.tryAcquire().close();
    }

    @Test
    void asynchronous_work_holds_its_permit_until_it_ends() throws Exception {
        Bulkhead bulkhead = of(1, 5);
        CompletableFuture<String> work = new CompletableFuture<>();
        CompletableFuture<String> result = bulkhead.callAsync(() -> work);
        // A timeout abandons the result; the work still runs and keeps its place.
        assertThrows(TimeoutException.class, () -> result.get(1, TimeUnit.MILLISECONDS));
        result.completeExceptionally(new TimeoutException());
        assertEquals(1, bulkhead.snapshot().inUse());
        assertThrows(ExecutionException.class, () -> bulkhead.callAsync(() -> work).get());
        CompletableFuture<String> next = bulkhead.callAsync(LONG, () -> CompletableFuture.completedFuture("next"));
        assertFalse(next.isDone());
        work.complete("done");
        assertEquals("next", next.get());
        assertEquals(0, bulkhead.snapshot().inUse());
    }

    @Test
    void cancelling_asynchronous_work_that_waits_never_starts_it() {
        Bulkhead bulkhead = of(1, 5);
        Bulkhead.Permit held = bulkhead.tryAcquire();
        AtomicInteger started = new AtomicInteger();
        CompletableFuture<Integer> result = bulkhead.callAsync(LONG, () -> CompletableFuture.completedFuture(started.incrementAndGet()));
        result.cancel(true);
        assertEquals(0, bulkhead.snapshot().waiting());
        held.close();
        assertEquals(0, started.get());
        assertEquals(0, bulkhead.snapshot().inUse());
    }

    @Test
    void growth_serves_those_who_wait_and_shrinking_takes_nothing_away() throws Exception {
        Bulkhead bulkhead = of(1, 5);
        Bulkhead.Permit held = bulkhead.tryAcquire();
        CompletableFuture<Bulkhead.Permit> one = bulkhead.acquireAsync(LONG);
        CompletableFuture<Bulkhead.Permit> two = bulkhead.acquireAsync(LONG);
        bulkhead.resize(3);
        one.get();
        two.get();
        bulkhead.resize(1);
        assertEquals(3, bulkhead.snapshot().inUse());
        held.close();
        one.get().close();
        assertThrows(BulkheadFullException.class, bulkhead::tryAcquire);
        two.get().close();
        bulkhead.tryAcquire().close();
        assertEquals("maxConcurrent", assertThrows(ConfigException.class, () -> bulkhead.resize(257)).field());
        assertEquals("maxConcurrent", assertThrows(ConfigException.class, () -> bulkhead.resize(0)).field());
    }

    @Test
    void closing_tells_those_who_wait() {
        Bulkhead bulkhead = of(1, 5);
        Bulkhead.Permit held = bulkhead.tryAcquire();
        CompletableFuture<Bulkhead.Permit> waiting = bulkhead.acquireAsync(LONG);
        bulkhead.close();
        bulkhead.close();
        ExecutionException told = assertThrows(ExecutionException.class, waiting::get);
        assertEquals("closed", ((SeawallException) told.getCause()).code());
        assertEquals("closed", assertThrows(SeawallException.class, bulkhead::tryAcquire).code());
        held.close();
        assertFalse(held.release());
    }

    @Test
    void never_more_holders_than_permits() throws Exception {
        int limit = 3;
        Bulkhead bulkhead = of(limit, 0);
        AtomicInteger inside = new AtomicInteger();
        AtomicInteger most = new AtomicInteger();
        AtomicLong served = new AtomicLong();
        Threads.together(8, number -> {
            for (int round = 0; round < 50_000; round++) {
                try (Bulkhead.Permit permit = bulkhead.tryAcquire()) {
                    most.accumulateAndGet(inside.incrementAndGet(), Math::max);
                    if (round % 64 == 0) {
                        Thread.yield();
                    }
                    served.incrementAndGet();
                    inside.decrementAndGet();
                } catch (BulkheadFullException full) {
                    Thread.onSpinWait();
                }
            }
        });
        Bulkhead.Snapshot now = bulkhead.snapshot();
        assertEquals(limit, most.get(), "the limit was reached and never passed");
        assertTrue(now.rejected() > 0, "the contended path was taken");
        assertEquals(400_000, served.get() + now.rejected());
        assertEquals(0, now.inUse());
        assertEquals(0, now.stale());
    }

    @Test
    void no_wake_up_is_lost_under_contention() throws Exception {
        Bulkhead bulkhead = of(2, 100);
        AtomicInteger inside = new AtomicInteger();
        AtomicInteger most = new AtomicInteger();
        AtomicInteger waited = new AtomicInteger();
        List<Integer> served = Collections.synchronizedList(new ArrayList<>());
        Threads.together(8, number -> {
            for (int round = 0; round < 2_000; round++) {
                CompletableFuture<Bulkhead.Permit> coming = bulkhead.acquireAsync(LONG);
                if (!coming.isDone()) {
                    waited.incrementAndGet();
                }
                try (Bulkhead.Permit permit = coming.get()) {
                    most.accumulateAndGet(inside.incrementAndGet(), Math::max);
                    served.add(number);
                    Thread.yield();
                    inside.decrementAndGet();
                }
            }
        });
        assertEquals(16_000, served.size());
        assertEquals(2, most.get());
        assertTrue(waited.get() > 100, "the waiting path was taken " + waited.get() + " times");
        Bulkhead.Snapshot now = bulkhead.snapshot();
        assertEquals(0, now.rejected());
        assertEquals(0, now.waiting());
        assertEquals(0, now.inUse());
    }
}
