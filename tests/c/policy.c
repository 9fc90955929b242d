/* The engine with the caller's own memory and settings, as the sealed archive has it: no wall, no file, no allocation. */
#include <seawall.h>

#include "check.h"

#include <stddef.h>

#define MS UINT64_C(1000000)
#define SECOND (1000 * MS)
#define DAY (86400 * SECOND)

static SEAWALL_STORAGE(policy_memory, SEAWALL_POLICY_BYTES);
static SEAWALL_STORAGE(breaker_memory, SEAWALL_BREAKER_BYTES);
static SEAWALL_STORAGE(bulkhead_memory, SEAWALL_BULKHEAD_BYTES(8));
static SEAWALL_STORAGE(limiter_memory, SEAWALL_LIMITER_BYTES);
static SEAWALL_STORAGE(budget_memory, SEAWALL_RETRY_BUDGET_BYTES);

static seawall_policy_t *policy;
static seawall_breaker_t *breaker;
static seawall_bulkhead_t *bulkhead;
static seawall_limiter_t *limiter;
static seawall_retry_budget_t *budget;

static const seawall_backoff_config_t PLAIN_BACKOFF = { (uint32_t)sizeof(seawall_backoff_config_t), SEAWALL_JITTER_NONE, 2000,
    0, 100 * MS, 20 * SECOND, UINT64_MAX };

static seawall_policy_config_t three_attempts(void) {
    seawall_policy_config_t config = SEAWALL_POLICY_CONFIG_INIT;
    config.timeout_ns = 2 * SECOND;
    config.attempts = 3;
    config.backoff = &PLAIN_BACKOFF;
    return config;
}

/* All gates: two places, a breaker that five failures in a row open, 10 calls/s, and a budget. */
static seawall_gates_t all_gates(void) {
    seawall_gates_t gates = SEAWALL_GATES_INIT;
    seawall_bulkhead_config_t places = SEAWALL_BULKHEAD_CONFIG_INIT;
    seawall_limiter_config_t rate = SEAWALL_LIMITER_CONFIG_INIT;
    seawall_breaker_config_t failures = SEAWALL_BREAKER_CONFIG_INIT;
    places.max_concurrent = 2;
    places.max_waiting = 8;
    rate.permits = 10;
    rate.burst = 10;
    failures.open_jitter_permille = 0;
    SAME(seawall_bulkhead_init(bulkhead_memory, sizeof bulkhead_memory, 8, &places, NULL, &bulkhead), SEAWALL_OK);
    SAME(seawall_limiter_init(limiter_memory, sizeof limiter_memory, &rate, NULL, &limiter), SEAWALL_OK);
    SAME(seawall_breaker_init(breaker_memory, sizeof breaker_memory, &failures, NULL, &breaker), SEAWALL_OK);
    SAME(seawall_retry_budget_init(budget_memory, sizeof budget_memory, NULL, 1, NULL, &budget), SEAWALL_OK);
    gates.breaker = breaker;
    gates.bulkhead = bulkhead;
    gates.limiters[0] = limiter;
    gates.retry_budget = budget;
    return gates;
}

static void make(const seawall_policy_config_t *config, const seawall_gates_t *gates) {
    SAME(seawall_policy_init(policy_memory, sizeof policy_memory, config, gates, NULL, &policy), SEAWALL_OK);
}

static seawall_attempt_t a_failure(void) {
    seawall_attempt_t attempt = SEAWALL_ATTEMPT_INIT;
    attempt.outcome = SEAWALL_OUTCOME_FAILURE;
    attempt.is_retryable = 1;
    attempt.random = 1;
    return attempt;
}

