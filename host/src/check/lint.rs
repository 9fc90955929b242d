//! The lints: settings that are in order one by one and do not go together.

use seawall_core::backoff::Jitter;
use seawall_core::policy::{Scope, plan};
use seawall_core::{Mode, Nanos, breaker, bulkhead};

use super::{Finding, Severity};
use crate::file::File;
use crate::policy::problem::{join, nearest};
use crate::policy::units::show_span;
use crate::policy::{Policy, RateLimit};

/// A lint that refuses.
pub(crate) struct Refusal {
    pub id: &'static str,
    pub key: &'static str,
    pub message: String,
    pub arithmetic: Option<String>,
}

/// The waits of a sum that are written out.
const WAITS_SHOWN: u32 = 4;

/// What no wall accepts.
pub(crate) fn refusals(policy: &Policy) -> Vec<Refusal> {
    deadline(policy).into_iter().chain(storm(policy)).collect()
}

fn deadline(policy: &Policy) -> Option<Refusal> {
    let worst = plan::worst_case(&policy.call, policy.overhead);
    if worst <= policy.call.deadline {
        return None;
    }
    let most = plan::most_attempts(&policy.call, policy.overhead);
    let fit = if most == 1 {
        "attempt fits"
    } else {
        "attempts fit"
    };
    Some(Refusal {
        id: "SW001",
        key: "deadline",
        message: "the attempts do not fit the deadline".to_string(),
        arithmetic: Some(format!(
            "{} = {} > deadline {}; at most {most} {fit}",
            sum(policy),
            show_span(worst),
            show_span(policy.call.deadline)
        )),
    })
}

/// The worst case as a sum: "3 x 2s + 100ms + 200ms".
pub(crate) fn sum(policy: &Policy) -> String {
    let call = &policy.call;
    let mut parts = Vec::new();
    if policy.overhead != Nanos::ZERO {
        parts.push(show_span(policy.overhead));
    }
    parts.push(format!("{} x {}", call.attempts, show_span(call.timeout)));
    let retries = call.attempts.saturating_sub(1);
    let wait = |retry| show_span(plan::longest_wait(&call.backoff, retry));
    for retry in 1..=retries.min(WAITS_SHOWN) {
        parts.push(wait(retry));
    }
    if retries > WAITS_SHOWN {
        if retries > WAITS_SHOWN + 1 {
            parts.push("...".to_string());
        }
        parts.push(format!("{} ({retries} waits)", wait(retries)));
    }
    parts.join(" + ")
}

/// Retries that come back together, with nothing to bound them.
fn storm(policy: &Policy) -> Option<Refusal> {
    let backoff = &policy.call.backoff;
    let is_storm = policy.call.attempts > 1
        && backoff.jitter == Jitter::None
        && backoff.base != Nanos::ZERO
        && policy.retry_budget.is_none();
    is_storm.then(|| Refusal {
        id: "SW005",
        key: "retry.jitter",
        message:
            "retries without jitter and without a budget come back all at once, however many fail"
                .to_string(),
        arithmetic: None,
    })
}

/// A warning before it has a place: lint, key below the dependency, message, sum.
struct Warning {
    id: &'static str,
    key: &'static str,
    message: String,
    arithmetic: Option<String>,
}

impl Warning {
    fn new(id: &'static str, key: &'static str, message: impl Into<String>) -> Self {
        Self {
            id,
            key,
            message: message.into(),
            arithmetic: None,
        }
    }

    fn because(self, arithmetic: String) -> Self {
        Self {
            arithmetic: Some(arithmetic),
            ..self
        }
    }
}

