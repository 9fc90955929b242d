package dev.seawall;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import java.util.HashSet;
import java.util.Set;
import org.junit.jupiter.api.Test;

class BackoffTest {
    @Test
    void waits_grow_to_the_cap() {
        Backoff backoff = Backoff.builder().base(Duration.ofMillis(100)).cap(Duration.ofMillis(500)).jitter(Jitter.NONE).build();
        assertEquals(Duration.ofMillis(100), backoff.delay(1));
        assertEquals(Duration.ofMillis(200), backoff.delay(2));
        assertEquals(Duration.ofMillis(400), backoff.delay(3));
        assertEquals(Duration.ofMillis(500), backoff.delay(4));
        assertEquals(Duration.ofMillis(500), backoff.delay(1_000_000));
    }

    @Test
    void jitter_spreads_and_stays_within_its_bounds() {
        Backoff backoff = Backoff.builder().base(Duration.ofSeconds(1)).jitter(Jitter.EQUAL).build();
        Set<Duration> seen = new HashSet<>();
        for (int times = 0; times < 100; times++) {
            Duration delay = backoff.delay(1);
            assertTrue(delay.compareTo(Duration.ofMillis(500)) >= 0 && delay.compareTo(Duration.ofSeconds(1)) <= 0);
            seen.add(delay);
        }
        assertTrue(seen.size() > 50);
    }

    @Test
    void what_the_server_asks_for_is_a_floor() {
        Backoff backoff = Backoff.builder().build();
        assertTrue(backoff.delay(1, Duration.ZERO, Duration.ofMinutes(1)).compareTo(Duration.ofMinutes(1)) >= 0);
        Backoff bounded = Backoff.builder().jitter(Jitter.NONE).retryAfterMargin(Duration.ofSeconds(5)).build();
        assertEquals(Duration.ofMillis(5100), bounded.delay(1, Duration.ZERO, Duration.ofMinutes(1)));
    }

    @Test
    void there_is_no_retry_before_the_first() {
        assertEquals("attempt: 0 is outside 1..4294967295",
                assertThrows(ConfigException.class, () -> Backoff.builder().build().delay(0)).getMessage());
    }
}
