// Seawall for C++17 and later: seawall.h with owned storage, permits that give themselves back, and std::chrono.
//
//     seawall::breaker payments({});                       // all defaults; throws config_error on bad settings
//
//     auto receipt = payments.call([&] { return charge(order); });          // throws breaker_open, or what charge throws
//
//     auto permit = payments.try_acquire();                // or by hand; never throws
//     if (!permit) return pending(permit.retry_after());
//     permit->record(charge_quietly(order) ? seawall::outcome::success : seawall::outcome::failure);
//
// OBJECTS own their storage, can be moved (permits stay valid) and not copied. Any thread may use one; what a function
// changes it changes atomically, without a lock unless it says that it waits. An object must outlive its permits.
// PERMITS belong to one thread at a time. One that is destroyed unused gives itself back: a breaker's is cancelled
// (neither success nor failure), a bulkhead's is released, a retry budget's withdrawal is returned.
// ANSWERS. try_ functions never throw and answer a result<T>: a T, or why not and when asking again can help.
// value() and the functions without try_ throw a class below refused. Misuse throws a class below error.
// TIME. Durations are std::chrono; every constructor takes a clock, for tests a manual_clock. Ratios are 0 to 1.
// WITHOUT EXCEPTIONS (-fno-exceptions) what throws is not there: make() instead of constructors, try_call() instead of
// call(). RTTI is not used.
#ifndef SEAWALL_HPP
#define SEAWALL_HPP

#include "seawall.h"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <memory>
#include <mutex>
#include <new>
#include <optional>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>

#if defined(__cpp_exceptions) || defined(_CPPUNWIND)
#  define SEAWALL_EXCEPTIONS 1
#  include <stdexcept>
#else
#  define SEAWALL_EXCEPTIONS 0
#endif

