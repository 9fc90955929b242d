package seawall

import (
	"errors"
	"runtime"
	"sync"
	"testing"
)

func collected(t *testing.T, what string, is func() bool) {
	t.Helper()
	eventually(t, what, func() bool { runtime.GC(); return is() })
}

func TestMemoryIsFreedWhenNobodyHasTheObject(t *testing.T) {
	collected(t, "earlier tests are gone", func() bool { before := living.Load(); runtime.GC(); return living.Load() == before })
	before := living.Load()
	func() {
		for range 50 {
			must(NewBreaker("x"))
			must(NewBulkhead("x"))
			must(NewLimiter("x"))
			must(NewRetryBudget("x"))
			must(NewHistogram())
		}
	}()
	collected(t, "all are freed", func() bool { return living.Load() <= before })
}

func TestAFailedConstructionKeepsNoMemory(t *testing.T) {
	collected(t, "earlier tests are gone", func() bool { before := living.Load(); runtime.GC(); return living.Load() == before })
	before := living.Load()
	for range 10 {
		_, breaker := NewBreaker("x", WithProbes(0))
		_, bulkhead := NewBulkhead("x", WithMaxConcurrent(0))
		_, limiter := NewLimiter("x", WithBurst(0))
		_, budget := NewRetryBudget("x", WithBudgetCap(0))
		if breaker == nil || bulkhead == nil || limiter == nil || budget == nil {
			t.Fatal("no error")
		}
	}
	if now := living.Load(); now != before {
		t.Errorf("%d objects before, %d after", before, now)
	}
}

func TestAPermitKeepsItsObject(t *testing.T) {
	permit := must(must(NewBreaker("x")).TryAcquire())
	place := must(must(NewBulkhead("x")).TryAcquire())
	reservation := must(must(NewLimiter("x")).Reserve(1, 0))
	withdrawal := must(must(NewRetryBudget("x")).TryWithdraw(CauseFailure))
	for range 3 {
		runtime.GC()
	}
	noError(t, permit.Success())
	noError(t, place.Release())
	noError(t, reservation.Cancel())
	noError(t, withdrawal.Record(Success))
}

// Calls that race with Close get an answer or ErrClosed; the collector runs all the while.
func TestCloseRacesWithEverything(t *testing.T) {
	for range 20 {
		b, h := must(NewBreaker("x")), must(NewHistogram())
		s := must(NewBulkhead("x", WithMaxConcurrent(1), WithMaxWaiting(100)))
		var done sync.WaitGroup
		for range 4 {
			done.Add(1)
			go func() {
				defer done.Done()
				for {
					permit, err := b.TryAcquire()
					if errors.Is(err, ErrClosed) {
						return
					}
					noError(t, err)
					if err := permit.Success(); err != nil && !errors.Is(err, ErrClosed) {
						t.Error(err)
					}
					_ = h.Record(1)
					if place, err := s.Acquire(t.Context()); err == nil {
						_ = place.Release()
					} else if !errors.Is(err, ErrClosed) {
						t.Error(err)
					}
				}
			}()
		}
		runtime.GC()
		noError(t, h.Close())
		noError(t, s.Close())
		noError(t, b.Close())
		done.Wait()
	}
}
