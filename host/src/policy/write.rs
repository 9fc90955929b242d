//! Writes a policy as the table that would be read to it.

use seawall_core::policy::{Config, Scope};
use seawall_core::{Backoff, Mode, Nanos, breaker, bulkhead, retry_budget};
use toml::{Table, Value};

use super::gates::PROFILES;
use super::read::{CRITICALITIES, FALLBACKS, JITTERS, MODES, SCOPES};
use super::units::{show_percent, show_rate, show_span};
use super::{Policy, RateLimit};

/// Every setting in force.
pub(super) fn table(policy: &Policy) -> Table {
    let call = &policy.call;
    let mut table = Table::new();
    put(
        &mut table,
        "criticality",
        word(policy.criticality, &CRITICALITIES),
    );
    put(&mut table, "fallback", word(policy.fallback, &FALLBACKS));
    put(&mut table, "timeout", span(call.timeout));
    if let Some(connect) = policy.connect_timeout {
        put(&mut table, "connect_timeout", span(connect));
    }
    if call.deadline != Nanos::MAX {
        put(&mut table, "deadline", span(call.deadline));
    }
    put(&mut table, "reserve", share(call.reserve_permille));
    put(&mut table, "useful", span(call.useful));
    put(&mut table, "overhead", span(policy.overhead));
    put(&mut table, "idempotent", call.idempotent);
    put(&mut table, "idempotency_key", policy.sends_key);
    put(&mut table, "mode", word(policy.mode, &MODES));
    if let Some(pool) = policy.pool {
        put(&mut table, "pool", i64::from(pool));
    }
    if !policy.called_by.is_empty() {
        put(&mut table, "called_by", policy.called_by.clone());
    }
    let retries =
        call.attempts != 1 || policy.retry_budget.is_some() || call.backoff != Backoff::default();
    if retries {
        put(
            &mut table,
            "retry",
            retry(call, policy.retry_budget.as_ref()),
        );
    }
    put(
        &mut table,
        "breaker",
        policy
            .breaker
            .as_ref()
            .map_or(off(), |config| breaker(config, call.breaker_scope).into()),
    );
    if let Some(config) = &policy.bulkhead {
        put(&mut table, "bulkhead", bulkhead(config, call));
    }
    if let [limit] = &*policy.rate_limits {
        put(&mut table, "rate_limit", rate_limit(limit, call));
    } else if !policy.rate_limits.is_empty() {
        let limits: Vec<Value> = policy
            .rate_limits
            .iter()
            .map(|limit| rate_limit(limit, call).into())
            .collect();
        put(&mut table, "rate_limit", limits);
    }
    table
}

fn retry(call: &Config, budget: Option<&retry_budget::Config>) -> Table {
    let Backoff {
        base,
        factor_permille,
        cap,
        jitter,
        retry_after_margin,
    } = call.backoff;
    let mut table = Table::new();
    put(&mut table, "attempts", i64::from(call.attempts));
    put(&mut table, "base", span(base));
    put(&mut table, "factor", factor(factor_permille));
    put(&mut table, "cap", span(cap));
    put(&mut table, "jitter", word(jitter, &JITTERS));
    if retry_after_margin != Nanos::MAX {
        put(&mut table, "retry_after_margin", span(retry_after_margin));
    }
    put(
        &mut table,
        "budget",
        budget.map_or(off(), |config| self::budget(config).into()),
    );
    table
}

fn budget(config: &retry_budget::Config) -> Table {
    let mut table = Table::new();
    put(&mut table, "profile", word(config.profile, &PROFILES));
    put(&mut table, "ratio", show_percent(config.ratio_permille));
    put(
        &mut table,
        "min_per_second",
        i64::from(config.min_per_second),
    );
    put(&mut table, "window", span(config.window));
    put(&mut table, "cap", i64::from(config.cap));
    let share = show_percent(config.max_concurrent_retries_permille);
    put(&mut table, "max_concurrent_retries_ratio", share);
    put(
        &mut table,
        "min_concurrent_retries",
        i64::from(config.min_concurrent_retries),
    );
    put(&mut table, "mode", mode(config.mode));
    table
}

