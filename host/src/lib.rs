//! Seawall for Rust services: circuit breaker, bulkhead, rate limiter and retry budget that decide exactly
//! as those of every other language on the host.
//!
//! The rules are in [`seawall_core`]; this crate adds what needs an operating system: the clock, seeds,
//! guards that give permits back, and waiting.
#![cfg_attr(not(feature = "std"), no_std)]

pub mod clock;
pub mod seed;

pub use seawall_core as core;
pub use seawall_core::{
    Backoff, ConfigError, Deadline, Histogram, Misuse, Mode, Moment, Nanos, Outcome, Owner,
    Refusal, Refused, Status,
};
#[cfg(feature = "std")]
pub mod bulkhead;
