//! A rate as an exact fraction.

use super::{Config, HORIZON};
use crate::error::ConfigError;
use crate::time::Nanos;

/// The largest denominator: time is counted in units of 1/1024 ns at the finest.
const FINEST: u64 = 1_024;
/// Up to this denominator the moments come round after four years or more.
const COARSE: u64 = 32;
const HOUR: u64 = 3_600_000_000_000;
const LONGEST_PERIOD: u64 = 31 * Nanos::DAY.0;
/// What a whole burst may take, in units: leaves as much again for debts and reservations.
const LARGEST_BURST: u64 = HORIZON / 2;

/// How long one token takes, as `numerator / denominator` nanoseconds, and how many tokens the bucket holds.
///
/// The fraction is exact when its reduced denominator is at most 1,024, which covers all rates that people
/// write down; otherwise it is the nearest such fraction, off by less than one part in a million.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    numerator: u64,
    denominator: u64,
    burst: u64,
}

impl Rate {
    /// The rate of checked settings.
    ///
    /// # Errors
    /// The first setting that is out of range.
    pub(super) fn new(config: &Config) -> Result<Self, ConfigError> {
        ConfigError::check("rate", config.permits, 1, 1_000_000_000)?;
        ConfigError::check("period", config.period.0, 1, LONGEST_PERIOD)?;
        // More than one token per nanosecond cannot be counted in nanoseconds.
        ConfigError::check("rate", config.permits, 1, config.period.0)?;
        let (numerator, denominator) = nearest(config.period.0, config.permits);
        let most = largest_burst(numerator).min(1_000_000_000);
        ConfigError::check("burst", config.burst, 1, most)?;
        Ok(Self {
            numerator,
            denominator,
            burst: config.burst,
        })
    }

    /// | word | bits                                                       |
    /// |------|------------------------------------------------------------|
    /// | 0    | 0..=10 denominator, 11..=63 numerator (below 2^53)         |
    /// | 1    | burst                                                      |
    pub(super) const fn pack(self) -> [u64; 2] {
        [self.denominator | self.numerator << 11, self.burst]
    }

    /// Range-checked, because the words may lie in memory that others can write.
    pub(super) fn unpack([fraction, burst]: [u64; 2]) -> Self {
        let numerator = (fraction >> 11).max(1);
        let most = largest_burst(numerator);
        Self {
            numerator,
            denominator: (fraction & 0x7FF).clamp(1, FINEST),
            burst: burst.clamp(1, most),
        }
    }

    pub(super) const fn burst(self) -> u64 {
        self.burst
    }

    /// Tokens per [`Rate::period`].
    #[must_use]
    pub const fn permits(self) -> u64 {
        self.denominator
    }

    /// The while that [`Rate::permits`] is meant for.
    #[must_use]
    pub const fn period(self) -> Nanos {
        Nanos(self.numerator)
    }

    /// A moment in units, modulo 2^64.
    pub(super) const fn units(self, now: Nanos) -> u64 {
        now.0.wrapping_mul(self.denominator)
    }

    /// Units as nanoseconds, rounded up.
    pub(super) const fn span(self, units: u64) -> Nanos {
        // The denominator is never 0, `max` says so to the compiler.
        Nanos(units.div_ceil(if self.denominator == 0 {
            1
        } else {
            self.denominator
        }))
    }

    /// What so many tokens cost in units.
    pub(super) const fn cost(self, tokens: u64) -> u64 {
        tokens.saturating_mul(self.numerator)
    }

    const fn room(self) -> u64 {
        self.cost(self.burst)
    }

    /// How long until `tokens` are there, given the backlog.
    pub(super) const fn wait(self, backlog: u64, tokens: u64) -> Nanos {
        self.span(
            backlog
                .saturating_add(self.cost(tokens))
                .saturating_sub(self.room()),
        )
    }

    /// How far ahead of now the bucket may become full, in units: debts stop growing there. With a fine unit the
    /// moments come round again within years or weeks, so debts beyond the burst end at an hour there.
    pub(super) const fn horizon(self) -> u64 {
        if self.denominator <= COARSE {
            return HORIZON;
        }
        let horizon = self.room().saturating_add(self.slack());
        if horizon > HORIZON { HORIZON } else { horizon }
    }

    /// A moment farther ahead than this is the past. Somewhat more than the horizon, so that a debt that has
    /// grown to the end is still one for a thread whose clock reads a little earlier.
    pub(super) const fn past(self) -> u64 {
        self.horizon().saturating_add(self.slack())
    }

