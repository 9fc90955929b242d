//go:build cgo

package seawall

// The files native*.go alone see C. All here are thin typed wrappers: they pass numbers in and out, keep the
// object alive during the call, and leave all decisions to the core.
// None of the functions blocks, calls back into Go, or keeps a pointer of ours after it returns, which the
// nocallback lines promise; where noescape does too, permits and snapshots stay on the goroutine's stack.

/*
#cgo !seawall_system CFLAGS: -I${SRCDIR}/include -DSEAWALL_STATIC
#cgo !seawall_system,linux,amd64 LDFLAGS: ${SRCDIR}/lib/linux_amd64/libseawall.a
#cgo !seawall_system,linux,arm64 LDFLAGS: ${SRCDIR}/lib/linux_arm64/libseawall.a
#cgo !seawall_system,darwin,amd64 LDFLAGS: ${SRCDIR}/lib/darwin_amd64/libseawall.a
#cgo !seawall_system,darwin,arm64 LDFLAGS: ${SRCDIR}/lib/darwin_arm64/libseawall.a
#cgo !seawall_system,linux LDFLAGS: -lpthread -ldl -lm
#cgo seawall_system pkg-config: seawall

#cgo nocallback seawall_breaker_init
#cgo nocallback seawall_breaker_reconfigure
#cgo noescape seawall_breaker_try_acquire
#cgo nocallback seawall_breaker_try_acquire
#cgo noescape seawall_breaker_record
#cgo nocallback seawall_breaker_record
#cgo noescape seawall_breaker_cancel
#cgo nocallback seawall_breaker_cancel
#cgo noescape seawall_breaker_force_open
#cgo nocallback seawall_breaker_force_open
#cgo noescape seawall_breaker_disable
#cgo nocallback seawall_breaker_disable
#cgo noescape seawall_breaker_reset
#cgo nocallback seawall_breaker_reset
#cgo noescape seawall_breaker_state
#cgo nocallback seawall_breaker_state
#cgo noescape seawall_breaker_snapshot
#cgo nocallback seawall_breaker_snapshot
#cgo nocallback seawall_bulkhead_bytes
#cgo nocallback seawall_bulkhead_init
#cgo noescape seawall_bulkhead_try_acquire
#cgo nocallback seawall_bulkhead_try_acquire
#cgo noescape seawall_bulkhead_release
#cgo nocallback seawall_bulkhead_release
#cgo noescape seawall_bulkhead_begin_wait
#cgo nocallback seawall_bulkhead_begin_wait
#cgo noescape seawall_bulkhead_end_wait
#cgo nocallback seawall_bulkhead_end_wait
#cgo nocallback seawall_bulkhead_resize
#cgo nocallback seawall_bulkhead_reconfigure
#cgo noescape seawall_bulkhead_snapshot
#cgo nocallback seawall_bulkhead_snapshot
#cgo nocallback seawall_limiter_init
#cgo nocallback seawall_limiter_reconfigure
#cgo noescape seawall_limiter_try_acquire
#cgo nocallback seawall_limiter_try_acquire
#cgo noescape seawall_limiter_reserve
#cgo nocallback seawall_limiter_reserve
#cgo noescape seawall_limiter_cancel
#cgo nocallback seawall_limiter_cancel
#cgo noescape seawall_limiter_adjust
#cgo nocallback seawall_limiter_adjust
#cgo noescape seawall_limiter_snapshot
#cgo nocallback seawall_limiter_snapshot
#cgo nocallback seawall_retry_budget_profile
#cgo nocallback seawall_retry_budget_init
#cgo nocallback seawall_retry_budget_reconfigure
#cgo noescape seawall_retry_budget_deposit
#cgo nocallback seawall_retry_budget_deposit
#cgo noescape seawall_retry_budget_try_withdraw
#cgo nocallback seawall_retry_budget_try_withdraw
#cgo noescape seawall_retry_budget_record
#cgo nocallback seawall_retry_budget_record
#cgo noescape seawall_retry_budget_cancel
#cgo nocallback seawall_retry_budget_cancel
#cgo noescape seawall_retry_budget_finish
#cgo nocallback seawall_retry_budget_finish
#cgo noescape seawall_retry_budget_snapshot
#cgo nocallback seawall_retry_budget_snapshot
#cgo nocallback seawall_backoff_validate
#cgo noescape seawall_backoff_delay
#cgo nocallback seawall_backoff_delay
#cgo nocallback seawall_deadline_after
#cgo nocallback seawall_deadline_remaining
#cgo nocallback seawall_deadline_is_expired
#cgo nocallback seawall_deadline_nearer
#cgo nocallback seawall_deadline_keep
#cgo nocallback seawall_deadline_attempt_timeout
#cgo nocallback seawall_histogram_init
#cgo noescape seawall_histogram_record
#cgo nocallback seawall_histogram_record
#cgo noescape seawall_histogram_quantile
#cgo nocallback seawall_histogram_quantile
#cgo noescape seawall_histogram_total
#cgo nocallback seawall_histogram_total
#cgo noescape seawall_histogram_merge
#cgo nocallback seawall_histogram_merge
#cgo noescape seawall_histogram_reset
#cgo nocallback seawall_histogram_reset
#cgo nocallback seawall_status_text
#cgo nocallback seawall_status_name
#cgo nocallback seawall_abi_version
#cgo nocallback seawall_now_ns
#cgo nocallback seawall_random

#include <stdlib.h>
#include "seawall.h"

static seawall_breaker_config_t seawall_go_breaker_defaults(void) {
    seawall_breaker_config_t config = SEAWALL_BREAKER_CONFIG_INIT;
    return config;
}
static seawall_bulkhead_config_t seawall_go_bulkhead_defaults(void) {
    seawall_bulkhead_config_t config = SEAWALL_BULKHEAD_CONFIG_INIT;
    return config;
}
static seawall_limiter_config_t seawall_go_limiter_defaults(void) {
    seawall_limiter_config_t config = SEAWALL_LIMITER_CONFIG_INIT;
    return config;
}
static seawall_backoff_config_t seawall_go_backoff_defaults(void) {
    seawall_backoff_config_t config = SEAWALL_BACKOFF_CONFIG_INIT;
    return config;
}
*/
import "C"

