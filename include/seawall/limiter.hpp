// Limiter: never more calls per time than this.
#ifndef SEAWALL_LIMITER_HPP
#define SEAWALL_LIMITER_HPP

#include "settings.hpp"

#include <cstdint>
#include <optional>
#include <thread>
#include <utility>

namespace seawall {

/// Settings of a limiter: `permits` tokens per `period`, at most `burst` at once.
struct limiter_config {
    std::uint64_t permits = 100;
    nanoseconds period = std::chrono::seconds(1);
    std::optional<std::uint64_t> burst = std::nullopt; ///< permits
    seawall::mode mode = seawall::mode::enforce;
};

/// What a bucket looks like, in the terms of the HTTP rate limit fields.
struct limiter_snapshot {
    std::uint64_t limit, remaining;
    nanoseconds reset, retry_after;
    std::uint64_t allowed, refused, shadow_refused; ///< ever
};

/// Tokens taken ahead of time: wait for wait(), then go. One that is dropped keeps its tokens.
class [[nodiscard]] reservation {
public:
    reservation(reservation &&other) noexcept
        : from_(other.from_), time_(other.time_), raw_(std::exchange(other.raw_, {})) {}
    reservation &operator=(reservation &&other) noexcept {
        from_ = other.from_;
        time_ = other.time_;
        raw_ = std::exchange(other.raw_, {});
        return *this;
    }
    [[nodiscard]] nanoseconds wait() const noexcept { return detail::span(raw_.wait_ns); }
    /// Gives the tokens back. A second time is SEAWALL_ERROR_SPENT, without effect.
    status cancel() noexcept {
        return from_ == nullptr ? SEAWALL_ERROR_SPENT : seawall_limiter_cancel(from_, &raw_, time_.argument());
    }

private:
    friend class limiter;
    reservation(seawall_limiter_t *from, detail::moment time, const seawall_reservation_t &raw) noexcept
        : from_(from), time_(time), raw_(raw) {}
    seawall_limiter_t *from_;
    detail::moment time_;
    seawall_reservation_t raw_;
};

class limiter {
public:
#if SEAWALL_EXCEPTIONS
    /// A full bucket. Throws config_error. The clock must outlive it.
    explicit limiter(const limiter_config &config = {}, const clock &source = monotonic_clock::get())
        : limiter(detail::make_or_throw<limiter>(config, source)) {}
#endif
    [[nodiscard]] static std::optional<limiter> make(const limiter_config &config,
        const clock &source = monotonic_clock::get(), config_problem *problem = nullptr) {
        detail::settings checked(problem);
        const seawall_limiter_config_t raw = fill(config, checked);
        seawall_config_error_t error = {};
        detail::storage memory;
        seawall_limiter_t *made = nullptr;
        if (checked.is_fine()) {
            memory = detail::allocate(seawall_limiter_bytes());
            const status code = seawall_limiter_init(memory.get(), seawall_limiter_bytes(), &raw, &error, &made);
            checked.accept(code, error, {"period"}, {});
        }
        if (!checked.is_fine()) return std::nullopt;
        return limiter(detail::finished(), std::move(memory), source);
    }

    /// Takes `tokens` if they are there now. More than the burst is SEAWALL_ERROR_EXCEEDS_CAPACITY.
    [[nodiscard]] result<void> try_acquire(std::uint64_t tokens = 1) noexcept {
        std::uint64_t retry_after = 0;
        const status code = seawall_limiter_try_acquire(native(), tokens, time_.argument(), &retry_after);
        if (code.is_ok()) return nothing{};
        return {code, detail::span(retry_after)};
    }

    /// Takes `tokens` now or ahead of time; a wait beyond `max_wait` is refused at once and takes nothing.
    [[nodiscard]] result<reservation> reserve(nanoseconds max_wait, std::uint64_t tokens = 1) noexcept {
        seawall_reservation_t raw = SEAWALL_RESERVATION_INIT;
        const status code = seawall_limiter_reserve(native(), tokens, detail::count(max_wait), time_.argument(), &raw);
        if (code.is_ok()) return reservation(native(), time_, raw);
        return {code, detail::span(raw.wait_ns)};
    }

    /// Takes `tokens`, sleeping until they are there; refused at once when that is more than `max_wait` away.
    [[nodiscard]] result<void> acquire_for(nanoseconds max_wait, std::uint64_t tokens = 1) {
        const std::uint64_t now = time_.now();
        const result<reservation> ahead = reserve(max_wait, tokens);
        if (!ahead) return {ahead.reason(), ahead.retry_after()};
        const std::uint64_t until = seawall_deadline_after(now, detail::count(ahead->wait()));
        while (const std::uint64_t left = seawall_deadline_remaining(until, time_.now()))
            std::this_thread::sleep_for(time_.nap(left));
        return nothing{};
    }

    /// Corrects a cost after the fact: takes more, into debt if need be, or gives back when negative.
    void adjust(std::int64_t tokens) noexcept { (void)seawall_limiter_adjust(native(), tokens, time_.argument()); }

    /// Changes rate, burst and mode; missing tokens stay missing. Not for two threads at once. False, and what is wrong.
    [[nodiscard]] bool reconfigure(const limiter_config &config, config_problem *problem = nullptr) {
        detail::settings checked(problem);
        const seawall_limiter_config_t raw = fill(config, checked);
        seawall_config_error_t error = {};
        return checked.is_fine()
            && checked.accept(seawall_limiter_reconfigure(native(), &raw, time_.argument(), &error), error, {"period"}, {});
    }

    [[nodiscard]] limiter_snapshot snapshot() const noexcept {
        seawall_limiter_snapshot_t raw = SEAWALL_SNAPSHOT_INIT(raw);
        (void)seawall_limiter_snapshot(native(), time_.argument(), &raw);
        return {raw.limit, raw.remaining, detail::span(raw.reset_ns), detail::span(raw.retry_after_ns), raw.allowed,
            raw.refused, raw.shadow_refused};
    }
    /// For the functions of seawall.h; null after a move.
    [[nodiscard]] seawall_limiter_t *native() const noexcept { return static_cast<seawall_limiter_t *>(memory_.get()); }

private:
    limiter(detail::finished, detail::storage memory, const clock &source) noexcept
        : memory_(std::move(memory)), time_(source) {}
    static seawall_limiter_config_t fill(const limiter_config &config, detail::settings &checked) {
        seawall_limiter_config_t raw = SEAWALL_LIMITER_CONFIG_INIT;
        raw.permits = config.permits;
        raw.period_ns = checked.duration("period", config.period, 1e-9, 31 * 86400.0);
        raw.burst = config.burst.value_or(config.permits);
        raw.mode = static_cast<std::uint32_t>(config.mode);
        return raw;
    }

    detail::storage memory_;
    detail::moment time_;
};

} // namespace seawall

#endif
