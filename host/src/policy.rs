//! Policy: everything there is to say about calling one dependency.
//!
//! A policy is a table of `seawall.toml`, text of the same form ([`Policy::parse`]) or code
//! ([`Policy::builder`]); all three go through the same reader, so they have the same defaults and the same
//! errors.

mod builder;
pub(crate) mod gates;
pub(crate) mod problem;
pub(crate) mod read;
pub(crate) mod section;
pub mod units;
mod write;

pub use builder::{
    BreakerSettings, BudgetSettings, Builder, BulkheadSettings, RateSettings, RetrySettings,
};
pub use problem::Problem;

use std::fmt;

use seawall_core::policy::Config;
use seawall_core::{Mode, Nanos, breaker, bulkhead, limiter, retry_budget};
use toml::de::DeTable;

use problem::Notes;
use section::Section;

/// How much depends on this dependency.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Criticality {
    /// Without it nothing works: its calls may take reserved permits, and a fallback is forbidden unless the
    /// policy says otherwise.
    Critical = 0,
    /// The service is poorer without it. The default; a fallback is allowed.
    #[default]
    Important = 1,
    /// The service does without it: a fallback is expected.
    Optional = 2,
}

/// Whether something else may be served in place of an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum FallbackRule {
    /// Declaring a fallback is an error: a payment is made or it is not.
    Forbidden = 0,
    /// A fallback may be declared.
    #[default]
    Allowed = 1,
    /// A call without a fallback is worth a second look.
    Expected = 2,
}

/// One rate limit of a dependency.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RateLimit {
    /// What is counted, "requests" or "tokens"; 1 to 64 of `A-Z a-z 0-9 _ . -`, unique within the policy.
    pub name: String,
    /// The rate and the burst.
    pub config: limiter::Config,
}

/// Everything there is to say about calling one dependency. A plain value; nothing happens until it is given
/// to a wall.
///
/// ```
/// use seawall::Policy;
///
/// let policy = Policy::parse(r#"
///     timeout = "2s"
///     deadline = "5s"
///     retry = { attempts = 2 }
///     rate_limit = { rate = "100/s" }
/// "#)?;
/// assert_eq!(policy.call.attempts, 2);
/// assert!(policy.breaker.is_some(), "a breaker is on unless it is off");
/// let error = Policy::parse("timeout = 250").unwrap_err();
/// assert_eq!(error.to_string(), r#"timeout: 250 has no unit: write "250ms" or "250s""#);
/// # Ok::<(), seawall::PolicyError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Timeout, deadline, attempts and waits.
    pub call: Config,
    /// The circuit breaker; `None` for none. Its seed is left 0 here, a wall draws one.
    pub breaker: Option<breaker::Config>,
    /// The bulkhead; `None` for none.
    pub bulkhead: Option<bulkhead::Config>,
    /// Up to four rate limits, all of which must agree.
    pub rate_limits: Vec<RateLimit>,
    /// The retry budget; `None` for none.
    pub retry_budget: Option<retry_budget::Config>,
    /// How much depends on it. Default important.
    pub criticality: Criticality,
    /// Whether a fallback may be declared. Follows `criticality` unless given.
    pub fallback: FallbackRule,
    /// The time to connect, for HTTP adapters; 1 ms to the timeout, `None` for the timeout.
    pub connect_timeout: Option<Nanos>,
    /// Whether adapters send an Idempotency-Key. Default false.
    pub sends_key: bool,
    /// What a call takes besides its attempts and waits, for the planner. 0 to a day; default 0.
    pub overhead: Nanos,
    /// The connections of the pool behind it, 1 to 1,000,000, to be compared with the bulkhead.
    pub pool: Option<u32>,
    /// The dependencies whose calls end up here, to compare timeouts.
    pub called_by: Vec<String>,
    /// How strictly the gates act that have no mode of their own. Default enforce.
    pub mode: Mode,
}

/// What is wrong with a policy written in code: everything, not only the first thing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyError {
    /// At least one.
    pub problems: Vec<Problem>,
}

impl fmt::Display for PolicyError {
    /// One problem a line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        show(&self.problems, f)
    }
}

impl std::error::Error for PolicyError {}

/// One problem a line.
pub(crate) fn show(problems: &[Problem], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    for (index, problem) in problems.iter().enumerate() {
        let separator = if index == 0 { "" } else { "\n" };
        write!(f, "{separator}{problem}")?;
    }
    Ok(())
}

impl Policy {
    /// Starts a policy in code. Every setting of the file has a method of the same name.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// Reads the body of a `[dependency.NAME]` table. Bindings write their settings as such a text, so that
    /// every language has the same defaults and errors.
    ///
    /// # Errors
    /// Everything that is wrong, by the path of its key. Only a text that is no TOML gives lines.
    pub fn parse(text: &str) -> Result<Self, PolicyError> {
        let table = match DeTable::parse(text) {
            Ok(table) => table.into_inner(),
            Err(error) => {
                let problems = crate::file::syntax("", text, &[error]);
                return Err(PolicyError { problems });
            }
        };
        let notes = Notes::new("", text);
        let policy = read::policy(&Section::root(&table, &notes));
        let problems = notes.into_problems();
        match policy {
            Some(policy) if problems.is_empty() => Ok(policy),
            _ => Err(PolicyError {
                problems: problems.into_iter().map(Problem::without_place).collect(),
            }),
        }
    }

    /// The policy as the body of a `[dependency.NAME]` table, every setting written out, so that a later
    /// change of a default changes nothing. [`Policy::parse`] reads it back to an equal policy.
    #[must_use]
    pub fn to_toml(&self) -> String {
        write::table(self).to_string()
    }

    /// Checks everything, as loading does: each setting, and that the attempts fit the deadline.
    ///
    /// # Errors
    /// Everything that is wrong.
    pub fn validate(&self) -> Result<(), PolicyError> {
        Self::parse(&self.to_toml()).map(|_| ())
    }
}

/// The settings of a policy as written out, one `key.path = value` a line; for comparing two.
pub(crate) fn lines(policy: &Policy) -> Vec<(String, String)> {
    write::lines(policy)
}
