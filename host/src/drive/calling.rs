//! Calls, from one line to everything that can be said about one.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use seawall_core::policy::{End, Ended, MOST_LIMITERS, Options, Stop};
use seawall_core::{ConfigError, Deadline, Misuse, Moment};

use super::blocking::{self, Over};
use super::{Attempt, DependencyError, Sleep, future};
use crate::classify;
use crate::dependency::Dependency;
use crate::event::Kind;
use crate::fallback::{Ending, Fallback};

type Classify<T, E> = dyn Fn(&Result<T, E>) -> Ended + Send + Sync;

impl Dependency {
    /// Calls `function` as the policy has it, sleeping and waiting in this thread. Every error counts as a
    /// failure and is not repeated: say what another attempt helps against with [`Dependency::call_with`] or
    /// [`Calling::on`].
    ///
    /// Nobody stops a function whose time is over, so let it block no longer than [`Attempt::remaining`]. Inside
    /// it, the attempt's deadline is in force for further calls. A panic counts as a failure and goes on.
    ///
    /// # Errors
    /// [`DependencyError::Failed`] with the last error of the function, unchanged;
    /// [`DependencyError::Refused`] when no attempt was made.
    pub fn call<T, E: 'static>(
        &self,
        mut function: impl FnMut(&Attempt) -> Result<T, E>,
    ) -> Result<T, DependencyError<E>> {
        let over = blocking::drive(self, &Options::DEFAULT, &classify::plain, &mut function);
        ending(over)
    }

    /// As [`Dependency::call`], with what one call may differ in, and with your word on what an error means: a
    /// function of [`crate::classify`] or your own.
    ///
    /// ```
    /// use seawall::{Options, Policy, Seawall, classify};
    /// use std::io::{Error, ErrorKind};
    /// use std::time::Duration;
    ///
    /// let policy = Policy::builder().timeout(Duration::from_secs(1)).retry(|retry| retry.attempts(3)).build()?;
    /// let ledger = Seawall::new().define("ledger", policy)?;
    /// let answer = ledger.call_with(&Options::DEFAULT, classify::io, |attempt| match attempt.number() {
    ///     1 => Err(Error::from(ErrorKind::ConnectionReset)),
    ///     _ => Ok("booked"),
    /// });
    /// assert_eq!(answer.ok(), Some("booked"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As for [`Dependency::call`].
    pub fn call_with<T, E: 'static>(
        &self,
        options: &Options,
        classify: impl Fn(&Result<T, E>) -> Ended,
        mut function: impl FnMut(&Attempt) -> Result<T, E>,
    ) -> Result<T, DependencyError<E>> {
        ending(blocking::drive(self, options, &classify, &mut function))
    }

    /// Calls `function` as the policy has it, in a future of any runtime. `sleep` makes timers: `Tokio`, or a
    /// function such as `tokio::time::sleep`. An attempt whose time is over is dropped, and another one may help.
    /// Dropping the future cancels the call, and nothing of it stays behind.
    ///
    /// # Errors
    /// As for [`Dependency::call`], and [`DependencyError::TimedOut`].
    pub async fn call_async<S, T, E, F, R>(
        &self,
        sleep: S,
        function: F,
    ) -> Result<T, DependencyError<E>>
    where
        S: Sleep,
        E: 'static,
        F: FnMut(Attempt) -> R,
        R: Future<Output = Result<T, E>>,
    {
        self.call_async_with(sleep, &Options::DEFAULT, classify::plain, function)
            .await
    }

    /// As [`Dependency::call_async`], with what one call may differ in and what an error means.
    ///
    /// # Errors
    /// As for [`Dependency::call_async`].
    pub async fn call_async_with<S, T, E, F, R>(
        &self,
        sleep: S,
        options: &Options,
        classify: impl Fn(&Result<T, E>) -> Ended,
        mut function: F,
    ) -> Result<T, DependencyError<E>>
    where
        S: Sleep,
        E: 'static,
        F: FnMut(Attempt) -> R,
        R: Future<Output = Result<T, E>>,
    {
        ending(future::drive(self, options, &sleep, &classify, &mut function).await)
    }

    /// Calls to this dependency that differ from the plain ones: what an error means, a fallback, a deadline.
    /// Made once, kept, and used by any thread.
    #[must_use]
    pub fn calling<T, E>(&self) -> Calling<T, E> {
        Calling {
            dependency: self.clone(),
            options: Options::DEFAULT,
            within: None,
            classify: None,
            fallback: None,
        }
    }
}

