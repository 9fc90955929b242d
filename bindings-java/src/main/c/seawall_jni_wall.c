/*
 * The C half of dev.seawall.JniWall: walls, dependencies, calls, headers; see seawall_jni.c. At the end, the entries
 * that both borders use for calls.
 */
#include <jni.h>
#include <stdint.h>
#include <stdlib.h>

#include "seawall.h"

/* Objects are passed as numbers. */
#define AT(type, address) ((type *)(intptr_t)(address))

/*
 * A call as Java holds it, in one array: its state, the answer to its last event, what goes into events, the time of
 * the last event and the deadline. dev.seawall.Flight knows the places.
 */
typedef struct flight_t {
    seawall_call_t call;
    seawall_action_t action;
    seawall_call_options_t options;
    seawall_attempt_t attempt;
    uint64_t now_ns;
    uint64_t deadline_ns;
} flight_t;

_Static_assert(sizeof(flight_t) == 53 * sizeof(uint64_t), "dev.seawall.Flight has other places");

SEAWALL_API seawall_status_t seawall_java_dependency_begin(int64_t dependency, flight_t *flight, uint64_t now);
SEAWALL_API seawall_status_t seawall_java_call_ended(flight_t *flight, uint64_t now);
SEAWALL_API seawall_status_t seawall_java_call_woke(flight_t *flight, uint64_t now);
SEAWALL_API seawall_status_t seawall_java_call_cancelled(flight_t *flight, uint64_t now);
SEAWALL_API seawall_status_t seawall_java_call_keep(flight_t *flight, seawall_permit_t *permit);
SEAWALL_API seawall_status_t seawall_java_call_key(flight_t *flight, char *key);

static void *open_array(JNIEnv *env, jarray array) {
    return array == NULL ? NULL : (*env)->GetPrimitiveArrayCritical(env, array, NULL);
}

static void close_array(JNIEnv *env, jarray array, void *pointer) {
    if (pointer != NULL) {
        (*env)->ReleasePrimitiveArrayCritical(env, array, pointer, 0);
    }
}

/* Functions that may block get copies: nobody else's garbage collection must wait for them. */
static char *open_bytes(JNIEnv *env, jbyteArray bytes) {
    return (char *)(*env)->GetByteArrayElements(env, bytes, NULL);
}

static void close_bytes(JNIEnv *env, jbyteArray bytes, char *pointer, jint mode) {
    if (pointer != NULL) {
        (*env)->ReleaseByteArrayElements(env, bytes, (jbyte *)pointer, mode);
    }
}

static void put_pointer(JNIEnv *env, jlongArray words, const void *pointer) {
    jlong number = (jlong)(intptr_t)pointer;
    (*env)->SetLongArrayRegion(env, words, 0, 1, &number);
}

/* Wall */

JNIEXPORT jint JNICALL Java_dev_seawall_JniWall_wallOpen(
    JNIEnv *env, jobject self, jbyteArray path, jlongArray wall, jbyteArray message) {
    (void)self;
    char *path_bytes = open_bytes(env, path);
    seawall_wall_t *wall_made = NULL;
    char *message_bytes = open_bytes(env, message);
    jint answer = (jint)seawall_wall_open(
        path_bytes, &wall_made, message_bytes, (size_t)(*env)->GetArrayLength(env, message));
    close_bytes(env, message, message_bytes, 0);
    close_bytes(env, path, path_bytes, JNI_ABORT);
    put_pointer(env, wall, wall_made);
    return answer;
}

JNIEXPORT jint JNICALL Java_dev_seawall_JniWall_wallParse(
    JNIEnv *env, jobject self, jbyteArray text, jbyteArray name, jlongArray wall, jbyteArray message) {
    (void)self;
    char *text_bytes = open_bytes(env, text);
    char *name_bytes = open_bytes(env, name);
    seawall_wall_t *wall_made = NULL;
    char *message_bytes = open_bytes(env, message);
    jint answer = (jint)seawall_wall_parse(
        text_bytes, name_bytes, &wall_made, message_bytes, (size_t)(*env)->GetArrayLength(env, message));
    close_bytes(env, message, message_bytes, 0);
    close_bytes(env, name, name_bytes, JNI_ABORT);
    close_bytes(env, text, text_bytes, JNI_ABORT);
    put_pointer(env, wall, wall_made);
    return answer;
}

JNIEXPORT jint JNICALL Java_dev_seawall_JniWall_wallNew(
    JNIEnv *env, jobject self, jlongArray wall) {
    (void)self;
    seawall_wall_t *wall_made = NULL;
    jint answer = (jint)seawall_wall_new(&wall_made);
    put_pointer(env, wall, wall_made);
    return answer;
}

