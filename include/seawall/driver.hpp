// Driver: does what the policy says, for dependency.hpp. Nothing here is for users.
#ifndef SEAWALL_DRIVER_HPP
#define SEAWALL_DRIVER_HPP

#include "event.hpp"
#include "fallback.hpp"

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <type_traits>
#include <utility>
#if SEAWALL_EXCEPTIONS
#  include <system_error>
#  if defined(__GLIBCXX__)
#    include <cxxabi.h>
#  endif
#endif

namespace seawall {

namespace detail {

/// Callers that wait for a place of the bulkhead, first come first served within the process.
class waiting_line {
public:
    struct waiter {
        std::condition_variable woken;
        bool is_rung = false;
        waiter *next = nullptr;
    };

    void wake_first() noexcept {
        const std::lock_guard<std::mutex> held(lock_);
        ring_first();
    }

    /// Waits as the action says; `woke` asks the engine and answers the next action.
    template <class Woke>
    result<action> wait(nanoseconds at_most, const moment &time, Woke woke) {
        waiter self;
        std::unique_lock<std::mutex> held(lock_);
        const place_in_line place(*this, self, held);
        std::uint64_t until = seawall_deadline_after(time.now(), count(at_most));
        for (;;) {
            const std::uint64_t now = time.now();
            const bool is_first = first_ == &self;
            if (is_first || now >= until) {
                self.is_rung = false;
                held.unlock();
                result<action> next = woke();
                held.lock();
                if (!next || next->kind != action_kind::wait) return next;
                until = seawall_deadline_after(now, count(next->span));
            }
            if (self.is_rung) continue;
            const std::uint64_t left = now < until ? until - now : 0;
            const std::uint64_t tick = left < TICK || !is_first ? left : TICK;
            if (time.source().jumps()) {
                held.unlock();
                time.source().sleep(span(tick == 0 ? 1 : tick));
                held.lock();
            } else {
                (void)self.woken.wait_for(held, time.is_manual() ? nanoseconds(1000000) : span(tick));
            }
        }
    }

private:
    /// A waiter's place, which it gives up however it leaves: also when a clock throws or the thread is cancelled.
    class place_in_line {
    public:
        place_in_line(waiting_line &line, waiter &self, std::unique_lock<std::mutex> &held) noexcept
            : line_(line), self_(self), held_(held) {
            (line.first_ == nullptr ? line.first_ : line.last_->next) = &self;
            line.last_ = &self;
        }
        place_in_line(const place_in_line &) = delete;
        place_in_line &operator=(const place_in_line &) = delete;
        ~place_in_line() {
            if (!held_.owns_lock()) held_.lock();
            line_.remove(self_);
            line_.ring_first(); // several places may have come free at once
        }

    private:
        waiting_line &line_;
        waiter &self_;
        std::unique_lock<std::mutex> &held_;
    };

    /// The first looks again after so long, even if nobody wakes it: other processes may free places.
    static constexpr std::uint64_t TICK = 10000000;

    void ring_first() noexcept {
        if (first_ == nullptr) return;
        first_->is_rung = true;
        first_->woken.notify_one();
    }
    void remove(const waiter &self) noexcept {
        waiter *before = nullptr;
        for (waiter *one = first_; one != &self; one = one->next) before = one;
        (before == nullptr ? first_ : before->next) = self.next;
        if (last_ == &self) last_ = before;
    }

