package seawall

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestADeadlineTravelsInHeaders(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second)
	defer cancel()
	header := http.Header{}
	InjectDeadline(ctx, header)
	metadata := map[string]string{}
	InjectDeadlineMap(ctx, metadata)
	if header.Get("x-request-timeout-ms") == "" || header.Get("grpc-timeout") == "" || len(metadata) != 2 {
		t.Errorf("%v, %v", header, metadata)
	}
	for name, extract := range map[string]func() (context.Context, context.CancelFunc, error){
		"header": func() (context.Context, context.CancelFunc, error) { return ExtractDeadline(t.Context(), header) },
		"map":    func() (context.Context, context.CancelFunc, error) { return ExtractDeadlineMap(t.Context(), metadata) },
	} {
		there, done, err := extract()
		defer done()
		at, ok := there.Deadline()
		if left := time.Until(at); err != nil || !ok || left > 90*time.Second || left < 89*time.Second {
			t.Errorf("%s: %v left, %v", name, left, err)
		}
	}
	InjectDeadline(t.Context(), header)
	InjectDeadlineMap(t.Context(), metadata)
	if len(header) != 0 || len(metadata) != 0 {
		t.Errorf("%v, %v", header, metadata)
	}
}

func TestTheNearestDeadlineCounts(t *testing.T) {
	header := http.Header{"X-Request-Timeout-Ms": {"5000", "900"}, "Grpc-Timeout": {"30S"}}
	ctx, cancel, err := ExtractDeadline(t.Context(), header)
	defer cancel()
	at, _ := ctx.Deadline()
	if left := time.Until(at); err != nil || left > 900*time.Millisecond {
		t.Errorf("%v, %v", left, err)
	}
	none, cancel, err := ExtractDeadline(t.Context(), http.Header{})
	defer cancel()
	if _, ok := none.Deadline(); ok || err != nil {
		t.Error("a deadline out of nothing")
	}
	over, cancel, err := ExtractDeadline(t.Context(), http.Header{"Grpc-Timeout": {"0S"}})
	defer cancel()
	if over.Err() == nil || err != nil {
		t.Errorf("%v, %v", over.Err(), err)
	}
}

func TestAHeaderThatNothingCanBeMadeOfIsAnError(t *testing.T) {
	for _, value := range []string{"", "-1", "1.5", "NaN", "1e3", "5 5", "99999999999", strings.Repeat("1", 1<<20), "5\x00"} {
		for _, name := range []string{HeaderTimeoutMillis, HeaderGRPCTimeout} {
			ctx, cancel, err := ExtractDeadline(t.Context(), http.Header{name: {value}})
			defer cancel()
			var problem *HeaderError
			if !errors.As(err, &problem) || !errors.Is(err, ErrHeader) || problem.Name != name || problem.Bytes != len(value) || ctx != t.Context() {
				t.Errorf("%s %.20q: %v", name, value, err)
			}
		}
		if _, err := ParseRetryAfter(value, time.Now()); value != "99999999999" && len(value) != 1<<20 && !errors.Is(err, ErrHeader) {
			t.Errorf("Retry-After %.20q: %v", value, err)
		}
	}
	_, cancel, err := ExtractDeadlineMap(t.Context(), map[string]string{"grpc-timeout": "soon"})
	defer cancel()
	if !errors.Is(err, ErrHeader) {
		t.Errorf("got %v", err)
	}
}

func TestAHeaderErrorSaysWhatWasExpectedAndRepeatsNothing(t *testing.T) {
	hostile := "\x1b[31m\nroot: logged in"
	for _, one := range []struct {
		name, value string
		kind        HeaderFault
	}{
		{HeaderTimeoutMillis, "", HeaderEmpty},
		{HeaderGRPCTimeout, " \t", HeaderEmpty},
		{HeaderTimeoutMillis, strings.Repeat("5", 65), HeaderTooLong},
		{HeaderTimeoutMillis, hostile, HeaderMalformed},
		{HeaderGRPCTimeout, hostile, HeaderMalformed},
		{HeaderTimeoutMillis, "86400001", HeaderTooLarge},
		{HeaderGRPCTimeout, "25H", HeaderTooLarge},
		{HeaderGRPCTimeout, "123456789S", HeaderMalformed},
	} {
		_, cancel, err := ExtractDeadline(t.Context(), http.Header{one.name: {one.value}})
		cancel()
		sameHeaderError(t, err, one.name, one.value, one.kind)
	}
	for value, kind := range map[string]HeaderFault{"": HeaderEmpty, hostile: HeaderMalformed, strings.Repeat("x", 65): HeaderTooLong} {
		_, err := ParseRetryAfter(value, time.Now())
		sameHeaderError(t, err, "Retry-After", value, kind)
	}
}

func sameHeaderError(t *testing.T, err error, name, value string, kind HeaderFault) {
	t.Helper()
	var problem *HeaderError
	if !errors.As(err, &problem) || problem.Name != name || problem.Kind != kind || problem.Bytes != len(value) || problem.Expected == "" {
		t.Errorf("%s %q: %+v", name, value, problem)
		return
	}
	text := err.Error()
	isHostile := strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r > '~' })
	if !strings.HasSuffix(text, "; expected "+problem.Expected) || isHostile || strings.TrimSpace(value) != "" && strings.Contains(text, value) {
		t.Errorf("%s: %s", kind, text)
	}
}
