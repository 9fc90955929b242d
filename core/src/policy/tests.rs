//! Stories of whole calls, in virtual time.

use super::*;
use crate::bulkhead::Sized;
use crate::deadline::Deadline;
use crate::histogram::Histogram;
use crate::outcome::Outcome;
use crate::status::Refused;
use crate::time::Nanos;
use crate::{Backoff, Mode, RetryBudget, breaker, bulkhead, limiter, retry_budget};

const MS: u64 = 1_000_000;
const NOW: Nanos = Nanos(1_000 * MS);

fn at(ms: u64) -> Nanos {
    NOW.plus(Nanos(ms * MS))
}

fn span(ms: u64) -> Nanos {
    Nanos(ms * MS)
}

struct Wall {
    breaker: Breaker,
    places: Sized<2>,
    rate: Limiter,
    budget: RetryBudget,
    latency: Histogram,
    tally: Tally,
}

fn wall() -> Wall {
    let breaker = breaker::Config {
        consecutive_failures: 2,
        open_jitter_permille: 0,
        ..Default::default()
    };
    let places = bulkhead::Config {
        max_concurrent: 1,
        max_waiting: 1,
        ..Default::default()
    };
    let rate = limiter::Config {
        permits: 10,
        burst: 2,
        ..Default::default()
    };
    Wall {
        breaker: Breaker::new(&breaker).expect("valid"),
        places: Sized::new(&places).expect("valid"),
        rate: Limiter::new(&rate).expect("valid"),
        budget: RetryBudget::new(&retry_budget::Config::default(), NOW).expect("valid"),
        latency: Histogram::new(),
        tally: Tally::new(),
    }
}

/// Opens the breaker, and says when it lets a probe through.
fn tripped(wall: &Wall) -> Nanos {
    for _ in 0..2 {
        let admission = wall
            .breaker
            .try_acquire(Owner::PRIVATE, &NOW)
            .expect("closed");
        wall.breaker
            .record(admission.permit, Outcome::Failure, Nanos::ZERO, &NOW);
    }
    NOW.plus(Nanos::from_secs(30))
}

fn three_attempts() -> Config {
    let backoff = Backoff {
        base: span(100),
        jitter: crate::backoff::Jitter::None,
        ..Backoff::default()
    };
    Config {
        attempts: 3,
        backoff,
        deadline: span(5_000),
        ..Config::with_timeout(span(1_000))
    }
}

