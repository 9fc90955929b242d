// Breaker: stop calling what keeps failing.
#ifndef SEAWALL_BREAKER_HPP
#define SEAWALL_BREAKER_HPP

#include "classification.hpp"
#include "settings.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

namespace seawall {

/// Settings of a breaker; the ranges stand at seawall_breaker_config_t.
struct breaker_config {
    std::uint32_t consecutive_failures = 5;                    ///< so many failures in a row open it; 0: rule absent
    bool consecutive_always = false;                           ///< also when the window holds enough for a ratio
    double failure_rate = 0.5;                                 ///< this share of failures opens it; 0: rule absent
    double slow_rate = 0;                                      ///< this share of slow calls opens it; 0: rule absent
    nanoseconds slow_after{0};                                 ///< a call that took longer is slow
    std::uint32_t window_calls = 0;                            ///< look at the last so many calls; 0: at `window`
    nanoseconds window = std::chrono::seconds(10);             ///< look at the calls of this time
    std::uint32_t min_calls = 20;                              ///< no share counts before so many calls
    nanoseconds open_for = std::chrono::seconds(30);           ///< how long to stay open the first time
    double open_backoff = 2.0;                                 ///< growth of the open time, 1 to 10
    nanoseconds open_max = std::chrono::minutes(5);            ///< the longest open time before jitter
    double open_jitter = 0.1;                                  ///< how far the open time may stray, 0 to 0.5
    std::uint32_t probes = 1;                                  ///< calls let through in a half-open round
    std::optional<nanoseconds> probe_lease = std::nullopt;     ///< a silent probe's seat is free after it; open_for
    std::uint32_t min_witnesses = 1;                           ///< owners a share must come from; see native()
    seawall::mode mode = seawall::mode::enforce;
    std::optional<std::uint64_t> seed = std::nullopt;          ///< where the jitter starts from; random
};

struct breaker_snapshot {
    seawall::state state;
    std::uint32_t generation;
    std::uint32_t probes_in_flight;
    std::uint64_t streak, window_calls, window_failures, window_slow;
    nanoseconds retry_after;
    std::uint64_t success, failure, ignored, slow, refused, shadow_refused, late, opened; ///< ever
};

/// What became of a result: ok, SEAWALL_NOTE_LATE (counted only) or SEAWALL_ERROR_SPENT (used before, no effect).
struct recorded {
    status code;
    std::optional<transition> change;
};

class breaker;

/// Leave to make one call. Cancelled when destroyed unused.
class [[nodiscard]] breaker_permit {
public:
    breaker_permit(breaker_permit &&other) noexcept : from_(other.from_), raw_(std::exchange(other.raw_, {})) {}
    breaker_permit &operator=(breaker_permit &&other) noexcept {
        if (this != &other) {
            (void)cancel();
            from_ = other.from_;
            raw_ = std::exchange(other.raw_, {});
        }
        return *this;
    }
    ~breaker_permit() { (void)cancel(); }

    /// Says how the call ended. `retry_after` is what the server asked for with a failure: if this failure opens the
    /// breaker, it stays open at least that long, up to a day. A second time is SEAWALL_ERROR_SPENT, without effect.
    recorded record(outcome how, nanoseconds retry_after = nanoseconds(0)) noexcept;
    /// Gives the permit back unused; a probe's seat is free again.
    recorded cancel() noexcept;
    [[nodiscard]] bool is_spent() const noexcept { return raw_.token == 0; }

private:
    friend class breaker;
    struct body;
    breaker_permit(const body *from, const seawall_permit_t &raw) noexcept : from_(from), raw_(raw) {}
    recorded finish(status code) noexcept;
    const body *from_;
    seawall_permit_t raw_;
};

/// What a breaker's permits need to know; it stays where it is when the breaker moves.
struct breaker_permit::body {
    detail::storage memory;
    seawall_breaker_t *raw = nullptr;
    detail::moment time;
    std::function<void(transition)> on_transition;

