// A dependency that fails, and a service that does not fall with it.
//
//	go run ./quickstart
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	"seawall.dev/go"
)

var errReset = errors.New("connection reset")

// charge is the dependency: it fails until it is well again.
func charge(order int, isWell bool) func(context.Context) (string, error) {
	return func(context.Context) (string, error) {
		if isWell {
			return fmt.Sprintf("receipt %d", order), nil
		}
		return "", fmt.Errorf("order %d: %w", order, errReset)
	}
}

func main() {
	// A clock that stands until moved, so that this example needs no half minute; leave it out in a service.
	clock := &seawall.ManualClock{}
	payments := made(seawall.NewBreaker("payments",
		seawall.WithConsecutiveFailures(3), seawall.WithOpenFor(30*time.Second), seawall.WithClock(clock),
		seawall.OnTransition(func(name string, from, to seawall.State) { fmt.Printf("%s: %v -> %v\n", name, from, to) })))
	places := made(seawall.NewBulkhead("payments", seawall.WithMaxConcurrent(20)))
	rate := made(seawall.NewLimiter("payments", seawall.WithRate(100, time.Second), seawall.WithBurst(20)))
	budget := made(seawall.NewRetryBudget("payments"))
	backoff := made(seawall.NewBackoff())
	ctx := context.Background()

	for order := 1; order <= 5; order++ {
		if err := serve(ctx, payments, places, rate, budget, order, false); err != nil {
			fmt.Println(err)
		}
	}

	// Half a minute later one call goes out as a probe, and its success closes the breaker.
	clock.Advance(33 * time.Second)
	if err := serve(ctx, payments, places, rate, budget, 6, true); err != nil {
		log.Fatal(err)
	}

	// A retry by hand: a share of the calls, within the deadline, after a wait that is spread.
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	if retry, err := budget.TryWithdraw(seawall.CauseFailure); err == nil {
		waited, err := backoff.Wait(ctx, 1, 0, 0)
		if err != nil {
			_ = retry.Cancel()
			log.Fatal(err)
		}
		_ = retry.Record(seawall.Success)
		fmt.Println("retried within 100ms:", waited <= 100*time.Millisecond)
	}
	seen := payments.Snapshot()
	fmt.Printf("%v: %d failures, %d refused, opened %d time\n", seen.State, seen.Failure, seen.Refused, seen.Opened)
}

// serve takes an order: a place, a token, then the call under the breaker.
func serve(ctx context.Context, payments *seawall.Breaker, places *seawall.Bulkhead, rate *seawall.Limiter, budget *seawall.RetryBudget, order int, isWell bool) error {
	place, err := places.TryAcquire()
	if err != nil {
		return err
	}
	defer place.Release()
	if err := rate.TryAcquire(1); err != nil {
		return err
	}
	_ = budget.Deposit()
	receipt, err := seawall.Do(ctx, payments, charge(order, isWell))
	switch {
	case errors.Is(err, seawall.ErrRefused):
		fmt.Printf("order %d is pending: %v\n", order, err)
	case err != nil:
		return err
	default:
		fmt.Println(receipt)
	}
	return nil
}

func made[T any](object T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return object
}
