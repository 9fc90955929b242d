/* The border itself: sizes, numbers, and structs of older and newer programs. */
#include <seawall.h>

#include "check.h"
#include "json.h"

static SEAWALL_STORAGE(memory, SEAWALL_HISTOGRAM_BYTES);

static void sizes_of_macros_and_functions_agree(void) {
    SAME(SEAWALL_BREAKER_BYTES, seawall_breaker_bytes());
    SAME(SEAWALL_LIMITER_BYTES, seawall_limiter_bytes());
    SAME(SEAWALL_RETRY_BUDGET_BYTES, seawall_retry_budget_bytes());
    SAME(SEAWALL_HISTOGRAM_BYTES, seawall_histogram_bytes());
    unsigned unequal = 0;
    for (uint32_t capacity = 1; capacity <= SEAWALL_BULKHEAD_CAPACITY_MAX; capacity++) {
        unequal += SEAWALL_BULKHEAD_BYTES(capacity) != seawall_bulkhead_bytes(capacity);
    }
    SAME(unequal, 0);
    SAME(seawall_bulkhead_bytes(0), 0);
    SAME(seawall_bulkhead_bytes(SEAWALL_BULKHEAD_CAPACITY_MAX + 1), 0);
    SAME((uintptr_t)memory % SEAWALL_ALIGN, 0);
}

static void versions_agree(void) {
    char text[64];
    (void)snprintf(text, sizeof text, "%d.%d.%d", SEAWALL_VERSION_MAJOR, SEAWALL_VERSION_MINOR, SEAWALL_VERSION_PATCH);
    SAME_TEXT(SEAWALL_VERSION_TEXT, text);
    SAME(SEAWALL_VERSION_NUMBER, SEAWALL_VERSION_MAJOR * 1000000 + SEAWALL_VERSION_MINOR * 1000 + SEAWALL_VERSION_PATCH);
    SAME(seawall_abi_version(), SEAWALL_ABI_VERSION);
}

/* include/seawall.abi.json is what other languages read instead of the header. */
static void structs_are_as_the_description_says(void) {
    const struct { const char *name; size_t bytes; } structs[] = {
#define STRUCT(name) { #name, sizeof(name) }
        STRUCT(seawall_config_error_t), STRUCT(seawall_permit_t), STRUCT(seawall_reservation_t),
        STRUCT(seawall_withdrawal_t),
        STRUCT(seawall_breaker_config_t), STRUCT(seawall_breaker_snapshot_t), STRUCT(seawall_bulkhead_config_t),
        STRUCT(seawall_bulkhead_snapshot_t), STRUCT(seawall_limiter_config_t), STRUCT(seawall_limiter_snapshot_t),
        STRUCT(seawall_retry_budget_config_t), STRUCT(seawall_retry_budget_snapshot_t), STRUCT(seawall_backoff_config_t),
        STRUCT(seawall_policy_config_t), STRUCT(seawall_gates_t), STRUCT(seawall_call_t), STRUCT(seawall_call_options_t),
        STRUCT(seawall_attempt_t), STRUCT(seawall_action_t), STRUCT(seawall_dependency_about_t),
        STRUCT(seawall_dependency_snapshot_t),
    };
    void *bytes = NULL;
    const char *path = getenv("SEAWALL_ABI_JSON");
    const struct json *root = json_load(path == NULL ? "include/seawall.abi.json" : path, &bytes);
    const struct json *described = json_get(root, "structs");
    size_t count = 0;
    for (size_t index = 0; index < sizeof structs / sizeof structs[0]; index++) {
        SAME(json_number(json_get(described, structs[index].name), "size", -1), structs[index].bytes);
    }
    for (const struct json *one = described == NULL ? NULL : described->child; one != NULL; one = one->next) {
        count++;
    }
    SAME(count, sizeof structs / sizeof structs[0]);
    free(bytes);
}