    explicit body(const clock &source) : time(source) {}
    std::optional<transition> tell(std::uint32_t change) const noexcept {
        if (change == 0) return std::nullopt;
        const transition told{static_cast<state>(change & 0xFF), static_cast<state>(change >> 8 & 0xFF)};
#if SEAWALL_EXCEPTIONS
        try {
            if (on_transition) on_transition(told);
        } catch (...) { // a listener never breaks the call
        }
#else
        if (on_transition) on_transition(told);
#endif
        return told;
    }
};

inline recorded breaker_permit::finish(status code) noexcept {
    return recorded{code, from_->tell(std::exchange(raw_.transition, 0))};
}
inline recorded breaker_permit::record(outcome how, nanoseconds retry_after) noexcept {
    if (is_spent()) return recorded{SEAWALL_ERROR_SPENT, std::nullopt};
    return finish(seawall_breaker_record(
        from_->raw, &raw_, static_cast<std::uint32_t>(how), detail::count(retry_after), from_->time.argument()));
}
inline recorded breaker_permit::cancel() noexcept {
    if (is_spent()) return recorded{SEAWALL_ERROR_SPENT, std::nullopt};
    return finish(seawall_breaker_cancel(from_->raw, &raw_));
}

class breaker {
public:
    using permit = breaker_permit;

#if SEAWALL_EXCEPTIONS
    /// A closed breaker. Throws config_error. The clock must outlive it.
    explicit breaker(const breaker_config &config = {}, const clock &source = monotonic_clock::get())
        : breaker(detail::make_or_throw<breaker>(config, source)) {}
#endif
    /// A closed breaker, or none and what is wrong with the settings.
    [[nodiscard]] static std::optional<breaker> make(const breaker_config &config,
        const clock &source = monotonic_clock::get(), config_problem *problem = nullptr) {
        detail::settings checked(problem);
        seawall_breaker_config_t raw = SEAWALL_BREAKER_CONFIG_INIT;
        fill(raw, config, checked);
        auto body = std::make_unique<breaker_permit::body>(source);
        seawall_config_error_t error = {};
        if (checked.is_fine()) {
            body->memory = detail::allocate(seawall_breaker_bytes());
            const std::size_t bytes = seawall_breaker_bytes();
            settle(checked, seawall_breaker_init(body->memory.get(), bytes, &raw, &error, &body->raw), error);
        }
        if (!checked.is_fine()) return std::nullopt;
        return breaker(detail::finished(), std::move(body));
    }

    /// Asks for leave to make one call.
    [[nodiscard]] result<permit> try_acquire() noexcept {
        seawall_permit_t raw = SEAWALL_PERMIT_INIT;
        const status answer = seawall_breaker_try_acquire(body_->raw, body_->time.argument(), &raw);
        (void)body_->tell(raw.transition);
        if (answer.is_ok()) return permit(body_.get(), raw);
        return {answer, detail::span(raw.retry_after_ns)};
    }

    /// Runs `function` if the breaker allows it and records how it ended by the options (on, ignore, failure_if,
    /// ignore_if; ignored is stronger than failure, failure than success). Exceptions of `function` pass through
    /// unchanged; a refusal is the answer's reason.
    template <class Function, class... Option>
    [[nodiscard]] auto try_call(Function &&function, const Option &...options)
        -> result<std::decay_t<std::invoke_result_t<Function>>> {
        result<permit> leave = try_acquire();
        if (!leave) return {leave.reason(), leave.retry_after()};
        if constexpr (std::is_void_v<std::invoke_result_t<Function>>) {
            run(*leave, std::forward<Function>(function), options...);
            return nothing{};
        } else {
            return run(*leave, std::forward<Function>(function), options...);
        }
    }

#if SEAWALL_EXCEPTIONS
    /// As try_call, but a refusal is thrown as breaker_open.
    template <class Function, class... Option>
    decltype(auto) call(Function &&function, const Option &...options) {
        permit leave = try_acquire().value();
        return run(leave, std::forward<Function>(function), options...);
    }
#endif

    /// Refuses every call until reset().
    std::optional<transition> force_open() noexcept { return by_hand(seawall_breaker_force_open); }
    /// Admits every call and records nothing until reset().
    std::optional<transition> disable() noexcept { return by_hand(seawall_breaker_disable); }
    /// Closed with an empty window, whatever the state.
    std::optional<transition> reset() noexcept { return by_hand(seawall_breaker_reset); }

    /// Changes the settings; state, counters and window stay. Not for two threads at once. False, and what is wrong.
    [[nodiscard]] bool reconfigure(const breaker_config &config, config_problem *problem = nullptr) {
        detail::settings checked(problem);
        seawall_breaker_config_t raw = SEAWALL_BREAKER_CONFIG_INIT;
        fill(raw, config, checked);
        seawall_config_error_t error = {};
        return checked.is_fine() && settle(checked, seawall_breaker_reconfigure(body_->raw, &raw, &error), error);
    }

