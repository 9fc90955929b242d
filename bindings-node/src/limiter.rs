//! Token bucket: so many calls per while, with a burst, and no drift.

use napi::Env;
use napi::bindgen_prelude::Float64ArraySlice;
use napi_derive::napi;
use seawall::core::limiter::{Config, Limiter, Reservation};
use seawall::{Mode, Moment, Nanos};

use crate::answer::{fill, misconfigured, misused, note_wait, refused};
use crate::slots::{Slots, free, make, with};
use crate::time::{millis, moment, nanos};

thread_local! {
    static LIMITERS: Slots<Limiter> = const { Slots::new() };
}

fn config(permits: f64, period_ms: f64, burst: f64, mode: u32) -> Config {
    Config {
        permits: permits as u64,
        period: nanos(period_ms),
        burst: burst as u64,
        mode: Mode::from_number(mode).unwrap_or_default(),
    }
}

/// A limiter's handle. Numbers out of range saturate, so that the core is the one to say what the range is.
#[napi(catch_unwind)]
pub fn limiter_new(env: Env, permits: f64, period_ms: f64, burst: f64, mode: u32) -> f64 {
    let limiter = Limiter::new(&config(permits, period_ms, burst, mode));
    make(&env, &LIMITERS, limiter.map(Box::new))
}

#[napi(catch_unwind)]
pub fn limiter_free(env: Env, handle: u32) -> bool {
    free(&env, &LIMITERS, handle)
}

/// 0 when the tokens were there.
#[napi(catch_unwind)]
pub fn limiter_try_acquire(handle: u32, tokens: f64, now_ms: f64) -> f64 {
    let answer = with(&LIMITERS, handle, |limiter| {
        limiter.try_acquire(tokens as u64, &moment(now_ms))
    });
    match answer {
        Ok(Ok(Ok(()))) => 0.0,
        Ok(Ok(Err(refusal))) => refused(refusal),
        Ok(Err(misuse)) | Err(misuse) => misused(misuse),
    }
}

/// The tokens that the reservation holds (none when it was let through in shadow); its wait is in the details.
#[napi(catch_unwind)]
pub fn limiter_reserve(handle: u32, tokens: f64, max_wait_ms: f64, now_ms: f64) -> f64 {
    let answer = with(&LIMITERS, handle, |limiter| {
        limiter.reserve(tokens as u64, nanos(max_wait_ms), &moment(now_ms))
    });
    match answer {
        Ok(Ok(Ok(reservation))) => {
            note_wait(reservation.wait);
            reservation.tokens as f64
        }
        Ok(Ok(Err(refusal))) => refused(refusal),
        Ok(Err(misuse)) | Err(misuse) => misused(misuse),
    }
}

#[napi(catch_unwind)]
pub fn limiter_cancel(handle: u32, tokens: f64, now_ms: f64) -> f64 {
    let reservation = Reservation {
        tokens: tokens as u64,
        wait: Nanos::ZERO,
    };
    let answer = with(&LIMITERS, handle, |limiter| {
        limiter.cancel(reservation, &moment(now_ms));
    });
    answer.map_or_else(misused, |()| 0.0)
}

#[napi(catch_unwind)]
pub fn limiter_adjust(handle: u32, tokens: f64, now_ms: f64) -> f64 {
    let answer = with(&LIMITERS, handle, |limiter| {
        limiter.adjust(tokens as i64, &moment(now_ms));
    });
    answer.map_or_else(misused, |()| 0.0)
}

#[napi(catch_unwind)]
pub fn limiter_set_rate(
    handle: u32,
    permits: f64,
    period_ms: f64,
    burst: f64,
    mode: u32,
    now_ms: f64,
) -> f64 {
    let answer = with(&LIMITERS, handle, |limiter| {
        limiter.reconfigure(&config(permits, period_ms, burst, mode), &moment(now_ms))
    });
    match answer {
        Ok(Ok(())) => 0.0,
        Ok(Err(error)) => misconfigured(error),
        Err(misuse) => misused(misuse),
    }
}

/// Fills limit, remaining, ms until full, ms until one token is there, allowed, refused, shadow refused.
#[napi(catch_unwind)]
pub fn limiter_snapshot(handle: u32, now_ms: f64, into: Float64ArraySlice) -> i32 {
    let seen = with(&LIMITERS, handle, |limiter| {
        limiter.snapshot(moment(now_ms).now())
    });
    match seen {
        Err(misuse) => misused(misuse) as i32,
        Ok(seen) => {
            fill(
                into,
                &[
                    seen.limit as f64,
                    seen.remaining as f64,
                    millis(seen.reset),
                    millis(seen.retry_after),
                    seen.allowed as f64,
                    seen.refused as f64,
                    seen.shadow_refused as f64,
                ],
            );
            0
        }
    }
}
