//! Reads the gates of a policy: breaker, bulkhead, rate limits and retry budget.

use seawall_core::limiter::Config as RateConfig;
use seawall_core::policy::{Config, MOST_LIMITERS};
use seawall_core::retry_budget::Profile;
use seawall_core::{Mode, Nanos, breaker, bulkhead, retry_budget};
use toml::de::{DeArray, DeValue};

use super::RateLimit;
use super::read::{MODES, SCOPES, is_name, narrow};
use super::section::{Section, Unit, settle};
use super::units::{self, quoted};

pub(crate) const BREAKER_KEYS: [&str; 17] = [
    "consecutive_failures",
    "consecutive_always",
    "failure_rate",
    "slow_rate",
    "slow_after",
    "window",
    "window_calls",
    "min_calls",
    "open_for",
    "open_backoff",
    "open_max",
    "open_jitter",
    "probes",
    "probe_lease",
    "min_witnesses",
    "mode",
    "scope",
];
pub(crate) const BULKHEAD_KEYS: [&str; 6] = [
    "max_concurrent",
    "reserved",
    "max_wait",
    "max_waiting",
    "scope",
    "mode",
];
pub(crate) const RATE_KEYS: [&str; 5] = ["rate", "burst", "max_wait", "name", "mode"];
pub(crate) const BUDGET_KEYS: [&str; 8] = [
    "profile",
    "ratio",
    "min_per_second",
    "window",
    "cap",
    "max_concurrent_retries_ratio",
    "min_concurrent_retries",
    "mode",
];
pub(crate) const PROFILES: [(&str, Profile); 5] = [
    ("bucket", Profile::Bucket),
    ("finagle", Profile::Finagle),
    ("grpc", Profile::Grpc),
    ("aws_standard", Profile::AwsStandard),
    ("aws_legacy", Profile::AwsLegacy),
];

