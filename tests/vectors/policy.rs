//! Stories of whole calls, told by a dependency of a wall.

use std::collections::HashMap;

use seawall::core::bulkhead;
use seawall::core::policy::{Action, End, Notes};
use seawall::{Deadline, Dependency, Ended, HeldCall, Options, Policy, Seawall, Step, Stop};
use seawall_core::breaker::State;
use seawall_core::retry_budget::Cause;
use seawall_core::{Misuse, Nanos, Outcome, Status};
use serde_json::{Map, Value, json};

/// The keys that a verb takes; every other key of a step is a check.
const TAKEN: [&str; 20] = [
    "at_ns",
    "do",
    "call",
    "deadline_ns",
    "critical",
    "idempotent",
    "costs",
    "outcome",
    "retryable",
    "not_sent",
    "cause",
    "retry_after_ns",
    "random",
    "as",
    "place",
    "limit",
    "tokens",
    "policy",
    "expect",
    "key",
];

/// A table in JSON form as the body of a table of `seawall.toml`.
pub fn toml(table: &Value) -> String {
    let table = table.as_object().expect("a table");
    let line = |(key, value): (&String, &Value)| format!("{key} = {}\n", inline(value));
    table.iter().map(line).collect()
}

fn inline(value: &Value) -> String {
    match value {
        Value::Array(values) => {
            let values: Vec<String> = values.iter().map(inline).collect();
            format!("[{}]", values.join(", "))
        }
        Value::Object(table) => {
            let pair = |(key, value): (&String, &Value)| format!("{key} = {}", inline(value));
            let pairs: Vec<String> = table.iter().map(pair).collect();
            format!("{{ {} }}", pairs.join(", "))
        }
        plain => plain.to_string(),
    }
}

/// The policy of a table, or the keys that are wrong.
pub fn read(table: &Value) -> Result<Policy, Vec<String>> {
    Policy::parse(&toml(table)).map_err(|error| {
        let problems = error.problems.into_iter();
        problems.map(|problem| problem.key).collect()
    })
}

/// A story under way.
pub struct Told {
    wall: Seawall,
    pub dependency: Dependency,
    pub calls: HashMap<String, HeldCall>,
    pub places: HashMap<String, (u64, u32)>,
}

/// What a verb came to.
pub enum Came {
    To(Step),
    Answer(&'static str),
}

pub fn tell(case: &Value) {
    if let Some(error) = case.get("error") {
        let keys = read(&case["policy"]).expect_err("a wrong policy was accepted");
        assert_eq!(
            keys,
            [error["key"].as_str().expect("a key")],
            "{}",
            case["name"]
        );
        return;
    }
    let mut told = Told::new(case);
    for (index, step) in case["steps"].as_array().expect("steps").iter().enumerate() {
        let place = format!("{}, step {}: {step}", case["name"], index + 1);
        let step = step.as_object().expect("a step");
        let came = told.play(step);
        told.check(step, &came, &place);
    }
}

impl Told {
    pub fn new(case: &Value) -> Self {
        let policy =
            read(&case["policy"]).unwrap_or_else(|keys| panic!("{}: {keys:?}", case["name"]));
        let wall = Seawall::new();
        let dependency = wall
            .define_at("told", policy, Nanos(1))
            .unwrap_or_else(|error| panic!("{}: {error}", case["name"]));
        Told {
            wall,
            dependency,
            calls: HashMap::new(),
            places: HashMap::new(),
        }
    }

    pub fn play(&mut self, step: &Map<String, Value>) -> Came {
        let now = Nanos(step["at_ns"].as_u64().expect("at_ns"));
        let verb = step["do"].as_str().expect("a verb");
        if let Some(name) = step.get("call").and_then(Value::as_str) {
            return self.drive(name, verb, step, now);
        }
        match verb {
            "release" => {
                let (token, owner) = self.places[step["place"].as_str().expect("a place")];
                let place = bulkhead::Permit::from_raw(token, owner).expect("a permit");
                if self.dependency.release(place) {
                    Came::Answer("ok")
                } else {
                    Came::Answer("stale")
                }
            }
            "force_open" | "disable" | "reset" => {
                match verb {
                    "force_open" => self.dependency.force_open(),
                    "disable" => self.dependency.disable(),
                    _ => self.dependency.reset(),
                };
                Came::Answer("ok")
            }
            "adjust" => {
                let limit = step["limit"].as_u64().expect("an index") as usize;
                let tokens = step["tokens"].as_i64().expect("a number");
                let adjusted = self.dependency.adjust(limit, tokens, now);
                Came::Answer(adjusted.map_or_else(name_of, |()| "ok"))
            }
            "reload" => match read(&step["policy"]) {
                Ok(policy) => {
                    self.wall
                        .redefine_at("told", policy, now)
                        .expect("a valid policy");
                    Came::Answer("ok")
                }
                Err(keys) => {
                    assert_eq!(keys, [step["key"].as_str().expect("a key")]);
                    Came::Answer("config")
                }
            },
            "look" => Came::Answer("ok"),
            other => panic!("no verb {other}"),
        }
    }

