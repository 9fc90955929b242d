/*
 * The C half of dev.seawall.Jni: one function per function of seawall.h, and the memory of objects. At the end, the
 * entries for dev.seawall.Foreign, which else calls the functions of seawall.h themselves.
 *
 * Structures come as arrays of Java longs. They are used where they lie: the calls in between are short, never
 * block, never allocate and never call back, which is what JNI asks of a critical section.
 */
#include <jni.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "seawall.h"

/* Objects are passed as numbers. */
#define AT(type, address) ((type *)(intptr_t)(address))

static void *open_words(JNIEnv *env, jlongArray words) {
    return words == NULL ? NULL : (*env)->GetPrimitiveArrayCritical(env, words, NULL);
}

static void close_words(JNIEnv *env, jlongArray words, void *pointer) {
    if (pointer != NULL) {
        (*env)->ReleasePrimitiveArrayCritical(env, words, pointer, 0);
    }
}

/* Zeroed memory for one object, 0 when there is none. */
SEAWALL_API int64_t seawall_java_allocate(int64_t bytes) {
    size_t whole = ((size_t)bytes + SEAWALL_ALIGN - 1) / SEAWALL_ALIGN * SEAWALL_ALIGN;
    void *memory = aligned_alloc(SEAWALL_ALIGN, whole);
    if (memory != NULL) {
        memset(memory, 0, whole);
    }
    return (int64_t)(intptr_t)memory;
}

SEAWALL_API void seawall_java_free(int64_t memory) {
    free(AT(void, memory));
}

JNIEXPORT jlong JNICALL Java_dev_seawall_Jni_allocate(JNIEnv *env, jobject self, jlong bytes) {
    (void)env;
    (void)self;
    return seawall_java_allocate(bytes);
}

JNIEXPORT void JNICALL Java_dev_seawall_Jni_free(JNIEnv *env, jobject self, jlong memory) {
    (void)env;
    (void)self;
    seawall_java_free(memory);
}

JNIEXPORT jstring JNICALL Java_dev_seawall_Jni_statusName(JNIEnv *env, jobject self, jint status) {
    (void)self;
    return (*env)->NewStringUTF(env, seawall_status_name(status));
}

JNIEXPORT jstring JNICALL Java_dev_seawall_Jni_statusText(JNIEnv *env, jobject self, jint status) {
    (void)self;
    return (*env)->NewStringUTF(env, seawall_status_text(status));
}

/* Breaker */

JNIEXPORT jlong JNICALL Java_dev_seawall_Jni_breakerBytes(JNIEnv *env, jobject self) {
    (void)env;
    (void)self;
    return (jlong)seawall_breaker_bytes();
}

JNIEXPORT jint JNICALL Java_dev_seawall_Jni_breakerInit(
    JNIEnv *env, jobject self, jlong memory, jlong bytes, jlongArray config, jlongArray error) {
    (void)self;
    seawall_breaker_t *breaker = NULL;
    seawall_breaker_config_t *config_words = open_words(env, config);
    seawall_config_error_t *error_words = open_words(env, error);
    jint answer = seawall_breaker_init(AT(void, memory), (size_t)bytes, config_words, error_words, &breaker);
    close_words(env, error, error_words);
    close_words(env, config, config_words);
    return answer;
}

JNIEXPORT jint JNICALL Java_dev_seawall_Jni_breakerReconfigure(
    JNIEnv *env, jobject self, jlong breaker, jlongArray config, jlongArray error) {
    (void)self;
    seawall_breaker_config_t *config_words = open_words(env, config);
    seawall_config_error_t *error_words = open_words(env, error);
    jint answer = seawall_breaker_reconfigure(AT(seawall_breaker_t, breaker), config_words, error_words);
    close_words(env, error, error_words);
    close_words(env, config, config_words);
    return answer;
}

JNIEXPORT jint JNICALL Java_dev_seawall_Jni_breakerTryAcquire(
    JNIEnv *env, jobject self, jlong breaker, jlong now, jlongArray permit) {
    (void)self;
    seawall_permit_t *permit_words = open_words(env, permit);
    jint answer = seawall_breaker_try_acquire(AT(seawall_breaker_t, breaker), (uint64_t)now, permit_words);
    close_words(env, permit, permit_words);
    return answer;
}

