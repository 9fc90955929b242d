// Stories of headers and of what HTTP says.
#ifndef SEAWALL_TESTS_STORY_HTTP_HPP
#define SEAWALL_TESTS_STORY_HTTP_HPP

#include "story.hpp"

namespace {

class http_story final : public story {
    bool begin(const keys &, seawall::config_problem &) override { return true; }

    answer step(const keys &step, const std::string &verb) override {
        std::string text;
        for (std::int64_t copy = step.number("copies", 1); copy > 0; copy--) text += step.text("text");
        if (verb == "grpc_timeout") return read(step, seawall::header::read_grpc_timeout(text));
        if (verb == "timeout_ms") return read(step, seawall::header::read_timeout_ms(text));
        if (verb == "retry_after") {
            const std::chrono::system_clock::time_point now(std::chrono::milliseconds(step.number("unix_ms")));
            return read(step, seawall::http::retry_after(text, now));
        }
        if (verb == "write_grpc_timeout") step.same("text", seawall::header::write_grpc_timeout(step.span("span_ns")));
        if (verb == "write_timeout_ms") step.same("text", seawall::header::write_timeout_ms(step.span("span_ns")));
        if (verb == "status") {
            const auto status = static_cast<std::uint32_t>(step.number("status"));
            same_ended(step, seawall::http::classify(status, step.span("retry_after_ns")));
        }
        if (verb == "trouble") {
            auto trouble = seawall::http::trouble::other;
            step.take_word("trouble", trouble,
                {"", "not_connected", "connect_timeout", "read_timeout", "reset", "protocol", "other"});
            same_ended(step, seawall::http::classify(trouble));
        }
        if (verb == "idempotent") step.same("idempotent", seawall::http::is_idempotent(step.text("method")) ? 1U : 0U);
        return {};
    }

    static answer read(const keys &step, const seawall::result<nanoseconds> &span) {
        if (span) step.same("span_ns", *span);
        return {span.reason()};
    }

    static void same_ended(const keys &step, const seawall::ended &how) {
        static const char *const outcomes[] = {"success", "failure", "ignored"};
        static const char *const causes[] = {"failure", "throttled", "timeout"};
        step.same("outcome", std::string(outcomes[static_cast<std::size_t>(how.outcome)]));
        step.same("cause", std::string(causes[static_cast<std::size_t>(how.cause)]));
        step.same("retryable", how.is_retryable ? 1U : 0U);
        step.same("not_sent", how.was_not_sent ? 1U : 0U);
    }
};

} // namespace

#endif