/* A walk through every rule of a breaker, as numbers: two breakers with the same settings walk alike. */
#define WALK 64
static void walk(const seawall_breaker_config_t *config, uint64_t seen[WALK]) {
    seawall_breaker_t *breaker = NULL;
    seawall_permit_t permit = SEAWALL_PERMIT_INIT;
    uint64_t now = 1000000000;
    size_t at = 0;
    memset(seen, 0, WALK * sizeof seen[0]);
    CHECK(seawall_breaker_init(memory, sizeof memory, config, NULL, &breaker) == SEAWALL_OK);
    while (at + 4 <= WALK) {
        seawall_status_t status = seawall_breaker_try_acquire(breaker, now, &permit);
        seen[at++] = (uint64_t)status;
        seen[at++] = permit.retry_after_ns;
        if (status == SEAWALL_OK) {
            uint32_t outcome = now / 100000000 % 7 == 0 ? SEAWALL_OUTCOME_SUCCESS : SEAWALL_OUTCOME_FAILURE;
            seen[at++] = (uint64_t)seawall_breaker_record(breaker, &permit, outcome, 0, now + 5000000);
            seen[at++] = permit.transition;
        } else {
            now += permit.retry_after_ns;
        }
        now += 100000000;
    }
}

/* A call by null options, by those of the macro, and by those of a program whose struct ended after its first fields. */
static void options_of_a_call_are_read_by_their_size(void) {
    static SEAWALL_STORAGE(policy_memory, SEAWALL_POLICY_BYTES);
    static SEAWALL_STORAGE(limiter_memory, SEAWALL_LIMITER_BYTES);
    seawall_policy_config_t config = SEAWALL_POLICY_CONFIG_INIT;
    seawall_limiter_config_t rate = SEAWALL_LIMITER_CONFIG_INIT;
    seawall_gates_t gates = SEAWALL_GATES_INIT;
    seawall_call_options_t options = SEAWALL_CALL_OPTIONS_INIT;
    struct { seawall_call_options_t known; uint64_t more; } newer = { SEAWALL_CALL_OPTIONS_INIT, 0 };
    seawall_policy_t *policy = NULL;
    seawall_limiter_t *limiter = NULL;
    SAME(seawall_limiter_init(limiter_memory, sizeof limiter_memory, &rate, NULL, &limiter), SEAWALL_OK);
    gates.limiters[0] = limiter;
    config.timeout_ns = 1000000000;
    SAME(seawall_policy_init(policy_memory, sizeof policy_memory, &config, &gates, NULL, &policy), SEAWALL_OK);
    options.struct_bytes = 16;
    options.costs[0] = 77; /* beyond its end */
    newer.known.struct_bytes = sizeof newer;
    const seawall_call_options_t *given[] = { NULL, &options, &newer.known };
    for (size_t index = 0; index < 3; index++) {
        seawall_call_t call = SEAWALL_CALL_INIT;
        seawall_action_t next;
        seawall_attempt_t attempt = SEAWALL_ATTEMPT_INIT;
        SAME(seawall_call_begin(policy, given[index], 1000, &call, &next), SEAWALL_OK);
        SAME(next.kind, SEAWALL_ACTION_RUN);
        SAME(next.span_ns, 1000000000);
        CHECK(next.limiter == UINT32_MAX);
        SAME(seawall_call_ended(&call, &attempt, 2000, &next), SEAWALL_OK);
        SAME(next.end, SEAWALL_END_SUCCESS);
    }
    seawall_limiter_snapshot_t left = SEAWALL_SNAPSHOT_INIT(left);
    SAME(seawall_limiter_snapshot(limiter, 1000, &left), SEAWALL_OK);
    SAME(left.remaining, 97);
    newer.more = 1;
    seawall_call_t call = SEAWALL_CALL_INIT;
    seawall_action_t next;
    SAME(seawall_call_begin(policy, &newer.known, 1000, &call, &next), SEAWALL_ERROR_VERSION);
}

