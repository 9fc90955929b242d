//! The circuit breaker and its permits.
//!
//! The Python class above has the methods `_refuse`, `_classify` and `_span`, which are called on the way
//! that is not hot: a refusal, an exception, a server's retry-after.

use std::sync::atomic::{AtomicU64, Ordering};

use pyo3::PyTraverseError;
use pyo3::exceptions::{PyException, PyTypeError};
use pyo3::gc::PyVisit;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple, PyType};
use seawall::core::breaker::{self as core, Config, Recorded, Transition};
use seawall::{Nanos, Outcome, Owner};

use crate::clock::{Clock, Time};
use crate::settings::{Given, bad, raised};

/// The breaker below `seawall.Breaker`.
#[pyclass(frozen, subclass, module = "seawall._native")]
pub struct Breaker {
    core: Box<core::Breaker>,
    clock: Clock,
    /// Says of a result whether it is a failure.
    judge: Option<Py<PyAny>>,
    on_transition: Option<Py<PyAny>>,
    /// The type of what an async function returns, which nobody has awaited yet.
    coroutine: Py<PyType>,
}

fn read(given: &Given<'_, '_>, mut config: Config) -> PyResult<Config> {
    given.u32("consecutive_failures", &mut config.consecutive_failures)?;
    given.bool("consecutive_always", &mut config.consecutive_always)?;
    given.u16("failure_permille", &mut config.failure_permille)?;
    given.u16("slow_permille", &mut config.slow_permille)?;
    given.nanos("slow_after_ns", &mut config.slow_after)?;
    given.u32("window_calls", &mut config.window_calls)?;
    given.nanos("window_ns", &mut config.window)?;
    given.u32("min_calls", &mut config.min_calls)?;
    given.nanos("open_for_ns", &mut config.open_for)?;
    given.u32("open_backoff_permille", &mut config.open_backoff_permille)?;
    given.nanos("open_max_ns", &mut config.open_max)?;
    given.u16("open_jitter_permille", &mut config.open_jitter_permille)?;
    given.u32("probes", &mut config.probes)?;
    given.nanos("probe_lease_ns", &mut config.probe_lease)?;
    given.u32("min_witnesses", &mut config.min_witnesses)?;
    given.u64("seed", &mut config.seed)?;
    given.mode(&mut config.mode)?;
    Ok(config)
}

impl Breaker {
    /// Tells the user of a state change. It has happened, so what the callback raises changes nothing: it
    /// goes to `sys.unraisablehook`. Only an interrupt goes on to the caller.
    fn tell(slf: &Bound<'_, Self>, transition: Option<Transition>) -> PyResult<()> {
        let (Some(change), Some(callback)) = (transition, &slf.get().on_transition) else {
            return Ok(());
        };
        Self::tell_now(slf, change, callback.bind(slf.py()))
    }

    #[cold]
    fn tell_now(
        slf: &Bound<'_, Self>,
        change: Transition,
        callback: &Bound<'_, PyAny>,
    ) -> PyResult<()> {
        let py = slf.py();
        let told = slf
            .getattr("name")
            .and_then(|name| callback.call1((name, change.from.name(), change.to.name())));
        match told {
            Err(error) if error.is_instance_of::<PyException>(py) => {
                error.write_unraisable(py, Some(callback));
                Ok(())
            }
            other => other.map(drop),
        }
    }

    fn admit(slf: &Bound<'_, Self>, time: &Time) -> PyResult<core::Permit> {
        match slf.get().core.try_acquire(Owner::PRIVATE, time) {
            Ok(admission) => {
                if let Err(interrupt) = Self::tell(slf, admission.transition) {
                    slf.get().core.cancel(admission.permit);
                    return Err(interrupt);
                }
                Ok(admission.permit)
            }
            Err(refusal) => Err(refuse(slf, refusal)),
        }
    }

    fn conclude(
        slf: &Bound<'_, Self>,
        permit: core::Permit,
        outcome: Outcome,
        retry_after: Nanos,
        time: &Time,
    ) -> PyResult<Recorded> {
        let recorded = slf.get().core.record(permit, outcome, retry_after, time);
        Self::tell(slf, recorded.transition)?;
        Ok(recorded)
    }

