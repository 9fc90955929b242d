//! Seawall bindings.
