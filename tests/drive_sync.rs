//! Calls in a thread: what a user sees of retries, refusals, fallbacks, deadlines, events and waits.

use std::io::{Error, ErrorKind};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Barrier, Mutex};
use std::time::Duration;

use seawall::breaker::State;
use seawall::event::Kind;
use seawall::testing::{self, FakeClock, Fault};
use seawall::{
    Deadline, Dependency, DependencyError, Fallback, LastGood, Misuse, Moment, Nanos, Options,
    Outcome, Refused, Seawall, Stop, classify, deadline,
};

const STEADY: &str = "jitter = 'none', base = '100ms'";

fn wall_of(text: &str) -> (FakeClock, Seawall) {
    let time = FakeClock::new();
    let options = Seawall::options().clock(time.clock());
    let wall = options.parse(text, "seawall.toml");
    (time, wall.unwrap_or_else(|error| panic!("{error}")))
}

/// A dependency on a clock moved by hand, whose sleeps move that clock.
fn dependency_of(settings: &str) -> (FakeClock, Dependency) {
    let (time, wall) = wall_of(&format!("[dependency.profile]\n{settings}\n"));
    let dependency = wall.dependency("profile").expect("defined");
    testing::no_waiting(&dependency, &time);
    (time, dependency)
}

fn reset() -> Error {
    Error::from(ErrorKind::ConnectionReset)
}

fn elapsed(time: &FakeClock) -> Duration {
    time.clock().now().since(Nanos::from_secs(1)).into()
}

#[test]
fn a_call_is_repeated_after_errors_that_are_named_and_returns_the_last_real_one() {
    let (time, profile) = dependency_of(&format!(
        "timeout = '1s'\nretry = {{ attempts = 3, {STEADY} }}"
    ));
    let mut keys = Vec::new();
    let answer = profile.call_with(&Options::DEFAULT, classify::io, |attempt| {
        keys.push(attempt.idempotency_key());
        assert_eq!(attempt.timeout(), Duration::from_secs(1));
        Err::<(), _>(Error::new(
            ErrorKind::ConnectionReset,
            format!("number {}", attempt.number()),
        ))
    });
    let Err(DependencyError::Failed(error)) = answer else {
        panic!("{answer:?}");
    };
    assert_eq!(error.to_string(), "number 3");
    assert_eq!(elapsed(&time), Duration::from_millis(300));
    keys.dedup();
    assert_eq!(keys.len(), 1, "one call, one key");
    assert_eq!(keys[0].len(), 36);
}

#[test]
fn a_seeded_wall_repeats_its_keys_too() {
    let keys = || {
        let (_, wall) = wall_of("seed = 7\n[dependency.profile]\ntimeout = '1s'\n");
        let profile = wall.dependency("profile").expect("defined");
        let key = || profile.call(|attempt| Ok::<_, Error>(attempt.idempotency_key()));
        [key(), key()].map(|key| key.expect("closed"))
    };
    let first = keys();
    assert_ne!(first[0], first[1]);
    assert_eq!(keys(), first);
}

#[test]
fn what_nobody_named_is_not_repeated() {
    let (time, profile) = dependency_of("timeout = '1s'\nretry = { attempts = 3 }");
    let made = AtomicU32::new(0);
    let answer = profile.call(|_| {
        made.fetch_add(1, Ordering::SeqCst);
        Err::<(), _>("a bug")
    });
    assert_eq!(answer, Err(DependencyError::Failed("a bug")));
    assert_eq!(
        (made.load(Ordering::SeqCst), elapsed(&time)),
        (1, Duration::ZERO)
    );
}

#[test]
fn only_what_was_not_sent_is_repeated_where_nothing_may_be_sent_twice() {
    let settings =
        format!("timeout = '1s'\nidempotent = false\nretry = {{ attempts = 3, {STEADY} }}");
    let (_, profile) = dependency_of(&settings);
    for (kind, attempts) in [
        (ErrorKind::ConnectionReset, 1),
        (ErrorKind::ConnectionRefused, 3),
    ] {
        let calling = profile.calling().on(classify::io);
        let detailed = calling.call_detailed(|_| Err::<(), _>(Error::from(kind)));
        assert_eq!(detailed.attempts, attempts, "{kind}");
    }
    let calling = profile.calling().on(classify::io).idempotent(true);
    let detailed = calling.call_detailed(|_| Err::<(), _>(reset()));
    assert_eq!(
        (detailed.attempts, detailed.stop),
        (3, Stop::AttemptsUsed),
        "unless the call says it may"
    );
}

