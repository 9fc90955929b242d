package seawall

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"testing"
)

type abi struct {
	Structs map[string]struct {
		Size   uintptr
		Align  int
		Fields map[string]struct{ Offset, Size uintptr }
	}
	Constants map[string]any
	Functions map[string]any
}

func readABI(t *testing.T) abi {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "include", "seawall.abi.json"))
	if err != nil {
		t.Skip("the description of the ABI is in the repository only:", err)
	}
	var described abi
	if err := json.Unmarshal(text, &described); err != nil {
		t.Fatal(err)
	}
	return described
}

func TestEveryStructLiesInMemoryAsTheABISays(t *testing.T) {
	ours := map[string]reflect.Type{
		"seawall_backoff_config_t":        reflect.TypeFor[nativeBackoffConfig](),
		"seawall_config_error_t":          reflect.TypeFor[nativeConfigError](),
		"seawall_breaker_config_t":        reflect.TypeFor[nativeBreakerConfig](),
		"seawall_breaker_snapshot_t":      reflect.TypeFor[nativeBreakerSnapshot](),
		"seawall_bulkhead_config_t":       reflect.TypeFor[nativeBulkheadConfig](),
		"seawall_bulkhead_snapshot_t":     reflect.TypeFor[nativeBulkheadSnapshot](),
		"seawall_limiter_config_t":        reflect.TypeFor[nativeLimiterConfig](),
		"seawall_limiter_snapshot_t":      reflect.TypeFor[nativeLimiterSnapshot](),
		"seawall_permit_t":                reflect.TypeFor[nativePermit](),
		"seawall_reservation_t":           reflect.TypeFor[nativeReservation](),
		"seawall_retry_budget_config_t":   reflect.TypeFor[nativeRetryBudgetConfig](),
		"seawall_retry_budget_snapshot_t": reflect.TypeFor[nativeRetryBudgetSnapshot](),
		"seawall_withdrawal_t":            reflect.TypeFor[nativeWithdrawal](),
		"seawall_call_options_t":          reflect.TypeFor[nativeCallOptions](),
		"seawall_call_t":                  reflect.TypeFor[nativeCallState](),
		"seawall_action_t":                reflect.TypeFor[nativeAction](),
		"seawall_attempt_t":               reflect.TypeFor[nativeAttempt](),
		"seawall_dependency_about_t":      reflect.TypeFor[nativeDependencyAbout](),
		"seawall_dependency_snapshot_t":   reflect.TypeFor[nativeDependencySnapshot](),
	}
	// Policies come from walls here, which bind them to their gates.
	unused := map[string]bool{"seawall_policy_config_t": true, "seawall_gates_t": true}
	described := readABI(t).Structs
	for name, want := range described {
		if unused[name] {
			continue
		}
		got, ok := ours[name]
		if !ok {
			t.Errorf("%s is not known here", name)
			continue
		}
		if got.Size() != want.Size || got.Align() != want.Align {
			t.Errorf("%s: %d bytes aligned to %d, want %d and %d", name, got.Size(), got.Align(), want.Size, want.Align)
		}
		for field, place := range want.Fields {
			f, ok := got.FieldByName(field)
			if !ok {
				t.Errorf("%s.%s is missing", name, field)
			} else if f.Offset != place.Offset || f.Type.Size() != place.Size {
				t.Errorf("%s.%s: %d bytes at %d, want %d at %d", name, field, f.Type.Size(), f.Offset, place.Size, place.Offset)
			}
		}
	}
	for name := range ours {
		if _, ok := described[name]; !ok {
			t.Errorf("%s is not in the ABI any more", name)
		}
	}
}

