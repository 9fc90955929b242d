//! Retry budget: retries may be a share of the calls, never a multiple.

use napi::Env;
use napi::bindgen_prelude::Float64ArraySlice;
use napi_derive::napi;
use seawall::core::retry_budget::{Cause, Config, Profile, RetryBudget, Withdrawal};
use seawall::{Misuse, Mode, Moment, Outcome};

use crate::answer::{fill, misused, refused};
use crate::slots::{Slots, free, make, with};
use crate::time::{moment, nanos};

thread_local! {
    static BUDGETS: Slots<RetryBudget> = const { Slots::new() };
}

/// A withdrawal without its highest bit, which says that it is one, is a number that JavaScript holds.
const VALID: u64 = 1 << 63;

/// The settings that differ from those of the profile; a number out of range saturates, so that the core
/// is the one to say what the range is.
#[napi(object)]
pub struct RetryBudgetConfig {
    pub profile: u32,
    pub ratio_permille: Option<f64>,
    pub min_per_second: Option<f64>,
    pub window_ms: Option<f64>,
    pub cap: Option<f64>,
    pub max_concurrent_retries_permille: Option<f64>,
    pub min_concurrent_retries: Option<f64>,
    pub mode: u32,
}

impl RetryBudgetConfig {
    fn to_core(&self) -> Config {
        let published = Config::of(Profile::from_number(self.profile).unwrap_or_default());
        let or = |given: Option<f64>, default: u32| given.map_or(default, |given| given as u32);
        Config {
            ratio_permille: or(self.ratio_permille, published.ratio_permille),
            min_per_second: or(self.min_per_second, published.min_per_second),
            window: self.window_ms.map_or(published.window, nanos),
            cap: or(self.cap, published.cap),
            max_concurrent_retries_permille: or(
                self.max_concurrent_retries_permille,
                published.max_concurrent_retries_permille,
            ),
            min_concurrent_retries: or(
                self.min_concurrent_retries,
                published.min_concurrent_retries,
            ),
            mode: Mode::from_number(self.mode).unwrap_or_default(),
            ..published
        }
    }
}

/// A budget's handle.
#[napi(catch_unwind)]
pub fn retry_budget_new(env: Env, config: RetryBudgetConfig, now_ms: f64) -> f64 {
    let budget = RetryBudget::new(&config.to_core(), moment(now_ms).now());
    make(&env, &BUDGETS, budget.map(Box::new))
}

#[napi(catch_unwind)]
pub fn retry_budget_free(env: Env, handle: u32) -> bool {
    free(&env, &BUDGETS, handle)
}

#[napi(catch_unwind)]
pub fn retry_budget_deposit(handle: u32, now_ms: f64) -> f64 {
    with(&BUDGETS, handle, |budget| budget.deposit(&moment(now_ms))).map_or_else(misused, |_| 0.0)
}

/// The withdrawal as a number.
#[napi(catch_unwind)]
pub fn retry_budget_try_withdraw(handle: u32, cause: u32, now_ms: f64) -> f64 {
    let Some(cause) = Cause::from_number(cause) else {
        return misused(Misuse::Argument);
    };
    match with(&BUDGETS, handle, |budget| {
        budget.try_withdraw(cause, &moment(now_ms))
    }) {
        Ok(Ok(withdrawal)) => (withdrawal.into_raw() & !VALID) as f64,
        Ok(Err(refusal)) => refused(refusal),
        Err(misuse) => misused(misuse),
    }
}

/// How an attempt ended; `withdrawal` is negative for a first attempt.
#[napi(catch_unwind)]
pub fn retry_budget_record(handle: u32, outcome: u32, withdrawal: f64) -> f64 {
    let Some(outcome) = Outcome::from_number(outcome) else {
        return misused(Misuse::Argument);
    };
    let answer = with(&BUDGETS, handle, |budget| {
        budget.record(outcome, taken(withdrawal))
    });
    answer.map_or_else(misused, |()| 0.0)
}

#[napi(catch_unwind)]
pub fn retry_budget_cancel(handle: u32, withdrawal: f64, now_ms: f64) -> f64 {
    let Some(withdrawal) = taken(withdrawal) else {
        return misused(Misuse::Spent);
    };
    let answer = with(&BUDGETS, handle, |budget| {
        budget.cancel(withdrawal, &moment(now_ms));
    });
    answer.map_or_else(misused, |()| 0.0)
}

fn taken(withdrawal: f64) -> Option<Withdrawal> {
    (withdrawal >= 0.0)
        .then(|| Withdrawal::from_raw(withdrawal as u64 | VALID))
        .flatten()
}

#[napi(catch_unwind)]
pub fn retry_budget_finish(handle: u32) -> f64 {
    with(&BUDGETS, handle, RetryBudget::finish).map_or_else(misused, |()| 0.0)
}

/// Fills tokens and cap in thousandths, calls and retries in flight, deposited, withdrawn, refused, shadow refused.
#[napi(catch_unwind)]
pub fn retry_budget_snapshot(handle: u32, now_ms: f64, into: Float64ArraySlice) -> i32 {
    let seen = with(&BUDGETS, handle, |budget| {
        budget.snapshot(moment(now_ms).now())
    });
    match seen {
        Err(misuse) => misused(misuse) as i32,
        Ok(seen) => {
            fill(
                into,
                &[
                    seen.tokens_milli as f64,
                    seen.cap_milli as f64,
                    f64::from(seen.calls_in_flight),
                    f64::from(seen.retries_in_flight),
                    seen.deposited as f64,
                    seen.withdrawn as f64,
                    seen.refused as f64,
                    seen.shadow_refused as f64,
                ],
            );
            0
        }
    }
}
