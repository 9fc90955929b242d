//! The order of the C header: cbindgen writes all numbers, then all structs, then all functions; a
//! reader wants everything about breakers, then everything about bulkheads. So each declaration
//! goes below the headline of the file of ffi/ that it comes from.

use crate::repo;
use std::collections::HashMap;

/// The files of ffi/src in the order a reader meets them. What their first comment says becomes the
/// headline and the story below it.
const SECTIONS: [&str; 15] = [
    "status",
    "permit",
    "breaker",
    "bulkhead",
    "limiter",
    "retry_budget",
    "backoff",
    "deadline",
    "histogram",
    "policy",
    "call",
    "http",
    "retry_after",
    "dependency",
    "wall",
];

/// Ends the part of cbindgen.toml that stays above all sections.
const CUT: &str = "/* ----- what follows goes to its concept ----- */";
const OPEN: &str = "#ifdef __cplusplus\nextern \"C\" {\n#endif";
const CLOSE: &str = "#ifdef __cplusplus\n}\n#endif";

/// No line with a comment behind it becomes longer than this.
const WIDTH: usize = 118;

/// Puts the declarations of a header into sections. `source` answers the text of a file of ffi/src.
pub fn arrange(
    header: &str,
    source: impl Fn(&str) -> Result<String, String>,
) -> Result<String, String> {
    let (top, rest) = header
        .split_once(CUT)
        .ok_or("the header lacks the mark of cbindgen.toml")?;
    let mut stories = Vec::new();
    let mut homes = HashMap::new();
    for section in SECTIONS {
        let text = source(section)?;
        for name in declared(&text) {
            homes.insert(name.to_string(), section);
        }
        stories.push(headline(&text));
    }

    // What comes first in a section: numbers, types, macros, functions.
    let mut blocks: Vec<(usize, usize, String)> = Vec::new();
    for block in rest.split("\n\n").map(str::trim) {
        let is_frame = block.is_empty()
            || block.starts_with("#endif")
            || block.starts_with("#ifdef __cplusplus");
        if is_frame {
            continue;
        }
        let name =
            name_of(block).ok_or_else(|| format!("cannot name the declaration `{block}`"))?;
        let section = home(name, &homes);
        let kind = match () {
            () if !block.contains("#define") => usize::from(block.contains("SEAWALL_API")) * 2 + 1,
            () if homes.contains_key(name) => 0,
            () => 2,
        };
        blocks.push((section, kind, compact(block, kind)));
    }

    let mut text = format!("{}\n\n{OPEN}\n", top.trim_end());
    for (index, story) in stories.iter().enumerate() {
        text.push('\n');
        text.push_str(story);
        for kind in 0..4 {
            let mut family = "";
            for (.., block) in blocks.iter().filter(|one| (one.0, one.1) == (index, kind)) {
                // Numbers stand together like the rows of a table.
                let own = if kind == 0 { family_of(block) } else { "" };
                if own.is_empty() || own != family {
                    text.push('\n');
                }
                text.push_str(block);
                text.push('\n');
                family = own;
            }
        }
    }
    text.push_str(&format!("\n{CLOSE}\n\n#endif /* SEAWALL_H */\n"));
    Ok(text)
}

/// [`arrange`] for the files as they lie in ffi/src.
pub fn arrange_from_ffi(header: &str) -> Result<String, String> {
    arrange(header, |section| {
        repo::read(&repo::at("ffi/src").join(format!("{section}.rs")))
    })
}

/// The public names that a file of ffi/src declares.
fn declared(source: &str) -> impl Iterator<Item = &str> {
    source.lines().filter_map(|line| {
        let rest = line.strip_prefix("pub ")?;
        let rest = [
            "const ",
            "struct ",
            "type ",
            "unsafe extern \"C\" fn ",
            "extern \"C\" fn ",
        ]
        .into_iter()
        .find_map(|word| rest.strip_prefix(word))?;
        rest.split(|letter: char| !is_of_a_name(letter)).next()
    })
}

/// The first comment of a file: a title, and what is to be known about the concept.
fn headline(source: &str) -> String {
    let mut lines = source
        .lines()
        .map_while(|line| line.strip_prefix("//!"))
        .filter(|line| !line.trim_start().starts_with("```"));
    let title = lines
        .next()
        .unwrap_or_default()
        .trim()
        .trim_end_matches('.');
    let rule = "=".repeat(100_usize.saturating_sub(title.len()));
    let story: Vec<&str> = lines.skip_while(|line| line.trim().is_empty()).collect();
    if story.is_empty() {
        return format!("/* ===== {title} {rule} */\n");
    }
    let mut text = format!("/* ===== {title} {rule}\n *\n");
    for line in story {
        text.push_str(format!(" *{line}").trim_end());
        text.push('\n');
    }
    text.push_str(" */\n");
    text
}

/// Where a name belongs. Macros of cbindgen.toml are in no file; their names say what they are for.
fn home(name: &str, homes: &HashMap<String, &str>) -> usize {
    let lower = name.to_lowercase();
    let of_its_type = lower.strip_suffix("_init").map(|stem| format!("{stem}_t"));
    let section = homes
        .get(name)
        .or_else(|| of_its_type.and_then(|kind| homes.get(&kind)))
        .copied()
        .or_else(|| {
            SECTIONS
                .into_iter()
                .find(|section| lower.starts_with(&format!("seawall_{section}_")))
        });
    SECTIONS
        .into_iter()
        .position(|one| Some(one) == section)
        .unwrap_or(0)
}

