package seawall

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

func succeeds(context.Context) error { return nil }

var errReset = &net.OpError{Op: "read", Net: "tcp", Err: syscall.ECONNRESET}

// retrying tries again at once.
func retrying(attempts int) *RetryPolicy {
	return &RetryPolicy{Attempts: attempts, Base: time.Nanosecond, Cap: time.Nanosecond}
}

func TestACallGivesWhatItsFunctionGives(t *testing.T) {
	d := depended(Policy{})
	got, err := Call(t.Context(), d, func(ctx context.Context) (string, error) {
		attempt := AttemptFrom(ctx)
		at, ok := ctx.Deadline()
		if attempt.Number != 1 || attempt.Timeout != time.Second || attempt.Dependency != "payments" || !ok || time.Until(at) > time.Second {
			t.Errorf("%+v, until %v", attempt, at)
		}
		return "receipt", nil
	})
	if got != "receipt" || err != nil {
		t.Errorf("%v, %v", got, err)
	}
	if AttemptFrom(t.Context()).Number != 0 || AttemptFrom(t.Context()).IdempotencyKey() != "" {
		t.Error("an attempt outside of a call")
	}
	if s := d.Snapshot(); s.Calls != 1 || s.Successes != 1 || s.P50 == 0 {
		t.Errorf("%+v", s)
	}
}

func TestAnErrorOfTheConnectionIsTriedAgain(t *testing.T) {
	d := depended(Policy{Retry: retrying(3)})
	keys := map[string]int{}
	detailed, err := CallDetailed(t.Context(), d, func(ctx context.Context) (int, error) {
		attempt := AttemptFrom(ctx)
		keys[attempt.IdempotencyKey()]++
		if attempt.Number < 3 {
			return 0, errReset
		}
		return 42, nil
	})
	if err != nil || detailed.Value != 42 || detailed.Attempts != 3 || detailed.Stop != StopDone || detailed.Degraded || detailed.Duration <= 0 {
		t.Errorf("%+v, %v", detailed, err)
	}
	for key, attempts := range keys {
		if len(key) != 36 || attempts != 3 {
			t.Errorf("key %q for %d attempts", key, attempts)
		}
	}
	if s := d.Snapshot(); s.Retries != 2 || s.Breaker.Success != 1 || s.Breaker.Failure != 0 {
		t.Errorf("%+v", s)
	}
}

func TestTheLastErrorIsTheCallers(t *testing.T) {
	d := depended(Policy{Retry: retrying(2)})
	_, err := Call(t.Context(), d, func(context.Context) (int, error) { return 0, fmt.Errorf("charging: %w", errReset) })
	var failed *CallError
	var operation *net.OpError
	if !errors.As(err, &failed) || failed.Attempts != 2 || failed.Stop != StopAttemptsUsed || failed.Dependency != "payments" {
		t.Fatalf("got %#v", err)
	}
	if !errors.Is(err, syscall.ECONNRESET) || !errors.As(err, &operation) || errors.Is(err, ErrRefused) {
		t.Errorf("got %v", err)
	}
	if text := err.Error(); !strings.Contains(text, "2 attempts, attempts_used") || failed.Timeout() {
		t.Error(text)
	}
}

func TestABugIsNotTriedAgain(t *testing.T) {
	for name, c := range map[string]struct {
		err      error
		options  []CallOption
		attempts int
		counted  string
	}{
		"any error":                      {errDown, nil, 1, failed},
		"an end of file of a file":       {io.EOF, nil, 1, failed},
		"a lost connection":              {io.ErrUnexpectedEOF, nil, 3, failed},
		"a connection error":             {errReset, nil, 3, failed},
		"a timeout of its own":           {context.DeadlineExceeded, nil, 3, failed},
		"an error that is named":         {errDown, []CallOption{RetryOnErrors(errDown)}, 3, failed},
		"a connection that is not named": {errReset, []CallOption{RetryOnErrors(errDown)}, 1, failed},
		"ignored":                        {errReset, []CallOption{IgnoreErrors(syscall.ECONNRESET)}, 1, ignored},
		"not on the list of failures":    {errDown, []CallOption{OnErrors(io.EOF)}, 1, succeeded},
		"on the list of failures":        {errDown, []CallOption{OnErrors(errDown)}, 1, failed},
		"a result":                       {nil, []CallOption{OnResult(func(int) bool { return true })}, 1, failed},
		"a result worth it":              {nil, []CallOption{RetryOnResult(func(int) bool { return true })}, 3, failed},
		"a word of one's own": {errDown, []CallOption{Classify(func(n int, err error) Verdict {
			return Verdict{Outcome: Failure, Retryable: n == 42 && err == errDown}
		})}, 3, failed},
		"a refusal further down":           {&RefusedError{Reason: ReasonRateLimited}, nil, 1, ignored},
		"a refused connection, never sent": {&net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}, []CallOption{WithIdempotent(false)}, 3, failed},
		"not idempotent":                   {errReset, []CallOption{WithIdempotent(false)}, 1, failed},
	} {
		t.Run(name, func(t *testing.T) {
			d, attempts := depended(Policy{Retry: retrying(3)}), 0
			got, err := Call(t.Context(), d, func(context.Context) (int, error) { attempts++; return 42, c.err }, c.options...)
			if attempts != c.attempts || got != 42 {
				t.Errorf("%d attempts, %v", attempts, got)
			}
			if (c.err == nil) != (err == nil) || !errors.Is(err, c.err) {
				t.Errorf("got %v", err)
			}
			if c.counted != failed && err != c.err {
				t.Errorf("%v was wrapped", err)
			}
			b := d.Snapshot().Breaker
			if got := fmt.Sprintf("%d success, %d failure, %d ignored", b.Success, b.Failure, b.Ignored); got != c.counted {
				t.Errorf("counted %s, want %s", got, c.counted)
			}
		})
	}
}

