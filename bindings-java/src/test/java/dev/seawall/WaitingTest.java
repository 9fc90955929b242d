package dev.seawall;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** Waiting for a place on threads, and threads that can be left behind. */
class WaitingTest {
    private static Dependency dependency(String toml) {
        return Seawall.create().define("profile", Policy.parse(toml));
    }

    @Test
    void threads_are_served_in_the_order_in_which_they_came() throws Exception {
        Dependency dependency = dependency("timeout = '1s'\nbulkhead = { max_concurrent = 1, max_wait = '20s' }\n");
        DependencyPermit held = dependency.permit();
        List<Integer> order = Collections.synchronizedList(new ArrayList<>());
        List<Thread> threads = new ArrayList<>();
        for (int number = 0; number < 20; number++) {
            int mine = number;
            Thread thread = new Thread(() -> {
                try {
                    dependency.call(attempt -> order.add(mine));
                } catch (InterruptedException impossible) {
                    throw new AssertionError(impossible);
                }
            });
            threads.add(thread);
            thread.start();
            Threads.until(() -> dependency.snapshot().waiting() == mine + 1);
        }
        held.record(Outcome.SUCCESS);
        for (Thread thread : threads) {
            thread.join(20_000);
        }
        assertEquals(IntStream.range(0, 20).boxed().toList(), order);
    }

    @Test
    void an_interrupted_waiter_leaves_the_queue_and_the_next_is_served() throws Exception {
        Dependency dependency = dependency("timeout = '1s'\nbulkhead = { max_concurrent = 1, max_wait = '20s' }\n");
        DependencyPermit held = dependency.permit();
        AtomicReference<Throwable> seen = new AtomicReference<>();
        Thread first = new Thread(() -> seen.set(assertThrows(Exception.class, () -> dependency.call(attempt -> 1))));
        first.start();
        Threads.until(() -> dependency.snapshot().waiting() == 1);
        AtomicInteger served = new AtomicInteger();
        Thread second = new Thread(() -> {
            try {
                served.set(dependency.call(attempt -> 2));
            } catch (InterruptedException impossible) {
                throw new AssertionError(impossible);
            }
        });
        second.start();
        Threads.until(() -> dependency.snapshot().waiting() == 2);
        first.interrupt();
        first.join(20_000);
        assertInstanceOf(InterruptedException.class, seen.get());
        held.close();
        second.join(20_000);
        assertEquals(2, served.get());
        assertEquals(0, dependency.snapshot().bulkhead().waiting());
        assertEquals(0, dependency.snapshot().bulkhead().inUse());
    }

    @Test
    void a_critical_caller_takes_a_reserved_place_past_those_who_wait() throws Exception {
        Dependency dependency = dependency("timeout = '1s'\nbulkhead = { max_concurrent = 2, reserved = 1, max_wait = '20s' }\n");
        DependencyPermit held = dependency.permit();
        Thread waiting = new Thread(() -> assertThrows(InterruptedException.class, () -> dependency.call(attempt -> 1)));
        waiting.start();
        Threads.until(() -> dependency.snapshot().waiting() == 1);
        assertEquals("served", dependency.call(attempt -> "served", CallOptions.builder().critical(true).build()));
        waiting.interrupt();
        waiting.join(20_000);
        held.close();
    }

    @Test
    void interrupts_at_any_point_leak_nothing() throws Exception {
        Dependency dependency = dependency("timeout = '1s'\nbreaker = 'off'\nbulkhead = { max_concurrent = 2, max_wait = '2ms' }\n"
                + "retry = { attempts = 3, base = '1ms', budget = { max_concurrent_retries_ratio = 10.0 } }\n");
        List<Thread> callers = new ArrayList<>();
        CountDownLatch over = new CountDownLatch(1);
        for (int number = 0; number < 6; number++) {
            Random random = new Random(number);
            Thread caller = new Thread(() -> {
                while (over.getCount() > 0) {
                    try {
                        dependency.call(attempt -> {
                            if (random.nextInt(3) == 0) {
                                throw new java.io.IOException("reset");
                            }
                            Thread.sleep(0, random.nextInt(900_000));
                            return null;
                        });
                    } catch (Exception expected) {
                        // Refused, interrupted or failed: all of it gives back what it held.
                    }
                }
            });
            callers.add(caller);
            caller.start();
        }
        Random random = new Random(42);
        for (int interrupt = 0; interrupt < 1500; interrupt++) {
            callers.get(random.nextInt(callers.size())).interrupt();
            Thread.sleep(0, 300_000);
        }
        over.countDown();
        for (Thread caller : callers) {
            caller.join(20_000);
        }
        DependencySnapshot now = dependency.snapshot();
        assertEquals(0, now.bulkhead().inUse());
        assertEquals(0, now.bulkhead().waiting());
        assertEquals(0, now.waiting());
        assertEquals(0, now.retryBudget().callsInFlight());
        assertEquals(0, now.retryBudget().retriesInFlight());
        assertTrue(now.calls() > 100);
    }

    @Test
    void a_stuck_call_is_left_behind_and_keeps_its_place() throws Exception {
        Dependency dependency = dependency("timeout = '20ms'\nbulkhead = { max_concurrent = 1 }\n");
        List<Event> seen = Collections.synchronizedList(new ArrayList<>());
        dependency.onEvent(seen::add);
        CountDownLatch stuck = new CountDownLatch(1);
        AtomicInteger interrupts = new AtomicInteger();
        try (DependencyExecutor executor = dependency.executor()) {
            assertEquals("fine", executor.call(attempt -> "fine"));
            AttemptTimeoutException late = assertThrows(AttemptTimeoutException.class, () -> executor.call(attempt -> {
                while (true) {
                    try {
                        stuck.await();
                        return "late";
                    } catch (InterruptedException stubborn) {
                        interrupts.incrementAndGet();
                    }
                }
            }));
            assertEquals(Duration.ofMillis(20), late.timeout());
            Threads.until(() -> interrupts.get() == 1);
            assertEquals(1, dependency.snapshot().bulkhead().inUse());
            assertThrows(BulkheadFullException.class, () -> executor.call(attempt -> "no place"));
            assertTrue(executor.threads() <= 2);
            stuck.countDown();
            Threads.until(() -> dependency.snapshot().bulkhead().inUse() == 0);
            Threads.until(() -> seen.stream().anyMatch(event -> event.kind().equals("late_result")));
            assertEquals("again", executor.call(attempt -> "again"));
        }
        assertEquals(1, dependency.snapshot().timeouts());
    }

    @Test
    void a_call_that_an_interrupt_stops_gives_its_place_back() throws Exception {
        Dependency dependency = dependency("timeout = '20ms'\nbulkhead = { max_concurrent = 1 }\n");
        DependencyExecutor executor = dependency.executor();
        assertThrows(AttemptTimeoutException.class, () -> executor.call(attempt -> {
            Thread.sleep(60_000);
            return null;
        }));
        Threads.until(() -> dependency.snapshot().bulkhead().inUse() == 0);
        IllegalStateException bug = new IllegalStateException();
        assertEquals(bug, assertThrows(IllegalStateException.class, () -> executor.call(attempt -> {
            throw bug;
        })));
        assertEquals(Duration.ofMillis(20), executor.call(attempt -> Deadline.current().isPresent() ? attempt.timeout() : null));
        executor.close();
        assertThrows(ClosedException.class, () -> executor.call(attempt -> 1));
        assertEquals(0, dependency.snapshot().bulkhead().inUse());
        assertThrows(ConfigException.class, () -> dependency("timeout = '1s'\n").executor());
    }
}