/// The result of a call that nothing else is wanted to be known about.
fn ending<T, E>(over: Result<Over<T, E>, Misuse>) -> Ending<T, E> {
    let over = over.map_err(DependencyError::Misuse)?;
    match (over.finish.end, over.last) {
        (End::Refused(refusal), _) => Err(DependencyError::Refused(refusal)),
        (_, Some(last)) => last,
        // Without a refusal an attempt was made.
        (_, None) => Err(DependencyError::Misuse(Misuse::Argument)),
    }
}

/// A way to call a dependency; see [`Dependency::calling`]. A clone is another handle to the same.
pub struct Calling<T, E> {
    dependency: Dependency,
    options: Options,
    within: Option<Duration>,
    classify: Option<Arc<Classify<T, E>>>,
    fallback: Option<Fallback<T, E>>,
}

/// How a call ended, with everything about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Detailed<T, E> {
    /// What the caller gets.
    pub result: Ending<T, E>,
    /// Where the result comes from if it is not the dependency's own.
    pub degraded: Option<Degraded<T, E>>,
    /// Why no further attempt was made.
    pub stop: Stop,
    /// Attempts made.
    pub attempts: u32,
    /// From begin to end, waits included and the fallback not.
    pub duration: Duration,
}

/// What a fallback has replaced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Degraded<T, E> {
    /// The step of the chain that served, from 0.
    pub step: usize,
    /// What kind of step it is: `value`, `function`, `last_good`.
    pub source: &'static str,
    /// How the call itself had ended.
    pub instead_of: Ending<T, E>,
}

impl<T, E> Calling<T, E> {
    /// The dependency that is called.
    #[must_use]
    pub const fn dependency(&self) -> &Dependency {
        &self.dependency
    }

    /// What a result means: a function of [`crate::classify`] or your own.
    #[must_use]
    pub fn on(mut self, classify: impl Fn(&Result<T, E>) -> Ended + Send + Sync + 'static) -> Self {
        self.classify = Some(Arc::new(classify));
        self
    }

    /// What to serve when the dependency does not.
    ///
    /// # Errors
    /// An error of the field `fallback` when the policy forbids one.
    pub fn fallback(mut self, fallback: Fallback<T, E>) -> Result<Self, ConfigError> {
        if !self.dependency.policy().call.may_fall_back {
            ConfigError::check("fallback", fallback.len() as u64, 0, 0)?;
        }
        self.fallback = Some(fallback);
        Ok(self)
    }

    /// A time within which each call ends, from its begin; the nearest of this, the policy's and that in force
    /// where the call is made counts.
    #[must_use]
    pub const fn within(mut self, span: Duration) -> Self {
        self.within = Some(span);
        self
    }

    /// Whether the calls may take reserved permits, whatever the policy says.
    #[must_use]
    pub const fn critical(mut self, is_critical: bool) -> Self {
        self.options.critical = Some(is_critical);
        self
    }

    /// Whether what may have been carried out may be sent again, whatever the policy says.
    #[must_use]
    pub const fn idempotent(mut self, is_idempotent: bool) -> Self {
        self.options.idempotent = Some(is_idempotent);
        self
    }

    /// What an attempt costs of each rate limit, in their order; 1 each by default.
    #[must_use]
    pub const fn costs(mut self, tokens: [u32; MOST_LIMITERS]) -> Self {
        self.options.costs = tokens;
        self
    }

    fn options(&self) -> Options {
        let Some(span) = self.within else {
            return self.options;
        };
        let deadline = Deadline::after(self.dependency.clock().now(), span.into());
        Options {
            deadline,
            ..self.options
        }
    }

    fn classify(&self) -> &dyn Fn(&Result<T, E>) -> Ended {
        match &self.classify {
            Some(classify) => &**classify,
            None => &classify::plain,
        }
    }

