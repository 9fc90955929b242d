package seawall

import (
	"context"
	"errors"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// waiting is a full bulkhead of one permit with room for waiters, and the permit.
func waiting(t *testing.T, options ...BulkheadOption) (*Bulkhead, *BulkheadPermit) {
	t.Helper()
	options = append([]BulkheadOption{WithMaxConcurrent(1), WithMaxWaiting(100)}, options...)
	b := must(NewBulkhead("search", options...))
	return b, must(b.TryAcquire())
}

// inLine waits until so many callers wait.
func inLine(t *testing.T, b *Bulkhead, callers int) {
	t.Helper()
	eventually(t, "they wait", func() bool { return b.Snapshot().Waiting == callers })
}

func TestWaitersAreServedInTheOrderTheyCame(t *testing.T) {
	b, permit := waiting(t)
	served := make(chan int, 20)
	noGoroutineLeft(t, func() {
		var done sync.WaitGroup
		for number := range 20 {
			done.Add(1)
			go func() {
				defer done.Done()
				mine := must(b.Acquire(context.Background()))
				served <- number
				noError(t, mine.Release())
			}()
			inLine(t, b, number+1)
		}
		noError(t, permit.Release())
		done.Wait()
	})
	for number := range 20 {
		if got := <-served; got != number {
			t.Errorf("served %d, want %d", got, number)
		}
	}
	// The first permit was never refused to anybody: those who waited got theirs in the end.
	if s := b.Snapshot(); s.Waiting != 0 || s.InUse != 0 || s.Rejected != 0 || s.Stale != 0 {
		t.Errorf("%+v", s)
	}
}

func TestNobodyJumpsTheLine(t *testing.T) {
	b, permit := waiting(t)
	granted := make(chan *BulkheadPermit)
	go func() { granted <- must(b.Acquire(context.Background())) }()
	inLine(t, b, 1)
	_, err := b.TryAcquire()
	wantRefused(t, err, ErrBulkheadFull, ReasonBulkheadFull)
	noError(t, permit.Release())
	noError(t, (<-granted).Release())
	if s := b.Snapshot(); s.Rejected != 1 {
		t.Errorf("%+v", s)
	}
}

// The moment between a release and the hand-over, held still: the place is free, and yet not for newcomers.
func TestNobodySlipsInDuringAHandOver(t *testing.T) {
	b, permit := waiting(t)
	granted := make(chan *BulkheadPermit)
	go func() { granted <- must(b.Acquire(context.Background())) }()
	inLine(t, b, 1)
	b.lock.Lock()
	go func() { noError(t, permit.Release()) }()
	eventually(t, "the place is free", func() bool { s, _ := b.native.snapshot(0); return s.in_use == 0 })
	_, err := b.TryAcquire()
	b.lock.Unlock()
	wantRefused(t, err, ErrBulkheadFull, ReasonBulkheadFull)
	noError(t, (<-granted).Release())
}

// The place came free after the caller was refused and before it stood in line: no release will come to wake it.
func TestAWaiterLooksOnceMoreBeforeItSleeps(t *testing.T) {
	b, permit := waiting(t)
	noError(t, permit.Release())
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	mine, err := b.stand(ctx, priorityOrdinary, &BulkheadPermit{bulkhead: b})
	noError(t, err)
	noError(t, mine.Release())
}

func TestCriticalWaitersGoFirst(t *testing.T) {
	b, permit := waiting(t)
	order := make(chan string, 2)
	var done sync.WaitGroup
	wait := func(name string, acquire func(context.Context) (*BulkheadPermit, error)) {
		done.Add(1)
		go func() {
			defer done.Done()
			mine := must(acquire(context.Background()))
			order <- name
			noError(t, mine.Release())
		}()
	}
	wait("ordinary", b.Acquire)
	inLine(t, b, 1)
	wait("critical", b.AcquireCritical)
	inLine(t, b, 2)
	noError(t, permit.Release())
	done.Wait()
	if first := <-order; first != "critical" {
		t.Errorf("%s was first", first)
	}
}

func TestAWaiterThatGivesUpLeavesNoTrace(t *testing.T) {
	b, permit := waiting(t)
	noGoroutineLeft(t, func() {
		ctx, cancel := context.WithCancelCause(context.Background())
		gone := errors.New("the client has gone")
		ended := make(chan error)
		go func() {
			_, err := b.Acquire(ctx)
			ended <- err
		}()
		inLine(t, b, 1)
		cancel(gone)
		if err := <-ended; !errors.Is(err, context.Canceled) || !errors.Is(err, gone) || errors.Is(err, ErrRefused) {
			t.Errorf("got %v", err)
		}
	})
	noError(t, permit.Release())
	if s := b.Snapshot(); s.Waiting != 0 || s.InUse != 0 {
		t.Errorf("%+v", s)
	}
	noError(t, must(b.TryAcquire()).Release())
}

func TestAContextThatIsOverGetsNothing(t *testing.T) {
	b := must(NewBulkhead("search", WithMaxWaiting(1)))
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := b.Acquire(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	late, cancel := context.WithDeadline(context.Background(), time.Now().Add(-time.Second))
	defer cancel()
	if _, err := b.Acquire(late); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	if s := b.Snapshot(); s.InUse != 0 {
		t.Errorf("%+v", s)
	}
}

func TestTheLineHasAnEnd(t *testing.T) {
	b, permit := waiting(t, WithMaxWaiting(1))
	granted := make(chan *BulkheadPermit)
	go func() { granted <- must(b.Acquire(context.Background())) }()
	inLine(t, b, 1)
	_, err := b.Acquire(t.Context())
	wantRefused(t, err, ErrBulkheadFull, ReasonBulkheadWaitFull)
	if s := b.Snapshot(); s.Rejected != 1 {
		t.Errorf("%+v", s)
	}
	noError(t, permit.Release())
	noError(t, (<-granted).Release())
}

func TestAWaitIsBoundedByMaxWaitAndByTheClock(t *testing.T) {
	clock := manual()
	b, permit := waiting(t, WithClock(clock), WithMaxWait(time.Second))
	ended := make(chan error)
	noGoroutineLeft(t, func() {
		go func() {
			_, err := b.Acquire(context.Background())
			ended <- err
		}()
		eventually(t, "a timer runs", func() bool { return clock.Timers() == 1 })
		clock.Advance(999 * time.Millisecond)
		select {
		case err := <-ended:
			t.Fatal("too early:", err)
		default:
		}
		clock.Advance(time.Millisecond)
		wantRefused(t, <-ended, ErrBulkheadFull, ReasonBulkheadWaitTimeout)
	})
	if s := b.Snapshot(); s.Waiting != 0 || s.Rejected != 1 || clock.Timers() != 0 {
		t.Errorf("%+v, %d timers", s, clock.Timers())
	}
	noError(t, permit.Release())
}

func TestAServedWaiterLeavesNoTimer(t *testing.T) {
	clock := manual()
	b, permit := waiting(t, WithClock(clock), WithMaxWait(time.Second))
	granted := make(chan *BulkheadPermit)
	go func() { granted <- must(b.Acquire(context.Background())) }()
	eventually(t, "a timer runs", func() bool { return clock.Timers() == 1 })
	noError(t, permit.Release())
	noError(t, (<-granted).Release())
	eventually(t, "no timer runs", func() bool { return clock.Timers() == 0 })
}

func TestAMaxWaitOfZeroIsAValue(t *testing.T) {
	b, _ := waiting(t, WithMaxWait(0))
	_, err := b.Acquire(t.Context())
	wantRefused(t, err, ErrBulkheadFull, ReasonBulkheadFull)
}

func TestGrowingServesThoseWhoWait(t *testing.T) {
	b, _ := waiting(t)
	granted := make(chan *BulkheadPermit)
	go func() { granted <- must(b.Acquire(context.Background())) }()
	inLine(t, b, 1)
	noError(t, b.Resize(2, 0))
	noError(t, (<-granted).Release())
}

func TestCloseSendsWaitersAway(t *testing.T) {
	b, permit := waiting(t)
	ended := make(chan error, 2)
	noGoroutineLeft(t, func() {
		for range 2 {
			go func() {
				_, err := b.Acquire(context.Background())
				ended <- err
			}()
		}
		inLine(t, b, 2)
		noError(t, b.Close())
		for range 2 {
			if err := <-ended; !errors.Is(err, ErrClosed) {
				t.Errorf("got %v", err)
			}
		}
	})
	if err := permit.Release(); !errors.Is(err, ErrClosed) {
		t.Errorf("got %v", err)
	}
	if _, err := b.Acquire(t.Context()); !errors.Is(err, ErrClosed) {
		t.Errorf("got %v", err)
	}
}

// Waiters that come, give up and time out in every interleaving lose no permit and no place.
func TestNoPermitIsLostInTheRush(t *testing.T) {
	const limit, each = 2, 2000
	workers := 8 * runtime.GOMAXPROCS(0)
	b := must(NewBulkhead("search", WithMaxConcurrent(limit), WithMaxWaiting(workers), WithMaxWait(time.Second)))
	var holders, granted, waited, cancelled, other atomic.Int64
	noGoroutineLeft(t, func() {
		var done sync.WaitGroup
		for range workers {
			done.Add(1)
			go func() {
				defer done.Done()
				for range each {
					ctx, cancel := context.WithTimeout(context.Background(), time.Duration(rand.IntN(200))*time.Microsecond)
					full := b.Snapshot().InUse == limit
					permit, err := b.Acquire(ctx)
					switch {
					case err == nil:
						if holders.Add(1) > limit {
							t.Errorf("more holders than permits")
						}
						granted.Add(1)
						if full {
							waited.Add(1)
						}
						runtime.Gosched()
						holders.Add(-1)
						if err := permit.Release(); err != nil {
							t.Error(err)
						}
					case errors.Is(err, context.DeadlineExceeded):
						cancelled.Add(1)
					default:
						other.Add(1)
					}
					cancel()
				}
			}()
		}
		done.Wait()
	})
	if other.Load() != 0 || cancelled.Load() == 0 || waited.Load() == 0 {
		t.Errorf("%d granted, %d of them when full, %d cancelled, %d other", granted.Load(), waited.Load(), cancelled.Load(), other.Load())
	}
	if s := b.Snapshot(); s.InUse != 0 || s.Waiting != 0 || s.Stale != 0 || b.inLine[0].Load() != 0 || b.inLine[1].Load() != 0 {
		t.Errorf("%+v", s)
	}
	// All permits can be had again.
	for range limit {
		must(b.TryAcquire())
	}
}

// Holders that come back for more for ever: everybody gets a turn.
func TestNobodyStarves(t *testing.T) {
	workers := 4 * runtime.GOMAXPROCS(0)
	b := must(NewBulkhead("search", WithMaxConcurrent(1), WithMaxWaiting(workers)))
	turns := make([]int, workers)
	ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
	defer cancel()
	var done sync.WaitGroup
	for worker := range workers {
		done.Add(1)
		go func() {
			defer done.Done()
			for {
				permit, err := b.Acquire(ctx)
				if err != nil {
					return
				}
				turns[worker]++
				noError(t, permit.Release())
			}
		}()
	}
	done.Wait()
	fewest, most := turns[0], turns[0]
	for _, n := range turns {
		fewest, most = min(fewest, n), max(most, n)
	}
	if fewest == 0 || most < 10 {
		t.Errorf("turns from %d to %d", fewest, most)
	}
}
