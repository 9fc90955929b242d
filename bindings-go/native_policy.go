//go:build cgo

package seawall

// The second half of what sees C: walls, dependencies, calls, headers. The rules are those of native.go.
// A dependency lives as long as its wall, and the wall's memory is freed when neither the Go wall nor any of
// its dependencies, calls or permits is reachable: Close only ends their use.

/*
#cgo nocallback seawall_wall_open
#cgo nocallback seawall_wall_parse
#cgo nocallback seawall_wall_new
#cgo nocallback seawall_wall_new_seeded
#cgo nocallback seawall_wall_define
#cgo nocallback seawall_wall_redefine
#cgo nocallback seawall_wall_reload
#cgo nocallback seawall_wall_dependency
#cgo nocallback seawall_wall_names
#cgo nocallback seawall_wall_findings
#cgo nocallback seawall_wall_close
#cgo noescape seawall_go_begin
#cgo nocallback seawall_go_begin
#cgo noescape seawall_call_ended
#cgo nocallback seawall_call_ended
#cgo noescape seawall_call_woke
#cgo nocallback seawall_call_woke
#cgo noescape seawall_call_cancelled
#cgo nocallback seawall_call_cancelled
#cgo noescape seawall_call_keep
#cgo nocallback seawall_call_keep
#cgo noescape seawall_call_key
#cgo nocallback seawall_call_key
#cgo noescape seawall_call_deadline_ns
#cgo nocallback seawall_call_deadline_ns
#cgo noescape seawall_dependency_about
#cgo nocallback seawall_dependency_about
#cgo noescape seawall_dependency_snapshot
#cgo nocallback seawall_dependency_snapshot
#cgo nocallback seawall_dependency_breaker
#cgo nocallback seawall_dependency_bulkhead
#cgo nocallback seawall_dependency_retry_budget
#cgo nocallback seawall_dependency_limiter
#cgo noescape seawall_dependency_limiter_name
#cgo nocallback seawall_dependency_limiter_name
#cgo noescape seawall_dependency_force_open
#cgo nocallback seawall_dependency_force_open
#cgo noescape seawall_dependency_disable
#cgo nocallback seawall_dependency_disable
#cgo noescape seawall_dependency_reset
#cgo nocallback seawall_dependency_reset
#cgo nocallback seawall_dependency_adjust
#cgo noescape seawall_dependency_release
#cgo nocallback seawall_dependency_release
#cgo nocallback seawall_dependency_fell_back
#cgo nocallback seawall_dependency_came_late
#cgo noescape seawall_deadline_from_grpc
#cgo nocallback seawall_deadline_from_grpc
#cgo noescape seawall_deadline_from_ms
#cgo nocallback seawall_deadline_from_ms
#cgo noescape seawall_deadline_to_grpc
#cgo nocallback seawall_deadline_to_grpc
#cgo noescape seawall_deadline_to_ms
#cgo nocallback seawall_deadline_to_ms
#cgo noescape seawall_retry_after
#cgo nocallback seawall_retry_after
#cgo noescape seawall_http_classify
#cgo nocallback seawall_http_classify
#cgo noescape seawall_http_trouble
#cgo nocallback seawall_http_trouble
#cgo noescape seawall_http_is_idempotent
#cgo nocallback seawall_http_is_idempotent

#include <stdlib.h>
#include "seawall.h"

static seawall_call_options_t seawall_go_call_options(void) {
    seawall_call_options_t options = SEAWALL_CALL_OPTIONS_INIT;
    return options;
}
static seawall_attempt_t seawall_go_attempt(void) {
    seawall_attempt_t attempt = SEAWALL_ATTEMPT_INIT;
    return attempt;
}
// Go knows how much time a context has left; the moment that is comes from the clock in here, so that a call
// with a deadline costs no crossing more than one without.
static seawall_status_t seawall_go_begin(const seawall_dependency_t *dependency, seawall_call_options_t *options,
                                         uint64_t left_ns, uint64_t now_ns, seawall_call_t *call,
                                         seawall_action_t *action) {
    if (left_ns != SEAWALL_NEVER) {
        if (now_ns == 0) now_ns = seawall_now_ns();
        options->deadline_ns = seawall_deadline_after(now_ns, left_ns);
    }
    return seawall_dependency_begin(dependency, options, now_ns, call, action);
}
*/
import "C"

import (
	"runtime"
	"strings"
	"unsafe"
)

type (
	nativeCallOptions        = C.seawall_call_options_t
	nativeAttempt            = C.seawall_attempt_t
	nativeAction             = C.seawall_action_t
	nativeDependencyAbout    = C.seawall_dependency_about_t
	nativeDependencySnapshot = C.seawall_dependency_snapshot_t
	nativeCallState          = C.seawall_call_t

	i32 = C.int32_t
)

