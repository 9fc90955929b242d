//! The verbs of this repository: `cargo xtask <verb>`. Nothing but cargo has to be there to start;
//! what a verb needs beyond that it looks for and names when it is missing.

mod abi;
mod archive;
mod bench;
mod counts;
mod declarations;
mod demo;
mod header;
mod lint;
mod manual;
mod ordering;
mod repo;
mod rig;
mod run;
mod stamp;
mod suite;
mod symbols;
mod table;
mod toolchain;
mod workers;

use std::process::ExitCode;

/// What a verb answers: whether all was well, or the sentence that says why it could not be told.
type Answer = Result<bool, String>;

const USAGE: &str = "\
usage: cargo xtask <verb>

  header [--check]         write include/seawall.h and include/seawall.abi.json from ffi/,
                           or with --check say how the committed ones differ
  archive [--prefix DIR]   build the sealed static archive and the shared library, with their
                           pkg-config file and CMake package, into target/seawall or DIR
  test [LANG...]           run the suites: rust c cpp python node go java (all when none is named);
                           REQUIRE_ALL=1 turns a missing toolchain into a failure
  demo [ARGS...]           build the demo and its workers, then run it
  bench [ARGS...]          run the benchmarks in their quick form
  lint                     formatting, clippy, memory-ordering comments, long files";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (verb, rest) = match arguments.split_first() {
        Some((verb, rest)) => (verb.as_str(), rest),
        None => ("help", [].as_slice()),
    };
    let answer = match verb {
        "header" => header::verb(rest),
        "archive" => archive::verb(rest),
        "test" => suite::verb(rest),
        "demo" => demo::verb(rest),
        "bench" => bench::verb(rest),
        "lint" => lint::verb(rest),
        "help" | "--help" | "-h" => {
            println!("{USAGE}");
            Ok(true)
        }
        unknown => Err(format!("no verb `{unknown}`\n\n{USAGE}")),
    };
    match answer {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(why) => {
            eprintln!("xtask {verb}: {why}");
            ExitCode::FAILURE
        }
    }
}
