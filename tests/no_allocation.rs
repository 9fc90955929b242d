//! The core never allocates: every verb of every primitive and whole calls run, refusals included, under an allocator that
//! counts. One test only, so that no other thread of the harness is counted.

use std::alloc::{GlobalAlloc, Layout, System};
use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use seawall_core::breaker::{self, Breaker};
use seawall_core::bulkhead::{self, Bulkhead};
use seawall_core::limiter::{self, Limiter};
use seawall_core::policy::{Action, Ended, Options};
use seawall_core::retry_budget::{Cause, Config, Profile, RetryBudget};
use seawall_core::{Backoff, Deadline, Histogram, Mode, Nanos, Outcome, Owner};

struct Counting;

static COUNTED: AtomicU64 = AtomicU64::new(0);

thread_local! {
    static IS_COUNTED: std::cell::Cell<bool> = const { std::cell::Cell::new(false) };
}

// SAFETY: every call goes on to the system allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if IS_COUNTED.try_with(std::cell::Cell::get).unwrap_or(false) {
            COUNTED.fetch_add(1, Relaxed);
        }
        // SAFETY: the caller's layout, as it came.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: the caller's memory and layout, as they came.
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn breaker_story(mode: Mode) {
    let config = breaker::Config {
        consecutive_failures: 2,
        slow_permille: 500,
        slow_after: Nanos(5),
        open_for: Nanos::from_millis(1),
        probes: 2,
        min_witnesses: 2,
        mode,
        ..breaker::Config::default()
    };
    let breaker = Breaker::new(&config).expect("valid");
    for window_calls in [0, 30] {
        breaker
            .reconfigure(&breaker::Config {
                window_calls,
                ..config
            })
            .expect("valid");
        for step in 0..400u64 {
            let at = Nanos(step * 150_000);
            let owner = Owner::from_raw(1 + step as u32 % 3).expect("an owner");
            if let Ok(admission) = black_box(breaker.try_acquire(owner, &at)) {
                let outcome =
                    [Outcome::Failure, Outcome::Success, Outcome::Ignored][step as usize / 40 % 3];
                if step % 7 == 0 {
                    breaker.cancel(admission.permit);
                } else {
                    breaker.record(admission.permit, outcome, Nanos(step), &at);
                }
            }
            black_box(breaker.snapshot(at));
            match step {
                200 => drop(breaker.force_open()),
                220 => drop(breaker.disable()),
                240 => drop(breaker.reset()),
                _ => {}
            }
            breaker.reclaim(owner);
        }
    }
    let _ = black_box(Breaker::new(&breaker::Config {
        probes: 0,
        ..config
    }));
    if mode == Mode::Enforce {
        assert!(breaker.snapshot(Nanos(0)).refused > 0);
    }
}

fn bulkhead_story(mode: Mode) {
    let config = bulkhead::Config {
        max_concurrent: 4,
        reserved: 1,
        max_waiting: 1,
        mode,
    };
    let bulkhead = bulkhead::Sized::<8>::new(&config).expect("valid");
    let bulkhead: &Bulkhead = &bulkhead;
    let mut held = [const { None }; 8];
    for step in 0..400u64 {
        let place = &mut held[step as usize % 8];
        match place.take() {
            Some(permit) => drop(black_box(bulkhead.release(permit))),
            None => {
                *place = bulkhead
                    .try_acquire(Owner::PRIVATE, step % 3 == 0, &Nanos(step))
                    .ok()
            }
        }
        let _ = black_box(bulkhead.begin_wait());
        let _ = black_box(bulkhead.begin_wait());
        bulkhead.end_wait();
        let _ = black_box(bulkhead.resize(1 + step as u32 % 9, 0));
        black_box(bulkhead.snapshot(Nanos(step)));
        bulkhead.count_stale();
        if step % 50 == 0 {
            bulkhead.reclaim(Owner::PRIVATE);
        }
    }
}

fn limiter_story(mode: Mode) {
    let config = limiter::Config {
        burst: 3,
        mode,
        ..limiter::Config::default()
    };
    let limiter = Limiter::new(&config).expect("valid");
    for step in 0..400u64 {
        let at = Nanos(step * 1_000_000);
        let _ = black_box(limiter.try_acquire(step % 5, &at));
        if let Ok(Ok(reservation)) = limiter.reserve(1, Nanos::from_secs(step % 2), &at)
            && step % 3 == 0
        {
            limiter.cancel(reservation, &at);
        }
        limiter.adjust(1 - step as i64 % 3, &at);
        let _ = black_box(limiter.reconfigure(
            &limiter::Config {
                burst: step % 4,
                ..config
            },
            &at,
        ));
        black_box((limiter.snapshot(at), limiter.config()));
    }
}