/// What a block declares: the name behind `#define`, before `(`, or at the end of a typedef.
fn name_of(block: &str) -> Option<&str> {
    let code = block
        .split_once("*/")
        .map_or(block, |(_, code)| code)
        .trim();
    let defined = code
        .lines()
        .find_map(|line| line.trim_start_matches(['#', ' ']).strip_prefix("define "));
    let words = match defined {
        Some(rest) => rest.split(|letter: char| !is_of_a_name(letter)).next(),
        None => {
            // A struct ends with its name; a function has it before its first bracket.
            let end = if code.starts_with("typedef") {
                code
            } else {
                code.split('(').next()?
            };
            let head = end.trim_end_matches(';').trim_end();
            head.rsplit(|letter: char| !is_of_a_name(letter)).next()
        }
    };
    words.filter(|name| !name.is_empty())
}

/// `REFUSED` of `#define SEAWALL_REFUSED_BREAKER_OPEN 10`.
fn family_of(number: &str) -> &str {
    number
        .split_once("SEAWALL_")
        .and_then(|(_, name)| name.split(['_', ' ']).next())
        .unwrap_or_default()
}

fn is_of_a_name(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || letter == '_'
}

/// Writes one-line comments in one line; behind a number, if there is room.
fn compact(block: &str, kind: usize) -> String {
    let mut lines: Vec<String> = Vec::new();
    let mut rest = block.lines().peekable();
    while let Some(line) = rest.next() {
        let indent = line.len() - line.trim_start().len();
        if line.trim() != "/**" {
            lines.push(line.to_string());
            continue;
        }
        let mut comment: Vec<String> = vec![line.to_string()];
        for line in rest.by_ref() {
            comment.push(line.to_string());
            if line.trim() == "*/" {
                break;
            }
        }
        match comment.as_slice() {
            [_, only, _] => {
                let sentence = only.trim().trim_start_matches('*').trim();
                lines.push(format!("{}/** {sentence} */", " ".repeat(indent)));
            }
            _ => lines.append(&mut comment),
        }
    }
    match lines.as_slice() {
        [comment, code] if kind == 0 => {
            let behind = format!("{code:<48} {}", comment.replacen("/** ", "/**< ", 1));
            if behind.len() <= WIDTH {
                behind
            } else {
                lines.join("\n")
            }
        }
        _ => lines.join("\n"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str = "\
#ifndef SEAWALL_H
/* the manual */
/* ----- what follows goes to its concept ----- */

/* Defaults. */
#define SEAWALL_BREAKER_CONFIG_INIT { 1 }

/**
 * Not bad.
 */
#define SEAWALL_OUTCOME_SUCCESS 0

/**
 * Bad.
 */
#define SEAWALL_OUTCOME_FAILURE 1

typedef struct seawall_breaker_t seawall_breaker_t;

typedef int32_t seawall_status_t;

#ifdef __cplusplus
extern \"C\" {
#endif // __cplusplus

/**
 * Bytes; see seawall_status_text().
 */
SEAWALL_API size_t seawall_breaker_bytes(void);

/**
 * A text.
 *
 * Of two paragraphs.
 */
SEAWALL_API
const char *seawall_status_text(seawall_status_t status);

#ifdef __cplusplus
}  // extern \"C\"
#endif  // __cplusplus

#endif  /* SEAWALL_H */
";

    fn source(section: &str) -> Result<String, String> {
        Ok(match section {
            "status" => "//! Status: numbers.\npub type seawall_status_t = i32;\n\
                         pub const SEAWALL_OUTCOME_SUCCESS: u32 = 0;\npub const SEAWALL_OUTCOME_FAILURE: u32 = 1;\n\
                         pub extern \"C\" fn seawall_status_text(\n",
            "breaker" => "//! Breaker: stop\n//!\n//! ```text\n//!  a -> b\n//! ```\npub struct seawall_breaker_t {\n\
                          pub extern \"C\" fn seawall_breaker_bytes() -> usize {\n",
            _ => "//! Other\n",
        }
        .to_string())
    }

    #[test]
    fn each_declaration_stands_below_its_headline() {
        let text = arrange(HEADER, source).expect("sorted");
        let place = |part: &str| {
            text.find(part)
                .unwrap_or_else(|| panic!("{part} in {text}"))
        };
        let order = [
            "/* the manual */",
            "extern \"C\" {",
            "===== Status: numbers =",
            "#define SEAWALL_OUTCOME_SUCCESS 0                /**< Not bad. */\n#define SEAWALL_OUTCOME_FAILURE",
            "typedef int32_t",
            "const char *seawall_status_text",
            "===== Breaker: stop =",
            " *  a -> b\n */",
            "typedef struct seawall_breaker_t",
            "/* Defaults. */",
            "/** Bytes; see",
            "SEAWALL_API size_t",
            "}\n#endif",
        ];
        for pair in order.windows(2) {
            assert!(place(pair[0]) < place(pair[1]), "{pair:?} in {text}");
        }
        assert!(!text.contains("```"));
    }
}
