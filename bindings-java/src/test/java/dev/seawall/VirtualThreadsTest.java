package dev.seawall;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.reflect.Method;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** Virtual threads wait without holding a platform thread. Compiled for Java 17, so they are found by name. */
@Tag("java21")
class VirtualThreadsTest {
    private static final int MANY = 2_000;

    private static ExecutorService executor() throws Exception {
        Method made = Executors.class.getMethod("newVirtualThreadPerTaskExecutor");
        return (ExecutorService) made.invoke(null);
    }

    @Test
    void thousands_wait_for_a_bulkhead_at_once() throws Exception {
        Bulkhead bulkhead = Bulkhead.builder("x").maxConcurrent(2).maxWaiting(MANY).build();
        Bulkhead.Permit one = bulkhead.tryAcquire();
        Bulkhead.Permit two = bulkhead.tryAcquire();
        AtomicInteger inside = new AtomicInteger();
        AtomicInteger most = new AtomicInteger();
        ExecutorService threads = executor();
        List<Future<?>> all = new ArrayList<>();
        for (int number = 0; number < MANY; number++) {
            all.add(threads.submit(() -> {
                try (Bulkhead.Permit permit = bulkhead.acquire(Duration.ofSeconds(60))) {
                    most.accumulateAndGet(inside.incrementAndGet(), Math::max);
                    Thread.yield();
                    inside.decrementAndGet();
                }
                return null;
            }));
        }
        // Far more than there are platform threads to carry them: nobody pins one while waiting.
        Threads.until(() -> bulkhead.snapshot().waiting() == MANY);
        one.close();
        two.close();
        for (Future<?> each : all) {
            each.get(60, TimeUnit.SECONDS);
        }
        threads.shutdown();
        assertTrue(most.get() <= 2, "held at once: " + most.get());
        assertEquals(0, bulkhead.snapshot().inUse());
        assertEquals(0, bulkhead.snapshot().rejected());
    }

    @Test
    void thousands_wait_for_a_limiter_at_once() throws Exception {
        ManualClock clock = new ManualClock();
        Limiter limiter = Limiter.builder("x").rate(1, Duration.ofSeconds(1)).burst(1).clock(clock).build();
        limiter.tryAcquire();
        ExecutorService threads = executor();
        List<Future<?>> all = new ArrayList<>();
        for (int number = 0; number < MANY; number++) {
            all.add(threads.submit(() -> {
                limiter.acquire(1, Duration.ofSeconds(MANY));
                return null;
            }));
        }
        Threads.until(() -> clock.sleepers() == MANY);
        clock.advance(Duration.ofSeconds(MANY));
        for (Future<?> each : all) {
            each.get(60, TimeUnit.SECONDS);
        }
        threads.shutdown();
        assertEquals(0, clock.sleepers());
    }

    @Test
    void an_interrupted_virtual_thread_stops_waiting() throws Exception {
        Bulkhead bulkhead = Bulkhead.builder("x").maxConcurrent(1).maxWaiting(1).build();
        Bulkhead.Permit held = bulkhead.tryAcquire();
        AtomicInteger interrupted = new AtomicInteger();
        ExecutorService threads = executor();
        Future<?> waiting = threads.submit(() -> {
            try {
                bulkhead.acquire(Duration.ofSeconds(60));
            } catch (InterruptedException expected) {
                interrupted.incrementAndGet();
            }
        });
        Threads.until(() -> bulkhead.snapshot().waiting() == 1);
        threads.shutdownNow();
        waiting.get(60, TimeUnit.SECONDS);
        assertEquals(1, interrupted.get());
        assertEquals(0, bulkhead.snapshot().waiting());
        held.close();
        assertTrue(threads.awaitTermination(60, TimeUnit.SECONDS));
    }

    @Test
    void thousands_sleep_and_wait_in_calls_at_once() throws Exception {
        Dependency dependency = Seawall.create().define("many", Policy.parse("timeout = '1s'\nbreaker = 'off'\n"
                + "retry = { attempts = 2, base = '20ms', jitter = 'none', budget = { ratio = 10.0, cap = 100000 } }\n"
                + "bulkhead = { max_concurrent = 100, max_wait = '60s', max_waiting = 10000, scope = 'attempt' }\n"));
        ExecutorService threads = executor();
        AtomicInteger inside = new AtomicInteger();
        AtomicInteger most = new AtomicInteger();
        List<Future<Integer>> all = new ArrayList<>();
        for (int number = 0; number < MANY; number++) {
            all.add(threads.submit(() -> dependency.call(attempt -> {
                most.accumulateAndGet(inside.incrementAndGet(), Math::max);
                Thread.sleep(1);
                inside.decrementAndGet();
                if (attempt.number() == 1) {
                    throw new java.io.IOException("reset");
                }
                return attempt.number();
            })));
        }
        for (Future<Integer> each : all) {
            assertEquals(2, each.get(60, TimeUnit.SECONDS));
        }
        threads.shutdown();
        assertTrue(most.get() <= 100 && most.get() > 10, "inside at once: " + most.get());
        DependencySnapshot now = dependency.snapshot();
        assertEquals(MANY, now.retries());
        assertEquals(0, now.bulkhead().inUse());
        assertEquals(0, now.waiting());
    }
}
