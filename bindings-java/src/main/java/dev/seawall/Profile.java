package dev.seawall;

/** By which published rules a {@link RetryBudget} works. */
public enum Profile {
    /** Each call adds its share, time adds a floor, a retry takes one. The default. */
    BUCKET,
    /** Finagle's RetryBudget. */
    FINAGLE,
    /** gRPC retry throttling (gRFC A6). */
    GRPC,
    /** The standard retry mode of the AWS SDKs, rules of 2026. */
    AWS_STANDARD,
    /** The same by the older rules. */
    AWS_LEGACY
}
