//! Circuit breaker: stop calling what keeps failing, and find out gently when it is well again.

use napi::Env;
use napi::bindgen_prelude::{BigInt, Float64ArraySlice};
use napi_derive::napi;
use seawall::core::breaker::{Admission, Breaker, Config, Permit};
use seawall::{Misuse, Mode, Moment, Outcome, Owner, seed};

use crate::answer::{EXACT, changed, fill, misused, permit_in_detail, recorded, refused};
use crate::slots::{Slots, free, make, with};
use crate::time::{millis, moment, nanos, word};

thread_local! {
    static BREAKERS: Slots<Breaker> = const { Slots::new() };
}

/// The settings, with permille and milliseconds as numbers; a number out of range saturates, so that
/// the core is the one to say what the range is.
#[napi(object)]
pub struct BreakerConfig {
    pub consecutive_failures: f64,
    pub consecutive_always: bool,
    pub failure_permille: f64,
    pub slow_permille: f64,
    pub slow_after_ms: f64,
    pub window_calls: f64,
    pub window_ms: f64,
    pub min_calls: f64,
    pub open_for_ms: f64,
    pub open_backoff_permille: f64,
    pub open_max_ms: f64,
    pub open_jitter_permille: f64,
    pub probes: f64,
    pub probe_lease_ms: f64,
    pub min_witnesses: f64,
    pub mode: u32,
    pub seed: Option<BigInt>,
}

impl BreakerConfig {
    fn to_core(&self) -> Config {
        Config {
            consecutive_failures: self.consecutive_failures as u32,
            consecutive_always: self.consecutive_always,
            failure_permille: self.failure_permille as u16,
            slow_permille: self.slow_permille as u16,
            slow_after: nanos(self.slow_after_ms),
            window_calls: self.window_calls as u32,
            window: nanos(self.window_ms),
            min_calls: self.min_calls as u32,
            open_for: nanos(self.open_for_ms),
            open_backoff_permille: self.open_backoff_permille as u32,
            open_max: nanos(self.open_max_ms),
            open_jitter_permille: self.open_jitter_permille as u16,
            probes: self.probes as u32,
            probe_lease: nanos(self.probe_lease_ms),
            min_witnesses: self.min_witnesses as u32,
            mode: Mode::from_number(self.mode).unwrap_or_default(),
            seed: self
                .seed
                .as_ref()
                .map_or_else(seed::random, |seed| seed.get_u64().1),
        }
    }
}

/// A breaker's handle.
#[napi(catch_unwind)]
pub fn breaker_new(env: Env, config: BreakerConfig) -> f64 {
    make(
        &env,
        &BREAKERS,
        Breaker::new(&config.to_core()).map(Box::new),
    )
}

#[napi(catch_unwind)]
pub fn breaker_free(env: Env, handle: u32) -> bool {
    free(&env, &BREAKERS, handle)
}

/// The permit as one number when it is an ordinary one without a start, which is everyday; else in the details.
#[napi(catch_unwind)]
pub fn breaker_try_acquire(handle: u32, now_ms: f64) -> f64 {
    let answer = with(&BREAKERS, handle, |breaker| {
        breaker.try_acquire(Owner::PRIVATE, &moment(now_ms))
    });
    match answer {
        Ok(Ok(admission)) => admitted(admission),
        Ok(Err(refusal)) => refused(refusal),
        Err(misuse) => misused(misuse),
    }
}

fn admitted(admission: Admission) -> f64 {
    let (token, started, _) = admission.permit.into_raw();
    if token < EXACT && started == 0 && admission.transition.is_none() {
        token as f64
    } else {
        permit_in_detail(token, started, admission.transition)
    }
}

/// Records an everyday permit: one that crossed as a number.
#[napi(catch_unwind)]
pub fn breaker_record(
    handle: u32,
    token: u32,
    outcome: u32,
    retry_after_ms: f64,
    now_ms: f64,
) -> i32 {
    record(handle, u64::from(token), 0, outcome, retry_after_ms, now_ms)
}

/// Records a permit of two words, each in two halves.
#[napi(catch_unwind)]
#[allow(
    clippy::too_many_arguments,
    reason = "each half of a word is a number of JavaScript"
)]
pub fn breaker_record_whole(
    handle: u32,
    token_low: u32,
    token_high: u32,
    started_low: u32,
    started_high: u32,
    outcome: u32,
    retry_after_ms: f64,
    now_ms: f64,
) -> i32 {
    let (token, started) = (word(token_low, token_high), word(started_low, started_high));
    record(handle, token, started, outcome, retry_after_ms, now_ms)
}

fn record(
    handle: u32,
    token: u64,
    started: u64,
    outcome: u32,
    retry_after_ms: f64,
    now_ms: f64,
) -> i32 {
    let Some(permit) = Permit::from_raw(token, started, Owner::PRIVATE.raw()) else {
        return misused(Misuse::Spent) as i32;
    };
    let Some(outcome) = Outcome::from_number(outcome) else {
        return misused(Misuse::Argument) as i32;
    };
    let answer = with(&BREAKERS, handle, |breaker| {
        breaker.record(permit, outcome, nanos(retry_after_ms), &moment(now_ms))
    });
    answer.map_or_else(|misuse| misused(misuse) as i32, recorded)
}

/// Gives a permit back unused.
#[napi(catch_unwind)]
pub fn breaker_cancel(handle: u32, token_low: u32, token_high: u32) -> i32 {
    let Some(permit) = Permit::from_raw(word(token_low, token_high), 0, Owner::PRIVATE.raw())
    else {
        return misused(Misuse::Spent) as i32;
    };
    with(&BREAKERS, handle, |breaker| breaker.cancel(permit))
        .map_or_else(|misuse| misused(misuse) as i32, recorded)
}

/// By hand: 0 closed and fresh, 3 held open, 4 disabled.
#[napi(catch_unwind)]
pub fn breaker_set(handle: u32, state: u32) -> i32 {
    let answer = with(&BREAKERS, handle, |breaker| match state {
        3 => breaker.force_open(),
        4 => breaker.disable(),
        _ => breaker.reset(),
    });
    answer.map_or_else(|misuse| misused(misuse) as i32, changed)
}

/// The state's number.
#[napi(catch_unwind)]
pub fn breaker_state(handle: u32) -> i32 {
    with(&BREAKERS, handle, Breaker::state)
        .map_or_else(|misuse| misused(misuse) as i32, |state| state as i32)
}

/// Fills state, generation, window (calls, failures, slow), streak, probes in flight, ms until somebody may go,
/// then the counters success, failure, ignored, slow, refused, shadow refused, late, opened.
#[napi(catch_unwind)]
pub fn breaker_snapshot(handle: u32, now_ms: f64, into: Float64ArraySlice) -> i32 {
    let seen = with(&BREAKERS, handle, |breaker| {
        breaker.snapshot(moment(now_ms).now())
    });
    match seen {
        Err(misuse) => misused(misuse) as i32,
        Ok(seen) => {
            fill(
                into,
                &[
                    f64::from(seen.state as u8),
                    f64::from(seen.generation),
                    seen.window.calls as f64,
                    seen.window.failures as f64,
                    seen.window.slow as f64,
                    seen.streak as f64,
                    f64::from(seen.probes_in_flight),
                    millis(seen.retry_after),
                    seen.success as f64,
                    seen.failure as f64,
                    seen.ignored as f64,
                    seen.slow as f64,
                    seen.refused as f64,
                    seen.shadow_refused as f64,
                    seen.late as f64,
                    seen.opened as f64,
                ],
            );
            0
        }
    }
}