    std::mutex lock_;
    waiter *first_ = nullptr;
    waiter *last_ = nullptr;
};

/// What a test wants attempts to meet instead of, or before, the function.
class script {
public:
    void set(std::function<void()> fault, std::uint32_t times) {
        const std::lock_guard<std::mutex> held(lock_);
        fault_ = std::move(fault);
        times_ = fault_ ? times : 0;
        is_set_.store(times_ != 0, std::memory_order_release);
    }
    void play() {
        if (!is_set_.load(std::memory_order_acquire)) return;
        std::function<void()> fault;
        {
            const std::lock_guard<std::mutex> held(lock_);
            if (times_ == 0) return;
            if (times_ != UINT32_MAX) times_--;
            if (times_ == 0) is_set_.store(false, std::memory_order_release);
            fault = fault_;
        }
        fault();
    }

private:
    std::mutex lock_;
    std::atomic<bool> is_set_{false};
    std::function<void()> fault_;
    std::uint32_t times_ = 0;
};

/// What the handles of one dependency share.
struct dependency_body {
    const seawall_dependency_t *raw = nullptr;
    std::string name;
    waiting_line line;
    hooks own;
    script faults;
};

/// What a wall and the handles from it share; it lives until the last of them goes.
struct wall_body {
    explicit wall_body(const clock &source) : time(source) {}
    wall_body(const wall_body &) = delete;
    wall_body &operator=(const wall_body &) = delete;
    ~wall_body() { seawall_wall_close(raw); }

    /// The one body of a dependency, whoever asks for it.
    dependency_body &body_of(const seawall_dependency_t *dependency, const std::string &name) {
        const std::lock_guard<std::mutex> held(lock);
        std::unique_ptr<dependency_body> &place = known[dependency];
        if (!place) {
            place = std::make_unique<dependency_body>();
            place->raw = dependency;
            place->name = name;
        }
        return *place;
    }

    seawall_wall_t *raw = nullptr;
    moment time;
    hooks all;
    std::mutex lock;
    std::map<const seawall_dependency_t *, std::unique_ptr<dependency_body>> known;
};

/// One call under way: its events, its sleeps and its place in the line.
class driven {
public:
    driven(wall_body &wall, dependency_body &body, const call_options &options)
        : wall_(wall), body_(body), call_(wall.time.source()), start_(wall.time.now()) {
        call_options inherited = options;
        const std::uint64_t ambient_ns = ambient();
        if (!options.deadline || ambient_ns < options.deadline->at_ns())
            inherited.deadline = deadline::at(ambient_ns, wall.time.source());
        take(call_.begin(body.raw, inherited));
    }

    /// Sleeps and waits until an attempt is due, which is the answer, or the call is over.
    bool is_attempt_due() {
        while (misuse.is_ok() && next.kind != action_kind::finish) {
            if (next.kind == action_kind::run) return true;
            if (next.kind == action_kind::sleep) {
                wall_.time.source().sleep(next.span);
                take(call_.woke());
            } else {
                take(body_.line.wait(next.span, wall_.time, [this] { return call_.woke(); }));
            }
        }
        return false;
    }

    void ended(const seawall::ended &how) {
        const std::uint32_t attempt = next.attempt;
        attempts_ = attempt;
        take(call_.ended(how), how.outcome);
        if (misuse.is_ok() && next.kind == action_kind::sleep) {
            event what = happened(event_kind::retry);
            what.attempt = attempt;
            what.delay = next.span;
            what.cause = how.cause;
            tell(what);
        }
    }

    void fell_back(const served &by) {
        (void)seawall_dependency_fell_back(body_.raw);
        event what = happened(event_kind::fallback);
        what.step = by.step;
        what.source = by.source;
        what.stop = next.stop;
        tell(what);
    }

    [[nodiscard]] seawall::call &call() noexcept { return call_; }
    [[nodiscard]] const moment &time() const noexcept { return wall_.time; }
    [[nodiscard]] dependency_body &body() noexcept { return body_; }
    [[nodiscard]] nanoseconds duration() const noexcept {
        const std::uint64_t now = wall_.time.now();
        return span(now > start_ ? now - start_ : 0);
    }

