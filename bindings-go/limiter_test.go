package seawall

import (
	"context"
	"errors"
	"net/http"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func perSecond(tokens int64, options ...LimiterOption) *Limiter {
	return must(NewLimiter("llm", append([]LimiterOption{WithRate(tokens, time.Second)}, options...)...))
}

func TestALimiterRefusesWhatIsNotThere(t *testing.T) {
	clock := manual()
	l := perSecond(10, WithBurst(2), WithClock(clock))
	if !l.Allow() || !l.Allow() || l.Allow() {
		t.Error("not exactly two of a burst of two")
	}
	refusal := wantRefused(t, l.TryAcquire(2), ErrRateLimited, ReasonRateLimited)
	if refusal.RetryAfter != 200*time.Millisecond {
		t.Errorf("retry after %v", refusal.RetryAfter)
	}
	clock.Advance(200 * time.Millisecond)
	noError(t, l.TryAcquire(2))
	noError(t, l.TryAcquire(0))
	if s := l.Snapshot(); s.Allowed != 3 || s.Refused != 2 || s.Limit != 2 || s.Remaining != 0 || s.Reset != 200*time.Millisecond {
		t.Errorf("%+v", s)
	}
}

func TestMoreThanTheBucketHoldsIsAnError(t *testing.T) {
	l := perSecond(10, WithBurst(5))
	_, reserve := l.Reserve(6, time.Hour)
	for _, err := range []error{l.TryAcquire(6), reserve, l.Wait(t.Context(), 6)} {
		var problem *ConfigError
		if !errors.Is(err, ErrExceedsCapacity) || !errors.As(err, &problem) || errors.Is(err, ErrRefused) {
			t.Fatalf("got %v", err)
		}
		if problem.Error() != "n: 6 is outside 0 to 5" {
			t.Errorf("message %q", problem)
		}
	}
	if s := l.Snapshot(); s.Remaining != 5 || s.Refused != 0 {
		t.Errorf("%+v", s)
	}
}

func TestAReservationCanBeGivenBackOnce(t *testing.T) {
	clock := manual()
	l := perSecond(1, WithClock(clock))
	noError(t, l.TryAcquire(1))
	reservation := must(l.Reserve(1, time.Second))
	if reservation.Delay() != time.Second {
		t.Errorf("delay %v", reservation.Delay())
	}
	_, err := l.Reserve(1, time.Second)
	if refusal := wantRefused(t, err, ErrRateLimited, ReasonRateLimited); refusal.RetryAfter != 2*time.Second {
		t.Errorf("retry after %v", refusal.RetryAfter)
	}
	noError(t, reservation.Cancel())
	if err := reservation.Cancel(); !errors.Is(err, ErrSpent) {
		t.Errorf("got %v, want spent", err)
	}
	if reservation.Delay() != time.Second || must(l.Reserve(1, time.Second)).Delay() != time.Second {
		t.Error("the tokens did not come back exactly once")
	}
}

func TestACostIsCorrectedAfterTheFact(t *testing.T) {
	l := perSecond(10, WithClock(manual()))
	noError(t, l.TryAcquire(1))
	noError(t, l.Adjust(14))
	if s := l.Snapshot(); s.Remaining != 0 || s.RetryAfter != 600*time.Millisecond {
		t.Errorf("%+v", s)
	}
	noError(t, l.Adjust(-100))
	if s := l.Snapshot(); s.Remaining != 10 {
		t.Errorf("%+v", s)
	}
}

func TestANewRateKeepsWhatWasUsed(t *testing.T) {
	l := perSecond(10, WithClock(manual()))
	noError(t, l.TryAcquire(4))
	noError(t, l.SetRate(100, time.Second, 100))
	if s := l.Snapshot(); s.Limit != 100 || s.Remaining != 96 {
		t.Errorf("%+v", s)
	}
	for _, err := range []error{l.SetRate(-1, time.Second, 1), l.SetRate(1, -1, 1), l.SetRate(1, time.Second, 0)} {
		if !errors.Is(err, ErrConfig) {
			t.Errorf("got %v", err)
		}
	}
	if s := l.Snapshot(); s.Limit != 100 {
		t.Errorf("a refused change was made: %+v", s)
	}
}

func TestABurstFollowsTheRateUntilItIsSet(t *testing.T) {
	l := perSecond(7)
	if s := l.Snapshot(); s.Limit != 7 {
		t.Errorf("%+v", s)
	}
	noError(t, l.Reconfigure(WithRate(9, time.Second)))
	if s := l.Snapshot(); s.Limit != 9 {
		t.Errorf("%+v", s)
	}
}

func TestWaitReturnsWhenItIsTime(t *testing.T) {
	clock := manual()
	l := perSecond(1, WithClock(clock))
	noGoroutineLeft(t, func() {
		noError(t, l.Wait(t.Context(), 1))
		ended := make(chan error)
		go func() { ended <- l.Wait(context.Background(), 1) }()
		eventually(t, "a timer runs", func() bool { return clock.Timers() == 1 })
		clock.Advance(time.Second)
		noError(t, <-ended)
	})
}

func TestAWaitThatIsGivenUpGivesTheTokensBack(t *testing.T) {
	clock := manual()
	l := perSecond(1, WithClock(clock))
	noError(t, l.TryAcquire(1))
	noGoroutineLeft(t, func() {
		ctx, cancel := context.WithCancel(context.Background())
		ended := make(chan error)
		go func() { ended <- l.Wait(ctx, 1) }()
		eventually(t, "a timer runs", func() bool { return clock.Timers() == 1 })
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	})
	if s := l.Snapshot(); clock.Timers() != 0 || s.RetryAfter != time.Second {
		t.Errorf("%+v, %d timers", s, clock.Timers())
	}
}

func TestAWaitThatCannotEndInTimeIsRefusedAtOnce(t *testing.T) {
	l := perSecond(1)
	noError(t, l.TryAcquire(1))
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer cancel()
	wantRefused(t, l.Wait(ctx, 1), ErrRateLimited, ReasonRateLimited)
	if ctx.Err() != nil {
		t.Error("it waited")
	}
	noError(t, l.Reconfigure(WithMaxWait(time.Millisecond)))
	wantRefused(t, l.Wait(context.Background(), 1), ErrRateLimited, ReasonRateLimited)
	cancelled, cancel := context.WithCancel(context.Background())
	cancel()
	if err := l.Wait(cancelled, 1); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestHeadersSayWhatTheBucketHolds(t *testing.T) {
	l := must(NewLimiter("llm", WithRate(30, time.Minute), WithBurst(16), WithClock(manual())))
	header := http.Header{}
	noError(t, l.TryAcquire(1))
	l.Snapshot().SetHeaders(header)
	if header.Get("RateLimit-Limit") != "16" || header.Get("RateLimit-Remaining") != "15" || header.Get("RateLimit-Reset") != "2" || header.Get("Retry-After") != "" {
		t.Errorf("%v", header)
	}
	noError(t, l.TryAcquire(15))
	l.Snapshot().SetHeaders(header)
	if header.Get("RateLimit-Remaining") != "0" || header.Get("RateLimit-Reset") != "32" || header.Get("Retry-After") != "2" {
		t.Errorf("%v", header)
	}
}

func TestNeverMoreThanRateTimesTimePlusBurst(t *testing.T) {
	const burst, perStep, steps = 50, 10, 200
	clock := manual()
	l := perSecond(1000, WithBurst(burst), WithClock(clock))
	workers := 2 * runtime.GOMAXPROCS(0)
	var allowed, refusedOnes atomic.Int64
	for range steps {
		var done sync.WaitGroup
		for range workers {
			done.Add(1)
			go func() {
				defer done.Done()
				for range 30 {
					if l.Allow() {
						allowed.Add(1)
					} else {
						refusedOnes.Add(1)
					}
				}
			}()
		}
		done.Wait()
		clock.Advance(perStep * time.Millisecond)
	}
	// Every step asks for more than there is, so every token is taken: neither one too many nor one lost.
	if want := int64(burst + perStep*(steps-1)); allowed.Load() != want || refusedOnes.Load() == 0 {
		t.Errorf("%d allowed, want %d; %d refused", allowed.Load(), want, refusedOnes.Load())
	}
}
