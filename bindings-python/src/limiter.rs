//! The token bucket.

use pyo3::PyTraverseError;
use pyo3::gc::PyVisit;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict};
use seawall::core::limiter::{self as core, Config, Reservation};
use seawall::{Nanos, Refusal};

use crate::clock::Clock;
use crate::settings::{Given, bad, raised};

/// The limiter below `seawall.Limiter`.
#[pyclass(frozen, subclass, module = "seawall._native")]
pub struct Limiter {
    core: Box<core::Limiter>,
    clock: Clock,
}

fn read(given: &Given<'_, '_>, mut config: Config) -> PyResult<Config> {
    given.u64("permits", &mut config.permits)?;
    given.nanos("period_ns", &mut config.period)?;
    given.u64("burst", &mut config.burst)?;
    given.mode(&mut config.mode)?;
    Ok(config)
}

impl Limiter {
    /// How many tokens an argument means.
    fn tokens(slf: &Bound<'_, Self>, tokens: Option<&Bound<'_, PyAny>>) -> PyResult<u64> {
        match tokens {
            None => Ok(1),
            Some(number) => match number.extract() {
                Ok(tokens) if !number.is_instance_of::<PyBool>() => Ok(tokens),
                _ => slf.call_method1("_count", ("n", number))?.extract(),
            },
        }
    }

    #[cold]
    fn refuse(slf: &Bound<'_, Self>, status: i32, number: u64) -> PyErr {
        raised(slf.call_method1("_refuse", (status, number)))
    }
}

#[pymethods]
impl Limiter {
    #[new]
    #[pyo3(signature = (settings, clock=None))]
    fn new(settings: &Bound<'_, PyDict>, clock: Option<Py<PyAny>>) -> PyResult<Self> {
        let config = read(&Given(settings), Config::default())?;
        Ok(Self {
            core: Box::new(core::Limiter::new(&config).map_err(bad)?),
            clock: Clock::new(clock),
        })
    }

    /// Takes `n` tokens if they are there now, and raises RateLimited when they are not. None are taken then.
    #[pyo3(signature = (n=None))]
    fn try_acquire(slf: &Bound<'_, Self>, n: Option<&Bound<'_, PyAny>>) -> PyResult<()> {
        let tokens = Self::tokens(slf, n)?;
        let this = slf.get();
        match this.core.try_acquire(tokens, &this.clock.time(slf.py())?) {
            Ok(Ok(())) => Ok(()),
            Ok(Err(Refusal {
                reason,
                retry_after,
            })) => Err(Self::refuse(slf, reason as i32, retry_after.0)),
            Err(misuse) => Err(Self::refuse(slf, misuse as i32, tokens)),
        }
    }

    /// Takes tokens ahead of time: status, how long to wait in nanoseconds, tokens taken.
    fn _reserve(&self, py: Python<'_>, tokens: u64, max_wait: u64) -> PyResult<(i32, u64, u64)> {
        Ok(
            match self
                .core
                .reserve(tokens, Nanos(max_wait), &self.clock.time(py)?)
            {
                Ok(Ok(reserved)) => (0, reserved.wait.0, reserved.tokens),
                Ok(Err(refusal)) => (refusal.reason as i32, refusal.retry_after.0, 0),
                Err(misuse) => (misuse as i32, tokens, 0),
            },
        )
    }

    /// Gives so many reserved tokens back.
    fn _cancel(&self, py: Python<'_>, tokens: u64) -> PyResult<()> {
        self.core.cancel(
            Reservation {
                tokens,
                wait: Nanos::ZERO,
            },
            &self.clock.time(py)?,
        );
        Ok(())
    }

    fn _adjust(&self, py: Python<'_>, tokens: i64) -> PyResult<()> {
        self.core.adjust(tokens, &self.clock.time(py)?);
        Ok(())
    }

    fn _reconfigure(&self, py: Python<'_>, settings: &Bound<'_, PyDict>) -> PyResult<()> {
        let config = read(&Given(settings), self.core.config())?;
        self.core
            .reconfigure(&config, &self.clock.time(py)?)
            .map_err(bad)
    }

    fn _settings<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let config = self.core.config();
        let dict = PyDict::new(py);
        for (name, value) in [
            ("permits", config.permits),
            ("period_ns", config.period.0),
            ("burst", config.burst),
            ("mode", config.mode as u64),
        ] {
            dict.set_item(name, value)?;
        }
        Ok(dict)
    }

    /// The numbers of a snapshot: limit, remaining, reset and retry-after in nanoseconds, then the counters.
    fn _look(&self, py: Python<'_>) -> PyResult<[u64; 7]> {
        let seen = self.core.snapshot(self.clock.now(py)?);
        Ok([
            seen.limit,
            seen.remaining,
            seen.reset.0,
            seen.retry_after.0,
            seen.allowed,
            seen.refused,
            seen.shadow_refused,
        ])
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.clock.visit(&visit)
    }
}
