package dev.seawall;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.seawall.testing.FakeClock;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Files, policies in code, and what is wrong with them. */
class WallTest {
    private static final Path EXAMPLES = Path.of(System.getProperty("seawall.repository", "..")).resolve("examples");
    @TempDir
    Path folder;

    @Test
    void the_example_opens_and_says_what_is_in_it() throws Exception {
        try (Seawall wall = Seawall.open(EXAMPLES.resolve("seawall.toml"))) {
            assertEquals(List.of("assistant", "ledger", "payments", "recommendations"), wall.names());
            assertEquals(List.of(), wall.findings());
            assertTrue(wall.health());
            PolicyFacts payments = wall.dependency("payments").facts();
            assertEquals(Criticality.CRITICAL, payments.criticality());
            assertEquals(FallbackRule.FORBIDDEN, payments.fallback());
            assertEquals(Duration.ofSeconds(2), payments.timeout());
            assertEquals(Duration.ofMillis(250), payments.connectTimeout());
            assertEquals(Duration.ofSeconds(5), payments.deadline());
            assertEquals(2, payments.attempts());
            assertTrue(payments.sendsKey());
            assertFalse(payments.idempotent());
            PolicyFacts assistant = wall.dependency("assistant").facts();
            assertEquals(List.of("requests", "tokens"), assistant.limits());
            assertEquals(0, assistant.maxConcurrent());
            assertNull(assistant.connectTimeout());
            assertSame(wall.dependency("ledger"), wall.dependency("ledger"));
            assertEquals(4, wall.snapshot().size());
        }
    }

    @Test
    void everything_wrong_in_a_file_is_told_with_its_place() {
        ConfigException wrong = assertThrows(ConfigException.class,
                () -> Seawall.parse("[dependency.a]\ntimeot = '1s'\n[dependency.b]\ntimeout = 3\n"));
        assertEquals("dependency.a.timeout", wrong.field());
        String[] lines = wrong.getMessage().split("\n");
        assertEquals("seawall.toml:2:1: dependency.a.timeot: unknown key; did you mean \"timeout\"?", lines[1]);
        assertTrue(lines[2].startsWith("seawall.toml:4:11: dependency.b.timeout: 3 has no unit"), lines[2]);
        assertThrows(ConfigException.class, () -> Seawall.open(EXAMPLES.resolve("seawall-bad.toml")));
    }

    @Test
    void what_is_no_file_and_no_toml_is_told() {
        assertTrue(assertThrows(ConfigException.class, () -> Seawall.open(folder.resolve("absent.toml")))
                .getMessage().contains("cannot be read"));
        assertThrows(ConfigException.class, () -> Seawall.open(folder));
        assertThrows(ConfigException.class, () -> Seawall.parse("[dependency.a"));
        assertThrows(ConfigException.class, () -> Seawall.parse("a\0b"));
        assertThrows(ConfigException.class, () -> Seawall.parse("#".repeat((1 << 20) + 1)));
        assertThrows(ConfigException.class, () -> Seawall.parse(
                "[dependency.a]\ntimeout = '1s'\n[dependency.a]\ntimeout = '1s'\n"));
    }

    @Test
    void an_unknown_dependency_names_the_nearest() {
        Seawall wall = Seawall.parse("[dependency.payments]\ntimeout = '1s'\n");
        UnknownDependencyException unknown = assertThrows(
                UnknownDependencyException.class, () -> wall.dependency("payment"));
        assertTrue(unknown.getMessage().contains("did you mean \"payments\"?"), unknown.getMessage());
        assertEquals("unknown", unknown.code());
        assertThrows(ConfigException.class, () -> wall.dependency(null));
        assertThrows(UnknownDependencyException.class, () -> wall.redefine("other", Policy.parse("timeout = '1s'")));
    }

