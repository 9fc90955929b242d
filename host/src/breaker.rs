//! Circuit breaker: stop calling what keeps failing, and find out gently when it is well again.

use std::fmt;
use std::future::Future;
use std::time::Duration;

use seawall_core::breaker::{Breaker as Core, Permit as Token};
use seawall_core::{ConfigError, Moment, Nanos, Outcome, Owner, Refusal};

pub use seawall_core::breaker::{Config, Snapshot, State, Transition};

use crate::call::CallError;
use crate::clock::Clock;

type Listener = Box<dyn Fn(&str, &Transition) + Send + Sync>;

/// A circuit breaker of this process. Share it by reference or in an `Arc`; any thread may use it, and after a
/// fork parent and child each go on with a copy.
///
/// A healthy call costs one read of a shared word, one read of the window's head and one count. Nothing blocks.
pub struct Breaker {
    name: String,
    core: Core,
    clock: Clock,
    listener: Option<Listener>,
}

impl Breaker {
    /// A closed breaker. A `seed` of 0 is replaced by a random one, so that breakers do not reopen in step.
    ///
    /// # Errors
    /// The first setting that is out of range; an empty name is out of range, too.
    pub fn new(name: &str, config: Config) -> Result<Self, ConfigError> {
        named(name)?;
        let seed = if config.seed == 0 {
            crate::seed::random()
        } else {
            config.seed
        };
        let core = Core::new(&Config { seed, ..config })?;
        Ok(Self {
            name: name.to_owned(),
            core,
            clock: Clock::system(),
            listener: None,
        })
    }

    /// The same breaker on another clock, for tests.
    #[must_use]
    pub fn with_clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// The same breaker with a listener for state changes. It runs on the thread that made the change, after the
    /// change is visible to everybody and outside any lock; let it be short.
    #[must_use]
    pub fn on_transition(
        mut self,
        listener: impl Fn(&str, &Transition) + Send + Sync + 'static,
    ) -> Self {
        self.listener = Some(Box::new(listener));
        self
    }

    /// The name it was made with.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    fn tell(&self, transition: Option<Transition>) {
        if let (Some(listener), Some(transition)) = (&self.listener, transition) {
            listener(&self.name, &transition);
        }
    }

    /// Asks for leave to make one call. Dropping the permit gives it back unused.
    ///
    /// # Errors
    /// A [`Refusal`] that says when asking again can help.
    pub fn try_acquire(&self) -> Result<Permit<'_>, Refusal> {
        let admission = self.core.try_acquire(Owner::PRIVATE, &self.clock)?;
        self.tell(admission.transition);
        Ok(Permit {
            breaker: self,
            token: Some(admission.permit),
        })
    }

    /// Calls `function` if the breaker allows it. `Err` counts as a failure, and so does a panic, which goes on.
    ///
    /// # Errors
    /// [`CallError::Refused`] when the call was not made, [`CallError::Failed`] with the function's own error.
    pub fn call<T, E>(&self, function: impl FnOnce() -> Result<T, E>) -> Result<T, CallError<E>> {
        self.call_as(outcome_of, function)
    }

    /// As [`Breaker::call`], with your own word on what counts as what.
    ///
    /// # Errors
    /// As for [`Breaker::call`].
    pub fn call_as<T, E>(
        &self,
        classify: impl FnOnce(&Result<T, E>) -> Outcome,
        function: impl FnOnce() -> Result<T, E>,
    ) -> Result<T, CallError<E>> {
        let permit = self.try_acquire()?;
        let result = function();
        permit.record(classify(&result));
        result.map_err(CallError::Failed)
    }

    /// Awaits `future` if the breaker allows it when first polled. Any runtime; dropping the returned future
    /// gives the permit back unused.
    ///
    /// # Errors
    /// As for [`Breaker::call`].
    pub async fn call_async<T, E>(
        &self,
        future: impl Future<Output = Result<T, E>>,
    ) -> Result<T, CallError<E>> {
        self.call_async_as(outcome_of, future).await
    }

    /// As [`Breaker::call_async`], with your own word on what counts as what.
    ///
    /// # Errors
    /// As for [`Breaker::call`].
    pub async fn call_async_as<T, E>(
        &self,
        classify: impl FnOnce(&Result<T, E>) -> Outcome,
        future: impl Future<Output = Result<T, E>>,
    ) -> Result<T, CallError<E>> {
        let permit = self.try_acquire()?;
        let result = future.await;
        permit.record(classify(&result));
        result.map_err(CallError::Failed)
    }

    /// Refuses every call until [`Breaker::reset`].
    pub fn force_open(&self) {
        self.tell(self.core.force_open());
    }

    /// Admits every call and records nothing until [`Breaker::reset`].
    pub fn disable(&self) {
        self.tell(self.core.disable());
    }

    /// Closes the breaker with an empty window, whatever its state.
    pub fn reset(&self) {
        self.tell(self.core.reset());
    }

    /// Changes the settings; state, counters and window stay. A `seed` of 0 keeps the one there is.
    ///
    /// # Errors
    /// The first setting that is out of range; nothing has changed then.
    pub fn reconfigure(&self, config: Config) -> Result<(), ConfigError> {
        let seed = if config.seed == 0 {
            self.core.config().seed
        } else {
            config.seed
        };
        self.core.reconfigure(&Config { seed, ..config })
    }

    /// The state right now.
    #[must_use]
    pub fn state(&self) -> State {
        self.core.state()
    }

    /// A look at everything, changing nothing.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        self.core.snapshot(self.clock.now())
    }
}

