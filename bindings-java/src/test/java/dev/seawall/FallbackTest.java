package dev.seawall;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.seawall.testing.FakeClock;
import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

/** What is served when the dependency does not. */
class FallbackTest {
    private final FakeClock clock = new FakeClock();
    private final Seawall wall = Seawall.builder().clock(clock).create();
    private final Dependency titles = wall.define("titles", Policy.parse("timeout = '1s'\nbreaker = 'off'\n"));

    private static List<String> down(Attempt attempt) throws IOException {
        throw new IOException("down");
    }

    @Test
    void a_value_serves_in_place_of_an_error_and_of_a_refusal() throws Exception {
        assertEquals(List.of(), titles.call(FallbackTest::down, Fallback.value(List.of())));
        Dependency shut = wall.define("shut", Policy.parse("timeout = '1s'\n"));
        shut.forceOpen();
        assertEquals("else", shut.call(attempt -> "own", Fallback.value("else")));
        assertEquals(1, titles.snapshot().fallbacks());
        assertEquals("own", wall.define("open", Policy.parse("timeout = '1s'\n")).call(attempt -> "own", Fallback.value("else")));
    }

    @Test
    void a_function_gets_the_error() throws Exception {
        assertEquals("down", titles.call(attempt -> down(attempt).get(0), Fallback.of(Throwable::getMessage)));
    }

    @Test
    void the_first_step_that_has_something_serves() throws Exception {
        LastGood<String> good = LastGood.of(Duration.ofSeconds(60));
        Fallback<String> chain = Fallback.lastGood(good, "user").or(Fallback.of(error -> {
            throw new IllegalStateException("no cache");
        })).or(Fallback.value("nothing"));
        CallOutcome<String> outcome = titles.callDetailed(attempt -> down(attempt).get(0), CallOptions.DEFAULT, chain);
        assertEquals("nothing", outcome.value());
        assertTrue(outcome.degraded() && outcome.hasValue());
        assertEquals(2, outcome.step());
        assertEquals(Stop.ATTEMPTS_USED, outcome.reason());
        assertEquals("down", outcome.error().getMessage());
        assertEquals("fresh", titles.call(attempt -> "fresh", chain));
        outcome = titles.callDetailed(attempt -> down(attempt).get(0), CallOptions.DEFAULT, chain);
        assertEquals("fresh", outcome.value());
        assertEquals(0, outcome.step());
        clock.advance(Duration.ofSeconds(61));
        assertEquals("nothing", titles.call(attempt -> down(attempt).get(0), chain));
    }

    @Test
    void a_store_holds_so_many() throws Exception {
        LastGood<Integer> good = LastGood.of(Duration.ofSeconds(60), 3);
        for (int key = 0; key < 10; key++) {
            int value = key;
            titles.call(attempt -> value, Fallback.lastGood(good, key));
        }
        assertEquals(3, good.size());
        assertEquals(9, titles.call(attempt -> down(attempt).size(), Fallback.lastGood(good, 9)));
        assertThrows(IOException.class, () -> titles.call(attempt -> down(attempt).size(), Fallback.lastGood(good, 1)));
        good.clear();
        assertEquals(0, good.size());
    }

    @Test
    void a_store_out_of_range_is_refused_by_name_value_and_range() {
        Duration most = Duration.ofDays(366);
        for (Duration age : new Duration[] {Duration.ofSeconds(-1), Duration.ZERO, Duration.ofNanos(999_999),
            most.plusNanos(1), Duration.ofSeconds(Long.MAX_VALUE)}) {
            ConfigException refused = assertThrows(ConfigException.class, () -> LastGood.of(age));
            assertEquals("maxAge", refused.field());
            assertEquals(age, refused.value());
            assertEquals(Duration.ofMillis(1), refused.min());
            assertEquals(most, refused.max());
        }
        for (int entries : new int[] {-1, 0, 1_000_001}) {
            ConfigException refused = assertThrows(ConfigException.class, () -> LastGood.of(most, entries));
            assertEquals("maxEntries", refused.field());
            assertEquals((long) entries, refused.value());
            assertEquals(1L, refused.min());
            assertEquals(1_000_000L, refused.max());
        }
        assertEquals(0, LastGood.of(Duration.ofMillis(1), 1_000_000).size());
        assertEquals(0, LastGood.of(most, 1).size());
    }

    @Test
    void a_failing_fallback_has_the_original_as_its_cause() {
        IllegalStateException broken = new IllegalStateException("broken, too");
        Exception seen = assertThrows(IllegalStateException.class, () -> titles.call(FallbackTest::down, Fallback.of(error -> {
            throw broken;
        })));
        assertSame(broken, seen);
        assertEquals("down", seen.getCause().getMessage());
        RuntimeException hasOne = new RuntimeException(new Error("its own"));
        seen = assertThrows(RuntimeException.class, () -> titles.call(FallbackTest::down, Fallback.of(error -> {
            throw hasOne;
        })));
        assertEquals("down", seen.getSuppressed()[0].getMessage());
    }

    @Test
    void forbidden_is_told_before_anything_is_called() {
        Dependency payments = wall.define("payments", Policy.parse("timeout = '1s'\ncriticality = 'critical'\n"));
        AtomicInteger made = new AtomicInteger();
        ConfigException refused = assertThrows(ConfigException.class,
                () -> payments.call(attempt -> made.incrementAndGet(), Fallback.value(0)));
        assertEquals("fallback", refused.field());
        assertThrows(ConfigException.class,
                () -> payments.callAsync(attempt -> CompletableFuture.completedFuture(1), Fallback.value(0)));
        assertEquals(0, made.get());
    }

    @Test
    void what_the_caller_gave_up_is_not_served() {
        assertThrows(InterruptedException.class, () -> titles.call(attempt -> {
            throw new InterruptedException();
        }, Fallback.value("else")));
        assertEquals(0, titles.snapshot().fallbacks());
    }

    @Test
    void asynchronous_calls_fall_back_too() throws Exception {
        assertEquals("else", titles.callAsync(attempt -> CompletableFuture.failedFuture(new IOException("down")),
                Fallback.value("else")).get());
        CallOutcome<String> outcome = titles.callDetailedAsync(
                attempt -> CompletableFuture.<String>failedFuture(new IOException("down")), CallOptions.DEFAULT, null).get();
        assertEquals("down", outcome.error().getMessage());
        ExecutionException failed = assertThrows(ExecutionException.class, () -> titles.callAsync(
                attempt -> CompletableFuture.<String>failedFuture(new IOException("down")), Fallback.of(error -> {
                    throw new IllegalStateException("broken, too");
                })).get());
        assertEquals("down", failed.getCause().getCause().getMessage());
    }
}
