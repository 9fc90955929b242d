//! Reads a policy from its table.

use seawall_core::policy::{Config, Scope};
use seawall_core::{Backoff, Mode, Nanos, backoff::Jitter};

use super::gates;
use super::problem::Problem;
use super::section::{Section, Unit, settle};
use super::units::quoted;
use super::{Criticality, FallbackRule, Policy};
use crate::check::lint;

pub(crate) const POLICY_KEYS: [&str; 17] = [
    "timeout",
    "deadline",
    "criticality",
    "fallback",
    "retry",
    "breaker",
    "bulkhead",
    "rate_limit",
    "connect_timeout",
    "reserve",
    "useful",
    "overhead",
    "idempotent",
    "idempotency_key",
    "mode",
    "pool",
    "called_by",
];
const RETRY_KEYS: [&str; 7] = [
    "attempts",
    "base",
    "factor",
    "cap",
    "jitter",
    "retry_after_margin",
    "budget",
];
pub(crate) const MODES: [(&str, Mode); 3] = [
    ("enforce", Mode::Enforce),
    ("shadow", Mode::Shadow),
    ("off", Mode::Off),
];
pub(crate) const SCOPES: [(&str, Scope); 2] = [("call", Scope::Call), ("attempt", Scope::Attempt)];
pub(crate) const CRITICALITIES: [(&str, Criticality); 3] = [
    ("critical", Criticality::Critical),
    ("important", Criticality::Important),
    ("optional", Criticality::Optional),
];
pub(crate) const FALLBACKS: [(&str, FallbackRule); 3] = [
    ("forbidden", FallbackRule::Forbidden),
    ("allowed", FallbackRule::Allowed),
    ("expected", FallbackRule::Expected),
];
pub(crate) const JITTERS: [(&str, Jitter); 4] = [
    ("full", Jitter::Full),
    ("equal", Jitter::Equal),
    ("decorrelated", Jitter::Decorrelated),
    ("none", Jitter::None),
];

/// The policy of a table; `None` when a setting is wrong. What only a lint refuses is noted, and the policy
/// returned nevertheless, so that `seawall check` can go on with it.
pub(crate) fn policy(table: &Section<'_>) -> Option<Policy> {
    let notes = table.notes();
    let before = notes.count();
    table.expect(
        &POLICY_KEYS,
        &[
            ("retry", &RETRY_KEYS),
            ("breaker", &gates::BREAKER_KEYS),
            ("bulkhead", &gates::BULKHEAD_KEYS),
            ("rate_limit", &gates::RATE_KEYS),
            ("retry.budget", &gates::BUDGET_KEYS),
        ],
    );
    let criticality = table
        .choice("criticality", &CRITICALITIES)
        .unwrap_or_default();
    let fallback = table
        .choice("fallback", &FALLBACKS)
        .unwrap_or(match criticality {
            Criticality::Critical => FallbackRule::Forbidden,
            Criticality::Important => FallbackRule::Allowed,
            Criticality::Optional => FallbackRule::Expected,
        });
    let mode = table.choice("mode", &MODES).unwrap_or_default();
    let mut call = call(table);
    call.critical = criticality == Criticality::Critical;
    call.may_fall_back = fallback != FallbackRule::Forbidden;

    let overhead = table.span("overhead").unwrap_or_default();
    table.expect_span("overhead", overhead, Nanos::ZERO, Nanos::DAY);
    let connect_timeout = table.span("connect_timeout");
    if let Some(connect) = connect_timeout {
        table.expect_span(
            "connect_timeout",
            connect,
            Nanos::from_millis(1),
            call.timeout,
        );
    }
    let pool = table.count("pool");
    if let Some(pool) = pool {
        table.expect_count("pool", pool, 1, 1_000_000);
    }
    // The gates put their waits and scopes into the call's settings, which are checked as a whole after them.
    let breaker = gates::breaker(table, &mut call, mode);
    let bulkhead = gates::bulkhead(table, &mut call, mode);
    let rate_limits = gates::rate_limits(table, &mut call, mode);
    let retry_budget = retry(table, &mut call, mode);
    let policy = Policy {
        call: checked(table, call),
        breaker,
        bulkhead,
        rate_limits,
        retry_budget,
        criticality,
        fallback,
        connect_timeout,
        sends_key: table.flag("idempotency_key").unwrap_or(false),
        overhead,
        pool,
        called_by: called_by(table),
        mode,
    };
    if notes.count() > before {
        return None;
    }
    for refusal in lint::refusals(&policy) {
        let (key, at) = table.locate(refusal.key);
        notes.note_all(
            at,
            Problem {
                key,
                message: refusal.message,
                lint: Some(refusal.id),
                arithmetic: refusal.arithmetic,
                ..Problem::default()
            },
        );
    }
    Some(policy)
}

