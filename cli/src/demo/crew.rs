//! The checkout workers as processes: started, heard, and surely ended.
//!
//! Three nets keep a worker from outliving the demo: each is a process group of its own that the demo
//! kills when it ends, the kernel kills it when the demo is killed (Linux), and its standard input closes
//! when the demo is gone, which every worker takes as its end.

use super::protocol::{self, Line};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::mpsc;

/// The languages of the story, in the order of their columns.
pub const LANGUAGES: [&str; 5] = ["python", "node", "go", "java", "rust"];

/// How each language's worker is started: a program and its first arguments.
pub type Programs = BTreeMap<String, Vec<String>>;

/// Reads a file of [`Programs`] and adds the worker in Rust, which is this program itself.
///
/// # Errors
/// When the file cannot be read, or is not a table of command lines.
pub fn programs(file: Option<&Path>) -> Result<Programs, String> {
    let mut programs = match file {
        None => Programs::new(),
        Some(path) => {
            let text = std::fs::read_to_string(path)
                .map_err(|error| format!("cannot read {}: {error}", path.display()))?;
            parse(&text).map_err(|why| format!("{}: {why}", path.display()))?
        }
    };
    let this = std::env::current_exe().map_err(|error| format!("cannot find myself: {error}"))?;
    programs.insert(
        "rust".into(),
        vec![this.display().to_string(), "worker".into()],
    );
    Ok(programs)
}

fn parse(text: &str) -> Result<Programs, String> {
    let programs: Programs = serde_json::from_str(text).map_err(|error| error.to_string())?;
    for (language, line) in &programs {
        known(language)?;
        if line.is_empty() {
            return Err(format!("{language}: an empty command line"));
        }
    }
    Ok(programs)
}

/// The language of a name that a person typed.
///
/// # Errors
/// When there is no worker in it.
pub fn known(name: &str) -> Result<String, String> {
    if LANGUAGES.contains(&name) {
        Ok(name.to_string())
    } else {
        Err(format!("{name:?} is none of {}", LANGUAGES.join(", ")))
    }
}

/// What a worker is told.
#[derive(Clone, Copy)]
pub struct Orders<'a> {
    pub url: &'a str,
    pub policies: &'a Path,
    pub act: &'static str,
    pub rate: u32,
    pub pool: u32,
    pub seconds: f64,
}

/// Something heard from the worker with this number.
pub struct News {
    pub from: usize,
    pub what: What,
}

/// What a worker did.
pub enum What {
    /// It spoke as agreed.
    Line(Line),
    /// It said something else, or complained.
    Noise(String),
    /// Its output has ended.
    Gone,
}

struct Worker {
    child: Child,
    stdin: Option<ChildStdin>,
    group: i32,
}

/// All workers of the demo. They are killed when this is dropped.
pub struct Crew {
    workers: Vec<Worker>,
    ear: mpsc::UnboundedSender<News>,
}

impl Crew {
    /// Nobody yet; what workers say arrives at the receiver.
    pub fn new() -> (Self, mpsc::UnboundedReceiver<News>) {
        let (ear, news) = mpsc::unbounded_channel();
        let crew = Self {
            workers: Vec::new(),
            ear,
        };
        (crew, news)
    }

