//! Backoff: how long to wait before a retry
//!
//! A pure calculation: there is no object, only settings.

use seawall_core::backoff::{Backoff, Jitter};
use seawall_core::{ConfigError, Misuse, Nanos, Status};

use crate::guard::guard;
use crate::memory::{Versioned, place, read};
use crate::status::{explain, seawall_config_error_t, seawall_status_t};

/// Anywhere from nothing to the whole wait.
pub const SEAWALL_JITTER_FULL: u32 = 0;
/// Half the wait, and anywhere within the other half.
pub const SEAWALL_JITTER_EQUAL: u32 = 1;
/// From base to three times the previous wait, capped.
pub const SEAWALL_JITTER_DECORRELATED: u32 = 2;
/// None.
pub const SEAWALL_JITTER_NONE: u32 = 3;

/// Settings of a backoff. Start from SEAWALL_BACKOFF_CONFIG_INIT.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct seawall_backoff_config_t {
    /// sizeof(seawall_backoff_config_t).
    pub struct_bytes: u32,
    /// SEAWALL_JITTER_*. Default full.
    pub jitter: u32,
    /// How much each further wait grows, in thousandths, 1000..10000. Default 2000.
    pub factor_permille: u32,
    /// Zero.
    pub unused: u32,
    /// The wait before the first retry, 0..24 h. Default 100 ms.
    pub base_ns: u64,
    /// The longest wait before jitter, base_ns..24 h. Default 20 s.
    pub cap_ns: u64,
    /// How much longer than our own wait a server's Retry-After may make it. Default UINT64_MAX: no limit.
    pub retry_after_margin_ns: u64,
}

// SAFETY: repr(C), the size comes first, all fields are integers.
unsafe impl Versioned for seawall_backoff_config_t {
    const DEFAULT: Self = Self {
        struct_bytes: size_of::<Self>() as u32,
        jitter: 0,
        factor_permille: 2_000,
        unused: 0,
        base_ns: 100_000_000,
        cap_ns: 20_000_000_000,
        retry_after_margin_ns: u64::MAX,
    };
}

impl seawall_backoff_config_t {
    pub(crate) fn core(&self) -> Result<Backoff, ConfigError> {
        let unknown = ConfigError {
            field: "jitter",
            value: u64::from(self.jitter),
            min: 0,
            max: 3,
        };
        let backoff = Backoff {
            base: Nanos(self.base_ns),
            factor_permille: self.factor_permille,
            cap: Nanos(self.cap_ns),
            jitter: Jitter::from_number(self.jitter).ok_or(unknown)?,
            retry_after_margin: Nanos(self.retry_after_margin_ns),
        };
        backoff.validate().map(|()| backoff)
    }
}

/// Checks the settings; on SEAWALL_ERROR_CONFIG fills `*error` (may be null).
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn seawall_backoff_validate(
    config: *const seawall_backoff_config_t,
    error: *mut seawall_config_error_t,
) -> seawall_status_t {
    guard(|| {
        // SAFETY: the header asks for a valid configuration.
        unsafe { read(config) }?
            .core()
            .map_err(|cause| explain(&cause, error))?;
        Ok(Status::OK)
    })
}

/// The wait before retry `attempt` (the first retry is 1) goes to `*delay_ns`.
///
/// `previous_ns` is the wait before the last retry (only decorrelated jitter looks at it; 0 for none),
/// `random` sixty-four random bits (seawall_random()), `retry_after_ns` what the server asked for (0 for
/// nothing): a floor that jitter never undercuts. A null `config` means all defaults. Pure.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn seawall_backoff_delay(
    config: *const seawall_backoff_config_t,
    attempt: u32,
    previous_ns: u64,
    random: u64,
    retry_after_ns: u64,
    delay_ns: *mut u64,
) -> seawall_status_t {
    guard(|| {
        // SAFETY: the header asks for a valid configuration.
        let backoff = unsafe { read(config) }?
            .core()
            .map_err(|_| Misuse::Config)?;
        // SAFETY: the header asks for a valid place.
        *unsafe { place(delay_ns) }? = backoff
            .delay(attempt, Nanos(previous_ns), random, Nanos(retry_after_ns))
            .0;
        Ok(Status::OK)
    })
}
