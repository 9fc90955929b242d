//go:build cgo

package seawall

import (
	"errors"
	"math"
)

// dependencySettings is what calls of a dependency know beyond those of a single guard.
type dependencySettings struct {
	// first is the first such option, to name it where there is no dependency.
	first                 string
	retryOn               []func(error) bool
	retryResults          []any
	classify              any
	discard               any
	fallback              any
	critical, idempotent  u32
	costs                 []cost
	abandons, hasFallback bool
}

type cost struct {
	limit  string
	tokens int64
}

// dependencyOption changes a copy: options may be kept and used by many calls.
func dependencyOption(name string, change func(*callSettings, *dependencySettings)) CallOption {
	return callOption(func(s *callSettings) {
		copied := dependencySettings{first: name}
		if s.dependency != nil {
			copied = *s.dependency
		}
		change(s, &copied)
		s.dependency = &copied
	})
}

// RetryOn says which errors are failures that another attempt may help against; several add up. Without it those
// are the errors of connections and timeouts: see [Trouble]. Other errors are failures all the same, unless [On]
// or [Ignore] say otherwise.
func RetryOn(isWorthIt func(error) bool) CallOption {
	return dependencyOption("retry_on", func(s *callSettings, d *dependencySettings) {
		if s.must("retry_on", isWorthIt != nil) {
			d.retryOn = append(d.retryOn[:len(d.retryOn):len(d.retryOn)], isWorthIt)
		}
	})
}

// RetryOnErrors is RetryOn for errors that errors.Is finds.
func RetryOnErrors(targets ...error) CallOption { return RetryOn(anyOf(targets)) }

// RetryOnResult says which results without an error are failures that another attempt may help against.
func RetryOnResult[T any](isWorthIt func(T) bool) CallOption {
	return dependencyOption("retry_on_result", func(s *callSettings, d *dependencySettings) {
		if s.must("retry_on_result", isWorthIt != nil) {
			d.retryResults = append(d.retryResults[:len(d.retryResults):len(d.retryResults)], isWorthIt)
		}
	})
}

// Classify is your own word on what a result or an error means, in place of all other rules but one: the
// cancellation of the caller is ignored. T must be the type that the call gives.
func Classify[T any](verdict func(T, error) Verdict) CallOption {
	return dependencyOption("classify", func(s *callSettings, d *dependencySettings) {
		if s.must("classify", verdict != nil) {
			d.classify = verdict
		}
	})
}

// OnDiscard is called with what an attempt gave when nobody will see it, because another attempt follows or a
// fallback serves: to close what it holds. It runs before the wait.
func OnDiscard[T any](discard func(T, error)) CallOption {
	return dependencyOption("on_discard", func(s *callSettings, d *dependencySettings) {
		if s.must("on_discard", discard != nil) {
			d.discard = discard
		}
	})
}

// WithFallback says what to serve when a call is refused or has finally failed: the first step that has
// something. It runs on the caller's goroutine when the call holds nothing any more; never in place of a result,
// and never after the caller gave up. Where the policy forbids fallbacks it is a [*ConfigError] of [Protect], or of
// the call.
func WithFallback[T any](steps ...Fallback[T]) CallOption {
	return dependencyOption("fallback", func(s *callSettings, d *dependencySettings) {
		d.fallback, d.hasFallback = steps, true
		s.must("fallback", len(steps) > 0)
		for _, step := range steps {
			s.must("fallback", step.serve != nil)
		}
	})
}

// WithCritical says whether this call may take reserved places, whatever the policy says of the dependency.
func WithCritical(critical bool) CallOption {
	return dependencyOption("critical", func(_ *callSettings, d *dependencySettings) { d.critical = yesOrNo(critical) })
}

// WithIdempotent says whether a request of this call that may have been carried out may be sent again, whatever
// the policy says.
func WithIdempotent(idempotent bool) CallOption {
	return dependencyOption("idempotent", func(_ *callSettings, d *dependencySettings) { d.idempotent = yesOrNo(idempotent) })
}

// WithCost says how many tokens of a rate limit each attempt of this call takes, 0 to 2^32-1. Default 1 of each limit.
func WithCost(limit string, tokens int64) CallOption {
	return dependencyOption("costs", func(_ *callSettings, d *dependencySettings) {
		d.costs = append(d.costs[:len(d.costs):len(d.costs)], cost{limit, tokens})
	})
}

// Abandon lets a call go on without a function that does not heed its context: the function runs on a goroutine
// of its own, and when the attempt's time is over, or the caller gives up, the call leaves it there. Its place in
// the bulkhead stays taken until it really returns, and what it returns then is a late result: an event and a
// count. Without this option a call returns when its function does.
//
// A panic of a function that was left behind ends the program, as in any other goroutine.
func Abandon() CallOption {
	return dependencyOption("abandon", func(_ *callSettings, d *dependencySettings) { d.abandons = true })
}

func yesOrNo(is bool) u32 {
	if is {
		return yes
	}
	return no
}

var noDependencySettings dependencySettings

// own is what the options say beyond those of a single guard.
func (s *callSettings) own() *dependencySettings {
	if s.dependency == nil {
		return &noDependencySettings
	}
	return s.dependency
}

// checkCall refuses options that cannot be meant for this dependency and this type of result.
func checkCall[T any](d *Dependency, call *callSettings) error {
	if call == &noSettings {
		return nil
	}
	if err := check[T](call); err != nil {
		return err
	}
	if call.timed {
		return &ConfigError{Field: "timeout", Value: call.timeout.String(), Min: "the policy's timeout, or a context with a deadline", kind: ErrConfig}
	}
	own := call.own()
	for _, result := range own.retryResults {
		if err := wants[func(T) bool]("retry_on_result", result); err != nil {
			return err
		}
	}
	if own.classify != nil {
		if err := wants[func(T, error) Verdict]("classify", own.classify); err != nil {
			return err
		}
	}
	if own.discard != nil {
		if err := wants[func(T, error)]("on_discard", own.discard); err != nil {
			return err
		}
	}
	if own.hasFallback {
		if err := wants[[]Fallback[T]]("fallback", own.fallback); err != nil {
			return err
		}
		if d.about().fallback == fallbackForbidden {
			return &ConfigError{Field: "fallback", Value: d.name + " forbids it", Min: `fallback = "allowed" in the policy`, kind: ErrConfig}
		}
	}
	return own.checkCosts(d)
}

func (own *dependencySettings) checkCosts(d *Dependency) error {
	for _, cost := range own.costs {
		if _, err := d.about().limit(cost.limit); err != nil {
			var problem *ConfigError
			if errors.As(err, &problem) {
				problem.Field = "costs"
			}
			return err
		}
		if cost.tokens < 0 || cost.tokens > math.MaxUint32 {
			return &ConfigError{Field: "costs", Value: cost.tokens, Min: int64(0), Max: int64(math.MaxUint32), kind: ErrArgument}
		}
	}
	return nil
}
