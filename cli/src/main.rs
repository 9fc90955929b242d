//! The program `seawall`: see the resilience library at work.

mod demo;
#[path = "../../examples/checkout/worker.rs"]
mod worker;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// See the resilience library at work.
#[derive(Parser)]
#[command(name = "seawall", version)]
struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Play "2:47 PM": a payment server turns slow, checkout services in five languages call it,
    /// first bare, then protected.
    Demo(demo::Options),
    /// The checkout service of the demo that is written in Rust.
    #[command(hide = true)]
    Worker(worker::Options),
}

fn main() -> ExitCode {
    match Arguments::parse().verb {
        Verb::Demo(options) => demo::run(options),
        Verb::Worker(options) => worker::run(options),
    }
}