const (
	statusUnknown status = C.SEAWALL_ERROR_UNKNOWN
	statusHeader  status = C.SEAWALL_ERROR_HEADER

	actionRun    = C.SEAWALL_ACTION_RUN
	actionSleep  = C.SEAWALL_ACTION_SLEEP
	actionWait   = C.SEAWALL_ACTION_WAIT
	actionFinish = C.SEAWALL_ACTION_FINISH

	endSuccess = C.SEAWALL_END_SUCCESS
	endFailure = C.SEAWALL_END_FAILURE
	endIgnored = C.SEAWALL_END_IGNORED
	endRefused = C.SEAWALL_END_REFUSED

	stopDone            = C.SEAWALL_STOP_DONE
	stopCancelled       = C.SEAWALL_STOP_CANCELLED
	stopRefused         = C.SEAWALL_STOP_REFUSED
	stopAttemptsUsed    = C.SEAWALL_STOP_ATTEMPTS_USED
	stopNotRetryable    = C.SEAWALL_STOP_NOT_RETRYABLE
	stopBreakerOpen     = C.SEAWALL_STOP_BREAKER_OPEN
	stopBulkheadFull    = C.SEAWALL_STOP_BULKHEAD_FULL
	stopBudgetExhausted = C.SEAWALL_STOP_BUDGET_EXHAUSTED
	stopRateLimited     = C.SEAWALL_STOP_RATE_LIMITED
	stopDeadlineTooNear = C.SEAWALL_STOP_DEADLINE_TOO_NEAR

	asPolicy = C.SEAWALL_AS_POLICY
	yes      = C.SEAWALL_YES
	no       = C.SEAWALL_NO
	never    = C.SEAWALL_NEVER

	scopeCall    = C.SEAWALL_SCOPE_CALL
	scopeAttempt = C.SEAWALL_SCOPE_ATTEMPT
	limitersMax  = C.SEAWALL_LIMITERS_MAX

	troubleNotConnected   = C.SEAWALL_TROUBLE_NOT_CONNECTED
	troubleConnectTimeout = C.SEAWALL_TROUBLE_CONNECT_TIMEOUT
	troubleReadTimeout    = C.SEAWALL_TROUBLE_READ_TIMEOUT
	troubleReset          = C.SEAWALL_TROUBLE_RESET
	troubleProtocol       = C.SEAWALL_TROUBLE_PROTOCOL
	troubleOther          = C.SEAWALL_TROUBLE_OTHER

	criticalityCritical  = C.SEAWALL_CRITICALITY_CRITICAL
	criticalityImportant = C.SEAWALL_CRITICALITY_IMPORTANT
	criticalityOptional  = C.SEAWALL_CRITICALITY_OPTIONAL

	fallbackForbidden = C.SEAWALL_FALLBACK_FORBIDDEN
	fallbackAllowed   = C.SEAWALL_FALLBACK_ALLOWED
	fallbackExpected  = C.SEAWALL_FALLBACK_EXPECTED
)

// ===== wall

type nativeWall struct{ pointer *C.seawall_wall_t }

// messageBytes is room for everything that is wrong with a file: some hundred problems.
const messageBytes = 32 << 10

// texts turns Go strings into C's for one call. Strings must not hold a NUL.
func texts(all ...string) (c []*C.char, release func()) {
	for _, one := range all {
		c = append(c, C.CString(one))
	}
	return c, func() {
		for _, one := range c {
			C.free(unsafe.Pointer(one))
		}
	}
}

// said gives a buffer for a message, and a function that reads it.
func said() (buffer *C.char, bytes C.size_t, read func() string) {
	buffer = (*C.char)(C.calloc(1, messageBytes))
	if buffer == nil {
		panic("seawall: out of memory")
	}
	return buffer, messageBytes, func() string {
		defer C.free(unsafe.Pointer(buffer))
		return strings.ToValidUTF8(C.GoString(buffer), "")
	}
}

func (n *nativeWall) held(answer C.seawall_status_t) status {
	if answer == C.SEAWALL_OK {
		living.Add(1)
		runtime.AddCleanup(n, func(wall *C.seawall_wall_t) {
			C.seawall_wall_close(wall)
			living.Add(-1)
		}, n.pointer)
	}
	return status(answer)
}

func (n *nativeWall) open(path string) (status, string) {
	c, release := texts(path)
	defer release()
	buffer, bytes, read := said()
	answer := n.held(C.seawall_wall_open(c[0], &n.pointer, buffer, bytes))
	return answer, read()
}

