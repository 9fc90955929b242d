//! The rules for calling one dependency.

use crate::backoff::Backoff;
use crate::error::ConfigError;
use crate::time::Nanos;

/// Whether a gate counts a call once, or each of its attempts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Scope {
    /// Once per call, whatever its attempts.
    #[default]
    Call = 0,
    /// Each attempt by itself; nothing is held through a backoff.
    Attempt = 1,
}

/// The rules for calling one dependency.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// The time one attempt may take, 1 ms to a day. There is no default on purpose.
    pub timeout: Nanos,
    /// The time the whole call may take, `timeout` to a day; [`Nanos::MAX`] for no limit but the caller's.
    pub deadline: Nanos,
    /// Share of the caller's deadline that is kept for the caller, in thousandths, 0 to 1,000.
    pub reserve_permille: u16,
    /// Attempts in all, 1 to 100.
    pub attempts: u32,
    /// The wait between attempts.
    pub backoff: Backoff,
    /// A retry that would leave an attempt less time than this is not made. 0 to `timeout`.
    pub useful: Nanos,
    /// False: only what was certainly not sent may be sent again.
    pub idempotent: bool,
    /// Whether the call may take reserved permits.
    pub critical: bool,
    /// How long to wait for a permit of the bulkhead, 0 to a day.
    pub max_wait: Nanos,
    /// How long to wait for the rate limits, 0 to a day.
    pub max_rate_wait: Nanos,
    /// Whether something else may be served when a call fails or is refused.
    pub may_fall_back: bool,
    /// What the breaker counts.
    pub breaker_scope: Scope,
    /// What the bulkhead holds a place for.
    pub bulkhead_scope: Scope,
}

impl Config {
    /// One attempt within `timeout`, and nothing else.
    #[must_use]
    pub const fn with_timeout(timeout: Nanos) -> Self {
        Self {
            timeout,
            deadline: Nanos::MAX,
            reserve_permille: 0,
            attempts: 1,
            backoff: Backoff {
                base: Nanos::from_millis(100),
                factor_permille: 2_000,
                cap: Nanos::from_secs(20),
                jitter: crate::backoff::Jitter::Full,
                retry_after_margin: Nanos::MAX,
            },
            useful: Nanos::ZERO,
            idempotent: true,
            critical: false,
            max_wait: Nanos::ZERO,
            max_rate_wait: Nanos::ZERO,
            may_fall_back: true,
            breaker_scope: Scope::Call,
            bulkhead_scope: Scope::Call,
        }
    }

    /// Checks every setting.
    ///
    /// # Errors
    /// The first setting that is out of range.
    pub fn validate(&self) -> Result<(), ConfigError> {
        const DAY: u64 = Nanos::DAY.0;
        ConfigError::check("timeout", self.timeout.0, 1_000_000, DAY)?;
        if self.deadline != Nanos::MAX {
            ConfigError::check("deadline", self.deadline.0, self.timeout.0, DAY)?;
        }
        ConfigError::check("reserve", u64::from(self.reserve_permille), 0, 1_000)?;
        ConfigError::check("attempts", u64::from(self.attempts), 1, 100)?;
        self.backoff.validate()?;
        ConfigError::check("useful", self.useful.0, 0, self.timeout.0)?;
        ConfigError::check("max_wait", self.max_wait.0, 0, DAY)?;
        ConfigError::check("max_rate_wait", self.max_rate_wait.0, 0, DAY)
    }
}
