//! `cargo xtask lint`: what the compiler does not check by itself.

use crate::run::{self, Log};
use crate::{Answer, ordering, repo};
use std::path::{Path, PathBuf};

/// A file that is longer than this asks to be cut along a noun.
const LONG: usize = 600;

/// Runs all checks, also those after one that failed.
pub fn verb(arguments: &[String]) -> Answer {
    if !arguments.is_empty() {
        return Err("lint takes no arguments".into());
    }
    let mut log = Log::screen();
    let mut format = run::cargo();
    format.args(["fmt", "--all", "--check"]);
    let is_formatted = run::stream(format, &mut log).ok;

    let mut clippy = run::cargo();
    clippy.args([
        "clippy",
        "--workspace",
        "--all-targets",
        // Built as tests, what these two give to their interpreter would look unused.
        "--exclude=seawall-node",
        "--exclude=seawall-python",
        "--",
        "-D",
        "warnings",
    ]);
    let is_clean = run::stream(clippy, &mut log).ok;
    let mut clippy = run::cargo();
    clippy.args([
        "clippy",
        "-p",
        "seawall-node",
        "-p",
        "seawall-python",
        "--",
        "-D",
        "warnings",
    ]);
    let is_clean = run::stream(clippy, &mut log).ok && is_clean;

    let complaints = orderings()?;
    for complaint in &complaints {
        println!("{complaint}");
    }
    for (path, lines) in long_files()? {
        println!("{path}: {lines} lines; over {LONG} a file asks to be cut along a noun");
    }
    let verdict = |good: bool| if good { "good" } else { "FAILED" };
    println!(
        "\nformat {}, clippy {}, memory ordering {}",
        verdict(is_formatted),
        verdict(is_clean),
        verdict(complaints.is_empty())
    );
    Ok(is_formatted && is_clean && complaints.is_empty())
}

/// What is wrong with the comments on memory ordering.
fn orderings() -> Result<Vec<String>, String> {
    let mut sources = Vec::new();
    for (room, must_explain) in [("core/src", true), ("host/src", false)] {
        for path in rust_files(&repo::at(room)) {
            let text = repo::read(&path)?;
            sources.push(ordering::Source {
                path: repo::shown(&path),
                text,
                must_explain,
            });
        }
    }
    Ok(ordering::complaints(&sources))
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut found = repo::files(folder, &["rs"]);
    let mut below: Vec<PathBuf> = std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.is_dir())
        .collect();
    below.sort();
    found.extend(below.iter().flat_map(|folder| rust_files(folder)));
    found
}

/// Long files that people write. A list to think about, not a failure.
fn long_files() -> Result<Vec<(String, usize)>, String> {
    let mut git = run::command("git");
    git.args(["ls-files", "--cached", "--others", "--exclude-standard"]);
    let endings = [
        "rs", "py", "ts", "mts", "mjs", "cjs", "go", "java", "c", "cpp", "hpp", "h",
    ];
    let generated = [
        "include/seawall.h",
        "bindings-go/include/seawall.h",
        "bindings-node/native.js",
    ];
    let mut long = Vec::new();
    for path in run::output(git)?
        .lines()
        .filter(|path| !generated.contains(path))
    {
        let ending = Path::new(path)
            .extension()
            .and_then(|ending| ending.to_str());
        if !ending.is_some_and(|ending| endings.contains(&ending)) {
            continue;
        }
        let lines = std::fs::read_to_string(repo::at(path))
            .unwrap_or_default()
            .lines()
            .count();
        if lines > LONG {
            long.push((path.to_string(), lines));
        }
    }
    Ok(long)
}
