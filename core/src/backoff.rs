//! How long to wait before the next attempt.

use crate::chance::pick;
use crate::error::ConfigError;
use crate::time::Nanos;

/// How the wait is spread, so that callers that failed together do not come back together.
/// Names and formulas follow Brooker, "Exponential Backoff And Jitter" (AWS, 2015).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Jitter {
    /// Anywhere from nothing to the whole wait.
    #[default]
    Full = 0,
    /// Half the wait, and anywhere within the other half.
    Equal = 1,
    /// From `base` to three times the previous wait, capped.
    Decorrelated = 2,
    /// None: only where nobody else waits for the same thing.
    None = 3,
}

impl Jitter {
    /// The jitter of a number that came over a language border.
    #[must_use]
    pub const fn from_number(number: u32) -> Option<Self> {
        match number {
            0 => Some(Self::Full),
            1 => Some(Self::Equal),
            2 => Some(Self::Decorrelated),
            3 => Some(Self::None),
            _ => None,
        }
    }
}

/// The growing, jittered wait between attempts. A plain value: no state, no memory.
///
/// ```
/// use seawall_core::{Backoff, Nanos, backoff::Jitter};
///
/// let backoff = Backoff { jitter: Jitter::None, ..Backoff::default() };
/// assert_eq!(backoff.delay(3, Nanos::ZERO, 0, Nanos::ZERO), Nanos::from_millis(400));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// The wait before the first retry. 0 to a day; default 100 ms.
    pub base: Nanos,
    /// How much each further wait grows, in thousandths. 1,000 to 10,000; default 2,000 (doubles).
    pub factor_permille: u32,
    /// The longest wait before jitter. `base` to a day; default 20 s.
    pub cap: Nanos,
    /// How the wait is spread. Default full.
    pub jitter: Jitter,
    /// How much longer than our own wait a server's Retry-After may make it. Default: no limit.
    pub retry_after_margin: Nanos,
}

impl Default for Backoff {
    fn default() -> Self {
        Self {
            base: Nanos::from_millis(100),
            factor_permille: 2_000,
            cap: Nanos::from_secs(20),
            jitter: Jitter::Full,
            retry_after_margin: Nanos::MAX,
        }
    }
}

impl Backoff {
    /// The standard retry mode of the AWS SDKs (2026 rules): 50 ms doubling to 20 s, full jitter, and a
    /// server's wish kept within 5 s of our own wait.
    pub const AWS_STANDARD: Self = Self {
        base: Nanos::from_millis(50),
        factor_permille: 2_000,
        cap: Nanos::from_secs(20),
        jitter: Jitter::Full,
        retry_after_margin: Nanos::from_secs(5),
    };

    /// The wait that the AWS SDKs use after a throttling answer: as [`Backoff::AWS_STANDARD`] from 1 s.
    pub const AWS_THROTTLED: Self = Self {
        base: Nanos::from_secs(1),
        ..Self::AWS_STANDARD
    };

    /// Checks every setting.
    ///
    /// # Errors
    /// The first setting that is out of range.
    pub const fn validate(&self) -> Result<(), ConfigError> {
        match ConfigError::check("base", self.base.0, 0, Nanos::DAY.0) {
            Ok(()) => {}
            Err(error) => return Err(error),
        }
        match ConfigError::check("factor", self.factor_permille as u64, 1_000, 10_000) {
            Ok(()) => {}
            Err(error) => return Err(error),
        }
        ConfigError::check("cap", self.cap.0, self.base.0, Nanos::DAY.0)
    }

    /// The wait before retry `attempt` (the first retry is 1; 0 counts as 1).
    ///
    /// `previous` is the wait before the last retry (only decorrelated jitter looks at it; zero for none),
    /// `random` sixty-four random bits, `retry_after` what the server asked for (zero for nothing): a
    /// floor that jitter never undercuts. Never panics, whatever the settings; at most 1,024 steps.
    #[must_use]
    pub fn delay(&self, attempt: u32, previous: Nanos, random: u64, retry_after: Nanos) -> Nanos {
        let wait = self.without_jitter(attempt).0;
        let wait = match self.jitter {
            Jitter::None => wait,
            Jitter::Full => pick(random, wait),
            Jitter::Equal => {
                let half = wait / 2;
                half.saturating_add(pick(random, wait.saturating_sub(half)))
            }
            Jitter::Decorrelated => {
                let low = self.base.0;
                let last = if previous == Nanos::ZERO {
                    low
                } else {
                    previous.0
                };
                let high = last.saturating_mul(3).max(low);
                low.saturating_add(pick(random, high.saturating_sub(low)))
                    .min(self.cap.0)
            }
        };
        let longest = wait.saturating_add(self.retry_after_margin.0);
        Nanos(wait.max(retry_after.0.min(longest)))
    }

    /// The wait before retry `attempt` with the cap applied and no jitter.
    #[must_use]
    pub fn without_jitter(&self, attempt: u32) -> Nanos {
        let mut wait = self.base.0.min(self.cap.0);
        // Bounded: growth ends at the cap, and attempts beyond 1,024 wait as the 1,024th does.
        for _ in 1..attempt.clamp(1, 1_024) {
            let grown = grow(wait, self.factor_permille).min(self.cap.0);
            if grown == wait {
                break;
            }
            wait = grown;
        }
        Nanos(wait)
    }
}

/// `span * permille / 1000`, rounded down, saturating.
#[must_use]
pub(crate) fn grow(span: u64, permille: u32) -> u64 {
    let grown = u128::from(span).saturating_mul(u128::from(permille)) / 1_000;
    u64::try_from(grown).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_of_attempts_do_not_overflow() {
        let backoff = Backoff {
            cap: Nanos::DAY,
            ..Backoff::default()
        };
        assert_eq!(backoff.without_jitter(u32::MAX), Nanos::DAY);
        let absurd = Backoff {
            base: Nanos::MAX,
            factor_permille: u32::MAX,
            cap: Nanos::MAX,
            ..backoff
        };
        assert_eq!(
            absurd.delay(u32::MAX, Nanos::MAX, u64::MAX, Nanos::MAX),
            Nanos::MAX
        );
    }

    #[test]
    fn jitter_comes_after_the_cap() {
        let backoff = Backoff {
            cap: Nanos::from_secs(1),
            ..Backoff::default()
        };
        assert_eq!(
            backoff.delay(20, Nanos::ZERO, u64::MAX / 2, Nanos::ZERO),
            Nanos(500_000_000)
        );
    }
}
