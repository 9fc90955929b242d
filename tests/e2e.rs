//! End to end: a real server, real sockets and real faults. Prints what it measured.

use std::io::{Error, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use seawall::breaker::State;
use seawall::tower::{BoxError, SeawallLayer, Unanswered, by_error, by_status};
use seawall::{
    Attempt, Dependency, Detailed, Ended, Fallback, Outcome, Refused, Seawall, Tokio, classify,
};
use seawall_testkit::rig::{Rig, say};
use serde_json::json;
use tower_layer::Layer;
use tower_service::Service;

/// The rig's programs would steal each other's processor: one test at a time.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

const POLICY: &str = "
    timeout = '300ms'
    deadline = '2s'
    retry = { attempts = 3, base = '20ms', cap = '100ms', budget = '100%' }
    breaker = { consecutive_failures = 5, open_for = '300ms', open_jitter = '0%' }
    bulkhead = { max_concurrent = 4 }
";

/// The most a call may take: its deadline, and what a busy machine adds.
const MOST: Duration = Duration::from_millis(2_500);

fn dependency_of(policy: &str) -> Dependency {
    let wall = Seawall::parse(&format!("[dependency.shop]\n{policy}\n"), "seawall.toml");
    let wall = wall.unwrap_or_else(|error| panic!("{error}"));
    wall.dependency("shop").expect("defined")
}

/// What a client makes of one request: the status and the length of the body.
type Answer = (u16, usize);

/// GET over a connection of its own, in no more time than the attempt has.
fn get(address: &str, path: &str, attempt: &Attempt) -> Result<Answer, Error> {
    let address: SocketAddr = address.parse().map_err(Error::other)?;
    let left = || match attempt.remaining() {
        Duration::ZERO => Err(Error::from(ErrorKind::TimedOut)),
        left => Ok(left),
    };
    let mut stream = TcpStream::connect_timeout(&address, left()?)?;
    stream.set_write_timeout(Some(left()?))?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: shop\r\n\r\n")?;
    let mut text = Vec::new();
    let mut block = [0; 4_096];
    loop {
        stream.set_read_timeout(Some(left()?))?;
        match stream.read(&mut block)? {
            0 => return Err(Error::from(ErrorKind::UnexpectedEof)),
            read => text.extend_from_slice(&block[..read]),
        }
        let Some(end) = text.windows(4).position(|window| window == b"\r\n\r\n") else {
            continue;
        };
        let head = String::from_utf8_lossy(&text[..end]).to_lowercase();
        let number = |after: &str| -> Option<usize> {
            let (_, rest) = head.split_once(after)?;
            rest.split_whitespace().next()?.parse().ok()
        };
        let (Some(status), Some(length)) = (number("http/1.1 "), number("content-length: ")) else {
            return Err(Error::other("not the HTTP of this test"));
        };
        if text.len() >= end + 4 + length {
            return Ok((u16::try_from(status).map_err(Error::other)?, length));
        }
    }
}

fn by_answer(answer: &Result<Answer, Error>) -> Ended {
    match answer {
        Ok((status, _)) => seawall::core::http::ended(u32::from(*status), seawall::Nanos::ZERO),
        Err(_) => classify::io(&answer.as_ref().map_err(|error| Error::from(error.kind()))),
    }
}

/// One line of figures.
fn line<E>(what: &str, calls: &[Detailed<Answer, E>]) {
    let mut took: Vec<u128> = calls.iter().map(|call| call.duration.as_micros()).collect();
    took.sort_unstable();
    let attempts: u32 = calls.iter().map(|call| call.attempts).sum();
    let good = calls.iter().filter(|call| call.result.is_ok());
    let millis = |micros: Option<&u128>| *micros.unwrap_or(&0) as f64 / 1_000.0;
    say(&format!(
        "{what:<34} {:>3} calls, {:>3} good, {attempts:>3} attempts, median {:>8.2} ms, worst {:>8.2} ms",
        calls.len(),
        good.count(),
        millis(took.get(took.len() / 2)),
        millis(took.last()),
    ));
}

fn breaker(shop: &Dependency) -> State {
    shop.snapshot().breaker.expect("one").state
}

fn holds_nothing(shop: &Dependency) {
    let bulkhead = shop.snapshot().bulkhead.expect("one");
    assert_eq!((bulkhead.in_use, bulkhead.waiting), (0, 0));
}

/// Calls until one succeeds, and says how long that took.
fn recovery<E>(mut call: impl FnMut() -> Detailed<Answer, E>) -> Duration {
    let begin = Instant::now();
    while call().result.is_err() {
        assert!(
            begin.elapsed() < Duration::from_secs(10),
            "it never recovers"
        );
        std::thread::sleep(Duration::from_millis(10));
    }
    begin.elapsed()
}

/// Meets every fault with one client. `call` makes one call to a path.
fn through_every_fault<E: std::fmt::Debug>(
    client: &str,
    proxy: &seawall_testkit::rig::Proxy<'_>,
    shop: &Dependency,
    call: &dyn Fn(&str) -> Detailed<Answer, E>,
) {
    let calls = |path: &str, count: usize| -> Vec<_> { (0..count).map(|_| call(path)).collect() };
    let all = |calls: &[Detailed<Answer, E>],
               what: &str,
               is_right: &dyn Fn(&Detailed<Answer, E>) -> bool| {
        line(&format!("{client}, {what}"), calls);
        for call in calls {
            assert!(is_right(call), "{what}: {call:?}");
            assert!(call.duration < MOST, "{what}: {call:?}");
        }
        holds_nothing(shop);
        shop.reset();
    };

    all(&calls("/ok", 20), "well", &|call| {
        call.result.is_ok() && call.attempts == 1
    });
    {
        let _late = proxy.toxic("latency", json!({"latency": 120}));
        all(&calls("/ok", 5), "latency 120 ms", &|call| {
            call.result.is_ok() && call.duration >= Duration::from_millis(120)
        });
    }
    {
        let _too_late = proxy.toxic("latency", json!({"latency": 5_000}));
        all(&calls("/ok", 1), "latency 5 s", &|call| {
            call.result.is_err() && call.duration >= Duration::from_millis(300)
        });
    }
    {
        let _reset = proxy.toxic("reset_peer", json!({"timeout": 0}));
        all(&calls("/ok", 3), "reset_peer", &|call| {
            call.result.is_err() && call.attempts == 3
        });
    }
    {
        let _silent = proxy.toxic("timeout", json!({"timeout": 0}));
        all(&calls("/ok", 1), "timeout", &|call| {
            call.result.is_err() && call.duration >= Duration::from_millis(300)
        });
    }
    {
        let _narrow = proxy.toxic("bandwidth", json!({"rate": 10}));
        all(
            &calls("/bytes/100000", 1),
            "bandwidth 10 KB/s, 100 KB",
            &|call| call.result.is_err() && call.duration >= Duration::from_millis(300),
        );
        all(
            &calls("/bytes/100", 2),
            "bandwidth 10 KB/s, 100 B",
            &|call| call.result.is_ok(),
        );
    }
    let flaky = calls(&format!("/flaky/2?id={client}"), 1);
    all(&flaky, "503 twice, then 200", &|call| {
        call.attempts == 3 && call.result.as_ref().is_ok_and(|(status, _)| *status == 200)
    });

    proxy.enable(false);
    let down = calls("/ok", 8);
    line(&format!("{client}, down"), &down);
    assert_eq!(breaker(shop), State::Open, "five calls failed");
    for call in &down[5..] {
        assert_eq!(call.attempts, 0, "refused: {call:?}");
        assert!(call.duration < Duration::from_millis(50), "{call:?}");
    }
    proxy.enable(true);
    let took = recovery(|| call("/ok"));
    say(&format!("{client}, up again: good {took:.0?} later"));
    assert!(took < Duration::from_secs(2));
    assert_eq!(breaker(shop), State::Closed);
    holds_nothing(shop);
}

#[test]
fn a_blocking_client_through_every_fault() {
    let Some(rig) = Rig::start() else { return };
    let _one = ONE_AT_A_TIME.lock();
    let (proxy, shop) = (rig.proxy("blocking"), dependency_of(POLICY));
    let calling = shop.calling().on(by_answer);
    through_every_fault("std", &proxy, &shop, &|path| {
        calling.call_detailed(|attempt| get(proxy.address(), path, attempt))
    });
    // The same dependency with something to serve instead.
    proxy.enable(false);
    let degraded = shop
        .calling()
        .on(by_answer)
        .fallback(Fallback::value((203, 0)));
    let detailed = degraded
        .expect("allowed")
        .call_detailed(|attempt| get(proxy.address(), "/ok", attempt));
    assert!(detailed.is_degraded());
    line("std, down, with a fallback", &[detailed]);
}

type Hyper = Client<HttpConnector, Full<&'static [u8]>>;

/// A client that opens a connection for every request, so that each meets the fault of its time.
fn hyper() -> Hyper {
    Client::builder(TokioExecutor::new())
        .pool_max_idle_per_host(0)
        .build_http()
}

fn request(method: &str, url: &str) -> http::Request<Full<&'static [u8]>> {
    let request = http::Request::builder().method(method).uri(url);
    request.body(Full::default()).expect("good")
}

