//! Holds the pages about the policy file against the reader: keys, defaults, ranges, and the files they show.

use seawall::{File, Policy};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

fn page(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("docs")
        .join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The rows of the table under a heading: key, type, range, default.
fn rows(text: &str, heading: &str) -> Vec<[String; 4]> {
    let (_, rest) = text
        .split_once(&format!("\n{heading}\n"))
        .unwrap_or_else(|| panic!("no `{heading}`"));
    rest.lines()
        .take_while(|line| line.starts_with('|'))
        .skip(2)
        .map(|line| {
            let mut cells = line
                .trim_matches('|')
                .split(" | ")
                .map(|cell| cell.trim().to_string());
            std::array::from_fn(|_| cells.next().unwrap_or_default())
        })
        .map(|[key, kind, range, default]| {
            [key.trim_matches('`').to_string(), kind, range, default]
        })
        .collect()
}

/// The settings of a policy that is written out: `retry.attempts` is `3`.
fn written(policy: &Policy) -> BTreeMap<String, String> {
    let mut table = String::new();
    let mut found = BTreeMap::new();
    for line in policy.to_toml().lines() {
        if let Some(header) = line.strip_prefix('[') {
            table = format!("{}.", header.trim_end_matches(']'));
        } else if let Some((key, value)) = line.split_once(" = ") {
            found.insert(format!("{table}{key}"), value.trim_matches('"').to_string());
        }
    }
    found
}

const TABLES: [(&str, &str); 6] = [
    ("## A dependency", ""),
    ("### retry", "retry."),
    ("### retry.budget", "retry.budget."),
    ("### breaker", "breaker."),
    ("### bulkhead", "bulkhead."),
    ("### rate_limit", "rate_limit."),
];

/// Every table there is, with as little in it as can be.
const LEAST: &str =
    "timeout = \"1s\"\nretry = {}\nbulkhead = {}\nrate_limit = { rate = \"7/s\" }\n";

#[test]
fn every_key_is_in_its_table_and_no_other() {
    let text = page("spec/policy-file.md");
    let full = Policy::parse(
        "timeout = \"1s\"\ndeadline = \"9s\"\nconnect_timeout = \"1s\"\npool = 3\ncalled_by = [\"a\"]\nbulkhead = {}\n\
         retry = { retry_after_margin = \"1s\" }\nbreaker = { slow_rate = 0.5, slow_after = \"1s\" }\nrate_limit = { rate = \"7/s\" }",
    )
    .expect("sound");
    let mut keys: Vec<String> = written(&full).into_keys().collect();
    let is_table = |key: &str| {
        matches!(
            key,
            "retry" | "retry.budget" | "breaker" | "bulkhead" | "rate_limit"
        )
    };
    keys.push("breaker.window_calls".to_string());
    keys.sort();
    let mut listed: Vec<String> = TABLES
        .iter()
        .flat_map(|(heading, path)| {
            rows(&text, heading)
                .into_iter()
                .map(move |[key, ..]| format!("{path}{key}"))
        })
        .filter(|key| !is_table(key))
        .collect();
    listed.sort();
    assert_eq!(listed, keys);
}

#[test]
fn the_defaults_are_those_of_the_reader() {
    let text = page("spec/policy-file.md");
    let found = written(&Policy::parse(LEAST).expect("sound"));
    let mut compared = 0;
    for (heading, path) in TABLES {
        for [key, _, _, default] in rows(&text, heading) {
            let path = format!("{path}{key}");
            let Some(value) = found.get(&path) else {
                continue;
            };
            let said = default.split([',', ':', ';']).next().unwrap_or_default();
            let told = match path.as_str() {
                // What is given here, or follows from something else.
                "timeout"
                | "rate_limit.rate"
                | "rate_limit.burst"
                | "fallback"
                | "breaker.probe_lease"
                | "bulkhead.max_waiting" => continue,
                _ if said == "the policy's" => "enforce",
                _ => said,
            };
            assert_eq!(value, told, "{path}");
            compared += 1;
        }
    }
    assert!(compared > 40, "only {compared}");
}

#[test]
fn the_ranges_are_those_of_the_reader() {
    let text = page("spec/policy-file.md");
    let mut compared = 0;
    for (heading, path) in TABLES {
        for [key, kind, range, _] in rows(&text, heading) {
            let is_plain = range.contains("..=") && !range.contains(['`', ' ']);
            let beyond = match kind.as_str() {
                "number" => "99999999999",
                "duration" => "\"9999d\"",
                "share" => "\"99999%\"",
                "factor" => "99.0",
                _ => continue,
            };
            if !is_plain {
                continue;
            }
            let mut settings = LEAST.replace("retry = {}\n", "");
            let value = format!("{key} = {beyond}");
            match path.trim_end_matches('.') {
                "" if key == "timeout" => settings = settings.replace("timeout = \"1s\"", &value),
                "" => settings += &format!("{value}\n"),
                "retry.budget" => settings += &format!("retry = {{ budget = {{ {value} }} }}\n"),
                "breaker" if key == "slow_after" => {
                    settings += &format!("breaker = {{ slow_rate = 1.0, {value} }}\n");
                }
                "bulkhead" => {
                    settings =
                        settings.replace("bulkhead = {}", &format!("bulkhead = {{ {value} }}"))
                }
                "rate_limit" => {
                    settings = settings.replace("\"7/s\"", &format!("\"7/s\", {value}"))
                }
                table => settings += &format!("{table} = {{ {value} }}\n"),
            }
            let error = Policy::parse(&settings).expect_err(&settings).to_string();
            let end = format!("is outside {range}");
            assert!(error.lines().any(|line| line.starts_with(&format!("{path}{key}: ")) && line.ends_with(&end)), "{path}{key}: {range}\n{error}");
            compared += 1;
        }
    }
    assert!(compared > 25, "only {compared}");
}

#[test]
fn the_files_that_the_pages_show_are_sound() {
    let mut read = 0;
    for name in [
        "guide/configuration.md",
        "guide/check.md",
        "spec/policy-file.md",
    ] {
        for block in page(name).split("\n```toml\n").skip(1) {
            let text = block.split("\n```").next().unwrap_or_default();
            if let Err(error) = File::parse(text, name) {
                panic!("{error}");
            }
            read += 1;
        }
    }
    assert!(read > 0);
}