static void initialisers_are_the_defaults(void) {
    uint64_t by_null[WALK], by_macro[WALK], by_short[WALK], by_other[WALK];
    seawall_breaker_config_t config = SEAWALL_BREAKER_CONFIG_INIT;
    walk(NULL, by_null);
    walk(&config, by_macro);
    CHECK(memcmp(by_null, by_macro, sizeof by_null) == 0);
    /* What an old program passes whose struct ended after the first field. */
    config.struct_bytes = 8;
    walk(&config, by_short);
    CHECK(memcmp(by_null, by_short, sizeof by_null) == 0);
    config.consecutive_failures = 2;
    walk(&config, by_other);
    CHECK(memcmp(by_null, by_other, sizeof by_null) != 0);

    seawall_bulkhead_t *bulkhead = NULL;
    seawall_bulkhead_config_t bulkhead_config = SEAWALL_BULKHEAD_CONFIG_INIT;
    seawall_bulkhead_snapshot_t seen = SEAWALL_SNAPSHOT_INIT(seen);
    for (int is_null = 0; is_null < 2; is_null++) {
        const seawall_bulkhead_config_t *given = is_null ? NULL : &bulkhead_config;
        SAME(seawall_bulkhead_init(memory, sizeof memory, 64, given, NULL, &bulkhead), SEAWALL_OK);
        SAME(seawall_bulkhead_snapshot(bulkhead, 1, &seen), SEAWALL_OK);
        SAME(seen.max_concurrent, bulkhead_config.max_concurrent);
        SAME(seen.reserved, bulkhead_config.reserved);
        SAME(seawall_bulkhead_begin_wait(bulkhead), SEAWALL_REFUSED_BULKHEAD_WAIT_FULL);
    }

    seawall_limiter_t *limiter = NULL;
    seawall_limiter_config_t limiter_config = SEAWALL_LIMITER_CONFIG_INIT;
    seawall_limiter_snapshot_t left = SEAWALL_SNAPSHOT_INIT(left);
    for (int is_null = 0; is_null < 2; is_null++) {
        SAME(seawall_limiter_init(memory, sizeof memory, is_null ? NULL : &limiter_config, NULL, &limiter), SEAWALL_OK);
        SAME(seawall_limiter_try_acquire(limiter, 1, 1000, NULL), SEAWALL_OK);
        SAME(seawall_limiter_snapshot(limiter, 1000, &left), SEAWALL_OK);
        SAME(left.limit, limiter_config.burst);
        SAME(left.remaining, limiter_config.burst - 1);
        SAME(left.reset_ns, limiter_config.period_ns / limiter_config.permits);
    }

    seawall_retry_budget_config_t of_macro = SEAWALL_RETRY_BUDGET_CONFIG_INIT;
    seawall_retry_budget_config_t of_profile = SEAWALL_RETRY_BUDGET_CONFIG_INIT;
    SAME(seawall_retry_budget_profile(SEAWALL_PROFILE_BUCKET, &of_profile), SEAWALL_OK);
    CHECK(memcmp(&of_macro, &of_profile, sizeof of_macro) == 0);
    SAME(seawall_retry_budget_profile(SEAWALL_PROFILE_FINAGLE, &of_profile), SEAWALL_OK);
    SAME(of_profile.ratio_permille, 200);
    SAME(of_profile.min_per_second, 10);

    seawall_backoff_config_t backoff = SEAWALL_BACKOFF_CONFIG_INIT;
    for (uint32_t attempt = 1; attempt < 20; attempt++) {
        uint64_t delays[2] = { 0, 1 };
        SAME(seawall_backoff_delay(NULL, attempt, 0, UINT64_MAX / attempt, 0, &delays[0]), SEAWALL_OK);
        SAME(seawall_backoff_delay(&backoff, attempt, 0, UINT64_MAX / attempt, 0, &delays[1]), SEAWALL_OK);
        SAME(delays[0], delays[1]);
    }
}

/* What a program from the future passes: our struct, and fields that we do not know. */
struct longer { seawall_breaker_config_t known; uint64_t unknown[2]; };

static void structs_of_other_versions_are_read(void) {
    seawall_breaker_t *breaker = NULL;
    struct longer config = { SEAWALL_BREAKER_CONFIG_INIT, { 0, 0 } };
    config.known.struct_bytes = (uint32_t)sizeof config;
    SAME(seawall_breaker_init(memory, sizeof memory, &config.known, NULL, &breaker), SEAWALL_OK);
    config.unknown[1] = 1;
    SAME(seawall_breaker_init(memory, sizeof memory, &config.known, NULL, &breaker), SEAWALL_ERROR_VERSION);
    SAME(seawall_breaker_reconfigure(breaker, &config.known, NULL), SEAWALL_ERROR_VERSION);

    const uint32_t rubbish[] = { 0, 1, 4, 7, 4097, UINT32_MAX };
    for (size_t index = 0; index < sizeof rubbish / sizeof rubbish[0]; index++) {
        seawall_breaker_config_t wrong = SEAWALL_BREAKER_CONFIG_INIT;
        seawall_breaker_snapshot_t seen = SEAWALL_SNAPSHOT_INIT(seen);
        wrong.struct_bytes = seen.struct_bytes = rubbish[index];
        SAME(seawall_breaker_init(memory, sizeof memory, &wrong, NULL, &breaker), SEAWALL_ERROR_VERSION);
        SAME(seawall_breaker_snapshot(breaker, 1, &seen), SEAWALL_ERROR_VERSION);
    }
}

