//go:build cgo

package seawall

import "time"

// A BreakerOption is a setting of a breaker.
type BreakerOption interface{ applyBreaker(*breakerSettings) }

type breakerSettings struct {
	settings
	native nativeBreakerConfig
	// leaseGiven is false while the lease of a probe follows the open time.
	leaseGiven bool
	// minCallsGiven is false while the least number of calls follows a short window.
	minCallsGiven bool
	// openMaxGiven is false while the longest open time follows the first one.
	openMaxGiven bool
	changed      func(name string, from, to State)
	call         callSettings
}

// with gives the core's settings after these options.
func (s *breakerSettings) with(options []BreakerOption) (nativeBreakerConfig, error) {
	s.given = nil
	for _, option := range options {
		if option != nil {
			option.applyBreaker(s)
		}
	}
	if !s.leaseGiven {
		s.native.probe_lease_ns = s.native.open_for_ns
	}
	if !s.minCallsGiven && s.native.window_calls != 0 {
		s.native.min_calls = min(s.native.window_calls, 20)
	}
	if !s.openMaxGiven {
		s.native.open_max_ns = max(s.native.open_for_ns, u64(5*time.Minute))
	}
	if err := s.check(); err != nil {
		return s.native, err
	}
	return s.native, s.call.check()
}

var breakerUnits = units{
	"failure_rate": asRatio, "slow_rate": asRatio, "open_backoff": asRatio, "open_jitter": asRatio,
	"slow_after": asDuration, "window": asDuration, "open_for": asDuration, "open_max": asDuration,
	"probe_lease": asDuration,
}

type breakerOption func(*breakerSettings)

func (o breakerOption) applyBreaker(s *breakerSettings) { o(s) }

// WithConsecutiveFailures opens after so many failures in a row, 0 to 1,000,000; 0 leaves the rule out. The rule
// counts while the window holds fewer calls than [WithMinCalls]: with enough data the rate decides. Default 5.
func WithConsecutiveFailures(failures int) BreakerOption {
	return breakerOption(func(s *breakerSettings) {
		s.native.consecutive_failures = s.count("consecutive_failures", failures)
	})
}

// WithConsecutiveAlways makes the rule of [WithConsecutiveFailures] count at any traffic. Default false.
func WithConsecutiveAlways(always bool) BreakerOption {
	return breakerOption(func(s *breakerSettings) {
		s.native.consecutive_always = 0
		if always {
			s.native.consecutive_always = 1
		}
	})
}

// WithFailureRate opens when this share of the calls in the window failed, 0 to 1 in steps of 0.001; 0 leaves
// the rule out. Default 0.5.
func WithFailureRate(ratio float64) BreakerOption {
	return breakerOption(func(s *breakerSettings) { s.native.failure_permille = s.ratio("failure_rate", ratio) })
}

// WithSlowRate opens when this share of the calls in the window, 0 to 1, took longer than slowAfter, up to a
// day; a ratio of 0 leaves the rule out. Default 0.
func WithSlowRate(ratio float64, slowAfter time.Duration) BreakerOption {
	return breakerOption(func(s *breakerSettings) {
		s.native.slow_permille = s.ratio("slow_rate", ratio)
		s.native.slow_after_ns = s.duration("slow_after", slowAfter)
	})
}

// WithWindowCalls judges by the last so many calls, 1 to 1,024, instead of by time; 0 goes back to time. A
// [WithMinCalls] beside it may be at most as many. Default 0.
func WithWindowCalls(calls int) BreakerOption {
	return breakerOption(func(s *breakerSettings) { s.native.window_calls = s.count("window_calls", calls) })
}

// A WindowOption is [WithWindow].
type WindowOption interface {
	BreakerOption
	RetryBudgetOption
}

type windowOption time.Duration

func (o windowOption) applyBreaker(s *breakerSettings) {
	s.native.window_ns = s.duration("window", time.Duration(o))
}

