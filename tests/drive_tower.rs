//! The layer for HTTP clients: what is sent, what is sent again, and what an answer means.

use std::collections::VecDeque;
use std::io::ErrorKind;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use http::{Method, Request, Response};
use seawall::breaker::State;
use seawall::testing;
use seawall::tower::{BoxError, Classify, Once, SeawallLayer, Unanswered};
use seawall::{
    Dependency, DependencyError, Ended, Nanos, Options, Refused, Seawall, Tokio, deadline,
};
use tower_layer::Layer;
use tower_service::Service;

fn dependency_of(settings: &str) -> Dependency {
    let text = format!("[dependency.shop]\ntimeout = '1s'\n{settings}\n");
    let wall = Seawall::options()
        .clock(Tokio::clock())
        .parse(&text, "seawall.toml")
        .unwrap_or_else(|error| panic!("{error}"));
    wall.dependency("shop").expect("defined")
}

const THREE: &str = "retry = { attempts = 3, jitter = 'none', base = '100ms' }";

#[derive(Clone, Copy)]
enum Answer {
    Status(u16),
    Asks(u16, &'static str),
    Error(ErrorKind),
    Nothing,
}

/// A client that answers as it is told, and the requests it was sent.
#[derive(Clone, Default)]
struct Client {
    answers: Arc<Mutex<VecDeque<Answer>>>,
    sent: Arc<Mutex<Vec<Request<String>>>>,
}

impl Client {
    fn of(answers: &[Answer]) -> Self {
        let client = Self::default();
        client.answers.lock().expect("no panic").extend(answers);
        client
    }

    fn sent(&self) -> Vec<Request<String>> {
        std::mem::take(&mut self.sent.lock().expect("no panic"))
    }
}

impl Service<Request<String>> for Client {
    type Response = Response<&'static str>;
    type Error = std::io::Error;
    type Future = std::pin::Pin<
        Box<dyn Future<Output = Result<Response<&'static str>, std::io::Error>> + Send>,
    >;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), std::io::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<String>) -> Self::Future {
        self.sent.lock().expect("no panic").push(request);
        let next = self.answers.lock().expect("no panic").pop_front();
        Box::pin(async move {
            match next.unwrap_or(Answer::Status(200)) {
                Answer::Status(status) => {
                    Ok(Response::builder().status(status).body("").expect("good"))
                }
                Answer::Asks(status, after) => Ok(Response::builder()
                    .status(status)
                    .header("retry-after", after)
                    .body("")
                    .expect("good")),
                Answer::Error(kind) => Err(kind.into()),
                Answer::Nothing => std::future::pending().await,
            }
        })
    }
}

fn request(method: Method) -> Request<String> {
    Request::builder()
        .method(method)
        .uri("http://shop/orders?page=1")
        .header("x-trace", "7")
        .body("two socks".to_owned())
        .expect("good")
}

/// Sends one request through the layer: the status or the error, and how many were sent.
async fn send(
    dependency: &Dependency,
    answers: &[Answer],
    method: Method,
) -> (Result<u16, BoxError>, usize) {
    let client = Client::of(answers);
    let mut layered = SeawallLayer::new(dependency.clone(), Tokio).layer(client.clone());
    let answer = layered.call(request(method)).await;
    (
        answer.map(|answer| answer.status().as_u16()),
        client.sent().len(),
    )
}

#[tokio::test(start_paused = true)]
async fn what_may_be_sent_twice_is_sent_again_and_the_last_answer_is_the_real_one() {
    let shop = dependency_of(THREE);
    for (answers, method, status, sent) in [
        (&[Answer::Status(503)][..], Method::GET, 200, 2),
        (&[Answer::Status(503); 3], Method::GET, 503, 3),
        (&[Answer::Status(500)], Method::PUT, 200, 2),
        // Nobody knows whether the order was booked.
        (&[Answer::Status(500)], Method::POST, 500, 1),
        // It was not even sent.
        (
            &[Answer::Error(ErrorKind::ConnectionRefused)],
            Method::POST,
            200,
            2,
        ),
        (
            &[Answer::Error(ErrorKind::ConnectionReset)],
            Method::DELETE,
            200,
            2,
        ),
        // The next answer would be the same.
        (&[Answer::Status(501)], Method::GET, 501, 1),
        // It answered: the request is what was wrong.
        (&[Answer::Status(404)], Method::GET, 404, 1),
        (&[Answer::Status(408)], Method::GET, 200, 2),
        (&[Answer::Status(429)], Method::GET, 200, 2),
    ] {
        shop.reset();
        let (answer, made) = send(&shop, answers, method.clone()).await;
        assert_eq!((answer.ok(), made), (Some(status), sent), "{method}");
    }
    let (answer, sent) = send(
        &shop,
        &[Answer::Error(ErrorKind::ConnectionReset)],
        Method::POST,
    )
    .await;
    let error = answer.expect_err("its own error");
    let io = error.downcast_ref::<std::io::Error>().expect("unchanged");
    assert_eq!((io.kind(), sent), (ErrorKind::ConnectionReset, 1));
}

