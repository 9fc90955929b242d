//go:build cgo

package seawall

import (
	"math"
	"reflect"
	"time"
)

// An Option sets what every object has: its clock and its mode.
type Option interface {
	BreakerOption
	BulkheadOption
	LimiterOption
	RetryBudgetOption
}

// A ClockOption is an Option that a wall can also be made with.
type ClockOption interface {
	Option
	WallOption
}

// WithClock makes an object go by this clock instead of the host's, usually a [ManualClock] in a test or a
// [GoClock] in a testing/synctest bubble. Only when the object is made.
//
// A wall and all its dependencies go by it, waits and sleeps included if it is a [TimerClock]; the context of an
// attempt always ends by Go's own timers. A clock for a wall from a file must not stand before the moment of
// opening: begin it at [Now].
func WithClock(clock Clock) ClockOption { return clockOption{clock} }

// WithMode says how strictly to act. Default [Enforce].
func WithMode(mode Mode) Option { return modeOption(mode) }

type clockOption struct{ clock Clock }

func (o clockOption) set(s *settings) {
	if s.live {
		s.reject("clock", "a new clock", "no clock, it cannot change on a live object")
		return
	}
	if value := reflect.ValueOf(o.clock); o.clock == nil || value.Kind() == reflect.Pointer && value.IsNil() {
		s.reject("clock", "nil", "a clock")
		return
	}
	s.clock = o.clock
}
func (o clockOption) applyWall(s *wallSettings)               { o.set(&s.settings) }
func (o clockOption) applyBreaker(s *breakerSettings)         { o.set(&s.settings) }
func (o clockOption) applyBulkhead(s *bulkheadSettings)       { o.set(&s.settings) }
func (o clockOption) applyLimiter(s *limiterSettings)         { o.set(&s.settings) }
func (o clockOption) applyRetryBudget(s *retryBudgetSettings) { o.set(&s.settings) }

type modeOption Mode

func (o modeOption) applyBreaker(s *breakerSettings)         { s.native.mode = u32(o) }
func (o modeOption) applyBulkhead(s *bulkheadSettings)       { s.native.mode = u32(o) }
func (o modeOption) applyLimiter(s *limiterSettings)         { s.native.mode = u32(o) }
func (o modeOption) applyRetryBudget(s *retryBudgetSettings) { s.native.mode = u32(o) }

// settings is what the options of all objects share. Ranges are the core's alone to know: a value that its
// number cannot even hold (negative, NaN, infinite, too large) is passed as the largest number, which every
// range excludes, and remembered, so that the core's error can show what was really given.
type settings struct {
	clock Clock
	// live is true when the settings of an object that exists already are changed.
	live  bool
	given map[string]any
	first *ConfigError
}

// reject notes a value that no number of the core's stands for.
func (s *settings) reject(field string, value, allowed any) {
	if s.first == nil {
		s.first = &ConfigError{Field: field, Value: value, Min: allowed, kind: ErrConfig}
	}
}

func (s *settings) remember(field string, value any) {
	if s.given == nil {
		s.given = make(map[string]any)
	}
	s.given[field] = value
}

// count is a whole number of a setting.
func (s *settings) count(field string, value int) u32 {
	delete(s.given, field)
	if value < 0 || uint64(value) > math.MaxUint32 {
		s.remember(field, int64(value))
		return math.MaxUint32
	}
	return u32(value)
}

// large is a whole number of 64 bits.
func (s *settings) large(field string, value int64) u64 {
	delete(s.given, field)
	if value < 0 {
		s.remember(field, value)
		return math.MaxUint64
	}
	return u64(value)
}

// ratio is a fraction in thousandths, to the nearest. What is above zero but would become zero is refused:
// zero means "no such rule".
func (s *settings) ratio(field string, value float64) u32 {
	delete(s.given, field)
	permille := math.Round(value * 1000)
	if !(permille >= 0 && permille < math.MaxUint32) || value < 0 || (value > 0 && permille == 0) {
		s.remember(field, value)
		return math.MaxUint32
	}
	return u32(permille)
}

// duration is a time in nanoseconds.
func (s *settings) duration(field string, value time.Duration) u64 {
	delete(s.given, field)
	if value < 0 {
		s.remember(field, value)
		return math.MaxUint64
	}
	return u64(value)
}

// check is the error of a value that the core must not even see, or has no opinion on.
func (s *settings) check() error {
	if s.first != nil {
		return s.first
	}
	return nil
}

// accepted is asked when the core has accepted all settings: it does not look at those whose rule is off,
// but what is no number at all is an error nevertheless.
func (s *settings) accepted() error {
	for field, value := range s.given {
		return &ConfigError{Field: field, Value: value, kind: ErrConfig}
	}
	return nil
}

// units says what a setting's number stands for; counts need no entry.
type units map[string]func(uint64) any

func asDuration(value uint64) any { return span(value) }
func asRatio(value uint64) any    { return float64(value) / 1000 }

// explain is the core's refusal of a setting, in the units of this package.
func (s *settings) explain(name string, answer status, refused *nativeConfigError, units units) error {
	if answer != statusConfig {
		return misuse(name, answer)
	}
	field := field(refused)
	convert := units[field]
	if convert == nil {
		convert = func(value uint64) any { return int64(min(value, math.MaxInt64)) }
	}
	e := &ConfigError{
		Field: field, Value: convert(uint64(refused.value)),
		Min: convert(uint64(refused.min)), Max: convert(uint64(refused.max)), kind: ErrConfig,
	}
	if value, ok := s.given[field]; ok {
		e.Value = value
		if ratio, ok := value.(float64); ok && ratio > 0 && ratio < 0.001 {
			e.Min = 0.001
		}
	}
	return e
}

// mayMake refuses empty names, which would make one of several objects in logs and metrics, and a C library
// that is not the header's.
func mayMake(name string) error {
	if name == "" {
		return &ConfigError{Field: "name", Value: "", Min: "at least one character", kind: ErrConfig}
	}
	if version := nativeABIVersion(); version < headerABIVersion || version>>16 != headerABIVersion>>16 {
		return ErrVersion
	}
	return nil
}
