//go:build cgo

package seawall

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// A Guard decides whether a call may go out: [*Breaker], [*Bulkhead], [*Limiter] or [*Dependency].
type Guard interface{ guard() }

func (*Breaker) guard()  {}
func (*Bulkhead) guard() {}
func (*Limiter) guard()  {}

// A CallOption changes how [Do] makes a call and what it makes of the result.
type CallOption interface{ applyCall(*callSettings) }

// A CallDefault is a CallOption that a breaker can also be made with, for all its calls.
type CallDefault interface {
	CallOption
	BreakerOption
}

type callSettings struct {
	on, ignore []func(error) bool
	results    []any
	retryAfter func(error) time.Duration
	timeout    time.Duration
	timed      bool
	// dependency is what only calls of a dependency know; nil where no such option was given.
	dependency *dependencySettings
	// missing names an option that was given no function.
	missing string
}

// must notes a function that is missing: it would panic much later, in the first call that fails.
func (s *callSettings) must(option string, given bool) bool {
	if !given {
		s.missing = option
	}
	return given
}

type callOption func(*callSettings)

func (o callOption) applyCall(s *callSettings) { o(s) }

func (o callOption) applyBreaker(s *breakerSettings) {
	if s.live {
		s.reject("call", "a new default of calls", "none, they cannot change on a live breaker")
		return
	}
	o(&s.call)
}

// On says which errors are failures of the dependency; several add up. Without it every error is one. With it
// all other errors count as success: the dependency did answer. Which failures are worth another attempt is for
// [RetryOn] to say.
func On(isFailure func(error) bool) CallDefault {
	return callOption(func(s *callSettings) {
		if s.must("on", isFailure != nil) {
			s.on = append(s.on[:len(s.on):len(s.on)], isFailure)
		}
	})
}

// OnErrors is On for errors that errors.Is finds.
func OnErrors(targets ...error) CallDefault { return On(anyOf(targets)) }

// Ignore says which errors say nothing about the dependency; several add up. It goes before On. The caller's
// own cancellation is always ignored.
func Ignore(isIgnored func(error) bool) CallDefault {
	return callOption(func(s *callSettings) {
		if s.must("ignore", isIgnored != nil) {
			s.ignore = append(s.ignore[:len(s.ignore):len(s.ignore)], isIgnored)
		}
	})
}

// IgnoreErrors is Ignore for errors that errors.Is finds.
func IgnoreErrors(targets ...error) CallDefault { return Ignore(anyOf(targets)) }

func anyOf(targets []error) func(error) bool {
	return func(err error) bool {
		for _, target := range targets {
			if errors.Is(err, target) {
				return true
			}
		}
		return false
	}
}

// OnResult says which results without an error are failures nevertheless, such as a response with status 503.
// T must be the type that the call gives; anything else is a [*ConfigError] of Do.
func OnResult[T any](isFailure func(T) bool) CallDefault {
	return callOption(func(s *callSettings) {
		if s.must("on_result", isFailure != nil) {
			s.results = append(s.results[:len(s.results):len(s.results)], isFailure)
		}
	})
}

// WithRetryAfter finds out of an error how long the server asked to be left alone; 0 when it did not. A breaker
// that opens by such a failure stays open at least that long.
func WithRetryAfter(of func(error) time.Duration) CallDefault {
	return callOption(func(s *callSettings) {
		if s.must("retry_after", of != nil) {
			s.retryAfter = of
		}
	})
}

// WithTimeout gives the function a context that ends after this time, 1 ns or more, if the caller's does not
// end sooner. A call that fails by it has failed. Calls of a dependency have their policy's timeout instead.
func WithTimeout(timeout time.Duration) CallDefault {
	return callOption(func(s *callSettings) { s.timeout, s.timed = timeout, true })
}

