package dev.seawall;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import org.junit.jupiter.api.Test;

class DeadlineTest {
    private final ManualClock clock = new ManualClock();

    @Test
    void time_runs_out_at_the_moment_itself() {
        Deadline deadline = Deadline.after(Duration.ofSeconds(5), clock);
        clock.advance(Duration.ofSeconds(4));
        assertEquals(Duration.ofSeconds(1), deadline.remaining());
        assertEquals(Duration.ofMillis(200), deadline.attemptTimeout(Duration.ofMillis(200)));
        assertEquals(Duration.ofSeconds(1), deadline.attemptTimeout(Duration.ofSeconds(2)));
        deadline.check();
        clock.advance(Duration.ofSeconds(1));
        assertTrue(deadline.isExpired());
        assertEquals("deadline_exceeded", assertThrows(DeadlineExceededException.class, deadline::check).code());
        assertEquals(Duration.ZERO, deadline.remaining());
    }

    @Test
    void the_caller_keeps_a_share() {
        Deadline deadline = Deadline.after(Duration.ofSeconds(10), clock);
        assertEquals(Duration.ofSeconds(8), deadline.keep(0.2).remaining());
        assertEquals("reserve", assertThrows(ConfigException.class, () -> deadline.keep(1.1)).field());
        assertEquals("reserve", assertThrows(ConfigException.class, () -> deadline.keep(Double.NaN)).field());
        assertEquals(Duration.ofSeconds(8), deadline.nearer(deadline.keep(0.2)).remaining());
        assertThrows(SeawallException.class, () -> deadline.nearer(Deadline.after(Duration.ZERO)));
    }

    @Test
    void for_ever_never_comes() {
        Deadline never = Deadline.after(Duration.ofSeconds(Long.MAX_VALUE), clock);
        clock.advance(Duration.ofDays(100_000));
        assertFalse(never.isExpired());
        assertThrows(ConfigException.class, () -> Deadline.after(Duration.ofSeconds(-1)));
    }

    @Test
    void the_system_clock_runs() {
        Deadline deadline = Deadline.after(Duration.ofHours(1));
        assertTrue(deadline.remaining().compareTo(Duration.ofMinutes(59)) > 0);
        long before = Clock.system().nanos();
        assertTrue(Clock.system().nanos() >= before && before > 0);
    }
}