#[test]
fn an_answer_that_counts_as_a_failure_is_returned_as_it_is() {
    let (_, profile) = dependency_of(&format!(
        "timeout = '1s'\nretry = {{ attempts = 2, {STEADY} }}"
    ));
    let by_status = |answer: &Result<u32, Error>| match answer {
        Ok(503) => seawall::Ended::FAILURE,
        other => classify::io(&other.as_ref().map_err(|error| Error::from(error.kind()))),
    };
    let detailed = profile
        .calling()
        .on(by_status)
        .call_detailed(|_| Ok::<_, Error>(503));
    assert_eq!(detailed.attempts, 2);
    assert_eq!(detailed.result.ok(), Some(503));
    assert_eq!(profile.snapshot().counts.failures, 1);
}

#[test]
fn a_refusal_says_why_and_when_and_costs_no_attempt() {
    let (time, profile) = dependency_of(
        "timeout = '1s'\nbreaker = { consecutive_failures = 2, open_for = '30s', open_jitter = '0%' }",
    );
    for _ in 0..2 {
        let _ = profile.call(|_| Err::<(), _>("down"));
    }
    time.advance(Duration::from_secs(10));
    let refused = profile.call(|_| -> Result<(), &str> { panic!("no attempt is made") });
    let error = refused.expect_err("open");
    let refusal = error.refusal().expect("a refusal");
    assert_eq!(refusal.reason, Refused::BreakerOpen);
    assert_eq!(refusal.retry_after, Nanos::from_secs(20));
    assert!(error.to_string().starts_with("the circuit breaker is open"));
}

#[test]
fn two_requests_of_three_attempts_do_not_trip_a_threshold_of_five_unless_attempts_count() {
    for (scope, state) in [("call", State::Closed), ("attempt", State::Open)] {
        let (_, profile) = dependency_of(&format!(
            "timeout = '1s'\nretry = {{ attempts = 3, {STEADY} }}\n\
             breaker = {{ consecutive_failures = 5, scope = '{scope}' }}"
        ));
        for _ in 0..2 {
            let _ = profile.call_with(&Options::DEFAULT, classify::io, |_| Err::<(), _>(reset()));
        }
        let breaker = profile.snapshot().breaker.expect("one");
        assert_eq!(breaker.state, state, "{scope}");
    }
}

#[test]
fn five_seconds_are_never_nine() {
    let (time, profile) = dependency_of(&format!(
        "timeout = '3s'\ndeadline = '7s'\nretry = {{ attempts = 2, {STEADY} }}"
    ));
    let calling = profile
        .calling()
        .on(classify::io)
        .within(Duration::from_secs(5));
    let detailed = calling.call_detailed(|attempt| {
        time.advance(attempt.remaining());
        assert_eq!(attempt.remaining(), Duration::ZERO);
        Err::<(), _>(Error::from(ErrorKind::TimedOut))
    });
    assert_eq!(elapsed(&time), Duration::from_secs(5));
    assert_eq!(
        (detailed.attempts, detailed.duration),
        (2, Duration::from_secs(5))
    );
}

#[test]
fn a_call_inside_a_call_inherits_the_nearer_deadline() {
    let (time, wall) = wall_of(
        "[dependency.outer]\ntimeout = '2s'\n[dependency.inner]\ntimeout = '10s'\n\
         [dependency.quick]\ntimeout = '1s'\n",
    );
    let named = |name| wall.dependency(name).expect("defined");
    let (outer, inner, quick) = (named("outer"), named("inner"), named("quick"));
    let begin = time.clock().now();
    let answer: Result<(), DependencyError<DependencyError<Error>>> = outer.call(|attempt| {
        assert_eq!(deadline::current(), attempt.deadline());
        inner.call(|attempt| {
            assert_eq!(attempt.timeout(), Duration::from_secs(2));
            Ok(())
        })?;
        quick.call(|attempt| {
            assert_eq!(attempt.timeout(), Duration::from_secs(1));
            Ok(())
        })?;
        time.advance(Duration::from_secs(2));
        inner.call(|_| -> Result<(), Error> { panic!("its time is over") })
    });
    let Err(DependencyError::Failed(error)) = answer else {
        panic!("{answer:?}");
    };
    assert_eq!(
        error.refusal().map(|refusal| refusal.reason),
        Some(Refused::DeadlineExceeded)
    );
    assert_eq!(deadline::current(), Deadline::NEVER);
    let past = Options {
        deadline: Deadline::at(begin),
        ..Options::DEFAULT
    };
    let late = inner.call_with(&past, classify::plain, |_| Ok::<_, Error>(()));
    assert!(late.is_err(), "a deadline in the past");
}

