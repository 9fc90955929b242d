//! A whole call: every gate in its order, and what is given back when one of them says no.
//!
//! The core keeps a call in a few words. This model keeps everything that a call holds in one list, so that
//! "nothing is left" can be read off it, and asks the questions before a retry one after the other.

mod call;
mod words;

use std::collections::HashMap;
use std::rc::Rc;

use crate::breaker::{self, Breaker};
use crate::bulkhead::{self, Bulkhead};
use crate::deadline::Deadline;
use crate::limiter::Limiter;
use crate::retry_budget::{Class, RetryBudget};
use crate::{Answer, Mode, Outcome, Refused};

pub use call::Call;
use call::{Held, Stand};
pub use words::{Action, Counts, End, Ended, Notes, Options, Policy, Stop};

/// A dependency with its live state.
#[derive(Clone, Debug)]
#[allow(missing_docs, reason = "the gates by their names")]
pub struct Dependency {
    pub policy: Rc<Policy>,
    pub breaker: Option<Breaker>,
    pub bulkhead: Option<Bulkhead>,
    pub limiters: Vec<Limiter>,
    pub budget: Option<RetryBudget>,
    pub counts: Counts,
    notes: Notes,
    cell: Option<usize>,
}

const OWNER: u32 = 1;

impl Dependency {
    /// A dependency made at `now_ns`, or the name of the wrong field.
    pub fn new(policy: Policy, now_ns: u64) -> Result<Self, &'static str> {
        Ok(Dependency {
            breaker: policy.breaker.map(Breaker::new).transpose()?,
            bulkhead: policy.bulkhead.map(Bulkhead::new).transpose()?,
            limiters: policy
                .limiters
                .iter()
                .map(|config| Limiter::new(*config))
                .collect::<Result<_, _>>()?,
            budget: policy
                .budget
                .map(|config| RetryBudget::new(config, now_ns))
                .transpose()?,
            policy: Rc::new(policy),
            counts: Counts::default(),
            notes: Notes::default(),
            cell: None,
        })
    }

    /// Puts other rules in force for the calls to come. Places and rates follow them, a gate that was not there
    /// begins fresh; other changes of a gate's own rules are not told by this model, nor calls that wait for a rate
    /// meanwhile.
    pub fn reload(&mut self, policy: Policy, now_ns: u64) -> Result<(), &'static str> {
        let fresh = Dependency::new(policy.clone(), now_ns)?;
        match (&mut self.bulkhead, policy.bulkhead) {
            (Some(bulkhead), Some(config)) => {
                bulkhead.resize(config.max_concurrent, config.reserved);
            }
            (None, Some(_)) => self.bulkhead = fresh.bulkhead,
            (_, None) => {}
        }
        let named = self.policy.limiter_names.iter().zip(&self.limiters);
        let mut known: HashMap<&String, Limiter> = named
            .map(|(name, limiter)| (name, limiter.clone()))
            .collect();
        let limits = policy.limiter_names.iter().zip(&policy.limiters);
        let kept = limits.zip(fresh.limiters).map(|((name, config), fresh)| {
            let Some(mut limiter) = known.remove(name) else {
                return fresh;
            };
            limiter.set_rate(config.permits, config.period_ns, config.burst, now_ns);
            limiter
        });
        self.limiters = kept.collect();
        self.breaker = self.breaker.take().or(fresh.breaker);
        self.budget = self.budget.take().or(fresh.budget);
        self.policy = Rc::new(policy);
        Ok(())
    }

    /// What the last events brought about; told once.
    pub fn take_notes(&mut self) -> Notes {
        let change = self.breaker.as_mut().and_then(Breaker::take_change);
        self.notes.transition = change;
        std::mem::take(&mut self.notes)
    }

    /// Which of the free cells the next place is to be; which one it is is nobody's promise.
    pub fn next_cell(&mut self, cell: Option<usize>) {
        self.cell = cell;
    }

    /// A call begins.
    pub fn begin(
        &mut self,
        call: &mut Call,
        options: Options,
        now_ns: u64,
    ) -> Result<Action, Answer> {
        if call.is_under_way() {
            return Err(Answer::Argument);
        }
        let policy = &self.policy;
        let own = policy
            .deadline_ns
            .map_or(u64::MAX, |span| now_ns.saturating_add(span));
        let parent = options.deadline_ns.map_or(u64::MAX, |at_ns| {
            let parent = Deadline { at_ns };
            parent.keep(now_ns, policy.reserve_permille).at_ns
        });
        *call = Call {
            deadline_ns: own.min(parent),
            options,
            policy: Some(Rc::clone(&self.policy)),
            ..Call::default()
        };
        if call.deadline_ns <= now_ns {
            return Ok(self.refuse(call, "deadline_exceeded", 0, Stop::Refused, now_ns));
        }
        for (limit, config) in self.policy.limiters.iter().enumerate() {
            if config.mode != Mode::Off && call.cost(limit) > config.burst {
                return Err(Answer::ExceedsCapacity);
            }
        }
        Ok(self.enter(call, now_ns))
    }

    /// Time has passed, or a place came free.
    pub fn woke(&mut self, call: &mut Call, now_ns: u64) -> Option<Action> {
        let is_first = call.attempts == 0;
        match call.stand {
            Stand::Outside | Stand::Inside => return None,
            Stand::Backoff(until) | Stand::Ahead(until) if now_ns < until => {
                let span_ns = until - now_ns;
                return Some(Action::Sleep { span_ns });
            }
            _ if is_first && now_ns >= call.deadline_ns => {
                return Some(self.refuse(call, "deadline_exceeded", 0, Stop::Refused, now_ns));
            }
            _ => {}
        }
        if !is_first {
            if !self.circuit_is_closed(call) || self.is_probe(call) {
                return Some(self.fail(call, Stop::BreakerOpen, 0, now_ns));
            }
            if !self.is_worth_it(call, now_ns) {
                return Some(self.fail(call, Stop::DeadlineTooNear, 0, now_ns));
            }
        }
        Some(match call.stand {
            Stand::Ahead(_) => self.run(call, now_ns),
            _ => self.enter(call, now_ns),
        })
    }

    /// An attempt ended.
    pub fn ended(
        &mut self,
        call: &mut Call,
        ended: Ended,
        random: u64,
        now_ns: u64,
    ) -> Option<Action> {
        if call.stand != Stand::Inside {
            return None;
        }
        let was_probe = self.is_probe(call);
        self.pay(call, ended.outcome);
        let failed = ended.outcome == Outcome::Failure;
        self.counts.timeouts += u64::from(failed && ended.cause == Class::Timeout);
        if call.rules().breaker_per_attempt {
            self.tell_breaker(call, Some(ended.outcome), ended.retry_after_ns, now_ns);
        }
        if call.rules().bulkhead_per_attempt {
            self.leave_place(call);
        }
        let end = match ended.outcome {
            Outcome::Success => End::Success,
            Outcome::Ignored => End::Ignored,
            Outcome::Failure => {
                let next = self.next_attempt(call, &ended, was_probe, random, now_ns);
                let action =
                    next.unwrap_or_else(|stop| self.fail(call, stop, ended.retry_after_ns, now_ns));
                return Some(action);
            }
        };
        let counted = (!call.rules().breaker_per_attempt).then_some(ended.outcome);
        Some(self.finish(call, end, Stop::Done, counted, 0, now_ns))
    }

    /// The questions before another attempt; the first "no" is the reason.
    fn next_attempt(
        &mut self,
        call: &mut Call,
        ended: &Ended,
        was_probe: bool,
        random: u64,
        now_ns: u64,
    ) -> Result<Action, Stop> {
        if call.attempts >= call.rules().attempts {
            return Err(Stop::AttemptsUsed);
        }
        let idempotent = call.options.idempotent.unwrap_or(call.rules().idempotent);
        if !ended.retryable || (!idempotent && !ended.not_sent) {
            return Err(Stop::NotRetryable);
        }
        if was_probe || !self.circuit_is_closed(call) {
            return Err(Stop::BreakerOpen);
        }
        if let Some(budget) = self.budget_of(call) {
            match budget.withdraw(ended.cause, now_ns) {
                Ok(withdrawal) => call.held.push(Held::Withdrawal(withdrawal)),
                Err(_) => return Err(Stop::BudgetExhausted),
            }
        }
        let backoff = call.rules().backoff;
        let span_ns = backoff.delay(call.attempts, call.slept_ns, random, ended.retry_after_ns);
        let until_ns = now_ns.saturating_add(span_ns);
        if !self.is_worth_it(call, until_ns) {
            return Err(Stop::DeadlineTooNear);
        }
        call.slept_ns = span_ns;
        call.stand = Stand::Backoff(until_ns);
        Ok(Action::Sleep { span_ns })
    }

    /// The caller gave up.
    pub fn cancelled(&mut self, call: &mut Call, now_ns: u64) -> Option<Action> {
        let outcome = match call.stand {
            Stand::Outside => return None,
            Stand::Inside => {
                self.pay(call, Outcome::Ignored);
                Some(Outcome::Ignored)
            }
            // An attempt that was not made is not counted, but a call that made one is.
            _ if call.attempts > 0 && !call.rules().breaker_per_attempt => Some(Outcome::Ignored),
            _ => None,
        };
        Some(self.finish(call, End::Ignored, Stop::Cancelled, outcome, 0, now_ns))
    }

    /// Gives back a place that was kept beyond its call.
    pub fn release(&mut self, place: bulkhead::Permit) -> Answer {
        self.bulkhead
            .as_mut()
            .map_or(Answer::Stale, |bulkhead| bulkhead.release(place))
    }

    /// Whether a retry may go: the circuit is closed, or nobody minds.
    fn circuit_is_closed(&self, call: &Call) -> bool {
        let Some((breaker, config)) = self.breaker.as_ref().zip(call.rules().breaker) else {
            return true;
        };
        let state = breaker.snapshot(0).state;
        matches!(state, breaker::State::Closed | breaker::State::Disabled)
            || config.mode != Mode::Enforce
    }

    fn budget_of(&mut self, call: &Call) -> Option<&mut RetryBudget> {
        self.budget
            .as_mut()
            .filter(|_| call.rules().budget.is_some())
    }

    fn is_probe(&self, call: &Call) -> bool {
        call.holds(|held| matches!(held, Held::Leave(permit) if permit.is_probe()))
    }

    /// Whether an attempt that begins then has its useful time, and any time at all.
    fn is_worth_it(&self, call: &Call, then_ns: u64) -> bool {
        let left = call.deadline_ns.saturating_sub(then_ns);
        left >= call.rules().useful_ns.max(1)
    }

    /// Asks the gates from the outermost to the innermost for what the call does not hold yet.
    fn enter(&mut self, call: &mut Call, now_ns: u64) -> Action {
        if let Some(action) = self.ask_bulkhead(call, now_ns) {
            return action;
        }
        if let Some(action) = self.ask_breaker(call, now_ns) {
            return action;
        }
        match self.ask_rates(call, now_ns) {
            Err(action) => action,
            Ok(0) => self.run(call, now_ns),
            Ok(span_ns) => {
                call.stand = Stand::Ahead(now_ns.saturating_add(span_ns));
                Action::Sleep { span_ns }
            }
        }
    }

    fn ask_bulkhead(&mut self, call: &mut Call, now_ns: u64) -> Option<Action> {
        let (bulkhead, config) = self.bulkhead.as_mut().zip(call.rules().bulkhead)?;
        if call.holds(|held| matches!(held, Held::Place(_))) {
            return None;
        }
        let critical = call.options.critical.unwrap_or(call.rules().critical);
        let queued = call.holds(|held| matches!(held, Held::QueuePlace));
        let until = match call.stand {
            Stand::Queue(until) => until,
            _ => now_ns
                .saturating_add(call.rules().max_wait_ns)
                .min(call.deadline_ns),
        };
        let others_wait = !queued && bulkhead.snapshot(now_ns).waiting > 0;
        let may_not_wait = call.rules().max_wait_ns == 0 || (queued && now_ns >= until);
        let free = !bulkhead.candidates(critical).is_empty() || config.mode != Mode::Enforce;
        let stands_behind = others_wait && !critical && !may_not_wait;
        let mut full = "bulkhead_full";
        if queued && may_not_wait {
            full = "bulkhead_wait_timeout";
        }
        if !may_not_wait && (stands_behind || !free) {
            if queued || bulkhead.begin_wait() == Answer::Ok {
                if !queued {
                    call.held.push(Held::QueuePlace);
                }
                call.stand = Stand::Queue(until);
                let span_ns = until.saturating_sub(now_ns);
                return Some(Action::Wait { span_ns });
            }
            full = "bulkhead_wait_full";
        }
        match bulkhead.acquire_at(self.cell.take(), OWNER, critical, now_ns) {
            Ok(place) => {
                call.held.push(Held::Place(place));
                if call.take(|held| matches!(held, Held::QueuePlace)).is_some() {
                    bulkhead.end_wait();
                }
                None
            }
            Err(_) => Some(self.refuse(call, full, 0, Stop::BulkheadFull, now_ns)),
        }
    }

    fn ask_breaker(&mut self, call: &mut Call, now_ns: u64) -> Option<Action> {
        let (breaker, _) = self.breaker.as_mut().zip(call.rules().breaker)?;
        let asks = call.attempts == 0 || call.rules().breaker_per_attempt;
        if !asks || call.holds(|held| matches!(held, Held::Leave(_))) {
            return None;
        }
        match breaker.acquire(OWNER, now_ns) {
            Ok(permit) => {
                call.held.push(Held::Leave(permit));
                None
            }
            Err(Refused {
                answer,
                retry_after_ns,
            }) => {
                let name = answer.name();
                Some(self.refuse(call, name, retry_after_ns, Stop::BreakerOpen, now_ns))
            }
        }
    }

    /// How long to wait for all the rates together.
    fn ask_rates(&mut self, call: &mut Call, now_ns: u64) -> Result<u64, Action> {
        let useful = if call.attempts == 0 {
            1
        } else {
            call.rules().useful_ns.max(1)
        };
        let left = call.deadline_ns.saturating_sub(now_ns);
        let most = self
            .policy
            .max_rate_wait_ns
            .min(left.saturating_sub(useful));
        let mut longest = 0;
        for limit in 0..call.rules().limiters.len() {
            match self.limiters[limit].reserve(call.cost(limit), most, now_ns) {
                Ok(reservation) => {
                    if call.rules().limiters[limit].mode == Mode::Enforce {
                        longest = longest.max(reservation.wait_ns);
                    }
                    call.held.push(Held::Tokens(limit, reservation));
                }
                Err(refused) => {
                    self.notes.limiter = Some(limit);
                    let wait = refused.retry_after_ns;
                    let stop = Stop::RateLimited;
                    return Err(self.refuse(call, "rate_limited", wait, stop, now_ns));
                }
            }
        }
        Ok(longest)
    }

    fn run(&mut self, call: &mut Call, now_ns: u64) -> Action {
        if !call.holds(|held| matches!(held, Held::Deposit))
            && let Some(budget) = self.budget_of(call)
        {
            budget.deposit(now_ns);
            call.held.push(Held::Deposit);
        }
        // The tokens are spent.
        call.held.retain(|held| !matches!(held, Held::Tokens(..)));
        call.attempts += 1;
        self.counts.retries += u64::from(call.attempts > 1);
        call.stand = Stand::Inside;
        let left = call.deadline_ns.saturating_sub(now_ns);
        Action::Run {
            attempt: call.attempts,
            timeout_ns: call.rules().timeout_ns.min(left),
        }
    }

    /// A gate says no: to the call, or to another attempt of it.
    fn refuse(
        &mut self,
        call: &mut Call,
        status: &'static str,
        retry_after_ns: u64,
        stop: Stop,
        now_ns: u64,
    ) -> Action {
        if call.attempts > 0 {
            return self.fail(call, stop, 0, now_ns);
        }
        let end = End::Refused {
            status,
            retry_after_ns,
        };
        self.finish(call, end, Stop::Refused, None, 0, now_ns)
    }

    fn fail(&mut self, call: &mut Call, stop: Stop, retry_after_ns: u64, now_ns: u64) -> Action {
        let outcome = (!call.rules().breaker_per_attempt).then_some(Outcome::Failure);
        self.finish(call, End::Failure, stop, outcome, retry_after_ns, now_ns)
    }

    /// The end: everything in the list goes back where it came from.
    fn finish(
        &mut self,
        call: &mut Call,
        end: End,
        stop: Stop,
        outcome: Option<Outcome>,
        retry_after_ns: u64,
        now_ns: u64,
    ) -> Action {
        self.tell_breaker(call, outcome, retry_after_ns, now_ns);
        self.leave_place(call);
        for held in std::mem::take(&mut call.held) {
            match held {
                Held::Tokens(limit, reservation) => {
                    self.limiters[limit].cancel(reservation, now_ns);
                }
                Held::QueuePlace => self.bulkhead.as_mut().expect("a queue").end_wait(),
                Held::Withdrawal(withdrawal) => {
                    self.budget
                        .as_mut()
                        .expect("a budget")
                        .cancel(withdrawal, now_ns);
                }
                Held::Deposit => self.budget.as_mut().expect("a budget").finish(),
                Held::Leave(_) | Held::Place(_) => unreachable!("given back above"),
            }
        }
        self.count(end, stop);
        call.stand = Stand::Outside;
        Action::Finish {
            end,
            stop,
            attempts: call.attempts,
            may_fall_back: call.rules().may_fall_back
                && matches!(end, End::Failure | End::Refused { .. }),
        }
    }

    fn count(&mut self, end: End, stop: Stop) {
        let counts = &mut self.counts;
        *match end {
            End::Success => &mut counts.successes,
            End::Failure => &mut counts.failures,
            End::Ignored => &mut counts.ignored,
            End::Refused { status, .. } => match &status[..4] {
                "brea" => &mut counts.refused_by_breaker,
                "bulk" => &mut counts.refused_by_bulkhead,
                "rate" => &mut counts.refused_by_rate_limit,
                _ => &mut counts.refused_by_deadline,
            },
        } += 1;
        match stop {
            Stop::Cancelled => counts.cancelled += 1,
            Stop::BudgetExhausted => counts.stopped_by_budget += 1,
            Stop::BreakerOpen => counts.stopped_by_breaker += 1,
            Stop::DeadlineTooNear => counts.stopped_by_deadline += 1,
            Stop::BulkheadFull | Stop::RateLimited => counts.stopped_by_others += 1,
            Stop::Done | Stop::Refused | Stop::AttemptsUsed | Stop::NotRetryable => {}
        }
    }

    /// The budget learns how an attempt ended.
    fn pay(&mut self, call: &mut Call, outcome: Outcome) {
        let withdrawal = match call.take(|held| matches!(held, Held::Withdrawal(_))) {
            Some(Held::Withdrawal(withdrawal)) => Some(withdrawal),
            _ => None,
        };
        if let Some(budget) = self.budget_of(call) {
            budget.record(outcome, withdrawal);
        }
    }

    /// The breaker learns how the call, or its attempt, ended; or that it was never made.
    fn tell_breaker(
        &mut self,
        call: &mut Call,
        outcome: Option<Outcome>,
        retry_after_ns: u64,
        now_ns: u64,
    ) {
        let Some(Held::Leave(permit)) = call.take(|held| matches!(held, Held::Leave(_))) else {
            return;
        };
        let breaker = self.breaker.as_mut().expect("a breaker");
        let answer = match outcome {
            Some(outcome) => breaker.record(permit, outcome, retry_after_ns, now_ns),
            None => breaker.cancel(permit),
        };
        if answer == Answer::Late {
            self.notes.late = true;
            self.counts.late += 1;
        }
    }

    fn leave_place(&mut self, call: &mut Call) {
        if let Some(place) = call.keep() {
            self.release(place);
            self.notes.freed = true;
        }
    }
}
