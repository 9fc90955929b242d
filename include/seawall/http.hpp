// HTTP: what an answer, or the lack of one, says about another attempt.
#ifndef SEAWALL_HTTP_HPP
#define SEAWALL_HTTP_HPP

#include "status.hpp"

#include <chrono>
#include <cstdint>
#include <string_view>

namespace seawall {

/// How an attempt ended.
struct ended {
    seawall::outcome outcome = outcome::success;
    bool is_retryable = false; ///< another attempt may help
    bool was_not_sent = false; ///< the request was certainly not sent
    seawall::cause cause = cause::failure;
    nanoseconds retry_after{0}; ///< what the server asked to wait; zero for nothing

    /// A failure that another attempt may help against.
    [[nodiscard]] static constexpr ended retryable(seawall::cause why = cause::failure) noexcept {
        return ended{outcome::failure, true, false, why, nanoseconds(0)};
    }
    /// A failure that another attempt does not help against.
    [[nodiscard]] static constexpr ended failure() noexcept { return ended{outcome::failure, false, false, cause::failure, nanoseconds(0)}; }
    /// Says nothing about the dependency.
    [[nodiscard]] static constexpr ended ignored() noexcept { return ended{outcome::ignored, false, false, cause::failure, nanoseconds(0)}; }

    [[nodiscard]] seawall_attempt_t raw() const noexcept {
        seawall_attempt_t raw = SEAWALL_ATTEMPT_INIT;
        raw.outcome = static_cast<std::uint32_t>(outcome);
        raw.is_retryable = is_retryable ? 1 : 0;
        raw.was_not_sent = was_not_sent ? 1 : 0;
        raw.cause = static_cast<std::uint32_t>(cause);
        raw.retry_after_ns = detail::count(retry_after);
        return raw;
    }
    [[nodiscard]] static ended of(const seawall_attempt_t &raw) noexcept {
        return ended{static_cast<seawall::outcome>(raw.outcome), raw.is_retryable != 0, raw.was_not_sent != 0,
            static_cast<seawall::cause>(raw.cause), detail::span(raw.retry_after_ns)};
    }
};

/// Rules that are the same for every client of HTTP.
namespace http {

/// Why there was no answer. The first two were certainly not sent.
enum class trouble : std::uint32_t {
    not_connected = 1,
    connect_timeout = 2,
    read_timeout = 3,
    reset = 4,
    protocol = 5,
    other = 6
};

/// What the status of an answer says: 408, 425, 429 and 5xx are failures, worth another attempt but for 501 and 505; a
/// 429, and a 503 with Retry-After, are throttled. All others are successes of the dependency: it answered.
[[nodiscard]] inline ended classify(std::uint32_t status, nanoseconds retry_after = nanoseconds(0)) noexcept {
    seawall_attempt_t raw = SEAWALL_ATTEMPT_INIT;
    raw.retry_after_ns = detail::count(retry_after);
    (void)seawall_http_classify(status, &raw);
    return ended::of(raw);
}

/// What the lack of an answer says: always a failure.
[[nodiscard]] inline ended classify(trouble why) noexcept {
    seawall_attempt_t raw = SEAWALL_ATTEMPT_INIT;
    (void)seawall_http_trouble(static_cast<std::uint32_t>(why), &raw);
    return ended::of(raw);
}

/// True for the methods that may be sent twice: GET, HEAD, PUT, DELETE, OPTIONS, TRACE.
[[nodiscard]] inline bool is_idempotent(std::string_view method) noexcept {
    return !method.empty() && seawall_http_is_idempotent(method.data(), method.size()) != 0;
}

/// The value of Retry-After: seconds or a date. In the past is zero, more than a day counts as a day. The reason is
/// SEAWALL_ERROR_HEADER when it is neither; go on as if the header were not there.
[[nodiscard]] inline result<nanoseconds> retry_after(std::string_view value,
    std::chrono::system_clock::time_point now = std::chrono::system_clock::now()) noexcept {
    const auto millis = std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch()).count();
    std::uint64_t span = 0;
    const status code = seawall_retry_after(value.data() == nullptr ? "" : value.data(), value.size(),
        millis < 0 ? 0 : static_cast<std::uint64_t>(millis), &span);
    if (!code.is_ok()) return {code, nanoseconds(0)};
    return detail::span(span);
}

} // namespace http

} // namespace seawall

#endif
