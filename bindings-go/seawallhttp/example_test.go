package seawallhttp_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"time"

	"seawall.dev/go"
	"seawall.dev/go/seawallhttp"
)

func ExampleNewTransport() {
	asked := 0
	shop := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if asked++; asked < 3 {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	defer shop.Close()

	wall, _ := seawall.New()
	payments, _ := wall.Define("payments", seawall.Policy{
		Timeout: 2 * time.Second,
		Retry:   &seawall.RetryPolicy{Attempts: 3, Base: time.Millisecond},
	})
	client := &http.Client{Transport: seawallhttp.NewTransport(payments, nil)}
	response, err := client.Get(shop.URL)
	if err != nil {
		panic(err)
	}
	response.Body.Close()
	fmt.Println(response.StatusCode, "after", asked, "requests")

	_ = payments.ForceOpen()
	_, err = client.Get(shop.URL)
	fmt.Println(errors.Is(err, seawall.ErrBreakerOpen))
	// Output:
	// 200 after 3 requests
	// true
}
