//! What goes into a call and what comes out of it.

use crate::retry_budget::{self, Class};
use crate::{Outcome, backoff, breaker, bulkhead, limiter};

/// The rules for calling one dependency, and its gates.
#[derive(Clone, Debug)]
#[allow(missing_docs, reason = "the names are those of the file")]
pub struct Policy {
    pub timeout_ns: u64,
    /// `None` for no deadline but the caller's.
    pub deadline_ns: Option<u64>,
    pub reserve_permille: u16,
    pub attempts: u32,
    pub backoff: backoff::Config,
    pub useful_ns: u64,
    pub idempotent: bool,
    pub critical: bool,
    pub may_fall_back: bool,
    pub max_wait_ns: u64,
    pub max_rate_wait_ns: u64,
    pub breaker: Option<breaker::Config>,
    pub breaker_per_attempt: bool,
    pub bulkhead: Option<bulkhead::Config>,
    pub bulkhead_per_attempt: bool,
    pub limiters: Vec<limiter::Config>,
    /// What each limit counts; a reload knows it again by this.
    pub limiter_names: Vec<String>,
    pub budget: Option<retry_budget::Config>,
}

/// What one call asks for beyond the policy.
#[derive(Clone, Debug, Default)]
#[allow(missing_docs, reason = "the names are those of the vectors")]
pub struct Options {
    pub deadline_ns: Option<u64>,
    pub critical: Option<bool>,
    pub idempotent: Option<bool>,
    /// Tokens of each limit; 1 where there is none.
    pub costs: Vec<u64>,
}

/// How an attempt ended.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs, reason = "the names are those of the vectors")]
pub struct Ended {
    pub outcome: Outcome,
    pub retryable: bool,
    pub not_sent: bool,
    pub cause: Class,
    pub retry_after_ns: u64,
}

/// What the driver has to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are those of the vectors")]
pub enum Action {
    Run {
        attempt: u32,
        timeout_ns: u64,
    },
    Sleep {
        span_ns: u64,
    },
    Wait {
        span_ns: u64,
    },
    Finish {
        end: End,
        stop: Stop,
        attempts: u32,
        may_fall_back: bool,
    },
}

/// How a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are those of the vectors")]
pub enum End {
    Success,
    Failure,
    Ignored,
    Refused {
        status: &'static str,
        retry_after_ns: u64,
    },
}

/// Why there is no further attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are those of the vectors")]
pub enum Stop {
    Done,
    Cancelled,
    Refused,
    AttemptsUsed,
    NotRetryable,
    BreakerOpen,
    BulkheadFull,
    BudgetExhausted,
    RateLimited,
    DeadlineTooNear,
}

/// What an event brought about besides its action.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are those of the vectors")]
pub struct Notes {
    pub transition: Option<(breaker::State, breaker::State)>,
    pub freed: bool,
    pub late: bool,
    pub limiter: Option<usize>,
}

/// What became of all calls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are those of the vectors")]
pub struct Counts {
    pub successes: u64,
    pub failures: u64,
    pub ignored: u64,
    pub cancelled: u64,
    pub retries: u64,
    pub timeouts: u64,
    pub stopped_by_budget: u64,
    pub stopped_by_breaker: u64,
    pub stopped_by_deadline: u64,
    pub stopped_by_others: u64,
    pub late: u64,
    pub refused_by_breaker: u64,
    pub refused_by_bulkhead: u64,
    pub refused_by_rate_limit: u64,
    pub refused_by_deadline: u64,
}
