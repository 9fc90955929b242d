//! A setting that cannot be.

use core::fmt;

/// A setting outside its range: which one, what was given and what is allowed, in the unit of the field
/// (nanoseconds, permille, counts). The field's name is the same in every language.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// The setting, by its name in `seawall.toml` ("open_for").
    pub field: &'static str,
    /// What was given.
    pub value: u64,
    /// The smallest value allowed.
    pub min: u64,
    /// The largest value allowed.
    pub max: u64,
}

impl ConfigError {
    /// `Ok` when `value` is within `min..=max`.
    ///
    /// # Errors
    /// The error that names the field otherwise.
    pub const fn check(field: &'static str, value: u64, min: u64, max: u64) -> Result<(), Self> {
        if value < min || value > max {
            Err(Self {
                field,
                value,
                min,
                max,
            })
        } else {
            Ok(())
        }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: {} is outside {}..={}",
            self.field, self.value, self.min, self.max
        )
    }
}

impl core::error::Error for ConfigError {}
