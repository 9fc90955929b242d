// Event: what happens at a dependency, told to whoever wants to know.
#ifndef SEAWALL_EVENT_HPP
#define SEAWALL_EVENT_HPP

#include "call.hpp"

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace seawall {

enum class event_kind : std::uint32_t { state_change = 0, refusal = 1, retry = 2, fallback = 3, late_result = 4 };

/// The name of a kind, as logs and metrics use it.
[[nodiscard]] inline const char *name_of(event_kind kind) noexcept {
    static const char *const names[] = {"state_change", "refusal", "retry", "fallback", "late_result"};
    return names[static_cast<std::uint32_t>(kind) % 5];
}

/// Something that happened. What a kind does not speak of is as here.
struct event {
    event_kind kind = event_kind::state_change;
    std::string_view dependency;                 ///< its name; good while the hook runs
    std::uint64_t at_ns = 0;                     ///< on the clock of the wall
    transition change{state::closed, state::closed}; ///< of a state change
    status reason;                               ///< of a refusal
    nanoseconds retry_after{0};                  ///< of a refusal: when asking again can help; zero: nobody knows
    std::string limit;                           ///< of a refusal: the rate limit that said no; empty: none did
    std::uint32_t attempt = 0;                   ///< of a retry: the one that failed; of a late result: those made
    nanoseconds delay{0};                        ///< of a retry: the wait before the next one
    seawall::cause cause = seawall::cause::failure; ///< of a retry
    std::size_t step = 0;                        ///< of a fallback: which step served, from 0
    const char *source = "";                     ///< of a fallback: "value", "function", "last_good"
    seawall::stop stop = seawall::stop::done;    ///< of a fallback: why there was no further attempt
    std::optional<seawall::outcome> outcome;     ///< of a late result; nothing when the caller gave up
};

namespace detail {

/// Those who want to know. Hooks run on the thread where it happened, after the new state is visible to all, under no
/// lock; what they throw is dropped and counted.
class hooks {
public:
    using hook = std::function<void(const event &)>;

    void add(hook added) {
        const std::lock_guard<std::mutex> held(lock_);
        auto longer = list_ ? std::make_shared<list>(*list_) : std::make_shared<list>();
        longer->push_back(std::move(added));
        list_ = std::move(longer);
        are_there_.store(true, std::memory_order_release);
    }
    [[nodiscard]] bool are_there() const noexcept { return are_there_.load(std::memory_order_acquire); }
    void tell(const event &what) const noexcept {
        if (!are_there()) return;
        std::shared_ptr<const list> all;
        {
            const std::lock_guard<std::mutex> held(lock_);
            all = list_;
        }
        for (const hook &one : *all) {
#if SEAWALL_EXCEPTIONS
            try {
                one(what);
            } catch (...) { // a hook never breaks a call
                failures_.fetch_add(1, std::memory_order_relaxed);
            }
#else
            one(what);
#endif
        }
    }
    [[nodiscard]] std::uint64_t failures() const noexcept { return failures_.load(std::memory_order_relaxed); }

private:
    using list = std::vector<hook>;
    mutable std::mutex lock_;
    std::shared_ptr<const list> list_;
    std::atomic<bool> are_there_{false};
    mutable std::atomic<std::uint64_t> failures_{0};
};

} // namespace detail

} // namespace seawall

#endif
