//! Running other programs: their output goes to the screen as it comes, to a log file, and back to
//! the caller who counts in it.

use crate::repo;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

/// Where output goes besides the screen.
pub struct Log {
    file: Option<File>,
    is_shown: bool,
}

impl Log {
    /// A log that only shows on the screen.
    pub fn screen() -> Log {
        Log {
            file: None,
            is_shown: true,
        }
    }

    /// A log that is also kept in a file, which starts empty.
    pub fn file(path: &Path) -> Result<Log, String> {
        repo::write(path, "")?;
        let file = File::create(path)
            .map_err(|error| format!("cannot write {}: {error}", repo::shown(path)))?;
        Ok(Log {
            file: Some(file),
            is_shown: true,
        })
    }

    /// A log that is only kept in a file.
    pub fn quiet(path: &Path) -> Result<Log, String> {
        Ok(Log {
            is_shown: false,
            ..Log::file(path)?
        })
    }

    /// Says one line. A screen or disk that cannot take it must not stop the tests.
    pub fn line(&mut self, text: &str) {
        if self.is_shown {
            let _ = writeln!(std::io::stdout(), "{text}");
        }
        if let Some(file) = &mut self.file {
            let _ = writeln!(file, "{text}");
        }
    }
}

/// How a program ended.
pub struct Finished {
    /// It exited with 0.
    pub ok: bool,
    /// Standard output and error, in the order they came.
    pub text: String,
    /// How it ended, for a reader: "exit status: 1", "signal: 11".
    pub how: String,
}

/// A command that starts in the root of the checkout.
///
/// `cargo run` hands its own variables down. A build inside would take those of xtask for its own
/// and build again what it has, and a test would load the libraries of the wrong folder.
pub fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    command.current_dir(repo::root()).stdin(Stdio::null());
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy();
        let is_of_xtask = [
            "CARGO_PKG_",
            "CARGO_MANIFEST_",
            "CARGO_BIN_",
            "CARGO_CRATE_",
        ]
        .iter()
        .any(|start| name.starts_with(start));
        if is_of_xtask || name == "CARGO_PRIMARY_PACKAGE" {
            command.env_remove(name.as_ref());
        }
    }
    match library_path() {
        Some(path) => command.env("LD_LIBRARY_PATH", path),
        None => command.env_remove("LD_LIBRARY_PATH"),
    };
    command
}

/// `LD_LIBRARY_PATH` as it was before cargo put its own folders in front.
fn library_path() -> Option<String> {
    let path = std::env::var("LD_LIBRARY_PATH").ok()?;
    let target = repo::target("");
    let kept: Vec<&str> = path
        .split(':')
        .filter(|folder| {
            !folder.is_empty()
                && !Path::new(folder).starts_with(&target)
                && !folder.contains("/rustlib/")
                && !folder.contains("/.rustup/")
        })
        .collect();
    (!kept.is_empty()).then(|| kept.join(":"))
}

/// The cargo that started us.
pub fn cargo() -> Command {
    command(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// How a command looks to a reader who wants to type it again.
pub fn shown(command: &Command) -> String {
    let mut words = vec![repo::shown(Path::new(command.get_program()))];
    words.extend(
        command
            .get_args()
            .map(|argument| repo::shown(Path::new(&argument.to_os_string()))),
    );
    words.join(" ")
}

/// Runs a command; every line goes to the log as it comes.
pub fn stream(mut command: Command, log: &mut Log) -> Finished {
    log.line(&format!("$ {}", shown(&command)));
    let program = repo::shown(Path::new(command.get_program()));
    let failed = |why: std::io::Error| Finished {
        ok: false,
        text: String::new(),
        how: format!("{program} did not start: {why}"),
    };
    let (reader, writer) = match std::io::pipe() {
        Ok(ends) => ends,
        Err(why) => return failed(why),
    };
    let other = match writer.try_clone() {
        Ok(other) => other,
        Err(why) => return failed(why),
    };
    command.stdout(other).stderr(writer);
    let mut child = match command.spawn() {
        Ok(child) => child,
        Err(why) => {
            log.line(&format!("{program}: {why}"));
            return failed(why);
        }
    };
    // The command holds our copies of the writing end; until they are closed, reading never ends.
    drop(command);

    let mut text = String::new();
    let mut reader = BufReader::new(reader);
    let mut line = Vec::new();
    while reader
        .read_until(b'\n', &mut line)
        .is_ok_and(|count| count > 0)
    {
        let shown = String::from_utf8_lossy(&line);
        let shown = shown.trim_end_matches(['\n', '\r']);
        log.line(shown);
        text.push_str(shown);
        text.push('\n');
        line.clear();
    }
    match child.wait() {
        Ok(status) => Finished {
            ok: status.success(),
            text,
            how: status.to_string(),
        },
        Err(why) => Finished {
            ok: false,
            text,
            how: why.to_string(),
        },
    }
}

/// Runs a command that has to succeed.
pub fn must(command: Command, log: &mut Log) -> Result<String, String> {
    let what = shown(&command);
    let finished = stream(command, log);
    if finished.ok {
        Ok(finished.text)
    } else {
        Err(format!("`{what}` failed ({})", finished.how))
    }
}

/// Runs a command quietly and answers its standard output.
pub fn output(mut command: Command) -> Result<String, String> {
    let what = shown(&command);
    let output = command
        .output()
        .map_err(|error| format!("`{what}` did not start: {error}"))?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        let errors = String::from_utf8_lossy(&output.stderr);
        Err(format!(
            "`{what}` failed ({})\n{}",
            output.status,
            errors.trim_end()
        ))
    }
}
