// Package seawall keeps a service standing when what it depends on does not: a circuit breaker, a bulkhead, a
// rate limiter, a retry budget with backoff, deadlines and a latency histogram. The decisions are made by one
// core that Seawall's packages for Python, Node, Java, C, C++ and Rust share, so all of them decide alike.
//
// Open the file of policies, take a dependency, call:
//
//	wall, err := seawall.Open("seawall.toml")
//	...
//	payments := wall.MustDependency("payments")
//	receipt, err := seawall.Call(ctx, payments, func(ctx context.Context) (Receipt, error) {
//		return client.Charge(ctx, order)
//	})
//
// [Call] does all that the policy says, in an order and with a count that are the same in every language: deadline,
// bulkhead, breaker, retries within their budget, rate limits, timeout, fallback. Policies can be written in code as well
// ([Seawall.Define]). The package seawallhttp has a transport for HTTP clients, seawalltest helps with tests.
//
// The parts also stand alone: a [Breaker], a [Bulkhead], a [Limiter], a [RetryBudget], a [Backoff], and [Do] for a call
// under one of them.
//
//	permit, err := breaker.TryAcquire()
//	if err != nil {
//		return err // errors.Is(err, seawall.ErrBreakerOpen)
//	}
//	defer permit.Cancel() // does nothing once a result is recorded
//	...
//	permit.Success()
//
// # Refusals and errors
//
// A refusal is an expected "no": a [*RefusedError], found with errors.Is by [ErrBreakerOpen], [ErrBulkheadFull],
// [ErrRateLimited], [ErrBudgetExhausted], [ErrDeadlineExceeded] or, for all of them, [ErrRefused]. It says how
// long to stay away. A setting outside its range is a [*ConfigError].
//
// # Time
//
// Durations are time.Durations, ratios are float64s from 0 to 1 kept to the nearest thousandth. The core reads
// the host's monotonic clock; tests give a [ManualClock], or a [GoClock] inside a testing/synctest bubble, with
// [WithClock].
//
// # Goroutines and memory
//
// Everything may be used by any number of goroutines. Only calls of a dependency, Bulkhead.Acquire, Limiter.Wait and
// Backoff.Wait block: in Go, not in C, with the context honoured and nothing left behind. Each object holds a little memory outside
// Go's heap, which is freed when the object is no longer reachable; Close only ends its use.
//
// The package needs cgo. On linux/amd64 it brings its compiled core along; elsewhere, or to use an installed
// C library, build with the tag seawall_system, which asks pkg-config for it.
package seawall
