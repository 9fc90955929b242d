//! `cargo xtask header`: the C header and its description, written from ffi/ and committed, so that
//! nobody needs Rust to read or compile against them.

use crate::run::Log;
use crate::{Answer, abi, repo, run};
use std::path::{Path, PathBuf};

/// Where the texts are made, below the folder that cargo builds into.
const GENERATED: &str = "seawall/generated";

/// The concepts of the header in the order a reader meets them, with what they are for.
const CONCEPTS: [(&str, &str); 7] = [
    ("breaker", "Breaker: stop calling what keeps failing"),
    ("bulkhead", "Bulkhead: never more calls at once than this"),
    ("limiter", "Limiter: never more calls per time than this"),
    (
        "retry_budget",
        "Retry budget: retries stay a small share of calls",
    ),
    ("backoff", "Backoff: how long to wait before a retry"),
    ("deadline", "Deadline: the time left for a whole call"),
    ("histogram", "Histogram: how long calls take"),
];

/// Writes the header and its description, or compares them with `--check`.
pub fn verb(arguments: &[String]) -> Answer {
    match arguments {
        [] => {
            generate()?;
            for (committed, made) in committed() {
                repo::copy(&made, &committed)?;
                println!("{}", repo::shown(&committed));
            }
            Ok(true)
        }
        [check] if check == "--check" => {
            let differences = check_committed(&mut Log::screen())?;
            Ok(differences == 0)
        }
        _ => Err("header knows only --check".into()),
    }
}

/// Makes both texts in target/seawall/generated, where who wants to look finds them.
fn generate() -> Result<(), String> {
    let folder = repo::target(GENERATED);
    let header = folder.join("seawall.h");
    repo::write(&header, banners(&declare()?))?;
    repo::write(&folder.join("seawall.abi.json"), abi::describe(&header)?)
}

/// The committed files, each with what it should be. The Go module carries a header of its own,
/// because whoever fetches a Go module fetches nothing around it.
fn committed() -> Vec<(PathBuf, PathBuf)> {
    let generated = repo::target(GENERATED);
    let mut pairs = vec![
        (repo::at("include/seawall.h"), generated.join("seawall.h")),
        (
            repo::at("include/seawall.abi.json"),
            generated.join("seawall.abi.json"),
        ),
    ];
    if repo::at("bindings-go").exists() {
        pairs.push((
            repo::at("bindings-go/include/seawall.h"),
            generated.join("seawall.h"),
        ));
    }
    pairs
}

/// Says how the committed files differ from what ffi/ asks for; answers how many differ.
pub fn check_committed(log: &mut Log) -> Result<u64, String> {
    generate()?;
    let mut differences = 0;
    for (committed, made) in committed() {
        if repo::read(&committed).ok() != repo::read(&made).ok() {
            differences += 1;
            show_difference(&committed, &made, log);
            let name = repo::shown(&committed);
            log.line(&format!(
                "{name} is not what ffi/ says: run `cargo xtask header`"
            ));
        }
    }
    if differences == 0 {
        log.line("the committed headers say what ffi/ says");
    }
    Ok(differences)
}

fn show_difference(committed: &Path, made: &Path, log: &mut Log) {
    let mut diff = run::command("diff");
    diff.arg("-u").arg(committed).arg(made);
    run::stream(diff, log);
}

/// The header as cbindgen writes it.
fn declare() -> Result<String, String> {
    let folder = repo::at("ffi");
    let mut config = cbindgen::Config::from_file(folder.join("cbindgen.toml"))?;
    let (version, major, minor, patch) = repo::version();
    let number = [major, minor, patch]
        .iter()
        .try_fold(0_u32, |number, part| {
            part.parse::<u32>().ok().map(|part| number * 1000 + part)
        })
        .ok_or("the version in Cargo.toml has parts that are no numbers")?;
    let versions = format!(
        "\n#define SEAWALL_VERSION_MAJOR {major}\n#define SEAWALL_VERSION_MINOR {minor}\n\
         #define SEAWALL_VERSION_PATCH {patch}\n\
         /* major * 1000000 + minor * 1000 + patch, to compare in #if. */\n\
         #define SEAWALL_VERSION_NUMBER {number}\n#define SEAWALL_VERSION_TEXT \"{version}\"\n"
    );
    let macros = config.after_includes.take().unwrap_or_default();
    config.after_includes = Some(versions + &macros);

    let bindings = cbindgen::Builder::new()
        .with_crate(&folder)
        .with_config(config)
        .generate()
        .map_err(|error| format!("cbindgen cannot read ffi/: {error}"))?;
    let mut bytes = Vec::new();
    bindings.write(&mut bytes);
    let text = String::from_utf8(bytes).map_err(|error| error.to_string())?;
    Ok(tidy(&text))
}