    @Test
    void a_policy_in_code_is_the_same_as_one_in_a_file() {
        Policy policy = Policy.builder().timeout(Duration.ofSeconds(2)).deadline(Duration.ofSeconds(9)).connectTimeout(Duration.ofMillis(250))
                .criticality(Criticality.OPTIONAL).fallback(FallbackRule.ALLOWED).reserve(0.1).useful(Duration.ofMillis(50))
                .overhead(Duration.ofMillis(1)).idempotent(false).idempotencyKey(true).mode(Mode.SHADOW).pool(30)
                .calledBy("gateway").retry(retry -> retry.attempts(2).base(Duration.ofMillis(100)).factor(1.5)
                        .cap(Duration.ofSeconds(1)).jitter(Jitter.EQUAL).retryAfterMargin(Duration.ofSeconds(5))
                        .budget(budget -> budget.profile(Profile.BUCKET).ratio(0.2).minPerSecond(2).window(Duration.ofSeconds(10))
                                .cap(50).maxConcurrentRetriesRatio(0.2).minConcurrentRetries(3).mode(Mode.ENFORCE)))
                .breaker(breaker -> breaker.consecutiveFailures(4).consecutiveAlways(true).failureRate(0.25).slowRate(0.8)
                        .slowAfter(Duration.ofMillis(100)).window(Duration.ofSeconds(20)).minCalls(10)
                        .openFor(Duration.ofSeconds(5)).openBackoff(1.5).openMax(Duration.ofMinutes(1)).openJitter(0.2)
                        .probes(2).probeLease(Duration.ofSeconds(30)).minWitnesses(1).scope(Scope.ATTEMPT).mode(Mode.ENFORCE))
                .bulkhead(bulkhead -> bulkhead.maxConcurrent(10).reserved(2).maxWait(Duration.ofMillis(20)).maxWaiting(5)
                        .scope(Scope.CALL).mode(Mode.ENFORCE))
                .rateLimit(limit -> limit.name("requests").rate("100/s").burst(10).maxWait(Duration.ofMillis(5)).mode(Mode.ENFORCE))
                .rateLimit(limit -> limit.name("tokens").rate("1000/minute"))
                .build();
        Seawall wall = Seawall.create();
        Dependency dependency = wall.define("all", policy);
        assertEquals(List.of("requests", "tokens"), dependency.facts().limits());
        assertEquals(10, dependency.facts().maxConcurrent());
        assertEquals(Duration.ofMillis(20), dependency.facts().maxWait());
        assertEquals(policy, Policy.parse(policy.toml()));
        assertTrue(wall.findings().isEmpty() || wall.findings().get(0).contains("SW0"), wall.findings().toString());
    }

    private static void refused(String field, Consumer<PolicyBuilder> change) {
        PolicyBuilder builder = Policy.builder().timeout(Duration.ofSeconds(1));
        change.accept(builder);
        ConfigException refused = assertThrows(ConfigException.class, builder::build);
        assertEquals(field, refused.field(), refused.getMessage());
        assertTrue(refused.getMessage().startsWith(field + ": "), refused.getMessage());
    }

    @Test
    void every_setting_is_checked() {
        assertEquals("timeout", assertThrows(ConfigException.class, () -> Policy.builder().build()).field());
        refused("timeout", policy -> policy.timeout(Duration.ofSeconds(-1)));
        refused("timeout", policy -> policy.timeout(Duration.ofSeconds(Long.MAX_VALUE)));
        refused("deadline", policy -> policy.deadline(Duration.ofMillis(1)));
        refused("reserve", policy -> policy.reserve(Double.NaN));
        refused("reserve", policy -> policy.reserve(Double.POSITIVE_INFINITY));
        refused("retry.attempts", policy -> policy.attempts(0));
        refused("retry.attempts", policy -> policy.attempts(-1));
        refused("retry.factor", policy -> policy.retry(retry -> retry.factor(0.5)));
        refused("breaker.failure_rate", policy -> policy.breaker(breaker -> breaker.failureRate(1.5)));
        refused("bulkhead.max_concurrent", policy -> policy.bulkhead(bulkhead -> bulkhead.maxConcurrent(0)));
        refused("rate_limit.rate", policy -> policy.rateLimit("100"));
        refused("rate_limit.rate", policy -> policy.rateLimit("a \"quoted\"\n\\ text"));
        assertThrows(NullPointerException.class, () -> Policy.builder().timeout(null));
        assertThrows(ConfigException.class, () -> CallOptions.builder().deadline(Duration.ofSeconds(-1)));
        assertThrows(ConfigException.class, () -> CallOptions.builder().cost("requests", -1));
        assertThrows(ConfigException.class, () -> CallOptions.builder().idempotencyKey(new java.util.UUID(0, 0)));
        assertThrows(ConfigException.class, () -> LastGood.of(Duration.ofSeconds(1), 0));
        assertThrows(ConfigException.class, () -> LastGood.of(Duration.ofSeconds(-1)));
    }

