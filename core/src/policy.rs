//! Policy: one call through every layer, decided once for all languages.
//!
//! A sans-IO state machine: events go in (the call begins, an attempt ended, time has passed, the caller gave
//! up), actions come out (run an attempt within this time, wait so long, finish with this). It owns no clock,
//! no thread and no memory; a [`Call`] lies wherever the caller puts it.
//!
//! The order of the layers, outermost first: deadline, bulkhead, breaker, retry with its budget, rate limits,
//! timeout. Admission is all or nothing: if a later gate says no, what an earlier one granted is given back.

mod action;
mod call;
mod config;
mod options;
pub mod plan;
mod tally;

pub use action::{Action, End, Ended, Finish, Notes, Stop};
pub use call::Call;
pub use config::{Config, Scope};
pub use options::{Options, key_text};
pub use tally::{Counts, Tally};

use crate::breaker::Breaker;
use crate::bulkhead::Bulkhead;
use crate::histogram::Histogram;
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
    /// Rates, all of which must agree.
    pub limiters: [Option<&'a Limiter>; MOST_LIMITERS],
    /// What retries may cost.
    pub budget: Option<&'a RetryBudget>,
    /// How long calls take, from their begin to their end, all attempts and waits included.
    pub latency: Option<&'a Histogram>,
    /// What became of them.
    pub tally: Option<&'a Tally>,
    /// In whose name permits are held.
    pub owner: Owner,
}

impl Gates<'_> {
    /// No gates at all.
    pub const NONE: Self = Self {
        breaker: None,
        bulkhead: None,
        limiters: [None; MOST_LIMITERS],
        budget: None,
        latency: None,
        tally: None,
        owner: Owner::PRIVATE,
    };
}

/// A policy bound to the live state that it governs: what a call needs to be driven.
#[derive(Clone, Copy, Debug)]
pub struct Bound<'a> {
    /// The rules.
    pub config: Config,
    /// The state.
    pub gates: Gates<'a>,
}

#[cfg(test)]
mod tests;
