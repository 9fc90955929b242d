//! The bulkhead and its permits. The queue of those who wait is the Python class's above; this layer only
//! wakes it, by its method `_grant`, and only when somebody waits.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering, fence};

use pyo3::PyTraverseError;
use pyo3::gc::PyVisit;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use seawall::Owner;
use seawall::core::bulkhead::{self as core, Config};

use crate::clock::Clock;
use crate::settings::{Given, bad, raised};

/// The bulkhead below `seawall.Bulkhead`.
#[pyclass(frozen, subclass, module = "seawall._native")]
pub struct Bulkhead {
    core: Box<core::Bulkhead>,
    clock: Clock,
    /// Who waits in this process. Raised before a waiter looks for a permit, read after a permit came back.
    queued: AtomicU32,
}

fn read(given: &Given<'_, '_>, mut config: Config) -> PyResult<Config> {
    given.u32("max_concurrent", &mut config.max_concurrent)?;
    given.u32("reserved", &mut config.reserved)?;
    given.u32("max_waiting", &mut config.max_waiting)?;
    given.mode(&mut config.mode)?;
    Ok(config)
}

impl Bulkhead {
    fn permit(slf: &Bound<'_, Self>, permit: core::Permit) -> BulkheadPermit {
        let (token, _) = permit.into_raw();
        BulkheadPermit {
            bulkhead: slf.clone().unbind(),
            token,
            released: AtomicBool::new(false),
        }
    }

    /// Lets the first waiters have what has come free. Called after every release, and cheap when nobody waits.
    #[inline]
    fn wake(slf: &Bound<'_, Self>) -> PyResult<()> {
        // Pairs with the fence in `_attempt`: either the waiter sees the permit that came back, or we see
        // the waiter.
        fence(Ordering::SeqCst);
        if slf.get().queued.load(Ordering::Relaxed) != 0 {
            slf.call_method0("_grant")?;
        }
        Ok(())
    }
}

#[pymethods]
impl Bulkhead {
    #[new]
    #[pyo3(signature = (capacity, settings, clock=None))]
    fn new(
        capacity: u64,
        settings: &Bound<'_, PyDict>,
        clock: Option<Py<PyAny>>,
    ) -> PyResult<Self> {
        let config = read(&Given(settings), Config::default())?;
        let capacity = u32::try_from(capacity).unwrap_or(u32::MAX);
        Ok(Self {
            core: seawall::bulkhead::allocate(capacity, &config).map_err(bad)?,
            clock: Clock::new(clock),
            queued: AtomicU32::new(0),
        })
    }

    /// Asks for a permit without waiting, and raises BulkheadFull when there is none. Critical callers may
    /// also take reserved permits.
    #[pyo3(signature = (*, critical=false))]
    fn try_acquire(slf: &Bound<'_, Self>, critical: bool) -> PyResult<BulkheadPermit> {
        let this = slf.get();
        match this
            .core
            .try_acquire(Owner::PRIVATE, critical, &this.clock.time(slf.py())?)
        {
            Ok(permit) => Ok(Self::permit(slf, permit)),
            Err(refusal) => Err(raised(
                slf.call_method1("_refuse", (refusal.reason as i32, refusal.retry_after.0)),
            )),
        }
    }

    /// A waiter's attempt: a permit or None, and no rejection is counted.
    fn _attempt(slf: &Bound<'_, Self>, critical: bool) -> PyResult<Option<BulkheadPermit>> {
        let this = slf.get();
        let time = this.clock.time(slf.py())?;
        fence(Ordering::SeqCst); // see `wake`
        let asked = this
            .core
            .try_acquire_waiting(Owner::PRIVATE, critical, &time);
        Ok(asked.ok().map(|permit| Self::permit(slf, permit)))
    }

    /// Joins those who wait: 0, or the number of the refusal.
    fn _begin_wait(&self) -> i32 {
        match self.core.begin_wait() {
            Ok(()) => {
                self.queued.fetch_add(1, Ordering::SeqCst);
                0
            }
            Err(refusal) => refusal.reason as i32,
        }
    }

