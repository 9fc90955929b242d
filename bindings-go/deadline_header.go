//go:build cgo

package seawall

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// The headers in which the time that is left travels between services.
const (
	// HeaderTimeoutMillis is that of HTTP: "1500".
	HeaderTimeoutMillis = "X-Request-Timeout-Ms"
	// HeaderGRPCTimeout is that of gRPC: "1500m".
	HeaderGRPCTimeout = "Grpc-Timeout"

	headerRetryAfter = "Retry-After"
)

// ErrHeader is a header that is malformed, too long, or asks for more than a day; it arrives as a [*HeaderError].
var ErrHeader = errors.New("header malformed or absurd")

// A HeaderFault is what is wrong with the value of a header.
type HeaderFault uint8

// What is wrong with the value of a header.
const (
	// HeaderEmpty is one where nothing stands.
	HeaderEmpty HeaderFault = iota + 1
	// HeaderTooLong is one of more than 64 bytes; it is not read any further.
	HeaderTooLong
	// HeaderMalformed is one that the header's grammar does not allow.
	HeaderMalformed
	// HeaderTooLarge is one of more than a day.
	HeaderTooLarge
)

// String is a short name: "empty", "too_long", "malformed", "too_large".
func (f HeaderFault) String() string {
	if f < HeaderEmpty || f > HeaderTooLarge {
		return "unknown"
	}
	return [...]string{"empty", "too_long", "malformed", "too_large"}[f-1]
}

// A HeaderError is a header that nothing can be made of. It carries no piece of the value, which came from outside and
// may be anything.
type HeaderError struct {
	// Name is the header's name.
	Name string
	// Kind is what is wrong with its value.
	Kind HeaderFault
	// Bytes is how long the value was.
	Bytes int
	// Expected is what would have been right, for people.
	Expected string
}

// Error names the header, what is wrong with it and what would have been right.
func (e *HeaderError) Error() string {
	wrong := "is malformed"
	switch e.Kind {
	case HeaderEmpty:
		wrong = "is empty"
	case HeaderTooLong:
		wrong = fmt.Sprintf("%d bytes are more than %d", e.Bytes, mostHeaderBytes)
	case HeaderTooLarge:
		wrong = "is more than a day"
	}
	return fmt.Sprintf("%s: %s; expected %s", e.Name, wrong, e.Expected)
}

// Is makes it an ErrHeader.
func (e *HeaderError) Is(target error) bool { return target == ErrHeader }

const mostHeaderBytes = 64

var expectedOf = map[string]string{
	HeaderTimeoutMillis: "whole milliseconds in digits, 0 to 86400000",
	HeaderGRPCTimeout:   "1 to 8 digits and one of H M S m u n, at most a day",
	headerRetryAfter:    "whole seconds in digits, or a date such as Sun, 06 Nov 1994 08:49:37 GMT",
}

// headerError finds out why the library refused a value; it says only that it did.
func headerError(name, value string, read func(string) (uint64, status)) error {
	kind := HeaderMalformed
	switch {
	case len(value) > mostHeaderBytes:
		kind = HeaderTooLong
	case strings.Trim(value, " \t") == "":
		kind = HeaderEmpty
	default:
		zeros := strings.Map(func(r rune) rune {
			if r >= '0' && r <= '9' {
				return '0'
			}
			return r
		}, value)
		// What is fine with zeros for its digits was a number, and so one too large.
		if _, answer := read(zeros); answer == statusOK {
			kind = HeaderTooLarge
		}
	}
	return &HeaderError{Name: name, Kind: kind, Bytes: len(value), Expected: expectedOf[name]}
}

// InjectDeadline writes what is left of the context's deadline into an http.Header, for HTTP and for gRPC.
// Without a deadline none is sent, and one that was there is taken out.
func InjectDeadline(ctx context.Context, header map[string][]string) {
	millis, grpc := remaining(ctx)
	put(header, HeaderTimeoutMillis, millis)
	put(header, HeaderGRPCTimeout, grpc)
}

// InjectDeadlineMap is InjectDeadline for plain maps, such as the metadata of a message. Its keys are in small
// letters: "x-request-timeout-ms" and "grpc-timeout".
func InjectDeadlineMap(ctx context.Context, metadata map[string]string) {
	millis, grpc := remaining(ctx)
	for key, value := range map[string]string{"x-request-timeout-ms": millis, "grpc-timeout": grpc} {
		if delete(metadata, key); value != "" {
			metadata[key] = value
		}
	}
}

// put writes a header by its canonical name.
func put(header map[string][]string, name, value string) {
	if delete(header, name); value != "" {
		header[name] = []string{value}
	}
}

func remaining(ctx context.Context) (millis, grpc string) {
	at, ok := ctx.Deadline()
	if !ok {
		return "", ""
	}
	left := nanos(time.Until(at))
	return deadlineToMillis(left), deadlineToGRPC(left)
}

// ExtractDeadline is a context with the deadline that a request came with in its http.Header; the nearest one where it came with several,
// or the context has one of its own. Without one it is the context itself. On a [*HeaderError] it is that, too: an
// honest answer is 400. Call the CancelFunc in any case.
func ExtractDeadline(ctx context.Context, header map[string][]string) (context.Context, context.CancelFunc, error) {
	return extract(ctx, header[HeaderTimeoutMillis], header[HeaderGRPCTimeout])
}

// ExtractDeadlineMap is ExtractDeadline for plain maps with keys in small letters.
func ExtractDeadlineMap(ctx context.Context, metadata map[string]string) (context.Context, context.CancelFunc, error) {
	var millis, grpc []string
	if value, ok := metadata["x-request-timeout-ms"]; ok {
		millis = []string{value}
	}
	if value, ok := metadata["grpc-timeout"]; ok {
		grpc = []string{value}
	}
	return extract(ctx, millis, grpc)
}

func extract(ctx context.Context, millis, grpc []string) (context.Context, context.CancelFunc, error) {
	nearest := uint64(never)
	for _, value := range millis {
		span, answer := deadlineFromMillis(value)
		if answer != statusOK {
			return ctx, nothing, headerError(HeaderTimeoutMillis, value, deadlineFromMillis)
		}
		nearest = min(nearest, span)
	}
	for _, value := range grpc {
		span, answer := deadlineFromGRPC(value)
		if answer != statusOK {
			return ctx, nothing, headerError(HeaderGRPCTimeout, value, deadlineFromGRPC)
		}
		nearest = min(nearest, span)
	}
	if nearest == never {
		return ctx, nothing, nil
	}
	within, cancel := context.WithTimeout(ctx, span(nearest))
	return within, cancel, nil
}
