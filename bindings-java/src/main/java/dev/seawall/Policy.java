package dev.seawall;

import java.util.Objects;

/**
 * Everything there is to say about calling one dependency. A policy in code is the same as a table of a file: the
 * same
 * settings, defaults and checks. Immutable; nothing happens until it is given to a wall.
 *
 * <pre>{@code
 * Policy policy = Policy.builder()
 *         .timeout(Duration.ofSeconds(2))
 *         .deadline(Duration.ofSeconds(5))
 *         .retry(retry -> retry.attempts(2))
 *         .bulkhead(bulkhead -> bulkhead.maxConcurrent(20))
 *         .rateLimit("100/s")
 *         .build();
 * }</pre>
 */
public final class Policy {
    private final String toml;

    private Policy(String toml) {
        this.toml = toml;
    }

    /**
     * Starts a policy. A timeout must be given; all else has a default.
     *
     * @return a builder
     */
    public static PolicyBuilder builder() {
        return new PolicyBuilder();
    }

    /**
     * Reads the lines that would stand in the table of a file.
     *
     * @param toml {@code timeout = "2s"} and so on
     * @return a policy
     * @throws ConfigException with everything that is wrong in it, one finding a line
     */
    public static Policy parse(String toml) {
        byte[] policy = Problems.in("policy", Objects.requireNonNull(toml, "toml"));
        NativeWall library = Library.WALL;
        byte[] message = new byte[Problems.BYTES];
        long[] wall = new long[1];
        Problems.check(library.wallNew(wall), "policy", message);
        try {
            // A wall for nobody checks it as any other does.
            int status = library.wallDefine(wall[0], Problems.in("name", "policy"), policy, 1, new long[1], message);
            Problems.check(status, "policy", message);
        } finally {
            library.wallClose(wall[0]);
        }
        return new Policy(toml);
    }

    /**
     * The lines that would stand in the table of a file.
     *
     * @return TOML
     */
    public String toml() {
        return toml;
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof Policy policy && policy.toml.equals(toml);
    }

    @Override
    public int hashCode() {
        return toml.hashCode();
    }

    @Override
    public String toString() {
        return toml;
    }
}
