package seawalltest_test

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"testing"
	"time"

	"seawall.dev/go"
	"seawall.dev/go/seawalltest"
)

const policies = `
[dependency.payments]
timeout = "1s"
retry = { attempts = 3, base = "10s" }
bulkhead = { max_concurrent = 1, max_wait = "1m" }
rate_limit = { rate = "1/s", burst = 10, max_wait = "1m" }
[dependency.bare]
timeout = "1s"
breaker = "off"
[dependency.deaf]
timeout = "1s"
breaker = { consecutive_failures = 0, failure_rate = "0%", slow_rate = "50%", slow_after = "1s" }
`

func opened(t *testing.T) (*seawall.Seawall, *seawalltest.FakeClock) {
	t.Helper()
	clock := seawalltest.NewClock()
	wall, err := seawall.Parse(policies, seawall.WithClock(clock))
	if err != nil {
		t.Fatal(err)
	}
	return wall, clock
}

func attempts(ctx context.Context, payments *seawall.Dependency) (int, error) {
	return seawall.Call(ctx, payments, func(ctx context.Context) (int, error) { return seawall.AttemptFrom(ctx).Number, nil })
}

func TestInjectedErrorsAreRetriedWithoutWaiting(t *testing.T) {
	wall, clock := opened(t)
	payments := wall.MustDependency("payments")
	start, began := time.Now(), clock.Now()
	t.Run("scripted", func(t *testing.T) {
		seawalltest.NoWaiting(t, payments, clock)
		seawalltest.Inject(t, payments, seawalltest.Fault{Err: syscall.ECONNRESET, Times: 2})
		if number, err := attempts(t.Context(), payments); number != 3 || err != nil {
			t.Errorf("attempt %d, %v", number, err)
		}
		seawalltest.Inject(t, payments, seawalltest.Fault{Err: errors.New("down")})
		if number, err := attempts(t.Context(), payments); number != 0 || err == nil {
			t.Errorf("attempt %d, %v", number, err)
		}
	})
	if number, err := attempts(t.Context(), payments); number != 1 || err != nil {
		t.Errorf("after the test: attempt %d, %v", number, err)
	}
	if clock.Now() == began || time.Since(start) > 5*time.Second {
		t.Errorf("the clock moved by %v, in %v", clock.Now()-began, time.Since(start))
	}
}

func TestInjectedLatency(t *testing.T) {
	wall, clock := opened(t)
	payments := wall.MustDependency("payments")
	seawalltest.NoWaiting(t, payments, clock)
	seawalltest.Inject(t, payments, seawalltest.Fault{Latency: time.Hour, Times: 3})
	seawalltest.Inject(t, payments, seawalltest.Fault{Latency: 300 * time.Millisecond, Times: 1})
	_, err := attempts(t.Context(), payments)
	if !errors.Is(err, context.DeadlineExceeded) || payments.Snapshot().Timeouts != 3 {
		t.Errorf("%v, %+v", err, payments.Snapshot())
	}
	before := clock.Now()
	if number, err := attempts(t.Context(), payments); number != 1 || err != nil || clock.Now()-before != 300*time.Millisecond {
		t.Errorf("attempt %d, %v, after %v", number, err, clock.Now()-before)
	}
}

func TestARateOfFaults(t *testing.T) {
	wall, _ := opened(t)
	bare := wall.MustDependency("bare")
	seawalltest.Inject(t, bare, seawalltest.Fault{Err: errors.New("down"), Rate: 0.5})
	failed := 0
	for range 400 {
		if _, err := attempts(t.Context(), bare); err != nil {
			failed++
		}
	}
	if failed < 100 || failed > 300 {
		t.Errorf("%d of 400 failed", failed)
	}
}

func TestNoWaitingForAPlaceOrARate(t *testing.T) {
	wall, clock := opened(t)
	payments := wall.MustDependency("payments")
	seawalltest.NoWaiting(t, payments, clock)
	for range 15 {
		if _, err := attempts(t.Context(), payments); err != nil {
			t.Error(err)
		}
	}
	permit, err := payments.Permit(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := attempts(t.Context(), payments); !errors.Is(err, seawall.ErrBulkheadFull) {
		t.Errorf("got %v", err)
	}
	_ = permit.Cancel()
}

func TestForcedStates(t *testing.T) {
	wall, _ := opened(t)
	payments := wall.MustDependency("payments")
	for _, state := range []seawall.State{
		seawall.StateOpen, seawall.StateHalfOpen, seawall.StateForcedOpen, seawall.StateDisabled, seawall.StateClosed,
	} {
		t.Run(state.String(), func(t *testing.T) {
			seawalltest.Force(t, payments, state)
			if got := payments.Snapshot().Breaker.State; got != state {
				t.Errorf("it is %v", got)
			}
			_, err := attempts(t.Context(), payments)
			if refused := errors.Is(err, seawall.ErrBreakerOpen); refused != (state == seawall.StateOpen || state == seawall.StateForcedOpen) {
				t.Errorf("got %v", err)
			}
		})
		if got := payments.Snapshot().Breaker.State; got != seawall.StateClosed {
			t.Errorf("after the test it is %v", got)
		}
	}
}

// A judge stands in for a test that may fail.
type judge struct {
	testing.TB
	verdict string
}

func (j *judge) Helper()        {}
func (j *judge) Cleanup(func()) {}
func (j *judge) Fatal(args ...any) {
	j.verdict = fmt.Sprint(args...)
	panic(j)
}
func (j *judge) Fatalf(format string, args ...any) {
	j.verdict = fmt.Sprintf(format, args...)
	panic(j)
}

func TestAskingForTheImpossibleFailsTheTest(t *testing.T) {
	wall, _ := opened(t)
	bare, deaf := wall.MustDependency("bare"), wall.MustDependency("deaf")
	for name, ask := range map[string]func(*judge){
		"no breaker":      func(j *judge) { seawalltest.Force(j, bare, seawall.StateOpen) },
		"a deaf breaker":  func(j *judge) { seawalltest.Force(j, deaf, seawall.StateOpen) },
		"an empty fault":  func(j *judge) { seawalltest.Inject(j, bare, seawalltest.Fault{}) },
		"a negative rate": func(j *judge) { seawalltest.Inject(j, bare, seawalltest.Fault{Latency: 1, Rate: -1}) },
		"minus one times": func(j *judge) { seawalltest.Inject(j, bare, seawalltest.Fault{Latency: 1, Times: -1}) },
		"no clock":        func(j *judge) { seawalltest.NoWaiting(j, bare, nil) },
	} {
		j := &judge{}
		func() {
			defer func() { _ = recover() }()
			ask(j)
		}()
		if j.verdict == "" {
			t.Errorf("%s is not noticed", name)
		}
	}
}
