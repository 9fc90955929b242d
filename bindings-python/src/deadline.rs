//! The moment after which nobody waits for the answer any more.

use pyo3::PyTraverseError;
use pyo3::gc::PyVisit;
use pyo3::prelude::*;
use seawall::core::Deadline as Core;
use seawall::{Moment, Nanos};

use crate::clock::Clock;

/// The deadline below `seawall.Deadline`: a moment, and the clock that it is a moment of.
#[pyclass(frozen, subclass, module = "seawall._native")]
pub struct Deadline {
    core: Core,
    clock: Clock,
}

#[pymethods]
impl Deadline {
    /// At `nanoseconds` of the clock, or `nanoseconds` from now when `from_now`.
    #[new]
    #[pyo3(signature = (nanoseconds, from_now, clock=None))]
    fn new(
        py: Python<'_>,
        nanoseconds: u64,
        from_now: bool,
        clock: Option<Py<PyAny>>,
    ) -> PyResult<Self> {
        let clock = Clock::new(clock);
        let span = Nanos(nanoseconds);
        let core = if from_now {
            Core::after(clock.now(py)?, span)
        } else {
            Core::at(span)
        };
        Ok(Self { core, clock })
    }

    /// The moment in nanoseconds of its clock.
    #[getter]
    fn at_ns(&self) -> u64 {
        self.core.moment().0
    }

    /// True from the moment itself on.
    #[getter]
    fn is_expired(&self, py: Python<'_>) -> PyResult<bool> {
        Ok(self.core.is_expired(self.clock.now(py)?))
    }

    /// True for a deadline that never comes.
    #[getter]
    fn is_never(&self) -> bool {
        self.core == Core::NEVER
    }

    fn _remaining(&self, py: Python<'_>) -> PyResult<u64> {
        Ok(self.core.remaining(self.clock.now(py)?).0)
    }

    fn _keep(&self, py: Python<'_>, permille: u16) -> PyResult<u64> {
        Ok(self.core.keep(self.clock.now(py)?, permille).moment().0)
    }

    fn _attempt_timeout(&self, py: Python<'_>, timeout: u64) -> PyResult<u64> {
        Ok(self
            .core
            .attempt_timeout(Nanos(timeout), self.clock.time(py)?.now())
            .0)
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.clock.visit(&visit)
    }
}