import (
	"runtime"
	"sync/atomic"
	"unsafe"
)

// The C structures under names that other files may use.
type (
	nativeBreakerConfig       = C.seawall_breaker_config_t
	nativeBreakerSnapshot     = C.seawall_breaker_snapshot_t
	nativeBulkheadConfig      = C.seawall_bulkhead_config_t
	nativeBulkheadSnapshot    = C.seawall_bulkhead_snapshot_t
	nativeLimiterConfig       = C.seawall_limiter_config_t
	nativeLimiterSnapshot     = C.seawall_limiter_snapshot_t
	nativeRetryBudgetConfig   = C.seawall_retry_budget_config_t
	nativeRetryBudgetSnapshot = C.seawall_retry_budget_snapshot_t
	nativeBackoffConfig       = C.seawall_backoff_config_t
	nativeConfigError         = C.seawall_config_error_t
	nativePermit              = C.seawall_permit_t
	nativeReservation         = C.seawall_reservation_t
	nativeWithdrawal          = C.seawall_withdrawal_t

	u32 = C.uint32_t
	u64 = C.uint64_t
)

// A status is the library's answer: 0 ok, above 0 a refusal or a note, below 0 an error.
type status int32

const (
	statusOK                  status = C.SEAWALL_OK
	statusBreakerOpen         status = C.SEAWALL_REFUSED_BREAKER_OPEN
	statusBreakerHalfOpen     status = C.SEAWALL_REFUSED_BREAKER_HALF_OPEN
	statusBreakerForcedOpen   status = C.SEAWALL_REFUSED_BREAKER_FORCED_OPEN
	statusBulkheadFull        status = C.SEAWALL_REFUSED_BULKHEAD_FULL
	statusBulkheadWaitFull    status = C.SEAWALL_REFUSED_BULKHEAD_WAIT_FULL
	statusBulkheadWaitTimeout status = C.SEAWALL_REFUSED_BULKHEAD_WAIT_TIMEOUT
	statusRateLimited         status = C.SEAWALL_REFUSED_RATE_LIMITED
	statusBudgetExhausted     status = C.SEAWALL_REFUSED_BUDGET_EXHAUSTED
	statusDeadlineExceeded    status = C.SEAWALL_REFUSED_DEADLINE_EXCEEDED
	statusLate                status = C.SEAWALL_NOTE_LATE
	statusStale               status = C.SEAWALL_NOTE_STALE
	statusNull                status = C.SEAWALL_ERROR_NULL
	statusMisaligned          status = C.SEAWALL_ERROR_MISALIGNED
	statusStorageTooSmall     status = C.SEAWALL_ERROR_STORAGE_TOO_SMALL
	statusUninitialised       status = C.SEAWALL_ERROR_UNINITIALISED
	statusConfig              status = C.SEAWALL_ERROR_CONFIG
	statusVersion             status = C.SEAWALL_ERROR_VERSION
	statusArgument            status = C.SEAWALL_ERROR_ARGUMENT
	statusSpent               status = C.SEAWALL_ERROR_SPENT
	statusForeign             status = C.SEAWALL_ERROR_FOREIGN
	statusExceedsCapacity     status = C.SEAWALL_ERROR_EXCEEDS_CAPACITY
	statusPanic               status = C.SEAWALL_ERROR_PANIC
)

