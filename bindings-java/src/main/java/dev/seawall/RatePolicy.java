package dev.seawall;

import java.time.Duration;
import java.util.function.Consumer;

/**
 * A rate limit of a policy; see {@link PolicyBuilder#rateLimit(java.util.function.Consumer)}. Ranges are checked
 * when the policy is built. Not for two threads at once.
 */
public final class RatePolicy {
    final Toml table = new Toml();

    RatePolicy() {}

    /**
     * What is counted; needed where there are several.
     *
     * @param name 1 to 64 of {@code A-Z a-z 0-9 _ . -}; default {@code requests}
     * @return this
     */
    public RatePolicy name(String name) {
        table.text("name", name);
        return this;
    }

    /**
     * Tokens per time.
     *
     * @param rate {@code 100/s}, {@code 10/minute}, {@code 5/250ms}
     * @return this
     */
    public RatePolicy rate(String rate) {
        table.text("rate", rate);
        return this;
    }

    /**
     * The most tokens that can be saved up.
     *
     * @param tokens 1 to 1,000,000,000; default: those of the rate
     * @return this
     */
    public RatePolicy burst(long tokens) {
        table.number("burst", tokens);
        return this;
    }

    /**
     * How long a call may wait for its tokens.
     *
     * @param wait 0 to 24 h; default 0
     * @return this
     */
    public RatePolicy maxWait(Duration wait) {
        table.duration("max_wait", wait);
        return this;
    }

    /**
     * How strictly it acts.
     *
     * @param mode default: that of the policy
     * @return this
     */
    public RatePolicy mode(Mode mode) {
        table.word("mode", mode);
        return this;
    }
}
