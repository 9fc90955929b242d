//! The Rust code of the guides runs as doc tests, each block a program of its own.

#[doc = include_str!("../../README.md")]
pub struct Readme;

#[doc = include_str!("../../docs/guide/breaker.md")]
pub struct Breaker;

#[doc = include_str!("../../docs/guide/bulkhead.md")]
pub struct Bulkhead;

#[doc = include_str!("../../docs/guide/limiter.md")]
pub struct Limiter;

#[doc = include_str!("../../docs/guide/retry_budget.md")]
pub struct RetryBudget;

#[doc = include_str!("../../docs/guide/backoff.md")]
pub struct Backoff;

#[doc = include_str!("../../docs/guide/deadline.md")]
pub struct Deadline;

#[doc = include_str!("../../docs/guide/histogram.md")]
pub struct Histogram;

#[doc = include_str!("../../docs/guide/clocks.md")]
pub struct Clocks;

#[doc = include_str!("../../docs/guide/classification.md")]
pub struct Classification;

#[doc = include_str!("../../docs/guide/configuration.md")]
pub struct Configuration;

#[doc = include_str!("../../docs/guide/check.md")]
pub struct Check;

#[doc = include_str!("../../docs/guide/errors.md")]
pub struct Errors;

#[doc = include_str!("../../docs/guide/calls.md")]
pub struct Calls;

#[doc = include_str!("../../docs/guide/fallback.md")]
pub struct Fallback;

#[doc = include_str!("../../docs/guide/events.md")]
pub struct Events;

#[doc = include_str!("../../docs/guide/http.md")]
pub struct Http;

#[doc = include_str!("../../docs/guide/testing.md")]
pub struct Testing;
