/* Bad input: every one is a typed answer, names what is wrong, and has no effect. */
#include <seawall.h>

#include "check.h"

#include <stddef.h>
#include <stdlib.h>

#define DAY UINT64_C(86400000000000)
#define MS UINT64_C(1000000)

static SEAWALL_STORAGE(memory, SEAWALL_HISTOGRAM_BYTES);
static SEAWALL_STORAGE(other_memory, SEAWALL_HISTOGRAM_BYTES);

/* A setting, its range, and another setting that the range supposes. */
struct setting {
    const char *field;
    size_t offset;
    size_t size;
    uint64_t min;
    uint64_t max;
    size_t supposed_offset;
    uint64_t supposed;
};

typedef seawall_status_t (*maker)(const void *config, seawall_config_error_t *error);

static void put(void *config, size_t offset, size_t size, uint64_t value) {
    uint32_t narrow = (uint32_t)value;
    memcpy((char *)config + offset, size == 4 ? (const void *)&narrow : (const void *)&value, size);
}

static void refused(maker make, const void *config, const struct setting *setting, uint64_t value) {
    seawall_config_error_t error;
    memset(&error, 0x5A, sizeof error);
    SAME(make(config, &error), SEAWALL_ERROR_CONFIG);
    SAME_TEXT(error.field, setting->field);
    SAME(error.value, value);
    SAME(error.min, setting->min);
    SAME(error.max, setting->max);
    SAME(make(config, NULL), SEAWALL_ERROR_CONFIG);
}

/* Tries a setting at both ends of its range and one step beyond each. */
static void try_ends(maker make, const void *defaults, size_t bytes, const struct setting *settings, size_t count) {
    for (const struct setting *setting = settings; setting < settings + count; setting++) {
        union { uint64_t align; char bytes[256]; } config;
        memcpy(config.bytes, defaults, bytes);
        if (setting->supposed_offset != 0) {
            put(config.bytes, setting->supposed_offset, setting->supposed > UINT32_MAX ? 8 : 4, setting->supposed);
        }
        const uint64_t most = setting->size == 4 ? UINT32_MAX : UINT64_MAX;
        const uint64_t good[] = { setting->min, setting->max, setting->min + (setting->max - setting->min) / 2 };
        for (size_t index = 0; index < 3; index++) {
            put(config.bytes, setting->offset, setting->size, good[index]);
            if (make(config.bytes, NULL) != SEAWALL_OK) {
                printf("%s = %" PRIu64 ":\n", setting->field, good[index]);
            }
            SAME(make(config.bytes, NULL), SEAWALL_OK);
        }
        const uint64_t bad[] = { setting->min - 1, setting->max + 1, most };
        for (size_t index = 0; index < 3; index++) {
            if ((index == 0 && setting->min == 0) || (index > 0 && setting->max == most)) {
                continue;
            }
            put(config.bytes, setting->offset, setting->size, bad[index]);
            refused(make, config.bytes, setting, bad[index]);
        }
    }
}

static seawall_status_t make_breaker(const void *config, seawall_config_error_t *error) {
    seawall_breaker_t *breaker = NULL;
    return seawall_breaker_init(memory, sizeof memory, config, error, &breaker);
}

static seawall_status_t make_bulkhead(const void *config, seawall_config_error_t *error) {
    seawall_bulkhead_t *bulkhead = NULL;
    return seawall_bulkhead_init(memory, sizeof memory, 64, config, error, &bulkhead);
}

static seawall_status_t make_limiter(const void *config, seawall_config_error_t *error) {
    seawall_limiter_t *limiter = NULL;
    return seawall_limiter_init(memory, sizeof memory, config, error, &limiter);
}

static seawall_status_t make_budget(const void *config, seawall_config_error_t *error) {
    seawall_retry_budget_t *budget = NULL;
    return seawall_retry_budget_init(memory, sizeof memory, config, 1, error, &budget);
}

static seawall_status_t make_backoff(const void *config, seawall_config_error_t *error) {
    uint64_t delay = 0;
    seawall_status_t status = seawall_backoff_validate(config, error);
    SAME(seawall_backoff_delay(config, 1, 0, 0, 0, &delay), status);
    return status;
}

