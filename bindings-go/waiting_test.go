package seawall

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

func queueing(limit int, wait time.Duration) *BulkheadPolicy {
	return &BulkheadPolicy{MaxConcurrent: limit, MaxWait: wait}
}

func TestWaitersAreServedFirstComeFirstServed(t *testing.T) {
	// By a clock that stands still nobody asks again by himself: wake-ups alone serve the chain.
	d := depended(Policy{Timeout: time.Minute, Bulkhead: queueing(1, time.Minute)}, WithClock(manual()))
	held := must(d.Permit(t.Context()))
	var lock sync.Mutex
	var order []int
	var done sync.WaitGroup
	for number := range 20 {
		done.Add(1)
		go func() {
			defer done.Done()
			noError(t, d.Do(t.Context(), func(context.Context) error {
				lock.Lock()
				defer lock.Unlock()
				order = append(order, number)
				return nil
			}))
		}()
		eventually(t, "it waits", func() bool { return d.Snapshot().Bulkhead.Waiting == number+1 })
	}
	noError(t, held.Success())
	done.Wait()
	if got := fmt.Sprint(order); got != "[0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19]" {
		t.Errorf("served %v", got)
	}
}

func TestACriticalCallGoesBeforeThoseWhoWait(t *testing.T) {
	d := depended(Policy{Timeout: time.Minute, Bulkhead: queueing(1, time.Minute)})
	held := must(d.Permit(t.Context()))
	served := make(chan string, 2)
	for i, who := range []string{"ordinary", "critical"} {
		go func() {
			noError(t, d.Do(t.Context(), func(context.Context) error { served <- who; return nil }, WithCritical(who == "critical")))
		}()
		eventually(t, "it waits", func() bool { return d.Snapshot().Bulkhead.Waiting == i+1 })
	}
	noError(t, held.Success())
	if first := <-served; first != "critical" {
		t.Errorf("the %s one was first", first)
	}
	<-served
}

func TestAWaitThatIsTooLongIsRefused(t *testing.T) {
	d := depended(Policy{Bulkhead: &BulkheadPolicy{MaxConcurrent: 1, MaxWait: 3 * time.Millisecond, MaxWaiting: Value(1)}})
	held := must(d.Permit(t.Context()))
	wantRefused(t, d.Do(t.Context(), succeeds), ErrBulkheadFull, ReasonBulkheadWaitTimeout)

	clock := manual()
	slow := depended(Policy{Bulkhead: &BulkheadPolicy{MaxConcurrent: 1, MaxWait: time.Second, MaxWaiting: Value(1)}}, WithClock(clock))
	_ = must(slow.Permit(t.Context()))
	answer := make(chan error)
	go func() { answer <- slow.Do(t.Context(), succeeds) }()
	eventually(t, "it waits", func() bool { return clock.Timers() == 1 })
	wantRefused(t, slow.Do(t.Context(), succeeds), ErrBulkheadFull, ReasonBulkheadWaitFull)
	clock.Advance(time.Second)
	for {
		select {
		case err := <-answer:
			wantRefused(t, err, ErrBulkheadFull, ReasonBulkheadWaitTimeout)
			noError(t, held.Success())
			return
		default:
			clock.Advance(tick)
		}
	}
}

func TestTheCallersTimeEndsAWait(t *testing.T) {
	d := depended(Policy{Timeout: time.Minute, Bulkhead: queueing(1, time.Minute)})
	held := must(d.Permit(t.Context()))
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Millisecond)
	defer cancel()
	if err := d.Do(ctx, succeeds); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	gone, leave := context.WithCancel(t.Context())
	answer := make(chan error)
	go func() { answer <- d.Do(gone, succeeds) }()
	eventually(t, "it waits", func() bool { return d.Snapshot().Bulkhead.Waiting == 1 })
	leave()
	if err := <-answer; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if s := d.Snapshot(); s.Bulkhead.Waiting != 0 || s.Bulkhead.InUse != 1 {
		t.Errorf("%+v", s.Bulkhead)
	}
	noError(t, held.Success())
}

func TestCloseWakesThoseWhoWaitAndSleep(t *testing.T) {
	noGoroutineLeft(t, func() {
		d := depended(Policy{Timeout: time.Minute, Bulkhead: queueing(2, time.Minute), Retry: &RetryPolicy{Base: time.Hour, Cap: time.Hour, Jitter: JitterNone}})
		held := must(d.Permit(t.Context()))
		answers := make(chan error)
		go func() { answers <- d.Do(t.Context(), func(context.Context) error { return errReset }) }()
		eventually(t, "it sleeps", func() bool { return d.Snapshot().Breaker.Failure == 0 && d.Snapshot().Bulkhead.InUse == 2 })
		go func() { answers <- d.Do(t.Context(), succeeds) }()
		eventually(t, "it waits", func() bool { return d.Snapshot().Bulkhead.Waiting == 1 })
		noError(t, d.wall.Close())
		for range 2 {
			if err := <-answers; !errors.Is(err, ErrClosed) {
				t.Errorf("got %v", err)
			}
		}
		noError(t, held.Cancel())
	})
}