struct wide { seawall_breaker_snapshot_t known; uint64_t unknown[2]; };

static void snapshots_of_other_versions_are_filled(void) {
    seawall_breaker_t *breaker = NULL;
    struct wide seen;
    SAME(seawall_breaker_init(memory, sizeof memory, NULL, NULL, &breaker), SEAWALL_OK);
    SAME(seawall_breaker_force_open(breaker, NULL), SEAWALL_OK);
    memset(&seen, 0x5A, sizeof seen);
    seen.known.struct_bytes = 12;
    SAME(seawall_breaker_snapshot(breaker, 1, &seen.known), SEAWALL_OK);
    SAME(seen.known.struct_bytes, 12);
    SAME(seen.known.state, SEAWALL_STATE_FORCED_OPEN);
    SAME(seen.known.generation, 1);
    SAME(seen.known.probes_in_flight, 0x5A5A5A5A); /* beyond what the caller has */
    seen.known.struct_bytes = (uint32_t)sizeof seen;
    SAME(seawall_breaker_snapshot(breaker, 1, &seen.known), SEAWALL_OK);
    SAME(seen.known.probes_in_flight, 0);
    SAME(seen.unknown[1], 0x5A5A5A5A5A5A5A5A);
}

static void statuses_have_names_and_texts(void) {
    const seawall_status_t all[] = { SEAWALL_OK, SEAWALL_REFUSED_BREAKER_OPEN, SEAWALL_REFUSED_BREAKER_HALF_OPEN,
        SEAWALL_REFUSED_BREAKER_FORCED_OPEN, SEAWALL_REFUSED_BULKHEAD_FULL, SEAWALL_REFUSED_BULKHEAD_WAIT_FULL,
        SEAWALL_REFUSED_BULKHEAD_WAIT_TIMEOUT, SEAWALL_REFUSED_RATE_LIMITED, SEAWALL_REFUSED_BUDGET_EXHAUSTED,
        SEAWALL_REFUSED_DEADLINE_EXCEEDED, SEAWALL_NOTE_LATE, SEAWALL_NOTE_STALE, SEAWALL_ERROR_NULL,
        SEAWALL_ERROR_MISALIGNED,
        SEAWALL_ERROR_STORAGE_TOO_SMALL, SEAWALL_ERROR_UNINITIALISED, SEAWALL_ERROR_CONFIG, SEAWALL_ERROR_VERSION,
        SEAWALL_ERROR_ARGUMENT, SEAWALL_ERROR_SPENT, SEAWALL_ERROR_FOREIGN, SEAWALL_ERROR_EXCEEDS_CAPACITY,
        SEAWALL_ERROR_PANIC };
    const char *unknown = seawall_status_name(12345);
    for (size_t index = 0; index < sizeof all / sizeof all[0]; index++) {
        CHECK(strcmp(seawall_status_name(all[index]), unknown) != 0);
        CHECK(strlen(seawall_status_text(all[index])) > 5);
        for (size_t other = 0; other < index; other++) {
            CHECK(all[other] != all[index]);
            CHECK(strcmp(seawall_status_name(all[other]), seawall_status_name(all[index])) != 0);
        }
    }
    SAME_TEXT(seawall_status_name(SEAWALL_REFUSED_BREAKER_OPEN), "breaker_open");
    CHECK(seawall_status_text(INT32_MIN) != NULL && seawall_status_name(INT32_MAX) != NULL);
}

static void zero_reads_the_clock(void) {
    uint64_t before = seawall_now_ns();
    CHECK(seawall_deadline_after(0, 1000) >= before + 1000);
    CHECK(seawall_deadline_is_expired(before, 0) == 1);
    CHECK(seawall_deadline_remaining(before + 3600000000000u, 0) <= 3600000000000u);
    CHECK(seawall_deadline_remaining(UINT64_MAX, 0) > UINT64_MAX / 2);
    CHECK(seawall_deadline_attempt_timeout(before + 3600000000000u, 5, 0) == 5);
    CHECK(seawall_now_ns() >= before);
    CHECK(seawall_random() != seawall_random());
}

int main(void) {
    sizes_of_macros_and_functions_agree();
    versions_agree();
    structs_are_as_the_description_says();
    initialisers_are_the_defaults();
    options_of_a_call_are_read_by_their_size();
    structs_of_other_versions_are_read();
    snapshots_of_other_versions_are_filled();
    statuses_have_names_and_texts();
    zero_reads_the_clock();
    return check_end();
}