#define ROW(type, member, field, min, max) { field, offsetof(type, member), sizeof(((type *)0)->member), min, max, 0, 0 }
#define ROW_IF(type, member, field, min, max, supposed, value) \
    { field, offsetof(type, member), sizeof(((type *)0)->member), min, max, offsetof(type, supposed), value }
#define TRY(make, defaults, rows) try_ends(make, &defaults, sizeof defaults, rows, sizeof rows / sizeof rows[0])

static void every_setting_has_two_ends(void) {
    typedef seawall_breaker_config_t breaker;
    const breaker breaker_defaults = SEAWALL_BREAKER_CONFIG_INIT;
    const struct setting breaker_rows[] = {
        ROW(breaker, consecutive_failures, "consecutive_failures", 0, 1000000),
        ROW(breaker, consecutive_always, "consecutive_always", 0, 1),
        ROW(breaker, failure_permille, "failure_rate", 0, 1000),
        ROW_IF(breaker, slow_permille, "slow_rate", 0, 1000, slow_after_ns, UINT64_C(5000000000)),
        ROW_IF(breaker, slow_after_ns, "slow_after", 1, DAY, slow_permille, 500),
        ROW_IF(breaker, window_calls, "window_calls", 0, 1024, min_calls, 1),
        ROW_IF(breaker, min_calls, "min_calls", 1, 64, window_calls, 64),
        ROW(breaker, min_calls, "min_calls", 1, 1000000),
        ROW(breaker, window_ns, "window", 10 * MS, DAY),
        ROW_IF(breaker, open_for_ns, "open_for", MS, DAY, open_max_ns, DAY),
        ROW(breaker, open_max_ns, "open_max", 30000 * MS, DAY),
        ROW(breaker, open_backoff_permille, "open_backoff", 1000, 10000),
        ROW(breaker, open_jitter_permille, "open_jitter", 0, 500),
        ROW(breaker, probes, "probes", 1, 32),
        ROW(breaker, probe_lease_ns, "probe_lease", MS, DAY),
        ROW(breaker, min_witnesses, "min_witnesses", 1, 8),
        ROW(breaker, mode, "mode", 0, 2),
    };
    TRY(make_breaker, breaker_defaults, breaker_rows);

    typedef seawall_bulkhead_config_t bulkhead;
    const bulkhead bulkhead_defaults = SEAWALL_BULKHEAD_CONFIG_INIT;
    const struct setting bulkhead_rows[] = {
        ROW(bulkhead, max_concurrent, "max_concurrent", 1, 64),
        ROW(bulkhead, reserved, "reserved", 0, 19),
        ROW(bulkhead, max_waiting, "max_waiting", 0, 1000000),
        ROW(bulkhead, mode, "mode", 0, 2),
    };
    TRY(make_bulkhead, bulkhead_defaults, bulkhead_rows);

    typedef seawall_limiter_config_t limiter;
    limiter limiter_defaults = SEAWALL_LIMITER_CONFIG_INIT;
    limiter_defaults.burst = 1; /* a long period and a large burst together do not fit */
    const struct setting limiter_rows[] = {
        ROW(limiter, permits, "rate", 1, 1000000000),
        ROW_IF(limiter, period_ns, "period", 1, 31 * DAY, permits, 1),
        ROW(limiter, burst, "burst", 1, 1000000000),
        ROW(limiter, mode, "mode", 0, 2),
    };
    TRY(make_limiter, limiter_defaults, limiter_rows);

    typedef seawall_retry_budget_config_t budget;
    const budget budget_defaults = SEAWALL_RETRY_BUDGET_CONFIG_INIT;
    const struct setting budget_rows[] = {
        ROW(budget, profile, "profile", 0, 4),
        ROW(budget, ratio_permille, "ratio", 0, 10000),
        ROW_IF(budget, min_per_second, "min_per_second", 0, 10000, cap, 1000000),
        ROW(budget, cap, "cap", 10, 1000000), /* the floor of the defaults saves up ten */
        ROW_IF(budget, window_ns, "window", 1000 * MS, 3600000 * MS, cap, 1000000),
        ROW(budget, max_concurrent_retries_permille, "max_concurrent_retries_ratio", 0, 10000),
        ROW(budget, min_concurrent_retries, "min_concurrent_retries", 0, 1000000),
        ROW(budget, mode, "mode", 0, 2),
    };
    TRY(make_budget, budget_defaults, budget_rows);

    typedef seawall_backoff_config_t backoff;
    const backoff backoff_defaults = SEAWALL_BACKOFF_CONFIG_INIT;
    const struct setting backoff_rows[] = {
        ROW(backoff, jitter, "jitter", 0, 3),
        ROW(backoff, factor_permille, "factor", 1000, 10000),
        ROW_IF(backoff, base_ns, "base", 0, DAY, cap_ns, DAY),
        ROW(backoff, cap_ns, "cap", 100 * MS, DAY),
        ROW(backoff, retry_after_margin_ns, "retry_after_margin", 0, UINT64_MAX),
    };
    TRY(make_backoff, backoff_defaults, backoff_rows);
}

