//go:build cgo

package seawall

import (
	"context"
	"sync"
	"time"
)

// A CallPermit is leave to make one attempt by hand: what the gates of a policy granted, until the result is said.
type CallPermit struct {
	lock sync.Mutex
	call *underway
	span time.Duration
}

// Permit asks the gates for one attempt, waiting as the policy says, and leaves the work to the caller: no
// retries, no fallback. Say how it ended by exactly one of Success, Failure, Throttled, Record and Cancel, else its
// place stays taken.
//
//	permit, err := payments.Permit(ctx)
//	if err != nil {
//		return err
//	}
//	defer permit.Cancel() // does nothing once a result is recorded
func (d *Dependency) Permit(ctx context.Context, options ...CallOption) (*CallPermit, error) {
	call := settingsOf(d, options)
	if err := checkCall[any](d, call); err != nil {
		return nil, err
	}
	u := &underway{dependency: d, ctx: ctx, call: call}
	if err := u.begin(); err != nil {
		return nil, err
	}
	for {
		var err error
		switch u.next.kind {
		case actionRun:
			u.attempts = int(u.next.attempt)
			return &CallPermit{call: u, span: span(uint64(u.next.span_ns))}, nil
		case actionSleep:
			if err = u.pause(span(uint64(u.next.span_ns))); err == nil {
				err = u.woke()
			}
		case actionWait:
			err = u.wait()
		default:
			return nil, u.refusal()
		}
		if err != nil {
			u.leave()
			return nil, err
		}
	}
}

// Timeout is how long the work may take: the policy's timeout, or what was left of the deadline.
func (p *CallPermit) Timeout() time.Duration { return p.span }

// IdempotencyKey is a random UUID for this work; empty once its result is recorded.
func (p *CallPermit) IdempotencyKey() string { return p.call.idempotencyKey() }

// Success records that the work was done. [ErrSpent] when the permit was used before; so do the next four.
func (p *CallPermit) Success() error { return p.Record(Success) }

// Failure records that the dependency failed.
func (p *CallPermit) Failure() error { return p.Record(Failure) }

// Throttled records a failure whose server asked to be left alone for so long.
func (p *CallPermit) Throttled(retryAfter time.Duration) error {
	return p.end(Verdict{Outcome: Failure, Cause: CauseThrottled, RetryAfter: retryAfter})
}

// Record records an outcome.
func (p *CallPermit) Record(outcome Outcome) error {
	if err := outcome.check(); err != nil {
		return err
	}
	return p.end(Verdict{Outcome: outcome})
}

func (p *CallPermit) end(verdict Verdict) error {
	p.lock.Lock()
	defer p.lock.Unlock()
	if !p.call.isOn {
		return ErrSpent
	}
	return p.call.ended(verdict, nil)
}

// Cancel gives everything back; the work says nothing about the dependency.
func (p *CallPermit) Cancel() error {
	p.lock.Lock()
	defer p.lock.Unlock()
	if !p.call.isOn {
		return ErrSpent
	}
	p.call.cancel()
	return nil
}
