//go:build cgo

package seawall

import (
	"context"
	"time"
)

// An Attempt is what the function of a call can know of the attempt it makes, by [AttemptFrom].
type Attempt struct {
	// Number is which attempt of the call it is, from 1; 0 outside of calls.
	Number int
	// Timeout is how long it may take in all: the policy's timeout, or what was left of the deadline. The context
	// ends by it.
	Timeout time.Duration
	// Dependency is its name.
	Dependency string

	call *underway
}

// IdempotencyKey is a random UUID, the same for all attempts of the call, so that a server can tell a repetition from
// a second order. Empty outside of calls, and once the call is over.
func (a *Attempt) IdempotencyKey() string {
	if a.call == nil {
		return ""
	}
	return a.call.idempotencyKey()
}

type attemptKey struct{}

// attemptContext is a context that knows its attempt without another layer.
type attemptContext struct {
	context.Context
	attempt Attempt
	// late is the cause when the time is over.
	late TimeoutError
}

func (c *attemptContext) Value(key any) any {
	if key == (attemptKey{}) {
		return &c.attempt
	}
	return c.Context.Value(key)
}

var noAttempt Attempt

// AttemptFrom is the attempt that a context belongs to; one with the number 0 outside of calls, never nil.
func AttemptFrom(ctx context.Context) *Attempt {
	if attempt, ok := ctx.Value(attemptKey{}).(*Attempt); ok {
		return attempt
	}
	return &noAttempt
}