#[test]
fn fallbacks_serve_in_order_and_the_outcome_says_so() {
    let (_, profile) = dependency_of("timeout = '1s'");
    let good = LastGood::new(Duration::from_secs(60), 10).expect("in range");
    let chain = Fallback::last_good(&good, "ada")
        .or(Fallback::function(|ending| match ending {
            Err(DependencyError::Failed("broken")) => Err("no cache either"),
            _ => Ok("from the function".to_owned()),
        }))
        .or(Fallback::value("a stranger".to_owned()));
    let calling = profile.calling().fallback(chain).expect("allowed");

    let degraded = |error: &'static str| {
        let detailed = calling.call_detailed(|_| Err(error));
        let degraded = detailed.degraded.expect("degraded");
        assert_eq!(degraded.instead_of, Err(DependencyError::Failed(error)));
        (
            detailed.result.expect("served"),
            degraded.step,
            degraded.source,
        )
    };
    assert_eq!(
        degraded("down"),
        ("from the function".to_owned(), 1, "function")
    );
    assert_eq!(degraded("broken"), ("a stranger".to_owned(), 2, "value"));
    assert_eq!(calling.call(|_| Ok("Ada".to_owned())), Ok("Ada".to_owned()));
    assert_eq!(degraded("broken"), ("Ada".to_owned(), 0, "last_good"));
    assert_eq!(profile.snapshot().counts.fallbacks, 3);

    // A refusal is served, too.
    testing::force(&profile, State::ForcedOpen).expect("a breaker");
    let refused = calling.call_detailed(|_| -> Result<String, &str> { panic!("no attempt") });
    assert_eq!((refused.attempts, refused.stop), (0, Stop::Refused));
    assert_eq!(refused.result, Ok("Ada".to_owned()));
}

#[test]
fn the_last_good_value_is_served_up_to_its_age() {
    let (time, profile) = dependency_of("timeout = '1s'\nbreaker = 'off'");
    let good = LastGood::new(Duration::from_secs(60), 10).expect("in range");
    let calling = profile
        .calling()
        .fallback(Fallback::last_good(&good, 7))
        .expect("allowed");
    calling.call(|_| Ok::<_, &str>("fresh")).expect("good");
    time.advance(Duration::from_secs(60));
    assert_eq!(calling.call(|_| Err("down")), Ok("fresh"));
    time.advance(Duration::from_nanos(1));
    assert_eq!(
        calling.call(|_| Err("down")),
        Err(DependencyError::Failed("down"))
    );
}

#[test]
fn a_failing_fallback_carries_the_original_as_its_cause() {
    let (_, profile) = dependency_of("timeout = '1s'");
    let broken = Fallback::function(|_| Err(Error::other("cache gone")));
    let calling = profile.calling::<(), Error>().fallback(broken);
    let error = calling
        .expect("allowed")
        .call(|_| Err(Error::other("profile gone")));
    let error = error.expect_err("both failed");
    assert_eq!(error.to_string(), "the fallback failed: cache gone");
    let cause = std::error::Error::source(&error).expect("a cause");
    assert_eq!(cause.to_string(), "profile gone");
}

#[test]
fn a_fallback_is_refused_where_the_policy_forbids_it() {
    let (_, payments) = dependency_of("timeout = '1s'\ncriticality = 'critical'");
    let error = payments
        .calling::<u32, Error>()
        .fallback(Fallback::value(1))
        .expect_err("forbidden");
    assert_eq!(error.field, "fallback");
}

#[test]
fn a_cost_beyond_the_burst_is_an_error_and_no_wait() {
    let (_, profile) =
        dependency_of("timeout = '1s'\nrate_limit = { rate = '10/s', max_wait = '1h' }");
    let calling = profile.calling().costs([11, 1, 1, 1]);
    let answer = calling.call(|_| -> Result<(), Error> { panic!("no attempt") });
    assert!(
        matches!(
            answer,
            Err(DependencyError::Misuse(Misuse::ExceedsCapacity))
        ),
        "{answer:?}"
    );
    let inside = profile.snapshot().rate_limits;
    assert_eq!(
        inside.first().map(|(_, limit)| limit.remaining),
        Some(10),
        "nothing was taken"
    );
}

