//go:build cgo

package seawall

import (
	"runtime"
	"time"
)

// A DependencySnapshot is what a dependency looked like at one moment; the counters are since it was defined.
// Durations are nanoseconds in JSON.
type DependencySnapshot struct {
	Name        string      `json:"name"`
	Criticality Criticality `json:"criticality"`
	// Calls is the calls that ended. Each is one of Successes, Failures, Ignored and Refused; Cancelled is those of
	// the ignored that their caller gave up.
	Calls     uint64 `json:"calls"`
	Successes uint64 `json:"successes"`
	Failures  uint64 `json:"failures"`
	Ignored   uint64 `json:"ignored"`
	Cancelled uint64 `json:"cancelled"`
	Refused   uint64 `json:"refused"`
	// RefusedByBreaker and the like say who refused.
	RefusedByBreaker   uint64 `json:"refused_by_breaker"`
	RefusedByBulkhead  uint64 `json:"refused_by_bulkhead"`
	RefusedByRateLimit uint64 `json:"refused_by_rate_limit"`
	RefusedByDeadline  uint64 `json:"refused_by_deadline"`
	// Retries is the second and further attempts, Timeouts the attempts that ran out of time.
	Retries  uint64 `json:"retries"`
	Timeouts uint64 `json:"timeouts"`
	// StoppedRetries is the calls that another attempt might have helped, but a gate said no.
	StoppedRetries    uint64 `json:"stopped_retries"`
	StoppedByBudget   uint64 `json:"stopped_by_budget"`
	StoppedByBreaker  uint64 `json:"stopped_by_breaker"`
	StoppedByDeadline uint64 `json:"stopped_by_deadline"`
	// Fallbacks is the results that a fallback served, Late the results that came too late to count.
	Fallbacks uint64 `json:"fallbacks"`
	Late      uint64 `json:"late"`
	// P50, P90 and P99 are the time that such a share of the calls took at most, within 3 %; 0 before the first.
	P50 time.Duration `json:"p50_ns"`
	P90 time.Duration `json:"p90_ns"`
	P99 time.Duration `json:"p99_ns"`
	// The gates; nil when the policy in force has none.
	Breaker     *BreakerSnapshot           `json:"breaker,omitempty"`
	Bulkhead    *BulkheadSnapshot          `json:"bulkhead,omitempty"`
	RetryBudget *RetryBudgetSnapshot       `json:"retry_budget,omitempty"`
	RateLimits  map[string]LimiterSnapshot `json:"rate_limits,omitempty"`
}

// Snapshot looks at the dependency and changes nothing. Nothing but the name after the wall's Close.
func (d *Dependency) Snapshot() DependencySnapshot {
	if d.wall.closed.Load() {
		return DependencySnapshot{Name: d.name}
	}
	// The gates are the wall's, which must outlive the look at them.
	defer runtime.KeepAlive(d)
	facts, s, now := d.about(), d.native.snapshot(), moment(d.wall.clock)
	seen := DependencySnapshot{
		Name: d.name, Criticality: criticality(uint32(facts.criticality)),
		Calls: uint64(s.calls), Successes: uint64(s.successes), Failures: uint64(s.failures), Ignored: uint64(s.ignored),
		Cancelled: uint64(s.cancelled), Refused: uint64(s.refused), RefusedByBreaker: uint64(s.refused_by_breaker),
		RefusedByBulkhead: uint64(s.refused_by_bulkhead), RefusedByRateLimit: uint64(s.refused_by_rate_limit),
		RefusedByDeadline: uint64(s.refused_by_deadline), Retries: uint64(s.retries), Timeouts: uint64(s.timeouts),
		StoppedRetries: uint64(s.stopped_retries), StoppedByBudget: uint64(s.stopped_by_budget),
		StoppedByBreaker: uint64(s.stopped_by_breaker), StoppedByDeadline: uint64(s.stopped_by_deadline),
		Fallbacks: uint64(s.fallbacks), Late: uint64(s.late),
		P50: span(uint64(s.p50_ns)), P90: span(uint64(s.p90_ns)), P99: span(uint64(s.p99_ns)),
	}
	if breaker := d.native.breaker(); breaker != nil {
		s, _ := breaker.snapshot(now)
		found := breakerSnapshot(&s)
		seen.Breaker = &found
	}
	if bulkhead := d.native.bulkhead(); bulkhead != nil {
		s, _ := bulkhead.snapshot(now)
		found := bulkheadSnapshot(&s)
		seen.Bulkhead = &found
	}
	if budget := d.native.retryBudget(); budget != nil {
		s, _ := budget.snapshot(now)
		found := retryBudgetSnapshot(&s)
		seen.RetryBudget = &found
	}
	for i, name := range facts.limits[:facts.limiters] {
		if limiter := d.native.limiter(i); limiter != nil {
			s, _ := limiter.snapshot(now)
			if seen.RateLimits == nil {
				seen.RateLimits = make(map[string]LimiterSnapshot)
			}
			seen.RateLimits[name] = limiterSnapshot(&s)
		}
	}
	return seen
}
