package dev.seawall;

/** Why a retry is wanted; the AWS profiles of a {@link RetryBudget} charge by it. */
public enum Cause {
    /** The retry follows an ordinary failure. The default. */
    FAILURE,
    /** The server asked for less. */
    THROTTLED,
    /** No answer in time. */
    TIMEOUT
}
