//! Retry-After: when a server wants to be asked again

use core::ffi::c_char;

use seawall_core::{Misuse, Status, retry_after};

use crate::guard::guard;
use crate::memory::{header_value, place};
use crate::status::seawall_status_t;

/// Reads the value of Retry-After, `bytes` bytes at `text` (no NUL needed), into `*span_ns`: how long to wait from
/// `unix_ms`, the wall clock in milliseconds since 1970.
///
/// Seconds in digits, or a date in any of the three forms of RFC 9110. A date in the past is 0, more than a day counts
/// as a day. SEAWALL_ERROR_HEADER for anything else: go on as if there were no such header. Pure.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn seawall_retry_after(
    text: *const c_char,
    bytes: usize,
    unix_ms: u64,
    span_ns: *mut u64,
) -> seawall_status_t {
    guard(|| {
        // SAFETY: the header asks for readable text.
        let value = unsafe { header_value(text, bytes) }?;
        // SAFETY: the header asks for a valid place.
        let place = unsafe { place(span_ns) }?;
        *place = retry_after::parse(value, unix_ms)
            .map_err(|_| Misuse::Header)?
            .0;
        Ok(Status::OK)
    })
}
