package seawall

import (
	"context"
	"testing"
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
