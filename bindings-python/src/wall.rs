//! The wall: policies from a file, from text or from code.

use pyo3::PyTraverseError;
use pyo3::exceptions::PyValueError;
use pyo3::gc::PyVisit;
use pyo3::prelude::*;
use pyo3::types::PyTuple;
use seawall::core::ConfigError;
use seawall::file::Problem;
use seawall::{Moment, Nanos, Policy, WallError};

use crate::clock::Clock;

/// The wall below `seawall.Seawall`.
#[pyclass(frozen, subclass, module = "seawall._native")]
pub struct Seawall {
    pub wall: seawall::Seawall,
    clock: Option<Py<PyAny>>,
}

/// The clock of a wall whose time comes from Python. It is asked where no Python is on the way, to give back what
/// a forgotten call holds, so its errors have nobody to go to; time that stands still harms nothing.
fn host_clock(py: Python<'_>, clock: Option<&Py<PyAny>>) -> seawall::Clock {
    match clock {
        None => seawall::Clock::system(),
        Some(clock) => {
            let clock = clock.clone_ref(py);
            seawall::Clock::from_fn(move || {
                Python::attach(|py| match clock.bind(py).call0() {
                    Ok(now) => Nanos(now.extract().unwrap_or(0)),
                    Err(error) => {
                        error.write_unraisable(py, None);
                        Nanos(0)
                    }
                })
            })
        }
    }
}

fn rows<'py>(py: Python<'py>, problems: &[Problem]) -> PyResult<Bound<'py, PyTuple>> {
    let rows = problems
        .iter()
        .map(|problem| {
            (
                problem.file.as_str(),
                problem.line,
                problem.column,
                problem.key.as_str(),
                problem.message.as_str(),
                problem.nearest.as_deref(),
                problem.to_string(),
            )
                .into_pyobject(py)
        })
        .collect::<PyResult<Vec<_>>>()?;
    PyTuple::new(py, rows)
}

/// What is wrong, on its way to the exception that the Python half makes of it: a word, a text, the problems one
/// by one, and what else belongs to the word.
fn refused(py: Python<'_>, error: &WallError) -> PyErr {
    let text = error.to_string();
    let none = PyTuple::empty(py);
    match error {
        WallError::File(file) => match rows(py, &file.problems) {
            Ok(problems) => {
                let number = file
                    .unreadable
                    .as_ref()
                    .and_then(std::io::Error::raw_os_error);
                let unreadable = file.unreadable.as_ref().map(ToString::to_string);
                PyValueError::new_err(("file", text, problems.unbind(), (number, unreadable)))
            }
            Err(error) => error,
        },
        WallError::Policy(policy) => match rows(py, &policy.problems) {
            Ok(problems) => {
                PyValueError::new_err(("policy", text, problems.unbind(), none.unbind()))
            }
            Err(error) => error,
        },
        WallError::Check(_) => {
            PyValueError::new_err(("check", text, none.clone().unbind(), none.unbind()))
        }
        WallError::Config(ConfigError { field, .. }) => {
            PyValueError::new_err(("config", text, none.unbind(), (*field,)))
        }
        WallError::Name(name) => {
            PyValueError::new_err(("name", text, none.unbind(), (name.clone(),)))
        }
        WallError::Duplicate(name) => {
            PyValueError::new_err(("duplicate", text, none.unbind(), (name.clone(),)))
        }
        WallError::Unknown { name, nearest } => PyValueError::new_err((
            "unknown",
            text,
            none.unbind(),
            (name.clone(), nearest.clone()),
        )),
        WallError::NoFile => {
            PyValueError::new_err(("no_file", text, none.clone().unbind(), none.unbind()))
        }
    }
}

impl Seawall {
    pub fn clock(&self, py: Python<'_>) -> Clock {
        Clock::new(self.clock.as_ref().map(|clock| clock.clone_ref(py)))
    }

    pub fn find(&self, py: Python<'_>, name: &str) -> PyResult<seawall::Dependency> {
        self.wall
            .dependency(name)
            .map_err(|error| refused(py, &error))
    }

