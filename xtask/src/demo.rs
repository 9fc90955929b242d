//! `cargo xtask demo`: builds what the demo needs and becomes the demo.

use crate::run::{self, Log};
use crate::{Answer, repo, workers};
use std::os::unix::process::CommandExt;

/// Builds, then runs `seawall demo`.
pub fn verb(arguments: &[String]) -> Answer {
    println!("building the demo (some minutes the first time)");
    let mut build = run::cargo();
    build.args(["build", "--release", "-p", "seawall-cli"]);
    run::must(build, &mut Log::quiet(&repo::target("demo/rust.log"))?)
        .map_err(|why| format!("{why}; see target/demo/rust.log"))?;
    let programs = workers::prepare_workers(&wanted(arguments))?;

    let mut demo = run::command(repo::target("release/seawall"));
    demo.stdin(std::process::Stdio::inherit());
    demo.arg("demo")
        .arg("--programs")
        .arg(programs)
        .arg("--policies")
        .arg("examples/checkout/seawall.toml")
        .args(arguments);
    // The demo takes our place, so that Ctrl-C reaches it and its exit code is ours.
    Err(format!("the demo did not start: {}", demo.exec()))
}

/// The languages of `--workers python,go`, which the demo checks; none means all of them.
fn wanted(arguments: &[String]) -> Vec<String> {
    let mut lists = Vec::new();
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        if let Some(list) = argument.strip_prefix("--workers=") {
            lists.push(list);
        } else if argument == "--workers" {
            lists.extend(rest.next().map(String::as_str));
        }
    }
    let names = lists.into_iter().flat_map(|list| list.split(','));
    names.map(str::to_string).collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn only_the_workers_that_were_asked_for_are_built() {
        let wanted = |line: &str| {
            let words: Vec<String> = line.split(' ').map(str::to_string).collect();
            super::wanted(&words)
        };
        assert_eq!(wanted("--seconds 5 --workers python,go"), ["python", "go"]);
        assert_eq!(wanted("--workers=rust --json x"), ["rust"]);
        assert!(wanted("--seconds 5").is_empty());
        assert!(wanted("--workers").is_empty());
    }
}
