// A transport for http.Client that asks a breaker and a bulkhead before each request.
//
//	go run ./roundtripper
package main

import (
	"context"
	"io"
	"net/http"
	"strconv"
	"sync"
	"time"

	"seawall.dev/go"
)

// Transport sends requests through Base if the guards let them. A place in the bulkhead is held until the body of
// the response is closed, because until then the dependency still works for us.
type Transport struct {
	Base     http.RoundTripper
	Breaker  *seawall.Breaker
	Bulkhead *seawall.Bulkhead
}

// RoundTrip returns the response unchanged, or a *seawall.RefusedError when the request was not sent.
func (t *Transport) RoundTrip(request *http.Request) (*http.Response, error) {
	place, err := t.Bulkhead.Acquire(request.Context())
	if err != nil {
		closeBody(request)
		return nil, err
	}
	sent := false
	response, err := seawall.Do(request.Context(), t.Breaker, func(context.Context) (*http.Response, error) {
		sent = true
		return t.Base.RoundTrip(request)
	}, seawall.OnResult(isFailure))
	if err != nil {
		place.Release()
		if !sent {
			closeBody(request)
		}
		return nil, err
	}
	response.Body = &heldBody{ReadCloser: response.Body, release: sync.OnceFunc(func() { place.Release() })}
	return response, nil
}

// isFailure finds what says something about the server. 4xx is our own mistake.
func isFailure(response *http.Response) bool {
	return response.StatusCode >= 500 || response.StatusCode == http.StatusTooManyRequests
}

// closeBody keeps the promise of RoundTripper to close the body of every request, sent or not.
func closeBody(request *http.Request) {
	if request.Body != nil {
		request.Body.Close()
	}
}

type heldBody struct {
	io.ReadCloser
	release func()
}

func (b *heldBody) Close() error {
	defer b.release()
	return b.ReadCloser.Close()
}

// retryAfter is what a refusal tells a client of ours, in whole seconds.
func retryAfter(refused *seawall.RefusedError) string {
	return strconv.Itoa(int((refused.RetryAfter + time.Second - 1) / time.Second))
}
