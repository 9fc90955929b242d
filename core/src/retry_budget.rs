//! Retry budget: retries may be a share of the calls, never a multiple, so that a sick dependency does not
//! get more load than a healthy one.
//!
//! Each call deposits, each retry withdraws. Whole tokens are 1,000 thousandths, so a ratio such as 60 % is
//! 60 % and not "every call". Profiles follow published budgets exactly: Finagle's `RetryBudget`, gRPC's
//! retry throttling (gRFC A6) and the standard retry quota of the AWS SDKs.

mod config;
mod flight;
mod sliding;
mod tokens;

use crate::counters::Counters;
use crate::error::ConfigError;
use crate::outcome::{Mode, Outcome};
use crate::status::{Refusal, Refused};
use crate::time::{Moment, Nanos};

use config::Settings;
pub use config::{Config, Profile};
use flight::Flight;
use sliding::Sliding;
use tokens::Tokens;

/// Marks memory that holds a budget of this layout ("SWbud" and the layout's number).
const IDENTITY: u64 = 0x5357_6275_6400_0001;

const DEPOSITED: usize = 0;
const WITHDRAWN: usize = 1;
const REFUSED: usize = 2;
const SHADOW_REFUSED: usize = 3;

/// One token in thousandths.
pub(crate) const TOKEN: u64 = 1_000;

/// What made the retry necessary, for profiles that charge differently.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Cause {
    /// An ordinary failure.
    #[default]
    Failure = 0,
    /// The server asked for less.
    Throttled = 1,
    /// No answer in time.
    Timeout = 2,
}

impl Cause {
    /// The cause of a number that came over a language border.
    #[must_use]
    pub const fn from_number(number: u32) -> Option<Self> {
        match number {
            0 => Some(Self::Failure),
            1 => Some(Self::Throttled),
            2 => Some(Self::Timeout),
            _ => None,
        }
    }
}

/// Leave for one retry. Say how the retry ended with [`RetryBudget::record`], or give it back with
/// [`RetryBudget::cancel`].
///
/// | bits   | field    | meaning                                     |
/// |--------|----------|---------------------------------------------|
/// | 0..=31 | cost     | what it cost, in thousandths of a token     |
/// | 32     | counted  | 1: counted as a retry in flight             |
/// | 63     | valid    | 1: this is a withdrawal                     |
#[derive(Debug, PartialEq, Eq)]
pub struct Withdrawal {
    token: u64,
}

impl Withdrawal {
    const COUNTED: u64 = 1 << 32;
    const VALID: u64 = 1 << 63;

    const fn new(cost: u64, counted: bool) -> Self {
        Self {
            token: cost & 0xFFFF_FFFF | if counted { Self::COUNTED } else { 0 } | Self::VALID,
        }
    }

    const fn cost(&self) -> u64 {
        self.token & 0xFFFF_FFFF
    }

    const fn is_counted(&self) -> bool {
        self.token & Self::COUNTED != 0
    }

    /// The word that carries a withdrawal over a language border.
    #[must_use]
    pub const fn into_raw(self) -> u64 {
        self.token
    }

    /// The withdrawal of a word from [`Withdrawal::into_raw`]; `None` when it holds none.
    #[must_use]
    pub const fn from_raw(token: u64) -> Option<Self> {
        if token & Self::VALID == 0 {
            None
        } else {
            Some(Self { token })
        }
    }
}

/// What a budget looked like at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// What is left, in thousandths of a token.
    pub tokens_milli: u64,
    /// The most there can be, in thousandths of a token (zero where the profile has no such bound).
    pub cap_milli: u64,
    /// Calls under way, where the in-flight rule is on.
    pub calls_in_flight: u32,
    /// Retries under way, where the in-flight rule is on.
    pub retries_in_flight: u32,
    /// Deposits that added something, ever: a full bucket takes none.
    pub deposited: u64,
    /// Retries granted, ever.
    pub withdrawn: u64,
    /// Retries refused, ever.
    pub refused: u64,
    /// Retries that would have been refused in enforce mode, ever.
    pub shadow_refused: u64,
}

