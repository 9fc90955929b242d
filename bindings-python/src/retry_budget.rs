//! The retry budget and the leave for one retry.

use std::sync::atomic::{AtomicU64, Ordering};

use pyo3::PyTraverseError;
use pyo3::exceptions::PyException;
use pyo3::gc::PyVisit;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use seawall::Outcome;
use seawall::core::retry_budget::{self as core, Cause, Config, Profile};

use crate::clock::Clock;
use crate::settings::{Given, bad, raised};

/// The budget below `seawall.RetryBudget`.
#[pyclass(frozen, subclass, module = "seawall._native")]
pub struct RetryBudget {
    core: Box<core::RetryBudget>,
    clock: Clock,
}

fn read(given: &Given<'_, '_>, mut config: Config) -> PyResult<Config> {
    given.u32("ratio_permille", &mut config.ratio_permille)?;
    given.u32("min_per_second", &mut config.min_per_second)?;
    given.nanos("window_ns", &mut config.window)?;
    given.u32("cap", &mut config.cap)?;
    given.u32(
        "max_concurrent_retries_permille",
        &mut config.max_concurrent_retries_permille,
    )?;
    given.u32("min_concurrent_retries", &mut config.min_concurrent_retries)?;
    given.mode(&mut config.mode)?;
    Ok(config)
}

#[pymethods]
impl RetryBudget {
    #[new]
    #[pyo3(signature = (profile, settings, clock=None))]
    fn new(
        py: Python<'_>,
        profile: u32,
        settings: &Bound<'_, PyDict>,
        clock: Option<Py<PyAny>>,
    ) -> PyResult<Self> {
        let config = read(
            &Given(settings),
            Config::of(Profile::from_number(profile).unwrap_or_default()),
        )?;
        let clock = Clock::new(clock);
        let now = clock.now(py)?;
        Ok(Self {
            core: Box::new(core::RetryBudget::new(&config, now).map_err(bad)?),
            clock,
        })
    }

    /// Says that a call begins: once per call, whatever its attempts.
    fn deposit(&self, py: Python<'_>) -> PyResult<()> {
        self.core.deposit(&self.clock.time(py)?);
        Ok(())
    }

    /// Says that a call has ended: once for each deposit. Only the in-flight rule needs it.
    fn finish(&self) {
        self.core.finish();
    }

    fn _withdraw(slf: &Bound<'_, Self>, cause: u32) -> PyResult<Withdrawal> {
        let this = slf.get();
        let cause = Cause::from_number(cause).unwrap_or_default();
        match this.core.try_withdraw(cause, &this.clock.time(slf.py())?) {
            Ok(withdrawal) => Ok(Withdrawal {
                budget: slf.clone().unbind(),
                token: AtomicU64::new(withdrawal.into_raw()),
            }),
            Err(refusal) => Err(raised(
                slf.call_method1("_refuse", (refusal.reason as i32, refusal.retry_after.0)),
            )),
        }
    }

    /// Says how a first attempt ended.
    fn _record(&self, outcome: u32) {
        self.core.record(
            Outcome::from_number(outcome).unwrap_or(Outcome::Ignored),
            None,
        );
    }

    fn _reconfigure(&self, settings: &Bound<'_, PyDict>) -> PyResult<()> {
        let config = read(&Given(settings), self.core.config())?;
        self.core.reconfigure(&config).map_err(bad)
    }

