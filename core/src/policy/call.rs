//! One call, as a state machine.

mod admission;

use super::action::{Action, End, Ended, Finish, Notes, Stop};
use super::config::{Config, Scope};
use super::options::Options;
use super::{Gates, MOST_LIMITERS};
use crate::breaker;
use crate::bulkhead;
use crate::deadline::Deadline;
use crate::limiter::Reservation;
use crate::outcome::{Mode, Outcome};
use crate::retry_budget::{Cause, Withdrawal};
use crate::status::{Misuse, Refusal, Refused};
use crate::time::Nanos;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Not begun, or over.
    Idle,
    /// Waiting for a permit of the bulkhead until this moment.
    Permit(Nanos),
    /// Waiting until this moment before the next attempt asks for its admission.
    Backoff(Nanos),
    /// Admitted; waiting until this moment for the rate.
    Rate(Nanos),
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
    /// The budget counts it among the calls under way, whatever its settings have become since.
    is_in_flight: bool,
    is_waiting: bool,
    previous: Nanos,
    started: Nanos,
    breaker: Option<breaker::Permit>,
    place: Option<bulkhead::Permit>,
    withdrawal: Option<Withdrawal>,
    /// Bit k: the k-th rate limit holds tokens for an attempt that has not begun.
    rates: u8,
    last: Option<Outcome>,
    critical: Option<bool>,
    idempotent: Option<bool>,
    costs: [u32; MOST_LIMITERS],
    key: [u64; 2],
    notes: Notes,
}

