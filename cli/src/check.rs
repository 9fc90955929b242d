//! `seawall check`: what is wrong with a file, or with the files of a fleet, before it ships.

use anstyle::{AnsiColor, Style};
use clap::{Args, ValueEnum};
use seawall::check::{Finding, Report, Severity};
use serde::Serialize;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

/// What to check and how to tell it.
#[derive(Args)]
pub struct Options {
    /// Files to check, each by itself and against each other.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Lines for people, or one object for programs.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

#[derive(Clone, Copy, ValueEnum)]
enum Format {
    Text,
    Json,
}

/// Exit status 0 when every file can be used, 1 when one cannot.
pub fn run(options: Options) -> ExitCode {
    let report = Report::of(&options.files);
    let told = match options.format {
        Format::Text => tell(&mut anstream::stdout().lock(), &report, options.files.len()),
        Format::Json => tell_json(&mut io::stdout().lock(), &report, &options.files),
    };
    status(told, report.errors() == 0)
}

/// A reader that went away has seen enough; any other trouble with the output is one.
pub fn status(told: io::Result<()>, is_sound: bool) -> ExitCode {
    match told {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            eprintln!("seawall: {error}");
            ExitCode::FAILURE
        }
        _ if is_sound => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}

fn tell(out: &mut impl Write, report: &Report, files: usize) -> io::Result<()> {
    list(out, &report.findings)?;
    let dependencies: usize = report
        .files
        .iter()
        .map(|file| file.dependencies.len())
        .sum();
    let separator = if report.findings.is_empty() { "" } else { "\n" };
    writeln!(
        out,
        "{separator}{}, {}: {}, {}",
        counted(files, "file", "files"),
        counted(dependencies, "sound dependency", "sound dependencies"),
        counted(report.errors(), "error", "errors"),
        counted(report.warnings(), "warning", "warnings"),
    )
}

/// One finding a line, in columns, with the sum behind it on a line of its own.
pub fn list(out: &mut impl Write, findings: &[Finding]) -> io::Result<()> {
    let places: Vec<String> = findings.iter().map(place).collect();
    let width = places
        .iter()
        .map(|place| place.chars().count())
        .max()
        .unwrap_or(0);
    for (finding, place) in findings.iter().zip(&places) {
        let (word, style) = match finding.severity {
            Severity::Error => ("error", AnsiColor::Red.on_default().bold()),
            Severity::Warning => ("warning", AnsiColor::Yellow.on_default()),
        };
        let Finding {
            id, key, message, ..
        } = finding;
        let separator = if key.is_empty() { "" } else { ": " };
        let bold = Style::new().bold();
        writeln!(
            out,
            "{place:width$}  {style}{word:7}{style:#}  {id}  {bold}{key}{bold:#}{separator}{message}"
        )?;
        if let Some(arithmetic) = &finding.arithmetic {
            let dim = Style::new().dimmed();
            writeln!(
                out,
                "{:width$}  {:7}  {:5}  {dim}{arithmetic}{dim:#}",
                "", "", ""
            )?;
        }
    }
    Ok(())
}

fn place(finding: &Finding) -> String {
    if finding.line == 0 {
        format!("{}:", finding.file)
    } else {
        format!("{}:{}:{}:", finding.file, finding.line, finding.column)
    }
}

fn counted(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

#[derive(Serialize)]
struct Told<'a> {
    files: Vec<String>,
    errors: usize,
    warnings: usize,
    findings: Vec<ToldFinding<'a>>,
}

#[derive(Serialize)]
struct ToldFinding<'a> {
    id: &'a str,
    severity: &'a str,
    file: &'a str,
    line: Option<u32>,
    column: Option<u32>,
    dependency: Option<&'a str>,
    key: Option<&'a str>,
    message: &'a str,
    arithmetic: Option<&'a str>,
}

impl<'a> ToldFinding<'a> {
    fn of(finding: &'a Finding) -> Self {
        Self {
            id: finding.id,
            severity: match finding.severity {
                Severity::Error => "error",
                Severity::Warning => "warning",
            },
            file: &finding.file,
            line: (finding.line != 0).then_some(finding.line),
            column: (finding.line != 0).then_some(finding.column),
            dependency: finding.dependency.as_deref(),
            key: (!finding.key.is_empty()).then_some(finding.key.as_str()),
            message: &finding.message,
            arithmetic: finding.arithmetic.as_deref(),
        }
    }
}

fn tell_json(out: &mut impl Write, report: &Report, files: &[PathBuf]) -> io::Result<()> {
    let told = Told {
        files: files
            .iter()
            .map(|file| file.display().to_string())
            .collect(),
        errors: report.errors(),
        warnings: report.warnings(),
        findings: report.findings.iter().map(ToldFinding::of).collect(),
    };
    serde_json::to_writer_pretty(&mut *out, &told)?;
    writeln!(out)
}
