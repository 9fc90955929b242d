//! The far end of the end-to-end tests: a server with real faults, a Go program whatever the
//! language that is tested.

use crate::run::{self, Log};
use crate::{repo, toolchain};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The rig, built once for all suites of a run, or the sentence that says why there is none.
pub fn build(log: &mut Log) -> Result<PathBuf, String> {
    static BUILT: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    BUILT.get_or_init(|| make(log)).clone()
}

fn make(log: &mut Log) -> Result<PathBuf, String> {
    let go = go().ok_or("no go toolchain, which builds their server, found")?;
    let program = repo::target("rig/rig");
    let mut build = command(&go);
    build.arg("build").arg("-o").arg(&program).arg(".");
    run::must(build, log)?;
    Ok(program)
}

/// The rig's own tests.
pub fn test(go: &Path) -> Command {
    let mut test = command(go);
    test.args(["test", "-race", "-count=1", "-v", "./..."]);
    test
}

fn go() -> Option<PathBuf> {
    toolchain::find("go").filter(|go| toolchain::works(go, &["version"]))
}

fn command(go: &Path) -> Command {
    let mut command = run::command(go);
    command
        .current_dir(repo::at("tests/rig"))
        .env("GOTOOLCHAIN", "local");
    command
}