/* What is held of all gates together. */
static uint64_t held(uint64_t now) {
    seawall_bulkhead_snapshot_t places = SEAWALL_SNAPSHOT_INIT(places);
    seawall_retry_budget_snapshot_t retries = SEAWALL_SNAPSHOT_INIT(retries);
    seawall_breaker_snapshot_t probes = SEAWALL_SNAPSHOT_INIT(probes);
    SAME(seawall_bulkhead_snapshot(bulkhead, now, &places), SEAWALL_OK);
    SAME(seawall_retry_budget_snapshot(budget, now, &retries), SEAWALL_OK);
    SAME(seawall_breaker_snapshot(breaker, now, &probes), SEAWALL_OK);
    return (uint64_t)places.in_use + places.waiting + retries.calls_in_flight + retries.retries_in_flight
        + probes.probes_in_flight;
}

static void a_call_tries_again_and_ends_well(void) {
    const seawall_policy_config_t config = three_attempts();
    const seawall_gates_t gates = all_gates();
    const seawall_attempt_t failure = a_failure(), success = SEAWALL_ATTEMPT_INIT;
    seawall_call_t call = SEAWALL_CALL_INIT;
    seawall_action_t next;
    char first[37], second[37];
    make(&config, &gates);
    SAME(seawall_call_begin(policy, NULL, SECOND, &call, &next), SEAWALL_OK);
    SAME(next.kind, SEAWALL_ACTION_RUN);
    SAME(next.attempt, 1);
    SAME(next.span_ns, 2 * SECOND);
    SAME(held(SECOND), 1);
    SAME(seawall_call_key(&call, first), SEAWALL_OK);
    SAME(strlen(first), 36);
    SAME(seawall_call_ended(&call, &failure, SECOND + MS, &next), SEAWALL_OK);
    SAME(next.kind, SEAWALL_ACTION_SLEEP);
    SAME(next.span_ns, 100 * MS);
    SAME(seawall_call_woke(&call, SECOND + 101 * MS, &next), SEAWALL_OK);
    SAME(next.kind, SEAWALL_ACTION_RUN);
    SAME(next.attempt, 2);
    SAME(seawall_call_key(&call, second), SEAWALL_OK);
    SAME_TEXT(second, first);
    SAME(seawall_call_ended(&call, &success, SECOND + 102 * MS, &next), SEAWALL_OK);
    SAME(next.kind, SEAWALL_ACTION_FINISH);
    SAME(next.end, SEAWALL_END_SUCCESS);
    SAME(next.stop, SEAWALL_STOP_DONE);
    SAME(next.attempt, 2);
    SAME(next.may_fall_back, 0);
    SAME(next.freed, 1);
    SAME(held(2 * SECOND), 0);
}

/* Gives the call up at every point that it passes on its way through a queue, two attempts and a wait. */
static void a_call_given_up_anywhere_holds_nothing(void) {
    for (int point = 0; point < 5; point++) {
        seawall_policy_config_t config = three_attempts();
        const seawall_gates_t gates = all_gates();
        const seawall_attempt_t failure = a_failure(), success = SEAWALL_ATTEMPT_INIT;
        seawall_call_t others[2] = { SEAWALL_CALL_INIT, SEAWALL_CALL_INIT }, call = SEAWALL_CALL_INIT;
        seawall_action_t next;
        int reached = 0;
        config.max_wait_ns = SECOND;
        make(&config, &gates);
        for (int other = 0; other < 2; other++) {
            SAME(seawall_call_begin(policy, NULL, SECOND, &others[other], &next), SEAWALL_OK);
        }
        SAME(seawall_call_begin(policy, NULL, SECOND, &call, &next), SEAWALL_OK);
        SAME(next.kind, SEAWALL_ACTION_WAIT);
        for (int other = 0; other < 2; other++) {
            seawall_action_t over;
            SAME(seawall_call_ended(&others[other], &success, SECOND + 10 * MS, &over), SEAWALL_OK);
        }
        while (reached++ < point && next.kind != SEAWALL_ACTION_FINISH) {
            const uint64_t now = SECOND + (uint64_t)reached * 300 * MS;
            if (next.kind == SEAWALL_ACTION_RUN) {
                SAME(seawall_call_ended(&call, &failure, now, &next), SEAWALL_OK);
            } else {
                SAME(seawall_call_woke(&call, now, &next), SEAWALL_OK);
            }
        }
        CHECK(next.kind != SEAWALL_ACTION_FINISH);
        SAME(seawall_call_cancelled(&call, 3 * SECOND, &next), SEAWALL_OK);
        SAME(next.kind, SEAWALL_ACTION_FINISH);
        SAME(next.end, SEAWALL_END_IGNORED);
        SAME(next.stop, SEAWALL_STOP_CANCELLED);
        SAME(held(3 * SECOND), 0);
        SAME(seawall_call_cancelled(&call, 3 * SECOND, &next), SEAWALL_ERROR_ARGUMENT);
    }
}

