package seawall

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// depended defines one dependency on a wall of its own.
func depended(policy Policy, options ...WallOption) *Dependency {
	if policy.Timeout == 0 {
		policy.Timeout = time.Second
	}
	return must(must(New(options...)).Define("payments", policy))
}

func asConfigError(t *testing.T, err error) *ConfigError {
	t.Helper()
	var problem *ConfigError
	if !errors.As(err, &problem) {
		t.Fatalf("got %v, want a ConfigError", err)
	}
	return problem
}

func TestAWallIsOpenedFromAFile(t *testing.T) {
	folder := t.TempDir()
	write(t, folder, "seawall.toml", "[dependency.payments]\ntimeout = '2s'\ndeadline = '5s'\n\n[dependency.ledger]\ntimeout = '500ms'\n")
	w := must(Open(filepath.Join(folder, "seawall.toml")))
	defer w.Close()
	if names := w.Names(); !slices.Equal(names, []string{"ledger", "payments"}) {
		t.Errorf("names %v", names)
	}
	payments := must(w.Dependency("payments"))
	if payments != must(w.Dependency("payments")) || payments != w.MustDependency("payments") {
		t.Error("one dependency is several objects")
	}
	if facts := payments.Facts(); facts.Timeout != 2*time.Second || facts.Deadline != 5*time.Second || facts.Attempts != 1 {
		t.Errorf("%+v", facts)
	}
}

func TestEverythingThatIsWrongWithAFileComesAtOnce(t *testing.T) {
	_, err := Parse("[dependency.payments]\ntimeuot = '2s'\n\n[dependency.ledger]\ntimeout = 200\n")
	problem := asConfigError(t, err)
	if !errors.Is(err, ErrConfig) || strings.Count(err.Error(), "\n") < 1 {
		t.Errorf("got %v", err)
	}
	for _, part := range []string{"policies:2:", `did you mean "timeout"`, "policies:5:", "200ms"} {
		if !strings.Contains(problem.Text, part) {
			t.Errorf("%q is missing in:\n%s", part, problem.Text)
		}
	}
	if !strings.HasPrefix(problem.Field, "dependency.payments") {
		t.Errorf("field %q", problem.Field)
	}
}

