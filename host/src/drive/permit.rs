//! Leave for one attempt, for code that is no function: streams, state machines, somebody else's loop.

use seawall_core::Misuse;
use seawall_core::policy::{Action, End, Ended, Finish, Options};

use super::driven::Driven;
use super::{Attempt, DependencyError, Sleep};
use crate::classify;
use crate::dependency::Dependency;

/// Leave to make one attempt. Say how it ended; a permit that is only dropped is cancelled: neither success nor
/// failure. There is no second attempt, whatever the policy says.
#[must_use = "a permit that is dropped at once is given back unused"]
pub struct Permit<'a> {
    driven: Driven<'a>,
    attempt: Attempt,
}

impl Dependency {
    /// Asks for leave to make one attempt, waiting in this thread as the policy has it.
    ///
    /// ```
    /// use seawall::{Options, Policy, Seawall};
    /// use std::time::Duration;
    ///
    /// let policy = Policy::builder().timeout(Duration::from_secs(1)).build()?;
    /// let ledger = Seawall::new().define("ledger", policy)?;
    /// let permit = ledger.permit(&Options::DEFAULT)?;
    /// assert!(permit.attempt().remaining() <= Duration::from_secs(1));
    /// permit.success();
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`DependencyError::Refused`], or [`DependencyError::Misuse`].
    pub fn permit(
        &self,
        options: &Options,
    ) -> Result<Permit<'_>, DependencyError<std::convert::Infallible>> {
        let (mut driven, mut action) =
            Driven::begin(self, options).map_err(DependencyError::Misuse)?;
        loop {
            let next = match action {
                Action::Sleep { span } => {
                    driven.pause(span);
                    driven.woke()
                }
                Action::Wait { at_most } => driven.wait(at_most),
                Action::Run { .. } | Action::Finish(_) => return Permit::of(driven, action),
            };
            action = next.map_err(DependencyError::Misuse)?;
        }
    }

    /// As [`Dependency::permit`], waiting in a future.
    ///
    /// # Errors
    /// As there.
    pub async fn permit_async<S: Sleep>(
        &self,
        sleep: S,
        options: &Options,
    ) -> Result<Permit<'_>, DependencyError<std::convert::Infallible>> {
        let (mut driven, mut action) =
            Driven::begin(self, options).map_err(DependencyError::Misuse)?;
        driven.draw_key();
        loop {
            let next = match action {
                Action::Sleep { span } => {
                    driven.pause_async(&sleep, span).await;
                    driven.woke()
                }
                Action::Wait { at_most } => driven.wait_async(&sleep, at_most).await,
                Action::Run { .. } | Action::Finish(_) => return Permit::of(driven, action),
            };
            action = next.map_err(DependencyError::Misuse)?;
        }
    }
}

impl<'a> Permit<'a> {
    fn of<E>(mut driven: Driven<'a>, action: Action) -> Result<Self, DependencyError<E>> {
        match action {
            Action::Run { attempt, timeout } => {
                let attempt = driven.attempt(attempt, timeout);
                Ok(Self { driven, attempt })
            }
            Action::Finish(Finish {
                end: End::Refused(refusal),
                ..
            }) => Err(DependencyError::Refused(refusal)),
            // Before an attempt is made, nothing else ends a call.
            _ => Err(DependencyError::Misuse(Misuse::Argument)),
        }
    }

    /// The time it has, its deadline, its idempotency key.
    #[must_use]
    pub const fn attempt(&self) -> &Attempt {
        &self.attempt
    }

    /// It did what was asked.
    pub fn success(self) {
        self.record(Ended::SUCCESS);
    }

    /// It failed.
    pub fn failure(self) {
        self.record(classify::FINAL);
    }

    /// It ended like this.
    pub fn record(mut self, ended: Ended) {
        let ended = Ended {
            is_retryable: false,
            ..ended
        };
        // Under way since it was made, and ended here only.
        let _ = self.driven.ended(ended);
    }
}

impl std::fmt::Debug for Permit<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Permit")
            .field("attempt", &self.attempt)
            .finish_non_exhaustive()
    }
}
