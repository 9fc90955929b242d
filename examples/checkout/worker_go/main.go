// A checkout service in Go: a small pool of goroutines, two routes, one dependency that turns slow.
//
// README.md in the folder above tells what the five services have in common. What a service of yours would take
// over is the type wall.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"runtime"
	"sync"
	"time"

	seawall "seawall.dev/go"
)

const (
	patience = 2 * time.Second        // how long a customer waits for an answer
	room     = 256                    // requests that may wait for a goroutine of the pool
	timeout  = 300 * time.Millisecond // how long to wait for payment, which needs about 20 ms when it is well
	mostHeld = 4                      // goroutines that payment may hold: a third of twelve
)

var (
	url     = flag.String("url", "", "where payment listens")
	act     = flag.String("act", "", "bare or protected")
	rate    = flag.Int("rate", 40, "orders per second, and as many requests for the other route")
	pool    = flag.Int("pool", 12, "goroutines in the pool")
	seconds = flag.Float64("seconds", 13, "how long customers come")

	start    time.Time
	guard    *wall
	mutex    sync.Mutex
	counters = map[string]int{
		"offered": 0, "served": 0, "pending": 0, "refused": 0, "failed": 0, "retries": 0,
		"other_offered": 0, "other_served": 0, "other_failed": 0, "waiting": 0, "held": 0, "max_held": 0,
	}
)

func count(name string, by int) {
	mutex.Lock()
	defer mutex.Unlock()
	counters[name] += by
	counters["max_held"] = max(counters["max_held"], counters["held"])
}

// A wall stands between the pool and payment.
type wall struct {
	bulkhead *seawall.Bulkhead
	breaker  *seawall.Breaker
	budget   *seawall.RetryBudget
	backoff  *seawall.Backoff
}

func newWall() (w *wall, err error) {
	w = &wall{}
	if w.bulkhead, err = seawall.NewBulkhead("payment", seawall.WithMaxConcurrent(mostHeld)); err != nil {
		return nil, err
	}
	w.breaker, err = seawall.NewBreaker("payment",
		seawall.WithConsecutiveFailures(5), seawall.WithConsecutiveAlways(true),
		seawall.WithFailureRate(0.5), seawall.WithWindowCalls(20), seawall.WithMinCalls(10),
		seawall.WithOpenFor(500*time.Millisecond), seawall.WithOpenMax(time.Second),
		seawall.WithProbeLease(time.Second),
		seawall.OnTransition(func(_ string, from, to seawall.State) {
			say(map[string]any{"kind": "state", "t": millis(), "from": from.String(), "to": to.String()})
		}))
	if err != nil {
		return nil, err
	}
	if w.budget, err = seawall.NewRetryBudget("payment"); err != nil {
		return nil, err
	}
	w.backoff, err = seawall.NewBackoff(seawall.WithBackoffBase(50 * time.Millisecond))
	return w, err
}

func (w *wall) pay(order int) error {
	permit, err := w.bulkhead.TryAcquire()
	if err != nil {
		return err
	}
	defer permit.Release()
	_, err = seawall.Do(context.Background(), w.breaker, func(ctx context.Context) (struct{}, error) {
		count("held", 1)
		defer count("held", -1)
		return struct{}{}, w.attempts(ctx, order)
	})
	return err
}

// attempts makes one attempt, and a second one while payment looks well and retries stay rare.
func (w *wall) attempts(ctx context.Context, order int) error {
	w.budget.Deposit()
	first := inTime(ctx, order)
	if first == nil || w.breaker.State() != seawall.Closed {
		return first
	}
	withdrawal, err := w.budget.TryWithdraw(seawall.CauseTimeout)
	if err != nil {
		return first // the caller sees the real error
	}
	defer withdrawal.Cancel() // no-op once recorded
	if _, err := w.backoff.Wait(ctx, 1, 0, 0); err != nil {
		return first
	}
	count("retries", 1)
	second := inTime(ctx, order)
	if second != nil {
		withdrawal.Record(seawall.Failure)
	} else {
		withdrawal.Record(seawall.Success)
	}
	return second
}

