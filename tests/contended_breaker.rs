//! The breaker under threads that race for its seats, its verdicts and its state changes.

#[path = "support/rounds.rs"]
mod rounds;

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed, Ordering::SeqCst};

use rounds::{Dice, Rounds};
use seawall_core::breaker::{Breaker, Config, Permit, State, Transition};
use seawall_core::{Nanos, Outcome, Owner};

const THREADS: usize = 8;
const MILLI: u64 = 1_000_000;

fn touchy(probes: u32) -> Breaker {
    let config = Config {
        consecutive_failures: 1,
        failure_permille: 0,
        open_for: Nanos(MILLI),
        open_backoff_permille: 1_000,
        open_max: Nanos(MILLI),
        open_jitter_permille: 0,
        probe_lease: Nanos::DAY,
        window_calls: 4,
        min_calls: 1,
        probes,
        ..Config::default()
    };
    Breaker::new(&config).expect("valid")
}

/// In each round the open time is over and eight threads ask at once. The one that gets the seat gives its
/// verdict while the others still ask, and while permits of earlier generations are recorded.
#[test]
fn exactly_one_probe_passes_in_each_of_100_000_rounds() {
    const ROUNDS: u64 = 100_000;
    let breaker = touchy(1);
    let now = AtomicU64::new(1_000 * MILLI);
    let meeting = Rounds::of(THREADS);
    let (probes, began, ended) = (AtomicU64::new(0), AtomicU64::new(0), AtomicU64::new(0));
    let (late, winners) = (AtomicU64::new(0), [const { AtomicU64::new(0) }; THREADS]);
    // Closed to open, by the last to arrive.
    let trip = |at: u64| {
        let permit = breaker
            .try_acquire(Owner::PRIVATE, &Nanos(at))
            .expect("closed")
            .permit;
        let recorded = breaker.record(permit, Outcome::Failure, Nanos::ZERO, &Nanos(at));
        assert_eq!(
            recorded.transition.map(|change| change.to),
            Some(State::Open)
        );
    };
    trip(now.load(Relaxed));
    now.fetch_add(MILLI, Relaxed);
    std::thread::scope(|scope| {
        for (me, winner) in winners.iter().enumerate() {
            let (breaker, now, meeting, trip) = (&breaker, &now, &meeting, &trip);
            let (probes, began, ended, late) = (&probes, &began, &ended, &late);
            scope.spawn(move || {
                let mut old: Option<Permit> = None;
                for round in 0..ROUNDS {
                    meeting.meet();
                    let at = Nanos(now.load(Relaxed));
                    if let Some(permit) = old.take() {
                        let recorded = breaker.record(permit, Outcome::Success, Nanos::ZERO, &at);
                        assert!(recorded.late && recorded.transition.is_none());
                        late.fetch_add(1, Relaxed);
                    }
                    if let Ok(admission) = breaker.try_acquire(Owner::PRIVATE, &at) {
                        began.fetch_add(u64::from(admission.transition.is_some()), Relaxed);
                        if admission.permit.is_probe() {
                            probes.fetch_add(1, Relaxed);
                            winner.fetch_add(1, Relaxed);
                            let outcome = if round % 2 == 0 {
                                Outcome::Success
                            } else {
                                Outcome::Failure
                            };
                            let recorded =
                                breaker.record(admission.permit, outcome, Nanos::ZERO, &at);
                            assert!(!recorded.late, "the probe of round {round} came late");
                            ended.fetch_add(u64::from(recorded.transition.is_some()), Relaxed);
                        } else {
                            old = Some(admission.permit);
                        }
                    }
                    // A round that closed may be told by an asker who found the verdict first.
                    if meeting.meet() {
                        let told = (
                            probes.load(Relaxed),
                            began.load(Relaxed) + ended.load(Relaxed),
                        );
                        assert_eq!(
                            told,
                            (round + 1, 2 * (round + 1)),
                            "probes and changes up to round {round}"
                        );
                        if breaker.state() == State::Closed {
                            trip(at.0);
                        }
                        now.fetch_add(MILLI, Relaxed);
                    }
                    // Nobody is ahead of the last one's work.
                    meeting.meet();
                }
                assert!(me < THREADS);
            });
        }
    });
    let refused = breaker.snapshot(Nanos(0)).refused;
    let winners = winners.map(|winner| winner.load(Relaxed));
    println!(
        "{ROUNDS} rounds, probes per thread {winners:?}, {refused} refused, {} late",
        late.load(Relaxed)
    );
    assert!(refused > ROUNDS, "threads hardly met");
    assert!(late.load(Relaxed) > ROUNDS / 10, "hardly any late result");
    assert!(
        winners.iter().filter(|won| **won > 0).count() > 1,
        "one thread won every seat"
    );
}

