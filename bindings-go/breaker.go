//go:build cgo

package seawall

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// A State is what a breaker lets through.
type State uint32

const (
	// StateClosed: everybody may call.
	StateClosed State = stateClosed
	// StateOpen: nobody may call until the open time is over.
	StateOpen State = stateOpen
	// StateHalfOpen: a few probes may call.
	StateHalfOpen State = stateHalfOpen
	// StateForcedOpen: nobody may call until a reset by hand.
	StateForcedOpen State = stateForcedOpen
	// StateDisabled: everybody may call, nothing is recorded.
	StateDisabled State = stateDisabled
)

// MarshalText is the word of String, so that JSON has it.
func (s State) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// String is the state as metrics name it, such as "half_open".
func (s State) String() string {
	switch s {
	case StateClosed:
		return "closed"
	case StateOpen:
		return "open"
	case StateHalfOpen:
		return "half_open"
	case StateForcedOpen:
		return "forced_open"
	case StateDisabled:
		return "disabled"
	}
	return fmt.Sprintf("state %d", uint32(s))
}

// A Breaker stops calls to a dependency that keeps failing, and tries it again with a few probes later.
//
// Use it by hand, with [Breaker.TryAcquire] and the permit it gives, or let [Do] do it. Any number of
// goroutines may use one breaker; nothing blocks, and nothing is allocated for calls that are let through.
// Its 1.3 KB live outside Go's heap and are freed when nobody has the breaker or one of its permits any more.
type Breaker struct {
	native  nativeBreaker
	name    string
	clock   Clock
	closed  atomic.Bool
	changed func(name string, from, to State)
	call    callSettings

	lock     sync.Mutex
	settings breakerSettings
}

// NewBreaker makes a closed breaker. Without options: open after 5 failures in a row, or at 50 % of at least
// 20 calls within 10 s; stay open for 30 s, then twice as long each time up to 5 min; one probe.
//
// A setting outside its range, or an empty name, is a [*ConfigError].
func NewBreaker(name string, options ...BreakerOption) (*Breaker, error) {
	if err := mayMake(name); err != nil {
		return nil, err
	}
	settings := breakerSettings{native: breakerDefaults()}
	settings.native.seed = u64(Random())
	config, err := settings.with(options)
	if err != nil {
		return nil, err
	}
	b := &Breaker{name: name, clock: settings.clock, changed: settings.changed, call: settings.call}
	var problem nativeConfigError
	if answer := b.native.init(&config, &problem); answer != statusOK {
		return nil, settings.explain(name, answer, &problem, breakerUnits)
	}
	if err := settings.accepted(); err != nil {
		return nil, err
	}
	settings.live = true
	b.settings = settings
	return b, nil
}

// Name is the name it was made with.
func (b *Breaker) Name() string { return b.name }

// TryAcquire asks for leave to make one call. Say how the call ended with the permit's Record, Success, Failure
// or Throttled, or give it back with Cancel, best by defer: Cancel does nothing once a result is recorded.
//
// A refusal is a [*RefusedError] that is [ErrBreakerOpen]; ErrClosed after Close. Never blocks.
func (b *Breaker) TryAcquire() (*BreakerPermit, error) {
	// Small enough to be inlined: then the permit lives on the caller's stack.
	permit := new(BreakerPermit)
	if err := b.acquire(permit); err != nil {
		return nil, err
	}
	return permit, nil
}

func (b *Breaker) acquire(permit *BreakerPermit) error {
	permit.breaker = b
	if b.closed.Load() {
		return closed(b.name)
	}
	answer := b.native.tryAcquire(moment(b.clock), &permit.native)
	if answer == statusOK {
		if permit.native.transition != 0 {
			b.tell(uint32(permit.native.transition))
		}
		return nil
	}
	if answer > statusOK {
		return refused(b.name, answer, permit.native.retry_after_ns)
	}
	return misuse(b.name, answer)
}

// ForceOpen refuses every call until Reset.
func (b *Breaker) ForceOpen() error { return b.byHand(b.native.forceOpen) }

// Disable lets every call through and records nothing until Reset.
func (b *Breaker) Disable() error { return b.byHand(b.native.disable) }

// Reset closes the breaker with an empty window, whatever its state. Its counters stay.
func (b *Breaker) Reset() error { return b.byHand(b.native.reset) }

func (b *Breaker) byHand(change func() (uint32, status)) error {
	if b.closed.Load() {
		return closed(b.name)
	}
	transition, answer := change()
	if answer != statusOK {
		return misuse(b.name, answer)
	}
	b.tell(transition)
	return nil
}

// State is the state right now. An open breaker whose time is over stays open until somebody asks for a permit.
func (b *Breaker) State() State { return State(b.native.state()) }

// Reconfigure changes settings of a live breaker and leaves all others as they are. State and counters stay;
// the window is emptied only if its shape changes. Clock and callbacks cannot change.
func (b *Breaker) Reconfigure(options ...BreakerOption) error {
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
	if err := settings.accepted(); err != nil {
		// Wrong in any case; a throwaway breaker says which range it breaks, and ours is not touched.
		var probe nativeBreaker
		var problem nativeConfigError
		if answer := probe.init(&config, &problem); answer != statusOK {
			return settings.explain(b.name, answer, &problem, breakerUnits)
		}
		return err
	}
	var problem nativeConfigError
	if answer := b.native.reconfigure(&config, &problem); answer != statusOK {
		return settings.explain(b.name, answer, &problem, breakerUnits)
	}
	b.settings = settings
	return nil
}

