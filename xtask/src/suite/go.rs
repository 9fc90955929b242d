//! The Go suite: vet, and all tests under the race detector.

use super::Session;
use crate::{counts, repo, rig, toolchain};

/// Runs all of it.
pub fn run(session: &mut Session) -> Result<(), String> {
    let Some(go) = toolchain::find("go").filter(|go| toolchain::works(go, &["version"])) else {
        session.without_toolchain("no go toolchain");
        return Ok(());
    };
    if toolchain::cc().is_none() {
        session.without_toolchain("no C compiler, which cgo needs,");
        return Ok(());
    }
    session.archive()?;

    let mut vet = session.command(&go);
    prepare(&mut vet).args(["vet", "./..."]);
    session.check("go vet", vet);

    let mut test = session.command(&go);
    // Go keeps the results of tests; a vector file that changed must not be missed by that.
    prepare(&mut test).args(["test", "-race", "-count=1", "-v", "./..."]);
    session.counted("go test -race", test, counts::go);
    session.counted("the rig, by go test -race", rig::test(&go), counts::go);
    Ok(())
}

fn prepare(command: &mut std::process::Command) -> &mut std::process::Command {
    // The toolchain that is here is what is tested; fetching another would hide that.
    command
        .current_dir(repo::at("bindings-go"))
        .env("GOTOOLCHAIN", "local")
        .env("CGO_ENABLED", "1")
}
