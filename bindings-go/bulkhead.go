//go:build cgo

package seawall

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// A BulkheadOption is a setting of a bulkhead.
type BulkheadOption interface{ applyBulkhead(*bulkheadSettings) }

type bulkheadSettings struct {
	settings
	native        nativeBulkheadConfig
	capacity      u32
	capacityGiven bool
	maxWait       time.Duration
}

type bulkheadOption func(*bulkheadSettings)

func (o bulkheadOption) applyBulkhead(s *bulkheadSettings) { o(s) }

// WithMaxConcurrent is how many permits there are in all, 1 to the capacity. Default 20.
func WithMaxConcurrent(permits int) BulkheadOption {
	return bulkheadOption(func(s *bulkheadSettings) { s.native.max_concurrent = s.count("max_concurrent", permits) })
}

// WithReserved keeps so many of the permits for critical callers, 0 to all but one. Default 0.
func WithReserved(permits int) BulkheadOption {
	return bulkheadOption(func(s *bulkheadSettings) { s.native.reserved = s.count("reserved", permits) })
}

// WithMaxWaiting lets so many callers wait for a permit, 0 to 1,000,000. Default 0: nobody waits.
func WithMaxWaiting(callers int) BulkheadOption {
	return bulkheadOption(func(s *bulkheadSettings) { s.native.max_waiting = s.count("max_waiting", callers) })
}

// WithCapacity is the most permits that a later Resize can reach, 1 to 4,096; each takes 8 bytes. Default 1,024,
// or WithMaxConcurrent's if that is more. Only when the bulkhead is made.
func WithCapacity(permits int) BulkheadOption {
	return bulkheadOption(func(s *bulkheadSettings) {
		if s.live {
			s.reject("capacity", "a new capacity", "none, it cannot change on a live bulkhead")
			return
		}
		s.capacity, s.capacityGiven = s.count("capacity", permits), true
	})
}

// A WaitOption is [WithMaxWait].
type WaitOption interface {
	BulkheadOption
	LimiterOption
}

type waitOption time.Duration

func (o waitOption) applyBulkhead(s *bulkheadSettings) {
	s.maxWait = span(uint64(s.duration("max_wait", time.Duration(o))))
}

func (o waitOption) applyLimiter(s *limiterSettings) {
	s.maxWait = span(uint64(s.duration("max_wait", time.Duration(o))))
}

// WithMaxWait is the longest time that [Bulkhead.Acquire] (with [WithMaxWaiting]) or [Limiter.Wait] waits, 0 or
// more. Default as long as the context allows.
func WithMaxWait(d time.Duration) WaitOption { return waitOption(d) }

func (s *bulkheadSettings) with(options []BulkheadOption) (nativeBulkheadConfig, error) {
	s.given = nil
	for _, option := range options {
		if option != nil {
			option.applyBulkhead(s)
		}
	}
	if !s.capacityGiven {
		s.capacity = min(max(s.native.max_concurrent, 1024), bulkheadCapacity)
	}
	return s.native, s.check()
}

// A Bulkhead lets only so many calls to a dependency run at once, so that a slow one cannot hold every worker.
//
// Any number of goroutines may use it. Asking never blocks; waiting ([Bulkhead.Acquire]) blocks only its own
// goroutine, in Go, first come first served. Its memory lies outside Go's heap and is freed when nobody has the
// bulkhead or one of its permits any more.
type Bulkhead struct {
	native nativeBulkhead
	name   string
	clock  Clock
	closed atomic.Bool
	// How many wait in line, ordinary and critical. Both sides of a hand-over add to this number: a releaser
	// adds 0 after it has freed its permit, a waiter adds 1 before it looks for a free one again. Whoever comes
	// second sees what the first has done, so no waiter sleeps beside a free permit.
	inLine [2]atomic.Int64
	// Those whom the line turned away. The core never saw them ask, or does not count those who wait.
	turnedAway atomic.Uint64
	// The longest wait, 0 where nobody may wait.
	maxWait atomic.Int64

	lock     sync.Mutex
	lines    [2]line
	settings bulkheadSettings
}

