//! The edges of time, and memory that somebody else has written over: never a panic, never an endless loop.

#[path = "support/rounds.rs"]
mod rounds;

use std::hint::black_box;
use std::time::{Duration, Instant};

use rounds::Dice;
use seawall_core::breaker::{self, Breaker};
use seawall_core::bulkhead::{self, Bulkhead};
use seawall_core::limiter::{self, Limiter, Reservation};
use seawall_core::retry_budget::{self, Cause, Profile, RetryBudget, Withdrawal};
use seawall_core::{Backoff, Deadline, Histogram, Nanos, Outcome, Owner};

const EDGES: [u64; 9] = [
    0,
    1,
    999_999,
    1_000_000,
    1 << 53,
    1 << 60,
    u64::MAX / 2,
    u64::MAX - 1,
    u64::MAX,
];

/// An answer that only has to come.
fn seen<T>(_: T) {}

fn time(dice: &mut Dice) -> Nanos {
    match dice.roll(3) {
        0 => Nanos(dice.roll(u64::MAX)),
        1 => Nanos(dice.roll(1 << 40)),
        _ => Nanos(EDGES[dice.roll(9) as usize]),
    }
}

fn outcome(dice: &mut Dice) -> Outcome {
    Outcome::from_number(dice.roll(3) as u32).expect("an outcome")
}

fn owner(dice: &mut Dice) -> Owner {
    Owner::from_raw(1 + dice.roll(0xF_FFFF) as u32).expect("an owner")
}

fn use_breaker(breaker: &Breaker, dice: &mut Dice) {
    let (by, at) = (owner(dice), time(dice));
    match dice.roll(12) {
        0 => seen(black_box(breaker.force_open())),
        1 => seen(black_box(breaker.disable())),
        2 => seen(black_box(breaker.reset())),
        3 => seen(black_box(breaker.reclaim(by))),
        4 => {
            // A permit that nobody gave.
            let forged = breaker::Permit::from_raw(dice.roll(u64::MAX), at.0, by.raw());
            forged.map(|permit| breaker.record(permit, outcome(dice), time(dice), &time(dice)));
        }
        5 => {
            let forged = breaker::Permit::from_raw(dice.roll(u64::MAX), at.0, by.raw());
            forged.map(|permit| breaker.cancel(permit));
        }
        _ => {
            if let Ok(admission) = breaker.try_acquire(by, &at) {
                breaker.record(admission.permit, outcome(dice), time(dice), &time(dice));
            }
        }
    }
    black_box((breaker.snapshot(time(dice)), breaker.config()));
}

fn use_bulkhead(bulkhead: &Bulkhead, dice: &mut Dice) {
    let by = owner(dice);
    match dice.roll(8) {
        0 => seen(black_box(
            bulkhead.resize(dice.roll(12) as u32, dice.roll(12) as u32),
        )),
        1 => seen(black_box(bulkhead.reclaim(by))),
        2 => seen(black_box(bulkhead.begin_wait())),
        3 => bulkhead.end_wait(),
        4 => {
            let forged = bulkhead::Permit::from_raw(dice.roll(u64::MAX), by.raw());
            forged.map(|permit| bulkhead.release(permit));
        }
        _ => {
            if let Ok(permit) = bulkhead.try_acquire(by, dice.roll(2) == 0, &time(dice))
                && dice.roll(2) == 0
            {
                bulkhead.release(permit);
            }
        }
    }
    black_box((bulkhead.snapshot(time(dice)), bulkhead.config()));
}

fn use_limiter(limiter: &Limiter, dice: &mut Dice) {
    let at = time(dice);
    match dice.roll(6) {
        0 => seen(black_box(limiter.try_acquire(time(dice).0, &at))),
        1 => seen(black_box(limiter.reserve(dice.roll(20), time(dice), &at))),
        2 => limiter.cancel(
            Reservation {
                tokens: time(dice).0,
                wait: time(dice),
            },
            &at,
        ),
        3 => limiter.adjust(time(dice).0 as i64, &at),
        4 => {
            let next = limiter::Config {
                permits: dice.roll(2_000),
                burst: dice.roll(20),
                ..limiter::Config::default()
            };
            seen(black_box(limiter.reconfigure(&next, &at)));
        }
        _ => seen(black_box(limiter.try_acquire(1, &at))),
    }
    black_box((limiter.snapshot(time(dice)), limiter.config()));
}

fn use_budget(budget: &RetryBudget, dice: &mut Dice) {
    let at = time(dice);
    match dice.roll(6) {
        0 => budget.finish(),
        1 => budget.record(outcome(dice), Withdrawal::from_raw(dice.roll(u64::MAX))),
        2 => {
            if let Some(forged) = Withdrawal::from_raw(dice.roll(u64::MAX) | 1 << 63) {
                budget.cancel(forged, &at)
            }
        }
        3 => seen(black_box(budget.try_withdraw(Cause::Throttled, &at))),
        4 => seen(black_box(budget.try_withdraw(Cause::Failure, &at))),
        _ => {
            budget.deposit(&at);
        }
    }
    black_box((budget.snapshot(time(dice)), budget.config()));
}

