//! The payment service of the story: a real HTTP server on 127.0.0.1 that answers in about 20 ms, turns
//! slow when it is told to, and measures what that does to it.
//!
//! It works on a limited number of requests at a time; the others wait. How long a request takes is
//! decided when the work on it begins, so what began while the server was sick ends slowly even after
//! it has recovered. A client that hangs up is noticed and its request dropped.

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use seawall::{Histogram, Nanos};
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, oneshot};

/// Requests that the server works on at the same time.
const AT_ONCE: usize = 24;
/// How long a request takes when all is well.
const HEALTHY: Duration = Duration::from_millis(20);
/// The shortest time a request takes while the server is sick; the longest is twice that.
const SICK: Duration = Duration::from_secs(2);

/// What the server can say about itself. Totals count since the last [`Payment::begin`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Load {
    /// Requests that have arrived.
    pub arrived: u64,
    /// Those that arrived while the server was sick.
    pub met_sickness: u64,
    /// Requests inside the server now, worked on or waiting.
    pub in_flight: u64,
    /// The most that ever were inside.
    pub most_in_flight: u64,
    /// The median time inside the server of the requests that ended since the last look, if any did.
    pub median: Option<Duration>,
    /// Whether at least half of those ended because the client hung up: the median is a lower bound then.
    pub mostly_abandoned: bool,
}

/// The requests that ended since the last look.
struct Recent {
    times: Histogram,
    abandoned: u64,
}

impl Recent {
    fn new() -> Self {
        Self {
            times: Histogram::new(),
            abandoned: 0,
        }
    }
}

struct State {
    is_sick: AtomicBool,
    places: Semaphore,
    arrived: AtomicU64,
    met_sickness: AtomicU64,
    in_flight: AtomicU64,
    most_in_flight: AtomicU64,
    recent: Mutex<Recent>,
}

/// A running payment server; it stops when this is dropped.
pub struct Payment {
    address: SocketAddr,
    state: Arc<State>,
    _stop: oneshot::Sender<()>,
}

impl Payment {
    /// Starts the server on a free port, in a thread of its own so that measuring does not wait for printing.
    ///
    /// # Errors
    /// When no socket can be opened.
    pub fn start() -> std::io::Result<Self> {
        let socket = std::net::TcpListener::bind(("127.0.0.1", 0))?;
        socket.set_nonblocking(true)?;
        let address = socket.local_addr()?;
        let state = Arc::new(State {
            is_sick: AtomicBool::new(false),
            places: Semaphore::new(AT_ONCE),
            arrived: AtomicU64::new(0),
            met_sickness: AtomicU64::new(0),
            in_flight: AtomicU64::new(0),
            most_in_flight: AtomicU64::new(0),
            recent: Mutex::new(Recent::new()),
        });
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let (stop, stopped) = oneshot::channel();
        let serving = Arc::clone(&state);
        std::thread::Builder::new()
            .name("payment".into())
            .spawn(move || {
                runtime.block_on(async {
                    tokio::select! {
                        () = serve(socket, serving) => {}
                        _ = stopped => {}
                    }
                });
            })?;
        Ok(Self {
            address,
            state,
            _stop: stop,
        })
    }

    /// Where the server listens.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Makes the server sick or well from now on.
    pub fn set_sick(&self, is_sick: bool) {
        self.state.is_sick.store(is_sick, Ordering::SeqCst);
    }

    /// Begins a new act: well, and all totals at zero.
    pub fn begin(&self) {
        self.set_sick(false);
        let state = &self.state;
        state.arrived.store(0, Ordering::SeqCst);
        state.met_sickness.store(0, Ordering::SeqCst);
        let inside = state.in_flight.load(Ordering::SeqCst);
        state.most_in_flight.store(inside, Ordering::SeqCst);
        *state.recent() = Recent::new();
    }

    /// What the server measured. The median starts afresh with each look.
    pub fn look(&self) -> Load {
        let state = &self.state;
        let recent = std::mem::replace(&mut *state.recent(), Recent::new());
        let ended = recent.times.total();
        Load {
            arrived: state.arrived.load(Ordering::SeqCst),
            met_sickness: state.met_sickness.load(Ordering::SeqCst),
            in_flight: state.in_flight.load(Ordering::SeqCst),
            most_in_flight: state.most_in_flight.load(Ordering::SeqCst),
            median: (ended > 0).then(|| recent.times.quantile(500_000).into()),
            mostly_abandoned: ended > 0 && recent.abandoned * 2 >= ended,
        }
    }
}