    fn _settings<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let config = self.core.config();
        let dict = PyDict::new(py);
        for (name, value) in [
            ("profile", config.profile as u64),
            ("ratio_permille", u64::from(config.ratio_permille)),
            ("min_per_second", u64::from(config.min_per_second)),
            ("window_ns", config.window.0),
            ("cap", u64::from(config.cap)),
            (
                "max_concurrent_retries_permille",
                u64::from(config.max_concurrent_retries_permille),
            ),
            (
                "min_concurrent_retries",
                u64::from(config.min_concurrent_retries),
            ),
            ("mode", config.mode as u64),
        ] {
            dict.set_item(name, value)?;
        }
        Ok(dict)
    }

    /// The numbers of a snapshot: tokens and cap in thousandths, calls and retries in flight, then the counters.
    fn _look(&self, py: Python<'_>) -> PyResult<[u64; 8]> {
        let seen = self.core.snapshot(self.clock.now(py)?);
        Ok([
            seen.tokens_milli,
            seen.cap_milli,
            u64::from(seen.calls_in_flight),
            u64::from(seen.retries_in_flight),
            seen.deposited,
            seen.withdrawn,
            seen.refused,
            seen.shadow_refused,
        ])
    }

    /// In a forked child: calls under way in the parent are not under way here.
    fn _forked(&self) {
        let seen = self.core.snapshot(seawall::Nanos::ZERO);
        for _ in 0..seen.calls_in_flight {
            self.core.finish();
        }
        for _ in 0..seen.retries_in_flight {
            // A withdrawal that cost nothing and is counted in flight, as `Withdrawal` lays it out.
            self.core.record(
                Outcome::Ignored,
                core::Withdrawal::from_raw(1 << 63 | 1 << 32),
            );
        }
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.clock.visit(&visit)
    }
}

/// Leave for one retry. Say how the retry ended, or give it back; one that is only dropped is given back.
#[pyclass(frozen, module = "seawall._native")]
pub struct Withdrawal {
    budget: Py<RetryBudget>,
    /// Zero once spent.
    token: AtomicU64,
}

impl Withdrawal {
    fn take(&self, py: Python<'_>) -> PyResult<core::Withdrawal> {
        core::Withdrawal::from_raw(self.token.swap(0, Ordering::Relaxed))
            .ok_or_else(|| raised(self.budget.bind(py).call_method0("_spent")))
    }
}

#[pymethods]
impl Withdrawal {
    /// How the retry ended: "success", "failure" or "ignored".
    fn record(&self, py: Python<'_>, outcome: &Bound<'_, PyAny>) -> PyResult<()> {
        let budget = self.budget.bind(py);
        let number: u32 = budget.call_method1("_outcome", (outcome,))?.extract()?;
        let withdrawal = self.take(py)?;
        budget.get().core.record(
            Outcome::from_number(number).unwrap_or(Outcome::Ignored),
            Some(withdrawal),
        );
        Ok(())
    }

    /// Gives the leave back unused: what it cost is there again.
    fn cancel(&self, py: Python<'_>) -> PyResult<()> {
        let budget = self.budget.bind(py).get();
        let time = budget.clock.time(py)?;
        budget.core.cancel(self.take(py)?, &time);
        Ok(())
    }

    fn __enter__(slf: Bound<'_, Self>) -> Bound<'_, Self> {
        slf
    }

    /// A block that ends well was a success, one that raises a failure, and one that is interrupted says nothing.
    #[pyo3(signature = (exc_type, exc, traceback, /))]
    fn __exit__(
        &self,
        py: Python<'_>,
        exc_type: &Bound<'_, PyAny>,
        exc: &Bound<'_, PyAny>,
        traceback: &Bound<'_, PyAny>,
    ) -> bool {
        let _ = (exc_type, traceback);
        if let Some(withdrawal) = core::Withdrawal::from_raw(self.token.swap(0, Ordering::Relaxed))
        {
            let failed = exc.is_instance_of::<PyException>();
            let outcome = Outcome::classify(!exc.is_none() && !failed, failed);
            self.budget
                .bind(py)
                .get()
                .core
                .record(outcome, Some(withdrawal));
        }
        false
    }

    /// The budget that gave it.
    #[getter]
    fn budget(&self, py: Python<'_>) -> Py<RetryBudget> {
        self.budget.clone_ref(py)
    }

    /// True once it was recorded or given back.
    #[getter]
    fn is_spent(&self) -> bool {
        self.token.load(Ordering::Relaxed) == 0
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.budget)
    }
}

impl Drop for Withdrawal {
    fn drop(&mut self) {
        if let Some(withdrawal) = core::Withdrawal::from_raw(self.token.swap(0, Ordering::Relaxed))
        {
            let budget = self.budget.get();
            // Nobody is left to hear about a clock that fails; the core's own will do for giving back.
            let time =
                Python::attach(|py| budget.clock.time(py)).unwrap_or(crate::clock::Time::Lazy);
            budget.core.cancel(withdrawal, &time);
        }
    }
}
