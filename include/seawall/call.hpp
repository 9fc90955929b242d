// Call: one call through every layer, event by event. dependency::call does all of this by itself.
#ifndef SEAWALL_CALL_HPP
#define SEAWALL_CALL_HPP

#include "deadline.hpp"
#include "http.hpp"

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

namespace seawall {

/// What one call may differ in from its policy.
struct call_options {
    std::optional<seawall::deadline> deadline = std::nullopt; ///< of whoever asks; the nearest that is known counts
    std::optional<nanoseconds> within = std::nullopt;         ///< the same, as a time from the call's begin
    std::optional<bool> critical = std::nullopt;              ///< may take reserved permits; as the policy says
    std::optional<bool> idempotent = std::nullopt;            ///< may be sent twice; as the policy says
    std::array<std::uint32_t, SEAWALL_LIMITERS_MAX> costs = {1, 1, 1, 1}; ///< tokens of each rate limit, per attempt
};

enum class action_kind : std::uint32_t { run = 1, sleep = 2, wait = 3, finish = 4 };
/// How a call ended.
enum class ending : std::uint32_t { success = 0, failure = 1, ignored = 2, refused = 3 };
/// Why there is no further attempt.
enum class stop : std::uint32_t {
    done = 0,
    cancelled = 1,
    refused = 2,
    attempts_used = 3,
    not_retryable = 4,
    breaker_open = 5,
    bulkhead_full = 6,
    budget_exhausted = 7,
    rate_limited = 8,
    deadline_too_near = 9
};

/// The name of a reason, as metrics use it: "attempts_used".
[[nodiscard]] inline const char *name_of(stop why) noexcept {
    static const char *const names[] = {"done", "cancelled", "refused", "attempts_used", "not_retryable", "breaker_open",
        "bulkhead_full", "budget_exhausted", "rate_limited", "deadline_too_near"};
    return names[static_cast<std::uint32_t>(why) % 10];
}

/// What to do next. See seawall_action_t.
struct action {
    action_kind kind = action_kind::finish;
    std::uint32_t attempt = 0;       ///< of a run: which, from 1; of a finish: how many were made
    nanoseconds span{0};             ///< how long the attempt may take, to sleep, or to wait at most
    nanoseconds retry_after{0};      ///< after a refusal; zero when nobody knows
    status reason;                   ///< of a refused finish
    ending end = ending::success;    ///< of a finish
    seawall::stop stop = stop::done; ///< of a finish
    bool may_fall_back = false;
    bool freed = false;              ///< a place of the bulkhead came free: wake whoever has waited longest
    bool is_late = false;            ///< the breaker took no notice of the result
    std::optional<transition> change;
    std::optional<std::uint32_t> limiter; ///< the rate limit that said no

    [[nodiscard]] static action of(const seawall_action_t &raw) {
        action next;
        next.kind = static_cast<action_kind>(raw.kind);
        next.attempt = raw.attempt;
        next.span = detail::span(raw.span_ns);
        next.retry_after = detail::span(raw.retry_after_ns);
        next.reason = raw.status;
        next.end = static_cast<ending>(raw.end);
        next.stop = static_cast<seawall::stop>(raw.stop);
        next.may_fall_back = raw.may_fall_back != 0;
        next.freed = raw.freed != 0;
        next.is_late = raw.is_late != 0;
        if (raw.transition != 0) {
            next.change = transition{static_cast<state>(raw.transition & 0xFF), static_cast<state>(raw.transition >> 8 & 0xFF)};
        }
        if (raw.limiter != UINT32_MAX) next.limiter = raw.limiter;
        return next;
    }
};

/// A call under way; one thread at a time. Destroyed before its end, it is cancelled and holds nothing. Every event
/// answers what to do next; the reason SEAWALL_ERROR_ARGUMENT means that it was out of turn and changed nothing.
class [[nodiscard]] call {
public:
    explicit call(const clock &source = monotonic_clock::get()) noexcept : time_(source) {}
    call(call &&other) noexcept : raw_(std::exchange(other.raw_, SEAWALL_CALL_INIT)), time_(other.time_) {}
    call &operator=(call &&other) noexcept {
        if (this != &other) {
            (void)cancelled();
            raw_ = std::exchange(other.raw_, SEAWALL_CALL_INIT);
            time_ = other.time_;
        }
        return *this;
    }
    ~call() { (void)cancelled(); }

    /// Begins: the deadline of `options` counts as it is, without the one in force on this thread.
    result<action> begin(const seawall_dependency_t *dependency, const call_options &options = {}) noexcept {
        const seawall_call_options_t raw = native(options);
        seawall_action_t next;
        return told(seawall_dependency_begin(dependency, &raw, time_.argument(), &raw_, &next), next);
    }
    /// An attempt ended. `random` is for tests.
    result<action> ended(const seawall::ended &how, std::uint64_t random = 0) noexcept {
        seawall_attempt_t raw = how.raw();
        raw.random = random;
        seawall_action_t next;
        return told(seawall_call_ended(&raw_, &raw, time_.argument(), &next), next);
    }
    /// The time to sleep is over, or a place may have come free.
    result<action> woke() noexcept {
        seawall_action_t next;
        return told(seawall_call_woke(&raw_, time_.argument(), &next), next);
    }
    /// The caller gives up.
    result<action> cancelled() noexcept {
        seawall_action_t next;
        return told(seawall_call_cancelled(&raw_, time_.argument(), &next), next);
    }
    /// Takes the place of the bulkhead out of the call, for work that goes on after it: before ended(). Give it back
    /// with seawall_dependency_release when the work has really ended.
    result<seawall_permit_t> keep() noexcept {
        seawall_permit_t kept = SEAWALL_PERMIT_INIT;
        const status code = seawall_call_keep(&raw_, &kept);
        if (!code.is_ok()) return {code, nanoseconds(0)};
        return kept;
    }
    /// The moment after which nobody waits for it; UINT64_MAX: never.
    [[nodiscard]] std::uint64_t deadline_ns() const noexcept { return seawall_call_deadline_ns(&raw_); }
    /// A random UUID, the same for all attempts; empty when no call is under way.
    [[nodiscard]] std::string key() {
        char text[37] = "";
        return status(seawall_call_key(&raw_, text)).is_ok() ? std::string(text) : std::string();
    }

private:
    seawall_call_options_t native(const call_options &options) const noexcept {
        static_assert(SEAWALL_LIMITERS_MAX == 4, "as many costs as the initialiser has");
        const auto choice = [](const std::optional<bool> &given) -> std::uint32_t {
            return !given ? SEAWALL_AS_POLICY : *given ? SEAWALL_YES : SEAWALL_NO;
        };
        seawall_call_options_t raw = SEAWALL_CALL_OPTIONS_INIT;
        raw.critical = choice(options.critical);
        raw.idempotent = choice(options.idempotent);
        if (options.deadline) raw.deadline_ns = options.deadline->at_ns();
        if (options.within) {
            const std::uint64_t until = seawall_deadline_after(time_.argument(), detail::count(*options.within));
            raw.deadline_ns = seawall_deadline_nearer(raw.deadline_ns, until);
        }
        for (std::size_t index = 0; index < options.costs.size(); index++) raw.costs[index] = options.costs[index];
        return raw;
    }

    static result<action> told(status code, const seawall_action_t &next) noexcept {
        if (!code.is_ok()) return {code, nanoseconds(0)};
        return action::of(next);
    }
    seawall_call_t raw_ = SEAWALL_CALL_INIT;
    detail::moment time_;
};

} // namespace seawall

#endif
