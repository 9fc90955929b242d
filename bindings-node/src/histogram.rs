//! How long calls take: a fixed log-linear histogram, within 3 % from the median to p99.9.

use napi::Env;
use napi_derive::napi;
use seawall::Histogram;

use crate::answer::misused;
use crate::slots::{Slots, free, make, with};
use crate::time::{millis, nanos};

thread_local! {
    static HISTOGRAMS: Slots<Histogram> = const { Slots::new() };
}

#[napi(catch_unwind)]
pub fn histogram_new(env: Env) -> f64 {
    make(&env, &HISTOGRAMS, Ok(Box::new(Histogram::new())))
}

#[napi(catch_unwind)]
pub fn histogram_free(env: Env, handle: u32) -> bool {
    free(&env, &HISTOGRAMS, handle)
}

#[napi(catch_unwind)]
pub fn histogram_record(handle: u32, latency_ms: f64) -> f64 {
    with(&HISTOGRAMS, handle, |histogram| {
        histogram.record(nanos(latency_ms))
    })
    .map_or_else(misused, |()| 0.0)
}

#[napi(catch_unwind)]
pub fn histogram_total(handle: u32) -> f64 {
    with(&HISTOGRAMS, handle, Histogram::total).map_or_else(misused, |total| total as f64)
}

/// The latency in ms that `ppm` millionths stayed at or below.
#[napi(catch_unwind)]
pub fn histogram_quantile(handle: u32, ppm: u32) -> f64 {
    with(&HISTOGRAMS, handle, |histogram| {
        millis(histogram.quantile(ppm))
    })
    .unwrap_or_else(misused)
}

#[napi(catch_unwind)]
pub fn histogram_merge(handle: u32, other: u32) -> f64 {
    let answer = with(&HISTOGRAMS, handle, |histogram| {
        with(&HISTOGRAMS, other, |other| histogram.merge(other))
    });
    match answer {
        Ok(Ok(())) => 0.0,
        Ok(Err(misuse)) | Err(misuse) => misused(misuse),
    }
}

#[napi(catch_unwind)]
pub fn histogram_reset(handle: u32) -> f64 {
    with(&HISTOGRAMS, handle, Histogram::reset).map_or_else(misused, |()| 0.0)
}
