//go:build cgo

package seawall

import "time"

// A Policy is the rules for calling one dependency, in code: the same settings, defaults and checks as a table
// [dependency.NAME] of a file has. Only Timeout must be given.
//
// A field that is left out has its default. Where zero is a setting of its own and not the default, the field is
// a pointer: nil is "not set", and [Value] makes one, as in FailureRate: seawall.Value(0.0).
//
//	seawall.Policy{
//		Timeout:  2 * time.Second,
//		Deadline: 5 * time.Second,
//		Retry:    &seawall.RetryPolicy{Attempts: 2},
//		Bulkhead: &seawall.BulkheadPolicy{MaxConcurrent: 20},
//	}
type Policy struct {
	// Criticality is how much the service needs it. Default [Important].
	Criticality Criticality
	// Fallback says whether something else may be served. Default by criticality: forbidden, allowed, expected.
	Fallback FallbackRule
	// Timeout is the time one attempt may take, 1 ms to 24 h. Required.
	Timeout time.Duration
	// ConnectTimeout is the time that connecting may take, at most Timeout; for HTTP clients. Default Timeout.
	ConnectTimeout time.Duration
	// Deadline is the time the whole call may take, Timeout to 24 h. Default: no limit but the context's.
	Deadline time.Duration
	// Reserve is the share of the context's deadline that is kept for the caller, 0 to 1. Default 0.
	Reserve float64
	// Useful is the least time worth another attempt, 0 to Timeout. Default 0.
	Useful time.Duration
	// Overhead is what a call takes beside its attempts, for the check alone. Default 0.
	Overhead time.Duration
	// Idempotent says whether a request that may have been carried out may be sent again. Default true.
	Idempotent *bool
	// IdempotencyKey makes HTTP clients send an Idempotency-Key. Default false.
	IdempotencyKey bool
	// Mode is that of every gate that has none of its own. Default [Enforce].
	Mode Mode
	// Retry allows several attempts. Default nil: one.
	Retry *RetryPolicy
	// Breaker stops calling what keeps failing. Default nil: on, with its defaults; [BreakerOff]: none.
	Breaker *BreakerPolicy
	// Bulkhead bounds the calls at once. Default nil: no bound.
	Bulkhead *BulkheadPolicy
	// RateLimits bound the calls per time, at most 4, all of which must agree. Default none.
	RateLimits []RatePolicy
	// Pool is the size of the connection pool, for the check alone. Default 0: not declared.
	Pool int
	// CalledBy names dependencies that call this one, for the check alone.
	CalledBy []string
}

// Criticality is how much a service needs a dependency.
type Criticality string

const (
	// Critical: the service cannot do without it. Its calls may take reserved permits, and nothing else may be
	// served.
	Critical Criticality = "critical"
	// Important: the service is worse without it. The default.
	Important Criticality = "important"
	// Optional: the service does well without it, and should serve something else.
	Optional Criticality = "optional"
)

// A FallbackRule says whether something else may be served when a dependency gives nothing.
type FallbackRule string

const (
	// FallbackForbidden: a failure must be seen.
	FallbackForbidden FallbackRule = "forbidden"
	// FallbackAllowed: something else may be served.
	FallbackAllowed FallbackRule = "allowed"
	// FallbackExpected: something else should be served.
	FallbackExpected FallbackRule = "expected"
)

// A Scope says what a gate counts.
type Scope string

const (
	// ScopeCall: a call once, whatever its attempts. The default.
	ScopeCall Scope = "call"
	// ScopeAttempt: each attempt by itself; nothing is held through a backoff.
	ScopeAttempt Scope = "attempt"
)

// A RetryPolicy says how often and when a call is tried again.
type RetryPolicy struct {
	// Attempts in all, 1 to 100. Default 3.
	Attempts int
	// Base is the wait before the second attempt, up to 24 h. Default 100 ms; as good as none is 1 ns.
	Base time.Duration
	// Factor is how much longer each next wait is, 1 to 10. Default 2.
	Factor float64
	// Cap bounds the wait, Base to 24 h. Default 20 s.
	Cap time.Duration
	// Jitter spreads the waits. Default [JitterFull].
	Jitter Jitter
	// RetryAfterMargin is how much longer than the computed wait a server may ask for. Default nil: as it likes.
	RetryAfterMargin *time.Duration
	// Budget keeps retries a small share of calls. Default nil: 10 %; [BudgetOff]: none.
	Budget *BudgetPolicy
}

