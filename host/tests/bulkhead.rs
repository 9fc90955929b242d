//! The bulkhead as a Rust service meets it: waiting in particular.

use std::future::Future;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use seawall::bulkhead::Config;
use seawall::{Bulkhead, Refused};

fn with(max_concurrent: u32, max_waiting: u32) -> Bulkhead {
    Bulkhead::new(
        "payments",
        Config {
            max_concurrent,
            max_waiting,
            ..Config::default()
        },
    )
    .expect("valid")
}

#[test]
fn nobody_waits_unless_allowed() {
    let bulkhead = with(1, 0);
    let _held = bulkhead.try_acquire().expect("free");
    assert_eq!(
        bulkhead.try_acquire().expect_err("full").reason,
        Refused::BulkheadFull
    );
    let refusal = bulkhead
        .acquire(Duration::from_secs(5))
        .expect_err("no waiting room");
    assert_eq!(refusal.reason, Refused::BulkheadWaitFull);
}

#[test]
fn a_wait_ends_in_time_and_leaves_no_trace() {
    let bulkhead = with(1, 1);
    let held = bulkhead.try_acquire().expect("free");
    let start = Instant::now();
    let refusal = bulkhead
        .acquire(Duration::from_millis(20))
        .expect_err("never released");
    assert_eq!(refusal.reason, Refused::BulkheadWaitTimeout);
    assert!(start.elapsed() >= Duration::from_millis(20));
    assert_eq!(
        (bulkhead.snapshot().waiting, bulkhead.snapshot().rejected),
        (0, 1)
    );
    drop(held);
    drop(bulkhead.acquire(Duration::ZERO).expect("free again"));
}

#[test]
fn waiters_are_served_in_the_order_they_came() {
    let bulkhead = with(1, 3);
    let mut held = Some(bulkhead.try_acquire().expect("free"));
    let mut context = Context::from_waker(Waker::noop());
    let mut waiters: Vec<_> = (0..3).map(|_| Box::pin(bulkhead.acquire_async())).collect();
    for waiter in &mut waiters {
        assert!(waiter.as_mut().poll(&mut context).is_pending());
    }
    assert_eq!(bulkhead.snapshot().waiting, 3);
    for turn in 0..3 {
        drop(held.take());
        // Whoever is not first goes on waiting, however often it asks.
        for waiter in waiters.iter_mut().skip(turn + 1) {
            assert!(waiter.as_mut().poll(&mut context).is_pending());
        }
        match waiters[turn].as_mut().poll(&mut context) {
            Poll::Ready(permit) => held = Some(permit.expect("its turn")),
            Poll::Pending => panic!("waiter {turn} was passed over"),
        }
    }
}

#[test]
fn a_waiter_that_gives_up_first_in_line_does_not_hold_up_the_others() {
    let bulkhead = with(1, 2);
    let held = bulkhead.try_acquire().expect("free");
    let mut context = Context::from_waker(Waker::noop());
    let mut first = Box::pin(bulkhead.acquire_async());
    let mut second = Box::pin(bulkhead.acquire_async());
    assert!(first.as_mut().poll(&mut context).is_pending());
    assert!(second.as_mut().poll(&mut context).is_pending());
    drop(held);
    drop(first);
    assert!(second.as_mut().poll(&mut context).is_ready());
    assert_eq!(bulkhead.snapshot().waiting, 0);
}

#[test]
fn threads_that_wait_all_get_their_turn_and_never_share_it() {
    let bulkhead = with(2, 64);
    let (inside, most, waited) = (AtomicU32::new(0), AtomicU32::new(0), AtomicU64::new(0));
    let failures = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..500 {
                    let quick = bulkhead.try_acquire();
                    if quick.is_err() {
                        waited.fetch_add(1, Ordering::Relaxed);
                    }
                    match quick.or_else(|_| bulkhead.acquire(Duration::from_secs(30))) {
                        Ok(permit) => {
                            most.fetch_max(
                                inside.fetch_add(1, Ordering::SeqCst) + 1,
                                Ordering::SeqCst,
                            );
                            std::thread::yield_now();
                            inside.fetch_sub(1, Ordering::SeqCst);
                            drop(permit);
                        }
                        Err(refusal) => failures.lock().expect("no panic").push(refusal),
                    }
                }
            });
        }
    });
    assert_eq!(failures.into_inner().expect("no panic"), []);
    assert_eq!(
        most.into_inner(),
        2,
        "never more than the limit, and the limit was reached"
    );
    assert!(
        waited.load(Ordering::Relaxed) > 100,
        "the contended path was taken"
    );
    assert_eq!(
        (bulkhead.snapshot().in_use, bulkhead.snapshot().waiting),
        (0, 0)
    );
}
