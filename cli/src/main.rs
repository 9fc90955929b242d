//! The program `seawall`: check the policies of a service, and see the resilience library at work.

mod check;
mod demo;
mod scorecard;
#[path = "../../examples/checkout/rust/worker.rs"]
mod worker;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// Check the policies of a service, and see the resilience library at work.
#[derive(Parser)]
#[command(name = "seawall", version)]
struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Check files such as seawall.toml before they ship.
    ///
    /// Tells everything that is wrong with each file, what somebody will regret (SW003 to SW010), and dependencies
    /// to which several files give different policies. Exit status: 0 when every file can be used, 1 when one
    /// cannot, 2 when the command line is wrong. Colours on a terminal only, and not where NO_COLOR is set.
    Check(check::Options),
    /// Show every dependency of a file on a line, with what it may cost at worst.
    Scorecard(scorecard::Options),
    /// Play "2:47 PM": a payment server turns slow, checkout services in five languages call it,
    /// first bare, then as one file of policies has it.
    Demo(demo::Options),
    /// The checkout service of the demo that is written in Rust.
    #[command(hide = true)]
    Worker(worker::Options),
}

fn main() -> ExitCode {
    match Arguments::parse().verb {
        Verb::Check(options) => check::run(options),
        Verb::Scorecard(options) => scorecard::run(options),
        Verb::Demo(options) => demo::run(options),
        Verb::Worker(options) => worker::run(options),
    }
}
