// Tells the stories of tests/vectors to the C++ objects.
#include "story_http.hpp"
#include "story_policy.hpp"

namespace {

class breaker_story final : public story {
    bool begin(const keys &config, seawall::config_problem &problem) override {
        seawall::breaker_config settings;
        settings.probe_lease = std::chrono::seconds(30);
        settings.seed = 0;
        config.take("consecutive_failures", settings.consecutive_failures);
        config.take("consecutive_always", settings.consecutive_always);
        config.take_permille("failure_permille", settings.failure_rate);
        config.take_permille("slow_permille", settings.slow_rate);
        config.take("slow_after_ns", settings.slow_after);
        config.take("window_calls", settings.window_calls);
        config.take("window_ns", settings.window);
        config.take("min_calls", settings.min_calls);
        config.take("open_for_ns", settings.open_for);
        config.take_permille("open_backoff_permille", settings.open_backoff);
        config.take("open_max_ns", settings.open_max);
        config.take_permille("open_jitter_permille", settings.open_jitter);
        config.take("probes", settings.probes);
        config.take("probe_lease_ns", *settings.probe_lease);
        config.take("min_witnesses", settings.min_witnesses);
        if (config.has("seed")) {
            const std::string text = config.text("seed");
            settings.seed = text.empty() ? static_cast<std::uint64_t>(config.number("seed")) : std::stoull(text);
        }
        settings.mode = mode_of(config);
        breaker = seawall::breaker::make(settings, clock, &problem);
        if (breaker) breaker->on_transition([this](seawall::transition made) { change = made; });
        return breaker.has_value();
    }

    answer step(const keys &step, const std::string &verb) override {
        static const char *const states[] = {"closed", "open", "half_open", "forced_open", "disabled"};
        answer got;
        change.reset();
        if (verb == "acquire" || verb == "call") {
            auto permit = breaker->try_acquire();
            got = {permit.reason(), permit.retry_after()};
            if (permit && verb == "call") (void)permit->record(outcome_of(step), step.span("retry_after_ns"));
            if (permit && verb == "acquire") permits.keep(step.text("as"), std::move(*permit));
        } else if (verb == "record") {
            got.status = permits[step.text("permit")].record(outcome_of(step), step.span("retry_after_ns")).code;
        } else if (verb == "cancel") {
            got.status = permits[step.text("permit")].cancel().code;
        } else if (verb == "force_open") {
            (void)breaker->force_open();
        } else if (verb == "disable") {
            (void)breaker->disable();
        } else if (verb == "reset") {
            (void)breaker->reset();
        }
        const auto seen = breaker->snapshot();
        if (verb == "look") got.wait = seen.retry_after;
        if (verb == "look" || verb == "acquire") step.same("retry_after_ns", got.wait);
        if (change) {
            const auto name = [](seawall::state state) { return std::string(states[static_cast<std::size_t>(state)]); };
            step.same("transition", name(change->from) + "->" + name(change->to));
        } else {
            step.same("transition", std::string("none"));
        }
        step.same("state", std::string(states[static_cast<std::size_t>(seen.state)]));
        step.same("generation", seen.generation);
        step.same("streak", seen.streak);
        step.same("probes_in_flight", seen.probes_in_flight);
        const keys window = step.inner("window"), counters = step.inner("counters");
        window.same("calls", seen.window_calls);
        window.same("failures", seen.window_failures);
        window.same("slow", seen.window_slow);
        counters.same("success", seen.success);
        counters.same("failure", seen.failure);
        counters.same("ignored", seen.ignored);
        counters.same("slow", seen.slow);
        counters.same("refused", seen.refused);
        counters.same("shadow_refused", seen.shadow_refused);
        counters.same("late", seen.late);
        counters.same("opened", seen.opened);
        return got;
    }

    std::optional<seawall::breaker> breaker;
    named<seawall::breaker::permit> permits;
    std::optional<seawall::transition> change;
};

class bulkhead_story final : public story {
    bool begin(const keys &config, seawall::config_problem &problem) override {
        seawall::bulkhead_config settings;
        config.take("max_concurrent", settings.max_concurrent);
        config.take("reserved", settings.reserved);
        config.take("max_waiting", settings.max_waiting);
        if (config.has("capacity")) settings.capacity = static_cast<std::uint32_t>(config.number("capacity"));
        settings.mode = mode_of(config);
        bulkhead = seawall::bulkhead::make(settings, clock, &problem);
        return bulkhead.has_value();
    }

