//go:build cgo

package seawall

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// A Profile is a published set of rules for retries.
type Profile uint32

const (
	// ProfileBucket: each call adds its share, time adds a floor, a retry takes one. The default.
	ProfileBucket Profile = profileBucket
	// ProfileFinagle is Finagle's RetryBudget.
	ProfileFinagle Profile = profileFinagle
	// ProfileGRPC is gRPC's retry throttling (gRFC A6); [WithBudgetCap] is its maxTokens.
	ProfileGRPC Profile = profileGRPC
	// ProfileAWSStandard is the standard retry mode of the AWS SDKs, by the rules of 2026.
	ProfileAWSStandard Profile = profileAWSStandard
	// ProfileAWSLegacy is the same by the older rules.
	ProfileAWSLegacy Profile = profileAWSLegacy
)

// String is the profile as configurations name it, such as "aws_standard".
func (p Profile) String() string {
	names := [...]string{"bucket", "finagle", "grpc", "aws_standard", "aws_legacy"}
	if int(p) < len(names) {
		return names[p]
	}
	return fmt.Sprintf("profile %d", uint32(p))
}

// A Cause is why a retry is wanted; the AWS profiles charge by it.
type Cause uint32

const (
	// CauseFailure: an ordinary failure.
	CauseFailure Cause = causeFailure
	// CauseThrottled: the server asked for less.
	CauseThrottled Cause = causeThrottled
	// CauseTimeout: no answer in time.
	CauseTimeout Cause = causeTimeout
)

// A RetryBudgetOption is a setting of a retry budget.
type RetryBudgetOption interface{ applyRetryBudget(*retryBudgetSettings) }

type retryBudgetSettings struct {
	settings
	native  nativeRetryBudgetConfig
	profile Profile
}

type retryBudgetOption func(*retryBudgetSettings)

func (o retryBudgetOption) applyRetryBudget(s *retryBudgetSettings) { o(s) }

func (o windowOption) applyRetryBudget(s *retryBudgetSettings) {
	s.native.window_ns = s.duration("window", time.Duration(o))
}

// WithProfile takes the rules and numbers of a published profile; other options change single numbers of it,
// whatever their order. Default [ProfileBucket]. Only when the budget is made.
func WithProfile(profile Profile) RetryBudgetOption {
	return retryBudgetOption(func(s *retryBudgetSettings) {
		if s.live && profile != s.profile {
			s.reject("profile", profile.String(), "no other, it cannot change on a live budget")
			return
		}
		s.profile = profile
	})
}

// WithBudgetRatio is what each call (bucket, finagle) or success (gRPC) adds, in tokens, 0 to 10 in steps of
// 0.001. Default 0.1: one retry for ten calls.
func WithBudgetRatio(tokens float64) RetryBudgetOption {
	return retryBudgetOption(func(s *retryBudgetSettings) { s.native.ratio_permille = s.ratio("ratio", tokens) })
}

// WithMinPerSecond allows so many retries per second whatever the traffic (bucket, finagle), 0 to 10,000.
// Default 1.
func WithMinPerSecond(retries int) RetryBudgetOption {
	return retryBudgetOption(func(s *retryBudgetSettings) { s.native.min_per_second = s.count("min_per_second", retries) })
}

// WithBudgetCap is the most tokens there can be, 1 to 1,000,000 (gRPC: 1,000), and in a bucket at least what
// the floor saves up over the window. Default 100.
func WithBudgetCap(tokens int) RetryBudgetOption {
	return retryBudgetOption(func(s *retryBudgetSettings) { s.native.cap = s.count("cap", tokens) })
}

// WithMaxConcurrentRetries also bounds the retries under way, to this share of the calls under way, 0 to 10; 0
// leaves the rule out, the default. Each Deposit then needs a Finish.
func WithMaxConcurrentRetries(ratio float64) RetryBudgetOption {
	return retryBudgetOption(func(s *retryBudgetSettings) {
		s.native.max_concurrent_retries_permille = s.ratio("max_concurrent_retries_ratio", ratio)
	})
}

// WithMinConcurrentRetries always allows so many retries under way by the rule above, 0 to 1,000,000. Default 3.
func WithMinConcurrentRetries(retries int) RetryBudgetOption {
	return retryBudgetOption(func(s *retryBudgetSettings) {
		s.native.min_concurrent_retries = s.count("min_concurrent_retries", retries)
	})
}