// A BudgetPolicy is the settings of a retry budget; absent ones are the profile's.
type BudgetPolicy struct {
	// Profile is whose rules apply. Default [ProfileBucket].
	Profile Profile
	// Ratio is the tokens that each call adds, 0 to 10. Default 0.1.
	Ratio *float64
	// MinPerSecond is the retries per second that are always granted, up to 10,000. Default 1.
	MinPerSecond *int
	// Window is 1 s to 1 h. Default 10 s.
	Window time.Duration
	// Cap is the most tokens, up to a million. Default 100.
	Cap int
	// MaxConcurrentRetries bounds the retries under way to a share of the calls under way, up to 10. Default nil: no
	// bound.
	MaxConcurrentRetries *float64
	// MinConcurrentRetries is how many that bound lets through in any case. Default 3.
	MinConcurrentRetries *int
	// Mode is the budget's own. Default nil: the policy's.
	Mode *Mode

	off bool
}

// BudgetOff is no retry budget.
var BudgetOff = &BudgetPolicy{off: true}

// A BreakerPolicy is the settings of a circuit breaker.
type BreakerPolicy struct {
	// ConsecutiveFailures opens it after so many in a row while there are too few calls for a rate; 0: never.
	// Default 5.
	ConsecutiveFailures *int
	// ConsecutiveAlways keeps that rule in force also with many calls. Default false.
	ConsecutiveAlways bool
	// FailureRate opens it at this share of failures, 0 to 1; 0: never. Default 0.5.
	FailureRate *float64
	// SlowRate opens it at this share of slow calls, 0 to 1. Default 0: never.
	SlowRate float64
	// SlowAfter is when a call is slow; with SlowRate.
	SlowAfter time.Duration
	// Window is the time that is looked back, 10 ms to 24 h. Default 10 s.
	Window time.Duration
	// WindowCalls looks back at so many calls instead, up to 1024.
	WindowCalls int
	// MinCalls is the calls that a rate needs, up to a million. Default 20.
	MinCalls int
	// OpenFor is how long it stays open, 1 ms to 24 h. Default 30 s.
	OpenFor time.Duration
	// OpenBackoff is how much longer it stays open each next time, 1 to 10. Default 2.
	OpenBackoff float64
	// OpenMax bounds that. Default 5 min or OpenFor.
	OpenMax time.Duration
	// OpenJitter spreads it by this share, 0 to 0.5. Default 0.1.
	OpenJitter *float64
	// Probes is the calls that test for recovery, 1 to 32. Default 1.
	Probes int
	// ProbeLease is how long a probe keeps its seat. Default the longer of OpenFor and twice the deadline.
	ProbeLease time.Duration
	// MinWitnesses is how many processes must have seen failures, 1 to 8. Default 1.
	MinWitnesses int
	// Scope is what it counts. Default [ScopeCall].
	Scope Scope
	// Mode is the breaker's own. Default nil: the policy's.
	Mode *Mode

	off bool
}

// BreakerOff is no circuit breaker.
var BreakerOff = &BreakerPolicy{off: true}

// A BulkheadPolicy is the settings of a bulkhead.
type BulkheadPolicy struct {
	// MaxConcurrent is the calls at once, 1 to 4096. Default 20.
	MaxConcurrent int
	// Reserved is the places that only critical calls may take, below MaxConcurrent. Default 0.
	Reserved int
	// MaxWait is how long to wait for a place, up to 24 h. Default 0: not at all.
	MaxWait time.Duration
	// MaxWaiting is how many may wait, up to a million. Default 1000 with a MaxWait.
	MaxWaiting *int
	// Scope is what holds a place. Default [ScopeCall].
	Scope Scope
	// Mode is the bulkhead's own. Default nil: the policy's.
	Mode *Mode
}

// A RatePolicy is one rate limit.
type RatePolicy struct {
	// Name tells it from others, for costs and snapshots. Default "requests"; required where there are several.
	Name string
	// Permits per Per, 1 to 10^9. Required.
	Permits int64
	// Per is 1 ns to 31 days. Default 1 s.
	Per time.Duration
	// Burst is the most at once, 1 to 10^9. Default Permits.
	Burst int64
	// MaxWait is how long to wait for it, up to 24 h. Default 0: not at all.
	MaxWait time.Duration
	// Mode is the limit's own. Default nil: the policy's.
	Mode *Mode
}

// Value is a pointer to a value, for the fields of a [Policy] where zero is a setting.
func Value[T any](value T) *T { return &value }
