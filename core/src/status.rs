//! One number space for every language: 0 is ok, positive numbers are expected refusals, negative ones are
//! errors. Numbers come in families of ten and are never given a new meaning.

use core::ffi::CStr;
use core::fmt;

use crate::time::Nanos;

/// Why leave was refused. Expected in normal operation, and never counted as an outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(i32)]
#[non_exhaustive]
pub enum Refused {
    /// The breaker is open; `retry_after` says when the next probe may go.
    BreakerOpen = 10,
    /// The breaker is half-open and all probe seats are taken.
    BreakerHalfOpen = 11,
    /// Somebody opened the breaker by hand.
    BreakerForcedOpen = 12,
    /// All permits of the bulkhead are held.
    BulkheadFull = 20,
    /// So many callers wait for the bulkhead already that no more may queue.
    BulkheadWaitFull = 21,
    /// A permit did not come free within the time the caller was ready to wait.
    BulkheadWaitTimeout = 22,
    /// The rate does not allow it now; `retry_after` says when it will.
    RateLimited = 30,
    /// Too many retries already, given how many calls there were.
    BudgetExhausted = 40,
    /// The deadline has passed, or would pass before an attempt could be useful.
    DeadlineExceeded = 50,
}

impl Refused {
    /// The refusal for this reason when nobody knows when asking again can help.
    #[must_use]
    pub const fn into_refusal(self) -> Refusal {
        Refusal {
            reason: self,
            retry_after: Nanos::ZERO,
        }
    }
}

/// A refusal and the next useful moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Why.
    pub reason: Refused,
    /// How long until asking again can help; zero when nobody knows.
    pub retry_after: Nanos,
}

/// Misuse: the call cannot mean anything. Nothing was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(i32)]
#[non_exhaustive]
pub enum Misuse {
    /// A null pointer where an object is wanted.
    Null = -1,
    /// Storage that is not aligned as the object needs.
    Misaligned = -2,
    /// Storage too small for the object.
    StorageTooSmall = -3,
    /// Memory that holds no such object.
    Uninitialised = -4,
    /// A setting outside its range.
    Config = -10,
    /// A configuration of a newer version, with settings that this library does not know.
    Version = -11,
    /// An argument outside its range.
    Argument = -12,
    /// There is nothing of this name.
    Unknown = -13,
    /// A permit that was used already.
    Spent = -20,
    /// A permit of another object.
    Foreign = -21,
    /// More tokens at once than the bucket can ever hold.
    ExceedsCapacity = -30,
    /// A header that is malformed, too long or absurd.
    Header = -40,
    /// The library itself failed; the state is unharmed.
    Panic = -90,
}

/// Any answer of the library, as the number that crosses language borders.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(transparent)]
pub struct Status(pub i32);

impl Status {
    /// It worked.
    pub const OK: Self = Self(0);
    /// Recorded too late to count: the state has moved on since the permit was given.
    pub const LATE: Self = Self(60);
    /// Released too late: the permit was released or taken back before.
    pub const STALE: Self = Self(61);

    /// All numbers with their names and a sentence each, in order.
    pub const ALL: &'static [(i32, &'static CStr, &'static CStr)] = &[
        (0, c"ok", c"it worked"),
        (10, c"breaker_open", c"the circuit breaker is open"),
        (
            11,
            c"breaker_half_open",
            c"the circuit breaker is half-open and its probe is under way",
        ),
        (
            12,
            c"breaker_forced_open",
            c"the circuit breaker was opened by hand",
        ),
        (
            20,
            c"bulkhead_full",
            c"all permits of the bulkhead are held",
        ),
        (
            21,
            c"bulkhead_wait_full",
            c"too many callers wait for the bulkhead already",
        ),
        (
            22,
            c"bulkhead_wait_timeout",
            c"no permit of the bulkhead came free in time",
        ),
        (30, c"rate_limited", c"the rate limit does not allow it now"),
        (40, c"budget_exhausted", c"the retry budget is spent"),
        (50, c"deadline_exceeded", c"the deadline has passed"),
        (
            60,
            c"late",
            c"recorded too late to count: the breaker has changed its state since",
        ),
        (
            61,
            c"stale",
            c"the permit was released or taken back before",
        ),
        (-1, c"null", c"a null pointer where an object is wanted"),
        (
            -2,
            c"misaligned",
            c"the storage is not aligned as the object needs",
        ),
        (
            -3,
            c"storage_too_small",
            c"the storage is too small for the object",
        ),
        (-4, c"uninitialised", c"the memory holds no such object"),
        (-10, c"config", c"a setting is outside its range"),
        (
            -11,
            c"version",
            c"the configuration has settings that this library does not know",
        ),
        (-12, c"argument", c"an argument is outside its range"),
        (-13, c"unknown", c"there is nothing of this name"),
        (-20, c"spent", c"the permit was used already"),
        (-21, c"foreign", c"the permit belongs to another object"),
        (
            -30,
            c"exceeds_capacity",
            c"more tokens at once than the bucket can ever hold",
        ),
        (
            -40,
            c"header",
            c"the header is malformed, too long or asks for more than a day",
        ),
        (-90, c"panic", c"the library failed; the state is unharmed"),
    ];

    /// The short name of the number ("breaker_open"), as vectors and metrics use it.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.name_c().to_str().unwrap_or("unknown")
    }

    /// [`Status::name`] as C reads it.
    #[must_use]
    pub fn name_c(self) -> &'static CStr {
        self.entry().map_or(c"unknown", |entry| entry.1)
    }

    /// One sentence for people.
    #[must_use]
    pub fn text(self) -> &'static str {
        self.text_c().to_str().unwrap_or("unknown status")
    }

    /// [`Status::text`] as C reads it.
    #[must_use]
    pub fn text_c(self) -> &'static CStr {
        self.entry().map_or(c"unknown status", |entry| entry.2)
    }

    fn entry(self) -> Option<&'static (i32, &'static CStr, &'static CStr)> {
        Self::ALL.iter().find(|entry| entry.0 == self.0)
    }
}

impl From<Refused> for Status {
    fn from(reason: Refused) -> Self {
        Self(reason as i32)
    }
}

impl From<Misuse> for Status {
    fn from(misuse: Misuse) -> Self {
        Self(misuse as i32)
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(Status::from(*self).text())
    }
}

impl fmt::Display for Misuse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(Status::from(*self).text())
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.retry_after == Nanos::ZERO {
            fmt::Display::fmt(&self.reason, f)
        } else {
            write!(f, "{}; retry after {}", self.reason, self.retry_after)
        }
    }
}

impl core::error::Error for Refused {}
impl core::error::Error for Misuse {}
impl core::error::Error for Refusal {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_a_name_and_a_sentence() {
        for reason in [
            Refused::BreakerOpen,
            Refused::BulkheadWaitTimeout,
            Refused::DeadlineExceeded,
        ] {
            assert_ne!(Status::from(reason).name(), "unknown");
        }
        for misuse in [Misuse::Null, Misuse::Foreign, Misuse::Panic] {
            assert_ne!(Status::from(misuse).name(), "unknown");
        }
        assert_eq!(Status(4711).name(), "unknown");
    }
}
