//go:build go1.25

package seawall

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

func TestABubblesTimeIsEnoughForEverything(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		clock := GoClock()
		b := tripped(t, clock)
		_, err := b.TryAcquire()
		wantRefused(t, err, ErrBreakerOpen, ReasonBreakerOpen)
		time.Sleep(time.Second)
		noError(t, must(b.TryAcquire()).Success())

		l := perSecond(1, WithClock(clock))
		start := time.Now()
		for range 4 {
			noError(t, l.Wait(t.Context(), 1))
		}
		if took := time.Since(start); took != 3*time.Second {
			t.Errorf("four tokens took %v", took)
		}
	})
}

func TestABubbledWaitForABulkhead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := must(NewBulkhead("search", WithMaxConcurrent(1), WithMaxWaiting(2), WithMaxWait(time.Minute), WithClock(GoClock())))
		permit := must(b.TryAcquire())
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := b.Acquire(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		_, err := b.Acquire(t.Context())
		wantRefused(t, err, ErrBulkheadFull, ReasonBulkheadWaitTimeout)
		go func() {
			time.Sleep(time.Second)
			noError(t, permit.Release())
		}()
		noError(t, must(b.Acquire(t.Context())).Release())
	})
}

func TestABubbledCallSleepsAndWaitsByTheBubblesTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := depended(Policy{
			Timeout: time.Minute, Bulkhead: queueing(1, 2*time.Minute),
			Retry: &RetryPolicy{Attempts: 3, Base: 10 * time.Second, Jitter: JitterNone},
		}, WithClock(GoClock()))
		start := time.Now()
		waits := make(chan time.Duration)
		noError(t, d.Do(t.Context(), func(ctx context.Context) error {
			switch AttemptFrom(ctx).Number {
			case 1:
				go func() {
					noError(t, d.Do(t.Context(), succeeds))
					waits <- time.Since(start)
				}()
				return errReset
			case 2:
				<-ctx.Done()
				return ctx.Err()
			}
			return nil
		}, RetryOn(func(error) bool { return true })))
		if took := time.Since(start); took != 90*time.Second {
			t.Errorf("two waits and a timeout took %v", took)
		}
		if waited := <-waits; waited != 90*time.Second {
			t.Errorf("the other one waited %v", waited)
		}
	})
}
