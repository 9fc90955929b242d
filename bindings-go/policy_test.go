package seawall

import (
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"
)

// everything is a policy with every field set to something else than its default.
func everything() Policy {
	return Policy{
		Criticality: Optional, Fallback: FallbackAllowed, Timeout: 250 * time.Millisecond, ConnectTimeout: 50 * time.Millisecond,
		Deadline: 5 * time.Second, Reserve: 0.1, Useful: 20 * time.Millisecond, Overhead: 1500 * time.Microsecond,
		Idempotent: Value(false), IdempotencyKey: true, Mode: Shadow,
		Retry: &RetryPolicy{
			Attempts: 4, Base: 10 * time.Millisecond, Factor: 1.5, Cap: time.Second, Jitter: JitterEqual, RetryAfterMargin: Value(time.Duration(0)),
			Budget: &BudgetPolicy{
				Profile: ProfileFinagle, Ratio: Value(0.05), MinPerSecond: Value(0), Window: 5 * time.Second, Cap: 50,
				MaxConcurrentRetries: Value(0.2), MinConcurrentRetries: Value(1), Mode: Value(Enforce),
			},
		},
		Breaker: &BreakerPolicy{
			ConsecutiveFailures: Value(0), ConsecutiveAlways: true, FailureRate: Value(0.25), SlowRate: 0.8, SlowAfter: 100 * time.Millisecond,
			Window: 20 * time.Second, MinCalls: 10, OpenFor: time.Second, OpenBackoff: 3, OpenMax: time.Minute, OpenJitter: Value(0.0),
			Probes: 3, ProbeLease: 90 * time.Second, MinWitnesses: 2, Scope: ScopeAttempt, Mode: Value(Off),
		},
		Bulkhead: &BulkheadPolicy{
			MaxConcurrent: 8, Reserved: 2, MaxWait: time.Millisecond, MaxWaiting: Value(0), Scope: ScopeAttempt, Mode: Value(Enforce),
		},
		RateLimits: []RatePolicy{
			{Name: "requests", Permits: 60, Per: time.Minute, Burst: 5, MaxWait: 500 * time.Millisecond},
			{Name: "tokens", Permits: 90_000, Per: 250 * time.Millisecond, Mode: Value(Shadow)},
		},
		Pool: 24, CalledBy: []string{"checkout", "basket"},
	}
}

func TestEveryFieldOfAPolicyIsWrittenAndUnderstood(t *testing.T) {
	policy := everything()
	text := policy.text()
	d, err := must(New()).Define("everything", policy)
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	facts := d.Facts()
	want := Facts{
		Criticality: Optional, Fallback: FallbackAllowed, Attempts: 4, Timeout: 250 * time.Millisecond, ConnectTimeout: 50 * time.Millisecond,
		Deadline: 5 * time.Second, MaxWait: time.Millisecond, MaxConcurrent: 8, Idempotent: false, IdempotencyKey: true,
		RateLimits: []string{"requests", "tokens"},
	}
	if !reflect.DeepEqual(facts, want) {
		t.Errorf("%+v\nwant %+v", facts, want)
	}
	// No field of the structs is forgotten: each has a key of its own.
	if keys, fields := strings.Count(text, " = "), countFields(reflect.ValueOf(policy)); keys != fields {
		t.Errorf("%d keys for %d fields:\n%s", keys, fields, text)
	}
}

// countFields counts the exported fields that are set, where Permits and Per are one key.
func countFields(value reflect.Value) (count int) {
	switch value.Kind() {
	case reflect.Pointer:
		if value.Elem().Kind() == reflect.Struct {
			return 1 + countFields(value.Elem())
		}
		return 1
	case reflect.Slice:
		count = 1
		for i := range value.Len() {
			if value.Index(i).Kind() == reflect.Struct {
				count += countFields(value.Index(i))
			}
		}
		return count
	case reflect.Struct:
		for i := range value.NumField() {
			field := value.Type().Field(i)
			if !field.IsExported() || value.Field(i).IsZero() || field.Name == "Per" {
				continue
			}
			count += countFields(value.Field(i))
		}
		return count
	}
	return 1
}

func TestOddTextsAreQuotedForTOML(t *testing.T) {
	odd := "quo\"ted back\\slash\n\x7f\xff\x00é"
	_, err := must(New()).Define("x", Policy{Timeout: time.Second, CalledBy: []string{odd}})
	if problem := asConfigError(t, err); problem.Field != "called_by" || strings.Contains(err.Error(), "not TOML") {
		t.Errorf("got %v", err)
	}
}

