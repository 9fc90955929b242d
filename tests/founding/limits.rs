//! What a call may count and take: one failure, five seconds, and nobody's health.

use seawall::core::breaker::State;
use seawall::core::policy::{End, Stop};
use seawall::{Deadline, Ended, Nanos, Options, Policy};

use crate::world::{MILLI, SECOND, TIMED_OUT, call, dependency, wall};

#[test]
fn two_requests_of_three_attempts_are_two_failures_and_not_six() {
    for (scope, opens) in [("call", false), ("attempt", true)] {
        let wall = wall();
        let policy = format!(
            r#"
            timeout = "1s"
            retry = {{ attempts = 3 }}
            breaker = {{ consecutive_failures = 5, scope = "{scope}" }}
            "#
        );
        let payment = dependency(&wall, "payment", &policy);
        let (mut now, mut sent) = (SECOND, 0u32);
        let mut stops = Vec::new();
        for _ in 0..2 {
            let finish = call(&payment, &Options::DEFAULT, &mut now, |_, now| {
                sent += 1;
                *now += 10 * MILLI;
                Ended::FAILURE
            });
            stops.push((finish.attempts, finish.stop));
        }
        let seen = payment.snapshot_at(Nanos(now)).breaker.expect("a breaker");
        println!(
            "2 requests x 3 attempts, threshold 5, scope {scope}: {sent} attempts, {} counted, {}",
            seen.failure,
            seen.state.name()
        );
        let state = if opens { State::Open } else { State::Closed };
        assert_eq!(seen.state, state, "scope {scope}");
        assert_eq!(stops[0], (3, Stop::AttemptsUsed));
        if opens {
            assert_eq!(
                (sent, seen.failure),
                (5, 5),
                "its second attempt is the fifth failure"
            );
            assert_eq!(stops[1], (2, Stop::BreakerOpen));
        } else {
            assert_eq!((sent, seen.failure), (6, 2));
            assert_eq!(stops[1], (3, Stop::AttemptsUsed));
        }
    }
}

#[test]
fn five_seconds_are_never_nine() {
    // Three attempts of 2 s with 1 s and 2 s between them are 9 s: no policy says that of 5 s.
    let refused = r#"
        timeout = "2s"
        deadline = "5s"
        retry = { attempts = 3, base = "1s", jitter = "none" }
    "#;
    let error = Policy::parse(refused).expect_err("nine seconds do not fit five");
    let message = error.to_string();
    println!("{message}");
    assert!(
        message.contains("SW001") && message.contains("9s"),
        "{message}"
    );
    let fits = refused.replace("attempts = 3", "attempts = 2");
    assert!(Policy::parse(&fits).is_ok(), "2 s, 1 s and 2 s are 5 s");

    // A caller's deadline holds whatever the policy would rather do.
    let mut worst = 0;
    let mut attempts = [0u32; 4];
    for jitter in ["none", "full", "equal", "decorrelated"] {
        let wall = wall();
        let policy = format!(
            r#"
            timeout = "2s"
            breaker = "off"
            retry = {{ attempts = 3, base = "1s", jitter = "{jitter}", budget = {{ mode = "shadow" }} }}
            "#
        );
        let payment = dependency(&wall, "payment", &policy);
        for nth in 0..1_000 {
            let start = SECOND + nth * 60 * SECOND;
            let mut now = start;
            let options = Options {
                deadline: Deadline::at(Nanos(start + 5 * SECOND)),
                ..Options::DEFAULT
            };
            let finish = call(&payment, &options, &mut now, |timeout, now| {
                *now += timeout.0;
                TIMED_OUT
            });
            assert_eq!(finish.end, End::Failure);
            attempts[finish.attempts as usize] += 1;
            worst = worst.max(now - start);
        }
    }
    println!(
        "4,000 calls of up to 3 attempts of 2 s with a deadline of 5 s: {:.3} s at worst; {} made 2 attempts, {} made 3",
        worst as f64 / SECOND as f64,
        attempts[2],
        attempts[3]
    );
    assert!(worst <= 5 * SECOND, "{worst} ns");
    assert!(attempts[2] > 0 && attempts[3] > 0, "{attempts:?}");
}

#[test]
fn an_open_breaker_never_fails_the_health_of_the_service() {
    let wall = wall();
    let names = ["payment", "search", "mail"];
    let all: Vec<_> = names
        .iter()
        .map(|name| {
            let policy = r#"
                timeout = "1s"
                criticality = "critical"
                breaker = { consecutive_failures = 1 }
            "#;
            dependency(&wall, name, policy)
        })
        .collect();
    assert!(wall.health());
    let mut now = SECOND;
    let finish = call(&all[0], &Options::DEFAULT, &mut now, |_, _| Ended::FAILURE);
    assert_eq!(finish.end, End::Failure);
    all[1].force_open();
    all[2].force_open();
    let mut open = 0;
    for dependency in &all {
        let seen = dependency
            .snapshot_at(Nanos(now))
            .breaker
            .expect("a breaker");
        open += u32::from(matches!(seen.state, State::Open | State::ForcedOpen));
    }
    println!(
        "{open} of {} breakers open, health {}",
        names.len(),
        wall.health()
    );
    assert_eq!(open, 3);
    assert!(
        wall.health(),
        "a service whose dependency is down is not down itself"
    );
}