    /// Leaves those who wait.
    fn _end_wait(&self) {
        self.queued.fetch_sub(1, Ordering::SeqCst);
        self.core.end_wait();
    }

    /// How many wait right now.
    #[getter]
    fn _queued(&self) -> u32 {
        self.queued.load(Ordering::Relaxed)
    }

    /// Changes limit and reserve; holders keep their permits.
    fn _resize(slf: &Bound<'_, Self>, max_concurrent: u64, reserved: u64) -> PyResult<()> {
        let narrow = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
        slf.get()
            .core
            .resize(narrow(max_concurrent), narrow(reserved))
            .map_err(bad)?;
        Self::wake(slf)
    }

    fn _reconfigure(slf: &Bound<'_, Self>, settings: &Bound<'_, PyDict>) -> PyResult<()> {
        let config = read(&Given(settings), slf.get().core.config())?;
        slf.get().core.reconfigure(&config).map_err(bad)?;
        Self::wake(slf)
    }

    fn _settings<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let config = self.core.config();
        let dict = PyDict::new(py);
        for (name, value) in [
            ("max_concurrent", config.max_concurrent),
            ("reserved", config.reserved),
            ("max_waiting", config.max_waiting),
            ("mode", config.mode as u32),
            ("capacity", self.core.capacity()),
        ] {
            dict.set_item(name, value)?;
        }
        Ok(dict)
    }

    /// The numbers of a snapshot: limit, reserved, in use, waiting, rejected, shadow refused, stale, longest
    /// hold in nanoseconds.
    fn _look(&self, py: Python<'_>) -> PyResult<[u64; 8]> {
        let seen = self.core.snapshot(self.clock.now(py)?);
        Ok([
            u64::from(seen.limit),
            u64::from(seen.reserved),
            u64::from(seen.in_use),
            u64::from(seen.waiting),
            seen.rejected,
            seen.shadow_refused,
            seen.stale,
            seen.longest_hold.0,
        ])
    }

    /// In a forked child: frees what threads hold or wait for that exist in the parent only.
    fn _forked(&self) {
        for _ in 0..self.queued.swap(0, Ordering::SeqCst) {
            self.core.end_wait();
        }
        self.core.reclaim(Owner::PRIVATE);
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.clock.visit(&visit)
    }
}

/// A permit of a bulkhead. It is held until `release`, the end of a `with` block, or until nobody refers to it
/// any more.
#[pyclass(frozen, module = "seawall._native")]
pub struct BulkheadPermit {
    bulkhead: Py<Bulkhead>,
    token: u64,
    released: AtomicBool,
}

impl BulkheadPermit {
    fn give_back(&self, py: Python<'_>) -> PyResult<bool> {
        let bulkhead = self.bulkhead.bind(py);
        let Some(permit) = core::Permit::from_raw(self.token, Owner::PRIVATE.raw()) else {
            return Ok(false);
        };
        self.released.store(true, Ordering::Relaxed);
        let released = bulkhead.get().core.release(permit);
        if released {
            Bulkhead::wake(bulkhead)?;
        }
        Ok(released)
    }
}

#[pymethods]
impl BulkheadPermit {
    /// Gives the permit back. False for a second time, which is counted as stale and changes nothing.
    fn release(&self, py: Python<'_>) -> PyResult<bool> {
        self.give_back(py)
    }

    /// True once it was given back.
    #[getter]
    fn is_released(&self) -> bool {
        self.released.load(Ordering::Relaxed)
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
        let _ = (exc_type, exc, traceback);
        if !self.is_released() {
            self.give_back(py)?;
        }
        Ok(false)
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.bulkhead)
    }
}

impl Drop for BulkheadPermit {
    fn drop(&mut self) {
        if !self.is_released() {
            Python::attach(|py| {
                if let Err(error) = self.give_back(py) {
                    error.write_unraisable(py, None);
                }
            });
        }
    }
}
