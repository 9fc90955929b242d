package dev.seawall;

import java.time.Duration;
import java.util.HashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import org.json.JSONObject;

/** One object of a story: what each verb does to it, and what is seen of it afterwards. */
abstract class Stage {
    final Map<String, Object> seen = new HashMap<>();
    final Map<String, Object> named = new HashMap<>();
    private static final Set<String> WORDS = Set.of("at_ns", "do", "expect", "repeat", "as", "permit", "outcome",
            "reservation", "withdrawal", "class", "n", "max_wait_ns", "permits", "period_ns", "burst", "critical",
            "max_concurrent", "reserved", "attempt", "previous_ns", "random", "duration_ns", "timeout_ns",
            "at_other_ns", "reserve_permille", "ppm");

    /** Does a verb; answers ok, late, stale or throws. */
    abstract String act(String verb, JSONObject step);

    /** Adds what a snapshot shows to {@code seen}; a refusal's own retry_after_ns stays. */
    void look() {}

    /** Some words are an argument of one verb and a check of others. */
    boolean isCheck(String key, JSONObject step) {
        return !WORDS.contains(key);
    }

    static Duration nanos(JSONObject from, String key) {
        return Duration.ofNanos(from.optLong(key, 0));
    }

    static <E extends Enum<E>> E word(Class<E> type, JSONObject from, String key, E absent) {
        return from.has(key) ? Enum.valueOf(type, from.getString(key).toUpperCase(Locale.ROOT)) : absent;
    }

    static String word(Enum<?> value) {
        return value.name().toLowerCase(Locale.ROOT);
    }

    static Stage of(String primitive, JSONObject config, ManualClock clock) {
        return switch (primitive) {
            case "breaker" -> new OfBreaker(config, clock);
            case "bulkhead" -> new OfBulkhead(config, clock);
            case "limiter" -> new OfLimiter(config, clock);
            case "retry_budget" -> new OfRetryBudget(config, clock);
            case "backoff" -> new OfBackoff(config);
            case "deadline" -> new OfDeadline(clock);
            case "histogram" -> new OfHistogram();
            case "http" -> new HttpStage();
            default -> throw new AssertionError(primitive);
        };
    }

    private static final class OfBreaker extends Stage {
        final Breaker breaker;

        OfBreaker(JSONObject config, Clock clock) {
            BreakerBuilder builder = Breaker.builder("vector").clock(clock).seed(config.optLong("seed", 0));
            builder.probeLease(Duration.ofSeconds(30)).mode(word(Mode.class, config, "mode", Mode.ENFORCE));
            builder.consecutiveAlways(config.optBoolean("consecutive_always"));
            for (String key : config.keySet()) {
                switch (key) {
                    case "seed", "mode", "consecutive_always" -> { }
                    case "consecutive_failures" -> builder.consecutiveFailures(config.getInt(key));
                    case "failure_permille" -> builder.failureRate(config.getInt(key) / 1000.0);
                    case "slow_permille" -> builder.slowRate(config.getInt(key) / 1000.0);
                    case "slow_after_ns" -> builder.slowAfter(nanos(config, key));
                    case "window_calls" -> builder.windowCalls(config.getInt(key));
                    case "window_ns" -> builder.window(nanos(config, key));
                    case "min_calls" -> builder.minCalls(config.getInt(key));
                    case "open_for_ns" -> builder.openFor(nanos(config, key));
                    case "open_backoff_permille" -> builder.openBackoff(config.getInt(key) / 1000.0);
                    case "open_max_ns" -> builder.openMax(nanos(config, key));
                    case "open_jitter_permille" -> builder.openJitter(config.getInt(key) / 1000.0);
                    case "probes" -> builder.probes(config.getInt(key));
                    case "probe_lease_ns" -> builder.probeLease(nanos(config, key));
                    case "min_witnesses" -> builder.minWitnesses(config.getInt(key));
                    default -> throw new AssertionError(key);
                }
            }
            breaker = builder.onTransition((name, from, to) -> seen.put("transition", word(from) + "->" + word(to))).build();
        }

        @Override
        String act(String verb, JSONObject step) {
            Outcome outcome = word(Outcome.class, step, "outcome", null);
            switch (verb) {
                case "acquire" -> named.put(step.optString("as"), breaker.tryAcquire());
                case "call" -> breaker.tryAcquire().record(outcome, nanos(step, "retry_after_ns"));
                case "record" -> {
                    Breaker.Permit permit = (Breaker.Permit) named.get(step.getString("permit"));
                    return permit.record(outcome, nanos(step, "retry_after_ns")) ? "ok" : "late";
                }
                case "cancel" -> ((Breaker.Permit) named.get(step.getString("permit"))).cancel();
                case "force_open" -> breaker.forceOpen();
                case "disable" -> breaker.disable();
                case "reset" -> breaker.reset();
                case "look" -> { }
                default -> throw new AssertionError(verb);
            }
            return "ok";
        }

