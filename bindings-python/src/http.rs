//! HTTP: what a status or a trouble says, and the values of headers. Texts come as the bytes that arrived.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use seawall::core::deadline::header::{self, HeaderError};
use seawall::core::http::{self, Trouble};
use seawall::core::retry_after;
use seawall::{Ended, Nanos};

/// Outcome, whether another attempt may help, whether it was certainly not sent, the cause, what to wait.
type Row = (u32, bool, bool, u32, u64);

fn row(ended: Ended) -> Row {
    (
        ended.outcome as u32,
        ended.is_retryable,
        ended.was_not_sent,
        ended.cause as u32,
        ended.retry_after.0,
    )
}

fn bad(error: HeaderError) -> PyErr {
    PyValueError::new_err((
        error.header,
        error.kind as u8,
        error.bytes,
        error.to_string(),
    ))
}

/// What an answer with this status says.
#[pyfunction]
pub fn http_status(status: u32, retry_after: u64) -> Row {
    row(http::ended(status, Nanos(retry_after)))
}

/// What it says that there was no answer: 1 not connected, 2 connect timeout, 3 read timeout, 4 reset, 5 protocol,
/// 6 other.
#[pyfunction]
pub fn http_trouble(trouble: u32) -> Row {
    row(Trouble::from_number(trouble)
        .unwrap_or(Trouble::Other)
        .ended())
}

/// Whether a method may be sent twice with the effect of once.
#[pyfunction]
pub fn http_is_idempotent(method: &[u8]) -> bool {
    http::is_idempotent(method)
}

/// Nanoseconds of a Retry-After, seen at this wall clock in milliseconds.
#[pyfunction]
pub fn header_retry_after(text: &[u8], unix_ms: u64) -> PyResult<u64> {
    retry_after::parse(text, unix_ms)
        .map(|span| span.0)
        .map_err(bad)
}

/// Nanoseconds of a grpc-timeout.
#[pyfunction]
pub fn header_from_grpc(text: &[u8]) -> PyResult<u64> {
    header::from_grpc(text).map(|span| span.0).map_err(bad)
}

/// Nanoseconds of an x-request-timeout-ms.
#[pyfunction]
pub fn header_from_millis(text: &[u8]) -> PyResult<u64> {
    header::from_millis(text).map(|span| span.0).map_err(bad)
}

/// A grpc-timeout of so many nanoseconds; None for what no header can say.
#[pyfunction]
pub fn header_to_grpc(span: u64) -> Option<String> {
    header::to_grpc(Nanos(span)).map(|text| text.as_str().to_owned())
}

/// An x-request-timeout-ms of so many nanoseconds; None for what no header can say.
#[pyfunction]
pub fn header_to_millis(span: u64) -> Option<String> {
    header::to_millis(Nanos(span)).map(|text| text.as_str().to_owned())
}
