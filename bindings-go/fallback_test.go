package seawall

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"testing"
	"time"
)

func fails(context.Context) (string, error) { return "", errReset }

func TestAFallbackServesAndSaysSo(t *testing.T) {
	d := depended(Policy{})
	var served []Event
	d.OnEvent(func(e Event) {
		if e.Kind == EventFallback {
			served = append(served, e)
		}
	})
	detailed, err := CallDetailed(t.Context(), d, fails, WithFallback(FallbackValue("something else")))
	if err != nil || detailed.Value != "something else" || !detailed.Degraded || detailed.Step != 0 || detailed.Source != "value" ||
		detailed.Stop != StopAttemptsUsed || !errors.Is(detailed.Cause, syscall.ECONNRESET) || detailed.Attempts != 1 {
		t.Errorf("%+v, %v", detailed, err)
	}
	noError(t, d.ForceOpen())
	detailed, err = CallDetailed(t.Context(), d, fails, WithFallback(
		FallbackFunc(func(context.Context, error) (string, error) { return "", errDown }),
		FallbackFunc(func(_ context.Context, err error) (string, error) {
			return fmt.Sprint(errors.Is(err, ErrBreakerOpen)), nil
		}),
	))
	if err != nil || detailed.Value != "true" || detailed.Step != 1 || detailed.Source != "function" || detailed.Stop != StopRefused || detailed.Attempts != 0 {
		t.Errorf("%+v, %v", detailed, err)
	}
	if len(served) != 2 || served[0].Reason != "attempts_used" || served[1].Step != 1 || d.Snapshot().Fallbacks != 2 {
		t.Errorf("%+v", served)
	}
}

func TestAFallbackThatFailsTellsBothErrors(t *testing.T) {
	d := depended(Policy{})
	broken := FallbackFunc(func(context.Context, error) (string, error) { return "", errDown })
	_, err := Call(t.Context(), d, fails, WithFallback(broken))
	var failed *FallbackError
	var cause *CallError
	if !errors.As(err, &failed) || !errors.Is(err, errDown) || !errors.As(err, &cause) || !errors.Is(failed.Cause, syscall.ECONNRESET) {
		t.Errorf("got %v", err)
	}
	_, err = Call(t.Context(), d, func(context.Context) (string, error) { return "503", nil }, OnResult(func(string) bool { return true }), WithFallback(broken))
	if !errors.As(err, &failed) || failed.Cause != nil || !errors.Is(err, errDown) {
		t.Errorf("got %v", err)
	}
}

func TestAFallbackNeverRunsInPlaceOfAResultOrForThoseWhoGaveUp(t *testing.T) {
	d := depended(Policy{})
	never := WithFallback(FallbackFunc(func(context.Context, error) (string, error) { t.Error("it ran"); return "", nil }))
	got, err := Call(t.Context(), d, func(context.Context) (string, error) { return "mine", nil }, never)
	if got != "mine" || err != nil {
		t.Errorf("%v, %v", got, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	_, err = Call(ctx, d, func(context.Context) (string, error) { cancel(); return "", context.Canceled }, never)
	if err != context.Canceled {
		t.Errorf("got %v", err)
	}
}

func TestTheLastGoodResultIsServedUpToItsAge(t *testing.T) {
	clock := manual()
	d := depended(Policy{}, WithClock(clock))
	store := must(NewLastGood[string, string](time.Minute, 2))
	titles := func(user string, err error) (Detailed[string], error) {
		return CallDetailed(t.Context(), d, func(context.Context) (string, error) { return "titles of " + user, err },
			WithFallback(store.For(user), FallbackValue("nothing")))
	}
	for _, user := range []string{"ann", "bob"} {
		must(titles(user, nil))
	}
	clock.Advance(time.Minute)
	if got := must(titles("ann", errReset)); got.Value != "titles of ann" || got.Source != "last_good" {
		t.Errorf("%+v", got)
	}
	clock.Advance(1)
	if got := must(titles("ann", errReset)); got.Value != "nothing" || got.Step != 1 {
		t.Errorf("%+v", got)
	}
	must(titles("ann", nil))
	must(titles("eve", nil))
	if got := must(titles("bob", errReset)); got.Value != "nothing" || store.Len() != 2 {
		t.Errorf("%+v", got)
	}
	if got := must(titles("ann", errReset)); got.Value != "titles of ann" {
		t.Errorf("%+v", got)
	}
	for field, err := range map[string]error{
		"max_age": second(NewLastGood[string, int](0, 1)), "max_entries": second(NewLastGood[string, int](time.Minute, 0)),
	} {
		if asConfigError(t, err).Field != field {
			t.Error(err)
		}
	}
}

func errorOf[T any](_ T, err error) error { return err }

func TestAForbiddenFallbackIsAnErrorWhenItIsDeclared(t *testing.T) {
	d := depended(Policy{Criticality: Critical})
	option := WithFallback(FallbackValue("something"))
	_, err := Protect(d, func(context.Context, int) (string, error) { return "", nil }, option)
	if asConfigError(t, err).Field != "fallback" {
		t.Errorf("got %v", err)
	}
	_, err = Call(t.Context(), d, func(context.Context) (string, error) { t.Error("it ran"); return "", nil }, option)
	if asConfigError(t, err).Field != "fallback" {
		t.Errorf("got %v", err)
	}
}

func TestAProtectedFunctionKeepsItsShape(t *testing.T) {
	d := depended(Policy{Retry: retrying(2)})
	charge, err := Protect(d, func(ctx context.Context, order int) (string, error) {
		if AttemptFrom(ctx).Number == 1 {
			return "", errReset
		}
		return fmt.Sprint("receipt ", order), nil
	}, WithFallback(FallbackValue("later")))
	noError(t, err)
	if got, err := charge(t.Context(), 7); got != "receipt 7" || err != nil {
		t.Errorf("%v, %v", got, err)
	}
	noError(t, d.wall.Redefine("payments", Policy{Timeout: time.Second, Fallback: FallbackForbidden}))
	if _, err := charge(t.Context(), 7); asConfigError(t, err).Field != "fallback" {
		t.Errorf("got %v", err)
	}
}
