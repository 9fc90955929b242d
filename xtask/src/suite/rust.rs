//! The Rust suite: every crate of the workspace, and what is generated from it.

use super::Session;
use crate::{archive, counts, header, repo, run, toolchain};

/// Runs all of it.
pub fn run(session: &mut Session) -> Result<(), String> {
    let mut cargo = run::cargo();
    session.prepare(&mut cargo);
    cargo.args(["test", "--workspace", "--no-fail-fast"]);
    // These two only hold native code, and want their interpreter even to be built.
    for (package, program) in [("seawall-python", "python3"), ("seawall-node", "node")] {
        let is_a_member = repo::read(&repo::at("Cargo.lock"))
            .is_ok_and(|lock| lock.contains(&format!("name = \"{package}\"")));
        if is_a_member && toolchain::find(program).is_none() {
            cargo.args(["--exclude", package]);
        }
    }
    session.counted("cargo test", cargo, counts::cargo);

    features(session);
    interleavings(session);

    let differences = header::check_committed(session.log())?;
    let answer = match differences {
        0 => Ok(()),
        _ => Err("run `cargo xtask header`".to_string()),
    };
    session.judge("the committed header is what ffi/ says", answer);

    session.archive()?;
    let complaints = archive::complaints()?;
    let answer = if complaints.is_empty() {
        Ok(())
    } else {
        Err(complaints.join("; "))
    };
    session.judge(
        "the sealed archive brings only seawall_* and asks for next to nothing",
        answer,
    );
    Ok(())
}

/// Each optional feature of the host builds without the others, and none of them is there unasked.
fn features(session: &mut Session) {
    for feature in ["", "std", "tokio", "tracing", "http", "tower", "hyper"] {
        let mut cargo = run::cargo();
        cargo.args(["check", "--quiet", "-p", "seawall", "--no-default-features"]);
        cargo.args(["--features", feature]);
        let name = match feature {
            "" => "the host builds without features".to_string(),
            _ => format!("the host builds with the feature {feature} alone"),
        };
        session.check(&name, cargo);
    }
    let mut tree = run::cargo();
    tree.args(["tree", "-p", "seawall", "-e", "normal", "--prefix", "none"]);
    let answer = run::output(tree).and_then(|text| {
        let names = text.lines().filter_map(|line| line.split(' ').next());
        let heavy: Vec<&str> = names
            .filter(|name| ["tokio", "tracing", "http", "hyper"].contains(name))
            .collect();
        if heavy.is_empty() {
            Ok(())
        } else {
            Err(format!("it brings {}", heavy.join(", ")))
        }
    });
    session.judge("the host brings no runtime unasked", answer);
}

/// The programs core/tests/loom*.rs walk through the orders in which threads can meet. They need
/// the atomics of loom in place of the real ones, so they are built apart from all else.
fn interleavings(session: &mut Session) {
    let programs: Vec<String> = repo::files(&repo::at("core/tests"), &["rs"])
        .iter()
        .map(|path| repo::stem(path))
        .filter(|name| name.starts_with("loom"))
        .collect();
    if programs.is_empty() {
        return;
    }
    let mut cargo = run::cargo();
    cargo.env("RUSTFLAGS", "--cfg seawall_loom");
    cargo.env("CARGO_TARGET_DIR", repo::target("loom"));
    cargo.args(["test", "--release", "-p", "seawall-core"]);
    for program in programs {
        cargo.args(["--test", &program]);
    }
    session.counted("every interleaving, by loom", cargo, counts::cargo);
}
