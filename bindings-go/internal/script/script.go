// Package script is what a test has asked of a dependency, between the packages seawall and seawalltest.
package script

import (
	"sync"
	"time"
)

// A Clock is moved on in place of waiting.
type Clock interface{ Advance(time.Duration) }

// A Fault is what an attempt meets in place of its function.
type Fault struct {
	// Err is its error; nil: none.
	Err error
	// Latency comes before.
	Latency time.Duration
	// Strikes draws whether an attempt meets it.
	Strikes func() bool
	// Left is how many attempts still meet it; below 0: all.
	Left int
}

// A Script is the faults of one dependency, in order, and the clock that moves in place of waiting.
type Script struct {
	lock   sync.Mutex
	faults []*Fault
	clock  Clock
}

// Add makes attempts meet a fault, after those there are. The answer takes it out again.
func (s *Script) Add(fault *Fault) (remove func()) {
	s.lock.Lock()
	defer s.lock.Unlock()
	s.faults = append(s.faults, fault)
	return func() {
		s.lock.Lock()
		defer s.lock.Unlock()
		s.remove(fault)
	}
}

func (s *Script) remove(fault *Fault) {
	for i, other := range s.faults {
		if other == fault {
			s.faults = append(s.faults[:i:i], s.faults[i+1:]...)
			return
		}
	}
}

// Next is the fault that the next attempt meets.
func (s *Script) Next() (Fault, bool) {
	s.lock.Lock()
	defer s.lock.Unlock()
	for _, fault := range s.faults {
		if fault.Left == 0 || !fault.Strikes() {
			continue
		}
		if fault.Left > 0 {
			fault.Left--
		}
		return *fault, true
	}
	return Fault{}, false
}

// SetClock puts a clock in place of all waits; nil ends that.
func (s *Script) SetClock(clock Clock) {
	s.lock.Lock()
	defer s.lock.Unlock()
	s.clock = clock
}

// Clock is the clock in place of waits, or nil.
func (s *Script) Clock() Clock {
	s.lock.Lock()
	defer s.lock.Unlock()
	return s.clock
}

// The package seawall puts its side here. Both take a *seawall.Dependency.
var (
	Of    func(dependency any) *Script
	Force func(dependency any, state uint32) error
)
