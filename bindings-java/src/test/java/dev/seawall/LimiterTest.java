package dev.seawall;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

class LimiterTest {
    private final ManualClock clock = new ManualClock();

    private Limiter of(long permits, long burst) {
        return Limiter.builder("api").rate(permits, Duration.ofSeconds(1)).burst(burst).clock(clock).build();
    }

    @Test
    void gives_the_burst_then_the_rate() {
        Limiter limiter = of(10, 3);
        limiter.tryAcquire(2);
        limiter.tryAcquire();
        limiter.tryAcquire(0);
        RateLimitedException early = assertThrows(RateLimitedException.class, limiter::tryAcquire);
        assertEquals("rate_limited", early.code());
        assertEquals(Duration.ofMillis(100), early.retryAfter());
        clock.advance(Duration.ofMillis(100));
        limiter.tryAcquire();
        Limiter.Snapshot now = limiter.snapshot();
        assertEquals(3, now.limit());
        assertEquals(0, now.remaining());
        assertEquals(Duration.ofMillis(300), now.reset());
        assertEquals(1, now.refused());
    }

    @Test
    void more_than_the_bucket_can_hold_is_an_error_not_a_wait() {
        Limiter limiter = of(10, 3);
        ExceedsCapacityException never = assertThrows(ExceedsCapacityException.class, () -> limiter.tryAcquire(4));
        assertEquals("exceeds_capacity", never.code());
        assertThrows(ExceedsCapacityException.class, () -> limiter.acquire(4, Duration.ofDays(1)));
        CompletableFuture<Void> later = limiter.acquireAsync(4, Duration.ofDays(1));
        assertTrue(assertThrows(ExecutionException.class, later::get).getCause() instanceof ExceedsCapacityException);
        ConfigException negative = assertThrows(ConfigException.class, () -> limiter.tryAcquire(-1));
        assertEquals("tokens: -1 is outside 0..3", negative.getMessage());
        assertEquals(3, limiter.snapshot().remaining());
    }

    @Test
    void waiting_takes_the_time_it_must_and_not_more() throws Exception {
        Limiter limiter = Limiter.builder("api").rate(100, Duration.ofSeconds(1)).burst(1).build();
        long start = System.nanoTime();
        limiter.acquire(Duration.ZERO);
        limiter.acquire(1, Duration.ofSeconds(5));
        long took = System.nanoTime() - start;
        assertTrue(took >= 9_000_000, "a token comes every 10 ms, this took " + took);
        Limiter slow = Limiter.builder("api").rate(1, Duration.ofHours(1)).build();
        slow.acquire(Duration.ofMillis(1));
        assertThrows(RateLimitedException.class, () -> slow.acquire(Duration.ofMillis(1)));
    }

    @Test
    void waits_on_a_manual_clock_end_when_it_is_moved() throws Exception {
        Limiter limiter = of(10, 1);
        limiter.tryAcquire();
        CompletableFuture<Void> first = limiter.acquireAsync(1, Duration.ofSeconds(1));
        Thread second = new Thread(() -> {
            try {
                limiter.acquire(1, Duration.ofSeconds(1));
            } catch (InterruptedException impossible) {
                throw new AssertionError(impossible);
            }
        });
        second.start();
        Threads.until(() -> clock.sleepers() == 2);
        clock.advance(Duration.ofMillis(100));
        first.get(20, TimeUnit.SECONDS);
        assertTrue(second.isAlive());
        clock.advance(Duration.ofMillis(100));
        second.join(20_000);
        assertFalse(second.isAlive());
        assertEquals(0, clock.sleepers());
    }

    @Test
    void who_stops_waiting_gives_the_tokens_back() throws Exception {
        Limiter limiter = of(1, 2);
        limiter.tryAcquire(2);
        CompletableFuture<Void> waiting = limiter.acquireAsync(1, Duration.ofSeconds(5));
        assertEquals(Duration.ofSeconds(3), limiter.snapshot().reset());
        waiting.cancel(false);
        assertEquals(Duration.ofSeconds(2), limiter.snapshot().reset());
        assertEquals(0, clock.sleepers());

        AtomicInteger interrupted = new AtomicInteger();
        Thread waiter = new Thread(() -> {
            try {
                limiter.acquire(1, Duration.ofSeconds(5));
            } catch (InterruptedException expected) {
                interrupted.incrementAndGet();
            }
        });
        waiter.start();
        Threads.until(() -> clock.sleepers() == 1);
        waiter.interrupt();
        waiter.join();
        assertEquals(1, interrupted.get());
        assertEquals(Duration.ofSeconds(2), limiter.snapshot().reset());
        assertEquals(0, clock.sleepers());
    }

    @Test
    void a_reservation_is_cancelled_once() {
        Limiter limiter = of(1, 2);
        Limiter.Reservation now = limiter.reserve(2, Duration.ZERO);
        assertEquals(Duration.ZERO, now.delay());
        assertEquals(2, now.tokens());
        Limiter.Reservation later = limiter.reserve(1, Duration.ofSeconds(1));
        assertEquals(Duration.ofSeconds(1), later.delay());
        assertThrows(RateLimitedException.class, () -> limiter.reserve(1, Duration.ofSeconds(1)));
        later.cancel();
        assertEquals("spent", assertThrows(PermitSpentException.class, later::cancel).code());
        assertEquals(Duration.ofSeconds(2), limiter.snapshot().reset());
    }

    @Test
    void a_cost_is_corrected_after_the_fact() {
        Limiter limiter = of(1, 10);
        limiter.tryAcquire(5);
        limiter.adjust(7);
        assertEquals(0, limiter.snapshot().remaining());
        assertEquals(Duration.ofSeconds(12), limiter.snapshot().reset());
        limiter.adjust(-100);
        assertEquals(10, limiter.snapshot().remaining());
    }

    @Test
    void a_live_limiter_changes_its_rate_and_keeps_what_was_used() {
        Limiter limiter = of(10, 10);
        limiter.tryAcquire(4);
        limiter.setRate(1, Duration.ofSeconds(1));
        assertEquals(6, limiter.snapshot().remaining());
        assertEquals(10, limiter.snapshot().limit());
        limiter.setRate(1, Duration.ofSeconds(1), 5);
        assertEquals(5, limiter.snapshot().limit());
        assertEquals("rate", assertThrows(ConfigException.class, () -> limiter.setRate(0, Duration.ofSeconds(1))).field());
        Limiter follows = Limiter.builder("api").rate(5, Duration.ofSeconds(1)).clock(clock).build();
        follows.setRate(8, Duration.ofSeconds(1));
        assertEquals(8, follows.snapshot().limit());
    }

    @Test
    void racing_threads_get_the_burst_and_not_one_more() throws Exception {
        Limiter limiter = of(1, 100_000);
        AtomicInteger granted = new AtomicInteger();
        Threads.together(8, number -> {
            for (int round = 0; round < 25_000; round++) {
                try {
                    limiter.tryAcquire();
                    granted.incrementAndGet();
                } catch (RateLimitedException no) {
                    Thread.onSpinWait();
                }
            }
        });
        assertEquals(100_000, granted.get());
        assertEquals(100_000, limiter.snapshot().refused());
    }
}