func TestAnAttemptEndsWhenItsTimeIsOver(t *testing.T) {
	d := depended(Policy{Timeout: 5 * time.Millisecond, Retry: retrying(2)})
	var cause error
	_, err := Call(t.Context(), d, func(ctx context.Context) (int, error) {
		<-ctx.Done()
		cause = context.Cause(ctx)
		return 0, ctx.Err()
	})
	var late *TimeoutError
	if !errors.Is(err, context.DeadlineExceeded) || !errors.As(cause, &late) || late.After != 5*time.Millisecond {
		t.Errorf("%v, cause %v", err, cause)
	}
	var timeout net.Error
	if !errors.As(err, &timeout) || !timeout.Timeout() {
		t.Error("it is no timeout")
	}
	if s := d.Snapshot(); s.Timeouts != 2 || s.Retries != 1 {
		t.Errorf("%+v", s)
	}
}

func TestTheCallersDeadlineIsNeverOverrun(t *testing.T) {
	d := depended(Policy{Timeout: 10 * time.Second, Retry: &RetryPolicy{Attempts: 3, Base: time.Second, Jitter: JitterNone}})
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	start := time.Now()
	detailed, err := CallDetailed(ctx, d, func(ctx context.Context) (int, error) {
		if timeout := AttemptFrom(ctx).Timeout; timeout > 30*time.Millisecond {
			t.Errorf("the attempt may take %v", timeout)
		}
		return 0, errReset
	})
	if detailed.Stop != StopDeadlineTooNear || detailed.Attempts != 1 || time.Since(start) > time.Second || !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("%+v, %v", detailed, err)
	}
	past, cancel := context.WithDeadline(t.Context(), time.Now().Add(-time.Hour))
	defer cancel()
	err = d.Do(past, func(context.Context) error { t.Error("it ran"); return nil })
	wantRefused(t, err, ErrDeadlineExceeded, ReasonDeadlineExceeded)
	if !errors.Is(err, context.DeadlineExceeded) || d.Snapshot().RefusedByDeadline != 1 {
		t.Errorf("%v, %+v", err, d.Snapshot())
	}
}

func TestCallsInsideInheritTheNearerDeadline(t *testing.T) {
	outer, inner := depended(Policy{Timeout: 50 * time.Millisecond}), depended(Policy{Timeout: time.Hour})
	noError(t, outer.Do(t.Context(), func(ctx context.Context) error {
		return inner.Do(ctx, func(ctx context.Context) error {
			if timeout := AttemptFrom(ctx).Timeout; timeout > 50*time.Millisecond {
				t.Errorf("the inner attempt may take %v", timeout)
			}
			return nil
		})
	}))
}

func TestTheCallersOwnCancellationIsNobodysFault(t *testing.T) {
	d := depended(Policy{Retry: retrying(3)})
	ctx, cancel := context.WithCancel(t.Context())
	err := d.Do(ctx, func(ctx context.Context) error {
		cancel()
		<-ctx.Done()
		return ctx.Err()
	})
	if err != context.Canceled || d.Snapshot().Breaker.Ignored != 1 {
		t.Errorf("%v, %+v", err, d.Snapshot())
	}
	if err := d.Do(ctx, func(context.Context) error { t.Error("it ran"); return nil }); err != context.Canceled {
		t.Errorf("got %v", err)
	}
}

