//! `cargo xtask test`: the suites of all languages, one after the other, and the table at the end.

mod c;
mod go;
pub mod java;
pub mod node;
pub mod python;
mod rust;
mod session;

use crate::table::{self, Row};
use crate::{Answer, repo};
pub use session::Session;
use std::time::Instant;

/// Runs the tests of one language. An error is a step without which the rest makes no sense.
type Suite = fn(&mut Session) -> Result<(), String>;

/// The languages in the order they run: the core first, then what stands on it.
const SUITES: [(&str, Suite); 7] = [
    ("rust", rust::run),
    ("c", c::run_c),
    ("cpp", c::run_cpp),
    ("python", python::run),
    ("node", node::run),
    ("go", go::run),
    ("java", java::run),
];

/// Runs the named suites, or all.
pub fn verb(arguments: &[String]) -> Answer {
    let wanted: Vec<&str> = arguments
        .iter()
        .map(|name| match name.as_str() {
            "c++" => "cpp",
            other => other,
        })
        .collect();
    if let Some(unknown) = wanted
        .iter()
        .find(|name| SUITES.iter().all(|(known, _)| known != *name))
    {
        let known: Vec<&str> = SUITES.iter().map(|(name, _)| *name).collect();
        return Err(format!(
            "no suite `{unknown}`; there are {}",
            known.join(", ")
        ));
    }
    let chosen = SUITES
        .iter()
        .filter(|(name, _)| wanted.is_empty() || wanted.contains(name));
    let rows: Vec<Row> = chosen
        .map(|(name, suite)| one(name, *suite))
        .collect::<Result<_, _>>()?;

    let difference = table::vectors_differ(&rows);
    if let Some(difference) = &difference {
        println!("\nFAIL {difference}");
    }
    let more_failed = u64::from(difference.is_some());
    println!(
        "{}",
        table::render(&rows, more_failed, table::wants_colours())
    );
    Ok(more_failed == 0 && rows.iter().all(|row| row.counts.failed == 0))
}

fn one(language: &'static str, suite: Suite) -> Result<Row, String> {
    let start = Instant::now();
    let log = repo::target("test-logs").join(format!("{language}.log"));
    let mut session = Session::start(language, &log)?;
    session.rig();
    let ended = suite(&mut session);
    Ok(session.end(ended, start.elapsed()))
}
