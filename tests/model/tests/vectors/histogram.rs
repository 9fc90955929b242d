use seawall_model::Answer;
use seawall_model::histogram::Histogram;
use serde_json::{Value, json};

use super::{Fields, Story};

pub struct Told {
    histogram: Histogram,
    value_ns: u64,
}

impl Story for Told {
    fn arguments(verb: &str) -> &'static [&'static str] {
        match verb {
            "record" => &["value_ns"],
            "quantile" => &["ppm"],
            _ => &[],
        }
    }

    fn new(fields: Fields<'_>) -> Result<Self, &'static str> {
        fields.knows(&[]);
        Ok(Told {
            histogram: Histogram::default(),
            value_ns: 0,
        })
    }

    fn act(&mut self, verb: &str, step: Fields<'_>) -> Answer {
        match verb {
            "record" => self.histogram.record(step.number("value_ns")),
            "quantile" => self.value_ns = self.histogram.quantile(step.number_or("ppm", 0)),
            "look" => {}
            other => panic!("no verb {other}"),
        }
        Answer::Ok
    }

    fn look(&self, _: Fields<'_>) -> Value {
        json!({ "value_ns": self.value_ns, "total": self.histogram.total() })
    }
}
