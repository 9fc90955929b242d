package seawall

import (
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func TestAFullBulkheadRefusesAtOnce(t *testing.T) {
	b := must(NewBulkhead("search", WithMaxConcurrent(1)))
	permit := must(b.TryAcquire())
	_, err := b.TryAcquire()
	wantRefused(t, err, ErrBulkheadFull, ReasonBulkheadFull)
	// Nobody may wait by default, so Acquire does not either.
	_, err = b.Acquire(t.Context())
	wantRefused(t, err, ErrBulkheadFull, ReasonBulkheadFull)
	noError(t, permit.Release())
	noError(t, must(b.Acquire(t.Context())).Release())
	if s := b.Snapshot(); s.Rejected != 2 || s.InUse != 0 || s.Limit != 1 || s.Capacity != 1024 {
		t.Errorf("%+v", s)
	}
}

func TestASecondReleaseFreesNobodyElsesPlace(t *testing.T) {
	b := must(NewBulkhead("search", WithMaxConcurrent(1)))
	first := must(b.TryAcquire())
	noError(t, first.Release())
	second := must(b.TryAcquire())
	if err := first.Release(); !errors.Is(err, ErrStale) {
		t.Errorf("got %v, want stale", err)
	}
	if s := b.Snapshot(); s.InUse != 1 || s.Stale != 1 {
		t.Errorf("%+v", s)
	}
	noError(t, second.Release())
}

func TestReservedPermitsAreForCriticalCallers(t *testing.T) {
	b := must(NewBulkhead("search", WithMaxConcurrent(2), WithReserved(1)))
	must(b.TryAcquire())
	_, err := b.TryAcquire()
	wantRefused(t, err, ErrBulkheadFull, ReasonBulkheadFull)
	must(b.TryAcquireCritical())
	_, err = b.TryAcquireCritical()
	wantRefused(t, err, ErrBulkheadFull, ReasonBulkheadFull)
	noError(t, b.Resize(3, 1))
	noError(t, must(b.AcquireCritical(t.Context())).Release())
}

func TestShrinkingNeverBlocks(t *testing.T) {
	b := must(NewBulkhead("search", WithMaxConcurrent(3)))
	permits := []*BulkheadPermit{must(b.TryAcquire()), must(b.TryAcquire()), must(b.TryAcquire())}
	noError(t, b.Resize(1, 0))
	for _, permit := range permits[:2] {
		noError(t, permit.Release())
		_, err := b.TryAcquire()
		wantRefused(t, err, ErrBulkheadFull, ReasonBulkheadFull)
	}
	noError(t, permits[2].Release())
	must(b.TryAcquire())
}

func TestHoldTimesAreByTheClock(t *testing.T) {
	clock := manual()
	b := must(NewBulkhead("search", WithClock(clock)))
	must(b.TryAcquire())
	clock.Advance(3 * time.Second)
	if hold := b.Snapshot().LongestHold.Round(10 * time.Millisecond); hold != 3*time.Second {
		t.Errorf("longest hold %v", hold)
	}
}

func TestNeverMoreHoldersThanPermits(t *testing.T) {
	const limit, each = 3, 20_000
	workers := 4 * runtime.GOMAXPROCS(0)
	b := must(NewBulkhead("search", WithMaxConcurrent(limit)))
	var holders, most, granted, full atomic.Int64
	var done sync.WaitGroup
	for range workers {
		done.Add(1)
		go func() {
			defer done.Done()
			for range each {
				permit, err := b.TryAcquire()
				if err != nil {
					full.Add(1)
					continue
				}
				now := holders.Add(1)
				for seen := most.Load(); now > seen && !most.CompareAndSwap(seen, now); seen = most.Load() {
				}
				granted.Add(1)
				runtime.Gosched()
				holders.Add(-1)
				if err := permit.Release(); err != nil {
					t.Error(err)
				}
			}
		}()
	}
	done.Wait()
	if most.Load() > limit {
		t.Errorf("%d holders of %d permits", most.Load(), limit)
	}
	if most.Load() < limit || full.Load() == 0 {
		t.Errorf("never contended: at most %d holders, %d refused", most.Load(), full.Load())
	}
	s := b.Snapshot()
	if s.InUse != 0 || s.Rejected != uint64(full.Load()) || granted.Load()+full.Load() != int64(workers*each) {
		t.Errorf("%+v, %d granted, %d refused", s, granted.Load(), full.Load())
	}
}

func TestOneOfManyRacingReleasesFrees(t *testing.T) {
	b := must(NewBulkhead("search", WithMaxConcurrent(1)))
	var freed, stale atomic.Int64
	for range 500 {
		permit := must(b.TryAcquire())
		var done sync.WaitGroup
		for range 4 {
			done.Add(1)
			go func() {
				defer done.Done()
				if err := permit.Release(); err == nil {
					freed.Add(1)
				} else if errors.Is(err, ErrStale) {
					stale.Add(1)
				}
			}()
		}
		done.Wait()
	}
	if freed.Load() != 500 || stale.Load() != 1500 || b.Snapshot().Stale != 1500 {
		t.Errorf("%d freed, %d stale", freed.Load(), stale.Load())
	}
}
