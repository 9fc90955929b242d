package dev.seawall;

/** The numbers by which the library answers, as far as this package looks at them. */
final class Status {
    static final int OK = 0;
    static final int REFUSED_BREAKER_OPEN = 10;
    static final int REFUSED_BREAKER_HALF_OPEN = 11;
    static final int REFUSED_BREAKER_FORCED_OPEN = 12;
    static final int REFUSED_BULKHEAD_FULL = 20;
    static final int REFUSED_BULKHEAD_WAIT_FULL = 21;
    static final int REFUSED_BULKHEAD_WAIT_TIMEOUT = 22;
    static final int REFUSED_RATE_LIMITED = 30;
    static final int REFUSED_BUDGET_EXHAUSTED = 40;
    static final int REFUSED_DEADLINE_EXCEEDED = 50;
    static final int NOTE_LATE = 60;
    static final int NOTE_STALE = 61;
    static final int ERROR_CONFIG = -10;
    static final int ERROR_ARGUMENT = -12;
    static final int ERROR_UNKNOWN = -13;
    static final int ERROR_SPENT = -20;
    static final int ERROR_EXCEEDS_CAPACITY = -30;
    static final int ERROR_HEADER = -40;

    /** Added to the number of a {@link Priority} by a caller that goes on waiting after a refusal. */
    static final int PRIORITY_WAITING = 2;

    private Status() {}

    /** Names of refusals and notes, kept because a refusal must be cheap. Filled by whoever comes first; all agree. */
    private static final String[] NAMES = new String[64];

    static String name(int status) {
        if (status < 0 || status >= NAMES.length) {
            return Library.NATIVE.statusName(status);
        }
        String name = NAMES[status];
        if (name == null) {
            name = Library.NATIVE.statusName(status);
            NAMES[status] = name;
        }
        return name;
    }

    static String text(int status) {
        return Library.NATIVE.statusText(status);
    }

    /** The exception for an answer that is neither ok nor a note. */
    static SeawallException exception(String name, int status, long retryAfterNanos) {
        return switch (status) {
            case REFUSED_BREAKER_OPEN, REFUSED_BREAKER_HALF_OPEN, REFUSED_BREAKER_FORCED_OPEN ->
                    new BreakerOpenException(name, status, retryAfterNanos);
            case REFUSED_BULKHEAD_FULL, REFUSED_BULKHEAD_WAIT_FULL, REFUSED_BULKHEAD_WAIT_TIMEOUT ->
                    new BulkheadFullException(name, status, retryAfterNanos);
            case REFUSED_RATE_LIMITED -> new RateLimitedException(name, status, retryAfterNanos);
            case REFUSED_BUDGET_EXHAUSTED -> new BudgetExhaustedException(name, status, retryAfterNanos);
            case REFUSED_DEADLINE_EXCEEDED -> new DeadlineExceededException(name, status, retryAfterNanos);
            case ERROR_SPENT -> new PermitSpentException(name + ": " + text(status));
            case ERROR_EXCEEDS_CAPACITY -> new ExceedsCapacityException(name + ": " + text(status));
            default -> new SeawallException(name(status), name + ": " + text(status));
        };
    }

    /** Lets ok and notes pass. */
    static void check(String name, int status) {
        if (status < 0) {
            throw exception(name, status, 0);
        }
    }
}
