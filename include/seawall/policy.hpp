// Policy: the rules for calling one dependency, written in code.
#ifndef SEAWALL_POLICY_HPP
#define SEAWALL_POLICY_HPP

#include "backoff.hpp"
#include "breaker.hpp"
#include "bulkhead.hpp"
#include "limiter.hpp"
#include "retry_budget.hpp"

#include <cstdint>
#include <cstdio>
#include <optional>
#include <string>
#include <vector>

namespace seawall {

enum class criticality : std::uint32_t { critical = 0, important = 1, optional = 2 };
/// Whether something else may be served when a call fails.
enum class fallback_rule : std::uint32_t { forbidden = 0, allowed = 1, expected = 2 };
/// What counts once: a call with all its attempts, or each attempt.
enum class scope : std::uint32_t { call = 0, attempt = 1 };

/// Further attempts. Only what is certain to have been of no effect, or may be sent twice, is sent twice.
struct retry_policy {
    std::uint32_t attempts = 3;                    ///< in all, 1 to 100
    backoff_config backoff = {};                   ///< the wait between them
    std::optional<double> budget = 0.1;            ///< retries as a share of the calls; none: no budget
    std::optional<retry_budget_config> full_budget = std::nullopt; ///< everything about the budget, instead
};

/// The breaker of a policy; see breaker_config.
struct breaker_policy {
    breaker_config config = {};
    seawall::scope scope = scope::call;
};

/// The bulkhead of a policy.
struct bulkhead_policy {
    std::uint32_t max_concurrent = 20;
    std::uint32_t reserved = 0;                    ///< places that only critical calls may take
    nanoseconds max_wait{0};                       ///< how long a call waits for a place
    std::optional<std::uint32_t> max_waiting = std::nullopt; ///< 1000 with max_wait, else 0
    seawall::scope scope = scope::call;
    std::optional<seawall::mode> mode = std::nullopt;
};

/// A rate limit of a policy: `permits` in `period`. All of them must agree, and each wants its own name.
struct rate_limit {
    std::uint64_t permits = 0;
    nanoseconds period = std::chrono::seconds(1);
    std::optional<std::uint64_t> burst = std::nullopt; ///< as many as permits
    nanoseconds max_wait{0};                       ///< how long a call waits for the rate
    std::string name = "requests";
    std::optional<seawall::mode> mode = std::nullopt;
};

/// The same as the table of a dependency in seawall.toml, with the same defaults and the same check: wall::define. Only
/// the timeout has no default.
struct policy {
    nanoseconds timeout{0};                        ///< of one attempt
    std::optional<nanoseconds> deadline = std::nullopt; ///< of the whole call
    std::optional<nanoseconds> connect_timeout = std::nullopt; ///< of HTTP clients
    seawall::criticality criticality = seawall::criticality::important;
    std::optional<fallback_rule> fallback = std::nullopt; ///< by criticality: forbidden, allowed, expected
    double reserve = 0;                            ///< share of the caller's deadline that is kept back, 0 to 1
    nanoseconds useful{0};                         ///< no retry with less time than this
    nanoseconds overhead{0};                       ///< of a call besides its attempts; only the check looks at it
    bool idempotent = true;                        ///< what may have been carried out may be sent again
    bool idempotency_key = false;                  ///< the server knows repetitions by a key
    seawall::mode mode = seawall::mode::enforce;   ///< of every gate without its own
    std::optional<retry_policy> retry = std::nullopt; ///< one attempt
    std::optional<breaker_policy> breaker = breaker_policy(); ///< none: no breaker
    std::optional<bulkhead_policy> bulkhead = std::nullopt;
    std::vector<rate_limit> rate_limits = {};      ///< up to four
    std::optional<std::uint32_t> pool = std::nullopt; ///< connections of the client's pool; only the check looks at it
    std::vector<std::string> called_by = {};       ///< dependencies that this one is called within; likewise

