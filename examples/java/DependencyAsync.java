import dev.seawall.AttemptTimeoutException;
import dev.seawall.CallOptions;
import dev.seawall.Deadline;
import dev.seawall.Dependency;
import dev.seawall.Policy;
import dev.seawall.Seawall;
import java.io.IOException;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;

/** Calls that block no thread, a deadline around several of them, and one that is cancelled. Runs without arguments. */
public final class DependencyAsync {
    /** Stands for a client that gives futures. */
    private static CompletableFuture<String> ask(String what, int millis) {
        return new CompletableFuture<String>().completeOnTimeout(what, millis, TimeUnit.MILLISECONDS);
    }

    public static void main(String[] arguments) throws Exception {
        Seawall wall = Seawall.create();
        Dependency stock = wall.define("stock", Policy.builder()
                .timeout(Duration.ofMillis(50))
                .retry(retry -> retry.attempts(2).base(Duration.ofMillis(5)))
                .bulkhead(bulkhead -> bulkhead.maxConcurrent(4).maxWait(Duration.ofMillis(500)))
                .build());

        System.out.println("answered: " + stock.callAsync(attempt -> ask("12 left", 5)).get());

        // Twenty calls, four at a time; the others wait for a place without holding a thread.
        CompletableFuture<?>[] all = new CompletableFuture<?>[20];
        for (int call = 0; call < all.length; call++) {
            all[call] = stock.callAsync(attempt -> ask("some left", 10));
        }
        System.out.println("waiting for a place: " + stock.snapshot().waiting());
        CompletableFuture.allOf(all).get();

        // The first attempt is too slow and is cancelled, the second one is not.
        System.out.println("second attempt: "
                + stock.callAsync(attempt -> ask("attempt " + attempt.number(), attempt.number() == 1 ? 5_000 : 5)).get());

        // What a caller has left goes down to everything that is called for it.
        Deadline.after(Duration.ofMillis(20)).run(() -> {
            try {
                stock.callAsync(attempt -> ask("too late", 5_000), CallOptions.DEFAULT).get();
            } catch (ExecutionException late) {
                System.out.println("in time: " + (late.getCause() instanceof AttemptTimeoutException));
            }
        });

        CompletableFuture<String> unwanted = stock.callAsync(attempt -> ask("never", 5_000));
        unwanted.cancel(true);
        System.out.println("held after a cancel: " + stock.snapshot().bulkhead().inUse());

        try {
            stock.callAsync(attempt -> CompletableFuture.failedFuture(new IOException("no route"))).get();
        } catch (ExecutionException failed) {
            System.out.println("the last error itself: " + failed.getCause());
        }
    }
}
