//! What one operation costs with 1 to 16 threads on the same object, beside the limits of the machine: a
//! load of a shared line, an atomic addition on a line of one's own and one on a shared line.
//!
//! `cargo bench --bench contention` measures all; `SEAWALL_BENCH_QUICK=1` measures 1, 2 and 4 threads briefly.

use std::hint::black_box;
use std::sync::Barrier;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use seawall_core::bulkhead::{self, Bulkhead};
use seawall_core::limiter::{self, Limiter};
use seawall_core::retry_budget::{self, Cause, RetryBudget};
use seawall_core::{Breaker, Nanos, Outcome, Owner, breaker};

/// Runs `operation` as often as asked on each of `threads` threads; the time is that of the slowest.
fn together(threads: usize, times: u64, operation: &(impl Fn() + Sync)) -> Duration {
    let start = Barrier::new(threads);
    let took = crossbeam::scope(|scope| {
        let run = |_: &_| {
            start.wait();
            let begun = Instant::now();
            for _ in 0..times {
                operation();
            }
            begun.elapsed()
        };
        let running: Vec<_> = (0..threads).map(|_| scope.spawn(run)).collect();
        running
            .into_iter()
            .map(|thread| thread.join().expect("no panic"))
            .max()
    });
    took.expect("no panic").unwrap_or_default()
}

/// One table: the operation at each number of threads.
fn measure(criterion: &mut Criterion, name: &str, operation: impl Fn() + Sync) {
    let quick = std::env::var_os("SEAWALL_BENCH_QUICK").is_some();
    let mut group = criterion.benchmark_group(name);
    if quick {
        group
            .sample_size(10)
            .warm_up_time(Duration::from_millis(50))
            .measurement_time(Duration::from_millis(200));
    } else {
        group
            .sample_size(20)
            .warm_up_time(Duration::from_millis(300))
            .measurement_time(Duration::from_secs(1));
    }
    let threads: &[usize] = if quick { &[1, 2, 4] } else { &[1, 2, 4, 8, 16] };
    for threads in threads {
        group.bench_function(BenchmarkId::from_parameter(threads), |bencher| {
            bencher.iter_custom(|times| together(*threads, times, &operation));
        });
    }
    group.finish();
}

const NOW: Nanos = Nanos(1_000_000_000);

fn limits(criterion: &mut Criterion) {
    let shared = AtomicU64::new(0);
    measure(criterion, "limit: load of a shared line", || {
        black_box(shared.load(Ordering::Relaxed));
    });
    measure(criterion, "limit: addition on a shared line", || {
        shared.fetch_add(1, Ordering::Relaxed);
    });
    measure(criterion, "limit: clock", || {
        black_box(seawall::clock::monotonic());
    });
}

fn breakers(criterion: &mut Criterion) {
    let call = |breaker: &Breaker, outcome| {
        if let Ok(admission) = breaker.try_acquire(Owner::PRIVATE, &NOW) {
            breaker.record(admission.permit, outcome, Nanos::ZERO, &NOW);
        }
    };
    let by_count = breaker::Config {
        window_calls: 100,
        ..Default::default()
    };
    let healthy = Breaker::new(&by_count).expect("valid");
    measure(criterion, "breaker: success, count window", || {
        call(&healthy, Outcome::Success)
    });
    let by_time = Breaker::new(&breaker::Config::default()).expect("valid");
    measure(criterion, "breaker: success, time window", || {
        call(&by_time, Outcome::Success)
    });
    let open = Breaker::new(&breaker::Config::default()).expect("valid");
    open.force_open();
    measure(criterion, "breaker: refusal", || {
        call(&open, Outcome::Success)
    });
}

fn others(criterion: &mut Criterion) {
    let config = bulkhead::Config {
        max_concurrent: 64,
        ..Default::default()
    };
    let places = bulkhead::Sized::<64>::new(&config).expect("valid");
    let places: &Bulkhead = &places;
    measure(criterion, "bulkhead: acquire and release", || {
        if let Ok(permit) = places.try_acquire(Owner::PRIVATE, false, &NOW) {
            places.release(permit);
        }
    });
    let fast = limiter::Config {
        permits: 1_000_000_000,
        burst: 1_000_000_000,
        ..Default::default()
    };
    let bucket = Limiter::new(&fast).expect("valid");
    measure(criterion, "limiter: acquire, with clock", || {
        let _ = black_box(bucket.try_acquire(1, &seawall::clock::monotonic));
    });
    let full = RetryBudget::new(
        &retry_budget::Config {
            min_per_second: 10,
            ..Default::default()
        },
        NOW,
    )
    .expect("valid");
    measure(criterion, "retry budget: deposit when full", || {
        full.deposit(&NOW);
    });
    measure(criterion, "retry budget: refusal", || {
        let _ = black_box(full.try_withdraw(Cause::Failure, &NOW));
    });
}

criterion_group!(benches, limits, breakers, others);
criterion_main!(benches);
