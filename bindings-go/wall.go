//go:build cgo

package seawall

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"unicode/utf8"
)

// ErrUnknown is a name that no dependency has.
var ErrUnknown = errors.New("no such dependency")

// A Seawall is every dependency of a service: policies from one file or from code, and their live state. Any
// goroutine may use it. Opening, defining and reloading read files and allocate; calls do neither.
type Seawall struct {
	native nativeWall
	clock  Clock
	hooks  hooks

	lock         sync.Mutex
	dependencies map[nativeDependency]*Dependency
	// generation counts the policies put in force, so that dependencies know when to look again.
	generation atomic.Uint64
	closed     atomic.Bool
	// done wakes those who wait or sleep when the wall is closed.
	done chan struct{}
}

// A WallOption is a setting of [Open], [Parse] and [New].
type WallOption interface{ applyWall(*wallSettings) }

type wallSettings struct {
	settings
	seed   *uint64
	logger *slog.Logger
}

type wallOption func(*wallSettings)

func (o wallOption) applyWall(s *wallSettings) { o(s) }

// WithLogger writes a line for each event: state changes as warnings, retries and fallbacks as information,
// refusals and late results as debugging. See [LogEvents].
func WithLogger(logger *slog.Logger) WallOption {
	return wallOption(func(s *wallSettings) {
		if logger == nil {
			s.reject("logger", "nil", "a logger")
			return
		}
		s.logger = logger
	})
}

// Open reads a file of policies, usually "seawall.toml". Everything that is wrong with it comes at once, as a
// [*ConfigError] whose text has a line for each problem, with file, line, column and the nearest known key. What
// is merely worth a thought is in [Seawall.Findings].
func Open(path string, options ...WallOption) (*Seawall, error) {
	if err := checkText("path", path); err != nil {
		return nil, err
	}
	return newWall(options, false, func(w *Seawall) (status, string) { return w.native.open(path) })
}

// Parse is Open for a text instead of a file. Messages call it "policies".
func Parse(policies string, options ...WallOption) (*Seawall, error) {
	if err := checkText("policies", policies); err != nil {
		return nil, err
	}
	return newWall(options, false, func(w *Seawall) (status, string) { return w.native.parse(policies, "policies") })
}

// New is an empty wall, for policies in code: see [Seawall.Define].
func New(options ...WallOption) (*Seawall, error) {
	return newWall(options, true, func(w *Seawall) (status, string) { return w.native.empty(), "" })
}

func newWall(options []WallOption, seeds bool, open func(*Seawall) (status, string)) (*Seawall, error) {
	var s wallSettings
	for _, option := range options {
		if option != nil {
			option.applyWall(&s)
		}
	}
	if err := s.check(); err != nil {
		return nil, err
	}
	if s.seed != nil && !seeds {
		return nil, &ConfigError{Field: "seed", Value: fmt.Sprint(*s.seed), Min: `the key "seed" in the file`, kind: ErrConfig}
	}
	if err := mayMake("wall"); err != nil {
		return nil, err
	}
	w := &Seawall{clock: s.clock, dependencies: make(map[nativeDependency]*Dependency), done: make(chan struct{})}
	var answer status
	var message string
	if s.seed != nil {
		answer = w.native.seeded(*s.seed)
	} else {
		answer, message = open(w)
	}
	if answer != statusOK {
		return nil, explained(answer, message)
	}
	if s.logger != nil {
		w.OnEvent(LogEvents(s.logger))
	}
	return w, nil
}

// checkText refuses what no C string can hold, and no text of the core's.
func checkText(field, text string) error {
	if strings.IndexByte(text, 0) >= 0 || !utf8.ValidString(text) {
		return &ConfigError{Field: field, Value: strings.ToValidUTF8(text[:min(len(text), 80)], ""), Min: "UTF-8 without NUL", kind: ErrConfig}
	}
	return nil
}

// explained is the error that the core put into words.
func explained(answer status, message string) error {
	if message == "" {
		return misuse("wall", answer)
	}
	switch answer {
	case statusConfig:
		return &ConfigError{Field: firstKey(message), Text: message, kind: ErrConfig}
	case statusUnknown:
		return &wordedError{message, ErrUnknown}
	case statusArgument:
		return &wordedError{message, ErrArgument}
	}
	return misuse("wall", answer)
}

// A wordedError is one of this package's errors in the core's words.
type wordedError struct {
	text string
	kind error
}

func (e *wordedError) Error() string { return e.text }
func (e *wordedError) Unwrap() error { return e.kind }

