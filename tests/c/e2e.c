/* End to end: real sockets, a real server, and real faults between them. SEAWALL_RIG names the program that holds both
 * (tests/rig); without it nothing is tested. Prints its figures. */
#define _POSIX_C_SOURCE 200809L
#include <seawall.h>

#include "rig.h"

#define MS UINT64_C(1000000)
#define SECOND (1000 * MS)

static seawall_wall_t *wall;

struct made {
    seawall_action_t finish;
    uint64_t duration_ns;
    struct http_answer answer;
};

static const seawall_dependency_t *dependency(const char *name, const char *policy) {
    const seawall_dependency_t *made = NULL;
    char message[1024];
    if (seawall_wall_define(wall, name, policy, 0, &made, message, sizeof message) != SEAWALL_OK) {
        printf("%s\n", message);
        failed_count++;
    }
    return made;
}

static void attempt_over(seawall_call_t *call, uint64_t timeout_ns, const char *method, const char *path, const char *body,
    seawall_attempt_t *attempt, struct http_answer *answer) {
    const uint64_t deadline_ns = seawall_deadline_after(0, timeout_ns);
    char request[1024], key[37] = "", grpc[16] = "", millis[24] = "";
    if (seawall_call_key(call, key) != SEAWALL_OK) {
        failed_count++;
    }
    (void)seawall_deadline_to_grpc(timeout_ns, grpc);
    (void)seawall_deadline_to_ms(timeout_ns, millis);
    (void)snprintf(request, sizeof request,
        "%s %s HTTP/1.1\r\nHost: c\r\nIdempotency-Key: %s\r\ngrpc-timeout: %s\r\nx-request-timeout-ms: %s\r\n"
        "Content-Length: %zu\r\n\r\n%s", method, path, key, grpc, millis, strlen(body), body);
    const uint32_t trouble = http_exchange(proxy_port, request, deadline_ns, answer);
    attempt->retry_after_ns = answer->retry_after_ns;
    SAME(trouble != 0 ? seawall_http_trouble(trouble, attempt) : seawall_http_classify(answer->status, attempt), SEAWALL_OK);
}

static struct made call(const seawall_dependency_t *to, const char *method, const char *path, const char *body) {
    struct made made;
    seawall_call_t state = SEAWALL_CALL_INIT;
    seawall_call_options_t options = SEAWALL_CALL_OPTIONS_INIT;
    const uint64_t begun = seawall_now_ns();
    memset(&made, 0, sizeof made);
    options.idempotent = seawall_http_is_idempotent(method, strlen(method)) != 0 ? SEAWALL_AS_POLICY : SEAWALL_NO;
    seawall_status_t status = seawall_dependency_begin(to, &options, 0, &state, &made.finish);
    while (status == SEAWALL_OK && made.finish.kind != SEAWALL_ACTION_FINISH) {
        if (made.finish.kind == SEAWALL_ACTION_RUN) {
            seawall_attempt_t attempt = SEAWALL_ATTEMPT_INIT;
            attempt_over(&state, made.finish.span_ns, method, path, body, &attempt, &made.answer);
            status = seawall_call_ended(&state, &attempt, 0, &made.finish);
        } else {
            const struct timespec span = { (time_t)(made.finish.span_ns / SECOND), (long)(made.finish.span_ns % SECOND) };
            (void)nanosleep(&span, NULL);
            status = seawall_call_woke(&state, 0, &made.finish);
        }
    }
    SAME(status, SEAWALL_OK);
    made.duration_ns = seawall_now_ns() - begun;
    return made;
}

static void print_figures(const char *what, const struct made *made) {
    printf("%-36s %s after %u attempts in %" PRIu64 " ms\n", what,
        made->finish.end == SEAWALL_END_SUCCESS       ? "success"
            : made->finish.end == SEAWALL_END_REFUSED ? seawall_status_name(made->finish.status)
                                                      : "failure",
        made->finish.attempt, made->duration_ns / MS);
}

