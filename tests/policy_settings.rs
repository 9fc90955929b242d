//! The settings of a policy: defaults, ranges, and that text and code say the same.

use seawall::core::backoff::Jitter;
use seawall::core::policy::{Scope, plan};
use seawall::core::retry_budget::Profile;
use seawall::policy::{Criticality, FallbackRule};
use seawall::{File, Mode, Nanos, Policy, PolicyError};
use std::time::Duration;

/// The problems of one dependency's settings, without place and path.
fn told(settings: &str) -> Vec<String> {
    match Policy::parse(settings) {
        Ok(_) => Vec::new(),
        Err(error) => error.to_string().lines().map(str::to_string).collect(),
    }
}

fn with_timeout(settings: &str) -> Vec<String> {
    told(&format!("timeout = \"1s\"\n{settings}"))
}

fn policy(settings: &str) -> Policy {
    Policy::parse(settings).unwrap_or_else(|error| panic!("{settings}\n{error}"))
}

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

#[test]
fn what_is_not_said_has_its_default() {
    let bare = policy("timeout = \"3s\"");
    assert_eq!(bare.call.attempts, 1, "no retry unless asked for");
    assert_eq!(
        (bare.retry_budget, bare.bulkhead, bare.rate_limits.len()),
        (None, None, 0)
    );
    assert_eq!(bare.call.deadline, Nanos::MAX);
    assert_eq!(
        (bare.criticality, bare.fallback),
        (Criticality::Important, FallbackRule::Allowed)
    );
    assert!(bare.call.idempotent && !bare.call.critical && bare.call.may_fall_back);
    let breaker = bare.breaker.expect("on unless off");
    assert_eq!(
        breaker.probe_lease,
        Nanos::from_secs(30),
        "twice the timeout is less"
    );

    let retry = policy("timeout = \"1s\"\nretry = {}");
    assert_eq!(retry.call.attempts, 3);
    assert_eq!(
        retry
            .retry_budget
            .map(|budget| (budget.profile, budget.ratio_permille)),
        Some((Profile::Bucket, 100))
    );
    assert_eq!(retry.call.backoff, seawall::Backoff::default());

    let optional = policy("timeout = \"1s\"\ncriticality = \"optional\"");
    assert_eq!(optional.fallback, FallbackRule::Expected);
    let shadow = policy(
        "timeout = \"1s\"\nmode = \"shadow\"\nbulkhead = { mode = \"enforce\" }\nretry = {}\nrate_limit = { rate = \"1/s\" }",
    );
    assert_eq!(
        shadow.breaker.map(|breaker| breaker.mode),
        Some(Mode::Shadow)
    );
    assert_eq!(
        shadow.bulkhead.map(|bulkhead| bulkhead.mode),
        Some(Mode::Enforce)
    );
    assert_eq!(
        shadow.retry_budget.map(|budget| budget.mode),
        Some(Mode::Shadow)
    );
    assert_eq!(shadow.rate_limits[0].config.mode, Mode::Shadow);
    assert_eq!(
        policy("timeout = \"1s\"\nbreaker = \"off\"\nbulkhead = \"off\"\nrate_limit = \"off\"")
            .breaker,
        None
    );
}

#[test]
fn defaults_follow_what_is_given() {
    let breaker = |settings: &str| {
        policy(&format!("timeout = \"1s\"\n{settings}"))
            .breaker
            .expect("a breaker")
    };
    assert_eq!(breaker("breaker = { window_calls = 10 }").min_calls, 10);
    assert_eq!(breaker("breaker = { window_calls = 100 }").min_calls, 20);
    assert_eq!(
        breaker("breaker = { open_for = \"10m\" }").open_max,
        Nanos::from_secs(600)
    );
    assert_eq!(
        breaker("breaker = { open_for = \"10m\" }").probe_lease,
        Nanos::from_secs(600)
    );
    assert_eq!(
        breaker("deadline = \"40s\"").probe_lease,
        Nanos::from_secs(80)
    );
    assert_eq!(
        breaker("deadline = \"40s\"\nbreaker = { probe_lease = \"50s\" }").probe_lease,
        Nanos::from_secs(50)
    );
    assert_eq!(
        breaker("deadline = \"1d\"").probe_lease,
        Nanos::DAY,
        "never beyond its range"
    );
    let waiting = |settings: &str| {
        policy(&format!("timeout = \"1s\"\nbulkhead = {settings}"))
            .bulkhead
            .expect("one")
            .max_waiting
    };
    assert_eq!(waiting("{ max_wait = \"1ms\" }"), 1_000);
    assert_eq!(waiting("{}"), 0);
    assert_eq!(waiting("{ max_wait = \"1ms\", max_waiting = 3 }"), 3);
    assert_eq!(
        policy("timeout = \"1s\"\nretry = { base = \"1m\" }")
            .call
            .backoff
            .cap,
        Nanos::from_secs(60)
    );
    let floor = policy("timeout = \"1s\"\nretry = { budget = { min_per_second = 50 } }");
    assert_eq!(
        floor.retry_budget.expect("a budget").cap,
        500,
        "a cap nobody gave holds the floor"
    );
}

