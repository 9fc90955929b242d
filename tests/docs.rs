//! Holds the documentation against the source, so that neither moves away from the other unnoticed:
//! links, the pages each concept must have, names, ranges and defaults of settings, status numbers,
//! and the tests that README.md names as proof of what it promises.

use seawall_core::Status;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const CONCEPTS: [&str; 7] = [
    "breaker",
    "bulkhead",
    "limiter",
    "retry_budget",
    "backoff",
    "deadline",
    "histogram",
];
const CROSSING: [&str; 10] = [
    "calls",
    "fallback",
    "events",
    "http",
    "testing",
    "configuration",
    "check",
    "clocks",
    "classification",
    "errors",
];
const LANGUAGES: [&str; 7] = ["rust", "c", "cpp", "python", "js", "go", "java"];
const SECTIONS: [&str; 8] = [
    "Settings",
    "What is counted",
    "Refusals and errors",
    "Threads, processes, fork",
    "Cost",
    "Where it comes from",
    "In each language",
    "Common mistakes",
];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: impl AsRef<Path>) -> String {
    let path = root().join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Every page that people wrote. What tools put into the checkout is not ours.
fn pages() -> Vec<PathBuf> {
    fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).expect("a folder").flatten() {
            let path = entry.path();
            let name = entry.file_name().to_string_lossy().into_owned();
            if path.is_dir() {
                let is_ours = !name.starts_with('.')
                    && !matches!(
                        name.as_str(),
                        "target" | "node_modules" | "build" | "dist" | "venv"
                    );
                if is_ours && !path.is_symlink() {
                    walk(&path, found);
                }
            } else if name.ends_with(".md") {
                found.push(path);
            }
        }
    }
    let mut found = Vec::new();
    walk(&root(), &mut found);
    found.sort();
    found
}

/// The text without code, line by line.
fn prose(text: &str) -> Vec<String> {
    let mut is_code = false;
    let mut lines = Vec::new();
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            is_code = !is_code;
        } else if !is_code {
            lines.push(line.split('`').step_by(2).collect::<Vec<_>>().join(" "));
        }
    }
    lines
}

fn links(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for line in prose(text) {
        for part in line.split("](").skip(1) {
            if let Some((link, _)) = part.split_once(')') {
                found.push(link.to_string());
            }
        }
    }
    found
}

/// The anchors of a page, as code hosts make them from headings.
fn anchors(text: &str) -> BTreeSet<String> {
    let mut is_code = false;
    let mut found = BTreeSet::new();
    for line in text.lines() {
        if line.starts_with("```") {
            is_code = !is_code;
        }
        let title = line.trim_start_matches('#');
        if !is_code && title.len() < line.len() && title.starts_with(' ') {
            let anchor = title.trim().to_lowercase();
            found.insert(
                anchor
                    .chars()
                    .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'))
                    .map(|c| if c == ' ' { '-' } else { c })
                    .collect(),
            );
        }
    }
    found
}

