//go:build cgo

package seawall

import (
	"container/list"
	"context"
	"math"
	"time"
)

const forever = time.Duration(math.MaxInt64)

// A line is those who wait for a permit, in the order they came.
type line struct{ list.List }

// A waiter is one who waits. Its channel has room for the one answer it gets.
type waiter struct {
	permit *BulkheadPermit
	answer chan error
}

func (b *Bulkhead) wait(ctx context.Context, priority uint32) (*BulkheadPermit, error) {
	if ctx.Err() != nil {
		return nil, ended(ctx, b.name)
	}
	permit := &BulkheadPermit{bulkhead: b}
	// Without leave to wait this is a TryAcquire.
	if b.maxWait.Load() == 0 {
		return permit.or(b.acquire(permit, priority))
	}
	if !b.closed.Load() && !b.mustQueue(priority) {
		if err := b.ask(permit, priority|priorityWaiting); !isFull(err) {
			return permit.or(err)
		}
	}
	return b.stand(ctx, priority, permit)
}

func isFull(err error) bool {
	refusal, ok := err.(*RefusedError)
	return ok && refusal.Reason == ReasonBulkheadFull
}

func (p *BulkheadPermit) or(err error) (*BulkheadPermit, error) {
	if err != nil {
		return nil, err
	}
	return p, nil
}

// stand waits in line. The core counts the waiters and knows how many there may be; the line itself is Go's.
func (b *Bulkhead) stand(ctx context.Context, priority uint32, permit *BulkheadPermit) (*BulkheadPermit, error) {
	b.lock.Lock()
	if b.closed.Load() {
		b.lock.Unlock()
		return nil, closed(b.name)
	}
	if answer := b.native.beginWait(); answer != statusOK {
		b.lock.Unlock()
		b.turnedAway.Add(1)
		return nil, refused(b.name, answer, 0)
	}
	defer b.native.endWait()
	me := &waiter{permit: permit, answer: make(chan error, 1)}
	place := b.lines[priority].PushBack(me)
	b.inLine[priority].Add(1)
	// Once more, now that releasers can see us: the permit we missed may be free by now.
	b.serve()
	maxWait := time.Duration(b.maxWait.Load())
	b.lock.Unlock()

	var tooLong <-chan time.Time
	if maxWait < forever {
		fired, stop := timer(b.clock, maxWait)
		defer stop()
		tooLong = fired
	}
	select {
	case err := <-me.answer:
		return permit.or(err)
	case <-ctx.Done():
		if b.leave(priority, place) {
			return nil, ended(ctx, b.name)
		}
		// Served in the same instant. The caller has gone, so the permit goes to the next.
		if err := <-me.answer; err == nil {
			_ = b.release(permit.native)
		}
		return nil, ended(ctx, b.name)
	case <-tooLong:
		if b.leave(priority, place) {
			b.turnedAway.Add(1)
			return nil, refused(b.name, statusBulkheadWaitTimeout, 0)
		}
		return permit.or(<-me.answer)
	}
}

// leave gives up a place in line. False when it was served before.
func (b *Bulkhead) leave(priority uint32, place *list.Element) bool {
	b.lock.Lock()
	defer b.lock.Unlock()
	me := place.Value.(*waiter)
	if me.permit == nil {
		return false
	}
	b.remove(priority, place)
	// Whoever comes next may be able to take what we could not.
	b.serve()
	return true
}

func (b *Bulkhead) remove(priority uint32, place *list.Element) {
	place.Value.(*waiter).permit = nil
	b.lines[priority].Remove(place)
	b.inLine[priority].Add(-1)
}

// serve gives free permits to those first in line, critical callers first. The lock is held.
func (b *Bulkhead) serve() {
	for _, priority := range [...]uint32{priorityCritical, priorityOrdinary} {
		for place := b.lines[priority].Front(); place != nil; place = b.lines[priority].Front() {
			me := place.Value.(*waiter)
			answer := b.native.tryAcquire(priority|priorityWaiting, moment(b.clock), &me.permit.native)
			if answer > statusOK {
				break
			}
			b.remove(priority, place)
			if answer == statusOK {
				me.answer <- nil
			} else {
				me.answer <- misuse(b.name, answer)
			}
		}
	}
}

// dismiss sends everybody in line away. The lock is held.
func (b *Bulkhead) dismiss() {
	for priority := range b.lines {
		for place := b.lines[priority].Front(); place != nil; place = b.lines[priority].Front() {
			me := place.Value.(*waiter)
			b.remove(uint32(priority), place)
			me.answer <- closed(b.name)
		}
	}
}
