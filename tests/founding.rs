//! The examples that this project was founded on, on a virtual clock: every run is the same, and each prints its
//! figures. The engine decides, the tests only keep the time and play the services.

#[path = "founding/herd.rs"]
mod herd;
#[path = "founding/layers.rs"]
mod layers;
#[path = "founding/limits.rs"]
mod limits;
#[path = "founding/timeline.rs"]
mod timeline;
#[path = "founding/world.rs"]
mod world;
