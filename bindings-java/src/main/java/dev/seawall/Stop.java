package dev.seawall;

import java.util.Locale;

/** Why a call made no further attempt. */
public enum Stop {
    /** None was needed. */
    DONE,
    /** The caller gave up. */
    CANCELLED,
    /** A gate said no before the first attempt. */
    REFUSED,
    /** All attempts were made. */
    ATTEMPTS_USED,
    /** Another attempt does not help, or the request may have been carried out. */
    NOT_RETRYABLE,
    /** The breaker is not closed any more, or the call was its probe. */
    BREAKER_OPEN,
    /** The bulkhead had no place for another attempt. */
    BULKHEAD_FULL,
    /** The retry budget is spent. */
    BUDGET_EXHAUSTED,
    /** The rate limits do not allow another attempt in time. */
    RATE_LIMITED,
    /** The deadline is too near for the wait and a useful attempt. */
    DEADLINE_TOO_NEAR;

    private static final Stop[] ALL = values();

    static Stop of(int number) {
        return ALL[number];
    }

    /**
     * The word for metrics and logs, the same in all languages: {@code attempts_used}.
     *
     * @return the word
     */
    public String code() {
        return name().toLowerCase(Locale.ROOT);
    }
}
