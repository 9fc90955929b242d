//! Where things lie in the checkout, and reading and writing them with speaking errors.

use std::fs;
use std::path::{Path, PathBuf};

/// The root of the checkout. Cargo names it at run time; the path known at build time would be
/// wrong after the checkout was moved.
pub fn root() -> PathBuf {
    let here = std::env::var_os("CARGO_MANIFEST_DIR")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    here.parent()
        .map_or_else(|| here.clone(), Path::to_path_buf)
}

/// A path inside the checkout.
pub fn at(path: &str) -> PathBuf {
    root().join(path)
}

/// A path inside the folder that cargo builds into.
pub fn target(path: &str) -> PathBuf {
    let folder = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| at("target"), PathBuf::from);
    root().join(folder).join(path)
}

/// The path as a reader of the output knows it: from the root of the checkout.
pub fn shown(path: &Path) -> String {
    path.strip_prefix(root())
        .unwrap_or(path)
        .display()
        .to_string()
}

/// Version of the workspace as (whole, major, minor, patch).
pub fn version() -> (&'static str, &'static str, &'static str, &'static str) {
    (
        env!("CARGO_PKG_VERSION"),
        env!("CARGO_PKG_VERSION_MAJOR"),
        env!("CARGO_PKG_VERSION_MINOR"),
        env!("CARGO_PKG_VERSION_PATCH"),
    )
}

/// The text of a file.
pub fn read(path: &Path) -> Result<String, String> {
    fs::read_to_string(path).map_err(|error| format!("cannot read {}: {error}", shown(path)))
}

/// Writes a file, folders included. A file that already holds these bytes keeps its time stamp, so
/// that nothing which depends on it is built again.
pub fn write(path: &Path, bytes: impl AsRef<[u8]>) -> Result<(), String> {
    if fs::read(path).is_ok_and(|old| old == bytes.as_ref()) {
        return Ok(());
    }
    if let Some(folder) = path.parent() {
        make_folder(folder)?;
    }
    fs::write(path, bytes).map_err(|error| format!("cannot write {}: {error}", shown(path)))
}

/// Copies a file unless the copy already holds the same bytes.
pub fn copy(from: &Path, to: &Path) -> Result<(), String> {
    let bytes = fs::read(from).map_err(|error| format!("cannot read {}: {error}", shown(from)))?;
    write(to, bytes)
}

/// Makes a folder and those above it.
pub fn make_folder(path: &Path) -> Result<(), String> {
    fs::create_dir_all(path).map_err(|error| format!("cannot make {}: {error}", shown(path)))
}

/// Makes a folder that is empty, whatever lay there before.
pub fn empty_folder(path: &Path) -> Result<(), String> {
    if path.exists() {
        fs::remove_dir_all(path)
            .map_err(|error| format!("cannot empty {}: {error}", shown(path)))?;
    }
    make_folder(path)
}

/// The files of one folder with one of these endings, sorted by name. No such folder, no files.
pub fn files(folder: &Path, endings: &[&str]) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.is_file())
        .filter(|path| {
            let ending = path.extension().and_then(|ending| ending.to_str());
            ending.is_some_and(|ending| endings.contains(&ending))
        })
        .collect();
    found.sort();
    found
}

/// File name without its ending, as text.
pub fn stem(path: &Path) -> String {
    path.file_stem()
        .map(|stem| stem.to_string_lossy().into_owned())
        .unwrap_or_default()
}
