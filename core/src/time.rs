//! Time as an argument: nanoseconds of a monotonic clock that all processes of the host share.

use core::fmt;
use core::time::Duration;

const PER_MILLI: u64 = 1_000_000;

/// Nanoseconds: a moment of the monotonic clock, or a span of it. Arithmetic saturates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(transparent)]
pub struct Nanos(pub u64);

impl Nanos {
    /// No time at all.
    pub const ZERO: Self = Self(0);
    /// The end of time, about 584 years after the clock began.
    pub const MAX: Self = Self(u64::MAX);
    /// A day, the longest span that most settings allow.
    pub const DAY: Self = Self(86_400 * 1_000 * PER_MILLI);

    /// This many milliseconds.
    #[must_use]
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis.saturating_mul(PER_MILLI))
    }

    /// This many seconds.
    #[must_use]
    pub const fn from_secs(secs: u64) -> Self {
        Self::from_millis(secs.saturating_mul(1_000))
    }

    /// Whole milliseconds, rounded down.
    #[must_use]
    pub const fn as_millis_floor(self) -> u64 {
        self.0 / PER_MILLI
    }

    /// Whole milliseconds, rounded up.
    #[must_use]
    pub const fn as_millis_ceil(self) -> u64 {
        self.0.div_ceil(PER_MILLI)
    }

    /// The sum, at most [`Nanos::MAX`].
    #[must_use]
    pub const fn plus(self, span: Self) -> Self {
        Self(self.0.saturating_add(span.0))
    }

    /// The difference, or zero when `earlier` is the later one.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Self {
        Self(self.0.saturating_sub(earlier.0))
    }
}

impl From<Duration> for Nanos {
    /// A duration beyond 584 years becomes [`Nanos::MAX`].
    fn from(span: Duration) -> Self {
        Self(u64::try_from(span.as_nanos()).unwrap_or(u64::MAX))
    }
}

impl From<Nanos> for Duration {
    fn from(span: Nanos) -> Self {
        Self::from_nanos(span.0)
    }
}

impl fmt::Display for Nanos {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&Duration::from(*self), f)
    }
}

/// Where a primitive gets the time from, if its answer needs it: a [`Nanos`] already read (tests, replay,
/// fake clocks) or a closure that reads a clock. A healthy breaker never calls it.
pub trait Moment {
    /// The current time.
    fn now(&self) -> Nanos;

    /// The current time for purposes that do not mind some milliseconds: a cheaper clock, where there is one.
    fn about(&self) -> Nanos {
        self.now()
    }
}

impl Moment for Nanos {
    #[inline]
    fn now(&self) -> Nanos {
        *self
    }
}

impl<F: Fn() -> Nanos> Moment for F {
    #[inline]
    fn now(&self) -> Nanos {
        self()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arithmetic_saturates_at_both_ends() {
        assert_eq!(Nanos::MAX.plus(Nanos(1)), Nanos::MAX);
        assert_eq!(Nanos(1).since(Nanos(2)), Nanos::ZERO);
        assert_eq!(Nanos::from_secs(u64::MAX), Nanos::MAX);
        assert_eq!(Nanos::MAX.as_millis_ceil(), u64::MAX.div_ceil(1_000_000));
        assert_eq!(
            (Nanos(1).as_millis_floor(), Nanos(1).as_millis_ceil()),
            (0, 1)
        );
        assert_eq!(Nanos::from(Duration::MAX), Nanos::MAX);
    }
}
