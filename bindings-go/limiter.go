//go:build cgo

package seawall

import (
	"context"
	"math"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// A LimiterOption is a setting of a limiter.
type LimiterOption interface{ applyLimiter(*limiterSettings) }

type limiterSettings struct {
	settings
	native nativeLimiterConfig
	// burstGiven is false while the burst follows the rate.
	burstGiven bool
	maxWait    time.Duration
}

type limiterOption func(*limiterSettings)

func (o limiterOption) applyLimiter(s *limiterSettings) { o(s) }

// WithRate allows so many tokens, 1 to 1,000,000,000, per period, 1 ns to 31 days, but no more than one per
// nanosecond. Default 100 per second.
func WithRate(tokens int64, period time.Duration) LimiterOption {
	return limiterOption(func(s *limiterSettings) {
		s.native.permits, s.native.period_ns = s.large("rate", tokens), s.duration("period", period)
	})
}

// WithBurst is the most tokens that are saved up while nobody asks, 1 to 1,000,000,000. Default as many as the
// rate has per period.
func WithBurst(tokens int64) LimiterOption {
	return limiterOption(func(s *limiterSettings) {
		s.native.burst, s.burstGiven = s.large("burst", tokens), true
	})
}

func (s *limiterSettings) with(options []LimiterOption) (nativeLimiterConfig, error) {
	s.given = nil
	for _, option := range options {
		if option != nil {
			option.applyLimiter(s)
		}
	}
	if !s.burstGiven {
		s.native.burst = s.native.permits
	}
	return s.native, s.check()
}

var limiterUnits = units{"period": asDuration}

// A Limiter lets only so many calls through per time (a token bucket by the GCRA, exact to the nanosecond).
//
// Any number of goroutines may use it; only Wait blocks, in Go, and nothing is allocated for calls that are let
// through. Its 0.6 KB live outside Go's heap and are freed when nobody has the limiter any more.
type Limiter struct {
	native  nativeLimiter
	name    string
	clock   Clock
	closed  atomic.Bool
	maxWait atomic.Int64

	lock     sync.Mutex
	settings limiterSettings
}

// NewLimiter makes a full bucket. Without options: 100 tokens per second, at most 100 at once.
//
// A setting outside its range, or an empty name, is a [*ConfigError].
func NewLimiter(name string, options ...LimiterOption) (*Limiter, error) {
	if err := mayMake(name); err != nil {
		return nil, err
	}
	settings := limiterSettings{native: limiterDefaults(), maxWait: forever}
	config, err := settings.with(options)
	if err != nil {
		return nil, err
	}
	l := &Limiter{name: name, clock: settings.clock}
	var problem nativeConfigError
	if answer := l.native.init(&config, &problem); answer != statusOK {
		return nil, settings.explain(name, answer, &problem, limiterUnits)
	}
	if err := settings.accepted(); err != nil {
		return nil, err
	}
	settings.live = true
	l.settings = settings
	l.maxWait.Store(int64(settings.maxWait))
	return l, nil
}

// Name is the name it was made with.
func (l *Limiter) Name() string { return l.name }

// Allow takes one token if it is there. False also after Close.
func (l *Limiter) Allow() bool {
	if l.closed.Load() {
		return false
	}
	_, answer := l.native.tryAcquire(1, moment(l.clock))
	return answer == statusOK
}

// TryAcquire takes n tokens if they are there now; 0 always works and changes nothing.
//
// A refusal is a [*RefusedError] that is [ErrRateLimited] and says when the tokens will be there if nobody else
// takes them. More than the bucket can ever hold is [ErrExceedsCapacity], a negative n is [ErrArgument].
func (l *Limiter) TryAcquire(n int64) error {
	if err := l.usable(n); err != nil {
		return err
	}
	wait, answer := l.native.tryAcquire(uint64(n), moment(l.clock))
	if answer == statusOK {
		return nil
	}
	return l.refusal(n, answer, u64(wait))
}

func (l *Limiter) usable(n int64) error {
	if l.closed.Load() {
		return closed(l.name)
	}
	if n < 0 {
		return &ConfigError{Field: "n", Value: n, Min: int64(0), Max: l.burst(), kind: ErrArgument}
	}
	return nil
}

func (l *Limiter) refusal(n int64, answer status, wait u64) error {
	if answer == statusExceedsCapacity {
		return &ConfigError{Field: "n", Value: n, Min: int64(0), Max: l.burst(), kind: ErrExceedsCapacity}
	}
	if answer > statusOK {
		return refused(l.name, answer, wait)
	}
	return misuse(l.name, answer)
}

func (l *Limiter) burst() int64 {
	l.lock.Lock()
	defer l.lock.Unlock()
	return int64(l.settings.native.burst)
}

// Wait takes n tokens and returns when it is time to go. If that would be later than [WithMaxWait] or the
// context's deadline, it is refused at once and takes nothing: a [*RefusedError] that is [ErrRateLimited]. When the
// context ends while it waits, the tokens are given back and the context's error is returned.
func (l *Limiter) Wait(ctx context.Context, n int64) error {
	if ctx.Err() != nil {
		return ended(ctx, l.name)
	}
	longest := time.Duration(l.maxWait.Load())
	if deadline, ok := ctx.Deadline(); ok {
		longest = min(longest, max(time.Until(deadline), 0))
	}
	reservation := Reservation{limiter: l}
	if err := l.reserve(&reservation, n, longest); err != nil {
		return err
	}
	if reservation.native.wait_ns == 0 {
		return nil
	}
	fired, stop := timer(l.clock, reservation.Delay())
	defer stop()
	select {
	case <-fired:
		return nil
	case <-ctx.Done():
		_ = reservation.Cancel()
		return ended(ctx, l.name)
	}
}

// Reserve takes n tokens now or ahead of time: wait for the reservation's Delay, then go. A delay beyond maxWait
// (0: only what is there now) is refused at once and takes nothing. Errors as for TryAcquire.
func (l *Limiter) Reserve(n int64, maxWait time.Duration) (*Reservation, error) {
	if maxWait < 0 {
		return nil, &ConfigError{Field: "max_wait", Value: maxWait, Min: time.Duration(0), Max: forever, kind: ErrArgument}
	}
	reservation := &Reservation{limiter: l}
	if err := l.reserve(reservation, n, maxWait); err != nil {
		return nil, err
	}
	return reservation, nil
}

func (l *Limiter) reserve(reservation *Reservation, n int64, maxWait time.Duration) error {
	if err := l.usable(n); err != nil {
		return err
	}
	answer := l.native.reserve(uint64(n), nanos(maxWait), moment(l.clock), &reservation.native)
	if answer == statusOK {
		return nil
	}
	return l.refusal(n, answer, reservation.native.wait_ns)
}

// Adjust corrects a cost after the fact: takes n more tokens whatever the bucket holds (later callers then wait
// for the debt), or gives -n back when n is negative, never above the burst.
func (l *Limiter) Adjust(n int64) error {
	if l.closed.Load() {
		return closed(l.name)
	}
	if answer := l.native.adjust(n, moment(l.clock)); answer != statusOK {
		return misuse(l.name, answer)
	}
	return nil
}

// SetRate changes rate and burst of a live limiter. What was used stays used.
func (l *Limiter) SetRate(tokens int64, period time.Duration, burst int64) error {
	return l.Reconfigure(WithRate(tokens, period), WithBurst(burst))
}

// Reconfigure changes settings of a live limiter and leaves all others as they are; a burst that was never set
// follows the rate. What was used stays used. The clock cannot change.
func (l *Limiter) Reconfigure(options ...LimiterOption) error {
	if l.closed.Load() {
		return closed(l.name)
	}
	l.lock.Lock()
	defer l.lock.Unlock()
	settings := l.settings
	config, err := settings.with(options)
	if err != nil {
		return err
	}
	var problem nativeConfigError
	if err := settings.accepted(); err != nil {
		// As in a breaker's Reconfigure.
		var probe nativeLimiter
		if answer := probe.init(&config, &problem); answer != statusOK {
			return settings.explain(l.name, answer, &problem, limiterUnits)
		}
		return err
	}
	if answer := l.native.reconfigure(&config, moment(l.clock), &problem); answer != statusOK {
		return settings.explain(l.name, answer, &problem, limiterUnits)
	}
	l.settings = settings
	l.maxWait.Store(int64(settings.maxWait))
	return nil
}

// Close ends the use of the limiter: whatever is asked of it later is [ErrClosed]. There is no need to close a
// limiter; its memory is freed when nobody has it any more.
func (l *Limiter) Close() error {
	l.closed.Store(true)
	return nil
}

// A LimiterSnapshot is what a bucket looked like at one moment.
type LimiterSnapshot struct {
	// Limit is the most tokens the bucket holds, Remaining the whole tokens left.
	Limit     int64 `json:"limit"`
	Remaining int64 `json:"remaining"`
	// Reset is how long until the bucket is full, RetryAfter how long until one token is there.
	Reset      time.Duration `json:"reset_ns"`
	RetryAfter time.Duration `json:"retry_after_ns"`
	// Allowed and Refused are the requests so far, ShadowRefused those that would have been refused outside
	// shadow mode.
	Allowed       uint64 `json:"allowed"`
	Refused       uint64 `json:"refused"`
	ShadowRefused uint64 `json:"shadow_refused"`
}

// Snapshot looks at the bucket and changes nothing. All zero after Close.
func (l *Limiter) Snapshot() LimiterSnapshot {
	if l.closed.Load() {
		return LimiterSnapshot{}
	}
	s, _ := l.native.snapshot(moment(l.clock))
	return limiterSnapshot(&s)
}

func limiterSnapshot(s *nativeLimiterSnapshot) LimiterSnapshot {
	return LimiterSnapshot{
		Limit:         int64(min(s.limit, math.MaxInt64)),
		Remaining:     int64(min(s.remaining, math.MaxInt64)),
		Reset:         span(uint64(s.reset_ns)),
		RetryAfter:    span(uint64(s.retry_after_ns)),
		Allowed:       uint64(s.allowed),
		Refused:       uint64(s.refused),
		ShadowRefused: uint64(s.shadow_refused),
	}
}

// SetHeaders writes the snapshot into the header of an HTTP response (an http.Header): RateLimit-Limit,
// RateLimit-Remaining, RateLimit-Reset and, when no token is left, Retry-After; times in whole seconds, rounded up.
func (s LimiterSnapshot) SetHeaders(header interface{ Set(key, value string) }) {
	header.Set("RateLimit-Limit", strconv.FormatInt(s.Limit, 10))
	header.Set("RateLimit-Remaining", strconv.FormatInt(s.Remaining, 10))
	header.Set("RateLimit-Reset", seconds(s.Reset))
	if s.RetryAfter > 0 {
		header.Set("Retry-After", seconds(s.RetryAfter))
	}
}

func seconds(d time.Duration) string {
	whole := d / time.Second
	if d%time.Second > 0 {
		whole++
	}
	return strconv.FormatInt(int64(whole), 10)
}

// A Reservation is tokens taken ahead of time.
type Reservation struct {
	native  nativeReservation
	limiter *Limiter
	used    atomic.Bool
}

// Delay is how long to wait before going, counted from Reserve. Zero when the tokens were there.
func (r *Reservation) Delay() time.Duration { return span(uint64(r.native.wait_ns)) }

// Cancel gives the tokens back, whether their time has come or not; never above the burst. A second Cancel is
// [ErrSpent] and changes nothing; ErrClosed after the limiter's Close.
func (r *Reservation) Cancel() error {
	l := r.limiter
	if l == nil {
		return ErrSpent
	}
	if l.closed.Load() {
		return closed(l.name)
	}
	if r.used.Swap(true) {
		return misuse(l.name, statusSpent)
	}
	// A copy, so that Delay stays what it was.
	native := r.native
	if answer := l.native.cancel(&native, moment(l.clock)); answer != statusOK {
		return misuse(l.name, answer)
	}
	return nil
}