/* The check refuses retries without a budget, so there is one that does not run out here. */
#define BUDGET "budget = { ratio = '100%', min_per_second = 100, cap = 10000 }"
#define PATIENT "timeout = '300ms'\ndeadline = '2s'\nretry = { attempts = 3, base = '10ms', " BUDGET " }\nbreaker = 'off'\n"

static void what_works_works(void) {
    const seawall_dependency_t *to = dependency("works", PATIENT);
    struct made made = call(to, "GET", "/ok", "");
    print_figures("no fault", &made);
    SAME(made.finish.end, SEAWALL_END_SUCCESS);
    SAME(made.finish.attempt, 1);
    SAME_TEXT(made.answer.body, "ok");
    made = call(to, "GET", "/headers", "");
    CHECK(strstr(made.answer.body, "\"idempotency-key\"") != NULL);
    CHECK(strstr(made.answer.body, "\"grpc-timeout\"") != NULL);
    CHECK(strstr(made.answer.body, "\"x-request-timeout-ms\"") != NULL);
    made = call(to, "POST", "/echo", "a body");
    SAME_TEXT(made.answer.body, "a body");
    made = call(to, "GET", "/flaky/2?id=c", "");
    print_figures("503 twice", &made);
    SAME(made.finish.end, SEAWALL_END_SUCCESS);
    SAME(made.finish.attempt, 3);
    made = call(to, "GET", "/status/404", "");
    SAME(made.finish.end, SEAWALL_END_SUCCESS); /* it answered */
    SAME(made.finish.attempt, 1);
    made = call(to, "GET", "/status/501", "");
    SAME(made.finish.stop, SEAWALL_STOP_NOT_RETRYABLE);
}

static void latency(void) {
    const seawall_dependency_t *to = dependency("latency", PATIENT);
    add_fault("latency", "latency", 100);
    struct made made = call(to, "GET", "/ok", "");
    print_figures("latency of 100 ms", &made);
    SAME(made.finish.end, SEAWALL_END_SUCCESS);
    CHECK(made.duration_ns >= 100 * MS);
    end_fault();
    add_fault("latency", "latency", 1000);
    made = call(to, "GET", "/ok", "");
    print_figures("latency above the timeout", &made);
    SAME(made.finish.end, SEAWALL_END_FAILURE);
    SAME(made.finish.stop, SEAWALL_STOP_ATTEMPTS_USED);
    CHECK(made.duration_ns >= 900 * MS && made.duration_ns < 2 * SECOND);
    seawall_dependency_snapshot_t seen = SEAWALL_SNAPSHOT_INIT(seen);
    SAME(seawall_dependency_snapshot(to, &seen), SEAWALL_OK);
    SAME(seen.timeouts, 3);
    end_fault();
}

static void resets(void) {
    const seawall_dependency_t *to = dependency("resets", PATIENT);
    add_fault("reset_peer", "timeout", 0);
    struct made made = call(to, "GET", "/ok", "");
    print_figures("resets", &made);
    SAME(made.finish.end, SEAWALL_END_FAILURE);
    SAME(made.finish.attempt, 3);
    made = call(to, "POST", "/echo", "an order");
    print_figures("resets of what must not be repeated", &made);
    SAME(made.finish.attempt, 1);
    SAME(made.finish.stop, SEAWALL_STOP_NOT_RETRYABLE);
    end_fault();
    made = call(to, "GET", "/ok", "");
    SAME(made.finish.end, SEAWALL_END_SUCCESS);
}

static void silence(void) {
    const seawall_dependency_t *to = dependency("silence", PATIENT);
    add_fault("timeout", "timeout", 0);
    struct made made = call(to, "GET", "/ok", "");
    print_figures("silence", &made);
    SAME(made.finish.end, SEAWALL_END_FAILURE);
    SAME(made.finish.attempt, 3);
    CHECK(made.duration_ns >= 900 * MS && made.duration_ns < 2 * SECOND);
    end_fault();
}

