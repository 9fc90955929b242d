//go:build cgo

package seawall

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Refusals, for errors.Is. A refusal is an expected "no": the call was not made, and says nothing about the
// dependency. Each arrives as a *RefusedError, which also tells the reason and when to come back.
var (
	// ErrRefused is every refusal.
	ErrRefused = errors.New("refused")
	// ErrBreakerOpen is a refusal by a breaker: open, half-open with its probes under way, or opened by hand.
	ErrBreakerOpen = errors.New("breaker open")
	// ErrBulkheadFull is a refusal by a bulkhead: all permits held, too many waiters, or a wait that was too long.
	ErrBulkheadFull = errors.New("bulkhead full")
	// ErrRateLimited is a refusal by a limiter.
	ErrRateLimited = errors.New("rate limited")
	// ErrBudgetExhausted is a refusal by a retry budget: end the call with its last real error.
	ErrBudgetExhausted = errors.New("retry budget exhausted")
	// ErrDeadlineExceeded is a refusal because there is no time left; it is context.DeadlineExceeded too.
	ErrDeadlineExceeded = errors.New("deadline exceeded")
)

// Errors of use, for errors.Is: the program is wrong, or too late.
var (
	// ErrConfig is a setting outside its range; it arrives as a *ConfigError.
	ErrConfig = errors.New("setting outside its range")
	// ErrArgument is an argument of a call outside its range; it arrives as a *ConfigError.
	ErrArgument = errors.New("argument outside its range")
	// ErrExceedsCapacity is more tokens at once than the bucket can ever hold; it arrives as a *ConfigError.
	ErrExceedsCapacity = errors.New("more than the bucket can ever hold")
	// ErrLate is the answer to a result that came too late to count, because the breaker has changed its state
	// since the call began, or its probe's lease ran out. It was counted as late, and nothing else is to do.
	ErrLate = errors.New("recorded too late to count")
	// ErrStale is the answer to a second release of the same permit. It was counted, and freed nothing.
	ErrStale = errors.New("permit was released before")
	// ErrSpent is the answer to a second use of a permit, reservation or withdrawal. Nothing was changed.
	ErrSpent = errors.New("permit was used before")
	// ErrClosed is the answer of an object after its Close.
	ErrClosed = errors.New("closed")
	// ErrVersion is a C library of another version than its header; only possible with the tag seawall_system.
	ErrVersion = errors.New("library and header are of different versions")
)

// A Reason says exactly which "no" a refusal is. Its text is the same word in every language and metric.
type Reason int32

// The reasons of a refusal.
const (
	ReasonBreakerOpen         = Reason(statusBreakerOpen)
	ReasonBreakerHalfOpen     = Reason(statusBreakerHalfOpen)
	ReasonBreakerForcedOpen   = Reason(statusBreakerForcedOpen)
	ReasonBulkheadFull        = Reason(statusBulkheadFull)
	ReasonBulkheadWaitFull    = Reason(statusBulkheadWaitFull)
	ReasonBulkheadWaitTimeout = Reason(statusBulkheadWaitTimeout)
	ReasonRateLimited         = Reason(statusRateLimited)
	ReasonBudgetExhausted     = Reason(statusBudgetExhausted)
	ReasonDeadlineExceeded    = Reason(statusDeadlineExceeded)
)

// String is the reason as metrics name it, such as "breaker_open".
func (r Reason) String() string { return status(r).name() }

func (r Reason) sentinel() error {
	switch r {
	case ReasonBreakerOpen, ReasonBreakerHalfOpen, ReasonBreakerForcedOpen:
		return ErrBreakerOpen
	case ReasonBulkheadFull, ReasonBulkheadWaitFull, ReasonBulkheadWaitTimeout:
		return ErrBulkheadFull
	case ReasonRateLimited:
		return ErrRateLimited
	case ReasonBudgetExhausted:
		return ErrBudgetExhausted
	case ReasonDeadlineExceeded:
		return ErrDeadlineExceeded
	}
	return ErrRefused
}