    /// An hour in units, or where the range is long, a sixteenth of the horizon.
    const fn slack(self) -> u64 {
        if self.denominator <= COARSE {
            HORIZON / 16
        } else {
            HOUR.saturating_mul(self.denominator)
        }
    }

    /// The backlog after taking `tokens`; `None` when it would lie beyond the horizon.
    pub(super) const fn after(self, backlog: u64, tokens: u64) -> Option<u64> {
        let after = backlog.saturating_add(self.cost(tokens));
        if after > self.horizon() {
            None
        } else {
            Some(after)
        }
    }

    pub(super) const fn remaining(self, backlog: u64) -> u64 {
        match self
            .room()
            .saturating_sub(backlog)
            .checked_div(self.numerator)
        {
            Some(tokens) => tokens,
            None => 0,
        }
    }

    /// A backlog of `last` in units of this rate: an empty bucket stays empty and a debt stays that debt.
    pub(super) fn converted(self, last: Self, backlog: u64) -> u64 {
        let debt = backlog.saturating_sub(last.room());
        let units = |backlog: u64| {
            u128::from(backlog)
                .saturating_mul(u128::from(self.numerator))
                .checked_div(u128::from(last.numerator))
                .and_then(|units| u64::try_from(units).ok())
                .unwrap_or(HORIZON)
        };
        let missing = units(backlog.saturating_sub(debt)).min(self.room());
        missing.saturating_add(units(debt)).min(self.horizon())
    }
}

const fn largest_burst(numerator: u64) -> u64 {
    match LARGEST_BURST.checked_div(numerator) {
        Some(0) | None => 1,
        Some(burst) => burst,
    }
}

/// `period / permits` reduced, or the nearest fraction whose denominator is at most [`FINEST`]: the last
/// convergent or semiconvergent of the continued fraction that still fits. At most 64 steps of Euclid.
fn nearest(period: u64, permits: u64) -> (u64, u64) {
    let (mut a, mut b) = (u128::from(period), u128::from(permits.max(1)));
    // The last two convergents, numerator and denominator.
    let (mut before, mut last) = ((0u128, 1u128), (1u128, 0u128));
    while let (Some(whole), Some(rest)) = (a.checked_div(b), a.checked_rem(b)) {
        let denominator = whole.saturating_mul(last.1).saturating_add(before.1);
        if denominator > u128::from(FINEST) {
            // The best semiconvergent, unless the last convergent is nearer.
            let steps = u128::from(FINEST)
                .saturating_sub(before.1)
                .checked_div(last.1)
                .unwrap_or(0);
            let semi = (
                steps.saturating_mul(last.0).saturating_add(before.0),
                steps.saturating_mul(last.1).saturating_add(before.1),
            );
            let best = if distance(semi, period, permits) < distance(last, period, permits) {
                semi
            } else {
                last
            };
            return narrow(best);
        }
        let next = (
            whole.saturating_mul(last.0).saturating_add(before.0),
            denominator,
        );
        (before, last) = (last, next);
        (a, b) = (b, rest);
    }
    narrow(last)
}

/// `|n/d - period/permits|` times `permits * 2^40`: comparable between fractions of one rate.
fn distance((n, d): (u128, u128), period: u64, permits: u64) -> u128 {
    let cross = n
        .saturating_mul(u128::from(permits))
        .abs_diff(d.saturating_mul(u128::from(period)));
    cross
        .saturating_mul(1 << 40)
        .checked_div(d)
        .unwrap_or(u128::MAX)
}

fn narrow((n, d): (u128, u128)) -> (u64, u64) {
    (
        u64::try_from(n).unwrap_or(u64::MAX).max(1),
        u64::try_from(d).unwrap_or(1).max(1),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn common_rates_are_exact() {
        assert_eq!(nearest(1_000_000_000, 100), (10_000_000, 1));
        assert_eq!(nearest(1_000_000_000, 3), (1_000_000_000, 3));
        assert_eq!(nearest(60_000_000_000, 7), (60_000_000_000, 7));
        assert_eq!(nearest(1, 1), (1, 1));
    }

    #[test]
    fn odd_rates_are_within_a_millionth() {
        for permits in [999_983u64, 123_457, 999_999_937, 7_919, 1_048_573] {
            let (n, d) = nearest(1_000_000_000, permits);
            assert!(d <= FINEST);
            let exact = 1e9 / permits as f64;
            assert!(
                ((n as f64 / d as f64) / exact - 1.0).abs() < 1e-6,
                "{permits}: {n}/{d}"
            );
        }
    }
}
