//! The breaker as a Rust service meets it.

use std::sync::Mutex;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use seawall::breaker::{Config, State};
use seawall::{Breaker, CallError, ManualClock, Outcome, Refused};

fn brittle() -> (Breaker, ManualClock) {
    let time = ManualClock::new();
    let config = Config {
        consecutive_failures: 1,
        open_jitter_permille: 0,
        ..Config::default()
    };
    (
        Breaker::new("payments", config)
            .expect("valid")
            .with_clock(time.clock()),
        time,
    )
}

#[test]
fn the_functions_own_error_passes_unchanged_and_opens() {
    let (breaker, _) = brittle();
    let error = breaker
        .call(|| Err::<(), _>("declined"))
        .expect_err("it failed");
    assert_eq!(error, CallError::Failed("declined"));
    let refusal = breaker
        .call(|| Ok::<_, ()>(()))
        .expect_err("it is open")
        .refusal()
        .expect("a refusal");
    assert_eq!(refusal.reason, Refused::BreakerOpen);
    assert_eq!(Duration::from(refusal.retry_after), Duration::from_secs(30));
}

#[test]
fn what_is_classified_as_ignored_does_not_open() {
    let (breaker, _) = brittle();
    let classify =
        |result: &Result<(), &str>| Outcome::classify(*result == Err("mine"), result.is_err());
    let _ = breaker.call_as(classify, || Err("mine"));
    assert_eq!(breaker.state(), State::Closed);
    let _ = breaker.call_as(classify, || Err("theirs"));
    assert_eq!(breaker.state(), State::Open);
}

#[test]
fn a_panic_counts_as_a_failure_and_goes_on() {
    let (breaker, _) = brittle();
    let unwound = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let _ = breaker.call(|| -> Result<(), ()> { panic!("as a test") });
    }));
    assert!(unwound.is_err());
    assert_eq!(breaker.state(), State::Open);
}

#[test]
fn a_dropped_future_is_neither_success_nor_failure() {
    let (breaker, _) = brittle();
    {
        let mut call = std::pin::pin!(breaker.call_async(std::future::pending::<Result<(), ()>>()));
        let mut context = Context::from_waker(Waker::noop());
        assert!(matches!(call.as_mut().poll(&mut context), Poll::Pending));
    }
    assert_eq!(
        (breaker.snapshot().success, breaker.snapshot().failure),
        (0, 0)
    );
}

#[test]
fn listeners_hear_of_each_change_once_and_in_order() {
    static HEARD: Mutex<Vec<(State, State)>> = Mutex::new(Vec::new());
    let (breaker, time) = brittle();
    let breaker = breaker.on_transition(|_, change| {
        HEARD
            .lock()
            .expect("no panic")
            .push((change.from, change.to))
    });
    breaker.try_acquire().expect("closed").failure();
    time.advance(Duration::from_secs(30));
    breaker.try_acquire().expect("a probe").success();
    let heard = HEARD.lock().expect("no panic").clone();
    assert_eq!(
        heard,
        [
            (State::Closed, State::Open),
            (State::Open, State::HalfOpen),
            (State::HalfOpen, State::Closed)
        ]
    );
}

#[test]
fn a_dropped_probe_gives_its_seat_back() {
    let (breaker, time) = brittle();
    breaker.try_acquire().expect("closed").failure();
    time.advance(Duration::from_secs(30));
    drop(breaker.try_acquire().expect("the probe"));
    assert!(
        breaker
            .try_acquire()
            .expect("the seat is free again")
            .is_probe()
    );
}

#[test]
fn empty_names_and_bad_settings_are_refused_by_name() {
    assert_eq!(
        Breaker::new("", Config::default())
            .expect_err("empty")
            .field,
        "name"
    );
    let error = Breaker::new(
        "x",
        Config {
            probes: 33,
            ..Config::default()
        },
    )
    .expect_err("too many");
    assert_eq!(error.to_string(), "probes: 33 is outside 1..=32");
}

#[test]
fn a_clock_that_counts_from_1970_does_as_well() {
    for start in [0, 1, 1_795_000_000_000, (1 << 40) - 1, 1 << 40, 5 << 40] {
        let (breaker, time) = brittle();
        time.set(seawall::Nanos::from_millis(start));
        breaker.try_acquire().expect("closed").failure();
        time.advance(Duration::from_millis(29_999));
        let refusal = breaker.try_acquire().expect_err("still open");
        assert_eq!(
            Duration::from(refusal.retry_after),
            Duration::from_millis(1),
            "from {start}"
        );
        time.advance(Duration::from_millis(1));
        assert!(
            breaker.try_acquire().expect("the time is over").is_probe(),
            "from {start}"
        );
    }
}
