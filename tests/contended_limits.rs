//! Limiter, retry budget and histogram under threads: what they give out together keeps the bound.

#[path = "support/rounds.rs"]
mod rounds;

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use rounds::Dice;
use seawall_core::limiter::{self, Limiter};
use seawall_core::retry_budget::{Cause, Config, Profile, RetryBudget};
use seawall_core::{Histogram, Nanos};

const THREADS: usize = 8;

#[test]
fn the_limiter_never_gives_more_than_rate_and_burst() {
    let limiter = Limiter::new(&limiter::Config {
        permits: 1_000_000,
        period: Nanos::from_secs(1),
        burst: 50,
        ..limiter::Config::default()
    })
    .expect("valid");
    let (clock, given, refused) = (AtomicU64::new(0), AtomicU64::new(0), AtomicU64::new(0));
    std::thread::scope(|scope| {
        for thread in 0..THREADS as u64 {
            let (limiter, clock, given, refused) = (&limiter, &clock, &given, &refused);
            scope.spawn(move || {
                let mut dice = Dice(99 + thread);
                for _ in 0..250_000 {
                    // Each thread has read the clock a little before the others move it on.
                    let at = Nanos(clock.fetch_add(dice.roll(600), Relaxed));
                    let tokens = 1 + dice.roll(3);
                    match limiter.try_acquire(tokens, &at).expect("fits") {
                        Ok(()) => given.fetch_add(tokens, Relaxed),
                        Err(_) => refused.fetch_add(1, Relaxed),
                    };
                }
            });
        }
    });
    let (given, end) = (given.load(Relaxed), clock.load(Relaxed));
    println!(
        "{given} tokens in {end} ns, {} refused",
        refused.load(Relaxed)
    );
    assert!(given <= end / 1_000 + 50, "{given} tokens in {end} ns");
    assert!(given * 10 >= end / 1_000 * 8, "it was not used up");
    assert!(refused.load(Relaxed) > 100_000, "hardly contended");
}

#[test]
fn no_thread_starves_at_the_limiter() {
    let limiter = Limiter::new(&limiter::Config {
        permits: 200_000,
        period: Nanos::from_secs(1),
        burst: 100,
        ..limiter::Config::default()
    })
    .expect("valid");
    let start = Instant::now();
    let given = [const { AtomicU64::new(0) }; THREADS];
    std::thread::scope(|scope| {
        for given in &given {
            let limiter = &limiter;
            scope.spawn(move || {
                while start.elapsed() < Duration::from_secs(2) {
                    match limiter
                        .try_acquire(1, &Nanos::from(start.elapsed()))
                        .expect("fits")
                    {
                        Ok(()) => given.fetch_add(1, Relaxed),
                        Err(_) => {
                            std::thread::yield_now();
                            0
                        }
                    };
                }
            });
        }
    });
    let passed = start.elapsed().as_nanos() as u64;
    let given = given.map(|given| given.load(Relaxed));
    let total: u64 = given.iter().sum();
    println!("tokens per thread {given:?}");
    assert!(total <= passed / 5_000 + 100);
    let fair = total / THREADS as u64;
    assert!(
        given.iter().all(|given| *given >= fair / 20),
        "a thread starved"
    );
}

/// Of any 10,000 calls in a row the share that may be retried is within 1 % of the ratio.
fn share_is_exact(profile: Profile, ratio_permille: u32) {
    const CALLS: usize = 400_000;
    const GROUP: usize = 1_000;
    let budget = RetryBudget::new(
        &Config {
            ratio_permille,
            min_per_second: 0,
            cap: 1_000,
            ..Config::of(profile)
        },
        Nanos(1),
    )
    .expect("valid");
    let calls = AtomicU64::new(0);
    let retries: Vec<AtomicU64> = (0..CALLS / GROUP).map(|_| AtomicU64::new(0)).collect();
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                loop {
                    let call = calls.fetch_add(1, Relaxed) as usize;
                    let Some(group) = retries.get(call / GROUP) else {
                        break;
                    };
                    budget.deposit(&Nanos(1));
                    // Everything fails, so every call wants all the retries it can get.
                    while budget.try_withdraw(Cause::Failure, &Nanos(1)).is_ok() {
                        group.fetch_add(1, Relaxed);
                    }
                }
            });
        }
    });
    let retries: Vec<u64> = retries.iter().map(|group| group.load(Relaxed)).collect();
    let wanted = 10_000 * u64::from(ratio_permille) / 1_000;
    let worst = retries
        .windows(10_000 / GROUP)
        .map(|groups| groups.iter().sum::<u64>().abs_diff(wanted))
        .max();
    println!("{profile:?}: {wanted} retries wanted per 10,000 calls, off by {worst:?} at most");
    assert!(worst.expect("groups") * 100 <= wanted);
    assert_eq!(
        retries.iter().sum::<u64>(),
        CALLS as u64 * u64::from(ratio_permille) / 1_000
    );
}

#[test]
fn the_share_of_retries_is_exact_under_racing_threads() {
    share_is_exact(Profile::Bucket, 100);
    share_is_exact(Profile::Bucket, 600);
    share_is_exact(Profile::Finagle, 200);
}

#[test]
fn the_histogram_loses_nothing() {
    const EACH: u64 = 512_000;
    let histogram = Histogram::new();
    std::thread::scope(|scope| {
        for thread in 0..THREADS as u64 {
            let histogram = &histogram;
            scope.spawn(move || {
                (0..EACH).for_each(|step| histogram.record(Nanos((step + thread) % 64)))
            });
        }
    });
    assert_eq!(histogram.total(), EACH * THREADS as u64);
    assert_eq!(histogram.quantile(500_000), Nanos(16));
    assert_eq!(histogram.quantile(500_001), Nanos(48));
}