    action next;
    status misuse; ///< not ok: the call could not mean anything, and no attempt was made

private:
    void take(const result<action> &answer, std::optional<outcome> came = std::nullopt) {
        if (!answer) {
            misuse = answer.reason();
            return;
        }
        next = *answer;
        if (next.freed) body_.line.wake_first();
        if (next.change) {
            event what = happened(event_kind::state_change);
            what.change = *next.change;
            tell(what);
        }
        if (next.is_late) {
            event what = happened(event_kind::late_result);
            what.attempt = attempts_;
            what.outcome = came;
            tell(what);
        }
        if (next.kind == action_kind::finish && next.end == ending::refused) {
            event what = happened(event_kind::refusal);
            what.reason = next.reason;
            what.retry_after = next.retry_after;
            if (next.limiter) {
                char name[80];
                (void)seawall_dependency_limiter_name(body_.raw, *next.limiter, name, sizeof name);
                what.limit = name;
            }
            tell(what);
        }
    }
    [[nodiscard]] event happened(event_kind kind) const {
        event what;
        what.kind = kind;
        what.dependency = body_.name;
        what.at_ns = wall_.time.now();
        return what;
    }
    void tell(const event &what) const noexcept {
        body_.own.tell(what);
        wall_.all.tell(what);
    }

    wall_body &wall_;
    dependency_body &body_;
    seawall::call call_;
    std::uint64_t start_;
    std::uint32_t attempts_ = 0;
};

} // namespace detail

#if SEAWALL_EXCEPTIONS
/// What a function throws when the server asked for less: a failure, worth another attempt after `retry_after`.
class throttled : public std::runtime_error {
public:
    explicit throttled(nanoseconds retry_after = nanoseconds(0), const std::string &what = "the server throttles")
        : std::runtime_error(what), retry_after_(retry_after) {}
    [[nodiscard]] nanoseconds retry_after() const noexcept { return retry_after_; }

private:
    nanoseconds retry_after_;
};

namespace detail {
/// What the exception under way says without anybody's word on it: lost connections and times that ran out are worth
/// another attempt, a server that throttles too; nothing else is.
inline ended ended_by_connection() noexcept {
    try {
        throw;
    } catch (const throttled &asked) {
        return ended{outcome::failure, true, false, cause::throttled, asked.retry_after()};
    } catch (const std::system_error &error) {
        const std::error_code code = error.code();
        const auto is = [&](std::errc one) { return code == one; };
        if (is(std::errc::connection_refused) || is(std::errc::host_unreachable) || is(std::errc::network_unreachable)
            || is(std::errc::network_down) || is(std::errc::address_not_available))
            return ended{outcome::failure, true, true, cause::failure, nanoseconds(0)};
        if (is(std::errc::timed_out)) return ended::retryable(cause::timeout);
        if (is(std::errc::connection_reset) || is(std::errc::connection_aborted) || is(std::errc::broken_pipe)
            || is(std::errc::not_connected) || is(std::errc::network_reset))
            return ended::retryable();
        return ended::failure();
    } catch (...) {
        return ended::failure();
    }
}

template <class... Option>
ended ended_by_exception(const Option &...options) noexcept {
    if (is_caught<refused>() || (options.ignores_now() || ...)) return ended::ignored();
    const ended connection = ended_by_connection();
    if constexpr ((Option::names_retries || ...)) {
        // The user's word on what is worth another attempt; what is known about the connection stays known.
        ended named = connection;
        if ((options.retries_now() || ...)) {
            named.is_retryable = true;
            return named;
        }
    } else if (connection.is_retryable) {
        return connection;
    }
    constexpr bool any_failure = !((Option::names_failures && !Option::names_retries) || ...);
    if (any_failure || (options.fails_now() || ...)) return ended::failure();
    return ended();
}
} // namespace detail
#endif

namespace detail {
template <class R, class... Option>
ended ended_by_result(const R &value, const Option &...options) {
    ended judged;
    [[maybe_unused]] const auto judge = [&](const auto &one) {
        if constexpr (std::decay_t<decltype(one)>::is_judge) judged = one.says(value);
    };
    (judge(options), ...);
    if ((options.ignores(value) || ...)) return ended::ignored();
    if ((options.retries(value) || ...)) return ended::retryable(judged.cause);
    if ((options.fails(value) || ...)) return ended::failure();
    return judged;
}
} // namespace detail

} // namespace seawall

#endif
