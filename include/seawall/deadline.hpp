// Deadline: the time left for a whole call.
#ifndef SEAWALL_DEADLINE_HPP
#define SEAWALL_DEADLINE_HPP

#include "clock.hpp"

#include <cstdint>

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

} // namespace seawall

#endif