// NewBulkhead makes a bulkhead with all permits free. Without options: 20 permits, nobody waits.
//
// A setting outside its range, or an empty name, is a [*ConfigError].
func NewBulkhead(name string, options ...BulkheadOption) (*Bulkhead, error) {
	if err := mayMake(name); err != nil {
		return nil, err
	}
	settings := bulkheadSettings{native: bulkheadDefaults(), maxWait: forever}
	config, err := settings.with(options)
	if err != nil {
		return nil, err
	}
	b := &Bulkhead{name: name, clock: settings.clock}
	var problem nativeConfigError
	if answer := b.native.init(uint32(settings.capacity), &config, &problem); answer != statusOK {
		return nil, settings.explain(name, answer, &problem, nil)
	}
	if err := settings.accepted(); err != nil {
		return nil, err
	}
	settings.live = true
	b.adopt(settings)
	return b, nil
}

// Name is the name it was made with.
func (b *Bulkhead) Name() string { return b.name }

// TryAcquire asks for a permit without waiting. Release it when the work has really ended, best by defer.
//
// A refusal is a [*RefusedError] that is [ErrBulkheadFull]: all permits that this caller may take are held, or
// others wait in line for one. ErrClosed after Close.
func (b *Bulkhead) TryAcquire() (*BulkheadPermit, error) {
	permit := new(BulkheadPermit)
	if err := b.acquire(permit, priorityOrdinary); err != nil {
		return nil, err
	}
	return permit, nil
}

// TryAcquireCritical is TryAcquire for callers that may take reserved permits too, and take those first.
func (b *Bulkhead) TryAcquireCritical() (*BulkheadPermit, error) {
	permit := new(BulkheadPermit)
	if err := b.acquire(permit, priorityCritical); err != nil {
		return nil, err
	}
	return permit, nil
}

// Acquire asks for a permit and waits for one if the settings let it: at most [WithMaxWaiting] callers at once,
// for at most [WithMaxWait] or until the context ends. First come first served, critical callers before others.
//
// Refusals are [*RefusedError]s that are [ErrBulkheadFull]: at once where nobody may wait or the line is full,
// later when the wait was too long. When the context ends first, its error. ErrClosed after Close. In every
// case nothing is left behind: no permit, no place in the line, no goroutine, no timer.
func (b *Bulkhead) Acquire(ctx context.Context) (*BulkheadPermit, error) {
	return b.wait(ctx, priorityOrdinary)
}

// AcquireCritical is Acquire for callers that may take reserved permits too, and take those first.
func (b *Bulkhead) AcquireCritical(ctx context.Context) (*BulkheadPermit, error) {
	return b.wait(ctx, priorityCritical)
}

func (b *Bulkhead) acquire(permit *BulkheadPermit, priority uint32) error {
	permit.bulkhead = b
	if b.closed.Load() {
		return closed(b.name)
	}
	if b.mustQueue(priority) {
		b.turnedAway.Add(1)
		return refused(b.name, statusBulkheadFull, 0)
	}
	return b.ask(permit, priority)
}

func (b *Bulkhead) ask(permit *BulkheadPermit, priority uint32) error {
	answer := b.native.tryAcquire(priority, moment(b.clock), &permit.native)
	if answer == statusOK {
		return nil
	}
	if answer > statusOK {
		return refused(b.name, answer, permit.native.retry_after_ns)
	}
	return misuse(b.name, answer)
}

// mustQueue says whether somebody stands in line before a caller that comes now.
func (b *Bulkhead) mustQueue(priority uint32) bool {
	return b.inLine[priorityCritical].Load() > 0 ||
		priority == priorityOrdinary && b.inLine[priorityOrdinary].Load() > 0
}

func (b *Bulkhead) adopt(settings bulkheadSettings) {
	b.settings = settings
	longest := settings.maxWait
	if settings.native.max_waiting == 0 {
		longest = 0
	}
	b.maxWait.Store(int64(longest))
}

// Resize changes the number of permits and how many of them are reserved. Holders keep theirs; after a shrink
// new ones are given once the holders are below the new limit. Never blocks.
func (b *Bulkhead) Resize(maxConcurrent, reserved int) error {
	return b.Reconfigure(WithMaxConcurrent(maxConcurrent), WithReserved(reserved))
}