    fn time(&self, py: Python<'_>, now: Option<u64>) -> PyResult<Nanos> {
        match now {
            Some(now) => Ok(Nanos(now)),
            None => self.clock(py).now(py),
        }
    }

    fn read(py: Python<'_>, toml: &str) -> PyResult<Policy> {
        Policy::parse(toml).map_err(|error| refused(py, &WallError::Policy(error)))
    }
}

#[pymethods]
impl Seawall {
    /// An empty wall; with `path`, that of a file; with `text`, that of a text which messages call `path`.
    #[new]
    #[pyo3(signature = (path=None, text=None, clock=None, seed=None))]
    fn new(
        py: Python<'_>,
        path: Option<std::path::PathBuf>,
        text: Option<&str>,
        clock: Option<Py<PyAny>>,
        seed: Option<u64>,
    ) -> PyResult<Self> {
        let mut options = seawall::Seawall::options().clock(host_clock(py, clock.as_ref()));
        if let Some(seed) = seed {
            options = options.seed(seed);
        }
        let wall = match (path, text) {
            (None, None) => Ok(options.build()),
            (Some(path), None) => options.open(path),
            (path, Some(text)) => {
                let name = path.unwrap_or_default();
                options.parse(text, &name.to_string_lossy())
            }
        };
        let wall = wall.map_err(|error| refused(py, &error))?;
        Ok(Self { wall, clock })
    }

    /// Adds a dependency of a policy that is written as the body of its table.
    #[pyo3(signature = (name, toml, now=None))]
    fn _define(&self, py: Python<'_>, name: &str, toml: &str, now: Option<u64>) -> PyResult<()> {
        let policy = Self::read(py, toml)?;
        let now = self.time(py, now)?;
        let defined = self.wall.define_at(name, policy, now);
        defined.map(drop).map_err(|error| refused(py, &error))
    }

    /// Puts another policy in force for a dependency; its state stays.
    #[pyo3(signature = (name, toml, now=None))]
    fn _redefine(&self, py: Python<'_>, name: &str, toml: &str, now: Option<u64>) -> PyResult<()> {
        let policy = Self::read(py, toml)?;
        let now = self.time(py, now)?;
        let adopted = self.wall.redefine_at(name, policy, now);
        adopted.map_err(|error| refused(py, &error))
    }

    /// Reads the file again: the names that were added, changed and removed.
    fn _reload(&self, py: Python<'_>) -> PyResult<(Vec<String>, Vec<String>, Vec<String>)> {
        let now = self.time(py, None)?;
        let reloaded = self
            .wall
            .reload_at(now)
            .map_err(|error| refused(py, &error))?;
        Ok((reloaded.added, reloaded.changed, reloaded.removed))
    }

    /// The names of all dependencies, sorted.
    #[getter]
    fn _names(&self) -> Vec<String> {
        self.wall.names()
    }

    /// What the check warns of: id, severity, dependency, file, line, column, key, message, arithmetic, all of it.
    fn _findings<'py>(&self, py: Python<'py>) -> PyResult<Vec<Bound<'py, PyTuple>>> {
        let findings = self.wall.findings();
        findings
            .iter()
            .map(|finding| {
                (
                    finding.id,
                    if finding.is_error() {
                        "error"
                    } else {
                        "warning"
                    },
                    finding.dependency.as_deref(),
                    finding.file.as_str(),
                    finding.line,
                    finding.column,
                    finding.key.as_str(),
                    finding.message.as_str(),
                    finding.arithmetic.as_deref(),
                    finding.to_string(),
                )
                    .into_pyobject(py)
            })
            .collect()
    }

    /// The time of the wall's clock in nanoseconds.
    fn _now(&self, py: Python<'_>) -> PyResult<u64> {
        self.time(py, None).map(|now| now.0)
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.clock)
    }
}

/// A moment that was given, or that of a clock.
pub fn moment(py: Python<'_>, clock: &Clock, now: Option<u64>) -> PyResult<Nanos> {
    match now {
        Some(now) => Ok(Nanos(now)),
        None => Ok(clock.time(py)?.now()),
    }
}
