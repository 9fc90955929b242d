//! The bulkhead under threads: never more holders than permits, counted from outside.

#[path = "support/rounds.rs"]
mod rounds;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed, Ordering::SeqCst};

use std::time::{Duration, Instant};

use rounds::Dice;
use seawall_core::bulkhead::{Bulkhead, Config, Sized};
use seawall_core::{Nanos, Owner};

const THREADS: u64 = 8;

/// Takes and gives back until `wanted` permits were had; `check` sees the holders at the moment of each.
fn churn(
    bulkhead: &Bulkhead,
    critical: bool,
    wanted: u64,
    holders: &AtomicU64,
    check: impl Fn(u64),
) -> u64 {
    let (mut had, mut refused) = (0, 0);
    let mut dice = Dice(0xD1CE + wanted);
    while had < wanted {
        match bulkhead.try_acquire(Owner::PRIVATE, critical, &Nanos(1)) {
            Ok(permit) => {
                check(holders.fetch_add(1, SeqCst) + 1);
                had += 1;
                // Held over a change of threads now and then, else two cores would seldom fill it.
                if dice.roll(8_192) == 0 {
                    std::thread::yield_now();
                }
                holders.fetch_sub(1, SeqCst);
                assert!(bulkhead.release(permit));
            }
            Err(_) => {
                refused += 1;
                std::thread::yield_now();
            }
        }
    }
    refused
}

#[test]
fn ten_million_acquisitions_never_exceed_the_limit() {
    const EACH: u64 = 10_000_000 / THREADS;
    let config = Config {
        max_concurrent: 3,
        reserved: 1,
        ..Config::default()
    };
    let bulkhead = Sized::<3>::new(&config).expect("valid");
    let bulkhead: &Bulkhead = &bulkhead;
    let (all, ordinary, most, refused) = (
        AtomicU64::new(0),
        AtomicU64::new(0),
        AtomicU64::new(0),
        AtomicU64::new(0),
    );
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let (all, ordinary, most, refused) = (&all, &ordinary, &most, &refused);
            scope.spawn(move || {
                let lost = if thread % 2 == 0 {
                    churn(bulkhead, true, EACH, all, |holders| {
                        assert!(holders <= 3);
                        most.fetch_max(holders, Relaxed);
                    })
                } else {
                    // An ordinary caller is counted among the ordinary ones, of whom two fit.
                    churn(bulkhead, false, EACH, ordinary, |holders| {
                        assert!(holders <= 2)
                    })
                };
                refused.fetch_add(lost, Relaxed);
            });
        }
    });
    let seen = bulkhead.snapshot(Nanos(1));
    let refused = refused.load(Relaxed);
    println!("{} acquisitions, {refused} refused", EACH * THREADS);
    assert_eq!((seen.in_use, seen.stale, seen.rejected), (0, 0, refused));
    assert!(
        refused > 1_000 && most.load(Relaxed) >= 2,
        "hardly contended"
    );
}

#[test]
fn a_limit_that_shrinks_and_grows_is_never_exceeded() {
    let bulkhead = Sized::<16>::new(&Config {
        max_concurrent: 6,
        ..Config::default()
    })
    .expect("valid");
    let bulkhead: &Bulkhead = &bulkhead;
    let holders = AtomicU64::new(0);
    let mut changes = 0u64;
    // The limit in force in the low half; the high half says which one it is, so that a check that lies across a
    // change is left out.
    let bound = AtomicU64::new(6);
    let (done, checked, refused) = (AtomicBool::new(false), AtomicU64::new(0), AtomicU64::new(0));
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                while !done.load(Relaxed) {
                    let before = bound.load(SeqCst);
                    let lost = churn(bulkhead, false, 1, &holders, |now| {
                        if bound.load(SeqCst) == before {
                            checked.fetch_add(1, Relaxed);
                            assert!(
                                now <= before & 0xFFFF_FFFF,
                                "{now} holders, {}",
                                before & 0xFFFF_FFFF
                            );
                        }
                    });
                    refused.fetch_add(lost, Relaxed);
                }
            });
        }
        let mut dice = Dice(4);
        let start = Instant::now();
        while start.elapsed() < Duration::from_secs(4) {
            changes += 1;
            let change = 2 * changes;
            let limit = 1 + dice.roll(16);
            let last = bound.load(SeqCst) & 0xFFFF_FFFF;
            if limit >= last {
                // What is allowed grows first, what is given after it.
                bound.store(change << 32 | limit, SeqCst);
                bulkhead.resize(limit as u32, 0).expect("valid");
            } else {
                // No thread checks until the old holders are below the new limit.
                bound.store(change << 32 | 0xFFFF_FFFF, SeqCst);
                bulkhead.resize(limit as u32, 0).expect("valid");
                while u64::from(bulkhead.snapshot(Nanos(1)).in_use) > limit {
                    std::thread::yield_now();
                }
                bound.store((change + 1) << 32 | limit, SeqCst);
            }
            std::thread::yield_now();
        }
        done.store(true, Relaxed);
    });
    let (checked, refused) = (checked.load(Relaxed), refused.load(Relaxed));
    println!("{changes} changes, {checked} checked, {refused} refused");
    assert!(
        changes > 50 && checked > 10_000 && refused > 1_000,
        "hardly contended"
    );
    assert_eq!(bulkhead.snapshot(Nanos(1)).in_use, 0);
}
