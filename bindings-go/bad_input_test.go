package seawall

import (
	"context"
	"errors"
	"math"
	"strings"
	"testing"
	"time"
)

const day = 24 * time.Hour

func TestEverySettingOutsideItsRangeIsNamed(t *testing.T) {
	breaker := func(o ...BreakerOption) error { _, err := NewBreaker("x", o...); return err }
	bulkhead := func(o ...BulkheadOption) error { _, err := NewBulkhead("x", o...); return err }
	limiter := func(o ...LimiterOption) error { _, err := NewLimiter("x", o...); return err }
	budget := func(o ...RetryBudgetOption) error { _, err := NewRetryBudget("x", o...); return err }
	backoff := func(o ...BackoffOption) error { _, err := NewBackoff(o...); return err }
	nan, inf := math.NaN(), math.Inf(1)
	for _, c := range []struct {
		err  error
		want string
	}{
		{breaker(WithConsecutiveFailures(-1)), "consecutive_failures: -1 is outside 0 to 1000000"},
		{breaker(WithConsecutiveFailures(math.MaxInt)), "consecutive_failures: 9223372036854775807 is outside 0 to 1000000"},
		{breaker(WithConsecutiveFailures(1<<32 + 5)), "consecutive_failures: 4294967301 is outside 0 to 1000000"},
		{breaker(WithFailureRate(nan)), "failure_rate: NaN is outside 0 to 1"},
		{breaker(WithFailureRate(inf)), "failure_rate: +Inf is outside 0 to 1"},
		{breaker(WithFailureRate(-inf)), "failure_rate: -Inf is outside 0 to 1"},
		{breaker(WithFailureRate(-0.1)), "failure_rate: -0.1 is outside 0 to 1"},
		{breaker(WithFailureRate(-0.0001)), "failure_rate: -0.0001 is outside 0 to 1"},
		{breaker(WithFailureRate(1.5)), "failure_rate: 1.5 is outside 0 to 1"},
		{breaker(WithFailureRate(1e300)), "failure_rate: 1e+300 is outside 0 to 1"},
		{breaker(WithFailureRate(0.0001)), "failure_rate: 0.0001 is outside 0.001 to 1"},
		{breaker(WithSlowRate(2, time.Second)), "slow_rate: 2 is outside 0 to 1"},
		{breaker(WithSlowRate(0.5, 0)), "slow_after: 0s is outside 1ns to 24h0m0s"},
		{breaker(WithSlowRate(0.5, -1)), "slow_after: -1ns is outside 1ns to 24h0m0s"},
		{breaker(WithSlowRate(0, -1)), "slow_after: -1ns is not allowed"},
		{breaker(WithWindowCalls(1025)), "window_calls: 1025 is outside 0 to 1024"},
		{breaker(WithWindow(-time.Second)), "window: -1s is outside 10ms to 24h0m0s"},
		{breaker(WithWindowCalls(100), WithWindow(-time.Second)), "window: -1s is not allowed"},
		{breaker(WithMinCalls(0)), "min_calls: 0 is outside 1 to 1000000"},
		{breaker(WithWindowCalls(10), WithMinCalls(20)), "min_calls: 20 is outside 1 to 10"},
		{breaker(WithOpenFor(0)), "open_for: 0s is outside 1ms to 24h0m0s"},
		{breaker(WithOpenFor(-1)), "open_for: -1ns is outside 1ms to 24h0m0s"},
		{breaker(WithOpenFor(math.MaxInt64)), "open_for: 2562047h47m16.854775807s is outside 1ms to 24h0m0s"},
		{breaker(WithOpenBackoff(0.5)), "open_backoff: 0.5 is outside 1 to 10"},
		{breaker(WithOpenBackoff(nan)), "open_backoff: NaN is outside 1 to 10"},
		{breaker(WithOpenMax(time.Second)), "open_max: 1s is outside 30s to 24h0m0s"},
		{breaker(WithOpenJitter(0.6)), "open_jitter: 0.6 is outside 0 to 0.5"},
		{breaker(WithProbes(0)), "probes: 0 is outside 1 to 32"},
		{breaker(WithProbeLease(0)), "probe_lease: 0s is outside 1ms to 24h0m0s"},
		{breaker(WithMinWitnesses(9)), "min_witnesses: 9 is outside 1 to 8"},
		{breaker(WithMode(7)), "mode: 7 is outside 0 to 2"},
		{breaker(WithClock(nil)), `clock: "nil" is not allowed, wanted a clock`},
		{breaker(WithClock((*ManualClock)(nil))), `clock: "nil" is not allowed, wanted a clock`},

		{bulkhead(WithMaxConcurrent(0)), "max_concurrent: 0 is outside 1 to 1024"},
		{bulkhead(WithMaxConcurrent(-1)), "max_concurrent: -1 is outside 1 to 4096"},
		{bulkhead(WithMaxConcurrent(5000)), "max_concurrent: 5000 is outside 1 to 4096"},
		{bulkhead(WithMaxConcurrent(5), WithCapacity(4)), "max_concurrent: 5 is outside 1 to 4"},
		{bulkhead(WithCapacity(0)), "capacity: 0 is outside 1 to 4096"},
		{bulkhead(WithCapacity(-1)), "capacity: -1 is outside 1 to 4096"},
		{bulkhead(WithCapacity(4097)), "capacity: 4097 is outside 1 to 4096"},
		{bulkhead(WithMaxConcurrent(3), WithReserved(3)), "reserved: 3 is outside 0 to 2"},
		{bulkhead(WithMaxWaiting(-1)), "max_waiting: -1 is outside 0 to 1000000"},
		{bulkhead(WithMaxWait(-time.Second)), "max_wait: -1s is not allowed"},

		{limiter(WithRate(0, time.Second)), "rate: 0 is outside 1 to 1000000000"},
		{limiter(WithRate(-1, time.Second)), "rate: -1 is outside 1 to 1000000000"},
		{limiter(WithRate(1001, time.Microsecond)), "rate: 1001 is outside 1 to 1000"},
		{limiter(WithRate(1, 0)), "period: 0s is outside 1ns to 744h0m0s"},
		{limiter(WithRate(1, -1)), "period: -1ns is outside 1ns to 744h0m0s"},
		{limiter(WithBurst(0)), "burst: 0 is outside 1 to 1000000000"},
		{limiter(WithBurst(math.MinInt64)), "burst: -9223372036854775808 is outside 1 to 1000000000"},
		{limiter(WithMode(3)), "mode: 3 is outside 0 to 2"},

		{budget(WithBudgetRatio(nan)), "ratio: NaN is outside 0 to 10"},
		{budget(WithBudgetRatio(11)), "ratio: 11 is outside 0 to 10"},
		{budget(WithMinPerSecond(-1)), "min_per_second: -1 is outside 0 to 10000"},
		{budget(WithBudgetCap(9)), "cap: 9 is outside 10 to 1000000"},
		{budget(WithBudgetCap(-1)), "cap: -1 is outside 10 to 1000000"},
		{budget(WithProfile(ProfileGRPC), WithBudgetCap(1001)), "cap: 1001 is outside 1 to 1000"},
		{budget(WithWindow(2 * time.Hour)), "window: 2h0m0s is outside 1s to 1h0m0s"},
		{budget(WithMaxConcurrentRetries(-1)), "max_concurrent_retries_ratio: -1 is outside 0 to 10"},
		{budget(WithMinConcurrentRetries(-1)), "min_concurrent_retries: -1 is outside 0 to 1000000"},
		{budget(WithProfile(9)), `profile: "profile 9" is not allowed, wanted bucket, finagle, grpc, aws_standard or aws_legacy`},

		{backoff(WithBackoffBase(-1)), "base: -1ns is outside 0s to 24h0m0s"},
		{backoff(WithBackoffFactor(0.9)), "factor: 0.9 is outside 1 to 10"},
		{backoff(WithBackoffFactor(inf)), "factor: +Inf is outside 1 to 10"},
		{backoff(WithBackoffCap(2 * day)), "cap: 48h0m0s is outside 100ms to 24h0m0s"},
		{backoff(WithBackoffJitter(4)), "jitter: 4 is outside 0 to 3"},
		{backoff(WithRetryAfterMargin(-1)), "retry_after_margin: -1ns is not allowed"},
	} {
		var problem *ConfigError
		if !errors.As(c.err, &problem) || !errors.Is(c.err, ErrConfig) || errors.Is(c.err, ErrRefused) {
			t.Errorf("got %v, want a ConfigError: %s", c.err, c.want)
		} else if problem.Error() != c.want {
			t.Errorf("got  %s\nwant %s", problem, c.want)
		}
	}
}

