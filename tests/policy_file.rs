//! The policy file: where problems are, what is done with texts and files that are none, and the example.

use seawall::file::LARGEST_FILE;
use seawall::policy::{Criticality, FallbackRule, Problem};
use seawall::{File, FileError, Nanos, Policy};
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

fn problems(text: &str) -> Vec<Problem> {
    match File::parse(text, "wall.toml") {
        Ok(_) => Vec::new(),
        Err(FileError { problems, .. }) => problems,
    }
}

/// The problems of one dependency's settings, without place and path.
fn told(settings: &str) -> Vec<String> {
    match Policy::parse(settings) {
        Ok(_) => Vec::new(),
        Err(error) => error.to_string().lines().map(str::to_string).collect(),
    }
}

fn example(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("examples")
        .join(name)
}

#[test]
fn the_good_example_says_what_it_says() {
    let file = File::read(example("seawall.toml")).expect("a sound file");
    assert_eq!(file.service.as_deref(), Some("checkout"));
    assert_eq!(file.worker_threads, Some(64));
    let names: Vec<_> = file
        .dependencies
        .iter()
        .map(|(name, _)| name.as_str())
        .collect();
    assert_eq!(
        names,
        ["payments", "ledger", "recommendations", "assistant"],
        "the order of the file"
    );

    let payments = file.policy("payments").expect("payments");
    assert_eq!(payments.criticality, Criticality::Critical);
    assert_eq!(payments.fallback, FallbackRule::Forbidden);
    assert!(payments.call.critical && !payments.call.may_fall_back);
    assert_eq!(payments.call.timeout, Nanos::from_secs(2));
    assert_eq!(payments.call.deadline, Nanos::from_secs(5));
    assert_eq!(payments.call.attempts, 2);
    assert_eq!(payments.connect_timeout, Some(Nanos::from_millis(250)));
    assert!(payments.sends_key && !payments.call.idempotent);
    let bulkhead = payments.bulkhead.expect("a bulkhead");
    assert_eq!(
        (
            bulkhead.max_concurrent,
            bulkhead.reserved,
            bulkhead.max_waiting
        ),
        (20, 4, 0)
    );

    let ledger = file.policy("ledger").expect("ledger");
    assert_eq!(ledger.call.max_wait, Nanos::from_millis(20));
    assert_eq!(ledger.rate_limits[0].name, "requests");
    assert_eq!(ledger.rate_limits[0].config.burst, 50);

    let assistant = file.policy("assistant").expect("assistant");
    let limits: Vec<_> = assistant
        .rate_limits
        .iter()
        .map(|limit| (limit.name.as_str(), limit.config.burst))
        .collect();
    assert_eq!(limits, [("requests", 5), ("tokens", 90_000)]);
    assert_eq!(assistant.call.max_rate_wait, Nanos::from_millis(500));
    assert_eq!(assistant.retry_budget.expect("a budget").ratio_permille, 50);
    assert_eq!(file.line("payments"), 8);
    assert_eq!(file.line("nobody"), 0);
}

