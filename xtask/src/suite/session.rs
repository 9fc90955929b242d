//! One language being tested: its log, what was counted so far, and the rules by which a command
//! counts as good.

use crate::counts::{self, Counts};
use crate::run::{self, Log};
use crate::table::Row;
use crate::{archive, repo, rig};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// The tests of one language, while they run.
pub struct Session {
    language: &'static str,
    log: Log,
    counts: Counts,
    vectors: Option<u64>,
    notes: Vec<String>,
    rig: Option<PathBuf>,
}

impl Session {
    /// Starts the log of a language.
    pub fn start(language: &'static str, log: &Path) -> Result<Session, String> {
        let mut log = Log::file(log)?;
        log.line("");
        log.line(&format!("===== {language} ====="));
        let report = vectors_report(language);
        if report.exists() {
            std::fs::remove_file(&report)
                .map_err(|error| format!("cannot remove {}: {error}", repo::shown(&report)))?;
        }
        Ok(Session {
            language,
            log,
            counts: Counts::default(),
            vectors: None,
            notes: Vec::new(),
            rig: None,
        })
    }

    /// The log of this language.
    pub fn log(&mut self) -> &mut Log {
        &mut self.log
    }

    /// A command of this language. `SEAWALL_VECTORS_REPORT` names the file into which its runner
    /// of the vectors may write how many it passed, for runners whose output is swallowed.
    pub fn command(&self, program: impl AsRef<Path>) -> Command {
        let mut command = run::command(program.as_ref());
        self.prepare(&mut command);
        command
    }

    /// Gives a command what `command` gives.
    pub fn prepare(&self, command: &mut Command) {
        command.env("SEAWALL_VECTORS_REPORT", vectors_report(self.language));
        command.env("SEAWALL_ROOT", repo::root());
        if let Some(rig) = &self.rig {
            command.env("SEAWALL_RIG", rig);
        }
    }

    /// Builds the server of the end-to-end tests. From here on `SEAWALL_RIG` names it; without it
    /// they skip themselves.
    pub fn rig(&mut self) {
        match rig::build(&mut self.log) {
            Ok(program) => self.rig = Some(program),
            Err(why) => self.skip("the end-to-end tests", &why),
        }
    }

    /// A test that passes when the command ends well.
    pub fn check(&mut self, name: &str, command: Command) -> bool {
        let finished = run::stream(command, &mut self.log);
        self.judge(
            name,
            if finished.ok {
                Ok(())
            } else {
                Err(finished.how)
            },
        )
    }

    /// A test whose answer is known.
    pub fn judge(&mut self, name: &str, answer: Result<(), String>) -> bool {
        match answer {
            Ok(()) => {
                self.counts.passed = self.counts.passed.saturating_add(1);
                self.log.line(&format!("ok   {name}"));
                true
            }
            Err(why) => {
                self.counts.failed = self.counts.failed.saturating_add(1);
                self.note(&format!("FAIL {name}: {why}"));
                false
            }
        }
    }

    /// A run of many tests, counted in what it prints. The exit code has the last word: a command
    /// that fails is a failure whatever it printed, and so is one that ran no test at all.
    pub fn counted(&mut self, name: &str, command: Command, read: fn(&str) -> Counts) {
        let finished = run::stream(command, &mut self.log);
        let (counts, complaint) = honest(read(&finished.text), finished.ok, &finished.how);
        self.counts = self.counts.plus(counts);
        if let Some(complaint) = complaint {
            self.note(&format!("FAIL {name}: {complaint}"));
        } else if counts.failed > 0 {
            self.note(&format!("FAIL {name}: {} failed", counts.failed));
        }
        let said = counts::vectors(&finished.text).or_else(|| {
            let report = std::fs::read_to_string(vectors_report(self.language)).ok()?;
            report.trim().parse().ok()
        });
        // Of several runs (two dialects, two JDKs) the smallest number tells the truth about all.
        self.vectors = match (self.vectors, said) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
    }

    /// The whole language cannot be tested here.
    pub fn without_toolchain(&mut self, what: &str) {
        self.skip(self.language, &format!("{what} found"));
    }

    /// Something cannot be tested here: one line, one skipped test. With REQUIRE_ALL=1 it failed.
    pub fn skip(&mut self, what: &str, why: &str) {
        if require_all() {
            self.counts.failed = self.counts.failed.saturating_add(1);
            self.note(&format!("FAIL {what}: {why}, and REQUIRE_ALL is set"));
        } else {
            self.counts.skipped = self.counts.skipped.saturating_add(1);
            self.note(&format!("SKIP {what}: {why}"));
        }
    }

    /// Makes sure that the C library lies in target/seawall, built from this checkout.
    pub fn archive(&mut self) -> Result<PathBuf, String> {
        archive::build(&mut self.log)?;
        Ok(archive::folder())
    }

    /// The row of this language.
    pub fn end(mut self, ended: Result<(), String>, took: Duration) -> Row {
        if let Err(why) = ended {
            self.counts.failed = self.counts.failed.saturating_add(1);
            self.note(&format!("FAIL {why}"));
        } else if self.counts.total() == 0 {
            self.counts.failed = 1;
            self.note("FAIL no test was found");
        }
        let counts = self.counts;
        self.log.line(&format!(
            "{}: {} passed, {} failed, {} skipped",
            self.language, counts.passed, counts.failed, counts.skipped
        ));
        Row {
            language: self.language.into(),
            counts,
            vectors: self.vectors,
            took,
            notes: self.notes,
        }
    }

    fn note(&mut self, text: &str) {
        self.log.line(text);
        self.notes
            .push(text.lines().next().unwrap_or_default().into());
    }
}

/// What a run counts for, given how it ended, and what is wrong with it beyond failed tests.
fn honest(mut counts: Counts, ok: bool, how: &str) -> (Counts, Option<String>) {
    if !ok && counts.failed == 0 {
        counts.failed = 1;
        return (
            counts,
            Some(format!("no test failed, but the command did ({how})")),
        );
    }
    if ok && counts.failed > 0 {
        return (counts, Some("tests failed, but the command hid it".into()));
    }
    if counts.total() == 0 {
        counts.failed = 1;
        return (counts, Some("it ran no test".into()));
    }
    (counts, None)
}

/// Whether a missing toolchain is a failure.
fn require_all() -> bool {
    std::env::var("REQUIRE_ALL").is_ok_and(|value| !value.is_empty() && value != "0")
}

fn vectors_report(language: &str) -> PathBuf {
    repo::target("test-logs").join(format!("{language}.vectors"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(passed: u64, failed: u64) -> Counts {
        Counts {
            passed,
            failed,
            skipped: 0,
        }
    }

    #[test]
    fn a_command_that_fails_is_a_failure_whatever_it_printed() {
        let (judged, complaint) = honest(counts(12, 0), false, "signal: 11");
        assert_eq!(judged, counts(12, 1));
        assert!(complaint.is_some_and(|text| text.contains("signal: 11")));
    }

    #[test]
    fn a_command_that_ran_no_test_is_a_failure() {
        assert_eq!(honest(counts(0, 0), true, "").0, counts(0, 1));
        assert!(honest(counts(0, 0), true, "").1.is_some());
    }

    #[test]
    fn a_good_run_is_taken_as_it_is() {
        assert_eq!(honest(counts(12, 0), true, ""), (counts(12, 0), None));
        assert_eq!(honest(counts(12, 2), false, ""), (counts(12, 2), None));
    }
}