        @Override
        boolean isCheck(String key, JSONObject step) {
            boolean argument = key.equals("retry_after_ns") && step.has("outcome");
            return !argument && super.isCheck(key, step);
        }

        @Override
        void look() {
            Breaker.Snapshot now = breaker.snapshot();
            seen.put("state", word(now.state()));
            seen.put("generation", now.generation());
            seen.put("window", Map.of("calls", now.windowCalls(), "failures", now.windowFailures(), "slow", now.windowSlow()));
            seen.put("streak", now.streak());
            seen.put("probes_in_flight", now.probesInFlight());
            seen.putIfAbsent("retry_after_ns", now.retryAfter().toNanos());
            seen.put("counters", Map.of("success", now.success(), "failure", now.failure(), "ignored", now.ignored(),
                    "slow", now.slow(), "refused", now.refused(), "shadow_refused", now.shadowRefused(),
                    "late", now.late(), "opened", now.opened()));
        }
    }

    private static final class OfBulkhead extends Stage {
        final Bulkhead bulkhead;

        OfBulkhead(JSONObject config, Clock clock) {
            int most = config.optInt("max_concurrent", 20);
            bulkhead = Bulkhead.builder("vector").clock(clock).maxConcurrent(most)
                    .capacity(config.optInt("capacity", most)).reserved(config.optInt("reserved", 0))
                    .maxWaiting(config.optInt("max_waiting", 0)).mode(word(Mode.class, config, "mode", Mode.ENFORCE)).build();
        }

        @Override
        String act(String verb, JSONObject step) {
            switch (verb) {
                case "acquire" -> named.put(step.optString("as"),
                        bulkhead.tryAcquire(step.optBoolean("critical") ? Priority.CRITICAL : Priority.ORDINARY));
                case "release" -> {
                    return ((Bulkhead.Permit) named.get(step.getString("permit"))).release() ? "ok" : "stale";
                }
                case "resize" -> bulkhead.resize(step.getInt("max_concurrent"), step.optInt("reserved", 0));
                // The two halves of acquire(maxWait): a story must be able to stop between them.
                case "begin_wait" -> {
                    int status = Library.NATIVE.bulkheadBeginWait(bulkhead.open());
                    return Status.name(status);
                }
                case "end_wait" -> Library.NATIVE.bulkheadEndWait(bulkhead.open());
                case "look" -> { }
                default -> throw new AssertionError(verb);
            }
            return "ok";
        }

        @Override
        void look() {
            Bulkhead.Snapshot now = bulkhead.snapshot();
            seen.put("limit", now.maxConcurrent());
            seen.put("in_use", now.inUse());
            seen.put("waiting", now.waiting());
            seen.put("rejected", now.rejected());
            seen.put("shadow_refused", now.shadowRefused());
            seen.put("stale", now.stale());
            seen.put("longest_hold_ns", now.longestHold().toNanos());
        }
    }

    private static final class OfLimiter extends Stage {
        final Limiter limiter;

        OfLimiter(JSONObject config, Clock clock) {
            limiter = Limiter.builder("vector").clock(clock).mode(word(Mode.class, config, "mode", Mode.ENFORCE))
                    .rate(config.optLong("permits", 100), Duration.ofNanos(config.optLong("period_ns", 1_000_000_000)))
                    .burst(config.optLong("burst", 100)).build();
        }

        @Override
        String act(String verb, JSONObject step) {
            switch (verb) {
                case "acquire" -> limiter.tryAcquire(step.optLong("n", 1));
                case "reserve" -> {
                    Limiter.Reservation held = limiter.reserve(step.getLong("n"), nanos(step, "max_wait_ns"));
                    named.put(step.optString("as"), held);
                    seen.put("wait_ns", held.delay().toNanos());
                }
                case "cancel" -> ((Limiter.Reservation) named.get(step.getString("reservation"))).cancel();
                case "adjust" -> limiter.adjust(step.getLong("n"));
                case "set_rate" -> limiter.setRate(step.getLong("permits"), nanos(step, "period_ns"), step.getLong("burst"));
                case "look" -> { }
                default -> throw new AssertionError(verb);
            }
            return "ok";
        }

        @Override
        void look() {
            Limiter.Snapshot now = limiter.snapshot();
            seen.put("limit", now.limit());
            seen.put("remaining", now.remaining());
            seen.put("reset_ns", now.reset().toNanos());
            seen.putIfAbsent("retry_after_ns", now.retryAfter().toNanos());
            seen.put("counters",
                    Map.of("allowed", now.allowed(), "refused", now.refused(), "shadow_refused", now.shadowRefused()));
        }
    }

    private static final class OfRetryBudget extends Stage {
        final RetryBudget budget;

