//! The Node suite: the package is tested in place, then packed as it is published, installed into
//! an empty folder and used from there the ways a user would: import, require, a worker thread.

use super::Session;
use crate::run::{self, Log};
use crate::stamp::Stamp;
use crate::{counts, repo, toolchain};
use std::path::PathBuf;
use std::process::Command;

/// Runs all of it.
pub fn run(session: &mut Session) -> Result<(), String> {
    let Some(node) = interpreter() else {
        session.without_toolchain("no node 20 or newer with npm");
        return Ok(());
    };
    build(session.log())?;

    let mut test = npm(&["test"]);
    session.prepare(&mut test);
    session.counted("npm test", test, counts::node);

    let fresh = install_packed(session.log())?;
    let programs = repo::files(
        &repo::at("bindings-node/tests-package"),
        &["mjs", "cjs", "js"],
    );
    if programs.is_empty() {
        session.judge(
            "programs bindings-node/tests-package/*",
            Err("there are none".into()),
        );
    }
    for program in programs {
        let name = program.file_name().map(PathBuf::from).unwrap_or_default();
        let copy = fresh.join(&name);
        repo::copy(&program, &copy)?;
        let mut command = session.command(&node);
        command.current_dir(&fresh).arg(&name);
        session.check(
            &format!("the packed package from {}", name.display()),
            command,
        );
    }
    Ok(())
}

/// A Node that is new enough, with npm beside it.
pub fn interpreter() -> Option<PathBuf> {
    let ask = "process.exit(Number(process.versions.node.split('.')[0]) < 20 ? 1 : 0)";
    toolchain::find("npm")?;
    toolchain::named("NODE", &["node", "nodejs"])
        .filter(|node| toolchain::works(node, &["-e", ask]))
}

/// Installs what the build needs and builds the addon; answers the folder of the package.
pub fn build(log: &mut Log) -> Result<PathBuf, String> {
    let folder = repo::at("bindings-node");
    let stamp = Stamp::kept_in(folder.join("node_modules/.seawall-stamp"))
        .file(&folder.join("package-lock.json"))
        .word(
            &toolchain::find("node")
                .map(|node| toolchain::version(&node))
                .unwrap_or_default(),
        );
    if !stamp.is_current() {
        run::must(npm(&["ci", "--no-audit", "--no-fund"]), log)?;
        stamp.keep()?;
    }
    run::must(npm(&["run", "build"]), log)?;
    Ok(folder)
}

/// Packs the package and installs it into an empty folder. It must bring along all it needs, so
/// this works without asking any registry.
fn install_packed(log: &mut Log) -> Result<PathBuf, String> {
    let (packed, fresh) = (repo::target("node-pack"), repo::target("node-fresh"));
    repo::empty_folder(&packed)?;
    repo::empty_folder(&fresh)?;
    let mut pack = npm(&["pack", "--pack-destination"]);
    pack.arg(&packed);
    run::must(pack, log)?;
    let tarballs = repo::files(&packed, &["tgz"]);
    let [tarball] = tarballs.as_slice() else {
        return Err(format!(
            "npm packed {} files instead of one",
            tarballs.len()
        ));
    };
    repo::write(&fresh.join("package.json"), "{ \"private\": true }\n")?;
    let mut install = npm(&["install", "--offline", "--no-audit", "--no-fund"]);
    install.arg(tarball).current_dir(&fresh);
    run::must(install, log)?;
    Ok(fresh)
}

fn npm(arguments: &[&str]) -> Command {
    let mut command = run::command("npm");
    command
        .current_dir(repo::at("bindings-node"))
        .args(arguments);
    command.env("NO_UPDATE_NOTIFIER", "1");
    command
}
