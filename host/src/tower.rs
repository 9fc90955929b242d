//! A layer for `tower`, so that every request of an HTTP client goes through a dependency.
//!
//! Statuses and broken connections are judged by the tables of [`seawall_core::http`], Retry-After is honoured in
//! both its forms, and each attempt carries the time it has in `x-request-timeout-ms` (and in `grpc-timeout`, where
//! the request is one of gRPC). A request is sent again only if its method may be, or it carries an idempotency
//! key, or it certainly was not sent; and only if its body can be sent again.
//!
//! The outcome is known when the head of the answer has come. How long its body may take is for its reader, and how
//! long connecting may take (`connect_timeout` of the policy) for whoever makes the client.

use std::convert::Infallible;
use std::error::Error;
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::{SystemTime, UNIX_EPOCH};

use ::http::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use ::http::{Request, Response};
use seawall_core::http::{self, Trouble};
use seawall_core::policy::{Ended, Options};
use seawall_core::{Nanos, Refusal, retry_after};
use tower_layer::Layer;
use tower_service::Service;

use crate::classify;
use crate::deadline;
use crate::dependency::Dependency;
use crate::drive::{Attempt, DependencyError, Sleep};

/// Any error that can be sent.
pub type BoxError = Box<dyn Error + Send + Sync>;

const KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// What an answer or an error means to the dependency. Functions of this form are classifications, too.
pub trait Classify<B> {
    /// What it means.
    fn classify(&self, answer: Result<&Response<B>, &BoxError>) -> Ended;
}

impl<B, F> Classify<B> for F
where
    F: Fn(Result<&Response<B>, &BoxError>) -> Ended,
{
    fn classify(&self, answer: Result<&Response<B>, &BoxError>) -> Ended {
        self(answer)
    }
}

/// The classification by status, Retry-After and the error of the socket: what all languages take for granted.
/// With the feature `hyper`, its errors are known, too.
#[derive(Clone, Copy, Debug, Default)]
pub struct ByStatus;

impl<B> Classify<B> for ByStatus {
    fn classify(&self, answer: Result<&Response<B>, &BoxError>) -> Ended {
        match answer {
            Ok(response) => by_status(response),
            Err(error) => by_error(error),
        }
    }
}

/// What the head of an answer means.
#[must_use]
pub fn by_status<B>(response: &Response<B>) -> Ended {
    let asked = response.headers().get(RETRY_AFTER);
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let unix_ms = since.map_or(0, |since| Nanos::from(since).as_millis_floor());
    // What cannot be understood is not there: the answer itself is no worse for it.
    let wait = asked.and_then(|value| retry_after::parse(value.as_bytes(), unix_ms).ok());
    http::ended(
        u32::from(response.status().as_u16()),
        wait.unwrap_or(Nanos::ZERO),
    )
}