JNIEXPORT jint JNICALL Java_dev_seawall_JniWall_wallNewSeeded(
    JNIEnv *env, jobject self, jlong seed, jlongArray wall) {
    (void)self;
    seawall_wall_t *wall_made = NULL;
    jint answer = (jint)seawall_wall_new_seeded((uint64_t)seed, &wall_made);
    put_pointer(env, wall, wall_made);
    return answer;
}

JNIEXPORT jint JNICALL Java_dev_seawall_JniWall_wallDefine(
    JNIEnv *env, jobject self, jlong wall, jbyteArray name, jbyteArray policy, jlong now,
    jlongArray dependency, jbyteArray message) {
    (void)self;
    char *name_bytes = open_bytes(env, name);
    char *policy_bytes = open_bytes(env, policy);
    const seawall_dependency_t *dependency_made = NULL;
    char *message_bytes = open_bytes(env, message);
    jint answer = (jint)seawall_wall_define(
        AT(seawall_wall_t, wall), name_bytes, policy_bytes, (uint64_t)now, &dependency_made, message_bytes,
        (size_t)(*env)->GetArrayLength(env, message));
    close_bytes(env, message, message_bytes, 0);
    close_bytes(env, policy, policy_bytes, JNI_ABORT);
    close_bytes(env, name, name_bytes, JNI_ABORT);
    put_pointer(env, dependency, dependency_made);
    return answer;
}

JNIEXPORT jint JNICALL Java_dev_seawall_JniWall_wallRedefine(
    JNIEnv *env, jobject self, jlong wall, jbyteArray name, jbyteArray policy, jlong now, jbyteArray message) {
    (void)self;
    char *name_bytes = open_bytes(env, name);
    char *policy_bytes = open_bytes(env, policy);
    char *message_bytes = open_bytes(env, message);
    jint answer = (jint)seawall_wall_redefine(
        AT(seawall_wall_t, wall), name_bytes, policy_bytes, (uint64_t)now, message_bytes,
        (size_t)(*env)->GetArrayLength(env, message));
    close_bytes(env, message, message_bytes, 0);
    close_bytes(env, policy, policy_bytes, JNI_ABORT);
    close_bytes(env, name, name_bytes, JNI_ABORT);
    return answer;
}

JNIEXPORT jint JNICALL Java_dev_seawall_JniWall_wallReload(
    JNIEnv *env, jobject self, jlong wall, jlong now, jbyteArray message) {
    (void)self;
    char *message_bytes = open_bytes(env, message);
    jint answer = (jint)seawall_wall_reload(
        AT(seawall_wall_t, wall), (uint64_t)now, message_bytes, (size_t)(*env)->GetArrayLength(env, message));
    close_bytes(env, message, message_bytes, 0);
    return answer;
}

JNIEXPORT jint JNICALL Java_dev_seawall_JniWall_wallDependency(
    JNIEnv *env, jobject self, jlong wall, jbyteArray name, jlongArray dependency, jbyteArray message) {
    (void)self;
    char *name_bytes = open_bytes(env, name);
    const seawall_dependency_t *dependency_made = NULL;
    char *message_bytes = open_bytes(env, message);
    jint answer = (jint)seawall_wall_dependency(
        AT(seawall_wall_t, wall), name_bytes, &dependency_made, message_bytes, (size_t)(*env)->GetArrayLength(env,
        message));
    close_bytes(env, message, message_bytes, 0);
    close_bytes(env, name, name_bytes, JNI_ABORT);
    put_pointer(env, dependency, dependency_made);
    return answer;
}

JNIEXPORT jlong JNICALL Java_dev_seawall_JniWall_wallNames(
    JNIEnv *env, jobject self, jlong wall, jbyteArray buffer) {
    (void)self;
    char *buffer_bytes = open_bytes(env, buffer);
    jlong answer = (jlong)seawall_wall_names(
        AT(seawall_wall_t, wall), buffer_bytes, (size_t)(*env)->GetArrayLength(env, buffer));
    close_bytes(env, buffer, buffer_bytes, 0);
    return answer;
}

JNIEXPORT jlong JNICALL Java_dev_seawall_JniWall_wallFindings(
    JNIEnv *env, jobject self, jlong wall, jbyteArray buffer) {
    (void)self;
    char *buffer_bytes = open_bytes(env, buffer);
    jlong answer = (jlong)seawall_wall_findings(
        AT(seawall_wall_t, wall), buffer_bytes, (size_t)(*env)->GetArrayLength(env, buffer));
    close_bytes(env, buffer, buffer_bytes, 0);
    return answer;
}