func (n *nativeWall) parse(policies, name string) (status, string) {
	c, release := texts(policies, name)
	defer release()
	buffer, bytes, read := said()
	answer := n.held(C.seawall_wall_parse(c[0], c[1], &n.pointer, buffer, bytes))
	return answer, read()
}

func (n *nativeWall) empty() status { return n.held(C.seawall_wall_new(&n.pointer)) }

func (n *nativeWall) seeded(seed uint64) status {
	return n.held(C.seawall_wall_new_seeded(u64(seed), &n.pointer))
}

func (n *nativeWall) define(name, policy string, now uint64) (nativeDependency, status, string) {
	c, release := texts(name, policy)
	defer release()
	buffer, bytes, read := said()
	var found nativeDependency
	answer := C.seawall_wall_define(n.pointer, c[0], c[1], u64(now), &found.pointer, buffer, bytes)
	runtime.KeepAlive(n)
	return found, status(answer), read()
}

func (n *nativeWall) redefine(name, policy string, now uint64) (status, string) {
	c, release := texts(name, policy)
	defer release()
	buffer, bytes, read := said()
	answer := C.seawall_wall_redefine(n.pointer, c[0], c[1], u64(now), buffer, bytes)
	runtime.KeepAlive(n)
	return status(answer), read()
}

func (n *nativeWall) reload(now uint64) (status, string) {
	buffer, bytes, read := said()
	answer := C.seawall_wall_reload(n.pointer, u64(now), buffer, bytes)
	runtime.KeepAlive(n)
	return status(answer), read()
}

func (n *nativeWall) dependency(name string) (nativeDependency, status, string) {
	c, release := texts(name)
	defer release()
	buffer, bytes, read := said()
	var found nativeDependency
	answer := C.seawall_wall_dependency(n.pointer, c[0], &found.pointer, buffer, bytes)
	runtime.KeepAlive(n)
	return found, status(answer), read()
}

func (n *nativeWall) names() []string {
	return lines(n, func(buffer *C.char, bytes C.size_t) C.size_t {
		return C.seawall_wall_names(n.pointer, buffer, bytes)
	})
}

func (n *nativeWall) findings() []string {
	return lines(n, func(buffer *C.char, bytes C.size_t) C.size_t {
		return C.seawall_wall_findings(n.pointer, buffer, bytes)
	})
}

// lines asks how much room a text needs, until it has room for all of it: a reload may come between.
func lines(n *nativeWall, fill func(*C.char, C.size_t) C.size_t) []string {
	defer runtime.KeepAlive(n)
	needed := fill(nil, 0)
	for {
		room := needed + 1
		buffer := (*C.char)(C.calloc(1, room))
		if buffer == nil {
			panic("seawall: out of memory")
		}
		needed = fill(buffer, room)
		text := C.GoString(buffer)
		C.free(unsafe.Pointer(buffer))
		if needed <= room {
			if text == "" {
				return nil
			}
			return strings.Split(text, "\n")
		}
	}
}

// ===== dependency

// A nativeDependency lives as long as its wall, which whoever has one keeps alive.
type nativeDependency struct{ pointer *C.seawall_dependency_t }

func (n nativeDependency) about() (about nativeDependencyAbout) {
	about.struct_bytes = C.sizeof_seawall_dependency_about_t
	C.seawall_dependency_about(n.pointer, &about)
	return about
}

func (n nativeDependency) snapshot() (seen nativeDependencySnapshot) {
	seen.struct_bytes = C.sizeof_seawall_dependency_snapshot_t
	C.seawall_dependency_snapshot(n.pointer, &seen)
	return seen
}

// The gates are there to look at and to steer; nil when the policy in force has none.

func (n nativeDependency) breaker() *nativeBreaker {
	if pointer := C.seawall_dependency_breaker(n.pointer); pointer != nil {
		return &nativeBreaker{pointer}
	}
	return nil
}

func (n nativeDependency) bulkhead() *nativeBulkhead {
	if pointer := C.seawall_dependency_bulkhead(n.pointer); pointer != nil {
		return &nativeBulkhead{pointer}
	}
	return nil
}

func (n nativeDependency) retryBudget() *nativeRetryBudget {
	if pointer := C.seawall_dependency_retry_budget(n.pointer); pointer != nil {
		return &nativeRetryBudget{pointer}
	}
	return nil
}

func (n nativeDependency) limiter(index int) *nativeLimiter {
	if pointer := C.seawall_dependency_limiter(n.pointer, u32(index)); pointer != nil {
		return &nativeLimiter{pointer}
	}
	return nil
}

func (n nativeDependency) limiterName(index int) string {
	var buffer [256]C.char
	if C.seawall_dependency_limiter_name(n.pointer, u32(index), &buffer[0], C.size_t(len(buffer))) == 0 {
		return ""
	}
	return C.GoString(&buffer[0])
}

