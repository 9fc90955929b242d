//! Deadline: the time left for a whole call
//!
//! A deadline is a plain number, a time of seawall_now_ns(): pass it on to the work below. Here too now_ns 0 reads
//! the clock.
//!
//! Between processes and machines travels what is left, in a header: grpc-timeout ("1500m": 1 to 8 digits and one of
//! H M S m u n) or x-request-timeout-ms ("1500"). Read it as a span, and begin with seawall_deadline_after(now, span).

use core::ffi::c_char;

use seawall_core::deadline::header::{self, HeaderText};
use seawall_core::{Deadline, Misuse, Moment as _, Nanos, Status};

use crate::guard::{When, guard};
use crate::memory::{header_value, place};
use crate::status::seawall_status_t;

/// The deadline `span_ns` from `now_ns`; saturates at UINT64_MAX, which means never.
#[unsafe(no_mangle)]
pub extern "C" fn seawall_deadline_after(now_ns: u64, span_ns: u64) -> u64 {
    Deadline::after(When(now_ns).now(), Nanos(span_ns))
        .moment()
        .0
}

/// What is left, in nanoseconds; 0 once expired.
#[unsafe(no_mangle)]
pub extern "C" fn seawall_deadline_remaining(deadline_ns: u64, now_ns: u64) -> u64 {
    Deadline::at(Nanos(deadline_ns))
        .remaining(When(now_ns).now())
        .0
}

/// 1 from the moment itself on, else 0.
#[unsafe(no_mangle)]
pub extern "C" fn seawall_deadline_is_expired(deadline_ns: u64, now_ns: u64) -> u32 {
    u32::from(Deadline::at(Nanos(deadline_ns)).is_expired(When(now_ns).now()))
}

/// The nearer of two deadlines.
#[unsafe(no_mangle)]
pub extern "C" fn seawall_deadline_nearer(deadline_ns: u64, other_ns: u64) -> u64 {
    Deadline::at(Nanos(deadline_ns))
        .nearer(Deadline::at(Nanos(other_ns)))
        .moment()
        .0
}

/// An earlier deadline for the work below, keeping `permille` thousandths (0..1000) of what is left.
#[unsafe(no_mangle)]
pub extern "C" fn seawall_deadline_keep(deadline_ns: u64, now_ns: u64, permille: u32) -> u64 {
    let permille = u16::try_from(permille).unwrap_or(1_000);
    Deadline::at(Nanos(deadline_ns))
        .keep(When(now_ns).now(), permille)
        .moment()
        .0
}

/// The time one attempt may take: `timeout_ns`, or what is left if that is less.
#[unsafe(no_mangle)]
pub extern "C" fn seawall_deadline_attempt_timeout(
    deadline_ns: u64,
    timeout_ns: u64,
    now_ns: u64,
) -> u64 {
    Deadline::at(Nanos(deadline_ns))
        .attempt_timeout(Nanos(timeout_ns), When(now_ns).now())
        .0
}

/// Reads the value of grpc-timeout, `bytes` bytes at `text` (no NUL needed), into `*span_ns`. 0 is a value: the time
/// is over already. SEAWALL_ERROR_HEADER for anything but 1 to 8 digits and a unit, for more than a day, and for more
/// than 64 bytes, which are not read.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn seawall_deadline_from_grpc(
    text: *const c_char,
    bytes: usize,
    span_ns: *mut u64,
) -> seawall_status_t {
    guard(|| {
        // SAFETY: the header asks for readable text.
        let value = unsafe { header_value(text, bytes) }?;
        // SAFETY: the header asks for a valid place.
        let place = unsafe { place(span_ns) }?;
        *place = header::from_grpc(value).map_err(|_| Misuse::Header)?.0;
        Ok(Status::OK)
    })
}

/// Reads the value of x-request-timeout-ms, as seawall_deadline_from_grpc does: digits, at most 86400000.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn seawall_deadline_from_ms(
    text: *const c_char,
    bytes: usize,
    span_ns: *mut u64,
) -> seawall_status_t {
    guard(|| {
        // SAFETY: the header asks for readable text.
        let value = unsafe { header_value(text, bytes) }?;
        // SAFETY: the header asks for a valid place.
        let place = unsafe { place(span_ns) }?;
        *place = header::from_millis(value).map_err(|_| Misuse::Header)?.0;
        Ok(Status::OK)
    })
}

/// Writes a span as grpc-timeout into `out`, which has room for 16 bytes, with a NUL; answers its length. In the
/// finest unit that fits, rounded down, and a day for all that is longer. 0 when there is no header to send:
/// UINT64_MAX is no deadline, and null is no place.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn seawall_deadline_to_grpc(span_ns: u64, out: *mut c_char) -> usize {
    // SAFETY: the header asks for a place of 16 bytes.
    unsafe { hand_out(header::to_grpc(Nanos(span_ns)), out) }
}

/// Writes a span as x-request-timeout-ms into `out`, which has room for 24 bytes, with a NUL; answers its length. In
/// whole milliseconds, rounded down, and a day for all that is longer; otherwise as seawall_deadline_to_grpc.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn seawall_deadline_to_ms(span_ns: u64, out: *mut c_char) -> usize {
    // SAFETY: the header asks for a place of 24 bytes.
    unsafe { hand_out(header::to_millis(Nanos(span_ns)), out) }
}

// The shortest of the places that callers are asked for.
const _: () = assert!(HeaderText::MOST < 16);

/// Copies a text and its NUL to a place that is null or has room for 16 bytes.
///
/// # Safety
/// As it says.
unsafe fn hand_out(text: Option<HeaderText>, out: *mut c_char) -> usize {
    if out.is_null() {
        return 0;
    }
    let text = text.as_deref().unwrap_or("");
    // SAFETY: no written text is longer than HeaderText::MOST, which leaves room for the NUL.
    unsafe { core::ptr::copy_nonoverlapping(text.as_ptr().cast::<c_char>(), out, text.len()) };
    // SAFETY: as above.
    unsafe { out.add(text.len()).write(0) };
    text.len()
}