JNIEXPORT jint JNICALL Java_dev_seawall_Jni_breakerRecord(
    JNIEnv *env, jobject self, jlong breaker, jlongArray permit, jint outcome, jlong retryAfter, jlong now) {
    (void)self;
    seawall_permit_t *permit_words = open_words(env, permit);
    jint answer = seawall_breaker_record(
        AT(seawall_breaker_t, breaker), permit_words, (uint32_t)outcome, (uint64_t)retryAfter, (uint64_t)now);
    close_words(env, permit, permit_words);
    return answer;
}

JNIEXPORT jint JNICALL Java_dev_seawall_Jni_breakerCancel(JNIEnv *env, jobject self, jlong breaker, jlongArray permit) {
    (void)self;
    seawall_permit_t *permit_words = open_words(env, permit);
    jint answer = seawall_breaker_cancel(AT(seawall_breaker_t, breaker), permit_words);
    close_words(env, permit, permit_words);
    return answer;
}

JNIEXPORT jint JNICALL Java_dev_seawall_Jni_breakerForceOpen(
    JNIEnv *env, jobject self, jlong breaker, jlongArray transition) {
    (void)self;
    uint32_t *transition_words = open_words(env, transition);
    jint answer = seawall_breaker_force_open(AT(seawall_breaker_t, breaker), transition_words);
    close_words(env, transition, transition_words);
    return answer;
}

JNIEXPORT jint JNICALL Java_dev_seawall_Jni_breakerDisable(
    JNIEnv *env, jobject self, jlong breaker, jlongArray transition) {
    (void)self;
    uint32_t *transition_words = open_words(env, transition);
    jint answer = seawall_breaker_disable(AT(seawall_breaker_t, breaker), transition_words);
    close_words(env, transition, transition_words);
    return answer;
}

JNIEXPORT jint JNICALL Java_dev_seawall_Jni_breakerReset(
    JNIEnv *env, jobject self, jlong breaker, jlongArray transition) {
    (void)self;
    uint32_t *transition_words = open_words(env, transition);
    jint answer = seawall_breaker_reset(AT(seawall_breaker_t, breaker), transition_words);
    close_words(env, transition, transition_words);
    return answer;
}

JNIEXPORT jint JNICALL Java_dev_seawall_Jni_breakerState(JNIEnv *env, jobject self, jlong breaker) {
    (void)env;
    (void)self;
    return (jint)seawall_breaker_state(AT(seawall_breaker_t, breaker));
}

JNIEXPORT jint JNICALL Java_dev_seawall_Jni_breakerSnapshot(
    JNIEnv *env, jobject self, jlong breaker, jlong now, jlongArray snapshot) {
    (void)self;
    seawall_breaker_snapshot_t *snapshot_words = open_words(env, snapshot);
    jint answer = seawall_breaker_snapshot(AT(seawall_breaker_t, breaker), (uint64_t)now, snapshot_words);
    close_words(env, snapshot, snapshot_words);
    return answer;
}

/* Bulkhead */

JNIEXPORT jlong JNICALL Java_dev_seawall_Jni_bulkheadBytes(JNIEnv *env, jobject self, jint capacity) {
    (void)env;
    (void)self;
    return (jlong)seawall_bulkhead_bytes((uint32_t)capacity);
}

JNIEXPORT jint JNICALL Java_dev_seawall_Jni_bulkheadInit(
    JNIEnv *env, jobject self, jlong memory, jlong bytes, jint capacity, jlongArray config, jlongArray error) {
    (void)self;
    seawall_bulkhead_t *bulkhead = NULL;
    seawall_bulkhead_config_t *config_words = open_words(env, config);
    seawall_config_error_t *error_words = open_words(env, error);
    jint answer = seawall_bulkhead_init(
        AT(void, memory), (size_t)bytes, (uint32_t)capacity, config_words, error_words, &bulkhead);
    close_words(env, error, error_words);
    close_words(env, config, config_words);
    return answer;
}