func TestFilesThatCannotBeReadAreErrors(t *testing.T) {
	for name, path := range map[string]string{
		"missing": filepath.Join(t.TempDir(), "none.toml"), "a folder": t.TempDir(), "a NUL": "sea\x00wall.toml", "empty": "",
	} {
		if _, err := Open(path); !errors.Is(err, ErrConfig) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := Parse("[dependency\x00.a]"); !errors.Is(err, ErrConfig) {
		t.Errorf("got %v", err)
	}
	for name, text := range map[string]string{
		"malformed": "[dependency", "not UTF-8": "# \xff\n[dependency.a]\ntimeout = '1s'", "twice": "[dependency.a]\ntimeout='1s'\n[dependency.a]\ntimeout='1s'",
	} {
		if _, err := Parse(text); !errors.Is(err, ErrConfig) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAnUnknownNameNamesTheNearestOne(t *testing.T) {
	w := must(Parse("[dependency.payments]\ntimeout = '2s'\n"))
	_, err := w.Dependency("paymnets")
	if !errors.Is(err, ErrUnknown) || !strings.Contains(err.Error(), "payments") {
		t.Errorf("got %v", err)
	}
	if _, err := w.Dependency("pay\x00ments"); !errors.Is(err, ErrConfig) {
		t.Errorf("got %v", err)
	}
	defer func() {
		if text, _ := recover().(string); !strings.Contains(text, "paymnets") {
			t.Errorf("panicked with %q", text)
		}
	}()
	w.MustDependency("paymnets")
}

func TestANameIsDefinedOnce(t *testing.T) {
	w := must(New())
	must(w.Define("payments", Policy{Timeout: time.Second}))
	if _, err := w.Define("payments", Policy{Timeout: time.Second}); !errors.Is(err, ErrArgument) || !strings.Contains(err.Error(), "payments") {
		t.Errorf("got %v", err)
	}
	for _, name := range []string{"", "a b", strings.Repeat("x", 65), "a\x00", "ü"} {
		if _, err := w.Define(name, Policy{Timeout: time.Second}); !errors.Is(err, ErrConfig) {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func TestAReloadKeepsStateAndRefusesAsAWhole(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "seawall.toml")
	write(t, folder, "seawall.toml", "[dependency.payments]\ntimeout = '2s'\n[dependency.old]\ntimeout = '1s'\n")
	w := must(Open(path))
	payments, old := w.MustDependency("payments"), w.MustDependency("old")
	noError(t, payments.ForceOpen())

	write(t, folder, "seawall.toml", "[dependency.payments]\ntimeout = '3s'\n[dependency.new]\ntimeout = 'soon'\n")
	if err := w.Reload(); !errors.Is(err, ErrConfig) || payments.Facts().Timeout != 2*time.Second {
		t.Errorf("%v; %+v", err, payments.Facts())
	}
	write(t, folder, "seawall.toml", "[dependency.payments]\ntimeout = '3s'\n[dependency.new]\ntimeout = '1s'\n")
	noError(t, w.Reload())
	if payments.Facts().Timeout != 3*time.Second || payments.Snapshot().Breaker.State != StateForcedOpen {
		t.Errorf("%+v, %v", payments.Facts(), payments.Snapshot().Breaker.State)
	}
	if _, err := w.Dependency("old"); !errors.Is(err, ErrUnknown) {
		t.Errorf("got %v", err)
	}
	noError(t, old.Do(t.Context(), succeeds))
	noError(t, w.MustDependency("new").Do(t.Context(), succeeds))
	noError(t, os.Remove(path))
	if err := w.Reload(); !errors.Is(err, ErrConfig) {
		t.Errorf("got %v", err)
	}
	if err := must(New()).Reload(); !errors.Is(err, ErrArgument) {
		t.Errorf("got %v", err)
	}
}

func TestARedefinedPolicyIsInForceAtOnce(t *testing.T) {
	d := depended(Policy{Bulkhead: &BulkheadPolicy{MaxConcurrent: 1}})
	permit := must(d.Permit(t.Context()))
	_, err := d.Permit(t.Context())
	wantRefused(t, err, ErrBulkheadFull, ReasonBulkheadFull)
	noError(t, d.wall.Redefine("payments", Policy{Timeout: time.Second, Bulkhead: &BulkheadPolicy{MaxConcurrent: 2}}))
	noError(t, must(d.Permit(t.Context())).Success())
	noError(t, permit.Success())
	if err := d.wall.Redefine("payments", Policy{Timeout: -1}); !errors.Is(err, ErrConfig) {
		t.Errorf("got %v", err)
	}
}

func TestFindingsAreWorthAThought(t *testing.T) {
	w := must(Parse("[dependency.inventory]\ntimeout = '300ms'\nbulkhead = { max_concurrent = 20 }\npool = 10\n"))
	if found := strings.Join(w.Findings(), "\n"); !strings.Contains(found, "SW003") {
		t.Errorf("findings %q", found)
	}
	if found := must(Parse("[dependency.a]\ntimeout = '1s'\n")).Findings(); len(found) != 0 {
		t.Errorf("findings %q", found)
	}
}

func TestAfterCloseEverythingSaysSo(t *testing.T) {
	w := must(New())
	d := must(w.Define("payments", Policy{Timeout: time.Second}))
	permit := must(d.Permit(t.Context()))
	if !w.Health() {
		t.Error("an open wall is not well")
	}
	noError(t, w.Close())
	noError(t, w.Close())
	if w.Health() || w.Names() != nil || w.Findings() != nil || len(w.Snapshot()) != 0 || d.Snapshot().Breaker != nil {
		t.Error("a closed wall gives answers")
	}
	_, define := w.Define("other", Policy{Timeout: time.Second})
	_, found := w.Dependency("payments")
	_, asked := d.Permit(t.Context())
	for what, err := range map[string]error{
		"define": define, "dependency": found, "permit": asked, "reload": w.Reload(), "redefine": w.Redefine("payments", Policy{}),
		"call": d.Do(t.Context(), succeeds), "force": d.ForceOpen(), "adjust": d.Adjust("requests", 1),
	} {
		if !errors.Is(err, ErrClosed) {
			t.Errorf("%s: %v", what, err)
		}
	}
	// A call that was under way ends as it likes.
	noError(t, permit.Success())
}

func TestAnOpenBreakerIsNoReasonToBeUnwell(t *testing.T) {
	d := depended(Policy{})
	noError(t, d.ForceOpen())
	if !d.wall.Health() {
		t.Error("unwell because of a dependency")
	}
}

func TestWallOptionsAreChecked(t *testing.T) {
	for field, option := range map[string]WallOption{"clock": WithClock(nil), "logger": WithLogger(nil)} {
		_, err := New(option)
		if asConfigError(t, err).Field != field {
			t.Errorf("%s: %v", field, err)
		}
	}
	_, err := Parse("", WithSeed(1))
	if asConfigError(t, err).Field != "seed" {
		t.Error(err)
	}
}

func TestAWallIsFreedWhenNobodyHasIt(t *testing.T) {
	collected(t, "earlier tests are gone", func() bool { before := living.Load(); return living.Load() == before })
	before := living.Load()
	func() {
		for range 20 {
			d := depended(Policy{})
			noError(t, d.Do(t.Context(), succeeds))
		}
	}()
	collected(t, "all are freed", func() bool { return living.Load() <= before })
}