/// Writes random words over all of `object` but its first, which says what it is.
fn spoil<T>(object: &mut T, dice: &mut Dice) {
    let words = size_of::<T>() / 8;
    let start = (object as *mut T).cast::<u64>();
    for index in 1..words {
        let word = match dice.roll(4) {
            0 => 0,
            1 => u64::MAX,
            _ => dice.roll(u64::MAX),
        };
        // SAFETY: the index is inside the object, which is made of words that may hold any bits.
        let place = unsafe { start.add(index) };
        // SAFETY: as above, and nobody else looks at the object now.
        unsafe { place.write(word) };
    }
}

/// Runs `steps` of use, each of which must end well within the time given to all.
fn bounded(name: &str, steps: u64, mut step: impl FnMut(u64)) {
    let start = Instant::now();
    for index in 0..steps {
        step(index);
        assert!(
            start.elapsed() < Duration::from_secs(30),
            "{name}: step {index} of {steps}"
        );
    }
    println!("{name}: {steps} steps in {:?}", start.elapsed());
}

#[test]
fn every_verb_takes_every_time() {
    let mut dice = Dice(5);
    let breaker = Breaker::new(&breaker::Config {
        consecutive_failures: 1,
        slow_permille: 100,
        slow_after: Nanos(1),
        min_witnesses: 2,
        probes: 3,
        ..breaker::Config::default()
    })
    .expect("valid");
    bounded("breaker", 200_000, |_| use_breaker(&breaker, &mut dice));
    let bulkhead = bulkhead::Sized::<9>::new(&bulkhead::Config {
        max_concurrent: 9,
        ..bulkhead::Config::default()
    });
    let bulkhead = bulkhead.expect("valid");
    bounded("bulkhead", 200_000, |_| use_bulkhead(&bulkhead, &mut dice));
    let limiter = Limiter::new(&limiter::Config::default()).expect("valid");
    bounded("limiter", 200_000, |_| use_limiter(&limiter, &mut dice));
    for number in 0..5 {
        let config = retry_budget::Config {
            max_concurrent_retries_permille: 500,
            ..retry_budget::Config::of(Profile::from_number(number).expect("a profile"))
        };
        for now in EDGES {
            let budget = RetryBudget::new(&config, Nanos(now)).expect("valid");
            bounded("retry budget", 5_000, |_| use_budget(&budget, &mut dice));
        }
    }
    let histogram = Histogram::new();
    for (now, other) in EDGES
        .iter()
        .flat_map(|now| EDGES.map(|other| (Nanos(*now), Nanos(other))))
    {
        histogram.record(now);
        black_box(histogram.quantile(other.0 as u32));
        let deadline = Deadline::after(now, other);
        black_box((
            deadline.keep(other, u16::MAX),
            deadline.attempt_timeout(other, now),
        ));
        black_box(Backoff::default().delay(other.0 as u32, now, other.0, now));
        let wild = Backoff {
            base: now,
            cap: other,
            retry_after_margin: now,
            ..Backoff::default()
        };
        black_box(wild.delay(now.0 as u32, other, now.0, other));
    }
}

#[test]
fn a_breaker_of_garbage_neither_panics_nor_hangs() {
    let mut dice = Dice(11);
    let mut breaker = Breaker::new(&breaker::Config::default()).expect("valid");
    bounded("breaker", 100_000, |step| {
        if step % 20 == 0 {
            spoil(&mut breaker, &mut dice);
        }
        use_breaker(&breaker, &mut dice);
    });
}

#[test]
fn a_bulkhead_of_garbage_neither_panics_nor_hangs() {
    let mut dice = Dice(12);
    let mut bulkhead = bulkhead::Sized::<9>::new(&bulkhead::Config {
        max_concurrent: 9,
        ..bulkhead::Config::default()
    })
    .expect("valid");
    bounded("bulkhead", 100_000, |step| {
        if step % 20 == 0 {
            spoil(&mut bulkhead, &mut dice);
        }
        use_bulkhead(&bulkhead, &mut dice);
    });
}

#[test]
fn a_limiter_of_garbage_neither_panics_nor_hangs() {
    let mut dice = Dice(13);
    let mut limiter = Limiter::new(&limiter::Config::default()).expect("valid");
    bounded("limiter", 100_000, |step| {
        if step % 20 == 0 {
            spoil(&mut limiter, &mut dice);
        }
        use_limiter(&limiter, &mut dice);
    });
}

#[test]
fn a_retry_budget_of_garbage_neither_panics_nor_hangs() {
    let mut dice = Dice(14);
    let mut budget = RetryBudget::new(&retry_budget::Config::default(), Nanos(1)).expect("valid");
    bounded("retry budget", 100_000, |step| {
        if step % 20 == 0 {
            spoil(&mut budget, &mut dice);
        }
        use_budget(&budget, &mut dice);
    });
}
