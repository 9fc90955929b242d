//! `seawall scorecard`: every dependency of a file on a line, with what it may cost at worst.

use crate::check::{list, status};
use clap::Args;
use comfy_table::{Attribute, Cell, CellAlignment, Color, LineStyle, Table, TableStyle};
use seawall::check::Report;
use seawall::core::policy::plan;
use seawall::policy::{Criticality, FallbackRule, Policy, units};
use seawall::{Mode, Nanos};
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

/// What to show.
#[derive(Args)]
pub struct Options {
    /// The file.
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

const COLUMNS: [&str; 11] = [
    "dependency",
    "criticality",
    "timeout",
    "deadline",
    "attempts",
    "worst case",
    "permits",
    "rate",
    "breaker",
    "fallback",
    "findings",
];
/// Columns of numbers, which read better from the right.
const NUMBERS: [usize; 5] = [2, 3, 4, 5, 6];

/// Exit status 0 when the file can be used, 1 when it cannot; what is wrong is told on the error output.
pub fn run(options: Options) -> ExitCode {
    let report = Report::of(&[&options.file]);
    let told = tell(&report);
    status(told, report.errors() == 0)
}

fn tell(report: &Report) -> io::Result<()> {
    for file in &report.files {
        let mut table = Table::new();
        table.load_style(
            TableStyle::new().header_separator(LineStyle::none().fill('─').junction('─')),
        );
        table.set_header(COLUMNS.map(|name| Cell::new(name).add_attribute(Attribute::Bold)));
        for (name, policy) in &file.dependencies {
            table.add_row(row(name, policy, report));
        }
        for index in NUMBERS {
            if let Some(column) = table.column_mut(index) {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        let title = file.service.as_deref().unwrap_or(&file.name);
        // The table is always styled; the stream knows whether anybody can see it.
        table.enforce_styling();
        let mut out = anstream::stdout().lock();
        writeln!(out, "{title}")?;
        writeln!(out, "{}", table.trim_fmt())?;
    }
    list(&mut anstream::stderr().lock(), &report.findings)
}

fn row(name: &str, policy: &Policy, report: &Report) -> Vec<Cell> {
    let call = &policy.call;
    let worst = plan::worst_case(call, policy.overhead);
    let criticality = match policy.criticality {
        Criticality::Critical => Cell::new("critical").add_attribute(Attribute::Bold),
        Criticality::Important => Cell::new("important"),
        Criticality::Optional => Cell::new("optional"),
    };
    let worst_cell = Cell::new(span(worst));
    vec![
        Cell::new(name),
        criticality,
        Cell::new(span(call.timeout)),
        Cell::new(span(call.deadline)),
        Cell::new(call.attempts),
        if worst > call.deadline {
            worst_cell.fg(Color::Red)
        } else {
            worst_cell
        },
        Cell::new(permits(policy)),
        Cell::new(rates(policy)),
        Cell::new(breaker(policy)),
        Cell::new(match policy.fallback {
            FallbackRule::Forbidden => "forbidden",
            FallbackRule::Allowed => "allowed",
            FallbackRule::Expected => "expected",
        }),
        findings(name, report),
    ]
}

fn span(span: Nanos) -> String {
    if span == Nanos::MAX {
        "-".to_string()
    } else {
        units::show_span(span)
    }
}

fn permits(policy: &Policy) -> String {
    let Some(bulkhead) = &policy.bulkhead else {
        return "-".to_string();
    };
    let reserved = match bulkhead.reserved {
        0 => String::new(),
        reserved => format!(" ({reserved} reserved)"),
    };
    format!(
        "{}{reserved}{}",
        bulkhead.max_concurrent,
        mode(bulkhead.mode)
    )
}

fn rates(policy: &Policy) -> String {
    let limits = policy.rate_limits.iter().map(|limit| {
        let config = &limit.config;
        let rate = units::show_rate(config.permits, config.period);
        let name = if policy.rate_limits.len() > 1 {
            format!("{} ", limit.name)
        } else {
            String::new()
        };
        format!("{name}{rate}{}", mode(config.mode))
    });
    let limits: Vec<String> = limits.collect();
    if limits.is_empty() {
        "-".to_string()
    } else {
        limits.join("\n")
    }
}

fn breaker(policy: &Policy) -> String {
    let Some(breaker) = &policy.breaker else {
        return "-".to_string();
    };
    let mut rules = Vec::new();
    if breaker.consecutive_failures != 0 {
        rules.push(format!("{} in a row", breaker.consecutive_failures));
    }
    if breaker.failure_permille != 0 {
        rules.push(units::show_percent(u32::from(breaker.failure_permille)));
    }
    if breaker.slow_permille != 0 {
        let share = units::show_percent(u32::from(breaker.slow_permille));
        rules.push(format!(
            "{share} > {}",
            units::show_span(breaker.slow_after)
        ));
    }
    format!("{}{}", rules.join(", "), mode(breaker.mode))
}

fn mode(mode: Mode) -> &'static str {
    match mode {
        Mode::Enforce => "",
        Mode::Shadow => " (shadow)",
        Mode::Off => " (off)",
    }
}

fn findings(name: &str, report: &Report) -> Cell {
    let of_it = || {
        report
            .findings
            .iter()
            .filter(|finding| finding.dependency.as_deref() == Some(name))
    };
    let mut ids: Vec<&str> = of_it().map(|finding| finding.id).collect();
    ids.dedup();
    let color = match of_it().any(seawall::check::Finding::is_error) {
        _ if ids.is_empty() => return Cell::new("-").fg(Color::Green),
        true => Color::Red,
        false => Color::Yellow,
    };
    Cell::new(ids.join(" ")).fg(color)
}
