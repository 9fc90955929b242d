// What programs without exceptions use: make() and the try_ functions. The suite compiles it with -fno-exceptions and
// -fno-rtti too.
#include <seawall.hpp>

#include "check.h"

using namespace std::chrono_literals;
using seawall::outcome;

int main() {
    seawall::manual_clock clock;
    seawall::config_problem problem;

    seawall::breaker_config settings;
    settings.consecutive_failures = 0;
    settings.failure_rate = 0;
    settings.probes = 0;
    CHECK(!seawall::breaker::make(settings, clock, &problem));
    CHECK(problem.field == "probes" && problem.min == 1 && problem.max == 32 && problem.code == SEAWALL_ERROR_CONFIG);
    settings.probes = 1;
    settings.consecutive_failures = 1;
    settings.open_jitter = 0;
    auto breaker = seawall::breaker::make(settings, clock);
    CHECK(breaker.has_value());
    CHECK(*breaker->try_call([] { return 1; }) == 1);
    const auto is_down = seawall::failure_if([](int code) { return code == 503; });
    CHECK(*breaker->try_call([] { return 503; }, is_down) == 503);
    const auto refused = breaker->try_call([] { return 503; }, is_down);
    CHECK(!refused && refused.reason().is_refusal() && refused.retry_after() == 30s);
    SAME_TEXT(refused.reason().name(), "breaker_open");
    clock.advance(30s);
    auto permit = breaker->try_acquire();
    CHECK(permit && permit->record(outcome::success).change->to == seawall::state::closed);

    auto bulkhead = seawall::bulkhead::make({}, clock);
    CHECK(bulkhead && bulkhead->try_acquire());
    SAME(bulkhead->snapshot().in_use, 0);
    auto limiter = seawall::limiter::make({}, clock);
    CHECK(limiter && limiter->try_acquire(100));
    CHECK(limiter->try_acquire().retry_after() == 10ms);
    CHECK(limiter->try_acquire(101).reason() == SEAWALL_ERROR_EXCEEDS_CAPACITY);
    auto budget = seawall::retry_budget::make({}, clock);
    CHECK(budget && budget->try_withdraw());
    const auto backoff = seawall::backoff::make({});
    CHECK(backoff && backoff->delay(1) <= 100ms);
    CHECK(seawall::deadline::after(1s, clock).remaining() == 1s);
    seawall::histogram histogram;
    histogram.record(1s);
    SAME(histogram.total(), 1);

    // Walls and calls.
    std::string message;
    CHECK(!seawall::wall::try_parse("[dependency.a]", "bare.toml", &message));
    CHECK(message.find("bare.toml:1:") == 0);
    seawall::jumping_clock jumping;
    const auto wall = seawall::wall::try_make(jumping, 1);
    CHECK(wall.has_value());
    CHECK(wall->try_dependency("ledger").reason() == SEAWALL_ERROR_UNKNOWN);
    const auto ledger = wall->try_define("ledger", "timeout = '1s'\nretry = { attempts = 3 }");
    CHECK(ledger.has_value());
    std::uint32_t code = 503;
    const auto http = seawall::judge([](std::uint32_t status) { return seawall::http::classify(status); });
    auto answer = ledger->try_call([&](const seawall::attempt &made) { return made.number() == 2 ? 200 : code; }, http);
    CHECK(*answer == 200 && answer.attempts() == 2);
    answer = ledger->try_call([&] { return code; }, http, seawall::fallback(299U));
    CHECK(*answer == 299 && answer.is_degraded() && answer.attempts() == 3 && answer.end() == seawall::ending::failure);
    (void)ledger->force_open();
    answer = ledger->try_call([&] { return code; });
    CHECK(!answer && answer.reason() == SEAWALL_REFUSED_BREAKER_FORCED_OPEN);
    CHECK(seawall::header::read_timeout_ms("1e3").reason() == SEAWALL_ERROR_HEADER);
    CHECK(*seawall::http::retry_after("120") == 120s);
    return check_end();
}