func TestEveryConstantHasTheNumberOfTheABI(t *testing.T) {
	ours := map[string]any{
		"SEAWALL_OK": statusOK, "SEAWALL_REFUSED_BREAKER_OPEN": statusBreakerOpen,
		"SEAWALL_REFUSED_BREAKER_HALF_OPEN":     statusBreakerHalfOpen,
		"SEAWALL_REFUSED_BREAKER_FORCED_OPEN":   statusBreakerForcedOpen,
		"SEAWALL_REFUSED_BULKHEAD_FULL":         statusBulkheadFull,
		"SEAWALL_REFUSED_BULKHEAD_WAIT_FULL":    statusBulkheadWaitFull,
		"SEAWALL_REFUSED_BULKHEAD_WAIT_TIMEOUT": statusBulkheadWaitTimeout,
		"SEAWALL_REFUSED_RATE_LIMITED":          statusRateLimited,
		"SEAWALL_REFUSED_BUDGET_EXHAUSTED":      statusBudgetExhausted,
		"SEAWALL_REFUSED_DEADLINE_EXCEEDED":     statusDeadlineExceeded,
		"SEAWALL_NOTE_LATE":                     statusLate, "SEAWALL_NOTE_STALE": statusStale,
		"SEAWALL_ERROR_NULL": statusNull, "SEAWALL_ERROR_MISALIGNED": statusMisaligned,
		"SEAWALL_ERROR_STORAGE_TOO_SMALL": statusStorageTooSmall, "SEAWALL_ERROR_UNINITIALISED": statusUninitialised,
		"SEAWALL_ERROR_CONFIG": statusConfig, "SEAWALL_ERROR_VERSION": statusVersion,
		"SEAWALL_ERROR_ARGUMENT": statusArgument, "SEAWALL_ERROR_SPENT": statusSpent,
		"SEAWALL_ERROR_FOREIGN": statusForeign, "SEAWALL_ERROR_EXCEEDS_CAPACITY": statusExceedsCapacity,
		"SEAWALL_ERROR_PANIC":     statusPanic,
		"SEAWALL_OUTCOME_SUCCESS": Success, "SEAWALL_OUTCOME_FAILURE": Failure, "SEAWALL_OUTCOME_IGNORED": Ignored,
		"SEAWALL_MODE_ENFORCE": Enforce, "SEAWALL_MODE_SHADOW": Shadow, "SEAWALL_MODE_OFF": Off,
		"SEAWALL_STATE_CLOSED": StateClosed, "SEAWALL_STATE_OPEN": StateOpen, "SEAWALL_STATE_HALF_OPEN": StateHalfOpen,
		"SEAWALL_STATE_FORCED_OPEN": StateForcedOpen, "SEAWALL_STATE_DISABLED": StateDisabled,
		"SEAWALL_PRIORITY_ORDINARY": priorityOrdinary, "SEAWALL_PRIORITY_CRITICAL": priorityCritical,
		"SEAWALL_PRIORITY_WAITING": priorityWaiting,
		"SEAWALL_PROFILE_BUCKET":   ProfileBucket, "SEAWALL_PROFILE_FINAGLE": ProfileFinagle,
		"SEAWALL_PROFILE_GRPC": ProfileGRPC, "SEAWALL_PROFILE_AWS_STANDARD": ProfileAWSStandard,
		"SEAWALL_PROFILE_AWS_LEGACY": ProfileAWSLegacy,
		"SEAWALL_CAUSE_FAILURE":      CauseFailure, "SEAWALL_CAUSE_THROTTLED": CauseThrottled,
		"SEAWALL_CAUSE_TIMEOUT": CauseTimeout,
		"SEAWALL_JITTER_FULL":   JitterFull, "SEAWALL_JITTER_EQUAL": JitterEqual,
		"SEAWALL_JITTER_DECORRELATED": JitterDecorrelated, "SEAWALL_JITTER_NONE": JitterNone,
		"SEAWALL_ALIGN": storageAlign, "SEAWALL_ABI_VERSION": headerABIVersion,
		"SEAWALL_BREAKER_BYTES": breakerBytes, "SEAWALL_LIMITER_BYTES": limiterBytes,
		"SEAWALL_RETRY_BUDGET_BYTES": retryBudgetBytes, "SEAWALL_HISTOGRAM_BYTES": histogramBytes,
		"SEAWALL_BULKHEAD_CAPACITY_MAX": bulkheadCapacity,
		"SEAWALL_ERROR_UNKNOWN":         statusUnknown, "SEAWALL_ERROR_HEADER": statusHeader,
		"SEAWALL_SCOPE_CALL": scopeCall, "SEAWALL_SCOPE_ATTEMPT": scopeAttempt, "SEAWALL_LIMITERS_MAX": limitersMax,
		"SEAWALL_ACTION_RUN": actionRun, "SEAWALL_ACTION_SLEEP": actionSleep, "SEAWALL_ACTION_WAIT": actionWait,
		"SEAWALL_ACTION_FINISH": actionFinish,
		"SEAWALL_END_SUCCESS":   endSuccess, "SEAWALL_END_FAILURE": endFailure, "SEAWALL_END_IGNORED": endIgnored,
		"SEAWALL_END_REFUSED": endRefused,
		"SEAWALL_STOP_DONE":   StopDone, "SEAWALL_STOP_CANCELLED": StopCancelled, "SEAWALL_STOP_REFUSED": StopRefused,
		"SEAWALL_STOP_ATTEMPTS_USED": StopAttemptsUsed, "SEAWALL_STOP_NOT_RETRYABLE": StopNotRetryable,
		"SEAWALL_STOP_BREAKER_OPEN": StopBreakerOpen, "SEAWALL_STOP_BULKHEAD_FULL": StopBulkheadFull,
		"SEAWALL_STOP_BUDGET_EXHAUSTED": StopBudgetExhausted, "SEAWALL_STOP_RATE_LIMITED": StopRateLimited,
		"SEAWALL_STOP_DEADLINE_TOO_NEAR": StopDeadlineTooNear,
		"SEAWALL_AS_POLICY":              asPolicy, "SEAWALL_YES": yes, "SEAWALL_NO": no, "SEAWALL_NEVER": uint64(never),
		"SEAWALL_TROUBLE_NOT_CONNECTED": TroubleNotConnected, "SEAWALL_TROUBLE_CONNECT_TIMEOUT": TroubleConnectTimeout,
		"SEAWALL_TROUBLE_READ_TIMEOUT": TroubleReadTimeout, "SEAWALL_TROUBLE_RESET": TroubleReset,
		"SEAWALL_TROUBLE_PROTOCOL": TroubleProtocol, "SEAWALL_TROUBLE_OTHER": TroubleOther,
		"SEAWALL_CRITICALITY_CRITICAL": criticalityCritical, "SEAWALL_CRITICALITY_IMPORTANT": criticalityImportant,
		"SEAWALL_CRITICALITY_OPTIONAL": criticalityOptional,
		"SEAWALL_FALLBACK_FORBIDDEN":   fallbackForbidden, "SEAWALL_FALLBACK_ALLOWED": fallbackAllowed,
		"SEAWALL_FALLBACK_EXPECTED": fallbackExpected,
	}
	// What Go does not use: the version of the release, owners of shared objects, and policies in own storage.
	unused := regexp.MustCompile(`^SEAWALL_(VERSION_.*|OWNER_PRIVATE|POLICY_BYTES)$`)
	for name, want := range readABI(t).Constants {
		got, ok := ours[name]
		if !ok {
			if !unused.MatchString(name) {
				t.Errorf("%s is not known here", name)
			}
			continue
		}
		if fmt.Sprintf("%d", got) != fmt.Sprint(want) {
			t.Errorf("%s is %d, want %v", name, got, want)
		}
	}
}

