// Deadline: the time left for a whole call.
#ifndef SEAWALL_DEADLINE_HPP
#define SEAWALL_DEADLINE_HPP

#include "clock.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace seawall {

/// The moment after which nobody waits any more. A value; its clock must outlive it.
class deadline {
public:
    [[nodiscard]] static deadline after(nanoseconds span, const clock &source = monotonic_clock::get()) noexcept {
        const detail::moment time(source);
        return deadline(seawall_deadline_after(time.argument(), detail::count(span)), time);
    }
    [[nodiscard]] static deadline never(const clock &source = monotonic_clock::get()) noexcept {
        return deadline(UINT64_MAX, detail::moment(source));
    }
    /// At this time of the clock, in nanoseconds; UINT64_MAX is never.
    [[nodiscard]] static deadline at(std::uint64_t at_ns, const clock &source = monotonic_clock::get()) noexcept {
        return deadline(at_ns, detail::moment(source));
    }
    [[nodiscard]] std::uint64_t at_ns() const noexcept { return at_; }
    [[nodiscard]] bool is_never() const noexcept { return at_ == UINT64_MAX; }
    [[nodiscard]] nanoseconds remaining() const noexcept {
        return detail::span(seawall_deadline_remaining(at_, time_.argument()));
    }
    /// True from the moment itself on.
    [[nodiscard]] bool is_expired() const noexcept { return seawall_deadline_is_expired(at_, time_.argument()) != 0; }
    [[nodiscard]] deadline nearer(const deadline &other) const noexcept { return other.at_ < at_ ? other : *this; }
    /// An earlier deadline for the work below, keeping `share` (0 to 1) of what is left.
    [[nodiscard]] deadline keep(double share) const noexcept {
        const double within = share > 0 ? (share < 1 ? share : 1) : 0;
        const auto permille = static_cast<std::uint32_t>(within * 1000 + 0.5);
        return deadline(seawall_deadline_keep(at_, time_.argument(), permille), time_);
    }
    /// The time one attempt may take: `timeout`, or what is left if that is less.
    [[nodiscard]] nanoseconds attempt_timeout(nanoseconds timeout) const noexcept {
        return detail::span(seawall_deadline_attempt_timeout(at_, detail::count(timeout), time_.argument()));
    }

private:
    deadline(std::uint64_t at, detail::moment time) noexcept : at_(at), time_(time) {}
    std::uint64_t at_;
    detail::moment time_;
};

namespace detail {
inline std::uint64_t &ambient() noexcept {
    thread_local std::uint64_t at = UINT64_MAX;
    return at;
}
} // namespace detail

/// The deadline in force on this thread: that of the nearest deadline_scope, or never. Calls of dependencies keep it,
/// and set it for what they run.
[[nodiscard]] inline deadline current_deadline(const clock &source = monotonic_clock::get()) noexcept {
    return deadline::at(detail::ambient(), source);
}

/// Puts a deadline in force on this thread until the end of the block, unless a nearer one is. All of a thread's
/// deadlines must be of the same clock.
class [[nodiscard]] deadline_scope {
public:
    explicit deadline_scope(const deadline &inner) noexcept : deadline_scope(inner.at_ns()) {}
    explicit deadline_scope(std::uint64_t at_ns) noexcept : outer_(detail::ambient()) {
        detail::ambient() = at_ns < outer_ ? at_ns : outer_;
    }
    deadline_scope(const deadline_scope &) = delete;
    deadline_scope &operator=(const deadline_scope &) = delete;
    ~deadline_scope() { detail::ambient() = outer_; }

private:
    std::uint64_t outer_;
};

/// Deadlines in headers: what is left, never a moment, since the clocks of two machines differ.
namespace header {

inline constexpr const char *grpc_timeout = "grpc-timeout";
inline constexpr const char *timeout_ms = "x-request-timeout-ms";

/// The value of grpc-timeout. The reason is SEAWALL_ERROR_HEADER when it is malformed, too long or above a day.
[[nodiscard]] inline result<nanoseconds> read_grpc_timeout(std::string_view value) noexcept {
    std::uint64_t span = 0;
    const status code = seawall_deadline_from_grpc(value.data() == nullptr ? "" : value.data(), value.size(), &span);
    if (!code.is_ok()) return {code, nanoseconds(0)};
    return detail::span(span);
}

/// The value of x-request-timeout-ms, likewise.
[[nodiscard]] inline result<nanoseconds> read_timeout_ms(std::string_view value) noexcept {
    std::uint64_t span = 0;
    const status code = seawall_deadline_from_ms(value.data() == nullptr ? "" : value.data(), value.size(), &span);
    if (!code.is_ok()) return {code, nanoseconds(0)};
    return detail::span(span);
}

/// A span as grpc-timeout, rounded down; a day for all that is longer.
[[nodiscard]] inline std::string write_grpc_timeout(nanoseconds span) {
    char text[16];
    return std::string(text, seawall_deadline_to_grpc(detail::count(span), text));
}

/// A span as x-request-timeout-ms, rounded down; a day for all that is longer.
[[nodiscard]] inline std::string write_timeout_ms(nanoseconds span) {
    char text[24];
    return std::string(text, seawall_deadline_to_ms(detail::count(span), text));
}

/// Calls put(name, value) with both headers for what is left of a deadline, or not at all when there is none.
template <class Put>
void inject(const deadline &until, Put &&put) {
    if (until.is_never()) return;
    const nanoseconds left = until.remaining();
    put(grpc_timeout, write_grpc_timeout(left));
    put(timeout_ms, write_timeout_ms(left));
}

/// The deadline that get(name) knows of: the nearer of both headers, never when there is none. get answers something
/// that is a std::string_view or std::string and empty (or, for a string_view, null) when the header is not there.
template <class Get>
[[nodiscard]] result<deadline> extract(Get &&get, const clock &source = monotonic_clock::get()) {
    deadline until = deadline::never(source);
    using reader = result<nanoseconds> (*)(std::string_view);
    const std::pair<const char *, reader> both[] = {{grpc_timeout, read_grpc_timeout}, {timeout_ms, read_timeout_ms}};
    for (const auto &[name, read] : both) {
        const auto value = get(name);
        if (std::string_view(value).empty()) continue;
        const result<nanoseconds> span = read(value);
        if (!span) return {span.reason(), nanoseconds(0)};
        until = until.nearer(deadline::after(*span, source));
    }
    return until;
}

} // namespace header

} // namespace seawall

#endif