static void events_out_of_turn_change_nothing(void) {
    const seawall_policy_config_t config = three_attempts();
    const seawall_gates_t gates = all_gates();
    const seawall_attempt_t success = SEAWALL_ATTEMPT_INIT;
    seawall_attempt_t strange = SEAWALL_ATTEMPT_INIT;
    seawall_call_t call = SEAWALL_CALL_INIT;
    seawall_action_t next, untouched;
    seawall_permit_t place = SEAWALL_PERMIT_INIT;
    char key[37];
    make(&config, &gates);
    memset(&next, 0x5A, sizeof next);
    untouched = next;

    /* Before it has begun. */
    SAME(seawall_call_ended(&call, &success, SECOND, &next), SEAWALL_ERROR_ARGUMENT);
    SAME(seawall_call_woke(&call, SECOND, &next), SEAWALL_ERROR_ARGUMENT);
    SAME(seawall_call_cancelled(&call, SECOND, &next), SEAWALL_ERROR_ARGUMENT);
    SAME(seawall_call_key(&call, key), SEAWALL_ERROR_ARGUMENT);
    CHECK(seawall_call_keep(&call, &place) < 0);
    CHECK(seawall_call_deadline_ns(&call) == SEAWALL_NEVER);
    CHECK(memcmp(&next, &untouched, sizeof next) == 0);

    /* Begun twice; woken while it runs. */
    SAME(seawall_call_begin(policy, NULL, SECOND, &call, &next), SEAWALL_OK);
    SAME(seawall_call_begin(policy, NULL, SECOND, &call, &next), SEAWALL_ERROR_ARGUMENT);
    SAME(seawall_call_woke(&call, SECOND, &next), SEAWALL_ERROR_ARGUMENT);
    SAME(held(SECOND), 1);

    /* An attempt that cannot mean anything. */
    strange.outcome = 3;
    SAME(seawall_call_ended(&call, &strange, SECOND, &next), SEAWALL_ERROR_ARGUMENT);
    strange.outcome = SEAWALL_OUTCOME_FAILURE;
    strange.cause = 3;
    SAME(seawall_call_ended(&call, &strange, SECOND, &next), SEAWALL_ERROR_ARGUMENT);
    strange.struct_bytes = 4;
    SAME(seawall_call_ended(&call, &strange, SECOND, &next), SEAWALL_ERROR_VERSION);
    SAME(held(SECOND), 1);

    /* Ended twice, and used after its end. */
    SAME(seawall_call_ended(&call, &success, SECOND, &next), SEAWALL_OK);
    SAME(seawall_call_ended(&call, &success, SECOND, &next), SEAWALL_ERROR_ARGUMENT);
    SAME(seawall_call_woke(&call, SECOND, &next), SEAWALL_ERROR_ARGUMENT);
    SAME(seawall_call_cancelled(&call, SECOND, &next), SEAWALL_ERROR_ARGUMENT);
    SAME(held(SECOND), 0);

    /* And it can begin again. */
    SAME(seawall_call_begin(policy, NULL, 2 * SECOND, &call, &next), SEAWALL_OK);
    SAME(seawall_call_ended(&call, &success, 2 * SECOND, &next), SEAWALL_OK);
}

