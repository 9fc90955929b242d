//! The plumbing of the demo around worker.rs: a pool of workers, customers, counts, and what is told to the conductor.
//! README.md in the folder above describes it for all languages.

use http_body_util::Empty;
use hyper::body::Bytes;
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use seawall::{Calling, Event, event::Kind};
use serde_json::{Map, Value, json};
use std::error::Error;
use std::io::{BufRead, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};
use tokio::sync::{Semaphore, oneshot};
use tokio::time::{sleep, sleep_until, timeout};

/// How long a customer waits for an answer.
const PATIENCE: Duration = Duration::from_secs(2);
/// How many requests may wait for a worker of the pool.
const ROOM: u64 = 256;

/// Whatever goes wrong.
pub type Failure = Box<dyn Error + Send + Sync>;
/// How payment is called in the second act.
pub type Payment = Calling<String, Failure>;

#[derive(Clone, Copy, PartialEq, clap::ValueEnum)]
enum Act {
    Bare,
    Protected,
}

/// What every checkout service is told.
#[derive(clap::Args)]
pub struct Options {
    /// Where payment listens.
    #[arg(long)]
    url: String,
    /// With or without Seawall.
    #[arg(long, value_enum)]
    act: Act,
    /// The file of policies.
    #[arg(long)]
    policies: PathBuf,
    /// Orders per second, and as many requests for the other route.
    #[arg(long, default_value_t = 40)]
    rate: u32,
    /// Workers in the pool.
    #[arg(long, default_value_t = 12)]
    pool: usize,
    /// How long customers come.
    #[arg(long, default_value_t = 13.0)]
    seconds: f64,
}

#[derive(Default)]
struct Counters {
    offered: AtomicU64,
    served: AtomicU64,
    pending: AtomicU64,
    refused: AtomicU64,
    failed: AtomicU64,
    retries: AtomicU64,
    other_offered: AtomicU64,
    other_served: AtomicU64,
    other_failed: AtomicU64,
    waiting: AtomicU64,
    held: AtomicU64,
    max_held: AtomicU64,
}

fn count(counter: &AtomicU64) {
    counter.fetch_add(1, SeqCst);
}

/// The shop: what it was told, and what it counts.
pub struct Shop {
    /// The HTTP client of the service.
    pub http: Client<HttpConnector, Empty<Bytes>>,
    options: Options,
    pool: Semaphore,
    counters: Counters,
    start: OnceLock<Instant>,
}

impl Shop {
    /// The file of policies.
    pub fn policies(&self) -> &Path {
        &self.options.policies
    }

    /// A page of payment.
    pub fn url(&self, page: &str) -> String {
        format!("{}{page}", self.options.url)
    }

