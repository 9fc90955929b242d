//! What TOML itself says about a text.

use toml::de::{DeTable, Error};

use super::File;
use crate::policy::problem::{Notes, Problem};

/// Longer texts are told their first mistake only: garbage makes mistakes without number.
const LONGEST_TO_RECOVER: usize = 64 << 10;

/// Parses, and lets `contents` read what there is to read; it gets the places of the keys that are there twice.
pub(super) fn read(
    text: &str,
    name: &str,
    contents: impl for<'t> FnOnce(&'t DeTable<'t>, &'t Notes<'t>, &[usize]) -> File,
) -> (File, Vec<Problem>) {
    let (table, errors) = match DeTable::parse(text) {
        Ok(table) => (table, Vec::new()),
        Err(_) if text.len() <= LONGEST_TO_RECOVER => DeTable::parse_recoverable(text),
        Err(error) => return (File::named(name), syntax(name, text, &[error])),
    };
    // A key given twice leaves the rest readable; after other mistakes nobody knows what was meant.
    if !errors.iter().all(is_duplicate) {
        return (File::named(name), syntax(name, text, &errors));
    }
    let notes = Notes::new(name, text);
    tell(&notes, text, &errors);
    let twice: Vec<usize> = errors
        .iter()
        .filter_map(Error::span)
        .map(|span| span.start)
        .collect();
    let file = contents(table.get_ref(), &notes, &twice);
    (file, notes.into_problems())
}

/// The mistakes of a text that is no TOML.
pub(crate) fn syntax(name: &str, text: &str, errors: &[Error]) -> Vec<Problem> {
    let notes = Notes::new(name, text);
    tell(&notes, text, errors);
    let mut problems = notes.into_problems();
    // What follows from a mistake on the same line says nothing more.
    problems.dedup_by_key(|problem| problem.line);
    problems
}

fn is_duplicate(error: &Error) -> bool {
    error.message() == "duplicate key"
}

fn tell(notes: &Notes<'_>, text: &str, errors: &[Error]) {
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let mut told_tables = Vec::new();
    for error in errors {
        let span = error.span().unwrap_or(text.len()..text.len());
        let at = span.start;
        if !is_duplicate(error) {
            notes.note(at, "", format!("not TOML: {}", error.message()));
            continue;
        }
        let index = usize::try_from(notes.place(at).line)
            .unwrap_or(usize::MAX)
            .saturating_sub(1);
        let before = lines.get(..index).unwrap_or_default();
        let line = lines.get(index).copied().unwrap_or_default();
        if is_header(line) {
            let first = before
                .iter()
                .position(|other| header(other) == header(line));
            let first = first.map_or(String::new(), |first| {
                format!(", first on line {}", first + 1)
            });
            notes.note(at, header(line), format!("is there twice{first}"));
            told_tables.push(index);
            continue;
        }
        let table = before.iter().rposition(|line| is_header(line));
        // The keys of a table that is there twice need no telling one by one.
        if table.is_none_or(|table| !told_tables.contains(&table)) {
            let table = table
                .and_then(|table| lines.get(table))
                .map_or("", |line| header(line));
            let dot = if table.is_empty() { "" } else { "." };
            notes.note(
                at,
                &format!("{table}{dot}{}", notes.written(span)),
                "is there twice",
            );
        }
    }
}

fn is_header(line: &str) -> bool {
    line.starts_with('[')
}

/// The path in a header line, `[dependency.payments] # as agreed`.
fn header(line: &str) -> &str {
    let end = line.find(']').unwrap_or(line.len());
    line.get(..end)
        .unwrap_or_default()
        .trim_start_matches('[')
        .trim()
}
