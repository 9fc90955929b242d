package seawallhttp_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"seawall.dev/go"
	"seawall.dev/go/seawallhttp"
)

// A rig is a real server, and in front of it real faults.
type rig struct {
	t                           *testing.T
	Toxiproxy, Upstream, listen string
}

func startRig(t *testing.T) *rig {
	t.Helper()
	program := os.Getenv("SEAWALL_RIG")
	if program == "" {
		if os.Getenv("REQUIRE_ALL") == "1" {
			t.Fatal("SEAWALL_RIG names no server with faults")
		}
		t.Skip("SEAWALL_RIG names no server with faults; cargo xtask test builds one")
	}
	command := exec.Command(program)
	command.Stderr = os.Stderr
	input, err := command.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	output, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		input.Close()
		command.Wait()
	})
	r := &rig{t: t}
	line, err := bufio.NewReader(output).ReadString('\n')
	if err == nil {
		err = json.Unmarshal([]byte(line), r)
	}
	if err != nil {
		t.Fatalf("the rig said %q: %v", line, err)
	}
	var proxy struct{ Listen string }
	r.ask("POST", "/proxies", map[string]any{"name": "shop", "listen": "127.0.0.1:0", "upstream": r.Upstream}, &proxy)
	r.listen = proxy.Listen
	return r
}

func (r *rig) ask(method, path string, body, into any) {
	r.t.Helper()
	text, _ := json.Marshal(body)
	request, err := http.NewRequest(method, r.Toxiproxy+path, strings.NewReader(string(text)))
	if err != nil {
		r.t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		r.t.Fatal(err)
	}
	defer response.Body.Close()
	answer, _ := io.ReadAll(response.Body)
	if response.StatusCode >= 300 {
		r.t.Fatalf("%s %s: %s", method, path, answer)
	}
	if into != nil {
		if err := json.Unmarshal(answer, into); err != nil {
			r.t.Fatal(err)
		}
	}
}

// under runs something while a fault is there.
func (r *rig) under(kind string, attributes map[string]any, run func()) {
	r.t.Helper()
	r.ask("POST", "/proxies/shop/toxics", map[string]any{"name": "fault", "type": kind, "attributes": attributes}, nil)
	defer r.ask("DELETE", "/proxies/shop/toxics/fault", nil, nil)
	run()
}

func (r *rig) enable(is bool) { r.ask("POST", "/proxies/shop", map[string]any{"enabled": is}, nil) }

// client has fresh connections: one of a pool may be of the time before a fault.
func (r *rig) client(policy seawall.Policy) (*http.Client, *seawall.Dependency) {
	return client(r.t, policy)
}

