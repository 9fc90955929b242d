//! Milliseconds of JavaScript and nanoseconds of the core.

use std::cell::Cell;

use seawall::clock::{self, Clock};
use seawall::{Moment, Nanos};

thread_local! {
    static TOLD: Cell<Option<Nanos>> = const { Cell::new(None) };
}

/// The moment a caller gave, or the clock, read only when the answer depends on it.
#[derive(Clone, Copy)]
pub enum Now {
    Given(Nanos),
    Clock,
}

impl Moment for Now {
    #[inline]
    fn now(&self) -> Nanos {
        match self {
            Self::Given(moment) => *moment,
            Self::Clock => clock::monotonic(),
        }
    }

    #[inline]
    fn about(&self) -> Nanos {
        match self {
            Self::Given(moment) => *moment,
            Self::Clock => clock::coarse(),
        }
    }
}

/// The clock of a wall: nearly all that happens to it brings its own moment, and [`at`] tells one to the rest. State begins
/// at the caller's moment, if there is one.
pub fn clock_from(begin: Now) -> Clock {
    Clock::from_fn(move || TOLD.get().unwrap_or_else(|| begin.now()))
}

/// Does something that asks the clock of a wall for the time, at a moment.
pub fn at<R>(moment: Nanos, what: impl FnOnce() -> R) -> R {
    /// Forgets the moment, however it ends.
    struct Over;
    impl Drop for Over {
        fn drop(&mut self) {
            TOLD.set(None);
        }
    }
    TOLD.set(Some(moment));
    let _over = Over;
    what()
}

/// A negative number of milliseconds asks for the clock.
#[inline]
pub fn moment(now_ms: f64) -> Now {
    if now_ms < 0.0 {
        Now::Clock
    } else {
        Now::Given(nanos(now_ms))
    }
}

/// Milliseconds to nanoseconds, to the nearest, exact up to 52 days. What is no duration is none, and what
/// is beyond 584 years ends there: the TypeScript side has refused both before.
#[inline]
pub fn nanos(ms: f64) -> Nanos {
    let whole = ms.trunc();
    // The fraction alone keeps all its digits; multiplied together with a large whole it would lose some.
    let fraction = ((ms - whole) * 1e6).round();
    Nanos(
        (whole as u64)
            .saturating_mul(1_000_000)
            .saturating_add(fraction as u64),
    )
}

/// Nanoseconds to milliseconds.
#[inline]
pub fn millis(span: Nanos) -> f64 {
    let (whole, rest) = (span.0 / 1_000_000, span.0 % 1_000_000);
    whole as f64 + rest as f64 / 1e6
}

/// A 64-bit word from the two halves that JavaScript can hold exactly.
#[inline]
pub const fn word(low: u32, high: u32) -> u64 {
    low as u64 | (high as u64) << 32
}