JNIEXPORT jint JNICALL Java_dev_seawall_Jni_bulkheadReconfigure(
    JNIEnv *env, jobject self, jlong bulkhead, jlongArray config, jlongArray error) {
    (void)self;
    seawall_bulkhead_config_t *config_words = open_words(env, config);
    seawall_config_error_t *error_words = open_words(env, error);
    jint answer = seawall_bulkhead_reconfigure(AT(seawall_bulkhead_t, bulkhead), config_words, error_words);
    close_words(env, error, error_words);
    close_words(env, config, config_words);
    return answer;
}

JNIEXPORT jint JNICALL Java_dev_seawall_Jni_bulkheadTryAcquire(
    JNIEnv *env, jobject self, jlong bulkhead, jint priority, jlong now, jlongArray permit) {
    (void)self;
    seawall_permit_t *permit_words = open_words(env, permit);
    jint answer = seawall_bulkhead_try_acquire(
        AT(seawall_bulkhead_t, bulkhead), (uint32_t)priority, (uint64_t)now, permit_words);
    close_words(env, permit, permit_words);
    return answer;
}

JNIEXPORT jint JNICALL Java_dev_seawall_Jni_bulkheadRelease(
    JNIEnv *env, jobject self, jlong bulkhead, jlongArray permit) {
    (void)self;
    seawall_permit_t *permit_words = open_words(env, permit);
    jint answer = seawall_bulkhead_release(AT(seawall_bulkhead_t, bulkhead), permit_words);
    close_words(env, permit, permit_words);
    return answer;
}

JNIEXPORT jint JNICALL Java_dev_seawall_Jni_bulkheadBeginWait(JNIEnv *env, jobject self, jlong bulkhead) {
    (void)env;
    (void)self;
    return (jint)seawall_bulkhead_begin_wait(AT(seawall_bulkhead_t, bulkhead));
}

JNIEXPORT jint JNICALL Java_dev_seawall_Jni_bulkheadEndWait(JNIEnv *env, jobject self, jlong bulkhead) {
    (void)env;
    (void)self;
    return (jint)seawall_bulkhead_end_wait(AT(seawall_bulkhead_t, bulkhead));
}

JNIEXPORT jint JNICALL Java_dev_seawall_Jni_bulkheadSnapshot(
    JNIEnv *env, jobject self, jlong bulkhead, jlong now, jlongArray snapshot) {
    (void)self;
    seawall_bulkhead_snapshot_t *snapshot_words = open_words(env, snapshot);
    jint answer = seawall_bulkhead_snapshot(AT(seawall_bulkhead_t, bulkhead), (uint64_t)now, snapshot_words);
    close_words(env, snapshot, snapshot_words);
    return answer;
}

/* Limiter */

JNIEXPORT jlong JNICALL Java_dev_seawall_Jni_limiterBytes(JNIEnv *env, jobject self) {
    (void)env;
    (void)self;
    return (jlong)seawall_limiter_bytes();
}

JNIEXPORT jint JNICALL Java_dev_seawall_Jni_limiterInit(
    JNIEnv *env, jobject self, jlong memory, jlong bytes, jlongArray config, jlongArray error) {
    (void)self;
    seawall_limiter_t *limiter = NULL;
    seawall_limiter_config_t *config_words = open_words(env, config);
    seawall_config_error_t *error_words = open_words(env, error);
    jint answer = seawall_limiter_init(AT(void, memory), (size_t)bytes, config_words, error_words, &limiter);
    close_words(env, error, error_words);
    close_words(env, config, config_words);
    return answer;
}

JNIEXPORT jint JNICALL Java_dev_seawall_Jni_limiterReconfigure(
    JNIEnv *env, jobject self, jlong limiter, jlongArray config, jlong now, jlongArray error) {
    (void)self;
    seawall_limiter_config_t *config_words = open_words(env, config);
    seawall_config_error_t *error_words = open_words(env, error);
    jint answer = seawall_limiter_reconfigure(AT(seawall_limiter_t, limiter), config_words, (uint64_t)now, error_words);
    close_words(env, error, error_words);
    close_words(env, config, config_words);
    return answer;
}

