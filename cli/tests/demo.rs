//! The demo as its user meets it: a shortened story with the worker in Rust, and every way to end it.
#![cfg(target_os = "linux")]

use serde_json::Value;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
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

/// A file that is gone when the test is over.
struct Temporary(std::path::PathBuf);

impl Temporary {
    fn new(text: &str) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::SeqCst);
        let name = format!("seawall-test-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::write(&path, text).expect("a temporary file");
        Self(path)
    }

    fn name(&self) -> &str {
        self.0.to_str().expect("a plain path")
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
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
    let ours = format!("seawall-demo-{}-", child.id());
    let entries = std::fs::read_dir(std::env::temp_dir()).expect("a folder");
    let mut names = entries.flatten().map(|entry| entry.file_name());
    let left = names.find(|name| name.to_string_lossy().starts_with(&ours));
    assert_eq!(left, None, "all have read their policies");
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
    let file = Temporary::new("");
    let told = output(&["--workers", "rust", "--seconds", "6", "--json", file.name()]);
    let shown = text(&told.stdout);
    assert!(told.status.success(), "{shown}\n{}", text(&told.stderr));
    let story: Value =
        serde_json::from_slice(&std::fs::read(&file.0).expect("written")).expect("JSON");

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
fn the_story_is_played_by_the_policies_that_are_given() {
    let policies = Temporary::new(
        "[dependency.payment]\ntimeout = '200ms'\nbreaker = 'off'\nbulkhead = { max_concurrent = 2 }\n",
    );
    let told = output(&[
        "--workers",
        "rust",
        "--seconds",
        "4",
        "--policies",
        policies.name(),
    ]);
    let shown = text(&told.stdout);
    assert!(told.status.success(), "{shown}\n{}", text(&told.stderr));
    assert!(shown.contains("timeout 200ms, bulkhead 2"), "{shown}");
    assert!(shown.contains("2 of 12"), "{shown}");
    assert!(!shown.contains("breaker closed -> open"), "{shown}");
}

#[test]
fn policies_that_cannot_be_used_are_refused_with_all_their_problems() {
    let policies =
        Temporary::new("[dependency.payment]\ntimeuot = '200ms'\nretry = { attempts = 0 }\n");
    let told = output(&["--workers", "rust", "--policies", policies.name()]);
    assert_eq!(told.status.code(), Some(1));
    assert!(told.stdout.is_empty(), "nobody has begun to play");
    let complaint = text(&told.stderr);
    for wanted in [
        ":2:1: dependency.payment.timeuot: unknown key; did you mean \"timeout\"?",
        "dependency.payment.retry.attempts: 0 is outside 1..=100",
    ] {
        assert!(complaint.contains(wanted), "{wanted} in {complaint}");
    }
    let told = output(&["--policies", "/no/such/seawall.toml"]);
    assert_eq!(told.status.code(), Some(1));
    assert!(text(&told.stderr).contains("/no/such/seawall.toml"));
}

#[test]
fn the_readme_shows_the_file_and_every_worker_and_each_fits_a_screen() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/checkout");
    let read = |name: &str| std::fs::read_to_string(format!("{folder}/{name}")).expect(name);
    let readme = read("README.md");
    for (language, name) in [
        ("toml", "seawall.toml"),
        ("python", "python/worker.py"),
        ("js", "node/worker.mjs"),
        ("go", "go/worker.go"),
        ("java", "java/Worker.java"),
        ("rust", "rust/worker.rs"),
    ] {
        let file = read(name);
        assert!(file.lines().count() <= 45, "{name} does not fit a screen");
        let block = format!("```{language}\n{file}```\n");
        assert!(readme.contains(&block), "README.md shows another {name}");
    }
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
    let table = r#"{"go": ["/no/such/program"], "java": ["sh", "-c", "echo no class Worker >&2"]}"#;
    let file = Temporary::new(table);
    let told = output(&["--programs", file.name(), "--workers", "go,java,node"]);
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