static void a_refused_configuration_leaves_the_memory_as_it_was(void) {
    seawall_breaker_t *breaker = NULL, *old = NULL;
    seawall_breaker_config_t config = SEAWALL_BREAKER_CONFIG_INIT;
    memset(memory, 0, sizeof memory);
    memset(other_memory, 0, sizeof other_memory);
    config.probes = 0;
    SAME(seawall_breaker_init(memory, sizeof memory, &config, NULL, &breaker), SEAWALL_ERROR_CONFIG);
    CHECK(breaker == NULL);
    CHECK(memcmp(memory, other_memory, sizeof memory) == 0);
    SAME(seawall_breaker_attach(memory, sizeof memory, &breaker), SEAWALL_ERROR_UNINITIALISED);

    seawall_config_error_t error;
    SAME(seawall_breaker_init(memory, sizeof memory, NULL, NULL, &old), SEAWALL_OK);
    SAME(seawall_breaker_force_open(old, NULL), SEAWALL_OK);
    SAME(seawall_breaker_reconfigure(old, &config, &error), SEAWALL_ERROR_CONFIG);
    SAME_TEXT(error.field, "probes");
    SAME(seawall_breaker_state(old), SEAWALL_STATE_FORCED_OPEN);
    SAME(seawall_breaker_init(memory, sizeof memory, &config, &error, &breaker), SEAWALL_ERROR_CONFIG);
    SAME(seawall_breaker_state(old), SEAWALL_STATE_FORCED_OPEN);

    seawall_bulkhead_t *bulkhead = NULL;
    SAME(seawall_bulkhead_init(memory, sizeof memory, 0, NULL, &error, &bulkhead), SEAWALL_ERROR_CONFIG);
    SAME_TEXT(error.field, "capacity");
    SAME(error.max, SEAWALL_BULKHEAD_CAPACITY_MAX);
    SAME(seawall_bulkhead_init(memory, sizeof memory, 4097, NULL, &error, &bulkhead), SEAWALL_ERROR_CONFIG);
    SAME(error.value, 4097);
    SAME(seawall_bulkhead_init(memory, sizeof memory, 64, NULL, NULL, &bulkhead), SEAWALL_OK);
    SAME(seawall_bulkhead_resize(bulkhead, 65, 0, &error), SEAWALL_ERROR_CONFIG);
    SAME_TEXT(error.field, "max_concurrent");
    SAME(seawall_bulkhead_resize(bulkhead, 0, 0, NULL), SEAWALL_ERROR_CONFIG);
    SAME(seawall_bulkhead_resize(bulkhead, 5, 5, &error), SEAWALL_ERROR_CONFIG);
    SAME_TEXT(error.field, "reserved");

    seawall_retry_budget_t *budget = NULL;
    seawall_retry_budget_config_t grpc;
    SAME(seawall_retry_budget_profile(5, &grpc), SEAWALL_ERROR_ARGUMENT);
    SAME(seawall_retry_budget_profile(SEAWALL_PROFILE_GRPC, &grpc), SEAWALL_OK);
    SAME(seawall_retry_budget_init(memory, sizeof memory, NULL, 1, NULL, &budget), SEAWALL_OK);
    SAME(seawall_retry_budget_reconfigure(budget, &grpc, &error), SEAWALL_ERROR_CONFIG);
    SAME_TEXT(error.field, "profile");
}