fn budget_story(profile: Profile, mode: Mode) {
    let config = Config {
        max_concurrent_retries_permille: 200,
        cap: 30,
        mode,
        ..Config::of(profile)
    };
    let budget = RetryBudget::new(&config, Nanos(1)).expect("valid");
    for step in 0..400u64 {
        let at = Nanos(step * 10_000_000);
        budget.deposit(&at);
        for cause in [Cause::Failure, Cause::Throttled, Cause::Timeout] {
            match budget.try_withdraw(cause, &at) {
                Ok(withdrawal) if step % 4 == 0 => budget.cancel(withdrawal, &at),
                Ok(withdrawal) => budget.record(Outcome::Success, Some(withdrawal)),
                Err(refusal) => drop(black_box(refusal)),
            }
        }
        budget.record(Outcome::Failure, None);
        budget.finish();
        black_box(budget.snapshot(at));
        let _ = black_box(budget.reconfigure(&config));
    }
}

/// A dependency with every gate in use. Making it allocates, calling it must not.
fn dependency(mode: &str) -> seawall::Dependency {
    let policy = format!(
        "timeout = '1s'\ndeadline = '9s'\nmode = '{mode}'\nretry = {{ attempts = 3, base = '1ms' }}\n\
         breaker = {{ consecutive_failures = 3, open_for = '5ms' }}\n\
         bulkhead = {{ max_concurrent = 1, max_wait = '10ms', max_waiting = 1 }}\n\
         rate_limit = {{ rate = '1000/s', burst = 4, max_wait = '5ms' }}"
    );
    let policy = seawall::Policy::parse(&policy).expect("valid");
    seawall::Seawall::new().define("all", policy).expect("new")
}

fn call_story(dependency: &seawall::Dependency) {
    for round in 0..400u64 {
        let mut now = Nanos::from_secs(1).plus(Nanos(round * 3_000_000));
        let (_waiting, _) = black_box(dependency.begin_at(&Options::DEFAULT, now).expect("begins"));
        let (mut call, mut step) = dependency.begin_at(&Options::DEFAULT, now).expect("begins");
        for event in 0..12 {
            now = now.plus(Nanos(700_000));
            step = match step.action {
                Action::Run { .. } if (round + event) % 3 == 0 => {
                    call.ended(Ended::SUCCESS, None, now).expect("runs")
                }
                Action::Run { .. } => call.ended(Ended::FAILURE, None, now).expect("runs"),
                Action::Sleep { .. } | Action::Wait { .. } => call.woke(now).expect("waits"),
                Action::Finish(_) => break,
            };
        }
        black_box(step);
        if call.is_under_way() {
            call.cancelled(now);
        }
    }
}

/// The same by the driver, which only waits in a queue with memory of its own.
fn driven_story(dependency: &seawall::Dependency) {
    for round in 0..20 {
        let answer = dependency.call(|attempt| match round % 4 {
            0 => Err(round),
            _ => Ok(attempt.timeout()),
        });
        let _ = black_box(answer);
    }
}

#[test]
fn no_path_of_the_core_allocates() {
    // Proof that the counter counts.
    IS_COUNTED.set(true);
    drop(black_box(Box::new(1)));
    IS_COUNTED.set(false);
    assert_eq!(COUNTED.swap(0, Relaxed), 1);

    let dependencies = ["enforce", "shadow", "off"].map(dependency);
    IS_COUNTED.set(true);
    dependencies.iter().for_each(call_story);
    dependencies.iter().for_each(driven_story);
    for mode in [Mode::Enforce, Mode::Shadow, Mode::Off] {
        breaker_story(mode);
        bulkhead_story(mode);
        limiter_story(mode);
        for number in 0..5 {
            budget_story(Profile::from_number(number).expect("a profile"), mode);
        }
    }
    let histogram = Histogram::new();
    for value in 0..2_000 {
        histogram.record(Nanos(value * value * value));
    }
    black_box((histogram.quantile(999_000), histogram.total()));
    histogram.merge(&Histogram::new());
    histogram.reset();
    for attempt in 0..40 {
        black_box(Backoff::default().delay(attempt, Nanos(7), 1 << attempt, Nanos(9)));
    }
    let deadline = Deadline::after(Nanos(1), Nanos(9))
        .keep(Nanos(2), 500)
        .nearer(Deadline::NEVER);
    black_box((deadline.remaining(Nanos(3)), deadline.is_expired(Nanos(4))));
    IS_COUNTED.set(false);
    assert_eq!(COUNTED.load(Relaxed), 0, "allocations");
}
