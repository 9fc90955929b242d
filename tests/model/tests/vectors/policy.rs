//! Stories of whole calls.

use std::collections::HashMap;

use seawall_model::policy::{Action, Call, Dependency, End, Ended, Notes, Options, Stop};
use seawall_model::retry_budget::Class;
use seawall_model::{Answer, breaker, bulkhead};
use serde_json::{Map, Value, json};

use super::{Fields, table};

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

struct Told {
    dependency: Dependency,
    calls: HashMap<String, Call>,
    places: HashMap<String, bulkhead::Permit>,
}

/// What a verb came to: an action, or an answer by its name.
enum Came {
    To(Action),
    Answer(&'static str),
}

pub fn tell(case: &Map<String, Value>) {
    let made = table::read(&case["policy"]);
    if let Some(error) = case.get("error") {
        let key = made.expect_err("a wrong policy was accepted");
        assert_eq!(Some(key.as_str()), error["key"].as_str());
        return;
    }
    let policy = made.unwrap_or_else(|key| panic!("the policy is refused for its {key}"));
    let mut told = Told {
        dependency: Dependency::new(policy, 1).expect("a valid policy"),
        calls: HashMap::new(),
        places: HashMap::new(),
    };
    for (index, step) in case["steps"].as_array().expect("steps").iter().enumerate() {
        let place = format!("step {}: {step}", index + 1);
        let came = told.play(Fields(step.as_object().expect("a step")));
        told.check(step.as_object().expect("a step"), came, &place);
    }
}

impl Told {
    fn play(&mut self, step: Fields<'_>) -> Came {
        let now_ns = step.at_ns();
        let verb = step.word("do").expect("a verb");
        if let Some(name) = step.word("call") {
            let mut call = self.calls.remove(name).unwrap_or_default();
            let came = self.drive(&mut call, verb, step, now_ns);
            self.calls.insert(name.to_owned(), call);
            return came;
        }
        match verb {
            "release" => {
                let place = self.places[step.word("place").expect("a place")];
                Came::Answer(self.dependency.release(place).name())
            }
            "force_open" => {
                self.dependency
                    .breaker
                    .as_mut()
                    .expect("a breaker")
                    .force_open();
                Came::Answer("ok")
            }
            "disable" => {
                self.dependency
                    .breaker
                    .as_mut()
                    .expect("a breaker")
                    .disable();
                Came::Answer("ok")
            }
            "reset" => {
                self.dependency.breaker.as_mut().expect("a breaker").reset();
                Came::Answer("ok")
            }
            "adjust" => {
                let limit = step.number("limit") as usize;
                self.dependency.limiters[limit].adjust(step.signed("tokens"), now_ns);
                Came::Answer("ok")
            }
            "reload" => match table::read(&step.0["policy"]) {
                Ok(policy) => {
                    self.dependency
                        .reload(policy, now_ns)
                        .expect("a valid policy");
                    Came::Answer("ok")
                }
                Err(key) => {
                    assert_eq!(Some(key.as_str()), step.word("key"));
                    Came::Answer("config")
                }
            },
            "look" => Came::Answer("ok"),
            other => panic!("no verb {other}"),
        }
    }

    fn drive(&mut self, call: &mut Call, verb: &str, step: Fields<'_>, now_ns: u64) -> Came {
        let dependency = &mut self.dependency;
        let flag = |key: &str| step.0.get(key).map(|_| step.flag(key));
        let action = match verb {
            "begin" => {
                let costs = step.0.get("costs").and_then(Value::as_array);
                let options = Options {
                    deadline_ns: step
                        .0
                        .get("deadline_ns")
                        .map(|_| step.number("deadline_ns")),
                    critical: flag("critical"),
                    idempotent: flag("idempotent"),
                    costs: costs
                        .map(|costs| costs.iter().filter_map(Value::as_u64).collect())
                        .unwrap_or_default(),
                };
                match dependency.begin(call, options, now_ns) {
                    Ok(action) => Some(action),
                    Err(Answer::Argument) => None,
                    Err(answer) => return Came::Answer(answer.name()),
                }
            }
            "ended" => {
                let ended = Ended {
                    outcome: step.outcome(),
                    retryable: flag("retryable").unwrap_or(true),
                    not_sent: step.flag("not_sent"),
                    cause: match step.word("cause") {
                        None | Some("failure") => Class::Normal,
                        Some("throttled") => Class::Throttled,
                        Some("timeout") => Class::Timeout,
                        Some(other) => panic!("no cause {other}"),
                    },
                    retry_after_ns: step.number_or("retry_after_ns", 0),
                };
                let random = step.word("random").unwrap_or("1");
                dependency.ended(call, ended, random.parse().expect("random bits"), now_ns)
            }
            "woke" => dependency.woke(call, now_ns),
            "cancelled" => dependency.cancelled(call, now_ns),
            "keep" => {
                let place = call.keep().expect("a place");
                let name = step.word("as").expect("a name");
                self.places.insert(name.to_owned(), place);
                return Came::Answer("ok");
            }
            other => panic!("no verb {other}"),
        };
        action.map_or(Came::Answer("argument"), Came::To)
    }

