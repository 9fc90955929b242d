//go:build cgo

package seawall

import (
	"runtime"
	"sync/atomic"
	"time"

	"seawall.dev/go/internal/script"
)

// A Dependency is something this service calls, by name: a policy and its live state, from a [Seawall]. Any goroutine
// may use it. Calls go through [Call] and [Dependency.Do].
type Dependency struct {
	name   string
	native nativeDependency
	wall   *Seawall
	hooks  hooks
	queue  queue
	facts  atomic.Pointer[facts]
	script atomic.Pointer[script.Script]
}

// facts is what a driver needs to know of the policy in force.
type facts struct {
	generation uint64
	nativeDependencyAbout
	limits [limitersMax]string
}

// about is the policy in force, asked for once after each change.
func (d *Dependency) about() *facts {
	generation := d.wall.generation.Load()
	if known := d.facts.Load(); known != nil && known.generation == generation {
		return known
	}
	// Read before the look: a change in between is seen next time.
	found := &facts{generation: generation, nativeDependencyAbout: d.native.about()}
	for i := range min(int(found.limiters), limitersMax) {
		found.limits[i] = d.native.limiterName(i)
	}
	d.facts.Store(found)
	return found
}

func (*Dependency) guard() {}

// Name is its name.
func (d *Dependency) Name() string { return d.name }

// Facts is the part of a policy in force that its users may want to know. Durations are nanoseconds in JSON.
type Facts struct {
	// Criticality is how much the service needs it, Fallback whether something else may be served.
	Criticality Criticality  `json:"criticality"`
	Fallback    FallbackRule `json:"fallback"`
	// Attempts is the attempts in all, 1 without retries.
	Attempts int `json:"attempts"`
	// Timeout is the time of one attempt, ConnectTimeout that of connecting: Timeout, where the policy gives none.
	Timeout        time.Duration `json:"timeout_ns"`
	ConnectTimeout time.Duration `json:"connect_timeout_ns"`
	// Deadline is the time of a whole call; 0: no limit but the context's.
	Deadline time.Duration `json:"deadline_ns"`
	// MaxWait is how long a call waits for a place, of which there are MaxConcurrent; 0: no bulkhead.
	MaxWait       time.Duration `json:"max_wait_ns"`
	MaxConcurrent int           `json:"max_concurrent"`
	// Idempotent says whether what may have been carried out may be sent again, IdempotencyKey whether HTTP clients
	// send a key.
	Idempotent     bool `json:"idempotent"`
	IdempotencyKey bool `json:"idempotency_key"`
	// RateLimits is the names of the rate limits, as [WithCost] and [Dependency.Adjust] want them.
	RateLimits []string `json:"rate_limits"`
}

// Facts is what the policy in force says.
func (d *Dependency) Facts() Facts {
	f := d.about()
	found := Facts{
		Criticality: criticality(uint32(f.criticality)), Fallback: fallbackRule(uint32(f.fallback)),
		Attempts: int(f.attempts), Timeout: span(uint64(f.timeout_ns)), ConnectTimeout: span(uint64(f.connect_timeout_ns)),
		MaxWait: span(uint64(f.max_wait_ns)), MaxConcurrent: int(f.max_concurrent),
		Idempotent: f.idempotent != 0, IdempotencyKey: f.sends_key != 0,
	}
	if found.ConnectTimeout == 0 {
		found.ConnectTimeout = found.Timeout
	}
	if f.deadline_ns != never {
		found.Deadline = span(uint64(f.deadline_ns))
	}
	found.RateLimits = append(found.RateLimits, f.limits[:f.limiters]...)
	return found
}

func criticality(number uint32) Criticality {
	return [...]Criticality{criticalityCritical: Critical, criticalityImportant: Important, criticalityOptional: Optional}[number]
}

func fallbackRule(number uint32) FallbackRule {
	return [...]FallbackRule{
		fallbackForbidden: FallbackForbidden, fallbackAllowed: FallbackAllowed, fallbackExpected: FallbackExpected,
	}[number]
}

