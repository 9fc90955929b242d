//! `check`: each lint at the value where it begins, the examples, and the files of a fleet against each other.

use seawall::check::{Finding, Report, Severity, check};
use seawall::{File, Policy};
use std::collections::BTreeSet;
use std::path::PathBuf;

fn example(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("examples")
        .join(name)
}

fn file(text: &str, name: &str) -> File {
    File::parse(text, name).unwrap_or_else(|error| panic!("{text}\n{error}"))
}

/// What is found about one dependency `x` with these settings, in a file with these lines before it.
fn found_with(before: &str, settings: &str) -> Vec<Finding> {
    check(&[file(
        &format!("{before}\n[dependency.x]\ntimeout = \"1s\"\n{settings}\n"),
        "wall.toml",
    )])
}

fn ids(findings: &[Finding]) -> Vec<&'static str> {
    findings.iter().map(|finding| finding.id).collect()
}

fn found(settings: &str) -> Vec<&'static str> {
    ids(&found_with("", settings))
}

fn arithmetic(settings: &str) -> String {
    let findings = found_with("", settings);
    findings
        .first()
        .and_then(|finding| finding.arithmetic.clone())
        .unwrap_or_default()
}

#[test]
fn there_is_nothing_to_say_about_the_good_example() {
    let report = Report::of(&[example("seawall.toml")]);
    assert_eq!(report.findings, []);
    assert_eq!(report.files[0].dependencies.len(), 4);
}

#[test]
fn the_bad_example_shows_every_lint() {
    let report = Report::of(&[example("seawall.toml"), example("seawall-bad.toml")]);
    let seen: BTreeSet<_> = report.findings.iter().map(|finding| finding.id).collect();
    let all: BTreeSet<_> = [
        "SW000", "SW001", "SW002", "SW003", "SW004", "SW005", "SW006", "SW007", "SW008", "SW009",
        "SW010",
    ]
    .into();
    assert_eq!(seen, all);
    assert!(
        report
            .findings
            .iter()
            .all(|finding| finding.file.ends_with("seawall-bad.toml") && finding.line > 0)
    );
    let order: Vec<_> = report
        .findings
        .iter()
        .map(|finding| (finding.line, finding.column))
        .collect();
    assert!(order.is_sorted(), "{order:?}");
    assert_eq!(report.errors() + report.warnings(), report.findings.len());
    let sum = report
        .findings
        .iter()
        .find(|finding| finding.id == "SW001")
        .and_then(|finding| finding.arithmetic.as_deref());
    assert_eq!(
        sum,
        Some("3 x 2s + 100ms + 200ms = 6.3s > deadline 5s; at most 2 attempts fit")
    );
    assert!(
        File::read(example("seawall-bad.toml")).is_err(),
        "a wall refuses it"
    );
}

#[test]
fn errors_refuse_at_load_and_are_told_by_check() {
    for (id, settings) in [
        ("SW001", "timeout = \"2s\"\ndeadline = \"5s\"\nretry = {}"),
        ("SW002", "deadline = \"5s\""),
        (
            "SW005",
            "timeout = \"2s\"\nretry = { jitter = \"none\", budget = \"off\" }",
        ),
    ] {
        let text = format!("[dependency.x]\n{settings}\n");
        let error = File::parse(&text, "wall.toml").unwrap_err();
        assert_eq!(error.problems[0].lint, Some(id));
        assert_eq!(
            Policy::parse(settings).unwrap_err().problems[0].lint,
            Some(id),
            "in code as in a file"
        );
        let finding = Finding::from(error.problems[0].clone());
        assert_eq!(
            (finding.id, finding.severity, finding.dependency.as_deref()),
            (id, Severity::Error, Some("x"))
        );
    }
}

#[test]
fn sw001_counts_overhead_and_allows_the_exact_fit() {
    let fits = "deadline = \"2.1s\"\nretry = { attempts = 2 }";
    assert_eq!(found(fits), [""; 0]);
    let with_overhead = format!("timeout = \"1s\"\n{fits}\noverhead = \"1ns\"");
    assert!(Policy::parse(&with_overhead).is_err());
}

