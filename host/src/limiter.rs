//! Token bucket: so many calls per while, with a burst, and no drift.

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::time::Duration;

use seawall_core::limiter::{Limiter as Core, Reservation as Token};
use seawall_core::{ConfigError, Misuse, Moment, Nanos, Refusal};

pub use seawall_core::limiter::{Config, Snapshot};

use crate::breaker::named;
use crate::clock::Clock;

/// Why no tokens were given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LimitError {
    /// Not now; the refusal says when.
    Refused(Refusal),
    /// Never: the bucket cannot hold so many at once.
    ExceedsCapacity,
}

impl fmt::Display for LimitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(refusal) => refusal.fmt(f),
            Self::ExceedsCapacity => Misuse::ExceedsCapacity.fmt(f),
        }
    }
}

impl Error for LimitError {}

fn flatten<T>(answer: Result<Result<T, Refusal>, Misuse>) -> Result<T, LimitError> {
    answer
        .map_err(|_| LimitError::ExceedsCapacity)?
        .map_err(LimitError::Refused)
}

/// A token bucket of this process. Share it by reference or in an `Arc`; any thread may use it. One
/// compare-exchange and one clock reading per request.
#[derive(Debug)]
pub struct Limiter {
    name: String,
    core: Core,
    clock: Clock,
}

impl Limiter {
    /// A full bucket.
    ///
    /// # Errors
    /// The first setting that is out of range; an empty name is out of range, too.
    pub fn new(name: &str, config: Config) -> Result<Self, ConfigError> {
        named(name)?;
        Ok(Self {
            name: name.to_owned(),
            core: Core::new(&config)?,
            clock: Clock::system(),
        })
    }

    /// The same limiter on another clock, for tests.
    #[must_use]
    pub fn with_clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// The name it was made with.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Takes `tokens` if they are there now.
    ///
    /// # Errors
    /// [`LimitError::Refused`] with the time until they are, [`LimitError::ExceedsCapacity`] if never.
    pub fn try_acquire(&self, tokens: u64) -> Result<(), LimitError> {
        flatten(self.core.try_acquire(tokens, &self.clock))
    }

    /// Takes `tokens` now or ahead of time. Wait for [`Reservation::wait`], then go.
    ///
    /// # Errors
    /// As for [`Limiter::try_acquire`], at once, when the wait would be longer than `max_wait`.
    pub fn reserve(&self, tokens: u64, max_wait: Duration) -> Result<Reservation<'_>, LimitError> {
        let token = flatten(self.core.reserve(tokens, max_wait.into(), &self.clock))?;
        Ok(Reservation {
            limiter: self,
            token: Some(token),
        })
    }

    /// Takes `tokens`, sleeping on this thread until they are there, at most `max_wait`.
    ///
    /// # Errors
    /// As for [`Limiter::reserve`].
    pub fn acquire(&self, tokens: u64, max_wait: Duration) -> Result<(), LimitError> {
        let reservation = self.reserve(tokens, max_wait)?;
        let wait = reservation.wait();
        if !wait.is_zero() {
            std::thread::sleep(wait);
        }
        reservation.keep();
        Ok(())
    }

    /// Takes `tokens`, sleeping by your runtime's own means (`tokio::time::sleep`, say) until they are there. A
    /// future dropped while it sleeps gives the tokens back.
    ///
    /// # Errors
    /// As for [`Limiter::reserve`].
    pub async fn acquire_async<S: Future<Output = ()>>(
        &self,
        tokens: u64,
        max_wait: Duration,
        sleep: impl FnOnce(Duration) -> S,
    ) -> Result<(), LimitError> {
        let reservation = self.reserve(tokens, max_wait)?;
        let wait = reservation.wait();
        let guard = CancelOnDrop(Some(reservation));
        if !wait.is_zero() {
            sleep(wait).await;
        }
        guard.keep();
        Ok(())
    }

    /// Corrects a cost after the fact: takes more whatever the bucket holds, or gives back when negative.
    pub fn adjust(&self, tokens: i64) {
        self.core.adjust(tokens, &self.clock);
    }

    /// Changes rate, burst and mode: the tokens that are missing stay missing.
    ///
    /// # Errors
    /// The first setting that is out of range; nothing has changed then.
    pub fn reconfigure(&self, config: Config) -> Result<(), ConfigError> {
        self.core.reconfigure(&config, &self.clock)
    }

    /// A look at everything, changing nothing, in the terms of the HTTP rate limit fields.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        self.core.snapshot(self.clock.now())
    }
}

/// Tokens taken ahead of time. Dropping it keeps them; [`Reservation::cancel`] gives them back.
#[derive(Debug)]
pub struct Reservation<'a> {
    limiter: &'a Limiter,
    token: Option<Token>,
}

impl Reservation<'_> {
    /// How long to wait before going.
    #[must_use]
    pub fn wait(&self) -> Duration {
        self.token
            .as_ref()
            .map_or(Nanos::ZERO, |token| token.wait)
            .into()
    }

    /// Goes: the tokens are spent.
    pub fn keep(self) {}

    /// Gives the tokens back, whether their time has come or not.
    pub fn cancel(mut self) {
        if let Some(token) = self.token.take() {
            self.limiter.core.cancel(token, &self.limiter.clock);
        }
    }
}

struct CancelOnDrop<'a>(Option<Reservation<'a>>);

impl CancelOnDrop<'_> {
    fn keep(mut self) {
        self.0 = None;
    }
}

impl Drop for CancelOnDrop<'_> {
    fn drop(&mut self) {
        if let Some(reservation) = self.0.take() {
            reservation.cancel();
        }
    }
}