impl State {
    fn recent(&self) -> std::sync::MutexGuard<'_, Recent> {
        self.recent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One request inside the server. Dropped before `answered`, its client has hung up.
struct Visit<'a> {
    state: &'a State,
    since: Instant,
    is_answered: bool,
}

impl<'a> Visit<'a> {
    fn begin(state: &'a State) -> (Self, u64) {
        let number = state.arrived.fetch_add(1, Ordering::SeqCst);
        if state.is_sick.load(Ordering::SeqCst) {
            state.met_sickness.fetch_add(1, Ordering::SeqCst);
        }
        let inside = state.in_flight.fetch_add(1, Ordering::SeqCst) + 1;
        state.most_in_flight.fetch_max(inside, Ordering::SeqCst);
        let visit = Self {
            state,
            since: Instant::now(),
            is_answered: false,
        };
        (visit, number)
    }

    fn answered(mut self) {
        self.is_answered = true;
    }
}

impl Drop for Visit<'_> {
    fn drop(&mut self) {
        self.state.in_flight.fetch_sub(1, Ordering::SeqCst);
        let mut recent = self.state.recent();
        recent.times.record(Nanos::from(self.since.elapsed()));
        recent.abandoned += u64::from(!self.is_answered);
    }
}

async fn serve(socket: std::net::TcpListener, state: Arc<State>) {
    let Ok(listener) = TcpListener::from_std(socket) else {
        return;
    };
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            // Out of file handles: let some connections close first.
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        let _ = stream.set_nodelay(true);
        let state = Arc::clone(&state);
        tokio::spawn(async move {
            let answer = service_fn(|request| pay(request, Arc::clone(&state)));
            let mut http = hyper::server::conn::http1::Builder::new();
            http.timer(TokioTimer::new());
            // A client that hangs up in the middle is part of the story, not an error.
            let _ = http.serve_connection(TokioIo::new(stream), answer).await;
        });
    }
}

async fn pay(
    request: Request<Incoming>,
    state: Arc<State>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    if request.uri().path() != "/pay" {
        let mut response = Response::new(Full::from("no such page\n"));
        *response.status_mut() = hyper::StatusCode::NOT_FOUND;
        return Ok(response);
    }
    let (visit, number) = Visit::begin(&state);
    {
        let _place = state.places.acquire().await;
        let is_sick = state.is_sick.load(Ordering::SeqCst);
        tokio::time::sleep(work(number, is_sick)).await;
    }
    visit.answered();
    Ok(Response::new(Full::from("{\"paid\":true}\n")))
}

/// How long the work on a request takes. Sick requests are spread evenly, so that they do not all end in
/// the same moment, and by number, so that both acts meet the same times.
fn work(number: u64, is_sick: bool) -> Duration {
    if is_sick {
        SICK + SICK * u32::try_from(number * 7 % 24).unwrap_or(0) / 24
    } else {
        HEALTHY
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sick_request_takes_two_to_four_seconds() {
        assert_eq!(work(5, false), HEALTHY);
        let times: Vec<Duration> = (0..100).map(|number| work(number, true)).collect();
        assert!(times.iter().all(|time| (SICK..SICK * 2).contains(time)));
        assert_eq!(times[0], SICK);
        assert_ne!(times[0], times[1]);
    }

    #[test]
    fn the_server_counts_its_own_load() {
        let payment = Payment::start().expect("a socket");
        assert_eq!(payment.look(), Load::default());
        payment.set_sick(true);
        {
            let (one, _) = Visit::begin(&payment.state);
            let _other = Visit::begin(&payment.state);
            assert_eq!(payment.look().in_flight, 2);
            one.answered();
        }
        let load = payment.look();
        assert_eq!((load.arrived, load.met_sickness), (2, 2));
        assert_eq!((load.in_flight, load.most_in_flight), (0, 2));
        assert!(load.median.is_some() && load.mostly_abandoned);
        assert_eq!(payment.look().median, None, "a look starts afresh");
        payment.begin();
        assert_eq!(payment.look(), Load::default());
    }
}
