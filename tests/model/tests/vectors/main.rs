//! Runs every vector against the model, and so proves the vectors with an implementation that shares
//! nothing with the core.

mod backoff;
mod breaker;
mod bulkhead;
mod deadline;
mod histogram;
mod http;
mod limiter;
mod policy;
mod retry_budget;
mod table;

use std::collections::HashSet;
use std::path::Path;

use seawall_model::{Answer, Mode, Outcome, Refused};
use serde_json::{Map, Value};

/// The largest number that every language reads exactly.
const LARGEST: u64 = 1 << 53;

/// An object of a vector file, read with complaints that name the key.
#[derive(Clone, Copy)]
pub struct Fields<'a>(&'a Map<String, Value>);

impl<'a> Fields<'a> {
    /// A number that must be there.
    pub fn number(self, key: &str) -> u64 {
        self.0[key]
            .as_u64()
            .unwrap_or_else(|| panic!("{key} is not a number"))
    }

    /// A number, or what stands for its absence.
    pub fn number_or<T: TryFrom<u64>>(self, key: &str, absent: T) -> T {
        if !self.0.contains_key(key) {
            return absent;
        }
        T::try_from(self.number(key)).unwrap_or_else(|_| panic!("{key} does not fit its type"))
    }

    /// A word, if it is there.
    pub fn word(self, key: &str) -> Option<&'a str> {
        self.0.get(key).map(|value| {
            value
                .as_str()
                .unwrap_or_else(|| panic!("{key} is not a word"))
        })
    }

    /// A yes or no; absent is no.
    pub fn flag(self, key: &str) -> bool {
        self.0.get(key).is_some_and(|value| {
            value
                .as_bool()
                .unwrap_or_else(|| panic!("{key} is not a flag"))
        })
    }

    /// A number below zero or above.
    pub fn signed(self, key: &str) -> i64 {
        self.0[key]
            .as_i64()
            .unwrap_or_else(|| panic!("{key} is not a number"))
    }

    /// The time of a step.
    pub fn at_ns(self) -> u64 {
        self.number("at_ns")
    }

    /// The `mode` of a configuration.
    pub fn mode(self) -> Mode {
        match self.word("mode") {
            None | Some("enforce") => Mode::Enforce,
            Some("shadow") => Mode::Shadow,
            Some("off") => Mode::Off,
            Some(other) => panic!("no mode {other}"),
        }
    }

    /// The `outcome` of a step.
    pub fn outcome(self) -> Outcome {
        match self.word("outcome") {
            Some("success") => Outcome::Success,
            Some("failure") => Outcome::Failure,
            Some("ignored") => Outcome::Ignored,
            other => panic!("no outcome {other:?}"),
        }
    }

    /// Every key must be known, so that no misspelt check passes by never being made.
    pub fn knows(self, known: &[&str]) {
        for key in self.0.keys() {
            assert!(known.contains(&key.as_str()), "unknown key {key}");
        }
    }
}