/// Runs a story against all gates of a wall.
fn told(wall: &Wall, config: &Config, story: impl FnOnce(&mut Call, &Gates<'_>)) -> Call {
    config.validate().expect("valid");
    let gates = Gates {
        breaker: Some(&wall.breaker),
        bulkhead: Some(&wall.places),
        limiters: [Some(&wall.rate), None, None, None],
        budget: Some(&wall.budget),
        latency: Some(&wall.latency),
        tally: Some(&wall.tally),
        owner: Owner::PRIVATE,
    };
    let mut call = Call::new();
    story(&mut call, &gates);
    call
}

/// For a caller with this deadline.
fn by(ms: u64) -> Options {
    Options {
        deadline: Deadline::at(at(ms)),
        ..Options::DEFAULT
    }
}

fn finished(end: End, stop: Stop, attempts: u32) -> Result<Action, crate::Misuse> {
    Ok(Action::Finish(Finish {
        end,
        stop,
        attempts,
        may_fall_back: matches!(end, End::Failure | End::Refused(_)),
    }))
}

fn holds_nothing(wall: &Wall) {
    assert_eq!(wall.places.snapshot(NOW).in_use, 0);
    assert_eq!(wall.places.snapshot(NOW).waiting, 0);
    assert_eq!(wall.breaker.snapshot(NOW).probes_in_flight, 0);
}

#[test]
fn a_call_is_counted_once_however_many_attempts_it_makes() {
    let (wall, config) = (wall(), three_attempts());
    told(&wall, &config, |call, gates| {
        let run = |attempt| {
            Ok(Action::Run {
                attempt,
                timeout: span(1_000),
            })
        };
        assert_eq!(call.begin(&config, gates, &Options::DEFAULT, at(0)), run(1));
        assert_eq!(
            call.attempt_ended(&config, gates, Ended::FAILURE, 0, at(10)),
            Ok(Action::Sleep { span: span(100) })
        );
        assert_eq!(call.woke(&config, gates, at(110)), run(2));
        assert_eq!(
            call.attempt_ended(&config, gates, Ended::FAILURE, 0, at(120)),
            Ok(Action::Sleep { span: span(200) })
        );
        assert_eq!(call.woke(&config, gates, at(320)), run(3));
        let last = call.attempt_ended(&config, gates, Ended::FAILURE, 0, at(330));
        assert_eq!(last, finished(End::Failure, Stop::AttemptsUsed, 3));
    });
    assert_eq!(wall.breaker.snapshot(at(330)).failure, 1);
    holds_nothing(&wall);
}

#[test]
fn a_retry_stops_when_the_circuit_opens_meanwhile() {
    let (wall, config) = (wall(), three_attempts());
    told(&wall, &config, |call, gates| {
        let _ = call.begin(&config, gates, &Options::DEFAULT, at(0));
        let _ = call.attempt_ended(&config, gates, Ended::FAILURE, 0, at(10));
        wall.breaker.force_open();
        assert_eq!(
            call.woke(&config, gates, at(110)),
            finished(End::Failure, Stop::BreakerOpen, 1)
        );
    });
    assert_eq!(
        wall.budget.snapshot(NOW).tokens_milli,
        10_100,
        "the retry that was not made costs nothing"
    );
    holds_nothing(&wall);
}

#[test]
fn a_shadow_breaker_stops_nobody() {
    let (mut wall, config) = (wall(), three_attempts());
    wall.breaker = Breaker::new(&breaker::Config {
        mode: Mode::Shadow,
        ..Default::default()
    })
    .expect("valid");
    wall.breaker.force_open();
    told(&wall, &config, |call, gates| {
        let _ = call.begin(&config, gates, &Options::DEFAULT, at(0));
        let next = call.attempt_ended(&config, gates, Ended::FAILURE, 0, at(10));
        assert_eq!(next, Ok(Action::Sleep { span: span(100) }));
        call.cancelled(&config, gates, at(11));
    });
    holds_nothing(&wall);
}

#[test]
fn a_probe_that_a_later_gate_refuses_gives_its_seat_back() {
    let (wall, config) = (wall(), three_attempts());
    let later = tripped(&wall);
    assert_eq!(wall.rate.try_acquire(2, &later), Ok(Ok(())));
    told(&wall, &config, |call, gates| {
        match call.begin(&config, gates, &Options::DEFAULT, later) {
            Ok(Action::Finish(Finish {
                end: End::Refused(refusal),
                attempts: 0,
                ..
            })) => {
                assert_eq!(refusal.reason, Refused::RateLimited);
                assert_eq!(refusal.retry_after, span(100));
            }
            other => panic!("{other:?}"),
        }
    });
    assert_eq!(wall.breaker.snapshot(later).probes_in_flight, 0);
    assert!(
        wall.breaker
            .try_acquire(Owner::PRIVATE, &later)
            .expect("the seat is free")
            .permit
            .is_probe()
    );
}

#[test]
fn a_probe_is_one_attempt() {
    let (wall, config) = (wall(), three_attempts());
    let later = tripped(&wall);
    told(&wall, &config, |call, gates| {
        assert!(matches!(
            call.begin(&config, gates, &Options::DEFAULT, later),
            Ok(Action::Run { attempt: 1, .. })
        ));
        let end = call.attempt_ended(&config, gates, Ended::FAILURE, 0, later);
        assert_eq!(end, finished(End::Failure, Stop::BreakerOpen, 1));
    });
    assert_eq!(wall.breaker.state(), breaker::State::Open);
}

#[test]
fn neither_a_sleep_nor_an_attempt_overruns_the_deadline() {
    let wall = wall();
    let config = Config {
        useful: span(50),
        deadline: span(1_000),
        ..three_attempts()
    };
    told(&wall, &config, |call, gates| {
        let _ = call.begin(&config, gates, &by(400), at(0));
        let _ = call.attempt_ended(&config, gates, Ended::FAILURE, 0, at(100));
        assert_eq!(
            call.woke(&config, gates, at(200)),
            Ok(Action::Run {
                attempt: 2,
                timeout: span(200)
            })
        );
        let end = call.attempt_ended(&config, gates, Ended::FAILURE, 0, at(210));
        assert_eq!(end, finished(End::Failure, Stop::DeadlineTooNear, 2));
        let late = call.begin(&config, gates, &by(400), at(400));
        let refusal = Refused::DeadlineExceeded.into_refusal();
        assert_eq!(late, finished(End::Refused(refusal), Stop::Refused, 0));
    });
    holds_nothing(&wall);
}

#[test]
fn what_may_have_been_carried_out_is_not_sent_again() {
    let wall = wall();
    let config = Config {
        idempotent: false,
        ..three_attempts()
    };
    told(&wall, &config, |call, gates| {
        let _ = call.begin(&config, gates, &Options::DEFAULT, at(0));
        let not_sent = Ended {
            was_not_sent: true,
            ..Ended::FAILURE
        };
        assert!(matches!(
            call.attempt_ended(&config, gates, not_sent, 0, at(1)),
            Ok(Action::Sleep { .. })
        ));
        let _ = call.woke(&config, gates, at(101));
        let end = call.attempt_ended(&config, gates, Ended::FAILURE, 0, at(102));
        assert_eq!(end, finished(End::Failure, Stop::NotRetryable, 2));
    });
}

#[test]
fn a_call_waits_for_a_place_and_leaves_the_queue_either_way() {
    let wall = wall();
    let config = Config {
        max_wait: span(100),
        ..three_attempts()
    };
    let places: &Bulkhead = &wall.places;
    let held = places
        .try_acquire(Owner::PRIVATE, false, &NOW)
        .expect("free");
    told(&wall, &config, |call, gates| {
        let wait = call.begin(&config, gates, &Options::DEFAULT, at(0));
        assert_eq!(wait, Ok(Action::Wait { at_most: span(100) }));
        assert_eq!(
            call.woke(&config, gates, at(40)),
            Ok(Action::Wait { at_most: span(60) })
        );
        assert_eq!(places.snapshot(NOW).waiting, 1);
        let refusal = Refused::BulkheadWaitTimeout.into_refusal();
        assert_eq!(
            call.woke(&config, gates, at(100)),
            finished(End::Refused(refusal), Stop::Refused, 0)
        );
        assert_eq!(places.snapshot(NOW).waiting, 0);
        let _ = call.begin(&config, gates, &Options::DEFAULT, at(200));
        places.release(held);
        assert!(matches!(
            call.woke(&config, gates, at(210)),
            Ok(Action::Run { .. })
        ));
        assert_eq!(
            call.attempt_ended(&config, gates, Ended::SUCCESS, 0, at(220)),
            finished(End::Success, Stop::Done, 1)
        );
    });
    holds_nothing(&wall);
}

/// A reload may make a bucket smaller than what a waiter costs: the call ends as refused, not stuck in an error.
#[test]
fn a_waiter_that_has_become_too_dear_is_refused() {
    let wall = wall();
    let config = Config {
        max_wait: span(100),
        ..three_attempts()
    };
    let places: &Bulkhead = &wall.places;
    let held = places
        .try_acquire(Owner::PRIVATE, false, &NOW)
        .expect("free");
    told(&wall, &config, |call, gates| {
        let dear = Options {
            costs: [2; MOST_LIMITERS],
            ..Options::DEFAULT
        };
        let wait = call.begin(&config, gates, &dear, at(0));
        assert_eq!(wait, Ok(Action::Wait { at_most: span(100) }));
        let smaller = limiter::Config {
            burst: 1,
            ..wall.rate.config()
        };
        wall.rate.reconfigure(&smaller, &at(10)).expect("valid");
        places.release(held);
        let refusal = Refused::RateLimited.into_refusal();
        assert_eq!(
            call.woke(&config, gates, at(20)),
            finished(End::Refused(refusal), Stop::Refused, 0)
        );
        let notes = call.take_notes();
        assert_eq!((notes.limiter, notes.freed), (Some(0), true));
        assert_eq!(
            call.begin(&config, gates, &dear, at(30)),
            Err(crate::Misuse::ExceedsCapacity)
        );
    });
    holds_nothing(&wall);
}

/// What a call began to count it ends, whatever the settings of the budget have become meanwhile.
#[test]
fn calls_under_way_are_counted_alike_at_both_ends() {
    let wall = wall();
    let config = three_attempts();
    let in_flight = || wall.budget.snapshot(NOW).calls_in_flight;
    let rule = |permille| {
        let settings = retry_budget::Config {
            max_concurrent_retries_permille: permille,
            ..retry_budget::Config::default()
        };
        wall.budget.reconfigure(&settings).expect("valid");
    };
    for (before, after) in [(0, 200), (200, 0)] {
        rule(before);
        told(&wall, &config, |call, gates| {
            let run = call.begin(&config, gates, &Options::DEFAULT, at(0));
            assert!(matches!(run, Ok(Action::Run { .. })), "{run:?}");
            rule(after);
            wall.budget.deposit(&at(0));
            let others = u32::from(after != 0);
            let end = call.attempt_ended(&config, gates, Ended::SUCCESS, 0, at(1));
            assert_eq!(end, finished(End::Success, Stop::Done, 1));
            assert_eq!(in_flight(), others, "from {before} to {after}");
            wall.budget.finish();
            assert_eq!(in_flight(), 0, "from {before} to {after}");
        });
    }
}

#[test]
fn an_abandoned_call_keeps_its_place_until_the_work_ends() {
    let (wall, config) = (wall(), Config::with_timeout(span(10)));
    let mut kept = None;
    told(&wall, &config, |call, gates| {
        let _ = call.begin(&config, gates, &Options::DEFAULT, at(0));
        kept = call.keep_place();
        let _ = call.attempt_ended(&config, gates, Ended::FAILURE, 0, at(10));
    });
    assert_eq!(wall.places.snapshot(NOW).in_use, 1);
    let places: &Bulkhead = &wall.places;
    assert!(places.release(kept.expect("it held one")));
}

#[test]
fn each_attempt_counts_by_itself_where_the_scope_says_so() {
    let wall = wall();
    let config = Config {
        breaker_scope: Scope::Attempt,
        bulkhead_scope: Scope::Attempt,
        ..three_attempts()
    };
    told(&wall, &config, |call, gates| {
        let _ = call.begin(&config, gates, &Options::DEFAULT, at(0));
        let _ = call.attempt_ended(&config, gates, Ended::FAILURE, 0, at(10));
        assert_eq!(
            wall.places.snapshot(NOW).in_use,
            0,
            "no place is held through a backoff"
        );
        let _ = call.woke(&config, gates, at(110));
        let end = call.attempt_ended(&config, gates, Ended::FAILURE, 0, at(120));
        assert_eq!(
            end,
            finished(End::Failure, Stop::BreakerOpen, 2),
            "the second failure opened it"
        );
    });
    assert_eq!(wall.breaker.snapshot(at(120)).failure, 2);
    holds_nothing(&wall);
}

#[test]
fn events_out_of_turn_change_nothing() {
    let (wall, config) = (wall(), three_attempts());
    told(&wall, &config, |call, gates| {
        assert_eq!(
            call.woke(&config, gates, at(0)),
            Err(crate::Misuse::Argument)
        );
        assert_eq!(
            call.attempt_ended(&config, gates, Ended::SUCCESS, 0, at(0)),
            Err(crate::Misuse::Argument)
        );
        let _ = call.begin(&config, gates, &Options::DEFAULT, at(0));
        assert_eq!(
            call.begin(&config, gates, &Options::DEFAULT, at(0)),
            Err(crate::Misuse::Argument)
        );
        assert_eq!(
            call.woke(&config, gates, at(0)),
            Err(crate::Misuse::Argument)
        );
        assert_eq!(
            call.attempt_ended(&config, gates, Ended::SUCCESS, 0, at(1)),
            finished(End::Success, Stop::Done, 1)
        );
    });
    holds_nothing(&wall);
}

#[test]
fn without_gates_everything_passes() {
    let config = Config::with_timeout(span(10));
    let mut call = Call::new();
    let run = call.begin(&config, &Gates::NONE, &Options::DEFAULT, Nanos::MAX);
    // At the end of time every deadline has passed.
    assert!(matches!(run, Ok(Action::Finish(_))));
    let run = call.begin(&config, &Gates::NONE, &Options::DEFAULT, Nanos(0));
    assert_eq!(
        run,
        Ok(Action::Run {
            attempt: 1,
            timeout: span(10)
        })
    );
}