JNIEXPORT jint JNICALL Java_dev_seawall_Jni_limiterTryAcquire(
    JNIEnv *env, jobject self, jlong limiter, jlong tokens, jlong now, jlongArray retryAfter) {
    (void)self;
    uint64_t *retryAfter_words = open_words(env, retryAfter);
    jint answer = seawall_limiter_try_acquire(
        AT(seawall_limiter_t, limiter), (uint64_t)tokens, (uint64_t)now, retryAfter_words);
    close_words(env, retryAfter, retryAfter_words);
    return answer;
}

JNIEXPORT jint JNICALL Java_dev_seawall_Jni_limiterReserve(
    JNIEnv *env, jobject self, jlong limiter, jlong tokens, jlong maxWait, jlong now, jlongArray reservation) {
    (void)self;
    seawall_reservation_t *reservation_words = open_words(env, reservation);
    jint answer = seawall_limiter_reserve(
        AT(seawall_limiter_t, limiter), (uint64_t)tokens, (uint64_t)maxWait, (uint64_t)now, reservation_words);
    close_words(env, reservation, reservation_words);
    return answer;
}

JNIEXPORT jint JNICALL Java_dev_seawall_Jni_limiterCancel(
    JNIEnv *env, jobject self, jlong limiter, jlongArray reservation, jlong now) {
    (void)self;
    seawall_reservation_t *reservation_words = open_words(env, reservation);
    jint answer = seawall_limiter_cancel(AT(seawall_limiter_t, limiter), reservation_words, (uint64_t)now);
    close_words(env, reservation, reservation_words);
    return answer;
}

JNIEXPORT jint JNICALL Java_dev_seawall_Jni_limiterAdjust(
    JNIEnv *env, jobject self, jlong limiter, jlong tokens, jlong now) {
    (void)env;
    (void)self;
    return (jint)seawall_limiter_adjust(AT(seawall_limiter_t, limiter), tokens, (uint64_t)now);
}

JNIEXPORT jint JNICALL Java_dev_seawall_Jni_limiterSnapshot(
    JNIEnv *env, jobject self, jlong limiter, jlong now, jlongArray snapshot) {
    (void)self;
    seawall_limiter_snapshot_t *snapshot_words = open_words(env, snapshot);
    jint answer = seawall_limiter_snapshot(AT(seawall_limiter_t, limiter), (uint64_t)now, snapshot_words);
    close_words(env, snapshot, snapshot_words);
    return answer;
}

/* Retry budget */

JNIEXPORT jlong JNICALL Java_dev_seawall_Jni_retryBudgetBytes(JNIEnv *env, jobject self) {
    (void)env;
    (void)self;
    return (jlong)seawall_retry_budget_bytes();
}

JNIEXPORT jint JNICALL Java_dev_seawall_Jni_retryBudgetProfile(
    JNIEnv *env, jobject self, jint profile, jlongArray config) {
    (void)self;
    seawall_retry_budget_config_t *config_words = open_words(env, config);
    jint answer = seawall_retry_budget_profile((uint32_t)profile, config_words);
    close_words(env, config, config_words);
    return answer;
}

JNIEXPORT jint JNICALL Java_dev_seawall_Jni_retryBudgetInit(
    JNIEnv *env, jobject self, jlong memory, jlong bytes, jlongArray config, jlong now, jlongArray error) {
    (void)self;
    seawall_retry_budget_t *budget = NULL;
    seawall_retry_budget_config_t *config_words = open_words(env, config);
    seawall_config_error_t *error_words = open_words(env, error);
    jint answer = seawall_retry_budget_init(
        AT(void, memory), (size_t)bytes, config_words, (uint64_t)now, error_words, &budget);
    close_words(env, error, error_words);
    close_words(env, config, config_words);
    return answer;
}

