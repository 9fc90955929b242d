// End to end in C++: the same server and the same faults as e2e.c, called through dependencies that sleep, retry and fall
// back by themselves. Prints its figures.
#include <seawall.hpp>

#include "rig.h"

#include <string>
#include <system_error>

using namespace std::chrono_literals;
using seawall::attempt;

namespace {

struct response {
    std::uint32_t status;
    seawall::nanoseconds retry_after;
    std::string body;
    std::size_t bytes;
};

[[noreturn]] void fail(std::uint32_t trouble) {
    switch (trouble) {
    case SEAWALL_TROUBLE_NOT_CONNECTED: throw std::system_error(std::make_error_code(std::errc::connection_refused));
    case SEAWALL_TROUBLE_RESET: throw std::system_error(std::make_error_code(std::errc::connection_reset));
    case SEAWALL_TROUBLE_PROTOCOL: throw std::system_error(std::make_error_code(std::errc::protocol_error));
    default: throw std::system_error(std::make_error_code(std::errc::timed_out));
    }
}

response get(const std::string &path, const attempt &made) {
    std::string request = "GET " + path + " HTTP/1.1\r\nHost: c\r\nIdempotency-Key: " + made.idempotency_key() + "\r\n";
    seawall::header::inject(made.deadline(),
        [&](const char *name, const std::string &value) { request += std::string(name) + ": " + value + "\r\n"; });
    http_answer answer;
    const std::uint32_t trouble = http_exchange(proxy_port, (request + "\r\n").c_str(), made.deadline().at_ns(), &answer);
    if (trouble != 0) fail(trouble);
    return {answer.status, seawall::nanoseconds(static_cast<std::int64_t>(answer.retry_after_ns)), answer.body, answer.body_bytes};
}

const auto by_status = seawall::judge([](const response &got) { return seawall::http::classify(got.status, got.retry_after); });

seawall::policy patient() {
    seawall::policy rules;
    rules.timeout = 300ms;
    rules.deadline = 2s;
    rules.retry.emplace();
    rules.retry->backoff.base = 10ms;
    rules.retry->full_budget.emplace();
    rules.retry->full_budget->min_per_second = 100;
    rules.retry->full_budget->cap = 10000;
    rules.breaker.reset();
    return rules;
}

template <class... Option>
auto call(const char *what, const seawall::dependency &to, const std::string &path, const Option &...options) {
    auto got = to.try_call([&](const attempt &made) { return get(path, made); }, by_status, options...);
    const char *end = got.end() == seawall::ending::success ? "success"
        : got.end() == seawall::ending::refused            ? got.reason().name()
                                                           : "failure";
    std::printf("%-36s %s after %u attempts in %d ms%s\n", what, end, got.attempts(), static_cast<int>(got.duration() / 1ms),
        got.is_degraded() ? ", served something else" : "");
    return got;
}

void faults_are_met_by_the_policy(const seawall::wall &wall) {
    const auto to = wall.define("faults", patient());
    auto got = call("no fault", to, "/ok");
    CHECK(got && got->body == "ok" && got.attempts() == 1);
    got = call("headers", to, "/headers");
    CHECK(got && got->body.find("\"grpc-timeout\"") != std::string::npos);
    got = call("503 twice", to, "/flaky/2?id=cpp");
    CHECK(got.attempts() == 3 && got->status == 200);

    add_fault("latency", "latency", 100);
    got = call("latency of 100 ms", to, "/ok");
    CHECK(got.attempts() == 1 && got.duration() >= 100ms);
    end_fault();
    add_fault("reset_peer", "timeout", 0);
    got = call("resets", to, "/ok", seawall::fallback(response{200, 0ns, "of yesterday", 0}));
    CHECK(got.attempts() == 3 && got.is_degraded() && got->body == "of yesterday");
    end_fault();
    add_fault("timeout", "timeout", 0);
    got = call("silence", to, "/ok");
    CHECK(!got && got.attempts() == 3 && got.duration() >= 900ms && got.duration() < 2s);
    SAME(to.snapshot().timeouts, 3);
    end_fault();
    add_fault("bandwidth", "rate", 10);
    got = call("200 KB at 10 KB/s", to, "/bytes/200000");
    CHECK(!got && got.duration() < 2s);
    end_fault();
    got = call("200 KB", to, "/bytes/200000");
    CHECK(got && got->bytes == 200000);

    got = call("429, Retry-After beyond the deadline", to, "/retry-after/60");
    CHECK(got && got->status == 429 && got.attempts() == 1 && got.stop() == seawall::stop::deadline_too_near);
    got = call("503 with a date", to, "/retry-after-date/60");
    CHECK(got && got->status == 503 && got->retry_after > 58s && got->retry_after <= 61s);
}

void a_server_goes_and_comes_back(const seawall::wall &wall) {
    auto rules = patient();
    rules.deadline.reset();
    rules.idempotent = false;
    rules.retry->backoff.base = 1ms;
    rules.breaker.emplace();
    rules.breaker->config.consecutive_failures = 3;
    rules.breaker->config.open_for = 300ms;
    rules.breaker->config.open_jitter = 0;
    const auto to = wall.define("gone", rules);
    int changes = 0;
    to.on_event([&](const seawall::event &what) { changes += what.kind == seawall::event_kind::state_change ? 1 : 0; });
    switch_server(false);
    auto got = call("refused, so not sent, so repeated", to, "/ok");
    CHECK(got.attempts() == 3);
    for (int one = 0; one < 3; one++) got = call("server down", to, "/ok");
    CHECK(got.reason() == SEAWALL_REFUSED_BREAKER_OPEN && got.retry_after() > 0ms && got.retry_after() <= 300ms);
    SAME(changes, 1);
    switch_server(true);
    std::this_thread::sleep_for(got.retry_after());
    got = call("recovered", to, "/ok");
    CHECK(got && got->body == "ok" && to.state() == seawall::state::closed);
    SAME(changes, 3);
}

} // namespace

int main() {
    if (start_rig()) {
        const seawall::wall wall;
        faults_are_met_by_the_policy(wall);
        a_server_goes_and_comes_back(wall);
    }
    return stop_rig();
}