namespace seawall {

using nanoseconds = std::chrono::nanoseconds;

enum class outcome : std::uint32_t { success = 0, failure = 1, ignored = 2 };
/// enforce decides and refuses; shadow decides and counts, but never refuses; off does neither.
enum class mode : std::uint32_t { enforce = 0, shadow = 1, off = 2 };
enum class state : std::uint32_t { closed = 0, open = 1, half_open = 2, forced_open = 3, disabled = 4 };
/// critical callers may take reserved permits, and take those first.
enum class priority : std::uint32_t { ordinary = 0, critical = 1 };
enum class jitter : std::uint32_t { full = 0, equal = 1, decorrelated = 2, none = 3 };
/// Why a retry is wanted; the AWS profiles charge by it.
enum class cause : std::uint32_t { failure = 0, throttled = 1, timeout = 2 };
enum class profile : std::uint32_t { bucket = 0, finagle = 1, grpc = 2, aws_standard = 3, aws_legacy = 4 };

/// A state change of a breaker.
struct transition {
    state from;
    state to;
};

/// A status number of seawall.h: 0 ok, above 0 a refusal, below 0 an error.
class status {
public:
    constexpr status(seawall_status_t number = SEAWALL_OK) noexcept : number_(number) {}
    [[nodiscard]] constexpr seawall_status_t number() const noexcept { return number_; }
    [[nodiscard]] constexpr bool is_ok() const noexcept { return number_ == SEAWALL_OK; }
    [[nodiscard]] constexpr bool is_refusal() const noexcept { return number_ > SEAWALL_OK; }
    [[nodiscard]] constexpr bool is_error() const noexcept { return number_ < SEAWALL_OK; }
    /// The short name, as metrics use it: "breaker_open".
    [[nodiscard]] const char *name() const noexcept { return seawall_status_name(number_); }
    /// One sentence for people.
    [[nodiscard]] const char *text() const noexcept { return seawall_status_text(number_); }
    friend constexpr bool operator==(status left, status right) noexcept { return left.number_ == right.number_; }
    friend constexpr bool operator!=(status left, status right) noexcept { return left.number_ != right.number_; }

private:
    seawall_status_t number_;
};

/// Which setting was refused. Durations in seconds, ratios as fractions, counts as they are.
struct config_problem {
    status code = SEAWALL_ERROR_CONFIG; ///< SEAWALL_ERROR_CONFIG, or SEAWALL_ERROR_NULL when there was no memory
    std::string field;
    double value = 0;
    double min = 0;
    double max = 0;
    const char *unit = ""; ///< "s" for durations, else empty
};

#if SEAWALL_EXCEPTIONS
/// Misuse or a broken world: what() is the sentence of its status.
class error : public std::runtime_error {
public:
    explicit error(status code) : std::runtime_error(code.text()), code_(code) {}
    error(status code, const std::string &text) : std::runtime_error(text), code_(code) {}
    [[nodiscard]] status code() const noexcept { return code_; }

private:
    status code_;
};

/// A setting is outside its range; what() reads "open_for: -1 s is outside 0.001 to 86400 s".
class config_error : public error {
public:
    explicit config_error(config_problem problem) : error(problem.code, sentence(problem)), problem_(std::move(problem)) {}
    [[nodiscard]] const std::string &field() const noexcept { return problem_.field; }
    [[nodiscard]] double value() const noexcept { return problem_.value; }
    [[nodiscard]] double min() const noexcept { return problem_.min; }
    [[nodiscard]] double max() const noexcept { return problem_.max; }

private:
    static std::string digits(double number) {
        char text[32];
        (void)std::snprintf(text, sizeof text, "%.12g", number);
        return text;
    }
    static std::string sentence(const config_problem &problem) {
        const std::string unit = *problem.unit != 0 ? std::string(" ") + problem.unit : std::string();
        return problem.field + ": " + digits(problem.value) + unit + " is outside " + digits(problem.min) + " to "
            + digits(problem.max) + unit;
    }
    config_problem problem_;
};

/// More tokens at once than the bucket can ever hold.
class exceeds_capacity : public error {
public:
    using error::error;
};

/// An expected "no". Never an outcome of the call that was not made.
class refused : public std::runtime_error {
public:
    refused(status reason, nanoseconds retry_after)
        : std::runtime_error(reason.text()), reason_(reason), retry_after_(retry_after) {}
    [[nodiscard]] status reason() const noexcept { return reason_; }
    /// How long until asking again can help; zero when nobody knows.
    [[nodiscard]] nanoseconds retry_after() const noexcept { return retry_after_; }

private:
    status reason_;
    nanoseconds retry_after_;
};
class breaker_open : public refused {
public:
    using refused::refused;
};
class bulkhead_full : public refused {
public:
    using refused::refused;
};
class rate_limited : public refused {
public:
    using refused::refused;
};
class budget_exhausted : public refused {
public:
    using refused::refused;
};
class deadline_exceeded : public refused {
public:
    using refused::refused;
};
#endif

namespace detail {

/// A duration as the core counts it: negative is nothing.
inline std::uint64_t count(nanoseconds span) noexcept {
    return span.count() < 0 ? 0 : static_cast<std::uint64_t>(span.count());
}

inline nanoseconds span(std::uint64_t count) noexcept {
    constexpr auto most = static_cast<std::uint64_t>(nanoseconds::max().count());
    return nanoseconds(static_cast<nanoseconds::rep>(count < most ? count : most));
}

#if SEAWALL_EXCEPTIONS
[[noreturn]] inline void raise(status code, nanoseconds retry_after) {
    switch (code.number()) {
    case SEAWALL_REFUSED_BREAKER_OPEN:
    case SEAWALL_REFUSED_BREAKER_HALF_OPEN:
    case SEAWALL_REFUSED_BREAKER_FORCED_OPEN: throw breaker_open(code, retry_after);
    case SEAWALL_REFUSED_BULKHEAD_FULL:
    case SEAWALL_REFUSED_BULKHEAD_WAIT_FULL:
    case SEAWALL_REFUSED_BULKHEAD_WAIT_TIMEOUT: throw bulkhead_full(code, retry_after);
    case SEAWALL_REFUSED_RATE_LIMITED: throw rate_limited(code, retry_after);
    case SEAWALL_REFUSED_BUDGET_EXHAUSTED: throw budget_exhausted(code, retry_after);
    case SEAWALL_REFUSED_DEADLINE_EXCEEDED: throw deadline_exceeded(code, retry_after);
    case SEAWALL_ERROR_EXCEEDS_CAPACITY: throw exceeds_capacity(code);
    default: throw error(code);
    }
}
#endif

} // namespace detail

/// What a result<void> holds.
struct nothing {};

/// A T, or the reason why there is none. T may be void.
template <class T>
class [[nodiscard]] result {
    using stored = std::conditional_t<std::is_void_v<T>, nothing, T>;

public:
    result(stored value) noexcept(std::is_nothrow_move_constructible_v<stored>) : value_(std::move(value)) {}
    result(status reason, nanoseconds retry_after) noexcept : reason_(reason), retry_after_(retry_after) {}

