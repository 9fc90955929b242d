package dev.seawall;

import java.time.Duration;
import java.util.function.Consumer;

/**
 * What the retries of a policy may cost; see {@link RetryPolicy#budget(Consumer)}. Ranges are checked when the
 * policy is built. Not for two threads at once.
 */
public final class BudgetPolicy {
    final Toml table = new Toml();

    BudgetPolicy() {}

    /**
     * How the budget counts.
     *
     * @param profile default {@link Profile#BUCKET}
     * @return this
     */
    public BudgetPolicy profile(Profile profile) {
        table.word("profile", profile);
        return this;
    }

    /**
     * The share of an attempt that each call pays in.
     *
     * @param ratio 0.0 to 10.0; default by profile, 0.1
     * @return this
     */
    public BudgetPolicy ratio(double ratio) {
        table.number("ratio", ratio);
        return this;
    }

    /**
     * Retries per second that are free.
     *
     * @param retries 0 to 10,000; default by profile, 1
     * @return this
     */
    public BudgetPolicy minPerSecond(int retries) {
        table.number("min_per_second", retries);
        return this;
    }

    /**
     * The time that the free ones are counted over.
     *
     * @param window 1 s to 1 h; default 10 s
     * @return this
     */
    public BudgetPolicy window(Duration window) {
        table.duration("window", window);
        return this;
    }

    /**
     * The most retries that can be saved up.
     *
     * @param retries 1 to 1,000,000; default by profile, 100
     * @return this
     */
    public BudgetPolicy cap(int retries) {
        table.number("cap", retries);
        return this;
    }

    /**
     * The largest share of the calls under way that may be retries.
     *
     * @param ratio 0.0 to 10.0; default: no such rule
     * @return this
     */
    public BudgetPolicy maxConcurrentRetriesRatio(double ratio) {
        table.number("max_concurrent_retries_ratio", ratio);
        return this;
    }

    /**
     * So many may be under way all the same.
     *
     * @param retries default 3
     * @return this
     */
    public BudgetPolicy minConcurrentRetries(int retries) {
        table.number("min_concurrent_retries", retries);
        return this;
    }

    /**
     * How strictly it acts.
     *
     * @param mode default: that of the policy
     * @return this
     */
    public BudgetPolicy mode(Mode mode) {
        table.word("mode", mode);
        return this;
    }
}