    /// Called after each state change that this object makes, by the thread that made it, outside of any lock. Set it
    /// before the breaker is shared. What it throws is dropped.
    void on_transition(std::function<void(transition)> listener) { body_->on_transition = std::move(listener); }

    [[nodiscard]] seawall::state state() const noexcept {
        return static_cast<seawall::state>(seawall_breaker_state(body_->raw));
    }
    [[nodiscard]] breaker_snapshot snapshot() const noexcept {
        seawall_breaker_snapshot_t raw = SEAWALL_SNAPSHOT_INIT(raw);
        (void)seawall_breaker_snapshot(body_->raw, body_->time.argument(), &raw);
        return {static_cast<seawall::state>(raw.state), raw.generation, raw.probes_in_flight, raw.streak, raw.window_calls,
            raw.window_failures, raw.window_slow, detail::span(raw.retry_after_ns), raw.success, raw.failure, raw.ignored,
            raw.slow, raw.refused, raw.shadow_refused, raw.late, raw.opened};
    }
    /// For the functions of seawall.h; null after a move.
    [[nodiscard]] seawall_breaker_t *native() const noexcept { return body_ ? body_->raw : nullptr; }

private:
    breaker(detail::finished, std::unique_ptr<breaker_permit::body> body) noexcept : body_(std::move(body)) {}

    static void fill(seawall_breaker_config_t &raw, const breaker_config &config, detail::settings &checked) {
        raw.consecutive_failures = config.consecutive_failures;
        raw.consecutive_always = config.consecutive_always ? 1 : 0;
        raw.failure_permille = checked.fraction("failure_rate", config.failure_rate, 0, 1);
        raw.slow_permille = checked.fraction("slow_rate", config.slow_rate, 0, 1);
        raw.window_calls = config.window_calls;
        raw.min_calls = config.min_calls;
        raw.open_backoff_permille = checked.fraction("open_backoff", config.open_backoff, 1, 10);
        raw.open_jitter_permille = checked.fraction("open_jitter", config.open_jitter, 0, 0.5);
        raw.probes = config.probes;
        raw.min_witnesses = config.min_witnesses;
        raw.mode = static_cast<std::uint32_t>(config.mode);
        raw.slow_after_ns = checked.duration("slow_after", config.slow_after, config.slow_rate > 0 ? 1e-9 : 0);
        raw.window_ns = checked.duration("window", config.window, 0.01);
        raw.open_for_ns = checked.duration("open_for", config.open_for, 0.001);
        raw.open_max_ns = checked.duration("open_max", config.open_max, 0.001);
        raw.probe_lease_ns = checked.duration("probe_lease", config.probe_lease.value_or(config.open_for), 0.001);
        raw.seed = config.seed ? *config.seed : seawall_random();
    }

    static bool settle(detail::settings &checked, status code, const seawall_config_error_t &error) {
        return checked.accept(code, error, {"slow_after", "window", "open_for", "open_max", "probe_lease"},
            {"failure_rate", "slow_rate", "open_backoff", "open_jitter"});
    }

    std::optional<transition> by_hand(seawall_status_t (*change)(const seawall_breaker_t *, std::uint32_t *)) noexcept {
        std::uint32_t made = 0;
        (void)change(body_->raw, &made);
        return body_->tell(made);
    }

    template <class Function, class... Option>
    static decltype(auto) run(permit &leave, Function &&function, const Option &...options) {
#if SEAWALL_EXCEPTIONS
        try {
            return run_bare(leave, std::forward<Function>(function), options...);
        } catch (...) {
            (void)leave.record(detail::outcome_of_exception(options...)); // spent already if a predicate threw
            throw;
        }
#else
        return run_bare(leave, std::forward<Function>(function), options...);
#endif
    }

    template <class Function, class... Option>
    static decltype(auto) run_bare(permit &leave, Function &&function, const Option &...options) {
        if constexpr (std::is_void_v<std::invoke_result_t<Function>>) {
            std::forward<Function>(function)();
            (void)leave.record(outcome::success);
        } else {
            std::invoke_result_t<Function> value = std::forward<Function>(function)();
            (void)leave.record(detail::outcome_of(value, options...));
            return static_cast<std::invoke_result_t<Function>>(static_cast<std::invoke_result_t<Function> &&>(value));
        }
    }

    std::unique_ptr<breaker_permit::body> body_;
};

} // namespace seawall

#endif