const (
	outcomeSuccess = C.SEAWALL_OUTCOME_SUCCESS
	outcomeFailure = C.SEAWALL_OUTCOME_FAILURE
	outcomeIgnored = C.SEAWALL_OUTCOME_IGNORED

	modeEnforce = C.SEAWALL_MODE_ENFORCE
	modeShadow  = C.SEAWALL_MODE_SHADOW
	modeOff     = C.SEAWALL_MODE_OFF

	stateClosed     = C.SEAWALL_STATE_CLOSED
	stateOpen       = C.SEAWALL_STATE_OPEN
	stateHalfOpen   = C.SEAWALL_STATE_HALF_OPEN
	stateForcedOpen = C.SEAWALL_STATE_FORCED_OPEN
	stateDisabled   = C.SEAWALL_STATE_DISABLED

	priorityOrdinary = C.SEAWALL_PRIORITY_ORDINARY
	priorityCritical = C.SEAWALL_PRIORITY_CRITICAL
	priorityWaiting  = C.SEAWALL_PRIORITY_WAITING

	profileBucket      = C.SEAWALL_PROFILE_BUCKET
	profileFinagle     = C.SEAWALL_PROFILE_FINAGLE
	profileGRPC        = C.SEAWALL_PROFILE_GRPC
	profileAWSStandard = C.SEAWALL_PROFILE_AWS_STANDARD
	profileAWSLegacy   = C.SEAWALL_PROFILE_AWS_LEGACY

	causeFailure   = C.SEAWALL_CAUSE_FAILURE
	causeThrottled = C.SEAWALL_CAUSE_THROTTLED
	causeTimeout   = C.SEAWALL_CAUSE_TIMEOUT

	jitterFull         = C.SEAWALL_JITTER_FULL
	jitterEqual        = C.SEAWALL_JITTER_EQUAL
	jitterDecorrelated = C.SEAWALL_JITTER_DECORRELATED
	jitterNone         = C.SEAWALL_JITTER_NONE

	storageAlign     = C.SEAWALL_ALIGN
	breakerBytes     = C.SEAWALL_BREAKER_BYTES
	limiterBytes     = C.SEAWALL_LIMITER_BYTES
	retryBudgetBytes = C.SEAWALL_RETRY_BUDGET_BYTES
	histogramBytes   = C.SEAWALL_HISTOGRAM_BYTES
	bulkheadCapacity = C.SEAWALL_BULKHEAD_CAPACITY_MAX
	headerABIVersion = C.SEAWALL_ABI_VERSION
)

func (s status) text() string  { return C.GoString(C.seawall_status_text(C.seawall_status_t(s))) }
func (s status) name() string  { return C.GoString(C.seawall_status_name(C.seawall_status_t(s))) }
func nativeABIVersion() uint32 { return uint32(C.seawall_abi_version()) }
func nativeNow() uint64        { return uint64(C.seawall_now_ns()) }
func nativeRandom() uint64     { return uint64(C.seawall_random()) }

// field is the name of the setting that was refused.
func field(e *nativeConfigError) string { return C.GoString(&e.field[0]) }

// allocate gives aligned storage outside Go's heap, zeroed by the library's init functions. It lives until
// its Go object is unreachable, and not a moment less: Close only marks an object, so that a call that races
// with Close can never touch memory that is gone.
func allocate(bytes uintptr) unsafe.Pointer {
	rounded := (bytes + storageAlign - 1) &^ (storageAlign - 1)
	memory := C.aligned_alloc(storageAlign, C.size_t(rounded))
	if memory == nil {
		panic("seawall: out of memory")
	}
	living.Add(1)
	return memory
}

func free(memory unsafe.Pointer) {
	C.free(memory)
	living.Add(-1)
}

// living is how many objects lie outside Go's heap right now.
var living atomic.Int64

// ===== breaker