#[test]
fn numbers_that_are_none_are_told() {
    for (settings, message) in [
        ("retry = { factor = nan }", "retry.factor: nan is no number"),
        ("retry = { factor = inf }", "retry.factor: inf is no number"),
        (
            "retry = { factor = -inf }",
            "retry.factor: -inf is no number",
        ),
        (
            "retry = { factor = -2.0 }",
            "retry.factor: -2.0 is negative",
        ),
        (
            "retry = { factor = 1e300 }",
            "retry.factor: 1e300 is outside 1.0..=10.0",
        ),
        (
            "retry = { factor = \"2\" }",
            "retry.factor: \"2\" cannot stand here: write a number such as 2.0",
        ),
        (
            "retry = { attempts = -1 }",
            "retry.attempts: -1 is negative",
        ),
        (
            "retry = { attempts = 2.5 }",
            "retry.attempts: 2.5 is no whole number",
        ),
        (
            "retry = { attempts = nan }",
            "retry.attempts: nan is no whole number",
        ),
        (
            "retry = { attempts = 99999999999999999999999999 }",
            "retry.attempts: 99999999999999999999999999 is outside 1..=100",
        ),
        (
            "retry = { attempts = true }",
            "retry.attempts: true cannot stand here: write a whole number without quotes",
        ),
        (
            "retry = 3",
            "retry: 3 cannot stand here: write a table such as { attempts = 3 }",
        ),
        (
            "retry = { budget = 10 }",
            "retry.budget: 10 is no share: write \"10%\"",
        ),
        (
            "retry = { budget = \"0.01%\" }",
            "retry.budget: \"0.01%\" is less than 0.1%, the finest share there is",
        ),
        (
            "retry = { budget = \"2000%\" }",
            "retry.budget: \"2000%\" is outside 0%..=1000%",
        ),
        (
            "breaker = { failure_rate = 0.0001 }",
            "breaker.failure_rate: 0.0001 is less than 0.001, the finest there is",
        ),
        (
            "breaker = { failure_rate = [] }",
            "breaker.failure_rate: an array cannot stand here: write a share such as \"12.5%\" or 0.125",
        ),
        (
            "breaker = { open_for = 1979-05-27 }",
            "breaker.open_for: a date cannot stand here: write a duration such as \"250ms\"",
        ),
        (
            "breaker = true",
            "breaker: true cannot stand here: write a table of settings, or \"off\"",
        ),
        (
            "breaker = { slow_rate = \"50%\" }",
            "breaker.slow_rate: needs slow_after, the time above which a call is slow",
        ),
        (
            "breaker = { window = \"1s\", window_calls = 10 }",
            "breaker.window_calls: the window is a time or a number of calls, not both",
        ),
        ("deadline = \"-5s\"", "deadline: \"-5s\" is negative"),
        (
            "deadline = nan",
            "deadline: nan is no duration: write it like \"250ms\" or \"1.5s\"",
        ),
        (
            "deadline = \"999999999999999999999d\"",
            "deadline: \"999999999999999999999d\" is outside 1s..=1d",
        ),
        (
            "deadline = \"999ms\"",
            "deadline: \"999ms\" is outside 1s..=1d",
        ),
        (
            "deadline = \"1 fortnight\"",
            "deadline: \"fortnight\" is no unit of time in \"1 fortnight\": use ns, us, ms, s, m, h or d",
        ),
        (
            "connect_timeout = \"2s\"",
            "connect_timeout: \"2s\" is outside 1ms..=1s",
        ),
        ("useful = \"2s\"", "useful: \"2s\" is outside 0s..=1s"),
        ("overhead = \"25h\"", "overhead: \"25h\" is outside 0s..=1d"),
        ("pool = 0", "pool: 0 is outside 1..=1000000"),
        (
            "idempotent = \"yes\"",
            "idempotent: \"yes\" cannot stand here: write true or false",
        ),
        (
            "mode = \"enforced\"",
            "mode: \"enforced\" is none of \"enforce\", \"shadow\", \"off\"; did you mean \"enforce\"?",
        ),
        (
            "called_by = \"orders\"",
            "called_by: \"orders\" cannot stand here: write a list such as [\"orders\"]",
        ),
        (
            "called_by = [\"\"]",
            "called_by: \"\" is no name of a dependency",
        ),
        (
            "called_by = [\"a\", \"a\"]",
            "called_by: \"a\" is there twice",
        ),
        (
            "rate_limit = { rate = 100 }",
            "rate_limit.rate: 100 has no period: write \"100/s\" or \"100/minute\"",
        ),
        (
            "rate_limit = { rate = \"0/s\" }",
            "rate_limit.rate: the number of calls 0 is outside 1..=1000000000",
        ),
        (
            "rate_limit = { rate = \"1/32d\" }",
            "rate_limit.rate: the period 32d is outside 1ns..=31d",
        ),
        (
            "rate_limit = { rate = \"0.5/s\" }",
            "rate_limit.rate: \"0.5/s\" does not let whole calls pass: write it like \"1/2s\"",
        ),
        (
            "rate_limit = { rate = \"1/s\", burst = 0 }",
            "rate_limit.burst: 0 is outside 1..=576460752",
        ),
        (
            "rate_limit = {}",
            "rate_limit.rate: is missing: write it like \"100/s\"",
        ),
        (
            "rate_limit = { rate = \"1/s\", name = \"\" }",
            "rate_limit.name: \"\" is no name: use 1 to 64 of A-Z a-z 0-9 _ . -",
        ),
        (
            "rate_limit = []",
            "rate_limit: 0 rate limits are outside 1..=4",
        ),
        (
            "rate_limit = [{ rate = \"1/s\" }]",
            "rate_limit[0].name: is missing: several limits need names",
        ),
        (
            "rate_limit = [{ rate = \"1/s\", name = \"a\" }, { rate = \"2/s\", name = \"a\" }]",
            "rate_limit[1].name: \"a\" is there twice",
        ),
        (
            "rate_limit = [{ rate = \"1/s\", name = \"a\", max_wait = \"0s\" }, { rate = \"2/s\", name = \"b\", max_wait = \"1s\" }]",
            "rate_limit[1].max_wait: all rate limits share one wait, and another one says 0s",
        ),
        (
            "bulkhead = { max_wait = \"2d\" }",
            "bulkhead.max_wait: \"2d\" is outside 0s..=1d",
        ),
        (
            "bulkhead = { max_concurrent = 4, reserved = 4 }",
            "bulkhead.reserved: 4 is outside 0..=3",
        ),
        (
            "attempts = 3",
            "attempts: unknown key; did you mean \"retry.attempts\"?",
        ),
        ("\"\" = 3", "\"\": unknown key"),
        (
            "retry = { tries = 3 }",
            "retry.tries: unknown key; the keys here are attempts, base, factor, cap, jitter, retry_after_margin, budget",
        ),
    ] {
        assert_eq!(with_timeout(settings), [message], "{settings}");
    }
    assert_eq!(
        told("timeout = \"0s\""),
        ["timeout: \"0s\" is outside 1ms..=1d"]
    );
    assert_eq!(
        told(""),
        ["timeout: is missing: a call without a timeout may wait for ever [SW002]"]
    );
}

