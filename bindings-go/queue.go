//go:build cgo

package seawall

import (
	"container/list"
	"sync"
	"sync/atomic"
	"time"
)

// tick is how often the first in a queue asks by itself: other processes may free places, too.
const tick = 10 * time.Millisecond

// A queue is those who wait for a place of one dependency, first come first served, critical calls first. The core
// knows how many may wait and who gets a place; the queue only says whose turn it is to ask. The ordinary path
// reads one number.
type queue struct {
	lock  sync.Mutex
	lanes [2]list.List
	waits atomic.Int32
}

const (
	criticalLane = iota
	ordinaryLane
)

// A place is one waiter's in a queue.
type place struct {
	lane    int
	element *list.Element
	// turn has room for one wake-up: more say no more.
	turn chan struct{}
}

func (q *queue) join(critical bool) *place {
	p := &place{lane: ordinaryLane, turn: make(chan struct{}, 1)}
	if critical {
		p.lane = criticalLane
	}
	q.lock.Lock()
	defer q.lock.Unlock()
	p.element = q.lanes[p.lane].PushBack(p)
	q.waits.Add(1)
	return p
}

func (q *queue) first() *place {
	for lane := range q.lanes {
		if front := q.lanes[lane].Front(); front != nil {
			return front.Value.(*place)
		}
	}
	return nil
}

func (q *queue) isFirst(p *place) bool {
	q.lock.Lock()
	defer q.lock.Unlock()
	return q.first() == p
}

// leave goes without a trace, and hands a wake-up that may have been meant for us to the next one.
func (q *queue) leave(p *place) {
	q.lock.Lock()
	q.lanes[p.lane].Remove(p.element)
	q.waits.Add(-1)
	q.lock.Unlock()
	q.wake()
}

// wake tells the first that a place may have come free.
func (q *queue) wake() {
	if q.waits.Load() == 0 {
		return
	}
	q.lock.Lock()
	first := q.first()
	q.lock.Unlock()
	if first != nil {
		select {
		case first.turn <- struct{}{}:
		default:
		}
	}
}
