package dev.seawall;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.ConnectException;
import java.net.SocketTimeoutException;
import java.net.UnknownHostException;
import java.nio.channels.ClosedByInterruptException;
import java.nio.channels.UnresolvedAddressException;
import java.time.Duration;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeoutException;
import java.util.function.Predicate;

/**
 * What an attempt's end means: ignored before retryable before failure before success.
 *
 * <p>Ignored: what the caller cancelled or interrupted, and what matches {@code ignore}. Retryable failure: what matches
 * {@code on}; where none is given, errors of connections and timeouts. Refusals from further in are ignored. Failure:
 * what matches {@code failure}, or everything else where none is given. The rest is success.
 */
record Rules(
        Predicate<? super Throwable> on, Predicate<? super Throwable> ignore, Predicate<? super Throwable> failure,
        Predicate<Object> onResult, Classification own) {
    static final Rules DEFAULT = new Rules(null, null, null, null, null);

    /** Never throws: a rule that does makes the attempt say nothing, and its exception goes along. */
    Verdict judge(Object result, Throwable thrown) {
        if (thrown == null && onResult == null && own == null) {
            return Verdict.SUCCESS;
        }
        Throwable cause = thrown == null ? null : unwrap(thrown);
        try {
            Verdict verdict = own != null && !isCancellation(cause) ? own.of(result, cause) : byRules(result, cause);
            return verdict != null ? verdict : Verdict.IGNORED;
        } catch (Throwable broken) {
            if (thrown != null && broken != thrown) {
                thrown.addSuppressed(broken);
            }
            return Verdict.IGNORED;
        }
    }

    private Verdict byRules(Object result, Throwable thrown) {
        if (thrown == null) {
            return onResult != null && onResult.test(result) ? Verdict.RETRYABLE : Verdict.SUCCESS;
        }
        if (isCancellation(thrown) || ignore != null && ignore.test(thrown)) {
            return Verdict.IGNORED;
        }
        if (on == null ? isConnection(thrown) : on.test(thrown)) {
            return retryable(thrown);
        }
        if (thrown instanceof RefusedException) {
            return Verdict.IGNORED;
        }
        return failure == null || failure.test(thrown) ? Verdict.FAILURE : Verdict.SUCCESS;
    }

    private static Verdict retryable(Throwable thrown) {
        if (thrown instanceof Throttled throttled) {
            Duration asked = throttled.retryAfter();
            return Verdict.throttled(asked == null || asked.isNegative() ? Duration.ZERO : asked);
        }
        if (wasNotSent(thrown)) {
            return Verdict.NOT_SENT;
        }
        return isTimeout(thrown) ? Verdict.TIMEOUT : Verdict.RETRYABLE;
    }

    private static boolean isConnection(Throwable thrown) {
        return thrown instanceof IOException || thrown instanceof UncheckedIOException || thrown instanceof Throttled
                || thrown instanceof UnresolvedAddressException || isTimeout(thrown);
    }

    private static boolean wasNotSent(Throwable thrown) {
        Throwable inner = thrown instanceof UncheckedIOException ? thrown.getCause() : thrown;
        return inner instanceof ConnectException || inner instanceof UnknownHostException
                || inner instanceof UnresolvedAddressException
                // By name: a program without the module java.net.http has no such class.
                || inner.getClass().getName().equals("java.net.http.HttpConnectTimeoutException");
    }

    private static boolean isTimeout(Throwable thrown) {
        return thrown instanceof TimeoutException || thrown instanceof AttemptTimeoutException
                || thrown instanceof SocketTimeoutException
                || thrown.getClass().getName().equals("java.net.http.HttpTimeoutException");
    }

    static boolean isCancellation(Throwable thrown) {
        return thrown instanceof InterruptedException
                || thrown instanceof CancellationException
                || thrown instanceof ClosedByInterruptException;
    }

    /** Futures wrap what went wrong, each stage once more. */
    static Throwable unwrap(Throwable thrown) {
        Throwable inner = thrown;
        while ((inner instanceof CompletionException || inner instanceof ExecutionException) && inner.getCause() != null) {
            inner = inner.getCause();
        }
        return inner;
    }
}