JNIEXPORT void JNICALL Java_dev_seawall_JniWall_wallClose(
    JNIEnv *env, jobject self, jlong wall) {
    (void)env;
    (void)self;
    seawall_wall_close(AT(seawall_wall_t, wall));
}

/* Call */

JNIEXPORT jint JNICALL Java_dev_seawall_JniWall_dependencyBegin(
    JNIEnv *env, jobject self, jlong dependency, jlongArray flight, jlong now) {
    (void)self;
    void *flight_words = open_array(env, flight);
    jint answer = (jint)seawall_java_dependency_begin(dependency, flight_words, (uint64_t)now);
    close_array(env, flight, flight_words);
    return answer;
}

JNIEXPORT jint JNICALL Java_dev_seawall_JniWall_callEnded(
    JNIEnv *env, jobject self, jlongArray flight, jlong now) {
    (void)self;
    void *flight_words = open_array(env, flight);
    jint answer = (jint)seawall_java_call_ended(flight_words, (uint64_t)now);
    close_array(env, flight, flight_words);
    return answer;
}

JNIEXPORT jint JNICALL Java_dev_seawall_JniWall_callWoke(
    JNIEnv *env, jobject self, jlongArray flight, jlong now) {
    (void)self;
    void *flight_words = open_array(env, flight);
    jint answer = (jint)seawall_java_call_woke(flight_words, (uint64_t)now);
    close_array(env, flight, flight_words);
    return answer;
}

JNIEXPORT jint JNICALL Java_dev_seawall_JniWall_callCancelled(
    JNIEnv *env, jobject self, jlongArray flight, jlong now) {
    (void)self;
    void *flight_words = open_array(env, flight);
    jint answer = (jint)seawall_java_call_cancelled(flight_words, (uint64_t)now);
    close_array(env, flight, flight_words);
    return answer;
}

JNIEXPORT jint JNICALL Java_dev_seawall_JniWall_callKeep(
    JNIEnv *env, jobject self, jlongArray flight, jlongArray permit) {
    (void)self;
    void *flight_words = open_array(env, flight);
    void *permit_words = open_array(env, permit);
    jint answer = (jint)seawall_java_call_keep(flight_words, permit_words);
    close_array(env, permit, permit_words);
    close_array(env, flight, flight_words);
    return answer;
}

JNIEXPORT jint JNICALL Java_dev_seawall_JniWall_callKey(
    JNIEnv *env, jobject self, jlongArray flight, jbyteArray key) {
    (void)self;
    void *flight_words = open_array(env, flight);
    void *key_words = open_array(env, key);
    jint answer = (jint)seawall_java_call_key(flight_words, key_words);
    close_array(env, key, key_words);
    close_array(env, flight, flight_words);
    return answer;
}

/* Dependency */

JNIEXPORT jint JNICALL Java_dev_seawall_JniWall_dependencyAbout(
    JNIEnv *env, jobject self, jlong dependency, jlongArray about) {
    (void)self;
    void *about_words = open_array(env, about);
    jint answer = (jint)seawall_dependency_about(AT(const seawall_dependency_t, dependency), about_words);
    close_array(env, about, about_words);
    return answer;
}

JNIEXPORT jint JNICALL Java_dev_seawall_JniWall_dependencySnapshot(
    JNIEnv *env, jobject self, jlong dependency, jlongArray snapshot) {
    (void)self;
    void *snapshot_words = open_array(env, snapshot);
    jint answer = (jint)seawall_dependency_snapshot(AT(const seawall_dependency_t, dependency), snapshot_words);
    close_array(env, snapshot, snapshot_words);
    return answer;
}

JNIEXPORT jlong JNICALL Java_dev_seawall_JniWall_dependencyBreaker(
    JNIEnv *env, jobject self, jlong dependency) {
    (void)env;
    (void)self;
    return (jlong)(intptr_t)seawall_dependency_breaker(AT(const seawall_dependency_t, dependency));
}

JNIEXPORT jlong JNICALL Java_dev_seawall_JniWall_dependencyBulkhead(
    JNIEnv *env, jobject self, jlong dependency) {
    (void)env;
    (void)self;
    return (jlong)(intptr_t)seawall_dependency_bulkhead(AT(const seawall_dependency_t, dependency));
}

JNIEXPORT jlong JNICALL Java_dev_seawall_JniWall_dependencyRetryBudget(
    JNIEnv *env, jobject self, jlong dependency) {
    (void)env;
    (void)self;
    return (jlong)(intptr_t)seawall_dependency_retry_budget(AT(const seawall_dependency_t, dependency));
}

