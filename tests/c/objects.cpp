// The C++ objects: permits that give themselves back, calls that classify, waits that are fair, settings that are named.
#include <seawall.hpp>

#include "check.h"

#include <cmath>
#include <limits>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

using namespace std::chrono_literals;
using seawall::outcome;

namespace {

struct timed_out : std::runtime_error {
    using std::runtime_error::runtime_error;
};
struct not_found : std::runtime_error {
    using std::runtime_error::runtime_error;
};

// The settings of a breaker that opens at the second failure in a row, without jitter.
seawall::breaker_config quick() {
    seawall::breaker_config config;
    config.consecutive_failures = 2;
    config.open_for = 1s;
    config.open_jitter = 0;
    config.seed = 1;
    return config;
}

template <class Exception, class Function>
bool throws(Function &&function) {
    try {
        function();
    } catch (const Exception &) {
        return true;
    } catch (...) {
    }
    return false;
}

void a_permit_that_is_dropped_is_cancelled() {
    seawall::manual_clock clock;
    seawall::breaker breaker(quick(), clock);
    {
        auto permit = breaker.try_acquire();
        CHECK(permit.has_value());
        CHECK(!permit->is_spent());
    }
    CHECK(breaker.snapshot().success == 0 && breaker.snapshot().failure == 0);

    auto permit = std::move(breaker.try_acquire()).value();
    SAME(permit.record(outcome::failure).code.number(), SEAWALL_OK);
    CHECK(permit.is_spent());
    SAME(permit.record(outcome::failure).code.number(), SEAWALL_ERROR_SPENT);
    SAME(permit.cancel().code.number(), SEAWALL_ERROR_SPENT);
    SAME(breaker.snapshot().failure, 1);

    permit = std::move(breaker.try_acquire()).value();
    auto moved = std::move(permit);
    CHECK(permit.is_spent() && !moved.is_spent());
    const auto opened = moved.record(outcome::failure, 5s);
    CHECK(opened.change && opened.change->from == seawall::state::closed && opened.change->to == seawall::state::open);
    CHECK(breaker.state() == seawall::state::open);

    const auto refused = breaker.try_acquire();
    CHECK(!refused && refused.reason() == SEAWALL_REFUSED_BREAKER_OPEN);
    CHECK(refused.retry_after() == 5s); // what the server asked for

    // A probe that is dropped gives its seat back; nobody is stuck in half-open.
    clock.advance(5s);
    { const auto probe = breaker.try_acquire(); CHECK(probe.has_value()); }
    CHECK(breaker.state() == seawall::state::half_open);
    auto probe = breaker.try_acquire();
    CHECK(probe.has_value());
    CHECK(breaker.try_acquire().reason() == SEAWALL_REFUSED_BREAKER_HALF_OPEN);
    CHECK(probe->record(outcome::success).change.has_value());
    CHECK(breaker.state() == seawall::state::closed);
}

void a_call_classifies_what_the_function_did() {
    seawall::manual_clock clock;
    seawall::breaker breaker(quick(), clock);
    SAME(breaker.call([] { return 41 + 1; }), 42);
    int touched = 0;
    int &same = breaker.call([&]() -> int & { return touched; });
    CHECK(&same == &touched);
    breaker.call([&] { touched++; });
    SAME(touched, 1);
    SAME(*breaker.call([] { return std::make_unique<int>(7); }), 7);
    SAME(breaker.snapshot().success, 4);

    // The caller's exception comes through unchanged.
    try {
        breaker.call([]() -> int { throw timed_out("3 s"); });
        CHECK(false);
    } catch (const timed_out &caught) {
        SAME_TEXT(caught.what(), "3 s");
    }
    SAME(breaker.snapshot().failure, 1);
    CHECK(throws<int>([&] { breaker.call([] { throw 5; }, seawall::ignore<int>()); }));
    SAME(breaker.snapshot().ignored, 1);
    SAME(breaker.snapshot().failure, 1);
    // With `on`, what it does not name is an answer of the dependency.
    CHECK(throws<not_found>([&] { breaker.call([] { throw not_found("7"); }, seawall::on<timed_out>()); }));
    SAME(breaker.snapshot().success, 5);
    CHECK(throws<timed_out>([&] {
        breaker.call([] { throw timed_out("1"); }, seawall::on<std::runtime_error>(), seawall::ignore<timed_out>());
    }));
    SAME(breaker.snapshot().ignored, 2); // ignored is stronger
    // Results have their say too.
    const auto is_error = seawall::failure_if([](int code) { return code >= 500; });
    SAME(breaker.call([] { return 404; }, is_error, seawall::ignore_if([](int code) { return code == 404; })), 404);
    SAME(breaker.snapshot().ignored, 3);
    SAME(breaker.call([] { return 503; }, is_error), 503);
    SAME(breaker.call([] { return 503; }, is_error), 503);
    CHECK(breaker.state() == seawall::state::open);

    bool is_called = false;
    try {
        breaker.call([&] { is_called = true; });
        CHECK(false);
    } catch (const seawall::breaker_open &refused) {
        CHECK(refused.retry_after() == 1s);
        CHECK(refused.reason() == SEAWALL_REFUSED_BREAKER_OPEN);
        SAME_TEXT(refused.what(), seawall_status_text(SEAWALL_REFUSED_BREAKER_OPEN));
    }
    CHECK(!is_called);
    CHECK(throws<seawall::refused>([&] { breaker.call([] {}); }));
    const auto answer = breaker.try_call([] { return std::string("paid"); });
    CHECK(!answer && answer.retry_after() == 1s);
    clock.advance(1s);
    CHECK(*breaker.try_call([] { return std::string("paid"); }) == "paid");
    CHECK(breaker.try_call([] {}).has_value());
    CHECK(breaker.state() == seawall::state::closed);
}

void a_listener_hears_every_state_change_once() {
    seawall::manual_clock clock;
    seawall::breaker breaker(quick(), clock);
    std::vector<seawall::transition> heard;
    breaker.on_transition([&](seawall::transition change) {
        heard.push_back(change);
        throw std::runtime_error("a listener that fails");
    });
    for (int call = 0; call < 2; call++) CHECK(throws<int>([&] { breaker.call([] { throw 1; }); }));
    clock.advance(1s);
    breaker.call([] {});
    CHECK(breaker.force_open().has_value());
    CHECK(!breaker.force_open());
    CHECK(breaker.disable().has_value());
    CHECK(breaker.reset()->to == seawall::state::closed);
    const seawall::state wanted[] = {seawall::state::open, seawall::state::half_open, seawall::state::closed,
        seawall::state::forced_open, seawall::state::disabled, seawall::state::closed};
    SAME(heard.size(), 6);
    for (std::size_t at = 0; at < heard.size() && at < 6; at++) CHECK(heard[at].to == wanted[at]);
}

void objects_move_and_their_permits_stay_good() {
    std::vector<seawall::breaker> breakers;
    breakers.emplace_back(quick());
    auto permit = std::move(breakers[0].try_acquire()).value();
    breakers.emplace_back(quick()); // the first one moves
    SAME(permit.record(outcome::success).code.number(), SEAWALL_OK);
    SAME(breakers[0].snapshot().success, 1);
    seawall::bulkhead bulkhead;
    auto inside = std::move(bulkhead.try_acquire()).value();
    const seawall::bulkhead moved = std::move(bulkhead);
    SAME(moved.snapshot().in_use, 1);
    SAME(inside.release().number(), SEAWALL_OK);
    SAME(inside.release().number(), SEAWALL_NOTE_STALE);
    SAME(moved.snapshot().stale, 1);
    SAME(moved.snapshot().in_use, 0);
    seawall::histogram first;
    first.record(1ms);
    seawall::histogram second(std::move(first));
    SAME(second.total(), 1);
    CHECK(first.native() == nullptr && first.total() == 0); // NOLINT: a look at a moved one is harmless
}

void a_bulkhead_gives_back_by_itself_and_lets_wait() {
    seawall::bulkhead_config config;
    config.max_concurrent = 2;
    config.max_waiting = 1;
    config.capacity = 4;
    seawall::bulkhead bulkhead(config);
    auto one = bulkhead.try_acquire();
    {
        const auto two = bulkhead.try_acquire();
        CHECK(one && two && !bulkhead.try_acquire());
        const auto late = bulkhead.acquire_for(5ms);
        CHECK(!late && late.reason() == SEAWALL_REFUSED_BULKHEAD_WAIT_TIMEOUT);
        SAME(bulkhead.snapshot().waiting, 0);
        CHECK(throws<seawall::bulkhead_full>([&] { (void)bulkhead.acquire_for(0ms).value(); }));
    }
    SAME(bulkhead.snapshot().in_use, 1);
    const auto two = bulkhead.try_acquire();
    std::thread releaser([&] {
        while (bulkhead.snapshot().waiting == 0) std::this_thread::yield();
        CHECK(bulkhead.acquire_for(1s).reason() == SEAWALL_REFUSED_BULKHEAD_WAIT_FULL); // one waits already
        one->release();
    });
    const auto waited = bulkhead.acquire_for(60s);
    releaser.join();
    CHECK(waited.has_value());
    CHECK(bulkhead.resize(3));
    CHECK(bulkhead.try_acquire().has_value());
    seawall::config_problem problem;
    CHECK(!bulkhead.resize(5, 0, &problem));
    CHECK(problem.field == "max_concurrent" && problem.value == 5 && problem.max == 4);
}

void those_who_wait_go_in_the_order_they_came() {
    constexpr unsigned crowd = 6;
    seawall::bulkhead_config config;
    config.max_concurrent = 1;
    config.max_waiting = crowd;
    seawall::bulkhead bulkhead(config);
    auto gate = bulkhead.try_acquire();
    std::vector<unsigned> order; // written by whoever is inside alone
    std::vector<std::thread> threads;
    for (unsigned number = 0; number < crowd; number++) {
        threads.emplace_back([&, number] {
            const auto permit = bulkhead.acquire_for(60s);
            if (permit) order.push_back(number);
        });
        while (bulkhead.snapshot().waiting <= number) std::this_thread::yield();
    }
    gate->release();
    for (std::thread &thread : threads) thread.join();
    SAME(order.size(), crowd);
    for (unsigned at = 0; at < order.size(); at++) SAME(order[at], at);
    SAME(bulkhead.snapshot().in_use, 0);
    SAME(bulkhead.snapshot().waiting, 0);
}

void a_crowd_of_waiters_never_over_admits_and_nobody_is_forgotten() {
    seawall::bulkhead_config config;
    config.max_concurrent = 3;
    config.max_waiting = 100;
    seawall::bulkhead bulkhead(config);
    std::atomic<int> inside{0}, most{0}, missed{0};
    std::vector<std::thread> threads;
    std::vector<seawall::bulkhead::permit> gate; // nobody gets in until all are there
    for (int place = 0; place < 3; place++) gate.push_back(std::move(bulkhead.try_acquire()).value());
    for (int number = 0; number < 8; number++) {
        threads.emplace_back([&] {
            for (int round = 0; round < 500; round++) {
                const auto permit = bulkhead.acquire_for(60s);
                if (!permit) {
                    missed++;
                    continue;
                }
                const int now = ++inside;
                int seen = most;
                while (seen < now && !most.compare_exchange_weak(seen, now)) {
                }
                if (round % 8 == 0) std::this_thread::yield();
                --inside;
            }
        });
    }
    while (bulkhead.snapshot().waiting < 8) std::this_thread::yield();
    gate.clear();
    for (std::thread &thread : threads) thread.join();
    SAME(missed, 0);
    CHECK(most <= 3);
    SAME(bulkhead.snapshot().in_use, 0);
}

void critical_callers_pass_waiting_ordinary_ones_into_the_reserve() {
    seawall::manual_clock clock;
    seawall::bulkhead_config config;
    config.max_concurrent = 2;
    config.reserved = 1;
    config.max_waiting = 4;
    seawall::bulkhead bulkhead(config, clock);
    const auto ordinary = bulkhead.try_acquire();
    std::thread waiter([&] { CHECK(bulkhead.acquire_for(1s).reason() == SEAWALL_REFUSED_BULKHEAD_WAIT_TIMEOUT); });
    while (bulkhead.snapshot().waiting == 0) std::this_thread::yield();
    CHECK(bulkhead.acquire_for(10s, seawall::priority::critical).has_value());
    clock.advance(1s); // time only passes by hand, so the wait ends now
    waiter.join();
}

void a_limiter_waits_no_longer_than_it_must() {
    seawall::manual_clock clock;
    seawall::limiter_config config;
    config.permits = 10;
    config.burst = 2;
    seawall::limiter limiter(config, clock);
    CHECK(limiter.try_acquire(2).has_value());
    const auto refused = limiter.try_acquire();
    CHECK(!refused && refused.reason() == SEAWALL_REFUSED_RATE_LIMITED && refused.retry_after() == 100ms);
    CHECK(limiter.acquire_for(50ms).retry_after() == 100ms);
    auto ahead = limiter.reserve(1s);
    CHECK(ahead && ahead->wait() == 100ms);
    SAME(ahead->cancel().number(), SEAWALL_OK);
    SAME(ahead->cancel().number(), SEAWALL_ERROR_SPENT);
    CHECK(throws<seawall::rate_limited>([&] { limiter.try_acquire().value(); }));
    CHECK(throws<seawall::exceeds_capacity>([&] { limiter.try_acquire(3).value(); }));
    std::thread mover([&] {
        while (limiter.snapshot().reset != 300ms) std::this_thread::yield();
        clock.advance(100ms);
    });
    CHECK(limiter.acquire_for(1s).has_value()); // sleeps until the clock was moved
    mover.join();
    limiter.adjust(5);
    CHECK(limiter.snapshot().remaining == 0 && limiter.snapshot().retry_after == 600ms);
    limiter.adjust(-100);
    SAME(limiter.snapshot().remaining, 2);
    config.burst = 5;
    CHECK(limiter.reconfigure(config));
    SAME(limiter.snapshot().limit, 5);

    seawall::limiter_config fast;
    fast.permits = 200;
    fast.burst = 1;
    seawall::limiter real(fast);
    const auto start = std::chrono::steady_clock::now();
    for (int call = 0; call < 5; call++) CHECK(real.acquire_for(10s).has_value());
    CHECK(std::chrono::steady_clock::now() - start >= 19ms); // four waits of five milliseconds
}

void a_budget_takes_back_what_was_not_used() {
    seawall::manual_clock clock;
    seawall::retry_budget_config config;
    config.min_per_second = 0;
    config.ratio = 0.5;
    seawall::retry_budget budget(config, clock);
    CHECK(budget.try_withdraw().reason() == SEAWALL_REFUSED_BUDGET_EXHAUSTED);
    for (int call = 0; call < 2; call++) budget.deposit();
    {
        const auto dropped = budget.try_withdraw();
        CHECK(dropped.has_value());
        CHECK(throws<seawall::budget_exhausted>([&] { (void)budget.try_withdraw().value(); }));
    }
    auto used = budget.try_withdraw();
    CHECK(used.has_value());
    SAME(used->record(outcome::failure).number(), SEAWALL_OK);
    SAME(used->record(outcome::failure).number(), SEAWALL_ERROR_SPENT);
    SAME(budget.snapshot().tokens_milli, 0);
    SAME(budget.snapshot().withdrawn, 2);
    const seawall::retry_budget_config grpc = seawall::retry_budget_config::of(seawall::profile::grpc);
    SAME(grpc.cap, 10);
    seawall::retry_budget throttle(grpc, clock);
    for (int call = 0; call < 5; call++) throttle.record(outcome::failure);
    CHECK(!throttle.try_withdraw());
}

void waits_and_deadlines_are_chrono() {
    seawall::backoff_config config;
    config.jitter = seawall::jitter::none;
    const seawall::backoff plain(config);
    CHECK(plain.delay(1) == 100ms && plain.delay(3) == 400ms && plain.delay(100) == 20s);
    CHECK(plain.delay(1, 0s, 7s) == 7s);
    const seawall::backoff full;
    CHECK(full.delay(2, 0s, 0s, 0) == 0ms && full.delay(2, 0s, 0s, UINT64_MAX) == 200ms);
    seawall::manual_clock clock(0s); // zero is a time like any other
    const auto deadline = seawall::deadline::after(10s, clock);
    CHECK(deadline.remaining() <= 10s && deadline.remaining() > 9s && !deadline.is_expired());
    clock.set(5s);
    CHECK(deadline.attempt_timeout(60s) <= 6s && deadline.attempt_timeout(1s) == 1s);
    CHECK(deadline.keep(0.5).remaining() < 3s);
    CHECK(seawall::deadline::never(clock).nearer(deadline).remaining() == deadline.remaining());
    CHECK(seawall::deadline::never(clock).remaining() > std::chrono::hours(24 * 365 * 100));
    clock.set(11s);
    CHECK(deadline.is_expired() && deadline.remaining() == 0s);
    seawall::histogram histogram;
    for (int call = 1; call <= 100; call++) histogram.record(std::chrono::milliseconds(call));
    CHECK(histogram.quantile(0.5) > 48ms && histogram.quantile(0.5) < 52ms);
    CHECK(histogram.quantile(0.99) > 96ms && histogram.quantile(0.99) < 102ms);
    histogram.reset();
    CHECK(histogram.quantile(0.5) == 0s);
}

// Makes an Object of a changed config; says whether exactly this setting was complained about.
template <class Object, class Config, class Change>
bool complains(const char *field, Change &&change) {
    Config config;
    change(config);
    seawall::config_problem problem;
    bool is_thrown = false;
    try {
        Object object(config);
    } catch (const seawall::config_error &error) {
        is_thrown = error.field() == field && error.code() == SEAWALL_ERROR_CONFIG
            && std::string(error.what()).find(std::string(field) + ": ") == 0;
    }
    if constexpr (std::is_same_v<Object, seawall::backoff>) {
        return is_thrown && !Object::make(config, &problem) && problem.field == field;
    } else {
        return is_thrown && !Object::make(config, seawall::monotonic_clock::get(), &problem) && problem.field == field;
    }
}

void bad_settings_are_named() {
    using settings = seawall::breaker_config;
    constexpr double nan = std::numeric_limits<double>::quiet_NaN(), infinity = std::numeric_limits<double>::infinity();
    for (const double bad : {nan, infinity, -infinity, -0.1, 1.1, 1e300}) {
        CHECK((complains<seawall::breaker, settings>("failure_rate", [&](settings &c) { c.failure_rate = bad; })));
        CHECK((complains<seawall::breaker, settings>("slow_rate", [&](settings &c) { c.slow_rate = bad; })));
        CHECK((complains<seawall::breaker, settings>("open_jitter", [&](settings &c) { c.open_jitter = bad; })));
        const double growth = bad == 1.1 ? 10.001 : bad;
        CHECK((complains<seawall::breaker, settings>("open_backoff", [&](settings &c) { c.open_backoff = growth; })));
    }
    using seawall::nanoseconds;
    for (const nanoseconds bad : {nanoseconds(-1), nanoseconds::min(), nanoseconds::max()}) {
        CHECK((complains<seawall::breaker, settings>("open_for", [&](settings &c) { c.open_for = bad; })));
        CHECK((complains<seawall::breaker, settings>("window", [&](settings &c) { c.window = bad; })));
        CHECK((complains<seawall::breaker, settings>("open_max", [&](settings &c) { c.open_max = bad; })));
        CHECK((complains<seawall::breaker, settings>("probe_lease", [&](settings &c) { c.probe_lease = bad; })));
        CHECK((complains<seawall::breaker, settings>("slow_after", [&](settings &c) {
            c.slow_rate = 1;
            c.slow_after = bad;
        })));
        CHECK((complains<seawall::limiter, seawall::limiter_config>("period", [&](auto &c) { c.period = bad; })));
        using shares = seawall::retry_budget_config;
        CHECK((complains<seawall::retry_budget, shares>("window", [&](shares &c) { c.window = bad; })));
        CHECK((complains<seawall::backoff, seawall::backoff_config>("base", [&](auto &c) { c.base = bad; })));
        CHECK((complains<seawall::backoff, seawall::backoff_config>("cap", [&](auto &c) { c.cap = bad; })));
    }
    const auto minus_one = static_cast<std::uint32_t>(-1);
    CHECK((complains<seawall::breaker, settings>("probes", [&](settings &c) { c.probes = 0; })));
    CHECK((complains<seawall::breaker, settings>("min_calls", [&](settings &c) { c.min_calls = minus_one; })));
    using places = seawall::bulkhead_config;
    CHECK((complains<seawall::bulkhead, places>("max_concurrent", [](places &c) { c.max_concurrent = 0; })));
    CHECK((complains<seawall::bulkhead, places>("max_concurrent", [&](places &c) { c.max_concurrent = minus_one; })));
    CHECK((complains<seawall::bulkhead, places>("capacity", [](places &c) { c.capacity = 0; })));
    CHECK((complains<seawall::bulkhead, places>("reserved", [](places &c) { c.reserved = 20; })));
    CHECK((complains<seawall::limiter, seawall::limiter_config>("rate", [](auto &c) { c.permits = 0; })));
    CHECK((complains<seawall::limiter, seawall::limiter_config>("burst", [](auto &c) { c.burst = 0; })));
    CHECK((complains<seawall::retry_budget, seawall::retry_budget_config>("ratio", [&](auto &c) { c.ratio = nan; })));
    CHECK((complains<seawall::retry_budget, seawall::retry_budget_config>("cap", [](auto &c) { c.cap = 0; })));
    CHECK((complains<seawall::backoff, seawall::backoff_config>("factor", [](auto &c) { c.factor = 0.99; })));

    try {
        seawall::breaker_config config;
        config.open_for = -1s;
        const seawall::breaker breaker(config);
        CHECK(false);
    } catch (const seawall::config_error &error) {
        SAME_TEXT(error.what(), "open_for: -1 s is outside 0.001 to 86400 s");
        CHECK(error.value() == -1 && error.min() == 0.001 && error.max() == 86400);
    }
    // The library's own words and ours, for the same setting, are in the same unit.
    seawall::breaker changed;
    seawall::config_problem problem;
    seawall::breaker_config config;
    config.open_for = 25h;
    CHECK(!changed.reconfigure(config, &problem));
    CHECK(problem.field == "open_for" && problem.value == 90000 && problem.min == 0.001 && problem.max == 86400);
    SAME_TEXT(problem.unit, "s");
    config = {};
    config.failure_rate = 0.0001; // not nothing
    config.consecutive_failures = 0;
    config.min_calls = 1;
    CHECK(changed.reconfigure(config));
    CHECK(throws<int>([&] { changed.call([] { throw 1; }); }));
    CHECK(changed.state() == seawall::state::open);
}

} // namespace

int main() {
    a_permit_that_is_dropped_is_cancelled();
    a_call_classifies_what_the_function_did();
    a_listener_hears_every_state_change_once();
    objects_move_and_their_permits_stay_good();
    a_bulkhead_gives_back_by_itself_and_lets_wait();
    those_who_wait_go_in_the_order_they_came();
    a_crowd_of_waiters_never_over_admits_and_nobody_is_forgotten();
    critical_callers_pass_waiting_ordinary_ones_into_the_reserve();
    a_limiter_waits_no_longer_than_it_must();
    a_budget_takes_back_what_was_not_used();
    waits_and_deadlines_are_chrono();
    bad_settings_are_named();
    return check_end();
}
