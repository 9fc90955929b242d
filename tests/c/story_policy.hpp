// Stories of whole calls: the engine's events, at the times of the story, under a policy from code.
#ifndef SEAWALL_TESTS_STORY_POLICY_HPP
#define SEAWALL_TESTS_STORY_POLICY_HPP

#include "story.hpp"
#include "toml.h"

namespace {

class policy_story final : public story {
    bool begin(const keys &config, seawall::config_problem &problem) override {
        clock.set(nanoseconds(1));
        wall.emplace(*seawall::wall::try_make(clock, 1));
        auto defined = wall->try_define("subject", lines(config), &problem.field);
        if (defined) subject.emplace(*std::move(defined));
        return subject.has_value();
    }

    answer step(const keys &step, const std::string &verb) override {
        answer got;
        if (verb == "begin" || verb == "ended" || verb == "woke" || verb == "cancelled") {
            const auto next = event(step, verb);
            got.status = next.reason();
            if (next) same_action(step, *next);
        } else if (verb == "keep") {
            auto place = call_of(step).keep();
            got.status = place.reason();
            if (place) places[step.text("as")] = *place;
        } else if (verb == "release") {
            seawall_permit_t copy = places[step.text("place")]; // so that a second release reaches the library
            got.status = subject->release(copy);
        } else if (verb == "force_open") {
            (void)subject->force_open();
        } else if (verb == "disable") {
            (void)subject->disable();
        } else if (verb == "reset") {
            (void)subject->reset();
        } else if (verb == "adjust") {
            if (!subject->adjust(static_cast<std::uint32_t>(step.number("limit")), step.number("tokens")))
                got.status = SEAWALL_ERROR_ARGUMENT;
        } else if (verb == "reload") {
            std::string message;
            got.status = wall->try_redefine("subject", lines(step.inner("policy")), &message);
            if (!got.status.is_ok() && message.find(step.text("key") + ": ") == std::string::npos)
                same("the key named", step.text("key"), message);
        }
        same_counters(step.inner("counters"));
        same_gates(step);
        return got;
    }

    static std::string lines(const keys &policy) {
        toml_text text;
        toml_of_policy(&text, policy.object());
        return text.bytes;
    }

    seawall::call &call_of(const keys &step) { return calls.try_emplace(step.text("call"), clock).first->second; }

    seawall::result<seawall::action> event(const keys &step, const std::string &verb) {
        seawall::call &call = call_of(step);
        if (verb == "woke") return call.woke();
        if (verb == "cancelled") return call.cancelled();
        if (verb == "begin") {
            seawall::call_options options;
            if (step.has("critical")) options.critical = step.number("critical") != 0;
            if (step.has("idempotent")) options.idempotent = step.number("idempotent") != 0;
            if (step.has("deadline_ns"))
                options.deadline = seawall::deadline::at(static_cast<std::uint64_t>(step.number("deadline_ns")), clock);
            std::size_t number = 0;
            const json *costs = json_get(step.object(), "costs");
            for (const json *one = costs == nullptr ? nullptr : costs->child; one != nullptr; one = one->next)
                options.costs.at(number++) = static_cast<std::uint32_t>(one->number);
            return call.begin(subject->native(), options);
        }
        seawall::ended how;
        how.is_retryable = step.number("retryable", 1) != 0;
        how.was_not_sent = step.number("not_sent", 0) != 0;
        how.retry_after = step.span("retry_after_ns");
        step.take_word("outcome", how.outcome, {"success", "failure", "ignored"});
        step.take_word("cause", how.cause, {"failure", "throttled", "timeout"});
        return call.ended(how, std::stoull(step.text("random", "1")));
    }

    static std::string name(seawall::state state) {
        static const char *const states[] = {"closed", "open", "half_open", "forced_open", "disabled"};
        return states[static_cast<std::size_t>(state)];
    }

    static void same_action(const keys &step, const seawall::action &next) {
        static const char *const kinds[] = {"nothing", "run", "sleep", "wait", "finish"};
        static const char *const ends[] = {"success", "failure", "ignored", "refused"};
        const char *kind = kinds[static_cast<std::size_t>(next.kind)];
        if (!step.has(kind)) wrong("the action", "another one", kind);
        const keys wanted = step.inner(kind);
        wanted.same("attempt", next.attempt);
        wanted.same("attempts", next.attempt);
        wanted.same("timeout_ns", next.span);
        wanted.same("span_ns", next.span);
        if (next.kind == seawall::action_kind::finish) {
            wanted.same("end", std::string(ends[static_cast<std::size_t>(next.end)]));
            wanted.same("stop", std::string(name_of(next.stop)));
            wanted.same("status", std::string(next.reason.name()));
            wanted.same("retry_after_ns", next.retry_after);
            wanted.same("may_fall_back", next.may_fall_back ? 1U : 0U);
            wanted.same("limiter", next.limiter.value_or(UINT32_MAX));
        }
        step.same("transition", next.change ? name(next.change->from) + "->" + name(next.change->to) : std::string("none"));
        step.same("freed", next.freed ? 1U : 0U);
        step.same("late", next.is_late ? 1U : 0U);
    }

    void same_counters(const keys &wanted) const {
        const seawall_dependency_snapshot_t seen = subject->snapshot();
        wanted.same("calls", seen.calls);
        wanted.same("successes", seen.successes);
        wanted.same("failures", seen.failures);
        wanted.same("ignored", seen.ignored);
        wanted.same("cancelled", seen.cancelled);
        wanted.same("refused", seen.refused);
        wanted.same("retries", seen.retries);
        wanted.same("timeouts", seen.timeouts);
        wanted.same("late", seen.late);
        wanted.same("stopped_by_budget", seen.stopped_by_budget);
    }

    void same_gates(const keys &step) const {
        const seawall_dependency_t *raw = subject->native();
        step.same("state", name(subject->state()));
        if (const auto *bulkhead = seawall_dependency_bulkhead(raw)) {
            seawall_bulkhead_snapshot_t held = SEAWALL_SNAPSHOT_INIT(held);
            (void)seawall_bulkhead_snapshot(bulkhead, clock.now_ns(), &held);
            step.same("in_use", held.in_use);
            step.same("waiting", held.waiting);
        }
        if (const auto *budget = seawall_dependency_retry_budget(raw)) {
            seawall_retry_budget_snapshot_t left = SEAWALL_SNAPSHOT_INIT(left);
            (void)seawall_retry_budget_snapshot(budget, clock.now_ns(), &left);
            step.same("tokens_milli", left.tokens_milli);
            step.same("retries_in_flight", left.retries_in_flight);
        }
        std::uint32_t number = 0;
        const json *remaining = json_get(step.object(), "remaining");
        for (const json *one = remaining == nullptr ? nullptr : remaining->child; one != nullptr; one = one->next) {
            seawall_limiter_snapshot_t rate = SEAWALL_SNAPSHOT_INIT(rate);
            (void)seawall_limiter_snapshot(seawall_dependency_limiter(raw, number++), clock.now_ns(), &rate);
            same("remaining", std::to_string(one->number), std::to_string(rate.remaining));
        }
    }

    std::optional<seawall::wall> wall;
    std::optional<seawall::dependency> subject;
    std::map<std::string, seawall::call> calls;
    std::map<std::string, seawall_permit_t> places;
};

} // namespace

#endif
