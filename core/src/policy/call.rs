//! One call, as a state machine.

use super::config::{Config, Scope};
use super::{Gates, MOST_LIMITERS};
use crate::breaker::{self, Transition};
use crate::bulkhead;
use crate::deadline::Deadline;
use crate::limiter::Reservation;
use crate::outcome::Outcome;
use crate::retry_budget::{Cause, Withdrawal};
use crate::status::{Misuse, Refusal, Refused};
use crate::time::Nanos;

/// What the driver of a call has to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Run the function, within this time; then [`Call::attempt_ended`].
    Run {
        /// Which attempt, from 1.
        attempt: u32,
        /// How long it may take.
        timeout: Nanos,
    },
    /// Wait so long; then [`Call::woke`].
    Sleep {
        /// How long.
        span: Nanos,
    },
    /// Wait until a permit may have come free, at most so long; then [`Call::woke`].
    Wait {
        /// At most how long.
        at_most: Nanos,
    },
    /// The call is over; everything it held is given back.
    Finish(Finish),
}

/// How a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Finish {
    /// With what.
    pub end: End,
    /// Why there is no further attempt.
    pub stop: Stop,
    /// Attempts made.
    pub attempts: u32,
}

/// The result of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The last attempt succeeded.
    Success,
    /// The last attempt failed: its error is the call's error.
    Failure,
    /// It says nothing about the dependency.
    Ignored,
    /// No attempt was made.
    Refused(Refusal),
}

/// Why a call made no further attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// None was needed.
    Done,
    /// The caller gave up.
    Cancelled,
    /// A gate said no before the first attempt.
    Refused,
    /// All attempts are made.
    AttemptsUsed,
    /// The error is none that another attempt helps against, or the request may have been carried out.
    NotRetryable,
    /// The breaker is not closed any more, or the call was its probe.
    BreakerOpen,
    /// The bulkhead had no permit for another attempt.
    BulkheadFull,
    /// The retry budget is spent.
    BudgetExhausted,
    /// The rate limits do not allow another attempt in time.
    RateLimited,
    /// The deadline is too near for the wait and a useful attempt.
    DeadlineTooNear,
}

/// How an attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ended {
    /// As the user's rules classify it.
    pub outcome: Outcome,
    /// Whether the user's rules say that another attempt may help.
    pub is_retryable: bool,
    /// Whether the request was certainly not sent.
    pub was_not_sent: bool,
    /// What kind of failure it was, for the budget.
    pub cause: Cause,
    /// What the server asked to wait; zero for nothing.
    pub retry_after: Nanos,
}

impl Ended {
    /// A success.
    pub const SUCCESS: Self = Self {
        outcome: Outcome::Success,
        is_retryable: false,
        was_not_sent: false,
        cause: Cause::Failure,
        retry_after: Nanos::ZERO,
    };
    /// A failure that another attempt may help against.
    pub const FAILURE: Self = Self {
        outcome: Outcome::Failure,
        is_retryable: true,
        ..Self::SUCCESS
    };
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Not begun, or over.
    Idle,
    /// Waiting for a permit of the bulkhead until this moment.
    Permit(Nanos),
    /// Waiting before the next attempt asks for its admission.
    Backoff,
    /// Admitted; waiting for the rate.
    Rate,
    /// An attempt is under way.
    Running,
}

/// The state of one call, in the caller's memory. Every event returns the next [`Action`]; after
/// [`Action::Finish`] it holds nothing and can begin again. One thread at a time.
#[derive(Debug)]
pub struct Call {
    phase: Phase,
    deadline: Deadline,
    attempts: u32,
    is_deposited: bool,
    is_waiting: bool,
    previous: Nanos,
    started: Nanos,
    breaker: Option<breaker::Permit>,
    place: Option<bulkhead::Permit>,
    withdrawal: Option<Withdrawal>,
    rates: [Option<Reservation>; MOST_LIMITERS],
    last: Option<Outcome>,
    transition: Option<Transition>,
}

// What is left of 256 bytes is room for a second attempt in flight.
#[cfg(not(seawall_loom))]
const _: () = assert!(size_of::<Call>() <= 256);

impl Default for Call {
    fn default() -> Self {
        Self::new()
    }
}

