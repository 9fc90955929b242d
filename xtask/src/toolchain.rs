//! Finding the compilers and interpreters of the seven languages.

use crate::run;
use std::path::{Path, PathBuf};

/// A program on `PATH`, or none.
pub fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|folder| folder.join(program))
        .find(|file| file.is_file())
}

/// A program that may be replaced by a variable (`CC`, `CXX`), or the first of these on `PATH`.
pub fn named(variable: &str, programs: &[&str]) -> Option<PathBuf> {
    let chosen = std::env::var(variable).ok().filter(|name| !name.is_empty());
    match chosen {
        Some(name) if name.contains('/') => Some(PathBuf::from(name)),
        Some(name) => find(&name),
        None => programs.iter().find_map(|program| find(program)),
    }
}

/// The C compiler.
pub fn cc() -> Option<PathBuf> {
    named("CC", &["cc", "gcc", "clang"])
}

/// The C++ compiler.
pub fn cxx() -> Option<PathBuf> {
    named("CXX", &["c++", "g++", "clang++"])
}

/// The first line a program answers to `--version`.
pub fn version(program: &Path) -> String {
    let mut command = run::command(program);
    command.arg("--version");
    run::output(command)
        .unwrap_or_default()
        .lines()
        .next()
        .unwrap_or_default()
        .to_string()
}

/// Whether a program of a language works: version managers leave shims on `PATH` that only complain.
pub fn works(program: &Path, arguments: &[&str]) -> bool {
    let mut command = run::command(program);
    command.args(arguments);
    run::output(command).is_ok()
}

/// A Java development kit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Jdk {
    /// Its first version number: 17, 21, 25.
    pub major: u32,
    /// Its folder.
    pub home: PathBuf,
}

/// The JDKs of this machine, newest first, one per major version. `java` on `PATH` is often only a
/// runtime, so the usual folders are searched.
pub fn jdks() -> Vec<Jdk> {
    let mut homes: Vec<PathBuf> = std::env::var_os("JAVA_HOME")
        .map(PathBuf::from)
        .into_iter()
        .collect();
    let mut parents = vec![
        PathBuf::from("/usr/lib/jvm"),
        PathBuf::from("/opt"),
        PathBuf::from("/opt/java"),
    ];
    if let Some(home) = std::env::var_os("HOME").map(PathBuf::from) {
        parents.push(home.join(".sdkman/candidates/java"));
        parents.push(home.join(".jdks"));
    }
    for parent in parents {
        let entries = std::fs::read_dir(parent).into_iter().flatten().flatten();
        homes.extend(entries.map(|entry| entry.path()));
    }
    let mut found: Vec<Jdk> = homes
        .into_iter()
        .filter_map(|home| home.canonicalize().ok())
        .filter(|home| home.join("bin/javac").is_file() && home.join("bin/java").is_file())
        .filter_map(|home| {
            let release = std::fs::read_to_string(home.join("release")).ok()?;
            Some(Jdk {
                major: java_major(&release)?,
                home,
            })
        })
        .collect();
    found.sort_by(|one, other| other.major.cmp(&one.major).then(one.home.cmp(&other.home)));
    found.dedup_by_key(|jdk| jdk.major);
    found
}

/// The major version in the text of a JDK's `release` file.
fn java_major(release: &str) -> Option<u32> {
    let line = release
        .lines()
        .find_map(|line| line.strip_prefix("JAVA_VERSION="))?;
    let number = line.trim().trim_matches('"');
    let first = number.strip_prefix("1.").unwrap_or(number);
    first.split(['.', '-', '+', '_']).next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_major_version_of_a_jdk_is_read_from_its_release_file() {
        assert_eq!(
            java_major("IMPLEMENTOR=\"x\"\nJAVA_VERSION=\"17.0.15\"\n"),
            Some(17)
        );
        assert_eq!(java_major("JAVA_VERSION=\"25\"\n"), Some(25));
        assert_eq!(java_major("JAVA_VERSION=\"1.8.0_402\"\n"), Some(8));
        assert_eq!(java_major("JAVA_VERSION=\"26-ea\"\n"), Some(26));
        assert_eq!(java_major("no version here"), None);
    }
}