// The native objects are held by value in their Go objects, whose address therefore keeps them alive.
type nativeBreaker struct{ pointer *C.seawall_breaker_t }

func breakerDefaults() nativeBreakerConfig { return C.seawall_go_breaker_defaults() }

func (n *nativeBreaker) init(config *nativeBreakerConfig, refused *nativeConfigError) status {
	memory := allocate(breakerBytes)
	answer := status(C.seawall_breaker_init(memory, breakerBytes, config, refused, &n.pointer))
	if answer != statusOK {
		free(memory)
		return answer
	}
	runtime.AddCleanup(n, free, memory)
	return answer
}

func (n *nativeBreaker) reconfigure(config *nativeBreakerConfig, refused *nativeConfigError) status {
	answer := C.seawall_breaker_reconfigure(n.pointer, config, refused)
	runtime.KeepAlive(n)
	return status(answer)
}

func (n *nativeBreaker) tryAcquire(now uint64, permit *nativePermit) status {
	answer := C.seawall_breaker_try_acquire(n.pointer, u64(now), permit)
	runtime.KeepAlive(n)
	return status(answer)
}

func (n *nativeBreaker) record(permit *nativePermit, outcome uint32, retryAfter, now uint64) status {
	answer := C.seawall_breaker_record(n.pointer, permit, u32(outcome), u64(retryAfter), u64(now))
	runtime.KeepAlive(n)
	return status(answer)
}

func (n *nativeBreaker) cancel(permit *nativePermit) status {
	answer := C.seawall_breaker_cancel(n.pointer, permit)
	runtime.KeepAlive(n)
	return status(answer)
}

func (n *nativeBreaker) forceOpen() (transition uint32, answer status) {
	var change u32
	answer = status(C.seawall_breaker_force_open(n.pointer, &change))
	runtime.KeepAlive(n)
	return uint32(change), answer
}

func (n *nativeBreaker) disable() (transition uint32, answer status) {
	var change u32
	answer = status(C.seawall_breaker_disable(n.pointer, &change))
	runtime.KeepAlive(n)
	return uint32(change), answer
}

func (n *nativeBreaker) reset() (transition uint32, answer status) {
	var change u32
	answer = status(C.seawall_breaker_reset(n.pointer, &change))
	runtime.KeepAlive(n)
	return uint32(change), answer
}

func (n *nativeBreaker) state() status {
	answer := C.seawall_breaker_state(n.pointer)
	runtime.KeepAlive(n)
	return status(answer)
}

func (n *nativeBreaker) snapshot(now uint64) (seen nativeBreakerSnapshot, answer status) {
	seen.struct_bytes = C.sizeof_seawall_breaker_snapshot_t
	answer = status(C.seawall_breaker_snapshot(n.pointer, u64(now), &seen))
	runtime.KeepAlive(n)
	return seen, answer
}

// ===== bulkhead

type nativeBulkhead struct{ pointer *C.seawall_bulkhead_t }

func bulkheadDefaults() nativeBulkheadConfig { return C.seawall_go_bulkhead_defaults() }

func nativeBulkheadBytes(capacity uint32) uintptr {
	return uintptr(C.seawall_bulkhead_bytes(u32(capacity)))
}

func (n *nativeBulkhead) init(capacity uint32, config *nativeBulkheadConfig, refused *nativeConfigError) status {
	bytes := nativeBulkheadBytes(capacity)
	memory := allocate(max(bytes, storageAlign))
	answer := status(C.seawall_bulkhead_init(memory, C.size_t(bytes), u32(capacity), config, refused, &n.pointer))
	if answer != statusOK {
		free(memory)
		return answer
	}
	runtime.AddCleanup(n, free, memory)
	return answer
}

func (n *nativeBulkhead) tryAcquire(priority uint32, now uint64, permit *nativePermit) status {
	answer := C.seawall_bulkhead_try_acquire(n.pointer, u32(priority), u64(now), permit)
	runtime.KeepAlive(n)
	return status(answer)
}

func (n *nativeBulkhead) release(permit *nativePermit) status {
	answer := C.seawall_bulkhead_release(n.pointer, permit)
	runtime.KeepAlive(n)
	return status(answer)
}

func (n *nativeBulkhead) beginWait() status {
	answer := C.seawall_bulkhead_begin_wait(n.pointer)
	runtime.KeepAlive(n)
	return status(answer)
}

func (n *nativeBulkhead) endWait() status {
	answer := C.seawall_bulkhead_end_wait(n.pointer)
	runtime.KeepAlive(n)
	return status(answer)
}