#[test]
fn the_rate_is_waited_for_within_max_wait_and_refused_beyond() {
    let (time, profile) = dependency_of(
        "timeout = '1s'\nrate_limit = { rate = '10/s', burst = 1, max_wait = '100ms' }",
    );
    for _ in 0..3 {
        profile.call(|_| Ok::<_, Error>(())).expect("in turn");
    }
    assert_eq!(elapsed(&time), Duration::from_millis(200));
    let narrow = profile.calling().within(Duration::from_millis(50));
    let refused = narrow.call(|_| Ok::<_, Error>(())).expect_err("too late");
    assert_eq!(
        refused.refusal().map(|refusal| refusal.reason),
        Some(Refused::RateLimited)
    );
}

#[test]
fn every_event_is_told_and_a_hook_that_panics_fails_no_call() {
    let (time, wall) = wall_of(&format!(
        "[dependency.profile]\ntimeout = '1s'\nretry = {{ attempts = 2, {STEADY} }}\n\
         breaker = {{ consecutive_failures = 1 }}\n"
    ));
    let profile = wall.dependency("profile").expect("defined");
    testing::no_waiting(&profile, &time);
    let heard = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&heard);
    profile.on_event(|_| panic!("a bug in a hook"));
    wall.on_event(move |event| {
        assert_eq!(event.dependency, "profile");
        let text = match &event.kind {
            Kind::StateChange { from, to } => format!("{} -> {}", from.name(), to.name()),
            Kind::Retry { attempt, delay, .. } => format!("retry after {attempt} in {delay:?}"),
            Kind::Refusal { reason, .. } => format!("{reason:?}"),
            Kind::Fallback { source, reason, .. } => format!("{source} because {reason:?}"),
            other => other.name().to_owned(),
        };
        log.lock().expect("no panic here").push(text);
    });
    let calling = profile
        .calling()
        .on(classify::io)
        .fallback(Fallback::value(0))
        .expect("allowed");
    assert_eq!(calling.call(|_| Err(reset())).ok(), Some(0));
    let _ = profile.call(|_| Ok::<_, Error>(()));
    profile.reset();
    assert_eq!(
        *heard.lock().expect("no panic"),
        [
            "retry after 1 in 100ms",
            "closed -> open",
            "value because AttemptsUsed",
            "BreakerOpen",
            "open -> closed",
        ]
    );
    assert_eq!((profile.hook_failures(), wall.hook_failures()), (5, 0));
}

#[test]
fn a_result_after_a_change_of_state_is_told_as_late() {
    let (_, profile) = dependency_of("timeout = '1s'");
    let late = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&late);
    let subscription = profile.on_event(move |event| {
        if let Kind::LateResult {
            attempt: 1,
            outcome,
        } = event.kind
        {
            assert_eq!(outcome, Some(Outcome::Success));
            count.fetch_add(1, Ordering::SeqCst);
        }
    });
    let changes_meanwhile = |_: &seawall::Attempt| {
        profile.force_open();
        profile.reset();
        Ok::<_, Error>(())
    };
    profile.call(changes_meanwhile).expect("it answered");
    subscription.cancel();
    profile.call(changes_meanwhile).expect("it answered");
    assert_eq!(late.load(Ordering::SeqCst), 1);
    assert_eq!(profile.snapshot().counts.late, 2);
}

#[test]
fn a_panic_counts_as_a_failure_and_gives_everything_back() {
    let (_, profile) = dependency_of(
        "timeout = '1s'\nbulkhead = { max_concurrent = 1 }\nretry = { attempts = 3 }",
    );
    let panics = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        profile.call(|_| -> Result<(), Error> { panic!("a bug") })
    }));
    assert!(panics.is_err(), "it goes on");
    let inside = profile.snapshot();
    assert_eq!(inside.bulkhead.map(|bulkhead| bulkhead.in_use), Some(0));
    assert_eq!((inside.counts.failures, inside.counts.calls()), (1, 1));
}

#[test]
fn the_healthy_path_of_the_test_kit_is_as_good_as_absent() {
    let (time, profile) = dependency_of(&format!(
        "timeout = '100ms'\nretry = {{ attempts = 2, {STEADY} }}"
    ));
    testing::inject(&profile, Fault::error(reset).times(1));
    testing::inject(&profile, Fault::latency(Duration::from_millis(30)).times(1));
    let number = profile.call_with(&Options::DEFAULT, classify::io, |attempt| {
        Ok(attempt.number())
    });
    assert_eq!(number.ok(), Some(2));
    assert_eq!(
        elapsed(&time),
        Duration::from_millis(130),
        "the backoff and the latency"
    );

    testing::inject(&profile, Fault::latency(Duration::from_secs(1)));
    let late = profile.call(|_| -> Result<(), Error> { panic!("it takes longer than it may") });
    assert!(matches!(late, Err(DependencyError::TimedOut(span)) if span.as_millis() == 100));
    testing::restore(&profile);
    assert!(profile.call(|_| Ok::<_, Error>(())).is_ok());
}