JNIEXPORT jlong JNICALL Java_dev_seawall_JniWall_dependencyLimiter(
    JNIEnv *env, jobject self, jlong dependency, jint limiter) {
    (void)env;
    (void)self;
    return (jlong)(intptr_t)seawall_dependency_limiter(AT(const seawall_dependency_t, dependency), (uint32_t)limiter);
}

JNIEXPORT jlong JNICALL Java_dev_seawall_JniWall_dependencyLimiterName(
    JNIEnv *env, jobject self, jlong dependency, jint limiter, jbyteArray buffer) {
    (void)self;
    size_t buffer_length = (size_t)(*env)->GetArrayLength(env, buffer);
    void *buffer_words = open_array(env, buffer);
    jlong answer = (jlong)seawall_dependency_limiter_name(
        AT(const seawall_dependency_t, dependency), (uint32_t)limiter, buffer_words, buffer_length);
    close_array(env, buffer, buffer_words);
    return answer;
}

JNIEXPORT jint JNICALL Java_dev_seawall_JniWall_dependencyForceOpen(
    JNIEnv *env, jobject self, jlong dependency, jlongArray transition) {
    (void)self;
    void *transition_words = open_array(env, transition);
    jint answer = (jint)seawall_dependency_force_open(AT(const seawall_dependency_t, dependency), transition_words);
    close_array(env, transition, transition_words);
    return answer;
}

JNIEXPORT jint JNICALL Java_dev_seawall_JniWall_dependencyDisable(
    JNIEnv *env, jobject self, jlong dependency, jlongArray transition) {
    (void)self;
    void *transition_words = open_array(env, transition);
    jint answer = (jint)seawall_dependency_disable(AT(const seawall_dependency_t, dependency), transition_words);
    close_array(env, transition, transition_words);
    return answer;
}

JNIEXPORT jint JNICALL Java_dev_seawall_JniWall_dependencyReset(
    JNIEnv *env, jobject self, jlong dependency, jlongArray transition) {
    (void)self;
    void *transition_words = open_array(env, transition);
    jint answer = (jint)seawall_dependency_reset(AT(const seawall_dependency_t, dependency), transition_words);
    close_array(env, transition, transition_words);
    return answer;
}

JNIEXPORT jint JNICALL Java_dev_seawall_JniWall_dependencyAdjust(
    JNIEnv *env, jobject self, jlong dependency, jint limiter, jlong tokens, jlong now) {
    (void)env;
    (void)self;
    return (jint)seawall_dependency_adjust(AT(const seawall_dependency_t, dependency), (uint32_t)limiter, tokens,
    (uint64_t)now);
}

JNIEXPORT jint JNICALL Java_dev_seawall_JniWall_dependencyRelease(
    JNIEnv *env, jobject self, jlong dependency, jlongArray permit) {
    (void)self;
    void *permit_words = open_array(env, permit);
    jint answer = (jint)seawall_dependency_release(AT(const seawall_dependency_t, dependency), permit_words);
    close_array(env, permit, permit_words);
    return answer;
}

JNIEXPORT jint JNICALL Java_dev_seawall_JniWall_dependencyFellBack(
    JNIEnv *env, jobject self, jlong dependency) {
    (void)env;
    (void)self;
    return (jint)seawall_dependency_fell_back(AT(const seawall_dependency_t, dependency));
}

JNIEXPORT jint JNICALL Java_dev_seawall_JniWall_dependencyCameLate(
    JNIEnv *env, jobject self, jlong dependency) {
    (void)env;
    (void)self;
    return (jint)seawall_dependency_came_late(AT(const seawall_dependency_t, dependency));
}

/* Headers and HTTP */

JNIEXPORT jint JNICALL Java_dev_seawall_JniWall_deadlineFromGrpc(
    JNIEnv *env, jobject self, jbyteArray text, jlongArray span) {
    (void)self;
    size_t text_length = (size_t)(*env)->GetArrayLength(env, text);
    void *text_words = open_array(env, text);
    void *span_words = open_array(env, span);
    jint answer = (jint)seawall_deadline_from_grpc(text_words, text_length, span_words);
    close_array(env, span, span_words);
    close_array(env, text, text_words);
    return answer;
}

JNIEXPORT jint JNICALL Java_dev_seawall_JniWall_deadlineFromMs(
    JNIEnv *env, jobject self, jbyteArray text, jlongArray span) {
    (void)self;
    size_t text_length = (size_t)(*env)->GetArrayLength(env, text);
    void *text_words = open_array(env, text);
    void *span_words = open_array(env, span);
    jint answer = (jint)seawall_deadline_from_ms(text_words, text_length, span_words);
    close_array(env, span, span_words);
    close_array(env, text, text_words);
    return answer;
}

