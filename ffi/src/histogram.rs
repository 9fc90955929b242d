//! Histogram: how long calls take
//!
//! Fixed storage; answers within 3 % of the value from 1 us to 137 s. Zeroed memory is an empty histogram, so there
//! is nothing to attach: another process casts the pointer that it mapped.

use core::ffi::c_void;

use seawall_core::{Histogram, Misuse, Nanos, Status};

use crate::guard::guard;
use crate::memory::{object, place, storage};
use crate::status::seawall_status_t;

/// A latency histogram in the caller's storage: zeroed memory is an empty one.
pub struct seawall_histogram_t {
    _opaque: [u8; 0],
}

/// The storage it needs, in bytes.
pub const SEAWALL_HISTOGRAM_BYTES: usize = 3584;
const _: () = assert!(SEAWALL_HISTOGRAM_BYTES == size_of::<Histogram>());

/// # Safety
/// As for `object`.
unsafe fn histogram<'a>(pointer: *const seawall_histogram_t) -> Result<&'a Histogram, Misuse> {
    // SAFETY: the caller's promise is passed on; any bytes are a histogram.
    unsafe { object::<Histogram, _>(pointer) }
}

/// The storage a histogram needs, in bytes; equals SEAWALL_HISTOGRAM_BYTES.
#[unsafe(no_mangle)]
pub extern "C" fn seawall_histogram_bytes() -> usize {
    SEAWALL_HISTOGRAM_BYTES
}

/// Makes an empty histogram in `memory`, which must be aligned to SEAWALL_ALIGN and hold SEAWALL_HISTOGRAM_BYTES.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn seawall_histogram_init(
    memory: *mut c_void,
    memory_bytes: usize,
    histogram: *mut *mut seawall_histogram_t,
) -> seawall_status_t {
    guard(|| {
        // SAFETY: the header asks for a valid place.
        let out = unsafe { place(histogram) }?;
        let memory = storage(memory, memory_bytes, size_of::<Histogram>())?;
        // SAFETY: aligned and large enough, see `storage`; zeros are an empty histogram.
        unsafe { memory.cast::<Histogram>().write_bytes(0, 1) };
        *out = memory.as_ptr().cast();
        Ok(Status::OK)
    })
}

/// Counts one latency, in nanoseconds. Any thread, any process; never blocks.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn seawall_histogram_record(
    histogram: *const seawall_histogram_t,
    latency_ns: u64,
) -> seawall_status_t {
    guard(|| {
        // SAFETY: the header asks for a histogram of ours.
        unsafe { self::histogram(histogram) }?.record(Nanos(latency_ns));
        Ok(Status::OK)
    })
}

/// The latency that `ppm` millionths (0..1000000) of all calls stayed at or below goes to `*latency_ns`:
/// 500000 is the median, 999000 is p99.9. 0 when nothing was counted.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn seawall_histogram_quantile(
    histogram: *const seawall_histogram_t,
    ppm: u32,
    latency_ns: *mut u64,
) -> seawall_status_t {
    guard(|| {
        if ppm > 1_000_000 {
            return Err(Misuse::Argument);
        }
        // SAFETY: the header asks for a histogram of ours.
        let latency = unsafe { self::histogram(histogram) }?.quantile(ppm);
        // SAFETY: the header asks for a valid place.
        *unsafe { place(latency_ns) }? = latency.0;
        Ok(Status::OK)
    })
}

/// How many latencies were counted goes to `*total`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn seawall_histogram_total(
    histogram: *const seawall_histogram_t,
    total: *mut u64,
) -> seawall_status_t {
    guard(|| {
        // SAFETY: the header asks for a histogram of ours.
        let counted = unsafe { self::histogram(histogram) }?.total();
        // SAFETY: the header asks for a valid place.
        *unsafe { place(total) }? = counted;
        Ok(Status::OK)
    })
}

/// Adds everything that `other` holds.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn seawall_histogram_merge(
    histogram: *const seawall_histogram_t,
    other: *const seawall_histogram_t,
) -> seawall_status_t {
    guard(|| {
        // SAFETY: the header asks for two histograms of ours.
        let (into, from) = (unsafe { self::histogram(histogram) }?, unsafe {
            self::histogram(other)
        }?);
        into.merge(from);
        Ok(Status::OK)
    })
}

/// Forgets everything.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn seawall_histogram_reset(
    histogram: *const seawall_histogram_t,
) -> seawall_status_t {
    guard(|| {
        // SAFETY: the header asks for a histogram of ours.
        unsafe { self::histogram(histogram) }?.reset();
        Ok(Status::OK)
    })
}
