//go:build cgo

package seawall

import (
	"math"
	"sync/atomic"
	"time"
)

// A Histogram counts how long calls take, and answers quantiles within 3 % up to 137 s.
//
// Any number of goroutines may use it; nothing blocks or allocates. Its 3.5 KB live outside Go's heap and are
// freed when nobody has the histogram any more.
type Histogram struct {
	native nativeHistogram
	closed atomic.Bool
}

// NewHistogram makes an empty histogram. The error is only [ErrVersion].
func NewHistogram() (*Histogram, error) {
	if err := mayMake("histogram"); err != nil {
		return nil, err
	}
	h := &Histogram{}
	if answer := h.native.init(); answer != statusOK {
		return nil, misuse("histogram", answer)
	}
	return h, nil
}

// Record counts one latency; negative ones count as 0.
func (h *Histogram) Record(latency time.Duration) error {
	if h.closed.Load() {
		return closed("histogram")
	}
	return h.done(h.native.record(nanos(latency)))
}

// Quantile is the latency that this share of all calls, 0 to 1, stayed at or below: 0.5 is the median, 0.999 is
// p99.9. 0 when nothing was counted. A share outside its range, or NaN, is a [*ConfigError].
func (h *Histogram) Quantile(share float64) (time.Duration, error) {
	if h.closed.Load() {
		return 0, closed("histogram")
	}
	if !(share >= 0 && share <= 1) {
		return 0, &ConfigError{Field: "share", Value: share, Min: 0.0, Max: 1.0, kind: ErrArgument}
	}
	latency, answer := h.native.quantile(uint32(math.Round(share * 1e6)))
	return span(latency), h.done(answer)
}

// Total is how many latencies were counted; 0 after Close.
func (h *Histogram) Total() uint64 {
	if h.closed.Load() {
		return 0
	}
	total, _ := h.native.total()
	return total
}

// Merge adds everything that other holds; other stays as it is.
func (h *Histogram) Merge(other *Histogram) error {
	if other == nil {
		return &ConfigError{Field: "other", Value: "nil", Min: "a histogram", kind: ErrArgument}
	}
	if h.closed.Load() || other.closed.Load() {
		return closed("histogram")
	}
	return h.done(h.native.merge(&other.native))
}

// Reset forgets everything.
func (h *Histogram) Reset() error {
	if h.closed.Load() {
		return closed("histogram")
	}
	return h.done(h.native.reset())
}

// Close ends the use of the histogram: whatever is asked of it later is [ErrClosed]. There is no need to close
// a histogram; its memory is freed when nobody has it any more.
func (h *Histogram) Close() error {
	h.closed.Store(true)
	return nil
}

func (h *Histogram) done(answer status) error {
	if answer == statusOK {
		return nil
	}
	return misuse("histogram", answer)
}
