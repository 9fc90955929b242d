package dev.seawall;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;

/** The settings of a policy. Ranges are checked by {@link #build}. Not for two threads at once. */
public final class PolicyBuilder {
    private final Toml table = new Toml();
    private final List<Toml> limits = new ArrayList<>();

    PolicyBuilder() {}

    /**
     * How much depends on the dependency.
     *
     * @param criticality default {@link Criticality#IMPORTANT}
     * @return this
     */
    public PolicyBuilder criticality(Criticality criticality) {
        table.word("criticality", criticality);
        return this;
    }

    /**
     * Whether something else may be served.
     *
     * @param rule default by criticality
     * @return this
     */
    public PolicyBuilder fallback(FallbackRule rule) {
        table.word("fallback", rule);
        return this;
    }

    /**
     * The time one attempt may take. Must be given.
     *
     * @param timeout 1 ms to 24 h
     * @return this
     */
    public PolicyBuilder timeout(Duration timeout) {
        table.duration("timeout", timeout);
        return this;
    }

    /**
     * The time connecting may take, for HTTP adapters.
     *
     * @param timeout 1 ms to {@code timeout}
     * @return this
     */
    public PolicyBuilder connectTimeout(Duration timeout) {
        table.duration("connect_timeout", timeout);
        return this;
    }

    /**
     * The time the whole call may take.
     *
     * @param deadline {@code timeout} to 24 h; default: no limit
     * @return this
     */
    public PolicyBuilder deadline(Duration deadline) {
        table.duration("deadline", deadline);
        return this;
    }

    /**
     * The share of the caller's deadline that is kept for the caller.
     *
     * @param share 0.0 to 1.0; default 0
     * @return this
     */
    public PolicyBuilder reserve(double share) {
        table.number("reserve", share);
        return this;
    }

    /**
     * A retry that would leave an attempt less time than this is not made.
     *
     * @param span 0 to {@code timeout}; default 0
     * @return this
     */
    public PolicyBuilder useful(Duration span) {
        table.duration("useful", span);
        return this;
    }

    /**
     * What a call takes besides its attempts and waits, for the check.
     *
     * @param span 0 to 24 h; default 0
     * @return this
     */
    public PolicyBuilder overhead(Duration span) {
        table.duration("overhead", span);
        return this;
    }

    /**
     * Whether a request that may have been carried out may be sent again.
     *
     * @param idempotent default true
     * @return this
     */
    public PolicyBuilder idempotent(boolean idempotent) {
        table.flag("idempotent", idempotent);
        return this;
    }

    /**
     * Whether adapters send an Idempotency-Key.
     *
     * @param sent default false
     * @return this
     */
    public PolicyBuilder idempotencyKey(boolean sent) {
        table.flag("idempotency_key", sent);
        return this;
    }

    /**
     * How strictly the gates act that have no mode of their own.
     *
     * @param mode default {@link Mode#ENFORCE}
     * @return this
     */
    public PolicyBuilder mode(Mode mode) {
        table.word("mode", mode);
        return this;
    }

    /**
     * The connections of the pool behind it, to be compared with the bulkhead.
     *
     * @param connections 1 to 1,000,000
     * @return this
     */
    public PolicyBuilder pool(int connections) {
        table.number("pool", connections);
        return this;
    }

    /**
     * The dependencies whose calls end up here, to compare timeouts.
     *
     * @param names their names
     * @return this
     */
    public PolicyBuilder calledBy(String... names) {
        table.texts("called_by", List.of(names));
        return this;
    }

    /**
     * So many attempts in all, and everything else about retries at its default.
     *
     * @param attempts 1 to 100; 1 where nothing is said about retries
     * @return this
     */
    public PolicyBuilder attempts(int attempts) {
        return retry(retry -> retry.attempts(attempts));
    }

    /**
     * How further attempts are made. Without this there are none.
     *
     * @param settings gets the settings
     * @return this
     */
    public PolicyBuilder retry(Consumer<? super RetryPolicy> settings) {
        RetryPolicy retry = new RetryPolicy();
        settings.accept(retry);
        table.table("retry", retry.table);
        return this;
    }

    /**
     * The settings of the circuit breaker. Without this it has its defaults.
     *
     * @param settings gets the settings
     * @return this
     */
    public PolicyBuilder breaker(Consumer<? super BreakerPolicy> settings) {
        BreakerPolicy breaker = new BreakerPolicy();
        settings.accept(breaker);
        table.table("breaker", breaker.table);
        return this;
    }

    /**
     * No circuit breaker.
     *
     * @return this
     */
    public PolicyBuilder withoutBreaker() {
        table.text("breaker", "off");
        return this;
    }

    /**
     * How many calls may be under way. Without this any number.
     *
     * @param settings gets the settings
     * @return this
     */
    public PolicyBuilder bulkhead(Consumer<? super BulkheadPolicy> settings) {
        BulkheadPolicy bulkhead = new BulkheadPolicy();
        settings.accept(bulkhead);
        table.table("bulkhead", bulkhead.table);
        return this;
    }

    /**
     * A rate limit; more calls add more, up to four.
     *
     * @param rate {@code 100/s}, {@code 10/minute}, {@code 5/250ms}
     * @return this
     */
    public PolicyBuilder rateLimit(String rate) {
        return rateLimit(limit -> limit.rate(rate));
    }

    /**
     * A rate limit; more calls add more, up to four, each with a name of its own.
     *
     * @param settings gets the settings
     * @return this
     */
    public PolicyBuilder rateLimit(Consumer<? super RatePolicy> settings) {
        RatePolicy limit = new RatePolicy();
        settings.accept(limit);
        limits.add(limit.table);
        table.tables("rate_limit", limits);
        return this;
    }

    /**
     * Makes the policy.
     *
     * @return it
     * @throws ConfigException with everything that is wrong with it, one finding a line
     */
    public Policy build() {
        return Policy.parse(table.lines());
    }
}