/// Threads ask, succeed, fail and let time pass at random. Put together, what they were told is one chain
/// without a gap and without a change told twice.
#[test]
fn exactly_one_thread_is_told_of_each_state_change() {
    const MOST_GENERATIONS: u16 = 60_000;
    let breaker = touchy(2);
    let now = AtomicU64::new(1_000 * MILLI);
    let told: Mutex<Vec<Transition>> = Mutex::new(Vec::new());
    let start = std::time::Instant::now();
    std::thread::scope(|scope| {
        for thread in 0..THREADS as u64 {
            let (breaker, now, told) = (&breaker, &now, &told);
            scope.spawn(move || {
                let mut dice = Dice(0x9E37_79B9 + thread);
                let mut changes = Vec::new();
                let mut held: Option<Permit> = None;
                while start.elapsed().as_secs() < 4 {
                    if breaker.snapshot(Nanos(0)).generation >= MOST_GENERATIONS {
                        break;
                    }
                    for _ in 0..64 {
                        let at = Nanos(now.fetch_add(dice.roll(MILLI / 2), Relaxed));
                        if let Some(permit) = held.take() {
                            let outcome = if dice.roll(3) == 0 {
                                Outcome::Failure
                            } else {
                                Outcome::Success
                            };
                            changes.extend(
                                breaker.record(permit, outcome, Nanos::ZERO, &at).transition,
                            );
                        }
                        if let Ok(admission) = breaker.try_acquire(Owner::PRIVATE, &at) {
                            changes.extend(admission.transition);
                            held = Some(admission.permit);
                            if dice.roll(64) == 0 {
                                std::thread::yield_now();
                            }
                        }
                    }
                }
                // Probes still held would end a round in silence, so all are given back.
                if let Some(permit) = held {
                    breaker.cancel(permit);
                }
                told.lock().expect("no panic").append(&mut changes);
            });
        }
    });
    let mut told = told.into_inner().expect("no panic");
    told.sort_by_key(|change| change.generation);
    let last = breaker.snapshot(Nanos(0));
    println!(
        "{} state changes, {} late, {} refused",
        told.len(),
        last.late,
        last.refused
    );
    let mut state = State::Closed;
    for (generation, change) in (1u16..).zip(&told) {
        assert_eq!(
            (change.generation, change.from),
            (generation, state),
            "the chain of changes"
        );
        state = change.to;
    }
    // The very last change may be a beginning that nobody was left to take a seat of.
    let untold = usize::from(last.generation) - told.len();
    assert!(
        untold == 0 || untold == 1 && last.state == State::HalfOpen,
        "{untold} changes were not told"
    );
    assert!(
        told.len() > 5_000 && last.refused > 1_000,
        "hardly contended"
    );
}

/// Everything that was recorded is in a counter, whatever the races.
#[test]
fn the_counters_lose_nothing() {
    const CALLS: u64 = 200_000;
    let breaker = touchy(1);
    let (now, admitted, refused) = (AtomicU64::new(MILLI), AtomicU64::new(0), AtomicU64::new(0));
    std::thread::scope(|scope| {
        for thread in 0..THREADS as u64 {
            let (breaker, now, admitted, refused) = (&breaker, &now, &admitted, &refused);
            scope.spawn(move || {
                let mut dice = Dice(77 + thread);
                for _ in 0..CALLS {
                    let at = Nanos(now.fetch_add(MILLI / 64, SeqCst));
                    let Ok(admission) = breaker.try_acquire(Owner::PRIVATE, &at) else {
                        refused.fetch_add(1, Relaxed);
                        continue;
                    };
                    admitted.fetch_add(1, Relaxed);
                    let outcome = match dice.roll(20) {
                        0 => Outcome::Failure,
                        1 => Outcome::Ignored,
                        _ => Outcome::Success,
                    };
                    breaker.record(admission.permit, outcome, Nanos::ZERO, &at);
                }
            });
        }
    });
    let seen = breaker.snapshot(Nanos(0));
    println!("{seen:?}");
    assert_eq!(seen.refused, refused.load(Relaxed));
    assert_eq!(
        seen.success + seen.failure + seen.ignored + seen.late,
        admitted.load(Relaxed)
    );
    assert!(
        seen.opened > 100 && seen.refused > 1_000,
        "it was hardly ever open"
    );
}