/// The retry budget itself. See the module for what it promises.
///
/// ```
/// use seawall_core::{Nanos, Outcome, RetryBudget, retry_budget::{Cause, Config, Profile}};
///
/// let now = Nanos::from_secs(1);
/// let budget = RetryBudget::new(&Config::of(Profile::Grpc), now)?;
/// for _ in 0..5 {
///     budget.record(Outcome::Failure, None);
/// }
/// assert!(budget.try_withdraw(Cause::Failure, &now).is_err(), "five failures of ten tokens stop retries");
/// # Ok::<(), seawall_core::ConfigError>(())
/// ```
#[repr(C, align(64))]
#[derive(Debug)]
pub struct RetryBudget {
    identity: u64,
    tokens: Tokens,
    flight: Flight,
    settings: Settings,
    sliding: Sliding,
    counters: Counters,
}

#[cfg(not(seawall_loom))]
const _: () = assert!(size_of::<RetryBudget>() == 704 && align_of::<RetryBudget>() == 64);

impl RetryBudget {
    /// A budget as its profile starts it: with the floor of one window, or full.
    ///
    /// # Errors
    /// The first setting that is out of range.
    pub fn new(config: &Config, now: Nanos) -> Result<Self, ConfigError> {
        let settings = Settings::new(config)?;
        Ok(Self {
            identity: IDENTITY,
            tokens: Tokens::new(settings.first_tokens(), now),
            flight: Flight::new(),
            settings,
            sliding: Sliding::new(),
            counters: Counters::new(),
        })
    }

    /// True when this memory holds a budget that this library can use.
    #[must_use]
    pub fn is_initialised(&self) -> bool {
        self.identity == IDENTITY
    }

    /// The settings in force.
    #[must_use]
    pub fn config(&self) -> Config {
        self.settings.config()
    }

    /// Changes the settings of a live budget; tokens stay, within the new cap. The profile cannot change.
    ///
    /// # Errors
    /// The first setting that is out of range, or `profile`; nothing has changed then.
    pub fn reconfigure(&self, config: &Config) -> Result<(), ConfigError> {
        let now = u64::from(self.settings.profile() as u8);
        ConfigError::check("profile", u64::from(config.profile as u8), now, now)?;
        self.settings.change(config)?;
        self.tokens.add(0, self.settings.cap());
        Ok(())
    }

    /// Says that a call begins, once per call whatever its attempts. Reads the time only in the Finagle
    /// profile; writes nothing when the budget is full. True when the call is counted as under way, for the
    /// in-flight rule.
    pub fn deposit(&self, moment: &impl Moment) -> bool {
        if self.settings.mode() == Mode::Off {
            return false;
        }
        let is_counted = self.settings.has_flight_rule();
        if is_counted {
            self.flight.begin_call();
        }
        match self.settings.profile() {
            Profile::Bucket => {
                if !self.tokens.add(self.settings.ratio(), self.settings.cap()) {
                    return is_counted;
                }
            }
            Profile::Finagle => {
                self.sliding
                    .add(&self.settings, self.settings.ratio(), moment.now())
            }
            Profile::Grpc | Profile::AwsStandard | Profile::AwsLegacy => {}
        }
        self.counters.add(DEPOSITED);
        is_counted
    }

    /// Asks for leave to send one more retry.
    ///
    /// # Errors
    /// [`Refused::BudgetExhausted`]: end the call with its last real error.
    pub fn try_withdraw(&self, cause: Cause, moment: &impl Moment) -> Result<Withdrawal, Refusal> {
        let mode = self.settings.mode();
        if mode == Mode::Off {
            return Ok(Withdrawal::new(0, false));
        }
        let counted = self.settings.has_flight_rule();
        let answer = if counted && !self.flight.begin_retry(&self.settings) {
            Err(Nanos::ZERO)
        } else {
            self.withdraw_tokens(cause, moment).inspect_err(|_| {
                if counted {
                    self.flight.end_retry();
                }
            })
        };
        match answer {
            Ok(cost) => {
                self.counters.add(WITHDRAWN);
                Ok(Withdrawal::new(cost, counted))
            }
            Err(_) if mode == Mode::Shadow => {
                self.counters.add(SHADOW_REFUSED);
                Ok(Withdrawal::new(0, false))
            }
            Err(retry_after) => {
                self.counters.add(REFUSED);
                Err(Refusal {
                    reason: Refused::BudgetExhausted,
                    retry_after,
                })
            }
        }
    }

