// Package seawalltest helps to test services that call their dependencies through seawall: forced states, injected
// faults, no waiting, and a clock that is moved by hand.
//
//	clock := seawalltest.NewClock()
//	wall, err := seawall.Open("seawall.toml", seawall.WithClock(clock))
//	...
//	payments := wall.MustDependency("payments")
//	seawalltest.NoWaiting(t, payments, clock)
//	seawalltest.Inject(t, payments, seawalltest.Fault{Err: syscall.ECONNRESET, Times: 2})
//	// Two errors and two backoffs later, without a millisecond of waiting, the third attempt is the function's own.
//
// Everything it does to a dependency ends with the test.
package seawalltest

import (
	"math"
	"testing"
	"time"

	"seawall.dev/go"
	"seawall.dev/go/internal/script"
)

// A FakeClock is a clock that stands until it is moved.
type FakeClock = seawall.ManualClock

// NewClock is a fake clock that stands at the present, as walls from a file want it.
func NewClock() *FakeClock {
	clock := &FakeClock{}
	clock.Set(seawall.Now())
	return clock
}

// Force brings the breaker of a dependency into a state: closed and without memory; open, as failures would have
// opened it; half-open, with its probes free; held open or disabled as by hand. The test fails when the policy has
// no breaker, or failures do not open it. The breaker is closed again when the test ends.
func Force(t testing.TB, dependency *seawall.Dependency, state seawall.State) {
	t.Helper()
	if err := script.Force(dependency, uint32(state)); err != nil {
		t.Fatalf("seawalltest: %s cannot be forced: %v", dependency.Name(), err)
	}
	t.Cleanup(func() { _ = script.Force(dependency, uint32(seawall.StateClosed)) })
}

// A Fault is what goes wrong with an attempt.
type Fault struct {
	// Err is the error of the attempt, whose function is not called then.
	Err error
	// Latency delays the attempt; at its timeout or more, it times out. Waits for it unless [NoWaiting] is on.
	Latency time.Duration
	// Rate is the share of attempts that meet it, 0 to 1. Default 0: all of them.
	Rate float64
	// Times is how many attempts meet it. Default 0: all until the test ends.
	Times int
}

// Inject makes attempts meet a fault, after those injected before, until the test ends.
func Inject(t testing.TB, dependency *seawall.Dependency, fault Fault) {
	t.Helper()
	switch {
	case fault.Err == nil && fault.Latency <= 0:
		t.Fatal("seawalltest: a fault needs an error or a latency")
	case !(fault.Rate >= 0 && fault.Rate <= 1):
		t.Fatalf("seawalltest: a rate of %v is outside 0 to 1", fault.Rate)
	case fault.Times < 0:
		t.Fatalf("seawalltest: %d times", fault.Times)
	}
	left, strikes := fault.Times, func() bool { return true }
	if left == 0 {
		left = -1
	}
	if fault.Rate > 0 && fault.Rate < 1 {
		below := uint64(fault.Rate * math.MaxUint32)
		strikes = func() bool { return seawall.Random()>>32 < below }
	}
	t.Cleanup(script.Of(dependency).Add(&script.Fault{Err: fault.Err, Latency: fault.Latency, Strikes: strikes, Left: left}))
}

// NoWaiting makes calls of a dependency wait for nothing until the test ends: where they would sleep between
// attempts, for a rate or for a place, the clock moves on instead. The clock should be the one of the wall. Timeouts
// of real functions are waited for all the same.
func NoWaiting(t testing.TB, dependency *seawall.Dependency, clock *FakeClock) {
	t.Helper()
	if clock == nil {
		t.Fatal("seawalltest: NoWaiting needs a clock")
	}
	of := script.Of(dependency)
	of.SetClock(clock)
	t.Cleanup(func() { of.SetClock(nil) })
}
