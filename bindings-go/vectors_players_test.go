package seawall

import (
	"math"
	"strconv"
	"time"
)

var players = map[string]player{
	"breaker": playBreaker, "bulkhead": playBulkhead, "limiter": playLimiter, "retry_budget": playRetryBudget,
	"backoff": playBackoff, "deadline": playDeadline, "histogram": playHistogram,
}

func playBreaker(config step, clock *ManualClock) (func(step) (error, step), error) {
	changed := ""
	options := []BreakerOption{
		WithClock(clock), WithMode(mode(config)), WithSeed(uint64(config.number("seed", 0))),
		WithProbeLease(config.nanos("probe_lease_ns", 30e9)),
		OnTransition(func(_ string, from, to State) { changed = arrow(from, to) }),
		WithConsecutiveFailures(int(config.number("consecutive_failures", 5))),
		WithConsecutiveAlways(config["consecutive_always"] == true || config.number("consecutive_always", 0) == 1),
		WithFailureRate(permille(config.number("failure_permille", 500))),
		WithSlowRate(permille(config.number("slow_permille", 0)), config.nanos("slow_after_ns", 0)),
		WithWindowCalls(int(config.number("window_calls", 0))), WithWindow(config.nanos("window_ns", 10e9)),
		WithMinCalls(int(config.number("min_calls", 20))), WithOpenFor(config.nanos("open_for_ns", 30e9)),
		WithOpenBackoff(permille(config.number("open_backoff_permille", 2000))),
		WithOpenMax(config.nanos("open_max_ns", 300e9)),
		WithOpenJitter(permille(config.number("open_jitter_permille", 100))),
		WithProbes(int(config.number("probes", 1))), WithMinWitnesses(int(config.number("min_witnesses", 1))),
	}
	b, err := NewBreaker("vector", options...)
	if err != nil {
		return nil, err
	}
	permits := map[string]*BreakerPermit{}
	return func(s step) (err error, seen step) {
		changed = ""
		var permit *BreakerPermit
		switch s.text("do") {
		case "acquire":
			permit, err = b.TryAcquire()
			permits[s.text("as")] = permit
		case "call":
			if permit, err = b.TryAcquire(); err == nil {
				if late := permit.record(outcome(s), s.nanos("retry_after_ns", 0)); late != nil {
					panic(late)
				}
			}
		case "record":
			err = permits[s.text("permit")].record(outcome(s), s.nanos("retry_after_ns", 0))
		case "cancel":
			err = permits[s.text("permit")].Cancel()
		case "force_open":
			err = b.ForceOpen()
		case "disable":
			err = b.Disable()
		case "reset":
			err = b.Reset()
		case "look":
		default:
			panic(s.text("do"))
		}
		look := b.Snapshot()
		seen = step{
			"state": look.State, "generation": look.Generation, "streak": look.Streak, "probes_in_flight": look.ProbesInFlight,
			"window":     step{"calls": look.WindowCalls, "failures": look.WindowFailures, "slow": look.WindowSlow},
			"transition": changed,
			"counters": step{
				"success": look.Success, "failure": look.Failure, "ignored": look.Ignored, "slow": look.Slow,
				"refused": look.Refused, "shadow_refused": look.ShadowRefused, "late": look.Late, "opened": look.Opened,
			},
		}
		if s.text("do") == "look" || s.text("do") == "acquire" {
			seen["retry_after_ns"] = retryAfter(err, look.RetryAfter)
		}
		return err, seen
	}, nil
}

