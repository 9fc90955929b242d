//! The one door to atomics: everything shared in this crate comes through here, so that a model checker
//! can take the place of the processor (`--cfg seawall_loom`).

#[cfg(not(seawall_loom))]
pub use core::sync::atomic::{AtomicU32, AtomicU64, Ordering, fence};
#[cfg(seawall_loom)]
pub use loom::sync::atomic::{AtomicU32, AtomicU64, Ordering, fence};

/// An atomic that orders nothing and decides no race: counts and settings. The model checker leaves it alone,
/// because each access that it watches multiplies the orders it has to walk.
pub use core::sync::atomic::AtomicU64 as UnorderedU64;
/// The ordering of [`UnorderedU64`], whatever checks the others.
pub use core::sync::atomic::Ordering as UnorderedOrdering;
