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

/// A breaker counts the moments at which it may close in 34 years' worth of milliseconds, which is plenty for
/// a clock that began with the machine, and too little for one that counts from 1970, as wall clocks do and
/// the clocks of tools that freeze the time. What looks like such a moment is counted from 2010 instead, round
/// and round.
const fn near(nanoseconds: u64) -> Nanos {
    const FAR: u64 = 1 << 59;
    const YEAR_2010: u64 = 1_262_304_000 * 1_000_000_000;
    const ROUND: u64 = (1 << 40) * 1_000_000;
    if nanoseconds < FAR {
        return Nanos(nanoseconds);
    }
    // The sum keeps the years before 2010 positive.
    Nanos((nanoseconds % ROUND + (2 * ROUND - YEAR_2010)) % ROUND)
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
            Some(clock) => Ok(Time::Given(near(clock.bind(py).call0()?.extract()?))),
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