func playBulkhead(config step, clock *ManualClock) (func(step) (error, step), error) {
	limit := config.number("max_concurrent", 20)
	b, err := NewBulkhead("vector", WithClock(clock), WithMode(mode(config)), WithMaxConcurrent(int(limit)),
		WithCapacity(int(config.number("capacity", limit))), WithReserved(int(config.number("reserved", 0))),
		WithMaxWaiting(int(config.number("max_waiting", 0))))
	if err != nil {
		return nil, err
	}
	permits := map[string]*BulkheadPermit{}
	return func(s step) (err error, seen step) {
		switch s.text("do") {
		case "acquire":
			take := b.TryAcquire
			if s["critical"] == true {
				take = b.TryAcquireCritical
			}
			permits[s.text("as")], err = take()
		case "release":
			err = permits[s.text("permit")].Release()
		case "resize":
			err = b.Resize(int(s.number("max_concurrent", 0)), int(s.number("reserved", 0)))
		case "begin_wait":
			// The two halves of a wait are one in Go's interface; the core counts them apart.
			if answer := b.native.beginWait(); answer != statusOK {
				err = refused("vector", answer, 0)
			}
		case "end_wait":
			b.native.endWait()
		case "look":
		default:
			panic(s.text("do"))
		}
		look := b.Snapshot()
		return err, step{
			"limit": look.Limit, "in_use": look.InUse, "waiting": look.Waiting, "rejected": look.Rejected,
			"shadow_refused": look.ShadowRefused, "stale": look.Stale, "longest_hold_ns": int64(look.LongestHold),
		}
	}, nil
}

func playLimiter(config step, clock *ManualClock) (func(step) (error, step), error) {
	l, err := NewLimiter("vector", WithClock(clock), WithMode(mode(config)), WithBurst(config.number("burst", 100)),
		WithRate(config.number("permits", 100), config.nanos("period_ns", 1e9)))
	if err != nil {
		return nil, err
	}
	reservations := map[string]*Reservation{}
	return func(s step) (err error, seen step) {
		wait, n := int64(0), s.number("n", 1)
		switch s.text("do") {
		case "acquire":
			err = l.TryAcquire(n)
		case "reserve":
			var reservation *Reservation
			if reservation, err = l.Reserve(n, s.nanos("max_wait_ns", 0)); err == nil {
				wait = int64(reservation.Delay())
			}
			reservations[s.text("as")] = reservation
		case "cancel":
			err = reservations[s.text("reservation")].Cancel()
		case "adjust":
			err = l.Adjust(n)
		case "set_rate":
			err = l.SetRate(s.number("permits", 0), s.nanos("period_ns", 0), s.number("burst", 0))
		case "look":
		default:
			panic(s.text("do"))
		}
		look := l.Snapshot()
		return err, step{
			"limit": look.Limit, "remaining": look.Remaining, "reset_ns": int64(look.Reset), "wait_ns": wait,
			"retry_after_ns": retryAfter(err, look.RetryAfter),
			"counters":       step{"allowed": look.Allowed, "refused": look.Refused, "shadow_refused": look.ShadowRefused},
		}
	}, nil
}