JNIEXPORT jint JNICALL Java_dev_seawall_Jni_retryBudgetReconfigure(
    JNIEnv *env, jobject self, jlong budget, jlongArray config, jlongArray error) {
    (void)self;
    seawall_retry_budget_config_t *config_words = open_words(env, config);
    seawall_config_error_t *error_words = open_words(env, error);
    jint answer = seawall_retry_budget_reconfigure(AT(seawall_retry_budget_t, budget), config_words, error_words);
    close_words(env, error, error_words);
    close_words(env, config, config_words);
    return answer;
}

JNIEXPORT jint JNICALL Java_dev_seawall_Jni_retryBudgetDeposit(JNIEnv *env, jobject self, jlong budget, jlong now) {
    (void)env;
    (void)self;
    return (jint)seawall_retry_budget_deposit(AT(seawall_retry_budget_t, budget), (uint64_t)now);
}

JNIEXPORT jint JNICALL Java_dev_seawall_Jni_retryBudgetTryWithdraw(
    JNIEnv *env, jobject self, jlong budget, jint cause, jlong now, jlongArray withdrawal) {
    (void)self;
    seawall_withdrawal_t *withdrawal_words = open_words(env, withdrawal);
    jint answer = seawall_retry_budget_try_withdraw(
        AT(seawall_retry_budget_t, budget), (uint32_t)cause, (uint64_t)now, withdrawal_words);
    close_words(env, withdrawal, withdrawal_words);
    return answer;
}

JNIEXPORT jint JNICALL Java_dev_seawall_Jni_retryBudgetRecord(
    JNIEnv *env, jobject self, jlong budget, jint outcome, jlongArray withdrawal) {
    (void)self;
    seawall_withdrawal_t *withdrawal_words = open_words(env, withdrawal);
    jint answer = seawall_retry_budget_record(AT(seawall_retry_budget_t, budget), (uint32_t)outcome, withdrawal_words);
    close_words(env, withdrawal, withdrawal_words);
    return answer;
}

JNIEXPORT jint JNICALL Java_dev_seawall_Jni_retryBudgetCancel(
    JNIEnv *env, jobject self, jlong budget, jlongArray withdrawal, jlong now) {
    (void)self;
    seawall_withdrawal_t *withdrawal_words = open_words(env, withdrawal);
    jint answer = seawall_retry_budget_cancel(AT(seawall_retry_budget_t, budget), withdrawal_words, (uint64_t)now);
    close_words(env, withdrawal, withdrawal_words);
    return answer;
}

JNIEXPORT jint JNICALL Java_dev_seawall_Jni_retryBudgetFinish(JNIEnv *env, jobject self, jlong budget) {
    (void)env;
    (void)self;
    return (jint)seawall_retry_budget_finish(AT(seawall_retry_budget_t, budget));
}

JNIEXPORT jint JNICALL Java_dev_seawall_Jni_retryBudgetSnapshot(
    JNIEnv *env, jobject self, jlong budget, jlong now, jlongArray snapshot) {
    (void)self;
    seawall_retry_budget_snapshot_t *snapshot_words = open_words(env, snapshot);
    jint answer = seawall_retry_budget_snapshot(AT(seawall_retry_budget_t, budget), (uint64_t)now, snapshot_words);
    close_words(env, snapshot, snapshot_words);
    return answer;
}

/* Backoff */

JNIEXPORT jint JNICALL Java_dev_seawall_Jni_backoffValidate(
    JNIEnv *env, jobject self, jlongArray config, jlongArray error) {
    (void)self;
    seawall_backoff_config_t *config_words = open_words(env, config);
    seawall_config_error_t *error_words = open_words(env, error);
    jint answer = seawall_backoff_validate(config_words, error_words);
    close_words(env, error, error_words);
    close_words(env, config, config_words);
    return answer;
}

JNIEXPORT jint JNICALL Java_dev_seawall_Jni_backoffDelay(
    JNIEnv *env, jobject self, jlongArray config, jint attempt, jlong previous, jlong random, jlong retryAfter,
        jlongArray delay) {
    (void)self;
    seawall_backoff_config_t *config_words = open_words(env, config);
    uint64_t *delay_words = open_words(env, delay);
    jint answer = seawall_backoff_delay(
        config_words, (uint32_t)attempt, (uint64_t)previous, (uint64_t)random, (uint64_t)retryAfter, delay_words);
    close_words(env, delay, delay_words);
    close_words(env, config, config_words);
    return answer;
}

