//! `cargo xtask bench`: the benchmarks, in a form that takes a minute.

use crate::Answer;
use crate::run::{self, Log};

/// Runs the benchmarks of the workspace.
pub fn verb(arguments: &[String]) -> Answer {
    let mut bench = run::cargo();
    bench.args(["bench", "-p", "seawall-workspace"]);
    // A benchmark of ours reads this and measures for a shorter time.
    bench.env("SEAWALL_BENCH_QUICK", "1");
    if !arguments.is_empty() {
        bench.arg("--").args(arguments);
    }
    Ok(run::stream(bench, &mut Log::screen()).ok)
}
