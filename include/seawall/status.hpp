// Status: answers, and the classes that are thrown.
#ifndef SEAWALL_STATUS_HPP
#define SEAWALL_STATUS_HPP

#include "../seawall.h"

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <string>
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

/// A policy does not hold, in a file or from code: what() says everything that is wrong, one problem a line, with file,
/// line and column.
class policy_error : public error {
public:
    using error::error;
};

/// There is no dependency of this name; what() says the nearest one.
class unknown_dependency : public error {
public:
    using error::error;
};

/// A header is malformed, too long or asks for more than a day.
class header_error : public error {
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
    case SEAWALL_ERROR_HEADER: throw header_error(code);
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

} // namespace seawall

#endif
