//! The Python suite: the wheel is built as it is published, installed where nothing else of ours
//! is, and tested there. Testing the checkout in place would not notice a file the wheel lacks.

use super::Session;
use crate::run::{self, Log};
use crate::stamp::Stamp;
use crate::{counts, repo, toolchain};
use std::path::{Path, PathBuf};

/// The build tool, and nothing newer than what it was tried with.
const MATURIN: &str = "maturin>=1.16,<2";

/// Runs all of it.
pub fn run(session: &mut Session) -> Result<(), String> {
    let Some(python) = interpreter() else {
        session.without_toolchain("no Python 3.10 or newer");
        return Ok(());
    };
    let wheel = wheel(&python, session.log())?;
    let venv = fresh_venv(&python, &wheel, session)?;
    let inside = venv.join("bin/python");

    let mut origin = session.command(&inside);
    origin.args(["-c", "import seawall; print(seawall.__file__)"]);
    let answer = match run::output(origin) {
        Ok(place) if Path::new(place.trim()).starts_with(&venv) => Ok(()),
        Ok(place) => Err(format!("it was imported from {}", place.trim())),
        Err(why) => Err(why),
    };
    if !session.judge("the installed wheel is what is tested", answer) {
        return Ok(());
    }

    let mut pytest = session.command(&inside);
    pytest.args(["-m", "pytest", "-p", "no:cacheprovider", "-q", "--color=no"]);
    pytest.arg(repo::at("bindings-python/tests"));
    session.counted("pytest", pytest, counts::pytest);

    if venv.join("bin/mypy").exists() {
        let mut strict = session.command(&inside);
        strict
            .args(["-m", "mypy", "--strict", "--cache-dir"])
            .arg(repo::target("mypy-cache"));
        strict.arg(repo::at("bindings-python/python"));
        session.check("mypy --strict", strict);
        stubs(session, &inside);
    } else {
        session.skip(
            "the type checks",
            "requirements-test.txt does not ask for mypy",
        );
    }
    Ok(())
}

/// Compares the stubs with what the native module really has.
fn stubs(session: &mut Session, inside: &Path) {
    let folder = repo::at("bindings-python");
    if !folder.join("python/seawall/_native.pyi").exists() {
        return;
    }
    let mut stubtest = session.command(inside);
    // It writes its cache into the folder it runs in.
    stubtest.current_dir(repo::target("test-logs"));
    stubtest.args(["-m", "mypy.stubtest", "seawall"]);
    let allowed = folder.join("stubtest-allowlist.txt");
    if allowed.exists() {
        stubtest.arg("--allowlist").arg(allowed);
    }
    session.check("stubtest", stubtest);
}

/// A Python that is new enough and can make a venv.
pub fn interpreter() -> Option<PathBuf> {
    let ask = "import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 10))";
    toolchain::named("PYTHON", &["python3", "python"])
        .filter(|python| toolchain::works(python, &["-c", ask]))
}

/// The folder with maturin in it, kept from run to run.
fn builder(python: &Path, log: &mut Log) -> Result<PathBuf, String> {
    let venv = repo::target("venv");
    let stamp = Stamp::kept_in(venv.join("stamp"))
        .word(MATURIN)
        .word(&toolchain::version(python));
    if !stamp.is_current() {
        make_venv(python, &venv, log)?;
        pip(&venv, &[MATURIN], log)?;
        stamp.keep()?;
    }
    Ok(venv)
}

/// Builds the wheel; answers where it lies.
pub fn wheel(python: &Path, log: &mut Log) -> Result<PathBuf, String> {
    let venv = builder(python, log)?;
    let folder = repo::target("wheels/test");
    repo::empty_folder(&folder)?;
    let mut build = run::command(venv.join("bin/maturin"));
    build.args(["build", "--release", "--manifest-path"]);
    build
        .arg(repo::at("bindings-python/Cargo.toml"))
        .arg("--out")
        .arg(&folder);
    build.arg("--interpreter").arg(venv.join("bin/python"));
    // Without the hour of the build in it, the same sources give the same wheel, and what was
    // installed from it is still good.
    build.env("SOURCE_DATE_EPOCH", "1704067200");
    run::must(build, log)?;
    match repo::files(&folder, &["whl"]).as_slice() {
        [wheel] => Ok(wheel.clone()),
        wheels => Err(format!(
            "maturin made {} wheels instead of one",
            wheels.len()
        )),
    }
}

/// Installs the wheel beside maturin, for the demo, which needs no test tools.
pub fn install_for_demo(log: &mut Log) -> Result<PathBuf, String> {
    let python = interpreter().ok_or("no Python 3.10 or newer found")?;
    let wheel = wheel(&python, log)?;
    let venv = repo::target("venv");
    let stamp = Stamp::kept_in(venv.join("stamp-wheel")).file(&wheel);
    if !stamp.is_current() {
        pip(
            &venv,
            &[
                "--no-deps",
                "--force-reinstall",
                &wheel.display().to_string(),
            ],
            log,
        )?;
        stamp.keep()?;
    }
    Ok(venv.join("bin/python"))
}

/// A venv that holds the wheel and the test tools. It is made anew whenever the wheel changed, so
/// that no file of an older wheel can help a newer one.
fn fresh_venv(python: &Path, wheel: &Path, session: &mut Session) -> Result<PathBuf, String> {
    let venv = repo::target("venv-wheel");
    let requirements = repo::at("bindings-python/requirements-test.txt");
    let stamp = Stamp::kept_in(venv.join("stamp"))
        .file(wheel)
        .file(&requirements)
        .word(&toolchain::version(python));
    if stamp.is_current() {
        return Ok(venv);
    }
    make_venv(python, &venv, session.log())?;
    let (wheel, requirements) = (
        wheel.display().to_string(),
        requirements.display().to_string(),
    );
    pip(&venv, &["-r", &requirements], session.log())?;
    pip(&venv, &["--no-deps", &wheel], session.log())?;
    stamp.keep()?;
    Ok(venv)
}

fn make_venv(python: &Path, venv: &Path, log: &mut Log) -> Result<(), String> {
    repo::empty_folder(venv)?;
    let mut make = run::command(python);
    make.args(["-m", "venv"]).arg(venv);
    run::must(make, log).map(drop)
}

fn pip(venv: &Path, arguments: &[&str], log: &mut Log) -> Result<(), String> {
    let mut install = run::command(venv.join("bin/python"));
    install.args([
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
    ]);
    install.args(arguments);
    run::must(install, log).map(drop)
}