// A RefusedError is a refusal. errors.Is(err, ErrRefused) holds for each, and one of ErrBreakerOpen,
// ErrBulkheadFull, ErrRateLimited, ErrBudgetExhausted and ErrDeadlineExceeded.
type RefusedError struct {
	// Name is the name of the object that refused; empty when nobody in particular did.
	Name string
	// Reason says which "no" it is.
	Reason Reason
	// RetryAfter says when asking again can help; 0 when nobody knows.
	RetryAfter time.Duration
	// Limit is the name of the rate limit that refused, of a dependency that has several.
	Limit string
}

// Error tells who refused, why, and for how long.
func (e *RefusedError) Error() string {
	text := status(e.Reason).text()
	if e.Limit != "" {
		text += " (" + e.Limit + ")"
	}
	if e.Name != "" {
		text = e.Name + ": " + text
	}
	if e.RetryAfter > 0 {
		text += ", retry after " + e.RetryAfter.String()
	}
	return text
}

// Is makes errors.Is work with the refusals of this package.
func (e *RefusedError) Is(target error) bool {
	return target == ErrRefused || target == e.Reason.sentinel() ||
		(target == context.DeadlineExceeded && e.Reason == ReasonDeadlineExceeded)
}

// Timeout is true for a deadline that has passed, as net.Error and url.Error ask.
func (e *RefusedError) Timeout() bool { return e.Reason == ReasonDeadlineExceeded }

// Temporary is true: every refusal passes.
func (e *RefusedError) Temporary() bool { return true }

// A ConfigError is a setting or an argument outside its range. errors.Is(err, ErrConfig) holds for settings,
// errors.Is(err, ErrArgument) for arguments, errors.Is(err, ErrExceedsCapacity) for too many tokens.
type ConfigError struct {
	// Field is the setting's name, the same in every language ("open_for").
	Field string
	// Value is what was given, Min and Max what is allowed: all three a time.Duration, a float64 (ratios),
	// an int64 (counts) or a string, as the setting wants it. Min and Max are nil where the kind of the value
	// is wrong already.
	Value, Min, Max any
	// Text is everything that is wrong with a file or a policy, a line for each problem; the others are of the first
	// then, as far as known. Empty otherwise.
	Text string

	kind error
}

// Error names the setting, what was given and what is allowed.
func (e *ConfigError) Error() string {
	if e.Text != "" {
		return e.Text
	}
	if text, ok := e.Value.(string); ok {
		return fmt.Sprintf("%s: %q is not allowed, wanted %v", e.Field, text, e.Min)
	}
	if e.Min == nil || e.Max == nil {
		return fmt.Sprintf("%s: %v is not allowed", e.Field, e.Value)
	}
	return fmt.Sprintf("%s: %v is outside %v to %v", e.Field, e.Value, e.Min, e.Max)
}

// Is makes errors.Is work with ErrConfig, ErrArgument and ErrExceedsCapacity.
func (e *ConfigError) Is(target error) bool { return target == e.kind }

// refused is the error of a refusal. Kept apart from the calls that succeed, so that those stay small.
//
//go:noinline
func refused(name string, answer status, retryAfter u64) error {
	return &RefusedError{Name: name, Reason: Reason(answer), RetryAfter: span(uint64(retryAfter))}
}

// misuse is the error of a status that is neither 0 nor a refusal.
//
//go:noinline
func misuse(name string, answer status) error {
	known := map[status]error{
		statusLate: ErrLate, statusStale: ErrStale, statusSpent: ErrSpent,
		statusVersion: ErrVersion, statusArgument: ErrArgument, statusExceedsCapacity: ErrExceedsCapacity,
	}[answer]
	if known == nil {
		// Never seen unless memory was overwritten: the objects cannot be reached in any other state.
		return fmt.Errorf("%s: %s", name, answer.text())
	}
	return fmt.Errorf("%s: %w", name, known)
}

//go:noinline
func closed(name string) error { return fmt.Errorf("%s: %w", name, ErrClosed) }

// ended is the error of a wait that its context ended.
func ended(ctx context.Context, name string) error {
	err, cause := ctx.Err(), context.Cause(ctx)
	if cause == nil || errors.Is(err, cause) {
		return fmt.Errorf("%s: %w", name, err)
	}
	return fmt.Errorf("%s: %w: %w", name, err, cause)
}