// Do makes one call under a guard: it asks for leave, runs fn on this goroutine, and says how it ended. What
// fn returns is returned unchanged, whatever became of it; a refusal is a [*RefusedError], and fn did not run.
//
//   - A [*Breaker] refuses at once, and records the outcome. Errors are failures, see [On], [Ignore] and
//     [OnResult]; ignored goes before failure, failure before success. A context.Canceled of the caller's
//     context is ignored. An error because time ran out is a failure, by whoever's deadline: the dependency
//     did not answer in the time that its callers have. A panic is a failure, and goes on.
//   - A [*Bulkhead] waits as its settings say, see [Bulkhead.Acquire], and holds the permit until fn returns.
//   - A [*Limiter] waits for one token, see [Limiter.Wait].
//   - A [*Dependency] does all that its policy says, see [Call].
//
// A context that is over already is answered before anything is asked: [ErrDeadlineExceeded], or the
// context's own error if it was cancelled.
func Do[T any](ctx context.Context, guard Guard, fn func(context.Context) (T, error), options ...CallOption) (T, error) {
	var none T
	if dependency, ok := guard.(*Dependency); ok {
		return Call(ctx, dependency, fn, options...)
	}
	if err := over(ctx); err != nil {
		return none, err
	}
	call := settingsOf(guard, options)
	if call.dependency != nil {
		return none, &ConfigError{Field: call.dependency.first, Value: "of a single guard", Min: "a dependency", kind: ErrConfig}
	}
	if err := check[T](call); err != nil {
		return none, err
	}

	switch guard := guard.(type) {
	case *Breaker:
		return doBreaker(ctx, guard, fn, call)
	case *Bulkhead:
		permit, err := guard.Acquire(ctx)
		if err != nil {
			return none, err
		}
		defer permit.Release()
	case *Limiter:
		if err := guard.Wait(ctx, 1); err != nil {
			return none, err
		}
	default:
		return none, &ConfigError{Field: "guard", Value: "nil", Min: "a breaker, a bulkhead or a limiter", kind: ErrArgument}
	}
	ctx, cancel := call.context(ctx)
	defer cancel()
	return fn(ctx)
}

var noSettings callSettings

// settingsOf is the guard's defaults with the options on top. Nothing is copied where there are none.
func settingsOf(guard Guard, options []CallOption) *callSettings {
	defaults := &noSettings
	if breaker, ok := guard.(*Breaker); ok {
		defaults = &breaker.call
	}
	if len(options) == 0 {
		return defaults
	}
	call := *defaults
	for _, option := range options {
		if option != nil {
			option.applyCall(&call)
		}
	}
	return &call
}

func doBreaker[T any](ctx context.Context, b *Breaker, fn func(context.Context) (T, error), call *callSettings) (T, error) {
	var none T
	var permit BreakerPermit
	if err := b.acquire(&permit); err != nil {
		return none, err
	}
	returned := false
	defer func() {
		// Not recovered: the panic passes through with the stack it had.
		if !returned {
			_ = permit.Failure()
		}
	}()
	inner, cancel := call.context(ctx)
	defer cancel()
	result, err := fn(inner)
	outcome, retryAfter := classify(ctx, call, result, err)
	returned = true
	// Late results are counted by the breaker; there is nothing for the caller to do about them.
	_ = permit.record(outcome, retryAfter)
	return result, err
}

func check[T any](call *callSettings) error {
	if err := call.check(); err != nil {
		return err
	}
	for _, result := range call.results {
		if err := wants[func(T) bool]("on_result", result); err != nil {
			return err
		}
	}
	return nil
}

// wants checks a function or a list whose type depends on what the call gives.
func wants[W any](option string, given any) error {
	if _, ok := given.(W); ok {
		return nil
	}
	var none W
	return &ConfigError{Field: option, Value: fmt.Sprintf("%T", given), Min: fmt.Sprintf("%T", none), kind: ErrConfig}
}

func (s *callSettings) check() error {
	if s.missing != "" {
		return &ConfigError{Field: s.missing, Value: "nil", Min: "a function", kind: ErrConfig}
	}
	if s.timed && s.timeout <= 0 {
		return &ConfigError{Field: "timeout", Value: s.timeout, Min: time.Nanosecond, Max: forever, kind: ErrConfig}
	}
	return nil
}

func nothing() {}

func (s *callSettings) context(ctx context.Context) (context.Context, func()) {
	if !s.timed {
		return ctx, nothing
	}
	return context.WithTimeout(ctx, s.timeout)
}

// classify keeps to the order ignored, failure, success.
func classify[T any](ctx context.Context, call *callSettings, result T, err error) (Outcome, time.Duration) {
	if err == nil {
		for _, isFailure := range call.results {
			if isFailure.(func(T) bool)(result) {
				return Failure, 0
			}
		}
		return Success, 0
	}
	if errors.Is(err, context.Canceled) && errors.Is(ctx.Err(), context.Canceled) {
		return Ignored, 0
	}
	if refused := (*RefusedError)(nil); errors.As(err, &refused) {
		// A refusal of a limiter or bulkhead inside says nothing about the dependency.
		return Ignored, 0
	}
	for _, isIgnored := range call.ignore {
		if isIgnored(err) {
			return Ignored, 0
		}
	}
	isFailure := len(call.on) == 0
	for _, on := range call.on {
		isFailure = isFailure || on(err)
	}
	if !isFailure {
		return Success, 0
	}
	if call.retryAfter != nil {
		return Failure, call.retryAfter(err)
	}
	return Failure, 0
}

// over is the error of a context that is over already.
func over(ctx context.Context) error {
	err := ctx.Err()
	if err == nil || !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return &RefusedError{Reason: ReasonDeadlineExceeded}
}