/// Drops blanks at line ends and double empty lines, and puts negative numbers in brackets, so that
/// `x -SEAWALL_ERROR_NULL` means what it says.
fn tidy(text: &str) -> String {
    let mut kept = String::new();
    let mut was_empty = false;
    for line in text.lines().map(str::trim_end) {
        if !(line.is_empty() && was_empty) {
            match line.rsplit_once(" -") {
                Some((name, number))
                    if name.starts_with("#define ") && number.parse::<u64>().is_ok() =>
                {
                    kept.push_str(&format!("{name} (-{number})"));
                }
                _ => kept.push_str(line),
            }
            kept.push('\n');
        }
        was_empty = line.is_empty();
    }
    kept
}

/// Puts a headline above the first function of each concept. cbindgen keeps functions in the order
/// of the source, one file of ffi/ per concept.
fn banners(header: &str) -> String {
    let lines: Vec<&str> = header.lines().collect();
    let mut above: Vec<Option<&str>> = vec![None; lines.len()];
    let mut current = "";
    let mut start = None;
    let mut is_in_functions = false;
    for (index, line) in lines.iter().enumerate() {
        if line.starts_with("extern \"C\"") {
            is_in_functions = true;
        }
        if !is_in_functions {
            continue;
        }
        // A declaration starts at its comment, or at its first line when it has none.
        if start.is_none() && (line.starts_with("/**") || line.starts_with("SEAWALL_API")) {
            start = Some(index);
        }
        let is_comment = line.starts_with("/**") || line.starts_with(" *");
        let named = (!is_comment).then(|| concept_of(line)).flatten();
        if let (Some((concept, title)), Some(first)) = (named, start)
            && concept != current
        {
            current = concept;
            if let Some(place) = above.get_mut(first) {
                *place = Some(title);
            }
        }
        if line.trim_end().ends_with(';') {
            start = None;
        }
    }
    let mut text = String::new();
    for (line, title) in lines.iter().zip(above) {
        if let Some(title) = title {
            let rule = "=".repeat(86_usize.saturating_sub(title.len()));
            text.push_str(&format!("/* ===== {title} {rule} */\n\n"));
        }
        text.push_str(line);
        text.push('\n');
    }
    text
}

/// The concept whose function is declared in this line.
fn concept_of(line: &str) -> Option<(&'static str, &'static str)> {
    let (_, name) = line.split('(').next()?.rsplit_once("seawall_")?;
    CONCEPTS.into_iter().find(|(concept, _)| {
        name.strip_prefix(concept)
            .is_some_and(|rest| rest.starts_with('_') && line.contains('('))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_function_of_a_concept_gets_a_headline() {
        let header = "\
typedef struct seawall_breaker_t { int a; } seawall_breaker_t;
extern \"C\" {
#endif

/**
 * Bytes of a breaker; see seawall_limiter_bytes().
 */
SEAWALL_API uint64_t seawall_breaker_bytes(void);

SEAWALL_API SEAWALL_NODISCARD
int32_t seawall_breaker_record(seawall_breaker_t *breaker,
                               uint32_t outcome);

/**
 * Bytes of a limiter.
 */
SEAWALL_API uint64_t seawall_limiter_bytes(void);
";
        let text = banners(header);
        let headlines: Vec<&str> = text.lines().filter(|line| line.contains("=====")).collect();
        assert_eq!(headlines.len(), 2, "{text}");
        assert!(
            headlines.iter().all(|line| line.len() == 99),
            "{headlines:?}"
        );
        let place = |part: &str| text.find(part).expect("in the text");
        assert!(place("===== Breaker") < place("Bytes of a breaker"));
        assert!(place("seawall_breaker_record") < place("===== Limiter"));
        assert!(place("===== Limiter") < place("Bytes of a limiter"));
    }

    #[test]
    fn blank_lines_do_not_pile_up() {
        assert_eq!(tidy("a  \n\n\n\nb\n"), "a\n\nb\n");
    }

    #[test]
    fn negative_numbers_stand_in_brackets() {
        assert_eq!(tidy("#define SEAWALL_A -90\n"), "#define SEAWALL_A (-90)\n");
        assert_eq!(
            tidy("#define SEAWALL_A 90\n * x -90\n"),
            "#define SEAWALL_A 90\n * x -90\n"
        );
    }
}