    /// What an exception means, by the user's rules; ignored when the rules themselves fail.
    #[cold]
    fn classify(slf: &Bound<'_, Self>, error: &Bound<'_, PyAny>) -> PyResult<Outcome> {
        let number: u32 = slf.call_method1("_classify", (error,))?.extract()?;
        Ok(Outcome::from_number(number).unwrap_or(Outcome::Ignored))
    }

    fn judge(&self, py: Python<'_>, result: &Bound<'_, PyAny>) -> PyResult<Outcome> {
        let Some(judge) = &self.judge else {
            return Ok(Outcome::Success);
        };
        let failed = judge.bind(py).call1((result,))?.is_truthy()?;
        Ok(Outcome::classify(false, failed))
    }

    fn changed(slf: &Bound<'_, Self>, transition: Option<Transition>) -> PyResult<bool> {
        Self::tell(slf, transition)?;
        Ok(transition.is_some())
    }
}

#[cold]
fn refuse(slf: &Bound<'_, Breaker>, refusal: seawall::Refusal) -> PyErr {
    raised(slf.call_method1("_refuse", (refusal.reason as i32, refusal.retry_after.0)))
}

#[pymethods]
impl Breaker {
    #[new]
    #[pyo3(signature = (settings, clock=None, judge=None, on_transition=None))]
    fn new(
        settings: &Bound<'_, PyDict>,
        clock: Option<Py<PyAny>>,
        judge: Option<Py<PyAny>>,
        on_transition: Option<Py<PyAny>>,
    ) -> PyResult<Self> {
        let seeded = Config {
            seed: seawall::seed::random(),
            ..Config::default()
        };
        let config = read(&Given(settings), seeded)?;
        let coroutine = settings
            .py()
            .import("types")?
            .getattr("CoroutineType")?
            .cast_into::<PyType>()?;
        Ok(Self {
            core: Box::new(core::Breaker::new(&config).map_err(bad)?),
            clock: Clock::new(clock),
            judge,
            on_transition,
            coroutine: coroutine.unbind(),
        })
    }

    /// Asks for leave to make one call, and raises BreakerOpen when there is none.
    fn try_acquire(slf: &Bound<'_, Self>) -> PyResult<BreakerPermit> {
        let permit = Self::admit(slf, &slf.get().clock.time(slf.py())?)?;
        let (token, started, _) = permit.into_raw();
        Ok(BreakerPermit {
            breaker: slf.clone().unbind(),
            token: AtomicU64::new(token),
            started,
        })
    }

    /// The same, named for `with breaker.permit():`.
    fn permit(slf: &Bound<'_, Self>) -> PyResult<BreakerPermit> {
        Self::try_acquire(slf)
    }