        OfRetryBudget(JSONObject config, ManualClock clock) {
            clock.set(Duration.ofNanos(config.optLong("now_ns", 1)));
            RetryBudget.Builder builder =
                    RetryBudget.builder("vector", word(Profile.class, config, "profile", Profile.BUCKET)).clock(clock);
            builder.mode(word(Mode.class, config, "mode", Mode.ENFORCE));
            for (String key : config.keySet()) {
                switch (key) {
                    case "profile", "now_ns", "mode" -> { }
                    case "ratio_permille" -> builder.ratio(config.getInt(key) / 1000.0);
                    case "min_per_second" -> builder.minPerSecond(config.getInt(key));
                    case "window_ns" -> builder.window(nanos(config, key));
                    case "cap" -> builder.cap(config.getInt(key));
                    case "max_concurrent_retries_permille" ->
                            builder.maxConcurrentRetriesRatio(config.getInt(key) / 1000.0);
                    case "min_concurrent_retries" -> builder.minConcurrentRetries(config.getInt(key));
                    default -> throw new AssertionError(key);
                }
            }
            budget = builder.build();
        }

        @Override
        String act(String verb, JSONObject step) {
            RetryBudget.Withdrawal withdrawal = (RetryBudget.Withdrawal) named.get(step.optString("withdrawal", null));
            switch (verb) {
                case "deposit" -> budget.deposit();
                case "withdraw" -> named.put(step.optString("as"),
                        budget.tryWithdraw(word(Cause.class, step, "class", Cause.FAILURE)));
                case "record" -> {
                    Outcome outcome = word(Outcome.class, step, "outcome", null);
                    if (withdrawal != null) {
                        withdrawal.record(outcome);
                    } else {
                        budget.record(outcome);
                    }
                }
                case "cancel" -> withdrawal.cancel();
                case "finish" -> budget.finish();
                case "look" -> { }
                default -> throw new AssertionError(verb);
            }
            return "ok";
        }

        @Override
        void look() {
            RetryBudget.Snapshot now = budget.snapshot();
            seen.put("tokens_milli", now.tokensMilli());
            seen.put("calls_in_flight", now.callsInFlight());
            seen.put("retries_in_flight", now.retriesInFlight());
            seen.put("counters", Map.of("deposited", now.deposited(), "withdrawn", now.withdrawn(),
                    "refused", now.refused(), "shadow_refused", now.shadowRefused()));
        }
    }

    private static final class OfBackoff extends Stage {
        final Backoff backoff;

        OfBackoff(JSONObject config) {
            Backoff.Builder builder = Backoff.builder().jitter(word(Jitter.class, config, "jitter", Jitter.FULL));
            for (String key : config.keySet()) {
                switch (key) {
                    case "jitter" -> { }
                    case "base_ns" -> builder.base(nanos(config, key));
                    case "cap_ns" -> builder.cap(nanos(config, key));
                    case "factor_permille" -> builder.factor(config.getInt(key) / 1000.0);
                    case "retry_after_margin_ns" -> builder.retryAfterMargin(nanos(config, key));
                    default -> throw new AssertionError(key);
                }
            }
            backoff = builder.build();
        }

        @Override
        String act(String verb, JSONObject step) {
            long random = Long.parseUnsignedLong(step.optString("random", "0"));
            seen.put("delay_ns", backoff.delay(step.getLong("attempt"), nanos(step, "previous_ns"),
                    nanos(step, "retry_after_ns"), random).toNanos());
            return "ok";
        }

        @Override
        boolean isCheck(String key, JSONObject step) {
            return key.equals("delay_ns");
        }
    }

    private static final class OfDeadline extends Stage {
        final Clock clock;
        Deadline deadline;

        OfDeadline(Clock clock) {
            this.clock = clock;
        }

        @Override
        String act(String verb, JSONObject step) {
            switch (verb) {
                case "after" -> deadline = Deadline.after(nanos(step, "duration_ns"), clock);
                case "remaining" -> { }
                case "attempt_timeout" ->
                        seen.put("attempt_ns", deadline.attemptTimeout(nanos(step, "timeout_ns")).toNanos());
                case "nearer" -> deadline = deadline.nearer(Deadline.at(step.getLong("at_other_ns"), clock));
                case "keep" -> deadline = deadline.keep(step.getInt("reserve_permille") / 1000.0);
                default -> throw new AssertionError(verb);
            }
            seen.put("remaining_ns", deadline.remaining().toNanos());
            seen.put("expired", deadline.isExpired());
            return "ok";
        }
    }

    private static final class OfHistogram extends Stage {
        final Histogram histogram = new Histogram();

        @Override
        String act(String verb, JSONObject step) {
            switch (verb) {
                case "record" -> histogram.recordNanos(step.getLong("value_ns"));
                case "quantile" -> seen.put("value_ns", histogram.quantile(step.getInt("ppm") / 1e6).toNanos());
                case "look" -> { }
                default -> throw new AssertionError(verb);
            }
            seen.put("total", histogram.total());
            return "ok";
        }

        @Override
        boolean isCheck(String key, JSONObject step) {
            boolean argument = key.equals("value_ns") && step.getString("do").equals("record");
            return !argument && super.isCheck(key, step);
        }
    }
}