// Objects that several processes share are not for Go yet, storage sizes come from the constants, and policies from
// walls.
var unusedFunctions = regexp.MustCompile(`_(attach|reclaim|try_acquire_as)$|^seawall_(breaker|limiter|retry_budget|histogram)_bytes$` +
	`|^seawall_policy_init$|^seawall_call_begin$`)

// insideC is called by a function of the preamble, which is what is marked then.
var insideC = map[string]string{"seawall_dependency_begin": "seawall_go_begin"}

func TestEveryFunctionIsCalledAndMarkedAsHarmless(t *testing.T) {
	source := append(must(os.ReadFile("native.go")), must(os.ReadFile("native_policy.go"))...)
	for name := range readABI(t).Functions {
		if unusedFunctions.MatchString(name) {
			continue
		}
		if inside := insideC[name]; inside != "" {
			name = inside
		}
		if !regexp.MustCompile(`C\.` + name + `\(`).Match(source) {
			t.Errorf("%s is not called", name)
		}
		if !regexp.MustCompile(`(?m)^#cgo nocallback ` + name + `$`).Match(source) {
			t.Errorf("%s is not marked nocallback", name)
		}
	}
}

func TestLibraryAndHeaderAreOfOneVersion(t *testing.T) {
	if nativeABIVersion() != headerABIVersion {
		t.Errorf("library %d, header %d", nativeABIVersion(), headerABIVersion)
	}
	ours, err := os.ReadFile(filepath.Join("include", "seawall.h"))
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := os.ReadFile(filepath.Join("..", "include", "seawall.h"))
	if err != nil {
		t.Skip("the first header is in the repository only:", err)
	}
	if string(ours) != string(theirs) {
		t.Error("include/seawall.h is not the repository's: run cargo xtask archive")
	}
}

func TestStatusesHaveTextAndName(t *testing.T) {
	for _, s := range []status{statusOK, statusBreakerOpen, statusStale, statusPanic, 9999} {
		if s.text() == "" || s.name() == "" {
			t.Errorf("status %d: text %q, name %q", s, s.text(), s.name())
		}
	}
}

func TestBulkheadStorageGrowsWithItsCapacity(t *testing.T) {
	if nativeBulkheadBytes(0) != 0 || nativeBulkheadBytes(bulkheadCapacity+1) != 0 {
		t.Error("capacities outside the range need storage")
	}
	if one, most := nativeBulkheadBytes(1), nativeBulkheadBytes(bulkheadCapacity); most-one < 8*(bulkheadCapacity-8) {
		t.Errorf("%d bytes for one permit, %d for all", one, most)
	}
}