    /// Calls `fn(*args, **kwargs)` if the breaker allows it, and records how it ended.
    #[pyo3(signature = (r#fn, /, *args, **kwargs))]
    fn call<'py>(
        slf: &Bound<'py, Self>,
        r#fn: &Bound<'py, PyAny>,
        args: &Bound<'py, PyTuple>,
        kwargs: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let (py, this) = (slf.py(), slf.get());
        let permit = Self::admit(slf, &this.clock.time(py)?)?;
        let (token, started, owner) = permit.into_raw();
        // The permit travels as plain words from here, so that every way out gives it back exactly once.
        let held = Held {
            breaker: this,
            words: Some((token, started, owner)),
        };
        let (answer, outcome) = match r#fn.call(args, kwargs) {
            Ok(result) if result.get_type().is(this.coroutine.bind(py)) => {
                result.call_method0("close")?;
                return Err(PyTypeError::new_err(
                    "call() got an async function; await call_async() instead",
                ));
            }
            Ok(result) => {
                let outcome = this.judge(py, &result)?;
                (Ok(result), outcome)
            }
            Err(error) => {
                let outcome = Self::classify(slf, error.value(py))?;
                (Err(error), outcome)
            }
        };
        let time = this.clock.time(py)?;
        if let Some(permit) = held.take() {
            Self::conclude(slf, permit, outcome, Nanos::ZERO, &time)?;
        }
        answer
    }

    /// Refuses every call until reset. False when it did so already.
    fn force_open(slf: &Bound<'_, Self>) -> PyResult<bool> {
        Self::changed(slf, slf.get().core.force_open())
    }

    /// Admits every call and records nothing until reset. False when it did so already.
    fn disable(slf: &Bound<'_, Self>) -> PyResult<bool> {
        Self::changed(slf, slf.get().core.disable())
    }

    /// Closes the breaker with an empty window; results of permits given before are late.
    fn reset(slf: &Bound<'_, Self>) -> PyResult<()> {
        Self::changed(slf, slf.get().core.reset()).map(drop)
    }

    /// The state right now, without a look at the clock: an open breaker says open until somebody asks.
    #[getter]
    fn state(&self) -> &'static str {
        self.core.state().name()
    }

    fn _reconfigure(&self, settings: &Bound<'_, PyDict>) -> PyResult<()> {
        let config = read(&Given(settings), self.core.config())?;
        self.core.reconfigure(&config).map_err(bad)
    }

    fn _settings<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let config = self.core.config();
        let dict = PyDict::new(py);
        for (name, value) in [
            (
                "consecutive_failures",
                u64::from(config.consecutive_failures),
            ),
            ("consecutive_always", u64::from(config.consecutive_always)),
            ("failure_permille", u64::from(config.failure_permille)),
            ("slow_permille", u64::from(config.slow_permille)),
            ("slow_after_ns", config.slow_after.0),
            ("window_calls", u64::from(config.window_calls)),
            ("window_ns", config.window.0),
            ("min_calls", u64::from(config.min_calls)),
            ("open_for_ns", config.open_for.0),
            (
                "open_backoff_permille",
                u64::from(config.open_backoff_permille),
            ),
            ("open_max_ns", config.open_max.0),
            (
                "open_jitter_permille",
                u64::from(config.open_jitter_permille),
            ),
            ("probes", u64::from(config.probes)),
            ("probe_lease_ns", config.probe_lease.0),
            ("min_witnesses", u64::from(config.min_witnesses)),
            ("mode", config.mode as u64),
        ] {
            dict.set_item(name, value)?;
        }
        Ok(dict)
    }

    /// The numbers of a snapshot: generation, streak, calls, failures and slow calls of the window, probes
    /// in flight, retry-after in nanoseconds, then the counters.
    fn _look(&self, py: Python<'_>) -> PyResult<(&'static str, [u64; 15])> {
        let seen = self.core.snapshot(self.clock.now(py)?);
        let numbers = [
            u64::from(seen.generation),
            seen.streak,
            seen.window.calls,
            seen.window.failures,
            seen.window.slow,
            u64::from(seen.probes_in_flight),
            seen.retry_after.0,
            seen.success,
            seen.failure,
            seen.ignored,
            seen.slow,
            seen.refused,
            seen.shadow_refused,
            seen.late,
            seen.opened,
        ];
        Ok((seen.state.name(), numbers))
    }

    /// In a forked child: frees the probe seats of threads that exist in the parent only.
    fn _forked(&self) {
        self.core.reclaim(Owner::PRIVATE);
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.clock.visit(&visit)?;
        visit.call(&self.judge)?;
        visit.call(&self.on_transition)
    }
}

/// A permit in the hands of `call`: cancelled unless taken out, so that a rule of the user's that raises
/// leaves no probe seat behind.
struct Held<'a> {
    breaker: &'a Breaker,
    words: Option<(u64, u64, u32)>,
}

impl Held<'_> {
    fn take(mut self) -> Option<core::Permit> {
        self.words
            .take()
            .and_then(|(token, started, owner)| core::Permit::from_raw(token, started, owner))
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        if let Some((token, started, owner)) = self.words
            && let Some(permit) = core::Permit::from_raw(token, started, owner)
        {
            self.breaker.core.cancel(permit);
        }
    }
}

/// Leave to make one call. Say how it ended with `success`, `failure` or `ignore`, or let `with` find
/// out; one that is only dropped is cancelled.
#[pyclass(frozen, module = "seawall._native")]
pub struct BreakerPermit {
    breaker: Py<Breaker>,
    /// Zero once spent.
    token: AtomicU64,
    started: u64,
}

impl BreakerPermit {
    fn peek(&self) -> Option<core::Permit> {
        core::Permit::from_raw(
            self.token.load(Ordering::Relaxed),
            self.started,
            Owner::PRIVATE.raw(),
        )
    }

    /// The permit, for the first who asks.
    fn take(&self) -> Option<core::Permit> {
        core::Permit::from_raw(
            self.token.swap(0, Ordering::Relaxed),
            self.started,
            Owner::PRIVATE.raw(),
        )
    }

