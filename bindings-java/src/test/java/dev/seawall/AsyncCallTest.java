package dev.seawall;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.seawall.testing.FakeClock;
import dev.seawall.testing.Fault;
import dev.seawall.testing.SeawallTesting;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

/** Calls that block no thread. */
class AsyncCallTest {
    private final FakeClock clock = new FakeClock();
    private final Seawall wall = Seawall.builder().clock(clock).seed(5).create();

    private Dependency dependency(String toml) {
        return wall.define("profile", Policy.parse(toml));
    }

    private static Throwable failure(CompletableFuture<?> future) throws Exception {
        return assertThrows(ExecutionException.class, () -> future.get(20, TimeUnit.SECONDS)).getCause();
    }

    @Test
    void attempts_follow_each_other_when_the_clock_moves() throws Exception {
        Dependency dependency = dependency("timeout = '1s'\nretry = { attempts = 3, base = '100ms', jitter = 'none' }\n");
        List<CompletableFuture<String>> stages = new ArrayList<>();
        CompletableFuture<String> answer = dependency.callAsync(attempt -> {
            stages.add(new CompletableFuture<>());
            return stages.get(attempt.number() - 1);
        });
        IOException reset = new IOException("reset");
        stages.get(0).completeExceptionally(reset);
        assertEquals(1, clock.sleepers());
        clock.advance(Duration.ofMillis(100));
        Threads.until(() -> stages.size() == 2);
        stages.get(1).completeExceptionally(new java.util.concurrent.CompletionException(reset));
        Threads.until(() -> clock.sleepers() == 1);
        clock.advance(Duration.ofMillis(200));
        Threads.until(() -> stages.size() == 3);
        stages.get(2).completeExceptionally(reset);
        assertSame(reset, failure(answer));
        assertEquals(3, CallInfo.of(reset).attempts());
        assertEquals(0, clock.sleepers());
    }

    @Test
    void an_attempt_out_of_time_is_cancelled_and_another_one_made() throws Exception {
        Dependency dependency = dependency("timeout = '1s'\nretry = { attempts = 2, base = '0ms' }\n");
        ConcurrentLinkedQueue<CompletableFuture<String>> stages = new ConcurrentLinkedQueue<>();
        CompletableFuture<String> answer = dependency.callAsync(attempt -> {
            CompletableFuture<String> stage = new CompletableFuture<>();
            stages.add(stage);
            return stage;
        });
        clock.advance(Duration.ofSeconds(1));
        Threads.until(() -> stages.size() == 2);
        assertTrue(stages.peek().isCancelled());
        Threads.until(() -> clock.sleepers() == 1);
        clock.advance(Duration.ofSeconds(1));
        AttemptTimeoutException late = assertInstanceOf(AttemptTimeoutException.class, failure(answer));
        assertEquals("profile: no answer within PT1S", late.getMessage());
        assertEquals(2, dependency.snapshot().timeouts());
    }

    @Test
    void work_that_cannot_be_cancelled_keeps_its_place_until_it_ends() throws Exception {
        Dependency dependency = dependency("timeout = '1s'\nbulkhead = { max_concurrent = 1 }\n");
        List<Event> seen = new ArrayList<>();
        dependency.onEvent(seen::add);
        CompletableFuture<String> work = new CompletableFuture<>();
        CompletableFuture<String> answer = dependency.callAsync(attempt -> work.minimalCompletionStage());
        clock.advance(Duration.ofSeconds(1));
        assertInstanceOf(AttemptTimeoutException.class, failure(answer));
        assertEquals(1, dependency.snapshot().bulkhead().inUse());
        assertInstanceOf(BulkheadFullException.class,
                failure(dependency.callAsync(attempt -> CompletableFuture.completedFuture(1))));
        work.complete("late");
        assertEquals(0, dependency.snapshot().bulkhead().inUse());
        assertEquals(1, dependency.snapshot().late());
        assertEquals(Outcome.SUCCESS, ((Event.LateResult) seen.get(seen.size() - 1)).outcome());
    }