    fn check(&mut self, step: &Map<String, Value>, came: Came, place: &str) {
        let notes = self.dependency.take_notes();
        let wanted = step.get("expect").and_then(Value::as_str).unwrap_or("ok");
        let mut seen = self.look(step["at_ns"].as_u64().expect("at_ns"));
        seen.extend(noted(&notes));
        match came {
            Came::Answer(name) => assert_eq!(name, wanted, "{place}"),
            Came::To(action) => {
                assert_eq!(wanted, "ok", "{place}: {action:?}");
                let (kind, facts) = told(action, &notes);
                assert!(step.contains_key(kind), "{place}: {action:?}");
                seen.insert(kind.to_owned(), facts);
            }
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

    fn look(&self, now_ns: u64) -> Map<String, Value> {
        let mut seen = Map::new();
        let mut put = |key: &str, value: Value| seen.insert(key.to_owned(), value);
        let dependency = &self.dependency;
        let rules = &dependency.policy;
        if let Some((breaker, _)) = dependency.breaker.as_ref().zip(rules.breaker) {
            put("state", json!(breaker.snapshot(now_ns).state.name()));
        }
        if let Some((bulkhead, _)) = dependency.bulkhead.as_ref().zip(rules.bulkhead) {
            put("in_use", json!(bulkhead.snapshot(now_ns).in_use));
            put("waiting", json!(bulkhead.snapshot(now_ns).waiting));
        }
        if let Some(budget) = &dependency.budget {
            let budget = budget.snapshot(now_ns);
            put("tokens_milli", json!(budget.tokens_milli as u64));
            put("retries_in_flight", json!(budget.retries_in_flight));
        }
        let limiters = dependency.limiters.iter();
        let remaining: Vec<u64> = limiters
            .map(|limiter| limiter.snapshot(now_ns).remaining)
            .collect();
        put("remaining", json!(remaining));
        let counts = &dependency.counts;
        let refused = counts.refused_by_breaker
            + counts.refused_by_bulkhead
            + counts.refused_by_rate_limit
            + counts.refused_by_deadline;
        put(
            "counters",
            json!({
                "calls": counts.successes + counts.failures + counts.ignored + refused,
                "successes": counts.successes,
                "failures": counts.failures,
                "ignored": counts.ignored,
                "cancelled": counts.cancelled,
                "refused": refused,
                "retries": counts.retries,
                "timeouts": counts.timeouts,
                "late": counts.late,
                "stopped_by_budget": counts.stopped_by_budget,
                "stopped_by_breaker": counts.stopped_by_breaker,
                "stopped_by_deadline": counts.stopped_by_deadline,
            }),
        );
        seen
    }
}

fn noted(notes: &Notes) -> Map<String, Value> {
    let name = |state: breaker::State| state.name();
    let change = notes
        .transition
        .map(|(from, to)| format!("{}->{}", name(from), name(to)));
    let Value::Object(seen) = json!({
        "freed": notes.freed,
        "late": notes.late,
        "transition": change,
    }) else {
        unreachable!("an object was written")
    };
    seen
}

/// The kind of an action and its facts.
fn told(action: Action, notes: &Notes) -> (&'static str, Value) {
    match action {
        Action::Run {
            attempt,
            timeout_ns,
        } => (
            "run",
            json!({ "attempt": attempt, "timeout_ns": timeout_ns }),
        ),
        Action::Sleep { span_ns } => ("sleep", json!({ "span_ns": span_ns })),
        Action::Wait { span_ns } => ("wait", json!({ "span_ns": span_ns })),
        Action::Finish {
            end,
            stop,
            attempts,
            may_fall_back,
        } => {
            let (end, status, retry_after_ns) = match end {
                End::Success => ("success", "ok", 0),
                End::Failure => ("failure", "ok", 0),
                End::Ignored => ("ignored", "ok", 0),
                End::Refused {
                    status,
                    retry_after_ns,
                } => ("refused", status, retry_after_ns),
            };
            let facts = json!({
                "end": end,
                "stop": stop_name(stop),
                "attempts": attempts,
                "status": status,
                "retry_after_ns": retry_after_ns,
                "may_fall_back": may_fall_back,
                "limiter": notes.limiter,
            });
            ("finish", facts)
        }
    }
}

fn stop_name(stop: Stop) -> &'static str {
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
