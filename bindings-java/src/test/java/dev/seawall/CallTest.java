package dev.seawall;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.seawall.testing.FakeClock;
import dev.seawall.testing.SeawallTesting;
import java.io.IOException;
import java.net.ConnectException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;

/** Calls on the caller's thread. */
class CallTest {
    private final FakeClock clock = new FakeClock();
    private final Seawall wall = Seawall.builder().clock(clock).seed(7).create();

    private Dependency dependency(String toml) {
        Dependency dependency = wall.define("profile", Policy.parse(toml));
        SeawallTesting.noWaiting(dependency, clock);
        return dependency;
    }

    private static final String THREE = "timeout = '1s'\nretry = { attempts = 3, base = '100ms', jitter = 'none' }\n";

    private static int failing(AtomicInteger made, Exception error) throws Exception {
        made.incrementAndGet();
        throw error;
    }

    @Test
    void a_connection_error_is_followed_by_further_attempts() throws Exception {
        Dependency dependency = dependency(THREE);
        List<Integer> numbers = new ArrayList<>();
        String answer = dependency.call(attempt -> {
            numbers.add(attempt.number());
            if (attempt.number() < 3) {
                throw new IOException("reset");
            }
            return "served";
        });
        assertEquals("served", answer);
        assertEquals(List.of(1, 2, 3), numbers);
        assertEquals(2, dependency.snapshot().retries());
        assertEquals(Duration.ofMillis(1300), Duration.ofNanos(clock.nanos()));
    }

    @Test
    void the_last_error_comes_through_as_the_same_object_and_says_what_became_of_the_call() {
        Dependency dependency = dependency(THREE);
        List<IOException> thrown = new ArrayList<>();
        IOException seen = assertThrows(IOException.class, () -> dependency.call(attempt -> {
            thrown.add(new IOException("reset " + attempt.number()));
            throw thrown.get(thrown.size() - 1);
        }));
        assertSame(thrown.get(2), seen);
        CallInfo info = CallInfo.of(seen);
        assertEquals(3, info.attempts());
        assertEquals(Stop.ATTEMPTS_USED, info.stop());
        assertEquals("profile: 3 attempts, attempts_used", info.getMessage());
        assertEquals(0, info.getStackTrace().length);
    }

    @Test
    void an_exception_thrown_again_and_again_does_not_grow() {
        Dependency dependency = dependency("timeout = '1s'\nbreaker = 'off'\n");
        IOException always = new IOException("always the same");
        for (int call = 0; call < 100; call++) {
            assertSame(always, assertThrows(IOException.class, () -> dependency.call(attempt -> {
                throw always;
            })));
        }
        assertEquals(1, always.getSuppressed().length);
    }

    @Test
    void a_bug_is_a_failure_and_not_repeated() {
        Dependency dependency = dependency(THREE);
        AtomicInteger made = new AtomicInteger();
        IllegalStateException bug = new IllegalStateException();
        assertSame(bug, assertThrows(IllegalStateException.class, () -> dependency.call(attempt -> failing(made, bug))));
        assertEquals(1, made.get());
        assertEquals(1, dependency.snapshot().failures());
        assertEquals(Stop.NOT_RETRYABLE, CallInfo.of(bug).stop());
    }

    @Test
    void errors_mean_what_the_options_say() {
        Dependency dependency = dependency(THREE + "breaker = 'off'\n");
        CallOptions options = CallOptions.builder().on(IllegalStateException.class).ignore(NullPointerException.class)
                .failure(IOException.class).build();
        assertEquals(3, attempts(dependency, options, new IllegalStateException()));
        assertEquals(1, attempts(dependency, options, new NullPointerException()));
        assertEquals(1, attempts(dependency, options, new IOException()));
        assertEquals(1, attempts(dependency, options, new ArithmeticException()));
        DependencySnapshot now = dependency.snapshot();
        assertEquals(2, now.failures());
        assertEquals(1, now.ignored());
        assertEquals(1, now.successes());
    }

