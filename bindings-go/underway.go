//go:build cgo

package seawall

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"
)

// An underway is a call between its beginning and its end, as its goroutine drives it. It lies on Go's heap because the
// contexts of its attempts know it; the core's part of it holds no pointer of Go's.
type underway struct {
	dependency *Dependency
	ctx        context.Context
	call       *callSettings
	began      stopwatch
	next       nativeAction
	attempts   int
	place      *place
	// first is the context of the first attempt, which is the only one of most calls.
	first attemptContext
	// inside is true while the function runs: still true when the call is left, it has panicked.
	inside bool

	// lock is for the core's part, which the goroutines of attempts may ask for its key.
	lock   sync.Mutex
	native nativeCall
	isOn   bool
	key    string
}

// begin asks for leave. A context that is cancelled already is answered at once; one whose time is over goes to
// the core, which counts it.
func (u *underway) begin() error {
	d := u.dependency
	if d.wall.closed.Load() {
		return closed(d.name)
	}
	if errors.Is(u.ctx.Err(), context.Canceled) {
		return u.ctx.Err()
	}
	options, err := u.options()
	if err != nil {
		return err
	}
	left := uint64(never)
	if at, ok := u.ctx.Deadline(); ok {
		left = nanos(time.Until(at))
	}
	u.lock.Lock()
	answer := d.native.begin(&options, left, moment(d.wall.clock), &u.native, &u.next)
	u.isOn = answer == statusOK && u.next.kind != actionFinish
	u.lock.Unlock()
	if answer != statusOK {
		return misuse(d.name, answer)
	}
	u.publish(Success, nil)
	return nil
}

func (u *underway) options() (nativeCallOptions, error) {
	options, own := callOptions(), u.call.own()
	options.critical, options.idempotent = own.critical, own.idempotent
	for _, cost := range own.costs {
		index, err := u.dependency.about().limit(cost.limit)
		if err != nil {
			return options, err
		}
		options.costs[index] = u32(cost.tokens)
	}
	return options, nil
}

// A stopwatch is when something began, by the wall's clock, or without one by Go's, which costs no crossing.
type stopwatch struct {
	byGo   time.Time
	byWall time.Duration
}

func (d *Dependency) stopwatch() stopwatch {
	if d.wall.clock != nil {
		return stopwatch{byWall: d.wall.clock.Now()}
	}
	return stopwatch{byGo: time.Now()}
}

// took is how long the call has taken so far.
func (u *underway) took() time.Duration {
	if clock := u.dependency.wall.clock; clock != nil {
		return clock.Now() - u.began.byWall
	}
	return time.Since(u.began.byGo)
}

// step hands one event to the core.
func (u *underway) step(event func(now uint64) status, outcome Outcome, last error) error {
	u.lock.Lock()
	answer := event(moment(u.dependency.wall.clock))
	u.isOn = u.isOn && u.next.kind != actionFinish
	u.lock.Unlock()
	if answer != statusOK {
		return misuse(u.dependency.name, answer)
	}
	u.publish(outcome, last)
	return nil
}

func (u *underway) ended(ended Verdict, last error) error {
	attempt := ended.native()
	return u.step(func(now uint64) status { return u.native.ended(&attempt, now, &u.next) }, ended.Outcome, last)
}

func (u *underway) woke() error {
	return u.step(func(now uint64) status { return u.native.woke(now, &u.next) }, Success, nil)
}

// cancel gives everything back that the call holds.
func (u *underway) cancel() {
	if u.isOn {
		_ = u.step(func(now uint64) status { return u.native.cancelled(now, &u.next) }, Ignored, nil)
	}
}

// leave runs however a call is left: by its end, a panic, or runtime.Goexit.
func (u *underway) leave() {
	u.leaveQueue()
	if u.isOn && u.inside {
		_ = u.ended(Verdict{Outcome: Failure}, nil)
	}
	u.cancel()
}

func (u *underway) leaveQueue() {
	if u.place != nil {
		u.dependency.queue.leave(u.place)
		u.place = nil
	}
}

// publish wakes whom the last event made room for, and tells what it brought about.
func (u *underway) publish(outcome Outcome, last error) {
	d, next := u.dependency, &u.next
	if next.kind != actionWait {
		u.leaveQueue()
	}
	if next.freed != 0 {
		d.queue.wake()
	}
	if !d.watched() {
		return
	}
	d.toldTransition(uint32(next.transition))
	if next.is_late != 0 {
		d.tell(Event{Kind: EventLateResult, Attempt: u.attempts, Outcome: outcome})
	}
	switch {
	case next.kind == actionFinish && next.end == endRefused:
		event := Event{Kind: EventRefusal, Reason: Reason(next.status).String(), RetryAfter: span(uint64(next.retry_after_ns))}
		if facts := d.about(); next.limiter < facts.limiters {
			event.Limit = facts.limits[next.limiter]
		}
		d.tell(event)
	case next.kind == actionSleep && outcome == Failure:
		d.tell(Event{Kind: EventRetry, Attempt: u.attempts, Delay: span(uint64(next.span_ns)), Err: last})
	}
}

