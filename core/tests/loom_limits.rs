//! Limiter and retry budget in every order in which two threads can meet. Only with `--cfg seawall_loom`.
#![cfg(seawall_loom)]

use std::sync::Arc;

use loom::thread;
use seawall_core::limiter::{self, Limiter};
use seawall_core::retry_budget::{self, Cause, Profile, RetryBudget};
use seawall_core::{Nanos, Outcome};

fn check(threads: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(3);
    let orders = Arc::new(std::sync::atomic::AtomicU64::new(0));
    let counted = orders.clone();
    builder.check(move || {
        counted.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        threads();
    });
    let orders = orders.load(std::sync::atomic::Ordering::Relaxed);
    println!("{orders} orders");
    assert!(orders > 1, "the threads never met");
}

#[test]
fn one_token_and_two_takers() {
    check(|| {
        let config = limiter::Config {
            burst: 1,
            ..limiter::Config::default()
        };
        let limiter = Arc::new(Limiter::new(&config).expect("valid"));
        let theirs = limiter.clone();
        let other = thread::spawn(move || theirs.try_acquire(1, &Nanos(5)).expect("fits").is_ok());
        let mine = limiter.try_acquire(1, &Nanos(5)).expect("fits").is_ok();
        assert!(
            mine != other.join().expect("no panic"),
            "exactly one gets it"
        );
    });
}

#[test]
fn a_taker_against_a_change_of_rate() {
    check(|| {
        let config = limiter::Config {
            burst: 1,
            ..limiter::Config::default()
        };
        let limiter = Arc::new(Limiter::new(&config).expect("valid"));
        let theirs = limiter.clone();
        let other = thread::spawn(move || theirs.try_acquire(1, &Nanos(5)).expect("fits").is_ok());
        let next = limiter::Config {
            permits: 7,
            ..config
        };
        limiter.reconfigure(&next, &Nanos(5)).expect("valid");
        assert!(other.join().expect("no panic"), "the bucket was full");
        // The token that is missing stays missing.
        assert_eq!(limiter.snapshot(Nanos(5)).remaining, 0);
        assert_eq!(limiter.config().permits, 7);
    });
}

fn with_one_token(profile: Profile) -> Arc<RetryBudget> {
    let config = retry_budget::Config {
        min_per_second: 0,
        ratio_permille: 1_000,
        ..retry_budget::Config::of(profile)
    };
    let budget = RetryBudget::new(&config, Nanos(1)).expect("valid");
    budget.deposit(&Nanos(1));
    Arc::new(budget)
}

#[test]
fn two_withdrawals_for_one_token() {
    for profile in [Profile::Bucket, Profile::Finagle] {
        check(move || {
            let budget = with_one_token(profile);
            let theirs = budget.clone();
            let other =
                thread::spawn(move || theirs.try_withdraw(Cause::Failure, &Nanos(1)).is_ok());
            let mine = budget.try_withdraw(Cause::Failure, &Nanos(1)).is_ok();
            assert!(
                mine != other.join().expect("no panic"),
                "exactly one gets it"
            );
        });
    }
}

#[test]
fn two_retries_for_one_place_in_flight() {
    check(|| {
        let config = retry_budget::Config {
            max_concurrent_retries_permille: 100,
            min_concurrent_retries: 1,
            ..retry_budget::Config::default()
        };
        let budget = Arc::new(RetryBudget::new(&config, Nanos(1)).expect("valid"));
        let theirs = budget.clone();
        let other = thread::spawn(move || theirs.try_withdraw(Cause::Failure, &Nanos(1)).ok());
        let mine = budget.try_withdraw(Cause::Failure, &Nanos(1)).ok();
        let theirs = other.join().expect("no panic");
        assert!(mine.is_some() != theirs.is_some(), "exactly one goes");
        budget.record(Outcome::Success, mine.or(theirs));
        assert_eq!(budget.snapshot(Nanos(1)).retries_in_flight, 0);
    });
}
