// Histogram: how long calls take.
#ifndef SEAWALL_HISTOGRAM_HPP
#define SEAWALL_HISTOGRAM_HPP

#include "settings.hpp"

#include <cstdint>

namespace seawall {

/// Latencies in fixed storage, within 3 %.
class histogram {
public:
    /// Empty. Throws std::bad_alloc when there is no memory (3.5 KiB); without exceptions, it counts nothing then.
    histogram() : memory_(detail::allocate(seawall_histogram_bytes())) {
        seawall_histogram_t *raw = nullptr;
        const status made = seawall_histogram_init(memory_.get(), seawall_histogram_bytes(), &raw);
#if SEAWALL_EXCEPTIONS
        if (!made.is_ok()) throw std::bad_alloc();
#else
        (void)made;
#endif
    }
    void record(nanoseconds latency) noexcept { (void)seawall_histogram_record(native(), detail::count(latency)); }
    /// The latency that this share of all calls (0 to 1) stayed at or below; zero when nothing was counted.
    [[nodiscard]] nanoseconds quantile(double share) const noexcept {
        const double within = share > 0 ? (share < 1 ? share : 1) : 0;
        std::uint64_t latency = 0;
        (void)seawall_histogram_quantile(native(), static_cast<std::uint32_t>(within * 1000000 + 0.5), &latency);
        return detail::span(latency);
    }
    [[nodiscard]] std::uint64_t total() const noexcept {
        std::uint64_t counted = 0;
        (void)seawall_histogram_total(native(), &counted);
        return counted;
    }
    void merge(const histogram &other) noexcept { (void)seawall_histogram_merge(native(), other.native()); }
    void reset() noexcept { (void)seawall_histogram_reset(native()); }
    /// For the functions of seawall.h; null after a move.
    [[nodiscard]] seawall_histogram_t *native() const noexcept { return static_cast<seawall_histogram_t *>(memory_.get()); }

private:
    detail::storage memory_;
};

} // namespace seawall

#endif
