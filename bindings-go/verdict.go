//go:build cgo

package seawall

import (
	"context"
	"errors"
	"io"
	"net"
	"net/textproto"
	"net/url"
	"syscall"
	"time"
)

// A Verdict is what an attempt's end means to the dependency.
type Verdict struct {
	// Outcome is whether it counts, and as what.
	Outcome Outcome
	// Retryable says that another attempt may help, of a failure.
	Retryable bool
	// NotSent says that the request was certainly not sent, so that it may be sent again in any case.
	NotSent bool
	// Cause is the kind of failure, for the retry budget.
	Cause Cause
	// RetryAfter is what the server asked to wait; 0: nothing.
	RetryAfter time.Duration
}

func (v Verdict) native() nativeAttempt {
	attempt := anAttempt()
	attempt.outcome, attempt.cause = u32(v.Outcome), u32(v.Cause)
	attempt.is_retryable, attempt.was_not_sent = flag(v.Retryable), flag(v.NotSent)
	attempt.retry_after_ns = u64(nanos(v.RetryAfter))
	return attempt
}

func verdict(attempt *nativeAttempt) Verdict {
	return Verdict{
		Outcome: Outcome(attempt.outcome), Retryable: attempt.is_retryable != 0, NotSent: attempt.was_not_sent != 0,
		Cause: Cause(attempt.cause), RetryAfter: span(uint64(attempt.retry_after_ns)),
	}
}

func flag(is bool) u32 {
	if is {
		return 1
	}
	return 0
}

// Trouble is why a request has no answer. What each means is the same in all languages, see [Trouble.Verdict].
type Trouble uint32

const (
	// TroubleNotConnected: no connection came about: refused, no route, no such name. Nothing was sent; retryable.
	TroubleNotConnected Trouble = troubleNotConnected
	// TroubleConnectTimeout: no connection came about in time. Nothing was sent; retryable.
	TroubleConnectTimeout Trouble = troubleConnectTimeout
	// TroubleReadTimeout: connected, but no answer in time. Retryable.
	TroubleReadTimeout Trouble = troubleReadTimeout
	// TroubleReset: the connection broke before the answer was complete. Retryable.
	TroubleReset Trouble = troubleReset
	// TroubleProtocol: the answer makes no sense, or the peer is not who it should be. Not retryable.
	TroubleProtocol Trouble = troubleProtocol
	// TroubleOther: anything else. Not retryable.
	TroubleOther Trouble = troubleOther
)

// Verdict is what such a trouble means. An unknown one is TroubleOther.
func (t Trouble) Verdict() Verdict {
	attempt := anAttempt()
	if t < TroubleNotConnected || t > TroubleOther {
		t = TroubleOther
	}
	httpTrouble(uint32(t), &attempt)
	return verdict(&attempt)
}

// resets are the errors of a connection that was there.
var resets = [...]error{
	syscall.ECONNRESET, syscall.ECONNABORTED, syscall.EPIPE, syscall.ENOTCONN, syscall.ENETDOWN, syscall.ENETRESET,
	syscall.ENETUNREACH, syscall.EHOSTUNREACH, io.ErrUnexpectedEOF,
}

// TroubleOf finds out of an error of a network client what happened: by the errors of the packages net, syscall, io
// and context inside it. [TroubleOther] for everything that is none of theirs.
func TroubleOf(err error) Trouble {
	if err == nil {
		return TroubleOther
	}
	var operation *net.OpError
	if errors.As(err, &operation) && (operation.Op == "dial" || operation.Op == "proxyconnect" || operation.Op == "socks connect") {
		return notConnected(err)
	}
	if lookup := (*net.DNSError)(nil); errors.As(err, &lookup) || errors.Is(err, syscall.ECONNREFUSED) {
		return notConnected(err)
	}
	if isTimeout(err) {
		return TroubleReadTimeout
	}
	if isForeign(err, operation) {
		return TroubleProtocol
	}
	for _, reset := range resets {
		if errors.Is(err, reset) {
			return TroubleReset
		}
	}
	// The end of a file is an error of the network only inside one.
	request := (*url.Error)(nil)
	if errors.Is(err, io.EOF) && (operation != nil || errors.As(err, &request)) {
		return TroubleReset
	}
	if operation != nil && !errors.Is(err, net.ErrClosed) {
		return TroubleReset
	}
	return TroubleOther
}

func notConnected(err error) Trouble {
	if isTimeout(err) {
		return TroubleConnectTimeout
	}
	return TroubleNotConnected
}

func isTimeout(err error) bool {
	var timeout net.Error
	return errors.Is(err, context.DeadlineExceeded) || errors.As(err, &timeout) && timeout.Timeout()
}

// isForeign finds peers that do not speak as they should: TLS names its alerts by these operations. That of the
// certificates is TroubleOther here, which means the same.
func isForeign(err error, operation *net.OpError) bool {
	var protocol textproto.ProtocolError
	return errors.As(err, &protocol) || operation != nil && (operation.Op == "remote error" || operation.Op == "local error")
}

// retryAfterOf is what an error says by itself about when to come back, by a method RetryAfter() time.Duration.
func retryAfterOf(call *callSettings, err error) time.Duration {
	if call.retryAfter != nil {
		return call.retryAfter(err)
	}
	var asks interface{ RetryAfter() time.Duration }
	if errors.As(err, &asks) {
		return asks.RetryAfter()
	}
	return 0
}

// judge keeps to the order ignored, failure worth another attempt, failure, success.
func judge[T any](ctx context.Context, call *callSettings, result T, err error) Verdict {
	if err != nil && isGivenUp(ctx, err) {
		return Verdict{Outcome: Ignored}
	}
	own := call.own()
	if own.classify != nil {
		return own.classify.(func(T, error) Verdict)(result, err)
	}
	if err == nil {
		for _, isWorthIt := range own.retryResults {
			if isWorthIt.(func(T) bool)(result) {
				return Verdict{Outcome: Failure, Retryable: true}
			}
		}
		for _, isFailure := range call.results {
			if isFailure.(func(T) bool)(result) {
				return Verdict{Outcome: Failure}
			}
		}
		return Verdict{Outcome: Success}
	}
	return judgeError(call, own, err)
}

func judgeError(call *callSettings, own *dependencySettings, err error) Verdict {
	if refused := (*RefusedError)(nil); errors.As(err, &refused) {
		// A refusal further down says nothing about this dependency.
		return Verdict{Outcome: Ignored}
	}
	for _, isIgnored := range call.ignore {
		if isIgnored(err) {
			return Verdict{Outcome: Ignored}
		}
	}
	found := TroubleOf(err).Verdict()
	if len(own.retryOn) > 0 {
		found.Retryable = false
		for _, isWorthIt := range own.retryOn {
			found.Retryable = found.Retryable || isWorthIt(err)
		}
	}
	isFailure := found.Retryable || len(call.on) == 0
	for _, on := range call.on {
		isFailure = isFailure || on(err)
	}
	if !isFailure {
		return Verdict{Outcome: Success}
	}
	if found.RetryAfter = retryAfterOf(call, err); found.RetryAfter > 0 {
		found.Cause = CauseThrottled
	}
	return found
}

// isGivenUp is true for the caller's own cancellation.
func isGivenUp(ctx context.Context, err error) bool {
	return errors.Is(ctx.Err(), context.Canceled) && (errors.Is(err, context.Canceled) || errors.Is(err, context.Cause(ctx)))
}
