//! The one file that every worker opens, in whatever language it is written.

use seawall::core::Mode;
use seawall::policy::{Policy, units};
use seawall::{File, Nanos, breaker};
use std::io::Write;
use std::path::{Path, PathBuf};

/// The file of this program's own version, for demos that are given none.
const OWN: &str = include_str!("../../../examples/checkout/seawall.toml");
/// The dependency that the story is about.
const NAME: &str = "payment";

/// A file of policies that can be used.
pub struct Policies {
    name: String,
    path: PathBuf,
    is_temporary: bool,
    payment: Policy,
}

impl Policies {
    /// Reads a file, or writes one where workers can open it. It is there until this is dropped.
    ///
    /// # Errors
    /// Everything that is wrong with it, one problem a line.
    pub fn open(file: Option<&Path>) -> Result<Self, String> {
        let read = match file {
            Some(path) => File::read(path),
            None => File::parse(OWN, "seawall.toml"),
        };
        let read = read.map_err(|problems| format!("these policies cannot be used\n{problems}"))?;
        let payment = read
            .policy(NAME)
            .cloned()
            .ok_or_else(|| format!("{}: there is no [dependency.{NAME}]", read.name))?;
        let path = match file {
            Some(path) => path.to_owned(),
            None => written().map_err(|error| format!("no temporary file: {error}"))?,
        };
        Ok(Self {
            name: read.name,
            path,
            is_temporary: file.is_none(),
            payment,
        })
    }

    /// What people call it: the path that was given.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where the file lies.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What it says about payment, in a line.
    pub fn summary(&self) -> String {
        let Policy {
            call,
            breaker,
            bulkhead,
            retry_budget,
            ..
        } = &self.payment;
        let mut parts = vec![format!("timeout {}", units::show_span(call.timeout))];
        if call.deadline != Nanos::MAX {
            parts.push(format!("deadline {}", units::show_span(call.deadline)));
        }
        if call.attempts > 1 {
            let budget = retry_budget.as_ref().map_or(String::new(), |budget| {
                let ratio = units::show_percent(budget.ratio_permille);
                format!(" on a budget of {ratio}")
            });
            parts.push(format!("{} attempts{budget}", call.attempts));
        }
        parts.extend(breaker.as_ref().and_then(rules));
        if let Some(bulkhead) = bulkhead {
            parts.push(format!("bulkhead {}", bulkhead.max_concurrent));
        }
        parts.join(", ")
    }
}

/// When a breaker opens.
fn rules(breaker: &breaker::Config) -> Option<String> {
    let row = (breaker.consecutive_failures != 0)
        .then(|| format!("{} failures in a row", breaker.consecutive_failures));
    let rate = (breaker.failure_permille != 0)
        .then(|| units::show_percent(u32::from(breaker.failure_permille)));
    let rules: Vec<String> = row.into_iter().chain(rate).collect();
    (breaker.mode != Mode::Off && !rules.is_empty())
        .then(|| format!("breaker at {}", rules.join(" or ")))
}

impl Drop for Policies {
    fn drop(&mut self) {
        if self.is_temporary {
            // Whoever cleans the folder of temporary files finds what is left of it.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// A new file with this program's own policies.
fn written() -> std::io::Result<PathBuf> {
    let name = |number: u32| format!("seawall-demo-{}-{number}.toml", std::process::id());
    let mut number = 0;
    loop {
        let path = std::env::temp_dir().join(name(number));
        // Never one that is there: it may be somebody else's, or lead somewhere else.
        match std::fs::File::create_new(&path) {
            Ok(mut file) => {
                file.write_all(OWN.as_bytes())?;
                return Ok(path);
            }
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists && number < 100 => {
                number += 1;
            }
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_nothing_to_say_about_our_own_file() {
        let file = File::parse(OWN, "seawall.toml").expect("it can be used");
        assert_eq!(seawall::check::check(&[file]), []);
    }

    #[test]
    fn without_a_file_there_is_one_until_it_is_dropped() {
        let ours = Policies::open(None).expect("a temporary file");
        let path = ours.path().to_owned();
        assert_eq!(std::fs::read_to_string(&path).expect("readable"), OWN);
        let summary = ours.summary();
        for wanted in [
            "timeout 300ms",
            "2 attempts",
            "10%",
            "breaker",
            "bulkhead 4",
        ] {
            assert!(summary.contains(wanted), "{wanted} in {summary}");
        }
        drop(ours);
        assert!(!path.exists());
    }

    #[test]
    fn a_file_stays_and_says_what_it_says() {
        let path = std::env::temp_dir().join(format!("seawall-own-{}.toml", std::process::id()));
        let text = "[dependency.payment]\ntimeout = \"1s\"\nbreaker = \"off\"\n";
        std::fs::write(&path, text).expect("a temporary file");
        let theirs = Policies::open(Some(&path)).expect("it can be used");
        assert_eq!(theirs.summary(), "timeout 1s");
        drop(theirs);
        assert!(path.exists());
        std::fs::write(&path, text.replace("payment", "ledger")).expect("a temporary file");
        let error = Policies::open(Some(&path)).err().expect("no payment");
        assert!(error.contains("[dependency.payment]"), "{error}");
        let _ = std::fs::remove_file(&path);
    }
}
