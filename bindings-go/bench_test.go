package seawall

import (
	"context"
	"testing"
	"time"
)

func BenchmarkBreakerPermit(b *testing.B) {
	breaker := must(NewBreaker("bench"))
	b.ReportAllocs()
	for b.Loop() {
		permit, err := breaker.TryAcquire()
		if err != nil {
			b.Fatal(err)
		}
		_ = permit.Success()
	}
}

func BenchmarkBreakerDo(b *testing.B) {
	breaker := must(NewBreaker("bench"))
	b.ReportAllocs()
	for b.Loop() {
		_, _ = Do(context.Background(), breaker, func(context.Context) (int, error) { return 1, nil })
	}
}

func BenchmarkBulkheadPermit(b *testing.B) {
	bulkhead := must(NewBulkhead("bench"))
	b.ReportAllocs()
	for b.Loop() {
		permit, err := bulkhead.TryAcquire()
		if err != nil {
			b.Fatal(err)
		}
		_ = permit.Release()
	}
}

func BenchmarkLimiterAllow(b *testing.B) {
	limiter := must(NewLimiter("bench", WithRate(1e9, 1e9), WithBurst(1e9)))
	b.ReportAllocs()
	for b.Loop() {
		limiter.Allow()
	}
}

func BenchmarkHistogramRecord(b *testing.B) {
	histogram := must(NewHistogram())
	b.ReportAllocs()
	for b.Loop() {
		_ = histogram.Record(1000)
	}
}

func benchmarkCall(b *testing.B, policy Policy) {
	d := depended(policy)
	fn := func(context.Context) (int, error) { return 1, nil }
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Call(context.Background(), d, fn); err != nil {
			b.Fatal(err)
		}
	}
}

// A whole call: breaker, deadline and timeout; then all gates.
func BenchmarkCall(b *testing.B) { benchmarkCall(b, Policy{}) }

func BenchmarkCallAllGates(b *testing.B) {
	benchmarkCall(b, Policy{
		Deadline: time.Minute, Bulkhead: &BulkheadPolicy{}, Retry: &RetryPolicy{},
		RateLimits: []RatePolicy{{Permits: 1e9}},
	})
}

func BenchmarkCallRefused(b *testing.B) {
	d := depended(Policy{})
	noRefusal := d.ForceOpen()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Call(context.Background(), d, func(context.Context) (int, error) { return 1, nil }); err == nil || noRefusal != nil {
			b.Fatal("not refused")
		}
	}
}

// What every Go program pays for an attempt with a timeout of its own.
func BenchmarkBareTimeout(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		_, cancel := context.WithTimeoutCause(context.Background(), time.Second, context.DeadlineExceeded)
		cancel()
	}
}