    @Test
    void cancelling_stops_the_stage_and_leaves_nothing() throws Exception {
        Dependency dependency = dependency(
                "timeout = '1s'\nretry = { attempts = 2, base = '100ms', jitter = 'none' }\nbulkhead = { max_concurrent = 1, max_wait = '5s' }\n");
        CompletableFuture<String> stage = new CompletableFuture<>();
        CompletableFuture<String> running = dependency.callAsync(attempt -> stage);
        CompletableFuture<String> waiting = dependency.callAsync(attempt -> CompletableFuture.completedFuture("served"));
        assertEquals(1, dependency.snapshot().bulkhead().waiting());
        waiting.cancel(true);
        assertEquals(0, dependency.snapshot().bulkhead().waiting());
        running.cancel(false);
        assertTrue(stage.isCancelled());
        assertNothingHeld(dependency);
        CompletableFuture<String> sleeping = dependency.callAsync(attempt -> CompletableFuture.failedFuture(new IOException()));
        assertEquals(1, clock.sleepers());
        sleeping.orTimeout(1, TimeUnit.MILLISECONDS);
        assertInstanceOf(java.util.concurrent.TimeoutException.class, failure(sleeping));
        Threads.until(() -> dependency.snapshot().cancelled() == 3);
        assertNothingHeld(dependency);
    }

    private void assertNothingHeld(Dependency dependency) {
        DependencySnapshot now = dependency.snapshot();
        assertEquals(0, now.bulkhead().inUse());
        assertEquals(0, now.bulkhead().waiting());
        assertEquals(0, now.waiting());
        if (now.retryBudget() != null) {
            assertEquals(0, now.retryBudget().callsInFlight());
            assertEquals(0, now.retryBudget().retriesInFlight());
        }
        assertEquals(0, clock.sleepers());
    }

    @Test
    void waiters_are_served_in_the_order_in_which_they_came() throws Exception {
        Dependency dependency = dependency("timeout = '1s'\nbulkhead = { max_concurrent = 1, max_wait = '9s' }\n");
        CompletableFuture<String> first = new CompletableFuture<>();
        CompletableFuture<String> holder = dependency.callAsync(attempt -> first);
        List<Integer> order = java.util.Collections.synchronizedList(new ArrayList<>());
        List<CompletableFuture<Integer>> all = new ArrayList<>();
        for (int number = 0; number < 50; number++) {
            int mine = number;
            all.add(dependency.callAsync(attempt -> {
                order.add(mine);
                return CompletableFuture.completedFuture(mine);
            }));
        }
        assertEquals(50, dependency.snapshot().waiting());
        first.complete("done");
        for (CompletableFuture<Integer> each : all) {
            each.get(20, TimeUnit.SECONDS);
        }
        assertTrue(holder.isDone());
        assertEquals(java.util.stream.IntStream.range(0, 50).boxed().toList(), order);
        assertNothingHeld(dependency);
    }

    @Test
    void a_waiter_whose_time_is_over_is_refused() throws Exception {
        Dependency dependency = dependency("timeout = '1s'\nbulkhead = { max_concurrent = 1, max_wait = '50ms', max_waiting = 1 }\n");
        CompletableFuture<String> stage = new CompletableFuture<>();
        CompletableFuture<String> holder = dependency.callAsync(attempt -> stage);
        CompletableFuture<Integer> waiting = dependency.callAsync(attempt -> CompletableFuture.completedFuture(1));
        assertEquals("bulkhead_wait_full", ((SeawallException) failure(
                dependency.callAsync(attempt -> CompletableFuture.completedFuture(1)))).code());
        clock.advance(Duration.ofMillis(50));
        assertEquals("bulkhead_wait_timeout", ((SeawallException) failure(waiting)).code());
        stage.complete("done");
        assertEquals("done", holder.get());
        assertNothingHeld(dependency);
    }

    @Test
    void what_the_function_throws_or_forgets_is_the_attempts_error() throws Exception {
        Dependency dependency = dependency("timeout = '1s'\n");
        IllegalStateException bug = new IllegalStateException();
        assertSame(bug, failure(dependency.callAsync(attempt -> {
            throw bug;
        })));
        assertInstanceOf(NullPointerException.class, failure(dependency.callAsync(attempt -> null)));
        assertEquals(2, dependency.snapshot().failures());
    }

    @Test
    void the_deadline_is_in_force_where_the_attempt_starts() throws Exception {
        Dependency dependency = dependency("timeout = '1s'\n");
        assertEquals(Duration.ofSeconds(1), dependency.callAsync(
                attempt -> CompletableFuture.completedFuture(Deadline.current().orElseThrow().remaining())).get());
        assertFalse(Deadline.current().isPresent());
    }

