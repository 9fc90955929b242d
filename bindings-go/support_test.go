package seawall

import (
	"errors"
	"runtime"
	"testing"
	"time"

	"seawall.dev/go/internal/script"
)

func must[T any](made T, err error) T {
	if err != nil {
		panic(err)
	}
	return made
}

// noError fails the test if there is one; any goroutine may call it.
func noError(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Error(err)
	}
}

// wantRefused checks a refusal in all the ways a caller can look at it.
func wantRefused(t *testing.T, err, sentinel error, reason Reason) *RefusedError {
	t.Helper()
	var refusal *RefusedError
	if !errors.Is(err, sentinel) || !errors.Is(err, ErrRefused) || !errors.As(err, &refusal) || refusal.Reason != reason {
		t.Fatalf("got %v, want the refusal %v", err, reason)
	}
	return refusal
}

// eventually waits until something becomes true that other goroutines are about to do.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !is(); {
		if time.Now().After(deadline) {
			t.Fatal("never: " + what)
		}
		runtime.Gosched()
		time.Sleep(10 * time.Microsecond)
	}
}

// noGoroutineLeft runs something and then waits until no goroutine of it is left.
func noGoroutineLeft(t *testing.T, run func()) {
	t.Helper()
	before := runtime.NumGoroutine()
	run()
	eventually(t, "all goroutines have ended", func() bool { return runtime.NumGoroutine() <= before })
}

func scriptOf(d *Dependency) *script.Script { return script.Of(d) }

func manual() *ManualClock { return &ManualClock{} }