    [[nodiscard]] bool has_value() const noexcept { return value_.has_value(); }
    explicit operator bool() const noexcept { return value_.has_value(); }
    /// Why not; ok when there is a value.
    [[nodiscard]] status reason() const noexcept { return reason_; }
    /// How long until asking again can help; zero when nobody knows.
    [[nodiscard]] nanoseconds retry_after() const noexcept { return retry_after_; }

    stored &operator*() & noexcept { return *value_; }
    const stored &operator*() const & noexcept { return *value_; }
    stored &&operator*() && noexcept { return std::move(*value_); }
    stored *operator->() noexcept { return &*value_; }
    const stored *operator->() const noexcept { return &*value_; }

#if SEAWALL_EXCEPTIONS
    /// The value, or the exception that fits the reason.
    stored &value() & {
        if (!value_) detail::raise(reason_, retry_after_);
        return *value_;
    }
    T value() && {
        if (!value_) detail::raise(reason_, retry_after_);
        if constexpr (!std::is_void_v<T>) return std::move(*value_);
    }
#endif

private:
    std::optional<stored> value_;
    status reason_;
    nanoseconds retry_after_{0};
};

/// Where an object gets the time from. now_ns() is monotonic and may be called by any thread.
class clock {
public:
    clock() = default;
    clock(const clock &) = delete;
    clock &operator=(const clock &) = delete;
    virtual ~clock() = default;
    [[nodiscard]] virtual std::uint64_t now_ns() const noexcept = 0;
};

/// The clock of the library, read only when an answer needs it. What every object uses when no clock is given.
class monotonic_clock final : public clock {
public:
    [[nodiscard]] std::uint64_t now_ns() const noexcept override { return seawall_now_ns(); }
    [[nodiscard]] static const monotonic_clock &get() noexcept {
        static const monotonic_clock only;
        return only;
    }
};

/// A clock that moves when it is told to, for tests. Whoever waits looks at it once a millisecond.
class manual_clock final : public clock {
public:
    explicit manual_clock(nanoseconds start = std::chrono::seconds(1)) noexcept : now_(detail::count(start)) {}
    void advance(nanoseconds span) noexcept { now_.fetch_add(detail::count(span)); }
    void set(nanoseconds now) noexcept { now_.store(detail::count(now)); }
    [[nodiscard]] std::uint64_t now_ns() const noexcept override { return now_.load(); }

private:
    std::atomic<std::uint64_t> now_;
};

namespace detail {

/// The time argument of the C functions, where 0 means the library's own clock.
class moment {
public:
    explicit moment(const clock &source) noexcept : source_(&source == &monotonic_clock::get() ? nullptr : &source) {}
    [[nodiscard]] std::uint64_t argument() const noexcept { return source_ == nullptr ? 0 : at_least_one(source_->now_ns()); }
    [[nodiscard]] std::uint64_t now() const noexcept { return source_ == nullptr ? seawall_now_ns() : argument(); }
    [[nodiscard]] bool is_manual() const noexcept { return source_ != nullptr; }
    /// How long a wait of `left` may sleep before it has to look at the clock again.
    [[nodiscard]] nanoseconds nap(std::uint64_t left) const noexcept {
        const nanoseconds whole = span(left);
        const nanoseconds longest = is_manual() ? nanoseconds(std::chrono::milliseconds(1)) : std::chrono::hours(1);
        return whole < longest && !is_manual() ? whole : longest;
    }

private:
    static std::uint64_t at_least_one(std::uint64_t now) noexcept { return now == 0 ? 1 : now; }
    const clock *source_;
};

/// Storage for an object, aligned as the library wants it.
struct aligned_delete {
    void operator()(void *memory) const noexcept { ::operator delete(memory, std::align_val_t(SEAWALL_ALIGN)); }
};
using storage = std::unique_ptr<void, aligned_delete>;

inline storage allocate(std::size_t bytes) noexcept {
    return storage(::operator new(bytes, std::align_val_t(SEAWALL_ALIGN), std::nothrow));
}

/// Carries settings over the border: chrono and fractions into numbers, with what does not fit as a problem.
class settings {
public:
    explicit settings(config_problem *problem) noexcept : problem_(problem) {}

