//! What became of the calls to one dependency, for dashboards.

use super::action::{End, Stop};
use crate::counters::Counters;
use crate::status::Refused;

/// Monotonic counts of calls and attempts. Any thread may count; a reader adds up stripes.
#[repr(C, align(64))]
#[derive(Debug, Default)]
pub struct Tally {
    flow: Counters,
    refused: Counters,
}

#[cfg(not(seawall_loom))]
const _: () = assert!(size_of::<Tally>() == 1_024);

const SUCCESS: usize = 0;
const FAILURE: usize = 1;
const IGNORED: usize = 2;
const RETRIES: usize = 3;
const TIMEOUTS: usize = 4;
const STOPPED_RETRIES: usize = 5;
const FALLBACKS: usize = 6;
const LATE: usize = 7;

const BREAKER: usize = 0;
const BULKHEAD: usize = 1;
const RATE: usize = 2;
const DEADLINE: usize = 3;
const CANCELLED: usize = 4;
const BUDGET_STOPS: usize = 5;
const BREAKER_STOPS: usize = 6;
const DEADLINE_STOPS: usize = 7;

/// The counts at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Calls that ended with a success.
    pub successes: u64,
    /// Calls that ended with a failure.
    pub failures: u64,
    /// Calls that ended and say nothing about the dependency; those that their caller gave up included.
    pub ignored: u64,
    /// Calls that their caller gave up, whether an attempt was made or not.
    pub cancelled: u64,
    /// Second and further attempts.
    pub retries: u64,
    /// Attempts that ran out of time.
    pub timeouts: u64,
    /// Calls whose last error another attempt might have helped against, but a gate said no.
    pub stopped_retries: u64,
    /// Of those: the retry budget was spent.
    pub stopped_by_budget: u64,
    /// Of those: the breaker was not closed any more.
    pub stopped_by_breaker: u64,
    /// Of those: the deadline was too near.
    pub stopped_by_deadline: u64,
    /// Results served by a fallback.
    pub fallbacks: u64,
    /// Results that the breaker took no notice of, because they came after a change of state.
    pub late: u64,
    /// Calls refused by the breaker before an attempt was made.
    pub refused_by_breaker: u64,
    /// Calls refused by the bulkhead before an attempt was made.
    pub refused_by_bulkhead: u64,
    /// Calls refused by a rate limit before an attempt was made.
    pub refused_by_rate_limit: u64,
    /// Calls refused because their deadline had passed before an attempt was made.
    pub refused_by_deadline: u64,
}

impl Counts {
    /// Calls turned away before an attempt was made.
    #[must_use]
    pub const fn refused(&self) -> u64 {
        self.refused_by_breaker
            .saturating_add(self.refused_by_bulkhead)
            .saturating_add(self.refused_by_rate_limit)
            .saturating_add(self.refused_by_deadline)
    }

    /// Calls that have ended.
    #[must_use]
    pub const fn calls(&self) -> u64 {
        self.successes
            .saturating_add(self.failures)
            .saturating_add(self.ignored)
            .saturating_add(self.refused())
    }
}

impl Tally {
    /// All zero.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    pub(super) fn retried(&self) {
        self.flow.add(RETRIES);
    }

    pub(super) fn timed_out(&self) {
        self.flow.add(TIMEOUTS);
    }

    /// Counts a result that came when nobody took notice of it any more.
    pub fn came_late(&self) {
        self.flow.add(LATE);
    }

    /// Counts a result that a fallback served.
    pub fn fell_back(&self) {
        self.flow.add(FALLBACKS);
    }

    pub(super) fn ended(&self, end: End, stop: Stop) {
        match end {
            End::Success => self.flow.add(SUCCESS),
            End::Failure => self.flow.add(FAILURE),
            End::Ignored => self.flow.add(IGNORED),
            End::Refused(refusal) => self.refused.add(match refusal.reason {
                Refused::BreakerOpen | Refused::BreakerHalfOpen | Refused::BreakerForcedOpen => {
                    BREAKER
                }
                Refused::BulkheadFull
                | Refused::BulkheadWaitFull
                | Refused::BulkheadWaitTimeout => BULKHEAD,
                Refused::RateLimited => RATE,
                Refused::BudgetExhausted | Refused::DeadlineExceeded => DEADLINE,
            }),
        }
        let stopped = match stop {
            Stop::Cancelled => return self.refused.add(CANCELLED),
            Stop::Done | Stop::Refused | Stop::AttemptsUsed | Stop::NotRetryable => return,
            Stop::BudgetExhausted => BUDGET_STOPS,
            Stop::BreakerOpen => BREAKER_STOPS,
            Stop::DeadlineTooNear => DEADLINE_STOPS,
            // No column of their own: the total says it.
            Stop::BulkheadFull | Stop::RateLimited => return self.flow.add(STOPPED_RETRIES),
        };
        self.flow.add(STOPPED_RETRIES);
        self.refused.add(stopped);
    }

    /// The counts now. Changes nothing.
    #[must_use]
    pub fn counts(&self) -> Counts {
        Counts {
            successes: self.flow.total(SUCCESS),
            failures: self.flow.total(FAILURE),
            ignored: self.flow.total(IGNORED),
            cancelled: self.refused.total(CANCELLED),
            retries: self.flow.total(RETRIES),
            timeouts: self.flow.total(TIMEOUTS),
            stopped_retries: self.flow.total(STOPPED_RETRIES),
            stopped_by_budget: self.refused.total(BUDGET_STOPS),
            stopped_by_breaker: self.refused.total(BREAKER_STOPS),
            stopped_by_deadline: self.refused.total(DEADLINE_STOPS),
            fallbacks: self.flow.total(FALLBACKS),
            late: self.flow.total(LATE),
            refused_by_breaker: self.refused.total(BREAKER),
            refused_by_bulkhead: self.refused.total(BULKHEAD),
            refused_by_rate_limit: self.refused.total(RATE),
            refused_by_deadline: self.refused.total(DEADLINE),
        }
    }
}
