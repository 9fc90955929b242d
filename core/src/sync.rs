//! The one door to atomics: everything shared in this crate comes through here, so that a model checker
//! can take the place of the processor (`--cfg seawall_loom`).

#[cfg(not(seawall_loom))]
pub use core::sync::atomic::{AtomicU32, AtomicU64, Ordering, fence};
#[cfg(seawall_loom)]
pub use loom::sync::atomic::{AtomicU32, AtomicU64, Ordering, fence};
