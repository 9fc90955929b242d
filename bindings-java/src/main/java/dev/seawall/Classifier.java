package dev.seawall;

import java.nio.channels.ClosedByInterruptException;
import java.util.Objects;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutionException;
import java.util.function.Predicate;

/**
 * What an ended call says about the dependency: ignored before failure before success.
 *
 * <p>Ignored: what the caller cancelled or interrupted, refusals from further in, and what matches {@code ignore}.
 * Failure: what matches {@code on}, or everything else thrown where no {@code on} is given. Success: the rest.
 */
record Classifier(
        Predicate<? super Throwable> on, Predicate<? super Throwable> ignore, Predicate<Object> onResult) {
    static final Classifier DEFAULT = new Classifier(null, null, null);

    Classifier withOn(Predicate<? super Throwable> more) {
        return new Classifier(either(on, more), ignore, onResult);
    }

    Classifier withIgnore(Predicate<? super Throwable> more) {
        return new Classifier(on, either(ignore, more), onResult);
    }

    Classifier withOnResult(Predicate<Object> more) {
        return new Classifier(on, ignore, onResult == null ? more : onResult.or(more));
    }

    private static Predicate<? super Throwable> either(
            Predicate<? super Throwable> one, Predicate<? super Throwable> other) {
        return one == null ? other : thrown -> one.test(thrown) || other.test(thrown);
    }

    /** A class as a predicate. */
    static Predicate<Throwable> kind(Class<? extends Throwable> one) {
        return Objects.requireNonNull(one, "class")::isInstance;
    }

    /** Never throws: a predicate that does makes the call say nothing, and its exception goes along. */
    Outcome ofThrown(Throwable thrown) {
        try {
            Throwable cause = unwrap(thrown);
            if (isCancellation(cause) || cause instanceof RefusedException || ignore != null && ignore.test(cause)) {
                return Outcome.IGNORED;
            }
            return on == null || on.test(cause) ? Outcome.FAILURE : Outcome.SUCCESS;
        } catch (Throwable broken) {
            if (broken != thrown) {
                thrown.addSuppressed(broken);
            }
            return Outcome.IGNORED;
        }
    }

    Outcome ofResult(Object result) {
        return onResult != null && onResult.test(result) ? Outcome.FAILURE : Outcome.SUCCESS;
    }

    private static boolean isCancellation(Throwable thrown) {
        return thrown instanceof InterruptedException
                || thrown instanceof CancellationException
                || thrown instanceof ClosedByInterruptException;
    }

    /** Futures wrap what went wrong, each stage once more. */
    private static Throwable unwrap(Throwable thrown) {
        Throwable inner = thrown;
        while ((inner instanceof CompletionException || inner instanceof ExecutionException) && inner.getCause() != null) {
            inner = inner.getCause();
        }
        return inner;
    }
}