    fn drive(&mut self, name: &str, verb: &str, step: &Map<String, Value>, now: Nanos) -> Came {
        let call = self.calls.get_mut(name);
        let came = match (verb, call) {
            // A call that is under way cannot begin: here it would be another value.
            ("begin", Some(call)) if call.is_under_way() => Err(Misuse::Argument),
            ("begin", _) => match self.dependency.begin_held(&options(step), now) {
                Ok((call, first)) => {
                    self.calls.insert(name.to_owned(), call);
                    Ok(first)
                }
                Err(misuse) => Err(misuse),
            },
            ("keep", Some(call)) => {
                let place = call.keep_place().expect("it holds a place");
                let name = step["as"].as_str().expect("a name");
                self.places.insert(name.to_owned(), place.into_raw());
                return Came::Answer("ok");
            }
            ("ended", Some(call)) => {
                let random = step.get("random").and_then(Value::as_str).unwrap_or("1");
                let random = random.parse().expect("random bits");
                call.ended(ended(step), Some(random), now)
            }
            ("woke", Some(call)) => call.woke(now),
            ("cancelled", Some(call)) => call.cancelled(now).ok_or(Misuse::Argument),
            ("ended" | "woke" | "cancelled", None) => Err(Misuse::Argument),
            (other, _) => panic!("no verb {other}"),
        };
        came.map_or_else(|misuse| Came::Answer(name_of(misuse)), Came::To)
    }

    fn check(&self, step: &Map<String, Value>, came: &Came, place: &str) {
        let wanted = step.get("expect").and_then(Value::as_str).unwrap_or("ok");
        let mut seen = look(
            &self.dependency,
            Nanos(step["at_ns"].as_u64().expect("at_ns")),
        );
        match came {
            Came::Answer(name) => assert_eq!(*name, wanted, "{place}"),
            Came::To(next) => {
                assert_eq!(wanted, "ok", "{place}: {next:?}");
                let (kind, facts) = action(next);
                assert!(step.contains_key(kind), "{place}: {next:?}");
                seen.insert(kind.to_owned(), facts);
                seen.extend(noted(&next.notes));
            }
        }
        // An event that was refused brought nothing about.
        for (key, value) in noted(&Notes::NONE) {
            seen.entry(key).or_insert(value);
        }
        for (key, wanted) in step
            .iter()
            .filter(|(key, _)| !TAKEN.contains(&key.as_str()))
        {
            let found = seen
                .get(key)
                .unwrap_or_else(|| panic!("{place}: no check {key}"));
            match wanted.as_object() {
                Some(parts) => parts.iter().for_each(|(part, wanted)| {
                    assert_eq!(Some(wanted), found.get(part), "{place}: {key}.{part}");
                }),
                None => assert_eq!(wanted, found, "{place}: {key}"),
            }
        }
    }
}

fn name_of(misuse: Misuse) -> &'static str {
    Status::from(misuse).name()
}

fn flag(step: &Map<String, Value>, key: &str) -> Option<bool> {
    step.get(key).and_then(Value::as_bool)
}

fn options(step: &Map<String, Value>) -> Options {
    let costs = step.get("costs").and_then(Value::as_array);
    let cost = |limit: usize| {
        let cost = costs.and_then(|costs| costs.get(limit)?.as_u64());
        cost.unwrap_or(1) as u32
    };
    let deadline = step.get("deadline_ns").and_then(Value::as_u64);
    Options {
        deadline: deadline.map_or(Deadline::NEVER, |at| Deadline::at(Nanos(at))),
        critical: flag(step, "critical"),
        idempotent: flag(step, "idempotent"),
        costs: std::array::from_fn(cost),
        ..Options::DEFAULT
    }
}

