package dev.seawall;

import java.time.Duration;
import java.time.Instant;
import java.util.Locale;
import org.json.JSONObject;

/** Stories of headers and of what HTTP says: no object, one answer for each step. */
final class HttpStage extends Stage {
    @Override
    String act(String verb, JSONObject step) {
        String text = step.optString("text", "").repeat(step.optInt("copies", 1));
        switch (verb) {
            case "grpc_timeout" -> seen.put("span_ns", DeadlineHeaders.fromGrpc(text));
            case "timeout_ms" -> seen.put("span_ns", DeadlineHeaders.fromMillis(text));
            case "retry_after" -> {
                Instant now = Instant.ofEpochMilli(step.optLong("unix_ms"));
                var read = HttpRules.retryAfter(text, now);
                if (read.isEmpty()) {
                    return "header";
                }
                seen.put("span_ns", read.get().toNanos());
            }
            case "write_grpc_timeout" -> seen.put("text", DeadlineHeaders.toGrpc(step.getLong("span_ns")));
            case "write_timeout_ms" -> seen.put("text", DeadlineHeaders.toMillis(step.getLong("span_ns")));
            case "status" -> see(HttpRules.ofStatus(
                    step.getInt("status"), Duration.ofNanos(step.optLong("retry_after_ns"))));
            case "trouble" -> see(HttpRules.ofTrouble(
                    HttpRules.Trouble.valueOf(step.getString("trouble").toUpperCase(Locale.ROOT))));
            case "idempotent" -> seen.put("idempotent", HttpRules.isIdempotent(step.getString("method")));
            default -> throw new AssertionError(verb);
        }
        return "ok";
    }

    private void see(Verdict verdict) {
        seen.put("outcome", word(verdict.outcome()));
        seen.put("retryable", verdict.retryable());
        seen.put("not_sent", verdict.notSent());
        seen.put("cause", word(verdict.cause()));
    }

    @Override
    boolean isCheck(String key, JSONObject step) {
        return switch (key) {
            case "outcome", "retryable", "not_sent", "cause", "idempotent" -> true;
            case "text" -> step.getString("do").startsWith("write");
            case "span_ns" -> !step.getString("do").startsWith("write") && step.optString("expect", "ok").equals("ok");
            default -> false;
        };
    }
}
