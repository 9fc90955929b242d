package seawall

import (
	"errors"
	"math"
	"runtime"
	"sync"
	"testing"
	"time"
)

func TestQuantilesAreWithinThreePercent(t *testing.T) {
	h := must(NewHistogram())
	for i := range 100_000 {
		noError(t, h.Record(time.Duration(i+1)*time.Microsecond))
	}
	for _, share := range []float64{0.001, 0.5, 0.9, 0.99, 0.999, 1} {
		got := must(h.Quantile(share))
		want := share * 100_000 * float64(time.Microsecond)
		if math.Abs(float64(got)-want) > 0.03*want {
			t.Errorf("quantile %v: %v, want about %v", share, got, time.Duration(want))
		}
	}
	noError(t, h.Record(-time.Second))
	if h.Total() != 100_001 {
		t.Errorf("total %d", h.Total())
	}
	noError(t, h.Reset())
	if h.Total() != 0 || must(h.Quantile(0.5)) != 0 {
		t.Error("not empty after a reset")
	}
}

func TestMergeAddsUp(t *testing.T) {
	a, b := must(NewHistogram()), must(NewHistogram())
	noError(t, a.Record(time.Second))
	noError(t, b.Record(time.Millisecond))
	noError(t, a.Merge(b))
	if a.Total() != 2 || b.Total() != 1 {
		t.Errorf("%d and %d", a.Total(), b.Total())
	}
}

func TestNoLatencyIsLostUnderContention(t *testing.T) {
	h := must(NewHistogram())
	workers := 4 * runtime.GOMAXPROCS(0)
	var done sync.WaitGroup
	for range workers {
		done.Add(1)
		go func() {
			defer done.Done()
			for range 10_000 {
				noError(t, h.Record(time.Millisecond))
			}
		}()
	}
	done.Wait()
	if h.Total() != uint64(workers*10_000) {
		t.Errorf("total %d", h.Total())
	}
}

func TestSharesOutsideZeroToOneAreErrors(t *testing.T) {
	h := must(NewHistogram())
	for _, share := range []float64{-0.1, 1.1, math.NaN(), math.Inf(1), math.Inf(-1)} {
		var problem *ConfigError
		if _, err := h.Quantile(share); !errors.Is(err, ErrArgument) || !errors.As(err, &problem) || problem.Field != "share" {
			t.Errorf("share %v: %v", share, err)
		}
	}
	if err := h.Merge(nil); !errors.Is(err, ErrArgument) {
		t.Errorf("merge with nothing: %v", err)
	}
}