var retryBudgetUnits = units{
	"ratio": asRatio, "max_concurrent_retries_ratio": asRatio, "window": asDuration,
}

func (s *retryBudgetSettings) with(options []RetryBudgetOption) (nativeRetryBudgetConfig, error) {
	apply := func() {
		for _, option := range options {
			if option != nil {
				option.applyRetryBudget(s)
			}
		}
	}
	apply()
	if !s.live {
		// The first round told the profile; now its numbers, and the options once more on top.
		native, answer := retryBudgetProfile(uint32(s.profile))
		if answer != statusOK {
			s.reject("profile", s.profile.String(), "bucket, finagle, grpc, aws_standard or aws_legacy")
			return s.native, s.check()
		}
		s.native, s.given, s.first = native, nil, nil
		apply()
	}
	return s.native, s.check()
}

// A RetryBudget keeps retries a small share of the calls, so that they cannot multiply the load of a dependency
// that is down.
//
// Say Deposit once per call; before each retry ask TryWithdraw, and say with the withdrawal how the retry ended.
// Any number of goroutines may use it; nothing blocks. Its 0.7 KB live outside Go's heap and are freed when
// nobody has the budget or one of its withdrawals any more.
type RetryBudget struct {
	native nativeRetryBudget
	name   string
	clock  Clock
	closed atomic.Bool

	lock     sync.Mutex
	settings retryBudgetSettings
}

// NewRetryBudget makes a budget. Without options: each call adds a tenth of a retry, and one per second is
// always allowed, saved up for 10 s.
//
// A setting outside its range, or an empty name, is a [*ConfigError].
func NewRetryBudget(name string, options ...RetryBudgetOption) (*RetryBudget, error) {
	if err := mayMake(name); err != nil {
		return nil, err
	}
	settings := retryBudgetSettings{}
	config, err := settings.with(options)
	if err != nil {
		return nil, err
	}
	b := &RetryBudget{name: name, clock: settings.clock}
	var problem nativeConfigError
	if answer := b.native.init(&config, moment(b.clock), &problem); answer != statusOK {
		return nil, settings.explain(name, answer, &problem, retryBudgetUnits)
	}
	if err := settings.accepted(); err != nil {
		return nil, err
	}
	settings.live = true
	b.settings = settings
	return b, nil
}

// Name is the name it was made with.
func (b *RetryBudget) Name() string { return b.name }

// Deposit says that a call begins: once per call, whatever its attempts.
func (b *RetryBudget) Deposit() error {
	if b.closed.Load() {
		return closed(b.name)
	}
	return b.done(b.native.deposit(moment(b.clock)))
}

// TryWithdraw asks for leave to send one more retry. Say how it ended with the withdrawal's Record, or give it
// back with Cancel.
//
// A refusal is a [*RefusedError] that is [ErrBudgetExhausted]: end the call with its last real error then.
func (b *RetryBudget) TryWithdraw(cause Cause) (*Withdrawal, error) {
	withdrawal := &Withdrawal{budget: b}
	if err := b.withdraw(cause, withdrawal); err != nil {
		return nil, err
	}
	return withdrawal, nil
}

func (b *RetryBudget) withdraw(cause Cause, withdrawal *Withdrawal) error {
	if b.closed.Load() {
		return closed(b.name)
	}
	if cause > CauseTimeout {
		return &ConfigError{Field: "cause", Value: int64(cause), Min: int64(CauseFailure), Max: int64(CauseTimeout), kind: ErrArgument}
	}
	answer := b.native.tryWithdraw(uint32(cause), moment(b.clock), &withdrawal.native)
	if answer > statusOK {
		return refused(b.name, answer, withdrawal.native.retry_after_ns)
	}
	return b.done(answer)
}

// Record says how a first attempt ended, for the profiles that learn from it (gRPC, AWS). For a retry use the
// withdrawal's Record.
func (b *RetryBudget) Record(outcome Outcome) error {
	if b.closed.Load() {
		return closed(b.name)
	}
	if err := outcome.check(); err != nil {
		return err
	}
	return b.done(b.native.record(uint32(outcome), nil))
}

// Finish says that a call has ended: once for each Deposit, where [WithMaxConcurrentRetries] is on.
func (b *RetryBudget) Finish() error {
	if b.closed.Load() {
		return closed(b.name)
	}
	return b.done(b.native.finish())
}