fn ended(step: &Map<String, Value>) -> Ended {
    let word = |key: &str, words: [&str; 3], absent: &str| {
        let word = step.get(key).and_then(Value::as_str).unwrap_or(absent);
        words
            .iter()
            .position(|known| *known == word)
            .unwrap_or_else(|| panic!("{key}: {word}"))
    };
    let outcome = word("outcome", ["success", "failure", "ignored"], "");
    let cause = word("cause", ["failure", "throttled", "timeout"], "failure");
    Ended {
        outcome: [Outcome::Success, Outcome::Failure, Outcome::Ignored][outcome],
        is_retryable: flag(step, "retryable").unwrap_or(true),
        was_not_sent: flag(step, "not_sent").unwrap_or(false),
        cause: [Cause::Failure, Cause::Throttled, Cause::Timeout][cause],
        retry_after: Nanos(
            step.get("retry_after_ns")
                .and_then(Value::as_u64)
                .unwrap_or(0),
        ),
    }
}

/// Everything that a check can be made on, of the dependency.
pub fn look(dependency: &Dependency, now: Nanos) -> Map<String, Value> {
    let seen = dependency.snapshot_at(now);
    let mut facts = Map::new();
    let mut put = |key: &str, value: Value| facts.insert(key.to_owned(), value);
    if let Some(breaker) = &seen.breaker {
        put("state", json!(breaker.state.name()));
    }
    if let Some(bulkhead) = &seen.bulkhead {
        put("in_use", json!(bulkhead.in_use));
        put("waiting", json!(bulkhead.waiting));
    }
    if let Some(budget) = &seen.retry_budget {
        put("tokens_milli", json!(budget.tokens_milli));
        put("retries_in_flight", json!(budget.retries_in_flight));
    }
    let limits = seen.rate_limits.iter();
    let remaining: Vec<u64> = limits.map(|(_, limit)| limit.remaining).collect();
    put("remaining", json!(remaining));
    let counts = &seen.counts;
    put(
        "counters",
        json!({
            "calls": counts.calls(),
            "successes": counts.successes,
            "failures": counts.failures,
            "ignored": counts.ignored,
            "cancelled": counts.cancelled,
            "refused": counts.refused(),
            "retries": counts.retries,
            "timeouts": counts.timeouts,
            "late": counts.late,
            "stopped_by_budget": counts.stopped_by_budget,
        }),
    );
    facts
}

fn noted(notes: &Notes) -> Map<String, Value> {
    let name = |state: State| state.name();
    let change = notes
        .transition
        .map(|change| format!("{}->{}", name(change.from), name(change.to)));
    let facts = [
        ("freed", json!(notes.freed)),
        ("late", json!(notes.is_late)),
        ("transition", json!(change)),
    ];
    let owned = |(key, value): (&str, Value)| (key.to_owned(), value);
    facts.into_iter().map(owned).collect()
}

/// The kind of an action and its facts.
fn action(step: &Step) -> (&'static str, Value) {
    match step.action {
        Action::Run { attempt, timeout } => (
            "run",
            json!({ "attempt": attempt, "timeout_ns": timeout.0 }),
        ),
        Action::Sleep { span } => ("sleep", json!({ "span_ns": span.0 })),
        Action::Wait { at_most } => ("wait", json!({ "span_ns": at_most.0 })),
        Action::Finish(finish) => {
            let (end, refusal) = match finish.end {
                End::Success => ("success", None),
                End::Failure => ("failure", None),
                End::Ignored => ("ignored", None),
                End::Refused(refusal) => ("refused", Some(refusal)),
            };
            let facts = json!({
                "end": end,
                "stop": stop(finish.stop),
                "attempts": finish.attempts,
                "status": refusal.map_or("ok", |refusal| Status::from(refusal.reason).name()),
                "retry_after_ns": refusal.map_or(0, |refusal| refusal.retry_after.0),
                "may_fall_back": finish.may_fall_back,
                "limiter": step.notes.limiter,
            });
            ("finish", facts)
        }
    }
}

fn stop(stop: Stop) -> &'static str {
    match stop {
        Stop::Done => "done",
        Stop::Cancelled => "cancelled",
        Stop::Refused => "refused",
        Stop::AttemptsUsed => "attempts_used",
        Stop::NotRetryable => "not_retryable",
        Stop::BreakerOpen => "breaker_open",
        Stop::BulkheadFull => "bulkhead_full",
        Stop::BudgetExhausted => "budget_exhausted",
        Stop::RateLimited => "rate_limited",
        Stop::DeadlineTooNear => "deadline_too_near",
    }
}