/* The same bad storage for every kind of object; `call` is a call with `storage` and `bytes`, and `at` its pointer. */
#define BAD_STORAGE(call, at, size) \
    do { \
        void *storage = NULL; \
        size_t bytes = sizeof memory; \
        SAME(call, SEAWALL_ERROR_NULL); \
        storage = memory + 1; \
        SAME(call, SEAWALL_ERROR_MISALIGNED); \
        storage = memory + 32; \
        SAME(call, SEAWALL_ERROR_MISALIGNED); \
        storage = memory; \
        bytes = (size) - 1; \
        SAME(call, SEAWALL_ERROR_STORAGE_TOO_SMALL); \
        bytes = 0; \
        SAME(call, SEAWALL_ERROR_STORAGE_TOO_SMALL); \
        CHECK((at) == NULL); \
    } while (0)

static void bad_storage_is_refused(void) {
    seawall_breaker_t *breaker = NULL;
    seawall_bulkhead_t *bulkhead = NULL;
    seawall_limiter_t *limiter = NULL;
    seawall_retry_budget_t *budget = NULL;
    seawall_histogram_t *histogram = NULL;
    memset(memory, 0, sizeof memory);
    BAD_STORAGE(seawall_breaker_init(storage, bytes, NULL, NULL, &breaker), breaker, SEAWALL_BREAKER_BYTES);
    BAD_STORAGE(seawall_breaker_attach(storage, bytes, &breaker), breaker, SEAWALL_BREAKER_BYTES);
    BAD_STORAGE(seawall_bulkhead_init(storage, bytes, 64, NULL, NULL, &bulkhead), bulkhead, SEAWALL_BULKHEAD_BYTES(64));
    BAD_STORAGE(seawall_bulkhead_attach(storage, bytes, &bulkhead), bulkhead, SEAWALL_BULKHEAD_BYTES(1));
    BAD_STORAGE(seawall_limiter_init(storage, bytes, NULL, NULL, &limiter), limiter, SEAWALL_LIMITER_BYTES);
    BAD_STORAGE(seawall_limiter_attach(storage, bytes, &limiter), limiter, SEAWALL_LIMITER_BYTES);
    BAD_STORAGE(seawall_retry_budget_init(storage, bytes, NULL, 1, NULL, &budget), budget, SEAWALL_RETRY_BUDGET_BYTES);
    BAD_STORAGE(seawall_retry_budget_attach(storage, bytes, &budget), budget, SEAWALL_RETRY_BUDGET_BYTES);
    BAD_STORAGE(seawall_histogram_init(storage, bytes, &histogram), histogram, SEAWALL_HISTOGRAM_BYTES);
    SAME(seawall_breaker_init(memory, sizeof memory, NULL, NULL, NULL), SEAWALL_ERROR_NULL);
    SAME(seawall_histogram_init(memory, sizeof memory, NULL), SEAWALL_ERROR_NULL);

    /* Zeroed memory and memory with another object in it hold no breaker. */
    SAME(seawall_breaker_attach(memory, sizeof memory, &breaker), SEAWALL_ERROR_UNINITIALISED);
    SAME(seawall_limiter_init(memory, sizeof memory, NULL, NULL, &limiter), SEAWALL_OK);
    SAME(seawall_breaker_attach(memory, sizeof memory, &breaker), SEAWALL_ERROR_UNINITIALISED);
    SAME(seawall_bulkhead_attach(memory, sizeof memory, &bulkhead), SEAWALL_ERROR_UNINITIALISED);
    SAME(seawall_retry_budget_attach(memory, sizeof memory, &budget), SEAWALL_ERROR_UNINITIALISED);
    SAME(seawall_limiter_attach(memory, sizeof memory, &limiter), SEAWALL_OK);

    /* A bulkhead that was made in more memory than the attaching process maps. */
    SAME(seawall_bulkhead_init(memory, sizeof memory, 64, NULL, NULL, &bulkhead), SEAWALL_OK);
    bulkhead = NULL;
    SAME(seawall_bulkhead_attach(memory, SEAWALL_BULKHEAD_BYTES(64) - 1, &bulkhead), SEAWALL_ERROR_STORAGE_TOO_SMALL);
    SAME(seawall_bulkhead_attach(memory, SEAWALL_BULKHEAD_BYTES(64), &bulkhead), SEAWALL_OK);
}