static void null_and_strange_arguments_are_refused(void) {
    const seawall_policy_config_t config = three_attempts();
    const seawall_gates_t gates = all_gates();
    seawall_call_t call = SEAWALL_CALL_INIT;
    seawall_action_t next;
    seawall_call_options_t options = SEAWALL_CALL_OPTIONS_INIT;
    make(&config, &gates);
    SAME(seawall_call_begin(NULL, NULL, SECOND, &call, &next), SEAWALL_ERROR_NULL);
    SAME(seawall_call_begin(policy, NULL, SECOND, NULL, &next), SEAWALL_ERROR_NULL);
    SAME(seawall_call_begin(policy, NULL, SECOND, &call, NULL), SEAWALL_ERROR_NULL);
    SAME(seawall_call_ended(NULL, NULL, SECOND, &next), SEAWALL_ERROR_NULL);
    SAME(seawall_call_woke(NULL, SECOND, &next), SEAWALL_ERROR_NULL);
    SAME(seawall_call_cancelled(NULL, SECOND, &next), SEAWALL_ERROR_NULL);
    SAME(seawall_call_begin((seawall_policy_t *)(void *)breaker_memory, NULL, SECOND, &call, &next),
        SEAWALL_ERROR_UNINITIALISED);
    SAME(seawall_call_begin(policy, NULL, SECOND, (seawall_call_t *)(void *)((char *)&call + 1), &next),
        SEAWALL_ERROR_MISALIGNED);
    options.critical = 3;
    SAME(seawall_call_begin(policy, &options, SECOND, &call, &next), SEAWALL_ERROR_ARGUMENT);
    options.critical = SEAWALL_AS_POLICY;
    options.idempotent = 9;
    SAME(seawall_call_begin(policy, &options, SECOND, &call, &next), SEAWALL_ERROR_ARGUMENT);
    options.idempotent = SEAWALL_AS_POLICY;
    options.costs[0] = 11; /* a bucket of ten */
    SAME(seawall_call_begin(policy, &options, SECOND, &call, &next), SEAWALL_ERROR_EXCEEDS_CAPACITY);
    options.struct_bytes = 0;
    SAME(seawall_call_begin(policy, &options, SECOND, &call, &next), SEAWALL_ERROR_VERSION);
    SAME(held(SECOND), 0);
}