    @Test
    void names_are_checked_and_unique() {
        Seawall wall = Seawall.create();
        Policy policy = Policy.builder().timeout(Duration.ofSeconds(1)).build();
        wall.define("a", policy);
        assertTrue(assertThrows(ConfigException.class, () -> wall.define("a", policy)).getMessage().contains("defined already"));
        assertThrows(ConfigException.class, () -> wall.define("", policy));
        assertThrows(ConfigException.class, () -> wall.define("no name", policy));
        assertThrows(NullPointerException.class, () -> wall.define("b", null));
        Dependency a = wall.dependency("a");
        assertThrows(NullPointerException.class, () -> a.call((AttemptFunction<String, RuntimeException>) null));
        assertThrows(NullPointerException.class, () -> a.callAsync(null));
        assertThrows(NullPointerException.class, () -> a.onEvent(null));
        assertTrue(assertThrows(ConfigException.class, () -> a.adjust("tokens", 1)).getMessage().contains("tokens"));
    }

    @Test
    void a_reload_keeps_state_and_takes_all_or_nothing() throws Exception {
        Path file = folder.resolve("seawall.toml");
        Files.writeString(file, "[dependency.a]\ntimeout = '1s'\nbreaker = { consecutive_failures = 1 }\n");
        Seawall wall = Seawall.open(file);
        Dependency a = wall.dependency("a");
        assertThrows(IllegalStateException.class, () -> a.call(attempt -> {
            throw new IllegalStateException();
        }));
        assertEquals(State.OPEN, a.state());
        Files.writeString(file, "[dependency.a]\ntimeout = '2s'\nbreaker = { consecutive_failures = 1 }\n[dependency.b]\ntimeout = '1s'\n");
        wall.reload();
        assertEquals(Duration.ofSeconds(2), a.facts().timeout());
        assertEquals(State.OPEN, a.state());
        assertEquals(List.of("a", "b"), wall.names());
        Files.writeString(file, "[dependency.a]\ntimeout = '3s'\n[dependency.b]\ntimeout = 3\n");
        assertThrows(ConfigException.class, wall::reload);
        assertEquals(Duration.ofSeconds(2), a.facts().timeout());
        assertThrows(ConfigException.class, () -> Seawall.create().reload());
    }

    @Test
    void after_a_close_everything_is_answered_and_nothing_crashes() throws Exception {
        Seawall wall = Seawall.parse("[dependency.a]\ntimeout = '1s'\nbulkhead = { max_concurrent = 2 }\n");
        Dependency a = wall.dependency("a");
        DependencyPermit held = a.permit();
        wall.close();
        wall.close();
        assertFalse(wall.health());
        assertEquals("closed", assertThrows(ClosedException.class, () -> a.call(attempt -> 1)).code());
        assertThrows(ClosedException.class, () -> wall.dependency("a"));
        assertThrows(ClosedException.class, wall::names);
        assertThrows(ClosedException.class, a::snapshot);
        assertThrows(ClosedException.class, a::forceOpen);
        assertTrue(a.callAsync(attempt -> null).isCompletedExceptionally());
        held.record(Outcome.SUCCESS);
    }

    @Test
    void an_open_breaker_never_fails_health() {
        Seawall wall = Seawall.parse("[dependency.a]\ntimeout = '1s'\n");
        wall.dependency("a").forceOpen();
        assertTrue(wall.health());
    }

    @Test
    void a_file_can_be_tested_with_a_clock_moved_by_hand() throws Exception {
        FakeClock clock = new FakeClock();
        Seawall wall = Seawall.builder().clock(clock).parse(
                "seed = 1\n[dependency.a]\ntimeout = '1s'\nbreaker = { consecutive_failures = 1, open_for = '30s', open_jitter = '0%' }\n"
                        + "rate_limit = { rate = '1/s', burst = 1 }\n", "test.toml");
        Dependency a = wall.dependency("a");
        assertThrows(IllegalStateException.class, () -> a.call(attempt -> {
            throw new IllegalStateException();
        }));
        clock.advance(Duration.ofMillis(29_999));
        assertEquals(Duration.ofMillis(1), assertThrows(BreakerOpenException.class, () -> a.call(attempt -> 1)).retryAfter());
        clock.advance(Duration.ofMillis(1));
        assertEquals("up", a.call(attempt -> "up"));
        CallOptions near = CallOptions.builder().deadline(Deadline.after(Duration.ofMillis(300), clock)).build();
        clock.advance(Duration.ofMillis(100));
        clock.advance(Duration.ofSeconds(0));
        assertThrows(RateLimitedException.class, () -> a.call(attempt -> 1, near));
        clock.advance(Duration.ofSeconds(1));
        assertThrows(DeadlineExceededException.class, () -> a.call(attempt -> 1, near));
        assertEquals(Duration.ofSeconds(1), a.call(Attempt::remaining));
    }
}