#[test]
fn every_problem_is_told_with_its_place_and_the_nearest_key() {
    let text = "\
service = \"\"
region = \"Shop\"
worker_threads = 0
seed = -1
[dependency.\"a b\"]
timeout = \"1s\"
[dependency.payments]
timeout = \"1s\"
retry = { attempts = 0, base = \"1h\", cap = \"1s\", jiter = \"full\" }
breaker = { probes = 33, min_calls = 0, open_for = \"0s\", failure_rate = 1.5 }
bulkhead = { max_concurrent = 5000, reserved = 5 }
[dependancy.x]
";
    let told: Vec<String> = problems(text).iter().map(Problem::to_string).collect();
    assert_eq!(
        told,
        [
            "wall.toml:1:11: service: \"\" is no name: use 1 to 128 printable characters",
            "wall.toml:2:10: region: \"Shop\" is no region: use 1 to 64 of a-z 0-9 _ -",
            "wall.toml:3:18: worker_threads: 0 is outside 1..=1000000",
            "wall.toml:4:8: seed: -1 is negative",
            "wall.toml:5:13: dependency.\"a b\": \"a b\" is no name: use 1 to 64 of A-Z a-z 0-9 _ . -",
            "wall.toml:9:22: dependency.payments.retry.attempts: 0 is outside 1..=100",
            "wall.toml:9:44: dependency.payments.retry.cap: \"1s\" is outside 1h..=1d",
            "wall.toml:9:50: dependency.payments.retry.jiter: unknown key; did you mean \"jitter\"?",
            "wall.toml:10:22: dependency.payments.breaker.probes: 33 is outside 1..=32",
            "wall.toml:10:38: dependency.payments.breaker.min_calls: 0 is outside 1..=1000000",
            "wall.toml:10:52: dependency.payments.breaker.open_for: \"0s\" is outside 1ms..=1d",
            "wall.toml:10:73: dependency.payments.breaker.failure_rate: 1.5 is outside 0%..=100%",
            "wall.toml:11:31: dependency.payments.bulkhead.max_concurrent: 5000 is outside 1..=4096",
            "wall.toml:12:2: dependancy: unknown key; did you mean \"dependency\"?",
        ]
    );
}

#[test]
fn columns_count_characters() {
    let problem = &problems(
        "[dependency.a]\ntimeout = \"1s\" # ü\nretry = { jitter = \"none\", \"bäse\" = \"é\", budget = 7 }\n",
    );
    let places: Vec<_> = problem
        .iter()
        .map(|problem| (problem.line, problem.column))
        .collect();
    assert_eq!(places, [(3, 28), (3, 51)]);
}

#[test]
fn a_policy_in_code_has_the_same_errors_without_a_line() {
    let settings = "deadline = \"1ms\"\ntimeuot = \"2s\"\nretry = { attempts = 101, base = 5 }\nbreaker = { scope = \"calls\" }\n";
    let in_code = told(settings);
    let in_file = problems(&format!("[dependency.payments]\n{settings}"));
    let mut stripped: Vec<String> = in_file
        .into_iter()
        .map(|problem| {
            let key = problem
                .key
                .strip_prefix("dependency.payments.")
                .expect("the path")
                .to_string();
            Problem {
                file: String::new(),
                line: 0,
                column: 0,
                key,
                ..problem
            }
            .to_string()
        })
        .collect();
    let mut sorted = in_code.clone();
    sorted.sort();
    stripped.sort();
    assert_eq!(sorted, stripped);
    assert_eq!(in_code.len(), 5, "{in_code:#?}");

    let error = Policy::builder()
        .timeout(Duration::MAX)
        .reserve(f64::NAN)
        .retry(|retry| retry.factor(-1.0))
        .build()
        .unwrap_err();
    let told: Vec<String> = error.problems.iter().map(Problem::to_string).collect();
    assert_eq!(
        told,
        [
            "reserve: nan is no number",
            "timeout: \"18446744073.709551615s\" is outside 1ms..=1d",
            "retry.factor: -1.0 is negative",
        ]
    );
    assert_eq!(
        Policy::builder().build().unwrap_err().problems[0].lint,
        Some("SW002")
    );
}

#[test]
fn a_text_that_is_no_toml_says_where() {
    let told: Vec<String> = problems("[dependency.payments]\ntimeout = \n= 3\n")
        .iter()
        .map(Problem::to_string)
        .collect();
    assert!(
        told[0].starts_with("wall.toml:2:11: not TOML: "),
        "{told:?}"
    );
    let error = Policy::parse("timeout = \"1s").unwrap_err();
    assert!(error.to_string().starts_with("1:14: not TOML: "), "{error}");
}

#[test]
fn two_dependencies_of_one_name_are_told_once_each() {
    let text = "[dependency.payments]\ntimeout = \"2s\"\n[dependency.ledger]\ntimeout = \"1s\"\ntimeout = \"2s\"\n\n[dependency.payments] # again\ntimeout = \"3s\"\n[dependency.search]\ntimeout = 3\n";
    let told: Vec<String> = problems(text).iter().map(Problem::to_string).collect();
    assert_eq!(
        told,
        [
            "wall.toml:5:1: dependency.ledger.timeout: is there twice",
            "wall.toml:7:13: dependency.payments: is there twice, first on line 1",
            "wall.toml:10:11: dependency.search.timeout: 3 has no unit: write \"3ms\" or \"3s\"",
        ]
    );
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let folder = std::env::temp_dir().join(format!("seawall-policy-file-{}", std::process::id()));
    fs::create_dir_all(&folder).expect("a folder");
    let missing = folder.join("nowhere.toml");
    let error = File::read(&missing).unwrap_err();
    assert_eq!(
        error.unreadable.as_ref().map(std::io::Error::kind),
        Some(std::io::ErrorKind::NotFound)
    );
    assert!(
        error
            .to_string()
            .starts_with(&format!("{}: cannot be read: ", missing.display())),
        "{error}"
    );
    assert!(
        File::read(&folder).unwrap_err().unreadable.is_some(),
        "a folder is no file"
    );

    let binary = folder.join("binary.toml");
    fs::write(&binary, b"service = \"a\"\n\xff\xfe").expect("written");
    let error = File::read(&binary).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "{}:2:1: the file is not UTF-8 from here on",
            binary.display()
        )
    );

    let large = folder.join("large.toml");
    fs::write(&large, vec![b'#'; LARGEST_FILE + 1]).expect("written");
    let error = File::read(&large).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "{}: the file is larger than {LARGEST_FILE} bytes",
            large.display()
        )
    );
    fs::remove_dir_all(&folder).expect("removed");
}

