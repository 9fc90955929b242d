//! `cargo xtask demo`: builds what the demo needs and becomes the demo.

use crate::run::{self, Log};
use crate::{Answer, repo, workers};
use std::os::unix::process::CommandExt;

/// Builds, then runs `seawall demo`.
pub fn verb(arguments: &[String]) -> Answer {
    println!("building the demo");
    let mut build = run::cargo();
    build.args(["build", "--release", "-p", "seawall-cli"]);
    run::must(build, &mut Log::quiet(&repo::target("demo/rust.log"))?)
        .map_err(|why| format!("{why}; see target/demo/rust.log"))?;
    let workers = workers::prepare_workers()?;

    let mut demo = run::command(repo::target("release/seawall"));
    demo.stdin(std::process::Stdio::inherit());
    demo.arg("demo")
        .arg("--workers")
        .arg(workers)
        .args(arguments);
    // The demo takes our place, so that Ctrl-C reaches it and its exit code is ours.
    Err(format!("the demo did not start: {}", demo.exec()))
}
