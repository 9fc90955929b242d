/* A dependency that fails, and a service that does not fall with it.
 *
 *     cc -std=c99 examples/c/quickstart.c $(pkg-config --cflags --libs seawall) -o quickstart && ./quickstart
 */
#define _POSIX_C_SOURCE 200809L
#include <seawall.h>

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#define MILLISECOND UINT64_C(1000000)

/* Everything that guards one dependency, in memory of our own: the library allocates nothing. */
struct payments {
    SEAWALL_STORAGE(breaker_memory, SEAWALL_BREAKER_BYTES);
    SEAWALL_STORAGE(bulkhead_memory, SEAWALL_BULKHEAD_BYTES(8));
    SEAWALL_STORAGE(budget_memory, SEAWALL_RETRY_BUDGET_BYTES);
    seawall_breaker_t *breaker;
    seawall_bulkhead_t *bulkhead;
    seawall_retry_budget_t *budget;
    seawall_backoff_config_t backoff;
};

static seawall_status_t payments_init(struct payments *payments, seawall_config_error_t *error) {
    seawall_breaker_config_t breaker = SEAWALL_BREAKER_CONFIG_INIT;
    breaker.consecutive_failures = 3;
    breaker.open_for_ns = 200 * MILLISECOND; /* half a minute would be usual; this is an example */
    breaker.open_max_ns = 1000 * MILLISECOND;
    breaker.seed = seawall_random();
    seawall_bulkhead_config_t bulkhead = SEAWALL_BULKHEAD_CONFIG_INIT;
    bulkhead.max_concurrent = 8;
    payments->backoff = (seawall_backoff_config_t)SEAWALL_BACKOFF_CONFIG_INIT;
    payments->backoff.base_ns = 2 * MILLISECOND;

    seawall_status_t status = seawall_breaker_init(
        payments->breaker_memory, sizeof payments->breaker_memory, &breaker, error, &payments->breaker);
    if (status == SEAWALL_OK) {
        status = seawall_bulkhead_init(
            payments->bulkhead_memory, sizeof payments->bulkhead_memory, 8, &bulkhead, error, &payments->bulkhead);
    }
    if (status == SEAWALL_OK) {
        status = seawall_retry_budget_init(
            payments->budget_memory, sizeof payments->budget_memory, NULL, 0, error, &payments->budget);
    }
    return status == SEAWALL_OK ? seawall_backoff_validate(&payments->backoff, error) : status;
}

/* The dependency itself: fails until it is well again. */
static bool is_well = false;
static bool charge(int order) {
    (void)order;
    return is_well;
}

static void sleep_ns(uint64_t wait_ns) {
    struct timespec wait = { (time_t)(wait_ns / UINT64_C(1000000000)), (long)(wait_ns % UINT64_C(1000000000)) };
    (void)nanosleep(&wait, NULL);
}

/* One attempt behind the breaker. Above 0 it was refused, and nothing was sent. */
static seawall_status_t attempt(struct payments *payments, int order, bool *is_paid, uint64_t *retry_after_ns) {
    seawall_permit_t permit = SEAWALL_PERMIT_INIT;
    seawall_status_t status = seawall_breaker_try_acquire(payments->breaker, 0, &permit);
    if (status != SEAWALL_OK) {
        *retry_after_ns = permit.retry_after_ns;
        return status;
    }
    *is_paid = charge(order);
    (void)seawall_breaker_record(
        payments->breaker, &permit, *is_paid ? SEAWALL_OUTCOME_SUCCESS : SEAWALL_OUTCOME_FAILURE, 0, 0);
    return SEAWALL_OK;
}

/* A call: a place in the bulkhead, and up to three attempts while breaker, budget and deadline allow it. */
static void pay(struct payments *payments, int order) {
    const uint64_t deadline = seawall_deadline_after(0, 1000 * MILLISECOND);
    seawall_permit_t place = SEAWALL_PERMIT_INIT;
    seawall_status_t status = seawall_bulkhead_try_acquire(payments->bulkhead, SEAWALL_PRIORITY_ORDINARY, 0, &place);
    if (status != SEAWALL_OK) {
        printf("order %d is pending: %s\n", order, seawall_status_text(status));
        return;
    }
    bool is_paid = false;
    uint64_t retry_after_ns = 0, wait_ns = 0;
    seawall_withdrawal_t retry = SEAWALL_WITHDRAWAL_INIT;
    (void)seawall_retry_budget_deposit(payments->budget, 0);
    for (uint32_t number = 1;; number++) {
        status = attempt(payments, order, &is_paid, &retry_after_ns);
        uint32_t outcome = status != SEAWALL_OK ? SEAWALL_OUTCOME_IGNORED
            : is_paid                           ? SEAWALL_OUTCOME_SUCCESS
                                                : SEAWALL_OUTCOME_FAILURE;
        (void)seawall_retry_budget_record(payments->budget, outcome, number == 1 ? NULL : &retry);
        if (status != SEAWALL_OK || is_paid || number == 3) {
            break;
        }
        if (seawall_backoff_delay(&payments->backoff, number, wait_ns, seawall_random(), 0, &wait_ns) != SEAWALL_OK
            || wait_ns >= seawall_deadline_remaining(deadline, 0)
            || seawall_retry_budget_try_withdraw(payments->budget, SEAWALL_CAUSE_FAILURE, 0, &retry) != SEAWALL_OK) {
            break; /* no retry: the last real answer stands */
        }
        sleep_ns(wait_ns);
    }
    (void)seawall_retry_budget_finish(payments->budget);
    (void)seawall_bulkhead_release(payments->bulkhead, &place);

    if (status != SEAWALL_OK) {
        printf("order %d is pending: %s, ask again in %" PRIu64 " ms\n", order, seawall_status_text(status),
            retry_after_ns / MILLISECOND);
    } else {
        printf("order %d %s\n", order, is_paid ? "is paid" : "failed");
    }
}

int main(void) {
    static struct payments payments;
    seawall_config_error_t error;
    seawall_status_t status = payments_init(&payments, &error);
    if (status == SEAWALL_ERROR_CONFIG) {
        printf("%s: %" PRIu64 " is outside %" PRIu64 " to %" PRIu64 "\n", error.field, error.value, error.min, error.max);
    }
    if (status != SEAWALL_OK) {
        return 1;
    }
    for (int order = 1; order <= 3; order++) {
        pay(&payments, order); /* the third failure in a row opens the breaker */
    }
    is_well = true;
    sleep_ns(250 * MILLISECOND);
    pay(&payments, 4); /* a probe, and its success closes the breaker */
    pay(&payments, 5);

    seawall_breaker_snapshot_t seen = SEAWALL_SNAPSHOT_INIT(seen);
    if (seawall_breaker_snapshot(payments.breaker, 0, &seen) != SEAWALL_OK) {
        return 1;
    }
    printf("%" PRIu64 " succeeded, %" PRIu64 " failed, %" PRIu64 " were refused; opened %" PRIu64 " time\n", seen.success,
        seen.failure, seen.refused, seen.opened);
    return seen.state == SEAWALL_STATE_CLOSED && seen.refused > 0 ? 0 : 1;
}
