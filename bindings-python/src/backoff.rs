//! The wait before the next attempt.

use pyo3::prelude::*;
use pyo3::types::PyDict;
use seawall::Nanos;
use seawall::core::backoff::{self as core, Jitter};

use crate::settings::{Given, bad};

/// The backoff below `seawall.Backoff`.
#[pyclass(frozen, subclass, module = "seawall._native")]
pub struct Backoff {
    core: core::Backoff,
}

#[pymethods]
impl Backoff {
    #[new]
    fn new(settings: &Bound<'_, PyDict>) -> PyResult<Self> {
        let given = Given(settings);
        let mut core = core::Backoff::default();
        let mut jitter = 0;
        given.nanos("base_ns", &mut core.base)?;
        given.u32("factor_permille", &mut core.factor_permille)?;
        given.nanos("cap_ns", &mut core.cap)?;
        given.nanos("retry_after_margin_ns", &mut core.retry_after_margin)?;
        given.u32("jitter", &mut jitter)?;
        core.jitter = Jitter::from_number(jitter).unwrap_or_default();
        core.validate().map_err(bad)?;
        Ok(Self { core })
    }

    /// The wait before a retry in nanoseconds. Without `random` the bits come from the operating system.
    fn _delay(&self, attempt: u64, previous: u64, random: Option<u64>, retry_after: u64) -> u64 {
        let attempt = u32::try_from(attempt).unwrap_or(u32::MAX);
        let random = random.unwrap_or_else(seawall::seed::random);
        self.core
            .delay(attempt, Nanos(previous), random, Nanos(retry_after))
            .0
    }

    fn _settings<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let dict = PyDict::new(py);
        for (name, value) in [
            ("base_ns", self.core.base.0),
            ("factor_permille", u64::from(self.core.factor_permille)),
            ("cap_ns", self.core.cap.0),
            ("jitter", self.core.jitter as u64),
            ("retry_after_margin_ns", self.core.retry_after_margin.0),
        ] {
            dict.set_item(name, value)?;
        }
        Ok(dict)
    }
}
