//! Settings as they cross the border: a dict of whole numbers under the names that the C header uses.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use seawall::core::Mode;
use seawall::{ConfigError, Nanos};

/// What the user set. A setting that is absent stays as it was.
pub struct Given<'a, 'py>(pub &'a Bound<'py, PyDict>);

impl Given<'_, '_> {
    fn get(&self, name: &str) -> PyResult<Option<u64>> {
        self.0
            .get_item(name)?
            .map(|value| value.extract())
            .transpose()
    }

    pub fn u64(&self, name: &str, place: &mut u64) -> PyResult<()> {
        if let Some(value) = self.get(name)? {
            *place = value;
        }
        Ok(())
    }

    /// Too large a number becomes the largest, which every range excludes.
    pub fn u32(&self, name: &str, place: &mut u32) -> PyResult<()> {
        if let Some(value) = self.get(name)? {
            *place = u32::try_from(value).unwrap_or(u32::MAX);
        }
        Ok(())
    }

    /// As [`Given::u32`].
    pub fn u16(&self, name: &str, place: &mut u16) -> PyResult<()> {
        if let Some(value) = self.get(name)? {
            *place = u16::try_from(value).unwrap_or(u16::MAX);
        }
        Ok(())
    }

    pub fn bool(&self, name: &str, place: &mut bool) -> PyResult<()> {
        if let Some(value) = self.get(name)? {
            *place = value != 0;
        }
        Ok(())
    }

    pub fn nanos(&self, name: &str, place: &mut Nanos) -> PyResult<()> {
        self.u64(name, &mut place.0)
    }

    pub fn mode(&self, place: &mut Mode) -> PyResult<()> {
        if let Some(value) = self.get("mode")? {
            *place = u32::try_from(value)
                .ok()
                .and_then(Mode::from_number)
                .unwrap_or(*place);
        }
        Ok(())
    }
}

/// A bad setting on its way to `seawall.errors.ConfigError`, still in the core's units.
pub fn bad(error: ConfigError) -> PyErr {
    PyValueError::new_err((error.field, error.value, error.min, error.max))
}

/// The exception that a Python method above made of a refusal or of a misuse.
#[cold]
pub fn raised(answer: PyResult<Bound<'_, PyAny>>) -> PyErr {
    answer.map_or_else(|error| error, PyErr::from_value)
}
