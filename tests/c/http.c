/* Headers and HTTP rules at the border: texts that do not end, places that are missing, structs of other versions. What
 * the rules themselves say is in tests/vectors/http.json. */
#include <seawall.h>

#include "check.h"

#include <stdlib.h>

#define SECOND UINT64_C(1000000000)
#define UNTOUCHED UINT64_C(0x5A5A5A5A5A5A5A5A)
/* Sun, 06 Nov 1994 08:49:37 GMT */
#define EXAMPLE_MS UINT64_C(784111777000)

/* A text at the very end of its memory, so that a checker sees whoever reads past it. */
static char *cornered(const char *text) {
    char *memory = malloc(strlen(text) == 0 ? 1 : strlen(text));
    if (memory == NULL) {
        abort();
    }
    memcpy(memory, text, strlen(text));
    return memory;
}

typedef seawall_status_t (*reader)(const char *text, size_t bytes, uint64_t *span);

static seawall_status_t retry_after_of_example(const char *text, size_t bytes, uint64_t *span) {
    return seawall_retry_after(text, bytes, EXAMPLE_MS - 5000, span);
}

static const reader READERS[] = { seawall_deadline_from_grpc, seawall_deadline_from_ms, retry_after_of_example };
static const char *const GOOD[] = { "1500m", "1500", "Sun, 06 Nov 1994 08:49:37 GMT" };
static const uint64_t SPANS[] = { 3 * SECOND / 2, 3 * SECOND / 2, 5 * SECOND };

static void a_header_needs_no_end_and_is_not_read_past_it(void) {
    for (size_t index = 0; index < 3; index++) {
        char *text = cornered(GOOD[index]);
        uint64_t span = UNTOUCHED;
        SAME(READERS[index](text, strlen(GOOD[index]), &span), SEAWALL_OK);
        SAME(span, SPANS[index]);
        free(text);
    }
}

static void a_refused_header_touches_nothing(void) {
    for (size_t index = 0; index < 3; index++) {
        uint64_t span = UNTOUCHED;
        SAME(READERS[index]("", 0, &span), SEAWALL_ERROR_HEADER);
        SAME(READERS[index]("soon", 4, &span), SEAWALL_ERROR_HEADER);
        SAME(READERS[index]("-5", 2, &span), SEAWALL_ERROR_HEADER);
        SAME(READERS[index](GOOD[index], strlen(GOOD[index]) + 1, &span), SEAWALL_ERROR_HEADER); /* with its NUL */
        SAME(READERS[index](NULL, 0, &span), SEAWALL_ERROR_NULL);
        SAME(READERS[index](NULL, 5, &span), SEAWALL_ERROR_NULL);
        CHECK(span == UNTOUCHED);
        SAME(READERS[index](GOOD[index], strlen(GOOD[index]), NULL), SEAWALL_ERROR_NULL);
        SAME(READERS[index](GOOD[index], strlen(GOOD[index]), (uint64_t *)(void *)((char *)&span + 1)),
            SEAWALL_ERROR_MISALIGNED);
        CHECK(span == UNTOUCHED);
    }
    SAME_TEXT(seawall_status_name(SEAWALL_ERROR_HEADER), "header");
    CHECK(strlen(seawall_status_text(SEAWALL_ERROR_HEADER)) > 10);
}

/* A header of whatever size is refused by its first 65 bytes: the rest need not even be there. */
static void an_endless_header_is_not_read(void) {
    char *text = cornered("00000000000000000000000000000000000000000000000000000000000000000");
    for (size_t index = 0; index < 3; index++) {
        uint64_t span = UNTOUCHED;
        SAME(READERS[index](text, 65, &span), SEAWALL_ERROR_HEADER);
        SAME(READERS[index](text, 1048576, &span), SEAWALL_ERROR_HEADER);
        SAME(READERS[index](text, SIZE_MAX, &span), SEAWALL_ERROR_HEADER);
        CHECK(span == UNTOUCHED);
    }
    free(text);
}

static void what_is_written_ends_and_fits(void) {
    char grpc[16], millis[24];
    const uint64_t spans[] = { 0, 1, 99999999, 100000000, SECOND, 100 * SECOND, 86400 * SECOND, UINT64_MAX - 1 };
    for (size_t index = 0; index < sizeof spans / sizeof spans[0]; index++) {
        uint64_t read = 0;
        memset(grpc, 'x', sizeof grpc);
        memset(millis, 'x', sizeof millis);
        size_t length = seawall_deadline_to_grpc(spans[index], grpc);
        SAME(strlen(grpc), length);
        CHECK(length >= 2 && length <= 9);
        SAME(seawall_deadline_from_grpc(grpc, length, &read), SEAWALL_OK);
        CHECK(read <= spans[index]);
        length = seawall_deadline_to_ms(spans[index], millis);
        SAME(strlen(millis), length);
        CHECK(length >= 1 && length <= 8);
        SAME(seawall_deadline_from_ms(millis, length, &read), SEAWALL_OK);
        CHECK(read <= spans[index]);
    }
    SAME(seawall_deadline_to_grpc(5 * SECOND, grpc), 8);
    SAME_TEXT(grpc, "5000000u");
    SAME(seawall_deadline_to_ms(5 * SECOND, millis), 4);
    SAME_TEXT(millis, "5000");

    /* No deadline is no header, and there is nothing to write it to. */
    SAME(seawall_deadline_to_grpc(UINT64_MAX, grpc), 0);
    SAME_TEXT(grpc, "");
    SAME(seawall_deadline_to_ms(UINT64_MAX, millis), 0);
    SAME_TEXT(millis, "");
    SAME(seawall_deadline_to_grpc(SECOND, NULL), 0);
    SAME(seawall_deadline_to_ms(SECOND, NULL), 0);
}

