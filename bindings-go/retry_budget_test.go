package seawall

import (
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func TestTenCallsPayForOneRetry(t *testing.T) {
	b := must(NewRetryBudget("payments", WithMinPerSecond(0), WithClock(manual())))
	_, err := b.TryWithdraw(CauseFailure)
	wantRefused(t, err, ErrBudgetExhausted, ReasonBudgetExhausted)
	for range 10 {
		noError(t, b.Deposit())
	}
	noError(t, must(b.TryWithdraw(CauseFailure)).Record(Success))
	_, err = b.TryWithdraw(CauseFailure)
	wantRefused(t, err, ErrBudgetExhausted, ReasonBudgetExhausted)
	if s := b.Snapshot(); s.Deposited != 10 || s.Withdrawn != 1 || s.Refused != 2 || s.Tokens != 0 || s.Cap != 100 {
		t.Errorf("%+v", s)
	}
}

func TestAWithdrawalIsUsedOnce(t *testing.T) {
	b := must(NewRetryBudget("payments", WithClock(manual())))
	before := b.Snapshot().Tokens
	withdrawal := must(b.TryWithdraw(CauseFailure))
	noError(t, withdrawal.Cancel())
	if got := b.Snapshot().Tokens; got != before {
		t.Errorf("%v tokens, want %v", got, before)
	}
	noError(t, withdrawal.Cancel())
	if err := withdrawal.Record(Success); !errors.Is(err, ErrSpent) {
		t.Errorf("got %v, want spent", err)
	}
	if got := b.Snapshot().Tokens; got != before {
		t.Errorf("%v tokens, want %v", got, before)
	}
}

func TestProfilesBringTheirNumbersAndOptionsChangeThem(t *testing.T) {
	grpc := must(NewRetryBudget("payments", WithProfile(ProfileGRPC)))
	if s := grpc.Snapshot(); s.Tokens != 10 {
		t.Errorf("%+v", s)
	}
	// The order of options does not matter.
	four := must(NewRetryBudget("payments", WithBudgetCap(4), WithProfile(ProfileGRPC)))
	noError(t, four.Record(Failure))
	must(four.TryWithdraw(CauseFailure))
	noError(t, four.Record(Failure))
	_, err := four.TryWithdraw(CauseFailure)
	wantRefused(t, err, ErrBudgetExhausted, ReasonBudgetExhausted)

	aws := must(NewRetryBudget("payments", WithProfile(ProfileAWSStandard)))
	must(aws.TryWithdraw(CauseThrottled))
	if s := aws.Snapshot(); s.Tokens != 495 {
		t.Errorf("%+v", s)
	}
}

func TestRetriesUnderWayAreBounded(t *testing.T) {
	b := must(NewRetryBudget("payments", WithMaxConcurrentRetries(0.5), WithMinConcurrentRetries(1)))
	for range 4 {
		noError(t, b.Deposit())
	}
	first := must(b.TryWithdraw(CauseFailure))
	must(b.TryWithdraw(CauseFailure))
	_, err := b.TryWithdraw(CauseFailure)
	wantRefused(t, err, ErrBudgetExhausted, ReasonBudgetExhausted)
	noError(t, first.Record(Failure))
	must(b.TryWithdraw(CauseFailure))
	noError(t, b.Finish())
	if s := b.Snapshot(); s.CallsInFlight != 3 || s.RetriesInFlight != 2 {
		t.Errorf("%+v", s)
	}
}

func TestABudgetCanBeReconfigured(t *testing.T) {
	b := must(NewRetryBudget("payments"))
	noError(t, b.Reconfigure(WithBudgetCap(20), WithBudgetRatio(0.2)))
	if s := b.Snapshot(); s.Cap != 20 {
		t.Errorf("%+v", s)
	}
	for _, bad := range []RetryBudgetOption{WithProfile(ProfileGRPC), WithBudgetRatio(-1), WithWindow(-1), WithClock(manual())} {
		if err := b.Reconfigure(bad); !errors.Is(err, ErrConfig) {
			t.Errorf("got %v", err)
		}
	}
	noError(t, b.Reconfigure(WithProfile(ProfileBucket)))
}

func TestTheRatioIsExactUnderContention(t *testing.T) {
	workers := 2 * runtime.GOMAXPROCS(0)
	const each = 10_000
	b := must(NewRetryBudget("payments", WithMinPerSecond(0), WithBudgetRatio(0.1), WithBudgetCap(1_000_000)))
	var granted, refusedOnes atomic.Int64
	var done sync.WaitGroup
	for range workers {
		done.Add(1)
		go func() {
			defer done.Done()
			for range each {
				noError(t, b.Deposit())
				if withdrawal, err := b.TryWithdraw(CauseFailure); err == nil {
					granted.Add(1)
					noError(t, withdrawal.Record(Failure))
				} else {
					refusedOnes.Add(1)
				}
			}
		}()
	}
	done.Wait()
	s := b.Snapshot()
	if want := int64(workers * each / 10); granted.Load() != want || refusedOnes.Load() == 0 || s.Tokens != 0 {
		t.Errorf("%d retries, want %d; %+v", granted.Load(), want, s)
	}
}

func TestTimeSavesUpTheFloor(t *testing.T) {
	clock := manual()
	b := must(NewRetryBudget("payments", WithMinPerSecond(2), WithWindow(time.Second), WithClock(clock)))
	must(b.TryWithdraw(CauseFailure))
	must(b.TryWithdraw(CauseTimeout))
	_, err := b.TryWithdraw(CauseFailure)
	wantRefused(t, err, ErrBudgetExhausted, ReasonBudgetExhausted)
	clock.Advance(500 * time.Millisecond)
	must(b.TryWithdraw(CauseFailure))
}
