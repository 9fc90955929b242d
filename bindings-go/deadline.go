//go:build cgo

package seawall

import (
	"context"
	"math"
	"time"
)

// A Deadline is the moment after which nobody waits any more, on the clock of [Now] or any other: it is plain
// arithmetic on times that the caller gives, of which the earliest is 1 ns. The zero value has passed.
type Deadline struct{ at uint64 }

// Never is a deadline that does not come.
var Never = Deadline{at: math.MaxUint64}

// DeadlineAfter is the deadline a while from now; negative times count as 0. Saturates at [Never].
func DeadlineAfter(now, d time.Duration) Deadline {
	return Deadline{at: deadlineAfter(since(now), nanos(d))}
}

// DeadlineFrom is the context's deadline on the clock of [Now]; [Never] and false if it has none.
func DeadlineFrom(ctx context.Context) (Deadline, bool) {
	at, ok := ctx.Deadline()
	if !ok {
		return Never, false
	}
	return DeadlineAfter(Now(), time.Until(at)), true
}

// At is the moment itself.
func (d Deadline) At() time.Duration { return span(d.at) }

// Remaining is what is left; 0 once expired.
func (d Deadline) Remaining(now time.Duration) time.Duration {
	return span(deadlineRemaining(d.at, since(now)))
}

// IsExpired is true from the moment itself on.
func (d Deadline) IsExpired(now time.Duration) bool { return deadlineIsExpired(d.at, since(now)) }

// Nearer is the nearer of two deadlines on the same clock.
func (d Deadline) Nearer(other Deadline) Deadline {
	return Deadline{at: deadlineNearer(d.at, other.at)}
}

// Keep is an earlier deadline for the work below: the caller keeps this share of what is left, 0 to 1 in steps
// of 0.001. Less counts as 0, more as 1, NaN as 0.
func (d Deadline) Keep(now time.Duration, share float64) Deadline {
	permille := uint32(0)
	if share > 0 {
		permille = uint32(math.Round(min(share, 1) * 1000))
	}
	return Deadline{at: deadlineKeep(d.at, since(now), permille)}
}

// AttemptTimeout is the time one attempt may take: its own timeout, or what is left if that is less.
func (d Deadline) AttemptTimeout(timeout, now time.Duration) time.Duration {
	return span(deadlineAttemptTimeout(d.at, nanos(timeout), since(now)))
}

// Check is nil while time is left, and then a [*RefusedError] that is [ErrDeadlineExceeded].
func (d Deadline) Check(now time.Duration) error {
	if d.IsExpired(now) {
		return &RefusedError{Reason: ReasonDeadlineExceeded}
	}
	return nil
}