/// Enough failures were recorded for the trip, so it happened, whichever thread wrote the last one.
#[test]
fn a_trip_that_racing_threads_complete_together_is_not_missed() {
    const ROUNDS: usize = 20_000;
    let meeting = Rounds::of(THREADS);
    let config = Config {
        consecutive_failures: 0,
        window_calls: THREADS as u32,
        min_calls: THREADS as u32,
        failure_permille: 500,
        ..Config::default()
    };
    let breaker = Breaker::new(&config).expect("valid");
    let opened = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let (breaker, meeting, opened) = (&breaker, &meeting, &opened);
            scope.spawn(move || {
                for round in 1..=ROUNDS as u64 {
                    let permit = breaker
                        .try_acquire(Owner::PRIVATE, &Nanos(1))
                        .expect("closed")
                        .permit;
                    meeting.meet();
                    let outcome = if thread % 2 == 0 {
                        Outcome::Failure
                    } else {
                        Outcome::Success
                    };
                    let recorded = breaker.record(permit, outcome, Nanos::ZERO, &Nanos(1));
                    opened.fetch_add(u64::from(recorded.transition.is_some()), Relaxed);
                    if meeting.meet() {
                        assert_eq!(
                            (breaker.state(), opened.load(Relaxed)),
                            (State::Open, round)
                        );
                        breaker.reset();
                    }
                    meeting.meet();
                }
            });
        }
    });
    assert_eq!(opened.load(Relaxed), ROUNDS as u64);
}

/// A reload gives the window another shape while two threads record, one bucket after the other. Whatever they
/// wrote at that moment, the window must go on taking results in, and forgetting them.
fn reshaped_meanwhile(to: &Config, is_sound: impl Fn(&Breaker, Nanos)) {
    const ROUNDS: u64 = 200;
    let by_second = Config {
        consecutive_failures: 0,
        min_calls: 1_000_000,
        window: Nanos::from_secs(1),
        ..Config::default()
    };
    for _ in 0..ROUNDS {
        let breaker = Breaker::new(&by_second).expect("valid");
        let now = AtomicU64::new(1_000_000_000 * MILLI);
        let is_over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    while !is_over.load(Relaxed) {
                        fail(&breaker, Nanos(now.fetch_add(50 * MILLI, Relaxed)));
                    }
                });
            }
            while now.load(Relaxed) < 1_000_010_000 * MILLI {
                std::hint::spin_loop();
            }
            breaker.reconfigure(to).expect("valid");
            is_over.store(true, Relaxed);
        });
        is_sound(&breaker, Nanos(now.load(Relaxed)));
    }
}

fn fail(breaker: &Breaker, at: Nanos) {
    let admission = breaker.try_acquire(Owner::PRIVATE, &at).expect("closed");
    breaker.record(admission.permit, Outcome::Failure, Nanos::ZERO, &at);
}

#[test]
fn a_window_of_another_length_rolls_on_however_many_record_meanwhile() {
    let by_minute = Config {
        consecutive_failures: 0,
        min_calls: 1_000_000,
        window: Nanos::from_secs(60),
        ..Config::default()
    };
    reshaped_meanwhile(&by_minute, |breaker, now| {
        fail(breaker, now);
        let later = now.plus(Nanos::from_secs(61));
        fail(breaker, later);
        let seen = breaker.snapshot(later).window;
        assert_eq!((seen.calls, seen.failures), (1, 1));
    });
}

#[test]
fn a_window_by_count_takes_results_in_however_many_record_meanwhile() {
    let by_count = Config {
        consecutive_failures: 0,
        failure_permille: 1_000,
        min_calls: 1_000,
        window_calls: 1_000,
        ..Config::default()
    };
    reshaped_meanwhile(&by_count, |breaker, now| {
        for _ in 0..1_000 {
            if breaker.state() == State::Closed {
                fail(breaker, now);
            }
        }
        assert_eq!(breaker.state(), State::Open);
    });
}