/// Timeout, deadline and what else stands in the policy's own table.
fn call(table: &Section<'_>) -> Config {
    let deadline = table.span("deadline").map(finite);
    let timeout = table.span("timeout").unwrap_or_else(|| {
        if !table.has("timeout") {
            table.notes().note_all(
                table.at("timeout"),
                Problem {
                    key: table.path("timeout"),
                    message: "is missing: a call without a timeout may wait for ever".to_string(),
                    lint: Some("SW002"),
                    ..Problem::default()
                },
            );
        }
        // A stand-in that makes no further setting look wrong.
        deadline.unwrap_or(Nanos::DAY)
    });
    Config {
        deadline: deadline.unwrap_or(Nanos::MAX),
        reserve_permille: narrow(table.share("reserve").unwrap_or(0)),
        useful: table.span("useful").unwrap_or_default(),
        idempotent: table.flag("idempotent").unwrap_or(true),
        ..Config::with_timeout(timeout)
    }
}

/// Attempts and waits into `call`; the budget is the answer.
fn retry(
    table: &Section<'_>,
    call: &mut Config,
    mode: Mode,
) -> Option<seawall_core::retry_budget::Config> {
    let retry = table.child("retry", "a table such as { attempts = 3 }")?;
    retry.expect(&RETRY_KEYS, &[("budget", &gates::BUDGET_KEYS)]);
    let usual = Backoff::default();
    let base = retry.span("base").unwrap_or(usual.base);
    call.attempts = retry.count("attempts").unwrap_or(3);
    call.backoff = Backoff {
        base,
        factor_permille: retry.factor("factor").unwrap_or(usual.factor_permille),
        cap: retry.span("cap").unwrap_or(usual.cap.max(base)),
        jitter: retry.choice("jitter", &JITTERS).unwrap_or_default(),
        retry_after_margin: usual.retry_after_margin,
    };
    if let Some(margin) = retry.span("retry_after_margin") {
        call.backoff.retry_after_margin = margin;
        retry.expect_span("retry_after_margin", margin, Nanos::ZERO, Nanos::DAY);
    }
    gates::budget(&retry, mode)
}

/// The call's settings with everything that is out of range noted.
fn checked(table: &Section<'_>, mut call: Config) -> Config {
    settle(&mut call, Config::validate, |call, error| {
        let sound = Config::with_timeout(call.deadline.min(Nanos::DAY));
        let (below, key, unit) = match error.field {
            "attempts" => (Some("retry"), "attempts", Unit::Count),
            "factor" => (Some("retry"), "factor", Unit::Factor),
            field @ ("base" | "cap") => (Some("retry"), field, Unit::Span),
            "max_wait" => (Some("bulkhead"), "max_wait", Unit::Span),
            "max_rate_wait" => (Some("rate_limit"), "max_wait", Unit::Span),
            "reserve" => (None, "reserve", Unit::Share),
            field => (None, field, Unit::Span),
        };
        match below.and_then(|name| table.quiet_child(name)) {
            Some(child) => child.out_of_range(key, error, unit),
            None => table.out_of_range(below.unwrap_or(key), error, unit),
        }
        match error.field {
            "timeout" => call.timeout = sound.timeout.max(Nanos::from_millis(1)),
            "deadline" => call.deadline = Nanos::MAX,
            "reserve" => call.reserve_permille = 0,
            "attempts" => call.attempts = 1,
            "useful" => call.useful = Nanos::ZERO,
            "max_wait" => call.max_wait = Nanos::ZERO,
            "max_rate_wait" => call.max_rate_wait = Nanos::ZERO,
            "factor" => call.backoff.factor_permille = Backoff::default().factor_permille,
            _ => {
                call.backoff.base = Backoff::default().base;
                call.backoff.cap = Backoff::default().cap;
            }
        }
    });
    call
}

fn called_by(table: &Section<'_>) -> Vec<String> {
    let mut callers: Vec<String> = Vec::new();
    for (name, at) in table.texts("called_by", "a list such as [\"orders\"]") {
        let complaint = if !is_name(name) {
            format!("{} is no name of a dependency", quoted(name))
        } else if callers.iter().any(|other| other == name) {
            format!("{} is there twice", quoted(name))
        } else {
            callers.push(name.to_string());
            continue;
        };
        table.notes().note(at, &table.path("called_by"), complaint);
    }
    callers
}

/// 1 to 64 of `A-Z a-z 0-9 _ . -`.
pub(crate) fn is_name(name: &str) -> bool {
    (1..=64).contains(&name.len())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-'))
}

/// The largest number means "none" in the core; what somebody wrote is never that.
fn finite(span: Nanos) -> Nanos {
    Nanos(span.0.min(u64::MAX - 1))
}

pub(crate) fn narrow(permille: u32) -> u16 {
    u16::try_from(permille).unwrap_or(u16::MAX)
}
