// Walls and dependencies in C++: policies from code, calls, classification, fallbacks, deadlines, events.
#include <seawall.hpp>

#include "check.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <pthread.h>
#include <thread>
#include <unistd.h>

using namespace std::chrono_literals;
using seawall::attempt;
using seawall::nanoseconds;
using seawall::policy;

namespace {

struct bug : std::logic_error {
    using std::logic_error::logic_error;
};

[[noreturn]] void lose(std::errc how) { throw std::system_error(std::make_error_code(how)); }

// Three attempts that wait 100 and 200 ms, and a deadline that lets them.
policy patient() {
    policy rules;
    rules.timeout = 1s;
    rules.retry.emplace();
    rules.retry->backoff.jitter = seawall::jitter::none;
    return rules;
}

// What a function throws, if it throws an E.
template <class E, class Function>
std::string thrown(Function function) {
    try {
        function();
    } catch (const E &error) {
        return error.what();
    }
    return "nothing of that kind";
}

bool has(const std::string &text, const char *words) {
    if (text.find(words) == std::string::npos) {
        std::printf("not said: %s\nbut: %s\n", words, text.c_str());
        return false;
    }
    return true;
}

void a_wall_lives_as_long_as_what_came_from_it() {
    seawall::jumping_clock clock;
    auto ledger = [&] {
        const auto wall = seawall::wall::parse("[dependency.ledger]\ntimeout = \"2s\"\n[dependency.mail]\ntimeout = \"1s\"\n",
            "seawall.toml", clock);
        CHECK(wall.names() == (std::vector<std::string>{"ledger", "mail"}));
        CHECK(wall.findings().empty());
        CHECK(wall.health());
        return wall.dependency("ledger");
    }();
    CHECK(ledger.name() == "ledger");
    CHECK(ledger.timeout() == 2s);
    CHECK(ledger.attempts() == 1);
    CHECK(ledger.call([] { return 7; }) == 7);
    const auto copy = ledger;
    copy.call([] {});
    SAME(ledger.snapshot().calls, 2);
}

void what_is_wrong_is_an_exception_with_everything() {
    CHECK(has(thrown<seawall::policy_error>([] { (void)seawall::wall::parse("[dependency.a]\ntimeuot = '1s'\n[dependency.b]\n"); }),
        "seawall.toml:2:1: dependency.a.timeuot: "));
    CHECK(has(thrown<seawall::policy_error>([] { (void)seawall::wall::open("/no/such/file.toml"); }), "/no/such/file.toml"));
    std::string message;
    const auto none = seawall::wall::try_parse("[", "x.toml", &message);
    CHECK(!none && none.reason() == SEAWALL_ERROR_CONFIG && has(message, "x.toml:1:"));

    const seawall::wall wall(1);
    (void)wall.define("payments", patient());
    CHECK(has(thrown<seawall::unknown_dependency>([&] { (void)wall.dependency("payment"); }), "payments"));
    CHECK(thrown<seawall::error>([&] { (void)wall.define("payments", patient()); }) != "nothing of that kind");
    const auto refused = [&](const char *key, policy rules) {
        CHECK(has(thrown<seawall::policy_error>([&] { (void)wall.define("bad", rules); }), key));
    };
    policy rules = patient();
    rules.timeout = -1s;
    refused("timeout: ", rules);
    refused("timeout: ", policy());
    rules = patient();
    rules.reserve = std::nan("");
    refused("reserve: ", rules);
    rules = patient();
    rules.retry->attempts = 0;
    refused("retry.attempts: ", rules);
    rules = patient();
    rules.retry->budget = -0.5;
    refused("retry.budget", rules);
    rules = patient();
    rules.breaker->config.failure_rate = 1.5;
    refused("breaker.failure_rate: ", rules);
    rules = patient();
    rules.rate_limits.resize(2); // of no rate
    refused("rate_limit", rules);
    rules = patient();
    rules.rate_limits.resize(1);
    rules.rate_limits[0].permits = 5;
    rules.rate_limits[0].name = "a\"]\n[x";
    refused("rate_limit", rules);
    CHECK(has(thrown<seawall::policy_error>([&] { (void)wall.define("two words", patient()); }), "two words"));
    CHECK(wall.names().size() == 1);
}

void every_rule_in_code_reaches_the_policy() {
    const seawall::wall wall(1);
    policy rules = patient();
    rules.deadline = 10s;
    rules.connect_timeout = 250ms;
    rules.criticality = seawall::criticality::optional;
    rules.fallback = seawall::fallback_rule::allowed;
    rules.reserve = 0.1;
    rules.useful = 5ms;
    rules.overhead = 1ms;
    rules.idempotent = false;
    rules.idempotency_key = true;
    rules.retry->backoff.retry_after_margin = 5s;
    rules.retry->budget = std::nullopt;
    rules.retry->full_budget = seawall::retry_budget_config::of(seawall::profile::grpc);
    rules.breaker->config.window_calls = 10;
    rules.breaker->config.slow_rate = 0.5;
    rules.breaker->config.slow_after = 100ms;
    rules.breaker->config.open_for = 10min;
    rules.breaker->config.probe_lease = 1min;
    rules.breaker->config.mode = seawall::mode::shadow;
    rules.breaker->scope = seawall::scope::attempt;
    rules.bulkhead.emplace();
    rules.bulkhead->max_concurrent = 7;
    rules.bulkhead->reserved = 2;
    rules.bulkhead->max_wait = 30ms;
    rules.bulkhead->scope = seawall::scope::attempt;
    rules.rate_limits.resize(2);
    rules.rate_limits[0].permits = 100;
    rules.rate_limits[1].permits = 5000;
    rules.rate_limits[1].period = 1min;
    rules.rate_limits[1].burst = 500;
    rules.rate_limits[1].name = "tokens";
    rules.pool = 10;
    rules.called_by = {"edge"};
    const auto one = wall.define("one", rules);
    const auto about = one.about();
    SAME(about.attempts, 3);
    SAME(about.limiters, 2);
    SAME(about.max_concurrent, 7);
    SAME(about.sends_key, 1);
    SAME(about.idempotent, 0);
    SAME(about.fallback, SEAWALL_FALLBACK_ALLOWED);
    CHECK(one.criticality() == seawall::criticality::optional);
    SAME(about.deadline_ns, 10000000000);
    SAME(about.connect_timeout_ns, 250000000);
    SAME(about.max_wait_ns, 30000000);
    seawall_limiter_snapshot_t rate = SEAWALL_SNAPSHOT_INIT(rate);
    SAME(seawall_limiter_snapshot(seawall_dependency_limiter(one.native(), 1), 0, &rate), SEAWALL_OK);
    SAME(rate.limit, 500);
    CHECK(one.adjust("tokens", 100));
    CHECK(!one.adjust("other", 1) && !one.adjust(2U, 1));
    rules.breaker.reset();
    wall.redefine("one", rules);
    CHECK(seawall_dependency_breaker(one.native()) == nullptr && one.state() == seawall::state::closed);
}

void a_call_tries_again_and_throws_what_its_last_attempt_threw() {
    seawall::jumping_clock clock;
    const seawall::wall wall(1, clock);
    const auto ledger = wall.define("ledger", patient());
    const auto begun = clock.now_ns();
    std::vector<std::string> keys;
    const auto number = ledger.call([&](const attempt &made) {
        keys.push_back(made.idempotency_key());
        CHECK(made.timeout() == 1s && made.remaining() == 1s);
        if (made.number() < 3) lose(std::errc::connection_reset);
        return made.number();
    });
    SAME(number, 3);
    CHECK(keys.size() == 3 && keys[0] == keys[2] && keys[0].size() == 36);
    SAME(clock.now_ns() - begun, 300000000); // 100 and 200 ms that nobody waited for

    // Nobody repeats a bug, and whoever calls sees it.
    int runs = 0;
    CHECK(thrown<bug>([&] { ledger.call([&] { runs++, throw bug("a null somewhere"); }); }) == "a null somewhere");
    SAME(runs, 1);
    const auto result = ledger.try_call([&]() -> int { lose(std::errc::timed_out); });
    CHECK(!result && result.end() == seawall::ending::failure && result.attempts() == 3 && result.duration() == 300ms);
    SAME_TEXT(name_of(result.stop()), "attempts_used");
    CHECK(thrown<std::system_error>([&] { std::rethrow_exception(result.error()); }) != "nothing of that kind");
    CHECK(ledger.snapshot().timeouts == 3);
}

void words_say_what_counts() {
    seawall::jumping_clock clock;
    const seawall::wall wall(1, clock);
    int names = 0;
    const auto tried = [&](auto function, const auto &...options) {
        const auto one = wall.define("one" + std::to_string(names++), patient());
        (void)one.try_call(function, options...);
        const auto seen = one.snapshot();
        return std::to_string(seen.successes) + std::to_string(seen.failures) + std::to_string(seen.ignored) + "+"
            + std::to_string(seen.retries);
    };
    const auto bugs = [] { throw bug("x"); };
    CHECK(tried([] {}) == "100+0");
    CHECK(tried(bugs) == "010+0");
    CHECK(tried(bugs, seawall::on<bug>()) == "010+2");
    CHECK(tried(bugs, seawall::on<std::exception>(), seawall::ignore<bug>()) == "001+0");
    CHECK(tried(bugs, seawall::failing<std::runtime_error>()) == "100+0"); // it answered, in its way
    CHECK(tried([] { lose(std::errc::connection_reset); }, seawall::on<bug>()) == "010+0");
    CHECK(tried([] { throw seawall::throttled(2s); }) == "010+2");
    CHECK(tried([] { throw seawall::breaker_open(SEAWALL_REFUSED_BREAKER_OPEN, 0ns); }) == "001+0");
    const auto number = [] { return 5; };
    const auto is_five = [](int value) { return value == 5; };
    CHECK(tried(number, seawall::failure_if(is_five)) == "010+0");
    CHECK(tried(number, seawall::retry_if(is_five)) == "010+2");
    CHECK(tried(number, seawall::ignore_if(is_five), seawall::retry_if(is_five)) == "001+0");
    const auto status = [](std::uint32_t code) { return [code] { return code; }; };
    const auto http = seawall::judge([](std::uint32_t code) { return seawall::http::classify(code); });
    CHECK(tried(status(200), http) == "100+0");
    CHECK(tried(status(404), http) == "100+0");
    CHECK(tried(status(501), http) == "010+0");
    CHECK(tried(status(503), http) == "010+2");

    // What counts as a failure is the caller's all the same.
    const auto one = wall.define("answers", patient());
    CHECK(one.call(status(503), http) == 503);

    // What may have been carried out is not sent again, but what was not sent is.
    policy once = patient();
    once.idempotent = false;
    const auto orders = wall.define("orders", once);
    CHECK(orders.try_call([] { lose(std::errc::connection_reset); }).attempts() == 1);
    CHECK(orders.try_call([] { lose(std::errc::connection_refused); }).attempts() == 3);
    seawall::call_options options;
    options.idempotent = true;
    CHECK(orders.try_call([] { lose(std::errc::connection_reset); }, options).attempts() == 3);
}

void refusals_are_of_their_own_kind() {
    seawall::jumping_clock clock;
    const seawall::wall wall(1, clock);
    policy rules = patient();
    rules.bulkhead.emplace();
    rules.bulkhead->max_concurrent = 1;
    rules.rate_limits.resize(1);
    rules.rate_limits[0].permits = 4;
    const auto one = wall.define("one", rules);
    CHECK(one.force_open().has_value() && one.state() == seawall::state::forced_open);
    CHECK(thrown<seawall::breaker_open>([&] { one.call([] {}); }) != "nothing of that kind");
    (void)one.reset();
    one.call([&] {
        CHECK(thrown<seawall::bulkhead_full>([&] { one.call([] {}); }) != "nothing of that kind");
    });
    for (int call = 0; call < 3; call++) one.call([] {});
    try {
        one.call([] {});
        CHECK(false);
    } catch (const seawall::rate_limited &refused) {
        CHECK(refused.retry_after() == 250ms);
    }
    seawall::call_options late;
    late.deadline = seawall::deadline::after(0s, clock);
    CHECK(thrown<seawall::deadline_exceeded>([&] { one.call([] {}, late); }) != "nothing of that kind");
    seawall::call_options large;
    large.costs[0] = 5;
    CHECK(thrown<seawall::exceeds_capacity>([&] { one.call([] {}, large); }) != "nothing of that kind");
    const auto result = one.try_call([] { return 1; });
    CHECK(!result && result.end() == seawall::ending::refused && result.attempts() == 0);
    CHECK(result.reason() == SEAWALL_REFUSED_RATE_LIMITED && result.retry_after() == 250ms);
    SAME(one.snapshot().refused_by_rate_limit, 2);
}

void fallbacks_serve_and_say_so() {
    seawall::jumping_clock clock;
    const seawall::wall wall(1, clock);
    policy rules = patient();
    rules.retry.reset();
    const auto one = wall.define("one", rules);
    const auto broken = []() -> std::string { throw bug("down"); };

    CHECK(one.call(broken, seawall::fallback("none")) == "none");
    auto served = one.try_call(broken, seawall::fallback([](const seawall::call_failure &why) {
        CHECK(why.attempts == 1 && why.error != nullptr && why.reason.is_ok());
        return std::string("of a function");
    }));
    CHECK(*served == "of a function" && served.is_degraded() && served.step() == 0);
    SAME_TEXT(served.source(), "function");
    CHECK(served.end() == seawall::ending::failure && served.error() != nullptr);

    // A chain: what was good last, while it is not too old, and then a word.
    const seawall::last_good<std::string> store(10s, 2);
    const auto chain = [&](const char *key) { return seawall::fallback(store.of(key), [] { return "nothing yet"; }); };
    CHECK(one.call(broken, chain("a")) == "nothing yet");
    CHECK(one.call([] { return std::string("fresh"); }, chain("a")) == "fresh");
    served = one.try_call(broken, chain("a"));
    CHECK(*served == "fresh" && served.step() == 0);
    SAME_TEXT(served.source(), "last_good");
    CHECK(one.call(broken, chain("b")) == "nothing yet");
    clock.advance(10s);
    CHECK(one.call(broken, chain("a")) == "fresh");
    clock.advance(1ns);
    CHECK(one.call(broken, chain("a")) == "nothing yet");
    for (const char *key : {"a", "b", "c"}) store.keep(key, key, clock.now_ns());
    SAME(store.size(), 2);
    CHECK(!store.recall("a", clock.now_ns()) && store.recall("c", clock.now_ns()));

    // Out of range: which setting, its value and its range.
    using kept = seawall::last_good<std::string>;
    const auto day = std::chrono::hours(24);
    SAME_TEXT(thrown<seawall::config_error>([] { (void)kept(0s); }).c_str(), "max_age: 0 s is outside 0.001 to 31622400 s");
    SAME_TEXT(thrown<seawall::config_error>([] { (void)kept(10s, 0); }).c_str(), "max_entries: 0 is outside 1 to 1000000");
    seawall::config_problem problem;
    for (const seawall::nanoseconds age : {seawall::nanoseconds(-1), seawall::nanoseconds(999999), 366 * day + 1ns}) {
        CHECK(!kept::make(age, 1000, &problem));
        CHECK(problem.field == "max_age" && problem.value == static_cast<double>(age.count()) / 1e9);
        CHECK(problem.min == 0.001 && problem.max == 366.0 * 86400);
        SAME_TEXT(problem.unit, "s");
    }
    CHECK(!kept::make(1ms, 1000001, &problem));
    CHECK(problem.field == "max_entries" && problem.value == 1000001 && problem.min == 1 && problem.max == 1000000);
    CHECK(kept::make(1ms, 1) && kept::make(366 * day, 1000000));

    // A fallback that fails says both.
    try {
        one.call(broken, seawall::fallback([]() -> std::string { throw std::runtime_error("no luck"); }));
        CHECK(false);
    } catch (const seawall::fallback_failed &failed) {
        CHECK(has(failed.what(), "no luck"));
        CHECK(thrown<bug>([&] { std::rethrow_exception(failed.cause()); }) == "down");
    }
    // Of a refusal, too; and no fallback hides what nobody is to blame for.
    (void)one.force_open();
    CHECK(one.call(broken, seawall::fallback([](const seawall::call_failure &why) {
        CHECK(why.reason == SEAWALL_REFUSED_BREAKER_FORCED_OPEN);
        return "closed today";
    })) == "closed today");
    (void)one.reset();
    CHECK(thrown<bug>([&] { (void)one.call(broken, seawall::ignore<bug>(), seawall::fallback("never")); }) == "down");
    SAME(one.snapshot().fallbacks, 8);

    // Where a failure must be seen there is none, and that is said before anything runs.
    rules.criticality = seawall::criticality::critical;
    const auto critical = wall.define("critical", rules);
    CHECK(has(thrown<seawall::config_error>([&] { (void)critical.call(broken, seawall::fallback("x")); }), "fallback"));
    SAME(critical.snapshot().calls, 0);
}

void deadlines_reach_what_is_called_inside() {
    seawall::jumping_clock clock;
    const seawall::wall wall(1, clock);
    const auto outer = wall.define("outer", "timeout = '1s'");
    const auto inner = wall.define("inner", "timeout = '5s'\nreserve = '10%'");
    CHECK(seawall::current_deadline(clock).is_never());
    outer.call([&](const attempt &made) {
        CHECK(seawall::current_deadline(clock).at_ns() == made.deadline().at_ns());
        clock.advance(400ms);
        inner.call([&](const attempt &nested) { CHECK(nested.remaining() == 540ms); });
        clock.advance(600ms);
        CHECK(thrown<seawall::deadline_exceeded>([&] { inner.call([] {}); }) != "nothing of that kind");
    });
    CHECK(seawall::current_deadline(clock).is_never());
    SAME(inner.snapshot().refused_by_deadline, 1);
    {
        const seawall::deadline_scope far(seawall::deadline::after(3s, clock));
        const seawall::deadline_scope near(seawall::deadline::after(2s, clock));
        const seawall::deadline_scope farther(seawall::deadline::after(9s, clock));
        CHECK(seawall::current_deadline(clock).remaining() == 2s);
        seawall::call_options options;
        options.within = 1s;
        inner.call([](const attempt &made) { CHECK(made.remaining() == 900ms); }, options);
    }
    try {
        outer.call([] { throw bug("x"); });
    } catch (const bug &) {
        CHECK(seawall::current_deadline(clock).is_never());
    }

    // Over the wire: what is left, in two headers; and back, on another clock.
    std::map<std::string, std::string> headers;
    seawall::header::inject(seawall::deadline::after(1500ms, clock), [&](const char *name, std::string value) { headers[name] = value; });
    CHECK(headers["grpc-timeout"] == "1500000u" && headers["x-request-timeout-ms"] == "1500");
    const seawall::jumping_clock there(99s);
    const auto get = [&](const char *name) { return headers.count(name) != 0 ? headers[name] : std::string(); };
    CHECK(seawall::header::extract(get, there)->remaining() == 1500ms);
    headers["x-request-timeout-ms"] = "900";
    CHECK(seawall::header::extract(get, there)->remaining() == 900ms);
    headers["grpc-timeout"] = "99999H";
    CHECK(seawall::header::extract(get, there).reason() == SEAWALL_ERROR_HEADER);
    CHECK(thrown<seawall::header_error>([&] { (void)seawall::header::extract(get, there).value(); }) != "nothing of that kind");
    headers.clear();
    CHECK(seawall::header::extract(get, there)->is_never());
    seawall::header::inject(seawall::deadline::never(clock), [&](const char *name, std::string value) { headers[name] = value; });
    CHECK(headers.empty());
}

void events_tell_what_happened_and_break_nothing() {
    seawall::jumping_clock clock;
    const seawall::wall wall(1, clock);
    policy rules = patient();
    rules.breaker->config.consecutive_failures = 1;
    const auto one = wall.define("one", rules);
    std::string told;
    one.on_event([](const seawall::event &) { throw bug("in a hook"); });
    one.on_event([&](const seawall::event &what) {
        told += std::string(name_of(what.kind)) + " ";
        (void)one.snapshot(); // under no lock
    });
    int of_wall = 0;
    wall.on_event([&](const seawall::event &what) { of_wall += what.dependency == "one" ? 1 : 0; });
    int runs = 0;
    one.call([&] {
        if (runs++ == 0) lose(std::errc::connection_reset);
    });
    CHECK(told == "retry ");
    told.clear();
    (void)one.try_call([] { throw bug("x"); }, seawall::fallback([] {}));
    CHECK(told == "state_change fallback ");
    told.clear();
    (void)one.try_call([] {});
    CHECK(told == "refusal ");
    told.clear();
    (void)one.reset();
    CHECK(told == "state_change ");
    told.clear();
    (void)one.try_call([&] { (void)one.force_open(); });
    CHECK(told == "state_change late_result ");
    SAME(one.hook_failures(), 7);
    SAME(of_wall, 7);
    SAME(wall.hook_failures(), 0);
    CHECK(wall.health());
    CHECK(wall.snapshot().size() == 1 && wall.snapshot()[0].first == "one");
}

void events_say_which_limit_refused_and_what_came_too_late() {
    seawall::manual_clock clock;
    const auto wall = seawall::wall::parse("[dependency.one]\ntimeout = '1s'\n"
        "rate_limit = [{ rate = '9/s', name = 'requests' }, { rate = '2/s', name = 'tokens' }]\n", "seawall.toml", clock);
    const auto one = wall.dependency("one");
    std::vector<seawall::event> told;
    one.on_event([&](const seawall::event &what) { told.push_back(what); });
    for (int times = 0; times < 3; times++) (void)one.try_call([] {});
    CHECK(told.size() == 1 && told[0].reason == SEAWALL_REFUSED_RATE_LIMITED && told[0].limit == "tokens");
    CHECK(!told[0].outcome);
    clock.advance(10s);
    (void)one.force_open();
    (void)one.try_call([] {});
    CHECK(told.back().reason == SEAWALL_REFUSED_BREAKER_FORCED_OPEN && told.back().limit.empty());
    (void)one.reset();
    (void)one.try_call([&] { (void)one.force_open(); });
    CHECK(told.back().kind == seawall::event_kind::late_result && told.back().outcome == seawall::outcome::success);
    (void)one.reset();
    (void)one.try_call([&] { (void)one.force_open(), throw bug("x"); });
    CHECK(told.back().kind == seawall::event_kind::late_result && told.back().outcome == seawall::outcome::failure);
}

void tests_can_break_things() {
    seawall::jumping_clock clock;
    const seawall::wall wall(1, clock);
    const auto one = wall.define("one", patient());
    one.inject([] { lose(std::errc::connection_refused); }, 2);
    CHECK(one.try_call([] { return 1; }).attempts() == 3);
    one.inject([&] { clock.advance(300ms); });
    CHECK(one.try_call([] { return 1; }).duration() == 300ms);
    one.inject({});
    CHECK(one.try_call([] { return 1; }).duration() == 0ms);
}

void a_call_by_hand_gives_itself_back() {
    seawall::manual_clock clock;
    const seawall::wall wall(1, clock);
    policy rules = patient();
    rules.bulkhead.emplace();
    const auto one = wall.define("one", rules);
    const auto in_use = [&] {
        seawall_bulkhead_snapshot_t held = SEAWALL_SNAPSHOT_INIT(held);
        (void)seawall_bulkhead_snapshot(seawall_dependency_bulkhead(one.native()), 0, &held);
        return held.in_use;
    };
    {
        auto [call, first] = one.begin();
        CHECK(first && first->kind == seawall::action_kind::run && first->span == 1s);
        SAME(in_use(), 1);
        CHECK(call.woke().reason() == SEAWALL_ERROR_ARGUMENT);
        auto moved = std::move(call);
        CHECK(call.ended({}).reason() == SEAWALL_ERROR_ARGUMENT);
        const auto next = moved.ended(seawall::ended::retryable());
        CHECK(next && next->kind == seawall::action_kind::sleep && next->span == 100ms);
    }
    SAME(in_use(), 0);
    SAME(one.snapshot().cancelled, 1);
    auto [call, first] = one.begin();
    auto place = call.keep();
    CHECK(place && call.ended({})->kind == seawall::action_kind::finish);
    CHECK(call.ended({}).reason() == SEAWALL_ERROR_ARGUMENT && call.key().empty());
    SAME(in_use(), 1);
    CHECK(one.release(*place).is_ok());
    SAME(in_use(), 0);
}

// A thread that is cancelled inside the function, or in the line, takes its call with it.
void a_cancelled_thread_leaves_nothing_behind() {
    const seawall::wall wall(1);
    const auto one = wall.define("one", "timeout = '60s'\nbulkhead = { max_concurrent = 1, max_wait = '60s' }");
    struct shared {
        const seawall::dependency &one;
        std::atomic<bool> is_inside{false};
    } all{one};
    const auto run = [](void *given) -> void * {
        auto &known = *static_cast<shared *>(given);
        known.one.call([&] {
            known.is_inside = true;
            for (;;) (void)::sleep(60);
        });
        return nullptr;
    };
    const auto seen = [&] {
        seawall_bulkhead_snapshot_t held = SEAWALL_SNAPSHOT_INIT(held);
        (void)seawall_bulkhead_snapshot(seawall_dependency_bulkhead(one.native()), 0, &held);
        return held;
    };
    pthread_t inside, waiting;
    CHECK(pthread_create(&inside, nullptr, run, &all) == 0);
    while (!all.is_inside) std::this_thread::yield();
    CHECK(pthread_create(&waiting, nullptr, run, &all) == 0);
    while (seen().waiting == 0) std::this_thread::yield();
    CHECK(pthread_cancel(waiting) == 0 && pthread_join(waiting, nullptr) == 0);
    SAME(seen().waiting, 0);
    CHECK(pthread_cancel(inside) == 0 && pthread_join(inside, nullptr) == 0);
    SAME(seen().in_use, 0);
    SAME(one.snapshot().cancelled, 2);
    CHECK(one.call([] { return 1; }) == 1);
}

// Callers in threads wait for two places in turn; never more than two are inside, and nothing stays behind.
void waiting_callers_are_served_in_turn() {
    const seawall::wall wall;
    const auto one = wall.define("one", "timeout = '10s'\nbulkhead = { max_concurrent = 2, max_wait = '30s' }");
    std::atomic<int> inside{0}, most{0}, done{0};
    std::vector<std::thread> threads;
    for (int thread = 0; thread < 6; thread++) {
        threads.emplace_back([&] {
            for (int round = 0; round < 30; round++) {
                one.call([&] {
                    const int now = ++inside;
                    for (int seen = most; now > seen && !most.compare_exchange_weak(seen, now);) {}
                    std::this_thread::yield();
                    --inside;
                });
                done++;
            }
        });
    }
    for (std::thread &thread : threads) thread.join();
    SAME(done, 180);
    CHECK(most <= 2);
    seawall_bulkhead_snapshot_t held = SEAWALL_SNAPSHOT_INIT(held);
    SAME(seawall_bulkhead_snapshot(seawall_dependency_bulkhead(one.native()), 0, &held), SEAWALL_OK);
    SAME(held.in_use, 0);
    SAME(held.waiting, 0);

    // With a clock that jumps, the wait of whoever finds no place is over at once.
    seawall::jumping_clock clock;
    const seawall::wall other(1, clock);
    const auto two = other.define("two", "timeout = '1s'\nbulkhead = { max_concurrent = 1, max_wait = '700ms' }");
    two.call([&] {
        const auto before = clock.now_ns();
        const auto result = two.try_call([] {});
        CHECK(result.reason() == SEAWALL_REFUSED_BULKHEAD_WAIT_TIMEOUT);
        SAME(clock.now_ns() - before, 700000000);
    });
}

} // namespace

int main() {
    a_wall_lives_as_long_as_what_came_from_it();
    what_is_wrong_is_an_exception_with_everything();
    every_rule_in_code_reaches_the_policy();
    a_call_tries_again_and_throws_what_its_last_attempt_threw();
    words_say_what_counts();
    refusals_are_of_their_own_kind();
    fallbacks_serve_and_say_so();
    deadlines_reach_what_is_called_inside();
    events_tell_what_happened_and_break_nothing();
    events_say_which_limit_refused_and_what_came_too_late();
    tests_can_break_things();
    a_call_by_hand_gives_itself_back();
    a_cancelled_thread_leaves_nothing_behind();
    waiting_callers_are_served_in_turn();
    return check_end();
}