    /// Takes what the retry costs, or says when asking again can help.
    fn withdraw_tokens(&self, cause: Cause, moment: &impl Moment) -> Result<u64, Nanos> {
        let settings = &self.settings;
        match settings.profile() {
            Profile::Bucket => self
                .tokens
                .withdraw_with_floor(settings, moment.now())
                .map(|()| TOKEN),
            Profile::Finagle => {
                if self.sliding.withdraw(settings, moment.now()) {
                    Ok(TOKEN)
                } else {
                    Err(Nanos::ZERO)
                }
            }
            Profile::Grpc => {
                if self.tokens.left() > settings.cap() / 2 {
                    Ok(0)
                } else {
                    Err(Nanos::ZERO)
                }
            }
            Profile::AwsStandard | Profile::AwsLegacy => {
                let cost = settings.aws_cost(cause);
                if self.tokens.take(cost) {
                    Ok(cost)
                } else {
                    Err(Nanos::ZERO)
                }
            }
        }
    }

    /// Says how an attempt ended: with the withdrawal for a retry, without for a first attempt.
    pub fn record(&self, outcome: Outcome, withdrawal: Option<Withdrawal>) {
        if let Some(withdrawal) = &withdrawal {
            self.end_retry(withdrawal);
        }
        if self.settings.mode() == Mode::Off {
            return;
        }
        let cap = self.settings.cap();
        match (self.settings.profile(), outcome) {
            (Profile::Grpc, Outcome::Failure) => self.tokens.lower(TOKEN),
            (Profile::Grpc, Outcome::Success) => {
                self.tokens.add(self.settings.ratio(), cap);
            }
            (Profile::AwsStandard | Profile::AwsLegacy, Outcome::Success) => {
                self.tokens.add(
                    withdrawal.map_or(TOKEN, |withdrawal| withdrawal.cost()),
                    cap,
                );
            }
            _ => {}
        }
    }

    /// Gives leave back that was not used: what it cost is there again.
    pub fn cancel(&self, withdrawal: Withdrawal, moment: &impl Moment) {
        self.end_retry(&withdrawal);
        match self.settings.profile() {
            Profile::Finagle if withdrawal.cost() != 0 => {
                self.sliding
                    .add(&self.settings, withdrawal.cost(), moment.now());
            }
            Profile::Finagle => {}
            _ => {
                self.tokens.add(withdrawal.cost(), self.settings.cap());
            }
        }
    }

    fn end_retry(&self, withdrawal: &Withdrawal) {
        if withdrawal.is_counted() {
            self.flight.end_retry();
        }
    }

    /// Says that a call has ended, for the in-flight rule. Once for each deposit.
    pub fn finish(&self) {
        if self.settings.has_flight_rule() && self.settings.mode() != Mode::Off {
            self.end_call();
        }
    }

    /// The same for a call that was counted when it began, whatever the settings are now.
    pub(crate) fn end_call(&self) {
        self.flight.end_call();
    }

    /// A look at everything, changing nothing.
    #[must_use]
    pub fn snapshot(&self, now: Nanos) -> Snapshot {
        let tokens_milli = match self.settings.profile() {
            Profile::Bucket => self.tokens.left_with_floor(&self.settings, now),
            Profile::Finagle => self.sliding.left(&self.settings, now),
            _ => self.tokens.left(),
        };
        let (calls_in_flight, retries_in_flight) = self.flight.look();
        Snapshot {
            tokens_milli,
            cap_milli: if self.settings.profile() == Profile::Finagle {
                0
            } else {
                self.settings.cap()
            },
            calls_in_flight,
            retries_in_flight,
            deposited: self.counters.total(DEPOSITED),
            withdrawn: self.counters.total(WITHDRAWN),
            refused: self.counters.total(REFUSED),
            shadow_refused: self.counters.total(SHADOW_REFUSED),
        }
    }
}

#[cfg(test)]
mod tests;
