//! One call under way: events go in, and the next action stands in its attributes.

use pyo3::PyTraverseError;
use pyo3::gc::PyVisit;
use pyo3::prelude::*;
use seawall::core::bulkhead;
use seawall::core::policy::{Action, End, Notes, Stop};
use seawall::core::retry_budget::Cause;
use seawall::{Ended, HeldCall, Moment, Nanos, Outcome, Step};

use crate::dependency::{Dependency, out_of_turn, states, status_name};
use crate::wall::moment;

const RUN: u8 = 1;
const SLEEP: u8 = 2;
const WAIT: u8 = 3;
const FINISH: u8 = 4;

/// One call under way. One thread at a time; dropped before its end, it is cancelled.
#[pyclass(module = "seawall._native")]
pub struct Call {
    held: HeldCall,
    dependency: Py<Dependency>,
    action: Action,
    notes: Notes,
    /// When the action was decided.
    decided: Nanos,
    started: Nanos,
}

impl Call {
    pub fn new(dependency: Py<Dependency>, held: HeldCall, step: Step, now: Nanos) -> Self {
        Self {
            held,
            dependency,
            action: step.action,
            notes: step.notes,
            decided: now,
            started: now,
        }
    }

    fn time(&self, py: Python<'_>, now: Option<u64>) -> PyResult<Nanos> {
        moment(py, &self.dependency.get().clock, now)
    }

    fn take(&mut self, step: Step, now: Nanos) -> u8 {
        self.action = step.action;
        self.notes = step.notes;
        self.decided = now;
        self.kind()
    }
}

const fn stop_name(stop: Stop) -> &'static str {
    match stop {
        Stop::Done => "done",
        Stop::Cancelled => "cancelled",
        Stop::Refused => "refused",
        Stop::AttemptsUsed => "attempts_used",
        Stop::NotRetryable => "not_retryable",
        Stop::BreakerOpen => "breaker_open",
        Stop::BulkheadFull => "bulkhead_full",
        Stop::BudgetExhausted => "budget_exhausted",
        Stop::RateLimited => "rate_limited",
        Stop::DeadlineTooNear => "deadline_too_near",
    }
}

#[pymethods]
impl Call {
    /// The attempt succeeded, which ends the call. Zero when there is nothing to tell; 1 when the breaker changed
    /// its state, 2 when a place came free, 4 when the result was late, or the sum of these.
    #[pyo3(signature = (now=None))]
    fn succeeded(&mut self, py: Python<'_>, now: Option<u64>) -> PyResult<u8> {
        let now = self.time(py, now)?;
        let step = self.held.ended(Ended::SUCCESS, Some(0), now);
        self.take(step.map_err(|_| out_of_turn())?, now);
        let Notes {
            transition,
            freed,
            is_late,
            ..
        } = self.notes;
        Ok(u8::from(transition.is_some()) | u8::from(freed) << 1 | u8::from(is_late) << 2)
    }