    std::uint64_t duration(const char *field, nanoseconds value) {
        if (value.count() < 0) refuse(field, seconds(value), 0, 86400, "s");
        return count(value);
    }

    /// Thousandths, to the nearest one; a fraction above 0 is never taken for 0, which would leave a rule out.
    std::uint32_t fraction(const char *field, double value, double max) {
        if (!(value >= 0 && value <= max)) {
            refuse(field, value, 0, max, "");
            return 0;
        }
        const auto permille = static_cast<std::uint32_t>(value * 1000 + 0.5);
        return permille == 0 && value > 0 ? 1 : permille;
    }

    [[nodiscard]] bool is_fine() const noexcept { return is_fine_; }

    /// What the library said about the rest.
    bool accept(status code, const seawall_config_error_t &error, std::initializer_list<const char *> durations,
        std::initializer_list<const char *> fractions) {
        if (code == SEAWALL_ERROR_CONFIG) {
            double scale = 1;
            const char *unit = "";
            for (const char *field : durations)
                if (error.field == std::string(field)) scale = 1e9, unit = "s";
            for (const char *field : fractions)
                if (error.field == std::string(field)) scale = 1e3;
            const auto read = [scale](std::uint64_t number) { return static_cast<double>(number) / scale; };
            refuse(error.field, read(error.value), read(error.min), read(error.max), unit);
        } else if (!code.is_ok()) {
            is_fine_ = false;
            if (problem_ != nullptr) *problem_ = config_problem{code, "", 0, 0, 0, ""};
        }
        return is_fine_;
    }

private:
    static double seconds(nanoseconds value) noexcept { return static_cast<double>(value.count()) / 1e9; }

    void refuse(const char *field, double value, double min, double max, const char *unit) {
        if (is_fine_ && problem_ != nullptr) *problem_ = config_problem{SEAWALL_ERROR_CONFIG, field, value, min, max, unit};
        is_fine_ = false;
    }

