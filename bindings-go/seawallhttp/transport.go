// Package seawallhttp puts a dependency of seawall in front of an HTTP client, and reads deadlines in an HTTP server.
//
//	client := &http.Client{Transport: seawallhttp.NewTransport(payments, nil)}
//	response, err := client.Post(url, "application/json", body)
//	if errors.Is(err, seawall.ErrBreakerOpen) { ... }
package seawallhttp

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"sync/atomic"
	"time"

	"seawall.dev/go"
)

// headerKey is the header that tells a repetition from a second order.
const headerKey = "Idempotency-Key"

// mostDrained bounds what is read of an answer that fails, so that its connection can be used again.
const mostDrained = 64 << 10

// A Transport is an http.RoundTripper that sends every request as a call of a dependency.
//
// Statuses and broken connections mean what [seawall.ClassifyStatus] and [seawall.Trouble] say; Retry-After is heard
// in both its forms. A request is sent again only if its method may be (GET, HEAD, PUT, DELETE, OPTIONS, TRACE), or
// it carries an Idempotency-Key, or it certainly was not sent; and only if it has no body, or a GetBody to make it
// again (http.NewRequest sets that for buffers, strings and bytes). The last answer is returned whatever its
// status; only what has no answer is an error. A refusal is a *seawall.RefusedError inside the client's *url.Error.
//
// Each attempt ends after the policy's timeout, from connecting to the head of the answer, and its connection must
// be there within the policy's connect timeout. After that no read of the body may take longer than the timeout. Each
// attempt carries X-Request-Timeout-Ms, gRPC requests Grpc-Timeout, and Idempotency-Key where the policy says so.
type Transport struct {
	dependency *seawall.Dependency
	base       http.RoundTripper
	options    []seawall.CallOption
}

// NewTransport puts a dependency in front of a transport; nil is http.DefaultTransport. Options are those of
// [seawall.Call], for results of the type *http.Response; a [seawall.Classify] or [seawall.OnDiscard] takes the place of
// the transport's own.
func NewTransport(dependency *seawall.Dependency, base http.RoundTripper, options ...seawall.CallOption) *Transport {
	if dependency == nil {
		panic("seawallhttp: NewTransport needs a dependency")
	}
	if base == nil {
		base = http.DefaultTransport
	}
	return &Transport{dependency: dependency, base: base, options: options}
}

// CloseIdleConnections closes those of the transport below.
func (t *Transport) CloseIdleConnections() {
	if base, ok := t.base.(interface{ CloseIdleConnections() }); ok {
		base.CloseIdleConnections()
	}
}

// RoundTrip sends a request as the policy says.
func (t *Transport) RoundTrip(request *http.Request) (*http.Response, error) {
	facts := t.dependency.Facts()
	hasKey := facts.IdempotencyKey || request.Header.Get(headerKey) != ""
	sending := &sending{transport: t, request: request, facts: &facts}
	options := append([]seawall.CallOption{
		seawall.WithIdempotent(hasKey || facts.Idempotent && seawall.IsIdempotentMethod(request.Method)),
		seawall.Classify(sending.classify),
		seawall.OnDiscard(discard),
	}, t.options...)
	response, err := seawall.Call(request.Context(), t.dependency, sending.attempt, options...)
	sending.closeBody()
	if err != nil {
		discard(response, err)
		return nil, err
	}
	return response, nil
}

// sending is one request under way.
type sending struct {
	transport *Transport
	request   *http.Request
	facts     *seawall.Facts
	// isUsed is true when the request's own body was handed to the transport below, which closes it.
	isUsed atomic.Bool
}

// closeBody keeps the promise of a RoundTripper to close the body of every request, sent or not.
func (s *sending) closeBody() {
	if s.request.Body != nil && !s.isUsed.Load() {
		_ = s.request.Body.Close()
	}
}

// canRepeat is true when there is a body to send again.
func (s *sending) canRepeat() bool {
	return s.request.Body == nil || s.request.Body == http.NoBody || s.request.GetBody != nil
}

func (s *sending) attempt(ctx context.Context) (*http.Response, error) {
	attempt := seawall.AttemptFrom(ctx)
	// The body of the answer is read when the attempt is over, so the request has a context of its own: it ends
	// with the attempt until the head is there, and then with the body.
	inner, cancel := context.WithCancelCause(s.request.Context())
	stop := context.AfterFunc(ctx, func() { cancel(context.Cause(ctx)) })
	connected := s.connects(ctx, cancel)
	request, err := s.copied(httptrace.WithClientTrace(inner, connected.trace()), ctx, attempt)
	if err != nil {
		cancel(err)
		stop()
		return nil, err
	}
	response, err := s.transport.base.RoundTrip(request)
	connected.stop()
	if err == nil {
		response.Body = newBody(response, attempt.Timeout, cancel)
		hasFailed := isFailure(response)
		if hasFailed {
			drain(response)
		}
		if stop() || hasFailed {
			return response, nil
		}
		// The time was over just when the head came: its body would be cut off.
		_ = response.Body.Close()
		err = context.Cause(ctx)
	}
	stop()
	if cause := context.Cause(inner); cause != nil && s.request.Context().Err() == nil {
		// Ours, and not the caller's: it says better what happened than "context canceled".
		err = &timeoutError{cause: cause, err: err}
	}
	cancel(nil)
	return nil, &unanswered{troubleOf(err, connected), err}
}

// An unanswered request, and what kind of trouble it had.
type unanswered struct {
	trouble seawall.Trouble
	error
}

func (e *unanswered) Unwrap() error { return e.error }

