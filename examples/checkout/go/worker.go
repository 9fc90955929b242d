// A checkout service in Go. What it may ask of payment stands in seawall.toml; its customers are in shop.go.
package main

import (
	"context"
	"errors"
	"io"
	"net/http"

	seawall "seawall.dev/go"
)

func main() {
	shop := newShop()
	wall, err := seawall.Open(shop.policies)
	shop.must(err)
	wall.OnEvent(shop.hear)
	payment, err := wall.Dependency("payment")
	shop.must(err)

	charge := shop.watched(charge)
	pending := seawall.FallbackValue("pending: we will confirm the payment later")
	pay, err := seawall.Protect(payment, charge, seawall.WithFallback(pending))
	shop.must(err)
	shop.play(charge, pay) // the first act and the second
}

// charge is the HTTP call as anybody would write it: the context ends it, if anything does.
func charge(ctx context.Context, url string) (string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url+"/pay", nil)
	if err != nil {
		return "", err
	}
	request.Header.Set("Idempotency-Key", seawall.AttemptFrom(ctx).IdempotencyKey())
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return "", errors.New(response.Status)
	}
	receipt, err := io.ReadAll(response.Body)
	return string(receipt), err
}