    /// The lines of its table in a file.
    [[nodiscard]] std::string toml() const;
};

namespace detail {

/// Writes the lines of a table.
class toml_writer {
public:
    void raw(const char *key, const std::string &value) {
        text_ += text_.empty() ? "" : separator_;
        text_ += key;
        text_ += " = ";
        text_ += value;
    }
    void text(const char *key, const std::string &value) { raw(key, quoted(value)); }
    void text(const char *key, const char *value) { raw(key, quoted(value)); }
    void flag(const char *key, bool value) { raw(key, value ? "true" : "false"); }
    void span(const char *key, nanoseconds value) { text(key, words(value)); }
    template <class Integer>
    void count(const char *key, Integer value) { raw(key, std::to_string(value)); }
    void real(const char *key, double value) { raw(key, digits(value)); }
    /// A share: a number up to 1, a percentage above.
    void share(const char *key, double value) {
        if (value > 1) {
            text(key, digits(value * 100) + "%");
        } else {
            raw(key, digits(value));
        }
    }
    template <class Value, class Put>
    void given(const std::optional<Value> &value, Put put) {
        if (value) put(*value);
    }
    void mode(seawall::mode value) {
        static const char *const words[] = {"enforce", "shadow", "off"};
        text("mode", words[static_cast<std::uint32_t>(value) % 3]);
    }
    [[nodiscard]] std::string table() const { return "{ " + text_ + " }"; }
    [[nodiscard]] std::string lines() const { return text_ + "\n"; }
    static toml_writer inner() {
        toml_writer writer;
        writer.separator_ = ", ";
        return writer;
    }

    /// A duration in the largest of s, ms and ns that holds it exactly.
    static std::string words(nanoseconds value) {
        const auto count = value.count();
        if (count % 1000000000 == 0) return std::to_string(count / 1000000000) + "s";
        if (count % 1000000 == 0) return std::to_string(count / 1000000) + "ms";
        return std::to_string(count) + "ns";
    }

