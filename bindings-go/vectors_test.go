package seawall

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// A story is one case of tests/vectors; a step is one line of it, with whatever keys it has.
type (
	step  map[string]any
	story struct {
		Name   string
		Config step
		Policy step
		Steps  []step
		Error  *struct{ Field, Key string }
	}
	// A player makes the object of a story; its answer plays one step and says what the object looks like then.
	player func(config step, clock *ManualClock) (func(step) (error, step), error)
)

// arguments are the keys of a step that are no checks.
const arguments = " at_ns do expect repeat as permit outcome retry_after_ns critical n max_wait_ns reservation max_concurrent reserved" +
	" permits period_ns burst class withdrawal attempt previous_ns random duration_ns timeout_ns reserve_permille at_other_ns ppm value_ns "

func (s step) has(key string) bool { _, ok := s[key]; return ok }

func (s step) number(key string, absent int64) int64 {
	switch value := s[key].(type) {
	case json.Number:
		number, err := value.Int64()
		if err != nil {
			panic(err)
		}
		return number
	}
	return absent
}

func (s step) text(key string) string { text, _ := s[key].(string); return text }

func (s step) nanos(key string, absent int64) time.Duration {
	return time.Duration(s.number(key, absent))
}

// TestVectors plays the stories that all languages tell.
func TestVectors(t *testing.T) {
	wanted := map[string]int{
		"breaker": 141, "bulkhead": 32, "limiter": 47, "retry_budget": 66, "backoff": 31, "deadline": 13, "histogram": 12,
		"policy": 190, "http": 35,
	}
	passed := 0
	tellers := map[string]func(*testing.T, story){"policy": tellPolicy, "http": tellHTTP}
	for primitive, play := range players {
		tellers[primitive] = func(t *testing.T, story story) { tell(t, story, play) }
	}
	for primitive, tell := range tellers {
		t.Run(primitive, func(t *testing.T) {
			file, err := os.Open(filepath.Join("..", "tests", "vectors", primitive+".json"))
			if err != nil {
				t.Skip("the vectors are in the repository only:", err)
			}
			defer file.Close()
			var vectors struct{ Cases []story }
			decoder := json.NewDecoder(file)
			decoder.UseNumber()
			if err := decoder.Decode(&vectors); err != nil {
				t.Fatal(err)
			}
			if len(vectors.Cases) < wanted[primitive] {
				t.Errorf("%d cases, want %d or more", len(vectors.Cases), wanted[primitive])
			}
			for _, story := range vectors.Cases {
				if t.Run(story.Name, func(t *testing.T) { tell(t, story) }) {
					passed++
				}
			}
		})
	}
	fmt.Printf("vectors passed: %d\n", passed)
}

func tell(t *testing.T, story story, play player) {
	clock := &ManualClock{}
	clock.Set(story.Config.nanos("now_ns", 1))
	do, err := play(story.Config, clock)
	if story.Error != nil {
		var problem *ConfigError
		if !errors.As(err, &problem) || !errors.Is(err, ErrConfig) || problem.Field != story.Error.Field {
			t.Fatalf("got %v, want a ConfigError of %s", err, story.Error.Field)
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	for number, step := range story.Steps {
		clock.Set(step.nanos("at_ns", 1))
		for range step.number("repeat", 1) {
			err, seen := do(step)
			if want := step.text("expect"); answer(err) != want && (want != "" || err != nil) {
				t.Fatalf("step %d, %v: got %s (%v)", number, step, answer(err), err)
			}
			for key, got := range seen {
				compare(t, number, step, key, got)
			}
			for key := range step {
				if !seen.has(key) && !strings.Contains(arguments, " "+key+" ") {
					t.Fatalf("step %d, %v: this runner knows no check %s", number, step, key)
				}
			}
		}
	}
}

// answer is the name of an error in the vectors.
func answer(err error) string {
	var refusal *RefusedError
	switch {
	case err == nil:
		return "ok"
	case errors.As(err, &refusal):
		return refusal.Reason.String()
	}
	for name, known := range map[string]error{
		"late": ErrLate, "stale": ErrStale, "spent": ErrSpent, "exceeds_capacity": ErrExceedsCapacity, "config": ErrConfig,
	} {
		if errors.Is(err, known) {
			return name
		}
	}
	return err.Error()
}

// compare holds one value against the step, if the step names it.
func compare(t *testing.T, number int, want step, key string, got any) {
	t.Helper()
	if inner, ok := got.(step); ok {
		if named, ok := want[key].(map[string]any); ok {
			for name, value := range inner {
				compare(t, number, named, name, value)
			}
			for name := range named {
				if !inner.has(name) {
					t.Errorf("step %d: this runner knows no %s.%s", number, key, name)
				}
			}
		}
		return
	}
	if wanted, ok := want[key]; ok && fmt.Sprint(wanted) != fmt.Sprint(got) {
		t.Errorf("step %d, %v: %s is %v, want %v", number, want, key, got, wanted)
	}
}

// numbered is the value of a word, the first of all when there is none.
func numbered[T fmt.Stringer](word string, all ...T) T {
	for _, one := range all {
		if one.String() == word {
			return one
		}
	}
	if word != "" {
		panic("unknown word " + word)
	}
	return all[0]
}

func mode(s step) Mode       { return numbered(s.text("mode"), Enforce, Shadow, Off) }
func outcome(s step) Outcome { return numbered(s.text("outcome"), Success, Failure, Ignored) }

func retryAfter(err error, otherwise time.Duration) int64 {
	var refusal *RefusedError
	if errors.As(err, &refusal) {
		return int64(refusal.RetryAfter)
	}
	return int64(otherwise)
}

// milli is a number of tokens or a ratio in thousandths.
func milli(value float64) int64 { return int64(math.Round(value * 1000)) }

func permille(value int64) float64 { return float64(value) / 1000 }

func arrow(from, to State) string { return strings.Join([]string{from.String(), to.String()}, "->") }
