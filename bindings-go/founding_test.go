package seawall

import (
	"context"
	"errors"
	"testing"
	"time"
)

// The examples that Seawall was made for, as Go programs meet them. Time is virtual in all of them.

func TestRetriesDoNotTripABreakerThatCountsCalls(t *testing.T) {
	for scope, want := range map[Scope]State{ScopeCall: StateClosed, ScopeAttempt: StateOpen} {
		d := depended(Policy{Retry: retrying(3), Breaker: &BreakerPolicy{ConsecutiveFailures: Value(5), Scope: scope}})
		for range 2 {
			_ = d.Do(t.Context(), func(context.Context) error { return errReset })
		}
		if got := d.Snapshot().Breaker.State; got != want {
			t.Errorf("counted by %s it is %v", scope, got)
		}
	}
}

func TestADeadlineOfFiveSecondsIsNeverNine(t *testing.T) {
	clock := manual()
	d := depended(Policy{Timeout: 2 * time.Second, Deadline: 5 * time.Second, Retry: &RetryPolicy{Attempts: 2, Base: time.Second, Jitter: JitterNone}},
		WithClock(clock))
	noWaiting(t, d)
	start := clock.Now()
	_ = d.Do(t.Context(), func(ctx context.Context) error {
		clock.Advance(AttemptFrom(ctx).Timeout)
		return context.DeadlineExceeded
	})
	if took := clock.Now() - start; took > 5*time.Second || d.Snapshot().Retries != 1 {
		t.Errorf("took %v, %+v", took, d.Snapshot())
	}
}

func TestFiveLayersOfThreeTries(t *testing.T) {
	requests := func(layer func(int) int) (sent int) {
		next := func(context.Context) error { sent++; return errReset }
		for number := range 5 {
			retry := retrying(layer(number))
			retry.Budget = BudgetOff
			d, below := depended(Policy{Timeout: time.Minute, Retry: retry, Breaker: BreakerOff}), next
			next = func(ctx context.Context) error { return d.Do(ctx, below) }
		}
		if err := next(t.Context()); !errors.Is(err, errReset) {
			t.Errorf("got %v", err)
		}
		return sent
	}
	if bare := requests(func(int) int { return 3 }); bare != 243 {
		t.Errorf("%d requests where every layer tries three times", bare)
	}
	if one := requests(func(layer int) int {
		if layer == 4 {
			return 3
		}
		return 1
	}); one != 3 {
		t.Errorf("%d requests where one layer does", one)
	}
}

func TestFiveHundredMessagesAreSpread(t *testing.T) {
	worst := func(jitter Jitter) (most int) {
		budget := &BudgetPolicy{Cap: 1000, MinPerSecond: Value(100)}
		d := depended(Policy{Timeout: time.Minute, Breaker: BreakerOff, Retry: &RetryPolicy{Attempts: 2, Base: time.Second, Jitter: jitter, Budget: budget}},
			WithClock(manual()), WithSeed(7))
		noWaiting(t, d)
		bins := map[time.Duration]int{}
		d.OnEvent(func(e Event) {
			bins[e.Delay/(100*time.Millisecond)]++
			most = max(most, bins[e.Delay/(100*time.Millisecond)])
		})
		for range 500 {
			_ = d.Do(t.Context(), func(context.Context) error { return errReset })
		}
		return most
	}
	if spread, together := worst(JitterFull), worst(JitterNone); spread > 110 || together != 500 {
		t.Errorf("at most %d in 100 ms with jitter, %d without", spread, together)
	}
}

// A payment server is down from 2:47 PM for a minute; four requests a second reach each route.
func TestAtTwoFortySevenInTheAfternoon(t *testing.T) {
	clock := manual()
	wall := must(New(WithClock(clock), WithSeed(247)))
	payments := must(wall.Define("payments", Policy{Timeout: 2 * time.Second, Bulkhead: &BulkheadPolicy{MaxConcurrent: 8}}))
	catalogue := must(wall.Define("catalogue", Policy{Timeout: 2 * time.Second, Bulkhead: &BulkheadPolicy{MaxConcurrent: 8}}))
	start, opened, closed, probes := clock.Now(), time.Duration(0), time.Duration(0), 0
	since := func() time.Duration { return clock.Now() - start }
	payments.OnEvent(func(e Event) {
		switch {
		case e.Kind != EventStateChange:
		case e.To == StateOpen && opened == 0:
			opened = since()
		case e.To == StateHalfOpen:
			probes++
		case e.To == StateClosed:
			closed = since()
		}
	})
	for since() < 150*time.Second {
		isDown := since() < time.Minute
		_ = payments.Do(t.Context(), func(context.Context) error {
			if held := payments.Snapshot().Bulkhead.InUse; held > 8 {
				t.Errorf("%d places held", held)
			}
			if isDown {
				return errReset
			}
			return nil
		})
		noError(t, catalogue.Do(t.Context(), succeeds))
		clock.Advance(250 * time.Millisecond)
	}
	if opened == 0 || opened > 10*time.Second || closed == 0 || closed > time.Minute+90*time.Second || probes < 2 || !wall.Health() {
		t.Errorf("open at %v, closed at %v, %d probes", opened, closed, probes)
	}
	if s := catalogue.Snapshot(); s.Successes != s.Calls {
		t.Errorf("other routes: %+v", s)
	}
}
