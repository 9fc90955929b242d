package dev.seawall;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.seawall.testing.FakeClock;
import dev.seawall.testing.Fault;
import dev.seawall.testing.SeawallTesting;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** What happens is told, and the test kit makes it happen. */
class EventsTest {
    private final FakeClock clock = new FakeClock();
    private final Seawall wall = Seawall.builder().clock(clock).seed(3).create();

    private static List<String> kinds(List<Event> events) {
        return events.stream().map(Event::kind).toList();
    }

    @Test
    void each_kind_is_told_with_what_belongs_to_it() throws Exception {
        Dependency dependency = wall.define("profile", Policy.parse(
                "timeout = '1s'\nretry = { attempts = 2, base = '100ms', jitter = 'none' }\n"
                        + "breaker = { consecutive_failures = 1, open_for = '30s', open_jitter = '0%' }\n"));
        SeawallTesting.noWaiting(dependency, clock);
        List<Event> seen = new ArrayList<>();
        List<Event> ofWall = new ArrayList<>();
        Subscription mine = dependency.onEvent(seen::add);
        wall.onEvent(ofWall::add);
        IOException reset = new IOException("reset");
        SeawallTesting.inject(dependency, Fault.error(() -> reset).times(2));
        assertEquals("else", dependency.call(attempt -> "own", Fallback.value("else")));
        assertEquals("else", dependency.call(attempt -> "own", Fallback.value("else")));
        assertEquals(List.of("retry", "state_change", "fallback", "refusal", "fallback"), kinds(seen));
        assertEquals(seen, ofWall);
        assertEquals(new Event.Retry("profile", 1_000_000_000L, 1, Duration.ofMillis(100), reset), seen.get(0));
        assertEquals(new Event.StateChange("profile", 1_100_000_000L, State.CLOSED, State.OPEN), seen.get(1));
        assertEquals(new Event.FellBack("profile", 1_100_000_000L, 0, "value", Stop.ATTEMPTS_USED), seen.get(2));
        assertEquals(new Event.Refusal("profile", 1_100_000_000L, "breaker_open", Duration.ofSeconds(30), null), seen.get(3));
        mine.close();
        mine.close();
        dependency.reset();
        assertEquals(5, seen.size());
        assertEquals(6, ofWall.size());
    }

    @Test
    void a_late_result_is_told() throws Exception {
        Dependency dependency = wall.define("late", Policy.parse("timeout = '1s'\n"));
        List<Event> seen = new ArrayList<>();
        dependency.onEvent(seen::add);
        dependency.call(attempt -> {
            dependency.forceOpen();
            return 1;
        });
        assertEquals(List.of("state_change", "late_result"), kinds(seen));
        assertEquals(Outcome.SUCCESS, ((Event.LateResult) seen.get(1)).outcome());
        assertEquals(1, dependency.snapshot().late());
    }

    @Test
    void the_limit_that_said_no_is_named() {
        Dependency dependency = wall.define("limited", Policy.parse("timeout = '1s'\n"
                + "rate_limit = [{ name = 'requests', rate = '100/s' }, { name = 'tokens', rate = '1/s' }]\n"));
        List<Event> seen = new ArrayList<>();
        dependency.onEvent(seen::add);
        dependency.adjust("tokens", 1);
        assertThrows(RateLimitedException.class, () -> dependency.call(Attempt::number));
        assertEquals("tokens", ((Event.Refusal) seen.get(0)).limit());
    }

    @Test
    void a_failing_hook_fails_no_call_and_is_counted() throws Exception {
        Dependency dependency = wall.define("hooked", Policy.parse("timeout = '1s'\n"));
        List<Event> seen = new ArrayList<>();
        dependency.onEvent(event -> {
            throw new IllegalStateException("hook");
        });
        dependency.onEvent(seen::add);
        dependency.onEvent(event -> assertEquals(State.FORCED_OPEN, dependency.state()));
        dependency.forceOpen();
        assertEquals(1, seen.size());
        assertEquals(1, dependency.hookFailures());
        assertEquals(0, wall.hookFailures());
    }

    @Test
    void states_are_forced_as_failures_bring_them_about() throws Exception {
        Dependency dependency = wall.define("forced", Policy.parse("timeout = '1s'\n"));
        for (State state : new State[] {State.OPEN, State.HALF_OPEN, State.CLOSED, State.FORCED_OPEN, State.DISABLED, State.OPEN}) {
            SeawallTesting.force(dependency, state);
            assertEquals(state, dependency.state());
        }
        SeawallTesting.force(dependency, State.HALF_OPEN);
        assertEquals(1, dependency.call(Attempt::number));
        assertEquals(State.CLOSED, dependency.state());
        Dependency without = wall.define("without", Policy.parse("timeout = '1s'\nbreaker = 'off'\n"));
        assertThrows(ConfigException.class, () -> SeawallTesting.force(without, State.OPEN));
    }

    @Test
    void latency_is_waited_on_the_clock_and_too_much_of_it_times_out() throws Exception {
        Dependency dependency = wall.define("slow", Policy.parse("timeout = '1s'\n"));
        SeawallTesting.noWaiting(dependency, clock);
        SeawallTesting.inject(dependency, Fault.latency(Duration.ofMillis(400)).times(1));
        SeawallTesting.inject(dependency, Fault.latency(Duration.ofSeconds(4)).times(1));
        long before = clock.nanos();
        assertEquals(Duration.ofMillis(600), dependency.call(Attempt::remaining));
        AttemptTimeoutException late = assertThrows(AttemptTimeoutException.class, () -> dependency.call(Attempt::number));
        assertEquals(Duration.ofSeconds(1), late.timeout());
        assertEquals(Duration.ofMillis(1400), Duration.ofNanos(clock.nanos() - before));
        assertEquals(1, dependency.snapshot().timeouts());
        SeawallTesting.inject(dependency, Fault.error(IllegalStateException::new).rate(0));
        assertEquals(1, dependency.call(Attempt::number));
        SeawallTesting.inject(dependency, Fault.error(IllegalStateException::new));
        SeawallTesting.restore(dependency);
        assertEquals(1, dependency.call(Attempt::number));
        assertThrows(ConfigException.class, () -> SeawallTesting.inject(dependency, Fault.error(Error::new).rate(Double.NaN)));
        assertThrows(ConfigException.class, () -> SeawallTesting.inject(dependency, Fault.error(Error::new).times(0)));
    }

    @Test
    void the_log_has_a_line_for_each() throws Exception {
        java.util.logging.Logger log = java.util.logging.Logger.getLogger("seawall");
        List<String> lines = new ArrayList<>();
        java.util.logging.Handler handler = new java.util.logging.Handler() {
            @Override
            public void publish(java.util.logging.LogRecord line) {
                lines.add(line.getLevel() + " " + line.getMessage());
            }

            @Override
            public void flush() {}

            @Override
            public void close() {}
        };
        log.addHandler(handler);
        log.setLevel(java.util.logging.Level.ALL);
        try {
            Dependency dependency = wall.define("logged", Policy.parse("timeout = '1s'\n"));
            dependency.forceOpen();
            dependency.call(attempt -> "own", Fallback.value("else"));
        } finally {
            log.setLevel(java.util.logging.Level.OFF);
            log.removeHandler(handler);
        }
        assertEquals(List.of("WARNING logged: breaker CLOSED -> FORCED_OPEN", "FINE logged: refused, breaker_forced_open",
                "INFO logged: fallback served, step 0 value, refused"), lines);
    }
}