// Reconfigure changes settings of a live bulkhead and leaves all others as they are. Holders keep their permits
// and waiters their places. Clock and capacity cannot change.
func (b *Bulkhead) Reconfigure(options ...BulkheadOption) error {
	if b.closed.Load() {
		return closed(b.name)
	}
	b.lock.Lock()
	defer b.lock.Unlock()
	settings := b.settings
	config, err := settings.with(options)
	if err != nil {
		return err
	}
	settings.capacity = b.settings.capacity
	var problem nativeConfigError
	if err := settings.accepted(); err != nil {
		var probe nativeBulkhead
		if answer := probe.init(uint32(settings.capacity), &config, &problem); answer != statusOK {
			return settings.explain(b.name, answer, &problem, nil)
		}
		return err
	}
	if answer := b.native.reconfigure(&config, &problem); answer != statusOK {
		return settings.explain(b.name, answer, &problem, nil)
	}
	b.adopt(settings)
	b.serve()
	return nil
}

// Close ends the use of the bulkhead: those who wait and whoever asks later get [ErrClosed]. There is no need to
// close a bulkhead; its memory is freed when nobody has it any more.
func (b *Bulkhead) Close() error {
	b.lock.Lock()
	defer b.lock.Unlock()
	b.closed.Store(true)
	b.dismiss()
	return nil
}

// A BulkheadSnapshot is what a bulkhead looked like at one moment.
type BulkheadSnapshot struct {
	// Limit is the permits in all, Reserved those of them for critical callers, Capacity the most there can be.
	Limit    int `json:"limit"`
	Reserved int `json:"reserved"`
	Capacity int `json:"capacity"`
	// InUse is the permits held, Waiting the callers in line.
	InUse   int `json:"in_use"`
	Waiting int `json:"waiting"`
	// Rejected is the callers turned away, ever, also after a wait that was too long; those that waited and were
	// served, or left because their context ended, are not among them. ShadowRefused is those that would have
	// been turned away outside shadow mode.
	Rejected      uint64 `json:"rejected"`
	ShadowRefused uint64 `json:"shadow_refused"`
	// Stale is the releases that came twice or too late, ever.
	Stale uint64 `json:"stale"`
	// LongestHold is how long the oldest permit has been held, to about a millisecond.
	LongestHold time.Duration `json:"longest_hold_ns"`
}

// Snapshot looks at the bulkhead and changes nothing. All zero after Close.
func (b *Bulkhead) Snapshot() BulkheadSnapshot {
	if b.closed.Load() {
		return BulkheadSnapshot{}
	}
	s, _ := b.native.snapshot(moment(b.clock))
	seen := bulkheadSnapshot(&s)
	seen.Rejected += b.turnedAway.Load()
	return seen
}

func bulkheadSnapshot(s *nativeBulkheadSnapshot) BulkheadSnapshot {
	return BulkheadSnapshot{
		Limit:         int(s.max_concurrent),
		Reserved:      int(s.reserved),
		Capacity:      int(s.capacity),
		InUse:         int(s.in_use),
		Waiting:       int(s.waiting),
		Rejected:      uint64(s.rejected),
		ShadowRefused: uint64(s.shadow_refused),
		Stale:         uint64(s.stale),
		LongestHold:   span(uint64(s.longest_hold_ns)),
	}
}

// A BulkheadPermit is leave to hold one place until Release.
type BulkheadPermit struct {
	native   nativePermit
	bulkhead *Bulkhead
}

// Release gives the permit back. A second release frees nothing: it is counted, and answered with [ErrStale].
// ErrClosed after the bulkhead's Close. Any goroutine may release; of several, one frees the place.
func (p *BulkheadPermit) Release() error {
	b := p.bulkhead
	if b == nil {
		return ErrStale
	}
	if b.closed.Load() {
		return closed(b.name)
	}
	return b.release(p.native)
}

// release takes the permit by value: the core, not a mark of ours, knows whether its place is still held.
func (b *Bulkhead) release(permit nativePermit) error {
	answer := b.native.release(&permit)
	if b.inLine[priorityOrdinary].Add(0)+b.inLine[priorityCritical].Add(0) > 0 {
		b.lock.Lock()
		b.serve()
		b.lock.Unlock()
	}
	if answer != statusOK {
		return misuse(b.name, answer)
	}
	return nil
}
