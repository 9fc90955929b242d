//! `seawall demo`: the story "2:47 PM" on real sockets.
//!
//! A payment server turns slow and recovers, twice in the same way. Checkout workers in five languages
//! call it: in the first act as their HTTP clients come, in the second behind Seawall, by one file of policies
//! that all of them open. Only the sickness is scripted; whatever is printed was measured.

mod clock;
mod crew;
mod gather;
mod payment;
mod policies;
mod protocol;
mod screen;
mod stage;
mod summary;
mod tally;
mod timeline;

use crew::{Crew, News};
use payment::Payment;
use policies::Policies;
use screen::{Look, Screen};
use serde_json::json;
use stage::Stage;
use std::path::PathBuf;
use std::process::ExitCode;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc::UnboundedReceiver;

/// The settings of the demo.
#[derive(clap::Args)]
pub struct Options {
    /// Which workers take part, as in `python,go`. Default: all that there are.
    #[arg(long, value_delimiter = ',', value_parser = crew::known)]
    workers: Vec<String>,
    /// How long each of the two acts runs.
    #[arg(long, default_value = "13", value_parser = long_enough, allow_negative_numbers = true)]
    seconds: f64,
    /// Orders per second and worker, and as many requests for its other route.
    #[arg(long, default_value_t = 40, value_parser = clap::value_parser!(u32).range(1..=500))]
    rate: u32,
    /// Workers (threads or their like) in the pool of each checkout service.
    #[arg(long, default_value_t = 12, value_parser = clap::value_parser!(u32).range(1..=256))]
    pool: u32,
    /// The policies that all workers open. Default: those of examples/checkout/seawall.toml.
    #[arg(long, value_name = "FILE", overrides_with = "policies")]
    policies: Option<PathBuf>,
    /// Write everything measured to this file.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// How to start the workers that are not this program: a JSON object of command lines by language.
    #[arg(long, value_name = "FILE")]
    programs: Option<PathBuf>,
}

fn long_enough(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(seconds) if (4.0..=600.0).contains(&seconds) => Ok(seconds),
        _ => Err("4 to 600 seconds are possible".into()),
    }
}

/// Why the story ended early.
enum End {
    /// Nobody reads what is printed.
    Unread,
    /// It cannot go on.
    Broken(String),
}

impl From<std::io::Error> for End {
    fn from(error: std::io::Error) -> Self {
        match error.kind() {
            std::io::ErrorKind::BrokenPipe => Self::Unread,
            _ => Self::Broken(error.to_string()),
        }
    }
}

impl From<String> for End {
    fn from(why: String) -> Self {
        Self::Broken(why)
    }
}

/// Plays the story.
pub fn run(options: Options) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => return failed(&error.to_string()),
    };
    runtime.block_on(async {
        let (mut crew, news) = Crew::new();
        let end = tokio::select! {
            end = play(&options, &mut crew, news) => Ok(end),
            number = interruption() => Err(number),
        };
        crew.end_all().await;
        match end {
            Ok(Ok(code)) => code,
            Ok(Err(End::Unread)) => ExitCode::FAILURE,
            Ok(Err(End::Broken(why))) => failed(&why),
            // The number that a shell reports for a program that a signal ended.
            Err(number) => ExitCode::from(128 + number),
        }
    })
}

fn failed(why: &str) -> ExitCode {
    eprintln!("seawall demo: {why}");
    ExitCode::FAILURE
}

/// Waits for a signal that wants the demo to end; its number.
async fn interruption() -> u8 {
    let ears = [
        (SignalKind::interrupt(), 2),
        (SignalKind::terminate(), 15),
        (SignalKind::hangup(), 1),
    ];
    let mut waits = tokio::task::JoinSet::new();
    for (kind, number) in ears {
        if let Ok(mut ear) = signal(kind) {
            waits.spawn(async move {
                ear.recv().await;
                number
            });
        }
    }
    match waits.join_next().await {
        Some(Ok(number)) => number,
        _ => std::future::pending().await,
    }
}

const ACTS: [&str; 2] = ["bare", "protected"];

async fn play(
    options: &Options,
    crew: &mut Crew,
    mut news: UnboundedReceiver<News>,
) -> Result<ExitCode, End> {
    let screen = Screen::new();
    let policies = Policies::open(options.policies.as_deref())?;
    let payment = Payment::start()?;
    let programs = crew::programs(options.programs.as_deref())?;
    screen.line(&screen.paint(Look::Bold, "2:47 PM"))?;
    screen.line(&format!(
        "A payment server at {} turns slow and recovers, the same way in both acts.",
        payment.url()
    ))?;
    screen.line(&format!(
        "These checkout services open one file of policies and call it, {} orders/s each, {} workers in each pool:",
        options.rate, options.pool
    ))?;
    let (url, file) = (payment.url(), policies.path());
    let parts = gather::gather(options, &programs, &url, file, crew, &mut news, &screen).await?;

    let what = [
        "HTTP clients as they come: no timeout, no limit".into(),
        format!(
            "the same as {} has it: {}",
            policies.name(),
            policies.summary()
        ),
    ];
    // All have opened it: nothing of it is left behind, however the story ends.
    drop(policies);
    let mut acts = Vec::new();
    for ((name, what), parts) in ACTS.into_iter().zip(what).zip(&parts) {
        screen.line("")?;
        let title = format!("Act {} of 2, {name}: {what}", acts.len() + 1);
        screen.line(&screen.paint(Look::Bold, &title))?;
        let stage = Stage::new(&screen, &payment, options, parts);
        acts.push(stage.play(name, crew, &mut news).await?);
        for part in parts {
            crew.end(part.number).await;
        }
    }

    let pool = u64::from(options.pool);
    screen.line("")?;
    screen.line(&screen.paint(Look::Bold, "Summary, all workers"))?;
    for line in summary::whole(&acts, pool) {
        screen.line(&line)?;
    }
    screen.line("")?;
    screen.line(&screen.paint(Look::Bold, "Each language, bare > protected"))?;
    for line in summary::languages(&acts) {
        screen.line(&line)?;
    }
    if let Some(file) = &options.json {
        let all = json!({
            "seconds": options.seconds,
            "rate": options.rate,
            "pool": options.pool,
            "acts": summary::json(&acts),
        });
        std::fs::write(file, format!("{all:#}\n"))
            .map_err(|error| format!("cannot write {}: {error}", file.display()))?;
    }
    let has_everybody = acts
        .iter()
        .flat_map(|act| &act.tracks)
        .all(|track| track.is_ended);
    Ok(if has_everybody {
        ExitCode::SUCCESS
    } else {
        failed("a worker did not play to the end")
    })
}
