//! The verbs `check` and `scorecard` as people and programs use them.

use serde_json::Value;
use std::path::PathBuf;
use std::process::{Command, Output};

fn example(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../examples")
        .join(name)
}

fn seawall(arguments: &[&str], files: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_seawall"))
        .args(arguments)
        .args(files.iter().map(|file| example(file)))
        .env_remove("CLICOLOR_FORCE")
        .output()
        .expect("the program runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("UTF-8")
}

#[test]
fn a_sound_file_is_said_to_be_one() {
    let output = seawall(&["check"], &["seawall.toml"]);
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(
        text(&output.stdout),
        "1 file, 4 sound dependencies: 0 errors, 0 warnings\n"
    );
    assert_eq!(text(&output.stderr), "");
}

#[test]
fn a_bad_file_fails_in_columns_without_colours() {
    let output = seawall(&["check"], &["seawall.toml", "seawall-bad.toml"]);
    assert_eq!(output.status.code(), Some(1));
    let shown = text(&output.stdout);
    assert!(!shown.contains('\u{1b}'), "no terminal, no colours");
    let lines: Vec<&str> = shown
        .lines()
        .filter(|line| line.contains("  SW0"))
        .collect();
    let columns: Vec<_> = lines.iter().filter_map(|line| line.find("  SW0")).collect();
    assert!(
        columns.len() > 20 && columns.windows(2).all(|pair| pair[0] == pair[1]),
        "{shown}"
    );
    assert!(shown.contains("dependency.payments.deadline: the attempts do not fit the deadline\n"));
    assert!(
        shown.contains(" 3 x 2s + 100ms + 200ms = 6.3s > deadline 5s; at most 2 attempts fit\n")
    );
    assert!(
        shown
            .lines()
            .last()
            .is_some_and(|line| line.starts_with("2 files, "))
    );
}

#[test]
fn programs_get_one_object() {
    let output = seawall(
        &["check", "--format", "json"],
        &["seawall.toml", "seawall-bad.toml"],
    );
    assert_eq!(output.status.code(), Some(1));
    let told: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let findings = told["findings"].as_array().expect("a list");
    let errors = findings
        .iter()
        .filter(|finding| finding["severity"] == "error")
        .count();
    assert_eq!(told["errors"], errors);
    assert_eq!(told["warnings"], findings.len() - errors);
    assert_eq!(told["files"].as_array().map(Vec::len), Some(2));
    let sum = findings
        .iter()
        .find(|finding| finding["id"] == "SW001")
        .expect("SW001");
    assert_eq!(sum["dependency"], "payments");
    assert_eq!(sum["key"], "dependency.payments.deadline");
    assert!(sum["line"].is_u64() && sum["column"].is_u64() && sum["arithmetic"].is_string());

    let output = seawall(&["check", "--format", "json"], &["seawall.toml"]);
    assert_eq!(output.status.code(), Some(0));
    let told: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(told["findings"], Value::Array(Vec::new()));
}

#[test]
fn a_file_that_is_not_there_is_an_error_and_a_wrong_command_line_another() {
    let output = seawall(&["check"], &["nowhere.toml"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stdout).contains("nowhere.toml:  error    SW000  cannot be read: "));
    assert_eq!(seawall(&["check"], &[]).status.code(), Some(2));
    assert_eq!(
        seawall(&["check", "--format", "xml"], &["seawall.toml"])
            .status
            .code(),
        Some(2)
    );
    assert_eq!(seawall(&["scorecard"], &[]).status.code(), Some(2));
}

#[test]
fn colours_can_be_asked_for_and_declined() {
    let shown = |name: &str, value: &str| {
        let output = Command::new(env!("CARGO_BIN_EXE_seawall"))
            .arg("check")
            .arg(example("seawall-bad.toml"))
            .env_remove("NO_COLOR")
            .env(name, value)
            .output()
            .expect("the program runs");
        text(&output.stdout)
    };
    assert!(shown("CLICOLOR_FORCE", "1").contains("\u{1b}["));
    assert!(!shown("NO_COLOR", "1").contains('\u{1b}'));
}

#[test]
fn the_scorecard_has_a_line_for_each_dependency() {
    let output = seawall(&["scorecard"], &["seawall.toml"]);
    assert_eq!(output.status.code(), Some(0));
    let shown = text(&output.stdout);
    let line = |name: &str| {
        let line = shown
            .lines()
            .find(|line| line.trim_start().starts_with(name));
        line.unwrap_or_else(|| panic!("{name} in {shown}"))
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ")
    };
    assert_eq!(
        line("payments"),
        "payments critical 2s 5s 2 4.1s 20 (4 reserved) - 5 in a row, 50% forbidden -"
    );
    assert_eq!(
        line("ledger"),
        "ledger important 500ms 2s 3 1.65s 16 200/s 5 in a row, 50% allowed -"
    );
    assert_eq!(
        line("recommendations"),
        "recommendations optional 150ms - 1 150ms 8 - 5 in a row, 50%, 80% > 100ms expected -"
    );
    assert!(!shown.contains('\u{1b}'));

    let output = seawall(&["scorecard"], &["seawall-bad.toml"]);
    assert_eq!(output.status.code(), Some(1));
    let shown = text(&output.stdout);
    let payments = shown
        .lines()
        .find(|line| line.contains("payments"))
        .expect("a sound row");
    assert!(
        payments.contains("6.3s") && payments.trim_end().ends_with("SW001"),
        "{payments}"
    );
    assert!(text(&output.stderr).contains("SW001"));
}