static void null_and_strange_objects_are_refused(void) {
    seawall_permit_t permit = SEAWALL_PERMIT_INIT;
    seawall_reservation_t reservation = SEAWALL_RESERVATION_INIT;
    seawall_withdrawal_t withdrawal = SEAWALL_WITHDRAWAL_INIT;
    seawall_breaker_snapshot_t breaker_seen = SEAWALL_SNAPSHOT_INIT(breaker_seen);
    seawall_bulkhead_snapshot_t bulkhead_seen = SEAWALL_SNAPSHOT_INIT(bulkhead_seen);
    seawall_limiter_snapshot_t limiter_seen = SEAWALL_SNAPSHOT_INIT(limiter_seen);
    seawall_retry_budget_snapshot_t budget_seen = SEAWALL_SNAPSHOT_INIT(budget_seen);
    uint64_t number = 0;
    memset(memory, 0, sizeof memory);
    void *const places[] = { NULL, memory + 8, memory };
    const seawall_status_t answers[] = { SEAWALL_ERROR_NULL, SEAWALL_ERROR_MISALIGNED, SEAWALL_ERROR_UNINITIALISED };
    for (int index = 0; index < 3; index++) {
        seawall_breaker_t *breaker = places[index];
        seawall_bulkhead_t *bulkhead = places[index];
        seawall_limiter_t *limiter = places[index];
        seawall_retry_budget_t *budget = places[index];
        seawall_histogram_t *histogram = places[index];
        const seawall_status_t answer = answers[index];
        SAME(seawall_breaker_try_acquire(breaker, 1, &permit), answer);
        SAME(seawall_breaker_record(breaker, &permit, 0, 0, 1), answer);
        SAME(seawall_breaker_cancel(breaker, &permit), answer);
        SAME(seawall_breaker_force_open(breaker, NULL), answer);
        SAME(seawall_breaker_disable(breaker, NULL), answer);
        SAME(seawall_breaker_reset(breaker, NULL), answer);
        SAME(seawall_breaker_reclaim(breaker, 1, NULL), answer);
        SAME(seawall_breaker_state(breaker), answer);
        SAME(seawall_breaker_snapshot(breaker, 1, &breaker_seen), answer);
        SAME(seawall_breaker_reconfigure(breaker, NULL, NULL), answer);
        SAME(seawall_bulkhead_try_acquire(bulkhead, 0, 1, &permit), answer);
        SAME(seawall_bulkhead_release(bulkhead, &permit), answer);
        SAME(seawall_bulkhead_begin_wait(bulkhead), answer);
        SAME(seawall_bulkhead_end_wait(bulkhead), answer);
        SAME(seawall_bulkhead_resize(bulkhead, 1, 0, NULL), answer);
        SAME(seawall_bulkhead_reconfigure(bulkhead, NULL, NULL), answer);
        SAME(seawall_bulkhead_reclaim(bulkhead, 1, NULL), answer);
        SAME(seawall_bulkhead_snapshot(bulkhead, 1, &bulkhead_seen), answer);
        SAME(seawall_limiter_try_acquire(limiter, 1, 1, NULL), answer);
        SAME(seawall_limiter_reserve(limiter, 1, 0, 1, &reservation), answer);
        SAME(seawall_limiter_cancel(limiter, &reservation, 1), answer);
        SAME(seawall_limiter_adjust(limiter, 1, 1), answer);
        SAME(seawall_limiter_reconfigure(limiter, NULL, 1, NULL), answer);
        SAME(seawall_limiter_snapshot(limiter, 1, &limiter_seen), answer);
        SAME(seawall_retry_budget_deposit(budget, 1), answer);
        SAME(seawall_retry_budget_try_withdraw(budget, 0, 1, &withdrawal), answer);
        SAME(seawall_retry_budget_record(budget, 0, NULL), answer);
        SAME(seawall_retry_budget_cancel(budget, &withdrawal, 1), answer);
        SAME(seawall_retry_budget_finish(budget), answer);
        SAME(seawall_retry_budget_reconfigure(budget, NULL, NULL), answer);
        SAME(seawall_retry_budget_snapshot(budget, 1, &budget_seen), answer);
        if (index < 2) { /* zeroed memory is an empty histogram */
            SAME(seawall_histogram_record(histogram, 1), answer);
            SAME(seawall_histogram_quantile(histogram, 1, &number), answer);
            SAME(seawall_histogram_total(histogram, &number), answer);
            SAME(seawall_histogram_merge(histogram, (seawall_histogram_t *)(void *)memory), answer);
            SAME(seawall_histogram_merge((seawall_histogram_t *)(void *)memory, histogram), answer);
            SAME(seawall_histogram_reset(histogram), answer);
        }
    }
    seawall_breaker_t *breaker = NULL;
    SAME(seawall_breaker_init(memory, sizeof memory, NULL, NULL, &breaker), SEAWALL_OK);
    SAME(seawall_breaker_try_acquire(breaker, 1, NULL), SEAWALL_ERROR_NULL);
    SAME(seawall_breaker_record(breaker, NULL, 0, 0, 1), SEAWALL_ERROR_NULL);
    SAME(seawall_breaker_cancel(breaker, NULL), SEAWALL_ERROR_NULL);
    SAME(seawall_breaker_snapshot(breaker, 1, NULL), SEAWALL_ERROR_NULL);
    SAME(seawall_retry_budget_profile(0, NULL), SEAWALL_ERROR_NULL);
    SAME(seawall_backoff_delay(NULL, 1, 0, 0, 0, NULL), SEAWALL_ERROR_NULL);
}

