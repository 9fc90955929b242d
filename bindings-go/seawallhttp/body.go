package seawallhttp

import (
	"context"
	"io"
	"net/http"
	"sync"
	"time"

	"seawall.dev/go"
)

// A body is that of an answer: it ends the request's context when it is closed or read to its end, and bounds the
// time of each read.
type body struct {
	io.ReadCloser
	cancel  context.CancelCauseFunc
	timeout time.Duration
	idle    *time.Timer

	lock   sync.Mutex
	isLate bool
}

// A writable body is one of a connection that was switched to another protocol: net/http's callers write to it.
type writableBody struct {
	*body
	io.Writer
}

func newBody(response *http.Response, timeout time.Duration, cancel context.CancelCauseFunc) io.ReadCloser {
	inner := response.Body
	if inner == http.NoBody {
		cancel(nil)
		return inner
	}
	b := &body{ReadCloser: inner, cancel: cancel, timeout: timeout}
	if response.StatusCode == http.StatusSwitchingProtocols {
		// Its other protocol has its own idea of how long silence may last.
		b.timeout = 0
		if writer, ok := inner.(io.Writer); ok {
			return &writableBody{b, writer}
		}
	}
	return b
}

// Read reads, and gives up when nothing comes for the attempt's timeout.
func (b *body) Read(p []byte) (int, error) {
	switch {
	case b.timeout == 0:
	case b.idle == nil:
		b.idle = time.AfterFunc(b.timeout, b.late)
	default:
		b.idle.Reset(b.timeout)
	}
	n, err := b.ReadCloser.Read(p)
	if b.idle != nil {
		b.idle.Stop()
	}
	if err == io.EOF {
		b.cancel(nil)
	} else if err != nil && b.wasLate() {
		err = &timeoutError{cause: &seawall.TimeoutError{After: b.timeout}, err: err}
	}
	return n, err
}

func (b *body) late() {
	b.lock.Lock()
	b.isLate = true
	b.lock.Unlock()
	b.cancel(&seawall.TimeoutError{After: b.timeout})
}

func (b *body) wasLate() bool {
	b.lock.Lock()
	defer b.lock.Unlock()
	return b.isLate
}

// Close closes the body and ends the request's context.
func (b *body) Close() error {
	err := b.ReadCloser.Close()
	b.cancel(nil)
	return err
}
