package dev.seawall;

import java.time.Duration;

/**
 * Backoff: how long to wait before a retry, growing and spread.
 *
 * <pre>{@code
 * Backoff backoff = Backoff.builder().base(Duration.ofMillis(100)).cap(Duration.ofSeconds(5)).build();
 * Thread.sleep(backoff.delay(attempt));        // attempt 1 is the first retry
 * }</pre>
 *
 * <p>A value without state: share it freely between threads.
 */
public final class Backoff {
    private static final Native NATIVE = Library.NATIVE;
    private static final long MOST_ATTEMPTS = 0xFFFF_FFFFL;

    private final long[] words;

    private Backoff(long[] words) {
        this.words = words;
    }

    /**
     * Starts the settings of a backoff.
     *
     * @return settings, all at their defaults
     */
    public static Builder builder() {
        return new Builder();
    }

    /**
     * The wait before a retry.
     *
     * @param attempt which retry, the first is 1
     * @return how long
     */
    public Duration delay(long attempt) {
        return delay(attempt, Duration.ZERO, Duration.ZERO);
    }

    /**
     * The wait before a retry.
     *
     * @param attempt which retry, the first is 1
     * @param previous the wait before the last retry, for {@link Jitter#DECORRELATED}; zero for none
     * @param retryAfter what the server asked for, a floor that jitter never undercuts; zero for nothing
     * @return how long
     */
    public Duration delay(long attempt, Duration previous, Duration retryAfter) {
        return delay(attempt, previous, retryAfter, NATIVE.random());
    }

    /**
     * The wait before a retry, with chance as an argument: the same bits give the same wait in every language.
     *
     * @param attempt which retry, the first is 1
     * @param previous the wait before the last retry, for {@link Jitter#DECORRELATED}; zero for none
     * @param retryAfter what the server asked for; zero for nothing
     * @param random sixty-four random bits
     * @return how long
     */
    public Duration delay(long attempt, Duration previous, Duration retryAfter, long random) {
        if (attempt < 1 || attempt > MOST_ATTEMPTS) {
            throw new ConfigException("attempt", attempt, 1L, MOST_ATTEMPTS);
        }
        long[] delay = new long[1];
        int status = NATIVE.backoffDelay(words, (int) attempt, Settings.argument("previous", previous), random,
                Settings.argument("retryAfter", retryAfter), delay);
        Status.check("backoff", status);
        return Settings.nanos(delay[0]);
    }

    /** The settings of a backoff. Ranges are checked by {@link #build}. Not for two threads at once. */
    public static final class Builder {
        final Settings settings = new Settings(Layout.BackoffConfig.WORDS);

        private Builder() {
            Layout.BackoffConfig.STRUCT_BYTES.set(settings.words, Layout.BackoffConfig.BYTES);
            Layout.BackoffConfig.FACTOR_PERMILLE.set(settings.words, 2000);
            Layout.BackoffConfig.BASE_NS.set(settings.words, 100_000_000);
            Layout.BackoffConfig.CAP_NS.set(settings.words, 20_000_000_000L);
            Layout.BackoffConfig.RETRY_AFTER_MARGIN_NS.set(settings.words, -1);
        }

        /**
         * The wait before the first retry.
         *
         * @param time 0 to 24 h; default 100 ms
         * @return this
         */
        public Builder base(Duration time) {
            settings.duration("base", Layout.BackoffConfig.BASE_NS, time);
            return this;
        }

        /**
         * How much each further wait grows.
         *
         * @param factor 1.0 to 10.0; default 2.0
         * @return this
         */
        public Builder factor(double factor) {
            settings.ratio("factor", Layout.BackoffConfig.FACTOR_PERMILLE, factor);
            return this;
        }

        /**
         * The longest wait, before jitter.
         *
         * @param time {@code base} to 24 h; default 20 s
         * @return this
         */
        public Builder cap(Duration time) {
            settings.duration("cap", Layout.BackoffConfig.CAP_NS, time);
            return this;
        }

        /**
         * How waits are spread.
         *
         * @param jitter default {@link Jitter#FULL}
         * @return this
         */
        public Builder jitter(Jitter jitter) {
            settings.choice(Layout.BackoffConfig.JITTER, jitter.ordinal());
            return this;
        }

        /**
         * How much longer than our own wait a server's Retry-After may make it.
         *
         * @param time not negative; default no limit
         * @return this
         */
        public Builder retryAfterMargin(Duration time) {
            Layout.BackoffConfig.RETRY_AFTER_MARGIN_NS.set(
                    settings.words, Settings.argument("retryAfterMargin", time));
            return this;
        }

        /**
         * Makes the backoff.
         *
         * @return a new backoff
         * @throws ConfigException when a setting is out of range
         */
        public Backoff build() {
            long[] error = new long[Layout.ConfigError.WORDS];
            settings.check("backoff", NATIVE.backoffValidate(settings.words, error), error);
            return new Backoff(settings.words.clone());
        }
    }
}
