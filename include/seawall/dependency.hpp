// Dependency: something this service calls, by name, under one policy.
#ifndef SEAWALL_DEPENDENCY_HPP
#define SEAWALL_DEPENDENCY_HPP

#include "driver.hpp"
#include "policy.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#if SEAWALL_EXCEPTIONS
#  include <exception>
#endif

namespace seawall {

/// What the function of a call is told about the attempt it makes, if it takes one. Good while the function runs.
class attempt {
public:
    /// Which attempt of the call it is, from 1.
    [[nodiscard]] std::uint32_t number() const noexcept { return number_; }
    /// How long it may take in all.
    [[nodiscard]] nanoseconds timeout() const noexcept { return timeout_; }
    /// When its time is over: the deadline for everything below it, and in force for calls made inside.
    [[nodiscard]] const seawall::deadline &deadline() const noexcept { return deadline_; }
    /// How long it may still take. Nobody stops a function whose time is over: give this to whatever blocks.
    [[nodiscard]] nanoseconds remaining() const noexcept { return deadline_.remaining(); }
    /// A random UUID, the same for all attempts of the call.
    [[nodiscard]] std::string idempotency_key() const { return call_->key(); }

private:
    friend class dependency;
    attempt(detail::driven &run)
        : number_(run.next.attempt), timeout_(run.next.span),
          deadline_(seawall::deadline::after(run.next.span, run.time().source())), call_(&run.call()) {}
    std::uint32_t number_;
    nanoseconds timeout_;
    seawall::deadline deadline_;
    seawall::call *call_;
};

/// Says everything about a result at once: judge([](const response &r) { return http::classify(r.status); }). Gives the
/// `ended` of the attempt; ignore_if and failure_if are stronger.
template <class Judge>
struct judge : detail::option {
    static constexpr bool is_judge = true;
    explicit judge(Judge says) : says_(std::move(says)) {}
    template <class R> ended says(const R &value) const { return says_(value); }
    Judge says_;
};

#if SEAWALL_EXCEPTIONS
/// A fallback failed, too. `error` is what it threw, `cause` what the call itself had ended with.
class fallback_failed : public std::runtime_error {
public:
    fallback_failed(std::exception_ptr error, std::exception_ptr cause)
        : std::runtime_error("the fallback failed, too: " + words(error)), error_(std::move(error)), cause_(std::move(cause)) {}
    [[nodiscard]] const std::exception_ptr &error() const noexcept { return error_; }
    [[nodiscard]] const std::exception_ptr &cause() const noexcept { return cause_; }

private:
    static std::string words(const std::exception_ptr &error) {
        try {
            std::rethrow_exception(error);
        } catch (const std::exception &known) {
            return known.what();
        } catch (...) {
            return "something that is no std::exception";
        }
    }
    std::exception_ptr error_, cause_;
};
#endif

/// How a call ended, with everything about it. T may be void.
template <class T>
class [[nodiscard]] call_result {
    using stored = std::conditional_t<std::is_void_v<T>, nothing, T>;

public:
    /// A result: the function's own, also one that counts as a failure, or a fallback's.
    [[nodiscard]] bool has_value() const noexcept { return value_.has_value(); }
    explicit operator bool() const noexcept { return value_.has_value(); }
    stored &operator*() & noexcept { return *value_; }
    const stored &operator*() const & noexcept { return *value_; }
    stored &&operator*() && noexcept { return std::move(*value_); }
    stored *operator->() noexcept { return &*value_; }
    const stored *operator->() const noexcept { return &*value_; }

