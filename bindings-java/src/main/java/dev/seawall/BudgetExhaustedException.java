package dev.seawall;

/** The retry budget is spent: end the call with its last real error. */
public final class BudgetExhaustedException extends RefusedException {
    private static final long serialVersionUID = 1;

    BudgetExhaustedException(String name, int status, long retryAfterNanos) {
        super(name, status, retryAfterNanos);
    }
}