    /// The attempt ended: the outcome (0 success, 1 failure, 2 ignored), whether another may help, whether it was
    /// certainly not sent, the cause (0 failure, 1 throttled, 2 timeout) and what the server asked to wait.
    #[expect(
        clippy::too_many_arguments,
        reason = "what there is to say about an attempt"
    )]
    #[pyo3(signature = (outcome, retryable=false, not_sent=false, cause=0, retry_after=0, random=None, now=None))]
    fn ended(
        &mut self,
        py: Python<'_>,
        outcome: u32,
        retryable: bool,
        not_sent: bool,
        cause: u32,
        retry_after: u64,
        random: Option<u64>,
        now: Option<u64>,
    ) -> PyResult<u8> {
        let ended = Ended {
            outcome: Outcome::from_number(outcome).unwrap_or(Outcome::Ignored),
            is_retryable: retryable,
            was_not_sent: not_sent,
            cause: Cause::from_number(cause).unwrap_or_default(),
            retry_after: Nanos(retry_after),
        };
        let now = self.time(py, now)?;
        let step = self.held.ended(ended, random, now);
        Ok(self.take(step.map_err(|_| out_of_turn())?, now))
    }

    /// The time has passed that the last action asked to wait, or a place may have come free.
    #[pyo3(signature = (now=None))]
    fn woke(&mut self, py: Python<'_>, now: Option<u64>) -> PyResult<u8> {
        let now = self.time(py, now)?;
        let step = self.held.woke(now);
        Ok(self.take(step.map_err(|_| out_of_turn())?, now))
    }

    /// The caller gave up. False when the call had ended.
    #[pyo3(signature = (now=None))]
    fn cancelled(&mut self, py: Python<'_>, now: Option<u64>) -> PyResult<bool> {
        let now = self.time(py, now)?;
        Ok(match self.held.cancelled(now) {
            Some(step) => {
                self.take(step, now);
                true
            }
            None => false,
        })
    }

    /// Takes the place of the bulkhead out of the call, for work that goes on after it.
    fn keep(&mut self) -> Option<Place> {
        let permit = self.held.keep_place()?;
        Some(Place {
            dependency: self.held.dependency().clone(),
            permit: Some(permit),
        })
    }

    /// What to do next: 1 run, 2 sleep, 3 wait, 4 nothing: it is over.
    #[getter]
    const fn kind(&self) -> u8 {
        match self.action {
            Action::Run { .. } => RUN,
            Action::Sleep { .. } => SLEEP,
            Action::Wait { .. } => WAIT,
            Action::Finish(_) => FINISH,
        }
    }

    /// The number of the attempt to run, or how many were made.
    #[getter]
    const fn attempt(&self) -> u32 {
        match self.action {
            Action::Run { attempt, .. } => attempt,
            Action::Finish(finish) => finish.attempts,
            Action::Sleep { .. } | Action::Wait { .. } => 0,
        }
    }

    /// How long the attempt may take, or how long to sleep, or at most how long to wait; nanoseconds.
    #[getter]
    const fn span_ns(&self) -> u64 {
        match self.action {
            Action::Run { timeout, .. } => timeout.0,
            Action::Sleep { span } => span.0,
            Action::Wait { at_most } => at_most.0,
            Action::Finish(_) => 0,
        }
    }

    /// When that span is over, on the clock of the wall.
    #[getter]
    const fn until_ns(&self) -> u64 {
        self.decided.plus(Nanos(self.span_ns())).0
    }

    /// The end of the attempt that may run now, or zero where there is more to do or to tell first.
    #[getter]
    const fn quick_ns(&self) -> u64 {
        match self.action {
            Action::Run { .. } if self.notes.transition.is_none() => self.until_ns(),
            _ => 0,
        }
    }

    /// When the last event was decided.
    #[getter]
    const fn decided_ns(&self) -> u64 {
        self.decided.0
    }

    /// The deadline of the call; 2**64 - 1 for none.
    #[getter]
    const fn deadline_ns(&self) -> u64 {
        self.held.deadline().moment().0
    }

    /// How long the call has taken up to the last event.
    #[getter]
    const fn took_ns(&self) -> u64 {
        self.decided.since(self.started).0
    }

    /// The idempotency key, the same for all attempts.
    fn key(&mut self) -> String {
        self.held.key()
    }

    /// How it ended: success, failure, ignored or refused.
    #[getter]
    const fn end(&self) -> Option<&'static str> {
        match self.action {
            Action::Finish(finish) => Some(match finish.end {
                End::Success => "success",
                End::Failure => "failure",
                End::Ignored => "ignored",
                End::Refused(_) => "refused",
            }),
            _ => None,
        }
    }

    /// Why there is no further attempt.
    #[getter]
    const fn stop(&self) -> Option<&'static str> {
        match self.action {
            Action::Finish(finish) => Some(stop_name(finish.stop)),
            _ => None,
        }
    }

    /// The number of the refusal, 0 for none.
    #[getter]
    const fn status(&self) -> i32 {
        match self.action {
            Action::Finish(finish) => match finish.end {
                End::Refused(refusal) => refusal.reason as i32,
                _ => 0,
            },
            _ => 0,
        }
    }

    /// The name of that number.
    #[getter]
    fn reason(&self) -> &'static str {
        status_name(self.status())
    }

    /// How long until asking again can help, 0 when nobody knows.
    #[getter]
    const fn retry_after_ns(&self) -> u64 {
        match self.action {
            Action::Finish(finish) => match finish.end {
                End::Refused(refusal) => refusal.retry_after.0,
                _ => 0,
            },
            _ => 0,
        }
    }

    /// Whether something else may be served.
    #[getter]
    const fn may_fall_back(&self) -> bool {
        match self.action {
            Action::Finish(finish) => finish.may_fall_back,
            _ => false,
        }
    }

    /// The change of state that the last event made.
    #[getter]
    fn transition(&self) -> Option<(&'static str, &'static str)> {
        states(self.notes.transition)
    }

    /// Whether the last event made a place free, or an attempt begins and the next waiter may look.
    #[getter]
    const fn freed(&self) -> bool {
        self.notes.freed
    }

    /// Whether the breaker took no notice of the result.
    #[getter]
    const fn is_late(&self) -> bool {
        self.notes.is_late
    }

    /// The number of the limit that said no.
    #[getter]
    const fn limiter(&self) -> Option<u8> {
        self.notes.limiter
    }

    /// Whether it has not ended.
    #[getter]
    fn is_under_way(&self) -> bool {
        self.held.is_under_way()
    }

    /// The time of the wall's clock in nanoseconds.
    fn now_ns(&self, py: Python<'_>) -> PyResult<u64> {
        Ok(self.dependency.get().clock.time(py)?.now().0)
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.dependency)
    }
}

/// A place of a bulkhead that outlives its call. Given back by `release`, or when nobody refers to it any more.
#[pyclass(module = "seawall._native")]
pub struct Place {
    dependency: seawall::Dependency,
    permit: Option<bulkhead::Permit>,
}

#[pymethods]
impl Place {
    /// Gives the place back. False when it had been given back.
    fn release(&mut self) -> bool {
        self.permit
            .take()
            .is_some_and(|permit| self.dependency.release(permit))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.release();
    }
}
