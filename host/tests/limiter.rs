//! The limiter and the retry budget as a Rust service meets them.

use std::future::Future;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use seawall::limiter::Config;
use seawall::retry_budget::{self, Cause, Profile};
use seawall::{LimitError, Limiter, ManualClock, Nanos, Outcome, RetryBudget};

fn ten_a_second() -> (Limiter, ManualClock) {
    let time = ManualClock::new();
    let config = Config {
        permits: 10,
        period: Nanos::from_secs(1),
        burst: 1,
        ..Config::default()
    };
    (
        Limiter::new("tokens", config)
            .expect("valid")
            .with_clock(time.clock()),
        time,
    )
}

#[test]
fn a_refusal_says_exactly_when() {
    let (limiter, time) = ten_a_second();
    limiter.try_acquire(1).expect("full at the start");
    let Err(LimitError::Refused(refusal)) = limiter.try_acquire(1) else {
        panic!("empty")
    };
    assert_eq!(refusal.retry_after, Nanos::from_millis(100));
    time.advance(refusal.retry_after.into());
    limiter.try_acquire(1).expect("exactly then");
    assert_eq!(limiter.try_acquire(2), Err(LimitError::ExceedsCapacity));
}

#[test]
fn a_future_dropped_while_it_sleeps_gives_its_tokens_back() {
    let (limiter, _) = ten_a_second();
    limiter.try_acquire(1).expect("full at the start");
    {
        let sleep = |wait| {
            assert_eq!(wait, Duration::from_millis(100));
            std::future::pending()
        };
        let mut waiting = std::pin::pin!(limiter.acquire_async(1, Duration::from_secs(1), sleep));
        assert!(matches!(
            waiting
                .as_mut()
                .poll(&mut Context::from_waker(Waker::noop())),
            Poll::Pending
        ));
        assert_eq!(limiter.snapshot().reset, Nanos::from_millis(200));
    }
    assert_eq!(limiter.snapshot().reset, Nanos::from_millis(100));
}

#[test]
fn a_dropped_withdrawal_is_given_back_and_a_recorded_one_is_spent() {
    let budget = RetryBudget::new("payments", retry_budget::Config::of(Profile::AwsStandard))
        .expect("valid");
    drop(budget.try_withdraw(Cause::Failure).expect("full"));
    assert_eq!(budget.snapshot().tokens_milli, 500_000);
    budget
        .try_withdraw(Cause::Failure)
        .expect("full")
        .record(Outcome::Failure);
    assert_eq!(budget.snapshot().tokens_milli, 486_000);
}

#[test]
fn a_new_limiter_is_full_whatever_the_uptime_of_the_host() {
    let config = Config {
        permits: 1_023,
        burst: 10,
        ..Config::default()
    };
    for days in [0, 1, 26, 30, 39, 45, 52, 400, 5_000] {
        let time = ManualClock::new();
        time.set(Nanos(Nanos::DAY.0 * days));
        let limiter = Limiter::new("tokens", config)
            .expect("valid")
            .with_clock(time.clock());
        limiter
            .try_acquire(10)
            .unwrap_or_else(|error| panic!("after {days} days: {error}"));
        assert!(limiter.try_acquire(1).is_err());
    }
}

#[test]
fn a_bucket_that_rested_for_weeks_is_full_again() {
    // An odd rate needs the finest unit, whose moments come round again after 52 days.
    let config = Config {
        permits: 1_023,
        burst: 10,
        ..Config::default()
    };
    for half_days in 1..=103 {
        let time = ManualClock::new();
        let limiter = Limiter::new("tokens", config)
            .expect("valid")
            .with_clock(time.clock());
        limiter.try_acquire(10).expect("full at the start");
        time.advance(Duration::from_secs(43_200 * half_days));
        limiter
            .try_acquire(10)
            .unwrap_or_else(|error| panic!("after {half_days} half days: {error}"));
    }
}