/// The warnings of one file, among the files of its fleet.
pub(super) fn file(file: &File, fleet: &[File]) -> Vec<Finding> {
    let mut findings = Vec::new();
    if let Some(region) = &file.region {
        let place = file.place("region");
        findings.push(Finding {
            id: "SW010",
            severity: Severity::Warning,
            dependency: None,
            file: file.name.clone(),
            line: place.line,
            column: place.column,
            key: "region".to_string(),
            message: format!("\"{region}\" is not in force yet: every process keeps its own state"),
            arithmetic: None,
        });
    }
    for (name, policy) in &file.dependencies {
        let mut warnings = Vec::new();
        warnings.extend(pool(policy));
        warnings.extend(callers(policy, file, fleet));
        warnings.extend(jitter(policy));
        warnings.extend(sensitive(policy));
        warnings.extend(never(policy));
        warnings.extend(repeated(policy));
        warnings.extend(workers(policy, file));
        for Warning {
            id,
            key,
            message,
            arithmetic,
        } in warnings
        {
            let place = file.place_of(name, key);
            findings.push(Finding {
                id,
                severity: Severity::Warning,
                dependency: Some(name.clone()),
                file: file.name.clone(),
                line: place.line,
                column: place.column,
                key: format!("{}.{key}", join("dependency", name)),
                message,
                arithmetic,
            });
        }
    }
    findings
}

/// The breaker, unless it is off: what decides nothing has no wrong settings.
fn breaker(policy: &Policy) -> Option<&breaker::Config> {
    policy
        .breaker
        .as_ref()
        .filter(|breaker| breaker.mode != Mode::Off)
}

fn bulkhead(policy: &Policy) -> Option<&bulkhead::Config> {
    policy
        .bulkhead
        .as_ref()
        .filter(|bulkhead| bulkhead.mode != Mode::Off)
}

fn pool(policy: &Policy) -> Option<Warning> {
    let (pool, bulkhead) = (policy.pool?, bulkhead(policy)?);
    (pool < bulkhead.max_concurrent).then(|| {
        Warning::new("SW003", "pool", "the connection pool is smaller than the bulkhead, so calls queue where nobody counts them")
            .because(format!("{pool} connections < {} permits", bulkhead.max_concurrent))
    })
}

fn callers(policy: &Policy, file: &File, fleet: &[File]) -> Vec<Warning> {
    let mut warnings = Vec::new();
    for caller in &policy.called_by {
        let found = std::iter::once(file)
            .chain(fleet)
            .find_map(|file| file.policy(caller));
        let Some(above) = found else {
            // Code knows nothing of files, and a dependency that is wrong is told elsewhere.
            let is_there = file.name.is_empty() || fleet.iter().any(|file| file.line(caller) != 0);
            if !is_there {
                let names = fleet
                    .iter()
                    .flat_map(|file| file.dependencies.iter().map(|(name, _)| name.as_str()));
                let hint = nearest(caller, names)
                    .map_or(String::new(), |name| format!("; did you mean \"{name}\"?"));
                warnings.push(Warning::new(
                    "SW004",
                    "called_by",
                    format!("no file has a dependency \"{caller}\"{hint}"),
                ));
            }
            continue;
        };
        let (ours, theirs) = (policy.call.timeout, above.call.timeout);
        if ours >= theirs {
            let message = format!(
                "the timeout is not shorter than that of \"{caller}\", which gives up before the answer is there"
            );
            warnings.push(Warning::new("SW004", "timeout", message).because(format!(
                "{} >= {}",
                show_span(ours),
                show_span(theirs)
            )));
        }
    }
    warnings
}

fn jitter(policy: &Policy) -> Option<Warning> {
    let is_bare = policy.call.attempts > 1 && policy.call.backoff.jitter == Jitter::None;
    (is_bare && storm(policy).is_none()).then(|| {
        Warning::new(
            "SW005",
            "retry.jitter",
            "retries without jitter: callers that failed together come back together",
        )
    })
}

/// How often one failing call counts.
fn weight(policy: &Policy) -> u32 {
    match policy.call.breaker_scope {
        Scope::Call => 1,
        Scope::Attempt => policy.call.attempts,
    }
}