/// The breaker: on with its defaults unless the policy says otherwise.
pub(crate) fn breaker(
    policy: &Section<'_>,
    call: &mut Config,
    mode: Mode,
) -> Option<breaker::Config> {
    let usual = breaker::Config::default();
    let whole_call = if call.deadline == Nanos::MAX {
        call.timeout
    } else {
        call.deadline
    };
    let lease = |open_for: Nanos| {
        let twice = Nanos(whole_call.0.saturating_mul(2));
        open_for.max(twice).min(Nanos::DAY)
    };
    if !policy.has("breaker") {
        return Some(breaker::Config {
            mode,
            probe_lease: lease(usual.open_for),
            ..usual
        });
    }
    if policy.is_off("breaker") {
        return None;
    }
    let table = policy.child("breaker", "a table of settings, or \"off\"")?;
    table.expect(&BREAKER_KEYS, &[]);
    call.breaker_scope = table.choice("scope", &SCOPES).unwrap_or_default();
    if table.has("window") && table.has("window_calls") {
        table.complain(
            "window_calls",
            "the window is a time or a number of calls, not both",
        );
    }
    let slow_permille = table.share("slow_rate").map_or(usual.slow_permille, narrow);
    if slow_permille > 0 && !table.has("slow_after") {
        table.complain(
            "slow_rate",
            "needs slow_after, the time above which a call is slow",
        );
    }
    let window_calls = table.count("window_calls").unwrap_or(0);
    let follows = |calls: u32| {
        if calls == 0 {
            usual.min_calls
        } else {
            usual.min_calls.min(calls)
        }
    };
    let open_for = table.span("open_for").unwrap_or(usual.open_for);
    let mut config = breaker::Config {
        consecutive_failures: table
            .count("consecutive_failures")
            .unwrap_or(usual.consecutive_failures),
        consecutive_always: table.flag("consecutive_always").unwrap_or(false),
        failure_permille: table
            .share("failure_rate")
            .map_or(usual.failure_permille, narrow),
        slow_permille,
        // What was not given was told above already.
        slow_after: table.span("slow_after").unwrap_or(Nanos::from_secs(1)),
        window_calls,
        window: table.span("window").unwrap_or(usual.window),
        min_calls: table.count("min_calls").unwrap_or(follows(window_calls)),
        open_for,
        open_backoff_permille: table
            .factor("open_backoff")
            .unwrap_or(usual.open_backoff_permille),
        open_max: table
            .span("open_max")
            .unwrap_or(usual.open_max.max(open_for)),
        open_jitter_permille: table
            .share("open_jitter")
            .map_or(usual.open_jitter_permille, narrow),
        probes: table.count("probes").unwrap_or(usual.probes),
        probe_lease: table.span("probe_lease").unwrap_or(lease(open_for)),
        min_witnesses: table.count("min_witnesses").unwrap_or(usual.min_witnesses),
        mode: table.choice("mode", &MODES).unwrap_or(mode),
        seed: 0,
    };
    if config.slow_permille == 0 {
        config.slow_after = Nanos::ZERO;
    }
    if config.window_calls != 0 {
        config.window = usual.window;
    }
    settle(&mut config, breaker::Config::validate, |config, error| {
        let unit = match error.field {
            "failure_rate" | "slow_rate" | "open_jitter" => Unit::Share,
            "open_backoff" => Unit::Factor,
            "slow_after" | "window" | "open_for" | "open_max" | "probe_lease" => Unit::Span,
            _ => Unit::Count,
        };
        table.out_of_range(error.field, error, unit);
        match error.field {
            "consecutive_failures" => config.consecutive_failures = usual.consecutive_failures,
            "failure_rate" => config.failure_permille = usual.failure_permille,
            "slow_rate" | "slow_after" => config.slow_permille = 0,
            "window_calls" => {
                config.window_calls = 0;
                config.min_calls = usual.min_calls;
            }
            "window" => config.window = usual.window,
            "min_calls" => config.min_calls = follows(config.window_calls),
            "open_for" => {
                config.open_for = usual.open_for;
                config.open_max = usual.open_max;
            }
            "open_backoff" => config.open_backoff_permille = usual.open_backoff_permille,
            "open_max" => config.open_max = usual.open_max.max(config.open_for),
            "open_jitter" => config.open_jitter_permille = usual.open_jitter_permille,
            "probes" => config.probes = usual.probes,
            "probe_lease" => config.probe_lease = lease(config.open_for),
            _ => config.min_witnesses = usual.min_witnesses,
        }
    });
    Some(config)
}

/// The bulkhead; its wait goes into `call`.
pub(crate) fn bulkhead(
    policy: &Section<'_>,
    call: &mut Config,
    mode: Mode,
) -> Option<bulkhead::Config> {
    let usual = bulkhead::Config::default();
    if policy.is_off("bulkhead") {
        return None;
    }
    let table = policy.child(
        "bulkhead",
        "a table such as { max_concurrent = 20 }, or \"off\"",
    )?;
    table.expect(&BULKHEAD_KEYS, &[]);
    call.bulkhead_scope = table.choice("scope", &SCOPES).unwrap_or_default();
    call.max_wait = table.span("max_wait").unwrap_or_default();
    let line = if call.max_wait == Nanos::ZERO {
        0
    } else {
        1_000
    };
    let mut config = bulkhead::Config {
        max_concurrent: table
            .count("max_concurrent")
            .unwrap_or(usual.max_concurrent),
        reserved: table.count("reserved").unwrap_or(usual.reserved),
        max_waiting: table.count("max_waiting").unwrap_or(line),
        mode: table.choice("mode", &MODES).unwrap_or(mode),
    };
    settle(
        &mut config,
        |config| config.validate(bulkhead::MOST_PERMITS),
        |config, error| {
            table.out_of_range(error.field, error, Unit::Count);
            match error.field {
                "max_concurrent" => {
                    config.max_concurrent = usual.max_concurrent;
                    config.reserved = usual.reserved;
                }
                "reserved" => config.reserved = usual.reserved,
                _ => config.max_waiting = usual.max_waiting,
            }
        },
    );
    Some(config)
}