#[test]
fn attempts_must_fit_the_deadline() {
    let error = Policy::builder()
        .timeout(ms(2_000))
        .deadline(ms(5_000))
        .retry(|retry| retry.attempts(3))
        .build()
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "deadline: the attempts do not fit the deadline: 3 x 2s + 100ms + 200ms = 6.3s > deadline 5s; at most 2 attempts fit [SW001]"
    );
    let two = Policy::builder()
        .timeout(ms(2_000))
        .deadline(ms(5_000))
        .retry(|retry| retry.attempts(2))
        .build()
        .expect("two fit");
    assert_eq!(
        plan::worst_case(&two.call, two.overhead),
        Nanos::from_millis(4_100)
    );
    let sum = |settings: &str| told(settings).remove(0);
    assert!(
        sum("timeout = \"1s\"\ndeadline = \"1s\"\noverhead = \"1ms\"")
            .contains("1ms + 1 x 1s = 1.001s > deadline 1s; at most 0 attempts fit")
    );
    assert!(
        sum("timeout = \"1s\"\ndeadline = \"5s\"\nretry = { attempts = 10 }")
            .contains("10 x 1s + 100ms + 200ms + 400ms + 800ms + ... + 20s (9 waits) = ")
    );
    assert!(
        sum("timeout = \"1s\"\nretry = { jitter = \"none\", budget = \"off\" }")
            .ends_with("[SW005]")
    );
}

#[test]
fn a_policy_changed_by_hand_is_checked_again() {
    let mut changed = policy("timeout = \"1s\"");
    assert_eq!(changed.validate(), Ok(()));
    changed.call.attempts = 0;
    changed.call.timeout = Nanos::ZERO;
    changed.rate_limits.push(seawall::policy::RateLimit {
        name: "not a name".to_string(),
        config: seawall::core::limiter::Config {
            burst: u64::MAX,
            ..Default::default()
        },
    });
    let PolicyError { problems } = changed.validate().unwrap_err();
    let keys: Vec<_> = problems
        .iter()
        .map(|problem| problem.key.as_str())
        .collect();
    assert_eq!(
        keys,
        [
            "timeout",
            "rate_limit.burst",
            "rate_limit.name",
            "retry.attempts"
        ]
    );

    let error = File::of_code("two words", changed).unwrap_err();
    assert_eq!(error.problems[0].key, "dependency.\"two words\"");
    assert_eq!(error.problems[1].key, "dependency.\"two words\".timeout");
}

