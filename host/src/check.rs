//! Check: what is wrong with a file, or with a fleet of files, before it ships.

mod drift;
pub(crate) mod lint;

use std::fmt;
use std::path::Path;

use crate::file::File;
use crate::policy::Problem;

/// How much a finding matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// The file is refused.
    Error,
    /// It works, and somebody will regret it.
    Warning,
}

/// One thing to say about a file. Shown as `FILE:LINE:COLUMN: warning SW003: KEY.PATH: message`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Which lint, "SW001" to "SW010"; "SW000" for a file that cannot be read as it stands.
    pub id: &'static str,
    /// How much it matters.
    pub severity: Severity,
    /// The dependency it is about; `None` when it is about the file.
    pub dependency: Option<String>,
    /// The file as it was named; empty for a policy written in code.
    pub file: String,
    /// The line, from 1; 0 where there is none.
    pub line: u32,
    /// The column in characters, from 1; 0 where there is none.
    pub column: u32,
    /// The setting as a path of keys; empty when it is about the file itself.
    pub key: String,
    /// What is wrong.
    pub message: String,
    /// The sum behind the judgement.
    pub arithmetic: Option<String>,
}

impl Finding {
    /// Whether it makes a wall refuse the file.
    #[must_use]
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.file.is_empty() {
            write!(f, "{}:", self.file)?;
        }
        if self.line != 0 {
            write!(f, "{}:{}:", self.line, self.column)?;
        }
        if !self.file.is_empty() || self.line != 0 {
            f.write_str(" ")?;
        }
        let severity = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        write!(f, "{severity} {}: ", self.id)?;
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        f.write_str(&self.message)?;
        match &self.arithmetic {
            Some(arithmetic) => write!(f, ": {arithmetic}"),
            None => Ok(()),
        }
    }
}

impl From<Problem> for Finding {
    fn from(problem: Problem) -> Self {
        let hint = problem
            .nearest
            .map(|nearest| format!("; did you mean \"{nearest}\"?"));
        Self {
            id: problem.lint.unwrap_or("SW000"),
            severity: Severity::Error,
            dependency: dependency_of(&problem.key),
            file: problem.file,
            line: problem.line,
            column: problem.column,
            key: problem.key,
            message: problem.message + &hint.unwrap_or_default(),
            arithmetic: problem.arithmetic,
        }
    }
}

/// The dependency of a path such as `dependency.payments.retry` or `dependency."a.b".retry`.
fn dependency_of(path: &str) -> Option<String> {
    let rest = path.strip_prefix("dependency.")?;
    let name = match rest.strip_prefix('"') {
        Some(rest) => rest.split('"').next(),
        None => rest.split('.').next(),
    };
    name.filter(|name| !name.is_empty()).map(str::to_string)
}

/// What is to be said about files that were read: each by itself, and the dependencies that several of them
/// give different policies. In the order of the files and their lines.
#[must_use]
pub fn check(files: &[File]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in files {
        findings.extend(lint::file(file, files));
    }
    findings.extend(drift::drift(files));
    sort(&mut findings, files.iter().map(|file| file.name.as_str()));
    findings
}

/// Files as they were found, and everything there is to say about them.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// What could be understood of each file: dependencies with a wrong setting are missing.
    pub files: Vec<File>,
    /// Errors and warnings, in the order of the files and their lines.
    pub findings: Vec<Finding>,
}

impl Report {
    /// Reads and checks files; one that cannot be read is a finding.
    #[must_use]
    pub fn of(paths: &[impl AsRef<Path>]) -> Self {
        let mut report = Self::default();
        let mut names = Vec::new();
        for path in paths {
            let path = path.as_ref();
            names.push(path.display().to_string());
            match File::examine_path(path) {
                Ok((file, problems)) => {
                    report.files.push(file);
                    report
                        .findings
                        .extend(problems.into_iter().map(Finding::from));
                }
                Err(error) => report
                    .findings
                    .extend(error.problems.into_iter().map(Finding::from)),
            }
        }
        report.findings.extend(check(&report.files));
        sort(&mut report.findings, names.iter().map(String::as_str));
        report
    }

    /// Findings that make a wall refuse its file.
    #[must_use]
    pub fn errors(&self) -> usize {
        self.findings
            .iter()
            .filter(|finding| finding.is_error())
            .count()
    }

    /// The others.
    #[must_use]
    pub fn warnings(&self) -> usize {
        self.findings.len() - self.errors()
    }
}

fn sort<'n>(findings: &mut [Finding], names: impl Iterator<Item = &'n str>) {
    let names: Vec<&str> = names.collect();
    findings.sort_by_key(|finding| {
        let file = names.iter().position(|name| *name == finding.file);
        (file, finding.line, finding.column, finding.id)
    });
}
