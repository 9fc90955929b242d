package dev.seawall;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.time.Duration;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

/** Bad input: every constructor names the setting, what was given, and the range. */
class ConfigTest {
    private static final Duration LESS = Duration.ofSeconds(-1);
    private static final Duration ENDLESS = Duration.ofSeconds(Long.MAX_VALUE);

    private static DynamicTest refused(String message, Supplier<?> constructor) {
        return DynamicTest.dynamicTest(message, () -> {
            ConfigException thrown = assertThrows(ConfigException.class, constructor::get);
            assertEquals(message, thrown.getMessage());
            assertEquals(message.substring(0, message.indexOf(':')), thrown.field());
            assertEquals("config", thrown.code());
        });
    }

    private static BreakerBuilder breaker() {
        return Breaker.builder("x");
    }

    private static Bulkhead.Builder bulkhead() {
        return Bulkhead.builder("x");
    }

    private static Limiter.Builder limiter() {
        return Limiter.builder("x");
    }

    private static RetryBudget.Builder budget() {
        return RetryBudget.builder("x");
    }

    @TestFactory
    Stream<DynamicTest> nonsense() {
        Duration second = Duration.ofSeconds(1);
        return Stream.of(
                refused("name: \"\" is no name, at least one character is needed", () -> Breaker.builder("")),
                refused("name: null is no name, at least one character is needed", () -> Bulkhead.builder(null)),
                refused("name: \" \" is no name, at least one character is needed", () -> Limiter.builder(" ")),
                refused("name: \"\" is no name, at least one character is needed", () -> RetryBudget.builder("")),
                refused("failureRate: NaN is outside 0.0..1.0", () -> breaker().failureRate(Double.NaN).build()),
                refused("failureRate: -0.1 is outside 0.0..1.0", () -> breaker().failureRate(-0.1).build()),
                refused("failureRate: 1.0001 is outside 0.0..1.0", () -> breaker().failureRate(1.0001).build()),
                refused("slowRate: Infinity is outside 0.0..1.0",
                        () -> breaker().slowRate(Double.POSITIVE_INFINITY).build()),
                refused("slowAfter: PT0S is outside PT0.000000001S..PT24H",
                        () -> breaker().slowRate(0.5).slowAfter(Duration.ZERO).build()),
                refused("slowAfter: PT-1S is outside PT0.000000001S..PT24H", () -> breaker().slowAfter(LESS).build()),
                refused("window: PT-1S is outside PT0.01S..PT24H", () -> breaker().windowCalls(50).window(LESS).build()),
                refused("window: " + ENDLESS + " is outside PT0.01S..PT24H", () -> breaker().window(ENDLESS).build()),
                refused("windowCalls: 1025 is outside 0..1024", () -> breaker().windowCalls(1025).build()),
                refused("minCalls: 0 is outside 1..1000000", () -> breaker().minCalls(0).build()),
                refused("consecutiveFailures: -1 is outside 0..1000000", () -> breaker().consecutiveFailures(-1).build()),
                refused("openFor: PT-1S is outside PT0.001S..PT24H", () -> breaker().openFor(LESS).build()),
                refused("openFor: " + ENDLESS + " is outside PT0.001S..PT24H", () -> breaker().openFor(ENDLESS).build()),
                refused("openMax: PT1S is outside PT30S..PT24H", () -> breaker().openMax(second).build()),
                refused("openBackoff: 0.9999 is outside 1.0..10.0", () -> breaker().openBackoff(0.9999).build()),
                refused("openJitter: 0.6 is outside 0.0..0.5", () -> breaker().openJitter(0.6).build()),
                refused("probes: 0 is outside 1..32", () -> breaker().probes(0).build()),
                refused("probes: -2147483648 is outside 1..32", () -> breaker().probes(Integer.MIN_VALUE).build()),
                refused("probeLease: PT0S is outside PT0.001S..PT24H", () -> breaker().probeLease(Duration.ZERO).build()),
                refused("minWitnesses: 9 is outside 1..8", () -> breaker().minWitnesses(9).build()),
                refused("maxConcurrent: 0 is outside 1..256", () -> bulkhead().maxConcurrent(0).build()),
                refused("maxConcurrent: -1 is outside 1..4096", () -> bulkhead().maxConcurrent(-1).build()),
                refused("maxConcurrent: 5000 is outside 1..4096", () -> bulkhead().maxConcurrent(5000).build()),
                refused("capacity: 0 is outside 1..4096", () -> bulkhead().capacity(0).build()),
                refused("capacity: -7 is outside 1..4096", () -> bulkhead().capacity(-7).build()),
                refused("capacity: 4097 is outside 1..4096", () -> bulkhead().capacity(4097).build()),
                refused("reserved: 20 is outside 0..19", () -> bulkhead().reserved(20).build()),
                refused("maxWaiting: -1 is outside 0..1000000", () -> bulkhead().maxWaiting(-1).build()),
                refused("maxWait: PT-1S is outside PT0S..PT2562047H47M16.854775807S",
                        () -> bulkhead().build().acquireAsync(LESS)),
                refused("rate: 0 is outside 1..1000000000", () -> limiter().rate(0, second).build()),
                refused("rate: -5 is outside 1..1000000000", () -> limiter().rate(-5, second).build()),
                refused("period: PT-1S is outside PT0.000000001S..PT744H", () -> limiter().rate(1, LESS).build()),
                refused("burst: 0 is outside 1..1000000000", () -> limiter().burst(0).build()),
                refused("burst: -1 is outside 1..1000000000", () -> limiter().burst(-1).build()),
                refused("burst: 9223372036854775807 is outside 1..1000000000",
                        () -> limiter().burst(Long.MAX_VALUE).build()),
                refused("ratio: NaN is outside 0.0..10.0", () -> budget().ratio(Double.NaN).build()),
                refused("minPerSecond: -1 is outside 0..10000", () -> budget().minPerSecond(-1).build()),
                refused("window: PT0S is outside PT1S..PT1H", () -> budget().window(Duration.ZERO).build()),
                refused("cap: 0 is outside 1..1000", () -> RetryBudget.builder("x", Profile.GRPC).cap(0).build()),
                refused("maxConcurrentRetriesRatio: -1.0 is outside 0.0..10.0",
                        () -> budget().maxConcurrentRetriesRatio(-1).build()),
                refused("base: PT-1S is outside PT0S..PT24H", () -> Backoff.builder().base(LESS).build()),
                refused("cap: PT0.05S is outside PT0.1S..PT24H", () -> Backoff.builder().cap(Duration.ofMillis(50)).build()),
                refused("factor: NaN is outside 1.0..10.0", () -> Backoff.builder().factor(Double.NaN).build()),
                refused("retryAfterMargin: PT-1S is outside PT0S..PT2562047H47M16.854775807S",
                        () -> Backoff.builder().retryAfterMargin(LESS).build()),
                refused("clock: -1 is outside 0..9223372036854775807",
                        () -> limiter().clock(() -> -1).build().snapshot()));
    }