    private static int attempts(Dependency dependency, CallOptions options, Exception error) {
        AtomicInteger made = new AtomicInteger();
        assertSame(error, assertThrows(Exception.class, () -> dependency.call(attempt -> failing(made, error), options)));
        return made.get();
    }

    @Test
    void a_rule_that_throws_makes_the_attempt_say_nothing() {
        Dependency dependency = dependency(THREE);
        CallOptions options = CallOptions.builder().on(thrown -> {
            throw new IllegalStateException("a bug in a rule");
        }).build();
        IOException seen = assertThrows(IOException.class, () -> dependency.call(attempt -> {
            throw new IOException("reset");
        }, options));
        assertEquals("a bug in a rule", seen.getSuppressed()[0].getMessage());
        assertEquals(1, dependency.snapshot().ignored());
    }

    @Test
    void what_the_caller_cancels_is_ignored() {
        Dependency dependency = dependency(THREE);
        assertEquals(1, attempts(dependency, CallOptions.DEFAULT, new InterruptedException()));
        assertEquals(1, attempts(dependency, CallOptions.DEFAULT, new CancellationException()));
        assertEquals(2, dependency.snapshot().ignored());
    }

    @Test
    void what_may_have_been_carried_out_is_sent_again_only_if_it_certainly_was_not_sent() {
        Dependency dependency = dependency(THREE + "idempotent = false\n");
        assertEquals(1, attempts(dependency, CallOptions.DEFAULT, new IOException("reset")));
        assertEquals(3, attempts(dependency, CallOptions.DEFAULT, new ConnectException("refused")));
        CallOptions again = CallOptions.builder().idempotent(true).build();
        assertEquals(3, attempts(dependency, again, new TimeoutException()));
        assertEquals(3, dependency.snapshot().timeouts());
    }

    private static final class Busy extends Exception implements Throttled {
        @Override
        public Duration retryAfter() {
            return Duration.ofSeconds(2);
        }
    }

    @Test
    void the_wait_that_an_error_asks_for_is_waited() throws Exception {
        Dependency dependency = dependency(THREE);
        long before = clock.nanos();
        dependency.call(attempt -> {
            if (attempt.number() == 1) {
                throw new Busy();
            }
            return null;
        });
        assertEquals(Duration.ofSeconds(2), Duration.ofNanos(clock.nanos() - before));
    }

    @Test
    void results_can_be_failures() throws Exception {
        Dependency dependency = dependency(THREE);
        List<Object> discarded = new ArrayList<>();
        CallOptions options = CallOptions.builder().onResult("busy"::equals).discard(discarded::add).build();
        assertEquals("done", dependency.call(attempt -> attempt.number() < 3 ? "busy" : "done", options));
        assertEquals(List.of("busy", "busy"), discarded);
        assertEquals("busy", dependency.call(attempt -> "busy", options));
        assertEquals(1, dependency.snapshot().failures());
    }

    @Test
    void attempts_know_their_time_and_share_a_key() throws Exception {
        Dependency dependency = dependency(THREE + "deadline = '4s'\nidempotency_key = true\n");
        List<String> keys = new ArrayList<>();
        dependency.call(attempt -> {
            keys.add(attempt.idempotencyKey());
            assertEquals(attempt.timeout(), attempt.remaining());
            clock.advance(Duration.ofMillis(700));
            if (attempt.number() == 1) {
                assertEquals(Duration.ofSeconds(1), attempt.timeout());
                assertEquals(Duration.ofMillis(300), attempt.remaining());
                throw new IOException("reset");
            }
            assertEquals(Duration.ofSeconds(1), attempt.timeout());
            clock.advance(Duration.ofSeconds(9));
            assertEquals(Duration.ZERO, attempt.remaining());
            return null;
        });
        assertEquals(keys.get(0), keys.get(1));
        assertEquals(4, UUID.fromString(keys.get(0)).version());
        dependency.call(attempt -> keys.add(attempt.idempotencyKey()));
        assertNotEquals(keys.get(0), keys.get(2));
        UUID mine = UUID.randomUUID();
        assertEquals(mine.toString(),
                dependency.call(Attempt::idempotencyKey, CallOptions.builder().idempotencyKey(mine).build()));
    }

