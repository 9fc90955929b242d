//! A call may be given up at any moment. Every story of `tests/vectors/policy.json` is told again as often as it has
//! steps, each time up to another step; then everybody who is still inside gives up, and nothing may be left.

#[path = "vectors/policy.rs"]
#[allow(
    dead_code,
    reason = "the stories are told here, their checks are made elsewhere"
)]
mod policy;

use std::sync::atomic::{AtomicU64, Ordering};

use policy::{Came, Told};
use seawall::core::chance::mix;
use seawall::core::policy::Action;
use seawall::{Dependency, Ended, Nanos, Options, Policy, Seawall};
use serde_json::{Map, Value};

fn stories() -> Vec<Value> {
    let path = format!("{}/tests/vectors/policy.json", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(path).expect("the stories are there");
    let file: Value = serde_json::from_str(&text).expect("the stories are JSON");
    let cases = file["cases"].as_array().expect("a list of cases");
    let told = cases.iter().filter(|case| case.get("steps").is_some());
    told.cloned().collect()
}

fn steps(case: &Value) -> Vec<&Map<String, Value>> {
    let steps = case["steps"].as_array().expect("steps").iter();
    steps
        .map(|step| step.as_object().expect("a step"))
        .collect()
}

fn moment(step: &Map<String, Value>) -> Nanos {
    Nanos(step["at_ns"].as_u64().expect("at_ns"))
}

/// A story told up to a step; how many calls began in it, and where it stopped.
fn told_to(case: &Value, last: usize) -> (Told, u64, Nanos) {
    let mut told = Told::new(case);
    let (mut begun, mut now) = (0, Nanos(1));
    for step in &steps(case)[..=last] {
        now = moment(step);
        let came = told.play(step);
        begun += u64::from(step["do"] == "begin" && matches!(came, Came::To(_)));
    }
    (told, begun, now)
}

/// What is held of the gates, by name.
fn held(dependency: &Dependency, now: Nanos) -> [(&'static str, u64); 5] {
    let seen = dependency.snapshot_at(now);
    let budget = seen.retry_budget;
    [
        ("places", seen.bulkhead.map_or(0, |gate| gate.in_use.into())),
        (
            "waiters",
            seen.bulkhead.map_or(0, |gate| gate.waiting.into()),
        ),
        (
            "probes",
            seen.breaker.map_or(0, |gate| gate.probes_in_flight.into()),
        ),
        (
            "calls",
            budget.map_or(0, |gate| gate.calls_in_flight.into()),
        ),
        (
            "retries",
            budget.map_or(0, |gate| gate.retries_in_flight.into()),
        ),
    ]
}

/// Tells every story up to every step, and lets `give_up` end what is under way.
fn at_every_event(give_up: impl Fn(&mut Told, Nanos)) -> (u64, u64) {
    let (mut cuts, mut given_up) = (0, 0);
    for case in stories() {
        for last in 0..steps(&case).len() {
            let (mut told, begun, now) = told_to(&case, last);
            let place = format!("{}, after step {}", case["name"], last + 1);
            let under_way = told.calls.values().filter(|call| call.is_under_way());
            given_up += under_way.count() as u64;
            give_up(&mut told, now);
            for (token, owner) in std::mem::take(&mut told.places).into_values() {
                let place = seawall::core::bulkhead::Permit::from_raw(token, owner);
                told.dependency.release(place.expect("a permit"));
            }
            for (what, left) in held(&told.dependency, now) {
                assert_eq!(left, 0, "{place}: {what} left");
            }
            let counted = told.dependency.snapshot_at(now).counts.calls();
            assert_eq!(counted, begun, "{place}: each call is counted once");
            cuts += 1;
        }
    }
    (cuts, given_up)
}

#[test]
fn a_call_given_up_at_any_event_leaves_nothing_behind() {
    let (cuts, given_up) = at_every_event(|told, now| {
        for call in told.calls.values_mut() {
            let is_under_way = call.is_under_way();
            let step = call.cancelled(now);
            assert_eq!(step.is_some(), is_under_way);
            assert!(!call.is_under_way() && call.cancelled(now).is_none());
        }
    });
    println!("{given_up} calls cancelled in {cuts} tellings: nothing left");
    assert!(given_up > 500, "only {given_up}");
}

#[test]
fn a_call_dropped_at_any_event_leaves_nothing_behind() {
    let (cuts, given_up) = at_every_event(|told, _| told.calls.clear());
    println!("{given_up} calls dropped in {cuts} tellings: nothing left");
    assert!(given_up > 500, "only {given_up}");
}

#[test]
fn a_call_given_up_as_soon_as_it_began_is_as_if_it_had_never_been() {
    let (mut tried, mut not_run) = (0, 0);
    for case in stories() {
        for last in 0..steps(&case).len() {
            let (told, _, now) = told_to(&case, last);
            let place = format!("{}, after step {}", case["name"], last + 1);
            let dependency = &told.dependency;
            let before = (held(dependency, now), free(dependency, now));
            let (mut call, step) = dependency
                .begin_held(&Options::DEFAULT, now)
                .expect("a call of one token");
            let has_run = matches!(step.action, Action::Run { .. });
            let has_ended = matches!(step.action, Action::Finish(_));
            assert_eq!(call.cancelled(now).is_none(), has_ended, "{place}");
            let after = (held(dependency, now), free(dependency, now));
            assert_eq!(before.0, after.0, "{place}: what is held");
            // Tokens of an attempt are spent when it begins; whoever got no further gets them back.
            if !has_run {
                assert_eq!(before.1, after.1, "{place}: what is left to take");
                not_run += 1;
            }
            tried += 1;
        }
    }
    println!("{tried} calls begun and given up at once, {not_run} of them before their attempt");
    assert!(not_run > 100, "only {not_run}");
}

/// What is left to take of the budget and of each limit, to the nanosecond.
fn free(dependency: &Dependency, now: Nanos) -> Vec<u64> {
    let seen = dependency.snapshot_at(now);
    let limits = seen.rate_limits.iter();
    limits
        .map(|(_, limit)| limit.reset.0)
        .chain(seen.retry_budget.map(|budget| budget.tokens_milli))
        .collect()
}

#[test]
fn threads_that_give_up_at_random_leave_nothing_behind() {
    const THREADS: u64 = 8;
    const CALLS: u64 = 20_000;
    let policy = r#"
        timeout = "10ms"
        retry = { attempts = 3, base = "1ms", budget = { max_concurrent_retries_ratio = "50%" } }
        breaker = { consecutive_failures = 3, open_for = "1ms", open_backoff = 1.0, probe_lease = "1h", scope = "attempt" }
        bulkhead = { max_concurrent = 3, max_wait = "5ms", max_waiting = 3 }
        rate_limit = { rate = "100000/s", burst = 50, max_wait = "1ms" }
    "#;
    let wall = Seawall::options().seed(247).build();
    let policy = Policy::parse(policy).expect("a valid policy");
    let dependency = wall
        .define_at("shared", policy, Nanos(1))
        .expect("a valid policy");
    // One clock for all, that only goes forward.
    let clock = AtomicU64::new(1_000_000_000);
    let given_up = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let (dependency, clock, given_up) = (&dependency, &clock, &given_up);
            scope.spawn(move || {
                for nth in 0..CALLS {
                    let mut chance = mix(thread << 32 | nth);
                    let now = || Nanos(clock.fetch_add(20_000, Ordering::Relaxed));
                    let (mut call, mut step) = dependency
                        .begin_at(&Options::DEFAULT, now())
                        .expect("a call of one token");
                    while call.is_under_way() {
                        chance = mix(chance);
                        if chance.is_multiple_of(5) {
                            given_up.fetch_add(1, Ordering::Relaxed);
                            call.cancelled(now()).expect("under way");
                            break;
                        }
                        step = match step.action {
                            Action::Run { .. } if !chance.is_multiple_of(3) => {
                                call.ended(Ended::SUCCESS, None, now())
                            }
                            Action::Run { .. } => call.ended(Ended::FAILURE, None, now()),
                            Action::Sleep { span } | Action::Wait { at_most: span } => {
                                clock.fetch_add(span.0 / THREADS, Ordering::Relaxed);
                                call.woke(now())
                            }
                            Action::Finish(_) => break,
                        }
                        .expect("its turn");
                    }
                }
            });
        }
    });
    let now = Nanos(clock.load(Ordering::Relaxed));
    let counts = dependency.snapshot_at(now).counts;
    let (calls, given_up) = (counts.calls(), given_up.into_inner());
    println!(
        "{calls} calls of {THREADS} threads: {} well, {} failed, {} refused, {given_up} given up",
        counts.successes,
        counts.failures,
        counts.refused()
    );
    for (what, left) in held(&dependency, now) {
        assert_eq!(left, 0, "{what} left");
    }
    assert_eq!(calls, THREADS * CALLS, "each call is counted once");
    assert_eq!(counts.cancelled, given_up);
    assert!(
        counts.successes > 1_000 && given_up > 1_000,
        "most were refused"
    );
}
