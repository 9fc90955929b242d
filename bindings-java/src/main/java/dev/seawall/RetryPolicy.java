package dev.seawall;

import java.time.Duration;
import java.util.function.Consumer;

/**
 * How a policy makes further attempts; see {@link PolicyBuilder#retry}. Ranges are checked when the policy is
 * built. Not for two threads at once.
 */
public final class RetryPolicy {
    final Toml table = new Toml();

    RetryPolicy() {}

    /**
     * Attempts in all, the first included.
     *
     * @param attempts 1 to 100; default 3
     * @return this
     */
    public RetryPolicy attempts(int attempts) {
        table.number("attempts", attempts);
        return this;
    }

    /**
     * The wait before the second attempt, before jitter.
     *
     * @param base 0 to 24 h; default 100 ms
     * @return this
     */
    public RetryPolicy base(Duration base) {
        table.duration("base", base);
        return this;
    }

    /**
     * How much longer each further wait is.
     *
     * @param factor 1.0 to 10.0; default 2.0
     * @return this
     */
    public RetryPolicy factor(double factor) {
        table.number("factor", factor);
        return this;
    }

    /**
     * The longest wait.
     *
     * @param cap {@code base} to 24 h; default 20 s
     * @return this
     */
    public RetryPolicy cap(Duration cap) {
        table.duration("cap", cap);
        return this;
    }

    /**
     * How chance spreads the waits.
     *
     * @param jitter default {@link Jitter#FULL}
     * @return this
     */
    public RetryPolicy jitter(Jitter jitter) {
        table.word("jitter", jitter);
        return this;
    }

    /**
     * How much longer than its own a wait may become because the server asks for it.
     *
     * @param margin default: as long as the server asks
     * @return this
     */
    public RetryPolicy retryAfterMargin(Duration margin) {
        table.duration("retry_after_margin", margin);
        return this;
    }

    /**
     * What retries may cost: each call pays in this share of an attempt.
     *
     * @param ratio 0.0 to 10.0; default 0.1
     * @return this
     */
    public RetryPolicy budget(double ratio) {
        table.number("budget", ratio);
        return this;
    }

    /**
     * What retries may cost, in full.
     *
     * @param settings gets the settings
     * @return this
     */
    public RetryPolicy budget(Consumer<? super BudgetPolicy> settings) {
        BudgetPolicy budget = new BudgetPolicy();
        settings.accept(budget);
        table.table("budget", budget.table);
        return this;
    }

    /**
     * Retries cost nothing: every call may make all its attempts, also when all of them do.
     *
     * @return this
     */
    public RetryPolicy withoutBudget() {
        table.text("budget", "off");
        return this;
    }
}
