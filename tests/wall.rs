//! Walls: opening, defining, looking up and reloading, with everything that can be wrong on the way.

use std::time::Duration;

use seawall::core::policy::{Action, Ended, Options};
use seawall::{ManualClock, Moment, Policy, Seawall, WallError};

const GOOD: &str = r#"
[dependency.payments]
criticality = "critical"
timeout = "2s"
deadline = "5s"
retry = { attempts = 2, base = "100ms", cap = "500ms" }
breaker = { consecutive_failures = 2, open_jitter = "0%" }
bulkhead = { max_concurrent = 2 }
rate_limit = { rate = "100/s", burst = 20 }

[dependency.ledger]
timeout = "1s"
"#;

/// A file of its own for each test, removed at the end.
struct Scratch(std::path::PathBuf);

impl Scratch {
    fn new(name: &str, text: &str) -> Self {
        let path = std::env::temp_dir().join(format!("seawall-{}-{name}.toml", std::process::id()));
        std::fs::write(&path, text).expect("the temporary folder can be written");
        Self(path)
    }

    fn write(&self, text: &str) {
        std::fs::write(&self.0, text).expect("the temporary folder can be written");
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Makes a call that fails at once.
fn fail(dependency: &seawall::Dependency) {
    let now = dependency.clock().now();
    let (mut call, step) = dependency
        .begin_at(&Options::DEFAULT, now)
        .expect("no cost is too high");
    assert!(matches!(step.action, Action::Run { .. }), "{step:?}");
    let failure = Ended {
        is_retryable: false,
        ..Ended::FAILURE
    };
    call.ended(failure, None, now)
        .expect("an attempt is under way");
}

#[test]
fn a_file_opens_and_its_dependencies_are_found_by_name() {
    let file = Scratch::new("open", GOOD);
    let wall = Seawall::open(&file.0).expect("the file is good");
    assert_eq!(wall.names(), ["ledger", "payments"]);
    assert_eq!(
        wall.dependency("payments")
            .expect("there")
            .policy()
            .call
            .attempts,
        2
    );
    match wall.dependency("payment") {
        Err(WallError::Unknown { name, nearest }) => {
            assert_eq!(
                (name.as_str(), nearest.as_deref()),
                ("payment", Some("payments"))
            );
        }
        other => panic!("{other:?}"),
    }
    assert!(wall.health());
}

#[test]
fn a_reload_keeps_the_state_and_calls_under_way_keep_their_policy() {
    let file = Scratch::new("reload", GOOD);
    let time = ManualClock::new();
    let wall = Seawall::options()
        .clock(time.clock())
        .open(&file.0)
        .expect("good");
    let payments = wall.dependency("payments").expect("there");
    fail(&payments);
    fail(&payments);
    let now = time.clock().now();
    let (_, refused) = payments.begin_at(&Options::DEFAULT, now).expect("begins");
    assert!(
        matches!(refused.action, Action::Finish(_)),
        "the breaker is open"
    );

    let ledger = wall.dependency("ledger").expect("there");
    let (mut under_way, _) = ledger.begin_at(&Options::DEFAULT, now).expect("begins");

    file.write(
        &GOOD
            .replace("max_concurrent = 2", "max_concurrent = 7")
            .replace("\"1s\"", "\"3s\""),
    );
    let reloaded = wall.reload().expect("the new file is good");
    assert_eq!(reloaded.changed, ["payments", "ledger"]);
    assert_eq!((reloaded.added.len(), reloaded.removed.len()), (0, 0));
    let (_, refused) = payments.begin_at(&Options::DEFAULT, now).expect("begins");
    assert!(
        matches!(refused.action, Action::Finish(_)),
        "the breaker is open still"
    );
    assert_eq!(payments.snapshot().bulkhead.expect("there is one").limit, 7);
    assert_eq!(ledger.policy().call.timeout.0, 3_000_000_000);
    under_way
        .ended(Ended::SUCCESS, None, now)
        .expect("ends as it began");
    assert_eq!(ledger.snapshot().counts.successes, 1);
}

#[test]
fn a_reload_with_anything_wrong_in_it_changes_nothing() {
    let file = Scratch::new("wrong", GOOD);
    let wall = Seawall::open(&file.0).expect("good");
    for wrong in [
        GOOD.replace("max_concurrent = 2", "max_concurrent = 0"),
        GOOD.replace("timeout = \"1s\"", "timeuot = \"1s\""),
        GOOD.replace("timeout = \"1s\"", ""),
        GOOD.replace("deadline = \"5s\"", "deadline = \"3s\""),
        "[dependency.payments".to_owned(),
        format!("{GOOD}\n[dependency.ledger]\ntimeout = \"9s\"\n"),
    ] {
        file.write(&wrong.replace("\"2s\"", "\"1999ms\""));
        let error = wall.reload().expect_err("it is wrong").to_string();
        assert!(error.contains(".toml:"), "no place in {error:?}");
        let payments = wall.dependency("payments").expect("there");
        assert_eq!(payments.policy().call.timeout.0, 2_000_000_000, "{error}");
    }
    drop(file);
    let error = wall.reload().expect_err("the file is gone").to_string();
    assert!(error.contains("cannot be read"), "{error}");
    assert_eq!(wall.names(), ["ledger", "payments"]);
}

#[test]
fn a_dependency_that_left_the_file_goes_on_for_those_who_hold_it_and_may_come_back() {
    let file = Scratch::new("left", GOOD);
    let wall = Seawall::open(&file.0).expect("good");
    let ledger = wall.dependency("ledger").expect("there");
    fail(&ledger);
    let without = &GOOD[..GOOD.find("[dependency.ledger]").expect("there")];
    file.write(without);
    assert_eq!(wall.reload().expect("good").removed, ["ledger"]);
    assert!(wall.dependency("ledger").is_err());
    fail(&ledger);
    file.write(GOOD);
    assert_eq!(wall.reload().expect("good").added, ["ledger"]);
    let back = wall.dependency("ledger").expect("back");
    assert_eq!(back.snapshot().counts.failures, 2);
}

#[test]
fn policies_in_code_are_checked_as_those_of_a_file() {
    let wall = Seawall::new();
    let policy = Policy::parse("timeout = '2s'").expect("good");
    wall.define("payments", policy.clone()).expect("new");
    assert!(matches!(
        wall.define("payments", policy.clone()),
        Err(WallError::Duplicate(name)) if name == "payments"
    ));
    for name in ["", "a b", "../x", &"x".repeat(65)] {
        assert!(
            matches!(wall.define(name, policy.clone()), Err(WallError::Name(_))),
            "{name:?}"
        );
    }
    let too_slow =
        Policy::parse("timeout = '2s'\ndeadline = '5s'\nretry = { attempts = 3, base = '100ms' }");
    let refused = match too_slow {
        Err(error) => error.to_string(),
        Ok(policy) => wall.define("slow", policy).expect_err("SW001").to_string(),
    };
    assert!(refused.contains("SW001"), "{refused}");
    assert!(matches!(wall.reload(), Err(WallError::NoFile)));
    assert_eq!(wall.names(), ["payments"]);
}

#[test]
fn another_profile_of_the_retry_budget_begins_anew_and_the_old_one_is_kept() {
    let text = |budget: &str| {
        format!(
            "[dependency.a]\ntimeout = \"1s\"\nretry = {{ attempts = 2, budget = {{ {budget} }} }}\n"
        )
    };
    let file = Scratch::new("profile", &text("cap = 50, min_per_second = 2"));
    let wall = Seawall::open(&file.0).expect("good");
    let dependency = wall.dependency("a").expect("there");
    let tokens = || {
        dependency
            .snapshot()
            .retry_budget
            .expect("there")
            .tokens_milli
    };
    assert_eq!(tokens(), 20_000);
    file.write(&text("profile = \"grpc\", cap = 10"));
    wall.reload().expect("good");
    assert_eq!(tokens(), 10_000);
    file.write(&text("cap = 50, min_per_second = 1"));
    wall.reload().expect("good");
    assert_eq!(tokens(), 20_000);
}

#[test]
fn a_rate_limit_keeps_its_tokens_by_its_name() {
    let text =
        |limits: &str| format!("[dependency.a]\ntimeout = \"1s\"\nrate_limit = [ {limits} ]\n");
    let requests = "{ name = \"requests\", rate = \"5/day\" }".replace("day", "24h");
    let tokens = "{ name = \"tokens\", rate = \"9/24h\" }";
    let file = Scratch::new("limits", &text(&format!("{requests}, {tokens}")));
    let wall = Seawall::open(&file.0).expect("good");
    let dependency = wall.dependency("a").expect("there");
    fail(&dependency);
    fail(&dependency);
    let left = || {
        let limits = dependency.snapshot().rate_limits;
        limits
            .into_iter()
            .map(|(name, seen)| format!("{name} {}", seen.remaining))
            .collect::<Vec<_>>()
    };
    assert_eq!(left(), ["requests 3", "tokens 7"]);
    file.write(&text(tokens));
    wall.reload().expect("good");
    assert_eq!(left(), ["tokens 7"]);
    fail(&dependency);
    file.write(&text(&format!("{tokens}, {requests}")));
    wall.reload().expect("good");
    assert_eq!(left(), ["tokens 6", "requests 3"]);
}

#[test]
fn a_seeded_wall_repeats_itself() {
    let draw = || {
        let wall = Seawall::parse(&format!("seed = 7\n{GOOD}"), "x.toml").expect("good");
        let payments = wall.dependency("payments").expect("there");
        let now = payments.clock().now();
        let (mut call, _) = payments.begin_at(&Options::DEFAULT, now).expect("begins");
        let step = call.ended(Ended::FAILURE, None, now).expect("runs");
        (format!("{:?}", step.action), call.key())
    };
    assert_eq!(draw(), draw());
}

#[test]
fn a_dropped_call_gives_everything_back() {
    let time = ManualClock::new();
    let wall = Seawall::options()
        .clock(time.clock())
        .parse(GOOD, "x.toml")
        .expect("good");
    let payments = wall.dependency("payments").expect("there");
    let now = time.clock().now();
    let before = payments.snapshot();
    for held in 0..4 {
        let (call, _) = payments.begin_held(&Options::DEFAULT, now).expect("begins");
        if held % 2 == 0 {
            drop(call);
        } else {
            std::thread::spawn(move || drop(call))
                .join()
                .expect("dropped elsewhere");
        }
    }
    let after = payments.snapshot();
    assert_eq!(
        after.bulkhead.expect("there").in_use,
        before.bulkhead.expect("there").in_use
    );
    assert_eq!(after.counts.cancelled, 4);
    let key_is_stable = {
        let (mut call, _) = payments.begin_at(&Options::DEFAULT, now).expect("begins");
        let first = call.key();
        call.ended(Ended::FAILURE, Some(0), now).expect("runs");
        time.advance(Duration::from_secs(1));
        call.woke(time.clock().now()).expect("slept");
        first == call.key() && first.len() == 36
    };
    assert!(key_is_stable);
}

const WARNED_OF: &str = "timeout = '1s'\npool = 1\nbulkhead = { max_concurrent = 20 }";

#[test]
fn what_is_found_about_policies_in_code_outlives_a_reload() {
    let file = Scratch::new("findings", GOOD);
    let wall = Seawall::open(&file.0).expect("good");
    let policy = |text: &str| Policy::parse(text).expect("good");
    let found = || -> Vec<_> {
        let findings = wall.findings().into_iter();
        findings
            .map(|finding| (finding.dependency, finding.id))
            .collect()
    };
    let of_code = (Some("cards".to_owned()), "SW003");
    wall.define("cards", policy("timeout = '1s'")).expect("new");
    let now = wall.clock().now();
    wall.redefine_at("cards", policy(WARNED_OF), now)
        .expect("there");
    assert_eq!(found(), std::slice::from_ref(&of_code));

    file.write(&GOOD.replace(
        "\"1s\"",
        "\"1s\"\npool = 5\nbulkhead = { max_concurrent = 6 }",
    ));
    wall.reload().expect("good");
    let of_file = (Some("ledger".to_owned()), "SW003");
    assert_eq!(found(), [of_file, of_code.clone()]);
    file.write(GOOD);
    wall.reload().expect("good");
    assert_eq!(found(), [of_code]);
    wall.redefine_at("cards", policy("timeout = '1s'"), now)
        .expect("there");
    assert_eq!(found(), []);
}

/// A pipe in place of the file holds the first reload up in the middle of its reading.
#[cfg(unix)]
#[test]
fn of_two_reloads_the_later_text_wins() {
    let text = |timeout: &str| format!("[dependency.ledger]\ntimeout = '{timeout}'\n");
    let file = Scratch::new("order", &text("1s"));
    let newer = Scratch::new("order-newer", &text("3s"));
    let wall = Seawall::open(&file.0).expect("good");
    std::fs::remove_file(&file.0).expect("there");
    let made = std::process::Command::new("mkfifo").arg(&file.0).status();
    assert!(made.expect("mkfifo is there").success());
    std::thread::scope(|scope| {
        let first = scope.spawn(|| wall.reload().map(|_| ()));
        // Opens once the other end is being read.
        let pipe = std::fs::OpenOptions::new().write(true).open(&file.0);
        std::fs::rename(&newer.0, &file.0).expect("both are there");
        let second = scope.spawn(|| wall.reload().map(|_| ()));
        // Time enough for the second one to overtake the first, if it could.
        std::thread::sleep(Duration::from_millis(50));
        let written = std::io::Write::write_all(&mut pipe.expect("read"), text("2s").as_bytes());
        written.expect("read");
        for reload in [first, second] {
            reload.join().expect("no panic").expect("good");
        }
    });
    let ledger = wall.dependency("ledger").expect("there");
    assert_eq!(ledger.policy().call.timeout, seawall::Nanos::from_secs(3));
}

/// A reload changes names and sizes of the limits under a call that waits.
#[test]
fn a_refusal_names_the_limit_of_the_policy_the_call_began_under_and_the_next_waiter_is_served() {
    let policy = |name: &str, burst: u32| {
        let text = format!(
            "timeout = '5s'\nbulkhead = {{ max_concurrent = 1, max_wait = '20s' }}\n\
             rate_limit = [{{ name = 'others', rate = '1000/s' }}, \
             {{ name = '{name}', rate = '1000/s', burst = {burst} }}]"
        );
        Policy::parse(&text).expect("good")
    };
    let wall = Seawall::new();
    let dependency = wall.define("shared", policy("tokens", 10)).expect("new");
    let limits = std::sync::Mutex::new(Vec::new());
    let limits = std::sync::Arc::new(limits);
    let heard = std::sync::Arc::clone(&limits);
    dependency.on_event(move |event| {
        if let seawall::event::Kind::Refusal { limit, .. } = event.kind {
            let limit = limit.map(str::to_owned);
            heard.lock().expect("no panic").push(limit);
        }
    });
    let now = || dependency.clock().now();
    let waiting = || dependency.snapshot().bulkhead.expect("there").waiting;
    let (holder, _) = dependency.begin_at(&Options::DEFAULT, now()).expect("free");
    std::thread::scope(|scope| {
        let call = |cost: u32| {
            let options = Options {
                costs: [1, cost, 1, 1],
                ..Options::DEFAULT
            };
            let dependency = &dependency;
            let before = waiting();
            let caller = scope.spawn(move || {
                dependency.call_with(&options, seawall::classify::plain, |_| Ok::<_, ()>(cost))
            });
            while waiting() == before {
                std::thread::yield_now();
            }
            caller
        };
        let (dear, cheap) = (call(5), call(1));
        wall.redefine_at("shared", policy("tokens", 2), now())
            .expect("good");
        wall.redefine_at("shared", policy("words", 2), now())
            .expect("good");
        drop(holder);
        let refused = dear.join().expect("no panic").expect_err("too dear now");
        let reason = refused.refusal().expect("refused").reason;
        assert_eq!(reason, seawall::Refused::RateLimited);
        assert_eq!(cheap.join().expect("no panic"), Ok(1));
    });
    assert_eq!(
        *limits.lock().expect("no panic"),
        [Some("tokens".to_owned())]
    );
    assert_eq!(dependency.snapshot().counts.refused_by_rate_limit, 1);
}

/// Eight threads through all gates at once: every call ends, every place comes back, the counts add up.
#[test]
fn many_threads_through_all_gates_leave_nothing_behind() {
    const THREADS: u64 = 8;
    const CALLS: u64 = 20_000;
    let policy = "timeout = '1s'\nretry = { attempts = 2, base = '0ms', cap = '0ms', jitter = 'none' }\n\
         breaker = { failure_rate = 1.0, min_calls = 1000, consecutive_failures = 0, slow_rate = 0.0 }\n\
         bulkhead = { max_concurrent = 3 }\nrate_limit = { rate = '1000000/s', burst = 1000000 }";
    let wall = Seawall::new();
    let policy = Policy::parse(policy).expect("good");
    let dependency = wall.define("shared", policy).expect("new");
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let dependency = &dependency;
            scope.spawn(move || {
                for round in 0..CALLS {
                    let now = dependency.clock().now();
                    let (mut call, mut step) = dependency
                        .begin_at(&Options::DEFAULT, now)
                        .expect("no cost is too high");
                    loop {
                        step = match step.action {
                            Action::Run { attempt, .. } => {
                                std::hint::spin_loop();
                                let is_bad = attempt == 1 && (thread + round) % 5 == 0;
                                let ended = if is_bad {
                                    Ended::FAILURE
                                } else {
                                    Ended::SUCCESS
                                };
                                let now = dependency.clock().now();
                                call.ended(ended, None, now)
                                    .expect("an attempt is under way")
                            }
                            Action::Sleep { .. } | Action::Wait { .. } => {
                                call.woke(dependency.clock().now()).expect("it waits")
                            }
                            Action::Finish(_) => break,
                        };
                    }
                }
            });
        }
    });
    let seen = dependency.snapshot();
    assert_eq!(seen.counts.calls(), THREADS * CALLS);
    assert_eq!(seen.bulkhead.expect("there").in_use, 0);
    assert_eq!(seen.retry_budget.expect("there").calls_in_flight, 0);
    assert!(
        seen.counts.refused_by_bulkhead > 0,
        "three places for eight threads were never full"
    );
    assert!(seen.counts.retries > 0, "nobody retried");
    println!(
        "{} calls, {} turned away by the bulkhead, {} retries",
        seen.counts.calls(),
        seen.counts.refused_by_bulkhead,
        seen.counts.retries
    );
}