func TestTheLastOfTwoOptionsWins(t *testing.T) {
	must(NewBreaker("x", WithOpenFor(-1), WithOpenFor(time.Second), WithFailureRate(math.NaN()), WithFailureRate(0), nil))
	must(NewBulkhead("x", nil, WithMaxConcurrent(-1), WithMaxConcurrent(1)))
	must(NewLimiter("x", nil))
	must(NewRetryBudget("x", nil))
	must(NewBackoff(nil))
}

func TestNamesAreNotEmpty(t *testing.T) {
	for _, err := range []error{
		second(NewBreaker("")), second(NewBulkhead("")), second(NewLimiter("")), second(NewRetryBudget("")),
	} {
		if !errors.Is(err, ErrConfig) || err.Error() != `name: "" is not allowed, wanted at least one character` {
			t.Errorf("got %v", err)
		}
	}
}

func second[T any](_ T, err error) error { return err }

func TestBadArgumentsAreErrors(t *testing.T) {
	b, l, r := must(NewBreaker("x")), must(NewLimiter("x")), must(NewRetryBudget("x"))
	permit := must(b.TryAcquire())
	for _, err := range []error{
		permit.Record(3), l.TryAcquire(-1), l.Wait(t.Context(), -1), second(l.Reserve(-1, 0)), second(l.Reserve(1, -1)),
		r.Record(9), second(r.TryWithdraw(5)),
	} {
		var problem *ConfigError
		if !errors.Is(err, ErrArgument) || !errors.As(err, &problem) || !strings.Contains(err.Error(), "outside 0") {
			t.Errorf("got %v", err)
		}
	}
	// The permit was not used up by the bad outcome.
	noError(t, permit.Success())
}