static void arguments_have_ranges(void) {
    seawall_permit_t permit = SEAWALL_PERMIT_INIT;
    seawall_withdrawal_t withdrawal = SEAWALL_WITHDRAWAL_INIT;
    uint64_t number = 0;
    seawall_breaker_t *breaker = NULL;
    SAME(seawall_breaker_init(memory, sizeof memory, NULL, NULL, &breaker), SEAWALL_OK);
    const uint32_t owners[] = { 0, 1048576, UINT32_MAX };
    for (int index = 0; index < 3; index++) {
        SAME(seawall_breaker_try_acquire_as(breaker, owners[index], 1, &permit), SEAWALL_ERROR_ARGUMENT);
        SAME(seawall_breaker_reclaim(breaker, owners[index], NULL), SEAWALL_ERROR_ARGUMENT);
    }
    SAME(seawall_breaker_try_acquire_as(breaker, 1048575, 1, &permit), SEAWALL_OK);
    SAME(seawall_breaker_record(breaker, &permit, 3, 0, 1), SEAWALL_ERROR_ARGUMENT);
    SAME(seawall_breaker_record(breaker, &permit, UINT32_MAX, 0, 1), SEAWALL_ERROR_ARGUMENT);
    /* The errors above have not spent it. */
    SAME(seawall_breaker_record(breaker, &permit, SEAWALL_OUTCOME_SUCCESS, 0, 1), SEAWALL_OK);

    seawall_bulkhead_t *bulkhead = NULL;
    /* The default of twenty permits does not fit a capacity of four. */
    SAME(seawall_bulkhead_init(memory, sizeof memory, 4, NULL, NULL, &bulkhead), SEAWALL_ERROR_CONFIG);
    SAME(seawall_bulkhead_init(memory, sizeof memory, 20, NULL, NULL, &bulkhead), SEAWALL_OK);
    SAME(seawall_bulkhead_try_acquire(bulkhead, 4, 1, &permit), SEAWALL_ERROR_ARGUMENT);
    SAME(seawall_bulkhead_try_acquire_as(bulkhead, 0, 0, 1, &permit), SEAWALL_ERROR_ARGUMENT);

    seawall_retry_budget_t *budget = NULL;
    SAME(seawall_retry_budget_init(memory, sizeof memory, NULL, 1, NULL, &budget), SEAWALL_OK);
    SAME(seawall_retry_budget_try_withdraw(budget, 3, 1, &withdrawal), SEAWALL_ERROR_ARGUMENT);
    SAME(seawall_retry_budget_record(budget, 3, NULL), SEAWALL_ERROR_ARGUMENT);

    seawall_limiter_t *limiter = NULL;
    seawall_reservation_t reservation = SEAWALL_RESERVATION_INIT;
    SAME(seawall_limiter_init(memory, sizeof memory, NULL, NULL, &limiter), SEAWALL_OK);
    SAME(seawall_limiter_try_acquire(limiter, 101, 1, NULL), SEAWALL_ERROR_EXCEEDS_CAPACITY);
    SAME(seawall_limiter_try_acquire(limiter, UINT64_MAX, 1, &number), SEAWALL_ERROR_EXCEEDS_CAPACITY);
    SAME(seawall_limiter_reserve(limiter, 101, UINT64_MAX, 1, &reservation), SEAWALL_ERROR_EXCEEDS_CAPACITY);
    SAME(seawall_limiter_adjust(limiter, INT64_MIN, 1), SEAWALL_OK);
    SAME(seawall_limiter_try_acquire(limiter, 100, 1, NULL), SEAWALL_OK); /* full, not fuller */

    seawall_histogram_t *histogram = NULL;
    SAME(seawall_histogram_init(memory, sizeof memory, &histogram), SEAWALL_OK);
    SAME(seawall_histogram_quantile(histogram, 1000001, &number), SEAWALL_ERROR_ARGUMENT);
    SAME(seawall_histogram_quantile(histogram, 1000000, &number), SEAWALL_OK);
}

