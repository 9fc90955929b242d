package seawall

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"
	"time"
)

var errDown = errors.New("down")

// outcomeOf makes one call under a breaker that ends with this error, and says what the breaker counted.
func outcomeOf(t *testing.T, ctx context.Context, fails error, options ...CallOption) string {
	t.Helper()
	b := must(NewBreaker("payments"))
	got, err := Do(ctx, b, func(context.Context) (int, error) { return 42, fails }, options...)
	if got != 42 || err != fails {
		t.Errorf("got %v and %v, want the function's own 42 and %v", got, err, fails)
	}
	return counted(b)
}

func counted(b *Breaker) string {
	s := b.Snapshot()
	return fmt.Sprintf("%d success, %d failure, %d ignored", s.Success, s.Failure, s.Ignored)
}

const succeeded, failed, ignored = "1 success, 0 failure, 0 ignored", "0 success, 1 failure, 0 ignored", "0 success, 0 failure, 1 ignored"

func TestWhatACallCountsAs(t *testing.T) {
	is := func(target error) func(error) bool { return func(err error) bool { return errors.Is(err, target) } }
	never := func(error) bool { return false }
	always := func(error) bool { return true }
	for name, c := range map[string]struct {
		err     error
		options []CallOption
		want    string
	}{
		"no error":                          {nil, nil, succeeded},
		"any error":                         {errDown, nil, failed},
		"an error that is listed":           {errDown, []CallOption{OnErrors(io.EOF, errDown)}, failed},
		"an error that is not listed":       {io.EOF, []CallOption{OnErrors(errDown)}, succeeded},
		"several On add up":                 {errDown, []CallOption{On(never), On(is(errDown))}, failed},
		"an ignored error":                  {errDown, []CallOption{IgnoreErrors(errDown)}, ignored},
		"ignored goes before failure":       {errDown, []CallOption{On(always), Ignore(always)}, ignored},
		"an error beside Ignore":            {errDown, []CallOption{IgnoreErrors(io.EOF)}, failed},
		"a result that is a failure":        {nil, []CallOption{OnResult(func(n int) bool { return n == 42 })}, failed},
		"a result that is none":             {nil, []CallOption{OnResult(func(n int) bool { return n == 1 })}, succeeded},
		"somebody else's cancellation":      {context.Canceled, nil, failed},
		"a time-out inside":                 {context.DeadlineExceeded, nil, failed},
		"a wrapped error":                   {fmt.Errorf("charging: %w", errDown), []CallOption{OnErrors(errDown)}, failed},
		"a missing option is none":          {errDown, []CallOption{nil}, failed},
		"a refusal further down is ignored": {&RefusedError{Reason: ReasonRateLimited}, nil, ignored},
	} {
		t.Run(name, func(t *testing.T) {
			if got := outcomeOf(t, t.Context(), c.err, c.options...); got != c.want {
				t.Errorf("counted %s, want %s", got, c.want)
			}
		})
	}
}

func TestTheCallersOwnCancellationIsIgnored(t *testing.T) {
	b := must(NewBreaker("payments"))
	ctx, cancel := context.WithCancel(context.Background())
	_, err := Do(ctx, b, func(ctx context.Context) (int, error) {
		cancel()
		<-ctx.Done()
		return 0, fmt.Errorf("charging: %w", ctx.Err())
	}, On(func(error) bool { return true }))
	if !errors.Is(err, context.Canceled) || counted(b) != ignored {
		t.Errorf("%v; %s", err, counted(b))
	}
}

func TestAContextThatIsOverAsksNobody(t *testing.T) {
	b := must(NewBreaker("payments"))
	ran := func(context.Context) (int, error) { t.Error("it ran"); return 0, nil }
	cancelled, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Do(cancelled, b, ran); err != context.Canceled {
		t.Errorf("got %v", err)
	}
	late, cancel := context.WithDeadline(context.Background(), time.Now().Add(-time.Second))
	defer cancel()
	_, err := Do(late, b, ran)
	wantRefused(t, err, ErrDeadlineExceeded, ReasonDeadlineExceeded)
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Error("it is no context.DeadlineExceeded")
	}
	if s := b.Snapshot(); s.Success+s.Failure+s.Ignored+s.Refused != 0 {
		t.Errorf("%+v", s)
	}
}

func TestACallThatIsTooSlowForItsTimeoutFails(t *testing.T) {
	b := must(NewBreaker("payments", WithTimeout(time.Millisecond)))
	_, err := Do(t.Context(), b, func(ctx context.Context) (int, error) {
		<-ctx.Done()
		return 0, ctx.Err()
	})
	if !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, ErrRefused) || counted(b) != failed {
		t.Errorf("%v; %s", err, counted(b))
	}
}