#[test]
fn the_builder_and_the_text_make_the_same_policy() {
    let built = Policy::builder()
        .criticality(Criticality::Optional)
        .fallback(FallbackRule::Allowed)
        .timeout(ms(1_500))
        .connect_timeout(ms(100))
        .deadline(Duration::from_secs(60))
        .reserve(0.125)
        .useful(ms(20))
        .overhead(ms(5))
        .idempotent(false)
        .idempotency_key(true)
        .mode(Mode::Shadow)
        .pool(12)
        .called_by(["orders", "a.b"])
        .retry(|retry| {
            retry
                .attempts(4)
                .base(ms(10))
                .factor(1.5)
                .cap(ms(1_000))
                .jitter(Jitter::Decorrelated)
                .retry_after_margin(ms(500))
                .budget(|budget| {
                    budget
                        .profile(Profile::Finagle)
                        .ratio(0.2)
                        .min_per_second(2)
                        .window(ms(20_000))
                        .max_concurrent_retries_ratio(0.3)
                        .min_concurrent_retries(5)
                        .mode(Mode::Enforce)
                })
        })
        .breaker(|breaker| {
            breaker
                .consecutive_failures(7)
                .consecutive_always(true)
                .failure_rate(0.25)
                .slow_rate(0.9)
                .slow_after(ms(700))
                .window_calls(64)
                .min_calls(32)
                .open_for(ms(1_000))
                .open_backoff(3.0)
                .open_max(ms(9_000))
                .open_jitter(0.2)
                .probes(3)
                .probe_lease(ms(4_000))
                .min_witnesses(2)
                .scope(Scope::Attempt)
                .mode(Mode::Off)
        })
        .bulkhead(|bulkhead| {
            bulkhead
                .max_concurrent(9)
                .reserved(2)
                .max_wait(ms(30))
                .max_waiting(7)
                .scope(Scope::Attempt)
                .mode(Mode::Enforce)
        })
        .rate_limit(|limit| {
            limit
                .name("requests")
                .rate("10/minute")
                .burst(3)
                .max_wait(ms(40))
        })
        .rate_limit(|limit| limit.name("tokens").rate("5/250ms").mode(Mode::Enforce))
        .rate_limit(|limit| limit.name("bytes").rate("1000/hour"))
        .build()
        .expect("sound");
    let read = policy(
        r#"
        criticality = "optional"
        fallback = "allowed"
        timeout = "1.5s"
        connect_timeout = "100ms"
        deadline = "1m"
        reserve = "12.5%"
        useful = "20ms"
        overhead = "5ms"
        idempotent = false
        idempotency_key = true
        mode = "shadow"
        pool = 12
        called_by = ["orders", "a.b"]
        rate_limit = [
            { name = "requests", rate = "10/minute", burst = 3, max_wait = "40ms" },
            { name = "tokens", rate = "5/250ms", mode = "enforce" },
            { name = "bytes", rate = "1000/hour" },
        ]
        [retry]
        attempts = 4
        base = "10ms"
        factor = 1.5
        cap = "1s"
        jitter = "decorrelated"
        retry_after_margin = "500ms"
        [retry.budget]
        profile = "finagle"
        ratio = 0.2
        min_per_second = 2
        window = "20s"
        max_concurrent_retries_ratio = "30%"
        min_concurrent_retries = 5
        mode = "enforce"
        [breaker]
        consecutive_failures = 7
        consecutive_always = true
        failure_rate = 0.25
        slow_rate = "90%"
        slow_after = "700ms"
        window_calls = 64
        min_calls = 32
        open_for = "1s"
        open_backoff = 3
        open_max = "9s"
        open_jitter = "20%"
        probes = 3
        probe_lease = "4s"
        min_witnesses = 2
        scope = "attempt"
        mode = "off"
        [bulkhead]
        max_concurrent = 9
        reserved = 2
        max_wait = "30ms"
        max_waiting = 7
        scope = "attempt"
        mode = "enforce"
        "#,
    );
    assert_eq!(built, read);
    assert_eq!(Policy::parse(&built.to_toml()), Ok(built));
    let bare = Policy::builder()
        .timeout(ms(1))
        .without_breaker()
        .retry(|retry| retry.without_budget())
        .build()
        .expect("sound");
    assert_eq!((bare.breaker, bare.retry_budget), (None, None));
    assert_eq!(Policy::parse(&bare.to_toml()), Ok(bare));
}