    [[nodiscard]] ending end() const noexcept { return end_; }
    /// Why there was no further attempt.
    [[nodiscard]] seawall::stop stop() const noexcept { return stop_; }
    [[nodiscard]] std::uint32_t attempts() const noexcept { return attempts_; }
    /// From begin to end, without the fallback.
    [[nodiscard]] nanoseconds duration() const noexcept { return duration_; }
    /// Why no attempt was made; ok when one was. An error of misuse counts, too.
    [[nodiscard]] status reason() const noexcept { return reason_; }
    /// How long until asking again can help; zero when nobody knows.
    [[nodiscard]] nanoseconds retry_after() const noexcept { return retry_after_; }
    /// True when a fallback served.
    [[nodiscard]] bool is_degraded() const noexcept { return by_.has_value(); }
    /// Which step of the fallback served, from 0, and its kind: "value", "function", "last_good".
    [[nodiscard]] std::size_t step() const noexcept { return by_ ? by_->step : 0; }
    [[nodiscard]] const char *source() const noexcept { return by_ ? by_->source : ""; }

#if SEAWALL_EXCEPTIONS
    /// What the last attempt threw, or the refusal; null when there is neither. Of a degraded result, too.
    [[nodiscard]] const std::exception_ptr &error() const noexcept { return error_; }
    /// The value; or throws what the last attempt threw, the refusal, or fallback_failed.
    T value() && {
        if (!value_) {
            if (failed_) throw fallback_failed(failed_, error_);
            if (error_) std::rethrow_exception(error_);
            detail::raise(reason_, retry_after_);
        }
        if constexpr (!std::is_void_v<T>) return std::move(*value_);
    }
#endif

private:
    friend class dependency;
    std::optional<stored> value_;
    ending end_ = ending::refused;
    seawall::stop stop_ = seawall::stop::refused;
    std::uint32_t attempts_ = 0;
    nanoseconds duration_{0};
    status reason_;
    nanoseconds retry_after_{0};
    std::optional<detail::served> by_;
#if SEAWALL_EXCEPTIONS
    std::exception_ptr error_;
    std::exception_ptr failed_;
#endif
};

namespace detail {
template <class Function>
decltype(auto) invoke_attempt(Function &function, const attempt &made) {
    (void)made;
    if constexpr (std::is_invocable_v<Function &, const attempt &>) {
        return function(made);
    } else {
        return function();
    }
}
template <class Function>
using answer_of = std::decay_t<decltype(invoke_attempt(std::declval<Function &>(), std::declval<const attempt &>()))>;
} // namespace detail

/// A handle; copies are the same dependency, any thread may use any of them, and it keeps its wall open.
class dependency {
public:
    [[nodiscard]] const std::string &name() const noexcept { return body_->name; }

#if SEAWALL_EXCEPTIONS
    /// Runs `function` (of nothing or of a const attempt &) as the policy has it, sleeping and waiting in this thread.
    /// Answers its result; throws what its last attempt threw, unchanged, or what fits the refusal when none was made.
    ///
    /// Without options every exception is a failure of the dependency, and lost connections, times that ran out
    /// (std::system_error) and `throttled` are worth another attempt. Options say otherwise: on, failing, ignore,
    /// failure_if, retry_if, ignore_if, judge; call_options; and fallback().
    template <class Function, class... Option>
    auto call(Function &&function, const Option &...options) const -> detail::answer_of<Function> {
        return try_call(std::forward<Function>(function), options...).value();
    }
#endif

    /// As call, but throws nothing of its own or of `function`: what happened is in the answer.
    template <class Function, class... Option>
    auto try_call(Function &&function, const Option &...options) const -> call_result<detail::answer_of<Function>> {
        return make(function, options_of(options...), of_result(options)...);
    }

    /// A call by hand, event by event; see seawall::call. Without this handle's line of waiters and events.
    [[nodiscard]] std::pair<seawall::call, result<action>> begin(const call_options &options = {}) const {
        seawall::call made(wall_->time.source());
        result<action> first = made.begin(body_->raw, options);
        return {std::move(made), std::move(first)};
    }