JNIEXPORT jlong JNICALL Java_dev_seawall_JniWall_deadlineToGrpc(
    JNIEnv *env, jobject self, jlong span, jbyteArray out) {
    (void)self;
    void *out_words = open_array(env, out);
    jlong answer = (jlong)seawall_deadline_to_grpc((uint64_t)span, out_words);
    close_array(env, out, out_words);
    return answer;
}

JNIEXPORT jlong JNICALL Java_dev_seawall_JniWall_deadlineToMs(
    JNIEnv *env, jobject self, jlong span, jbyteArray out) {
    (void)self;
    void *out_words = open_array(env, out);
    jlong answer = (jlong)seawall_deadline_to_ms((uint64_t)span, out_words);
    close_array(env, out, out_words);
    return answer;
}

JNIEXPORT jint JNICALL Java_dev_seawall_JniWall_retryAfter(
    JNIEnv *env, jobject self, jbyteArray text, jlong unixMillis, jlongArray span) {
    (void)self;
    size_t text_length = (size_t)(*env)->GetArrayLength(env, text);
    void *text_words = open_array(env, text);
    void *span_words = open_array(env, span);
    jint answer = (jint)seawall_retry_after(text_words, text_length, (uint64_t)unixMillis, span_words);
    close_array(env, span, span_words);
    close_array(env, text, text_words);
    return answer;
}

JNIEXPORT jint JNICALL Java_dev_seawall_JniWall_httpClassify(
    JNIEnv *env, jobject self, jint status, jlongArray attempt) {
    (void)self;
    void *attempt_words = open_array(env, attempt);
    jint answer = (jint)seawall_http_classify((uint32_t)status, attempt_words);
    close_array(env, attempt, attempt_words);
    return answer;
}

JNIEXPORT jint JNICALL Java_dev_seawall_JniWall_httpTrouble(
    JNIEnv *env, jobject self, jint trouble, jlongArray attempt) {
    (void)self;
    void *attempt_words = open_array(env, attempt);
    jint answer = (jint)seawall_http_trouble((uint32_t)trouble, attempt_words);
    close_array(env, attempt, attempt_words);
    return answer;
}

JNIEXPORT jint JNICALL Java_dev_seawall_JniWall_httpIsIdempotent(
    JNIEnv *env, jobject self, jbyteArray method) {
    (void)self;
    size_t method_length = (size_t)(*env)->GetArrayLength(env, method);
    void *method_words = open_array(env, method);
    jint answer = (jint)seawall_http_is_idempotent(method_words, method_length);
    close_array(env, method, method_words);
    return answer;
}

/*
 * Entries for calls. Each reads the clock at most once and says when it was, so that Java need not come again for
 * it. The library may be given the state wherever it lies at the time of an event.
 */
#if defined(__x86_64__)
/* See seawall_jni.c: Java leaves the upper halves of the wide registers in use. */
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

static inline uint64_t begin_event(flight_t *flight, uint64_t now) {
    clear_upper_halves();
    flight->now_ns = now != 0 ? now : seawall_now_ns();
    return flight->now_ns;
}

seawall_status_t seawall_java_dependency_begin(int64_t dependency, flight_t *flight, uint64_t now) {
    uint64_t moment = begin_event(flight, now);
    seawall_status_t status = seawall_dependency_begin(
        AT(const seawall_dependency_t, dependency), &flight->options, moment, &flight->call, &flight->action);
    flight->deadline_ns = seawall_call_deadline_ns(&flight->call);
    return status;
}

seawall_status_t seawall_java_call_ended(flight_t *flight, uint64_t now) {
    uint64_t moment = begin_event(flight, now);
    return seawall_call_ended(&flight->call, &flight->attempt, moment, &flight->action);
}

seawall_status_t seawall_java_call_woke(flight_t *flight, uint64_t now) {
    uint64_t moment = begin_event(flight, now);
    return seawall_call_woke(&flight->call, moment, &flight->action);
}

seawall_status_t seawall_java_call_cancelled(flight_t *flight, uint64_t now) {
    uint64_t moment = begin_event(flight, now);
    return seawall_call_cancelled(&flight->call, moment, &flight->action);
}

seawall_status_t seawall_java_call_keep(flight_t *flight, seawall_permit_t *permit) {
    clear_upper_halves();
    return seawall_call_keep(&flight->call, permit);
}

seawall_status_t seawall_java_call_key(flight_t *flight, char *key) {
    clear_upper_halves();
    return seawall_call_key(&flight->call, key);
}