func playRetryBudget(config step, clock *ManualClock) (func(step) (error, step), error) {
	options := []RetryBudgetOption{WithClock(clock), WithMode(mode(config)), WithProfile(numbered(config.text("profile"),
		ProfileBucket, ProfileFinagle, ProfileGRPC, ProfileAWSStandard, ProfileAWSLegacy))}
	for key, option := range map[string]func(int64) RetryBudgetOption{
		"ratio_permille":                  func(n int64) RetryBudgetOption { return WithBudgetRatio(permille(n)) },
		"min_per_second":                  func(n int64) RetryBudgetOption { return WithMinPerSecond(int(n)) },
		"window_ns":                       func(n int64) RetryBudgetOption { return WithWindow(time.Duration(n)) },
		"cap":                             func(n int64) RetryBudgetOption { return WithBudgetCap(int(n)) },
		"max_concurrent_retries_permille": func(n int64) RetryBudgetOption { return WithMaxConcurrentRetries(permille(n)) },
		"min_concurrent_retries":          func(n int64) RetryBudgetOption { return WithMinConcurrentRetries(int(n)) },
	} {
		if config.has(key) {
			options = append(options, option(config.number(key, 0)))
		}
	}
	b, err := NewRetryBudget("vector", options...)
	if err != nil {
		return nil, err
	}
	withdrawals := map[string]*Withdrawal{}
	causes := map[string]Cause{"": CauseFailure, "failure": CauseFailure, "throttled": CauseThrottled, "timeout": CauseTimeout}
	return func(s step) (err error, seen step) {
		switch s.text("do") {
		case "deposit":
			err = b.Deposit()
		case "withdraw":
			withdrawals[s.text("as")], err = b.TryWithdraw(causes[s.text("class")])
		case "record":
			if s.has("withdrawal") {
				err = withdrawals[s.text("withdrawal")].Record(outcome(s))
			} else {
				err = b.Record(outcome(s))
			}
		case "cancel":
			err = withdrawals[s.text("withdrawal")].Cancel()
		case "finish":
			err = b.Finish()
		case "look":
		default:
			panic(s.text("do"))
		}
		look := b.Snapshot()
		return err, step{
			"tokens_milli": milli(look.Tokens), "calls_in_flight": look.CallsInFlight, "retries_in_flight": look.RetriesInFlight,
			"counters": step{"deposited": look.Deposited, "withdrawn": look.Withdrawn, "refused": look.Refused, "shadow_refused": look.ShadowRefused},
		}
	}, nil
}

func playBackoff(config step, _ *ManualClock) (func(step) (error, step), error) {
	options := []BackoffOption{
		WithBackoffBase(config.nanos("base_ns", 100e6)), WithBackoffCap(config.nanos("cap_ns", 20e9)),
		WithBackoffFactor(permille(config.number("factor_permille", 2000))),
		WithBackoffJitter(numbered(config.text("jitter"), JitterFull, JitterEqual, JitterDecorrelated, JitterNone)),
	}
	if config.has("retry_after_margin_ns") {
		options = append(options, WithRetryAfterMargin(config.nanos("retry_after_margin_ns", 0)))
	}
	b, err := NewBackoff(options...)
	return func(s step) (error, step) {
		random, err := strconv.ParseUint(s.text("random"), 10, 64)
		if err != nil {
			return err, nil
		}
		delay := b.Delay(int(s.number("attempt", 1)), s.nanos("previous_ns", 0), random, s.nanos("retry_after_ns", 0))
		return nil, step{"delay_ns": int64(delay)}
	}, err
}

func playDeadline(_ step, clock *ManualClock) (func(step) (error, step), error) {
	deadline := Never
	return func(s step) (error, step) {
		now, seen := clock.Now(), step{}
		switch s.text("do") {
		case "after":
			deadline = DeadlineAfter(now, s.nanos("duration_ns", 0))
		case "keep":
			deadline = deadline.Keep(now, permille(s.number("reserve_permille", 0)))
		case "nearer":
			deadline = deadline.Nearer(DeadlineAfter(s.nanos("at_other_ns", math.MaxInt64), 0))
		case "attempt_timeout":
			seen["attempt_ns"] = int64(deadline.AttemptTimeout(s.nanos("timeout_ns", 0), now))
		case "remaining":
		default:
			panic(s.text("do"))
		}
		seen["remaining_ns"], seen["expired"] = int64(deadline.Remaining(now)), deadline.IsExpired(now)
		return nil, seen
	}, nil
}

func playHistogram(step, *ManualClock) (func(step) (error, step), error) {
	h, err := NewHistogram()
	return func(s step) (err error, seen step) {
		seen = step{}
		switch s.text("do") {
		case "record":
			err = h.Record(s.nanos("value_ns", 0))
		case "quantile":
			var value time.Duration
			value, err = h.Quantile(float64(s.number("ppm", 0)) / 1e6)
			seen["value_ns"] = int64(value)
		case "look":
		default:
			panic(s.text("do"))
		}
		seen["total"] = h.Total()
		return err, seen
	}, err
}
