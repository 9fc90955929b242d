//! A checkout service in Rust: a small pool of workers, two routes, one dependency that turns slow.
//!
//! README.md in this folder tells what the five services have in common. What a service of yours would
//! take over is `Wall` and `pay_behind_the_wall`.

use http_body_util::{BodyExt, Empty};
use hyper::Request;
use hyper::body::Bytes;
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use seawall::breaker::{self, Breaker, State};
use seawall::bulkhead::{self, Bulkhead};
use seawall::retry_budget::{self, Cause, RetryBudget};
use seawall::{Backoff, CallError, ConfigError, Nanos, Outcome};
use serde_json::{Map, Value, json};
use std::io::{BufRead, Write};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::{Duration, Instant};
use tokio::sync::{Semaphore, oneshot};
use tokio::time::{sleep, sleep_until, timeout};

/// How long a customer waits for an answer.
const PATIENCE: Duration = Duration::from_secs(2);
/// How many requests may wait for a worker of the pool.
const ROOM: u64 = 256;
/// How long the service waits for payment; payment needs about 20 ms when it is well.
const TIMEOUT: Duration = Duration::from_millis(300);
/// The most workers of the pool that payment may hold: a third of twelve.
const MOST_HELD: u32 = 4;

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

/// What stands between the pool and payment.
struct Wall {
    bulkhead: Bulkhead,
    breaker: Breaker,
    budget: RetryBudget,
    backoff: Backoff,
}

impl Wall {
    fn new(start: Instant) -> Result<Self, ConfigError> {
        let bulkhead = bulkhead::Config {
            max_concurrent: MOST_HELD,
            ..Default::default()
        };
        let breaker = breaker::Config {
            consecutive_failures: 5,
            consecutive_always: true,
            failure_permille: 500,
            window_calls: 20,
            min_calls: 10,
            open_for: Nanos::from_millis(500),
            open_max: Nanos::from_secs(1),
            probe_lease: Nanos::from_secs(1),
            ..Default::default()
        };
        Ok(Self {
            bulkhead: Bulkhead::new("payment", bulkhead)?,
            breaker: Breaker::new("payment", breaker)?.on_transition(move |_, change| {
                let (from, to) = (change.from.name(), change.to.name());
                say(&json!({"kind": "state", "t": millis(start), "from": from, "to": to}));
            }),
            budget: RetryBudget::new("payment", retry_budget::Config::default())?,
            backoff: Backoff {
                base: Nanos::from_millis(50),
                ..Default::default()
            },
        })
    }
}

/// Payment gave no good answer, or none in time.
struct Failed;

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

enum Answer {
    Paid,
    /// The fallback: "we have your order and will confirm the payment later".
    Pending,
    Failed,
}

struct Shop {
    client: Client<HttpConnector, Empty<Bytes>>,
    url: String,
    pool: Semaphore,
    wall: Option<Wall>,
    counters: Counters,
    start: Instant,
}

impl Shop {
    async fn pay(&self, order: u64) -> Answer {
        let Some(wall) = &self.wall else {
            let _held = self.hold();
            return match self.request_payment(order).await {
                Ok(()) => Answer::Paid,
                Err(Failed) => Answer::Failed,
            };
        };
        match self.pay_behind_the_wall(wall, order).await {
            Ok(()) => Answer::Paid,
            Err(CallError::Failed(Failed)) => Answer::Pending,
            Err(CallError::Refused(_)) => {
                count(&self.counters.refused);
                Answer::Pending
            }
        }
    }

    async fn pay_behind_the_wall(&self, wall: &Wall, order: u64) -> Result<(), CallError<Failed>> {
        let _place = wall.bulkhead.try_acquire()?;
        let attempts = async {
            let _held = self.hold();
            self.attempts(wall, order).await
        };
        wall.breaker.call_async(attempts).await
    }

    /// One attempt, and a second one while payment looks well and retries stay rare.
    async fn attempts(&self, wall: &Wall, order: u64) -> Result<(), Failed> {
        wall.budget.deposit();
        let first = self.in_time(order).await;
        if first.is_ok() || wall.breaker.state() != State::Closed {
            return first;
        }
        let Ok(withdrawal) = wall.budget.try_withdraw(Cause::Timeout) else {
            return first;
        };
        count(&self.counters.retries);
        let random = seawall::seed::random();
        let wait = wall.backoff.delay(1, Nanos::ZERO, random, Nanos::ZERO);
        sleep(wait.into()).await;
        let second = self.in_time(order).await;
        withdrawal.record(Outcome::classify(false, second.is_err()));
        second
    }