/// What an error of a client means.
#[must_use]
pub fn by_error(error: &BoxError) -> Ended {
    let error: &(dyn Error + 'static) = error.as_ref();
    if let Some(io) = classify::io_source(error) {
        return classify::io_kind(io.kind());
    }
    #[cfg(feature = "hyper")]
    if let Some(trouble) = of_hyper(error) {
        return trouble.ended();
    }
    Trouble::Other.ended()
}

#[cfg(feature = "hyper")]
fn of_hyper(error: &(dyn Error + 'static)) -> Option<Trouble> {
    let mut next = Some(error);
    // A chain longer than this is a circle.
    for _ in 0..32 {
        let this = next?;
        if let Some(error) = this.downcast_ref::<hyper::Error>() {
            return Some(if error.is_incomplete_message() || error.is_closed() {
                Trouble::Reset
            } else if error.is_timeout() {
                Trouble::ReadTimeout
            } else if error.is_parse() {
                Trouble::Protocol
            } else {
                Trouble::Other
            });
        }
        next = this.source();
    }
    None
}

/// Whether a body can be sent again.
pub trait Replay<B> {
    /// A copy to send; `None` when the body can be sent only once.
    fn replay(&self, body: &B) -> Option<B>;
}

/// For bodies that can be cloned.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cloned;

impl<B: Clone> Replay<B> for Cloned {
    fn replay(&self, body: &B) -> Option<B> {
        Some(body.clone())
    }
}

/// For bodies that cannot: a request is sent once.
#[derive(Clone, Copy, Debug, Default)]
pub struct Once;

impl<B> Replay<B> for Once {
    fn replay(&self, _: &B) -> Option<B> {
        None
    }
}

/// Puts a dependency in front of a client. What one request may differ in goes into its extensions as
/// [`Options`].
#[derive(Clone, Debug)]
pub struct SeawallLayer<S, C = ByStatus, R = Cloned> {
    dependency: Dependency,
    sleep: S,
    classify: C,
    replay: R,
}

impl<S> SeawallLayer<S> {
    /// A layer for requests whose body can be cloned. `sleep` makes timers: `Tokio`, or a function such as
    /// `tokio::time::sleep`.
    pub const fn new(dependency: Dependency, sleep: S) -> Self {
        Self {
            dependency,
            sleep,
            classify: ByStatus,
            replay: Cloned,
        }
    }
}

impl<S, C, R> SeawallLayer<S, C, R> {
    /// The same with another word on what an answer means.
    pub fn on<D>(self, classify: D) -> SeawallLayer<S, D, R> {
        let Self {
            dependency,
            sleep,
            replay,
            ..
        } = self;
        SeawallLayer {
            dependency,
            sleep,
            classify,
            replay,
        }
    }

    /// The same for other bodies: [`Once`] for those that cannot be cloned.
    pub fn replay<P>(self, replay: P) -> SeawallLayer<S, C, P> {
        let Self {
            dependency,
            sleep,
            classify,
            ..
        } = self;
        SeawallLayer {
            dependency,
            sleep,
            classify,
            replay,
        }
    }
}

impl<I, S: Clone, C: Clone, R: Clone> Layer<I> for SeawallLayer<S, C, R> {
    type Service = SeawallService<I, S, C, R>;

    fn layer(&self, inner: I) -> Self::Service {
        SeawallService {
            inner,
            layer: self.clone(),
        }
    }
}

/// A client behind a dependency; see [`SeawallLayer`]. It is always ready: waiting for the client to be ready is
/// part of the attempt, and of its time.
#[derive(Clone, Debug)]
pub struct SeawallService<I, S, C = ByStatus, R = Cloned> {
    inner: I,
    layer: SeawallLayer<S, C, R>,
}

impl<I, S, C, R, B, A> Service<Request<B>> for SeawallService<I, S, C, R>
where
    I: Service<Request<B>, Response = Response<A>> + Clone + Send + 'static,
    I::Error: Into<BoxError>,
    I::Future: Send,
    S: Sleep + Clone + Send + Sync + 'static,
    S::Sleeping: Send,
    C: Classify<A> + Clone + Send + Sync + 'static,
    R: Replay<B> + Clone + Send + Sync + 'static,
    B: Send + Sync + 'static,
    A: Send + 'static,
{
    type Response = Response<A>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Response<A>, BoxError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let Self { inner, layer } = self.clone();
        Box::pin(async move { layer.send(inner, request).await })
    }
}

impl<S: Sleep + Clone, C, R> SeawallLayer<S, C, R> {
    async fn send<I, B, A>(self, inner: I, request: Request<B>) -> Result<Response<A>, BoxError>
    where
        I: Service<Request<B>, Response = Response<A>> + Clone,
        I::Error: Into<BoxError>,
        C: Classify<A>,
        R: Replay<B>,
    {
        let dependency = &self.dependency;
        let policy = dependency.policy();
        let (sends_key, most) = (policy.sends_key, policy.call.attempts);
        let has_key = sends_key || request.headers().contains_key(KEY);
        let may_repeat = policy.call.idempotent && http::is_idempotent(request.method().as_str());
        let asked = request.extensions().get::<Options>().copied();
        let asked = asked.unwrap_or(Options::DEFAULT);
        let options = Options {
            idempotent: asked.idempotent.or(Some(has_key || may_repeat)),
            ..asked
        };
        let mut next = Some(request);
        // Once the last copy has been given away, there is nothing to send again.
        let is_used_up = AtomicBool::new(false);
        let classify = |answer: &Result<Response<A>, BoxError>| {
            let ended = self.classify.classify(answer.as_ref());
            // RELAXED: written by the same future.
            let is_used_up = is_used_up.load(Ordering::Relaxed);
            Ended {
                is_retryable: ended.is_retryable && !is_used_up,
                ..ended
            }
        };
        let (flag, replay) = (&is_used_up, &self.replay);
        let result = dependency
            .call_async_with(self.sleep.clone(), &options, classify, move |attempt| {
                let request = next.take().map(|mut request| {
                    next = if attempt.number() < most {
                        copy(&request, replay)
                    } else {
                        None
                    };
                    // RELAXED: read by the same future.
                    flag.store(next.is_none(), Ordering::Relaxed);
                    mark(request.headers_mut(), &attempt, sends_key);
                    request
                });
                let mut inner = inner.clone();
                async move {
                    // Without a request no further attempt is made; see above.
                    let request = request.ok_or("the body is used up")?;
                    poll_fn(|context| inner.poll_ready(context))
                        .await
                        .map_err(Into::into)?;
                    inner.call(request).await.map_err(Into::into)
                }
            })
            .await;
        result.map_err(|error| unanswered(dependency, error))
    }
}

fn copy<B, R: Replay<B>>(request: &Request<B>, replay: &R) -> Option<Request<B>> {
    let body = replay.replay(request.body())?;
    let mut copy = Request::new(body);
    *copy.method_mut() = request.method().clone();
    *copy.uri_mut() = request.uri().clone();
    *copy.version_mut() = request.version();
    *copy.headers_mut() = request.headers().clone();
    *copy.extensions_mut() = request.extensions().clone();
    Some(copy)
}

/// Writes the time and the key of an attempt into the head of its request.
fn mark(headers: &mut HeaderMap, attempt: &Attempt, sends_key: bool) {
    let left = Nanos::from(attempt.remaining());
    deadline::inject_millis(headers, left);
    let is_grpc = headers
        .get(CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().starts_with(b"application/grpc"));
    if is_grpc {
        deadline::inject_grpc(headers, left);
    }
    if sends_key
        && !headers.contains_key(KEY)
        && let Ok(key) = HeaderValue::from_str(&attempt.idempotency_key())
    {
        headers.insert(KEY, key);
    }
}

/// Why a request has no answer, where that is no error of the client itself. To be found in a [`BoxError`] by
/// `downcast_ref`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unanswered {
    /// The dependency.
    pub dependency: String,
    /// Why.
    pub why: DependencyError<Infallible>,
}

impl Unanswered {
    /// The refusal, if the request was not sent because of one.
    #[must_use]
    pub fn refusal(&self) -> Option<Refusal> {
        self.why.refusal()
    }
}

impl fmt::Display for Unanswered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.dependency, self.why)
    }
}

impl Error for Unanswered {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.why)
    }
}

fn unanswered(dependency: &Dependency, error: DependencyError<BoxError>) -> BoxError {
    let why = match error {
        DependencyError::Failed(error) | DependencyError::Fallback { error, .. } => return error,
        DependencyError::Refused(refusal) => DependencyError::Refused(refusal),
        DependencyError::TimedOut(span) => DependencyError::TimedOut(span),
        DependencyError::Misuse(misuse) => DependencyError::Misuse(misuse),
    };
    Box::new(Unanswered {
        dependency: dependency.name().to_owned(),
        why,
    })
}
