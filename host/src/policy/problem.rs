//! What is wrong with a file or a policy, and where.

use std::cell::RefCell;
use std::fmt;
use std::ops::Range;

use super::units::quoted;

/// More problems than this are counted, not listed.
const MOST_PROBLEMS: usize = 100;

/// One thing that is wrong. Shown as `FILE:LINE:COLUMN: KEY.PATH: message; did you mean "..."?`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Problem {
    /// The file as it was named; empty for a policy written in code.
    pub file: String,
    /// The line, from 1; 0 for a policy written in code, whose text nobody has seen.
    pub line: u32,
    /// The column in characters, from 1; 0 where there is no line.
    pub column: u32,
    /// The setting as a path of keys, `dependency.payments.retry.base`; empty when it is about the file itself.
    pub key: String,
    /// What is wrong and how to write it.
    pub message: String,
    /// The known word nearest to an unknown one.
    pub nearest: Option<String>,
    /// The lint that refuses, "SW001", where each setting by itself is in order.
    pub lint: Option<&'static str>,
    /// The sum behind the lint's judgement.
    pub arithmetic: Option<String>,
}

impl Problem {
    /// The same problem of a policy whose text nobody has seen.
    pub(crate) fn without_place(self) -> Self {
        Self {
            line: 0,
            column: 0,
            ..self
        }
    }
}

impl fmt::Display for Problem {
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
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        f.write_str(&self.message)?;
        if let Some(arithmetic) = &self.arithmetic {
            write!(f, ": {arithmetic}")?;
        }
        if let Some(nearest) = &self.nearest {
            write!(f, "; did you mean \"{nearest}\"?")?;
        }
        match self.lint {
            Some(lint) => write!(f, " [{lint}]"),
            None => Ok(()),
        }
    }
}

/// A line and a column, both from 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub line: u32,
    pub column: u32,
}

/// Collects the problems of one text.
pub(crate) struct Notes<'a> {
    file: &'a str,
    text: &'a str,
    line_starts: Vec<usize>,
    problems: RefCell<Vec<Problem>>,
}

impl<'a> Notes<'a> {
    pub(crate) fn new(file: &'a str, text: &'a str) -> Self {
        let after_newlines = text
            .bytes()
            .enumerate()
            .filter(|(_, byte)| *byte == b'\n')
            .map(|(at, _)| at + 1);
        Self {
            file,
            text,
            line_starts: std::iter::once(0).chain(after_newlines).collect(),
            problems: RefCell::default(),
        }
    }

    /// Where a byte of the text stands.
    pub(crate) fn place(&self, at: usize) -> Place {
        let at = at.min(self.text.len());
        let line = self.line_starts.partition_point(|start| *start <= at);
        let start = self
            .line_starts
            .get(line.saturating_sub(1))
            .copied()
            .unwrap_or(0);
        let before = self.text.as_bytes().get(start..at).unwrap_or_default();
        // Continuation bytes of UTF-8 are no columns of their own.
        let column = before.iter().filter(|byte| **byte & 0xC0 != 0x80).count() + 1;
        Place {
            line: u32::try_from(line).unwrap_or(u32::MAX),
            column: u32::try_from(column).unwrap_or(u32::MAX),
        }
    }

    /// What is written there.
    pub(crate) fn written(&self, span: Range<usize>) -> &'a str {
        self.text.get(span).unwrap_or_default()
    }

    pub(crate) fn note(&self, at: usize, key: &str, message: impl Into<String>) {
        self.note_all(
            at,
            Problem {
                key: key.to_string(),
                message: message.into(),
                ..Problem::default()
            },
        );
    }

    /// Notes a problem that says more than a message; its place is filled in here.
    pub(crate) fn note_all(&self, at: usize, problem: Problem) {
        let Place { line, column } = self.place(at);
        self.problems.borrow_mut().push(Problem {
            file: self.file.to_string(),
            line,
            column,
            ..problem
        });
    }

    pub(crate) fn count(&self) -> usize {
        self.problems.borrow().len()
    }

    /// The problems in the order of the text.
    pub(crate) fn into_problems(self) -> Vec<Problem> {
        let mut problems = self.problems.into_inner();
        problems.sort_by_key(|problem| (problem.line, problem.column));
        if let Some(more) = problems
            .len()
            .checked_sub(MOST_PROBLEMS)
            .filter(|more| *more > 0)
        {
            problems.truncate(MOST_PROBLEMS);
            problems.push(Problem {
                file: self.file.to_string(),
                message: format!("and {more} more problems"),
                ..Problem::default()
            });
        }
        problems
    }
}

/// The path of a key below `parent`, quoted where TOML would want it.
pub(crate) fn join(parent: &str, key: &str) -> String {
    let is_bare = !key.is_empty()
        && key.len() <= 64
        && key
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
    let key = if is_bare {
        key.to_string()
    } else {
        quoted(key)
    };
    if parent.is_empty() {
        key
    } else {
        format!("{parent}.{key}")
    }
}

/// The word nearest to `word`, if one is near enough to be meant.
pub(crate) fn nearest<'w>(word: &str, known: impl IntoIterator<Item = &'w str>) -> Option<&'w str> {
    const LONGEST: usize = 64;
    if word.len() > LONGEST {
        return None;
    }
    let word = word.to_ascii_lowercase().replace('-', "_");
    known
        .into_iter()
        .map(|candidate| {
            let edits = strsim::damerau_levenshtein(&word, candidate);
            // One edit in three letters still reads as the same word; so does "retries" for "retry".
            let is_near = edits * 3 <= candidate.len().max(3)
                || strsim::jaro_winkler(&word, candidate) > 0.88;
            (is_near, edits, candidate)
        })
        .filter(|(is_near, ..)| *is_near)
        .min_by_key(|(_, edits, _)| *edits)
        .map(|(.., candidate)| candidate)
}
