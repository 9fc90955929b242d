//go:build cgo

package seawall

import (
	"context"
	"fmt"
	"math"
	"time"
)

// A Jitter is how chance changes a wait.
type Jitter uint32

const (
	// JitterFull: anywhere from nothing to the whole wait. The default.
	JitterFull Jitter = jitterFull
	// JitterEqual: half the wait, and anywhere within the other half.
	JitterEqual Jitter = jitterEqual
	// JitterDecorrelated: from the base to three times the previous wait, capped.
	JitterDecorrelated Jitter = jitterDecorrelated
	// JitterNone: exactly the wait. Callers that failed together come back together.
	JitterNone Jitter = jitterNone
)

// String is "full", "equal", "decorrelated" or "none".
func (j Jitter) String() string {
	names := [...]string{"full", "equal", "decorrelated", "none"}
	if int(j) < len(names) {
		return names[j]
	}
	return fmt.Sprintf("jitter %d", uint32(j))
}

// A BackoffOption is a setting of a backoff.
type BackoffOption func(*backoffSettings)

type backoffSettings struct {
	settings
	native nativeBackoffConfig
}

// WithBackoffBase is the wait before the first retry, 0 to 24 h. Default 100 ms.
func WithBackoffBase(d time.Duration) BackoffOption {
	return func(s *backoffSettings) { s.native.base_ns = s.duration("base", d) }
}

// WithBackoffFactor is how much each further wait grows, 1 to 10. Default 2.
func WithBackoffFactor(factor float64) BackoffOption {
	return func(s *backoffSettings) { s.native.factor_permille = s.ratio("factor", factor) }
}

// WithBackoffCap is the longest wait before jitter, WithBackoffBase's to 24 h. Default 20 s.
func WithBackoffCap(d time.Duration) BackoffOption {
	return func(s *backoffSettings) { s.native.cap_ns = s.duration("cap", d) }
}

// WithBackoffJitter is how chance changes the wait. Default [JitterFull].
func WithBackoffJitter(jitter Jitter) BackoffOption {
	return func(s *backoffSettings) { s.native.jitter = u32(jitter) }
}

// WithRetryAfterMargin is how much longer than our own wait a server's Retry-After may make it, 0 or more.
// Default no limit.
func WithRetryAfterMargin(d time.Duration) BackoffOption {
	return func(s *backoffSettings) { s.native.retry_after_margin_ns = s.duration("retry_after_margin", d) }
}

var backoffUnits = units{"base": asDuration, "factor": asRatio, "cap": asDuration, "retry_after_margin": asDuration}

// A Backoff says how long to wait before a retry. It never changes; any number of goroutines may use it.
type Backoff struct{ native nativeBackoffConfig }

// NewBackoff makes a backoff. Without options: 100 ms, doubling up to 20 s, full jitter.
//
// A setting outside its range is a [*ConfigError].
func NewBackoff(options ...BackoffOption) (*Backoff, error) {
	settings := backoffSettings{native: backoffDefaults()}
	for _, option := range options {
		if option != nil {
			option(&settings)
		}
	}
	var problem nativeConfigError
	if answer := backoffValidate(&settings.native, &problem); answer != statusOK {
		return nil, settings.explain("backoff", answer, &problem, backoffUnits)
	}
	if err := settings.accepted(); err != nil {
		return nil, err
	}
	return &Backoff{native: settings.native}, nil
}

// Delay is the wait before retry number attempt; the first retry is 1, and less counts as 1. The wait before
// the last retry matters to decorrelated jitter alone (0: there was none); random is 64 random bits, see
// [Random]; retryAfter is what the server asked for (0: nothing), a floor that jitter never undercuts.
func (b *Backoff) Delay(attempt int, previous time.Duration, random uint64, retryAfter time.Duration) time.Duration {
	number := uint32(min(max(attempt, 1), math.MaxInt32))
	delay, _ := backoffDelay(&b.native, number, nanos(previous), random, nanos(retryAfter))
	return span(delay)
}

// Wait draws the delay before retry number attempt and waits for it, and returns how long that was. If the
// context's deadline comes first it gives up at once, with a [*RefusedError] that is [ErrDeadlineExceeded]; if the
// context ends meanwhile, with its error. No goroutine and no timer is left behind.
func (b *Backoff) Wait(ctx context.Context, attempt int, previous, retryAfter time.Duration) (time.Duration, error) {
	if err := over(ctx); err != nil {
		return 0, err
	}
	delay := b.Delay(attempt, previous, Random(), retryAfter)
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) <= delay {
		return 0, &RefusedError{Reason: ReasonDeadlineExceeded}
	}
	fired, stop := realTimer(delay)
	defer stop()
	select {
	case <-fired:
		return delay, nil
	case <-ctx.Done():
		return 0, ended(ctx, "backoff")
	}
}