    answer step(const keys &step, const std::string &verb) override {
        answer got;
        if (verb == "acquire") {
            const bool is_critical = step.number("critical") != 0;
            auto permit = bulkhead->try_acquire(is_critical ? seawall::priority::critical : seawall::priority::ordinary);
            got = {permit.reason(), permit.retry_after()};
            if (permit) permits.keep(step.text("as"), std::move(*permit));
        } else if (verb == "release") {
            got.status = permits[step.text("permit")].release();
        } else if (verb == "resize") {
            seawall::config_problem problem;
            const auto limit = static_cast<std::uint32_t>(step.number("max_concurrent"));
            const auto reserved = static_cast<std::uint32_t>(step.number("reserved"));
            if (!bulkhead->resize(limit, reserved, &problem)) got.status = problem.code;
        } else if (verb == "begin_wait") {
            got.status = seawall_bulkhead_begin_wait(bulkhead->native());
        } else if (verb == "end_wait") {
            got.status = seawall_bulkhead_end_wait(bulkhead->native());
        }
        const auto seen = bulkhead->snapshot();
        step.same("limit", seen.max_concurrent);
        step.same("in_use", seen.in_use);
        step.same("waiting", seen.waiting);
        step.same("rejected", seen.rejected);
        step.same("shadow_refused", seen.shadow_refused);
        step.same("stale", seen.stale);
        step.same("longest_hold_ns", seen.longest_hold);
        return got;
    }

    std::optional<seawall::bulkhead> bulkhead;
    named<seawall::bulkhead::permit> permits;
};

class limiter_story final : public story {
    bool begin(const keys &config, seawall::config_problem &problem) override {
        settings.burst = 100;
        take(config);
        settings.mode = mode_of(config);
        limiter = seawall::limiter::make(settings, clock, &problem);
        return limiter.has_value();
    }

    answer step(const keys &step, const std::string &verb) override {
        answer got;
        const std::int64_t tokens = step.number("n", 1);
        if (verb == "acquire") {
            const auto taken = limiter->try_acquire(static_cast<std::uint64_t>(tokens));
            got = {taken.reason(), taken.retry_after()};
        } else if (verb == "reserve") {
            auto ahead = limiter->reserve(step.span("max_wait_ns"), static_cast<std::uint64_t>(tokens));
            got = {ahead.reason(), ahead ? ahead->wait() : ahead.retry_after()};
            step.same("wait_ns", got.wait);
            if (ahead) reservations.keep(step.text("as"), std::move(*ahead));
        } else if (verb == "cancel") {
            got.status = reservations[step.text("reservation")].cancel();
        } else if (verb == "adjust") {
            limiter->adjust(tokens);
        } else if (verb == "set_rate") {
            seawall::config_problem problem;
            take(step);
            if (!limiter->reconfigure(settings, &problem)) got.status = problem.code;
        }
        const auto seen = limiter->snapshot();
        step.same("retry_after_ns", verb == "look" ? seen.retry_after : got.wait);
        step.same("limit", seen.limit);
        step.same("remaining", seen.remaining);
        step.same("reset_ns", seen.reset);
        const keys counters = step.inner("counters");
        counters.same("allowed", seen.allowed);
        counters.same("refused", seen.refused);
        counters.same("shadow_refused", seen.shadow_refused);
        return got;
    }

    void take(const keys &from) {
        from.take("permits", settings.permits);
        from.take("period_ns", settings.period);
        from.take("burst", *settings.burst);
    }

    seawall::limiter_config settings;
    std::optional<seawall::limiter> limiter;
    named<seawall::reservation> reservations;
};

class retry_budget_story final : public story {
    bool begin(const keys &config, seawall::config_problem &problem) override {
        seawall::profile profile = seawall::profile::bucket;
        config.take_word("profile", profile, {"bucket", "finagle", "grpc", "aws_standard", "aws_legacy"});
        auto settings = seawall::retry_budget_config::of(profile);
        config.take_permille("ratio_permille", settings.ratio);
        config.take("min_per_second", settings.min_per_second);
        config.take("cap", settings.cap);
        config.take("window_ns", settings.window);
        config.take_permille("max_concurrent_retries_permille", settings.max_concurrent_retries_ratio);
        config.take("min_concurrent_retries", settings.min_concurrent_retries);
        settings.mode = mode_of(config);
        clock.set(nanoseconds(config.number("now_ns", 1)));
        budget = seawall::retry_budget::make(settings, clock, &problem);
        return budget.has_value();
    }

    answer step(const keys &step, const std::string &verb) override {
        answer got;
        if (verb == "deposit") {
            budget->deposit();
        } else if (verb == "withdraw") {
            seawall::cause cause = seawall::cause::failure;
            step.take_word("class", cause, {"failure", "throttled", "timeout"});
            auto leave = budget->try_withdraw(cause);
            got = {leave.reason(), leave.retry_after()};
            if (leave) withdrawals.keep(step.text("as"), std::move(*leave));
        } else if (verb == "record" && step.has("withdrawal")) {
            got.status = withdrawals[step.text("withdrawal")].record(outcome_of(step));
        } else if (verb == "record") {
            budget->record(outcome_of(step));
        } else if (verb == "cancel") {
            got.status = withdrawals[step.text("withdrawal")].cancel();
        } else if (verb == "finish") {
            budget->finish();
        }
        const auto seen = budget->snapshot();
        step.same("tokens_milli", seen.tokens_milli);
        step.same("calls_in_flight", seen.calls_in_flight);
        step.same("retries_in_flight", seen.retries_in_flight);
        const keys counters = step.inner("counters");
        counters.same("deposited", seen.deposited);
        counters.same("withdrawn", seen.withdrawn);
        counters.same("refused", seen.refused);
        counters.same("shadow_refused", seen.shadow_refused);
        return got;
    }

