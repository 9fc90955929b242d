package dev.seawall;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.seawall.testing.FakeClock;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;

/** Deadlines across services and threads. */
class DeadlineHeadersTest {
    private final FakeClock clock = new FakeClock();

    @Test
    void what_is_left_travels_in_headers() {
        Map<String, String> headers = new HashMap<>();
        Deadline.after(Duration.ofMillis(1500), clock).inject(headers);
        assertEquals(Map.of("x-request-timeout-ms", "1500", "grpc-timeout", "1500000u"), headers);
        assertTrue(near(1500, Deadline.extract(headers).orElseThrow()));
        assertTrue(near(2000, Deadline.extract(Map.of("Grpc-Timeout", "2S")).orElseThrow()));
        assertTrue(near(300, Deadline.extract(name -> name.equals("x-request-timeout-ms") ? "300" : "9S").orElseThrow()));
        assertTrue(Deadline.extract(Map.of("accept", "text/plain")).isEmpty());
        headers.clear();
        Deadline.after(Duration.ofSeconds(Long.MAX_VALUE), clock).inject(headers);
        assertEquals("86400000", headers.get("x-request-timeout-ms"));
    }

    private static boolean near(long millis, Deadline deadline) {
        long left = deadline.remaining().toMillis();
        return left <= millis && left > millis - 100;
    }

    @Test
    void malformed_and_absurd_ones_are_refused() {
        for (String value : new String[] {"", "soon", "-1", "1.5", "86400001", "9".repeat(1 << 20), "\u00e9"}) {
            HeaderException refused = assertThrows(HeaderException.class,
                    () -> Deadline.extract(Map.of("x-request-timeout-ms", value)));
            assertEquals("x-request-timeout-ms", refused.header());
            assertEquals("header", refused.code());
            assertTrue(refused.getMessage().length() < 200);
        }
        assertThrows(HeaderException.class, () -> Deadline.extract(Map.of("grpc-timeout", "25H")));
    }

    @Test
    void of_two_headers_the_nearer_one_counts() {
        assertTrue(near(300, Deadline.extract(Map.of("x-request-timeout-ms", "9000", "grpc-timeout", "300m")).orElseThrow()));
        assertTrue(near(200, Deadline.extract(Map.of("x-request-timeout-ms", "200", "grpc-timeout", "3S")).orElseThrow()));
        assertThrows(HeaderException.class,
                () -> Deadline.extract(Map.of("x-request-timeout-ms", "200", "grpc-timeout", "soon")));
    }

    @Test
    void a_refused_header_says_what_was_expected_and_repeats_nothing_of_it() {
        record Case(String header, String value, HeaderException.Kind kind) {}
        String hostile = "\u001b[31m\nroot: logged in";
        for (Case one : new Case[] {
            new Case("x-request-timeout-ms", "", HeaderException.Kind.EMPTY),
            new Case("grpc-timeout", " \t", HeaderException.Kind.EMPTY),
            new Case("x-request-timeout-ms", "5".repeat(65), HeaderException.Kind.TOO_LONG),
            new Case("x-request-timeout-ms", hostile, HeaderException.Kind.MALFORMED),
            new Case("grpc-timeout", hostile, HeaderException.Kind.MALFORMED),
            new Case("x-request-timeout-ms", "86400001", HeaderException.Kind.TOO_LARGE),
            new Case("grpc-timeout", "25H", HeaderException.Kind.TOO_LARGE),
            new Case("grpc-timeout", "123456789S", HeaderException.Kind.MALFORMED),
        }) {
            HeaderException refused = assertThrows(HeaderException.class,
                    () -> Deadline.extract(Map.of(one.header(), one.value())));
            assertEquals(one.header(), refused.header());
            assertEquals(one.kind(), refused.kind(), one.value());
            assertEquals(one.value().length(), refused.length());
            assertTrue(refused.getMessage().endsWith("; expected " + refused.expected()), refused.getMessage());
            assertTrue(refused.getMessage().chars().allMatch(c -> c >= ' ' && c < 127), refused.getMessage());
            assertTrue(one.value().isBlank() || !refused.getMessage().contains(one.value()), refused.getMessage());
        }
    }

    @Test
    void work_for_other_threads_takes_the_deadline_along() throws Exception {
        AtomicReference<Object> seen = new AtomicReference<>();
        Deadline deadline = Deadline.after(Duration.ofSeconds(3), clock);
        Runnable wrapped = deadline.call(() -> Deadline.wrap(() -> seen.set(Deadline.current().orElse(null))));
        Callable<Object> called = deadline.call(() -> Deadline.wrap((Callable<Object>) Deadline::current));
        Thread thread = new Thread(wrapped);
        thread.start();
        thread.join();
        assertEquals(deadline, seen.get());
        assertEquals(deadline, ((java.util.Optional<?>) called.call()).orElseThrow());
        assertTrue(Deadline.current().isEmpty());
        Runnable plain = () -> { };
        assertEquals(plain, Deadline.wrap(plain));
    }

    @Test
    void the_nearer_one_is_in_force() {
        Deadline far = Deadline.after(Duration.ofSeconds(30), clock);
        Deadline near = Deadline.after(Duration.ofSeconds(3), clock);
        Deadline other = Deadline.after(Duration.ofSeconds(1));
        near.run(() -> far.run(() -> {
            assertEquals(Duration.ofSeconds(3), Deadline.current().orElseThrow().remaining());
            other.run(() -> assertEquals(other, Deadline.current().orElseThrow()));
        }));
    }
}
