//! A look at a breaker.

use super::window::Results;
use super::word::State;
use crate::time::Nanos;

/// What a breaker looked like at one moment. Counters only ever grow, over all states and resets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// The state.
    pub state: State,
    /// How many state changes there were, modulo 65,536.
    pub generation: u16,
    /// Failures in a row; zero unless closed.
    pub streak: u64,
    /// What the window holds; empty unless closed.
    pub window: Results,
    /// Probes under way in this half-open round.
    pub probes_in_flight: u32,
    /// How long until somebody may go; zero when now, or when nobody knows.
    pub retry_after: Nanos,
    /// Calls recorded as success.
    pub success: u64,
    /// Calls recorded as failure.
    pub failure: u64,
    /// Calls recorded as ignored.
    pub ignored: u64,
    /// Calls that took too long, success or failure.
    pub slow: u64,
    /// Calls refused.
    pub refused: u64,
    /// Calls that would have been refused in enforce mode.
    pub shadow_refused: u64,
    /// Results that came too late to count.
    pub late: u64,
    /// How often it opened.
    pub opened: u64,
}