static void every_setting_has_two_ends(void) {
    static const struct {
        const char *field;
        size_t offset;
        size_t size;
        uint64_t min, max;
    } rows[] = {
#define ROW(member, field, min, max) \
    { field, offsetof(seawall_policy_config_t, member), sizeof(((seawall_policy_config_t *)0)->member), min, max }
        ROW(timeout_ns, "timeout", MS, DAY),
        ROW(attempts, "attempts", 1, 100),
        ROW(deadline_ns, "deadline", 2 * SECOND, DAY),
        ROW(useful_ns, "useful", 0, 2 * SECOND),
        ROW(max_wait_ns, "max_wait", 0, DAY),
        ROW(reserve_permille, "reserve", 0, 1000),
        ROW(idempotent, "idempotent", 0, 1),
        ROW(critical, "critical", 0, 1),
        ROW(may_fall_back, "may_fall_back", 0, 1),
        ROW(breaker_scope, "scope", 0, 1),
        ROW(bulkhead_scope, "scope", 0, 1),
#undef ROW
    };
    for (size_t index = 0; index < sizeof rows / sizeof rows[0]; index++) {
        const uint64_t values[] = { rows[index].min, rows[index].max, rows[index].min - 1, rows[index].max + 1 };
        for (int which = 0; which < 4; which++) {
            seawall_policy_config_t config = three_attempts();
            seawall_config_error_t error;
            uint32_t narrow = (uint32_t)values[which];
            if (which == 2 && rows[index].min == 0) {
                continue;
            }
            memcpy((char *)&config + rows[index].offset, rows[index].size == 4 ? (void *)&narrow : (void *)&values[which],
                rows[index].size);
            seawall_status_t status = seawall_policy_init(policy_memory, sizeof policy_memory, &config, NULL, &error, &policy);
            if (status != (which < 2 ? SEAWALL_OK : SEAWALL_ERROR_CONFIG)) {
                printf("%s = %" PRIu64 ":\n", rows[index].field, values[which]);
            }
            SAME(status, which < 2 ? SEAWALL_OK : SEAWALL_ERROR_CONFIG);
            if (which >= 2) {
                CHECK(strstr(error.field, rows[index].field) != NULL);
                CHECK(error.value == values[which]);
                SAME(error.min, rows[index].min);
                SAME(error.max, rows[index].max);
            }
        }
    }
    seawall_policy_config_t config = three_attempts();
    seawall_gates_t gates = SEAWALL_GATES_INIT;
    SAME(seawall_policy_init(NULL, sizeof policy_memory, &config, NULL, NULL, &policy), SEAWALL_ERROR_NULL);
    SAME(seawall_policy_init(policy_memory + 8, sizeof policy_memory, &config, NULL, NULL, &policy), SEAWALL_ERROR_MISALIGNED);
    SAME(seawall_policy_init(policy_memory, SEAWALL_POLICY_BYTES - 1, &config, NULL, NULL, &policy),
        SEAWALL_ERROR_STORAGE_TOO_SMALL);
    SAME(seawall_policy_init(policy_memory, sizeof policy_memory, &config, NULL, NULL, NULL), SEAWALL_ERROR_NULL);
    CHECK(seawall_policy_init(policy_memory, sizeof policy_memory, NULL, NULL, NULL, &policy) < 0); /* no timeout */
    gates.breaker = (const seawall_breaker_t *)(const void *)bulkhead_memory;
    SAME(seawall_policy_init(policy_memory, sizeof policy_memory, &config, &gates, NULL, &policy), SEAWALL_ERROR_UNINITIALISED);
}

/* A deadline of five seconds is five seconds: two attempts of two seconds, a wait, and what is left for the third. */
static void five_seconds_are_never_nine(void) {
    seawall_policy_config_t config = three_attempts();
    seawall_call_t call = SEAWALL_CALL_INIT;
    seawall_action_t next;
    uint64_t now = SECOND;
    seawall_attempt_t timeout = a_failure();
    timeout.cause = SEAWALL_CAUSE_TIMEOUT;
    config.timeout_ns = 3 * SECOND;
    config.deadline_ns = 5 * SECOND;
    make(&config, NULL);
    SAME(seawall_call_begin(policy, NULL, now, &call, &next), SEAWALL_OK);
    while (next.kind != SEAWALL_ACTION_FINISH) {
        now += next.span_ns; /* the server never answers */
        CHECK(now <= 6 * SECOND);
        if (next.kind == SEAWALL_ACTION_RUN) {
            SAME(seawall_call_ended(&call, &timeout, now, &next), SEAWALL_OK);
        } else {
            SAME(seawall_call_woke(&call, now, &next), SEAWALL_OK);
        }
    }
    SAME(next.end, SEAWALL_END_FAILURE);
    SAME(next.attempt, 2);
    SAME(next.stop, SEAWALL_STOP_DEADLINE_TOO_NEAR);
    SAME(now, 6 * SECOND);
}

static void a_deadline_in_the_past_takes_nothing(void) {
    const seawall_policy_config_t config = three_attempts();
    const seawall_gates_t gates = all_gates();
    seawall_call_options_t options = SEAWALL_CALL_OPTIONS_INIT;
    seawall_call_t call = SEAWALL_CALL_INIT;
    seawall_action_t next;
    make(&config, &gates);
    options.deadline_ns = SECOND;
    SAME(seawall_call_begin(policy, &options, SECOND, &call, &next), SEAWALL_OK);
    SAME(next.kind, SEAWALL_ACTION_FINISH);
    SAME(next.end, SEAWALL_END_REFUSED);
    SAME(next.status, SEAWALL_REFUSED_DEADLINE_EXCEEDED);
    SAME(next.attempt, 0);
    SAME(held(SECOND), 0);
}

