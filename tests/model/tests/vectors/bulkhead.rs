use std::collections::HashMap;

use seawall_model::Answer;
use seawall_model::bulkhead::{Bulkhead, Config, Permit};
use serde_json::{Value, json};

use super::{Fields, Story, answer_of};

pub struct Told {
    bulkhead: Bulkhead,
    permits: HashMap<String, Permit>,
}

impl Story for Told {
    fn arguments(verb: &str) -> &'static [&'static str] {
        match verb {
            "acquire" => &["critical", "owner"],
            "release" => &["permit"],
            "resize" => &["max_concurrent", "reserved"],
            "reclaim" => &["owner"],
            _ => &[],
        }
    }

    fn new(fields: Fields<'_>) -> Result<Self, &'static str> {
        fields.knows(&[
            "capacity",
            "max_concurrent",
            "reserved",
            "max_waiting",
            "mode",
        ]);
        let max_concurrent = fields.number_or("max_concurrent", Config::default().max_concurrent);
        let config = Config {
            capacity: fields.number_or("capacity", max_concurrent),
            max_concurrent,
            reserved: fields.number_or("reserved", 0),
            max_waiting: fields.number_or("max_waiting", 0),
            mode: fields.mode(),
        };
        Ok(Told {
            bulkhead: Bulkhead::new(config)?,
            permits: HashMap::new(),
        })
    }

    fn act(&mut self, verb: &str, step: Fields<'_>) -> Answer {
        let owner = step.number_or("owner", 1);
        match verb {
            "acquire" => {
                let result = self
                    .bulkhead
                    .acquire(owner, step.flag("critical"), step.at_ns());
                if let (Ok(permit), Some(name)) = (result, step.word("as")) {
                    self.permits.insert(name.into(), permit);
                }
                answer_of(&result).0
            }
            "release" => self
                .bulkhead
                .release(self.permits[step.word("permit").expect("a permit")]),
            "resize" => self.bulkhead.resize(
                step.number_or("max_concurrent", 0),
                step.number_or("reserved", 0),
            ),
            "begin_wait" => self.bulkhead.begin_wait(),
            "end_wait" => {
                self.bulkhead.end_wait();
                Answer::Ok
            }
            "reclaim" => {
                self.bulkhead.reclaim(owner);
                Answer::Ok
            }
            "look" => Answer::Ok,
            other => panic!("no verb {other}"),
        }
    }

    fn look(&self, step: Fields<'_>) -> Value {
        let seen = self.bulkhead.snapshot(step.at_ns());
        json!({
            "limit": seen.limit,
            "in_use": seen.in_use,
            "waiting": seen.waiting,
            "rejected": seen.rejected,
            "shadow_refused": seen.shadow_refused,
            "stale": seen.stale,
            "longest_hold_ns": seen.longest_hold_ns,
        })
    }
}
