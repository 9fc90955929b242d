//! The table of a policy, as a file has it, in JSON form; read apart from the reader of the host.

use seawall_model::policy::Policy;
use seawall_model::retry_budget::{self, Profile};
use seawall_model::{DAY, MILLISECOND, Mode, SECOND, backoff, breaker, bulkhead, limiter};
use serde_json::{Map, Value};

/// A table within the policy, with the path to it.
struct Table<'a> {
    path: String,
    fields: &'a Map<String, Value>,
}

type Read<T> = Result<T, String>;

/// The policy of a table, or the path of the wrong key.
pub fn read(table: &Value) -> Read<Policy> {
    let table = Table {
        path: String::new(),
        fields: table.as_object().ok_or("")?,
    };
    table.knows(&[
        "criticality",
        "fallback",
        "timeout",
        "connect_timeout",
        "deadline",
        "reserve",
        "useful",
        "overhead",
        "idempotent",
        "idempotency_key",
        "mode",
        "retry",
        "breaker",
        "bulkhead",
        "rate_limit",
        "pool",
        "called_by",
    ])?;
    let mode = table.mode(Mode::Enforce)?;
    let timeout_ns = table.span("timeout")?.ok_or("timeout")?;
    within(timeout_ns, MILLISECOND, DAY).ok_or("timeout")?;
    let deadline_ns = table.span("deadline")?;
    let connect_ns = table.span("connect_timeout")?.unwrap_or(timeout_ns);
    let useful_ns = table.span("useful")?.unwrap_or(0);
    within(deadline_ns.unwrap_or(DAY), timeout_ns, DAY).ok_or("deadline")?;
    within(connect_ns, 1, timeout_ns).ok_or("connect_timeout")?;
    within(useful_ns, 0, timeout_ns).ok_or("useful")?;
    let reserve = table.share("reserve")?.unwrap_or(0);
    within(reserve, 0, 1000).ok_or("reserve")?;
    let criticality = table.word("criticality", &["important", "critical", "optional"])?;
    let implied = usize::from(criticality == 1);
    let fallback = match table.fields.contains_key("fallback") {
        true => table.word("fallback", &["allowed", "forbidden", "expected"])?,
        false => implied,
    };
    let mut policy = Policy {
        timeout_ns,
        deadline_ns,
        reserve_permille: reserve as u16,
        attempts: 1,
        backoff: backoff::Config::default(),
        useful_ns,
        idempotent: table.flag("idempotent", true)?,
        critical: criticality == 1,
        may_fall_back: fallback != 1,
        max_wait_ns: 0,
        max_rate_wait_ns: 0,
        breaker: None,
        breaker_per_attempt: false,
        bulkhead: None,
        bulkhead_per_attempt: false,
        limiters: Vec::new(),
        limiter_names: Vec::new(),
        budget: None,
    };
    if let Some(retry) = table.table("retry")? {
        read_retry(&retry, mode, &mut policy)?;
    }
    fits_the_deadline(&policy).ok_or("deadline")?;
    read_breaker(&table, mode, &mut policy)?;
    if let Some(bulkhead) = table.table("bulkhead")? {
        read_bulkhead(&bulkhead, mode, &mut policy)?;
    }
    for limit in table.tables("rate_limit")? {
        read_limit(&limit, mode, &mut policy)?;
    }
    Ok(policy)
}

/// Whether all attempts and the longest waits between them end by the deadline.
fn fits_the_deadline(policy: &Policy) -> Option<()> {
    let longest = backoff::Config {
        jitter: backoff::Jitter::None,
        ..policy.backoff
    };
    assert!(
        policy.deadline_ns.is_none() || policy.backoff.jitter != backoff::Jitter::Decorrelated,
        "the longest decorrelated wait is not told here"
    );
    let waits = (1..policy.attempts).map(|retry| longest.delay(retry, 0, 0, 0));
    let worst = u64::from(policy.attempts) * policy.timeout_ns + waits.sum::<u64>();
    (worst <= policy.deadline_ns.unwrap_or(u64::MAX)).then_some(())
}