func TestCancelledBetweenAttemptsBothErrorsAreKnown(t *testing.T) {
	d := depended(Policy{Retry: &RetryPolicy{Attempts: 2, Base: time.Hour, Cap: time.Hour}})
	ctx, cancel := context.WithCancelCause(t.Context())
	gone := errors.New("the customer has gone")
	noGoroutineLeft(t, func() {
		detailed, err := CallDetailed(ctx, d, func(context.Context) (int, error) {
			time.AfterFunc(time.Millisecond, func() { cancel(gone) })
			return 0, errReset
		})
		if !errors.Is(err, context.Canceled) || !errors.Is(err, gone) || !errors.Is(err, syscall.ECONNRESET) || detailed.Stop != StopCancelled {
			t.Errorf("%+v, %v", detailed, err)
		}
	})
}

func TestARefusedCallDoesNotRun(t *testing.T) {
	d := depended(Policy{Bulkhead: &BulkheadPolicy{MaxConcurrent: 1}, RateLimits: []RatePolicy{{Name: "requests", Permits: 2}, {Name: "tokens", Permits: 10, Burst: 100}}})
	never := func(context.Context) error { t.Error("it ran"); return nil }
	noError(t, d.ForceOpen())
	wantRefused(t, d.Do(t.Context(), never), ErrBreakerOpen, ReasonBreakerForcedOpen)
	noError(t, d.Reset())
	noError(t, d.Do(t.Context(), func(ctx context.Context) error {
		wantRefused(t, d.Do(ctx, never), ErrBulkheadFull, ReasonBulkheadFull)
		return nil
	}))
	noError(t, d.Do(t.Context(), succeeds))
	refusal := wantRefused(t, d.Do(t.Context(), never), ErrRateLimited, ReasonRateLimited)
	if refusal.Limit != "requests" || refusal.Name != "payments" || refusal.RetryAfter <= 0 || !refusal.Temporary() {
		t.Errorf("%+v", refusal)
	}
}

func TestAttemptsCostTokens(t *testing.T) {
	d := depended(Policy{RateLimits: []RatePolicy{{Name: "requests", Permits: 10}, {Name: "tokens", Permits: 1000}}}, WithClock(manual()))
	noError(t, d.Do(t.Context(), succeeds, WithCost("tokens", 300)))
	noError(t, d.Adjust("tokens", -100))
	noError(t, d.Adjust("requests", 2))
	if s := d.Snapshot().RateLimits; s["tokens"].Remaining != 800 || s["requests"].Remaining != 7 {
		t.Errorf("%+v", s)
	}
	if err := d.Do(t.Context(), succeeds, WithCost("tokens", 2000)); !errors.Is(err, ErrExceedsCapacity) {
		t.Errorf("got %v", err)
	}
	for _, option := range []CallOption{WithCost("token", 1), WithCost("tokens", -1), WithCost("tokens", 1<<40)} {
		if err := d.Do(t.Context(), succeeds, option); asConfigError(t, err).Field != "costs" {
			t.Errorf("got %v", err)
		}
	}
	if err := d.Adjust("token", 1); !errors.Is(err, ErrArgument) {
		t.Errorf("got %v", err)
	}
}

func TestAPanicOrAnEndedGoroutineIsAFailureAndLeavesNothing(t *testing.T) {
	d := depended(Policy{Bulkhead: &BulkheadPolicy{MaxConcurrent: 1}, Retry: retrying(3)})
	func() {
		defer func() {
			if got := recover(); got != errDown {
				t.Errorf("recovered %v", got)
			}
		}()
		_ = d.Do(t.Context(), func(context.Context) error { panic(errDown) })
	}()
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = d.Do(t.Context(), func(context.Context) error { runtime.Goexit(); return nil })
	}()
	<-done
	if s := d.Snapshot(); s.Failures != 2 || s.Bulkhead.InUse != 0 || s.Retries != 0 {
		t.Errorf("%+v", s)
	}
	func() {
		defer func() { _ = recover() }()
		_ = d.Do(t.Context(), func(context.Context) error { return errDown }, RetryOn(func(error) bool { panic("mine") }))
	}()
	if s := d.Snapshot(); s.Failures != 2 || s.Bulkhead.InUse != 0 || s.Cancelled != 1 {
		t.Errorf("%+v", s)
	}
}

type throttledError struct{ error }

func (e throttledError) Unwrap() error { return e.error }

func (throttledError) RetryAfter() time.Duration { return time.Minute }