    /// A basic string: what may not stand in one is escaped.
    static std::string quoted(const std::string &value) {
        std::string all = "\"";
        for (const char letter : value) {
            const auto code = static_cast<unsigned char>(letter);
            if (letter == '"' || letter == '\\') {
                all += '\\';
                all += letter;
            } else if (code < 0x20 || code == 0x7F) {
                char escaped[8];
                (void)std::snprintf(escaped, sizeof escaped, "\\u%04X", code);
                all += escaped;
            } else {
                all += letter;
            }
        }
        return all + "\"";
    }

private:
    static std::string digits(double value) {
        char text[40];
        if (value != value) return "nan";
        if (value - value != 0) return value > 0 ? "inf" : "-inf";
        (void)std::snprintf(text, sizeof text, "%.15g", value);
        std::string all = text;
        for (char &letter : all)
            if (letter == ',') letter = '.'; // some locales
        return all.find_first_of(".e") == std::string::npos ? all + ".0" : all;
    }
    std::string text_;
    const char *separator_ = "\n";
};

inline const char *word(scope value) noexcept { return value == scope::attempt ? "attempt" : "call"; }

inline std::string table_of(const breaker_policy &breaker) {
    toml_writer table = toml_writer::inner();
    const breaker_config &config = breaker.config;
    table.count("consecutive_failures", config.consecutive_failures);
    table.flag("consecutive_always", config.consecutive_always);
    table.share("failure_rate", config.failure_rate);
    if (config.slow_rate != 0) {
        table.share("slow_rate", config.slow_rate);
        table.span("slow_after", config.slow_after);
    }
    if (config.window_calls != 0) {
        table.count("window_calls", config.window_calls);
    } else {
        table.span("window", config.window);
    }
    if (config.min_calls != breaker_config().min_calls) table.count("min_calls", config.min_calls); // follows window_calls
    table.span("open_for", config.open_for);
    table.real("open_backoff", config.open_backoff);
    if (config.open_max != breaker_config().open_max) table.span("open_max", config.open_max); // follows open_for
    table.share("open_jitter", config.open_jitter);
    table.count("probes", config.probes);
    table.given(config.probe_lease, [&](nanoseconds lease) { table.span("probe_lease", lease); });
    table.count("min_witnesses", config.min_witnesses);
    if (config.mode != mode::enforce) table.mode(config.mode);
    table.text("scope", word(breaker.scope));
    return table.table();
}

inline std::string table_of(const bulkhead_policy &bulkhead) {
    toml_writer table = toml_writer::inner();
    table.count("max_concurrent", bulkhead.max_concurrent);
    table.count("reserved", bulkhead.reserved);
    table.span("max_wait", bulkhead.max_wait);
    table.given(bulkhead.max_waiting, [&](std::uint32_t most) { table.count("max_waiting", most); });
    table.text("scope", word(bulkhead.scope));
    table.given(bulkhead.mode, [&](mode value) { table.mode(value); });
    return table.table();
}

inline std::string table_of(const rate_limit &limit) {
    toml_writer table = toml_writer::inner();
    table.text("rate", std::to_string(limit.permits) + "/" + toml_writer::words(limit.period));
    table.given(limit.burst, [&](std::uint64_t burst) { table.count("burst", burst); });
    table.span("max_wait", limit.max_wait);
    table.text("name", limit.name);
    table.given(limit.mode, [&](mode value) { table.mode(value); });
    return table.table();
}

inline std::string table_of(const retry_budget_config &budget) {
    static const char *const profiles[] = {"bucket", "finagle", "grpc", "aws_standard", "aws_legacy"};
    toml_writer table = toml_writer::inner();
    table.text("profile", profiles[static_cast<std::uint32_t>(budget.profile) % 5]);
    table.share("ratio", budget.ratio);
    table.count("min_per_second", budget.min_per_second);
    table.count("cap", budget.cap);
    table.span("window", budget.window);
    if (budget.max_concurrent_retries_ratio != 0) {
        table.share("max_concurrent_retries_ratio", budget.max_concurrent_retries_ratio);
        table.count("min_concurrent_retries", budget.min_concurrent_retries);
    }
    if (budget.mode != mode::enforce) table.mode(budget.mode);
    return table.table();
}

inline std::string table_of(const retry_policy &retry) {
    static const char *const jitters[] = {"full", "equal", "decorrelated", "none"};
    toml_writer table = toml_writer::inner();
    table.count("attempts", retry.attempts);
    table.span("base", retry.backoff.base);
    table.real("factor", retry.backoff.factor);
    table.span("cap", retry.backoff.cap);
    table.text("jitter", jitters[static_cast<std::uint32_t>(retry.backoff.jitter) % 4]);
    table.given(retry.backoff.retry_after_margin, [&](nanoseconds margin) { table.span("retry_after_margin", margin); });
    if (retry.full_budget) {
        table.raw("budget", table_of(*retry.full_budget));
    } else if (retry.budget) {
        table.share("budget", *retry.budget);
    } else {
        table.text("budget", "off");
    }
    return table.table();
}

} // namespace detail

inline std::string policy::toml() const {
    static const char *const criticalities[] = {"critical", "important", "optional"};
    static const char *const rules[] = {"forbidden", "allowed", "expected"};
    detail::toml_writer table;
    table.span("timeout", timeout);
    table.given(deadline, [&](nanoseconds span) { table.span("deadline", span); });
    table.given(connect_timeout, [&](nanoseconds span) { table.span("connect_timeout", span); });
    table.text("criticality", criticalities[static_cast<std::uint32_t>(criticality) % 3]);
    table.given(fallback, [&](fallback_rule rule) { table.text("fallback", rules[static_cast<std::uint32_t>(rule) % 3]); });
    table.share("reserve", reserve);
    table.span("useful", useful);
    table.span("overhead", overhead);
    table.flag("idempotent", idempotent);
    table.flag("idempotency_key", idempotency_key);
    table.mode(mode);
    table.given(retry, [&](const retry_policy &value) { table.raw("retry", detail::table_of(value)); });
    table.raw("breaker", breaker ? detail::table_of(*breaker) : detail::toml_writer::quoted("off"));
    table.given(bulkhead, [&](const bulkhead_policy &value) { table.raw("bulkhead", detail::table_of(value)); });
    std::string limits;
    for (const rate_limit &limit : rate_limits) limits += (limits.empty() ? "" : ", ") + detail::table_of(limit);
    if (!limits.empty()) table.raw("rate_limit", "[ " + limits + " ]");
    table.given(pool, [&](std::uint32_t connections) { table.count("pool", connections); });
    std::string callers;
    for (const std::string &caller : called_by) callers += (callers.empty() ? "" : ", ") + detail::toml_writer::quoted(caller);
    if (!callers.empty()) table.raw("called_by", "[ " + callers + " ]");
    return table.lines();
}

} // namespace seawall

#endif
