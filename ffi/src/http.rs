//! HTTP: what an answer, or the lack of one, says about another attempt
//!
//! Fill an attempt by these tables and hand it to seawall_call_ended(), so that a 503 means the same in every client.
//! Whether the attempt is made again is for the policy: see seawall_http_is_idempotent.

use core::ffi::c_char;

use seawall_core::http::{self, Trouble};
use seawall_core::policy::Ended;
use seawall_core::{Misuse, Nanos, Status};

use crate::call::seawall_attempt_t;
use crate::guard::guard;
use crate::memory::{header_value, read, write};
use crate::status::seawall_status_t;

/// No connection came about: refused, no route, no such name. Nothing was sent.
pub const SEAWALL_TROUBLE_NOT_CONNECTED: u32 = 1;
/// No connection came about in time. Nothing was sent.
pub const SEAWALL_TROUBLE_CONNECT_TIMEOUT: u32 = 2;
/// Connected, but no answer in time.
pub const SEAWALL_TROUBLE_READ_TIMEOUT: u32 = 3;
/// The connection broke before the answer was complete.
pub const SEAWALL_TROUBLE_RESET: u32 = 4;
/// The answer is not HTTP, or the peer is not who it should be.
pub const SEAWALL_TROUBLE_PROTOCOL: u32 = 5;
/// Anything else: not worth another attempt.
pub const SEAWALL_TROUBLE_OTHER: u32 = 6;

/// Fills an attempt by the status of the answer. Put what seawall_retry_after() read into its retry_after_ns before
/// (0 for nothing): it tells a 503 that throttles from one that is broken, stays for failures and becomes 0 otherwise.
///
/// 408, 425, 429 and 5xx are failures, retryable but for 501 and 505; 429 and a 503 with Retry-After are throttled; what
/// is no status counts as 5xx. All others are successes: the dependency answered. `random` stays as it is.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn seawall_http_classify(
    status: u32,
    attempt: *mut seawall_attempt_t,
) -> seawall_status_t {
    guard(|| {
        // SAFETY: the header asks for a valid attempt.
        unsafe { fill(attempt, |retry_after| http::ended(status, retry_after)) }
    })
}

/// Fills an attempt that had no answer, by SEAWALL_TROUBLE_*: always a failure. retry_after_ns becomes 0, `random`
/// stays as it is. SEAWALL_ERROR_ARGUMENT for another number.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn seawall_http_trouble(
    trouble: u32,
    attempt: *mut seawall_attempt_t,
) -> seawall_status_t {
    guard(|| {
        let trouble = Trouble::from_number(trouble).ok_or(Misuse::Argument)?;
        // SAFETY: the header asks for a valid attempt.
        unsafe { fill(attempt, |_| trouble.ended()) }
    })
}

/// 1 for a method that may be sent twice with the effect of once (GET, HEAD, PUT, DELETE, OPTIONS, TRACE, in capitals
/// as on the wire), else 0. `bytes` bytes at `method`, no NUL needed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn seawall_http_is_idempotent(method: *const c_char, bytes: usize) -> u32 {
    // SAFETY: the header asks for readable text.
    let method = unsafe { header_value(method, bytes) };
    u32::from(method.is_ok_and(http::is_idempotent))
}

/// Writes what `ended` says into the caller's attempt, of this or another version.
///
/// # Safety
/// A pointer that is not null must point to an attempt of the size that its first field names.
unsafe fn fill(
    attempt: *mut seawall_attempt_t,
    ended: impl FnOnce(Nanos) -> Ended,
) -> Result<Status, Misuse> {
    if attempt.is_null() {
        return Err(Misuse::Null);
    }
    // SAFETY: the caller's promise.
    let given = unsafe { read(attempt.cast_const()) }?;
    let ended = ended(Nanos(given.retry_after_ns));
    let filled = seawall_attempt_t {
        outcome: ended.outcome as u32,
        is_retryable: u32::from(ended.is_retryable),
        was_not_sent: u32::from(ended.was_not_sent),
        cause: ended.cause as u32,
        retry_after_ns: ended.retry_after.0,
        ..given
    };
    // SAFETY: the caller's promise.
    unsafe { write(attempt, &filled) }?;
    Ok(Status::OK)
}