    std::optional<seawall::retry_budget> budget;
    named<seawall::withdrawal> withdrawals;
};

class backoff_story final : public story {
    bool begin(const keys &config, seawall::config_problem &problem) override {
        seawall::backoff_config settings;
        config.take("base_ns", settings.base);
        config.take_permille("factor_permille", settings.factor);
        config.take("cap_ns", settings.cap);
        if (config.has("retry_after_margin_ns")) settings.retry_after_margin = config.span("retry_after_margin_ns");
        config.take_word("jitter", settings.jitter, {"full", "equal", "decorrelated", "none"});
        backoff = seawall::backoff::make(settings, &problem);
        return backoff.has_value();
    }

    answer step(const keys &step, const std::string &) override {
        const auto attempt = static_cast<std::uint32_t>(step.number("attempt", 1));
        const std::uint64_t random = std::stoull(step.text("random", "0"));
        step.same("delay_ns", backoff->delay(attempt, step.span("previous_ns"), step.span("retry_after_ns"), random));
        return {};
    }

    std::optional<seawall::backoff> backoff;
};

class deadline_story final : public story {
    bool begin(const keys &, seawall::config_problem &) override { return true; }

    answer step(const keys &step, const std::string &verb) override {
        if (verb == "after") deadline = seawall::deadline::after(step.span("duration_ns"), clock);
        if (verb == "keep") deadline = deadline.keep(static_cast<double>(step.number("reserve_permille")) / 1000.0);
        if (verb == "nearer") {
            const auto other = seawall::deadline::after(step.span("at_other_ns") - step.span("at_ns"), clock);
            deadline = deadline.nearer(other);
        }
        if (verb == "attempt_timeout") step.same("attempt_ns", deadline.attempt_timeout(step.span("timeout_ns")));
        step.same("remaining_ns", deadline.remaining());
        step.same("expired", deadline.is_expired() ? 1U : 0U);
        return {};
    }

    seawall::deadline deadline = seawall::deadline::never(clock);
};

class histogram_story final : public story {
    bool begin(const keys &, seawall::config_problem &) override { return true; }

    answer step(const keys &step, const std::string &verb) override {
        if (verb == "record") histogram.record(step.span("value_ns"));
        if (verb == "quantile") step.same("value_ns", histogram.quantile(static_cast<double>(step.number("ppm")) / 1e6));
        if (verb == "look") step.same("total", histogram.total());
        return {};
    }

    seawall::histogram histogram;
};

template <class Story>
void tell_all(const std::string &primitive) {
    const char *folder = std::getenv("SEAWALL_VECTORS");
    const std::string path = std::string(folder == nullptr ? "tests/vectors" : folder) + "/" + primitive + ".json";
    void *bytes = nullptr;
    const json *cases = json_get(json_load(path.c_str(), &bytes), "cases");
    if (cases == nullptr) {
        std::printf("cannot read %s\n", path.c_str());
        failed_count++;
    }
    for (const json *one = cases == nullptr ? nullptr : cases->child; one != nullptr; one = one->next) {
        story_name = json_text(one, "name", "a story without a name");
        step_number = 0;
        is_wrong = false;
        Story told;
        story &current = told;
        seawall::config_problem problem;
        // A policy's wrong key is named within a message, another setting by itself.
        const bool is_policy = primitive == "policy";
        const bool is_begun = current.begin(keys(json_get(one, is_policy ? "policy" : "config")), problem);
        const std::string wanted = keys(json_get(one, "error")).text(is_policy ? "key" : "field");
        const std::string named = is_begun ? "" : problem.field;
        if (!is_policy || named.find(wanted + ": ") == std::string::npos) same("the field named", wanted, named);
        const json *steps = is_begun ? json_get(one, "steps") : nullptr;
        for (const json *raw = steps == nullptr ? nullptr : steps->child; raw != nullptr && !is_wrong; raw = raw->next) {
            const keys step(raw);
            step_number++;
            current.clock.set(step.span("at_ns"));
            for (std::int64_t times = step.number("repeat", 1); times > 0 && !is_wrong; times--) {
                const answer got = current.step(step, step.text("do"));
                same("the answer", step.text("expect", "ok"), got.status.name());
            }
        }
        (is_wrong ? failed_count : passed_count)++;
    }
    std::free(bytes);
}

} // namespace

int main() {
    tell_all<breaker_story>("breaker");
    tell_all<bulkhead_story>("bulkhead");
    tell_all<limiter_story>("limiter");
    tell_all<retry_budget_story>("retry_budget");
    tell_all<backoff_story>("backoff");
    tell_all<deadline_story>("deadline");
    tell_all<histogram_story>("histogram");
    tell_all<http_story>("http");
    tell_all<policy_story>("policy");
    std::printf("vectors passed: %u\n", passed_count);
    return check_end();
}
