// Bulkhead: never more calls at once than this.
#ifndef SEAWALL_BULKHEAD_HPP
#define SEAWALL_BULKHEAD_HPP

#include "settings.hpp"

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

namespace seawall {

/// Settings of a bulkhead.
struct bulkhead_config {
    std::uint32_t max_concurrent = 20;                       ///< permits in all, 1 to capacity
    std::uint32_t reserved = 0;                              ///< how many of them only critical callers may take
    std::uint32_t max_waiting = 0;                           ///< how many callers may wait at a time; 0: nobody
    std::optional<std::uint32_t> capacity = std::nullopt;    ///< how far resize() may go, up to 4096; max_concurrent
    seawall::mode mode = seawall::mode::enforce;
};

struct bulkhead_snapshot {
    std::uint32_t max_concurrent, reserved, in_use, waiting, capacity;
    std::uint64_t rejected, shadow_refused, stale; ///< ever
    nanoseconds longest_hold;
};

class bulkhead;

/// Leave to be inside. Released when destroyed.
class [[nodiscard]] bulkhead_permit {
public:
    bulkhead_permit(bulkhead_permit &&other) noexcept : from_(other.from_), raw_(std::exchange(other.raw_, {})) {}
    bulkhead_permit &operator=(bulkhead_permit &&other) noexcept {
        if (this != &other) {
            give_back();
            from_ = other.from_;
            raw_ = std::exchange(other.raw_, {});
        }
        return *this;
    }
    ~bulkhead_permit() { give_back(); }

    /// Gives the permit back before its end of life. A second time is SEAWALL_NOTE_STALE: counted, without effect.
    status release() noexcept;
    [[nodiscard]] bool is_spent() const noexcept { return raw_.token == 0; }

private:
    friend class bulkhead;
    struct body;
    bulkhead_permit(body *from, const seawall_permit_t &raw) noexcept : from_(from), raw_(raw) {}
    void give_back() noexcept {
        if (!is_spent()) (void)release();
    }
    body *from_;
    seawall_permit_t raw_;
};

/// What stays where it is when the bulkhead moves. Those who wait stand in two rows, one per priority: reserved
/// permits can be free for a critical caller while an ordinary one that came first still has to wait.
struct bulkhead_permit::body {
    struct waiter {
        std::condition_variable woken;
        waiter *next = nullptr;
    };
    struct row {
        waiter *first = nullptr;
        waiter *last = nullptr;
    };

    detail::storage memory;
    seawall_bulkhead_t *raw = nullptr;
    detail::moment time;
    std::mutex lock;
    row rows[2];
    std::atomic<std::uint32_t> waiting{0};
    bool may_wait;

    body(const clock &source, bool some_may_wait) : time(source), may_wait(some_may_wait) {}

    /// Wakes the first of each row. This addition of nothing and the one in wait() come one after the other: either
    /// we see who waits, or who begins to wait sees the permit that came free. Without max_waiting it costs nothing.
    void wake() noexcept {
        if (!may_wait || waiting.fetch_add(0, std::memory_order_acq_rel) == 0) return;
        const std::lock_guard<std::mutex> held(lock);
        wake_first();
    }
    void wake_first() noexcept {
        for (row &one : rows)
            if (one.first != nullptr) one.first->woken.notify_one();
    }
    status try_take(priority rank, seawall_permit_t &permit, std::uint32_t how = 0) noexcept {
        return seawall_bulkhead_try_acquire(raw, static_cast<std::uint32_t>(rank) | how, time.argument(), &permit);
    }
    /// As try_take, for who goes on waiting and so is not turned away yet.
    status try_take_waiting(priority rank, seawall_permit_t &permit) noexcept {
        return try_take(rank, permit, SEAWALL_PRIORITY_WAITING);
    }
    /// The last try of who gives up: served at the last moment, or counted as turned away.
    status give_up(status answer, priority rank, seawall_permit_t &permit) noexcept {
        return try_take(rank, permit).is_ok() ? status(SEAWALL_OK) : answer;
    }
    status wait(nanoseconds max_wait, priority rank, seawall_permit_t &permit) {
        if (const status joined = seawall_bulkhead_begin_wait(raw); !joined.is_ok()) return give_up(joined, rank, permit);
        const std::uint64_t until = seawall_deadline_after(time.now(), detail::count(max_wait));
        row &queue = rows[static_cast<std::uint32_t>(rank)];
        waiter self;
        std::unique_lock<std::mutex> held(lock);
        (queue.first == nullptr ? queue.first : queue.last->next) = &self;
        queue.last = &self;
        waiting.fetch_add(1, std::memory_order_acq_rel);
        status answer;
        for (;;) {
            const std::uint64_t left = seawall_deadline_remaining(until, time.now());
            answer = queue.first == &self ? try_take_waiting(rank, permit) : status(SEAWALL_REFUSED_BULKHEAD_FULL);
            if (answer != SEAWALL_REFUSED_BULKHEAD_FULL) break;
            if (left == 0) {
                answer = give_up(SEAWALL_REFUSED_BULKHEAD_WAIT_TIMEOUT, rank, permit);
                break;
            }
            (void)self.woken.wait_for(held, time.nap(left));
        }
        remove(queue, self);
        waiting.fetch_sub(1, std::memory_order_relaxed);
        (void)seawall_bulkhead_end_wait(raw);
        wake_first(); // several permits may have come free at once
        return answer;
    }
    static void remove(row &queue, const waiter &self) noexcept {
        waiter *before = nullptr;
        for (waiter *one = queue.first; one != &self; one = one->next) before = one;
        (before == nullptr ? queue.first : before->next) = self.next;
        if (queue.last == &self) queue.last = before;
    }
};

inline status bulkhead_permit::release() noexcept {
    const bool is_first = !is_spent();
    const status answer = seawall_bulkhead_release(from_->raw, &raw_);
    if (is_first) from_->wake();
    return answer;
}

class bulkhead {
public:
    using permit = bulkhead_permit;

#if SEAWALL_EXCEPTIONS
    /// All permits free. Throws config_error. The clock must outlive it.
    explicit bulkhead(const bulkhead_config &config = {}, const clock &source = monotonic_clock::get())
        : bulkhead(detail::make_or_throw<bulkhead>(config, source)) {}
#endif
    [[nodiscard]] static std::optional<bulkhead> make(const bulkhead_config &config,
        const clock &source = monotonic_clock::get(), config_problem *problem = nullptr) {
        detail::settings checked(problem);
        const seawall_bulkhead_config_t raw = fill(config);
        const std::uint32_t capacity = config.capacity.value_or(config.max_concurrent);
        // Settings that no storage fits are refused by the library, which looks at them before the storage.
        const bool can_be = capacity != 0 && capacity <= SEAWALL_BULKHEAD_CAPACITY_MAX;
        const std::size_t bytes = seawall_bulkhead_bytes(can_be ? capacity : 1);
        auto body = std::make_unique<bulkhead_permit::body>(source, config.max_waiting != 0);
        body->memory = detail::allocate(bytes);
        seawall_config_error_t error = {};
        status code = seawall_bulkhead_init(body->memory.get(), bytes, capacity, &raw, &error, &body->raw);
        if (code == SEAWALL_ERROR_CONFIG && !config.capacity && error.field == std::string("capacity"))
            (void)std::snprintf(error.field, sizeof error.field, "max_concurrent"); // what the caller wrote
        if (!checked.accept(code, error, {}, {})) return std::nullopt;
        return bulkhead(detail::finished(), std::move(body));
    }