/// One rate limit, or up to four with names of their own; their wait goes into `call`.
pub(crate) fn rate_limits(policy: &Section<'_>, call: &mut Config, mode: Mode) -> Vec<RateLimit> {
    let how = "a table such as { rate = \"100/s\" }, or an array of them";
    if policy.is_off("rate_limit") {
        return Vec::new();
    }
    let Some(value) = policy.value("rate_limit") else {
        return Vec::new();
    };
    let mut wait = None;
    let limits = match value.get_ref() {
        DeValue::Array(array) => several(policy, array, &mut wait, mode),
        _ => match policy.child("rate_limit", how) {
            Some(table) => {
                read_wait(&table, &mut wait);
                rate_limit(&table, Some("requests"), mode)
                    .into_iter()
                    .collect()
            }
            None => Vec::new(),
        },
    };
    call.max_rate_wait = wait.unwrap_or_default();
    limits
}

fn several<'a>(
    policy: &Section<'a>,
    array: &'a DeArray<'a>,
    wait: &mut Option<Nanos>,
    mode: Mode,
) -> Vec<RateLimit> {
    let count = array.len();
    if !(1..=MOST_LIMITERS).contains(&count) {
        policy.complain(
            "rate_limit",
            format!("{count} rate limits are outside 1..={MOST_LIMITERS}"),
        );
    }
    let mut limits: Vec<RateLimit> = Vec::new();
    for (index, element) in array.iter().enumerate() {
        let Some(table) = policy.element("rate_limit", index, element) else {
            continue;
        };
        read_wait(&table, wait);
        let Some(limit) = rate_limit(&table, None, mode) else {
            continue;
        };
        if limits.iter().any(|other| other.name == limit.name) {
            table.complain("name", format!("{} is there twice", quoted(&limit.name)));
        }
        limits.push(limit);
    }
    limits
}

/// All limits of a dependency are waited for together, so there is one wait.
fn read_wait(table: &Section<'_>, shared: &mut Option<Nanos>) {
    let Some(wait) = table.span("max_wait") else {
        return;
    };
    table.expect_span("max_wait", wait, Nanos::ZERO, Nanos::DAY);
    let wait = wait.min(Nanos::DAY);
    match shared {
        Some(other) if *other != wait => {
            let other = units::show_span(*other);
            table.complain(
                "max_wait",
                format!("all rate limits share one wait, and another one says {other}"),
            );
        }
        _ => *shared = Some(wait),
    }
}

fn rate_limit(table: &Section<'_>, default_name: Option<&str>, mode: Mode) -> Option<RateLimit> {
    table.expect(&RATE_KEYS, &[]);
    let name = if table.has("name") {
        table.text("name")
    } else {
        default_name
    };
    match name {
        Some(name) if !is_name(name) => {
            table.complain(
                "name",
                format!(
                    "{} is no name: use 1 to 64 of A-Z a-z 0-9 _ . -",
                    quoted(name)
                ),
            );
        }
        None if !table.has("name") => {
            table.complain("name", "is missing: several limits need names")
        }
        _ => {}
    }
    if !table.has("rate") {
        table.complain("rate", "is missing: write it like \"100/s\"");
    }
    let burst = table.whole("burst");
    let mode = table.choice("mode", &MODES).unwrap_or(mode);
    let (permits, period) = table.rate("rate")?;
    let mut config = RateConfig {
        permits,
        period,
        burst: burst.unwrap_or(permits),
        mode,
    };
    settle(&mut config, RateConfig::validate, |config, error| {
        match error.field {
            // A bucket that follows its rate is as large as there is room.
            "burst" if burst.is_none() => {}
            "burst" => table.out_of_range("burst", error, Unit::Count),
            field => {
                let unit = if field == "period" {
                    Unit::Span
                } else {
                    Unit::Count
                };
                let value = unit.show(error.value);
                let (min, max) = (unit.show(error.min), unit.show(error.max));
                let what = if field == "period" {
                    "period"
                } else {
                    "number of calls"
                };
                table.complain(
                    "rate",
                    format!("the {what} {value} is outside {min}..={max}"),
                );
            }
        }
        match error.field {
            "burst" => config.burst = config.burst.clamp(error.min, error.max),
            _ => {
                *config = RateConfig {
                    mode,
                    ..RateConfig::default()
                }
            }
        }
    });
    Some(RateLimit {
        name: name?.to_string(),
        config,
    })
}

