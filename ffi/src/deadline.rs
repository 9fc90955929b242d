//! Deadline: the time left for a whole call
//!
//! A deadline is a plain number, a time of seawall_now_ns(): pass it on to the work below. Here too now_ns 0 reads
//! the clock.

use seawall_core::{Deadline, Moment as _, Nanos};

use crate::guard::When;

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
