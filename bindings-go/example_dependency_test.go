package seawall_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"syscall"
	"time"

	"seawall.dev/go"
)

func ExampleOpen() {
	wall, err := seawall.Open("seawall.toml")
	var problem *seawall.ConfigError
	fmt.Println(wall == nil, errors.As(err, &problem))
	// Output: true true
}

func ExampleParse() {
	_, err := seawall.Parse(`[dependency.payments]
timeuot = "2s"`)
	fmt.Println(err)
	// Output:
	// policies:1:13: dependency.payments.timeout: is missing: a call without a timeout may wait for ever [SW002]
	// policies:2:1: dependency.payments.timeuot: unknown key; did you mean "timeout"?
}

func ExampleCall() {
	wall, _ := seawall.New()
	payments, _ := wall.Define("payments", seawall.Policy{
		Timeout: 2 * time.Second,
		Retry:   &seawall.RetryPolicy{Attempts: 3, Base: time.Millisecond},
	})
	receipt, err := seawall.Call(context.Background(), payments, func(ctx context.Context) (string, error) {
		attempt := seawall.AttemptFrom(ctx)
		if attempt.Number < 3 {
			return "", fmt.Errorf("charging: %w", syscall.ECONNRESET)
		}
		return fmt.Sprint("paid at attempt ", attempt.Number), nil
	})
	fmt.Println(receipt, err)
	// Output: paid at attempt 3 <nil>
}

func ExampleCallError() {
	wall, _ := seawall.New()
	payments, _ := wall.Define("payments", seawall.Policy{Timeout: 2 * time.Second})
	err := payments.Do(context.Background(), func(context.Context) error { return syscall.ECONNRESET })

	var failed *seawall.CallError
	fmt.Println(errors.Is(err, syscall.ECONNRESET), errors.As(err, &failed), failed.Attempts, failed.Stop)
	// Output: true true 1 attempts_used
}

func ExampleProtect() {
	wall, _ := seawall.New()
	payments, _ := wall.Define("payments", seawall.Policy{Timeout: 2 * time.Second})
	charge, err := seawall.Protect(payments, func(_ context.Context, order int) (string, error) {
		return fmt.Sprint("receipt ", order), nil
	})
	if err != nil {
		panic(err)
	}
	fmt.Println(charge(context.Background(), 7))
	// Output: receipt 7 <nil>
}

func ExampleWithFallback() {
	wall, _ := seawall.New()
	recommendations, _ := wall.Define("recommendations", seawall.Policy{Criticality: seawall.Optional, Timeout: 150 * time.Millisecond})
	yesterday, _ := seawall.NewLastGood[string, []string](time.Hour, seawall.LastGoodEntries)

	titles, err := seawall.CallDetailed(context.Background(), recommendations,
		func(context.Context) ([]string, error) { return nil, syscall.ECONNREFUSED },
		seawall.WithFallback(yesterday.For("ann"), seawall.FallbackValue([]string{"bestsellers"})))
	fmt.Println(titles.Value, titles.Degraded, titles.Step, titles.Source, err)
	// Output: [bestsellers] true 1 value <nil>
}

func ExampleSeawall_OnEvent() {
	wall, _ := seawall.New()
	payments, _ := wall.Define("payments", seawall.Policy{Timeout: time.Second})
	wall.OnEvent(func(e seawall.Event) {
		fmt.Println(e.Kind, e.Dependency, e.From, e.To)
	})
	_ = payments.ForceOpen()
	// Output: state_change payments closed forced_open
}

func ExampleDependency_Permit() {
	wall, _ := seawall.New()
	payments, _ := wall.Define("payments", seawall.Policy{Timeout: time.Second, Bulkhead: &seawall.BulkheadPolicy{MaxConcurrent: 20}})
	work := func(ctx context.Context) error {
		permit, err := payments.Permit(ctx)
		if err != nil {
			return err
		}
		defer permit.Cancel() // does nothing once a result is recorded
		fmt.Println(payments.Snapshot().Bulkhead.InUse, "place held for", permit.Timeout())
		return permit.Success()
	}
	fmt.Println(work(context.Background()))
	// Output:
	// 1 place held for 1s
	// <nil>
}

func ExampleExtractDeadline() {
	request, _ := http.NewRequest("GET", "http://shop.example", nil)
	request.Header.Set("X-Request-Timeout-Ms", "1500")
	ctx, cancel, err := seawall.ExtractDeadline(request.Context(), request.Header)
	defer cancel()
	_, ok := ctx.Deadline()
	fmt.Println(ok, err)

	request.Header.Set("X-Request-Timeout-Ms", "soon")
	_, cancel, err = seawall.ExtractDeadline(request.Context(), request.Header)
	defer cancel()
	fmt.Println(err)
	// Output:
	// true <nil>
	// X-Request-Timeout-Ms: is malformed; expected whole milliseconds in digits, 0 to 86400000
}
