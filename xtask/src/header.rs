//! `cargo xtask header`: the C header and its description, written from ffi/ and committed, so that
//! nobody needs Rust to read or compile against them.

use crate::run::Log;
use crate::{Answer, abi, manual, repo, run};
use std::path::{Path, PathBuf};

/// Where the texts are made, below the folder that cargo builds into.
const GENERATED: &str = "seawall/generated";

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
    repo::write(&header, manual::arrange_from_ffi(&declare()?)?)?;
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

#[cfg(test)]
mod tests {
    use super::*;

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
