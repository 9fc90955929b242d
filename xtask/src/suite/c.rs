//! The C and C++ suites: programs in tests/ and examples/, in each dialect, against the static
//! archive and the shared library, under valgrind; and the two ways by which others find the library.
//!
//! Each `tests/c/*.c` and `tests/c/*.cpp` is a program of its own that ends with a line
//! `N passed, N failed`; what they share are headers beside them. Examples only have to end well.

use super::Session;
use crate::{counts, repo, run, toolchain};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Warnings are errors: a header must not make its users switch any off.
const STRICT: [&str; 6] = ["-Wall", "-Wextra", "-Wpedantic", "-Werror", "-O1", "-g"];

/// How to link, which is worth testing with both libraries.
#[derive(Clone, Copy)]
enum Link {
    Static,
    Shared,
}

struct Dialect {
    compiler: PathBuf,
    standard: &'static str,
    /// What else the compiler is told.
    flags: &'static [&'static str],
    link: Link,
    /// The only program that this dialect can compile, if it cannot compile all.
    only: Option<&'static str>,
}

impl Dialect {
    /// Compiles one program; answers where it lies.
    fn compile(&self, source: &Path, session: &mut Session) -> Option<PathBuf> {
        let library = crate::archive::folder();
        let folder = repo::target("c").join(format!("{}{}", self.standard, self.flags.concat()));
        let place = source
            .parent()
            .map(repo::shown)
            .unwrap_or_default()
            .replace('/', "-");
        let binary = folder.join(format!("{place}-{}", repo::stem(source)));
        if let Err(why) = repo::make_folder(&folder) {
            session.judge(&self.name(source), Err(why));
            return None;
        }
        let mut compile = session.command(&self.compiler);
        compile
            .arg(format!("-std={}", self.standard))
            .args(STRICT)
            .args(self.flags);
        compile
            .arg("-I")
            .arg(library.join("include"))
            .arg("-I")
            .arg(repo::at("tests/c"));
        compile.arg(source).arg("-o").arg(&binary);
        compile.arg("-pthread");
        match self.link {
            Link::Static => {
                let archive = library.join("lib").join(archive_for(source));
                compile.arg("-DSEAWALL_STATIC").arg(archive).arg("-ldl");
            }
            Link::Shared => {
                let lib = library.join("lib");
                compile.arg("-L").arg(&lib).arg("-lseawall");
                compile.arg(format!("-Wl,-rpath,{}", lib.display()));
            }
        }
        compile.arg("-lm");
        let compiled = run::stream(compile, session.log());
        if !compiled.ok {
            session.judge(
                &format!("{} does not compile", self.name(source)),
                Err(compiled.how),
            );
            return None;
        }
        Some(binary)
    }

    fn takes(&self, source: &Path) -> bool {
        self.only.is_none_or(|name| source.ends_with(name))
    }

    fn name(&self, source: &Path) -> String {
        let flags: String = self.flags.iter().map(|flag| format!(" {flag}")).collect();
        format!("{} as {}{flags}", repo::shown(source), self.standard)
    }
}

/// The archive that a program needs: the sealed one, unless it opens a wall.
fn archive_for(source: &Path) -> &'static str {
    let text = repo::read(source).unwrap_or_default();
    let opens_a_wall = ["seawall_wall_", "seawall::wall", "story_policy.h"]
        .iter()
        .any(|sign| text.contains(sign));
    if opens_a_wall {
        "libseawall.a"
    } else {
        "libseawall_sealed.a"
    }
}

/// C as C99 and C17 against the static archives and as C11 against the shared library.
pub fn run_c(session: &mut Session) -> Result<(), String> {
    let Some(compiler) = toolchain::cc() else {
        session.without_toolchain("no C compiler");
        return Ok(());
    };
    let dialects = [
        ("c99", Link::Static),
        ("c11", Link::Shared),
        ("c17", Link::Static),
    ]
    .map(|(standard, link)| Dialect {
        compiler: compiler.clone(),
        standard,
        flags: &[],
        link,
        only: None,
    });
    run_dialects(session, &dialects, "c", "examples/c")?;
    find_by_pkg_config(session, &compiler)?;
    find_by_cmake(
        session,
        "tests/c/package",
        &["consumer_shared", "consumer_static"],
    )
}

/// C++17 against the static archives, C++20 against the shared library, and both without exceptions where that can be.
pub fn run_cpp(session: &mut Session) -> Result<(), String> {
    let Some(compiler) = toolchain::cxx() else {
        session.without_toolchain("no C++ compiler");
        return Ok(());
    };
    let without_exceptions: &[&str] = &["-fno-exceptions", "-fno-rtti"];
    let dialects = [
        ("c++17", &[][..], Link::Static, None),
        ("c++20", &[], Link::Shared, None),
        ("c++20", without_exceptions, Link::Static, Some("bare.cpp")),
    ]
    .map(|(standard, flags, link, only)| Dialect {
        compiler: compiler.clone(),
        standard,
        flags,
        link,
        only,
    });
    run_dialects(session, &dialects, "cpp", "examples/cpp")?;
    find_by_cmake(session, "examples/cpp", &["quickstart", "dependency"])
}