impl fmt::Debug for Breaker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Breaker")
            .field("name", &self.name)
            .field("state", &self.state())
            .finish_non_exhaustive()
    }
}

fn outcome_of<T, E>(result: &Result<T, E>) -> Outcome {
    Outcome::classify(false, result.is_err())
}

/// An empty name is refused, so that events and metrics can always say whose they are.
pub(crate) fn named(name: &str) -> Result<(), ConfigError> {
    ConfigError::check("name", name.len() as u64, 1, u64::MAX)
}

/// Leave to make one call. Say how it ended; a permit that is only dropped is given back unused, or counts as a
/// failure if its thread is panicking.
#[must_use = "a permit that is dropped at once is given back unused"]
#[derive(Debug)]
pub struct Permit<'a> {
    breaker: &'a Breaker,
    token: Option<Token>,
}

impl Permit<'_> {
    /// The call did what was asked.
    pub fn success(self) {
        self.record(Outcome::Success);
    }

    /// The call failed.
    pub fn failure(self) {
        self.record(Outcome::Failure);
    }

    /// The call failed and the server asked not to be called again for `retry_after`: if this failure opens the
    /// breaker, it stays open at least that long, up to a day.
    pub fn failure_retry_after(mut self, retry_after: Duration) {
        self.finish(Outcome::Failure, retry_after.into());
    }

    /// The call ended with `outcome`.
    pub fn record(mut self, outcome: Outcome) {
        self.finish(outcome, Nanos::ZERO);
    }

    /// Gives the permit back unused, as dropping it does.
    pub fn cancel(self) {}

    /// True when this call tests whether the dependency has recovered.
    #[must_use]
    pub fn is_probe(&self) -> bool {
        self.token.as_ref().is_some_and(Token::is_probe)
    }

    fn finish(&mut self, outcome: Outcome, retry_after: Nanos) {
        if let Some(token) = self.token.take() {
            let recorded =
                self.breaker
                    .core
                    .record(token, outcome, retry_after, &self.breaker.clock);
            self.breaker.tell(recorded.transition);
        }
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.finish(Outcome::Failure, Nanos::ZERO);
        } else if let Some(token) = self.token.take() {
            self.breaker
                .tell(self.breaker.core.cancel(token).transition);
        }
    }
}