    async fn in_time(&self, order: u64) -> Result<(), Failed> {
        let answer = timeout(TIMEOUT, self.request_payment(order)).await;
        answer.unwrap_or(Err(Failed))
    }

    /// The HTTP call as anybody would write it. It has no timeout of its own.
    async fn request_payment(&self, order: u64) -> Result<(), Failed> {
        let request = Request::post(format!("{}/pay", self.url))
            .header("idempotency-key", format!("rust-{order}"))
            .body(Empty::new())
            .map_err(|_| Failed)?;
        let response = self.client.request(request).await.map_err(|_| Failed)?;
        let is_paid = response.status().is_success();
        response.into_body().collect().await.map_err(|_| Failed)?;
        if is_paid { Ok(()) } else { Err(Failed) }
    }

    async fn handle(self: Arc<Self>, number: u64, is_order: bool) {
        let counters = &self.counters;
        let arrived = Instant::now();
        count(&counters.waiting);
        let worker = self.pool.acquire().await;
        counters.waiting.fetch_sub(1, SeqCst);
        let answer = if is_order {
            self.pay(number).await
        } else {
            sleep(Duration::from_millis(2)).await;
            Answer::Paid
        };
        drop(worker);
        let has_left = arrived.elapsed() > PATIENCE;
        count(match (is_order, answer) {
            (true, Answer::Paid) if !has_left => &counters.served,
            (true, Answer::Pending) if !has_left => &counters.pending,
            (true, _) => &counters.failed,
            (false, _) if !has_left => &counters.other_served,
            (false, _) => &counters.other_failed,
        });
    }

    /// Customers come at an even pace, whatever became of those before them.
    async fn open(self: Arc<Self>, rate: u32, seconds: f64) {
        let gap = Duration::from_secs(1) / (2 * rate.max(1));
        let last = Duration::from_secs_f64(seconds);
        let mut number = 0u32;
        while gap * number < last {
            sleep_until((self.start + gap * number).into()).await;
            let counters = &self.counters;
            let is_order = number.is_multiple_of(2);
            count(if is_order {
                &counters.offered
            } else {
                &counters.other_offered
            });
            if counters.waiting.load(SeqCst) < ROOM {
                tokio::spawn(Arc::clone(&self).handle(number.into(), is_order));
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

    fn hold(&self) -> Held<'_> {
        let held = self.counters.held.fetch_add(1, SeqCst) + 1;
        self.counters.max_held.fetch_max(held, SeqCst);
        Held(&self.counters)
    }

    fn report(&self, kind: &str) {
        let c = &self.counters;
        let mut line = Map::from_iter([
            ("kind".into(), kind.into()),
            ("t".into(), millis(self.start).into()),
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
}

/// A worker of the pool that waits for payment.
struct Held<'a>(&'a Counters);

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.0.held.fetch_sub(1, SeqCst);
    }
}

fn millis(start: Instant) -> u64 {
    u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX)
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
        let start = Instant::now();
        let wall = Wall::new(start).expect("the settings above are in range");
        let shop = Arc::new(Shop {
            client: Client::builder(TokioExecutor::new()).build_http(),
            url: options.url,
            pool: Semaphore::new(options.pool),
            wall: (options.act == Act::Protected).then_some(wall),
            counters: Counters::default(),
            start,
        });
        let mut customers = tokio::spawn(Arc::clone(&shop).open(options.rate, options.seconds));
        while timeout(Duration::from_millis(100), &mut customers)
            .await
            .is_err()
        {
            shop.report("count");
        }
        // Those who came last get the time that they would have waited for.
        for _ in 0..10 {
            sleep(Duration::from_millis(100)).await;
            shop.report("count");
            if shop.is_idle() {
                break;
            }
        }
        shop.report("end");
    });
    // Calls that still hang are left behind.
    std::process::exit(0);
}
