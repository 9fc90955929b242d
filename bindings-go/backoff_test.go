package seawall

import (
	"context"
	"errors"
	"math"
	"testing"
	"time"
)

func TestWaitsGrowUpToTheCap(t *testing.T) {
	b := must(NewBackoff(WithBackoffJitter(JitterNone), WithBackoffBase(time.Second), WithBackoffCap(3*time.Second)))
	for attempt, want := range []time.Duration{time.Second, time.Second, 2 * time.Second, 3 * time.Second, 3 * time.Second} {
		if got := b.Delay(attempt, 0, 0, 0); got != want {
			t.Errorf("attempt %d: %v, want %v", attempt, got, want)
		}
	}
	if got := b.Delay(math.MaxInt, -1, math.MaxUint64, -1); got != 3*time.Second {
		t.Errorf("%v", got)
	}
}

func TestJitterStaysInItsBounds(t *testing.T) {
	for jitter, low := range map[Jitter]time.Duration{JitterFull: 0, JitterEqual: 50 * time.Millisecond} {
		b := must(NewBackoff(WithBackoffJitter(jitter)))
		if got := b.Delay(1, 0, 0, 0); got != low {
			t.Errorf("%v: least %v", jitter, got)
		}
		if got := b.Delay(1, 0, math.MaxUint64, 0); got != 100*time.Millisecond {
			t.Errorf("%v: most %v", jitter, got)
		}
		for range 1000 {
			if got := b.Delay(1, 0, Random(), 0); got < low || got > 100*time.Millisecond {
				t.Fatalf("%v: %v", jitter, got)
			}
		}
	}
}

func TestAServersWishIsAFloor(t *testing.T) {
	b := must(NewBackoff())
	if got := b.Delay(1, 0, 0, time.Minute); got != time.Minute {
		t.Errorf("%v", got)
	}
	clamped := must(NewBackoff(WithBackoffJitter(JitterNone), WithRetryAfterMargin(time.Second)))
	if got := clamped.Delay(1, 0, 0, time.Minute); got != 1100*time.Millisecond {
		t.Errorf("%v", got)
	}
}

func TestWaitGivesUpWhenTheDeadlineIsNearer(t *testing.T) {
	b := must(NewBackoff(WithBackoffJitter(JitterNone), WithBackoffBase(time.Hour), WithBackoffCap(time.Hour)))
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	_, err := b.Wait(ctx, 1, 0, 0)
	wantRefused(t, err, ErrDeadlineExceeded, ReasonDeadlineExceeded)
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Error("it is no context.DeadlineExceeded")
	}
}

func TestWaitEndsWithItsContext(t *testing.T) {
	b := must(NewBackoff(WithBackoffJitter(JitterNone), WithBackoffBase(time.Hour), WithBackoffCap(time.Hour)))
	noGoroutineLeft(t, func() {
		ctx, cancel := context.WithCancel(context.Background())
		ended := make(chan error)
		go func() {
			_, err := b.Wait(ctx, 1, 0, 0)
			ended <- err
		}()
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	})
	short := must(NewBackoff(WithBackoffJitter(JitterNone), WithBackoffBase(time.Microsecond)))
	if waited, err := short.Wait(t.Context(), 1, 0, 0); err != nil || waited != time.Microsecond {
		t.Errorf("%v, %v", waited, err)
	}
}