#[test]
fn every_relative_link_leads_somewhere() {
    let mut broken = Vec::new();
    for page in pages() {
        let text = fs::read_to_string(&page).expect("a page");
        for link in links(&text) {
            if link.contains("://") || link.starts_with("mailto:") {
                continue;
            }
            let (file, anchor) = link.split_once('#').unwrap_or((&link, ""));
            let target = if file.is_empty() {
                page.clone()
            } else {
                page.parent().expect("a folder").join(file)
            };
            let is_there = target.exists();
            let has_anchor = anchor.is_empty()
                || fs::read_to_string(&target).is_ok_and(|text| anchors(&text).contains(anchor));
            if !is_there || !has_anchor {
                broken.push(format!("{}: {link}", page.display()));
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn every_concept_has_its_pages() {
    for concept in CONCEPTS {
        let guide = read(format!("docs/guide/{concept}.md"));
        read(format!("docs/spec/{concept}.md"));
        let mut at = 0;
        for section in SECTIONS {
            let heading = format!("\n## {section}\n");
            let found = guide[at..].find(&heading);
            at += found.unwrap_or_else(|| panic!("{concept}: no `{section}`, or out of order"));
        }
        for language in LANGUAGES {
            assert!(
                guide.contains(&format!("\n```{language}\n")),
                "{concept}: no code in {language}"
            );
        }
    }
    for page in CROSSING {
        read(format!("docs/guide/{page}.md"));
    }
}

#[test]
fn every_page_is_listed_where_readers_look() {
    for (folder, index) in [
        ("docs/guide", "docs/README.md"),
        ("docs/spec", "docs/spec/README.md"),
        ("docs/decisions", "docs/decisions/README.md"),
    ] {
        let listed = read(index);
        for entry in fs::read_dir(root().join(folder)).expect("a folder") {
            let name = entry
                .expect("an entry")
                .file_name()
                .to_string_lossy()
                .into_owned();
            assert!(
                name == "README.md" || listed.contains(&format!("{name})")),
                "{index} does not list {folder}/{name}"
            );
        }
    }
}

/// The cells of a table row, without the code marks.
fn cells(line: &str) -> Vec<String> {
    line.trim()
        .trim_matches('|')
        .split('|')
        .map(|cell| cell.trim().trim_matches('`').to_string())
        .collect()
}

/// The rows of the first table whose header begins with these cells.
fn table(text: &str, header: &[&str]) -> Vec<Vec<String>> {
    text.lines()
        .skip_while(|line| !line.starts_with('|') || !cells(line).starts_with(&owned(header)))
        .skip(2)
        .take_while(|line| line.starts_with('|'))
        .map(cells)
        .collect()
}

fn owned(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| word.to_string()).collect()
}

/// The fields of a configuration in the C header, each with its comment on one line.
fn fields(concept: &str) -> Vec<(String, String)> {
    let header = read("include/seawall.h");
    let name = format!("seawall_{concept}_config_t");
    let body = header
        .split_once(&format!("typedef struct {name} {{"))
        .and_then(|(_, rest)| rest.split_once(&format!("}} {name};")))
        .map(|(body, _)| body)
        .unwrap_or_default();
    let mut found = Vec::new();
    for part in body.split("/**").skip(1) {
        let (comment, rest) = part.split_once("*/").expect("a comment ends");
        let field = rest.split(';').next().and_then(|declaration| {
            declaration
                .split_whitespace()
                .last()
                .map(ToString::to_string)
        });
        let comment = comment
            .split_whitespace()
            .filter(|word| *word != "*")
            .collect::<Vec<_>>()
            .join(" ");
        found.push((field.expect("a field"), comment));
    }
    found.retain(|(field, _)| field != "struct_bytes" && field != "unused");
    found
}

/// All source of a concept that names settings in errors.
fn source(concept: &str) -> String {
    let mut text = read(format!("core/src/{concept}.rs")) + &read(format!("ffi/src/{concept}.rs"));
    for entry in fs::read_dir(root().join("core/src").join(concept))
        .into_iter()
        .flatten()
        .flatten()
    {
        text += &fs::read_to_string(entry.path()).unwrap_or_default();
    }
    text
}

#[test]
fn the_tables_of_settings_say_what_the_header_says() {
    let mut wrong = Vec::new();
    for concept in CONCEPTS {
        let fields = fields(concept);
        let guide = read(format!("docs/guide/{concept}.md"));
        let rows = table(&guide, &["setting", "C field", "range", "default"]);
        if fields.is_empty() {
            assert!(
                guide.contains("\n## Settings\nNone."),
                "{concept} has no settings"
            );
            continue;
        }
        for row in &rows {
            let [setting, field, range, default, ..] = row.as_slice() else {
                panic!("{concept}: a short row: {row:?}");
            };
            let Some((_, comment)) = fields.iter().find(|(name, _)| name == field) else {
                wrong.push(format!("{concept}: no field `{field}` in the header"));
                continue;
            };
            let bare = field
                .trim_end_matches("_ns")
                .trim_end_matches("_permille")
                .to_string();
            if *setting != bare && !source(concept).contains(&format!("\"{setting}\"")) {
                wrong.push(format!("{concept}: no error ever names `{setting}`"));
            }
            if range.contains("..") && !comment.contains(range.as_str()) {
                wrong.push(format!("{concept}.{field}: `{range}` is not in: {comment}"));
            }
            if let Some((_, said)) = comment.rsplit_once("Default ") {
                let said = said.split(['.', ':', ';']).next().unwrap_or_default();
                if said != default {
                    wrong.push(format!(
                        "{concept}.{field}: default `{default}`, not `{said}`"
                    ));
                }
            }
        }
        for (field, _) in &fields {
            if !rows.iter().any(|row| row.get(1) == Some(field)) {
                wrong.push(format!("{concept}: the guide does not list `{field}`"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// All text of one ending in a folder.
fn room(place: &str, ending: &str) -> String {
    let mut text = String::new();
    for entry in fs::read_dir(root().join(place))
        .expect("a folder")
        .flatten()
    {
        let path = entry.path();
        if path.extension().is_some_and(|found| found == ending) {
            text += &fs::read_to_string(&path).unwrap_or_default();
        }
    }
    text
}

#[test]
fn the_names_of_settings_are_those_of_each_language() {
    let header = ["setting", "Rust", "Python", "C++", "Node", "Go", "Java"];
    let rooms = [
        room("bindings-python/python/seawall", "py"),
        room("include/seawall", "hpp"),
        room("bindings-node/ts", "ts"),
        room("bindings-go", "go"),
        room("bindings-java/src/main/java/dev/seawall", "java"),
    ];
    let mut wrong = Vec::new();
    for concept in CONCEPTS {
        let guide = read(format!("docs/guide/{concept}.md"));
        for row in table(&guide, &header) {
            let core = source(concept);
            for (language, (cell, text)) in header[1..]
                .iter()
                .zip(row[1..].iter().zip(std::iter::once(&core).chain(&rooms)))
            {
                let name = cell
                    .split(|c: char| !c.is_alphanumeric() && c != '_')
                    .next()
                    .unwrap_or_default();
                if name.is_empty() || !text.contains(name) {
                    wrong.push(format!("{concept}: {language} does not know `{cell}`"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_status_is_explained_with_its_number() {
    let pages = [read("docs/spec/status.md"), read("docs/guide/errors.md")];
    for (number, name, _) in Status::ALL {
        let name = name.to_str().expect("a name is plain text");
        for page in &pages {
            let is_there = page.lines().any(|line| {
                let row = cells(line);
                row.len() > 2 && row[0] == number.to_string() && row[1] == name
            });
            assert!(
                is_there || *number == 0,
                "{number} `{name}` is not explained"
            );
        }
    }
}

/// The code of one language in a page, block by block.
fn blocks(text: &str, language: &str) -> Vec<String> {
    text.split(&format!("\n```{language}\n"))
        .skip(1)
        .filter_map(|rest| Some(rest.split_once("\n```")?.0.to_string() + "\n"))
        .collect()
}

/// Compiles one file without linking, where there is a compiler; says what is wrong with it.
fn compiles(compiler: &str, standard: &str, name: &str, code: &str) -> Result<(), String> {
    let folder = root().join("target/docs-code");
    fs::create_dir_all(&folder).expect("a folder");
    let file = folder.join(name);
    fs::write(&file, code).expect("a file");
    let strict = ["-fsyntax-only", "-Wall", "-Wextra", "-Wpedantic", "-Werror"];
    let answer = Command::new(compiler)
        .arg(standard)
        .args(strict)
        .arg("-Wno-return-type")
        .arg("-I")
        .arg(root().join("include"))
        .arg(&file)
        .output();
    match answer {
        Ok(answer) if !answer.status.success() => {
            Err(String::from_utf8_lossy(&answer.stderr).into_owned())
        }
        Ok(_) => Ok(()),
        Err(_) => {
            println!("skipped: no {compiler} found");
            Ok(())
        }
    }
}

/// Rust code runs as doc tests; that of C is at least compiled, without a warning.
#[test]
fn the_c_code_of_every_page_compiles() {
    let mut compiled = 0;
    for page in pages() {
        for block in blocks(&fs::read_to_string(&page).expect("a page"), "c") {
            if let Err(why) = compiles("cc", "-std=c99", "block.c", &block) {
                panic!("{}: {why}", page.display());
            }
            compiled += 1;
        }
    }
    assert!(compiled > CONCEPTS.len(), "only {compiled} blocks");
}

/// All blocks in one file, each in a namespace of its own, because the standard headers are what takes time.
#[test]
fn the_cpp_code_of_every_page_compiles() {
    let (mut includes, mut code, mut compiled) = (BTreeSet::new(), String::new(), 0);
    for page in pages() {
        for block in blocks(&fs::read_to_string(&page).expect("a page"), "cpp") {
            compiled += 1;
            code += &format!("namespace block_{compiled} {{ // {}\n", page.display());
            for line in block.lines() {
                if line.starts_with("#include") {
                    includes.insert(line.to_string());
                } else {
                    code += &format!("{line}\n");
                }
            }
            code += "}\n";
        }
    }
    let includes = includes.into_iter().collect::<Vec<_>>().join("\n");
    let used = (1..=compiled)
        .map(|number| format!("(void)&block_{number}::main;"))
        .collect::<String>();
    let whole = format!("{includes}\n{code}\nint main() {{ {used} }}\n");
    if let Err(why) = compiles("c++", "-std=c++17", "blocks.cpp", &whole) {
        panic!("{why}");
    }
    assert!(compiled > CONCEPTS.len(), "only {compiled} blocks");
}

/// Proofs in README.md are written `path: name`, the name of a test in that file.
#[test]
fn every_promise_names_a_test_that_is_there() {
    let readme = read("README.md");
    let rows = table(&readme, &["promise", "shown by"]);
    assert!(!rows.is_empty(), "README.md has lost its table of promises");
    for row in rows {
        let proofs: Vec<&str> = row[1]
            .split('`')
            .filter(|part| part.contains(": "))
            .collect();
        assert!(!proofs.is_empty(), "`{}` is shown by nothing", row[0]);
        for proof in proofs {
            let (path, name) = proof.split_once(": ").expect("path: name");
            assert!(
                read(path).contains(name),
                "{path} has no test `{name}`, which is to show: {}",
                row[0]
            );
        }
    }
}

/// What the first screen shows is what a reader will see.
#[test]
fn the_quick_starts_open_the_file_that_the_readme_shows() {
    let readme = read("README.md");
    let file = blocks(&readme, "toml").swap_remove(0);
    let sound = seawall::File::parse(&file, "seawall.toml").expect("it can be used");
    assert_eq!(seawall::check::check(&[sound]), []);

    let wrong = file.replace("attempts = 2", "attempts = 3");
    let refused = seawall::File::parse(&wrong, "seawall.toml").expect_err("it is refused");
    let shown = blocks(&readme, "text").join("");
    for problem in &refused.problems {
        let sum = problem.arithmetic.as_deref().unwrap_or_default();
        let place = format!("seawall.toml:{}:{}: ", problem.line, problem.column);
        for part in [place.as_str(), &problem.key, &problem.message, sum] {
            assert!(shown.contains(part), "{part} is not shown");
        }
    }
    for language in ["rust,no_run", "python", "js", "go", "java", "c", "cpp"] {
        let code = blocks(&readme, language).join("");
        for word in ["seawall.toml", "payments"] {
            assert!(
                code.contains(&format!("\"{word}\"")) || code.contains(&format!("'{word}'")),
                "{language}: no {word}"
            );
        }
    }
}
