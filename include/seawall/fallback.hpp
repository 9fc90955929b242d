// Fallback: what to serve when a dependency does not.
#ifndef SEAWALL_FALLBACK_HPP
#define SEAWALL_FALLBACK_HPP

#include "call.hpp"
#include "classification.hpp"
#include "settings.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#if SEAWALL_EXCEPTIONS
#  include <exception>
#endif

namespace seawall {

/// How a call ended without a good result, as a fallback sees it.
struct call_failure {
    status reason;              ///< why no attempt was made; ok when one was
    nanoseconds retry_after{0}; ///< of a refusal
    seawall::stop stop = seawall::stop::done;
    std::uint32_t attempts = 0;
#if SEAWALL_EXCEPTIONS
    std::exception_ptr error;   ///< what the last attempt threw, or the refusal; null when it gave a result
#endif
};

/// The last good result of each key, bounded in age and number; beyond that, the one kept longest ago goes. A copy is
/// the same store, and any thread may use it. Give it to fallback() as store.of(key).
template <class T, class Key = std::string>
class last_good {
    struct entry {
        T value;
        std::uint64_t at_ns;
        typename std::list<Key>::iterator turn;
    };
    struct body {
        std::mutex lock;
        nanoseconds max_age;
        std::size_t max_entries;
        std::list<Key> turns; // the key kept longest ago first
        std::map<Key, entry> entries;
    };

public:
    /// A step of a fallback: this store and a key.
    class keyed {
    public:
        static constexpr const char *source = "last_good";
        void keep(const T &value, std::uint64_t now_ns) const { store_.keep(key_, value, now_ns); }
        [[nodiscard]] std::optional<T> recall(std::uint64_t now_ns) const { return store_.recall(key_, now_ns); }

    private:
        friend class last_good;
        keyed(last_good store, Key key) : store_(std::move(store)), key_(std::move(key)) {}
        last_good store_;
        Key key_;
    };

#if SEAWALL_EXCEPTIONS
    /// A result is served for `max_age`, 1 ms to 366 days, after it was kept; at most `max_entries` keys, 1 to a million,
    /// are held. Throws config_error.
    explicit last_good(nanoseconds max_age, std::size_t max_entries = 1000) {
        config_problem problem;
        std::optional<last_good> made = make(max_age, max_entries, &problem);
        if (!made) throw config_error(std::move(problem));
        body_ = std::move(made->body_);
    }
#endif
    /// The same without exceptions: nothing when a setting is out of range, and which one.
    [[nodiscard]] static std::optional<last_good> make(
        nanoseconds max_age, std::size_t max_entries = 1000, config_problem *problem = nullptr) {
        const nanoseconds youngest = std::chrono::milliseconds(1), oldest = std::chrono::hours(366 * 24);
        const auto seconds = [](nanoseconds span) { return static_cast<double>(span.count()) / 1e9; };
        if (max_age < youngest || max_age > oldest) {
            if (problem != nullptr)
                *problem = config_problem{SEAWALL_ERROR_CONFIG, "max_age", seconds(max_age), seconds(youngest), seconds(oldest), "s"};
            return std::nullopt;
        }
        if (max_entries < 1 || max_entries > 1000000) {
            if (problem != nullptr)
                *problem = config_problem{SEAWALL_ERROR_CONFIG, "max_entries", static_cast<double>(max_entries), 1, 1000000, ""};
            return std::nullopt;
        }
        return last_good(detail::finished(), max_age, max_entries);
    }
    [[nodiscard]] keyed of(Key key) const { return keyed(*this, std::move(key)); }
    void keep(const Key &key, const T &value, std::uint64_t now_ns) const {
        const std::lock_guard<std::mutex> held(body_->lock);
        const auto old = body_->entries.find(key);
        if (old != body_->entries.end()) {
            body_->turns.erase(old->second.turn);
            body_->entries.erase(old);
        }
        const auto turn = body_->turns.insert(body_->turns.end(), key);
        body_->entries.emplace(key, entry{value, now_ns, turn});
        if (body_->entries.size() > body_->max_entries) {
            body_->entries.erase(body_->turns.front());
            body_->turns.pop_front();
        }
    }
    [[nodiscard]] std::optional<T> recall(const Key &key, std::uint64_t now_ns) const {
        const std::lock_guard<std::mutex> held(body_->lock);
        const auto found = body_->entries.find(key);
        if (found == body_->entries.end()) return std::nullopt;
        const std::uint64_t at_ns = found->second.at_ns;
        if (now_ns > at_ns && now_ns - at_ns > detail::count(body_->max_age)) return std::nullopt;
        return found->second.value;
    }
    [[nodiscard]] std::size_t size() const {
        const std::lock_guard<std::mutex> held(body_->lock);
        return body_->entries.size();
    }

private:
    last_good(detail::finished, nanoseconds max_age, std::size_t max_entries) : body_(std::make_shared<body>()) {
        body_->max_age = max_age;
        body_->max_entries = max_entries;
    }