fn read_retry(table: &Table<'_>, mode: Mode, policy: &mut Policy) -> Read<()> {
    table.knows(&[
        "attempts",
        "base",
        "factor",
        "cap",
        "jitter",
        "retry_after_margin",
        "budget",
    ])?;
    policy.attempts = table.number("attempts", 3)? as u32;
    within(policy.attempts.into(), 1, 100).ok_or(table.at("attempts"))?;
    let absent = backoff::Config::default();
    policy.backoff = backoff::Config {
        base_ns: table.span("base")?.unwrap_or(absent.base_ns),
        factor_permille: table.factor("factor", 2000)?,
        cap_ns: table.span("cap")?.unwrap_or(absent.cap_ns),
        jitter: [
            backoff::Jitter::Full,
            backoff::Jitter::Equal,
            backoff::Jitter::Decorrelated,
            backoff::Jitter::None,
        ][table.word("jitter", &["full", "equal", "decorrelated", "none"])?],
        retry_after_margin_ns: table.span("retry_after_margin")?.unwrap_or(u64::MAX),
    };
    policy.backoff.check().map_err(|field| table.at(field))?;
    if table.is("budget", "off") {
        return Ok(());
    }
    let mut config = retry_budget::Config::preset(Profile::Bucket);
    config.mode = mode;
    if let Some(share) = table.fields.get("budget").filter(|it| !it.is_object()) {
        config.ratio_permille = share_of(share).ok_or(table.at("budget"))? as u32;
    } else if let Some(budget) = table.table("budget")? {
        config = read_budget(&budget, mode)?;
    }
    config.check().map_err(|field| table.at(field))?;
    policy.budget = Some(config);
    Ok(())
}

fn read_budget(table: &Table<'_>, mode: Mode) -> Read<retry_budget::Config> {
    table.knows(&[
        "profile",
        "ratio",
        "min_per_second",
        "window",
        "cap",
        "max_concurrent_retries_ratio",
        "min_concurrent_retries",
        "mode",
    ])?;
    let words = ["bucket", "finagle", "grpc", "aws_standard", "aws_legacy"];
    let profile = [
        Profile::Bucket,
        Profile::Finagle,
        Profile::Grpc,
        Profile::AwsStandard,
        Profile::AwsLegacy,
    ][table.word("profile", &words)?];
    let preset = retry_budget::Config::preset(profile);
    Ok(retry_budget::Config {
        profile,
        ratio_permille: table
            .share("ratio")?
            .unwrap_or(preset.ratio_permille.into()) as u32,
        min_per_second: table.number("min_per_second", preset.min_per_second.into())? as u32,
        window_ns: table.span("window")?.unwrap_or(preset.window_ns),
        cap: table.number("cap", preset.cap.into())? as u32,
        max_concurrent_retries_permille: table.share("max_concurrent_retries_ratio")?.unwrap_or(0)
            as u32,
        min_concurrent_retries: table.number(
            "min_concurrent_retries",
            preset.min_concurrent_retries.into(),
        )? as u32,
        mode: table.mode(mode)?,
    })
}