#[test]
fn sw003_compares_the_pool_with_the_bulkhead() {
    assert_eq!(
        found("pool = 9\nbulkhead = { max_concurrent = 10 }"),
        ["SW003"]
    );
    assert_eq!(
        arithmetic("pool = 9\nbulkhead = { max_concurrent = 10 }"),
        "9 connections < 10 permits"
    );
    assert_eq!(
        found("pool = 10\nbulkhead = { max_concurrent = 10 }"),
        [""; 0]
    );
    assert_eq!(found("pool = 1"), [""; 0]);
}

#[test]
fn sw004_compares_timeouts_along_the_way() {
    let caller = |timeout: &str| format!("[dependency.orders]\ntimeout = \"{timeout}\"");
    assert_eq!(
        ids(&found_with(&caller("1s"), "called_by = [\"orders\"]")),
        ["SW004"]
    );
    assert_eq!(
        ids(&found_with(&caller("1001ms"), "called_by = [\"orders\"]")),
        [""; 0]
    );
    let unknown = found_with(&caller("2s"), "called_by = [\"order\"]");
    assert_eq!(
        unknown[0].message,
        "no file has a dependency \"order\"; did you mean \"orders\"?"
    );

    let elsewhere = file(&caller("500ms"), "orders.toml");
    let here = file(
        "[dependency.x]\ntimeout = \"1s\"\ncalled_by = [\"orders\"]",
        "x.toml",
    );
    let findings = check(&[here, elsewhere]);
    assert_eq!(ids(&findings), ["SW004"]);
    assert_eq!(findings[0].arithmetic.as_deref(), Some("1s >= 500ms"));
}

#[test]
fn sw005_warns_of_retries_without_jitter() {
    assert_eq!(found("retry = { jitter = \"none\" }"), ["SW005"]);
    assert_eq!(
        found("retry = { jitter = \"none\", base = \"0s\", budget = \"off\" }"),
        ["SW005"]
    );
    assert_eq!(
        found("retry = { jitter = \"none\", attempts = 1 }"),
        [""; 0]
    );
    assert_eq!(
        found("retry = { budget = \"off\" }"),
        [""; 0],
        "jitter spreads them"
    );
}

#[test]
fn sw006_finds_a_breaker_that_one_call_trips() {
    assert_eq!(found("breaker = { consecutive_failures = 1 }"), ["SW006"]);
    assert_eq!(found("breaker = { consecutive_failures = 2 }"), [""; 0]);
    assert_eq!(found("breaker = { min_calls = 1 }"), ["SW006"]);
    let slow = "failure_rate = \"0%\", slow_rate = \"50%\", slow_after = \"500ms\"";
    let by_slow = |calls: u32| format!("breaker = {{ {slow}, min_calls = {calls} }}");
    assert_eq!(
        arithmetic(&by_slow(1)),
        "one slow call counts once, and min_calls is 1"
    );
    assert_eq!(found(&by_slow(2)), [""; 0]);
    let by_attempt = |rules: &str| {
        format!("retry = {{ attempts = 3 }}\nbreaker = {{ scope = \"attempt\", {rules} }}")
    };
    assert_eq!(found(&by_attempt("consecutive_failures = 3")), ["SW006"]);
    assert_eq!(found(&by_attempt("consecutive_failures = 4")), [""; 0]);
    assert_eq!(found(&by_attempt("min_calls = 3")), ["SW006"]);
    assert_eq!(
        found(&by_attempt("min_calls = 4, failure_rate = 0")),
        [""; 0]
    );
    assert_eq!(
        found("retry = { attempts = 3 }\nbreaker = { consecutive_failures = 3 }"),
        [""; 0],
        "a call counts once"
    );
}

