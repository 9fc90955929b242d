package main

// The plumbing of the demo around worker.go: a pool of goroutines, customers, counts, and what is told to the
// conductor. README.md in the folder above describes it for all languages.

import (
	"bufio"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"runtime"
	"strings"
	"sync"
	"time"

	seawall "seawall.dev/go"
)

const (
	patience = 2 * time.Second // how long a customer waits for an answer
	room     = 256             // requests that may wait for a goroutine of the pool
)

// A payer pays an order: a function of worker.go, with Seawall or without. It is given the address of payment. An
// answer that begins with "pending" is the fallback's.
type payer func(ctx context.Context, url string) (string, error)

// A shop is what it was told, and what it counts.
type shop struct {
	url, policies string
	isProtected   bool
	rate, pool    int
	seconds       float64

	pay      payer
	start    time.Time
	mutex    sync.Mutex
	counters map[string]int
	output   sync.Mutex
}

func newShop() *shop {
	s := &shop{start: time.Now(), counters: map[string]int{
		"offered": 0, "served": 0, "pending": 0, "refused": 0, "failed": 0, "retries": 0,
		"other_offered": 0, "other_served": 0, "other_failed": 0, "waiting": 0, "held": 0, "max_held": 0,
	}}
	flag.StringVar(&s.url, "url", "", "where payment listens")
	flag.StringVar(&s.policies, "policies", "", "the file of policies")
	act := flag.String("act", "", "bare or protected")
	flag.IntVar(&s.rate, "rate", 40, "orders per second, and as many requests for the other route")
	flag.IntVar(&s.pool, "pool", 12, "goroutines in the pool")
	flag.Float64Var(&s.seconds, "seconds", 13, "how long customers come")
	flag.Parse()
	if s.url == "" || s.policies == "" || (*act != "bare" && *act != "protected") {
		fmt.Fprintln(os.Stderr, "-url URL, -policies FILE and -act bare or -act protected are needed")
		os.Exit(2)
	}
	s.isProtected = *act == "protected"
	return s
}

// must ends the program with what is wrong.
func (s *shop) must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func (s *shop) count(name string, by int) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.counters[name] += by
	s.counters["max_held"] = max(s.counters["max_held"], s.counters["held"])
}

// watched is the same function, counted as one goroutine that waits for payment.
func (s *shop) watched(charge payer) payer {
	return func(ctx context.Context, url string) (string, error) {
		s.count("held", 1)
		defer s.count("held", -1)
		return charge(ctx, url)
	}
}

// hear counts refusals and retries, and tells how the breaker changes.
func (s *shop) hear(event seawall.Event) {
	switch event.Kind {
	case seawall.EventRefusal:
		s.count("refused", 1)
	case seawall.EventRetry:
		s.count("retries", 1)
	case seawall.EventStateChange:
		s.say(map[string]any{"kind": "state", "t": s.millis(), "from": event.From.String(), "to": event.To.String()})
	}
}

// answer is how an order ends: served, pending (the fallback) or failed.
func (s *shop) answer() string {
	text, err := s.pay(context.Background(), s.url)
	switch {
	case err != nil:
		return "failed"
	case strings.HasPrefix(text, "pending"):
		return "pending"
	}
	return "served"
}

type request struct {
	isOrder bool
	arrived time.Time
}

func name(isOrder bool, order, other string) string {
	if isOrder {
		return order
	}
	return other
}

func (s *shop) work(queue <-chan request) {
	for one := range queue {
		s.count("waiting", -1)
		end := "other_served"
		if one.isOrder {
			end = s.answer()
		} else {
			time.Sleep(2 * time.Millisecond)
		}
		if time.Since(one.arrived) > patience { // the customer has left
			end = name(one.isOrder, "failed", "other_failed")
		}
		s.count(end, 1)
	}
}

// open lets customers come at an even pace, whatever became of those before them.
func (s *shop) open(queue chan<- request) {
	gap := time.Duration(float64(time.Second) / float64(2*s.rate))
	last := int(s.seconds * float64(2*s.rate))
	for number := range last {
		time.Sleep(time.Until(s.start.Add(time.Duration(number) * gap)))
		isOrder := number%2 == 0
		s.count(name(isOrder, "offered", "other_offered"), 1)
		s.count("waiting", 1)
		select {
		case queue <- request{isOrder, time.Now()}:
		default:
			s.count("waiting", -1)
			s.count(name(isOrder, "failed", "other_failed"), 1)
		}
	}
}

func (s *shop) millis() int64 { return time.Since(s.start).Milliseconds() }

// say says one line; when nobody listens any more, the story is over.
func (s *shop) say(line map[string]any) {
	s.output.Lock()
	defer s.output.Unlock()
	if json.NewEncoder(os.Stdout).Encode(line) != nil {
		os.Exit(0)
	}
}

func (s *shop) report(kind string) (isIdle bool) {
	line := map[string]any{"kind": kind, "t": s.millis()}
	s.mutex.Lock()
	counters := maps.Clone(s.counters)
	s.mutex.Unlock()
	for name, number := range counters {
		line[name] = number
	}
	s.say(line)
	return counters["waiting"]+counters["held"] == 0
}

// play plays one act, from the word of the conductor to the last customer.
func (s *shop) play(bare, protected payer) {
	s.pay = bare
	if s.isProtected {
		s.pay = protected
	}
	s.say(map[string]any{"kind": "ready", "runtime": runtime.Version() + ", goroutines and net/http"})
	input := bufio.NewScanner(os.Stdin)
	if !input.Scan() {
		return
	}
	go func() {
		for input.Scan() {
		}
		os.Exit(0) // the conductor closes this pipe when it ends, however it ends
	}()
	s.start = time.Now()
	queue := make(chan request, room)
	for range s.pool {
		go s.work(queue)
	}
	customers := make(chan struct{})
	go func() {
		s.open(queue)
		close(customers)
	}()
	ticker := time.NewTicker(100 * time.Millisecond)
	for isOpen := true; isOpen; {
		select {
		case <-ticker.C:
			s.report("count")
		case <-customers:
			isOpen = false
		}
	}
	for range 10 { // those who came last get the time that they would have waited for
		<-ticker.C
		if s.report("count") {
			break
		}
	}
	s.report("end") // calls that still hang are left behind
}