// ForceOpen refuses every call until Reset. [ErrClosed] after the wall's Close; so do the next three.
func (d *Dependency) ForceOpen() error { return d.steer(d.native.forceOpen) }

// Disable admits every call and records nothing until Reset.
func (d *Dependency) Disable() error { return d.steer(d.native.disable) }

// Reset closes the breaker, without memory.
func (d *Dependency) Reset() error { return d.steer(d.native.reset) }

func (d *Dependency) steer(change func() uint32) error {
	if d.wall.closed.Load() {
		return closed(d.name)
	}
	d.toldTransition(change())
	return nil
}

// Adjust corrects the cost of a call after the fact: takes so many tokens more from the rate limit of this name, or
// gives back when negative. For costs that are known only afterwards, such as the tokens of a language model.
func (d *Dependency) Adjust(limit string, tokens int64) error {
	if d.wall.closed.Load() {
		return closed(d.name)
	}
	index, err := d.about().limit(limit)
	if err != nil {
		return err
	}
	answer := d.native.adjust(index, tokens, moment(d.wall.clock))
	runtime.KeepAlive(d)
	if answer != statusOK {
		return misuse(d.name, answer)
	}
	return nil
}

func (f *facts) limit(name string) (int, error) {
	known := f.limits[:f.limiters]
	for i, limit := range known {
		if limit == name {
			return i, nil
		}
	}
	return 0, &ConfigError{Field: "limit", Value: name, Min: known, kind: ErrArgument}
}

// release gives back a place that was kept beyond its call.
func (d *Dependency) release(kept *nativePermit) {
	d.native.release(kept)
	d.queue.wake()
}

// moves is the clock that moves in place of waiting, in tests.
func (d *Dependency) moves() script.Clock {
	if script := d.script.Load(); script != nil {
		return script.Clock()
	}
	return nil
}

func init() {
	script.Of = func(dependency any) *script.Script {
		d := dependency.(*Dependency)
		d.script.CompareAndSwap(nil, new(script.Script))
		return d.script.Load()
	}
	script.Force = func(dependency any, state uint32) error { return dependency.(*Dependency).force(State(state)) }
}

// force brings the breaker into a state, for tests: into open as failures would, into half-open with its probes free.
func (d *Dependency) force(state State) error {
	defer runtime.KeepAlive(d)
	breaker := d.native.breaker()
	if d.wall.closed.Load() {
		return closed(d.name)
	}
	if breaker == nil {
		return &ConfigError{Field: "state", Value: state.String(), Min: "a policy with a breaker", kind: ErrArgument}
	}
	switch state {
	case StateForcedOpen:
		return d.ForceOpen()
	case StateDisabled:
		return d.Disable()
	}
	if err := d.Reset(); err != nil || state == StateClosed {
		return err
	}
	now := since(d.now())
	// More failures than any rule waits for.
	for range 1_100_000 {
		var permit nativePermit
		if breaker.tryAcquire(now, &permit) != statusOK {
			break
		}
		breaker.record(&permit, outcomeFailure, 0, now)
		if breaker.state() != stateClosed {
			break
		}
	}
	if state == StateHalfOpen && breaker.state() == stateOpen {
		// Seen from the end of the open time, which the wall's clock need not have reached.
		var permit nativePermit
		seen, _ := breaker.snapshot(now)
		if breaker.tryAcquire(now+uint64(seen.retry_after_ns), &permit) == statusOK {
			breaker.cancel(&permit)
		}
	}
	if State(breaker.state()) != state {
		return &ConfigError{Field: "state", Value: state.String(), Min: "a breaker that failures open", kind: ErrArgument}
	}
	return nil
}

// now is the time by the wall's clock.
func (d *Dependency) now() time.Duration {
	if clock := d.wall.clock; clock != nil {
		return clock.Now()
	}
	return Now()
}