func (b *RetryBudget) done(answer status) error {
	if answer == statusOK {
		return nil
	}
	return misuse(b.name, answer)
}

// Reconfigure changes settings of a live budget and leaves all others as they are. Tokens stay, within the new
// cap. Profile and clock cannot change.
func (b *RetryBudget) Reconfigure(options ...RetryBudgetOption) error {
	if b.closed.Load() {
		return closed(b.name)
	}
	b.lock.Lock()
	defer b.lock.Unlock()
	settings := b.settings
	settings.given = nil
	config, err := settings.with(options)
	if err != nil {
		return err
	}
	var problem nativeConfigError
	if err := settings.accepted(); err != nil {
		// As in a breaker's Reconfigure.
		var probe nativeRetryBudget
		if answer := probe.init(&config, 0, &problem); answer != statusOK {
			return settings.explain(b.name, answer, &problem, retryBudgetUnits)
		}
		return err
	}
	if answer := b.native.reconfigure(&config, &problem); answer != statusOK {
		return settings.explain(b.name, answer, &problem, retryBudgetUnits)
	}
	b.settings = settings
	return nil
}

// Close ends the use of the budget: whatever is asked of it later is [ErrClosed]. There is no need to close a
// budget; its memory is freed when nobody has it any more.
func (b *RetryBudget) Close() error {
	b.closed.Store(true)
	return nil
}

// A RetryBudgetSnapshot is what a budget looked like at one moment.
type RetryBudgetSnapshot struct {
	// Tokens is what is left, Cap the most there can be (0 where the profile has no such bound). Both exact to
	// a thousandth.
	Tokens float64 `json:"tokens"`
	Cap    float64 `json:"cap"`
	// CallsInFlight and RetriesInFlight are those under way, where [WithMaxConcurrentRetries] is on.
	CallsInFlight   int `json:"calls_in_flight"`
	RetriesInFlight int `json:"retries_in_flight"`
	// Deposited, Withdrawn and Refused are the deposits, and the retries granted and refused, ever;
	// ShadowRefused the retries that would have been refused outside shadow mode.
	Deposited     uint64 `json:"deposited"`
	Withdrawn     uint64 `json:"withdrawn"`
	Refused       uint64 `json:"refused"`
	ShadowRefused uint64 `json:"shadow_refused"`
}

// Snapshot looks at the budget and changes nothing. All zero after Close.
func (b *RetryBudget) Snapshot() RetryBudgetSnapshot {
	if b.closed.Load() {
		return RetryBudgetSnapshot{}
	}
	s, _ := b.native.snapshot(moment(b.clock))
	return retryBudgetSnapshot(&s)
}

func retryBudgetSnapshot(s *nativeRetryBudgetSnapshot) RetryBudgetSnapshot {
	return RetryBudgetSnapshot{
		Tokens:          float64(s.tokens_milli) / 1000,
		Cap:             float64(s.cap_milli) / 1000,
		CallsInFlight:   int(s.calls_in_flight),
		RetriesInFlight: int(s.retries_in_flight),
		Deposited:       uint64(s.deposited),
		Withdrawn:       uint64(s.withdrawn),
		Refused:         uint64(s.refused),
		ShadowRefused:   uint64(s.shadow_refused),
	}
}

// A Withdrawal is leave for one retry. Use it once; of several goroutines that use it, one is heard.
type Withdrawal struct {
	native nativeWithdrawal
	budget *RetryBudget
	used   atomic.Bool
}

// Record says how the retry ended. [ErrSpent] when the withdrawal was used before, ErrClosed after Close.
func (w *Withdrawal) Record(outcome Outcome) error {
	b := w.budget
	if b == nil {
		return ErrSpent
	}
	if err := outcome.check(); err != nil {
		return err
	}
	if b.closed.Load() {
		return closed(b.name)
	}
	if w.used.Swap(true) {
		return misuse(b.name, statusSpent)
	}
	return b.done(b.native.record(uint32(outcome), &w.native))
}

// Cancel gives leave back that was not used: what it cost is there again. Does nothing once it was used, so it
// can be deferred.
func (w *Withdrawal) Cancel() error {
	b := w.budget
	if b == nil || w.used.Swap(true) {
		return nil
	}
	if b.closed.Load() {
		return closed(b.name)
	}
	return b.done(b.native.cancel(&w.native, moment(b.clock)))
}