func TestTheServersWishIsHeardByAMethod(t *testing.T) {
	d := depended(Policy{Breaker: &BreakerPolicy{ConsecutiveFailures: Value(1), OpenFor: time.Second, OpenJitter: Value(0.0)}}, WithClock(manual()))
	err := d.Do(t.Context(), func(context.Context) error { return fmt.Errorf("wrapped: %w", throttledError{errDown}) })
	if !errors.Is(err, errDown) || d.Snapshot().Breaker.RetryAfter != time.Minute {
		t.Errorf("%v, %+v", err, d.Snapshot().Breaker)
	}
}

func TestWhatIsDiscardedIsHandedBack(t *testing.T) {
	d := depended(Policy{Retry: retrying(3)})
	var discarded []int
	got, _ := Call(t.Context(), d, func(ctx context.Context) (int, error) { return AttemptFrom(ctx).Number, errReset },
		OnDiscard(func(n int, err error) { discarded = append(discarded, n) }))
	if got != 3 || fmt.Sprint(discarded) != "[1 2]" {
		t.Errorf("got %d, discarded %v", got, discarded)
	}
}

func TestBadCallsAreErrorsBeforeTheyBegin(t *testing.T) {
	d := depended(Policy{})
	ran := func(context.Context) (int, error) { t.Error("it ran"); return 0, nil }
	for field, option := range map[string]CallOption{
		"on": On(nil), "retry_on": RetryOn(nil), "retry_on_result": RetryOnResult[int](nil), "classify": Classify[int](nil),
		"on_discard": OnDiscard[int](nil), "fallback": WithFallback[int](), "timeout": WithTimeout(time.Second),
	} {
		if _, err := Call(t.Context(), d, ran, option); asConfigError(t, err).Field != field {
			t.Errorf("%s: %v", field, err)
		}
	}
	for field, option := range map[string]CallOption{
		"retry_on_result": RetryOnResult(func(string) bool { return true }), "classify": Classify(func(string, error) Verdict { return Verdict{} }),
		"on_discard": OnDiscard(func(string, error) {}), "fallback": WithFallback(FallbackValue("text")),
	} {
		if _, err := Call(t.Context(), d, ran, option); asConfigError(t, err).Field != field {
			t.Errorf("%s of another type: %v", field, err)
		}
		if _, err := Protect(d, func(context.Context, string) (int, error) { return 0, nil }, option); asConfigError(t, err).Field != field {
			t.Errorf("%s of another type: %v", field, err)
		}
	}
	_, none := Call[int](t.Context(), nil, ran)
	_, nilFunction := Call[int](t.Context(), d, nil)
	_, protected := Protect[int, int](d, nil)
	_, of := Protect[int](nil, func(context.Context, int) (int, error) { return 0, nil })
	for what, err := range map[string]error{"no dependency": none, "no function": nilFunction, "Do": d.Do(t.Context(), nil), "Protect": protected, "of none": of} {
		if !errors.Is(err, ErrArgument) {
			t.Errorf("%s: %v", what, err)
		}
	}
	b := must(NewBreaker("x"))
	if _, err := Do(t.Context(), b, ran, Abandon()); asConfigError(t, err).Field != "abandon" {
		t.Errorf("got %v", err)
	}
	if got, err := Do(t.Context(), d, func(context.Context) (int, error) { return 1, nil }); got != 1 || err != nil {
		t.Errorf("%v, %v", got, err)
	}
}

// What a call costs beside its context: two crossings, to begin and to end, and one allocation.
func TestACallCrossesOncePerStep(t *testing.T) {
	d := depended(Policy{Deadline: time.Minute, Bulkhead: &BulkheadPolicy{}, Retry: &RetryPolicy{}, RateLimits: []RatePolicy{{Permits: 1e9}}})
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	fn := func(context.Context) (int, error) { return 1, nil }
	must(Call(ctx, d, fn))
	before := runtime.NumCgoCall()
	for range 100 {
		must(Call(ctx, d, fn))
	}
	if crossed := runtime.NumCgoCall() - before; crossed != 200 {
		t.Errorf("100 calls crossed %d times", crossed)
	}
	bare := testing.AllocsPerRun(100, func() {
		_, cancel := context.WithTimeoutCause(ctx, time.Second, context.DeadlineExceeded)
		cancel()
	})
	if whole := testing.AllocsPerRun(100, func() { _, _ = Call(ctx, d, fn) }); whole > bare+1 {
		t.Errorf("%v allocations, of which %v are the context's", whole, bare)
	}
}
