//! A case of a vector file, and the questions a runner asks it.

use seawall_core::{ConfigError, Nanos, Outcome, Status};
use serde_json::Value;

/// One case.
pub struct Story<'a> {
    primitive: &'a str,
    case: &'a Value,
}

/// One step of a case, with a name for messages.
pub struct Step<'a> {
    /// The step's fields.
    pub fields: &'a Value,
    place: String,
}

impl<'a> Story<'a> {
    pub fn new(primitive: &'a str, case: &'a Value) -> Self {
        Self { primitive, case }
    }

    /// A number of the configuration, or its default.
    pub fn number<T: TryFrom<u64>>(&self, key: &str, default: T) -> T {
        match self.case["config"].get(key) {
            None => default,
            Some(value) => number(value)
                .and_then(|n| T::try_from(n).ok())
                .unwrap_or_else(|| panic!("{key}: {value}")),
        }
    }

    /// The position of a word of the configuration in `words`; the first when absent.
    pub fn word(&self, key: &str, words: &[&str]) -> u32 {
        let word = self.case["config"][key].as_str().unwrap_or(words[0]);
        words
            .iter()
            .position(|known| *known == word)
            .unwrap_or_else(|| panic!("{key}: {word}")) as u32
    }

    pub fn mode(&self) -> seawall_core::Mode {
        seawall_core::Mode::from_number(self.word("mode", &["enforce", "shadow", "off"]))
            .expect("a mode")
    }

    pub fn flag(&self, key: &str) -> bool {
        self.case["config"][key].as_bool().unwrap_or(false)
    }

    /// The object, or `None` after the error that the case expects.
    pub fn made<T>(&self, made: Result<T, ConfigError>) -> Option<T> {
        let name = &self.case["name"];
        match (made, self.case["error"]["field"].as_str()) {
            (Ok(object), None) => Some(object),
            (Err(error), Some(field)) => {
                assert_eq!(error.field, field, "{} {name}", self.primitive);
                None
            }
            (Ok(_), Some(field)) => panic!("{} {name}: {field} was accepted", self.primitive),
            (Err(error), None) => panic!("{} {name}: {error}", self.primitive),
        }
    }

    /// The steps, each as often as it repeats.
    pub fn steps(&self) -> impl Iterator<Item = Step<'a>> {
        let (primitive, name) = (self.primitive, self.case["name"].as_str().unwrap_or("?"));
        self.case["steps"]
            .as_array()
            .expect("steps")
            .iter()
            .enumerate()
            .flat_map(move |(index, fields)| {
                let times = fields["repeat"].as_u64().unwrap_or(1);
                (0..times).map(move |_| Step {
                    fields,
                    place: format!("{primitive} \"{name}\", step {}", index + 1),
                })
            })
    }
}

fn number(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_str()?.parse().ok())
}

impl Step<'_> {
    pub fn at(&self) -> Nanos {
        Nanos(self.fields["at_ns"].as_u64().expect("at_ns"))
    }

    pub fn verb(&self) -> &str {
        self.fields["do"].as_str().expect("do")
    }

    pub fn text(&self, key: &str) -> String {
        self.fields[key].as_str().unwrap_or("").to_owned()
    }

    pub fn number(&self, key: &str, default: u64) -> u64 {
        self.fields.get(key).map_or(default, |value| {
            number(value).unwrap_or_else(|| panic!("{key}: {value}"))
        })
    }

    pub fn outcome(&self) -> Outcome {
        match self.fields["outcome"].as_str() {
            Some("success") => Outcome::Success,
            Some("failure") => Outcome::Failure,
            Some("ignored") => Outcome::Ignored,
            other => panic!("{}: outcome {other:?}", self.place),
        }
    }

    /// Checks the answer of the verb.
    pub fn expect(&self, answer: impl Into<Status>) {
        let name = answer.into().name();
        assert_eq!(
            name,
            self.fields["expect"].as_str().unwrap_or("ok"),
            "{}",
            self.place
        );
    }

    /// Checks one number, if the step names it.
    pub fn check(&self, key: &str, seen: u64) {
        if let Some(wanted) = self.fields.get(key) {
            assert_eq!(Some(seen), number(wanted), "{}: {key}", self.place);
        }
    }

    /// Checks one word, if the step names it.
    pub fn check_word(&self, key: &str, seen: &str) {
        if let Some(wanted) = self.fields[key].as_str() {
            assert_eq!(seen, wanted, "{}: {key}", self.place);
        }
    }

    /// Checks one yes or no, if the step names it.
    pub fn check_flag(&self, key: &str, seen: bool) {
        if let Some(wanted) = self.fields[key].as_bool() {
            assert_eq!(seen, wanted, "{}: {key}", self.place);
        }
    }

    /// Checks the named numbers of a group, if the step names the group.
    pub fn check_group(&self, key: &str, seen: &[(&str, u64)]) {
        for (name, wanted) in self.fields[key].as_object().into_iter().flatten() {
            let found = seen.iter().find(|(known, _)| known == name);
            let (_, value) = found.unwrap_or_else(|| panic!("{}: no {key}.{name}", self.place));
            assert_eq!(Some(*value), number(wanted), "{}: {key}.{name}", self.place);
        }
    }
}