// Calls that are given up at any moment leave no place, no token, no waiter and no goroutine behind.
func TestCallsGivenUpAtAnyMomentLeaveNothing(t *testing.T) {
	d := depended(Policy{
		Timeout: 2 * time.Millisecond, Bulkhead: queueing(4, 2*time.Millisecond), Breaker: &BreakerPolicy{FailureRate: Value(0.0), ConsecutiveFailures: Value(0)},
		Retry:      &RetryPolicy{Attempts: 3, Base: time.Millisecond, Budget: &BudgetPolicy{MaxConcurrentRetries: Value(1.0)}},
		RateLimits: []RatePolicy{{Name: "requests", Permits: 100_000, Burst: 10, MaxWait: time.Millisecond}},
	})
	var ended, ran atomic.Int64
	noGoroutineLeft(t, func() {
		var done sync.WaitGroup
		for worker := range 16 {
			done.Add(1)
			go func() {
				defer done.Done()
				chance := rand.New(rand.NewPCG(uint64(worker), 1))
				for range 60 {
					ctx, cancel := context.WithCancel(t.Context())
					stop := time.AfterFunc(time.Duration(chance.IntN(4_000_000)), cancel)
					work := time.Duration(chance.IntN(3_000_000))
					var options []CallOption
					if chance.IntN(3) == 0 {
						options = append(options, Abandon())
					}
					fails := chance.IntN(2) == 0
					err := d.Do(ctx, func(ctx context.Context) error {
						ran.Add(1)
						select {
						case <-time.After(work):
						case <-ctx.Done():
							return ctx.Err()
						}
						if fails {
							return errReset
						}
						return nil
					}, options...)
					if err != nil && !errors.Is(err, ErrRefused) && !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, syscall.ECONNRESET) {
						t.Error(err)
					}
					stop.Stop()
					cancel()
					ended.Add(1)
				}
			}()
		}
		done.Wait()
	})
	eventually(t, "all places are free", func() bool { return d.Snapshot().Bulkhead.InUse == 0 })
	s := d.Snapshot()
	if s.Bulkhead.Waiting != 0 || s.RetryBudget.CallsInFlight != 0 || s.RetryBudget.RetriesInFlight != 0 || d.queue.waits.Load() != 0 || ran.Load() == 0 {
		t.Errorf("%+v, %+v", s.Bulkhead, s.RetryBudget)
	}
	if s.Calls+s.Cancelled < uint64(ended.Load())/2 || s.Cancelled == 0 || s.Refused == 0 || s.Retries == 0 {
		t.Errorf("the paths were not taken: %+v", s)
	}
}

func TestAPlaceIsKeptUntilAbandonedWorkReallyEnds(t *testing.T) {
	d := depended(Policy{Timeout: 5 * time.Millisecond, Bulkhead: &BulkheadPolicy{MaxConcurrent: 1}})
	var events sync.Map
	d.OnEvent(func(e Event) { events.Store(e.Kind, e) })
	release, discarded := make(chan struct{}), make(chan int, 1)
	noGoroutineLeft(t, func() {
		_, err := Call(t.Context(), d, func(context.Context) (int, error) { <-release; return 42, nil }, Abandon(),
			OnDiscard(func(n int, _ error) { discarded <- n }))
		var late *TimeoutError
		if !errors.As(err, &late) || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		wantRefused(t, d.Do(t.Context(), succeeds), ErrBulkheadFull, ReasonBulkheadFull)
		close(release)
		eventually(t, "the place is free", func() bool { return d.Snapshot().Bulkhead.InUse == 0 })
		if n := <-discarded; n != 42 {
			t.Errorf("discarded %d", n)
		}
	})
	event, _ := events.Load(EventLateResult)
	if e, ok := event.(Event); !ok || e.Outcome != Success || e.Attempt != 1 || d.Snapshot().Late != 1 || d.Snapshot().Timeouts != 1 {
		t.Errorf("%+v, %+v", event, d.Snapshot())
	}
	noError(t, d.Do(t.Context(), succeeds))
}

func TestAbandonablePanicsAndAnswersComeThrough(t *testing.T) {
	d := depended(Policy{})
	got, err := Call(t.Context(), d, func(ctx context.Context) (string, error) { return AttemptFrom(ctx).IdempotencyKey(), nil }, Abandon())
	if len(got) != 36 || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	defer func() {
		if got := recover(); got != errDown || d.Snapshot().Failures != 1 {
			t.Errorf("recovered %v, %+v", got, d.Snapshot())
		}
	}()
	_ = d.Do(t.Context(), func(context.Context) error { panic(errDown) }, Abandon())
}

func TestAPermitIsUsedOnce(t *testing.T) {
	d := depended(Policy{Bulkhead: &BulkheadPolicy{MaxConcurrent: 1}, Retry: retrying(3), Breaker: &BreakerPolicy{ConsecutiveFailures: Value(3)}})
	for _, use := range []func(*CallPermit) error{
		(*CallPermit).Success, (*CallPermit).Failure, (*CallPermit).Cancel,
		func(p *CallPermit) error { return p.Throttled(time.Second) }, func(p *CallPermit) error { return p.Record(Ignored) },
	} {
		permit := must(d.Permit(t.Context()))
		if permit.Timeout() != time.Second || len(permit.IdempotencyKey()) != 36 {
			t.Errorf("%v, %q", permit.Timeout(), permit.IdempotencyKey())
		}
		noError(t, use(permit))
		for _, again := range []func() error{permit.Success, permit.Cancel} {
			if err := again(); !errors.Is(err, ErrSpent) {
				t.Errorf("got %v", err)
			}
		}
	}
	if s := d.Snapshot(); s.Successes != 1 || s.Failures != 2 || s.Ignored != 2 || s.Bulkhead.InUse != 0 {
		t.Errorf("%+v", s)
	}
	permit := must(d.Permit(t.Context()))
	if err := permit.Record(7); !errors.Is(err, ErrArgument) {
		t.Errorf("got %v", err)
	}
	noError(t, permit.Cancel())
}
