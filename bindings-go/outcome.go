//go:build cgo

package seawall

import "fmt"

// An Outcome is how a call ended, as far as it says something about the dependency.
type Outcome uint32

const (
	// Success: the call did what was asked.
	Success Outcome = outcomeSuccess
	// Failure: the call failed in a way that says something about the dependency.
	Failure Outcome = outcomeFailure
	// Ignored: the call says nothing about the dependency. It was cancelled, or the caller's own mistake.
	Ignored Outcome = outcomeIgnored
)

// String is "success", "failure" or "ignored".
func (o Outcome) String() string {
	switch o {
	case Success:
		return "success"
	case Failure:
		return "failure"
	case Ignored:
		return "ignored"
	}
	return fmt.Sprintf("outcome %d", uint32(o))
}

// MarshalText is the word of String, so that JSON has it.
func (o Outcome) MarshalText() ([]byte, error) { return []byte(o.String()), nil }

// check says whether the number is one of the three.
func (o Outcome) check() error {
	if o > Ignored {
		return &ConfigError{Field: "outcome", Value: int64(o), Min: int64(Success), Max: int64(Ignored), kind: ErrArgument}
	}
	return nil
}

// A Mode says how strictly an object acts.
type Mode uint32

const (
	// Enforce decides and refuses. The default.
	Enforce Mode = modeEnforce
	// Shadow decides and counts but never refuses: for trying out settings on real traffic.
	Shadow Mode = modeShadow
	// Off neither decides nor counts.
	Off Mode = modeOff
)

// String is "enforce", "shadow" or "off".
func (m Mode) String() string {
	switch m {
	case Enforce:
		return "enforce"
	case Shadow:
		return "shadow"
	case Off:
		return "off"
	}
	return fmt.Sprintf("mode %d", uint32(m))
}