// Room is left in the 256 bytes of the C interface for what finds the policy again.
#[cfg(not(seawall_loom))]
const _: () = assert!(size_of::<Call>() <= 200);

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
            is_in_flight: false,
            is_waiting: false,
            previous: Nanos::ZERO,
            started: Nanos::ZERO,
            breaker: None,
            place: None,
            withdrawal: None,
            rates: 0,
            last: None,
            critical: None,
            idempotent: None,
            costs: [1; MOST_LIMITERS],
            key: [0; 2],
            notes: Notes::NONE,
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

    /// Whether an attempt is under way.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.phase == Phase::Running
    }

    /// Whether it has begun and not ended.
    #[must_use]
    pub fn is_under_way(&self) -> bool {
        self.phase != Phase::Idle
    }

    /// The random bits of the idempotency key: the same for all attempts; see [`super::key_text`].
    #[must_use]
    pub const fn key(&self) -> [u64; 2] {
        self.key
    }

    /// Sets the bits of the idempotency key, for callers that draw them only when somebody wants the key.
    pub const fn set_key(&mut self, key: [u64; 2]) {
        self.key = key;
    }

    /// What else the last events brought about; told once.
    pub const fn take_notes(&mut self) -> Notes {
        core::mem::replace(&mut self.notes, Notes::NONE)
    }

    /// The permit of the bulkhead, for work that goes on after the call has ended: a timeout that abandons
    /// running work does not free its place. Release it when the work has really ended. A further attempt of this
    /// call asks for a place of its own.
    pub const fn keep_place(&mut self) -> Option<bulkhead::Permit> {
        self.place.take()
    }

    /// The call begins.
    ///
    /// # Errors
    /// [`Misuse::Argument`] when it has begun already; [`Misuse::ExceedsCapacity`] when an attempt costs more
    /// tokens than a rate limit can ever hold. Nothing is held then.
    pub fn begin(
        &mut self,
        config: &Config,
        gates: &Gates<'_>,
        options: &Options,
        now: Nanos,
    ) -> Result<Action, Misuse> {
        if self.phase != Phase::Idle {
            return Err(Misuse::Argument);
        }
        let parent = options.deadline.keep(now, config.reserve_permille);
        *self = Self {
            started: now,
            deadline: Deadline::after(now, config.deadline).nearer(parent),
            critical: options.critical,
            idempotent: options.idempotent,
            costs: options.costs,
            key: options.key,
            ..Self::new()
        };
        if self.deadline.is_expired(now) {
            let refusal = Refused::DeadlineExceeded.into_refusal();
            return Ok(self.refuse(config, gates, refusal, Stop::Refused, now));
        }
        for (limiter, cost) in gates.limiters.iter().zip(self.costs) {
            // A bucket always holds one token.
            if let Some(limiter) = limiter
                && cost > 1
                && limiter.mode() != Mode::Off
                && u64::from(cost) > limiter.config().burst
            {
                return Err(Misuse::ExceedsCapacity);
            }
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
            // A timer that fires early is no reason to go early.
            Phase::Backoff(until) | Phase::Rate(until) if now < until => Ok(Action::Sleep {
                span: until.since(now),
            }),
            Phase::Permit(_) if self.attempts == 0 && self.deadline.is_expired(now) => {
                let refusal = Refused::DeadlineExceeded.into_refusal();
                Ok(self.refuse(config, gates, refusal, Stop::Refused, now))
            }
            Phase::Permit(_) if self.attempts == 0 => Ok(self.enter(config, gates, now)),
            Phase::Rate(_) if self.attempts == 0 => Ok(self.run(config, gates, now)),
            _ if !breaker_goes_on(self.breaker.as_ref(), gates) => {
                Ok(self.fail(config, gates, Stop::BreakerOpen, Nanos::ZERO, now))
            }
            _ if self.is_too_late(config, Nanos::ZERO, now) => {
                Ok(self.fail(config, gates, Stop::DeadlineTooNear, Nanos::ZERO, now))
            }
            Phase::Rate(_) => Ok(self.run(config, gates, now)),
            Phase::Permit(_) | Phase::Backoff(_) => Ok(self.enter(config, gates, now)),
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
        if let Some(tally) = gates.tally
            && ended.outcome == Outcome::Failure
            && ended.cause == Cause::Timeout
        {
            tally.timed_out();
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
        let outcome = Some(ended.outcome);
        Ok(self.finish(config, gates, end, Stop::Done, outcome, Nanos::ZERO, now))
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
        let is_idempotent = self.idempotent.unwrap_or(config.idempotent);
        let stop = if self.attempts >= config.attempts {
            Some(Stop::AttemptsUsed)
        } else if !ended.is_retryable || !(is_idempotent || ended.was_not_sent) {
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
        self.phase = Phase::Backoff(now.plus(delay));
        Action::Sleep { span: delay }
    }

    /// The caller gave up: neither success nor failure. `None` when there is nothing to give up.
    pub fn cancelled(&mut self, config: &Config, gates: &Gates<'_>, now: Nanos) -> Option<Finish> {
        let is_running = match self.phase {
            Phase::Idle => return None,
            Phase::Running => {
                if let Some(budget) = gates.budget {
                    budget.record(Outcome::Ignored, self.withdrawal.take());
                }
                true
            }
            Phase::Permit(_) | Phase::Backoff(_) | Phase::Rate(_) => false,
        };
        let (end, stop) = (End::Ignored, Stop::Cancelled);
        // An attempt that was not made is not counted, not even as ignored.
        let is_counted = is_running || (config.breaker_scope == Scope::Call && self.attempts > 0);
        let outcome = is_counted.then_some(Outcome::Ignored);
        match self.finish(config, gates, end, stop, outcome, Nanos::ZERO, now) {
            Action::Finish(finish) => Some(finish),
            Action::Run { .. } | Action::Sleep { .. } | Action::Wait { .. } => None,
        }
    }

    fn is_too_late(&self, config: &Config, delay: Nanos, now: Nanos) -> bool {
        let ready = now.plus(delay);
        self.deadline.is_expired(ready) || self.deadline.remaining(ready) < config.useful
    }

    fn run(&mut self, config: &Config, gates: &Gates<'_>, now: Nanos) -> Action {
        if self.deadline.is_expired(now) {
            let refusal = Refused::DeadlineExceeded.into_refusal();
            return self.refuse(config, gates, refusal, Stop::DeadlineTooNear, now);
        }
        if let Some(budget) = gates.budget
            && !self.is_deposited
        {
            self.is_in_flight = budget.deposit(&now);
            self.is_deposited = true;
        }
        // The tokens are spent from here on.
        self.rates = 0;
        self.attempts = self.attempts.saturating_add(1);
        if let Some(tally) = gates.tally
            && self.attempts > 1
        {
            tally.retried();
        }
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
            None => {
                let end = End::Refused(refusal);
                self.finish(config, gates, end, Stop::Refused, None, Nanos::ZERO, now)
            }
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
        self.finish(config, gates, End::Failure, stop, outcome, retry_after, now)
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "all of it is what an end is made of"
    )]
    fn finish(
        &mut self,
        config: &Config,
        gates: &Gates<'_>,
        end: End,
        stop: Stop,
        outcome: Option<Outcome>,
        retry_after: Nanos,
        now: Nanos,
    ) -> Action {
        self.give_back(gates, outcome, retry_after, now);
        if let Some(tally) = gates.tally {
            tally.ended(end, stop);
        }
        if let Some(latency) = gates.latency
            && matches!(end, End::Success | End::Failure)
        {
            latency.record(now.since(self.started));
        }
        self.phase = Phase::Idle;
        Action::Finish(Finish {
            end,
            stop,
            attempts: self.attempts,
            may_fall_back: config.may_fall_back && matches!(end, End::Failure | End::Refused(_)),
        })
    }

    /// Gives back everything that is held.
    fn give_back(
        &mut self,
        gates: &Gates<'_>,
        outcome: Option<Outcome>,
        retry_after: Nanos,
        now: Nanos,
    ) {
        let rates = core::mem::take(&mut self.rates);
        for (index, (limiter, cost)) in gates.limiters.iter().zip(self.costs).enumerate() {
            if let Some(limiter) = limiter
                && rates & 1 << index != 0
            {
                let reservation = Reservation {
                    tokens: u64::from(cost),
                    wait: Nanos::ZERO,
                };
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
            if core::mem::take(&mut self.is_in_flight) {
                budget.end_call();
            }
        }
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
            self.notes.transition = recorded.transition.or(self.notes.transition);
            if recorded.late {
                self.notes.is_late = true;
                if let Some(tally) = gates.tally {
                    tally.came_late();
                }
            }
        }
    }

    fn release_place(&mut self, gates: &Gates<'_>) {
        if let (Some(bulkhead), Some(place)) = (gates.bulkhead, self.place.take()) {
            bulkhead.release(place);
            self.notes.freed = true;
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