func TestZeroValuesDoNotCrash(t *testing.T) {
	var breaker Breaker
	var bulkhead Bulkhead
	var limiter Limiter
	var budget RetryBudget
	var histogram Histogram
	for name, err := range map[string]error{
		"breaker": second(breaker.TryAcquire()), "force_open": breaker.ForceOpen(), "bulkhead": second(bulkhead.TryAcquire()),
		"wait": second(bulkhead.Acquire(t.Context())), "limiter": limiter.TryAcquire(1), "adjust": limiter.Adjust(1),
		"budget": budget.Deposit(), "withdraw": second(budget.TryWithdraw(0)), "histogram": histogram.Record(1),
		"permit": (&BreakerPermit{}).Success(), "place": (&BulkheadPermit{}).Release(),
		"reservation": (&Reservation{}).Cancel(), "withdrawal": (&Withdrawal{}).Record(Success),
	} {
		if err == nil {
			t.Errorf("%s works without having been made", name)
		}
	}
	noError(t, (&BreakerPermit{}).Cancel())
	noError(t, (&Withdrawal{}).Cancel())
	_, _, _, _, _ = breaker.Snapshot(), bulkhead.Snapshot(), limiter.Snapshot(), budget.Snapshot(), histogram.Total()
	if limiter.Allow() {
		t.Error("a limiter that was never made allows")
	}
}

func TestEverythingIsClosedAfterClose(t *testing.T) {
	breaker, bulkhead, limiter := must(NewBreaker("x")), must(NewBulkhead("x")), must(NewLimiter("x"))
	budget, histogram := must(NewRetryBudget("x")), must(NewHistogram())
	permit, place := must(breaker.TryAcquire()), must(bulkhead.TryAcquire())
	unused, reservation := must(breaker.TryAcquire()), must(limiter.Reserve(1, 0))
	withdrawal, kept := must(budget.TryWithdraw(0)), must(budget.TryWithdraw(0))
	for range 2 {
		for _, object := range []interface{ Close() error }{breaker, bulkhead, limiter, budget, histogram} {
			noError(t, object.Close())
		}
	}
	_, quantile := histogram.Quantile(0.5)
	_, do := Do(context.Background(), breaker, func(context.Context) (int, error) { return 0, nil })
	for name, err := range map[string]error{
		"permit": permit.Success(), "cancel": unused.Cancel(), "place": place.Release(), "reservation": reservation.Cancel(),
		"withdrawal": withdrawal.Record(Success), "withdrawal cancel": kept.Cancel(),
		"breaker": second(breaker.TryAcquire()), "force_open": breaker.ForceOpen(), "reset": breaker.Reset(),
		"reconfigure": breaker.Reconfigure(), "do": do, "bulkhead": second(bulkhead.TryAcquire()),
		"critical": second(bulkhead.TryAcquireCritical()), "acquire": second(bulkhead.Acquire(t.Context())),
		"resize": bulkhead.Resize(1, 0), "limiter": limiter.TryAcquire(1), "wait": limiter.Wait(t.Context(), 1),
		"reserve": second(limiter.Reserve(1, 0)), "adjust": limiter.Adjust(1), "set_rate": limiter.SetRate(1, 1, 1),
		"deposit": budget.Deposit(), "withdraw": second(budget.TryWithdraw(0)), "record": budget.Record(Success),
		"finish": budget.Finish(), "budget": budget.Reconfigure(), "histogram": histogram.Record(1), "quantile": quantile,
		"merge": histogram.Merge(must(NewHistogram())), "other": must(NewHistogram()).Merge(histogram), "empty": histogram.Reset(),
	} {
		if !errors.Is(err, ErrClosed) {
			t.Errorf("%s after Close: %v", name, err)
		}
	}
	if limiter.Allow() || histogram.Total() != 0 || breaker.Snapshot() != (BreakerSnapshot{}) {
		t.Error("something answers after Close")
	}
}
