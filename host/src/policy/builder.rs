//! Policies in code: the settings of the file, typed.

use std::time::Duration;

use seawall_core::backoff::Jitter;
use seawall_core::policy::Scope;
use seawall_core::retry_budget::Profile;
use seawall_core::{Mode, Nanos};
use toml::{Table, Value};

use super::gates::PROFILES;
use super::read::{CRITICALITIES, FALLBACKS, JITTERS, MODES, SCOPES};
use super::units::show_span;
use super::{Criticality, FallbackRule, Policy, PolicyError};

/// Something that a setting can be set to.
trait Setting {
    fn into_value(self) -> Value;
}

impl Setting for Duration {
    fn into_value(self) -> Value {
        Value::String(show_span(Nanos::from(self)))
    }
}

impl Setting for u32 {
    fn into_value(self) -> Value {
        Value::Integer(i64::from(self))
    }
}

impl Setting for f64 {
    fn into_value(self) -> Value {
        Value::Float(self)
    }
}

impl Setting for bool {
    fn into_value(self) -> Value {
        Value::Boolean(self)
    }
}

impl Setting for &str {
    fn into_value(self) -> Value {
        Value::String(self.to_string())
    }
}

macro_rules! words {
    ($($type:ty: $words:ident,)*) => {
        $(impl Setting for $type {
            fn into_value(self) -> Value {
                let word = $words.iter().find(|(_, value)| *value == self);
                Value::String(word.map_or("", |(word, _)| word).to_string())
            }
        })*
    };
}

words! {
    Criticality: CRITICALITIES,
    FallbackRule: FALLBACKS,
    Jitter: JITTERS,
    Mode: MODES,
    Scope: SCOPES,
    Profile: PROFILES,
}

