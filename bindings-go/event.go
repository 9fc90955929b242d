//go:build cgo

package seawall

import (
	"context"
	"encoding/json"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// An EventKind is what kind of thing happened.
type EventKind string

const (
	// EventStateChange: the breaker changed its state. From, To.
	EventStateChange EventKind = "state_change"
	// EventRefusal: a call was refused before any attempt. Reason, RetryAfter, Limit.
	EventRefusal EventKind = "refusal"
	// EventRetry: an attempt failed, and another one follows. Attempt, Delay, Err.
	EventRetry EventKind = "retry"
	// EventFallback: a fallback served. Step, Source, Reason.
	EventFallback EventKind = "fallback"
	// EventLateResult: a result came after its call had ended, or after the breaker had changed its state. Attempt,
	// Outcome.
	EventLateResult EventKind = "late_result"
)

// An Event is something that happened at a dependency. Each kind has its own fields; the others are zero. JSON has those
// of the kind alone, durations in nanoseconds.
type Event struct {
	// Kind is what kind of thing, Dependency the name of where.
	Kind       EventKind
	Dependency string
	// At is when, on the clock of the wall.
	At time.Duration
	// From and To are the states of a change.
	From, To State
	// Reason is the word for a refusal ("breaker_open"), or for why the dependency gave nothing ("attempts_used").
	Reason string
	// RetryAfter is how long until asking again can help; 0 when nobody knows.
	RetryAfter time.Duration
	// Limit is the rate limit that refused.
	Limit string
	// Attempt is the one that failed, or came late, from 1.
	Attempt int
	// Delay is the wait before the next attempt.
	Delay time.Duration
	// Err is the error of the attempt; nil when a result was the failure.
	Err error
	// Step is the step of the chain that served, from 0, and Source what it is: "value", "function" or "last_good".
	Step   int
	Source string
	// Outcome is what came late.
	Outcome Outcome
}

// MarshalJSON writes the fields of the event's kind.
func (e Event) MarshalJSON() ([]byte, error) {
	fields := map[string]any{"kind": e.Kind, "dependency": e.Dependency, "at_ns": e.At}
	for _, attribute := range e.attributes() {
		name, value := attribute.Key, attribute.Value.Any()
		if attribute.Value.Kind() == slog.KindDuration {
			name += "_ns"
		}
		fields[name] = value
	}
	return json.Marshal(fields)
}

// hooks is those who want to know. Telling takes no lock: the list is replaced, never changed.
type hooks struct {
	lock     sync.Mutex
	list     atomic.Pointer[[]*func(Event)]
	failures atomic.Uint64
}

func (h *hooks) add(hook func(Event)) (remove func()) {
	if hook == nil {
		panic(&ConfigError{Field: "hook", Value: "nil", Min: "a function", kind: ErrArgument})
	}
	mine := &hook
	h.change(func(list []*func(Event)) []*func(Event) { return append(list, mine) })
	return func() {
		h.change(func(list []*func(Event)) (kept []*func(Event)) {
			for _, other := range list {
				if other != mine {
					kept = append(kept, other)
				}
			}
			return kept
		})
	}
}

func (h *hooks) change(to func([]*func(Event)) []*func(Event)) {
	h.lock.Lock()
	defer h.lock.Unlock()
	var list []*func(Event)
	if old := h.list.Load(); old != nil {
		list = append(list, *old...)
	}
	list = to(list)
	h.list.Store(&list)
}

func (h *hooks) listen() bool {
	list := h.list.Load()
	return list != nil && len(*list) > 0
}

func (h *hooks) tell(event *Event) {
	list := h.list.Load()
	if list == nil {
		return
	}
	for _, hook := range *list {
		h.run(*hook, event)
	}
}

func (h *hooks) run(hook func(Event), event *Event) {
	defer func() {
		if recover() != nil {
			h.failures.Add(1)
		}
	}()
	hook(*event)
}

// OnEvent calls a function with everything that happens at any dependency from now on, until the answer is
// called. It runs on the goroutine where it happened, after the state is visible to all, under no lock; let it be
// short. A panic in it is recovered and counted, and the call goes on. Panics with a [*ConfigError] where there is no
// function.
func (w *Seawall) OnEvent(hook func(Event)) (remove func()) { return w.hooks.add(hook) }

// OnEvent is [Seawall.OnEvent] for one dependency; its hooks run before those of the wall.
func (d *Dependency) OnEvent(hook func(Event)) (remove func()) { return d.hooks.add(hook) }

// HookFailures is how often a hook panicked, those of the dependencies included.
func (w *Seawall) HookFailures() uint64 {
	failures := w.hooks.failures.Load()
	w.lock.Lock()
	defer w.lock.Unlock()
	for _, dependency := range w.dependencies {
		failures += dependency.hooks.failures.Load()
	}
	return failures
}

func (d *Dependency) watched() bool { return d.hooks.listen() || d.wall.hooks.listen() }

func (d *Dependency) tell(event Event) {
	event.Dependency, event.At = d.name, d.now()
	d.hooks.tell(&event)
	d.wall.hooks.tell(&event)
}

// toldTransition tells of a state change as the core writes it: 0x10000 | before | after << 8, or 0.
func (d *Dependency) toldTransition(transition uint32) {
	if transition != 0 && d.watched() {
		from, to := State(transition&0xff), State(transition>>8&0xff)
		d.tell(Event{Kind: EventStateChange, From: from, To: to})
	}
}

// LogEvents is a hook for OnEvent that writes each event to a logger: state changes as warnings, retries and
// fallbacks as information, refusals and late results as debugging. The messages are "seawall: " and the kind.
func LogEvents(logger *slog.Logger) func(Event) {
	return func(e Event) {
		level := slog.LevelDebug
		switch e.Kind {
		case EventStateChange:
			level = slog.LevelWarn
		case EventRetry, EventFallback:
			level = slog.LevelInfo
		}
		if !logger.Enabled(context.Background(), level) {
			return
		}
		logger.LogAttrs(context.Background(), level, "seawall: "+string(e.Kind), e.attributes()...)
	}
}

func (e *Event) attributes() []slog.Attr {
	all := []slog.Attr{slog.String("dependency", e.Dependency)}
	switch e.Kind {
	case EventStateChange:
		all = append(all, slog.String("from", e.From.String()), slog.String("to", e.To.String()))
	case EventRefusal:
		all = append(all, slog.String("reason", e.Reason), slog.Duration("retry_after", e.RetryAfter))
		if e.Limit != "" {
			all = append(all, slog.String("limit", e.Limit))
		}
	case EventRetry:
		all = append(all, slog.Int("attempt", e.Attempt), slog.Duration("delay", e.Delay))
		if e.Err != nil {
			all = append(all, slog.String("error", e.Err.Error()))
		}
	case EventFallback:
		all = append(all, slog.Int("step", e.Step), slog.String("source", e.Source), slog.String("reason", e.Reason))
	case EventLateResult:
		all = append(all, slog.Int("attempt", e.Attempt), slog.String("outcome", e.Outcome.String()))
	}
	return all
}
