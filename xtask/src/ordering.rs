//! The rule for comments on memory ordering: whoever writes an ordering says which edge it belongs
//! to, `ORDER(name)`, or why none is needed, `RELAXED:`; and an edge has two ends.

use std::collections::BTreeMap;

/// How many lines above an ordering its comment may start.
const REACH: usize = 6;

/// One source file.
pub struct Source {
    /// Its path, for the reader.
    pub path: String,
    /// Its text.
    pub text: String,
    /// Whether every ordering in it needs a comment.
    pub must_explain: bool,
}

/// What is wrong, one line per finding.
pub fn complaints(sources: &[Source]) -> Vec<String> {
    let mut complaints = Vec::new();
    let mut edges: BTreeMap<String, Edge> = BTreeMap::new();
    for source in sources {
        let lines: Vec<&str> = source.text.lines().collect();
        let end = start_of_tests(&lines);
        for (index, line) in lines.iter().enumerate().take(end) {
            for name in edges_named(line) {
                let edge = edges.entry(name).or_default();
                edge.note(&lines, index, &source.path);
            }
            if source.must_explain && uses_ordering(line) && !is_explained(&lines, index) {
                complaints.push(format!(
                    "{}:{}: an ordering with neither `RELAXED:` nor `ORDER(name)` in the {REACH} lines above",
                    source.path,
                    index + 1
                ));
            }
        }
    }
    for (name, edge) in edges {
        if let Some(complaint) = edge.complaint(&name) {
            complaints.push(complaint);
        }
    }
    complaints
}

/// One named edge: where it was mentioned, and which of its ends were seen.
#[derive(Default)]
struct Edge {
    mentions: usize,
    releases: bool,
    acquires: bool,
    place: String,
}

impl Edge {
    /// The words of the comment and of the code below it tell which end this is.
    fn note(&mut self, lines: &[&str], index: usize, path: &str) {
        self.mentions += 1;
        self.place = format!("{path}:{}", index + 1);
        for line in lines.iter().skip(index).take(REACH + 1) {
            let is_other_comment = line.contains("ORDER(") && !std::ptr::eq(*line, lines[index]);
            if is_other_comment {
                break;
            }
            self.releases |= ["Release", "AcqRel", "SeqCst"]
                .iter()
                .any(|word| has_word(line, word));
            self.acquires |= ["Acquire", "AcqRel", "SeqCst"]
                .iter()
                .any(|word| has_word(line, word));
        }
    }

    fn complaint(&self, name: &str) -> Option<String> {
        let what = match (self.mentions, self.releases, self.acquires) {
            (0 | 1, ..) => "is mentioned once; its other end is not marked",
            (_, false, _) => "has no releasing side",
            (_, _, false) => "has no acquiring side",
            _ => return None,
        };
        Some(format!("{}: ORDER({name}) {what}", self.place))
    }
}

/// The names in `ORDER(name)` of a comment.
fn edges_named(line: &str) -> Vec<String> {
    let Some((_, comment)) = line.split_once("//") else {
        return Vec::new();
    };
    comment
        .split("ORDER(")
        .skip(1)
        .filter_map(|rest| rest.split(')').next())
        .filter(|name| !name.is_empty() && *name != "name")
        .map(str::to_string)
        .collect()
}

/// Whether a line of code names an ordering; importing one is no use of it.
fn uses_ordering(line: &str) -> bool {
    let code = line.split("//").next().unwrap_or_default().trim_start();
    let is_import = code.starts_with("use ")
        || code.starts_with("pub use ")
        || code.starts_with("pub(crate) use ");
    !is_import
        && ["Relaxed", "Acquire", "Release", "AcqRel", "SeqCst"]
            .iter()
            .any(|word| has_word(code, word))
}

fn is_explained(lines: &[&str], index: usize) -> bool {
    let first = index.saturating_sub(REACH);
    lines
        .iter()
        .take(index + 1)
        .skip(first)
        .filter_map(|line| line.split_once("//"))
        .any(|(_, comment)| comment.contains("RELAXED:") || comment.contains("ORDER("))
}

/// Tests at the end of a file may order as they like.
fn start_of_tests(lines: &[&str]) -> usize {
    lines
        .windows(2)
        .position(|pair| match pair {
            [attribute, module] => {
                attribute.trim().starts_with("#[cfg(")
                    && attribute.contains("test")
                    && module.trim_start().starts_with("mod ")
            }
            _ => false,
        })
        .unwrap_or(lines.len())
}

fn has_word(line: &str, word: &str) -> bool {
    let is_part =
        |letter: Option<char>| letter.is_some_and(|one| one.is_alphanumeric() || one == '_');
    line.match_indices(word).any(|(start, _)| {
        let before = line.get(..start).and_then(|text| text.chars().next_back());
        let after = line
            .get(start + word.len()..)
            .and_then(|text| text.chars().next());
        !is_part(before) && !is_part(after)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(text: &str) -> Source {
        Source {
            path: "core/src/a.rs".into(),
            text: text.into(),
            must_explain: true,
        }
    }

    #[test]
    fn an_edge_with_both_ends_is_fine() {
        let text = "
// ORDER(region.ready): Release. Pairs with the load in `attach`.
phase.store(READY, Release);
fn attach() {
    // ORDER(region.ready): Acquire. See above.
    phase.load(Acquire);
}
";
        assert_eq!(complaints(&[source(text)]), [""; 0]);
    }

    #[test]
    fn an_edge_with_one_end_is_not() {
        let once = "// ORDER(a.b): Release.\nx.store(1, Release);\n";
        assert_eq!(
            complaints(&[source(once)]),
            ["core/src/a.rs:1: ORDER(a.b) is mentioned once; its other end is not marked"]
        );
        let twice = format!("{once}\n\n\n\n\n\n\n// ORDER(a.b): Release.\ny.store(1, Release);\n");
        assert!(complaints(&[source(&twice)])[0].contains("no acquiring side"));
    }

    #[test]
    fn every_ordering_is_explained_except_imports_and_tests() {
        let text = "
use crate::sync::Ordering::{Relaxed, Release};
// RELAXED: only a first guess.
let seen = cell.load(Relaxed);
/// Acquires and Releases.
fn released() {}
#[cfg(test)]
mod tests {
    fn t() { x.store(1, Relaxed); }
}
";
        assert_eq!(complaints(&[source(text)]), [""; 0]);
        let bare = "cell.load(Relaxed);";
        assert!(
            complaints(&[source(bare)])[0].starts_with("core/src/a.rs:1: an ordering with neither")
        );
        assert_eq!(
            complaints(&[Source {
                must_explain: false,
                ..source(bare)
            }]),
            [""; 0]
        );
    }
}