/* Deadline */

JNIEXPORT jlong JNICALL Java_dev_seawall_Jni_deadlineAfter(JNIEnv *env, jobject self, jlong now, jlong span) {
    (void)env;
    (void)self;
    return (jlong)seawall_deadline_after((uint64_t)now, (uint64_t)span);
}

JNIEXPORT jlong JNICALL Java_dev_seawall_Jni_deadlineRemaining(JNIEnv *env, jobject self, jlong deadline, jlong now) {
    (void)env;
    (void)self;
    return (jlong)seawall_deadline_remaining((uint64_t)deadline, (uint64_t)now);
}

JNIEXPORT jint JNICALL Java_dev_seawall_Jni_deadlineIsExpired(JNIEnv *env, jobject self, jlong deadline, jlong now) {
    (void)env;
    (void)self;
    return (jint)seawall_deadline_is_expired((uint64_t)deadline, (uint64_t)now);
}

JNIEXPORT jlong JNICALL Java_dev_seawall_Jni_deadlineNearer(JNIEnv *env, jobject self, jlong deadline, jlong other) {
    (void)env;
    (void)self;
    return (jlong)seawall_deadline_nearer((uint64_t)deadline, (uint64_t)other);
}

JNIEXPORT jlong JNICALL Java_dev_seawall_Jni_deadlineKeep(
    JNIEnv *env, jobject self, jlong deadline, jlong now, jint permille) {
    (void)env;
    (void)self;
    return (jlong)seawall_deadline_keep((uint64_t)deadline, (uint64_t)now, (uint32_t)permille);
}

JNIEXPORT jlong JNICALL Java_dev_seawall_Jni_deadlineAttemptTimeout(
    JNIEnv *env, jobject self, jlong deadline, jlong timeout, jlong now) {
    (void)env;
    (void)self;
    return (jlong)seawall_deadline_attempt_timeout((uint64_t)deadline, (uint64_t)timeout, (uint64_t)now);
}

/* Histogram */

JNIEXPORT jlong JNICALL Java_dev_seawall_Jni_histogramBytes(JNIEnv *env, jobject self) {
    (void)env;
    (void)self;
    return (jlong)seawall_histogram_bytes();
}

JNIEXPORT jint JNICALL Java_dev_seawall_Jni_histogramInit(JNIEnv *env, jobject self, jlong memory, jlong bytes) {
    (void)env;
    (void)self;
    seawall_histogram_t *histogram = NULL;
    return (jint)seawall_histogram_init(AT(void, memory), (size_t)bytes, &histogram);
}

JNIEXPORT jint JNICALL Java_dev_seawall_Jni_histogramRecord(JNIEnv *env, jobject self, jlong histogram, jlong latency) {
    (void)env;
    (void)self;
    return (jint)seawall_histogram_record(AT(seawall_histogram_t, histogram), (uint64_t)latency);
}

JNIEXPORT jint JNICALL Java_dev_seawall_Jni_histogramQuantile(
    JNIEnv *env, jobject self, jlong histogram, jint ppm, jlongArray latency) {
    (void)self;
    uint64_t *latency_words = open_words(env, latency);
    jint answer = seawall_histogram_quantile(AT(seawall_histogram_t, histogram), (uint32_t)ppm, latency_words);
    close_words(env, latency, latency_words);
    return answer;
}

JNIEXPORT jint JNICALL Java_dev_seawall_Jni_histogramTotal(
    JNIEnv *env, jobject self, jlong histogram, jlongArray total) {
    (void)self;
    uint64_t *total_words = open_words(env, total);
    jint answer = seawall_histogram_total(AT(seawall_histogram_t, histogram), total_words);
    close_words(env, total, total_words);
    return answer;
}

JNIEXPORT jint JNICALL Java_dev_seawall_Jni_histogramMerge(JNIEnv *env, jobject self, jlong histogram, jlong other) {
    (void)env;
    (void)self;
    return (jint)seawall_histogram_merge(AT(seawall_histogram_t, histogram), AT(seawall_histogram_t, other));
}

