//! The moment after which nobody waits for the answer any more. A plain value: its moment, in nanoseconds of
//! the monotonic clock, crosses as a BigInt, because it outgrows an exact number after 104 days of uptime.

use napi::bindgen_prelude::BigInt;
use napi_derive::napi;
use seawall::{Deadline, Moment, Nanos};

use crate::time::{millis, moment, nanos};

fn deadline(at: &BigInt) -> Deadline {
    Deadline::at(Nanos(at.get_u64().1))
}

fn at(deadline: Deadline) -> BigInt {
    BigInt::from(deadline.moment().0)
}

#[napi(catch_unwind)]
pub fn deadline_after(span_ms: f64, now_ms: f64) -> BigInt {
    at(Deadline::after(moment(now_ms).now(), nanos(span_ms)))
}

#[napi(catch_unwind)]
pub fn deadline_remaining(at: BigInt, now_ms: f64) -> f64 {
    millis(deadline(&at).remaining(moment(now_ms).now()))
}

#[napi(catch_unwind)]
pub fn deadline_is_expired(at: BigInt, now_ms: f64) -> bool {
    deadline(&at).is_expired(moment(now_ms).now())
}

#[napi(catch_unwind)]
pub fn deadline_nearer(one: BigInt, other: BigInt) -> BigInt {
    at(deadline(&one).nearer(deadline(&other)))
}

#[napi(catch_unwind)]
pub fn deadline_keep(moment_ns: BigInt, permille: u32, now_ms: f64) -> BigInt {
    let permille = u16::try_from(permille).unwrap_or(u16::MAX);
    at(deadline(&moment_ns).keep(moment(now_ms).now(), permille))
}

#[napi(catch_unwind)]
pub fn deadline_attempt_timeout(at: BigInt, timeout_ms: f64, now_ms: f64) -> f64 {
    millis(deadline(&at).attempt_timeout(nanos(timeout_ms), moment(now_ms).now()))
}
