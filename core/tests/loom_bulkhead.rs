//! The bulkhead in every order in which two or three threads can meet. Only with `--cfg seawall_loom`.
#![cfg(seawall_loom)]

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};

use loom::thread;
use seawall_core::bulkhead::{Bulkhead, Config, Sized};
use seawall_core::{Nanos, Owner};

const ME: Owner = Owner::PRIVATE;

fn check(threads: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(2);
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

fn of<const N: usize>(max_concurrent: u32) -> Arc<Sized<N>> {
    let config = Config {
        max_concurrent,
        ..Config::default()
    };
    Arc::new(Sized::new(&config).expect("valid"))
}

/// Takes, counts the holders from outside, gives back.
fn take(bulkhead: &Bulkhead, holders: &AtomicU32, most: u32) -> bool {
    let Ok(permit) = bulkhead.try_acquire(ME, false, &Nanos(1)) else {
        return false;
    };
    assert!(holders.fetch_add(1, SeqCst) < most, "too many holders");
    thread::yield_now();
    holders.fetch_sub(1, SeqCst);
    assert!(bulkhead.release(permit));
    true
}

#[test]
fn one_permit_and_two_takers() {
    check(|| {
        let (bulkhead, holders) = (of::<1>(1), Arc::new(AtomicU32::new(0)));
        let (theirs, counted) = (bulkhead.clone(), holders.clone());
        let other = thread::spawn(move || take(&*theirs, &counted, 1));
        let mine = take(&*bulkhead, &holders, 1);
        assert!(
            other.join().expect("no panic") || mine,
            "both were refused a free permit"
        );
        let seen = (&*bulkhead as &Bulkhead).snapshot(Nanos(1));
        assert_eq!((seen.in_use, seen.stale), (0, 0));
    });
}

#[test]
fn a_shrink_against_a_taker() {
    check(|| {
        let bulkhead = of::<2>(2);
        let held = (&*bulkhead as &Bulkhead)
            .try_acquire(ME, false, &Nanos(1))
            .expect("free");
        let theirs = bulkhead.clone();
        let other = thread::spawn(move || {
            (&*theirs as &Bulkhead)
                .try_acquire(ME, false, &Nanos(1))
                .ok()
        });
        let bulkhead: &Bulkhead = &*bulkhead;
        bulkhead.resize(1, 0).expect("valid");
        let first = other.join().expect("no panic");
        // Whatever came before the shrink may stay; nothing is given on top of it.
        assert!(bulkhead.try_acquire(ME, false, &Nanos(1)).is_err());
        assert_eq!(
            bulkhead.snapshot(Nanos(1)).in_use,
            1 + u32::from(first.is_some())
        );
        assert!(bulkhead.release(held));
        assert_eq!(
            bulkhead.try_acquire(ME, false, &Nanos(1)).is_ok(),
            first.is_none()
        );
    });
}

/// The race: a taker has read the old limit and looks for a cell above the new one, while another takes the only
/// cell below it. One of them has to see the other.
#[test]
fn a_shrink_and_a_taker_after_it_against_a_taker() {
    check(|| {
        let bulkhead = of::<2>(2);
        let theirs = bulkhead.clone();
        let other = thread::spawn(move || theirs.try_acquire(ME, false, &Nanos(1)).is_ok());
        bulkhead.resize(1, 0).expect("valid");
        let mine = bulkhead.try_acquire(ME, false, &Nanos(1)).is_ok();
        let theirs = other.join().expect("no panic");
        assert!(!(mine && theirs), "two holders after a shrink to one");
        let in_use = bulkhead.snapshot(Nanos(1)).in_use;
        assert_eq!(in_use, u32::from(mine) + u32::from(theirs));
    });
}

#[test]
fn two_releases_of_one_permit() {
    check(|| {
        let bulkhead = of::<1>(1);
        let (token, owner) = (&*bulkhead as &Bulkhead)
            .try_acquire(ME, false, &Nanos(1))
            .expect("free")
            .into_raw();
        let again = move |bulkhead: &Bulkhead| {
            bulkhead
                .release(seawall_core::bulkhead::Permit::from_raw(token, owner).expect("a permit"))
        };
        let theirs = bulkhead.clone();
        let other = thread::spawn(move || again(&*theirs));
        let mine = again(&*bulkhead);
        assert!(
            mine != other.join().expect("no panic"),
            "released once, stale once"
        );
    });
}
