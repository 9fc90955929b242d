// Settings: storage, and the way of settings over the border.
#ifndef SEAWALL_SETTINGS_HPP
#define SEAWALL_SETTINGS_HPP

#include "clock.hpp"

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <utility>

namespace seawall {

namespace detail {

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

    /// Nanoseconds; the library checks the range, which is only named here for values that it cannot be told.
    std::uint64_t duration(const char *field, nanoseconds value, double min, double max = 86400) {
        if (value.count() < 0) refuse(field, static_cast<double>(value.count()) / 1e9, min, max, "s");
        return count(value);
    }

    /// Thousandths, to the nearest one; a fraction above 0 is never taken for 0, which would leave a rule out.
    std::uint32_t fraction(const char *field, double value, double min, double max) {
        if (!(value >= min && value <= max)) { // NaN is on neither side
            refuse(field, value, min, max, "");
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
    void refuse(const char *field, double value, double min, double max, const char *unit) {
        if (is_fine_ && problem_ != nullptr) *problem_ = config_problem{SEAWALL_ERROR_CONFIG, field, value, min, max, unit};
        is_fine_ = false;
    }

    config_problem *problem_;
    bool is_fine_ = true;
};

/// Tells the constructors of finished objects from those that users call.
struct finished {};

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

} // namespace seawall

#endif