    /// Counts a worker that waits for payment, until the answer is dropped.
    pub fn waits(&self) -> Held<'_> {
        let held = self.counters.held.fetch_add(1, SeqCst) + 1;
        self.counters.max_held.fetch_max(held, SeqCst);
        Held(&self.counters)
    }

    /// Counts refusals and retries, and tells how the breaker changes.
    pub fn listener(self: &Arc<Self>) -> impl Fn(&Event<'_>) + Send + Sync + use<> {
        let shop = Arc::clone(self);
        move |event| match event.kind {
            Kind::Refusal { .. } => count(&shop.counters.refused),
            Kind::Retry { .. } => count(&shop.counters.retries),
            Kind::StateChange { from, to } => {
                let (from, to) = (from.name(), to.name());
                say(&json!({"kind": "state", "t": shop.millis(), "from": from, "to": to}));
            }
            _ => {}
        }
    }

    /// How an order ends; an answer that begins with "pending" is the fallback's.
    async fn answer(&self, payment: &Payment, order: u64) -> Option<String> {
        match self.options.act {
            Act::Bare => super::charge(self, format!("rust-{order}")).await.ok(),
            Act::Protected => super::pay(self, payment).await.ok(),
        }
    }

    async fn handle(self: Arc<Self>, payment: Payment, number: u64, is_order: bool) {
        let counters = &self.counters;
        let arrived = Instant::now();
        count(&counters.waiting);
        let worker = self.pool.acquire().await;
        counters.waiting.fetch_sub(1, SeqCst);
        let answer = if is_order {
            self.answer(&payment, number).await
        } else {
            sleep(Duration::from_millis(2)).await;
            None
        };
        drop(worker);
        let has_left = arrived.elapsed() > PATIENCE;
        count(match (is_order, answer) {
            (true, Some(text)) if !has_left && text.starts_with("pending") => &counters.pending,
            (true, Some(_)) if !has_left => &counters.served,
            (true, _) => &counters.failed,
            (false, _) if !has_left => &counters.other_served,
            (false, _) => &counters.other_failed,
        });
    }

    /// Customers come at an even pace, whatever became of those before them.
    async fn open(self: Arc<Self>, payment: Payment) {
        let gap = Duration::from_secs(1) / (2 * self.options.rate.max(1));
        let last = Duration::from_secs_f64(self.options.seconds);
        let mut number = 0u32;
        while gap * number < last {
            sleep_until((self.start() + gap * number).into()).await;
            let counters = &self.counters;
            let is_order = number.is_multiple_of(2);
            count(if is_order {
                &counters.offered
            } else {
                &counters.other_offered
            });
            if counters.waiting.load(SeqCst) < ROOM {
                let (shop, payment) = (Arc::clone(&self), payment.clone());
                tokio::spawn(shop.handle(payment, number.into(), is_order));
            } else {
                count(if is_order {
                    &counters.failed
                } else {
                    &counters.other_failed
                });
            }
            number += 1;
        }
    }

    async fn play(self: Arc<Self>, payment: Payment) {
        let mut customers = tokio::spawn(Arc::clone(&self).open(payment));
        while timeout(Duration::from_millis(100), &mut customers)
            .await
            .is_err()
        {
            self.report("count");
        }
        // Those who came last get the time that they would have waited for.
        for _ in 0..10 {
            sleep(Duration::from_millis(100)).await;
            self.report("count");
            if self.is_idle() {
                break;
            }
        }
        self.report("end");
    }

    fn report(&self, kind: &str) {
        let c = &self.counters;
        let mut line = Map::from_iter([
            ("kind".into(), kind.into()),
            ("t".into(), self.millis().into()),
        ]);
        for (name, counter) in [
            ("offered", &c.offered),
            ("served", &c.served),
            ("pending", &c.pending),
            ("refused", &c.refused),
            ("failed", &c.failed),
            ("retries", &c.retries),
            ("other_offered", &c.other_offered),
            ("other_served", &c.other_served),
            ("other_failed", &c.other_failed),
            ("waiting", &c.waiting),
            ("held", &c.held),
            ("max_held", &c.max_held),
        ] {
            line.insert(name.into(), counter.load(SeqCst).into());
        }
        say(&Value::Object(line));
    }

    fn is_idle(&self) -> bool {
        self.counters.waiting.load(SeqCst) == 0 && self.counters.held.load(SeqCst) == 0
    }

    /// When the story began.
    fn start(&self) -> Instant {
        *self.start.get_or_init(Instant::now)
    }

    fn millis(&self) -> u64 {
        u64::try_from(self.start().elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

/// A worker of the pool that waits for payment.
pub struct Held<'a>(&'a Counters);

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.0.held.fetch_sub(1, SeqCst);
    }
}

/// Says one line; when nobody listens any more, the story is over.
fn say(line: &Value) {
    let mut out = std::io::stdout().lock();
    if writeln!(out, "{line}").and_then(|()| out.flush()).is_err() {
        std::process::exit(0);
    }
}

/// Plays one act.
pub fn run(options: Options) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let shop = Arc::new(Shop {
        http: Client::builder(TokioExecutor::new()).build_http(),
        pool: Semaphore::new(options.pool),
        options,
        counters: Counters::default(),
        start: OnceLock::new(),
    });
    let payment = match super::open(&shop) {
        Ok(payment) => payment,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::FAILURE;
        }
    };
    runtime.block_on(async {
        let (go, gone) = oneshot::channel();
        std::thread::spawn(move || {
            let mut lines = std::io::stdin().lock().lines();
            let _ = lines.next().and_then(Result::ok).map(|_| go.send(()));
            // The conductor closes this pipe when it ends, however it ends.
            lines.for_each(drop);
            std::process::exit(0);
        });
        say(&json!({"kind": "ready", "runtime": "Rust, tokio"}));
        let _ = gone.await;
        shop.start();
        shop.play(payment).await;
    });
    // Calls that still hang are left behind.
    std::process::exit(0);
}