/// The budget of a `retry` table: a share, "off", or a table; a bucket of 10 % when it is absent.
pub(crate) fn budget(retry: &Section<'_>, mode: Mode) -> Option<retry_budget::Config> {
    let how = "a share such as \"10%\", \"off\", or a table";
    let usual = retry_budget::Config {
        mode,
        ..retry_budget::Config::default()
    };
    let Some(value) = retry.value("budget") else {
        return Some(usual);
    };
    if retry.is_off("budget") {
        return None;
    }
    let DeValue::Table(table) = value.get_ref() else {
        let ratio = match value.get_ref() {
            DeValue::Boolean(_) | DeValue::Datetime(_) | DeValue::Array(_) => {
                retry.child("budget", how);
                None
            }
            _ => retry.share("budget"),
        };
        let mut config = retry_budget::Config {
            ratio_permille: ratio.unwrap_or(usual.ratio_permille),
            ..usual
        };
        settle(
            &mut config,
            retry_budget::Config::validate,
            |config, error| {
                retry.out_of_range("budget", error, Unit::Share);
                *config = usual;
            },
        );
        return Some(config);
    };
    let table = retry.below("budget", table);
    table.expect(&BUDGET_KEYS, &[]);
    let profile = table.choice("profile", &PROFILES).unwrap_or_default();
    let usual = retry_budget::Config {
        mode: table.choice("mode", &MODES).unwrap_or(mode),
        ..retry_budget::Config::of(profile)
    };
    let mut config = retry_budget::Config {
        ratio_permille: table.share("ratio").unwrap_or(usual.ratio_permille),
        min_per_second: table
            .count("min_per_second")
            .unwrap_or(usual.min_per_second),
        window: table.span("window").unwrap_or(usual.window),
        cap: table.count("cap").unwrap_or(usual.cap),
        max_concurrent_retries_permille: table
            .share("max_concurrent_retries_ratio")
            .unwrap_or(usual.max_concurrent_retries_permille),
        min_concurrent_retries: table
            .count("min_concurrent_retries")
            .unwrap_or(usual.min_concurrent_retries),
        ..usual
    };
    settle(
        &mut config,
        retry_budget::Config::validate,
        |config, error| {
            // A cap that follows the floor is no mistake of anybody.
            if error.field == "cap" && !table.has("cap") && error.value < error.min {
                config.cap = u32::try_from(error.min).unwrap_or(usual.cap);
                return;
            }
            let unit = match error.field {
                "ratio" | "max_concurrent_retries_ratio" => Unit::Share,
                "window" => Unit::Span,
                _ => Unit::Count,
            };
            table.out_of_range(error.field, error, unit);
            match error.field {
                "ratio" => config.ratio_permille = usual.ratio_permille,
                "max_concurrent_retries_ratio" => config.max_concurrent_retries_permille = 0,
                "min_concurrent_retries" => {
                    config.min_concurrent_retries = usual.min_concurrent_retries
                }
                // Floor and cap hang together.
                _ => {
                    config.min_per_second = usual.min_per_second;
                    config.window = usual.window;
                    config.cap = usual.cap;
                }
            }
        },
    );
    Some(config)
}
