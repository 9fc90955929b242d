//go:build cgo

package seawall

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Call makes one call of a dependency, as its policy says: it waits for a place and for the rate limits, asks the
// breaker, runs fn on this goroutine with a context that ends when the attempt's time is over, tries again where
// that may help, and serves the fallback. The function gets its attempt by [AttemptFrom]; calls inside it inherit
// the nearer deadline by its context.
//
// When the last attempt failed with an error, the answer is a [*CallError] around it, and what fn returned with it;
// a call that was refused before its first attempt is a [*RefusedError]. When the caller's context is cancelled the
// dependency is not blamed, and the answer is fn's own error or the context's. A result that [OnResult] or the
// like calls a failure is returned as it is, without an error.
//
// A call returns when fn does: a function obeys its context. For those that do not there is [Abandon]. A panic of
// fn is a failure, and goes on. Nothing of a call is left behind when it returns, however it ends.
func Call[T any](ctx context.Context, dependency *Dependency, fn func(context.Context) (T, error), options ...CallOption) (T, error) {
	detailed, err := CallDetailed(ctx, dependency, fn, options...)
	return detailed.Value, err
}

// Do is [Call] for functions that give nothing but an error.
func (d *Dependency) Do(ctx context.Context, fn func(context.Context) error, options ...CallOption) error {
	if fn == nil {
		return noFunction()
	}
	_, err := CallDetailed(ctx, d, func(ctx context.Context) (struct{}, error) { return struct{}{}, fn(ctx) }, options...)
	return err
}

// Detailed is all there is to say about a call.
type Detailed[T any] struct {
	// Value is what the caller gets: the result, or what a fallback served.
	Value T
	// Degraded is true when a fallback served it: the step of the chain, from 0, and what that step is ("value",
	// "function" or "last_good").
	Degraded bool
	Step     int
	Source   string
	// Stop is why there was no further attempt, Attempts how many were made, Duration how long all of it took.
	Stop     Stop
	Attempts int
	Duration time.Duration
	// Cause is what the call itself ended with when a fallback served; nil when that was a result.
	Cause error
}

// CallDetailed is [Call], and tells how it went.
func CallDetailed[T any](ctx context.Context, dependency *Dependency, fn func(context.Context) (T, error), options ...CallOption) (Detailed[T], error) {
	if dependency == nil {
		return Detailed[T]{}, &ConfigError{Field: "dependency", Value: "nil", Min: "a dependency", kind: ErrArgument}
	}
	if fn == nil {
		return Detailed[T]{}, noFunction()
	}
	call := settingsOf(dependency, options)
	if err := checkCall[T](dependency, call); err != nil {
		return Detailed[T]{}, err
	}
	return drive(ctx, dependency, fn, call)
}

// Protect is fn as calls of a dependency: the same options for all of them, checked now. Where the policy forbids
// fallbacks, one that is given is an error here and not in the night in which it would have run.
//
//	charge, err := seawall.Protect(payments, client.Charge)
//	receipt, err := charge(ctx, order)
func Protect[A, T any](dependency *Dependency, fn func(context.Context, A) (T, error), options ...CallOption) (func(context.Context, A) (T, error), error) {
	if dependency == nil {
		return nil, &ConfigError{Field: "dependency", Value: "nil", Min: "a dependency", kind: ErrArgument}
	}
	if fn == nil {
		return nil, noFunction()
	}
	call := settingsOf(dependency, options)
	if err := checkCall[T](dependency, call); err != nil {
		return nil, err
	}
	return func(ctx context.Context, argument A) (T, error) {
		// A reload may have forbidden since what was allowed.
		if err := checkCall[T](dependency, call); err != nil {
			var none T
			return none, err
		}
		detailed, err := drive(ctx, dependency, func(ctx context.Context) (T, error) { return fn(ctx, argument) }, call)
		return detailed.Value, err
	}, nil
}

func noFunction() error {
	return &ConfigError{Field: "function", Value: "nil", Min: "a function", kind: ErrArgument}
}

