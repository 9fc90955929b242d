//go:build cgo

package seawall

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// The headers in which the time that is left travels between services.
const (
	// HeaderTimeoutMillis is that of HTTP: "1500".
	HeaderTimeoutMillis = "X-Request-Timeout-Ms"
	// HeaderGRPCTimeout is that of gRPC: "1500m".
	HeaderGRPCTimeout = "Grpc-Timeout"
)

// ErrHeader is a header that is malformed, too long, or asks for more than a day; it arrives as a [*HeaderError].
var ErrHeader = errors.New("header malformed or absurd")

// A HeaderError is a header that nothing can be made of.
type HeaderError struct {
	// Name is the header's name, Value what it said, cut to 64 bytes.
	Name, Value string
}

// Error names the header and what it said.
func (e *HeaderError) Error() string { return fmt.Sprintf("%s: %q: %v", e.Name, e.Value, ErrHeader) }

// Is makes it an ErrHeader.
func (e *HeaderError) Is(target error) bool { return target == ErrHeader }

func headerError(name, value string) error {
	return &HeaderError{Name: name, Value: string([]byte(value[:min(len(value), 64)]))}
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
			return ctx, nothing, headerError(HeaderTimeoutMillis, value)
		}
		nearest = min(nearest, span)
	}
	for _, value := range grpc {
		span, answer := deadlineFromGRPC(value)
		if answer != statusOK {
			return ctx, nothing, headerError(HeaderGRPCTimeout, value)
		}
		nearest = min(nearest, span)
	}
	if nearest == never {
		return ctx, nothing, nil
	}
	within, cancel := context.WithTimeout(ctx, span(nearest))
	return within, cancel, nil
}
