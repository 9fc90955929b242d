//! The moment after which nobody waits for the answer any more.

pub mod header;

use crate::time::Nanos;

/// A moment after which an answer is of no use. Pass it on to whatever is called next: nested work keeps
/// the nearer of two deadlines.
///
/// ```
/// use seawall_core::{Deadline, Nanos};
///
/// let deadline = Deadline::after(Nanos::from_secs(1), Nanos::from_secs(5));
/// assert_eq!(deadline.attempt_timeout(Nanos::from_secs(2), Nanos::from_secs(5)), Nanos::from_secs(1));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(transparent)]
pub struct Deadline {
    at: Nanos,
}

impl Deadline {
    /// Never.
    pub const NEVER: Self = Self { at: Nanos::MAX };

    /// At this moment of the monotonic clock.
    #[must_use]
    pub const fn at(at: Nanos) -> Self {
        Self { at }
    }

    /// `span` from now, at most the end of time.
    #[must_use]
    pub const fn after(now: Nanos, span: Nanos) -> Self {
        Self { at: now.plus(span) }
    }

    /// The moment itself.
    #[must_use]
    pub const fn moment(self) -> Nanos {
        self.at
    }

    /// What is left; zero once expired.
    #[must_use]
    pub const fn remaining(self, now: Nanos) -> Nanos {
        self.at.since(now)
    }

    /// True from the moment itself on.
    #[must_use]
    pub const fn is_expired(self, now: Nanos) -> bool {
        now.0 >= self.at.0
    }

    /// The nearer of the two.
    #[must_use]
    pub const fn nearer(self, other: Self) -> Self {
        if other.at.0 < self.at.0 { other } else { self }
    }

    /// An earlier deadline for the work below, keeping `permille` thousandths of what is left for the caller.
    /// More than 1,000 counts as 1,000. [`Deadline::NEVER`] stays that.
    #[must_use]
    pub fn keep(self, now: Nanos, permille: u16) -> Self {
        if self.at.0 == u64::MAX {
            return Self::NEVER;
        }
        let left = u128::from(self.remaining(now).0);
        let kept = left.saturating_mul(u128::from(permille.min(1_000))) / 1_000;
        Self {
            at: self
                .at
                .since(Nanos(u64::try_from(kept).unwrap_or(u64::MAX))),
        }
    }

    /// The time one attempt may take: its own timeout, or what is left if that is less.
    #[must_use]
    pub fn attempt_timeout(self, timeout: Nanos, now: Nanos) -> Nanos {
        timeout.min(self.remaining(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_moment_itself_is_too_late() {
        let deadline = Deadline::after(Nanos(10), Nanos(5));
        assert!(!deadline.is_expired(Nanos(14)));
        assert!(deadline.is_expired(Nanos(15)));
        assert_eq!(deadline.remaining(Nanos(15)), Nanos::ZERO);
    }

    #[test]
    fn the_ends_of_time_saturate() {
        assert_eq!(Deadline::after(Nanos::MAX, Nanos(1)), Deadline::NEVER);
        assert_eq!(Deadline::NEVER.keep(Nanos(0), 1_000), Deadline::NEVER);
        assert_eq!(
            Deadline::at(Nanos(0)).keep(Nanos::MAX, 500).moment(),
            Nanos(0)
        );
        assert_eq!(
            Deadline::NEVER.attempt_timeout(Nanos(7), Nanos(1)),
            Nanos(7)
        );
    }
}
