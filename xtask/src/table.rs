//! The table at the end of `cargo xtask test`.

use crate::counts::Counts;
use std::io::IsTerminal;
use std::time::Duration;

/// How one language did.
pub struct Row {
    /// Its name.
    pub language: String,
    /// Its tests.
    pub counts: Counts,
    /// Vector cases it passed, where it says so.
    pub vectors: Option<u64>,
    /// How long it took.
    pub took: Duration,
    /// What a reader should know: what failed, what was skipped and why.
    pub notes: Vec<String>,
}

/// Languages that run the same vectors must pass the same number of them. This is the sentence
/// that says how they differ, if they do.
pub fn vectors_differ(rows: &[Row]) -> Option<String> {
    let said: Vec<(&str, u64)> = rows
        .iter()
        .filter_map(|row| row.vectors.map(|vectors| (row.language.as_str(), vectors)))
        .collect();
    let (_, first) = said.first()?;
    if said.iter().all(|(_, vectors)| vectors == first) {
        return None;
    }
    let each: Vec<String> = said
        .iter()
        .map(|(language, vectors)| format!("{language} {vectors}"))
        .collect();
    Some(format!(
        "the languages passed different numbers of vectors: {}",
        each.join(", ")
    ))
}

/// The table, and its closing line `N passed, N failed, N skipped`. `more_failed` are failures
/// that belong to no row.
pub fn render(rows: &[Row], more_failed: u64, colours: bool) -> String {
    let mut text = String::new();
    let mut line = |cells: [&str; 6]| {
        let [language, vectors, passed, failed, skipped, seconds] = cells;
        let row = format!(
            "{language:<10} {passed:>8} {failed:>8} {skipped:>8} {vectors:>8} {seconds:>8}\n"
        );
        text.push_str(&row);
    };
    line([
        "language", "vectors", "passed", "failed", "skipped", "seconds",
    ]);
    let rule = "-".repeat(8);
    line(["----------", &rule, &rule, &rule, &rule, &rule]);
    let mut sum = Counts {
        failed: more_failed,
        ..Counts::default()
    };
    let mut seconds = Duration::ZERO;
    for row in rows {
        line([
            &row.language,
            &row.vectors
                .map_or_else(|| "-".into(), |vectors| vectors.to_string()),
            &row.counts.passed.to_string(),
            &row.counts.failed.to_string(),
            &row.counts.skipped.to_string(),
            &format!("{:.1}", row.took.as_secs_f64()),
        ]);
        sum = sum.plus(row.counts);
        seconds = seconds.saturating_add(row.took);
    }
    line(["----------", &rule, &rule, &rule, &rule, &rule]);
    line([
        "all",
        "",
        &sum.passed.to_string(),
        &sum.failed.to_string(),
        &sum.skipped.to_string(),
        &format!("{:.1}", seconds.as_secs_f64()),
    ]);
    let notes: Vec<String> = rows
        .iter()
        .flat_map(|row| {
            row.notes
                .iter()
                .map(|note| format!("{}: {note}\n", row.language))
        })
        .collect();
    if !notes.is_empty() {
        text.push('\n');
        text.extend(notes);
    }
    let closing = format!(
        "{} passed, {} failed, {} skipped",
        sum.passed, sum.failed, sum.skipped
    );
    let closing = match (colours, sum.failed) {
        (false, _) => closing,
        (true, 0) => format!("\x1b[32m{closing}\x1b[0m"),
        (true, _) => format!("\x1b[31m{closing}\x1b[0m"),
    };
    format!("\n{text}\n{closing}")
}

/// Colours are for a person at a terminal who did not ask to be spared them.
pub fn wants_colours() -> bool {
    let is_set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    std::io::stdout().is_terminal() && !is_set("CI") && !is_set("NO_COLOR")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(language: &str, passed: u64, failed: u64, vectors: Option<u64>) -> Row {
        Row {
            language: language.into(),
            counts: Counts {
                passed,
                failed,
                skipped: 1,
            },
            vectors,
            took: Duration::from_millis(1540),
            notes: Vec::new(),
        }
    }

    #[test]
    fn the_last_line_adds_up_all_rows() {
        let rows = [row("rust", 10, 0, Some(131)), row("go", 5, 2, None)];
        let text = render(&rows, 0, false);
        assert!(text.ends_with("\n15 passed, 2 failed, 2 skipped"), "{text}");
        assert!(
            text.contains("rust             10        0        1      131      1.5\n"),
            "{text}"
        );
        assert!(!text.contains('\x1b'));
    }

    #[test]
    fn different_numbers_of_vectors_are_a_failure_of_the_whole() {
        let rows = [
            row("rust", 1, 0, Some(131)),
            row("cpp", 1, 0, None),
            row("go", 1, 0, Some(130)),
        ];
        let said = vectors_differ(&rows).expect("they differ");
        assert!(said.ends_with("rust 131, go 130"), "{said}");
        assert!(vectors_differ(&rows[..2]).is_none());
        assert!(render(&rows, 1, false).ends_with("3 passed, 1 failed, 3 skipped"));
    }
}
