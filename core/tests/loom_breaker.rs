//! The breaker in every order in which two or three threads can meet. Only with `--cfg seawall_loom`.
#![cfg(seawall_loom)]

use std::sync::Arc;

use loom::thread;
use seawall_core::breaker::{Breaker, Config, State, Transition};
use seawall_core::{Nanos, Outcome, Owner};

const MILLI: u64 = 1_000_000;
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

fn touchy() -> Arc<Breaker> {
    let config = Config {
        consecutive_failures: 1,
        failure_permille: 0,
        window_calls: 4,
        min_calls: 1,
        open_for: Nanos(MILLI),
        open_jitter_permille: 0,
        ..Config::default()
    };
    Arc::new(Breaker::new(&config).expect("valid"))
}

fn trip(breaker: &Breaker) {
    let permit = breaker.try_acquire(ME, &Nanos(1)).expect("closed").permit;
    breaker.record(permit, Outcome::Failure, Nanos::ZERO, &Nanos(1));
    assert_eq!(breaker.state(), State::Open);
}

#[test]
fn two_probes_one_seat() {
    check(|| {
        let breaker = touchy();
        trip(&breaker);
        let ask = |breaker: Arc<Breaker>| move || breaker.try_acquire(ME, &Nanos(2 * MILLI)).ok();
        let other = thread::spawn(ask(breaker.clone()));
        let (mine, theirs) = (ask(breaker.clone())(), other.join().expect("no panic"));
        assert!(
            mine.is_some() != theirs.is_some(),
            "exactly one is admitted"
        );
        let admission = mine.or(theirs).expect("one");
        let told = admission
            .transition
            .expect("the one that is admitted tells of the change");
        assert_eq!(
            (told.from, told.to, told.generation),
            (State::Open, State::HalfOpen, 2)
        );
        assert!(admission.permit.is_probe());
    });
}

#[test]
fn a_trip_is_seen_once() {
    check(|| {
        let breaker = touchy();
        let fail = |breaker: Arc<Breaker>| {
            let permit = breaker.try_acquire(ME, &Nanos(1)).expect("closed").permit;
            move || breaker.record(permit, Outcome::Failure, Nanos::ZERO, &Nanos(1))
        };
        let (mine, theirs) = (fail(breaker.clone()), fail(breaker.clone()));
        let other = thread::spawn(theirs);
        let told: Vec<Transition> = [mine(), other.join().expect("no panic")]
            .iter()
            .filter_map(|recorded| recorded.transition)
            .collect();
        assert_eq!(told.len(), 1);
        assert_eq!(breaker.state(), State::Open);
    });
}

#[test]
fn a_trip_that_two_complete_together_is_not_missed() {
    check(|| {
        let config = Config {
            consecutive_failures: 0,
            window_calls: 2,
            min_calls: 2,
            ..Config::default()
        };
        let breaker = Arc::new(Breaker::new(&config).expect("valid"));
        let record = |breaker: Arc<Breaker>, outcome| {
            let permit = breaker.try_acquire(ME, &Nanos(1)).expect("closed").permit;
            move || breaker.record(permit, outcome, Nanos::ZERO, &Nanos(1))
        };
        let good = record(breaker.clone(), Outcome::Failure);
        let bad = record(breaker.clone(), Outcome::Failure);
        let other = thread::spawn(good);
        let told = [bad(), other.join().expect("no panic")];
        assert_eq!(breaker.state(), State::Open);
        assert_eq!(
            told.iter()
                .filter(|recorded| recorded.transition.is_some())
                .count(),
            1
        );
    });
}

#[test]
fn a_late_result_against_a_reset() {
    check(|| {
        let breaker = touchy();
        let permit = breaker.try_acquire(ME, &Nanos(1)).expect("closed").permit;
        let resetting = breaker.clone();
        let other = thread::spawn(move || resetting.reset());
        let recorded = breaker.record(permit, Outcome::Failure, Nanos::ZERO, &Nanos(1));
        assert!(other.join().expect("no panic").is_some());
        let seen = breaker.snapshot(Nanos(1));
        // Either the failure came first and was wiped, or it came late and changed nothing.
        assert_eq!(
            (seen.state, seen.streak, seen.window.calls),
            (State::Closed, 0, 0)
        );
        assert_eq!(
            seen.generation,
            if recorded.transition.is_some() { 2 } else { 1 }
        );
    });
}

#[test]
fn a_verdict_against_an_asker() {
    check(|| {
        let breaker = touchy();
        trip(&breaker);
        let at = Nanos(2 * MILLI);
        let probe = breaker
            .try_acquire(ME, &at)
            .expect("the open time is over")
            .permit;
        let asking = breaker.clone();
        let other = thread::spawn(move || asking.try_acquire(ME, &at).ok());
        let recorded = breaker.record(probe, Outcome::Success, Nanos::ZERO, &at);
        let admission = other.join().expect("no panic");
        assert!(!recorded.late);
        assert!(
            admission
                .as_ref()
                .is_none_or(|admission| !admission.permit.is_probe())
        );
        let told = admission.and_then(|admission| admission.transition);
        assert!(
            recorded.transition.is_some() != told.is_some(),
            "one of them tells of the close"
        );
        assert_eq!(breaker.state(), State::Closed);
    });
}

/// In a window by time a success writes no word that a failure writes. Still one of the two sees both.
#[test]
fn a_success_and_a_failure_that_complete_the_evidence_are_not_both_blind() {
    check(|| {
        let config = Config {
            consecutive_failures: 0,
            failure_permille: 500,
            min_calls: 2,
            open_jitter_permille: 0,
            ..Config::default()
        };
        let breaker = Arc::new(Breaker::new(&config).expect("valid"));
        let now = Nanos(3_000 * MILLI);
        let call = |breaker: Arc<Breaker>, outcome| {
            move || {
                let permit = breaker.try_acquire(ME, &now).expect("closed").permit;
                breaker
                    .record(permit, outcome, Nanos::ZERO, &now)
                    .transition
            }
        };
        let other = thread::spawn(call(breaker.clone(), Outcome::Failure));
        let mine = call(breaker.clone(), Outcome::Success)();
        let theirs = other.join().expect("no panic");
        assert!(
            mine.is_some() != theirs.is_some(),
            "told once: {mine:?} {theirs:?}"
        );
        assert_eq!(breaker.state(), State::Open);
    });
}
