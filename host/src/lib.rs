//! Seawall for Rust services: circuit breaker, bulkhead, rate limiter and retry budget that decide exactly
//! as those of every other language on the host.
//!
//! Open the file with the policies, take a dependency, call:
//!
//! ```
//! use seawall::{DependencyError, Options, Seawall, classify};
//! # const POLICIES: &str = "[dependency.payments]\ntimeout = '2s'\nretry = { attempts = 3 }\n";
//! # fn charge(_: std::time::Duration) -> std::io::Result<u32> { Ok(42) }
//!
//! let wall = Seawall::parse(POLICIES, "seawall.toml")?; // or Seawall::open("seawall.toml")
//! let payments = wall.dependency("payments")?;
//! match payments.call_with(&Options::DEFAULT, classify::io, |attempt| charge(attempt.remaining())) {
//!     Ok(receipt) => assert_eq!(receipt, 42),
//!     Err(DependencyError::Refused(refusal)) => println!("not now: {refusal}"),
//!     Err(error) => println!("the last attempt: {error}"),
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! [`Dependency::call_async`] does the same in a future, [`Dependency::calling`] adds fallbacks and everything else
//! that may be said about a call, and [`testing`] is for the tests of a service.
//!
//! The rules are in [`seawall_core`]; this crate adds what needs an operating system: the clock, seeds,
//! guards that give permits back, and waiting. No runtime is chosen: futures are plain, timers are yours.
//!
//! | feature   | brings                                                              |
//! |-----------|---------------------------------------------------------------------|
//! | `std`     | all but the clock; on by default                                    |
//! | `tokio`   | the timers of tokio for asynchronous calls                          |
//! | `tracing` | events as `tracing` events                                          |
//! | `http`    | deadlines in and out of `http::HeaderMap`                           |
//! | `tower`   | a layer for HTTP clients                                            |
//! | `hyper`   | the layer knows the errors of hyper                                 |
//!
//! The gates can be had one by one, too:
//!
//! ```
//! use seawall::{Breaker, Bulkhead, CallError, breaker, bulkhead};
//!
//! let payments = Breaker::new("payments", breaker::Config { consecutive_failures: 3, ..Default::default() })?;
//! let places = Bulkhead::new("payments", bulkhead::Config { max_concurrent: 20, ..Default::default() })?;
//!
//! let place = places.try_acquire()?;
//! match payments.call(|| "42".parse::<u32>()) {
//!     Ok(answer) => assert_eq!(answer, 42),
//!     Err(CallError::Refused(refusal)) => println!("not now: {refusal}"),
//!     Err(CallError::Failed(error)) => println!("the call failed: {error}"),
//! }
//! drop(place);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![cfg_attr(not(feature = "std"), no_std)]

pub mod clock;
pub mod seed;

#[cfg(feature = "std")]
pub mod backoff;
#[cfg(feature = "std")]
pub mod breaker;
#[cfg(feature = "std")]
pub mod bulkhead;
#[cfg(feature = "std")]
mod call;
#[cfg(feature = "std")]
pub mod check;
#[cfg(feature = "std")]
pub mod classify;
#[cfg(feature = "std")]
pub mod deadline;
#[cfg(feature = "std")]
pub mod dependency;
#[cfg(feature = "std")]
pub mod drive;
#[cfg(feature = "std")]
pub mod event;
#[cfg(feature = "std")]
pub mod fallback;
#[cfg(feature = "std")]
pub mod file;
#[cfg(feature = "std")]
pub mod last_good;
#[cfg(feature = "std")]
pub mod limiter;
#[cfg(feature = "std")]
pub mod policy;
#[cfg(feature = "std")]
mod queue;
#[cfg(feature = "std")]
pub mod retry_budget;
#[cfg(feature = "std")]
pub mod step;
#[cfg(feature = "std")]
pub mod testing;
#[cfg(feature = "tower")]
pub mod tower;
#[cfg(feature = "std")]
pub mod wall;

pub use seawall_core as core;
pub use seawall_core::{
    Backoff, ConfigError, Deadline, Histogram, Misuse, Mode, Moment, Nanos, Outcome, Owner,
    Refusal, Refused, Status,
};

#[cfg(feature = "tokio")]
pub use crate::drive::Tokio;
#[cfg(feature = "std")]
pub use crate::{
    breaker::Breaker,
    bulkhead::Bulkhead,
    call::CallError,
    clock::{Clock, ManualClock},
    dependency::Dependency,
    drive::{Attempt, Calling, Degraded, DependencyError, Detailed, Sleep},
    event::{Event, Subscription},
    fallback::Fallback,
    file::{File, FileError},
    last_good::LastGood,
    limiter::{LimitError, Limiter},
    policy::{Policy, PolicyError},
    retry_budget::RetryBudget,
    step::{Call, HeldCall, Step},
    wall::{Seawall, WallError},
};
#[cfg(feature = "std")]
pub use seawall_core::policy::{Ended, Options, Stop};