func TestARefusedCallDoesNotRunAndIsNoOutcome(t *testing.T) {
	b := tripped(t, manual())
	_, err := Do(t.Context(), b, func(context.Context) (int, error) { t.Error("it ran"); return 0, nil })
	wantRefused(t, err, ErrBreakerOpen, ReasonBreakerOpen)
	if counted(b) != failed {
		t.Error(counted(b))
	}
}

func TestAPanicIsAFailureAndGoesOn(t *testing.T) {
	b := must(NewBreaker("payments"))
	defer func() {
		if got := recover(); got != errDown {
			t.Errorf("recovered %v", got)
		}
		if counted(b) != failed {
			t.Error(counted(b))
		}
	}()
	_, _ = Do(t.Context(), b, func(context.Context) (int, error) { panic(errDown) })
}

func TestAPanickingPredicateGivesTheProbeBack(t *testing.T) {
	clock := manual()
	b := tripped(t, clock)
	clock.Advance(time.Second)
	func() {
		defer func() { _ = recover() }()
		_, _ = Do(t.Context(), b, func(context.Context) (int, error) { return 0, errDown }, On(func(error) bool { panic("mine") }))
	}()
	if s := b.Snapshot(); s.ProbesInFlight != 0 {
		t.Errorf("%+v", s)
	}
}

func TestABreakersDefaultsAndACallsOwn(t *testing.T) {
	b := must(NewBreaker("payments", IgnoreErrors(io.EOF)))
	call := func(err error, options ...CallOption) {
		_, _ = Do(t.Context(), b, func(context.Context) (int, error) { return 0, err }, options...)
	}
	call(io.EOF)
	call(errDown, IgnoreErrors(errDown))
	call(errDown)
	if got := counted(b); got != "0 success, 1 failure, 2 ignored" {
		t.Error(got)
	}
}

func TestTheServersWishIsHeard(t *testing.T) {
	b := must(NewBreaker("payments", WithConsecutiveFailures(1), WithOpenFor(time.Second), WithOpenJitter(0), WithClock(manual()),
		WithRetryAfter(func(error) time.Duration { return time.Minute })))
	_, _ = Do(t.Context(), b, func(context.Context) (int, error) { return 0, errDown })
	if s := b.Snapshot(); s.RetryAfter != time.Minute {
		t.Errorf("%+v", s)
	}
}

func TestDoHoldsAPlaceInABulkhead(t *testing.T) {
	b := must(NewBulkhead("search", WithMaxConcurrent(1)))
	_, err := Do(t.Context(), b, func(ctx context.Context) (int, error) {
		_, err := Do(ctx, b, func(context.Context) (int, error) { return 0, nil })
		return 0, err
	})
	wantRefused(t, err, ErrBulkheadFull, ReasonBulkheadFull)
	func() {
		defer func() { _ = recover() }()
		_, _ = Do(t.Context(), b, func(context.Context) (int, error) { panic("mine") })
	}()
	if s := b.Snapshot(); s.InUse != 0 {
		t.Errorf("%+v", s)
	}
}

func TestDoTakesATokenOfALimiter(t *testing.T) {
	l := perSecond(1, WithMaxWait(0))
	answer := func(context.Context) (string, error) { return "yes", nil }
	if got, err := Do(t.Context(), l, answer); got != "yes" || err != nil {
		t.Errorf("%v, %v", got, err)
	}
	_, err := Do(t.Context(), l, answer)
	wantRefused(t, err, ErrRateLimited, ReasonRateLimited)
}

func TestBadCallOptionsAreErrorsBeforeTheCall(t *testing.T) {
	b := must(NewBreaker("payments"))
	for field, option := range map[string]CallDefault{
		"on": On(nil), "ignore": Ignore(nil), "retry_after": WithRetryAfter(nil), "timeout": WithTimeout(0),
		"on_result": OnResult[int](nil),
	} {
		var problem *ConfigError
		_, err := Do(t.Context(), b, func(context.Context) (int, error) { t.Error("it ran"); return 0, nil }, option)
		if !errors.As(err, &problem) || problem.Field != field {
			t.Errorf("%s: %v", field, err)
		}
		if _, err := NewBreaker("payments", option); !errors.As(err, &problem) || problem.Field != field {
			t.Errorf("%s: %v", field, err)
		}
	}
	_, err := Do(t.Context(), b, func(context.Context) (int, error) { return 0, nil }, OnResult(func(string) bool { return true }))
	if !errors.Is(err, ErrConfig) || err.Error() != `on_result: "func(string) bool" is not allowed, wanted func(int) bool` {
		t.Errorf("got %v", err)
	}
	if _, err := Do(t.Context(), nil, func(context.Context) (int, error) { return 0, nil }); !errors.Is(err, ErrArgument) {
		t.Errorf("got %v", err)
	}
}

func TestDoAllocatesNothing(t *testing.T) {
	b := must(NewBreaker("payments"))
	ctx := context.Background()
	if n := testing.AllocsPerRun(100, func() {
		_, _ = Do(ctx, b, func(context.Context) (int, error) { return 1, nil })
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