    /// What the policy in force says, as C has it.
    [[nodiscard]] seawall_dependency_about_t about() const noexcept {
        seawall_dependency_about_t about = SEAWALL_SNAPSHOT_INIT(about);
        (void)seawall_dependency_about(body_->raw, &about);
        return about;
    }
    [[nodiscard]] nanoseconds timeout() const noexcept { return detail::span(about().timeout_ns); }
    [[nodiscard]] std::uint32_t attempts() const noexcept { return about().attempts; }
    [[nodiscard]] seawall::criticality criticality() const noexcept {
        return static_cast<seawall::criticality>(about().criticality);
    }
    /// What became of the calls, as C has it.
    [[nodiscard]] seawall_dependency_snapshot_t snapshot() const noexcept {
        seawall_dependency_snapshot_t seen = SEAWALL_SNAPSHOT_INIT(seen);
        (void)seawall_dependency_snapshot(body_->raw, &seen);
        return seen;
    }
    /// The state of the breaker; closed when there is none.
    [[nodiscard]] seawall::state state() const noexcept {
        const seawall_breaker_t *breaker = seawall_dependency_breaker(body_->raw);
        return breaker == nullptr ? seawall::state::closed : static_cast<seawall::state>(seawall_breaker_state(breaker));
    }

    /// Refuses every call until reset().
    std::optional<transition> force_open() const { return by_hand(seawall_dependency_force_open); }
    /// Admits every call and records nothing until reset().
    std::optional<transition> disable() const { return by_hand(seawall_dependency_disable); }
    /// The breaker closed and without memory.
    std::optional<transition> reset() const { return by_hand(seawall_dependency_reset); }

    /// Corrects a cost after the fact: takes tokens more from the rate limit of this number, or gives back when
    /// negative. False when there is no such limit.
    bool adjust(std::uint32_t limit, std::int64_t tokens) const noexcept {
        return status(seawall_dependency_adjust(body_->raw, limit, tokens, wall_->time.argument())).is_ok();
    }
    /// Likewise by the name of the limit.
    bool adjust(const std::string &limit, std::int64_t tokens) const {
        for (std::uint32_t number = 0; number < about().limiters; number++) {
            char known[80];
            (void)seawall_dependency_limiter_name(body_->raw, number, known, sizeof known);
            if (limit == known) return adjust(number, tokens);
        }
        return false;
    }
    /// Gives back a place that seawall::call::keep took out of a call, and wakes who waits for one.
    status release(seawall_permit_t &kept) const noexcept {
        const status code = seawall_dependency_release(body_->raw, &kept);
        body_->line.wake_first();
        return code;
    }

    /// Calls `hook` with everything that happens at this dependency from now on. See detail::hooks for the rules.
    void on_event(std::function<void(const event &)> hook) const { body_->own.add(std::move(hook)); }
    [[nodiscard]] std::uint64_t hook_failures() const noexcept { return body_->own.failures(); }

    /// For tests: runs `fault` before the function of the next `times` attempts. What it throws the function is taken
    /// to have thrown; a slow server is one that sleeps. An empty one ends it.
    void inject(std::function<void()> fault, std::uint32_t times = UINT32_MAX) const { body_->faults.set(std::move(fault), times); }

    /// For the functions of seawall.h.
    [[nodiscard]] const seawall_dependency_t *native() const noexcept { return body_->raw; }

private:
    friend class wall;
    dependency(std::shared_ptr<detail::wall_body> wall, detail::dependency_body &body) noexcept
        : wall_(std::move(wall)), body_(&body) {}

    std::optional<transition> by_hand(seawall_status_t (*act)(const seawall_dependency_t *, uint32_t *)) const {
        std::uint32_t raw = 0;
        (void)act(body_->raw, &raw);
        if (raw == 0) return std::nullopt;
        event what;
        what.change = {static_cast<seawall::state>(raw & 0xFF), static_cast<seawall::state>(raw >> 8 & 0xFF)};
        what.dependency = body_->name;
        what.at_ns = wall_->time.now();
        body_->own.tell(what);
        wall_->all.tell(what);
        return what.change;
    }

    static call_options options_of() { return {}; }
    template <class First, class... Rest>
    static call_options options_of(const First &first, const Rest &...rest) {
        if constexpr (std::is_same_v<First, call_options>) {
            return first;
        } else {
            return options_of(rest...);
        }
    }
    /// What says nothing about results and exceptions becomes an option that says nothing.
    template <class Option>
    static decltype(auto) of_result(const Option &one) {
        if constexpr (std::is_same_v<Option, call_options>) {
            return detail::option();
        } else {
            return (one);
        }
    }