func inTime(ctx context.Context, order int) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	return requestPayment(ctx, order)
}

// requestPayment is the HTTP call as anybody would write it: without a timeout unless ctx has one.
func requestPayment(ctx context.Context, order int) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, *url+"/pay", nil)
	if err != nil {
		return err
	}
	request.Header.Set("Idempotency-Key", fmt.Sprintf("go-%d", order))
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return errors.New(response.Status)
	}
	return nil
}

// answer is how an order ends: served, pending (the fallback) or failed.
func answer(order int) string {
	if guard == nil {
		count("held", 1)
		defer count("held", -1)
		if requestPayment(context.Background(), order) != nil {
			return "failed"
		}
		return "served"
	}
	err := guard.pay(order)
	if err == nil {
		return "served"
	}
	if errors.Is(err, seawall.ErrRefused) {
		count("refused", 1)
	}
	return "pending"
}

type request struct {
	number  int
	isOrder bool
	arrived time.Time
}

func name(isOrder bool, order, other string) string {
	if isOrder {
		return order
	}
	return other
}

func work(queue <-chan request) {
	for one := range queue {
		count("waiting", -1)
		end := "other_served"
		if one.isOrder {
			end = answer(one.number)
		} else {
			time.Sleep(2 * time.Millisecond)
		}
		if time.Since(one.arrived) > patience { // the customer has left
			end = name(one.isOrder, "failed", "other_failed")
		}
		count(end, 1)
	}
}

// open lets customers come at an even pace, whatever became of those before them.
func open(queue chan<- request) {
	gap := time.Duration(float64(time.Second) / float64(2**rate))
	last := int(*seconds * float64(2**rate))
	for number := range last {
		time.Sleep(time.Until(start.Add(time.Duration(number) * gap)))
		isOrder := number%2 == 0
		count(name(isOrder, "offered", "other_offered"), 1)
		count("waiting", 1)
		select {
		case queue <- request{number, isOrder, time.Now()}:
		default:
			count("waiting", -1)
			count(name(isOrder, "failed", "other_failed"), 1)
		}
	}
}

func millis() int64 { return time.Since(start).Milliseconds() }

var output sync.Mutex

// say says one line; when nobody listens any more, the story is over.
func say(line map[string]any) {
	output.Lock()
	defer output.Unlock()
	if json.NewEncoder(os.Stdout).Encode(line) != nil {
		os.Exit(0)
	}
}

func report(kind string) (isIdle bool) {
	line := map[string]any{"kind": kind, "t": millis()}
	mutex.Lock()
	for name, number := range counters {
		line[name] = number
	}
	isIdle = counters["waiting"]+counters["held"] == 0
	mutex.Unlock()
	say(line)
	return isIdle
}

func main() {
	flag.Parse()
	if *url == "" || (*act != "bare" && *act != "protected") {
		fmt.Fprintln(os.Stderr, "-url URL and -act bare or -act protected are needed")
		os.Exit(2)
	}
	if *act == "protected" {
		var err error
		if guard, err = newWall(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	say(map[string]any{"kind": "ready", "runtime": runtime.Version() + ", goroutines and net/http"})

	input := bufio.NewScanner(os.Stdin)
	if !input.Scan() {
		return
	}
	go func() {
		for input.Scan() {
		}
		os.Exit(0) // the conductor closes this pipe when it ends, however it ends
	}()
	start = time.Now()
	queue := make(chan request, room)
	for range *pool {
		go work(queue)
	}
	customers := make(chan struct{})
	go func() {
		open(queue)
		close(customers)
	}()
	ticker := time.NewTicker(100 * time.Millisecond)
	for isOpen := true; isOpen; {
		select {
		case <-ticker.C:
			report("count")
		case <-customers:
			isOpen = false
		}
	}
	for range 10 { // those who came last get the time that they would have waited for
		<-ticker.C
		if report("count") {
			break
		}
	}
	report("end") // calls that still hang are left behind
}
