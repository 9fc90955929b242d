use seawall_model::Answer;
use seawall_model::deadline::Deadline;
use serde_json::{Value, json};

use super::{Fields, Story};

pub struct Told(Deadline);

impl Story for Told {
    fn arguments(verb: &str) -> &'static [&'static str] {
        match verb {
            "after" => &["duration_ns"],
            "attempt_timeout" => &["timeout_ns"],
            "keep" => &["reserve_permille"],
            "nearer" => &["at_other_ns"],
            _ => &[],
        }
    }

    fn new(fields: Fields<'_>) -> Result<Self, &'static str> {
        fields.knows(&[]);
        Ok(Told(Deadline { at_ns: u64::MAX }))
    }

    fn act(&mut self, verb: &str, step: Fields<'_>) -> Answer {
        let now_ns = step.at_ns();
        self.0 = match verb {
            "after" => Deadline::after(now_ns, step.number("duration_ns")),
            "keep" => self.0.keep(now_ns, step.number_or("reserve_permille", 0)),
            "nearer" => self.0.nearer(Deadline {
                at_ns: step.number("at_other_ns"),
            }),
            "remaining" | "attempt_timeout" => self.0,
            other => panic!("no verb {other}"),
        };
        Answer::Ok
    }

    fn look(&self, step: Fields<'_>) -> Value {
        let now_ns = step.at_ns();
        json!({
            "remaining_ns": self.0.remaining(now_ns),
            "expired": self.0.is_expired(now_ns),
            "attempt_ns": self.0.attempt_timeout(step.number_or("timeout_ns", u64::MAX), now_ns),
        })
    }
}
