package main

import (
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"time"

	"seawall.dev/go"
)

func main() {
	// A payment server that is down for its first three requests.
	var asked atomic.Int64
	payment := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if asked.Add(1) <= 3 {
			http.Error(w, "down", http.StatusServiceUnavailable)
			return
		}
		fmt.Fprint(w, "paid")
	}))
	defer payment.Close()

	breaker, err := seawall.NewBreaker("payment", seawall.WithConsecutiveFailures(3), seawall.WithOpenFor(200*time.Millisecond), seawall.WithOpenJitter(0))
	if err != nil {
		log.Fatal(err)
	}
	bulkhead, err := seawall.NewBulkhead("payment", seawall.WithMaxConcurrent(8), seawall.WithMaxWaiting(100))
	if err != nil {
		log.Fatal(err)
	}
	client := &http.Client{
		Timeout:   2 * time.Second,
		Transport: &Transport{Base: http.DefaultTransport, Breaker: breaker, Bulkhead: bulkhead},
	}

	for order := 1; order <= 6; order++ {
		response, err := client.Get(payment.URL)
		var refused *seawall.RefusedError
		switch {
		case errors.As(err, &refused):
			fmt.Printf("order %d: not sent, %v; Retry-After: %s\n", order, refused.Reason, retryAfter(refused))
			time.Sleep(refused.RetryAfter)
		case err != nil:
			fmt.Printf("order %d: %v\n", order, err)
		default:
			body, _ := io.ReadAll(response.Body)
			response.Body.Close()
			fmt.Printf("order %d: %d %.4s\n", order, response.StatusCode, body)
		}
	}
	fmt.Printf("%v; asked %d times; %d places held\n", breaker.State(), asked.Load(), bulkhead.Snapshot().InUse)
}
