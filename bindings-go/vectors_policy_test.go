package seawall

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// tellPolicy plays a story of whole calls: the events of the engine at explicit times, and the actions it answers.
func tellPolicy(t *testing.T, story story) {
	clock := &ManualClock{}
	clock.Set(1)
	wall := must(New(WithClock(clock), WithSeed(1)))
	d, err := wall.define("vector", tableText(map[string]any(story.Policy)))
	if story.Error != nil {
		wantKey(t, err, story.Error.Key)
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	p := &policyPlayer{d: d, clock: clock, calls: map[string]*policyCall{}, places: map[string]*nativePermit{}}
	for number, step := range story.Steps {
		clock.Set(step.nanos("at_ns", 1))
		for range step.number("repeat", 1) {
			p.play(t, number, step)
		}
		for key := range step {
			if !strings.Contains(policyKeys, " "+key+" ") {
				t.Fatalf("step %d, %v: this runner knows no %s", number, step, key)
			}
		}
	}
}

const policyKeys = " at_ns do repeat expect call deadline_ns critical idempotent costs outcome retryable not_sent cause retry_after_ns random as place" +
	" limit tokens policy key run sleep wait finish transition freed late state in_use waiting tokens_milli retries_in_flight remaining counters "

func wantKey(t *testing.T, err error, key string) {
	t.Helper()
	if !errors.Is(err, ErrConfig) || !strings.Contains(err.Error(), key) {
		t.Fatalf("got %v, want a ConfigError of %s", err, key)
	}
}

type policyCall struct {
	native nativeCall
	next   nativeAction
}

type policyPlayer struct {
	d      *Dependency
	clock  *ManualClock
	calls  map[string]*policyCall
	places map[string]*nativePermit
}

func (p *policyPlayer) play(t *testing.T, number int, s step) {
	t.Helper()
	now, verb := since(p.clock.Now()), s.text("do")
	call := p.calls[s.text("call")]
	if call == nil {
		call = &policyCall{}
		p.calls[s.text("call")] = call
	}
	answer, seen, isEvent := statusOK, step{}, true
	switch verb {
	case "begin":
		options := callOptions()
		if s.has("deadline_ns") {
			options.deadline_ns = u64(s.number("deadline_ns", 0))
		}
		for key, into := range map[string]*u32{"critical": &options.critical, "idempotent": &options.idempotent} {
			if s.has(key) {
				*into = yesOrNo(s[key] == true)
			}
		}
		if costs, ok := s["costs"].([]any); ok {
			for i, cost := range costs {
				options.costs[i] = u32(step{"n": cost}.number("n", 1))
			}
		}
		answer = p.d.native.begin(&options, never, now, &call.native, &call.next)
	case "ended":
		ended := Verdict{
			Outcome: outcome(s), Retryable: s["retryable"] != false, NotSent: s["not_sent"] == true,
			Cause:      map[string]Cause{"": CauseFailure, "failure": CauseFailure, "throttled": CauseThrottled, "timeout": CauseTimeout}[s.text("cause")],
			RetryAfter: s.nanos("retry_after_ns", 0),
		}.native()
		random := must(strconv.ParseUint(cmpOr(s.text("random"), "1"), 10, 64))
		ended.random = u64(random)
		answer = call.native.ended(&ended, now, &call.next)
	case "woke":
		answer = call.native.woke(now, &call.next)
	case "cancelled":
		answer = call.native.cancelled(now, &call.next)
	default:
		isEvent = false
		answer = p.other(t, verb, s, call, now, seen)
	}
	if isEvent && answer == statusOK {
		describe(&call.next, seen)
		for _, action := range []string{"run", "sleep", "wait", "finish"} {
			if wanted, ok := s[action].(map[string]any); ok {
				if seen["action"] != action {
					t.Fatalf("step %d, %v: got %v", number, s, seen)
				}
				for key := range wanted {
					if inner := seen[action].(step); !inner.has(key) {
						t.Fatalf("step %d: this runner knows no %s.%s", number, action, key)
					}
				}
			} else if s.has("expect") && s["expect"] != "ok" {
				t.Fatalf("step %d, %v: got %v", number, s, seen)
			}
		}
	}
	names := map[status]string{statusOK: "ok", statusArgument: "argument", statusExceedsCapacity: "exceeds_capacity", statusStale: "stale", statusConfig: "config"}
	if want := cmpOr(s.text("expect"), "ok"); names[answer] != want {
		t.Fatalf("step %d, %v: got %s, want %s", number, s, answer.name(), want)
	}
	p.look(seen)
	for key, got := range seen {
		compare(t, number, s, key, got)
	}
}

// other is the verbs that are no events of a call.
func (p *policyPlayer) other(t *testing.T, verb string, s step, call *policyCall, now uint64, seen step) status {
	switch verb {
	case "keep":
		place := &nativePermit{}
		p.places[s.text("as")] = place
		return call.native.keep(place)
	case "release":
		return p.d.native.release(p.places[s.text("place")])
	case "force_open", "disable", "reset":
		change := map[string]func() uint32{"force_open": p.d.native.forceOpen, "disable": p.d.native.disable, "reset": p.d.native.reset}[verb]()
		seen["transition"] = transitionText(change)
	case "adjust":
		return p.d.native.adjust(int(s.number("limit", 0)), s.number("tokens", 0), now)
	case "reload":
		if err := p.d.wall.redefine("vector", tableText(s["policy"])); err != nil {
			wantKey(t, err, s.text("key"))
			return statusConfig
		}
	case "look":
	default:
		t.Fatal("unknown verb " + verb)
	}
	return statusOK
}

func describe(next *nativeAction, seen step) {
	spanned := step{"span_ns": uint64(next.span_ns)}
	switch next.kind {
	case actionRun:
		seen["action"], seen["run"] = "run", step{"attempt": next.attempt, "timeout_ns": uint64(next.span_ns)}
	case actionSleep:
		seen["action"], seen["sleep"] = "sleep", spanned
	case actionWait:
		seen["action"], seen["wait"] = "wait", spanned
	case actionFinish:
		end := [...]string{endSuccess: "success", endFailure: "failure", endIgnored: "ignored", endRefused: "refused"}[next.end]
		finish := step{
			"end": end, "stop": Stop(next.stop), "attempts": next.attempt, "may_fall_back": next.may_fall_back != 0,
			"status": status(next.status).name(), "retry_after_ns": uint64(next.retry_after_ns), "limiter": next.limiter,
		}
		seen["action"], seen["finish"] = "finish", finish
	}
	seen["transition"], seen["freed"], seen["late"] = transitionText(uint32(next.transition)), next.freed != 0, next.is_late != 0
}

func transitionText(change uint32) string {
	if change == 0 {
		return ""
	}
	return arrow(State(change&0xff), State(change>>8&0xff))
}

func (p *policyPlayer) look(seen step) {
	look := p.d.Snapshot()
	if look.Breaker != nil {
		seen["state"] = look.Breaker.State
	}
	if look.Bulkhead != nil {
		seen["in_use"], seen["waiting"] = look.Bulkhead.InUse, look.Bulkhead.Waiting
	}
	if look.RetryBudget != nil {
		seen["tokens_milli"], seen["retries_in_flight"] = milli(look.RetryBudget.Tokens), look.RetryBudget.RetriesInFlight
	}
	var remaining []any
	for _, name := range p.d.Facts().RateLimits {
		remaining = append(remaining, look.RateLimits[name].Remaining)
	}
	seen["remaining"] = remaining
	seen["counters"] = step{
		"calls": look.Calls, "successes": look.Successes, "failures": look.Failures, "ignored": look.Ignored, "cancelled": look.Cancelled,
		"refused": look.Refused, "retries": look.Retries, "timeouts": look.Timeouts, "late": look.Late, "stopped_by_budget": look.StoppedByBudget,
	}
}

func cmpOr(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}

// tableText is a policy of the vectors, JSON, as the lines of its table, TOML.
func tableText(policy any) string {
	var lines []string
	table := policy.(map[string]any)
	for _, key := range slices.Sorted(maps.Keys(table)) {
		lines = append(lines, key+" = "+valueText(table[key]))
	}
	return strings.Join(lines, "\n")
}

func valueText(value any) string {
	var parts []string
	switch value := value.(type) {
	case string:
		return quoted(value)
	case json.Number:
		return value.String()
	case []any:
		for _, one := range value {
			parts = append(parts, valueText(one))
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(value)) {
			parts = append(parts, key+" = "+valueText(value[key]))
		}
		return "{ " + strings.Join(parts, ", ") + " }"
	}
	return fmt.Sprint(value)
}

// tellHTTP plays a story of headers and statuses; each step is by itself.
func tellHTTP(t *testing.T, story story) {
	for number, s := range story.Steps {
		text := strings.Repeat(s.text("text"), int(s.number("copies", 1)))
		seen, err := step{}, error(nil)
		read := func(span uint64, answer status) {
			if answer != statusOK {
				err = ErrHeader
			}
			seen["span_ns"] = span
		}
		var found *Verdict
		switch s.text("do") {
		case "grpc_timeout":
			read(deadlineFromGRPC(text))
		case "timeout_ms":
			read(deadlineFromMillis(text))
		case "retry_after":
			var wait time.Duration
			wait, err = ParseRetryAfter(text, time.UnixMilli(s.number("unix_ms", 0)))
			seen["span_ns"] = int64(wait)
		case "write_grpc_timeout":
			seen["text"] = deadlineToGRPC(uint64(s.number("span_ns", 0)))
		case "write_timeout_ms":
			seen["text"] = deadlineToMillis(uint64(s.number("span_ns", 0)))
		case "status":
			verdict := ClassifyStatus(int(s.number("status", 0)), s.nanos("retry_after_ns", 0))
			found = &verdict
		case "trouble":
			verdict := map[string]Trouble{
				"not_connected": TroubleNotConnected, "connect_timeout": TroubleConnectTimeout, "read_timeout": TroubleReadTimeout,
				"reset": TroubleReset, "protocol": TroubleProtocol, "other": TroubleOther,
			}[s.text("trouble")].Verdict()
			found = &verdict
		case "idempotent":
			seen["idempotent"] = IsIdempotentMethod(s.text("method"))
		default:
			t.Fatal(s.text("do"))
		}
		if found != nil {
			cause := map[Cause]string{CauseFailure: "failure", CauseThrottled: "throttled", CauseTimeout: "timeout"}[found.Cause]
			seen = step{"outcome": found.Outcome, "retryable": found.Retryable, "not_sent": found.NotSent, "cause": cause}
		}
		if refused := errors.Is(err, ErrHeader); refused != (s.text("expect") == "header") {
			t.Fatalf("step %d, %v: got %v", number, s, err)
		}
		for key, got := range seen {
			compare(t, number, s, key, got)
		}
	}
}
