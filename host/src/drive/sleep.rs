//! Timers, which every runtime has its own of.

use std::future::Future;
use std::time::Duration;

/// A source of timers: `tokio::time::sleep` is one, and so is any function from a duration to a future that is
/// ready after it.
///
/// A timer that is dropped must leave nothing behind; those of all common runtimes do not.
pub trait Sleep {
    /// Ready when the time is over.
    type Sleeping: Future<Output = ()>;

    /// A timer.
    fn sleep(&self, span: Duration) -> Self::Sleeping;
}

impl<F, S> Sleep for F
where
    F: Fn(Duration) -> S,
    S: Future<Output = ()>,
{
    type Sleeping = S;

    fn sleep(&self, span: Duration) -> S {
        self(span)
    }
}

/// The timers of tokio. The future that uses them must be polled inside a runtime with its time enabled.
#[cfg(feature = "tokio")]
#[derive(Clone, Copy, Debug, Default)]
pub struct Tokio;

#[cfg(feature = "tokio")]
impl Sleep for Tokio {
    type Sleeping = tokio::time::Sleep;

    fn sleep(&self, span: Duration) -> Self::Sleeping {
        tokio::time::sleep(span)
    }
}

#[cfg(feature = "tokio")]
impl Tokio {
    /// The clock of tokio's timers, for walls in tests whose time is paused (`tokio::time::pause`): it stands
    /// and jumps with them. Read it inside the runtime. All clocks made here are the same.
    #[must_use]
    pub fn clock() -> crate::Clock {
        use crate::Nanos;
        use std::sync::OnceLock;
        use std::time::Instant;

        static ORIGIN: OnceLock<(Instant, Nanos)> = OnceLock::new();
        let (origin, nanos) = *ORIGIN.get_or_init(|| (Instant::now(), crate::clock::monotonic()));
        crate::Clock::from_fn(move || {
            let now = tokio::time::Instant::now().into_std();
            match now.checked_duration_since(origin) {
                Some(later) => nanos.plus(later.into()),
                None => nanos.since(origin.duration_since(now).into()),
            }
        })
    }
}
