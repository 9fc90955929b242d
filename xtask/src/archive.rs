//! `cargo xtask archive`: the C library as others install it. A static archive and a shared library with
//! everything, a sealed static archive of the primitives and the engine without std, and the files by which
//! pkg-config and CMake find them.

use crate::declarations::Declarations;
use crate::run::Log;
use crate::{Answer, repo, run, symbols};
use std::path::{Path, PathBuf};

/// Builds and installs.
pub fn verb(arguments: &[String]) -> Answer {
    let prefix = match arguments {
        [] => folder(),
        [option, folder] if option == "--prefix" => {
            std::path::absolute(folder).map_err(|error| format!("cannot find {folder}: {error}"))?
        }
        _ => return Err("archive knows only --prefix DIR".into()),
    };
    let mut log = Log::screen();
    build(&mut log)?;
    install(&prefix)?;
    println!("installed in {}", repo::shown(&prefix));
    let complaints = complaints()?;
    for complaint in &complaints {
        println!("lib/libseawall_sealed.a {complaint}");
    }
    Ok(complaints.is_empty())
}

/// Where the library lies for everything in this repository that is written in C, C++, Go or Java.
pub fn folder() -> PathBuf {
    repo::target("seawall")
}

/// Builds all libraries and installs them in target/seawall and in bindings-go.
pub fn build(log: &mut Log) -> Result<(), String> {
    let mut sealed = run::cargo();
    sealed.args(["build", "-p", "seawall-ffi", "--no-default-features"]);
    sealed.args(["--profile", "capi"]);
    run::must(sealed, log)?;
    let names = sealed_functions()?;
    gather("capi/libseawall.a", &names, "libseawall_sealed.a", log)?;

    let mut full = run::cargo();
    full.args(["build", "--release", "-p", "seawall-ffi"]);
    run::must(full, log)?;
    gather("release/libseawall.a", &functions()?, "libseawall.a", log)?;
    install(&folder())?;
    give_to_go(log)
}

/// What is wrong with the sealed archive in target/seawall.
pub fn complaints() -> Result<Vec<String>, String> {
    symbols::complaints(
        &folder().join("lib/libseawall_sealed.a"),
        &sealed_functions()?,
    )
}

fn header() -> PathBuf {
    repo::at("include/seawall.h")
}

/// The functions that the committed header declares.
fn functions() -> Result<Vec<String>, String> {
    let declared = Declarations::of(&repo::read(&header())?)?;
    Ok(declared
        .functions
        .into_iter()
        .map(|function| function.name)
        .collect())
}

/// Those of them that need neither files nor an allocator: all but walls and what comes from them.
fn sealed_functions() -> Result<Vec<String>, String> {
    let needs_host = |name: &String| {
        name.starts_with("seawall_wall_") || name.starts_with("seawall_dependency_")
    };
    let mut names = functions()?;
    names.retain(|name| !needs_host(name));
    Ok(names)
}

/// Makes an archive that exports nothing but `functions` from the one that cargo built.
///
/// What cargo makes holds all of Rust's core library, and names that clash as soon as a program
/// links a second Rust library. So the linker gathers what our functions reach into one object,
/// all other names become private to it, and only that object goes into the archive.
fn gather(built: &str, functions: &[String], name: &str, log: &mut Log) -> Result<(), String> {
    let work = repo::target("seawall/seal");
    repo::make_folder(&work)?;
    let archive = work.join(name);
    let object = archive.with_extension("o");

    let mut ld = run::command("ld");
    ld.args(["-r", "--gc-sections"]);
    for name in functions {
        ld.args(["-u", name]);
    }
    ld.arg("-o").arg(&object).arg(repo::target(built));
    run::output(ld)?;

    let mut objcopy = run::command("objcopy");
    objcopy
        .args(["--wildcard", "--keep-global-symbol=seawall_*"])
        // Bitcode that the toolchain's own libraries carry along: dead weight, and `nm` of another LLVM
        // stumbles over it.
        .args(["--remove-section=.llvmbc", "--remove-section=.llvmcmd"])
        .arg(&object);
    run::output(objcopy)?;

    let mut strip = run::command("strip");
    strip.arg("-g").arg(&object);
    run::output(strip)?;

    // `ar` adds to an archive that is there, so it starts from none.
    if archive.exists() {
        std::fs::remove_file(&archive)
            .map_err(|error| format!("cannot remove {}: {error}", repo::shown(&archive)))?;
    }
    let mut ar = run::command("ar");
    ar.arg("rcsD").arg(&archive).arg(&object);
    run::output(ar)?;
    let bytes = std::fs::metadata(&archive)
        .map(|file| file.len())
        .unwrap_or_default();
    log.line(&format!(
        "made {} ({} KiB)",
        repo::shown(&archive),
        bytes.div_ceil(1024)
    ));
    Ok(())
}