static void permits_are_used_once_and_at_home(void) {
    seawall_breaker_t *one = NULL, *two = NULL;
    SAME(seawall_breaker_init(memory, sizeof memory, NULL, NULL, &one), SEAWALL_OK);
    SAME(seawall_breaker_init(other_memory, sizeof other_memory, NULL, NULL, &two), SEAWALL_OK);
    seawall_permit_t permit = SEAWALL_PERMIT_INIT;
    SAME(seawall_breaker_record(one, &permit, 0, 0, 1), SEAWALL_ERROR_SPENT);
    SAME(seawall_breaker_try_acquire(one, 1, &permit), SEAWALL_OK);
    SAME(seawall_breaker_record(two, &permit, 0, 0, 1), SEAWALL_ERROR_FOREIGN);
    SAME(seawall_breaker_cancel(two, &permit), SEAWALL_ERROR_FOREIGN);
    SAME(seawall_breaker_record(one, &permit, 0, 0, 1), SEAWALL_OK);
    SAME(seawall_breaker_record(one, &permit, 0, 0, 1), SEAWALL_ERROR_SPENT);
    SAME(seawall_breaker_cancel(one, &permit), SEAWALL_ERROR_SPENT);
    seawall_breaker_snapshot_t seen = SEAWALL_SNAPSHOT_INIT(seen);
    SAME(seawall_breaker_snapshot(one, 1, &seen), SEAWALL_OK);
    SAME(seen.success, 1);

    /* A permit after the state has moved on: late, and spent all the same. */
    SAME(seawall_breaker_try_acquire(one, 1, &permit), SEAWALL_OK);
    SAME(seawall_breaker_reset(one, NULL), SEAWALL_OK);
    SAME(seawall_breaker_record(one, &permit, 1, 0, 1), SEAWALL_NOTE_LATE);
    SAME(seawall_breaker_record(one, &permit, 1, 0, 1), SEAWALL_ERROR_SPENT);

    seawall_bulkhead_t *bulkhead = NULL, *other = NULL;
    SAME(seawall_bulkhead_init(memory, sizeof memory, 20, NULL, NULL, &bulkhead), SEAWALL_OK);
    SAME(seawall_bulkhead_init(other_memory, sizeof other_memory, 20, NULL, NULL, &other), SEAWALL_OK);
    SAME(seawall_bulkhead_try_acquire(bulkhead, 0, 1, &permit), SEAWALL_OK);
    SAME(seawall_bulkhead_release(other, &permit), SEAWALL_ERROR_FOREIGN);
    seawall_permit_t copy = permit;
    SAME(seawall_bulkhead_release(bulkhead, &permit), SEAWALL_OK);
    SAME(seawall_bulkhead_release(bulkhead, &permit), SEAWALL_NOTE_STALE);
    SAME(seawall_bulkhead_release(bulkhead, &copy), SEAWALL_NOTE_STALE);
    seawall_permit_t never = SEAWALL_PERMIT_INIT;
    SAME(seawall_bulkhead_release(bulkhead, &never), SEAWALL_ERROR_SPENT);
    seawall_bulkhead_snapshot_t held = SEAWALL_SNAPSHOT_INIT(held);
    SAME(seawall_bulkhead_snapshot(bulkhead, 1, &held), SEAWALL_OK);
    SAME(held.in_use, 0);
    SAME(held.stale, 2);

    seawall_limiter_t *limiter = NULL, *foreign = NULL;
    seawall_reservation_t reservation = SEAWALL_RESERVATION_INIT;
    SAME(seawall_limiter_init(memory, sizeof memory, NULL, NULL, &limiter), SEAWALL_OK);
    SAME(seawall_limiter_init(other_memory, sizeof other_memory, NULL, NULL, &foreign), SEAWALL_OK);
    SAME(seawall_limiter_cancel(limiter, &reservation, 1), SEAWALL_ERROR_SPENT);
    SAME(seawall_limiter_reserve(limiter, 5, 0, 1, &reservation), SEAWALL_OK);
    SAME(seawall_limiter_cancel(foreign, &reservation, 1), SEAWALL_ERROR_FOREIGN);
    SAME(seawall_limiter_cancel(limiter, &reservation, 1), SEAWALL_OK);
    SAME(seawall_limiter_cancel(limiter, &reservation, 1), SEAWALL_ERROR_SPENT);

    seawall_retry_budget_t *budget = NULL, *purse = NULL;
    seawall_withdrawal_t withdrawal = SEAWALL_WITHDRAWAL_INIT;
    SAME(seawall_retry_budget_init(memory, sizeof memory, NULL, 1, NULL, &budget), SEAWALL_OK);
    SAME(seawall_retry_budget_init(other_memory, sizeof other_memory, NULL, 1, NULL, &purse), SEAWALL_OK);
    SAME(seawall_retry_budget_record(budget, 0, &withdrawal), SEAWALL_ERROR_SPENT);
    SAME(seawall_retry_budget_try_withdraw(budget, 0, 1, &withdrawal), SEAWALL_OK);
    SAME(seawall_retry_budget_cancel(purse, &withdrawal, 1), SEAWALL_ERROR_FOREIGN);
    SAME(seawall_retry_budget_record(budget, 0, &withdrawal), SEAWALL_OK);
    SAME(seawall_retry_budget_cancel(budget, &withdrawal, 1), SEAWALL_ERROR_SPENT);
}

