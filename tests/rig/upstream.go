package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	// mostBytes bounds what one answer holds and what one echo takes.
	mostBytes = 64 << 20
	// mostMillis bounds how long an answer can be held back: ten minutes.
	mostMillis = 600_000
	// mostSeconds bounds what a test can have the server ask for: ten years.
	mostSeconds = 315_360_000
)

// upstream is a server that misbehaves on request. Every path takes every method.
type upstream struct {
	routes *http.ServeMux

	guard sync.Mutex
	// counts holds how often each path was asked for, the word of a test that something was sent.
	counts map[string]int
	// flaky holds how often each flaky thing has failed already.
	flaky map[string]int
}

func newUpstream() *upstream {
	u := &upstream{
		routes: http.NewServeMux(),
		counts: map[string]int{},
		flaky:  map[string]int{},
	}
	u.routes.HandleFunc("/ok", u.ok)
	u.routes.HandleFunc("/status/{number}", u.status)
	u.routes.HandleFunc("/retry-after/{number}", u.retryAfter)
	u.routes.HandleFunc("/retry-after-date/{number}", u.retryAfterDate)
	u.routes.HandleFunc("/flaky/{number}", u.flakyTimes)
	u.routes.HandleFunc("/slow/{number}", u.slow)
	u.routes.HandleFunc("/bytes/{number}", u.bytes)
	u.routes.HandleFunc("/headers", u.headers)
	u.routes.HandleFunc("/echo", u.echo)
	u.routes.HandleFunc("/count", u.count)
	u.routes.HandleFunc("POST /reset", u.reset)
	return u
}

// ServeHTTP counts the request and answers it.
func (u *upstream) ServeHTTP(answer http.ResponseWriter, request *http.Request) {
	if path := request.URL.Path; path != "/count" && path != "/reset" {
		u.guard.Lock()
		u.counts[path]++
		u.guard.Unlock()
	}
	u.routes.ServeHTTP(answer, request)
}

func (u *upstream) ok(answer http.ResponseWriter, _ *http.Request) {
	io.WriteString(answer, "ok")
}

// status answers with any final status.
func (u *upstream) status(answer http.ResponseWriter, request *http.Request) {
	if status, ok := number(answer, request, 200, 599); ok {
		say(answer, status)
	}
}

// retryAfter answers 429 with the seconds to wait.
func (u *upstream) retryAfter(answer http.ResponseWriter, request *http.Request) {
	if seconds, ok := number(answer, request, 0, mostSeconds); ok {
		answer.Header().Set("Retry-After", strconv.Itoa(seconds))
		say(answer, http.StatusTooManyRequests)
	}
}

// retryAfterDate answers 503 with the moment to wait for. Dates know whole seconds only; this one is
// never earlier than asked for.
func (u *upstream) retryAfterDate(answer http.ResponseWriter, request *http.Request) {
	if seconds, ok := number(answer, request, 0, mostSeconds); ok {
		moment := time.Now().UTC().Add(time.Duration(seconds) * time.Second)
		if rest := moment.Truncate(time.Second); rest.Before(moment) {
			moment = rest.Add(time.Second)
		}
		answer.Header().Set("Retry-After", moment.Format(http.TimeFormat))
		say(answer, http.StatusServiceUnavailable)
	}
}

// flakyTimes answers 503 so many times for one id, and 200 from then on.
func (u *upstream) flakyTimes(answer http.ResponseWriter, request *http.Request) {
	times, ok := number(answer, request, 0, 1_000_000)
	if !ok {
		return
	}
	key := request.URL.Path + "?" + request.URL.Query().Get("id")
	u.guard.Lock()
	fails := u.flaky[key] < times
	if fails {
		u.flaky[key]++
	}
	u.guard.Unlock()
	if fails {
		say(answer, http.StatusServiceUnavailable)
	} else {
		say(answer, http.StatusOK)
	}
}

// slow holds its answer back, unless the client has gone.
func (u *upstream) slow(answer http.ResponseWriter, request *http.Request) {
	millis, ok := number(answer, request, 0, mostMillis)
	if !ok {
		return
	}
	timer := time.NewTimer(time.Duration(millis) * time.Millisecond)
	defer timer.Stop()
	select {
	case <-timer.C:
		io.WriteString(answer, "slow")
	case <-request.Context().Done():
	}
}

// bytes answers with that many.
func (u *upstream) bytes(answer http.ResponseWriter, request *http.Request) {
	left, ok := number(answer, request, 0, mostBytes)
	if !ok {
		return
	}
	answer.Header().Set("Content-Type", "application/octet-stream")
	answer.Header().Set("Content-Length", strconv.Itoa(left))
	if request.Method == http.MethodHead {
		return
	}
	block := []byte(strings.Repeat("seawall.", 1024))
	for left > 0 {
		written, err := answer.Write(block[:min(left, len(block))])
		if err != nil {
			return
		}
		left -= written
	}
}

// headers answers with what it was sent: names in small letters, repeated ones joined by a comma.
func (u *upstream) headers(answer http.ResponseWriter, request *http.Request) {
	sent := map[string]string{"host": request.Host}
	for name, values := range request.Header {
		sent[strings.ToLower(name)] = strings.Join(values, ", ")
	}
	sayJSON(answer, sent)
}

// echo answers with the body it was sent.
func (u *upstream) echo(answer http.ResponseWriter, request *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(answer, request.Body, mostBytes))
	if err != nil {
		say(answer, http.StatusRequestEntityTooLarge)
		return
	}
	if kind := request.Header.Get("Content-Type"); kind != "" {
		answer.Header().Set("Content-Type", kind)
	}
	answer.Header().Set("Content-Length", strconv.Itoa(len(body)))
	answer.Write(body)
}

// count answers with how often each path was asked for since the last reset.
func (u *upstream) count(answer http.ResponseWriter, _ *http.Request) {
	u.guard.Lock()
	counts := maps.Clone(u.counts)
	u.guard.Unlock()
	sayJSON(answer, counts)
}

// reset forgets all counts.
func (u *upstream) reset(answer http.ResponseWriter, _ *http.Request) {
	u.guard.Lock()
	clear(u.counts)
	clear(u.flaky)
	u.guard.Unlock()
	answer.WriteHeader(http.StatusNoContent)
}

// number is the number in the path, or an answer that names the range.
func number(answer http.ResponseWriter, request *http.Request, least, most int) (int, bool) {
	text := request.PathValue("number")
	value, err := strconv.Atoi(text)
	if err != nil || value < least || value > most {
		why := fmt.Sprintf("%q is no whole number from %d to %d", text, least, most)
		http.Error(answer, why, http.StatusBadRequest)
		return 0, false
	}
	return value, true
}

// say answers with a status and its name.
func say(answer http.ResponseWriter, status int) {
	answer.WriteHeader(status)
	if status != http.StatusNoContent && status != http.StatusNotModified {
		io.WriteString(answer, http.StatusText(status))
	}
}

func sayJSON(answer http.ResponseWriter, value any) {
	answer.Header().Set("Content-Type", "application/json")
	json.NewEncoder(answer).Encode(value)
}