fn breaker(config: &breaker::Config, scope: Scope) -> Table {
    let mut table = Table::new();
    put(
        &mut table,
        "consecutive_failures",
        i64::from(config.consecutive_failures),
    );
    put(&mut table, "consecutive_always", config.consecutive_always);
    put(&mut table, "failure_rate", share(config.failure_permille));
    put(&mut table, "slow_rate", share(config.slow_permille));
    if config.slow_permille != 0 {
        put(&mut table, "slow_after", span(config.slow_after));
    }
    if config.window_calls == 0 {
        put(&mut table, "window", span(config.window));
    } else {
        put(&mut table, "window_calls", i64::from(config.window_calls));
    }
    put(&mut table, "min_calls", i64::from(config.min_calls));
    put(&mut table, "open_for", span(config.open_for));
    put(
        &mut table,
        "open_backoff",
        factor(config.open_backoff_permille),
    );
    put(&mut table, "open_max", span(config.open_max));
    put(
        &mut table,
        "open_jitter",
        share(config.open_jitter_permille),
    );
    put(&mut table, "probes", i64::from(config.probes));
    put(&mut table, "probe_lease", span(config.probe_lease));
    put(&mut table, "min_witnesses", i64::from(config.min_witnesses));
    put(&mut table, "scope", word(scope, &SCOPES));
    put(&mut table, "mode", mode(config.mode));
    table
}

fn bulkhead(config: &bulkhead::Config, call: &Config) -> Table {
    let mut table = Table::new();
    put(
        &mut table,
        "max_concurrent",
        i64::from(config.max_concurrent),
    );
    put(&mut table, "reserved", i64::from(config.reserved));
    put(&mut table, "max_wait", span(call.max_wait));
    put(&mut table, "max_waiting", i64::from(config.max_waiting));
    put(&mut table, "scope", word(call.bulkhead_scope, &SCOPES));
    put(&mut table, "mode", mode(config.mode));
    table
}

fn rate_limit(limit: &RateLimit, call: &Config) -> Table {
    let config = &limit.config;
    let mut table = Table::new();
    put(&mut table, "name", limit.name.clone());
    put(&mut table, "rate", show_rate(config.permits, config.period));
    // No TOML number is larger; a burst like that is out of range either way.
    put(
        &mut table,
        "burst",
        i64::try_from(config.burst).unwrap_or(i64::MAX),
    );
    put(&mut table, "max_wait", span(call.max_rate_wait));
    put(&mut table, "mode", mode(config.mode));
    table
}

/// One `key.path = value` for each setting.
pub(super) fn lines(policy: &Policy) -> Vec<(String, String)> {
    fn walk(path: &str, value: &Value, found: &mut Vec<(String, String)>) {
        match value {
            Value::Table(table) => {
                for (key, value) in table {
                    let path = if path.is_empty() {
                        key.clone()
                    } else {
                        format!("{path}.{key}")
                    };
                    walk(&path, value, found);
                }
            }
            Value::Array(array) if array.iter().any(Value::is_table) => {
                for value in array {
                    // Limits are the same limit by their name, not by where they stand.
                    let name = value
                        .get("name")
                        .and_then(Value::as_str)
                        .unwrap_or_default();
                    walk(&format!("{path}[{name}]"), value, found);
                }
            }
            _ => found.push((path.to_string(), value.to_string())),
        }
    }
    let mut found = Vec::new();
    walk("", &Value::Table(table(policy)), &mut found);
    found
}

fn put(table: &mut Table, key: &str, value: impl Into<Value>) {
    table.insert(key.to_string(), value.into());
}

fn span(span: Nanos) -> String {
    show_span(span)
}

fn share(permille: u16) -> String {
    show_percent(u32::from(permille))
}

fn factor(permille: u32) -> f64 {
    f64::from(permille) / 1_000.0
}

fn mode(mode: Mode) -> String {
    word(mode, &MODES)
}

fn off() -> Value {
    Value::String("off".to_string())
}

fn word<T: PartialEq + Copy>(value: T, words: &[(&str, T)]) -> String {
    let found = words.iter().find(|(_, other)| *other == value);
    found.map_or(String::new(), |(word, _)| (*word).to_string())
}
