package seawall

import (
	"errors"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// tripped is a breaker that opens at the first failure, for one second.
func tripped(t *testing.T, clock Clock, options ...BreakerOption) *Breaker {
	t.Helper()
	options = append([]BreakerOption{
		WithClock(clock), WithConsecutiveFailures(1), WithOpenFor(time.Second), WithOpenJitter(0),
	}, options...)
	b := must(NewBreaker("payments", options...))
	noError(t, must(b.TryAcquire()).Failure())
	if b.State() != StateOpen {
		t.Fatalf("state %v after a failure", b.State())
	}
	return b
}

func TestAnOpenBreakerSaysWhenToComeBack(t *testing.T) {
	clock := manual()
	b := tripped(t, clock)
	clock.Advance(400 * time.Millisecond)
	_, err := b.TryAcquire()
	refusal := wantRefused(t, err, ErrBreakerOpen, ReasonBreakerOpen)
	if refusal.RetryAfter != 600*time.Millisecond || refusal.Name != "payments" {
		t.Errorf("%+v", refusal)
	}
	if text := err.Error(); !strings.HasPrefix(text, "payments: ") || !strings.HasSuffix(text, "retry after 600ms") {
		t.Errorf("message %q", text)
	}
	if errors.Is(err, ErrRateLimited) || errors.Is(err, ErrConfig) {
		t.Error("it is another refusal too")
	}
}

func TestOneProbeDecides(t *testing.T) {
	clock := manual()
	b := tripped(t, clock)
	clock.Advance(time.Second)
	probe := must(b.TryAcquire())
	_, err := b.TryAcquire()
	wantRefused(t, err, ErrBreakerOpen, ReasonBreakerHalfOpen)
	noError(t, probe.Success())
	if b.State() != StateClosed {
		t.Errorf("state %v after a good probe", b.State())
	}
}

func TestACancelledProbeGivesItsSeatBack(t *testing.T) {
	clock := manual()
	b := tripped(t, clock)
	clock.Advance(time.Second)
	noError(t, must(b.TryAcquire()).Cancel())
	noError(t, must(b.TryAcquire()).Success())
}

func TestALostProbeDoesNotBlockForEver(t *testing.T) {
	clock := manual()
	b := tripped(t, clock)
	clock.Advance(time.Second)
	lost := must(b.TryAcquire())
	// The lease is as long as the open time where it is not set.
	clock.Advance(time.Second)
	noError(t, must(b.TryAcquire()).Success())
	if err := lost.Failure(); !errors.Is(err, ErrLate) {
		t.Errorf("got %v, want late", err)
	}
}

func TestCancelAfterARecordDoesNothing(t *testing.T) {
	b := must(NewBreaker("payments"))
	permit := must(b.TryAcquire())
	noError(t, permit.Failure())
	noError(t, permit.Cancel())
	if s := b.Snapshot(); s.Failure != 1 || s.Streak != 1 {
		t.Errorf("%+v", s)
	}
	if err := permit.Success(); !errors.Is(err, ErrSpent) {
		t.Errorf("second record: %v", err)
	}
	if s := b.Snapshot(); s.Success != 0 {
		t.Errorf("the second record counted: %+v", s)
	}
}

func TestAThrottledFailureExtendsTheOpenTime(t *testing.T) {
	clock := manual()
	b := must(NewBreaker("payments", WithClock(clock), WithConsecutiveFailures(1), WithOpenFor(time.Second), WithOpenJitter(0)))
	noError(t, must(b.TryAcquire()).Throttled(time.Minute))
	_, err := b.TryAcquire()
	if refusal := wantRefused(t, err, ErrBreakerOpen, ReasonBreakerOpen); refusal.RetryAfter != time.Minute {
		t.Errorf("retry after %v", refusal.RetryAfter)
	}
}

func TestByHand(t *testing.T) {
	var changes []string
	b := must(NewBreaker("payments", OnTransition(func(name string, from, to State) {
		changes = append(changes, name+" "+arrow(from, to))
	})))
	noError(t, b.ForceOpen())
	_, err := b.TryAcquire()
	wantRefused(t, err, ErrBreakerOpen, ReasonBreakerForcedOpen)
	noError(t, b.Disable())
	noError(t, must(b.TryAcquire()).Failure())
	noError(t, b.Reset())
	want := "payments closed->forced_open, payments forced_open->disabled, payments disabled->closed"
	if got := strings.Join(changes, ", "); got != want {
		t.Errorf("got %s", got)
	}
}

func TestAPanickingCallbackNeverBreaksTheCall(t *testing.T) {
	b := must(NewBreaker("payments", WithConsecutiveFailures(1), OnTransition(func(string, State, State) { panic("mine") })))
	noError(t, must(b.TryAcquire()).Failure())
	if b.State() != StateOpen {
		t.Errorf("state %v", b.State())
	}
}

func TestACallbackMayUseTheBreaker(t *testing.T) {
	var b *Breaker
	seen := StateClosed
	b = must(NewBreaker("payments", WithConsecutiveFailures(1), OnTransition(func(string, State, State) { seen = b.State() })))
	noError(t, must(b.TryAcquire()).Failure())
	if seen != StateOpen {
		t.Errorf("the callback saw %v", seen)
	}
}

func TestShadowNeverRefuses(t *testing.T) {
	b := must(NewBreaker("payments", WithMode(Shadow), WithConsecutiveFailures(1)))
	noError(t, must(b.TryAcquire()).Failure())
	noError(t, must(b.TryAcquire()).Success())
	if s := b.Snapshot(); s.ShadowRefused != 1 || s.Refused != 0 || s.State != StateOpen {
		t.Errorf("%+v", s)
	}
}

func TestReconfigureChangesOnlyWhatItNames(t *testing.T) {
	clock := manual()
	b := must(NewBreaker("payments", WithClock(clock), WithConsecutiveFailures(3), WithOpenFor(time.Second), WithOpenJitter(0)))
	noError(t, must(b.TryAcquire()).Failure())
	noError(t, b.Reconfigure(WithConsecutiveFailures(2)))
	noError(t, must(b.TryAcquire()).Failure())
	if s := b.Snapshot(); s.State != StateOpen || s.RetryAfter != time.Second {
		t.Errorf("%+v", s)
	}
	var problem *ConfigError
	for _, bad := range []BreakerOption{
		WithConsecutiveFailures(-1), WithWindowCalls(2000), WithClock(clock), OnTransition(nil),
		On(func(error) bool { return true }), WithSlowRate(0, -time.Second),
	} {
		if err := b.Reconfigure(bad); !errors.As(err, &problem) || !errors.Is(err, ErrConfig) {
			t.Errorf("got %v", err)
		}
	}
	noError(t, b.Reconfigure(WithOpenFor(2*time.Second)))
	noError(t, b.Reset())
	noError(t, must(b.TryAcquire()).Failure())
	noError(t, must(b.TryAcquire()).Failure())
	if s := b.Snapshot(); s.RetryAfter != 2*time.Second {
		t.Errorf("after refused changes: %+v", s)
	}
}

func TestTheDefaultClockIsTheHosts(t *testing.T) {
	b := must(NewBreaker("payments", WithConsecutiveFailures(1), WithOpenFor(time.Millisecond)))
	noError(t, must(b.TryAcquire()).Failure())
	eventually(t, "a probe is let through", func() bool {
		permit, err := b.TryAcquire()
		return err == nil && permit.Success() == nil
	})
}

func TestExactlyOneProbePassesPerRound(t *testing.T) {
	const rounds, callers = 2000, 8
	clock := manual()
	b := tripped(t, clock, WithOpenBackoff(1))
	var refusedOnes, passed atomic.Int64
	for round := range rounds {
		clock.Advance(time.Second)
		var together, done sync.WaitGroup
		together.Add(callers)
		probes := make(chan *BreakerPermit, callers)
		for range callers {
			done.Add(1)
			go func() {
				defer done.Done()
				together.Done()
				together.Wait()
				permit, err := b.TryAcquire()
				if err == nil {
					passed.Add(1)
					probes <- permit
				} else if errors.Is(err, ErrBreakerOpen) {
					refusedOnes.Add(1)
				}
			}()
		}
		done.Wait()
		if len(probes) != 1 {
			t.Fatalf("round %d: %d probes", round, len(probes))
		}
		noError(t, (<-probes).Failure())
	}
	if passed.Load() != rounds || refusedOnes.Load() != rounds*(callers-1) {
		t.Errorf("%d passed, %d refused", passed.Load(), refusedOnes.Load())
	}
}

func TestOneOfManyRacingRecordsOpens(t *testing.T) {
	workers := 2 * runtime.GOMAXPROCS(0)
	var opened atomic.Int64
	b := must(NewBreaker("payments", WithConsecutiveFailures(5), OnTransition(func(_ string, _, to State) {
		if to == StateOpen {
			opened.Add(1)
		}
	})))
	var late, counted, spent atomic.Int64
	for range 200 {
		noError(t, b.Reset())
		permits := make([]*BreakerPermit, 4*workers)
		for i := range permits {
			permits[i] = must(b.TryAcquire())
		}
		var done sync.WaitGroup
		for w := range workers {
			done.Add(1)
			go func() {
				defer done.Done()
				// Neighbours share permits, so that one permit is recorded by two goroutines at once.
				for i := range 8 {
					switch err := permits[(4*w+i)%len(permits)].Failure(); {
					case err == nil:
						counted.Add(1)
					case errors.Is(err, ErrLate):
						late.Add(1)
					case errors.Is(err, ErrSpent):
						spent.Add(1)
					}
				}
			}()
		}
		done.Wait()
	}
	s := b.Snapshot()
	if opened.Load() != 200 || s.Opened != 200 {
		t.Errorf("opened %d times, told %d times", s.Opened, opened.Load())
	}
	if total := int64(200 * 4 * workers); late.Load()+counted.Load() != total || spent.Load() != total {
		t.Errorf("%d late, %d counted, %d spent", late.Load(), counted.Load(), spent.Load())
	}
	if s.Late != uint64(late.Load()) || s.Failure != uint64(counted.Load()) {
		t.Errorf("%+v", s)
	}
}

func TestCallsThatAreLetThroughAllocateNothing(t *testing.T) {
	b := must(NewBreaker("payments"))
	if n := testing.AllocsPerRun(100, func() {
		permit, err := b.TryAcquire()
		if err != nil {
			t.Fatal(err)
		}
		defer permit.Cancel()
		_ = permit.Success()
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestDefaultsFollowWhatIsGiven(t *testing.T) {
	b := must(NewBreaker("payments", WithWindowCalls(4), WithOpenFor(time.Hour), WithFailureRate(0.5), WithConsecutiveFailures(0)))
	for range 4 {
		noError(t, must(b.TryAcquire()).Failure())
	}
	if b.State() != StateOpen {
		t.Errorf("state %v after a whole window of failures", b.State())
	}
}
