//! Retry budget: retries may be a share of the calls, never a multiple.

use seawall_core::retry_budget::{RetryBudget as Core, Withdrawal as Token};
use seawall_core::{ConfigError, Moment, Outcome, Refusal};

pub use seawall_core::retry_budget::{Cause, Config, Profile, Snapshot};

use crate::breaker::named;
use crate::clock::Clock;

/// A retry budget of this process. Share it by reference or in an `Arc`; any thread may use it.
#[derive(Debug)]
pub struct RetryBudget {
    name: String,
    core: Core,
    clock: Clock,
}

impl RetryBudget {
    /// A budget as its profile starts it.
    ///
    /// # Errors
    /// The first setting that is out of range; an empty name is out of range, too.
    pub fn new(name: &str, config: Config) -> Result<Self, ConfigError> {
        Self::with_clock(name, config, Clock::system())
    }

    /// As [`RetryBudget::new`] on another clock, for tests.
    ///
    /// # Errors
    /// As for [`RetryBudget::new`].
    pub fn with_clock(name: &str, config: Config, clock: Clock) -> Result<Self, ConfigError> {
        named(name)?;
        Ok(Self {
            name: name.to_owned(),
            core: Core::new(&config, clock.now())?,
            clock,
        })
    }

    /// The name it was made with.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Says that a call begins, once per call whatever its attempts. Free when the budget is full.
    pub fn deposit(&self) {
        self.core.deposit(&self.clock);
    }

    /// Asks for leave to send one more retry. Dropping the withdrawal gives it back.
    ///
    /// # Errors
    /// A [`Refusal`]: end the call with its last real error.
    pub fn try_withdraw(&self, cause: Cause) -> Result<Withdrawal<'_>, Refusal> {
        let token = self.core.try_withdraw(cause, &self.clock)?;
        Ok(Withdrawal {
            budget: self,
            token: Some(token),
        })
    }

    /// Says how a first attempt ended; for retries see [`Withdrawal::record`].
    pub fn record(&self, outcome: Outcome) {
        self.core.record(outcome, None);
    }

    /// Says that a call has ended, for the in-flight rule. Once for each deposit.
    pub fn finish(&self) {
        self.core.finish();
    }

    /// Changes the settings; tokens stay, within the new cap. The profile cannot change.
    ///
    /// # Errors
    /// The first setting that is out of range; nothing has changed then.
    pub fn reconfigure(&self, config: Config) -> Result<(), ConfigError> {
        self.core.reconfigure(&config)
    }

    /// A look at everything, changing nothing.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        self.core.snapshot(self.clock.now())
    }
}

/// Leave for one retry.
#[must_use = "a withdrawal that is dropped at once is given back"]
#[derive(Debug)]
pub struct Withdrawal<'a> {
    budget: &'a RetryBudget,
    token: Option<Token>,
}

impl Withdrawal<'_> {
    /// Says how the retry ended.
    pub fn record(mut self, outcome: Outcome) {
        self.budget.core.record(outcome, self.token.take());
    }

    /// Gives it back unused, as dropping it does.
    pub fn cancel(self) {}
}

impl Drop for Withdrawal<'_> {
    fn drop(&mut self) {
        if let Some(token) = self.token.take() {
            self.budget.core.cancel(token, &self.budget.clock);
        }
    }
}
