//! Backoff: how long to wait before the next attempt.

use std::time::Duration;

use seawall_core::{Backoff, Nanos};

pub use seawall_core::backoff::Jitter;

/// The wait before retry `attempt` (the first is 1), with fresh chance. `previous` is the wait before the last
/// retry, which only decorrelated jitter looks at; zero for none.
#[must_use]
pub fn delay(backoff: &Backoff, attempt: u32, previous: Duration) -> Duration {
    backoff
        .delay(attempt, previous.into(), crate::seed::random(), Nanos::ZERO)
        .into()
}
