/* Threads that want the same thing at the same time. Each test says that they really met. */
#define _POSIX_C_SOURCE 200809L
#include <seawall.h>

#include "check.h"

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>

#define THREADS 8
#define ROUNDS 20000

static SEAWALL_STORAGE(memory, SEAWALL_HISTOGRAM_BYTES);

/* A word that several threads write; the suite speaks C99, which has no atomics of its own. */
static uint64_t add(uint64_t *word, uint64_t number) { return __atomic_add_fetch(word, number, __ATOMIC_SEQ_CST); }
static uint64_t read_of(uint64_t *word) { return __atomic_load_n(word, __ATOMIC_SEQ_CST); }
static void raise_to(uint64_t *word, uint64_t number) {
    uint64_t seen = read_of(word);
    while (seen < number
        && !__atomic_compare_exchange_n(word, &seen, number, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) {
    }
}

/* Runs `body` on all threads and waits for them. */
static void together(void *(*body)(void *number)) {
    pthread_t threads[THREADS];
    for (uintptr_t number = 0; number < THREADS; number++) {
        if (pthread_create(&threads[number], NULL, body, (void *)number) != 0) {
            abort();
        }
    }
    for (int number = 0; number < THREADS; number++) {
        (void)pthread_join(threads[number], NULL);
    }
}

#define LIMIT 3
static seawall_bulkhead_t *bulkhead;
static uint64_t inside, most_inside, admitted, turned_away, errors;

static void *enter_and_leave(void *number) {
    (void)number;
    for (int round = 0; round < ROUNDS; round++) {
        seawall_permit_t permit = SEAWALL_PERMIT_INIT;
        seawall_status_t status = seawall_bulkhead_try_acquire(bulkhead, SEAWALL_PRIORITY_ORDINARY, 0, &permit);
        if (status == SEAWALL_OK) {
            raise_to(&most_inside, add(&inside, 1));
            (void)add(&admitted, 1);
            if (round % 64 == 0) {
                (void)sched_yield(); /* so that others meet a full bulkhead, on few cores too */
            }
            (void)add(&inside, UINT64_MAX);
            (void)add(&errors, seawall_bulkhead_release(bulkhead, &permit) != SEAWALL_OK);
        } else {
            (void)add(status == SEAWALL_REFUSED_BULKHEAD_FULL ? &turned_away : &errors, 1);
            (void)sched_yield();
        }
    }
    return NULL;
}

static void a_bulkhead_never_admits_too_many(void) {
    seawall_bulkhead_config_t config = SEAWALL_BULKHEAD_CONFIG_INIT;
    config.max_concurrent = LIMIT;
    SAME(seawall_bulkhead_init(memory, sizeof memory, LIMIT, &config, NULL, &bulkhead), SEAWALL_OK);
    together(enter_and_leave);
    SAME(errors, 0);
    SAME(admitted + turned_away, (uint64_t)THREADS * ROUNDS);
    SAME(most_inside, LIMIT); /* reached, never passed */
    CHECK(turned_away > 0);
    seawall_bulkhead_snapshot_t seen = SEAWALL_SNAPSHOT_INIT(seen);
    SAME(seawall_bulkhead_snapshot(bulkhead, 0, &seen), SEAWALL_OK);
    SAME(seen.in_use, 0);
    SAME(seen.rejected, turned_away);
    SAME(seen.stale, 0);
}

static seawall_breaker_t *breaker;
static pthread_barrier_t start;
static uint64_t probes, half_open_refusals, transitions[5];

/* All threads ask an open breaker in the nanosecond in which its open time ends. */
static void *probe_once_per_round(void *number) {
    for (uint64_t round = 1; round <= 500; round++) {
        const uint64_t second = UINT64_C(1000000000), now = round * 1000 * second;
        seawall_permit_t permit = SEAWALL_PERMIT_INIT;
        if (number == NULL) { /* one of them opens it */
            (void)seawall_breaker_reset(breaker, NULL);
            for (int failure = 0; failure < 5; failure++) {
                (void)add(&errors, seawall_breaker_try_acquire(breaker, now, &permit) != SEAWALL_OK);
                seawall_status_t failed = seawall_breaker_record(breaker, &permit, SEAWALL_OUTCOME_FAILURE, 0, now);
                (void)add(&errors, failed != SEAWALL_OK);
            }
            (void)add(&errors, seawall_breaker_state(breaker) != SEAWALL_STATE_OPEN);
        }
        (void)pthread_barrier_wait(&start);
        seawall_status_t status = seawall_breaker_try_acquire(breaker, now + 40 * second, &permit);
        if (status == SEAWALL_OK) {
            (void)add(&probes, 1);
        } else {
            (void)add(status == SEAWALL_REFUSED_BREAKER_HALF_OPEN ? &half_open_refusals : &errors, 1);
        }
        (void)add(&transitions[SEAWALL_STATE_HALF_OPEN], permit.transition != 0);
        (void)pthread_barrier_wait(&start);
        if (status == SEAWALL_OK) {
            const uint32_t closing = 0x10000 | SEAWALL_STATE_HALF_OPEN | SEAWALL_STATE_CLOSED << 8;
            status = seawall_breaker_record(breaker, &permit, SEAWALL_OUTCOME_SUCCESS, 0, now + 41 * second);
            (void)add(&errors, status != SEAWALL_OK);
            (void)add(&transitions[SEAWALL_STATE_CLOSED], permit.transition == closing);
        }
        (void)pthread_barrier_wait(&start);
    }
    return NULL;
}

static void exactly_one_thread_probes(void) {
    SAME(seawall_breaker_init(memory, sizeof memory, NULL, NULL, &breaker), SEAWALL_OK);
    SAME(pthread_barrier_init(&start, NULL, THREADS), 0);
    together(probe_once_per_round);
    (void)pthread_barrier_destroy(&start);
    SAME(errors, 0);
    SAME(probes, 500);
    SAME(half_open_refusals, 500 * (THREADS - 1));
    SAME(transitions[SEAWALL_STATE_HALF_OPEN], 500);
    SAME(transitions[SEAWALL_STATE_CLOSED], 500);
}

static uint64_t openings;

static void *fail_together(void *number) {
    (void)number;
    for (int round = 0; round < 2000; round++) {
        seawall_permit_t permit = SEAWALL_PERMIT_INIT;
        if (seawall_breaker_try_acquire(breaker, 5, &permit) == SEAWALL_OK) {
            (void)add(&errors, seawall_breaker_record(breaker, &permit, SEAWALL_OUTCOME_FAILURE, 0, 5) < 0);
            if (permit.transition != 0) {
                (void)add(&openings, 1);
                (void)seawall_breaker_reset(breaker, NULL);
            }
        }
    }
    return NULL;
}

static void exactly_one_thread_gets_the_state_change(void) {
    SAME(seawall_breaker_init(memory, sizeof memory, NULL, NULL, &breaker), SEAWALL_OK);
    together(fail_together);
    seawall_breaker_snapshot_t seen = SEAWALL_SNAPSHOT_INIT(seen);
    SAME(seawall_breaker_snapshot(breaker, 5, &seen), SEAWALL_OK);
    SAME(errors, 0);
    SAME(openings, seen.opened);
    CHECK(openings > 100);
}

static seawall_limiter_t *limiter;
static seawall_retry_budget_t *budget;
static uint64_t tokens, granted;

static void *take_tokens(void *number) {
    (void)number;
    for (int round = 0; round < ROUNDS; round++) {
        seawall_withdrawal_t withdrawal = SEAWALL_WITHDRAWAL_INIT;
        (void)add(&tokens, seawall_limiter_try_acquire(limiter, 1, 7, NULL) == SEAWALL_OK);
        (void)add(&errors, seawall_retry_budget_deposit(budget, 7) != SEAWALL_OK);
        seawall_status_t leave = seawall_retry_budget_try_withdraw(budget, SEAWALL_CAUSE_FAILURE, 7, &withdrawal);
        (void)add(&granted, leave == SEAWALL_OK);
    }
    return NULL;
}

static void tokens_are_given_once(void) {
    static SEAWALL_STORAGE(budget_memory, SEAWALL_RETRY_BUDGET_BYTES);
    seawall_limiter_config_t config = SEAWALL_LIMITER_CONFIG_INIT;
    config.burst = 50000;
    SAME(seawall_limiter_init(memory, sizeof memory, &config, NULL, &limiter), SEAWALL_OK);
    SAME(seawall_retry_budget_init(budget_memory, sizeof budget_memory, NULL, 7, NULL, &budget), SEAWALL_OK);
    together(take_tokens);
    SAME(errors, 0);
    SAME(tokens, 50000); /* time stands still, so the burst is all there is */
    /* A tenth of a token per call and the ten that the floor saved up; what came in at a full budget is lost. */
    CHECK(granted <= THREADS * ROUNDS / 10 + 10);
    CHECK(granted >= THREADS * ROUNDS / 10 - 1000);
}

static seawall_histogram_t *histogram;

static void *measure(void *number) {
    for (uint64_t round = 0; round < ROUNDS; round++) {
        (void)add(&errors, seawall_histogram_record(histogram, (round + (uintptr_t)number) * 1000) != SEAWALL_OK);
    }
    return NULL;
}

static void no_latency_is_lost(void) {
    uint64_t total = 0, median = 0;
    SAME(seawall_histogram_init(memory, sizeof memory, &histogram), SEAWALL_OK);
    together(measure);
    SAME(errors, 0);
    SAME(seawall_histogram_total(histogram, &total), SEAWALL_OK);
    SAME(total, THREADS * ROUNDS);
    SAME(seawall_histogram_quantile(histogram, 500000, &median), SEAWALL_OK);
    CHECK(median > 9700000 && median < 10300000);
}

int main(void) {
    a_bulkhead_never_admits_too_many();
    exactly_one_thread_probes();
    exactly_one_thread_gets_the_state_change();
    tokens_are_given_once();
    no_latency_is_lost();
    return check_end();
}