#[test]
fn sw006_finds_a_breaker_that_can_never_trip() {
    assert_eq!(
        found("breaker = { consecutive_failures = 0, failure_rate = 0 }"),
        ["SW006"]
    );
    assert_eq!(
        found("breaker = { consecutive_failures = 0, min_witnesses = 2 }"),
        ["SW006"]
    );
    assert_eq!(found("breaker = { consecutive_failures = 0 }"), [""; 0]);
    let slow = |after: &str| {
        format!(
            "breaker = {{ consecutive_failures = 0, failure_rate = 0, slow_rate = \"50%\", slow_after = \"{after}\" }}"
        )
    };
    assert_eq!(
        found(&slow("1s")),
        ["SW006"],
        "no call of one second takes longer"
    );
    assert_eq!(found(&slow("999ms")), [""; 0]);
    let rate = |rate: &str, min_calls: u32| {
        format!(
            "rate_limit = {{ rate = \"{rate}\", burst = 3 }}\nbreaker = {{ consecutive_failures = 0, min_calls = {min_calls} }}"
        )
    };
    assert_eq!(
        found(&rate("3/s", 34)),
        ["SW006"],
        "30 in ten seconds and a burst of 3"
    );
    assert_eq!(
        arithmetic(&rate("3/s", 34)),
        "at most 33 in 10s < min_calls 34"
    );
    assert_eq!(found(&rate("3/s", 33)), [""; 0]);
}

#[test]
fn sw007_asks_for_a_key() {
    assert_eq!(found("idempotent = false\nretry = {}"), ["SW007"]);
    assert_eq!(
        found("idempotent = false\nidempotency_key = true\nretry = {}"),
        [""; 0]
    );
    assert_eq!(found("idempotent = false"), [""; 0]);
}

#[test]
fn sw008_compares_permits_with_threads() {
    let with = |threads: u32| {
        ids(&found_with(
            &format!("worker_threads = {threads}"),
            "bulkhead = { max_concurrent = 10 }",
        ))
    };
    assert_eq!(with(20), [""; 0], "half is allowed");
    assert_eq!(with(19), ["SW008"]);
}

#[test]
fn sw009_shows_both_values() {
    let a = file(
        "[dependency.x]\ntimeout = \"1s\"\n\n[dependency.y]\ntimeout = \"1s\"\n",
        "a.toml",
    );
    let b = file(
        "[dependency.y]\ntimeout = \"1000ms\"\nbreaker = {}\n[dependency.x]\ntimeout = \"2s\"\nbulkhead = {}\nbreaker = { probes = 2 }\n",
        "b.toml",
    );
    let findings = check(&[a.clone(), b.clone(), a.clone()]);
    assert_eq!(
        ids(&findings),
        ["SW009"],
        "another way to write the same is no drift"
    );
    assert_eq!(
        findings[0].to_string(),
        "b.toml:5:1: warning SW009: dependency.x: another policy than in a.toml:1: timeout is \"2s\" here and \"1s\" there, \
         breaker.probes is 2 here and 1 there, bulkhead is a table here and not set there"
    );
    assert_eq!(ids(&check(&[b, a])), ["SW009"]);
}

#[test]
fn what_is_off_has_nothing_wrong() {
    assert_eq!(
        found("breaker = { consecutive_failures = 1, mode = \"off\" }"),
        [""; 0]
    );
    assert_eq!(
        found("breaker = { consecutive_failures = 1, mode = \"shadow\" }"),
        ["SW006"]
    );
    assert_eq!(found("pool = 9\nbulkhead = { mode = \"off\" }"), [""; 0]);
}

#[test]
fn sw010_says_that_a_region_is_not_in_force() {
    assert_eq!(ids(&found_with("region = \"shop\"", "")), ["SW010"]);
}

#[test]
fn a_file_that_cannot_be_read_does_not_hide_the_others() {
    let report = Report::of(&[example("nowhere.toml"), example("seawall.toml")]);
    assert_eq!(report.files.len(), 1);
    assert_eq!(ids(&report.findings), ["SW000"]);
    assert!(report.findings[0].message.starts_with("cannot be read: "));
    assert_eq!(report.findings[0].line, 0);
}

#[test]
fn a_policy_in_code_is_checked_like_one_of_a_file() {
    let policy =
        Policy::parse("timeout = \"1s\"\nretry = { jitter = \"none\" }\ncalled_by = [\"orders\"]")
            .expect("sound");
    let findings = check(&[File::of_code("x", policy).expect("sound")]);
    let shown: Vec<String> = findings.iter().map(Finding::to_string).collect();
    assert_eq!(
        shown,
        [
            "warning SW005: dependency.x.retry.jitter: retries without jitter: callers that failed together come back together"
        ]
    );
}