#[test]
fn an_endless_file_ends() {
    if std::path::Path::new("/dev/zero").exists() {
        let error = File::read("/dev/zero").unwrap_err();
        assert!(error.to_string().ends_with("bytes"), "{error}");
    }
}

#[test]
fn a_megabyte_of_garbage_is_refused_and_not_repeated() {
    let garbage = [
        "\u{1}".repeat(LARGEST_FILE),
        "[".repeat(LARGEST_FILE),
        "a=".repeat(LARGEST_FILE / 2),
        "{\"=,\n".repeat(LARGEST_FILE / 5),
        format!("a = {}", "[".repeat(LARGEST_FILE - 4)),
        format!("a{} = 1", ".a".repeat(LARGEST_FILE / 4)),
        format!(
            "[dependency.{}]\ntimeout = \"1s\"",
            "n".repeat(LARGEST_FILE - 40)
        ),
        format!(
            "[dependency.n]\ntimeout = \"{}\"",
            "9".repeat(LARGEST_FILE - 40)
        ),
        format!(
            "[dependency.n]\ntimeout = {}",
            "9".repeat(LARGEST_FILE - 40)
        ),
    ];
    for text in garbage {
        let error = File::parse(&text, "garbage").unwrap_err();
        let shown = error.to_string();
        assert!(
            !error.problems.is_empty() && shown.len() < 40_000,
            "{} bytes for {:.20}",
            shown.len(),
            text
        );
    }
    let keys: String = (0..20_000)
        .map(|index| format!("key{index} = 1\n"))
        .collect();
    let error = File::parse(&keys, "keys").unwrap_err();
    assert_eq!(error.problems.len(), 101);
    assert_eq!(error.problems[100].message, "and 19900 more problems");
}

#[test]
fn what_somebody_wrote_is_shown_without_its_control_characters() {
    let text = "[dependency.\"\\u001b[31m\"]\ntimeout = \"\\u001b]0;owned\\u0007\"\n";
    for problem in problems(text) {
        assert!(!problem.to_string().contains(char::is_control), "{problem}");
    }
}
