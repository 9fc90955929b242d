//! What goes into a call and what comes out of it.

use crate::breaker::Transition;
use crate::outcome::Outcome;
use crate::retry_budget::Cause;
use crate::status::Refusal;
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
    /// Whether something else may be served instead: it ended without a result, and the policy allows it.
    pub may_fall_back: bool,
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

/// What else an event brought about, besides the next action; see [`super::Call::take_notes`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Notes {
    /// The state change of the breaker that this event made.
    pub transition: Option<Transition>,
    /// A place of the bulkhead came free: whoever waits longest should ask again.
    pub freed: bool,
    /// The breaker took no notice of the result: it came after a change of state.
    pub is_late: bool,
    /// Which of the rate limits said no.
    pub limiter: Option<u8>,
}

impl Notes {
    /// Nothing else.
    pub const NONE: Self = Self {
        transition: None,
        freed: false,
        is_late: false,
        limiter: None,
    };
}
