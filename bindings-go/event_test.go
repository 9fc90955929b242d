package seawall

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"
)

func TestEventsTellWhatHappens(t *testing.T) {
	d := depended(Policy{
		Retry:   &RetryPolicy{Attempts: 2, Base: time.Millisecond, Jitter: JitterNone},
		Breaker: &BreakerPolicy{ConsecutiveFailures: Value(1), OpenFor: time.Second, OpenJitter: Value(0.0)},
	}, WithClock(manual()))
	d.wall.clock.(*ManualClock).Advance(0)
	var seen []string
	remove := d.wall.OnEvent(func(e Event) {
		seen = append(seen, fmt.Sprintf("%s %s %v->%v %s %v %d", e.Kind, e.Dependency, e.From, e.To, e.Reason, e.RetryAfter, e.Attempt))
		if e.Kind == EventRetry && (!errors.Is(e.Err, errReset) || e.Delay != time.Millisecond) {
			t.Errorf("%+v", e)
		}
	})
	call := func() { _ = d.Do(t.Context(), func(context.Context) error { return errReset }) }
	noWaiting(t, d)
	call()
	call()
	remove()
	noError(t, d.Reset())
	want := []string{
		"retry payments closed->closed  0s 1", "state_change payments closed->open  0s 0", "refusal payments closed->closed breaker_open 1s 0",
	}
	if got := strings.Join(seen, "\n"); got != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", got, strings.Join(want, "\n"))
	}
}

// noWaiting makes a dependency with a manual clock wait for nothing.
func noWaiting(t *testing.T, d *Dependency) {
	t.Helper()
	of := scriptOf(d)
	of.SetClock(d.wall.clock.(*ManualClock))
	t.Cleanup(func() { of.SetClock(nil) })
}

func TestStatesChangedByHandAreEvents(t *testing.T) {
	d := depended(Policy{})
	var seen []string
	d.OnEvent(func(e Event) { seen = append(seen, fmt.Sprint(e.From, "->", e.To)) })
	noError(t, d.ForceOpen())
	noError(t, d.Disable())
	noError(t, d.Reset())
	if fmt.Sprint(seen) != "[closed->forced_open forced_open->disabled disabled->closed]" {
		t.Error(seen)
	}
}

func TestAHookThatPanicsIsCountedAndTheOthersHear(t *testing.T) {
	d, heard := depended(Policy{}), 0
	d.OnEvent(func(Event) { panic("a bug in a hook") })
	d.wall.OnEvent(func(Event) { heard++ })
	noError(t, d.ForceOpen())
	_ = d.Do(t.Context(), succeeds)
	if heard != 2 || d.wall.HookFailures() != 2 {
		t.Errorf("heard %d, %d failures", heard, d.wall.HookFailures())
	}
}

func TestAnEventIsReadyForALine(t *testing.T) {
	d := depended(Policy{}, WithClock(manual()))
	var text []byte
	d.OnEvent(func(e Event) { text = must(json.Marshal(e)) })
	noError(t, d.ForceOpen())
	if got := string(text); got != `{"at_ns":1000000000,"dependency":"payments","from":"closed","kind":"state_change","to":"forced_open"}` {
		t.Error(got)
	}
	_ = d.Do(t.Context(), succeeds)
	if got := string(text); got != `{"at_ns":1000000000,"dependency":"payments","kind":"refusal","reason":"breaker_forced_open","retry_after_ns":0}` {
		t.Error(got)
	}
}

func TestAHookThatIsNoneIsAnErrorAtOnce(t *testing.T) {
	defer func() {
		if err, ok := recover().(error); !ok || asConfigError(t, err).Field != "hook" {
			t.Errorf("got %v", err)
		}
	}()
	depended(Policy{}).OnEvent(nil)
}

func TestAHookMayCallTheDependency(t *testing.T) {
	d := depended(Policy{})
	d.OnEvent(func(Event) {
		_ = d.Snapshot()
		d.OnEvent(func(Event) {})
	})
	noError(t, d.ForceOpen())
}

func TestALoggerGetsALineForEachEvent(t *testing.T) {
	var text bytes.Buffer
	logger := slog.New(slog.NewTextHandler(&text, &slog.HandlerOptions{Level: slog.LevelDebug}))
	d := depended(Policy{Retry: retrying(2)}, WithLogger(logger))
	_, _ = Call(t.Context(), d, func(context.Context) (int, error) { return 0, errReset }, WithFallback(FallbackValue(1)))
	noError(t, d.ForceOpen())
	_ = d.Do(t.Context(), succeeds)
	for _, line := range []string{
		`level=INFO msg="seawall: retry" dependency=payments attempt=1`, `level=INFO msg="seawall: fallback" dependency=payments step=0 source=value reason=attempts_used`,
		`level=WARN msg="seawall: state_change" dependency=payments from=closed to=forced_open`,
		`level=DEBUG msg="seawall: refusal" dependency=payments reason=breaker_forced_open`,
	} {
		if !strings.Contains(text.String(), line) {
			t.Errorf("%s is missing in\n%s", line, text.String())
		}
	}
}

func TestASnapshotIsReadyForADashboard(t *testing.T) {
	d := depended(Policy{Bulkhead: &BulkheadPolicy{}, Retry: &RetryPolicy{}, RateLimits: []RatePolicy{{Permits: 10}}})
	noError(t, d.Do(t.Context(), succeeds))
	text := string(must(json.Marshal(d.wall.Snapshot())))
	for _, part := range []string{
		`"payments":{"name":"payments","criticality":"important","calls":1,"successes":1`, `"breaker":{"state":"closed"`, `"in_use":0`,
		`"rate_limits":{"requests":{"limit":10,"remaining":9`, `"tokens":10`, `"p99_ns":`,
	} {
		if !strings.Contains(text, part) {
			t.Errorf("%s is missing in\n%s", part, text)
		}
	}
}
