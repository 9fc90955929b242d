//! Calls in a future: timeouts that drop the attempt, waits in turn, and calls that are given up at every point.

use std::cell::RefCell;
use std::future::{Future, pending, poll_fn};
use std::io::{Error, ErrorKind};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use seawall::breaker::State;
use seawall::testing::{self, FakeClock, Fault};
use seawall::{
    Clock, Dependency, DependencyError, Fallback, Moment, Nanos, Options, Refused, Seawall, Sleep,
    Stop, Tokio, classify, deadline,
};

fn dependency_of(clock: Clock, settings: &str) -> Dependency {
    let text = format!("[dependency.profile]\n{settings}\n");
    let wall = Seawall::options()
        .clock(clock)
        .parse(&text, "seawall.toml")
        .unwrap_or_else(|error| panic!("{error}"));
    wall.dependency("profile").expect("defined")
}

fn reset() -> Error {
    Error::from(ErrorKind::ConnectionReset)
}

#[tokio::test(start_paused = true)]
async fn an_attempt_whose_time_is_over_is_dropped_and_repeated() {
    let profile = dependency_of(
        Tokio::clock(),
        "timeout = '200ms'\nretry = { attempts = 3, jitter = 'none', base = '100ms' }",
    );
    let begin = tokio::time::Instant::now();
    let calling = profile.calling::<u32, Error>();
    let detailed = calling
        .call_detailed_async(Tokio, |attempt| async move {
            if attempt.number() < 3 {
                pending::<()>().await;
            }
            Ok(attempt.number())
        })
        .await;
    assert_eq!(detailed.result.ok(), Some(3));
    // Two timeouts and the waits after them; timers of tokio are exact to a millisecond.
    let took = begin.elapsed().as_millis();
    assert!((700..=710).contains(&took), "{took} ms");
    let inside = profile.snapshot().counts;
    assert_eq!(
        (inside.timeouts, inside.retries, inside.successes),
        (2, 2, 1)
    );

    let late = profile
        .call_async(Tokio, |_| pending::<Result<(), Error>>())
        .await;
    assert!(
        matches!(late, Err(DependencyError::TimedOut(span)) if span.as_millis() == 200),
        "{late:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn neither_an_attempt_nor_a_sleep_overruns_the_deadline() {
    let profile = dependency_of(
        Tokio::clock(),
        "timeout = '300ms'\ndeadline = '1s'\nuseful = '50ms'\n\
         retry = { attempts = 3, jitter = 'none', base = '10ms' }",
    );
    let begin = tokio::time::Instant::now();
    let calling = profile
        .calling::<(), Error>()
        .within(Duration::from_millis(500));
    let detailed = calling.call_detailed_async(Tokio, |_| pending()).await;
    let took = begin.elapsed().as_millis();
    assert!((500..=502).contains(&took), "{took} ms");
    assert_eq!(
        (detailed.attempts, detailed.stop),
        (2, Stop::DeadlineTooNear)
    );
}

#[tokio::test(start_paused = true)]
async fn a_call_inside_a_call_inherits_the_deadline_across_awaits() {
    let wall = Seawall::options()
        .clock(Tokio::clock())
        .parse(
            "[dependency.outer]\ntimeout = '1s'\n[dependency.inner]\ntimeout = '10s'\n",
            "seawall.toml",
        )
        .expect("a good file");
    let named = |name| wall.dependency(name).expect("defined");
    let (outer, inner) = (named("outer"), named("inner"));
    let left = outer
        .call_async(tokio::time::sleep, |attempt| {
            let inner = inner.clone();
            async move {
                tokio::time::sleep(Duration::from_millis(400)).await;
                assert_eq!(deadline::current(), attempt.deadline());
                inner
                    .call_async(
                        Tokio,
                        |attempt| async move { Ok::<_, Error>(attempt.timeout()) },
                    )
                    .await
            }
        })
        .await
        .expect("in time");
    assert!(
        (598..=600).contains(&left.as_millis()),
        "the inner call has what is left: {left:?}"
    );
    assert_eq!(deadline::current(), seawall::Deadline::NEVER);
}

#[tokio::test(start_paused = true)]
async fn tasks_wait_for_a_place_first_come_first_served() {
    let profile = dependency_of(
        Tokio::clock(),
        "timeout = '1m'\nbulkhead = { max_concurrent = 1, max_wait = '30s', max_waiting = 8 }",
    );
    let order = Arc::new(Mutex::new(Vec::new()));
    let mut tasks = Vec::new();
    for number in 0..6 {
        let (profile, order) = (profile.clone(), Arc::clone(&order));
        tasks.push(tokio::spawn(async move {
            profile
                .call_async(Tokio, |_| async {
                    order.lock().expect("no panic").push(number);
                    tokio::time::sleep(Duration::from_secs(1)).await;
                    Ok::<_, Error>(())
                })
                .await
        }));
        tokio::task::yield_now().await;
    }
    // One of those that wait gives up.
    tasks.remove(3).abort();
    let begin = tokio::time::Instant::now();
    for task in tasks {
        task.await.expect("no panic").expect("a place in turn");
    }
    assert_eq!(*order.lock().expect("no panic"), [0, 1, 2, 4, 5]);
    // Nobody waited for a tick once a place was free.
    let took = begin.elapsed().as_millis();
    assert!((5_000..=5_010).contains(&took), "{took} ms");
    let bulkhead = profile.snapshot().bulkhead.expect("one");
    assert_eq!((bulkhead.in_use, bulkhead.waiting), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn who_waits_in_vain_is_refused_in_time() {
    let profile = dependency_of(
        Tokio::clock(),
        "timeout = '1m'\nbulkhead = { max_concurrent = 1, max_wait = '250ms' }",
    );
    let holder = {
        let profile = profile.clone();
        tokio::spawn(async move {
            profile
                .call_async(Tokio, |_| pending::<Result<(), Error>>())
                .await
        })
    };
    tokio::task::yield_now().await;
    let begin = tokio::time::Instant::now();
    let refused = profile.call_async(Tokio, |_| async { Ok::<_, Error>(()) });
    let refusal = refused.await.expect_err("no place").refusal();
    assert_eq!(
        refusal.map(|refusal| refusal.reason),
        Some(Refused::BulkheadWaitTimeout)
    );
    let took = begin.elapsed().as_millis();
    assert!((250..=252).contains(&took), "{took} ms");
    holder.abort();
}

#[tokio::test(start_paused = true)]
async fn a_permit_is_waited_for_and_dropped_without_a_trace() {
    let profile = dependency_of(
        Tokio::clock(),
        "timeout = '1m'\nbulkhead = { max_concurrent = 1, max_wait = '1m' }",
    );
    let first = profile.permit_async(Tokio, &Options::DEFAULT).await;
    let first = first.expect("free");
    let second = {
        let profile = profile.clone();
        tokio::spawn(async move {
            let permit = profile.permit_async(Tokio, &Options::DEFAULT).await;
            permit.expect("free at last").success();
        })
    };
    tokio::task::yield_now().await;
    drop(first);
    second.await.expect("no panic");
    let inside = profile.snapshot();
    assert_eq!((inside.counts.successes, inside.counts.cancelled), (1, 1));
    assert_eq!(inside.bulkhead.map(|bulkhead| bulkhead.in_use), Some(0));
}

#[tokio::test(start_paused = true)]
async fn a_panic_inside_the_future_is_a_failure_and_a_dropped_one_is_none() {
    let profile = dependency_of(
        Tokio::clock(),
        "timeout = '1s'\nbulkhead = { max_concurrent = 1 }",
    );
    let panics = {
        let profile = profile.clone();
        tokio::spawn(async move {
            profile
                .call_async(Tokio, |_| async {
                    tokio::task::yield_now().await;
                    panic!("a bug");
                    #[expect(unreachable_code, reason = "it gives the block its type")]
                    Ok::<(), Error>(())
                })
                .await
        })
    };
    assert!(panics.await.is_err());
    let given_up = {
        let profile = profile.clone();
        tokio::spawn(async move {
            profile
                .call_async(Tokio, |_| pending::<Result<(), Error>>())
                .await
        })
    };
    tokio::task::yield_now().await;
    given_up.abort();
    assert!(given_up.await.is_err());
    let inside = profile.snapshot();
    assert_eq!((inside.counts.failures, inside.counts.cancelled), (1, 1));
    assert_eq!(inside.bulkhead.map(|bulkhead| bulkhead.in_use), Some(0));
}

#[tokio::test(start_paused = true)]
async fn fallbacks_and_injected_faults_work_as_in_a_thread() {
    let profile = dependency_of(
        Tokio::clock(),
        "timeout = '1s'\nretry = { attempts = 2, jitter = 'none', base = '100ms' }",
    );
    let calling = profile
        .calling()
        .on(classify::io)
        .fallback(Fallback::value("a stranger"))
        .expect("allowed");
    testing::inject(&profile, Fault::error(reset).times(2));
    testing::inject(&profile, Fault::latency(Duration::from_secs(5)).times(2));
    let begin = tokio::time::Instant::now();
    let ask = || calling.call_detailed_async(Tokio, |_| async { Ok("Ada") });
    let failed = ask().await;
    assert_eq!(failed.result.ok(), Some("a stranger"));
    let late = ask().await;
    assert!(late.is_degraded());
    assert!(begin.elapsed() >= Duration::from_millis(2_200));
    assert_eq!(ask().await.result.ok(), Some("Ada"));
}

#[test]
fn the_futures_can_be_sent_to_other_threads() {
    fn sent<T: Send>(value: T) -> T {
        value
    }
    let profile = dependency_of(Clock::system(), "timeout = '1s'");
    let calling = profile.calling::<u32, Error>();
    drop(sent(
        profile.call_async(Tokio, |_| async { Ok::<_, Error>(1) }),
    ));
    drop(sent(calling.call_async(Tokio, |_| async { Ok(1) })));
}

/// Timers that a test can count, on a clock that it moves.
#[derive(Clone)]
struct Timers {
    time: FakeClock,
    alive: Rc<RefCell<usize>>,
}

struct Timer {
    timers: Timers,
    at: Nanos,
}

impl Sleep for Timers {
    type Sleeping = Timer;

    fn sleep(&self, span: Duration) -> Timer {
        *self.alive.borrow_mut() += 1;
        Timer {
            at: self.time.clock().now().plus(span.into()),
            timers: self.clone(),
        }
    }
}

impl Future for Timer {
    type Output = ();

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        if self.timers.time.clock().now() >= self.at {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        *self.timers.alive.borrow_mut() -= 1;
    }
}

struct Alive<'a>(&'a AtomicUsize);

impl<'a> Alive<'a> {
    fn new(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::SeqCst);
        Self(count)
    }
}

impl Drop for Alive<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Runs a call through every kind of waiting there is, and drops it after `polls` polls. True when it was over.
fn dropped_after(polls: usize, is_probe: bool) -> bool {
    let time = FakeClock::new();
    let profile = dependency_of(
        time.clock(),
        "timeout = '50ms'\n\
         retry = { attempts = 3, jitter = 'none', base = '20ms', budget = { max_concurrent_retries_ratio = '100%' } }\n\
         bulkhead = { max_concurrent = 1, max_wait = '10s', scope = 'attempt' }\n\
         rate_limit = { rate = '20/s', burst = 1, max_wait = '10s' }\n\
         breaker = { consecutive_failures = 10, probes = 1 }",
    );
    if is_probe {
        testing::force(&profile, State::HalfOpen).expect("a breaker");
    }
    let timers = Timers {
        time: time.clone(),
        alive: Rc::default(),
    };
    let alive = AtomicUsize::new(0);
    // Somebody else holds the only place and has taken the only token.
    let other = profile.bound().gates.bulkhead.expect("one");
    let held = other.try_acquire(seawall::Owner::PRIVATE, false, &time.clock());
    let mut held = Some(held.expect("free"));
    let limit = profile.bound().gates.limiters[0].expect("one");
    assert!(limit.try_acquire(1, &time.clock()).is_ok());

    let mut is_over = false;
    {
        let mut call = pin!(profile.call_async_with(
            timers.clone(),
            &Options::DEFAULT,
            classify::io,
            |attempt| {
                let guard = Alive::new(&alive);
                async move {
                    let _guard = guard;
                    let mut polled = 0;
                    poll_fn(|_| {
                        polled += 1;
                        if polled < 3 {
                            Poll::Pending
                        } else {
                            Poll::Ready(())
                        }
                    })
                    .await;
                    match attempt.number() {
                        1 => Err(reset()),
                        2 => pending().await,
                        _ => Ok(()),
                    }
                }
            }
        ));
        let mut context = Context::from_waker(Waker::noop());
        for poll in 0..polls {
            if poll == 4
                && let Some(place) = held.take()
            {
                profile.release(place);
            }
            if let Poll::Ready(answer) = call.as_mut().poll(&mut context) {
                // A probe is one attempt.
                assert_eq!(answer.is_ok(), !is_probe, "{answer:?}");
                is_over = true;
                break;
            }
            time.advance(Duration::from_millis(10));
        }
    }
    if let Some(place) = held.take() {
        profile.release(place);
    }
    let inside = profile.snapshot();
    let bulkhead = inside.bulkhead.expect("one");
    let budget = inside.retry_budget.expect("one");
    let breaker = inside.breaker.expect("one");
    let what = format!("dropped after {polls} polls");
    assert_eq!((bulkhead.in_use, bulkhead.waiting), (0, 0), "{what}");
    assert_eq!(
        (budget.calls_in_flight, budget.retries_in_flight),
        (0, 0),
        "{what}"
    );
    assert_eq!(breaker.probes_in_flight, 0, "{what}");
    assert_eq!(*timers.alive.borrow(), 0, "{what}");
    assert_eq!(alive.load(Ordering::SeqCst), 0, "{what}");
    assert_eq!(deadline::current(), seawall::Deadline::NEVER, "{what}");
    is_over
}

#[test]
fn a_call_dropped_at_any_await_leaves_no_permit_timer_or_place_in_the_queue() {
    for is_probe in [false, true] {
        let end = (0..200).find(|polls| dropped_after(*polls, is_probe));
        let end = end.expect("it ends at last");
        println!("dropped at each of {end} polls");
        assert!(
            end >= if is_probe { 8 } else { 20 },
            "every wait was met: {end}"
        );
    }
}

#[test]
fn any_runtime_will_do() {
    let time = FakeClock::new();
    let profile = dependency_of(
        time.clock(),
        "timeout = '1s'\nretry = { attempts = 2, jitter = 'none', base = '100ms' }",
    );
    let sleep = |span: Duration| {
        time.advance(span);
        std::future::ready(())
    };
    let mut call = pin!(profile.call_async_with(
        sleep,
        &Options::DEFAULT,
        classify::io,
        |attempt| async move {
            match attempt.number() {
                1 => Err(reset()),
                number => Ok(number),
            }
        }
    ));
    let mut context = Context::from_waker(Waker::noop());
    let Poll::Ready(answer) = call.as_mut().poll(&mut context) else {
        panic!("nothing is waited for");
    };
    assert_eq!(answer.ok(), Some(2));
}