    @Test
    void a_deadline_is_never_overrun_by_a_sleep() {
        Dependency dependency = dependency(
                "timeout = '1s'\ndeadline = '5s'\nretry = { attempts = 3, base = '500ms', jitter = 'none' }\n");
        long before = clock.nanos();
        IOException seen = assertThrows(IOException.class, () -> dependency.call(attempt -> {
            clock.advance(Duration.ofSeconds(3));
            throw new IOException("slow");
        }));
        assertEquals(Stop.DEADLINE_TOO_NEAR, CallInfo.of(seen).stop());
        assertTrue(clock.nanos() - before <= Duration.ofSeconds(7).toNanos());
    }

    @Test
    void refusals_are_typed_cheap_and_before_the_function() {
        Dependency dependency = dependency("timeout = '1s'\nrate_limit = { rate = '1/s', burst = 1 }\n");
        assertEquals(1, assertDoes(dependency));
        RateLimitedException limited = assertThrows(RateLimitedException.class, () -> assertDoes(dependency));
        assertEquals("rate_limited", limited.code());
        assertEquals("profile", limited.name());
        assertEquals(Duration.ofSeconds(1), limited.retryAfter());
        assertEquals(0, limited.getStackTrace().length);
        dependency.forceOpen();
        assertEquals("breaker_forced_open", assertThrows(BreakerOpenException.class, () -> assertDoes(dependency)).code());
        dependency.reset();
        CallOptions past = CallOptions.builder().deadline(Deadline.at(1, clock)).build();
        assertThrows(DeadlineExceededException.class, () -> dependency.call(attempt -> 1, past));
        CallOptions dear = CallOptions.builder().cost("requests", 2).build();
        assertThrows(ExceedsCapacityException.class, () -> dependency.call(attempt -> 1, dear));
    }

    private static int assertDoes(Dependency dependency) {
        try {
            return dependency.call(Attempt::number);
        } catch (InterruptedException impossible) {
            throw new AssertionError(impossible);
        }
    }

    @Test
    void nested_calls_inherit_the_nearer_deadline() throws Exception {
        Dependency outer = dependency("timeout = '1s'\ndeadline = '10s'\n");
        Dependency inner = wall.define("inner", Policy.parse("timeout = '5s'\n"));
        outer.call(attempt -> {
            clock.advance(Duration.ofMillis(400));
            assertEquals(Duration.ofMillis(600), inner.call(Attempt::timeout));
            return null;
        });
        assertTrue(Deadline.current().isEmpty());
        assertEquals(Duration.ofSeconds(5), inner.call(Attempt::timeout));
        assertEquals(Duration.ofSeconds(2), Deadline.after(Duration.ofSeconds(2), clock).call(() -> inner.call(Attempt::timeout)));
        CallOptions within = CallOptions.builder().deadline(Duration.ofSeconds(3)).build();
        assertEquals(Duration.ofSeconds(3), inner.call(Attempt::timeout, within));
    }

    @Test
    void a_refusal_from_further_in_says_nothing_about_the_outer_one() {
        Dependency outer = dependency(THREE);
        Dependency inner = wall.define("inner", Policy.parse("timeout = '1s'\n"));
        inner.forceOpen();
        assertThrows(BreakerOpenException.class, () -> outer.call(attempt -> inner.call(Attempt::number)));
        assertEquals(1, outer.snapshot().ignored());
    }

    @Test
    void two_requests_of_three_attempts_count_as_two_or_as_six() throws Exception {
        String retry = "timeout = '1s'\nretry = { attempts = 3, base = '1ms' }\n";
        Dependency byCall = wall.define("by_call", Policy.parse(retry + "breaker = { consecutive_failures = 5 }\n"));
        Dependency byAttempt = wall.define("by_attempt",
                Policy.parse(retry + "breaker = { consecutive_failures = 5, scope = 'attempt' }\n"));
        for (Dependency each : List.of(byCall, byAttempt)) {
            SeawallTesting.noWaiting(each, clock);
            for (int request = 0; request < 2; request++) {
                assertThrows(IOException.class, () -> each.call(attempt -> {
                    throw new IOException("down");
                }));
            }
        }
        assertEquals(State.CLOSED, byCall.state());
        assertEquals(State.OPEN, byAttempt.state());
    }

