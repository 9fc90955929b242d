//! The one place that reads a clock, and clocks that a test drives by hand.

use seawall_core::Nanos;

#[cfg(feature = "std")]
pub use manual::{Clock, ManualClock};

/// The monotonic clock that all processes of the host share. It stops while the machine is suspended and
/// never goes back. About 25 ns.
#[must_use]
pub fn monotonic() -> Nanos {
    read(libc::CLOCK_MONOTONIC)
}

/// The same clock as of the last timer tick: up to about 5 ms late, and five times cheaper. Good for
/// windows and open times, wrong for rates above some hundred per second.
#[must_use]
pub fn coarse() -> Nanos {
    #[cfg(target_os = "linux")]
    return read(libc::CLOCK_MONOTONIC_COARSE);
    #[cfg(not(target_os = "linux"))]
    monotonic()
}

fn read(clock: libc::clockid_t) -> Nanos {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: `time` is a valid place for the answer; an unknown clock would only return an error.
    let status = unsafe { libc::clock_gettime(clock, &raw mut time) };
    if status != 0 {
        // Only a kernel without the clock gets here; time that stands still refuses nothing for ever,
        // because every primitive treats "no time passed" as a valid answer.
        return Nanos(1);
    }
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    let nanos = u64::try_from(time.tv_nsec).unwrap_or(0);
    Nanos(seconds.saturating_mul(1_000_000_000).saturating_add(nanos))
}

#[cfg(feature = "std")]
mod manual {
    use std::fmt;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::time::Duration;

    use seawall_core::{Moment, Nanos};

    /// Where an object gets its time from: the system's monotonic clock, or whatever a test says.
    #[derive(Clone, Default)]
    pub struct Clock(Option<Arc<dyn Fn() -> Nanos + Send + Sync>>);

    impl Clock {
        /// The monotonic clock of the system; read only when an answer needs it.
        #[must_use]
        pub const fn system() -> Self {
            Self(None)
        }

        /// A clock of your own: nanoseconds that do not go back.
        #[must_use]
        pub fn from_fn(read: impl Fn() -> Nanos + Send + Sync + 'static) -> Self {
            Self(Some(Arc::new(read)))
        }
    }

    impl Moment for Clock {
        #[inline]
        fn now(&self) -> Nanos {
            self.0.as_ref().map_or_else(super::monotonic, |read| read())
        }

        #[inline]
        fn about(&self) -> Nanos {
            self.0.as_ref().map_or_else(super::coarse, |read| read())
        }
    }

    impl fmt::Debug for Clock {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(if self.0.is_some() {
                "Clock::from_fn"
            } else {
                "Clock::system"
            })
        }
    }

    /// A clock that stands still until a test moves it. Clones share the time.
    ///
    /// ```
    /// use std::time::Duration;
    /// use seawall::{Breaker, ManualClock, breaker::Config};
    ///
    /// let time = ManualClock::new();
    /// let breaker = Breaker::new("demo", Config { open_jitter_permille: 0, ..Config::default() })?.with_clock(time.clock());
    /// for _ in 0..5 {
    ///     breaker.try_acquire()?.failure();
    /// }
    /// assert!(breaker.try_acquire().is_err());
    /// time.advance(Duration::from_secs(30));
    /// breaker.try_acquire()?.success();
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[derive(Clone, Debug)]
    pub struct ManualClock(Arc<AtomicU64>);

    impl ManualClock {
        /// A clock that stands at one second.
        #[must_use]
        pub fn new() -> Self {
            Self(Arc::new(AtomicU64::new(1_000_000_000)))
        }

        /// Moves the time on.
        pub fn advance(&self, span: Duration) {
            self.0.fetch_add(Nanos::from(span).0, Ordering::SeqCst);
        }

        /// Sets the time.
        pub fn set(&self, now: Nanos) {
            self.0.store(now.0, Ordering::SeqCst);
        }

        /// What to give to an object.
        #[must_use]
        pub fn clock(&self) -> Clock {
            let time = Arc::clone(&self.0);
            Clock::from_fn(move || Nanos(time.load(Ordering::SeqCst)))
        }
    }

    impl Default for ManualClock {
        fn default() -> Self {
            Self::new()
        }
    }
}