macro_rules! settings {
    ($(#[$about:meta])* $name:ident { $($(#[$doc:meta])* $key:ident: $type:ty,)* }) => {
        $(#[$about])*
        #[derive(Clone, Debug, Default)]
        #[must_use]
        pub struct $name {
            table: Table,
        }

        impl $name {
            $($(#[$doc])*
            pub fn $key(mut self, $key: $type) -> Self {
                self.table.insert(stringify!($key).to_string(), Setting::into_value($key));
                self
            })*
        }
    };
}

settings! {
    /// The settings of a policy; see [`Policy::builder`]. Nothing is checked before [`Builder::build`], which
    /// tells everything that is wrong.
    ///
    /// ```
    /// use seawall::policy::{Criticality, Policy};
    /// use std::time::Duration;
    ///
    /// let policy = Policy::builder()
    ///     .criticality(Criticality::Critical)
    ///     .timeout(Duration::from_secs(2))
    ///     .deadline(Duration::from_secs(5))
    ///     .retry(|retry| retry.attempts(2).base(Duration::from_millis(50)))
    ///     .bulkhead(|bulkhead| bulkhead.max_concurrent(20).reserved(4))
    ///     .rate_limit(|limit| limit.rate("100/s"))
    ///     .build()?;
    /// assert_eq!(policy, Policy::parse(r#"
    ///     criticality = "critical"
    ///     timeout = "2s"
    ///     deadline = "5s"
    ///     retry = { attempts = 2, base = "50ms" }
    ///     bulkhead = { max_concurrent = 20, reserved = 4 }
    ///     rate_limit = { rate = "100/s" }
    /// "#)?);
    /// # Ok::<(), seawall::PolicyError>(())
    /// ```
    Builder {
        /// How much depends on this dependency. Default important.
        criticality: Criticality,
        /// Whether a fallback may be declared. Follows the criticality unless given.
        fallback: FallbackRule,
        /// The time of one attempt, 1 ms to a day. Must be given.
        timeout: Duration,
        /// The time to connect, 1 ms to the timeout. Default: the timeout.
        connect_timeout: Duration,
        /// The time of the whole call, the timeout to a day. Default: only the caller's deadline.
        deadline: Duration,
        /// Share of the caller's deadline that is kept for the caller, 0.0 to 1.0. Default 0.
        reserve: f64,
        /// A retry with less time left than this is not made; 0 to the timeout. Default 0.
        useful: Duration,
        /// What a call takes besides attempts and waits, for the planner; 0 to a day. Default 0.
        overhead: Duration,
        /// False: only what was certainly not sent is sent again. Default true.
        idempotent: bool,
        /// Whether adapters send an Idempotency-Key. Default false.
        idempotency_key: bool,
        /// How strictly the gates act that have no mode of their own. Default enforce.
        mode: Mode,
        /// The connections of the pool behind it, 1 to 1,000,000.
        pool: u32,
    }
}

impl Builder {
    /// Retries: 3 attempts and a budget of 10 % unless `settings` says otherwise. Without this, one attempt.
    pub fn retry(self, settings: impl FnOnce(RetrySettings) -> RetrySettings) -> Self {
        self.with("retry", settings(RetrySettings::default()).table)
    }

    /// The breaker, which is on with its defaults without this.
    pub fn breaker(self, settings: impl FnOnce(BreakerSettings) -> BreakerSettings) -> Self {
        self.with("breaker", settings(BreakerSettings::default()).table)
    }

    /// No breaker.
    pub fn without_breaker(self) -> Self {
        self.with("breaker", "off")
    }

    /// A bulkhead of 20 permits unless `settings` says otherwise. Without this, none.
    pub fn bulkhead(self, settings: impl FnOnce(BulkheadSettings) -> BulkheadSettings) -> Self {
        self.with("bulkhead", settings(BulkheadSettings::default()).table)
    }

    /// A rate limit; up to four, with a name each when there are several.
    pub fn rate_limit(mut self, settings: impl FnOnce(RateSettings) -> RateSettings) -> Self {
        let limit = Value::Table(settings(RateSettings::default()).table);
        let limits = match self.table.remove("rate_limit") {
            None => limit,
            Some(Value::Array(mut limits)) => {
                limits.push(limit);
                Value::Array(limits)
            }
            Some(first) => Value::Array(vec![first, limit]),
        };
        self.with("rate_limit", limits)
    }

    /// The dependencies whose calls end up here.
    pub fn called_by<'n>(self, names: impl IntoIterator<Item = &'n str>) -> Self {
        let names: Vec<Value> = names.into_iter().map(Setting::into_value).collect();
        self.with("called_by", names)
    }

    /// The policy.
    ///
    /// # Errors
    /// Everything that is wrong with the settings, as for a file.
    pub fn build(self) -> Result<Policy, PolicyError> {
        Policy::parse(&self.table.to_string())
    }

    fn with(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.table.insert(key.to_string(), value.into());
        self
    }
}

settings! {
    /// Attempts and the waits between them.
    RetrySettings {
        /// Attempts in all, 1 to 100. Default 3.
        attempts: u32,
        /// The wait before the first retry, 0 to a day. Default 100 ms.
        base: Duration,
        /// How much each further wait grows, 1.0 to 10.0. Default 2.0.
        factor: f64,
        /// The longest wait before jitter, `base` to a day. Default 20 s.
        cap: Duration,
        /// How the wait is spread. Default full.
        jitter: Jitter,
        /// How much longer than our own wait a server's Retry-After may make it, 0 to a day. Default: no limit.
        retry_after_margin: Duration,
    }
}

impl RetrySettings {
    /// The budget that retries are paid from, 10 % of the calls without this.
    pub fn budget(mut self, settings: impl FnOnce(BudgetSettings) -> BudgetSettings) -> Self {
        let table = settings(BudgetSettings::default()).table;
        self.table.insert("budget".to_string(), Value::Table(table));
        self
    }

    /// No budget: every call may use all its attempts, however many fail.
    pub fn without_budget(mut self) -> Self {
        self.table.insert("budget".to_string(), "off".into_value());
        self
    }
}

settings! {
    /// What retries may cost.
    BudgetSettings {
        /// Which published rule. Default bucket.
        profile: Profile,
        /// What each call adds (grpc: each success), 0.0 to 10.0 tokens. Default 0.1.
        ratio: f64,
        /// Retries per second that are allowed whatever the traffic, 0 to 10,000. Default 1.
        min_per_second: u32,
        /// How long a deposit counts, or how much of the floor is saved up; 1 s to an hour. Default 10 s.
        window: Duration,
        /// The most tokens, 1 to 1,000,000 (grpc: 1,000). Default 100.
        cap: u32,
        /// Retries under way as a share of calls under way, 0.0 to 10.0; 0 leaves the rule out. Default 0.
        max_concurrent_retries_ratio: f64,
        /// So many retries under way are always allowed, 0 to 1,000,000. Default 3.
        min_concurrent_retries: u32,
        /// How strictly to act. Default: the policy's mode.
        mode: Mode,
    }
}

settings! {
    /// When the breaker opens and how it tests recovery.
    BreakerSettings {
        /// Failures in a row that open it, 0 to 1,000,000; 0 leaves the rule out. Default 5.
        consecutive_failures: u32,
        /// Apply that rule also when there are enough calls for a ratio. Default false.
        consecutive_always: bool,
        /// The share of failures that opens it, 0.0 to 1.0; 0 leaves the rule out. Default 0.5.
        failure_rate: f64,
        /// The share of slow calls that opens it, 0.0 to 1.0; 0 leaves the rule out. Default 0.
        slow_rate: f64,
        /// A call that took longer is slow; 1 ns to a day.
        slow_after: Duration,
        /// Look at the calls of this time, 10 ms to a day. Default 10 s.
        window: Duration,
        /// Look at the last so many calls instead, 0 to 1,024.
        window_calls: u32,
        /// No ratio counts with fewer calls, 1 to 1,000,000 and at most `window_calls`. Default 20 or that.
        min_calls: u32,
        /// How long to stay open the first time, 1 ms to a day. Default 30 s.
        open_for: Duration,
        /// How much longer each further time, 1.0 to 10.0. Default 2.0.
        open_backoff: f64,
        /// The longest open time, `open_for` to a day. Default 5 min or `open_for`.
        open_max: Duration,
        /// How far the open time may stray, 0.0 to 0.5. Default 0.1.
        open_jitter: f64,
        /// Calls that test recovery at a time, 1 to 32. Default 1.
        probes: u32,
        /// When a probe without a verdict is given up, 1 ms to a day. Default: `open_for`, or twice the
        /// deadline (without one, the timeout) if that is longer.
        probe_lease: Duration,
        /// Failures must come from so many processes, 1 to 8. Default 1.
        min_witnesses: u32,
        /// Whether a call counts once or each of its attempts. Default call.
        scope: Scope,
        /// How strictly to act. Default: the policy's mode.
        mode: Mode,
    }
}

settings! {
    /// How many calls may be under way at once.
    BulkheadSettings {
        /// Permits in all, 1 to 4,096. Default 20.
        max_concurrent: u32,
        /// How many of them only critical calls may take, 0 to `max_concurrent - 1`. Default 0.
        reserved: u32,
        /// How long to wait for a permit, 0 to a day. Default 0: refused at once.
        max_wait: Duration,
        /// How many may wait, 0 to 1,000,000. Default 1,000 when there is a wait.
        max_waiting: u32,
        /// Whether a permit is held for the call, or for each attempt. Default call.
        scope: Scope,
        /// How strictly to act. Default: the policy's mode.
        mode: Mode,
    }
}

settings! {
    /// So many calls in a while.
    RateSettings {
        /// Calls and the while: "100/s", "10/minute", "5/250ms". Must be given.
        rate: &str,
        /// The most that may come at once, 1 to 1,000,000,000. Default: the calls of the rate.
        burst: u32,
        /// How long to wait for the rate, 0 to a day. Default 0. All limits of a policy share one wait.
        max_wait: Duration,
        /// What is counted. Default "requests"; needed when there are several limits.
        name: &str,
        /// How strictly to act. Default: the policy's mode.
        mode: Mode,
    }
}
