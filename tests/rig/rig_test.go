package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"
)

// rig is a running rig with one proxy in front of its server.
type rig struct {
	t      *testing.T
	api    string
	proxy  string
	client *http.Client
}

func startRig(t *testing.T) *rig {
	t.Helper()
	stdin, hold := io.Pipe()
	stdout, say := io.Pipe()
	done := make(chan error, 1)
	go func() { done <- run(t.Context(), stdin, say) }()
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	var where addresses
	if err := json.Unmarshal([]byte(line), &where); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		hold.Close()
		select {
		case err := <-done:
			if err != nil {
				t.Error(err)
			}
		case <-time.After(5 * time.Second):
			t.Error("it lives on after its standard input closed")
		}
	})
	r := &rig{t: t, api: where.Toxiproxy, client: &http.Client{Timeout: 5 * time.Second}}
	var made struct{ Listen string }
	r.ask("POST", "/proxies", fmt.Sprintf(
		`{"name":"n","listen":"127.0.0.1:0","upstream":%q}`, where.Upstream), &made)
	r.proxy = "http://" + made.Listen
	return r
}

// ask talks to Toxiproxy.
func (r *rig) ask(method, path, body string, into any) {
	r.t.Helper()
	request, err := http.NewRequestWithContext(r.t.Context(), method, r.api+path, strings.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	response, err := r.client.Do(request)
	if err != nil {
		r.t.Fatal(err)
	}
	defer response.Body.Close()
	text, _ := io.ReadAll(response.Body)
	if response.StatusCode >= 300 {
		r.t.Fatalf("%s %s: %s %s", method, path, response.Status, text)
	}
	if into != nil {
		if err := json.Unmarshal(text, into); err != nil {
			r.t.Fatal(err)
		}
	}
}

// get asks the server through the proxy, and says how long that took.
func (r *rig) get(path string) (string, time.Duration, error) {
	// A connection of its own, so that a toxic meets it from the first byte. Not by asking the server
	// to close it: a connection that the server closes ends before the toxic `timeout` has its time.
	r.client.CloseIdleConnections()
	begin := time.Now()
	response, err := r.client.Get(r.proxy + path)
	if err != nil {
		return "", time.Since(begin), err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	return string(text), time.Since(begin), err
}

func TestTheProxyCausesEachFaultAndIsWellAgain(t *testing.T) {
	r := startRig(t)
	well := func() {
		t.Helper()
		if text, _, err := r.get("/ok"); text != "ok" || err != nil {
			t.Fatalf("not well: %q %v", text, err)
		}
	}
	toxic := func(kind, attributes string) {
		t.Helper()
		r.ask("POST", "/proxies/n/toxics", fmt.Sprintf(
			`{"name":"fault","type":%q,"attributes":{%s}}`, kind, attributes), nil)
	}
	remove := func() {
		t.Helper()
		r.ask("DELETE", "/proxies/n/toxics/fault", "", nil)
		well()
	}

	well()
	toxic("latency", `"latency":150`)
	if _, took, err := r.get("/ok"); err != nil || took < 150*time.Millisecond {
		t.Errorf("latency: %v after %v", err, took)
	}
	remove()

	toxic("reset_peer", `"timeout":0`)
	if _, _, err := r.get("/ok"); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("reset_peer: %v", err)
	}
	remove()

	toxic("timeout", `"timeout":100`)
	if _, took, err := r.get("/ok"); !errors.Is(err, io.EOF) || took < 100*time.Millisecond {
		t.Errorf("timeout: %v after %v", err, took)
	}
	remove()

	// A client that gives up leaves bytes behind that nobody takes any more; removing the toxic must not wait
	// for that.
	toxic("bandwidth", `"rate":1`)
	r.client.Timeout = 50 * time.Millisecond
	if _, _, err := r.get("/bytes/1000000"); err == nil {
		t.Error("bandwidth: a megabyte at once")
	}
	r.client.Timeout = 5 * time.Second
	begin := time.Now()
	remove()
	if took := time.Since(begin); took > time.Second {
		t.Errorf("bandwidth: gone only after %v", took)
	}

	toxic("bandwidth", `"rate":100`)
	if text, took, err := r.get("/bytes/30000"); err != nil || len(text) != 30000 || took < 200*time.Millisecond {
		t.Errorf("bandwidth: %d bytes, %v after %v", len(text), err, took)
	}
	remove()

	r.ask("POST", "/proxies/n", `{"enabled":false}`, nil)
	if _, _, err := r.get("/ok"); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("down: %v", err)
	}
	r.ask("POST", "/proxies/n", `{"enabled":true}`, nil)
	well()
}