impl Call {
    /// A call that has not begun.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            phase: Phase::Idle,
            deadline: Deadline::NEVER,
            attempts: 0,
            is_deposited: false,
            is_waiting: false,
            previous: Nanos::ZERO,
            started: Nanos::ZERO,
            breaker: None,
            place: None,
            withdrawal: None,
            rates: [const { None }; MOST_LIMITERS],
            last: None,
            transition: None,
        }
    }

    /// The moment after which nobody waits for this call, for the calls below it.
    #[must_use]
    pub const fn deadline(&self) -> Deadline {
        self.deadline
    }

    /// When it began.
    #[must_use]
    pub const fn started(&self) -> Nanos {
        self.started
    }

    /// The last state change of the breaker that this call made; told once.
    pub const fn take_transition(&mut self) -> Option<Transition> {
        self.transition.take()
    }

    /// The permit of the bulkhead, for work that goes on after the call has ended: a timeout that abandons
    /// running work does not free its place. Release it when the work has really ended.
    pub const fn keep_place(&mut self) -> Option<bulkhead::Permit> {
        self.place.take()
    }

    /// The call begins. `parent` is the deadline of whoever asks.
    ///
    /// # Errors
    /// [`Misuse::Argument`] when it has begun already; nothing changes then.
    pub fn begin(
        &mut self,
        config: &Config,
        gates: &Gates<'_>,
        parent: Deadline,
        now: Nanos,
    ) -> Result<Action, Misuse> {
        if self.phase != Phase::Idle {
            return Err(Misuse::Argument);
        }
        let deadline =
            Deadline::after(now, config.deadline).nearer(parent.keep(now, config.reserve_permille));
        *self = Self {
            started: now,
            deadline,
            ..Self::new()
        };
        if deadline.is_expired(now) {
            return Ok(self.refuse(
                config,
                gates,
                Refused::DeadlineExceeded.into_refusal(),
                Stop::Refused,
                now,
            ));
        }
        Ok(self.enter(config, gates, now))
    }

    /// The time that the last action asked to wait has passed, or a permit may have come free.
    ///
    /// # Errors
    /// [`Misuse::Argument`] when nothing was waited for; nothing changes then.
    pub fn woke(
        &mut self,
        config: &Config,
        gates: &Gates<'_>,
        now: Nanos,
    ) -> Result<Action, Misuse> {
        match self.phase {
            Phase::Idle | Phase::Running => Err(Misuse::Argument),
            Phase::Rate => Ok(self.run(config, gates, now)),
            Phase::Permit(_) => Ok(self.enter(config, gates, now)),
            Phase::Backoff if !breaker_goes_on(self.breaker.as_ref(), gates) => {
                Ok(self.fail(config, gates, Stop::BreakerOpen, Nanos::ZERO, now))
            }
            Phase::Backoff if self.is_too_late(config, Nanos::ZERO, now) => {
                Ok(self.fail(config, gates, Stop::DeadlineTooNear, Nanos::ZERO, now))
            }
            Phase::Backoff => Ok(self.enter(config, gates, now)),
        }
    }

    /// An attempt ended. `random` is chance for the wait before the next one.
    ///
    /// # Errors
    /// [`Misuse::Argument`] when no attempt was under way; nothing changes then.
    pub fn attempt_ended(
        &mut self,
        config: &Config,
        gates: &Gates<'_>,
        ended: Ended,
        random: u64,
        now: Nanos,
    ) -> Result<Action, Misuse> {
        if self.phase != Phase::Running {
            return Err(Misuse::Argument);
        }
        let is_probe = self.breaker.as_ref().is_some_and(breaker::Permit::is_probe);
        if let Some(budget) = gates.budget {
            budget.record(ended.outcome, self.withdrawal.take());
        }
        if config.breaker_scope == Scope::Attempt {
            self.close_breaker(gates, Some(ended.outcome), ended.retry_after, now);
        }
        if config.bulkhead_scope == Scope::Attempt {
            self.release_place(gates);
        }
        self.last = Some(ended.outcome);
        let end = match ended.outcome {
            Outcome::Success => End::Success,
            Outcome::Ignored => End::Ignored,
            Outcome::Failure => {
                return Ok(self.after_failure(config, gates, &ended, is_probe, random, now));
            }
        };
        Ok(self.finish(
            gates,
            end,
            Stop::Done,
            Some(ended.outcome),
            Nanos::ZERO,
            now,
        ))
    }

    /// The checks before a retry, in order; the first "no" ends the call with its last real error.
    fn after_failure(
        &mut self,
        config: &Config,
        gates: &Gates<'_>,
        ended: &Ended,
        was_probe: bool,
        random: u64,
        now: Nanos,
    ) -> Action {
        let stop = if self.attempts >= config.attempts {
            Some(Stop::AttemptsUsed)
        } else if !ended.is_retryable || !(config.idempotent || ended.was_not_sent) {
            Some(Stop::NotRetryable)
        } else if was_probe || !breaker_goes_on(self.breaker.as_ref(), gates) {
            Some(Stop::BreakerOpen)
        } else {
            None
        };
        if let Some(stop) = stop {
            return self.fail(config, gates, stop, ended.retry_after, now);
        }
        let delay = config
            .backoff
            .delay(self.attempts, self.previous, random, ended.retry_after);
        if let Some(budget) = gates.budget {
            match budget.try_withdraw(ended.cause, &now) {
                Ok(withdrawal) => self.withdrawal = Some(withdrawal),
                Err(_) => {
                    return self.fail(config, gates, Stop::BudgetExhausted, ended.retry_after, now);
                }
            }
        }
        if self.is_too_late(config, delay, now) {
            return self.fail(config, gates, Stop::DeadlineTooNear, ended.retry_after, now);
        }
        self.previous = delay;
        self.phase = Phase::Backoff;
        Action::Sleep { span: delay }
    }

    /// The caller gave up: neither success nor failure.
    pub fn cancelled(&mut self, gates: &Gates<'_>, now: Nanos) -> Finish {
        if self.phase == Phase::Running
            && let Some(budget) = gates.budget
        {
            budget.record(Outcome::Ignored, self.withdrawal.take());
        }
        let action = self.finish(
            gates,
            End::Ignored,
            Stop::Cancelled,
            Some(Outcome::Ignored),
            Nanos::ZERO,
            now,
        );
        match action {
            Action::Finish(finish) => finish,
            _ => Finish {
                end: End::Ignored,
                stop: Stop::Cancelled,
                attempts: self.attempts,
            },
        }
    }

    fn is_too_late(&self, config: &Config, delay: Nanos, now: Nanos) -> bool {
        let ready = now.plus(delay);
        self.deadline.is_expired(ready) || self.deadline.remaining(ready) < config.useful
    }

    /// Takes what the next attempt needs and does not hold yet, all or nothing.
    fn enter(&mut self, config: &Config, gates: &Gates<'_>, now: Nanos) -> Action {
        let is_first = self.attempts == 0;
        if let Some(bulkhead) = gates.bulkhead
            && self.place.is_none()
            && (is_first || config.bulkhead_scope == Scope::Attempt)
        {
            // Who would rather wait is not counted as turned away, until the wait is over.
            let is_over = matches!(self.phase, Phase::Permit(until) if now >= until);
            let is_patient = config.max_wait != Nanos::ZERO && !is_over;
            let asked = if is_patient {
                bulkhead.try_acquire_waiting(gates.owner, config.critical, &now)
            } else {
                bulkhead.try_acquire(gates.owner, config.critical, &now)
            };
            match asked {
                Ok(place) => {
                    self.place = Some(place);
                    self.stop_waiting(gates);
                }
                Err(refusal) => return self.wait_for_place(config, gates, refusal, now),
            }
        }
        if let Some(breaker) = gates.breaker
            && self.breaker.is_none()
            && (is_first || config.breaker_scope == Scope::Attempt)
        {
            match breaker.try_acquire(gates.owner, &now) {
                Ok(admission) => {
                    self.transition = admission.transition.or(self.transition);
                    self.breaker = Some(admission.permit);
                }
                Err(refusal) => return self.refuse(config, gates, refusal, Stop::BreakerOpen, now),
            }
        }
        let mut wait = Nanos::ZERO;
        let most = config.max_rate_wait.min(self.deadline.remaining(now));
        for (limiter, held) in gates.limiters.iter().zip(&mut self.rates) {
            match limiter.reserve(1, most, &now) {
                Ok(Ok(reservation)) => {
                    wait = wait.max(reservation.wait);
                    *held = Some(reservation);
                }
                Ok(Err(refusal)) => {
                    return self.refuse(config, gates, refusal, Stop::RateLimited, now);
                }
                // A bucket of at least one token can always hold one.
                Err(_) => {}
            }
        }
        if wait == Nanos::ZERO {
            return self.run(config, gates, now);
        }
        self.phase = Phase::Rate;
        Action::Sleep { span: wait }
    }

    fn wait_for_place(
        &mut self,
        config: &Config,
        gates: &Gates<'_>,
        refusal: Refusal,
        now: Nanos,
    ) -> Action {
        let until = match self.phase {
            Phase::Permit(until) => until,
            _ if config.max_wait == Nanos::ZERO => {
                return self.refuse(config, gates, refusal, Stop::BulkheadFull, now);
            }
            _ => {
                if let Some(Err(refusal)) = gates.bulkhead.map(bulkhead::Bulkhead::begin_wait) {
                    return self.refuse(config, gates, refusal, Stop::BulkheadFull, now);
                }
                self.is_waiting = true;
                now.plus(config.max_wait).min(self.deadline.moment())
            }
        };
        if now >= until {
            let refusal = Refused::BulkheadWaitTimeout.into_refusal();
            return self.refuse(config, gates, refusal, Stop::BulkheadFull, now);
        }
        self.phase = Phase::Permit(until);
        Action::Wait {
            at_most: until.since(now),
        }
    }

    fn run(&mut self, config: &Config, gates: &Gates<'_>, now: Nanos) -> Action {
        if self.deadline.is_expired(now) {
            let refusal = Refused::DeadlineExceeded.into_refusal();
            return self.refuse(config, gates, refusal, Stop::DeadlineTooNear, now);
        }
        if let Some(budget) = gates.budget
            && !self.is_deposited
        {
            budget.deposit(&now);
            self.is_deposited = true;
        }
        // The tokens are spent from here on.
        self.rates = [const { None }; MOST_LIMITERS];
        self.attempts = self.attempts.saturating_add(1);
        self.phase = Phase::Running;
        Action::Run {
            attempt: self.attempts,
            timeout: self.deadline.attempt_timeout(config.timeout, now),
        }
    }

    /// A gate said no: the call was not made, or ends with the error of its last attempt.
    fn refuse(
        &mut self,
        config: &Config,
        gates: &Gates<'_>,
        refusal: Refusal,
        stop: Stop,
        now: Nanos,
    ) -> Action {
        match self.last {
            Some(_) => self.fail(config, gates, stop, Nanos::ZERO, now),
            None => self.finish(
                gates,
                End::Refused(refusal),
                Stop::Refused,
                None,
                Nanos::ZERO,
                now,
            ),
        }
    }

    fn fail(
        &mut self,
        config: &Config,
        gates: &Gates<'_>,
        stop: Stop,
        retry_after: Nanos,
        now: Nanos,
    ) -> Action {
        // Each attempt has been recorded by itself: a permit that is held now is for one that is not made.
        let outcome = (config.breaker_scope == Scope::Call).then_some(Outcome::Failure);
        self.finish(gates, End::Failure, stop, outcome, retry_after, now)
    }

    /// Gives back everything that is held.
    fn finish(
        &mut self,
        gates: &Gates<'_>,
        end: End,
        stop: Stop,
        outcome: Option<Outcome>,
        retry_after: Nanos,
        now: Nanos,
    ) -> Action {
        for (limiter, held) in gates.limiters.iter().zip(&mut self.rates) {
            if let Some(reservation) = held.take() {
                limiter.cancel(reservation, &now);
            }
        }
        self.close_breaker(gates, outcome, retry_after, now);
        self.release_place(gates);
        self.stop_waiting(gates);
        if let Some(budget) = gates.budget {
            if let Some(withdrawal) = self.withdrawal.take() {
                budget.cancel(withdrawal, &now);
            }
            if self.is_deposited {
                budget.finish();
            }
        }
        self.phase = Phase::Idle;
        Action::Finish(Finish {
            end,
            stop,
            attempts: self.attempts,
        })
    }

    fn close_breaker(
        &mut self,
        gates: &Gates<'_>,
        outcome: Option<Outcome>,
        retry_after: Nanos,
        now: Nanos,
    ) {
        if let (Some(breaker), Some(permit)) = (gates.breaker, self.breaker.take()) {
            let recorded = match outcome {
                Some(outcome) => breaker.record(permit, outcome, retry_after, &now),
                None => breaker.cancel(permit),
            };
            self.transition = recorded.transition.or(self.transition);
        }
    }

    fn release_place(&mut self, gates: &Gates<'_>) {
        if let (Some(bulkhead), Some(place)) = (gates.bulkhead, self.place.take()) {
            bulkhead.release(place);
        }
    }

    fn stop_waiting(&mut self, gates: &Gates<'_>) {
        if core::mem::take(&mut self.is_waiting)
            && let Some(bulkhead) = gates.bulkhead
        {
            bulkhead.end_wait();
        }
    }
}

/// A retry goes only through a breaker that is closed still; a probe is one attempt.
fn breaker_goes_on(permit: Option<&breaker::Permit>, gates: &Gates<'_>) -> bool {
    let is_probe = permit.is_some_and(breaker::Permit::is_probe);
    !is_probe && gates.breaker.is_none_or(breaker::Breaker::allows_retry)
}