JNIEXPORT jint JNICALL Java_dev_seawall_Jni_histogramReset(JNIEnv *env, jobject self, jlong histogram) {
    (void)env;
    (void)self;
    return (jint)seawall_histogram_reset(AT(seawall_histogram_t, histogram));
}

/* Library */

JNIEXPORT jint JNICALL Java_dev_seawall_Jni_abiVersion(JNIEnv *env, jobject self) {
    (void)env;
    (void)self;
    return (jint)seawall_abi_version();
}

JNIEXPORT jlong JNICALL Java_dev_seawall_Jni_nowNs(JNIEnv *env, jobject self) {
    (void)env;
    (void)self;
    return (jlong)seawall_now_ns();
}

JNIEXPORT jlong JNICALL Java_dev_seawall_Jni_random(JNIEnv *env, jobject self) {
    (void)env;
    (void)self;
    return (jlong)seawall_random();
}

/*
 * Entries for java.lang.foreign.
 *
 * Java zeroes a new array with the widest registers there are and, for a critical call, does not clear their upper
 * halves before our code runs. On processors with AVX-512 each narrow vector instruction then waits for them: a call
 * took 150 ns more. So the functions that are called with fresh arrays clear them first.
 */
#if defined(__x86_64__)
static int has_wide_registers;

__attribute__((constructor)) static void look_for_wide_registers(void) {
    __builtin_cpu_init();
    has_wide_registers = __builtin_cpu_supports("avx");
}

static inline void clear_upper_halves(void) {
    if (has_wide_registers) {
        __asm__ volatile("vzeroupper");
    }
}
#else
static inline void clear_upper_halves(void) {}
#endif

#define ENTRY(name, parameters, arguments)                        \
    SEAWALL_API seawall_status_t seawall_java_##name parameters { \
        clear_upper_halves();                                     \
        return seawall_##name arguments;                          \
    }

ENTRY(breaker_try_acquire, (const seawall_breaker_t *breaker, uint64_t now, seawall_permit_t *permit),
      (breaker, now, permit))
ENTRY(breaker_record,
      (const seawall_breaker_t *breaker, seawall_permit_t *permit, uint32_t outcome, uint64_t wait, uint64_t now),
      (breaker, permit, outcome, wait, now))
ENTRY(breaker_cancel, (const seawall_breaker_t *breaker, seawall_permit_t *permit), (breaker, permit))
ENTRY(bulkhead_try_acquire,
      (const seawall_bulkhead_t *bulkhead, uint32_t priority, uint64_t now, seawall_permit_t *permit),
      (bulkhead, priority, now, permit))
ENTRY(bulkhead_release, (const seawall_bulkhead_t *bulkhead, seawall_permit_t *permit), (bulkhead, permit))
ENTRY(limiter_try_acquire, (const seawall_limiter_t *limiter, uint64_t tokens, uint64_t now, uint64_t *retry_after),
      (limiter, tokens, now, retry_after))
ENTRY(limiter_reserve,
      (const seawall_limiter_t *limiter, uint64_t tokens, uint64_t max_wait, uint64_t now,
       seawall_reservation_t *reservation),
      (limiter, tokens, max_wait, now, reservation))
ENTRY(limiter_cancel, (const seawall_limiter_t *limiter, seawall_reservation_t *reservation, uint64_t now),
      (limiter, reservation, now))
ENTRY(retry_budget_try_withdraw,
      (const seawall_retry_budget_t *budget, uint32_t cause, uint64_t now, seawall_withdrawal_t *withdrawal),
      (budget, cause, now, withdrawal))
ENTRY(retry_budget_record, (const seawall_retry_budget_t *budget, uint32_t outcome, seawall_withdrawal_t *withdrawal),
      (budget, outcome, withdrawal))
ENTRY(retry_budget_cancel, (const seawall_retry_budget_t *budget, seawall_withdrawal_t *withdrawal, uint64_t now),
      (budget, withdrawal, now))