static void a_deadline_travels_as_what_is_left(void) {
    const uint64_t now = 1000 * SECOND, there = 7 * SECOND; /* another machine, another clock */
    char header[16];
    uint64_t span = 0;
    uint64_t deadline = seawall_deadline_after(now, 2 * SECOND);
    size_t length = seawall_deadline_to_grpc(seawall_deadline_remaining(deadline, now + SECOND / 2), header);
    SAME(seawall_deadline_from_grpc(header, length, &span), SEAWALL_OK);
    SAME(seawall_deadline_after(there, span), there + 3 * SECOND / 2);
    /* One that is over arrives as over. */
    length = seawall_deadline_to_grpc(seawall_deadline_remaining(deadline, now + 3 * SECOND), header);
    SAME(seawall_deadline_from_grpc(header, length, &span), SEAWALL_OK);
    SAME(seawall_deadline_is_expired(seawall_deadline_after(there, span), there), 1);
}

static void an_attempt_is_filled_and_nothing_else(void) {
    seawall_attempt_t attempt = SEAWALL_ATTEMPT_INIT;
    attempt.random = 77;
    attempt.retry_after_ns = 5 * SECOND;
    SAME(seawall_http_classify(503, &attempt), SEAWALL_OK);
    SAME(attempt.outcome, SEAWALL_OUTCOME_FAILURE);
    SAME(attempt.is_retryable, 1);
    SAME(attempt.was_not_sent, 0);
    SAME(attempt.cause, SEAWALL_CAUSE_THROTTLED);
    SAME(attempt.retry_after_ns, 5 * SECOND);
    SAME(attempt.random, 77);
    SAME(attempt.struct_bytes, sizeof attempt);

    SAME(seawall_http_trouble(SEAWALL_TROUBLE_CONNECT_TIMEOUT, &attempt), SEAWALL_OK);
    SAME(attempt.was_not_sent, 1);
    SAME(attempt.cause, SEAWALL_CAUSE_TIMEOUT);
    SAME(attempt.retry_after_ns, 0);
    SAME(attempt.random, 77);

    attempt.retry_after_ns = SECOND;
    SAME(seawall_http_classify(204, &attempt), SEAWALL_OK);
    SAME(attempt.outcome, SEAWALL_OUTCOME_SUCCESS);
    SAME(attempt.is_retryable, 0);
    SAME(attempt.was_not_sent, 0);
    SAME(attempt.cause, SEAWALL_CAUSE_FAILURE);
    SAME(attempt.retry_after_ns, 0);
}

static void bad_attempts_are_refused(void) {
    seawall_attempt_t attempt = SEAWALL_ATTEMPT_INIT, before;
    SAME(seawall_http_classify(503, NULL), SEAWALL_ERROR_NULL);
    SAME(seawall_http_trouble(SEAWALL_TROUBLE_RESET, NULL), SEAWALL_ERROR_NULL);
    SAME(seawall_http_classify(503, (seawall_attempt_t *)(void *)((char *)&attempt + 1)), SEAWALL_ERROR_MISALIGNED);
    before = attempt;
    SAME(seawall_http_trouble(0, &attempt), SEAWALL_ERROR_ARGUMENT);
    SAME(seawall_http_trouble(7, &attempt), SEAWALL_ERROR_ARGUMENT);
    SAME(seawall_http_trouble(UINT32_MAX, &attempt), SEAWALL_ERROR_ARGUMENT);
    CHECK(memcmp(&before, &attempt, sizeof attempt) == 0);
    attempt.struct_bytes = 0;
    SAME(seawall_http_classify(503, &attempt), SEAWALL_ERROR_VERSION);

    /* One of an older header, which ended after was_not_sent: what comes behind it is somebody else's. */
    memset(&attempt, 0x5A, sizeof attempt);
    attempt.struct_bytes = (uint32_t)offsetof(seawall_attempt_t, cause);
    SAME(seawall_http_classify(429, &attempt), SEAWALL_OK);
    SAME(attempt.outcome, SEAWALL_OUTCOME_FAILURE);
    SAME(attempt.is_retryable, 1);
    SAME(attempt.cause, UINT32_C(0x5A5A5A5A));
    CHECK(attempt.random == UNTOUCHED);
}

static void methods_have_a_length(void) {
    SAME(seawall_http_is_idempotent("GET", 3), 1);
    SAME(seawall_http_is_idempotent("GETS", 3), 1);
    SAME(seawall_http_is_idempotent("GET", 4), 0); /* with its NUL */
    SAME(seawall_http_is_idempotent("POST", 4), 0);
    SAME(seawall_http_is_idempotent("", 0), 0);
    SAME(seawall_http_is_idempotent(NULL, 3), 0);
}

int main(void) {
    a_header_needs_no_end_and_is_not_read_past_it();
    a_refused_header_touches_nothing();
    an_endless_header_is_not_read();
    what_is_written_ends_and_fits();
    a_deadline_travels_as_what_is_left();
    an_attempt_is_filled_and_nothing_else();
    bad_attempts_are_refused();
    methods_have_a_length();
    return check_end();
}