func (r *rig) get(client *http.Client, path string) (code int, body string, took time.Duration, err error) {
	start := time.Now()
	response, err := client.Get("http://" + r.listen + path)
	if err != nil {
		return 0, "", time.Since(start), err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	return response.StatusCode, string(text), time.Since(start), err
}

func figure(t *testing.T, fault string, took time.Duration, dependency *seawall.Dependency, more string) {
	t.Helper()
	s := dependency.Snapshot()
	fmt.Printf("e2e %-16s %4d ms  %d calls: %d ok, %d failed, %d refused; %d retries, %d timeouts; breaker %v%s\n",
		fault, took.Milliseconds(), s.Calls, s.Successes, s.Failures, s.Refused, s.Retries, s.Timeouts, s.Breaker.State, more)
}

func TestEndToEndWithRealFaults(t *testing.T) {
	r := startRig(t)
	retry := &seawall.RetryPolicy{Attempts: 2, Base: 10 * time.Millisecond}

	t.Run("latency", func(t *testing.T) {
		client, shop := r.client(seawall.Policy{Timeout: 2 * time.Second})
		r.under("latency", map[string]any{"latency": 120}, func() {
			code, body, took, err := r.get(client, "/ok")
			if err != nil || code != 200 || body != "ok" || took < 110*time.Millisecond {
				t.Errorf("%d %q after %v, %v", code, body, took, err)
			}
			figure(t, "latency", took, shop, "")
		})
		// A latency above the timeout ends in time, twice.
		client, shop = r.client(seawall.Policy{Timeout: 100 * time.Millisecond, Retry: retry})
		r.under("latency", map[string]any{"latency": 2000}, func() {
			_, _, took, err := r.get(client, "/ok")
			var inside *url.Error
			if !errors.As(err, &inside) || !inside.Timeout() || took > time.Second || shop.Snapshot().Timeouts != 2 {
				t.Errorf("%v after %v, %+v", err, took, shop.Snapshot())
			}
			figure(t, "too slow", took, shop, "")
		})
	})

	t.Run("reset_peer", func(t *testing.T) {
		client, shop := r.client(seawall.Policy{Timeout: 2 * time.Second, Retry: retry})
		r.under("reset_peer", map[string]any{"timeout": 0}, func() {
			_, _, took, err := r.get(client, "/ok")
			var failed *seawall.CallError
			if !errors.As(err, &failed) || failed.Attempts != 2 || failed.Timeout() {
				t.Errorf("got %v", err)
			}
			figure(t, "reset_peer", took, shop, "")
		})
		client, _ = r.client(seawall.Policy{Timeout: 2 * time.Second, Retry: retry})
		r.under("reset_peer", map[string]any{"timeout": 0}, func() {
			_, err := client.Post("http://"+r.listen+"/echo", "text/plain", strings.NewReader("order"))
			var failed *seawall.CallError
			if !errors.As(err, &failed) || failed.Attempts != 1 {
				t.Errorf("a POST that may have been carried out: %v", err)
			}
		})
	})

	t.Run("timeout", func(t *testing.T) {
		client, shop := r.client(seawall.Policy{Timeout: 80 * time.Millisecond, Deadline: 200 * time.Millisecond, Retry: retry})
		r.under("timeout", map[string]any{"timeout": 0}, func() {
			_, _, took, err := r.get(client, "/ok")
			if !errors.Is(err, context.DeadlineExceeded) || took > 1500*time.Millisecond || shop.Snapshot().Timeouts < 2 {
				t.Errorf("%v after %v, %+v", err, took, shop.Snapshot())
			}
			figure(t, "timeout", took, shop, "; deadline 200 ms")
		})
	})

	t.Run("bandwidth", func(t *testing.T) {
		client, shop := r.client(seawall.Policy{Timeout: 200 * time.Millisecond})
		r.under("bandwidth", map[string]any{"rate": 100}, func() {
			code, body, took, err := r.get(client, "/bytes/60000")
			// The head comes at once; the body takes longer than one attempt may, and is read all the same.
			if err != nil || code != 200 || len(body) != 60000 || took < 300*time.Millisecond {
				t.Errorf("%d with %d bytes after %v, %v", code, len(body), took, err)
			}
			figure(t, "bandwidth", took, shop, fmt.Sprintf("; %d bytes at 100 KB/s", len(body)))
		})
	})

	t.Run("server down and recovery", func(t *testing.T) {
		client, shop := r.client(seawall.Policy{
			Timeout: time.Second, Retry: &seawall.RetryPolicy{Attempts: 2, Base: time.Millisecond},
			Breaker: &seawall.BreakerPolicy{ConsecutiveFailures: seawall.Value(3), OpenFor: 300 * time.Millisecond, OpenJitter: seawall.Value(0.0)},
		})
		r.enable(false)
		start, refused := time.Now(), 0
		for range 10 {
			_, _, _, err := r.get(client, "/ok")
			if err == nil {
				t.Error("an answer of nobody")
			}
			if errors.Is(err, seawall.ErrBreakerOpen) {
				refused++
			}
		}
		if refused != 7 || shop.Snapshot().Breaker.State != seawall.StateOpen {
			t.Errorf("%d refused, %+v", refused, shop.Snapshot())
		}
		figure(t, "down", time.Since(start), shop, "")
		r.enable(true)
		for start = time.Now(); ; time.Sleep(20 * time.Millisecond) {
			if code, _, _, err := r.get(client, "/ok"); err == nil && code == 200 {
				break
			}
			if time.Since(start) > 5*time.Second {
				t.Fatalf("never well again: %+v", shop.Snapshot())
			}
		}
		if shop.Snapshot().Breaker.State != seawall.StateClosed {
			t.Errorf("%+v", shop.Snapshot())
		}
		figure(t, "recovery", time.Since(start), shop, "")
	})

	t.Run("flaky and throttled", func(t *testing.T) {
		client, shop := r.client(seawall.Policy{Timeout: 5 * time.Second, Retry: &seawall.RetryPolicy{Attempts: 3, Base: time.Millisecond}})
		code, _, took, err := r.get(client, "/flaky/2?id=go")
		if err != nil || code != 200 || shop.Snapshot().Retries != 2 {
			t.Errorf("%d, %v, %+v", code, err, shop.Snapshot())
		}
		figure(t, "flaky", took, shop, "")
		client, shop = r.client(seawall.Policy{Timeout: 5 * time.Second, Retry: retry})
		for path, want := range map[string]int{"/retry-after/1": 429, "/retry-after-date/1": 503} {
			code, _, took, err := r.get(client, path)
			if err != nil || code != want || took < 900*time.Millisecond {
				t.Errorf("%s: %d after %v, %v", path, code, took, err)
			}
			figure(t, strings.TrimSuffix(path[1:], "/1"), took, shop, "")
		}
	})

	t.Run("headers", func(t *testing.T) {
		client, _ := r.client(seawall.Policy{Timeout: 2 * time.Second, IdempotencyKey: true})
		_, body, _, err := r.get(client, "/headers")
		if err != nil || !strings.Contains(body, `"x-request-timeout-ms"`) || !strings.Contains(body, `"idempotency-key"`) {
			t.Errorf("%s, %v", body, err)
		}
	})
}

var _ http.RoundTripper = (*seawallhttp.Transport)(nil)