// firstKey is the key of the first problem, "FILE:LINE:COLUMN: KEY: message" or "KEY: message".
func firstKey(message string) string {
	line, _, _ := strings.Cut(message, "\n")
	parts := strings.Split(line, ": ")
	for _, part := range parts[:max(len(parts)-1, 0)] {
		if !strings.ContainsAny(part, " :/\\") {
			return part
		}
	}
	return ""
}

// Define adds a dependency with a policy written in code, which is checked as one in a file is. A name that is
// taken, or not of 1 to 64 of A-Z a-z 0-9 _ . -, is an error, too.
func (w *Seawall) Define(name string, policy Policy) (*Dependency, error) {
	return w.define(name, policy.text())
}

func (w *Seawall) define(name, policy string) (*Dependency, error) {
	if err := w.usable(name); err != nil {
		return nil, err
	}
	found, answer, message := w.native.define(name, policy, moment(w.clock))
	if answer != statusOK {
		return nil, explained(answer, message)
	}
	w.generation.Add(1)
	return w.known(name, found), nil
}

// Redefine puts another policy in force for a dependency that code defined. Its state stays; calls under way end by
// the policy they began with. On an error the old policy stays, too.
func (w *Seawall) Redefine(name string, policy Policy) error {
	return w.redefine(name, policy.text())
}

func (w *Seawall) redefine(name, policy string) error {
	if err := w.usable(name); err != nil {
		return err
	}
	answer, message := w.native.redefine(name, policy, moment(w.clock))
	if answer != statusOK {
		return explained(answer, message)
	}
	w.generation.Add(1)
	return nil
}

func (w *Seawall) usable(name string) error {
	if w.closed.Load() {
		return closed("wall")
	}
	return checkText("name", name)
}

// Dependency is the dependency of this name. [ErrUnknown] when there is none; the text names the nearest one then.
// Look it up once and keep it: this takes a lock, calls do not.
func (w *Seawall) Dependency(name string) (*Dependency, error) {
	if err := w.usable(name); err != nil {
		return nil, err
	}
	found, answer, message := w.native.dependency(name)
	if answer != statusOK {
		return nil, explained(answer, message)
	}
	return w.known(name, found), nil
}

// MustDependency is Dependency for names that are certain, where a service starts; it panics on others.
func (w *Seawall) MustDependency(name string) *Dependency {
	found, err := w.Dependency(name)
	if err != nil {
		panic("seawall: " + err.Error())
	}
	return found
}

// known is the one Go object of a dependency, which has its queue, its hooks and its test script.
func (w *Seawall) known(name string, native nativeDependency) *Dependency {
	w.lock.Lock()
	defer w.lock.Unlock()
	if found := w.dependencies[native]; found != nil {
		return found
	}
	made := &Dependency{name: strings.Clone(name), native: native, wall: w}
	w.dependencies[native] = made
	return made
}

// Reload reads the file again. State is kept; calls under way end by the policy they began with. If anything in
// the file is wrong nothing changes at all. Dependencies that the file has no more are not found by name any more;
// whoever holds one may go on using it. An error for walls that no file was opened for.
func (w *Seawall) Reload() error {
	if w.closed.Load() {
		return closed("wall")
	}
	answer, message := w.native.reload(moment(w.clock))
	if answer != statusOK {
		return explained(answer, message)
	}
	w.generation.Add(1)
	return nil
}

// Names is the names of all dependencies, sorted; nil after Close.
func (w *Seawall) Names() []string {
	if w.closed.Load() {
		return nil
	}
	return w.native.names()
}

// Findings is what the check of the policies warns of, as `seawall check` prints it; nil after Close.
func (w *Seawall) Findings() []string {
	if w.closed.Load() {
		return nil
	}
	return w.native.findings()
}

// Health is true until Close. It never depends on what dependencies do: a service whose payment server is down is
// to be kept, not restarted.
func (w *Seawall) Health() bool { return !w.closed.Load() }

// Snapshot is every dependency at this moment, by name. Changes nothing; empty after Close.
func (w *Seawall) Snapshot() map[string]DependencySnapshot {
	seen := make(map[string]DependencySnapshot)
	for _, name := range w.Names() {
		// Not there any more when a reload came between.
		if dependency, err := w.Dependency(name); err == nil {
			seen[name] = dependency.Snapshot()
		}
	}
	return seen
}

// Close ends the use of the wall and its dependencies: calls, look-ups and changes answer [ErrClosed] from then on. A
// call under way ends with its attempt; those that wait or sleep are given up. Closing twice does nothing.
func (w *Seawall) Close() error {
	if !w.closed.Swap(true) {
		close(w.done)
	}
	return nil
}
