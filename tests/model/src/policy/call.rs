//! One call: where it stands and everything that it holds.

use std::rc::Rc;

use super::words::{Options, Policy};
use crate::{breaker, bulkhead, limiter, retry_budget};

/// Something that a call holds.
#[derive(Clone, Debug)]
pub(super) enum Held {
    Leave(breaker::Permit),
    Place(bulkhead::Permit),
    QueuePlace,
    Tokens(usize, limiter::Reservation),
    Withdrawal(retry_budget::Withdrawal),
    Deposit,
}

/// Where a call stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Stand {
    /// Nothing is asked for.
    #[default]
    Outside,
    /// In the queue for a place until this time.
    Queue(u64),
    /// Between two attempts until this time.
    Backoff(u64),
    /// Everything is granted, from this time on.
    Ahead(u64),
    /// In the function.
    Inside,
}

/// One call.
#[derive(Clone, Debug, Default)]
pub struct Call {
    pub(super) stand: Stand,
    pub(super) options: Options,
    pub(super) deadline_ns: u64,
    pub(super) attempts: u32,
    pub(super) slept_ns: u64,
    pub(super) held: Vec<Held>,
    /// The rules that it began under and ends under.
    pub(super) policy: Option<Rc<Policy>>,
}

impl Call {
    /// Whether it has begun and not ended.
    pub fn is_under_way(&self) -> bool {
        self.stand != Stand::Outside
    }

    /// Whether an attempt is under way.
    pub fn is_running(&self) -> bool {
        self.stand == Stand::Inside
    }

    /// The moment after which nobody waits for it.
    pub fn deadline_ns(&self) -> u64 {
        self.deadline_ns
    }

    /// Takes its place out, for work that goes on.
    pub fn keep(&mut self) -> Option<bulkhead::Permit> {
        match self.take(|held| matches!(held, Held::Place(_))) {
            Some(Held::Place(place)) => Some(place),
            _ => None,
        }
    }

    pub(super) fn holds(&self, is_it: impl Fn(&Held) -> bool) -> bool {
        self.held.iter().any(is_it)
    }

    pub(super) fn take(&mut self, is_it: impl Fn(&Held) -> bool) -> Option<Held> {
        let place = self.held.iter().position(is_it)?;
        Some(self.held.remove(place))
    }

    pub(super) fn rules(&self) -> &Policy {
        self.policy.as_ref().expect("it has begun")
    }

    pub(super) fn cost(&self, limit: usize) -> u64 {
        self.options.costs.get(limit).copied().unwrap_or(1)
    }
}