/// A primitive that acts a case out.
pub trait Story {
    /// The keys that the verb takes; every other key of the step is a check.
    fn arguments(verb: &str) -> &'static [&'static str]
    where
        Self: Sized;
    /// Makes the primitive, or names the wrong field.
    fn new(config: Fields<'_>) -> Result<Self, &'static str>
    where
        Self: Sized;
    /// Does the verb once.
    fn act(&mut self, verb: &str, step: Fields<'_>) -> Answer;
    /// Everything that a check can be made on, after the verb.
    fn look(&self, step: Fields<'_>) -> Value;
}

/// The answer of a verb that can be refused, and how long it asks to wait.
pub fn answer_of<T>(result: &Result<T, Refused>) -> (Answer, u64) {
    match result {
        Ok(_) => (Answer::Ok, 0),
        Err(refused) => (refused.answer, refused.retry_after_ns),
    }
}

fn run_case<S: Story>(case: &Map<String, Value>) {
    let config = Fields(case["config"].as_object().expect("a configuration"));
    if let Some(error) = case.get("error") {
        let field = S::new(config).err();
        assert_eq!(field, error["field"].as_str(), "the wrong field is named");
        return;
    }
    let mut story = S::new(config)
        .unwrap_or_else(|field| panic!("the configuration is refused for its {field}"));
    for (place, step) in case["steps"].as_array().expect("steps").iter().enumerate() {
        let step = Fields(step.as_object().expect("a step"));
        let place = format!("step {} {}", place + 1, Value::Object(step.0.clone()));
        run_step(&mut story, step, &place);
    }
}

fn run_step<S: Story>(story: &mut S, step: Fields<'_>, place: &str) {
    let verb = step.word("do").expect("a verb");
    let expected = step.word("expect").unwrap_or("ok");
    assert!(step.at_ns() >= 1, "{place}: time starts at 1");
    for _ in 0..step.number_or("repeat", 1) {
        assert_eq!(story.act(verb, step).name(), expected, "{place}");
    }
    let seen = story.look(step);
    for (key, wanted) in step.0 {
        let is_check = !["at_ns", "do", "expect", "repeat", "as"].contains(&key.as_str())
            && !S::arguments(verb).contains(&key.as_str());
        if !is_check {
            continue;
        }
        assert!(
            !step.0.contains_key("repeat"),
            "{place}: a repeated step has no checks"
        );
        let found = seen
            .get(key)
            .unwrap_or_else(|| panic!("{place}: unknown check {key}"));
        match wanted.as_object() {
            Some(parts) => parts.iter().for_each(|(part, wanted)| {
                assert_eq!(Some(wanted), found.get(part), "{place}: {key}.{part}");
            }),
            None => assert_eq!(wanted, found, "{place}: {key}"),
        }
    }
}

fn check_numbers(value: &Value) {
    match value {
        Value::Number(number) => {
            let size = number.as_i64().expect("a whole number").unsigned_abs();
            assert!(size <= LARGEST, "{number} is too large for some languages");
        }
        Value::Array(items) => items.iter().for_each(check_numbers),
        Value::Object(parts) => parts.values().for_each(check_numbers),
        _ => {}
    }
}

fn run_file(name: &str) -> usize {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../vectors")
        .join(name)
        .with_extension("json");
    let text = std::fs::read_to_string(&path)
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let file: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
    assert_eq!(file["primitive"], name);
    assert_eq!(file["version"], 1);
    let cases = file["cases"].as_array().expect("cases");
    let mut names = HashSet::new();
    for case in cases {
        let case = case.as_object().expect("a case");
        let title = case["name"].as_str().expect("a name");
        assert!(names.insert(title), "{name}: {title:?} is told twice");
        let primitive = case
            .get("primitive")
            .unwrap_or(&file["primitive"])
            .as_str()
            .expect("a primitive");
        let told = std::panic::catch_unwind(|| {
            check_numbers(case.get("config").unwrap_or(&Value::Null));
            check_numbers(case.get("steps").unwrap_or(&Value::Null));
            run_primitive(primitive, case);
        });
        assert!(told.is_ok(), "{name}: {title:?} is not what the model does");
    }
    println!("{name}: {} cases", cases.len());
    cases.len()
}

fn run_primitive(primitive: &str, case: &Map<String, Value>) {
    match primitive {
        "breaker" => run_case::<breaker::Told>(case),
        "bulkhead" => run_case::<bulkhead::Told>(case),
        "limiter" => run_case::<limiter::Told>(case),
        "retry_budget" => run_case::<retry_budget::Told>(case),
        "backoff" => run_case::<backoff::Told>(case),
        "deadline" => run_case::<deadline::Told>(case),
        "histogram" => run_case::<histogram::Told>(case),
        "http" => run_case::<http::Told>(case),
        "policy" => policy::tell(case),
        other => panic!("no primitive {other}"),
    }
}

#[test]
fn the_model_tells_every_vector() {
    let files = [
        "breaker",
        "bulkhead",
        "limiter",
        "retry_budget",
        "backoff",
        "deadline",
        "histogram",
        "http",
        "policy",
        "owners",
    ];
    let total: usize = files.into_iter().map(run_file).sum();
    println!("{total} cases in all");
    assert!(total >= 500, "vectors were lost");
}