    /// Calls `function`; see [`Dependency::call`].
    ///
    /// # Errors
    /// As there, and [`DependencyError::Fallback`] when the fallback failed, too.
    pub fn call(&self, function: impl FnMut(&Attempt) -> Result<T, E>) -> Ending<T, E>
    where
        E: 'static,
    {
        self.call_detailed(function).result
    }

    /// Calls `function`, and tells everything about it.
    pub fn call_detailed(
        &self,
        mut function: impl FnMut(&Attempt) -> Result<T, E>,
    ) -> Detailed<T, E>
    where
        E: 'static,
    {
        let (dependency, options) = (&self.dependency, self.options());
        self.conclude(blocking::drive(
            dependency,
            &options,
            self.classify(),
            &mut function,
        ))
    }

    /// Calls `function` in a future; see [`Dependency::call_async`].
    ///
    /// # Errors
    /// As there, and [`DependencyError::Fallback`] when the fallback failed, too.
    pub async fn call_async<S, F, R>(&self, sleep: S, function: F) -> Ending<T, E>
    where
        S: Sleep,
        E: 'static,
        F: FnMut(Attempt) -> R,
        R: Future<Output = Result<T, E>>,
    {
        self.call_detailed_async(sleep, function).await.result
    }

    /// Calls `function` in a future, and tells everything about it.
    pub async fn call_detailed_async<S, F, R>(&self, sleep: S, mut function: F) -> Detailed<T, E>
    where
        S: Sleep,
        E: 'static,
        F: FnMut(Attempt) -> R,
        R: Future<Output = Result<T, E>>,
    {
        let (dependency, options) = (&self.dependency, self.options());
        let classify = |result: &Result<T, E>| (self.classify())(result);
        self.conclude(future::drive(dependency, &options, &sleep, &classify, &mut function).await)
    }

    /// Keeps a good result, or serves the fallback.
    fn conclude(&self, over: Result<Over<T, E>, Misuse>) -> Detailed<T, E> {
        let (finish, duration) = match &over {
            Ok(over) => (Some(over.finish), over.duration),
            Err(_) => (None, Duration::ZERO),
        };
        let mut detailed = Detailed {
            result: ending(over),
            degraded: None,
            stop: finish.map_or(Stop::Refused, |finish| finish.stop),
            attempts: finish.map_or(0, |finish| finish.attempts),
            duration,
        };
        let (Some(finish), Some(fallback)) = (finish, &self.fallback) else {
            return detailed;
        };
        let now = self.dependency.clock().now();
        if finish.end == End::Success
            && let Ok(value) = &detailed.result
        {
            fallback.keep(value, now);
        }
        if !finish.may_fall_back {
            return detailed;
        }
        match fallback.serve(&detailed.result, now) {
            Ok(served) => {
                let instead_of = std::mem::replace(&mut detailed.result, Ok(served.value));
                self.dependency.count_fallback();
                self.dependency.tell(
                    now,
                    Kind::Fallback {
                        step: served.step,
                        source: served.source,
                        reason: finish.stop,
                    },
                );
                detailed.degraded = Some(Degraded {
                    step: served.step,
                    source: served.source,
                    instead_of,
                });
            }
            Err(Some(error)) => {
                let cause = detailed.result.err().map(Box::new);
                detailed.result = Err(DependencyError::Fallback { error, cause });
            }
            Err(None) => {}
        }
        detailed
    }
}

impl<T, E> Detailed<T, E> {
    /// Whether a fallback served.
    #[must_use]
    pub const fn is_degraded(&self) -> bool {
        self.degraded.is_some()
    }
}

impl<T, E> Clone for Calling<T, E> {
    fn clone(&self) -> Self {
        Self {
            dependency: self.dependency.clone(),
            options: self.options,
            within: self.within,
            classify: self.classify.clone(),
            fallback: self.fallback.clone(),
        }
    }
}

impl<T, E> fmt::Debug for Calling<T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Calling")
            .field("dependency", &self.dependency)
            .field("options", &self.options)
            .field("within", &self.within)
            .field("fallback", &self.fallback)
            .finish_non_exhaustive()
    }
}
