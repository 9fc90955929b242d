//! Building the language packages that the demo's workers are written against.
//!
//! The sources of the workers lie in examples/checkout/, a folder for each language; what is found is
//! written to target/demo/workers.json as one command line per language, which the demo reads.

use crate::run::{self, Log};
use crate::suite::{node, python};
use crate::{archive, repo, toolchain};
use serde_json::{Map, Value, json};
use std::path::PathBuf;
use std::time::Instant;

/// A way to start the worker of one language.
type CommandLine = Vec<String>;

/// Builds one worker: its command line, or why there is none on this machine.
type Builder = fn(&mut Log) -> Result<CommandLine, String>;

/// The workers besides the one in Rust, which is the demo program itself.
const WORKERS: [(&str, Builder); 4] = [
    ("python", python_worker),
    ("node", node_worker),
    ("go", go_worker),
    ("java", java_worker),
];

/// Builds the workers that are wanted (all, if none is named) and whose toolchain is here, with one
/// line per language, and answers the file that says how to start them.
pub fn prepare_workers(wanted: &[String]) -> Result<PathBuf, String> {
    let mut lines = Map::new();
    for (language, build) in WORKERS {
        let start = Instant::now();
        if !wanted.is_empty() && !wanted.iter().any(|name| name == language) {
            continue;
        }
        // What the builds say is only of interest when one fails.
        let mut log = Log::quiet(&repo::target("demo").join(format!("{language}.log")))?;
        match build(&mut log) {
            Ok(line) => {
                println!(
                    "  {language:<8} ready in {:.1} s",
                    start.elapsed().as_secs_f64()
                );
                lines.insert(language.into(), json!(line));
            }
            Err(why) => {
                let first = why.lines().next().unwrap_or_default();
                println!("  {language:<8} left out: {first} (see target/demo/{language}.log)");
            }
        }
    }
    let file = repo::target("demo/workers.json");
    let text = serde_json::to_string_pretty(&Value::Object(lines)).map_err(|e| e.to_string())?;
    repo::write(&file, text + "\n")?;
    Ok(file)
}

fn source(name: &str) -> PathBuf {
    repo::at("examples/checkout").join(name)
}

fn python_worker(log: &mut Log) -> Result<CommandLine, String> {
    let python = python::install_for_demo(log)?;
    let worker = source("python/worker.py");
    Ok(vec![
        python.display().to_string(),
        // Nothing is left beside the sources.
        "-B".into(),
        worker.display().to_string(),
    ])
}

fn node_worker(log: &mut Log) -> Result<CommandLine, String> {
    let node = node::interpreter().ok_or("no node 20 or newer with npm found")?;
    let package = node::build(log)?;
    // The worker is a stranger's program: it says `import 'seawall'` and finds the checkout.
    let modules = repo::target("demo/node/node_modules");
    repo::make_folder(&modules)?;
    let link = modules.join("seawall");
    if std::fs::read_link(&link).ok().as_ref() != Some(&package) {
        let _ = std::fs::remove_file(&link);
        std::os::unix::fs::symlink(&package, &link)
            .map_err(|error| format!("cannot link {}: {error}", repo::shown(&link)))?;
    }
    let worker = repo::target("demo/node/worker.mjs");
    repo::copy(&source("node/worker.mjs"), &worker)?;
    repo::copy(
        &source("node/shop.mjs"),
        &repo::target("demo/node/shop.mjs"),
    )?;
    Ok(vec![
        node.display().to_string(),
        worker.display().to_string(),
    ])
}

fn go_worker(log: &mut Log) -> Result<CommandLine, String> {
    let go = toolchain::find("go").ok_or("no go toolchain found")?;
    toolchain::cc().ok_or("no C compiler found, which cgo needs")?;
    archive::build(log)?;
    let binary = repo::target("demo/worker-go");
    let mut build = run::command(go);
    build.current_dir(source("go"));
    build
        .env("GOTOOLCHAIN", "local")
        .env("CGO_ENABLED", "1")
        .env("GOFLAGS", "-mod=mod");
    build.args(["build", "-o"]).arg(&binary).arg(".");
    run::must(build, log)?;
    Ok(vec![binary.display().to_string()])
}

/// bindings-java/build.sh builds the jar and says where it is in its last line.
fn java_worker(log: &mut Log) -> Result<CommandLine, String> {
    let jdks = toolchain::jdks();
    let newest = jdks
        .first()
        .filter(|jdk| jdk.major >= 17)
        .ok_or("no JDK 17 or newer found")?;
    archive::build(log)?;
    let mut build = run::command("bash");
    build.arg(repo::at("bindings-java/build.sh"));
    crate::suite::java::prepare(&mut build, &jdks);
    let said = run::must(build, log)?;
    let jar = said.lines().last().map(str::trim).unwrap_or_default();
    let jar = repo::at("bindings-java").join(jar);
    if !jar.is_file() {
        return Err("bindings-java/build.sh did not say where its jar is".into());
    }

    let classes = repo::target("demo/java");
    repo::empty_folder(&classes)?;
    let mut compile = run::command(newest.home.join("bin/javac"));
    compile
        .arg("-cp")
        .arg(&jar)
        .arg("-d")
        .arg(&classes)
        .args([source("java/Worker.java"), source("java/Shop.java")]);
    run::must(compile, log)?;

    let mut line = vec![newest.home.join("bin/java").display().to_string()];
    // From this version on, Java warns about native code unless it is told that it is wanted.
    if newest.major >= 22 {
        line.push("--enable-native-access=ALL-UNNAMED".into());
    }
    line.extend([
        "-cp".into(),
        format!("{}:{}", jar.display(), classes.display()),
        "Worker".into(),
    ]);
    Ok(line)
}