func (n nativeDependency) forceOpen() (transition uint32) {
	var change u32
	C.seawall_dependency_force_open(n.pointer, &change)
	return uint32(change)
}

func (n nativeDependency) disable() (transition uint32) {
	var change u32
	C.seawall_dependency_disable(n.pointer, &change)
	return uint32(change)
}

func (n nativeDependency) reset() (transition uint32) {
	var change u32
	C.seawall_dependency_reset(n.pointer, &change)
	return uint32(change)
}

func (n nativeDependency) adjust(limiter int, tokens int64, now uint64) status {
	return status(C.seawall_dependency_adjust(n.pointer, u32(limiter), C.int64_t(tokens), u64(now)))
}

func (n nativeDependency) release(kept *nativePermit) status {
	return status(C.seawall_dependency_release(n.pointer, kept))
}

func (n nativeDependency) fellBack() { C.seawall_dependency_fell_back(n.pointer) }
func (n nativeDependency) cameLate() { C.seawall_dependency_came_late(n.pointer) }

// ===== call

// A nativeCall is the state of one call. It holds no pointer of Go's, so it may lie anywhere and move.
type nativeCall struct{ state nativeCallState }

// Asked for once: copies cost no crossing.
var (
	initialOptions = C.seawall_go_call_options()
	initialAttempt = C.seawall_go_attempt()
)

func callOptions() nativeCallOptions { return initialOptions }
func anAttempt() nativeAttempt       { return initialAttempt }

func (n nativeDependency) begin(options *nativeCallOptions, left, now uint64, call *nativeCall, next *nativeAction) status {
	return status(C.seawall_go_begin(n.pointer, options, u64(left), u64(now), &call.state, next))
}

func (c *nativeCall) ended(attempt *nativeAttempt, now uint64, next *nativeAction) status {
	return status(C.seawall_call_ended(&c.state, attempt, u64(now), next))
}

func (c *nativeCall) woke(now uint64, next *nativeAction) status {
	return status(C.seawall_call_woke(&c.state, u64(now), next))
}

func (c *nativeCall) cancelled(now uint64, next *nativeAction) status {
	return status(C.seawall_call_cancelled(&c.state, u64(now), next))
}

func (c *nativeCall) keep(kept *nativePermit) status {
	return status(C.seawall_call_keep(&c.state, kept))
}

func (c *nativeCall) deadline() uint64 { return uint64(C.seawall_call_deadline_ns(&c.state)) }

func (c *nativeCall) key() string {
	var text [37]C.char
	if C.seawall_call_key(&c.state, &text[0]) != C.SEAWALL_OK {
		return ""
	}
	return C.GoString(&text[0])
}

// ===== headers

// chars is a string's bytes for C to look at during one call; nothing is copied.
func chars(text string) (*C.char, C.size_t) {
	// An empty string may have no address, and C wants one.
	if text == "" {
		text = "\x00"[:1]
		return (*C.char)(unsafe.Pointer(unsafe.StringData(text))), 0
	}
	return (*C.char)(unsafe.Pointer(unsafe.StringData(text))), C.size_t(len(text))
}

func deadlineFromGRPC(text string) (uint64, status) {
	var found u64
	c, bytes := chars(text)
	answer := C.seawall_deadline_from_grpc(c, bytes, &found)
	return uint64(found), status(answer)
}

func deadlineFromMillis(text string) (uint64, status) {
	var found u64
	c, bytes := chars(text)
	answer := C.seawall_deadline_from_ms(c, bytes, &found)
	return uint64(found), status(answer)
}

func deadlineToGRPC(span uint64) string {
	var out [16]C.char
	return C.GoStringN(&out[0], C.int(C.seawall_deadline_to_grpc(u64(span), &out[0])))
}

func deadlineToMillis(span uint64) string {
	var out [24]C.char
	return C.GoStringN(&out[0], C.int(C.seawall_deadline_to_ms(u64(span), &out[0])))
}

func nativeRetryAfter(text string, unixMillis uint64) (uint64, status) {
	var found u64
	c, bytes := chars(text)
	answer := C.seawall_retry_after(c, bytes, u64(unixMillis), &found)
	return uint64(found), status(answer)
}

func httpClassify(code uint32, attempt *nativeAttempt) {
	C.seawall_http_classify(u32(code), attempt)
}

func httpTrouble(trouble uint32, attempt *nativeAttempt) {
	C.seawall_http_trouble(u32(trouble), attempt)
}

func httpIsIdempotent(method string) bool {
	c, bytes := chars(method)
	return C.seawall_http_is_idempotent(c, bytes) != 0
}
