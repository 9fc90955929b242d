//go:build cgo

package seawall

import (
	"math"
	"sync"
	"time"
)

// A Clock tells a monotonic time: how long ago some fixed moment was. Any number of goroutines may ask it.
//
// Without a clock (the default) the core reads the host's monotonic clock by itself, and only when an answer
// depends on it, which is fastest. With a clock, see [WithClock], it is asked for each operation.
//
// Waits ([Bulkhead.Acquire], [Limiter.Wait], [Backoff.Wait]) use real timers unless the clock is a [TimerClock].
type Clock interface {
	// Now is the time since a fixed moment, which a [Breaker] wants less than 30 years ago (so not the Unix
	// time). A time before an earlier answer counts as no time passed, and what is below 1 ns as 1 ns.
	Now() time.Duration
}

// A TimerClock is a Clock that can also wake its users.
type TimerClock interface {
	Clock
	// NewTimer gives a channel that receives once when d has passed, and a function that ends the timer early
	// and frees what it holds. Stopping twice, or after it fired, does nothing.
	NewTimer(d time.Duration) (fired <-chan time.Time, stop func())
}

// Now is the time of the core's default clock: monotonic, the same for all processes of the host.
func Now() time.Duration { return span(nativeNow()) }

// Random gives 64 random bits for jitter and seeds. Not for secrets. Any goroutine.
func Random() uint64 { return nativeRandom() }

// GoClock is a clock that goes by the time package of Go. Use it where that package's time is not the host's:
// inside a testing/synctest bubble, made in the bubble, it follows the bubble's fake time.
func GoClock() TimerClock { return goClock{start: time.Now().Add(-firstMoment)} }

// firstMoment is where clocks of this package start: not at 0, which the core does not take for a time, and
// at a whole millisecond, to which the core rounds some times up.
const firstMoment = time.Second

type goClock struct{ start time.Time }

func (c goClock) Now() time.Duration { return time.Since(c.start) }

func (goClock) NewTimer(d time.Duration) (<-chan time.Time, func()) { return realTimer(d) }

func realTimer(d time.Duration) (<-chan time.Time, func()) {
	timer := time.NewTimer(d)
	return timer.C, func() { timer.Stop() }
}

// A ManualClock is a clock for tests: time passes when the test says so. The zero value is ready and stands at one
// second.
type ManualClock struct {
	lock sync.Mutex
	// passed is the time since the first moment.
	passed time.Duration
	timers map[*manualTimer]struct{}
}

type manualTimer struct {
	at    time.Duration
	fired chan time.Time
}

// Now is the time that was set.
func (c *ManualClock) Now() time.Duration {
	c.lock.Lock()
	defer c.lock.Unlock()
	return c.now()
}

func (c *ManualClock) now() time.Duration { return saturatingAdd(c.passed, firstMoment) }

// Advance moves the clock on, and wakes all whose time has come. Negative durations move it back.
func (c *ManualClock) Advance(d time.Duration) {
	c.lock.Lock()
	defer c.lock.Unlock()
	c.move(saturatingAdd(c.passed, d))
}

// Set moves the clock to a time, and wakes all whose time has come.
func (c *ManualClock) Set(now time.Duration) {
	c.lock.Lock()
	defer c.lock.Unlock()
	c.move(saturatingAdd(now, -firstMoment))
}

func (c *ManualClock) move(passed time.Duration) {
	c.passed = passed
	for timer := range c.timers {
		if timer.at <= passed {
			delete(c.timers, timer)
			timer.fired <- time.Unix(0, int64(c.now()))
		}
	}
}

// NewTimer gives a timer that goes by this clock.
func (c *ManualClock) NewTimer(d time.Duration) (<-chan time.Time, func()) {
	c.lock.Lock()
	defer c.lock.Unlock()
	timer := &manualTimer{at: saturatingAdd(c.passed, d), fired: make(chan time.Time, 1)}
	if timer.at <= c.passed {
		timer.fired <- time.Unix(0, int64(c.now()))
		return timer.fired, func() {}
	}
	if c.timers == nil {
		c.timers = make(map[*manualTimer]struct{})
	}
	c.timers[timer] = struct{}{}
	return timer.fired, func() {
		c.lock.Lock()
		defer c.lock.Unlock()
		delete(c.timers, timer)
	}
}

// Timers is how many waits stand on this clock: lets a test wait until its goroutines wait.
func (c *ManualClock) Timers() int {
	c.lock.Lock()
	defer c.lock.Unlock()
	return len(c.timers)
}

// moment is the time by a clock in the core's terms; without one the core reads its own.
func moment(clock Clock) uint64 {
	if clock == nil {
		return 0
	}
	return since(clock.Now())
}

// since is a moment in the core's terms: at least 1, because 0 asks the core to read its own clock.
func since(now time.Duration) uint64 { return max(nanos(now), 1) }

// timer wakes after d by the clock if it can, else by Go's timers.
func timer(clock Clock, d time.Duration) (<-chan time.Time, func()) {
	if clock, ok := clock.(TimerClock); ok {
		return clock.NewTimer(d)
	}
	return realTimer(d)
}

// nanos is a duration in the core's terms, where nothing is negative.
func nanos(d time.Duration) uint64 { return uint64(max(d, 0)) }

// span is a number of the core's as a duration, at most the longest there is (292 years).
func span(nanoseconds uint64) time.Duration {
	return time.Duration(min(nanoseconds, math.MaxInt64))
}

func saturatingAdd(a, b time.Duration) time.Duration {
	if b > 0 && a > math.MaxInt64-b {
		return math.MaxInt64
	}
	if b < 0 && a < math.MinInt64-b {
		return math.MinInt64
	}
	return a + b
}