    /// Starts a worker; its number is the answer.
    ///
    /// # Errors
    /// When the program cannot be started.
    pub fn start(&mut self, line: &[String], orders: Orders) -> Result<usize, String> {
        let (program, first) = line.split_first().ok_or("an empty command line")?;
        let mut command = Command::new(program);
        command
            .args(first)
            .args(["--url", orders.url, "--act", orders.act])
            .arg("--policies")
            .arg(orders.policies)
            .args(["--rate", &orders.rate.to_string()])
            .args(["--pool", &orders.pool.to_string()])
            .args(["--seconds", &orders.seconds.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true);
        die_with_me(&mut command);
        let mut child = command
            .spawn()
            .map_err(|error| format!("cannot start {program}: {error}"))?;
        let group = child.id().and_then(|id| i32::try_from(id).ok());
        let number = self.workers.len();
        if let Some(out) = child.stdout.take() {
            tokio::spawn(listen(number, out, self.ear.clone(), true));
        }
        if let Some(err) = child.stderr.take() {
            tokio::spawn(listen(number, err, self.ear.clone(), false));
        }
        self.workers.push(Worker {
            stdin: child.stdin.take(),
            child,
            group: group.unwrap_or(0),
        });
        Ok(number)
    }

    /// Tells a worker to begin.
    pub async fn go(&mut self, number: usize) {
        if let Some(stdin) = self.workers.get_mut(number).and_then(|w| w.stdin.as_mut()) {
            // A worker that died meanwhile is noticed by its silence.
            let _ = stdin.write_all(b"go\n").await;
            let _ = stdin.flush().await;
        }
    }

    /// Ends one worker: first by asking, after half a second by force.
    pub async fn end(&mut self, number: usize) {
        if let Some(worker) = self.workers.get_mut(number) {
            worker.stdin = None;
            worker.signal(libc::SIGTERM);
            worker.wait_or_kill().await;
        }
    }

    /// Ends all workers.
    pub async fn end_all(&mut self) {
        for worker in &mut self.workers {
            worker.stdin = None;
            worker.signal(libc::SIGTERM);
        }
        for worker in &mut self.workers {
            worker.wait_or_kill().await;
        }
    }
}

impl Drop for Crew {
    fn drop(&mut self) {
        for worker in &self.workers {
            worker.signal(libc::SIGKILL);
        }
    }
}

impl Worker {
    /// Signals the worker and everything it started, unless it has ended: then the number may be
    /// somebody else's.
    fn signal(&self, signal: i32) {
        if self.group > 0 && self.child.id().is_some() {
            // SAFETY: kill has no preconditions; the group is ours, for its leader has not been waited for.
            let _ = unsafe { libc::kill(-self.group, signal) };
        }
    }

    async fn wait_or_kill(&mut self) {
        let patience = Duration::from_millis(500);
        if tokio::time::timeout(patience, self.child.wait())
            .await
            .is_err()
        {
            self.signal(libc::SIGKILL);
            let _ = self.child.wait().await;
        }
    }
}

/// Asks the kernel to kill the worker when the demo dies without a chance to do it. The wish is bound to
/// the thread that starts the worker: the main one, which lives as long as the demo.
fn die_with_me(command: &mut Command) {
    #[cfg(target_os = "linux")]
    {
        let me = std::process::id();
        let ask = move || {
            // SAFETY: prctl with these arguments touches no memory; allowed between fork and exec.
            let asked = unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) };
            // SAFETY: getppid has no preconditions.
            let parent = unsafe { libc::getppid() };
            if asked != 0 || i64::from(parent) != i64::from(me) {
                return Err(std::io::Error::other("the demo has ended"));
            }
            Ok(())
        };
        // SAFETY: the closure only makes the two system calls above and allocates nothing on its way.
        unsafe { command.pre_exec(ask) };
    }
    #[cfg(not(target_os = "linux"))]
    let _ = command;
}

async fn listen(
    number: usize,
    pipe: impl AsyncRead + Unpin,
    ear: mpsc::UnboundedSender<News>,
    is_protocol: bool,
) {
    let mut lines = BufReader::new(pipe).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        let what = if !is_protocol {
            What::Noise(line)
        } else {
            protocol::parse(&line).map_or_else(What::Noise, What::Line)
        };
        let _ = ear.send(News { from: number, what });
    }
    if is_protocol {
        let what = What::Gone;
        let _ = ear.send(News { from: number, what });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_of_programs_is_read() {
        let programs = parse(r#"{"go": ["./worker-go"], "java": ["java", "Worker"]}"#);
        assert_eq!(programs.expect("a table")["java"], ["java", "Worker"]);
        for bad in [
            r#"{"go": []}"#,
            r#"{"cobol": ["x"]}"#,
            r#"{"go": "x"}"#,
            "[]",
            "",
        ] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn rust_is_always_there() {
        let programs = programs(None).expect("no file is needed");
        assert_eq!(programs.keys().collect::<Vec<_>>(), ["rust"]);
    }

    #[test]
    fn an_unknown_language_is_named() {
        assert_eq!(known("go"), Ok("go".into()));
        let why = known("pyhton").expect_err("a typing error");
        assert!(why.contains("pyhton") && why.contains("python"), "{why}");
    }
}