fn run_dialects(
    session: &mut Session,
    dialects: &[Dialect],
    ending: &str,
    examples: &str,
) -> Result<(), String> {
    session.archive()?;
    let valgrind = toolchain::find("valgrind");
    if valgrind.is_none() {
        session.skip(
            "memory checks",
            "no valgrind found, so the programs run without it",
        );
    }
    let tests = repo::files(&repo::at("tests/c"), &[ending]);
    if tests.is_empty() {
        session.judge(
            &format!("programs tests/c/*.{ending}"),
            Err("there are none".into()),
        );
    }
    for dialect in dialects {
        for source in tests.iter().filter(|source| dialect.takes(source)) {
            if let Some(binary) = dialect.compile(source, session) {
                let command = under(valgrind.as_deref(), &binary, session);
                session.counted(&dialect.name(source), command, counts::by_hand);
            }
        }
        for source in repo::files(&repo::at(examples), &[ending]) {
            if !dialect.takes(&source) {
                continue;
            }
            if let Some(binary) = dialect.compile(&source, session) {
                let command = under(valgrind.as_deref(), &binary, session);
                session.check(&dialect.name(&source), command);
            }
        }
    }
    Ok(())
}

/// The program, watched for stray memory accesses and leaks where that is possible.
fn under(valgrind: Option<&Path>, binary: &Path, session: &Session) -> Command {
    match valgrind {
        Some(valgrind) => {
            let mut command = session.command(valgrind);
            command
                .args(["--quiet", "--error-exitcode=1", "--leak-check=full"])
                .arg(binary);
            command
        }
        None => session.command(binary),
    }
}

/// A copy of the installed tree at another place, as a package would unpack it.
fn moved_library() -> Result<PathBuf, String> {
    let moved = repo::target("c/moved");
    repo::empty_folder(&moved)?;
    let mut copy = run::command("cp");
    copy.arg("-a");
    for folder in ["include", "lib", "share"] {
        copy.arg(crate::archive::folder().join(folder));
    }
    copy.arg(&moved);
    run::output(copy)?;
    Ok(moved)
}

fn find_by_pkg_config(session: &mut Session, compiler: &Path) -> Result<(), String> {
    let Some(pkg_config) = toolchain::find("pkg-config") else {
        session.skip("the pkg-config file", "no pkg-config found");
        return Ok(());
    };
    let moved = moved_library()?;
    let mut ask = session.command(pkg_config);
    ask.args(["--cflags", "--libs", "seawall"]);
    ask.env("PKG_CONFIG_PATH", moved.join("lib/pkgconfig"));
    let flags = match run::output(ask) {
        Ok(flags) => flags,
        Err(why) => {
            session.judge("pkg-config finds the library", Err(why));
            return Ok(());
        }
    };
    let binary = repo::target("c/by-pkg-config");
    let mut compile = session.command(compiler);
    compile
        .arg(repo::at("tests/c/package/consumer.c"))
        .arg("-o")
        .arg(&binary);
    compile.args(flags.split_whitespace());
    if session.check("compile a program with the flags of pkg-config", compile) {
        let mut program = session.command(&binary);
        program.env("LD_LIBRARY_PATH", moved.join("lib"));
        session.check("run it", program);
    }
    Ok(())
}

/// Builds a project that knows the library only by `find_package`, and runs its programs.
fn find_by_cmake(session: &mut Session, project: &str, programs: &[&str]) -> Result<(), String> {
    let Some(cmake) = toolchain::find("cmake") else {
        session.skip("the CMake package", "no cmake found");
        return Ok(());
    };
    let moved = moved_library()?;
    let build = repo::target("c/by-cmake").join(project);
    repo::empty_folder(&build)?;
    let mut configure = session.command(&cmake);
    configure
        .arg("-S")
        .arg(repo::at(project))
        .arg("-B")
        .arg(&build);
    configure.arg(format!("-DCMAKE_PREFIX_PATH={}", moved.display()));
    if !session.check(&format!("CMake finds the package for {project}"), configure) {
        return Ok(());
    }
    let mut make = session.command(&cmake);
    make.arg("--build").arg(&build);
    if session.check(&format!("CMake builds {project}"), make) {
        for program in programs {
            let command = session.command(build.join(program));
            session.check(program, command);
        }
    }
    Ok(())
}