func TestWhatIsLeftOutHasItsDefault(t *testing.T) {
	d := depended(Policy{Retry: &RetryPolicy{}, Bulkhead: &BulkheadPolicy{}, RateLimits: []RatePolicy{{Permits: 10}}})
	seen, facts := d.Snapshot(), d.Facts()
	if facts.Attempts != 3 || facts.Criticality != Important || facts.Fallback != FallbackAllowed || !facts.Idempotent || facts.ConnectTimeout != time.Second {
		t.Errorf("%+v", facts)
	}
	if seen.Bulkhead.Limit != 20 || seen.Breaker == nil || seen.RetryBudget == nil || seen.RateLimits["requests"].Limit != 10 {
		t.Errorf("%+v", seen)
	}
	none := depended(Policy{Retry: &RetryPolicy{Budget: BudgetOff}, Breaker: BreakerOff}).Snapshot()
	if none.Breaker != nil || none.RetryBudget != nil || none.Bulkhead != nil || none.RateLimits != nil {
		t.Errorf("%+v", none)
	}
}

func TestAPolicyThatMakesNoSenseIsRefusedByItsKey(t *testing.T) {
	nan, second := math.NaN(), time.Second
	for key, policy := range map[string]Policy{
		"timeout":                      {},
		"connect_timeout":              {Timeout: second, ConnectTimeout: 2 * second},
		"deadline":                     {Timeout: second, Deadline: -second},
		"reserve":                      {Timeout: second, Reserve: nan},
		"useful":                       {Timeout: second, Useful: -1},
		"criticality":                  {Timeout: second, Criticality: "very"},
		"fallback":                     {Timeout: second, Fallback: "none"},
		"mode":                         {Timeout: second, Mode: 7},
		"pool":                         {Timeout: second, Pool: -1},
		"retry.attempts":               {Timeout: second, Retry: &RetryPolicy{Attempts: -1}},
		"retry.base":                   {Timeout: second, Retry: &RetryPolicy{Base: -1}},
		"retry.factor":                 {Timeout: second, Retry: &RetryPolicy{Factor: math.Inf(1)}},
		"retry.jitter":                 {Timeout: second, Retry: &RetryPolicy{Jitter: 9}},
		"retry.budget.ratio":           {Timeout: second, Retry: &RetryPolicy{Budget: &BudgetPolicy{Ratio: &nan}}},
		"retry.budget.min_per_second":  {Timeout: second, Retry: &RetryPolicy{Budget: &BudgetPolicy{MinPerSecond: Value(-1)}}},
		"breaker.failure_rate":         {Timeout: second, Breaker: &BreakerPolicy{FailureRate: Value(1.5)}},
		"breaker.slow_rate":            {Timeout: second, Breaker: &BreakerPolicy{SlowRate: 0.5}},
		"breaker.open_jitter":          {Timeout: second, Breaker: &BreakerPolicy{OpenJitter: Value(math.Inf(-1))}},
		"breaker.probes":               {Timeout: second, Breaker: &BreakerPolicy{Probes: 33}},
		"breaker.consecutive_failures": {Timeout: second, Breaker: &BreakerPolicy{ConsecutiveFailures: Value(math.MaxInt)}},
		"bulkhead.max_concurrent":      {Timeout: second, Bulkhead: &BulkheadPolicy{MaxConcurrent: -1}},
		"bulkhead.reserved":            {Timeout: second, Bulkhead: &BulkheadPolicy{Reserved: 20}},
		"bulkhead.max_wait":            {Timeout: second, Bulkhead: &BulkheadPolicy{MaxWait: -second}},
		"rate_limit":                   {Timeout: second, RateLimits: []RatePolicy{{Burst: 1}}},
	} {
		_, err := must(New()).Define("x", policy)
		if problem := asConfigError(t, err); !errors.Is(err, ErrConfig) || !strings.Contains(err.Error(), key) {
			t.Errorf("%s: field %q, %v", key, problem.Field, err)
		}
	}
	_, err := must(New()).Define("x", Policy{Timeout: second, Retry: &RetryPolicy{Attempts: -1}})
	if problem := asConfigError(t, err); problem.Field != "retry.attempts" {
		t.Errorf("field %q of %v", problem.Field, err)
	}
}