// WithWindow makes a breaker judge by the calls of this time, in ten rolling buckets, 10 ms to 24 h; a retry
// budget saves up its floor, or counts its deposits, over this time, 1 s to 1 h. Default 10 s for both.
func WithWindow(window time.Duration) WindowOption { return windowOption(window) }

// WithMinCalls lets no ratio count before the window holds so many calls, 1 to 1,000,000. Default 20, or
// all calls of a shorter [WithWindowCalls].
func WithMinCalls(calls int) BreakerOption {
	return breakerOption(func(s *breakerSettings) {
		s.native.min_calls = s.count("min_calls", calls)
		s.minCallsGiven = true
	})
}

// WithOpenFor is how long to stay open the first time, 1 ms to 24 h. Default 30 s.
func WithOpenFor(d time.Duration) BreakerOption {
	return breakerOption(func(s *breakerSettings) { s.native.open_for_ns = s.duration("open_for", d) })
}

// WithOpenBackoff is how much longer to stay open each further time without a close in between, 1 to 10.
// Default 2.
func WithOpenBackoff(factor float64) BreakerOption {
	return breakerOption(func(s *breakerSettings) { s.native.open_backoff_permille = s.ratio("open_backoff", factor) })
}

// WithOpenMax is the longest time to stay open, before jitter, WithOpenFor's to 24 h. Default 5 min, or
// WithOpenFor's if that is longer.
func WithOpenMax(d time.Duration) BreakerOption {
	return breakerOption(func(s *breakerSettings) {
		s.native.open_max_ns = s.duration("open_max", d)
		s.openMaxGiven = true
	})
}

// WithOpenJitter is how far the open time may stray either way, 0 to 0.5. Default 0.1.
func WithOpenJitter(ratio float64) BreakerOption {
	return breakerOption(func(s *breakerSettings) { s.native.open_jitter_permille = s.ratio("open_jitter", ratio) })
}

// WithProbes is how many calls a half-open round lets through, 1 to 32. Default 1.
func WithProbes(probes int) BreakerOption {
	return breakerOption(func(s *breakerSettings) { s.native.probes = s.count("probes", probes) })
}

// WithProbeLease is how long a probe may take before its seat can be taken again, 1 ms to 24 h. Default as long
// as [WithOpenFor].
func WithProbeLease(d time.Duration) BreakerOption {
	return breakerOption(func(s *breakerSettings) {
		s.leaseGiven = true
		s.native.probe_lease_ns = s.duration("probe_lease", d)
	})
}

// WithMinWitnesses lets a ratio count only when failures come from so many processes that share the breaker,
// 1 to 8. Default 1; a breaker that one process has alone never has more.
func WithMinWitnesses(processes int) BreakerOption {
	return breakerOption(func(s *breakerSettings) { s.native.min_witnesses = s.count("min_witnesses", processes) })
}

// A SeedOption is a setting of breakers and of walls.
type SeedOption interface {
	BreakerOption
	WallOption
}

type seedOption uint64

func (o seedOption) applyBreaker(s *breakerSettings) { s.native.seed = u64(o) }
func (o seedOption) applyWall(s *wallSettings)       { s.seed = (*uint64)(&o) }

// WithSeed makes the jitter of a breaker's open time repeatable, or every random choice of a wall made by [New]; a
// file has the key "seed" for that. For tests. Default random.
func WithSeed(seed uint64) SeedOption { return seedOption(seed) }

// OnTransition calls back after each change of state, on the goroutine whose call made it, exactly once per
// change, when the new state is already in force. It should be quick; a panic in it is swallowed.
func OnTransition(callback func(name string, from, to State)) BreakerOption {
	return breakerOption(func(s *breakerSettings) {
		if s.live {
			s.reject("on_transition", "a new callback", "none, it cannot change on a live breaker")
			return
		}
		s.changed = callback
	})
}