/* Two calls of three failed attempts are two failures for a breaker that counts calls, and six for one that counts
 * attempts. */
static void a_call_counts_once_unless_its_policy_counts_attempts(void) {
    for (uint32_t scope = SEAWALL_SCOPE_CALL; scope <= SEAWALL_SCOPE_ATTEMPT; scope++) {
        seawall_policy_config_t config = three_attempts();
        const seawall_gates_t gates = all_gates();
        const seawall_attempt_t failure = a_failure();
        seawall_breaker_snapshot_t seen = SEAWALL_SNAPSHOT_INIT(seen);
        uint64_t now = SECOND;
        config.breaker_scope = scope;
        make(&config, &gates);
        for (int one = 0; one < 2; one++) {
            seawall_call_t call = SEAWALL_CALL_INIT;
            seawall_action_t next;
            SAME(seawall_call_begin(policy, NULL, now, &call, &next), SEAWALL_OK);
            while (next.kind != SEAWALL_ACTION_FINISH) {
                now += MS;
                if (next.kind == SEAWALL_ACTION_RUN) {
                    SAME(seawall_call_ended(&call, &failure, now, &next), SEAWALL_OK);
                } else {
                    now += next.span_ns;
                    SAME(seawall_call_woke(&call, now, &next), SEAWALL_OK);
                }
            }
        }
        SAME(seawall_breaker_snapshot(breaker, now, &seen), SEAWALL_OK);
        SAME(seen.state, scope == SEAWALL_SCOPE_CALL ? SEAWALL_STATE_CLOSED : SEAWALL_STATE_OPEN);
        SAME(seen.failure, scope == SEAWALL_SCOPE_CALL ? 2 : 5);
        SAME(held(now), 0);
    }
}

/* Five layers of three tries each on top of a dead server. */
static unsigned layer(int depth, uint32_t attempts) {
    seawall_policy_config_t config = three_attempts();
    SEAWALL_STORAGE(memory, SEAWALL_POLICY_BYTES);
    seawall_policy_t *own = NULL;
    seawall_call_t call = SEAWALL_CALL_INIT;
    seawall_action_t next;
    const seawall_attempt_t failure = a_failure();
    unsigned requests = 0;
    uint64_t now = SECOND;
    if (depth == 0) {
        return 1;
    }
    config.attempts = depth == 5 ? 3 : attempts;
    if (seawall_policy_init(memory, sizeof memory, &config, NULL, NULL, &own) != SEAWALL_OK
        || seawall_call_begin(own, NULL, now, &call, &next) != SEAWALL_OK) {
        return 0;
    }
    while (next.kind != SEAWALL_ACTION_FINISH) {
        now += next.kind == SEAWALL_ACTION_SLEEP ? next.span_ns : MS;
        seawall_status_t status;
        if (next.kind == SEAWALL_ACTION_RUN) {
            requests += layer(depth - 1, attempts);
            status = seawall_call_ended(&call, &failure, now, &next);
        } else {
            status = seawall_call_woke(&call, now, &next);
        }
        if (status != SEAWALL_OK) {
            return 0;
        }
    }
    return requests;
}

int main(void) {
    a_call_tries_again_and_ends_well();
    a_call_given_up_anywhere_holds_nothing();
    events_out_of_turn_change_nothing();
    null_and_strange_arguments_are_refused();
    every_setting_has_two_ends();
    five_seconds_are_never_nine();
    a_deadline_in_the_past_takes_nothing();
    a_call_counts_once_unless_its_policy_counts_attempts();
    SAME(layer(5, 3), 243); /* where every layer tries again */
    SAME(layer(5, 1), 3);   /* where one does */
    return check_end();
}
