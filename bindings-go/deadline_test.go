package seawall

import (
	"context"
	"math"
	"testing"
	"time"
)

func TestADeadlineFromAContext(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	deadline, ok := DeadlineFrom(ctx)
	if left := deadline.Remaining(Now()); !ok || left > time.Minute || left < 50*time.Second {
		t.Errorf("%v left, %v", left, ok)
	}
	noError(t, deadline.Check(Now()))
	if never, ok := DeadlineFrom(context.Background()); ok || never != Never || never.IsExpired(Now()) {
		t.Error("a context without a deadline has one")
	}
}

func TestAnExpiredDeadlineIsARefusal(t *testing.T) {
	deadline := DeadlineAfter(time.Second, time.Second)
	noError(t, deadline.Check(2*time.Second-1))
	wantRefused(t, deadline.Check(2*time.Second), ErrDeadlineExceeded, ReasonDeadlineExceeded)
	if left := deadline.Remaining(time.Hour); left != 0 {
		t.Errorf("%v left", left)
	}
	if !(Deadline{}).IsExpired(1) {
		t.Error("the zero value has not passed")
	}
}

func TestAShareIsKeptForTheCaller(t *testing.T) {
	deadline := DeadlineAfter(0, 10*time.Second)
	for share, want := range map[float64]time.Duration{
		0: 10 * time.Second, 0.25: 7500 * time.Millisecond, 1: 0, 2: 0, -1: 10 * time.Second, math.Inf(1): 0,
	} {
		if got := deadline.Keep(0, share).Remaining(0); got != want {
			t.Errorf("share %v: %v, want %v", share, got, want)
		}
	}
	if got := deadline.Keep(0, math.NaN()); got != deadline {
		t.Errorf("NaN: %v", got)
	}
}

func TestAnAttemptTakesNoLongerThanIsLeft(t *testing.T) {
	deadline := DeadlineAfter(time.Second, 10*time.Second).Nearer(DeadlineAfter(time.Second, 3*time.Second))
	if got := deadline.AttemptTimeout(2*time.Second, time.Second); got != 2*time.Second {
		t.Errorf("%v", got)
	}
	if got := deadline.AttemptTimeout(2*time.Second, 3*time.Second); got != time.Second {
		t.Errorf("%v", got)
	}
	if got := deadline.AttemptTimeout(-1, time.Second); got != 0 {
		t.Errorf("%v", got)
	}
}

func TestTimesSaturate(t *testing.T) {
	if far := DeadlineAfter(math.MaxInt64, math.MaxInt64); far.At() != math.MaxInt64 || far.IsExpired(math.MaxInt64) {
		t.Errorf("%v", far.At())
	}
	if Never.At() != math.MaxInt64 || DeadlineAfter(-5, -5).At() != 1 {
		t.Error("negative times are not the earliest")
	}
}
