// Clock: where objects get the time from.
#ifndef SEAWALL_CLOCK_HPP
#define SEAWALL_CLOCK_HPP

#include "status.hpp"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <thread>

namespace seawall {

/// Where an object gets the time from. now_ns() is monotonic and may be called by any thread.
class clock {
public:
    clock() = default;
    clock(const clock &) = delete;
    clock &operator=(const clock &) = delete;
    virtual ~clock() = default;
    [[nodiscard]] virtual std::uint64_t now_ns() const noexcept = 0;
    /// Waits until so much of its time has passed. What calls of dependencies sleep with.
    virtual void sleep(nanoseconds span) const { std::this_thread::sleep_for(span); }
    /// True for a clock that sleep() moves at once.
    [[nodiscard]] virtual bool jumps() const noexcept { return false; }
};

/// The clock of the library, read only when an answer needs it. What every object uses when no clock is given.
class monotonic_clock final : public clock {
public:
    [[nodiscard]] std::uint64_t now_ns() const noexcept override { return seawall_now_ns(); }
    [[nodiscard]] static const monotonic_clock &get() noexcept {
        static const monotonic_clock only;
        return only;
    }
};

/// A clock that moves when it is told to, for tests. Whoever waits looks at it once a millisecond.
class manual_clock final : public clock {
public:
    explicit manual_clock(nanoseconds start = std::chrono::seconds(1)) noexcept : now_(detail::count(start)) {}
    void advance(nanoseconds span) noexcept { now_.fetch_add(detail::count(span)); }
    void set(nanoseconds now) noexcept { now_.store(detail::count(now)); }
    [[nodiscard]] std::uint64_t now_ns() const noexcept override { return now_.load(); }
    void sleep(nanoseconds span) const override {
        const std::uint64_t until = seawall_deadline_after(now_ns(), detail::count(span));
        while (now_ns() < until) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }

private:
    std::atomic<std::uint64_t> now_;
};

/// A clock for tests that nobody waits on: who sleeps by it moves it, and goes on at once.
class jumping_clock final : public clock {
public:
    explicit jumping_clock(nanoseconds start = std::chrono::seconds(1)) noexcept : now_(detail::count(start)) {}
    void advance(nanoseconds span) const noexcept { now_.fetch_add(detail::count(span)); }
    [[nodiscard]] std::uint64_t now_ns() const noexcept override { return now_.load(); }
    void sleep(nanoseconds span) const override { advance(span); }
    [[nodiscard]] bool jumps() const noexcept override { return true; }

private:
    mutable std::atomic<std::uint64_t> now_;
};

namespace detail {

/// The time argument of the C functions, where 0 means the library's own clock.
class moment {
public:
    explicit moment(const clock &source) noexcept : source_(&source == &monotonic_clock::get() ? nullptr : &source) {}
    [[nodiscard]] std::uint64_t argument() const noexcept {
        return source_ == nullptr ? 0 : at_least_one(source_->now_ns());
    }
    [[nodiscard]] std::uint64_t now() const noexcept { return source_ == nullptr ? seawall_now_ns() : argument(); }
    [[nodiscard]] bool is_manual() const noexcept { return source_ != nullptr; }
    [[nodiscard]] const clock &source() const noexcept { return source_ == nullptr ? monotonic_clock::get() : *source_; }
    /// How long a wait of `left` may sleep before it has to look at the clock again.
    [[nodiscard]] nanoseconds nap(std::uint64_t left) const noexcept {
        const nanoseconds whole = span(left);
        const nanoseconds longest = is_manual() ? nanoseconds(std::chrono::milliseconds(1)) : std::chrono::hours(1);
        return whole < longest && !is_manual() ? whole : longest;
    }

private:
    static std::uint64_t at_least_one(std::uint64_t now) noexcept { return now == 0 ? 1 : now; }
    const clock *source_;
};

} // namespace detail

} // namespace seawall

#endif
