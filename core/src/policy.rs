//! Policy: one call through every layer, decided once for all languages.
//!
//! A sans-IO state machine: events go in (the call begins, an attempt ended, time has passed, the caller gave
//! up), actions come out (run an attempt within this time, wait so long, finish with this). It owns no clock,
//! no thread and no memory; a [`Call`] lies wherever the caller puts it.
//!
//! The order of the layers, outermost first: deadline, bulkhead, breaker, retry with its budget, rate limits,
//! timeout. Admission is all or nothing: if a later gate says no, what an earlier one granted is given back.

mod call;
mod config;

pub use call::{Action, Call, End, Ended, Finish, Stop};
pub use config::{Config, Scope};

use crate::breaker::Breaker;
use crate::bulkhead::Bulkhead;
use crate::limiter::Limiter;
use crate::owner::Owner;
use crate::retry_budget::RetryBudget;

/// The most rate limits on one dependency.
pub const MOST_LIMITERS: usize = 4;

/// The live state that calls to one dependency go through; what is absent lets everything pass.
#[derive(Clone, Copy, Debug)]
pub struct Gates<'a> {
    /// Stops calling what keeps failing.
    pub breaker: Option<&'a Breaker>,
    /// Holds a place for each call.
    pub bulkhead: Option<&'a Bulkhead>,
    /// Rates, all of which must agree; those beyond [`MOST_LIMITERS`] are not asked.
    pub limiters: &'a [&'a Limiter],
    /// What retries may cost.
    pub budget: Option<&'a RetryBudget>,
    /// In whose name permits are held.
    pub owner: Owner,
}

impl Gates<'_> {
    /// No gates at all.
    pub const NONE: Self = Self {
        breaker: None,
        bulkhead: None,
        limiters: &[],
        budget: None,
        owner: Owner::PRIVATE,
    };
}

#[cfg(test)]
mod tests;