static void bandwidth(void) {
    const seawall_dependency_t *to = dependency("bandwidth", PATIENT);
    struct made made = call(to, "GET", "/bytes/200000", "");
    SAME(made.finish.end, SEAWALL_END_SUCCESS);
    SAME(made.answer.body_bytes, 200000);
    add_fault("bandwidth", "rate", 10);
    made = call(to, "GET", "/bytes/200000", "");
    print_figures("200 KB at 10 KB/s", &made);
    SAME(made.finish.end, SEAWALL_END_FAILURE);
    CHECK(made.answer.body_bytes < 200000);
    CHECK(made.duration_ns < 2 * SECOND);
    made = call(to, "GET", "/ok", "");
    print_figures("2 bytes at 10 KB/s", &made);
    SAME(made.finish.end, SEAWALL_END_SUCCESS);
    end_fault();
}

static void throttling(void) {
    const seawall_dependency_t *to = dependency("throttling", PATIENT);
    struct made made = call(to, "GET", "/retry-after/60", "");
    print_figures("429, Retry-After beyond the deadline", &made);
    SAME(made.answer.status, 429);
    SAME(made.finish.attempt, 1);
    SAME(made.finish.stop, SEAWALL_STOP_DEADLINE_TOO_NEAR);
    CHECK(made.duration_ns < SECOND);
    made = call(to, "GET", "/retry-after-date/60", "");
    print_figures("503 with a date", &made);
    SAME(made.answer.status, 503);
    CHECK(made.answer.retry_after_ns >= 58 * SECOND && made.answer.retry_after_ns <= 61 * SECOND);
    SAME(made.finish.stop, SEAWALL_STOP_DEADLINE_TOO_NEAR);
    made = call(to, "GET", "/retry-after/1", "");
    print_figures("429, Retry-After of a second", &made);
    SAME(made.finish.attempt, 2); /* the second one's second would end beyond the deadline */
    CHECK(made.duration_ns >= SECOND && made.duration_ns < 2 * SECOND);
}

static void a_server_that_goes_and_comes_back(void) {
    const seawall_dependency_t *to = dependency("gone",
        "timeout = '300ms'\nretry = { attempts = 3, base = '1ms', " BUDGET " }\n"
        "breaker = { consecutive_failures = 3, open_for = '300ms', open_jitter = '0%' }\n");
    unsigned failures = 0, refusals = 0;
    switch_server(false);
    struct made made = call(to, "POST", "/echo", "an order");
    print_figures("refused, so not sent, so repeated", &made);
    SAME(made.finish.attempt, 3);
    for (int one = 0; one < 20; one++) {
        made = call(to, "GET", "/ok", "");
        failures += made.finish.end == SEAWALL_END_FAILURE;
        refusals += made.finish.end == SEAWALL_END_REFUSED;
    }
    print_figures("server down, breaker open", &made);
    SAME(failures, 2);
    SAME(refusals, 18);
    SAME(made.finish.status, SEAWALL_REFUSED_BREAKER_OPEN);
    CHECK(made.finish.retry_after_ns > 0 && made.finish.retry_after_ns <= 300 * MS);
    switch_server(true);
    const uint64_t begun = seawall_now_ns();
    do {
        const struct timespec span = { 0, 10 * 1000000 };
        (void)nanosleep(&span, NULL);
        made = call(to, "GET", "/ok", "");
    } while (made.finish.end != SEAWALL_END_SUCCESS && seawall_now_ns() - begun < 5 * SECOND);
    printf("%-36s after %" PRIu64 " ms\n", "recovered", (seawall_now_ns() - begun) / MS);
    SAME(made.finish.end, SEAWALL_END_SUCCESS);
    SAME(seawall_breaker_state(seawall_dependency_breaker(to)), SEAWALL_STATE_CLOSED);
}

int main(void) {
    if (start_rig()) {
        SAME(seawall_wall_new(&wall), SEAWALL_OK);
        what_works_works();
        latency();
        resets();
        silence();
        bandwidth();
        throttling();
        a_server_that_goes_and_comes_back();
        seawall_wall_close(wall);
    }
    return stop_rig();
}
