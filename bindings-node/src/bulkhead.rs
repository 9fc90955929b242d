//! Bulkhead: a fixed number of permits, so that one slow dependency cannot hold every worker.

use napi::Env;
use napi::bindgen_prelude::Float64ArraySlice;
use napi_derive::napi;
use seawall::core::bulkhead::{Bulkhead, Config, Permit};
use seawall::{Misuse, Mode, Moment, Owner, Status};

use crate::answer::{fill, misconfigured, misused, permit_in_detail, refused};
use crate::slots::{Slots, free, make, with};
use crate::time::{millis, moment, word};

thread_local! {
    static BULKHEADS: Slots<Bulkhead> = const { Slots::new() };
}

/// An everyday token is this bit and 52 more.
const EVERYDAY: u64 = 1 << 56;
const EVERYDAY_BITS: u64 = (1 << 52) - 1;

/// An everyday token as a number.
pub fn everyday_of(token: u64) -> Option<f64> {
    (token & !EVERYDAY_BITS == EVERYDAY).then_some((token & EVERYDAY_BITS) as f64)
}

/// The token of such a number.
pub fn everyday(number: f64) -> u64 {
    number as u64 & EVERYDAY_BITS | EVERYDAY
}

/// The settings; a number out of range saturates, so that the core is the one to say what the range is.
#[napi(object)]
pub struct BulkheadConfig {
    pub max_concurrent: f64,
    pub reserved: f64,
    pub max_waiting: f64,
    pub capacity: f64,
    pub mode: u32,
}

/// A bulkhead's handle.
#[napi(catch_unwind)]
pub fn bulkhead_new(env: Env, config: BulkheadConfig) -> f64 {
    let settings = Config {
        max_concurrent: config.max_concurrent as u32,
        reserved: config.reserved as u32,
        max_waiting: config.max_waiting as u32,
        mode: Mode::from_number(config.mode).unwrap_or_default(),
    };
    let allocated = seawall::bulkhead::allocate(config.capacity as u32, &settings);
    make(&env, &BULKHEADS, allocated)
}

#[napi(catch_unwind)]
pub fn bulkhead_free(env: Env, handle: u32) -> bool {
    free(&env, &BULKHEADS, handle)
}

/// The permit as one number when it is of one of the first 256 cells, which is everyday; else in the details.
/// `waiting`: the caller goes on waiting after a refusal, so it does not count as rejected.
#[napi(catch_unwind)]
pub fn bulkhead_try_acquire(handle: u32, critical: bool, waiting: bool, now_ms: f64) -> f64 {
    let answer = with(&BULKHEADS, handle, |bulkhead| {
        if waiting {
            bulkhead.try_acquire_waiting(Owner::PRIVATE, critical, &moment(now_ms))
        } else {
            bulkhead.try_acquire(Owner::PRIVATE, critical, &moment(now_ms))
        }
    });
    match answer {
        Ok(Ok(permit)) => {
            let (token, _) = permit.into_raw();
            everyday_of(token).unwrap_or_else(|| permit_in_detail(token, 0, None))
        }
        Ok(Err(refusal)) => refused(refusal),
        Err(misuse) => misused(misuse),
    }
}

/// Gives back an everyday permit: one that crossed as a number.
#[napi(catch_unwind)]
pub fn bulkhead_release(handle: u32, token: f64) -> i32 {
    release(handle, everyday(token))
}

/// Gives back a permit that crossed in two halves.
#[napi(catch_unwind)]
pub fn bulkhead_release_whole(handle: u32, token_low: u32, token_high: u32) -> i32 {
    release(handle, word(token_low, token_high))
}

fn release(handle: u32, token: u64) -> i32 {
    let Some(permit) = Permit::from_raw(token, Owner::PRIVATE.raw()) else {
        return misused(Misuse::Spent) as i32;
    };
    match with(&BULKHEADS, handle, |bulkhead| bulkhead.release(permit)) {
        Ok(true) => 0,
        Ok(false) => Status::STALE.0,
        Err(misuse) => misused(misuse) as i32,
    }
}

#[napi(catch_unwind)]
pub fn bulkhead_begin_wait(handle: u32) -> f64 {
    match with(&BULKHEADS, handle, Bulkhead::begin_wait) {
        Ok(Ok(())) => 0.0,
        Ok(Err(refusal)) => refused(refusal),
        Err(misuse) => misused(misuse),
    }
}

#[napi(catch_unwind)]
pub fn bulkhead_end_wait(handle: u32) -> f64 {
    with(&BULKHEADS, handle, Bulkhead::end_wait).map_or_else(misused, |()| 0.0)
}

#[napi(catch_unwind)]
pub fn bulkhead_resize(handle: u32, max_concurrent: f64, reserved: f64) -> f64 {
    let answer = with(&BULKHEADS, handle, |bulkhead| {
        bulkhead.resize(max_concurrent as u32, reserved as u32)
    });
    match answer {
        Ok(Ok(())) => 0.0,
        Ok(Err(error)) => misconfigured(error),
        Err(misuse) => misused(misuse),
    }
}

/// Fills limit, reserved, in use, waiting, rejected, shadow refused, stale, longest hold in ms.
#[napi(catch_unwind)]
pub fn bulkhead_snapshot(handle: u32, now_ms: f64, into: Float64ArraySlice) -> i32 {
    let seen = with(&BULKHEADS, handle, |bulkhead| {
        bulkhead.snapshot(moment(now_ms).now())
    });
    match seen {
        Err(misuse) => misused(misuse) as i32,
        Ok(seen) => {
            fill(
                into,
                &[
                    f64::from(seen.limit),
                    f64::from(seen.reserved),
                    f64::from(seen.in_use),
                    f64::from(seen.waiting),
                    seen.rejected as f64,
                    seen.shadow_refused as f64,
                    seen.stale as f64,
                    millis(seen.longest_hold),
                ],
            );
            0
        }
    }
}