fn read_breaker(table: &Table<'_>, mode: Mode, policy: &mut Policy) -> Read<()> {
    if table.is("breaker", "off") {
        return Ok(());
    }
    let none = Map::new();
    let table = table.table("breaker")?.unwrap_or(Table {
        path: "breaker".into(),
        fields: &none,
    });
    table.knows(&[
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
    ])?;
    let absent = breaker::Config::default();
    let open_for_ns = table.span("open_for")?.unwrap_or(absent.open_for_ns);
    let window_calls = table.number("window_calls", 0)? as u32;
    let least_calls = if window_calls > 0 {
        absent.min_calls.min(window_calls)
    } else {
        absent.min_calls
    };
    let lease = policy
        .deadline_ns
        .map_or(0, |deadline| 2 * deadline)
        .max(open_for_ns);
    let config = breaker::Config {
        consecutive_failures: table
            .number("consecutive_failures", absent.consecutive_failures.into())?
            as u32,
        consecutive_always: table.flag("consecutive_always", false)?,
        failure_permille: table.share("failure_rate")?.unwrap_or(500) as u16,
        slow_permille: table.share("slow_rate")?.unwrap_or(0) as u16,
        slow_after_ns: table.span("slow_after")?.unwrap_or(0),
        window_calls,
        window_ns: table.span("window")?.unwrap_or(absent.window_ns),
        min_calls: table.number("min_calls", least_calls.into())? as u32,
        open_for_ns,
        open_backoff_permille: table.factor("open_backoff", 2000)?,
        open_max_ns: table
            .span("open_max")?
            .unwrap_or(absent.open_max_ns.max(open_for_ns)),
        open_jitter_permille: table.share("open_jitter")?.unwrap_or(100) as u16,
        probes: table.number("probes", 1)? as u32,
        probe_lease_ns: table.span("probe_lease")?.unwrap_or(lease),
        min_witnesses: table.number("min_witnesses", 1)? as u32,
        mode: table.mode(mode)?,
        seed: 0,
    };
    config.check().map_err(|field| table.at(field))?;
    policy.breaker = Some(config);
    policy.breaker_per_attempt = table.word("scope", &["call", "attempt"])? == 1;
    Ok(())
}

fn read_bulkhead(table: &Table<'_>, mode: Mode, policy: &mut Policy) -> Read<()> {
    table.knows(&[
        "max_concurrent",
        "reserved",
        "max_wait",
        "max_waiting",
        "scope",
        "mode",
    ])?;
    policy.max_wait_ns = table.span("max_wait")?.unwrap_or(0);
    let most_waiting = if policy.max_wait_ns > 0 { 1000 } else { 0 };
    let config = bulkhead::Config {
        capacity: 4096,
        max_concurrent: table.number("max_concurrent", 20)? as u32,
        reserved: table.number("reserved", 0)? as u32,
        max_waiting: table.number("max_waiting", most_waiting)? as u32,
        mode: table.mode(mode)?,
    };
    config.check().map_err(|field| table.at(field))?;
    policy.bulkhead = Some(config);
    policy.bulkhead_per_attempt = table.word("scope", &["call", "attempt"])? == 1;
    Ok(())
}

fn read_limit(table: &Table<'_>, mode: Mode, policy: &mut Policy) -> Read<()> {
    table.knows(&["rate", "burst", "max_wait", "name", "mode"])?;
    let rate = table.fields.get("rate").and_then(Value::as_str);
    let (permits, period_ns) = rate.and_then(rate_of).ok_or(table.at("rate"))?;
    let wait_ns = table.span("max_wait")?.unwrap_or(0);
    policy.max_rate_wait_ns = policy.max_rate_wait_ns.max(wait_ns);
    let config = limiter::Config {
        permits,
        period_ns,
        burst: table.number("burst", permits)?,
        mode: table.mode(mode)?,
    };
    config.check().map_err(|field| table.at(field))?;
    let name = table.fields.get("name").and_then(Value::as_str);
    policy.limiters.push(config);
    policy
        .limiter_names
        .push(name.unwrap_or("requests").to_owned());
    Ok(())
}

impl<'a> Table<'a> {
    fn at(&self, key: &str) -> String {
        if self.path.is_empty() {
            key.to_owned()
        } else {
            format!("{}.{key}", self.path)
        }
    }

    fn knows(&self, known: &[&str]) -> Read<()> {
        match self
            .fields
            .keys()
            .find(|key| !known.contains(&key.as_str()))
        {
            Some(key) => Err(self.at(key)),
            None => Ok(()),
        }
    }

    fn is(&self, key: &str, word: &str) -> bool {
        self.fields.get(key).and_then(Value::as_str) == Some(word)
    }

