// Retry budget: retries stay a small share of calls.
#ifndef SEAWALL_RETRY_BUDGET_HPP
#define SEAWALL_RETRY_BUDGET_HPP

#include "settings.hpp"

#include <cstdint>
#include <optional>
#include <utility>

namespace seawall {

/// Settings of a retry budget. of() gives the published ones of a profile.
struct retry_budget_config {
    seawall::profile profile = seawall::profile::bucket;
    double ratio = 0.1;                            ///< what each call (grpc: each success) adds, 0 to 10
    std::uint32_t min_per_second = 1;              ///< retries per second that are allowed whatever the traffic
    std::uint32_t cap = 100;                       ///< the most tokens
    nanoseconds window = std::chrono::seconds(10); ///< how long a deposit counts, or how much floor can be saved up
    double max_concurrent_retries_ratio = 0;       ///< retries under way per call under way; 0: rule absent
    std::uint32_t min_concurrent_retries = 3;      ///< always allowed by the rule above
    seawall::mode mode = seawall::mode::enforce;

    [[nodiscard]] static retry_budget_config of(seawall::profile published) noexcept {
        seawall_retry_budget_config_t raw = SEAWALL_RETRY_BUDGET_CONFIG_INIT;
        (void)seawall_retry_budget_profile(static_cast<std::uint32_t>(published), &raw);
        retry_budget_config config;
        config.profile = published;
        config.ratio = raw.ratio_permille / 1000.0;
        config.min_per_second = raw.min_per_second;
        config.cap = raw.cap;
        config.window = detail::span(raw.window_ns);
        config.max_concurrent_retries_ratio = raw.max_concurrent_retries_permille / 1000.0;
        config.min_concurrent_retries = raw.min_concurrent_retries;
        return config;
    }
};

struct retry_budget_snapshot {
    std::uint64_t tokens_milli, cap_milli;
    std::uint32_t calls_in_flight, retries_in_flight;
    std::uint64_t deposited, withdrawn, refused, shadow_refused; ///< ever
};

/// Leave for one retry. Given back when destroyed unused.
class [[nodiscard]] withdrawal {
public:
    withdrawal(withdrawal &&other) noexcept : from_(other.from_), time_(other.time_), raw_(std::exchange(other.raw_, {})) {}
    withdrawal &operator=(withdrawal &&other) noexcept {
        if (this != &other) {
            (void)cancel();
            from_ = other.from_;
            time_ = other.time_;
            raw_ = std::exchange(other.raw_, {});
        }
        return *this;
    }
    ~withdrawal() { (void)cancel(); }

    /// Says how the retry ended. A second time is SEAWALL_ERROR_SPENT, without effect.
    status record(outcome how) noexcept {
        return is_spent() ? SEAWALL_ERROR_SPENT : seawall_retry_budget_record(from_, static_cast<std::uint32_t>(how), &raw_);
    }
    /// Gives the leave back unused: what it cost is there again.
    status cancel() noexcept {
        return is_spent() ? SEAWALL_ERROR_SPENT : seawall_retry_budget_cancel(from_, &raw_, time_.argument());
    }
    [[nodiscard]] bool is_spent() const noexcept { return raw_.token == 0; }

private:
    friend class retry_budget;
    withdrawal(seawall_retry_budget_t *from, detail::moment time, const seawall_withdrawal_t &raw) noexcept
        : from_(from), time_(time), raw_(raw) {}
    seawall_retry_budget_t *from_;
    detail::moment time_;
    seawall_withdrawal_t raw_;
};

class retry_budget {
public:
#if SEAWALL_EXCEPTIONS
    /// Throws config_error. The clock must outlive it.
    explicit retry_budget(const retry_budget_config &config = {}, const clock &source = monotonic_clock::get())
        : retry_budget(detail::make_or_throw<retry_budget>(config, source)) {}
#endif
    [[nodiscard]] static std::optional<retry_budget> make(const retry_budget_config &config,
        const clock &source = monotonic_clock::get(), config_problem *problem = nullptr) {
        detail::settings checked(problem);
        seawall_retry_budget_config_t raw = SEAWALL_RETRY_BUDGET_CONFIG_INIT;
        raw.profile = static_cast<std::uint32_t>(config.profile);
        raw.ratio_permille = checked.fraction("ratio", config.ratio, 0, 10);
        raw.min_per_second = config.min_per_second;
        raw.cap = config.cap;
        raw.max_concurrent_retries_permille =
            checked.fraction("max_concurrent_retries_ratio", config.max_concurrent_retries_ratio, 0, 10);
        raw.min_concurrent_retries = config.min_concurrent_retries;
        raw.mode = static_cast<std::uint32_t>(config.mode);
        raw.window_ns = checked.duration("window", config.window, 1, 3600);
        const detail::moment time(source);
        seawall_config_error_t error = {};
        detail::storage memory;
        seawall_retry_budget_t *made = nullptr;
        if (checked.is_fine()) {
            memory = detail::allocate(seawall_retry_budget_bytes());
            const status code =
                seawall_retry_budget_init(memory.get(), seawall_retry_budget_bytes(), &raw, time.argument(), &error, &made);
            checked.accept(code, error, {"window"}, {"ratio", "max_concurrent_retries_ratio"});
        }
        if (!checked.is_fine()) return std::nullopt;
        return retry_budget(detail::finished(), std::move(memory), time);
    }

    /// Says that a call begins; once per call, whatever its attempts.
    void deposit() noexcept { (void)seawall_retry_budget_deposit(native(), time_.argument()); }
    /// Says how a first attempt ended; a retry's end is told to its withdrawal.
    void record(outcome how) noexcept {
        (void)seawall_retry_budget_record(native(), static_cast<std::uint32_t>(how), nullptr);
    }
    /// Says that a call has ended, for the in-flight rule; once for each deposit.
    void finish() noexcept { (void)seawall_retry_budget_finish(native()); }

    /// Asks for leave to send one retry. Refused: end the call with its last real error.
    [[nodiscard]] result<withdrawal> try_withdraw(cause why = cause::failure) noexcept {
        seawall_withdrawal_t raw = SEAWALL_WITHDRAWAL_INIT;
        const auto reason = static_cast<std::uint32_t>(why);
        const status code = seawall_retry_budget_try_withdraw(native(), reason, time_.argument(), &raw);
        if (code.is_ok()) return withdrawal(native(), time_, raw);
        return {code, detail::span(raw.retry_after_ns)};
    }

    [[nodiscard]] retry_budget_snapshot snapshot() const noexcept {
        seawall_retry_budget_snapshot_t raw = SEAWALL_SNAPSHOT_INIT(raw);
        (void)seawall_retry_budget_snapshot(native(), time_.argument(), &raw);
        return {raw.tokens_milli, raw.cap_milli, raw.calls_in_flight, raw.retries_in_flight, raw.deposited, raw.withdrawn,
            raw.refused, raw.shadow_refused};
    }
    /// For the functions of seawall.h; null after a move.
    [[nodiscard]] seawall_retry_budget_t *native() const noexcept {
        return static_cast<seawall_retry_budget_t *>(memory_.get());
    }

private:
    retry_budget(detail::finished, detail::storage memory, detail::moment time) noexcept
        : memory_(std::move(memory)), time_(time) {}
    detail::storage memory_;
    detail::moment time_;
};

} // namespace seawall

#endif
