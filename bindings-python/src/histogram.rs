//! How long calls take.

use pyo3::prelude::*;
use seawall::Nanos;
use seawall::core::Histogram as Core;

/// The histogram below `seawall.Histogram`.
#[pyclass(frozen, subclass, module = "seawall._native")]
pub struct Histogram {
    core: Box<Core>,
}

#[pymethods]
impl Histogram {
    #[new]
    fn new() -> Self {
        Self {
            core: Box::new(Core::new()),
        }
    }

    fn _record(&self, nanoseconds: u64) {
        self.core.record(Nanos(nanoseconds));
    }

    fn _quantile(&self, ppm: u32) -> u64 {
        self.core.quantile(ppm).0
    }

    /// How many latencies were counted.
    #[getter]
    fn total(&self) -> u64 {
        self.core.total()
    }

    /// Adds everything that `other` holds.
    fn merge(&self, other: &Bound<'_, Self>) {
        self.core.merge(&other.get().core);
    }

    /// Forgets everything. Latencies recorded meanwhile may or may not stay.
    fn reset(&self) {
        self.core.reset();
    }
}