fn sensitive(policy: &Policy) -> Option<Warning> {
    let breaker = breaker(policy)?;
    let weight = weight(policy);
    let by = |what: &str, rule: &str, limit: u32| {
        let counted = match weight {
            1 => format!("one {what} call counts once"),
            _ => format!("one {what} call counts {weight} times, once for each attempt"),
        };
        let message = format!("one {what} call opens the circuit");
        Warning::new("SW006", "breaker", message)
            .because(format!("{counted}, and {rule} is {limit}"))
    };
    if (1..=weight).contains(&breaker.consecutive_failures) {
        let limit = breaker.consecutive_failures;
        return Some(by("failed", "consecutive_failures", limit));
    }
    let what = match (breaker.failure_permille, breaker.slow_permille) {
        (0, 0) => return None,
        (0, _) => "slow",
        _ => "failed",
    };
    (breaker.min_calls <= weight).then(|| by(what, "min_calls", breaker.min_calls))
}

/// A breaker without a rule that can come true.
fn never(policy: &Policy) -> Option<Warning> {
    let breaker = breaker(policy)?;
    let warning = |why: String| {
        Some(Warning::new(
            "SW006",
            "breaker",
            format!("the circuit can never open: {why}"),
        ))
    };
    if breaker.consecutive_failures != 0 {
        return None;
    }
    if breaker.failure_permille == 0 && breaker.slow_permille == 0 {
        return warning("all its rules are off".to_string());
    }
    if breaker.min_witnesses > 1 {
        let witnesses = breaker.min_witnesses;
        return warning(format!(
            "min_witnesses is {witnesses}, and every process keeps its own state"
        ));
    }
    if breaker.failure_permille == 0 && breaker.slow_after >= longest(policy) {
        let (after, longest) = (show_span(breaker.slow_after), show_span(longest(policy)));
        return warning(format!(
            "no call takes longer than slow_after, {longest} <= {after}"
        ));
    }
    let most = most_counted(policy)?;
    (u64::from(breaker.min_calls) > most).then(|| {
        Warning::new(
            "SW006",
            "breaker",
            "the circuit can never open: the rate limit lets too few calls into its window",
        )
        .because(format!(
            "at most {most} in {} < min_calls {}",
            show_span(breaker.window),
            breaker.min_calls
        ))
    })
}

/// The longest that something the breaker counts may take.
fn longest(policy: &Policy) -> Nanos {
    match policy.call.breaker_scope {
        Scope::Call => plan::worst_case(&policy.call, policy.overhead).min(policy.call.deadline),
        Scope::Attempt => policy.call.timeout,
    }
}

/// The most calls or attempts that the rate limits let into a window of time.
fn most_counted(policy: &Policy) -> Option<u64> {
    let breaker = policy
        .breaker
        .as_ref()
        .filter(|breaker| breaker.window_calls == 0)?;
    let enforced = policy
        .rate_limits
        .iter()
        .filter(|limit| limit.config.mode == Mode::Enforce);
    enforced
        .map(|RateLimit { config, .. }| {
            let refilled = u128::from(config.permits) * u128::from(breaker.window.0)
                / u128::from(config.period.0.max(1));
            u64::try_from(refilled)
                .unwrap_or(u64::MAX)
                .saturating_add(config.burst)
        })
        .min()
}

fn repeated(policy: &Policy) -> Option<Warning> {
    let is_doubtful = policy.call.attempts > 1 && !policy.call.idempotent && !policy.sends_key;
    is_doubtful.then(|| {
        let message = "retries of what is not idempotent, without an idempotency key: only what was not sent is sent again";
        Warning::new("SW007", "idempotent", message)
    })
}

fn workers(policy: &Policy, file: &File) -> Option<Warning> {
    let (threads, bulkhead) = (file.worker_threads?, bulkhead(policy)?);
    (u64::from(bulkhead.max_concurrent) * 2 > u64::from(threads)).then(|| {
        Warning::new(
            "SW008",
            "bulkhead.max_concurrent",
            "one dependency may hold more than half of the worker threads",
        )
        .because(format!(
            "{} permits > {threads} / 2 threads",
            bulkhead.max_concurrent
        ))
    })
}
