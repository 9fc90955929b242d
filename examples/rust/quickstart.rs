//! A dependency that fails, and a service that does not fall with it.
//!
//! `cargo run --example quickstart`

use std::time::Duration;

use seawall::retry_budget::Cause;
use seawall::{
    Backoff, Breaker, Bulkhead, CallError, Deadline, Limiter, ManualClock, Moment, Nanos, Outcome,
    RetryBudget,
};
use seawall::{backoff, breaker, bulkhead, limiter, retry_budget};

/// The dependency: fails until it is well again.
fn charge(order: u32, is_well: bool) -> Result<String, String> {
    if is_well {
        Ok(format!("receipt {order}"))
    } else {
        Err(format!("order {order}: connection reset"))
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // A clock that stands until moved, so that this example needs no half minute; leave it out in a service.
    let time = ManualClock::new();
    let payments = Breaker::new(
        "payments",
        breaker::Config {
            consecutive_failures: 3,
            ..Default::default()
        },
    )?
    .with_clock(time.clock())
    .on_transition(|name, change| {
        println!("{name}: {} -> {}", change.from.name(), change.to.name())
    });
    let places = Bulkhead::new(
        "payments",
        bulkhead::Config {
            max_concurrent: 20,
            ..Default::default()
        },
    )?;
    let rate = Limiter::new(
        "payments",
        limiter::Config {
            permits: 100,
            burst: 20,
            ..Default::default()
        },
    )?;
    let budget = RetryBudget::new("payments", retry_budget::Config::default())?;

    for order in 1..=5 {
        let place = places.try_acquire()?;
        rate.try_acquire(1)?;
        budget.deposit();
        match payments.call(|| charge(order, false)) {
            Ok(receipt) => println!("{receipt}"),
            Err(CallError::Refused(refusal)) => println!("order {order} is pending: {refusal}"),
            Err(CallError::Failed(error)) => println!("{error}"),
        }
        drop(place);
    }

    // Half a minute later one call goes out as a probe, and its success closes the breaker.
    time.advance(Duration::from_secs(33));
    println!(
        "{}",
        payments
            .call(|| charge(6, true))
            .map_err(|error| error.to_string())?
    );

    // A retry by hand: a share of the calls, within a deadline, after a wait that is spread.
    let deadline = Deadline::after(time.clock().now(), Nanos::from_secs(5));
    if let Ok(retry) = budget.try_withdraw(Cause::Failure) {
        let wait = backoff::delay(&Backoff::default(), 1, Duration::ZERO);
        assert!(Nanos::from(wait) < deadline.remaining(time.clock().now()));
        println!(
            "would retry within {:?}",
            Backoff::default().without_jitter(1)
        );
        retry.record(Outcome::Success);
    }
    println!("{:?}", places.snapshot());
    Ok(())
}
