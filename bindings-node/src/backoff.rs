//! How long to wait before the next attempt. A plain value: its settings come with every call.

use napi::bindgen_prelude::BigInt;
use napi_derive::napi;
use seawall::core::backoff::{Backoff, Jitter};
use seawall::seed;

use crate::answer::misconfigured;
use crate::time::{millis, nanos};

/// The settings; a number out of range saturates, so that the core is the one to say what the range is.
#[napi(object)]
pub struct BackoffConfig {
    pub base_ms: f64,
    pub factor_permille: f64,
    pub cap_ms: f64,
    pub jitter: u32,
    pub retry_after_margin_ms: f64,
}

impl BackoffConfig {
    fn to_core(&self) -> Backoff {
        Backoff {
            base: nanos(self.base_ms),
            factor_permille: self.factor_permille as u32,
            cap: nanos(self.cap_ms),
            jitter: Jitter::from_number(self.jitter).unwrap_or_default(),
            retry_after_margin: nanos(self.retry_after_margin_ms),
        }
    }
}

/// 0 when the settings are in range.
#[napi(catch_unwind)]
pub fn backoff_check(config: BackoffConfig) -> f64 {
    config
        .to_core()
        .validate()
        .map_or_else(misconfigured, |()| 0.0)
}

/// The wait in ms before retry `attempt`; without `random` the dice are ours.
#[napi(catch_unwind)]
pub fn backoff_delay(
    config: BackoffConfig,
    attempt: u32,
    previous_ms: f64,
    retry_after_ms: f64,
    random: Option<BigInt>,
) -> f64 {
    let random = random.map_or_else(seed::random, |random| random.get_u64().1);
    millis(
        config
            .to_core()
            .delay(attempt, nanos(previous_ms), random, nanos(retry_after_ms)),
    )
}