// copied is the request of one attempt: its own header and body, as a RoundTripper must not touch the original.
func (s *sending) copied(inner, ctx context.Context, attempt *seawall.Attempt) (*http.Request, error) {
	request := s.request.Clone(inner)
	if s.request.Body != nil {
		if s.isUsed.Swap(true) && s.request.GetBody != nil {
			body, err := s.request.GetBody()
			if err != nil {
				return nil, err
			}
			request.Body = body
		}
	}
	kind := request.Header.Get("Content-Type")
	seawall.InjectDeadline(ctx, request.Header)
	if len(kind) < len("application/grpc") || kind[:len("application/grpc")] != "application/grpc" {
		request.Header.Del(seawall.HeaderGRPCTimeout)
	}
	if s.facts.IdempotencyKey && request.Header.Get(headerKey) == "" {
		request.Header.Set(headerKey, attempt.IdempotencyKey())
	}
	return request, nil
}

// classify is what an answer, or the lack of one, means.
func (s *sending) classify(response *http.Response, err error) seawall.Verdict {
	var verdict seawall.Verdict
	switch {
	case err != nil:
		if refused := (*seawall.RefusedError)(nil); errors.As(err, &refused) {
			return seawall.Verdict{Outcome: seawall.Ignored}
		}
		verdict = seawall.TroubleOf(err).Verdict()
		if found := (*unanswered)(nil); errors.As(err, &found) {
			verdict = found.trouble.Verdict()
		}
	default:
		verdict = byStatus(response)
	}
	verdict.Retryable = verdict.Retryable && s.canRepeat()
	return verdict
}

func byStatus(response *http.Response) seawall.Verdict {
	var wait time.Duration
	if value := response.Header.Get("Retry-After"); value != "" {
		// What cannot be understood is not there: the answer itself is no worse for it.
		wait, _ = seawall.ParseRetryAfter(value, time.Now())
	}
	return seawall.ClassifyStatus(response.StatusCode, wait)
}

func isFailure(response *http.Response) bool { return byStatus(response).Outcome == seawall.Failure }

// drain reads a failing answer, up to a bound, so that its connection can be used again while the call waits, and
// whoever gets this answer in the end can still read it.
func drain(response *http.Response) {
	var read bytes.Buffer
	_, err := io.CopyN(&read, response.Body, mostDrained)
	rest := response.Body
	if err == io.EOF {
		_ = rest.Close()
		response.Body = io.NopCloser(&read)
		return
	}
	response.Body = &rejoined{io.MultiReader(&read, &failing{err}, rest), rest}
}

type rejoined struct {
	io.Reader
	io.Closer
}

// failing gives the error that reading ended with, if it was one.
type failing struct{ err error }

func (f *failing) Read([]byte) (int, error) {
	if f.err != nil {
		return 0, f.err
	}
	return 0, io.EOF
}

func discard(response *http.Response, _ error) {
	if response != nil && response.Body != nil {
		_ = response.Body.Close()
	}
}

// troubleOf knows better than the error whether anything was sent.
func troubleOf(err error, connected *connecting) seawall.Trouble {
	found := seawall.TroubleOf(err)
	if found == seawall.TroubleProtocol || isForeign(err) {
		return seawall.TroubleProtocol
	}
	if !connected.was.Load() {
		if found == seawall.TroubleReadTimeout || found == seawall.TroubleConnectTimeout {
			return seawall.TroubleConnectTimeout
		}
		if connected.tried.Load() {
			return seawall.TroubleNotConnected
		}
		return found
	}
	switch {
	case found == seawall.TroubleNotConnected, found == seawall.TroubleConnectTimeout:
		return seawall.TroubleReset
	case found == seawall.TroubleOther && errors.Is(err, io.EOF):
		return seawall.TroubleReset
	}
	return found
}

// isForeign finds peers that are not who they should be.
func isForeign(err error) bool {
	var record tls.RecordHeaderError
	var certificate *tls.CertificateVerificationError
	return errors.As(err, &record) || errors.As(err, &certificate)
}

// A timeoutError is the end of an attempt's time, with what the transport made of it.
type timeoutError struct{ cause, err error }

func (e *timeoutError) Error() string   { return e.cause.Error() }
func (e *timeoutError) Unwrap() []error { return []error{e.cause, e.err} }
func (e *timeoutError) Timeout() bool {
	var timeout net.Error
	return errors.Is(e.cause, context.DeadlineExceeded) || errors.As(e.cause, &timeout) && timeout.Timeout()
}
func (e *timeoutError) Temporary() bool { return e.Timeout() }

// connecting watches an attempt get its connection, TLS included, and ends it when that takes too long.
type connecting struct {
	timer      *time.Timer
	tried, was atomic.Bool
}

func (s *sending) connects(ctx context.Context, cancel context.CancelCauseFunc) *connecting {
	within := s.facts.ConnectTimeout
	c := &connecting{}
	if within < seawall.AttemptFrom(ctx).Timeout {
		late := &seawall.TimeoutError{Dependency: s.transport.dependency.Name(), After: within}
		c.timer = time.AfterFunc(within, func() {
			if !c.was.Load() {
				cancel(late)
			}
		})
	}
	return c
}

func (c *connecting) stop() {
	if c.timer != nil {
		c.timer.Stop()
	}
}

func (c *connecting) trace() *httptrace.ClientTrace {
	return &httptrace.ClientTrace{
		GetConn: func(string) { c.tried.Store(true) },
		GotConn: func(httptrace.GotConnInfo) {
			c.was.Store(true)
			c.stop()
		},
	}
}
