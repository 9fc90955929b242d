package dev.seawall;

import java.time.Duration;
import java.util.Objects;

/**
 * What the end of one attempt means.
 *
 * @param outcome what it says about the dependency
 * @param retryable whether another attempt may help; looked at for failures
 * @param notSent whether the request was certainly not sent, so that a repetition cannot be a second order
 * @param cause what kind of failure it is
 * @param retryAfter how long the other side wants to be left alone; zero for nothing
 */
public record Verdict(Outcome outcome, boolean retryable, boolean notSent, Cause cause, Duration retryAfter) {
    /** The dependency answered. */
    public static final Verdict SUCCESS = new Verdict(Outcome.SUCCESS, false, false, Cause.FAILURE, Duration.ZERO);
    /** It failed, and another attempt may help. */
    public static final Verdict RETRYABLE = new Verdict(Outcome.FAILURE, true, false, Cause.FAILURE, Duration.ZERO);
    /** It failed, and another attempt does not help. */
    public static final Verdict FAILURE = new Verdict(Outcome.FAILURE, false, false, Cause.FAILURE, Duration.ZERO);
    /** It ran out of time; another attempt may help. */
    public static final Verdict TIMEOUT = new Verdict(Outcome.FAILURE, true, false, Cause.TIMEOUT, Duration.ZERO);
    /** It never got there; another attempt may help, whatever the request. */
    public static final Verdict NOT_SENT = new Verdict(Outcome.FAILURE, true, true, Cause.FAILURE, Duration.ZERO);
    /** It says nothing about the dependency. */
    public static final Verdict IGNORED = new Verdict(Outcome.IGNORED, false, false, Cause.FAILURE, Duration.ZERO);

    /** Checks that everything is there. */
    public Verdict {
        Objects.requireNonNull(outcome, "outcome");
        Objects.requireNonNull(cause, "cause");
        Settings.argument("retryAfter", retryAfter);
    }

    /**
     * A failure of a server that has too much to do.
     *
     * @param retryAfter how long it wants to be left alone; zero when it did not say
     * @return the verdict
     */
    public static Verdict throttled(Duration retryAfter) {
        return new Verdict(Outcome.FAILURE, true, false, Cause.THROTTLED, retryAfter);
    }

    /** Writes it where the library reads it. */
    void write(long[] words) {
        Flight.OUTCOME.set(words, outcome.ordinal());
        Flight.IS_RETRYABLE.set(words, retryable ? 1 : 0);
        Flight.WAS_NOT_SENT.set(words, notSent ? 1 : 0);
        Flight.CAUSE.set(words, cause.ordinal());
        Flight.RETRY_AFTER.set(words, Settings.argument("retryAfter", retryAfter));
    }

    /** Reads an attempt that the library filled. */
    static Verdict read(long[] attempt) {
        return new Verdict(
                Outcome.values()[Layout.Attempt.OUTCOME.getInt(attempt)],
                Layout.Attempt.IS_RETRYABLE.get(attempt) != 0,
                Layout.Attempt.WAS_NOT_SENT.get(attempt) != 0,
                Cause.values()[Layout.Attempt.CAUSE.getInt(attempt)],
                Settings.nanos(Layout.Attempt.RETRY_AFTER_NS.get(attempt)));
    }
}