    @Test
    void zero_is_a_value_and_the_smallest_ratio_is_not_nothing() {
        Breaker none = breaker().consecutiveFailures(0).failureRate(0).build();
        for (int call = 0; call < 100; call++) {
            none.tryAcquire().record(Outcome.FAILURE);
        }
        assertEquals(State.CLOSED, none.state());
        Breaker strict = breaker().consecutiveFailures(0).failureRate(0.00001).minCalls(1).build();
        strict.tryAcquire().record(Outcome.FAILURE);
        assertEquals(State.OPEN, strict.state());
    }

    @Test
    void null_is_told_by_name() {
        assertEquals("openFor", assertThrows(NullPointerException.class, () -> breaker().openFor(null)).getMessage());
        assertThrows(NullPointerException.class, () -> breaker().mode(null));
        assertThrows(NullPointerException.class, () -> breaker().clock(null));
        assertThrows(NullPointerException.class, () -> breaker().build().tryAcquire().record(null));
        assertThrows(NullPointerException.class, () -> breaker().build().call(null));
    }

    @Test
    void a_builder_may_build_twice() {
        BreakerBuilder builder = breaker().consecutiveFailures(1).failureRate(0);
        Breaker one = builder.build();
        Breaker other = builder.build();
        one.tryAcquire().record(Outcome.FAILURE);
        assertEquals(State.OPEN, one.state());
        assertEquals(State.CLOSED, other.state());
    }
}