    /// Asks for a permit without waiting.
    [[nodiscard]] result<permit> try_acquire(priority rank = priority::ordinary) noexcept {
        seawall_permit_t raw = SEAWALL_PERMIT_INIT;
        return answer(body_->try_take(rank, raw), raw);
    }

    /// Waits for a permit, first come first served among the callers of this object with the same priority. Refused
    /// at once when max_waiting callers wait already, and with bulkhead_wait_timeout when none came free in time.
    /// Permits that are given back through native() wake nobody.
    [[nodiscard]] result<permit> acquire_for(nanoseconds max_wait, priority rank = priority::ordinary) {
        seawall_permit_t raw = SEAWALL_PERMIT_INIT;
        const bool is_first = body_->waiting.load(std::memory_order_relaxed) == 0;
        if (max_wait.count() <= 0) return answer(body_->try_take(rank, raw), raw);
        if (is_first) {
            const status taken = body_->try_take_waiting(rank, raw);
            if (taken != SEAWALL_REFUSED_BULKHEAD_FULL) return answer(taken, raw);
        }
        return answer(body_->wait(max_wait, rank, raw), raw);
    }

    /// Changes limit and reserve. Holders keep their permits; never waits. False, and what is wrong.
    [[nodiscard]] bool resize(std::uint32_t max_concurrent, std::uint32_t reserved = 0, config_problem *problem = nullptr) {
        seawall_config_error_t error = {};
        const status code = seawall_bulkhead_resize(body_->raw, max_concurrent, reserved, &error);
        body_->wake();
        return detail::settings(problem).accept(code, error, {}, {});
    }

    [[nodiscard]] bulkhead_snapshot snapshot() const noexcept {
        seawall_bulkhead_snapshot_t raw = SEAWALL_SNAPSHOT_INIT(raw);
        (void)seawall_bulkhead_snapshot(body_->raw, body_->time.argument(), &raw);
        return {raw.max_concurrent, raw.reserved, raw.in_use, raw.waiting, raw.capacity, raw.rejected, raw.shadow_refused,
            raw.stale, detail::span(raw.longest_hold_ns)};
    }
    /// For the functions of seawall.h; null after a move.
    [[nodiscard]] seawall_bulkhead_t *native() const noexcept { return body_ ? body_->raw : nullptr; }

private:
    bulkhead(detail::finished, std::unique_ptr<bulkhead_permit::body> body) noexcept : body_(std::move(body)) {}

    static seawall_bulkhead_config_t fill(const bulkhead_config &config) noexcept {
        seawall_bulkhead_config_t raw = SEAWALL_BULKHEAD_CONFIG_INIT;
        raw.max_concurrent = config.max_concurrent;
        raw.reserved = config.reserved;
        raw.max_waiting = config.max_waiting;
        raw.mode = static_cast<std::uint32_t>(config.mode);
        return raw;
    }
    result<permit> answer(status code, const seawall_permit_t &raw) noexcept {
        if (code.is_ok()) return permit(body_.get(), raw);
        return {code, detail::span(raw.retry_after_ns)};
    }

    std::unique_ptr<bulkhead_permit::body> body_;
};

} // namespace seawall

#endif
