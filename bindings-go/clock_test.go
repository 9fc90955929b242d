package seawall

import (
	"math"
	"testing"
	"time"
)

func TestAManualClockMovesOnlyByHand(t *testing.T) {
	var clock ManualClock
	clock.Advance(time.Second)
	clock.Advance(-time.Millisecond)
	if clock.Now() != time.Second+999*time.Millisecond {
		t.Errorf("%v", clock.Now())
	}
	clock.Set(time.Hour)
	if clock.Now() != time.Hour {
		t.Errorf("%v", clock.Now())
	}
}

func TestManualTimersFireInTheirTimeOnce(t *testing.T) {
	clock := manual()
	fired, stop := clock.NewTimer(time.Second)
	clock.Advance(time.Second - 1)
	select {
	case <-fired:
		t.Error("too early")
	default:
	}
	clock.Advance(1)
	<-fired
	stop()
	stop()
	at, stop := clock.NewTimer(0)
	<-at
	stop()
	_, stop = clock.NewTimer(math.MaxInt64)
	if clock.Timers() != 1 {
		t.Errorf("%d timers", clock.Timers())
	}
	stop()
	if clock.Timers() != 0 {
		t.Errorf("%d timers", clock.Timers())
	}
}

func TestAClockMayStandAnywhere(t *testing.T) {
	for _, at := range []time.Duration{0, -time.Hour, 1, 40 * 365 * 24 * time.Hour, time.Duration(time.Now().UnixNano())} {
		clock := &ManualClock{}
		clock.Set(at)
		b := must(NewBreaker("payments", WithClock(clock), WithConsecutiveFailures(1), WithOpenFor(time.Second), WithOpenJitter(0)))
		noError(t, must(b.TryAcquire()).Failure())
		_, err := b.TryAcquire()
		if refusal := wantRefused(t, err, ErrBreakerOpen, ReasonBreakerOpen); refusal.RetryAfter < time.Second-time.Millisecond || refusal.RetryAfter > time.Second+time.Millisecond {
			t.Errorf("at %v: retry after %v", at, refusal.RetryAfter)
		}
	}
}

func TestTheHostsClockMovesOn(t *testing.T) {
	before := Now()
	eventually(t, "time passes", func() bool { return Now() > before })
	if Random() == Random() && Random() == Random() {
		t.Error("no randomness")
	}
	clock := GoClock()
	first := clock.Now()
	fired, stop := clock.NewTimer(time.Microsecond)
	<-fired
	stop()
	if clock.Now() <= first {
		t.Error("Go's clock stands still")
	}
}
