// A checkout whose payment server stumbles: one file of policies, one call, and nothing else to do.
//
//	go run ./dependency
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"time"

	"seawall.dev/go"
	"seawall.dev/go/seawallhttp"
)

func main() {
	shop, isDown := stumbling()
	defer shop.Close()

	wall, err := seawall.Open("dependency/seawall.toml")
	if err != nil {
		log.Fatal(err) // everything that is wrong with the file, a line for each problem
	}
	wall.OnEvent(func(e seawall.Event) {
		if e.Kind == seawall.EventStateChange {
			fmt.Printf("%s: %v -> %v\n", e.Dependency, e.From, e.To)
		}
	})
	client := &http.Client{Transport: seawallhttp.NewTransport(wall.MustDependency("payments"), nil)}
	recommendations := wall.MustDependency("recommendations")

	for order := 1; order <= 8; order++ {
		isDown.Store(order >= 3 && order <= 6)
		if order == 8 {
			time.Sleep(250 * time.Millisecond)
		}
		checkout(client, shop.URL, order)
	}

	// What is optional has something else to show, and says so.
	titles, err := seawall.CallDetailed(context.Background(), recommendations, func(ctx context.Context) ([]string, error) {
		<-ctx.Done() // never answers
		return nil, ctx.Err()
	}, seawall.WithFallback(seawall.FallbackValue([]string{"bestsellers"})))
	fmt.Println(titles.Value, "degraded:", titles.Degraded, "because:", titles.Cause, err)

	seen := wall.Snapshot()["payments"]
	fmt.Printf("payments: %d calls, %d retries, %d refused, %d places held\n", seen.Calls, seen.Retries, seen.Refused, seen.Bulkhead.InUse)
}

func checkout(client *http.Client, url string, order int) {
	response, err := client.Get(url)
	if errors.Is(err, seawall.ErrBreakerOpen) {
		fmt.Printf("order %d: pending, payments is down\n", order)
		return
	}
	if err != nil {
		fmt.Printf("order %d: %v\n", order, err)
		return
	}
	defer response.Body.Close()
	text, _ := io.ReadAll(response.Body)
	fmt.Printf("order %d: %d %s\n", order, response.StatusCode, text)
}

// stumbling is a payment server that fails every other request, and all of them while it is down.
func stumbling() (*httptest.Server, *atomic.Bool) {
	var asked atomic.Int64
	var isDown atomic.Bool
	return httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if asked.Add(1)%2 == 1 || isDown.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		fmt.Fprint(w, "paid")
	})), &isDown
}