#[test]
fn any_state_can_be_forced() {
    let (_, profile) = dependency_of("timeout = '1s'");
    for state in [
        State::Open,
        State::HalfOpen,
        State::ForcedOpen,
        State::Disabled,
        State::Closed,
    ] {
        testing::force(&profile, state).expect("a breaker");
        let breaker = profile.snapshot().breaker.expect("one");
        assert_eq!(breaker.state, state);
    }
    let (_, bare) = dependency_of("timeout = '1s'\nbreaker = 'off'");
    assert_eq!(
        testing::force(&bare, State::Open),
        Err(testing::NotForced(State::Open))
    );
}

#[test]
fn threads_wait_for_a_place_first_come_first_served_and_leave_nothing_behind() {
    let wall = Seawall::parse(
        "[dependency.profile]\ntimeout = '1s'\nbreaker = 'off'\n\
         bulkhead = { max_concurrent = 1, max_wait = '60s', max_waiting = 8 }\n",
        "seawall.toml",
    )
    .expect("a good file");
    let profile = wall.dependency("profile").expect("defined");
    let waiting = || profile.snapshot().bulkhead.expect("one").waiting;
    let order = Mutex::new(Vec::new());
    let gate = Barrier::new(2);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            profile.call(|_| {
                gate.wait();
                // Held until all of them wait.
                gate.wait();
                Ok::<_, Error>(())
            })
        });
        gate.wait();
        for number in 0..8 {
            let (profile, order) = (&profile, &order);
            scope.spawn(move || {
                profile.call(|_| {
                    order.lock().expect("no panic").push(number);
                    Ok::<_, Error>(())
                })
            });
            // The next one comes when this one has joined the queue.
            while waiting() != number + 1 {
                std::thread::yield_now();
            }
        }
        let ninth = profile.call(|_| Ok::<_, Error>(()));
        let refused = ninth.expect_err("eight wait already").refusal();
        assert_eq!(
            refused.map(|refusal| refusal.reason),
            Some(Refused::BulkheadWaitFull)
        );
        gate.wait();
    });
    assert_eq!(*order.lock().expect("no panic"), (0..8).collect::<Vec<_>>());
    let bulkhead = profile.snapshot().bulkhead.expect("one");
    assert_eq!((bulkhead.in_use, bulkhead.waiting), (0, 0));
}

#[test]
fn who_waits_in_vain_is_refused_in_time() {
    let (time, profile) =
        dependency_of("timeout = '1s'\nbulkhead = { max_concurrent = 1, max_wait = '250ms' }");
    let inner = profile.clone();
    let refused = profile
        .call(|_| inner.call(|_| -> Result<(), Error> { panic!("no place") }))
        .map_err(|error| error.into_error().and_then(|inner| inner.refusal()));
    let refusal = refused.expect_err("no place").expect("a refusal");
    assert_eq!(refusal.reason, Refused::BulkheadWaitTimeout);
    assert_eq!(elapsed(&time), Duration::from_millis(250));
}

#[test]
fn a_permit_is_leave_for_one_attempt_however_it_is_used() {
    let (_, profile) = dependency_of(
        "timeout = '1s'\nretry = { attempts = 3 }\nbulkhead = { max_concurrent = 1 }\n\
         breaker = { consecutive_failures = 2 }",
    );
    let permit = profile.permit(&Options::DEFAULT).expect("free");
    assert_eq!(permit.attempt().timeout(), Duration::from_secs(1));
    let refused = profile.permit(&Options::DEFAULT).expect_err("one place");
    assert_eq!(
        refused.refusal().map(|refusal| refusal.reason),
        Some(Refused::BulkheadFull)
    );
    drop(permit);
    profile.permit(&Options::DEFAULT).expect("free").success();
    for _ in 0..2 {
        profile.permit(&Options::DEFAULT).expect("free").failure();
    }
    assert!(profile.permit(&Options::DEFAULT).is_err(), "it is open");
    let counts = profile.snapshot().counts;
    assert_eq!((counts.successes, counts.failures), (1, 2));
    assert_eq!((counts.cancelled, counts.retries), (1, 0));
}

#[test]
fn an_open_breaker_never_fails_the_health_of_the_service() {
    let (_, wall) = wall_of("[dependency.profile]\ntimeout = '1s'\n");
    let profile = wall.dependency("profile").expect("defined");
    testing::force(&profile, State::Open).expect("a breaker");
    assert!(profile.call(|_| Ok::<_, Error>(())).is_err());
    assert!(wall.health());
}
