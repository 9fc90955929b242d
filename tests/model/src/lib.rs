//! Slow, obvious, sequential models of the primitives.
//!
//! The core packs its state into single words. These models keep plain lists and compute with wide
//! integers and exact fractions, so that each rule can be read off the page. They were written from the
//! rules, not from the core, and the vectors in `tests/vectors` are proved by them.
//!
//! Every model takes the time as an argument, in nanoseconds of a monotonic clock.

pub mod backoff;
pub mod breaker;
pub mod bulkhead;
pub mod deadline;
pub mod histogram;
pub mod http;
pub mod limiter;
pub mod policy;
pub mod retry_budget;

/// Nanoseconds in a millisecond.
pub const MILLISECOND: u64 = 1_000_000;
/// Nanoseconds in a second.
pub const SECOND: u64 = 1_000_000_000;
/// Nanoseconds in a day.
pub const DAY: u64 = 86_400 * SECOND;

/// How a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The service did its work.
    Success,
    /// The service is to blame.
    Failure,
    /// The call says nothing about the service.
    Ignored,
}

/// What a primitive does with its decisions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// Decide and refuse.
    #[default]
    Enforce,
    /// Decide and count, never refuse.
    Shadow,
    /// Admit and record nothing.
    Off,
}

/// The answer of a verb, under the name that the vectors use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Done.
    Ok,
    /// The breaker is open.
    BreakerOpen,
    /// The breaker is half-open and every probe is out.
    BreakerHalfOpen,
    /// The breaker is held open by hand.
    BreakerForcedOpen,
    /// Every permit is taken.
    BulkheadFull,
    /// Every waiting place is taken.
    BulkheadWaitFull,
    /// Too early for this many tokens.
    RateLimited,
    /// No retry can be paid for.
    BudgetExhausted,
    /// The result belongs to an earlier state; it was counted and changed nothing.
    Late,
    /// The permit was released before; this was counted and changed nothing.
    Stale,
    /// The permit was used before; nothing changed.
    Spent,
    /// More was asked for than can ever be there.
    ExceedsCapacity,
    /// The new configuration is wrong; the old one stays.
    Config,
    /// The verb makes no sense now; nothing changed.
    Argument,
    /// The header is malformed, too long or absurd.
    Header,
}

impl Answer {
    /// The name in the vectors.
    pub fn name(self) -> &'static str {
        match self {
            Answer::Ok => "ok",
            Answer::BreakerOpen => "breaker_open",
            Answer::BreakerHalfOpen => "breaker_half_open",
            Answer::BreakerForcedOpen => "breaker_forced_open",
            Answer::BulkheadFull => "bulkhead_full",
            Answer::BulkheadWaitFull => "bulkhead_wait_full",
            Answer::RateLimited => "rate_limited",
            Answer::BudgetExhausted => "budget_exhausted",
            Answer::Late => "late",
            Answer::Stale => "stale",
            Answer::Spent => "spent",
            Answer::ExceedsCapacity => "exceeds_capacity",
            Answer::Config => "config",
            Answer::Argument => "argument",
            Answer::Header => "header",
        }
    }
}

/// Why a call may not go out, and when to ask again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused {
    /// The reason.
    pub answer: Answer,
    /// Nanoseconds until the next useful moment; 0 when it is not known.
    pub retry_after_ns: u64,
}

/// `Ok` when `found` lies in `low..=high`, else the name of the field.
fn within(field: &'static str, found: u64, low: u64, high: u64) -> Result<(), &'static str> {
    if found < low || found > high {
        Err(field)
    } else {
        Ok(())
    }
}

/// A number from 0 to `most`, both included, evenly drawn by 64 random bits.
fn pick(random: u64, most: u64) -> u64 {
    let scaled = u128::from(random) * (u128::from(most) + 1);
    (scaled >> 64) as u64
}

/// `time` in whole milliseconds, rounded up.
fn ceil_ms(time: u64) -> u64 {
    time.div_ceil(MILLISECOND)
}

/// From a wide intermediate result back to nanoseconds; what does not fit is as late as can be.
fn narrow(wide: u128) -> u64 {
    u64::try_from(wide).unwrap_or(u64::MAX)
}