    std::shared_ptr<body> body_;
};

namespace detail {

template <class Step, class = void>
struct remembers : std::false_type {};
template <class Step>
struct remembers<Step, std::void_t<decltype(std::declval<const Step &>().recall(std::uint64_t{}))>> : std::true_type {};

/// What a chain of fallbacks served.
struct served {
    std::size_t step = 0;
    const char *source = "";
};

/// A chain of steps, of which the first that has something serves.
template <class... Step>
class fallback_chain : public option {
public:
    explicit fallback_chain(Step... steps) : steps_(std::move(steps)...) {}

    template <class Value>
    void keep(const Value &value, std::uint64_t now_ns) const {
        each([&](const auto &step, std::size_t) {
            if constexpr (remembers<std::decay_t<decltype(step)>>::value) step.keep(value, now_ns);
        });
    }

    /// Puts what is served into `place`. When no step served, `failed` is what the last one that failed threw.
    template <class Stored, class Failed>
    std::optional<served> serve(const call_failure &why, std::uint64_t now_ns, std::optional<Stored> &place, Failed &failed) const {
        std::optional<served> by;
        each([&](const auto &step, std::size_t number) {
            if (by) return;
#if SEAWALL_EXCEPTIONS
            try {
                const char *source = try_step(step, why, now_ns, place);
                if (source != nullptr) by = served{number, source};
            } catch (...) {
                failed = std::current_exception();
            }
#else
            (void)failed;
            const char *source = try_step(step, why, now_ns, place);
            if (source != nullptr) by = served{number, source};
#endif
        });
        return by;
    }

private:
    template <class Visit>
    void each(Visit visit) const {
        std::size_t number = 0;
        std::apply([&](const auto &...step) { (visit(step, number++), ...); }, steps_);
    }

    template <class One, class Stored>
    static const char *try_step(const One &step, const call_failure &why, std::uint64_t now_ns, std::optional<Stored> &place) {
        (void)why;
        (void)now_ns;
        if constexpr (remembers<One>::value) {
            auto recalled = step.recall(now_ns);
            if (!recalled) return nullptr;
            place.emplace(std::move(*recalled));
            return One::source;
        } else if constexpr (std::is_invocable_v<const One &, const call_failure &>) {
            put(place, [&]() -> decltype(auto) { return step(why); });
            return "function";
        } else if constexpr (std::is_invocable_v<const One &>) {
            put(place, [&]() -> decltype(auto) { return step(); });
            return "function";
        } else {
            place.emplace(step);
            return "value";
        }
    }
    template <class Stored, class Make>
    static void put(std::optional<Stored> &place, Make make) {
        if constexpr (std::is_void_v<decltype(make())>) {
            make();
            place.emplace();
        } else {
            place.emplace(make());
        }
    }

    std::tuple<Step...> steps_;
};

template <class Option>
struct is_fallback : std::false_type {};
template <class... Step>
struct is_fallback<fallback_chain<Step...>> : std::true_type {};

} // namespace detail

/// What to serve when a call is refused or has finally failed and the policy allows it: the first of the steps that has
/// something. A step is a value, a function (of nothing or of a call_failure), or a last_good store's of(key). It runs
/// on the caller's thread and holds nothing of the dependency any more.
template <class... Step>
[[nodiscard]] auto fallback(Step &&...steps) {
    return detail::fallback_chain<std::decay_t<Step>...>(std::forward<Step>(steps)...);
}

} // namespace seawall

#endif
