package dev.seawall;

import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.Objects;
import java.util.Optional;

/**
 * What an answer of HTTP, or the lack of one, says about another attempt: the rules that all adapters of all languages
 * go by, for those who write one more. Pure functions.
 */
public final class HttpRules {
    /** Why there was no answer. */
    public enum Trouble {
        /** No connection came about: refused, no route, no such name. Nothing was sent. */
        NOT_CONNECTED,
        /** No connection came about in time. Nothing was sent. */
        CONNECT_TIMEOUT,
        /** Connected, but no answer in time. */
        READ_TIMEOUT,
        /** The connection broke before the answer was complete. */
        RESET,
        /** The answer is not HTTP, or the peer is not who it should be. */
        PROTOCOL,
        /** Anything else: not worth another attempt. */
        OTHER
    }

    private static final NativeWall NATIVE = Library.WALL;

    private HttpRules() {}

    /**
     * By the status of the answer: 408, 425, 429 and 5xx are failures, retryable but for 501 and 505; 429, and 503 with
     * a wait, are throttled. All others mean that the dependency answered.
     *
     * @param status the status; what is none counts as 5xx
     * @param retryAfter what Retry-After asked for, see {@link #retryAfter}; zero for nothing
     * @return the verdict
     */
    public static Verdict ofStatus(int status, Duration retryAfter) {
        long[] attempt = attempt();
        Layout.Attempt.RETRY_AFTER_NS.set(attempt, Settings.argument("retryAfter", retryAfter));
        Status.check("http", NATIVE.httpClassify(status, attempt));
        return Verdict.read(attempt);
    }

    /**
     * By the reason why there was no answer.
     *
     * @param trouble the reason
     * @return the verdict, a failure
     */
    public static Verdict ofTrouble(Trouble trouble) {
        long[] attempt = attempt();
        Status.check("http", NATIVE.httpTrouble(Objects.requireNonNull(trouble, "trouble").ordinal() + 1, attempt));
        return Verdict.read(attempt);
    }

    private static long[] attempt() {
        long[] attempt = new long[Layout.Attempt.WORDS];
        Layout.Attempt.STRUCT_BYTES.set(attempt, Layout.Attempt.BYTES);
        return attempt;
    }

    /**
     * Whether a method may be sent twice with the effect of once.
     *
     * @param method in capitals, as on the wire
     * @return true for GET, HEAD, PUT, DELETE, OPTIONS and TRACE
     */
    public static boolean isIdempotent(String method) {
        return NATIVE.httpIsIdempotent(method.getBytes(StandardCharsets.UTF_8)) != 0;
    }

    /**
     * Reads the value of Retry-After: seconds, or a date in any of the three forms of RFC 9110.
     *
     * @param value the value
     * @param now the wall clock, from which a date is counted
     * @return how long to wait; zero for a date in the past, a day at most; nothing when it is malformed: go on as if
     *     there were no such header
     */
    public static Optional<Duration> retryAfter(String value, Instant now) {
        long[] span = new long[1];
        byte[] text = value.getBytes(StandardCharsets.UTF_8);
        return NATIVE.retryAfter(text, Math.max(0, now.toEpochMilli()), span) == Status.OK
                ? Optional.of(Settings.nanos(span[0])) : Optional.empty();
    }
}