    config_problem *problem_;
    bool is_fine_ = true;
};

#if SEAWALL_EXCEPTIONS
/// A constructor's way to the same answer that make() gives.
template <class Object, class Config>
Object make_or_throw(const Config &config, const clock &source) {
    config_problem problem;
    std::optional<Object> made = Object::make(config, source, &problem);
    if (!made) throw config_error(std::move(problem));
    return std::move(*made);
}
#endif

} // namespace detail

// ===== Classification: what a call that ended says about the dependency ========================================

namespace detail {
struct option {
    static constexpr bool names_failures = false;
    bool fails_now() const noexcept { return false; }
    bool ignores_now() const noexcept { return false; }
    template <class R> bool fails(const R &) const noexcept { return false; }
    template <class R> bool ignores(const R &) const noexcept { return false; }
};

#if SEAWALL_EXCEPTIONS
/// Whether the exception under way is an E.
template <class E>
bool is_caught() noexcept {
    try {
        throw;
    } catch (const E &) {
        return true;
    } catch (...) {
        return false;
    }
}
#endif
} // namespace detail

#if SEAWALL_EXCEPTIONS
/// Only these exceptions are failures; any other means that the dependency answered. Without it all are failures.
template <class... E>
struct on : detail::option {
    static constexpr bool names_failures = true;
    bool fails_now() const noexcept { return (detail::is_caught<E>() || ...); }
};
/// These exceptions say nothing about the dependency. Stronger than on.
template <class... E>
struct ignore : detail::option {
    bool ignores_now() const noexcept { return (detail::is_caught<E>() || ...); }
};
#endif

/// Results for which the predicate is true are failures: failure_if([](const response &r) { return r.code >= 500; }).
template <class Predicate>
struct failure_if : detail::option {
    explicit failure_if(Predicate predicate) : predicate_(std::move(predicate)) {}
    template <class R> bool fails(const R &value) const { return predicate_(value); }
    Predicate predicate_;
};
/// Results for which the predicate is true are neither success nor failure. Stronger than failure_if.
template <class Predicate>
struct ignore_if : detail::option {
    explicit ignore_if(Predicate predicate) : predicate_(std::move(predicate)) {}
    template <class R> bool ignores(const R &value) const { return predicate_(value); }
    Predicate predicate_;
};

namespace detail {
template <class R, class... Option>
outcome outcome_of(const R &value, const Option &...options) {
    if ((options.ignores(value) || ...)) return outcome::ignored;
    return (options.fails(value) || ...) ? outcome::failure : outcome::success;
}

#if SEAWALL_EXCEPTIONS
template <class... Option>
outcome outcome_of_exception(const Option &...options) noexcept {
    if ((options.ignores_now() || ...)) return outcome::ignored;
    constexpr bool any_failure = !(Option::names_failures || ...);
    return any_failure || (options.fails_now() || ...) ? outcome::failure : outcome::success;
}
#endif
} // namespace detail

// ===== Breaker: stop calling what keeps failing ================================================================

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
    explicit breaker(const breaker_config &config, const clock &source = monotonic_clock::get())
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
            settle(checked, seawall_breaker_init(body->memory.get(), seawall_breaker_bytes(), &raw, &error, &body->raw), error);
        }
        if (!checked.is_fine()) return std::nullopt;
        return breaker(std::move(body));
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
    explicit breaker(std::unique_ptr<breaker_permit::body> body) noexcept : body_(std::move(body)) {}

    static void fill(seawall_breaker_config_t &raw, const breaker_config &config, detail::settings &checked) {
        raw.consecutive_failures = config.consecutive_failures;
        raw.consecutive_always = config.consecutive_always ? 1 : 0;
        raw.failure_permille = checked.fraction("failure_rate", config.failure_rate, 1);
        raw.slow_permille = checked.fraction("slow_rate", config.slow_rate, 1);
        raw.window_calls = config.window_calls;
        raw.min_calls = config.min_calls;
        raw.open_backoff_permille = checked.fraction("open_backoff", config.open_backoff, 10);
        raw.open_jitter_permille = checked.fraction("open_jitter", config.open_jitter, 0.5);
        raw.probes = config.probes;
        raw.mode = static_cast<std::uint32_t>(config.mode);
        raw.slow_after_ns = checked.duration("slow_after", config.slow_after);
        raw.window_ns = checked.duration("window", config.window);
        raw.open_for_ns = checked.duration("open_for", config.open_for);
        raw.open_max_ns = checked.duration("open_max", config.open_max);
        raw.probe_lease_ns = checked.duration("probe_lease", config.probe_lease.value_or(config.open_for));
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
