package seawall

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// goTool runs the go command in a folder, without the network.
func goTool(t *testing.T, folder string, environment []string, arguments ...string) (string, error) {
	t.Helper()
	command := exec.Command("go", arguments...)
	command.Dir = folder
	command.Env = append(append(os.Environ(), "GOFLAGS=", "GOPROXY=off", "GOTOOLCHAIN=local", "GOWORK=off"), environment...)
	output, err := command.CombinedOutput()
	return string(output), err
}

func needGo(t *testing.T) string {
	t.Helper()
	if testing.Short() {
		t.Skip("builds other modules")
	}
	if _, err := exec.LookPath("go"); err != nil {
		t.Skip("no go command")
	}
	here, err := filepath.Abs(".")
	if err != nil {
		t.Fatal(err)
	}
	return here
}

func write(t *testing.T, folder, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// Whoever requires the module needs no Rust and may vendor it: archive and header travel with it.
func TestTheModuleWorksInAnotherVendored(t *testing.T) {
	here := needGo(t)
	folder := t.TempDir()
	write(t, folder, "go.mod", "module example.org/shop\n\ngo 1.24\n\nrequire seawall.dev/go v0.0.0\n\nreplace seawall.dev/go => "+here+"\n")
	write(t, folder, "main.go", `package main

import "seawall.dev/go"

func main() {
	payments, err := seawall.NewBreaker("payments")
	if err != nil {
		panic(err)
	}
	println(payments.State().String())
}
`)
	if output, err := goTool(t, folder, nil, "mod", "vendor"); err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	output, err := goTool(t, folder, nil, "run", "-mod=vendor", ".")
	if err != nil || strings.TrimSpace(output) != "closed" {
		t.Errorf("%v\n%s", err, output)
	}
}

func TestWithoutCgoTheCompilerSaysWhatIsMissing(t *testing.T) {
	here := needGo(t)
	output, err := goTool(t, here, []string{"CGO_ENABLED=0"}, "build", ".")
	if err == nil || strings.Count(output, "undefined:") != 1 || !strings.Contains(output, "set_CGO_ENABLED_1") {
		t.Errorf("%v\n%s", err, output)
	}
}

func TestTheExamplesRun(t *testing.T) {
	here := needGo(t)
	folder := filepath.Join(here, "..", "examples", "go")
	if _, err := os.Stat(folder); err != nil {
		t.Skip("the examples are in the repository only:", err)
	}
	for example, want := range map[string]string{"./quickstart": "payments: half_open -> closed", "./roundtripper": "closed; asked 5 times; 0 places held", "./dependency": "0 places held"} {
		if output, err := goTool(t, folder, nil, "run", example); err != nil || !strings.Contains(output, want) {
			t.Errorf("%s: %v\n%s", example, err, output)
		}
	}
}