#[tokio::test(start_paused = true)]
async fn retry_after_is_waited_for_and_never_cut_short() {
    let shop = dependency_of(
        "deadline = '10s'\nretry = { attempts = 3, jitter = 'none', base = '100ms' }",
    );
    let begin = tokio::time::Instant::now();
    let (answer, sent) = send(&shop, &[Answer::Asks(429, "3")], Method::GET).await;
    assert_eq!((answer.ok(), sent), (Some(200), 2));
    assert!((3_000..3_010).contains(&begin.elapsed().as_millis()));
    // Beyond the deadline: given up at once, with the real answer.
    let begin = tokio::time::Instant::now();
    let (answer, sent) = send(&shop, &[Answer::Asks(503, "60")], Method::GET).await;
    assert_eq!((answer.ok(), sent), (Some(503), 1));
    assert_eq!(begin.elapsed(), Duration::ZERO);
    // What cannot be understood is not there.
    let (answer, sent) = send(&shop, &[Answer::Asks(503, "soon")], Method::GET).await;
    assert_eq!((answer.ok(), sent), (Some(200), 2));
}

#[tokio::test(start_paused = true)]
async fn every_attempt_carries_its_time_and_one_key() {
    let shop = dependency_of(&format!("deadline = '5s'\nidempotency_key = true\n{THREE}"));
    let client = Client::of(&[Answer::Status(500), Answer::Nothing]);
    let mut layered = SeawallLayer::new(shop, Tokio).layer(client.clone());
    let mut grpc = request(Method::POST);
    grpc.headers_mut().insert(
        "content-type",
        "application/grpc+proto".parse().expect("good"),
    );
    let answer = layered.call(grpc).await.expect("the third one answers");
    assert_eq!(answer.status(), 200);
    let sent = client.sent();
    assert_eq!(sent.len(), 3, "with a key a POST may be sent again");
    let header = |number: usize, name: &str| {
        let request = sent.get(number).expect("sent");
        let value = request.headers().get(name).expect("there");
        value.to_str().expect("text").to_owned()
    };
    assert_eq!(header(0, "x-request-timeout-ms"), "1000");
    assert_eq!(header(0, "grpc-timeout"), "1000000u");
    assert_eq!(header(0, "idempotency-key"), header(2, "idempotency-key"));
    assert_eq!(header(2, "x-trace"), "7");
    let last = sent.last().expect("three");
    assert_eq!(last.body(), "two socks");
    assert_eq!(last.uri(), "http://shop/orders?page=1");
    // The user's own key stays, and no other service's deadline is passed on unchanged.
    let mut own = request(Method::POST);
    own.headers_mut()
        .insert("idempotency-key", "mine".parse().expect("good"));
    let under = seawall::Deadline::after(
        seawall::Moment::now(&Tokio::clock()),
        Nanos::from_millis(250),
    );
    let answer = deadline::scope_async(under, layered.call(own)).await;
    assert!(answer.is_ok());
    let sent = client.sent();
    let first = sent.first().expect("sent").headers();
    assert_eq!(first.get("idempotency-key").expect("there"), "mine");
    assert!(!first.contains_key("grpc-timeout"));
    let left = first.get("x-request-timeout-ms").expect("there");
    let left: u64 = left.to_str().expect("text").parse().expect("a number");
    assert!((240..=250).contains(&left), "{left}");
}

#[tokio::test(start_paused = true)]
async fn a_body_that_can_be_sent_once_is_sent_once() {
    let shop = dependency_of(THREE);
    let client = Client::of(&[Answer::Status(503)]);
    let mut layered = SeawallLayer::new(shop, Tokio)
        .replay(Once)
        .layer(client.clone());
    let answer = layered.call(request(Method::GET)).await.expect("an answer");
    assert_eq!((answer.status().as_u16(), client.sent().len()), (503, 1));
}

#[tokio::test(start_paused = true)]
async fn refusals_and_timeouts_can_be_told_from_errors_of_the_client() {
    let shop = dependency_of("");
    let (answer, sent) = send(&shop, &[Answer::Nothing], Method::GET).await;
    let error = answer.expect_err("no answer");
    let unanswered = error.downcast_ref::<Unanswered>().expect("ours");
    assert!(matches!(unanswered.why, DependencyError::TimedOut(_)));
    assert_eq!(
        (error.to_string().as_str(), sent),
        ("shop: no answer within 1s", 1)
    );

    testing::force(&shop, State::ForcedOpen).expect("a breaker");
    let (answer, sent) = send(&shop, &[], Method::GET).await;
    let error = answer.expect_err("refused");
    let refusal = error
        .downcast_ref::<Unanswered>()
        .and_then(Unanswered::refusal);
    assert_eq!(
        refusal.map(|refusal| refusal.reason),
        Some(Refused::BreakerForcedOpen)
    );
    assert_eq!(sent, 0);
}

#[tokio::test(start_paused = true)]
async fn a_request_may_bring_its_own_options_and_a_service_its_own_word() {
    let shop = dependency_of(THREE);
    let client = Client::of(&[Answer::Status(404), Answer::Status(404)]);
    let teapots = |answer: Result<&Response<&'static str>, &BoxError>| match answer {
        Ok(answer) if answer.status() == 404 => Ended::FAILURE,
        other => seawall::tower::ByStatus.classify(other),
    };
    let mut layered = SeawallLayer::new(shop, Tokio)
        .on(teapots)
        .layer(client.clone());
    let mut may_repeat = request(Method::POST);
    may_repeat.extensions_mut().insert(Options {
        idempotent: Some(true),
        ..Options::DEFAULT
    });
    let answer = layered.call(may_repeat).await.expect("an answer");
    assert_eq!((answer.status().as_u16(), client.sent().len()), (200, 3));
}
