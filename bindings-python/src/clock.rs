//! Where the time comes from: the core's own clock, read only when an answer needs it, or a callable of
//! the user's that is asked before each step.

use pyo3::PyTraverseError;
use pyo3::gc::PyVisit;
use pyo3::prelude::*;
use seawall::{Moment, Nanos};

/// The clock that an object was made with.
pub struct Clock(Option<Py<PyAny>>);

/// The time of one step.
pub enum Time {
    /// Ask the system, if it matters.
    Lazy,
    /// The user's clock said so.
    Given(Nanos),
}

impl Moment for Time {
    #[inline]
    fn now(&self) -> Nanos {
        match self {
            Self::Lazy => seawall::clock::monotonic(),
            Self::Given(now) => *now,
        }
    }

    #[inline]
    fn about(&self) -> Nanos {
        match self {
            Self::Lazy => seawall::clock::coarse(),
            Self::Given(now) => *now,
        }
    }
}

impl Clock {
    pub const fn new(clock: Option<Py<PyAny>>) -> Self {
        Self(clock)
    }

    /// The time of the step that follows. Fails only when the user's clock does.
    #[inline]
    pub fn time(&self, py: Python<'_>) -> PyResult<Time> {
        match &self.0 {
            None => Ok(Time::Lazy),
            Some(clock) => Ok(Time::Given(Nanos(clock.bind(py).call0()?.extract()?))),
        }
    }

    /// The time now.
    pub fn now(&self, py: Python<'_>) -> PyResult<Nanos> {
        self.time(py).map(|time| time.now())
    }

    pub fn visit(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.0)
    }
}