    fn get<T>(&self, key: &str, read: impl Fn(&'a Value) -> Option<T>) -> Read<Option<T>> {
        match self.fields.get(key) {
            None => Ok(None),
            Some(value) => read(value).map(Some).ok_or(self.at(key)),
        }
    }

    fn number(&self, key: &str, absent: u64) -> Read<u64> {
        Ok(self.get(key, Value::as_u64)?.unwrap_or(absent))
    }

    fn flag(&self, key: &str, absent: bool) -> Read<bool> {
        Ok(self.get(key, Value::as_bool)?.unwrap_or(absent))
    }

    fn span(&self, key: &str) -> Read<Option<u64>> {
        self.get(key, |value| span_of(value.as_str()?))
    }

    fn share(&self, key: &str) -> Read<Option<u64>> {
        self.get(key, share_of)
    }

    fn factor(&self, key: &str, absent: u32) -> Read<u32> {
        let permille = |value: &Value| Some((value.as_f64()? * 1000.0).round() as u32);
        Ok(self.get(key, permille)?.unwrap_or(absent))
    }

    /// The place of a word among those that may stand there; the first when it is absent.
    fn word(&self, key: &str, words: &[&str]) -> Read<usize> {
        let place = |value: &Value| words.iter().position(|word| value.as_str() == Some(word));
        Ok(self.get(key, place)?.unwrap_or(0))
    }

    fn mode(&self, absent: Mode) -> Read<Mode> {
        let modes = [Mode::Enforce, Mode::Shadow, Mode::Off];
        if !self.fields.contains_key("mode") {
            return Ok(absent);
        }
        Ok(modes[self.word("mode", &["enforce", "shadow", "off"])?])
    }

    fn table(&self, key: &str) -> Read<Option<Table<'a>>> {
        let path = self.at(key);
        let fields = self.get(key, Value::as_object)?;
        Ok(fields.map(|fields| Table { path, fields }))
    }

    /// One table or several.
    fn tables(&self, key: &str) -> Read<Vec<Table<'a>>> {
        let Some(several) = self.fields.get(key).and_then(Value::as_array) else {
            return Ok(self.table(key)?.into_iter().collect());
        };
        let table = |value: &'a Value| Table {
            path: self.at(key),
            fields: value.as_object().expect("a table"),
        };
        Ok(several.iter().map(table).collect())
    }
}

fn within(found: u64, low: u64, high: u64) -> Option<()> {
    (low..=high).contains(&found).then_some(())
}

/// "1.5s" in nanoseconds.
fn span_of(text: &str) -> Option<u64> {
    let units = [
        ("ns", 1),
        ("us", 1_000),
        ("ms", MILLISECOND),
        ("s", SECOND),
        ("m", 60 * SECOND),
        ("h", 3600 * SECOND),
        ("d", DAY),
    ];
    let end = text.find(|c: char| c.is_alphabetic())?;
    let (_, unit) = units.iter().find(|(unit, _)| *unit == &text[end..])?;
    let number: f64 = text[..end].parse().ok()?;
    (number >= 0.0).then(|| (number * *unit as f64).round() as u64)
}

/// "12.5%" or 0.125 in thousandths.
fn share_of(value: &Value) -> Option<u64> {
    let share = match value.as_str() {
        Some(text) => text.strip_suffix('%')?.parse::<f64>().ok()? / 100.0,
        None => value.as_f64()?,
    };
    (share >= 0.0).then(|| (share * 1000.0).round() as u64)
}

/// "10/minute" or "5/250ms".
fn rate_of(text: &str) -> Option<(u64, u64)> {
    let (permits, period) = text.split_once('/')?;
    let long = [
        ("second", SECOND),
        ("minute", 60 * SECOND),
        ("hour", 3600 * SECOND),
        ("day", DAY),
    ];
    let known = long.iter().find(|(word, _)| *word == period);
    let period_ns = match known {
        Some((_, span)) => *span,
        None => span_of(period).or_else(|| span_of(&format!("1{period}")))?,
    };
    Some((permits.parse().ok()?, period_ns))
}