/* A forged permit can give wrong counts, never a crash. */
static void forged_permits_do_no_harm(void) {
    seawall_breaker_t *breaker = NULL;
    seawall_bulkhead_t *bulkhead = NULL;
    SAME(seawall_breaker_init(memory, sizeof memory, NULL, NULL, &breaker), SEAWALL_OK);
    SAME(seawall_bulkhead_init(other_memory, sizeof other_memory, 20, NULL, NULL, &bulkhead), SEAWALL_OK);
    uint64_t random = 42;
    for (int round = 0; round < 20000; round++) {
        random = random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        seawall_permit_t permit = { random >> (round % 64), random, (uintptr_t)breaker, 0, (uint32_t)(random >> 40), 0 };
        (void)seawall_breaker_record(breaker, &permit, (uint32_t)(random >> 33) % 3, 0, random >> 8 | 1);
        seawall_permit_t place = { random >> (round % 64), random, (uintptr_t)bulkhead, 0, (uint32_t)(random >> 40), 0 };
        (void)seawall_bulkhead_release(bulkhead, &place);
    }
    seawall_bulkhead_snapshot_t held = SEAWALL_SNAPSHOT_INIT(held);
    SAME(seawall_bulkhead_snapshot(bulkhead, 1, &held), SEAWALL_OK);
    SAME(held.in_use, 0);
    CHECK(held.stale > 0);
    CHECK(seawall_breaker_state(breaker) >= 0);
}

int main(void) {
    every_setting_has_two_ends();
    a_refused_configuration_leaves_the_memory_as_it_was();
    bad_storage_is_refused();
    null_and_strange_objects_are_refused();
    arguments_have_ranges();
    permits_are_used_once_and_at_home();
    forged_permits_do_no_harm();
    return check_end();
}