// pause waits until some time has passed. Not nil when the caller gave up first, or the wall was closed.
func (u *underway) pause(d time.Duration) error {
	if err := u.ctx.Err(); err != nil {
		return ended(u.ctx, u.dependency.name)
	}
	if moves := u.dependency.moves(); moves != nil {
		moves.Advance(d)
		return nil
	}
	fired, stop := timer(u.dependency.wall.clock, d)
	defer stop()
	select {
	case <-fired:
		return nil
	case <-u.ctx.Done():
		return ended(u.ctx, u.dependency.name)
	case <-u.dependency.wall.done:
		return closed(u.dependency.name)
	}
}

// wait stands in the queue until the core says something else than to wait.
func (u *underway) wait() error {
	d := u.dependency
	if u.place == nil {
		u.place = d.queue.join(u.isCritical())
	}
	place := u.place
	if moves := d.moves(); moves != nil {
		moves.Advance(span(uint64(u.next.span_ns)))
		return u.woke()
	}
	// Once more now that releasers can see us: the place we missed may be free by now.
	isFirst := d.queue.isFirst(place)
	if isFirst {
		if err := u.woke(); err != nil || u.next.kind != actionWait {
			return err
		}
	}
	nap := span(uint64(u.next.span_ns))
	if isFirst {
		nap = min(nap, tick)
	}
	fired, stop := timer(d.wall.clock, nap)
	defer stop()
	select {
	case <-fired:
	case <-place.turn:
	case <-d.wall.done:
		return closed(d.name)
	case <-u.ctx.Done():
		// The end of the caller's time is the core's to judge, which may know it a moment later than we do.
		if !errors.Is(u.ctx.Err(), context.DeadlineExceeded) {
			return ended(u.ctx, d.name)
		}
		if err := u.woke(); err != nil || u.next.kind != actionWait {
			return err
		}
		return ended(u.ctx, d.name)
	}
	return u.woke()
}

func (u *underway) isCritical() bool {
	switch u.call.own().critical {
	case yes:
		return true
	case no:
		return false
	}
	return u.dependency.about().criticality == criticalityCritical
}

func (u *underway) idempotencyKey() string {
	u.lock.Lock()
	defer u.lock.Unlock()
	if u.key == "" && u.isOn {
		u.key = u.native.key()
	}
	return u.key
}

// inject is what a test has put in the way of an attempt.
func (u *underway) inject(ctx context.Context) error {
	d := u.dependency
	script := d.script.Load()
	if script == nil {
		return nil
	}
	fault, ok := script.Next()
	if !ok {
		return nil
	}
	attempt := AttemptFrom(ctx)
	if fault.Latency >= attempt.Timeout {
		if err := u.pause(attempt.Timeout); err != nil {
			return err
		}
		return &TimeoutError{d.name, attempt.Timeout}
	}
	if fault.Latency > 0 {
		if err := u.pause(fault.Latency); err != nil {
			return err
		}
	}
	return fault.Err
}

var errGoexit = errors.New("the function ended its goroutine")

// A left is what a function on its own goroutine gave.
type left[T any] struct {
	value    T
	err      error
	panicked any
}

// abandonable runs fn on a goroutine of its own, and goes when the attempt's context is over.
func abandonable[T any](u *underway, ctx *attemptContext, fn func(context.Context) (T, error)) (T, error) {
	// Drawn now, because the function may ask for it when the call is over.
	u.idempotencyKey()
	var (
		d       = u.dependency
		answer  = make(chan left[T], 1)
		settled atomic.Bool // by whoever comes first: the function with its answer, or the caller who goes
		kept    nativePermit
		hasKept = make(chan bool, 1)
		caller  = u.ctx
		call    = u.call
		number  = u.attempts
	)
	go func() {
		result := left[T]{err: errGoexit}
		returned := false
		defer func() {
			if !returned {
				result.panicked = recover()
			}
			if settled.CompareAndSwap(false, true) {
				answer <- result
				return
			}
			if <-hasKept {
				d.release(&kept)
			}
			discard(call, result.value, result.err)
			d.native.cameLate()
			if d.watched() {
				outcome := Failure
				if returned {
					outcome = judge(context.WithoutCancel(caller), call, result.value, result.err).Outcome
				}
				d.tell(Event{Kind: EventLateResult, Attempt: number, Outcome: outcome})
			}
			if result.panicked != nil {
				panic(result.panicked)
			}
		}()
		result.value, result.err = fn(ctx)
		returned = true
	}()
	select {
	case result := <-answer:
		return result.give()
	case <-ctx.Done():
	}
	if !settled.CompareAndSwap(false, true) {
		return (<-answer).give()
	}
	u.lock.Lock()
	hasKept <- u.native.keep(&kept) == statusOK
	u.lock.Unlock()
	var none T
	if err := u.ctx.Err(); errors.Is(err, context.Canceled) {
		return none, ended(u.ctx, d.name)
	}
	return none, context.Cause(ctx)
}

func (l left[T]) give() (T, error) {
	if l.panicked != nil {
		panic(l.panicked)
	}
	return l.value, l.err
}