func (n *nativeBulkhead) resize(maxConcurrent, reserved uint32, refused *nativeConfigError) status {
	answer := C.seawall_bulkhead_resize(n.pointer, u32(maxConcurrent), u32(reserved), refused)
	runtime.KeepAlive(n)
	return status(answer)
}

func (n *nativeBulkhead) reconfigure(config *nativeBulkheadConfig, refused *nativeConfigError) status {
	answer := C.seawall_bulkhead_reconfigure(n.pointer, config, refused)
	runtime.KeepAlive(n)
	return status(answer)
}

func (n *nativeBulkhead) snapshot(now uint64) (seen nativeBulkheadSnapshot, answer status) {
	seen.struct_bytes = C.sizeof_seawall_bulkhead_snapshot_t
	answer = status(C.seawall_bulkhead_snapshot(n.pointer, u64(now), &seen))
	runtime.KeepAlive(n)
	return seen, answer
}

// ===== limiter

type nativeLimiter struct{ pointer *C.seawall_limiter_t }

func limiterDefaults() nativeLimiterConfig { return C.seawall_go_limiter_defaults() }

func (n *nativeLimiter) init(config *nativeLimiterConfig, refused *nativeConfigError) status {
	memory := allocate(limiterBytes)
	answer := status(C.seawall_limiter_init(memory, limiterBytes, config, refused, &n.pointer))
	if answer != statusOK {
		free(memory)
		return answer
	}
	runtime.AddCleanup(n, free, memory)
	return answer
}

func (n *nativeLimiter) reconfigure(config *nativeLimiterConfig, now uint64, refused *nativeConfigError) status {
	answer := C.seawall_limiter_reconfigure(n.pointer, config, u64(now), refused)
	runtime.KeepAlive(n)
	return status(answer)
}

func (n *nativeLimiter) tryAcquire(tokens, now uint64) (retryAfter uint64, answer status) {
	var wait u64
	answer = status(C.seawall_limiter_try_acquire(n.pointer, u64(tokens), u64(now), &wait))
	runtime.KeepAlive(n)
	return uint64(wait), answer
}

func (n *nativeLimiter) reserve(tokens, maxWait, now uint64, reservation *nativeReservation) status {
	answer := C.seawall_limiter_reserve(n.pointer, u64(tokens), u64(maxWait), u64(now), reservation)
	runtime.KeepAlive(n)
	return status(answer)
}

func (n *nativeLimiter) cancel(reservation *nativeReservation, now uint64) status {
	answer := C.seawall_limiter_cancel(n.pointer, reservation, u64(now))
	runtime.KeepAlive(n)
	return status(answer)
}

func (n *nativeLimiter) adjust(tokens int64, now uint64) status {
	answer := C.seawall_limiter_adjust(n.pointer, C.int64_t(tokens), u64(now))
	runtime.KeepAlive(n)
	return status(answer)
}

func (n *nativeLimiter) snapshot(now uint64) (seen nativeLimiterSnapshot, answer status) {
	seen.struct_bytes = C.sizeof_seawall_limiter_snapshot_t
	answer = status(C.seawall_limiter_snapshot(n.pointer, u64(now), &seen))
	runtime.KeepAlive(n)
	return seen, answer
}

// ===== retry budget

type nativeRetryBudget struct{ pointer *C.seawall_retry_budget_t }

func retryBudgetProfile(profile uint32) (config nativeRetryBudgetConfig, answer status) {
	answer = status(C.seawall_retry_budget_profile(u32(profile), &config))
	return config, answer
}

func (n *nativeRetryBudget) init(config *nativeRetryBudgetConfig, now uint64, refused *nativeConfigError) status {
	memory := allocate(retryBudgetBytes)
	answer := status(C.seawall_retry_budget_init(memory, retryBudgetBytes, config, u64(now), refused, &n.pointer))
	if answer != statusOK {
		free(memory)
		return answer
	}
	runtime.AddCleanup(n, free, memory)
	return answer
}

func (n *nativeRetryBudget) reconfigure(config *nativeRetryBudgetConfig, refused *nativeConfigError) status {
	answer := C.seawall_retry_budget_reconfigure(n.pointer, config, refused)
	runtime.KeepAlive(n)
	return status(answer)
}

func (n *nativeRetryBudget) deposit(now uint64) status {
	answer := C.seawall_retry_budget_deposit(n.pointer, u64(now))
	runtime.KeepAlive(n)
	return status(answer)
}