// Close ends the use of the breaker: whatever is asked of it or of its permits later is [ErrClosed]. There is
// no need to close a breaker; its memory is freed when nobody has it any more.
func (b *Breaker) Close() error {
	b.closed.Store(true)
	return nil
}

// tell calls the user's callback, whose panics must not become the call's.
func (b *Breaker) tell(transition uint32) {
	if transition == 0 || b.changed == nil {
		return
	}
	defer func() { _ = recover() }()
	b.changed(b.name, State(transition&0xFF), State(transition>>8&0xFF))
}

// A BreakerSnapshot is what a breaker looked like at one moment. Counters only grow, over all states and resets.
type BreakerSnapshot struct {
	State State `json:"state"`
	// Generation is the number of state changes so far, modulo 65,536.
	Generation uint16 `json:"generation"`
	// Streak is the failures in a row; 0 unless closed.
	Streak uint64 `json:"streak"`
	// WindowCalls, WindowFailures and WindowSlow are what the window holds; 0 unless closed.
	WindowCalls    uint64 `json:"window_calls"`
	WindowFailures uint64 `json:"window_failures"`
	WindowSlow     uint64 `json:"window_slow"`
	// ProbesInFlight is the probes under way.
	ProbesInFlight uint32 `json:"probes_in_flight"`
	// RetryAfter is how long until somebody may go; 0 when now, or when nobody knows.
	RetryAfter time.Duration `json:"retry_after_ns"`
	// Success, Failure and Ignored are the calls recorded so, Slow those of them that took too long.
	Success uint64 `json:"success"`
	Failure uint64 `json:"failure"`
	Ignored uint64 `json:"ignored"`
	Slow    uint64 `json:"slow"`
	// Refused is the calls refused, ShadowRefused those that would have been outside shadow mode.
	Refused       uint64 `json:"refused"`
	ShadowRefused uint64 `json:"shadow_refused"`
	// Late is the results that came too late to count.
	Late uint64 `json:"late"`
	// Opened is how often it opened.
	Opened uint64 `json:"opened"`
}

// Snapshot looks at the breaker and changes nothing. All zero after Close.
func (b *Breaker) Snapshot() BreakerSnapshot {
	if b.closed.Load() {
		return BreakerSnapshot{}
	}
	s, _ := b.native.snapshot(moment(b.clock))
	return breakerSnapshot(&s)
}

func breakerSnapshot(s *nativeBreakerSnapshot) BreakerSnapshot {
	return BreakerSnapshot{
		State:          State(s.state),
		Generation:     uint16(s.generation),
		Streak:         uint64(s.streak),
		WindowCalls:    uint64(s.window_calls),
		WindowFailures: uint64(s.window_failures),
		WindowSlow:     uint64(s.window_slow),
		ProbesInFlight: uint32(s.probes_in_flight),
		RetryAfter:     span(uint64(s.retry_after_ns)),
		Success:        uint64(s.success),
		Failure:        uint64(s.failure),
		Ignored:        uint64(s.ignored),
		Slow:           uint64(s.slow),
		Refused:        uint64(s.refused),
		ShadowRefused:  uint64(s.shadow_refused),
		Late:           uint64(s.late),
		Opened:         uint64(s.opened),
	}
}

// A BreakerPermit is leave to make one call. Use it once; of several goroutines that use it, one is heard.
type BreakerPermit struct {
	native  nativePermit
	breaker *Breaker
	used    atomic.Bool
}

// Record says how the call ended. [ErrLate] when the breaker has changed its state since the call began: the
// result was counted as late and may be forgotten. [ErrSpent] when the permit was used before, ErrClosed after
// the breaker's Close; nothing was changed then.
func (p *BreakerPermit) Record(outcome Outcome) error { return p.record(outcome, 0) }

// Success records that the call did what was asked; see Record.
func (p *BreakerPermit) Success() error { return p.record(Success, 0) }

// Failure records that the dependency failed; see Record.
func (p *BreakerPermit) Failure() error { return p.record(Failure, 0) }

// Throttled records a failure with which the server asked to be left alone for a while (Retry-After). If it
// opens the breaker, the breaker stays open at least that long, up to a day. See Record.
func (p *BreakerPermit) Throttled(retryAfter time.Duration) error {
	return p.record(Failure, retryAfter)
}

func (p *BreakerPermit) record(outcome Outcome, retryAfter time.Duration) error {
	b := p.breaker
	if err := outcome.check(); err != nil {
		return err
	}
	if b == nil {
		return ErrSpent
	}
	if b.closed.Load() {
		return closed(b.name)
	}
	if p.used.Swap(true) {
		return misuse(b.name, statusSpent)
	}
	return b.finished(&p.native, b.native.record(&p.native, uint32(outcome), nanos(retryAfter), moment(b.clock)))
}

// Cancel gives the permit back unused: neither success nor failure, and a probe's seat is free again. Does
// nothing once the permit was used. [ErrLate] and ErrClosed as for Record, and just as harmless.
func (p *BreakerPermit) Cancel() error {
	b := p.breaker
	if b == nil || p.used.Swap(true) {
		return nil
	}
	if b.closed.Load() {
		return closed(b.name)
	}
	return b.finished(&p.native, b.native.cancel(&p.native))
}

func (b *Breaker) finished(permit *nativePermit, answer status) error {
	if permit.transition != 0 {
		b.tell(uint32(permit.transition))
	}
	if answer == statusOK {
		return nil
	}
	return misuse(b.name, answer)
}