    fn spent(breaker: &Bound<'_, Breaker>) -> PyErr {
        raised(breaker.call_method0("_spent"))
    }

    fn finish(
        &self,
        py: Python<'_>,
        outcome: Outcome,
        retry_after: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<bool> {
        let breaker = self.breaker.bind(py);
        let retry_after = match retry_after {
            None => Nanos::ZERO,
            Some(span) => Nanos(
                breaker
                    .call_method1("_span", ("retry_after", span))?
                    .extract()?,
            ),
        };
        let time = breaker.get().clock.time(py)?;
        let permit = self.take().ok_or_else(|| Self::spent(breaker))?;
        Breaker::conclude(breaker, permit, outcome, retry_after, &time)
            .map(|recorded| !recorded.late)
    }
}

#[pymethods]
impl BreakerPermit {
    /// The call did what was asked. False when this came too late to count.
    fn success(&self, py: Python<'_>) -> PyResult<bool> {
        self.finish(py, Outcome::Success, None)
    }

    /// The call failed; `retry_after` is what the server asked for. False when this came too late to count.
    #[pyo3(signature = (*, retry_after=None))]
    fn failure(&self, py: Python<'_>, retry_after: Option<&Bound<'_, PyAny>>) -> PyResult<bool> {
        self.finish(py, Outcome::Failure, retry_after)
    }

    /// The call says nothing about the dependency. False when this came too late to count.
    fn ignore(&self, py: Python<'_>) -> PyResult<bool> {
        self.finish(py, Outcome::Ignored, None)
    }

    /// How the call ended: "success", "failure" or "ignored". False when this came too late to count.
    #[pyo3(signature = (outcome, *, retry_after=None))]
    fn record(
        &self,
        py: Python<'_>,
        outcome: &Bound<'_, PyAny>,
        retry_after: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<bool> {
        let number: u32 = self
            .breaker
            .bind(py)
            .call_method1("_outcome", (outcome,))?
            .extract()?;
        self.finish(
            py,
            Outcome::from_number(number).unwrap_or(Outcome::Ignored),
            retry_after,
        )
    }

    /// Gives the permit back unused. False when this came too late to matter.
    fn cancel(&self, py: Python<'_>) -> PyResult<bool> {
        let breaker = self.breaker.bind(py);
        let permit = self.take().ok_or_else(|| Self::spent(breaker))?;
        Ok(!breaker.get().core.cancel(permit).late)
    }

    /// True when this call tests whether the dependency has recovered.
    #[getter]
    fn is_probe(&self) -> bool {
        self.peek().is_some_and(|permit| permit.is_probe())
    }

    /// True once an outcome was recorded or the permit was cancelled.
    #[getter]
    fn is_spent(&self) -> bool {
        self.token.load(Ordering::Relaxed) == 0
    }

    fn __enter__(slf: Bound<'_, Self>) -> Bound<'_, Self> {
        slf
    }

    #[pyo3(signature = (exc_type, exc, traceback, /))]
    fn __exit__(
        &self,
        py: Python<'_>,
        exc_type: &Bound<'_, PyAny>,
        exc: &Bound<'_, PyAny>,
        traceback: &Bound<'_, PyAny>,
    ) -> PyResult<bool> {
        let _ = (exc_type, traceback);
        if self.is_spent() {
            return Ok(false);
        }
        let breaker = self.breaker.bind(py);
        let outcome = if exc.is_none() {
            Ok(Outcome::Success)
        } else {
            Breaker::classify(breaker, exc)
        };
        let ready = outcome.and_then(|outcome| Ok((outcome, breaker.get().clock.time(py)?)));
        // Another thread may have spent it meanwhile; leaving the block is no misuse then.
        let Some(permit) = self.take() else {
            return ready.map(|_| false);
        };
        match ready {
            Ok((outcome, time)) => {
                Breaker::conclude(breaker, permit, outcome, Nanos::ZERO, &time).map(|_| false)
            }
            Err(error) => {
                breaker.get().core.cancel(permit);
                Err(error)
            }
        }
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.breaker)
    }
}

impl Drop for BreakerPermit {
    fn drop(&mut self) {
        if let Some(permit) = self.take() {
            self.breaker.get().core.cancel(permit);
        }
    }
}