    @Test
    void injected_faults_and_no_waiting_work_here_too() throws Exception {
        Dependency dependency = dependency("timeout = '1s'\nretry = { attempts = 3, base = '100ms', jitter = 'none' }\n");
        SeawallTesting.noWaiting(dependency, clock);
        SeawallTesting.inject(dependency, Fault.error(() -> new IOException("reset")).times(1));
        SeawallTesting.inject(dependency, Fault.latency(Duration.ofSeconds(5)).times(1));
        long before = clock.nanos();
        assertEquals(3, dependency.callAsync(attempt -> CompletableFuture.completedFuture(attempt.number())).get());
        assertEquals(Duration.ofMillis(1300), Duration.ofNanos(clock.nanos() - before));
    }

    @Test
    void a_waiter_with_a_test_kit_waits_as_others_do() throws Exception {
        Dependency dependency = dependency("timeout = '60s'\nbulkhead = { max_concurrent = 1, max_wait = '9s' }\n");
        SeawallTesting.inject(dependency, Fault.latency(Duration.ZERO).times(1));
        CompletableFuture<String> stage = new CompletableFuture<>();
        CompletableFuture<String> holder = dependency.callAsync(attempt -> stage);
        CompletableFuture<String> waiting = dependency.callAsync(attempt -> CompletableFuture.completedFuture("served"));
        assertEquals(1, dependency.snapshot().waiting());
        SeawallTesting.noWaiting(dependency, clock);
        assertEquals("bulkhead_wait_timeout", ((SeawallException) failure(
                dependency.callAsync(attempt -> CompletableFuture.completedFuture("never")))).code());
        assertEquals("bulkhead_wait_timeout", ((SeawallException) failure(waiting)).code());
        stage.complete("done");
        assertEquals("done", holder.get(20, TimeUnit.SECONDS));
    }

    /** Cancels at every point there is, on real time and many threads, and counts what is left. */
    @Test
    void cancelling_at_any_point_leaks_nothing() throws Exception {
        Dependency dependency = Seawall.create().define("storm", Policy.parse(
                "timeout = '3ms'\nretry = { attempts = 3, base = '1ms', budget = { max_concurrent_retries_ratio = 10.0 } }\n"
                        + "bulkhead = { max_concurrent = 3, max_wait = '5ms' }\nbreaker = 'off'\nrate_limit = { rate = '20000/s', burst = 50, max_wait = '2ms' }\n"));
        AtomicInteger under = new AtomicInteger();
        int before = Thread.activeCount();
        Threads.together(4, number -> {
            Random random = new Random(number);
            for (int call = 0; call < 1500; call++) {
                int kind = random.nextInt(5);
                CompletableFuture<String> answer = dependency.callAsync(attempt -> stage(kind));
                under.incrementAndGet();
                answer.whenComplete((value, thrown) -> under.decrementAndGet());
                if (random.nextInt(3) > 0) {
                    int spins = random.nextInt(2000);
                    for (int spin = 0; spin < spins; spin++) {
                        Thread.onSpinWait();
                    }
                    answer.cancel(true);
                }
            }
        });
        Threads.until(() -> under.get() == 0);
        Threads.until(() -> dependency.snapshot().bulkhead().inUse() == 0);
        DependencySnapshot now = dependency.snapshot();
        assertEquals(6000, now.calls());
        assertEquals(0, now.bulkhead().waiting());
        assertEquals(0, now.waiting());
        assertEquals(0, now.retryBudget().callsInFlight());
        assertEquals(0, now.retryBudget().retriesInFlight());
        assertTrue(Thread.activeCount() <= before + Runtime.getRuntime().availableProcessors() + 2);
    }

    private static CompletionStage<String> stage(int kind) {
        return switch (kind) {
            case 0 -> CompletableFuture.completedFuture("at once");
            case 1 -> CompletableFuture.failedFuture(new IOException("at once"));
            case 2 -> new CompletableFuture<>();
            case 3 -> new CompletableFuture<String>().completeOnTimeout("later", 2, TimeUnit.MILLISECONDS);
            default -> new CompletableFuture<String>().completeOnTimeout("much later", 5, TimeUnit.MILLISECONDS)
                    .minimalCompletionStage();
        };
    }
}
