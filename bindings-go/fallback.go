//go:build cgo

package seawall

import (
	"context"
	"errors"
	"time"
)

// A Fallback is one step of what to serve instead: [FallbackValue], [FallbackFunc] or [LastGood.For].
type Fallback[T any] struct {
	source string
	serve  func(ctx context.Context, err error, now time.Duration) (T, error)
	keep   func(value T, now time.Duration)
}

// FallbackValue serves this value. It is shared by all who get it.
func FallbackValue[T any](value T) Fallback[T] {
	return Fallback[T]{source: "value", serve: func(context.Context, error, time.Duration) (T, error) { return value, nil }}
}

// FallbackFunc serves what a function makes of the call's error; that is nil when a result was the failure. It gets
// the caller's context, which may be over. If it fails, the next step is asked.
func FallbackFunc[T any](serve func(ctx context.Context, err error) (T, error)) Fallback[T] {
	if serve == nil {
		return Fallback[T]{}
	}
	return Fallback[T]{source: "function", serve: func(ctx context.Context, err error, _ time.Duration) (T, error) { return serve(ctx, err) }}
}

// errNothing is the answer of a step that has nothing to serve.
var errNothing = errors.New("nothing to serve")

func keep[T any](steps []Fallback[T], value T, now time.Duration) {
	for _, step := range steps {
		if step.keep != nil {
			step.keep(value, now)
		}
	}
}

// serve asks the steps in turn. When none has anything, the call's own error stays, with the last step's own.
func serve[T any](u *underway, steps []Fallback[T], detailed Detailed[T], last, err error) (Detailed[T], error) {
	d, now := u.dependency, u.dependency.now()
	var failed error
	for number, step := range steps {
		value, problem := step.serve(u.ctx, err, now)
		if errors.Is(problem, errNothing) {
			continue
		}
		if problem != nil {
			failed = problem
			continue
		}
		if u.attempts > 0 {
			discard(u.call, detailed.Value, last)
		}
		d.native.fellBack()
		if d.watched() {
			d.tell(Event{Kind: EventFallback, Step: number, Source: step.source, Reason: detailed.Stop.String()})
		}
		detailed.Value, detailed.Degraded, detailed.Step, detailed.Source, detailed.Cause = value, true, number, step.source, err
		return detailed, nil
	}
	if failed != nil {
		return detailed, &FallbackError{Err: failed, Cause: err}
	}
	return detailed, err
}
