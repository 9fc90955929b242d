import dev.seawall.Backoff;
import dev.seawall.Breaker;
import dev.seawall.BreakerOpenException;
import dev.seawall.BudgetExhaustedException;
import dev.seawall.Bulkhead;
import dev.seawall.Limiter;
import dev.seawall.Outcome;
import dev.seawall.RateLimitedException;
import dev.seawall.RetryBudget;
import java.io.IOException;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;

/**
 * The four primitives around a payment service that breaks down. Run it with the jar on the class path:
 *
 * <pre>
 * java --enable-native-access=ALL-UNNAMED -cp seawall-0.1.0.jar examples/java/Quickstart.java
 * </pre>
 */
public final class Quickstart {
    private static boolean down;

    /** Stands for a call over the network. */
    private static String charge(String order) throws IOException {
        if (down) {
            throw new IOException("payment server does not answer");
        }
        return "receipt for " + order;
    }

    public static void main(String[] arguments) throws Exception {
        Breaker payments = Breaker.builder("payments")
                .consecutiveFailures(3)
                .openFor(Duration.ofMillis(200))
                .on(IOException.class)
                .onTransition((name, from, to) -> System.out.println("  " + name + ": " + from + " -> " + to))
                .build();

        System.out.println("circuit breaker");
        System.out.println("  " + payments.call(() -> charge("order 1")));
        down = true;
        for (int order = 2; order <= 6; order++) {
            String name = "order " + order;
            try {
                payments.call(() -> charge(name));
            } catch (BreakerOpenException refused) {
                System.out.println("  " + name + " kept for later, ask again in " + refused.retryAfter().toMillis() + " ms");
            } catch (IOException failed) {
                System.out.println("  " + name + " failed: " + failed.getMessage());
            }
        }
        down = false;
        Thread.sleep(300);
        System.out.println("  " + payments.call(() -> charge("order 7")));

        System.out.println("bulkhead");
        Bulkhead pool = Bulkhead.builder("payments").maxConcurrent(2).maxWaiting(10).build();
        try (var one = pool.tryAcquire(); var two = pool.tryAcquire()) {
            // Waits without holding a thread; a place comes free when the block ends.
            CompletableFuture<String> third = pool.callAsync(
                    Duration.ofSeconds(1), () -> CompletableFuture.completedFuture("served third"));
            System.out.println("  in use: " + pool.snapshot().inUse() + ", waiting: " + pool.snapshot().waiting());
            one.close();
            System.out.println("  " + third.get());
        }

        System.out.println("token bucket");
        Limiter limiter = Limiter.builder("payments").rate(50, Duration.ofSeconds(1)).burst(2).build();
        limiter.tryAcquire(2);
        try {
            limiter.tryAcquire();
        } catch (RateLimitedException refused) {
            System.out.println("  too early by " + refused.retryAfter().toMillis() + " ms");
        }
        limiter.acquire(Duration.ofSeconds(1));
        System.out.println("  waited for a token");

        System.out.println("retry budget and backoff");
        RetryBudget budget = RetryBudget.builder("payments").ratio(0.1).minPerSecond(0).build();
        Backoff backoff = Backoff.builder().base(Duration.ofMillis(10)).build();
        for (int call = 0; call < 10; call++) {
            budget.deposit();
        }
        for (int attempt = 1; attempt <= 2; attempt++) {
            try (var retry = budget.tryWithdraw()) {
                Thread.sleep(backoff.delay(attempt).toMillis());
                charge("order 8");
                retry.record(Outcome.SUCCESS);
                System.out.println("  retry " + attempt + " was paid for by ten calls");
            } catch (BudgetExhaustedException spent) {
                System.out.println("  retry " + attempt + " was not sent: " + spent.code());
            }
        }
    }
}
