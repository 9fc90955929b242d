//! What the cross-room tests and benches of the workspace share.

#[cfg(doctest)]
mod docs;
pub mod rig;
