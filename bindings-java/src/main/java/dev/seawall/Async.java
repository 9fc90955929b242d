package dev.seawall;

import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.function.BiConsumer;
import java.util.function.Supplier;

/** Following calls that end later. */
final class Async {
    private Async() {}

    /**
     * Starts a call and answers its result. {@code ended} hears how it ended, before the result is seen; if it
     * throws, that is the result. {@code cancelled} hears that nobody waits for the result any more, and then the
     * call is asked to stop.
     */
    static <T> CompletableFuture<T> follow(
            Supplier<? extends CompletionStage<T>> call, BiConsumer<? super T, Throwable> ended, Runnable cancelled) {
        CompletionStage<T> stage;
        try {
            stage = call.get();
            if (stage == null) {
                throw new NullPointerException("the function gave no CompletionStage");
            }
        } catch (Throwable thrown) {
            ended.accept(null, thrown);
            return CompletableFuture.failedFuture(thrown);
        }
        CompletableFuture<T> result = new CompletableFuture<>();
        stage.whenComplete((value, thrown) -> {
            Throwable end = thrown;
            try {
                ended.accept(value, thrown);
            } catch (Throwable broken) {
                end = thrown == null ? broken : thrown;
            }
            if (end == null) {
                result.complete(value);
            } else {
                result.completeExceptionally(end);
            }
        });
        result.whenComplete((value, thrown) -> {
            if (result.isCancelled()) {
                cancelled.run();
                stop(stage);
            }
        });
        return result;
    }

    private static void stop(CompletionStage<?> stage) {
        try {
            stage.toCompletableFuture().cancel(true);
        } catch (UnsupportedOperationException cannot) {
            // A stage that is no future cannot be asked to stop; it runs to its end unheard.
        }
    }
}
