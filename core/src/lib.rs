//! The rules of Seawall: circuit breaker, bulkhead, token bucket, retry budget, backoff, deadline and
//! latency histogram, as `#[repr(C)]` values made of atomics.
//!
//! Nothing here allocates, locks, panics, reads a clock or asks for chance: memory, time and seeds are
//! arguments. Each primitive is one pure step, `(word, settings, now) -> (word, answer)`, and one
//! compare-exchange loop that applies it ([`cas`]), so that a process killed between two instructions
//! leaves the old state or the new one, never half of either.
//!
//! | concept | type | what it answers |
//! |---|---|---|
//! | circuit breaker | [`Breaker`] | may this call go out, given how earlier calls ended? |
//! | bulkhead | [`Bulkhead`] | is there a permit left of the ones this dependency may hold? |
//! | token bucket | [`Limiter`] | does the rate allow it now, and if not, when? |
//! | retry budget | [`RetryBudget`] | may one more retry be sent, given how many calls there were? |
//! | backoff | [`Backoff`] | how long to wait before attempt `k`? |
//! | deadline | [`Deadline`] | how much time is left? |
//! | policy | [`policy::Call`] | what does this call do next, given all of the above? |
//! | histogram | [`Histogram`] | how long do calls take, within 3 %? |
//!
//! Most users want the crate `seawall`, which adds the clock, guards and waiting.

#![no_std]
#![cfg_attr(
    test,
    allow(
        clippy::arithmetic_side_effects,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::float_arithmetic,
        reason = "a test may fail loudly"
    )
)]

#[cfg(test)]
extern crate std;

pub mod backoff;
pub mod breaker;
pub mod bulkhead;
pub mod cas;
pub mod chance;
pub mod counters;
pub mod deadline;
pub mod error;
pub mod histogram;
pub mod http;
pub mod limiter;
pub mod outcome;
pub mod owner;
pub mod policy;
pub mod retry_after;
pub mod retry_budget;
pub mod status;
pub mod sync;
pub mod time;

pub use backoff::Backoff;
pub use breaker::Breaker;
pub use bulkhead::Bulkhead;
pub use deadline::Deadline;
pub use error::ConfigError;
pub use histogram::Histogram;
pub use limiter::Limiter;
pub use outcome::{Mode, Outcome};
pub use owner::Owner;
pub use retry_budget::RetryBudget;
pub use status::{Misuse, Refusal, Refused, Status};
pub use time::{Moment, Nanos};