func (n *nativeRetryBudget) tryWithdraw(cause uint32, now uint64, withdrawal *nativeWithdrawal) status {
	answer := C.seawall_retry_budget_try_withdraw(n.pointer, u32(cause), u64(now), withdrawal)
	runtime.KeepAlive(n)
	return status(answer)
}

func (n *nativeRetryBudget) record(outcome uint32, withdrawal *nativeWithdrawal) status {
	answer := C.seawall_retry_budget_record(n.pointer, u32(outcome), withdrawal)
	runtime.KeepAlive(n)
	return status(answer)
}

func (n *nativeRetryBudget) cancel(withdrawal *nativeWithdrawal, now uint64) status {
	answer := C.seawall_retry_budget_cancel(n.pointer, withdrawal, u64(now))
	runtime.KeepAlive(n)
	return status(answer)
}

func (n *nativeRetryBudget) finish() status {
	answer := C.seawall_retry_budget_finish(n.pointer)
	runtime.KeepAlive(n)
	return status(answer)
}

func (n *nativeRetryBudget) snapshot(now uint64) (seen nativeRetryBudgetSnapshot, answer status) {
	seen.struct_bytes = C.sizeof_seawall_retry_budget_snapshot_t
	answer = status(C.seawall_retry_budget_snapshot(n.pointer, u64(now), &seen))
	runtime.KeepAlive(n)
	return seen, answer
}

// ===== backoff

func backoffDefaults() nativeBackoffConfig { return C.seawall_go_backoff_defaults() }

func backoffValidate(config *nativeBackoffConfig, refused *nativeConfigError) status {
	return status(C.seawall_backoff_validate(config, refused))
}

func backoffDelay(config *nativeBackoffConfig, attempt uint32, previous, random, retryAfter uint64) (uint64, status) {
	var delay u64
	answer := C.seawall_backoff_delay(config, u32(attempt), u64(previous), u64(random), u64(retryAfter), &delay)
	return uint64(delay), status(answer)
}

// ===== deadline

func deadlineAfter(now, span uint64) uint64 {
	return uint64(C.seawall_deadline_after(u64(now), u64(span)))
}

func deadlineRemaining(at, now uint64) uint64 {
	return uint64(C.seawall_deadline_remaining(u64(at), u64(now)))
}

func deadlineIsExpired(at, now uint64) bool {
	return C.seawall_deadline_is_expired(u64(at), u64(now)) != 0
}

func deadlineNearer(at, other uint64) uint64 {
	return uint64(C.seawall_deadline_nearer(u64(at), u64(other)))
}

func deadlineKeep(at, now uint64, permille uint32) uint64 {
	return uint64(C.seawall_deadline_keep(u64(at), u64(now), u32(permille)))
}

func deadlineAttemptTimeout(at, timeout, now uint64) uint64 {
	return uint64(C.seawall_deadline_attempt_timeout(u64(at), u64(timeout), u64(now)))
}

// ===== histogram

type nativeHistogram struct{ pointer *C.seawall_histogram_t }

func (n *nativeHistogram) init() status {
	memory := allocate(histogramBytes)
	answer := status(C.seawall_histogram_init(memory, histogramBytes, &n.pointer))
	if answer != statusOK {
		free(memory)
		return answer
	}
	runtime.AddCleanup(n, free, memory)
	return answer
}

func (n *nativeHistogram) record(latency uint64) status {
	answer := C.seawall_histogram_record(n.pointer, u64(latency))
	runtime.KeepAlive(n)
	return status(answer)
}

func (n *nativeHistogram) quantile(ppm uint32) (latency uint64, answer status) {
	var found u64
	answer = status(C.seawall_histogram_quantile(n.pointer, u32(ppm), &found))
	runtime.KeepAlive(n)
	return uint64(found), answer
}

func (n *nativeHistogram) total() (counted uint64, answer status) {
	var found u64
	answer = status(C.seawall_histogram_total(n.pointer, &found))
	runtime.KeepAlive(n)
	return uint64(found), answer
}

func (n *nativeHistogram) merge(other *nativeHistogram) status {
	answer := C.seawall_histogram_merge(n.pointer, other.pointer)
	runtime.KeepAlive(n)
	runtime.KeepAlive(other)
	return status(answer)
}

func (n *nativeHistogram) reset() status {
	answer := C.seawall_histogram_reset(n.pointer)
	runtime.KeepAlive(n)
	return status(answer)
}
