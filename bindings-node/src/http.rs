//! HTTP: headers that carry time, and what an answer says about the dependency.

use std::cell::Cell;

use napi_derive::napi;
use seawall::core::deadline::header::{self, HeaderError};
use seawall::core::{http, retry_after};
use seawall::{Misuse, Nanos};

use crate::answer::misused;
use crate::call::word_of;
use crate::time::nanos;

thread_local! {
    static FAULT: Cell<Option<HeaderError>> = const { Cell::new(None) };
}

/// What is wrong with a header; never a piece of its value.
#[napi(object)]
pub struct HeaderProblem {
    pub header: String,
    /// 1 empty, 2 too long, 3 malformed, 4 too large
    pub kind: u32,
    pub bytes: f64,
    pub expected: String,
    pub text: String,
}

/// What the last answer -140 was about.
#[napi(catch_unwind)]
pub fn read_header_problem() -> Option<HeaderProblem> {
    let fault = FAULT.try_with(Cell::get).ok()??;
    Some(HeaderProblem {
        header: fault.header.to_owned(),
        kind: fault.kind as u32,
        bytes: fault.bytes as f64,
        expected: fault.expected.to_owned(),
        text: fault.to_string(),
    })
}

/// Spans that are read are a day at most, so their nanoseconds are exact in a number.
fn span(read: Result<Nanos, HeaderError>) -> f64 {
    match read {
        Ok(span) => span.0 as f64,
        Err(fault) => {
            let _ = FAULT.try_with(|cell| cell.set(Some(fault)));
            misused(Misuse::Header)
        }
    }
}

/// Nanoseconds of the value of `grpc-timeout`.
#[napi(catch_unwind)]
pub fn header_from_grpc(text: String) -> f64 {
    span(header::from_grpc(text))
}

/// Nanoseconds of the value of `x-request-timeout-ms`.
#[napi(catch_unwind)]
pub fn header_from_millis(text: String) -> f64 {
    span(header::from_millis(text))
}

fn spanned(span_ns: f64) -> Nanos {
    // Saturates; infinity is "no deadline".
    Nanos(span_ns as u64)
}

/// The value of `grpc-timeout`; none for infinity.
#[napi(catch_unwind)]
pub fn header_to_grpc(span_ns: f64) -> Option<String> {
    header::to_grpc(spanned(span_ns)).map(|text| text.as_str().to_owned())
}

/// The value of `x-request-timeout-ms`; none for infinity.
#[napi(catch_unwind)]
pub fn header_to_millis(span_ns: f64) -> Option<String> {
    header::to_millis(spanned(span_ns)).map(|text| text.as_str().to_owned())
}

/// Nanoseconds to wait from `unix_ms`, of the value of Retry-After.
#[napi(catch_unwind)]
pub fn http_retry_after(text: String, unix_ms: f64) -> f64 {
    span(retry_after::parse(text, unix_ms as u64))
}

/// How an attempt ended that was answered with this status.
#[napi(catch_unwind)]
pub fn http_status(status: u32, retry_after_ms: f64) -> u32 {
    word_of(&http::ended(status, nanos(retry_after_ms)))
}

/// How an attempt ended that was not answered: 1 not connected, 2 connect timeout, 3 read timeout, 4 reset,
/// 5 protocol, anything else other.
#[napi(catch_unwind)]
pub fn http_trouble(trouble: u32) -> u32 {
    let trouble = http::Trouble::from_number(trouble).unwrap_or(http::Trouble::Other);
    word_of(&trouble.ended())
}

/// Whether a request of this method may be sent twice.
#[napi(catch_unwind)]
pub fn http_is_idempotent(method: String) -> bool {
    http::is_idempotent(method)
}
