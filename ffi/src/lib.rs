//! The C interface of Seawall: null checks, a panic guard and numbers around the core, nothing else.
//!
//! `include/seawall.h` is generated from these files; their comments are its manual, written for C readers.
#![cfg_attr(not(feature = "std"), no_std)]
#![allow(non_camel_case_types, reason = "the names are those of the C header")]
#![allow(dead_code, reason = "constants are read by the header generator only")]
#![allow(
    clippy::missing_safety_doc,
    reason = "the comments are the header's manual; the rules for pointers stand at its top"
)]

mod backoff;
mod breaker;
mod bulkhead;
mod call;
mod deadline;
#[cfg(feature = "host")]
mod dependency;
mod guard;
mod histogram;
mod http;
mod limiter;
mod memory;
mod permit;
mod policy;
mod retry_after;
mod retry_budget;
mod status;
#[cfg(feature = "host")]
mod text;
#[cfg(feature = "host")]
mod wall;

#[cfg(not(feature = "std"))]
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    // SAFETY: abort has no preconditions and does not return.
    unsafe { libc::abort() }
}
