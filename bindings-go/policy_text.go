//go:build cgo

package seawall

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// text is the policy as the lines of its table in a file, where its ranges are known. What is zero is left out;
// what makes no sense (a negative time, NaN) is written down all the same, so that it is refused by its name.
func (p *Policy) text() string {
	var t table
	t.word("criticality", string(p.Criticality))
	t.word("fallback", string(p.Fallback))
	t.span("timeout", p.Timeout)
	t.span("connect_timeout", p.ConnectTimeout)
	t.span("deadline", p.Deadline)
	t.share("reserve", p.Reserve)
	t.span("useful", p.Useful)
	t.span("overhead", p.Overhead)
	if p.Idempotent != nil {
		t.put("idempotent", strconv.FormatBool(*p.Idempotent))
	}
	t.flag("idempotency_key", p.IdempotencyKey)
	if p.Mode != Enforce {
		t.put("mode", quoted(p.Mode.String()))
	}
	if p.Retry != nil {
		t.put("retry", p.Retry.text())
	}
	if p.Breaker != nil {
		t.put("breaker", p.Breaker.text())
	}
	if p.Bulkhead != nil {
		t.put("bulkhead", p.Bulkhead.text())
	}
	switch len(p.RateLimits) {
	case 0:
	case 1:
		t.put("rate_limit", p.RateLimits[0].text())
	default:
		var rates []string
		for i := range p.RateLimits {
			rates = append(rates, p.RateLimits[i].text())
		}
		t.put("rate_limit", "["+strings.Join(rates, ", ")+"]")
	}
	t.count("pool", int64(p.Pool))
	if len(p.CalledBy) > 0 {
		var names []string
		for _, name := range p.CalledBy {
			names = append(names, quoted(name))
		}
		t.put("called_by", "["+strings.Join(names, ", ")+"]")
	}
	return strings.Join(t, "\n") + "\n"
}

func (r *RetryPolicy) text() string {
	var t table
	t.count("attempts", int64(r.Attempts))
	t.span("base", r.Base)
	t.number("factor", r.Factor)
	t.span("cap", r.Cap)
	if r.Jitter != JitterFull {
		t.put("jitter", quoted(r.Jitter.String()))
	}
	if r.RetryAfterMargin != nil {
		t.put("retry_after_margin", quoted(spanText(*r.RetryAfterMargin)))
	}
	if r.Budget != nil {
		t.put("budget", r.Budget.text())
	}
	return t.inline()
}

func (b *BudgetPolicy) text() string {
	if b.off {
		return quoted("off")
	}
	var t table
	if b.Profile != ProfileBucket {
		t.put("profile", quoted(b.Profile.String()))
	}
	optional(&t, "ratio", b.Ratio, numberText)
	optional(&t, "min_per_second", b.MinPerSecond, countText)
	t.span("window", b.Window)
	t.count("cap", int64(b.Cap))
	optional(&t, "max_concurrent_retries_ratio", b.MaxConcurrentRetries, numberText)
	optional(&t, "min_concurrent_retries", b.MinConcurrentRetries, countText)
	t.mode(b.Mode)
	return t.inline()
}

func (b *BreakerPolicy) text() string {
	if b.off {
		return quoted("off")
	}
	var t table
	optional(&t, "consecutive_failures", b.ConsecutiveFailures, countText)
	t.flag("consecutive_always", b.ConsecutiveAlways)
	optional(&t, "failure_rate", b.FailureRate, numberText)
	t.share("slow_rate", b.SlowRate)
	t.span("slow_after", b.SlowAfter)
	t.span("window", b.Window)
	t.count("window_calls", int64(b.WindowCalls))
	t.count("min_calls", int64(b.MinCalls))
	t.span("open_for", b.OpenFor)
	t.number("open_backoff", b.OpenBackoff)
	t.span("open_max", b.OpenMax)
	optional(&t, "open_jitter", b.OpenJitter, numberText)
	t.count("probes", int64(b.Probes))
	t.span("probe_lease", b.ProbeLease)
	t.count("min_witnesses", int64(b.MinWitnesses))
	t.word("scope", string(b.Scope))
	t.mode(b.Mode)
	return t.inline()
}

func (b *BulkheadPolicy) text() string {
	var t table
	t.count("max_concurrent", int64(b.MaxConcurrent))
	t.count("reserved", int64(b.Reserved))
	t.span("max_wait", b.MaxWait)
	optional(&t, "max_waiting", b.MaxWaiting, countText)
	t.word("scope", string(b.Scope))
	t.mode(b.Mode)
	return t.inline()
}

func (r *RatePolicy) text() string {
	var t table
	t.word("name", r.Name)
	if r.Permits != 0 {
		per := r.Per
		if per == 0 {
			per = time.Second
		}
		t.put("rate", quoted(fmt.Sprintf("%d/%s", r.Permits, spanText(per))))
	}
	t.count("burst", r.Burst)
	t.span("max_wait", r.MaxWait)
	t.mode(r.Mode)
	return t.inline()
}

// A table is lines "key = value".
type table []string

func (t *table) put(key, value string) { *t = append(*t, key+" = "+value) }

func (t table) inline() string { return "{ " + strings.Join(t, ", ") + " }" }

func (t *table) word(key, value string) {
	if value != "" {
		t.put(key, quoted(value))
	}
}

func (t *table) span(key string, value time.Duration) {
	if value != 0 {
		t.put(key, quoted(spanText(value)))
	}
}

func (t *table) number(key string, value float64) {
	if value != 0 {
		t.put(key, numberText(value))
	}
}

func (t *table) share(key string, value float64) { t.number(key, value) }

func (t *table) count(key string, value int64) {
	if value != 0 {
		t.put(key, strconv.FormatInt(value, 10))
	}
}

func (t *table) flag(key string, value bool) {
	if value {
		t.put(key, "true")
	}
}

func (t *table) mode(mode *Mode) {
	if mode != nil {
		t.put("mode", quoted(mode.String()))
	}
}

func optional[T any](t *table, key string, value *T, text func(T) string) {
	if value != nil {
		t.put(key, text(*value))
	}
}

func countText(value int) string { return strconv.Itoa(value) }

// numberText is a number with a point, as TOML wants those that are not whole.
func numberText(value float64) string {
	switch {
	case math.IsNaN(value):
		return "nan"
	case math.IsInf(value, 1):
		return "inf"
	case math.IsInf(value, -1):
		return "-inf"
	}
	text := strconv.FormatFloat(value, 'f', -1, 64)
	if !strings.Contains(text, ".") {
		text += ".0"
	}
	return text
}

// spanText is a duration in the largest unit that says it exactly.
func spanText(d time.Duration) string {
	for _, unit := range [...]struct {
		size time.Duration
		name string
	}{{time.Hour, "h"}, {time.Minute, "m"}, {time.Second, "s"}, {time.Millisecond, "ms"}, {time.Microsecond, "us"}} {
		if d != 0 && d%unit.size == 0 {
			return strconv.FormatInt(int64(d/unit.size), 10) + unit.name
		}
	}
	return strconv.FormatInt(int64(d), 10) + "ns"
}

// quoted is a TOML basic string.
func quoted(text string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range strings.ToValidUTF8(text, "\uFFFD") {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r < 0x20 || r == 0x7f:
			fmt.Fprintf(&b, `\u%04X`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}