    template <class Function, class... Option>
    auto make(Function &function, const call_options &asked, const Option &...options) const
        -> call_result<detail::answer_of<Function>> {
        using answer = detail::answer_of<Function>;
        call_result<answer> over;
        constexpr bool falls_back = (detail::is_fallback<Option>::value || ...);
        if (falls_back && about().fallback == SEAWALL_FALLBACK_FORBIDDEN) {
            over.reason_ = SEAWALL_ERROR_CONFIG;
#if SEAWALL_EXCEPTIONS
            const config_problem problem{SEAWALL_ERROR_CONFIG, "fallback", 1, 0, 0, ""};
            over.error_ = std::make_exception_ptr(config_error(problem));
#endif
            return over;
        }
        detail::driven run(*wall_, *body_, asked);
        while (run.is_attempt_due()) {
            const attempt made(run);
            over.value_.reset();
            run.ended(once(function, made, over, options...));
        }
        conclude(run, over);
        (serve(run, over, options), ...);
        return over;
    }

    /// Makes one attempt and says how it ended.
    template <class Function, class Answer, class... Option>
    ended once(Function &function, const attempt &made, call_result<Answer> &over, const Option &...options) const {
        const deadline_scope inside(made.deadline());
        const auto run = [&] {
            body_->faults.play();
            if constexpr (std::is_void_v<Answer>) {
                detail::invoke_attempt(function, made);
                over.value_.emplace();
            } else {
                over.value_.emplace(detail::invoke_attempt(function, made));
            }
            return detail::ended_by_result(*over.value_, options...);
        };
#if SEAWALL_EXCEPTIONS
        over.error_ = nullptr;
        try {
            return run();
#  if defined(__GLIBCXX__)
        } catch (const abi::__forced_unwind &) { // the thread is being cancelled: the call is, too
            throw;
#  endif
        } catch (...) {
            over.error_ = std::current_exception();
            over.value_.reset();
            return detail::ended_by_exception(options...);
        }
#else
        return run();
#endif
    }

    template <class Answer>
    static void conclude(const detail::driven &run, call_result<Answer> &over) {
        over.duration_ = run.duration();
        if (!run.misuse.is_ok()) {
            over.reason_ = run.misuse;
            return;
        }
        over.end_ = run.next.end;
        over.stop_ = run.next.stop;
        over.attempts_ = run.next.attempt;
        if (over.end_ != ending::refused) return;
        over.reason_ = run.next.reason;
        over.retry_after_ = run.next.retry_after;
    }

    /// Keeps a good result, or serves something else.
    template <class Answer, class Option>
    static void serve(detail::driven &run, call_result<Answer> &over, const Option &chain) {
        if constexpr (detail::is_fallback<Option>::value) {
            if (over.end_ == ending::success && over.value_) chain.keep(*over.value_, run.time().now());
            if (!run.misuse.is_ok() || !run.next.may_fall_back) return;
            call_failure why;
            why.reason = over.reason_;
            why.retry_after = over.retry_after_;
            why.stop = over.stop_;
            why.attempts = over.attempts_;
#if SEAWALL_EXCEPTIONS
            if (over.end_ == ending::refused) over.error_ = refusal(over.reason_, over.retry_after_);
            why.error = over.error_;
            std::exception_ptr &failed = over.failed_;
#else
            bool failed = false;
#endif
            auto own = std::move(over.value_);
            over.value_.reset();
            over.by_ = chain.serve(why, run.time().now(), over.value_, failed);
            if (over.by_) {
                run.fell_back(*over.by_);
            } else {
                over.value_ = std::move(own);
            }
        } else {
            (void)run, (void)over, (void)chain;
        }
    }

#if SEAWALL_EXCEPTIONS
    static std::exception_ptr refusal(status reason, nanoseconds retry_after) {
        try {
            detail::raise(reason, retry_after);
        } catch (...) {
            return std::current_exception();
        }
    }
#endif

    std::shared_ptr<detail::wall_body> wall_;
    detail::dependency_body *body_;
};

} // namespace seawall

#endif
