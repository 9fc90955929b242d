/* Stories of headers and of what HTTP says. */
#ifndef SEAWALL_TESTS_STORY_HTTP_H
#define SEAWALL_TESTS_STORY_HTTP_H

#include "story.h"

static const char *const TROUBLES[] = { "", "not_connected", "connect_timeout", "read_timeout", "reset", "protocol",
    "other", NULL };

static seawall_status_t begin_http(const struct json *config) {
    (void)config;
    return SEAWALL_OK;
}

/* The text of a step as often as the step says, without a NUL behind it. */
static char *copies_of(const char *text, size_t copies, size_t *bytes) {
    const size_t length = strlen(text);
    *bytes = length * copies;
    char *all = malloc(*bytes == 0 ? 1 : *bytes);
    for (size_t copy = 0; all != NULL && copy < copies; copy++) {
        memcpy(all + copy * length, text, length);
    }
    return all;
}

static seawall_status_t read_header(const struct json *step, const char *verb) {
    size_t bytes = 0;
    char *text = copies_of(json_text(step, "text", ""), (size_t)json_number(step, "copies", 1), &bytes);
    uint64_t span = UINT64_MAX;
    seawall_status_t status = SEAWALL_ERROR_NULL;
    if (text != NULL && IS("grpc_timeout")) {
        status = seawall_deadline_from_grpc(text, bytes, &span);
    } else if (text != NULL && IS("timeout_ms")) {
        status = seawall_deadline_from_ms(text, bytes, &span);
    } else if (text != NULL) {
        status = seawall_retry_after(text, bytes, (uint64_t)json_number(step, "unix_ms", 0), &span);
    }
    free(text);
    if (status == SEAWALL_OK) {
        same("span_ns", json_number(step, "span_ns", -1), span);
    }
    return status;
}

static void same_attempt(const struct json *step, const seawall_attempt_t *attempt) {
    same_text("outcome", json_text(step, "outcome", ""), OUTCOMES[attempt->outcome]);
    same_text("cause", json_text(step, "cause", ""), CAUSES[attempt->cause]);
    same("retryable", json_number(step, "retryable", -1), attempt->is_retryable);
    same("not_sent", json_number(step, "not_sent", -1), attempt->was_not_sent);
}

static seawall_status_t step_http(const struct json *step, const char *verb, uint64_t now) {
    seawall_attempt_t attempt = SEAWALL_ATTEMPT_INIT;
    seawall_status_t status = SEAWALL_OK;
    char text[24] = "";
    (void)now;
    if (IS("grpc_timeout") || IS("timeout_ms") || IS("retry_after")) {
        status = read_header(step, verb);
    } else if (IS("write_grpc_timeout")) {
        same("the length", (int64_t)strlen(json_text(step, "text", "")),
            seawall_deadline_to_grpc((uint64_t)json_number(step, "span_ns", 0), text));
        same_text("text", json_text(step, "text", ""), text);
    } else if (IS("write_timeout_ms")) {
        same("the length", (int64_t)strlen(json_text(step, "text", "")),
            seawall_deadline_to_ms((uint64_t)json_number(step, "span_ns", 0), text));
        same_text("text", json_text(step, "text", ""), text);
    } else if (IS("status")) {
        attempt.retry_after_ns = (uint64_t)json_number(step, "retry_after_ns", 0);
        status = seawall_http_classify((uint32_t)json_number(step, "status", 0), &attempt);
        same_attempt(step, &attempt);
    } else if (IS("trouble")) {
        status = seawall_http_trouble(number_of(TROUBLES, json_text(step, "trouble", "")), &attempt);
        same_attempt(step, &attempt);
    } else if (IS("idempotent")) {
        const char *method = json_text(step, "method", "");
        same("idempotent", json_number(step, "idempotent", -1), seawall_http_is_idempotent(method, strlen(method)));
    } else {
        wrong("a verb", "one of http", verb);
    }
    return status;
}

#endif