    @Test
    void an_interrupt_while_sleeping_leaves_nothing_behind() throws Exception {
        Dependency dependency = Seawall.create().define("slow", Policy.parse(
                "timeout = '1s'\nretry = { attempts = 2, base = '60s', cap = '60s', jitter = 'none' }\nbulkhead = { max_concurrent = 1 }\n"));
        CountDownLatch failed = new CountDownLatch(1);
        AtomicReference<Throwable> seen = new AtomicReference<>();
        Thread caller = new Thread(() -> seen.set(assertThrows(Exception.class, () -> dependency.call(attempt -> {
            failed.countDown();
            throw new IOException("reset");
        }))));
        caller.start();
        failed.await();
        Threads.until(() -> caller.getState() == Thread.State.TIMED_WAITING);
        caller.interrupt();
        caller.join(10_000);
        assertTrue(seen.get() instanceof InterruptedException, String.valueOf(seen.get()));
        assertEquals("reset", seen.get().getSuppressed()[0].getMessage());
        DependencySnapshot now = dependency.snapshot();
        assertEquals(0, now.bulkhead().inUse());
        assertEquals(0, now.retryBudget().retriesInFlight());
        assertEquals(0, now.retryBudget().callsInFlight());
        assertEquals(1, now.cancelled());
    }

    @Test
    void a_permit_by_hand_says_how_it_ended_once() throws Exception {
        Dependency dependency = dependency("timeout = '1s'\nbulkhead = { max_concurrent = 1 }\nbreaker = { consecutive_failures = 1 }\n");
        try (DependencyPermit permit = dependency.permit()) {
            assertEquals(Duration.ofSeconds(1), permit.attempt().remaining());
            assertThrows(BulkheadFullException.class, dependency::permit);
            permit.record(Outcome.SUCCESS);
            assertThrows(PermitSpentException.class, () -> permit.record(Outcome.SUCCESS));
        }
        dependency.permit().close();
        DependencySnapshot now = dependency.snapshot();
        assertEquals(1, now.successes());
        assertEquals(1, now.cancelled());
        assertEquals(0, now.bulkhead().inUse());
        dependency.permit().record(Outcome.FAILURE, Duration.ofSeconds(60));
        assertEquals(State.OPEN, dependency.state());
        assertEquals(Duration.ofSeconds(60), assertThrows(BreakerOpenException.class, dependency::permit).retryAfter());
    }

    @Test
    void details_tell_everything_and_throw_nothing() throws Exception {
        Dependency dependency = dependency(THREE);
        CallOutcome<String> good = dependency.callDetailed(attempt -> "fine", CallOptions.DEFAULT, null);
        assertEquals("fine", good.value());
        assertEquals(Stop.DONE, good.reason());
        assertEquals(1, good.attempts());
        assertFalse(good.degraded());
        IOException reset = new IOException("reset");
        CallOutcome<String> bad = dependency.callDetailed(attempt -> {
            throw reset;
        }, CallOptions.DEFAULT, null);
        assertNull(bad.value());
        assertFalse(bad.hasValue());
        assertSame(reset, bad.error());
        assertEquals(3, bad.attempts());
        assertEquals(Duration.ofMillis(300), bad.duration());
    }

    @Test
    void a_future_from_a_synchronous_function_is_told() {
        Dependency dependency = dependency(THREE);
        SeawallException misuse = assertThrows(SeawallException.class,
                () -> dependency.call(attempt -> new java.util.concurrent.CompletableFuture<String>()));
        assertTrue(misuse.getMessage().contains("use callAsync"), misuse.getMessage());
        assertEquals(1, dependency.snapshot().ignored());
        assertEquals(0, dependency.snapshot().successes());
    }
}
