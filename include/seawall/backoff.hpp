// Backoff: how long to wait before a retry.
#ifndef SEAWALL_BACKOFF_HPP
#define SEAWALL_BACKOFF_HPP

#include "settings.hpp"

#include <cstdint>
#include <optional>
#include <utility>

namespace seawall {

struct backoff_config {
    nanoseconds base = std::chrono::milliseconds(100);               ///< before the first retry, up to a day
    double factor = 2.0;                                             ///< growth per retry, 1 to 10
    nanoseconds cap = std::chrono::seconds(20);                      ///< the longest wait before jitter
    seawall::jitter jitter = seawall::jitter::full;
    std::optional<nanoseconds> retry_after_margin = std::nullopt;    ///< how much longer a server may ask for; no limit
};

/// A pure calculation; copies are alike.
class backoff {
public:
#if SEAWALL_EXCEPTIONS
    /// Throws config_error.
    explicit backoff(const backoff_config &config = {}) {
        config_problem problem;
        const std::optional<backoff> made = make(config, &problem);
        if (!made) throw config_error(std::move(problem));
        *this = *made;
    }
#endif
    [[nodiscard]] static std::optional<backoff> make(const backoff_config &config, config_problem *problem = nullptr) {
        detail::settings checked(problem);
        seawall_backoff_config_t raw = SEAWALL_BACKOFF_CONFIG_INIT;
        raw.jitter = static_cast<std::uint32_t>(config.jitter);
        raw.factor_permille = checked.fraction("factor", config.factor, 1, 10);
        raw.base_ns = checked.duration("base", config.base, 0);
        raw.cap_ns = checked.duration("cap", config.cap, static_cast<double>(raw.base_ns) / 1e9);
        if (config.retry_after_margin)
            raw.retry_after_margin_ns = checked.duration("retry_after_margin", *config.retry_after_margin, 0, 1e10);
        seawall_config_error_t error = {};
        if (checked.is_fine()) checked.accept(seawall_backoff_validate(&raw, &error), error, {"base", "cap"}, {"factor"});
        if (!checked.is_fine()) return std::nullopt;
        return backoff(detail::finished(), raw);
    }

    /// The wait before retry `attempt` (the first is 1). `previous` is the wait before the last one, `retry_after` what
    /// the server asked for: a floor that jitter never undercuts. `random` is for tests.
    [[nodiscard]] nanoseconds delay(std::uint32_t attempt, nanoseconds previous = nanoseconds(0),
        nanoseconds retry_after = nanoseconds(0), std::uint64_t random = seawall_random()) const noexcept {
        std::uint64_t delay = 0;
        (void)seawall_backoff_delay(&raw_, attempt, detail::count(previous), random, detail::count(retry_after), &delay);
        return detail::span(delay);
    }

private:
    backoff(detail::finished, const seawall_backoff_config_t &raw) noexcept : raw_(raw) {}
    seawall_backoff_config_t raw_ = SEAWALL_BACKOFF_CONFIG_INIT;
};

} // namespace seawall

#endif
