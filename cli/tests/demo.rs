//! The demo as its user meets it: a shortened story with the worker in Rust, and every way to end it.
#![cfg(target_os = "linux")]

use serde_json::Value;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

fn demo(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_seawall"));
    command.arg("demo").args(arguments);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn output(arguments: &[&str]) -> Output {
    demo(arguments).output().expect("the demo starts")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The processes that a process has started.
fn children(parent: u32) -> Vec<u32> {
    let entries = std::fs::read_dir("/proc").expect("Linux").flatten();
    let numbers = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    numbers
        .filter(|process| parent_of(*process) == Some(parent))
        .collect()
}

/// The parent of a process that lives; a zombie does not.
fn parent_of(process: u32) -> Option<u32> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    let state = fields.next()?;
    if state == "Z" || state == "X" {
        return None;
    }
    fields.next()?.parse().ok()
}

/// Fails unless all these processes end within two seconds.
fn expect_ended(processes: &[u32]) {
    let patience = Instant::now() + Duration::from_secs(2);
    let lives = |process: &u32| parent_of(*process).is_some();
    while processes.iter().any(lives) {
        assert!(Instant::now() < patience, "{processes:?}: some still run");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// A demo whose first act has begun, its output, and the workers it has started.
fn begun() -> (Child, BufReader<impl Read>, Vec<u32>) {
    let mut child = demo(&["--workers", "rust", "--seconds", "20"])
        .spawn()
        .expect("the demo starts");
    let mut reader = BufReader::new(child.stdout.take().expect("piped"));
    let mut line = String::new();
    while !line.contains("2:47:01 PM") {
        line.clear();
        assert_ne!(
            reader.read_line(&mut line).expect("text"),
            0,
            "no first second"
        );
    }
    let workers = children(child.id());
    assert_eq!(workers.len(), 2, "one worker for each act");
    (child, reader, workers)
}

fn signal(child: &Child, signal: &str) {
    let status = Command::new("kill")
        .args([signal, &child.id().to_string()])
        .status();
    assert!(status.expect("kill runs").success());
}

#[test]
fn a_short_story_shows_what_the_wall_changes() {
    let file = std::env::temp_dir().join(format!("seawall-demo-{}.json", std::process::id()));
    let name = file.to_str().expect("a plain path");
    let told = output(&["--workers", "rust", "--seconds", "6", "--json", name]);
    let shown = text(&told.stdout);
    assert!(told.status.success(), "{shown}\n{}", text(&told.stderr));
    let story: Value =
        serde_json::from_slice(&std::fs::read(&file).expect("written")).expect("JSON");
    let _ = std::fs::remove_file(&file);

    let (bare, protected) = (&story["acts"][0], &story["acts"][1]);
    let number = |value: &Value| {
        value
            .as_u64()
            .unwrap_or_else(|| panic!("{value} in\n{shown}"))
    };
    // Without the wall, payment holds the whole pool and customers of every route suffer.
    assert_eq!(number(&bare["counts"]["max_held"]), 12, "{shown}");
    assert_eq!(number(&bare["counts"]["pending"]), 0);
    assert!(bare["first_refusal_ms"].is_null());
    assert!(number(&bare["counts"]["other_served"]) < number(&bare["counts"]["other_offered"]));
    // Behind it, four workers at most wait for payment, and everybody gets an answer.
    let counts = &protected["counts"];
    assert!(number(&counts["max_held"]) <= 4, "{shown}");
    assert!(number(&counts["pending"]) > 0);
    assert!(number(&counts["refused"]) > 0);
    let answered = number(&counts["served"]) + number(&counts["pending"]);
    assert!(answered * 10 >= number(&counts["offered"]) * 9, "{shown}");
    assert!(number(&counts["other_served"]) * 10 >= number(&counts["other_offered"]) * 9);
    let worker = &protected["workers"][0];
    assert!(number(&worker["opened_ms"]) < 3_000, "{shown}");
    let changes = worker["changes"].as_array().expect("changes");
    assert_eq!(changes[0]["from"], "closed");
    assert_eq!(changes[0]["to"], "open");
    assert_eq!(changes.last().expect("some")["to"], "closed", "{shown}");

    for wanted in [
        "Act 1 of 2, bare",
        "--- payment turns slow",
        "--- payment is well again",
        "rust: breaker closed -> open",
        "rust: breaker half_open -> closed",
        "12 of 12",
        "4 of 12",
    ] {
        assert!(shown.contains(wanted), "{wanted:?} in\n{shown}");
    }
    assert!(shown.is_ascii(), "no colours without a terminal");
}

#[test]
fn ctrl_c_leaves_nothing_running() {
    let (mut child, _output, workers) = begun();
    signal(&child, "-INT");
    let status = child.wait().expect("it ends");
    assert_eq!(status.code(), Some(130));
    expect_ended(&workers);
}

#[test]
fn a_killed_demo_leaves_nothing_running() {
    let (mut child, _output, workers) = begun();
    child.kill().expect("alive");
    child.wait().expect("it ends");
    expect_ended(&workers);
}

#[test]
fn a_reader_that_goes_away_ends_the_demo() {
    let (mut child, output, workers) = begun();
    drop(output);
    assert_eq!(child.wait().expect("it ends").code(), Some(1));
    expect_ended(&workers);
}

#[test]
fn a_worker_that_cannot_play_is_named_and_left_out() {
    let file = std::env::temp_dir().join(format!("seawall-programs-{}.json", std::process::id()));
    let table = r#"{"go": ["/no/such/program"], "java": ["sh", "-c", "echo no class Worker >&2"]}"#;
    std::fs::write(&file, table).expect("a temporary file");
    let name = file.to_str().expect("a plain path");
    let told = output(&["--programs", name, "--workers", "go,java,node"]);
    let _ = std::fs::remove_file(&file);
    let shown = text(&told.stdout);
    assert_eq!(told.status.code(), Some(1), "{shown}");
    assert!(
        shown.contains("go       left out: cannot start /no/such/program"),
        "{shown}"
    );
    assert!(
        shown.contains("java     left out: it ended: no class Worker"),
        "{shown}"
    );
    assert!(shown.contains("node     left out: not built"), "{shown}");
    assert!(text(&told.stderr).contains("no worker is left to play"));
}

#[test]
fn bad_settings_are_refused_with_their_range() {
    for (arguments, wanted) in [
        (
            ["--workers", "cobol"],
            "none of python, node, go, java, rust",
        ),
        (["--seconds", "NaN"], "4 to 600"),
        (["--seconds", "-1"], "4 to 600"),
        (["--rate", "0"], "1..=500"),
        (["--pool", "100000"], "1..=256"),
        (["--programs", "/no/such/file"], "/no/such/file"),
    ] {
        let told = output(&arguments);
        assert!(!told.status.success(), "{arguments:?}");
        let complaint = text(&told.stderr);
        assert!(complaint.contains(wanted), "{arguments:?}: {complaint}");
    }
}
