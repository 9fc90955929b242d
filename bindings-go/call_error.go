//go:build cgo

package seawall

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// A Stop says why a call made no further attempt.
type Stop uint32

const (
	// StopDone: none was needed.
	StopDone Stop = stopDone
	// StopCancelled: the caller gave up.
	StopCancelled Stop = stopCancelled
	// StopRefused: a gate said no before the first attempt.
	StopRefused Stop = stopRefused
	// StopAttemptsUsed: all attempts were made.
	StopAttemptsUsed Stop = stopAttemptsUsed
	// StopNotRetryable: another attempt does not help, or the request may have been carried out.
	StopNotRetryable Stop = stopNotRetryable
	// StopBreakerOpen: the breaker is not closed any more, or the call was its probe.
	StopBreakerOpen Stop = stopBreakerOpen
	// StopBulkheadFull: the bulkhead had no place for another attempt.
	StopBulkheadFull Stop = stopBulkheadFull
	// StopBudgetExhausted: the retry budget is spent.
	StopBudgetExhausted Stop = stopBudgetExhausted
	// StopRateLimited: the rate limits do not allow another attempt in time.
	StopRateLimited Stop = stopRateLimited
	// StopDeadlineTooNear: the deadline is too near for the wait and a useful attempt.
	StopDeadlineTooNear Stop = stopDeadlineTooNear
)

// String is the reason as logs name it, such as "attempts_used".
func (s Stop) String() string {
	names := [...]string{
		"done", "cancelled", "refused", "attempts_used", "not_retryable", "breaker_open", "bulkhead_full",
		"budget_exhausted", "rate_limited", "deadline_too_near",
	}
	if int(s) < len(names) {
		return names[s]
	}
	return fmt.Sprintf("stop %d", uint32(s))
}

// MarshalText is the word of String, so that JSON has it.
func (s Stop) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// A CallError is a call of a dependency that failed: the real last error, which errors.Is and errors.As find, with
// the attempts made and why there was no further one. A call that was refused before its first attempt is a
// [*RefusedError] instead, and errors that are no failures are passed on as they are.
type CallError struct {
	// Dependency is its name.
	Dependency string
	// Attempts is how many were made.
	Attempts int
	// Stop is why there was no further one.
	Stop Stop
	// Err is the last error.
	Err error
}

// Error is the last error's text with the dependency, and the attempts where there were several.
func (e *CallError) Error() string {
	if e.Attempts == 1 {
		return e.Dependency + ": " + e.Err.Error()
	}
	return fmt.Sprintf("%s: %v (%d attempts, %v)", e.Dependency, e.Err, e.Attempts, e.Stop)
}

// Unwrap is the last error.
func (e *CallError) Unwrap() error { return e.Err }

// Timeout is true when the last error is a timeout, as net.Error and url.Error ask.
func (e *CallError) Timeout() bool {
	var timeout interface{ Timeout() bool }
	return errors.Is(e.Err, context.DeadlineExceeded) || errors.As(e.Err, &timeout) && timeout.Timeout()
}

// Temporary is what the last error says of itself.
func (e *CallError) Temporary() bool {
	var temporary interface{ Temporary() bool }
	return errors.As(e.Err, &temporary) && temporary.Temporary()
}

// A TimeoutError is the cause of an attempt's context whose time is over, and the error of an attempt that was
// abandoned for it. errors.Is(err, context.DeadlineExceeded) holds.
type TimeoutError struct {
	// Dependency is its name.
	Dependency string
	// After is how long the attempt might take.
	After time.Duration
}

// Error tells the time that was not enough.
func (e *TimeoutError) Error() string { return "no answer within " + e.After.String() }

// Is makes it a context.DeadlineExceeded.
func (e *TimeoutError) Is(target error) bool { return target == context.DeadlineExceeded }

// Timeout is true, as net.Error asks.
func (e *TimeoutError) Timeout() bool { return true }

// Temporary is true, as net.Error asks.
func (e *TimeoutError) Temporary() bool { return true }

// A FallbackError is a fallback that failed, too. errors.Is and errors.As look at both errors.
type FallbackError struct {
	// Err is the fallback's own error.
	Err error
	// Cause is what the call itself ended with; nil when that was a result which counts as a failure.
	Cause error
}

// Error tells both.
func (e *FallbackError) Error() string {
	if e.Cause == nil {
		return "the fallback failed: " + e.Err.Error()
	}
	return fmt.Sprintf("the fallback failed: %v; instead of: %v", e.Err, e.Cause)
}

// Unwrap is both.
func (e *FallbackError) Unwrap() []error {
	if e.Cause == nil {
		return []error{e.Err}
	}
	return []error{e.Err, e.Cause}
}