/// Puts libraries, headers and what finds them under a prefix.
fn install(prefix: &Path) -> Result<(), String> {
    let (version, major, minor, _) = repo::version();
    let (lib, include) = (prefix.join("lib"), prefix.join("include"));
    let file = format!("libseawall.so.{version}");
    // Before 1.0 a new minor version may change the interface, so it is part of the name.
    let soname = format!("libseawall.so.{major}.{minor}");

    for archive in ["libseawall.a", "libseawall_sealed.a"] {
        let made = repo::target("seawall/seal").join(archive);
        repo::copy(&made, &lib.join(archive))?;
    }
    repo::copy(&repo::target("release/libseawall.so"), &lib.join(&file))?;
    check_soname(&lib.join(&file), &soname)?;
    link(&file, &lib.join(&soname))?;
    link(&soname, &lib.join("libseawall.so"))?;

    repo::copy(&header(), &include.join("seawall.h"))?;
    // The C++ headers: one for everything, and one per concept below it.
    for folder in ["include", "include/seawall"] {
        for file in repo::files(&repo::at(folder), &["hpp"]) {
            if let Ok(place) = file.strip_prefix(repo::at("include")) {
                repo::copy(&file, &include.join(place))?;
            }
        }
    }
    repo::copy(
        &repo::at("include/seawall.abi.json"),
        &prefix.join("share/seawall/seawall.abi.json"),
    )?;

    let values = [
        ("@VERSION@", version),
        ("@MAJOR@", major),
        ("@MINOR@", minor),
        ("@SHARED_FILE@", file.as_str()),
        ("@SONAME@", soname.as_str()),
    ];
    for (template, place) in [
        ("seawall.pc.in", "lib/pkgconfig/seawall.pc"),
        (
            "seawall-config.cmake.in",
            "lib/cmake/seawall/seawall-config.cmake",
        ),
        (
            "seawall-config-version.cmake.in",
            "lib/cmake/seawall/seawall-config-version.cmake",
        ),
    ] {
        let mut text = repo::read(&repo::at("ffi/package").join(template))?;
        for (name, value) in values {
            text = text.replace(name, value);
        }
        repo::write(&prefix.join(place), text)?;
    }
    Ok(())
}

fn check_soname(library: &Path, soname: &str) -> Result<(), String> {
    let mut readelf = run::command("readelf");
    readelf.arg("-d").arg(library);
    let found = run::output(readelf)?;
    if found.contains(&format!("soname: [{soname}]")) {
        Ok(())
    } else {
        Err(format!(
            "{} does not carry the name {soname}",
            repo::shown(library)
        ))
    }
}

fn link(to: &str, at: &Path) -> Result<(), String> {
    if std::fs::read_link(at).is_ok_and(|old| old == Path::new(to)) {
        return Ok(());
    }
    let _ = std::fs::remove_file(at);
    std::os::unix::fs::symlink(to, at)
        .map_err(|error| format!("cannot link {}: {error}", repo::shown(at)))
}

/// The Go module carries archive and header with it: whoever fetches a Go module has no Rust.
fn give_to_go(log: &mut Log) -> Result<(), String> {
    let module = repo::at("bindings-go");
    if !module.exists() {
        return Ok(());
    }
    let platform = format!("{}_{}", go_os(), go_arch());
    let archive = module.join("lib").join(&platform).join("libseawall.a");
    repo::copy(&repo::target("seawall/seal/libseawall.a"), &archive)?;
    repo::copy(&header(), &module.join("include/seawall.h"))?;
    log.line(&format!(
        "gave {} and its header to bindings-go",
        repo::shown(&archive)
    ));
    Ok(())
}

/// What Go calls this system.
fn go_os() -> &'static str {
    match std::env::consts::OS {
        "macos" => "darwin",
        other => other,
    }
}

/// What Go calls this processor.
fn go_arch() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}