#[test]
fn an_asynchronous_client_through_every_fault() {
    let Some(rig) = Rig::start() else { return };
    let _one = ONE_AT_A_TIME.lock();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let (proxy, shop) = (rig.proxy("hyper"), dependency_of(POLICY));
    let calling = shop
        .calling()
        .on(|answer: &Result<Answer, BoxError>| match answer {
            Ok((status, _)) => seawall::core::http::ended(u32::from(*status), seawall::Nanos::ZERO),
            Err(error) => by_error(error),
        });
    let client = hyper();
    through_every_fault("hyper", &proxy, &shop, &|path| {
        let url = format!("http://{}{path}", proxy.address());
        runtime.block_on(calling.call_detailed_async(Tokio, |_| {
            let answer = client.request(request("GET", &url));
            async move {
                let answer = answer.await?;
                let status = answer.status().as_u16();
                let body = answer.into_body().collect().await?.to_bytes();
                Ok::<_, BoxError>((status, body.len()))
            }
        }))
    });
}

#[test]
fn the_layer_in_front_of_a_real_client() {
    let Some(rig) = Rig::start() else { return };
    let _one = ONE_AT_A_TIME.lock();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let proxy = rig.proxy("layer");
    let shop = dependency_of(
        "timeout = '1s'\ndeadline = '5s'\nidempotency_key = true\n\
         retry = { attempts = 3, base = '20ms', cap = '100ms' }\n\
         breaker = { consecutive_failures = 2, open_for = '200ms', open_jitter = '0%' }\n\
         bulkhead = { max_concurrent = 4 }",
    );
    let mut layered = SeawallLayer::new(shop.clone(), Tokio).layer(hyper());
    let mut send = |method: &str, path: &str| {
        let url = format!("http://{}{path}", proxy.address());
        let begin = Instant::now();
        let answer = runtime.block_on(async {
            let answer = layered.call(request(method, &url)).await?;
            let ended = by_status(&answer);
            let status = answer.status().as_u16();
            let body = answer.into_body().collect().await?.to_bytes();
            Ok::<_, BoxError>((status, ended, String::from_utf8_lossy(&body).into_owned()))
        });
        let took = begin.elapsed();
        let shown = answer
            .as_ref()
            .map_or_else(ToString::to_string, |(status, ..)| status.to_string());
        say(&format!("layer, {method} {path}: {shown} after {took:.2?}"));
        (answer, took)
    };

    let (answer, _) = send("POST", "/flaky/2?id=layer");
    assert_eq!(answer.expect("an answer").0, 200, "the key allows it");
    let (answer, took) = send("GET", "/retry-after/1");
    let (status, ended, _) = answer.expect("an answer");
    assert_eq!((status, ended.outcome), (429, Outcome::Failure));
    assert!(took >= Duration::from_secs(2), "two waits of a second each");
    shop.reset();
    let (answer, took) = send("GET", "/retry-after-date/2");
    assert_eq!(answer.expect("an answer").0, 503);
    assert!(took >= Duration::from_secs(2) && took < Duration::from_secs(5));
    shop.reset();
    let (answer, _) = send("GET", "/headers");
    let (_, _, text) = answer.expect("an answer");
    let sent: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    let left = sent["x-request-timeout-ms"].as_str().expect("sent");
    let left: u64 = left.parse().expect("a number");
    assert!((900..=1_000).contains(&left), "{left} ms");
    assert_eq!(sent["idempotency-key"].as_str().map(str::len), Some(36));

    {
        let _reset = proxy.toxic("reset_peer", json!({"timeout": 0}));
        let (answer, _) = send("GET", "/ok");
        let error = answer.expect_err("reset");
        assert!(by_error(&error).is_retryable, "known as a reset: {error:?}");
    }
    proxy.enable(false);
    let (answer, _) = send("GET", "/ok");
    assert!(by_error(&answer.expect_err("down")).was_not_sent);
    let (answer, took) = send("GET", "/ok");
    let error = answer.expect_err("refused");
    let refusal = error
        .downcast_ref::<Unanswered>()
        .and_then(Unanswered::refusal);
    assert_eq!(
        refusal.map(|refusal| refusal.reason),
        Some(Refused::BreakerOpen)
    );
    assert!(took < Duration::from_millis(50));
    proxy.enable(true);
    std::thread::sleep(Duration::from_millis(250));
    assert_eq!(send("GET", "/ok").0.expect("the probe").0, 200);
    assert_eq!(breaker(&shop), State::Closed);
    holds_nothing(&shop);
}