// drive does what the core says, from the beginning of a call to its end.
func drive[T any](ctx context.Context, d *Dependency, fn func(context.Context) (T, error), call *callSettings) (Detailed[T], error) {
	u := &underway{dependency: d, ctx: ctx, call: call, began: d.stopwatch()}
	if err := u.begin(); err != nil {
		return Detailed[T]{}, err
	}
	defer u.leave()
	var value T
	var last error
	for {
		var err error
		switch u.next.kind {
		case actionRun:
			if u.attempts > 0 {
				discard(call, value, last)
			}
			var ended Verdict
			value, last, ended = attempt(u, fn)
			err = u.ended(ended, last)
		case actionSleep:
			if err = u.pause(span(uint64(u.next.span_ns))); err == nil {
				err = u.woke()
			}
		case actionWait:
			err = u.wait()
		default:
			return conclude(u, value, last)
		}
		if err != nil {
			u.leave()
			if u.attempts > 0 {
				discard(call, value, last)
			}
			return Detailed[T]{Stop: StopCancelled, Attempts: u.attempts, Duration: u.took()}, gaveUp(err, last)
		}
	}
}

// gaveUp is the error of a call whose caller gave up between its attempts: the last one's error is known as well.
func gaveUp(err, last error) error {
	if last == nil {
		return err
	}
	return fmt.Errorf("%w; the last error: %w", err, last)
}

// discard hands back a result that nobody will see.
func discard[T any](call *callSettings, value T, last error) {
	if own := call.own(); own.discard != nil {
		own.discard.(func(T, error))(value, last)
	}
}

// attempt runs fn once, under a context of its own.
func attempt[T any](u *underway, fn func(context.Context) (T, error)) (value T, err error, ended Verdict) {
	timeout := span(uint64(u.next.span_ns))
	u.attempts = int(u.next.attempt)
	inside := &u.first
	if u.attempts > 1 {
		inside = new(attemptContext)
	}
	inside.attempt = Attempt{Number: u.attempts, Timeout: timeout, Dependency: u.dependency.name, call: u}
	inside.late = TimeoutError{u.dependency.name, timeout}
	timed, cancel := context.WithTimeoutCause(u.ctx, timeout, &inside.late)
	defer cancel()
	inside.Context = timed
	// Reset when all of it has returned: a panic in here is a failed attempt.
	u.inside = true
	if err = u.inject(inside); err == nil {
		if u.call.own().abandons {
			value, err = abandonable(u, inside, fn)
		} else {
			value, err = fn(inside)
		}
	}
	u.inside = false
	return value, err, judge(u.ctx, u.call, value, err)
}

// conclude makes the end of a call into an answer.
func conclude[T any](u *underway, value T, last error) (Detailed[T], error) {
	d, next := u.dependency, &u.next
	detailed := Detailed[T]{Value: value, Stop: Stop(next.stop), Attempts: int(next.attempt), Duration: u.took()}
	err := last
	switch next.end {
	case endSuccess:
		if fallback, ok := u.call.own().fallback.([]Fallback[T]); ok && last == nil {
			keep(fallback, value, d.now())
		}
		return detailed, err
	case endRefused:
		err = u.refusal()
	case endFailure:
		if last != nil {
			err = &CallError{Dependency: d.name, Attempts: detailed.Attempts, Stop: detailed.Stop, Err: last}
		}
	}
	fallback, ok := u.call.own().fallback.([]Fallback[T])
	if !ok || next.may_fall_back == 0 {
		return detailed, err
	}
	return serve(u, fallback, detailed, last, err)
}

// refusal is the error of a call that was refused. Where the caller's own time has run out, it says that, too.
func (u *underway) refusal() error {
	next := &u.next
	err := &RefusedError{Name: u.dependency.name, Reason: Reason(next.status), RetryAfter: span(uint64(next.retry_after_ns))}
	if facts := u.dependency.about(); next.limiter < facts.limiters && facts.limiters > 1 {
		err.Limit = facts.limits[next.limiter]
	}
	if over := u.ctx.Err(); over != nil && !errors.Is(err, over) {
		return fmt.Errorf("%w: %w", err, over)
	}
	return err
}
