package seawall_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"seawall.dev/go"
)

func Example() {
	payments, err := seawall.NewBreaker("payments", seawall.WithConsecutiveFailures(2), seawall.WithOpenFor(10*time.Second))
	if err != nil {
		panic(err)
	}
	charge := func(context.Context) (string, error) { return "", errors.New("connection refused") }
	for range 3 {
		_, err := seawall.Do(context.Background(), payments, charge)
		if errors.Is(err, seawall.ErrBreakerOpen) {
			fmt.Println("not asked: payments is down, the order waits")
		} else {
			fmt.Println("asked:", err)
		}
	}
	// Output:
	// asked: connection refused
	// asked: connection refused
	// not asked: payments is down, the order waits
}

func ExampleBreaker_TryAcquire() {
	payments, _ := seawall.NewBreaker("payments")
	charge := func() error {
		permit, err := payments.TryAcquire()
		if err != nil {
			return err
		}
		defer permit.Cancel() // does nothing once a result is recorded
		// ... the call itself ...
		return permit.Success()
	}
	fmt.Println(charge(), payments.State(), payments.Snapshot().Success)
	// Output: <nil> closed 1
}

func ExampleRefusedError() {
	clock := &seawall.ManualClock{}
	payments, _ := seawall.NewBreaker("payments", seawall.WithConsecutiveFailures(1),
		seawall.WithOpenFor(30*time.Second), seawall.WithOpenJitter(0), seawall.WithClock(clock))
	permit, _ := payments.TryAcquire()
	_ = permit.Failure()

	clock.Advance(10 * time.Second)
	_, err := payments.TryAcquire()
	var refused *seawall.RefusedError
	if errors.As(err, &refused) {
		fmt.Println(refused.Name, refused.Reason, refused.RetryAfter)
	}
	// Output: payments breaker_open 20s
}

func ExampleBulkhead_Acquire() {
	search, _ := seawall.NewBulkhead("search", seawall.WithMaxConcurrent(8),
		seawall.WithMaxWaiting(100), seawall.WithMaxWait(50*time.Millisecond))
	handle := func(ctx context.Context) error {
		permit, err := search.Acquire(ctx)
		if err != nil {
			return err // errors.Is(err, seawall.ErrBulkheadFull), or the context's error
		}
		defer permit.Release()
		fmt.Println("in use:", search.Snapshot().InUse)
		return nil
	}
	fmt.Println(handle(context.Background()), search.Snapshot().InUse)
	// Output:
	// in use: 1
	// <nil> 0
}

func ExampleLimiter_Wait() {
	model, _ := seawall.NewLimiter("model", seawall.WithRate(50, time.Second), seawall.WithBurst(100),
		seawall.WithClock(&seawall.ManualClock{})) // so that the answer below is exact
	if err := model.Wait(context.Background(), 30); err != nil { // 30 tokens, by estimate
		panic(err)
	}
	_ = model.Adjust(12) // they were 42
	fmt.Println(model.Snapshot().Limit, model.TryAcquire(60))
	// Output: 100 model: the rate limit does not allow it now, retry after 40ms
}

func ExampleRetryBudget() {
	budget, _ := seawall.NewRetryBudget("payments", seawall.WithMinPerSecond(0), seawall.WithBudgetRatio(0.5))
	backoff, _ := seawall.NewBackoff(seawall.WithBackoffBase(time.Millisecond))
	charge := func() error { return errors.New("503") }

	call := func(ctx context.Context) error {
		_ = budget.Deposit()
		err := charge()
		_ = budget.Record(seawall.Failure)
		for attempt, waited := 1, time.Duration(0); err != nil && attempt < 3; attempt++ {
			retry, refused := budget.TryWithdraw(seawall.CauseFailure)
			if refused != nil {
				return err // the real last error, not the refusal
			}
			if waited, refused = backoff.Wait(ctx, attempt, waited, 0); refused != nil {
				_ = retry.Cancel()
				return err
			}
			err = charge()
			_ = retry.Record(seawall.Failure)
		}
		return err
	}
	for range 4 {
		_ = call(context.Background())
	}
	fmt.Println("retries of 4 calls:", budget.Snapshot().Withdrawn)
	// Output: retries of 4 calls: 2
}

func ExampleBackoff_Delay() {
	backoff, _ := seawall.NewBackoff(seawall.WithBackoffJitter(seawall.JitterNone))
	for attempt := 1; attempt <= 4; attempt++ {
		fmt.Print(backoff.Delay(attempt, 0, seawall.Random(), 0), " ")
	}
	// Output: 100ms 200ms 400ms 800ms
}

func ExampleDeadlineFrom() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	deadline, _ := seawall.DeadlineFrom(ctx)
	fmt.Println(deadline.AttemptTimeout(2*time.Second, seawall.Now()))
	// Output: 2s
}

func ExampleHistogram() {
	latency, _ := seawall.NewHistogram()
	for i := range 1000 {
		_ = latency.Record(time.Duration(i) * time.Millisecond)
	}
	p99, _ := latency.Quantile(0.99)
	fmt.Println(p99.Round(50*time.Millisecond), latency.Total())
	// Output: 1s 1000
}

func ExampleConfigError() {
	_, err := seawall.NewBreaker("payments", seawall.WithFailureRate(1.5))
	fmt.Println(err, errors.Is(err, seawall.ErrConfig))
	// Output: failure_rate: 1.5 is outside 0 to 1 true
}
