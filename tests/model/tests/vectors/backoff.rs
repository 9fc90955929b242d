use seawall_model::Answer;
use seawall_model::backoff::{Config, Jitter};
use serde_json::{Value, json};

use super::{Fields, Story};

pub struct Told {
    config: Config,
    delay_ns: u64,
}

impl Story for Told {
    fn arguments(_: &str) -> &'static [&'static str] {
        &["attempt", "previous_ns", "random", "retry_after_ns"]
    }

    fn new(fields: Fields<'_>) -> Result<Self, &'static str> {
        fields.knows(&[
            "base_ns",
            "factor_permille",
            "cap_ns",
            "jitter",
            "retry_after_margin_ns",
        ]);
        let absent = Config::default();
        let config = Config {
            base_ns: fields.number_or("base_ns", absent.base_ns),
            factor_permille: fields.number_or("factor_permille", absent.factor_permille),
            cap_ns: fields.number_or("cap_ns", absent.cap_ns),
            jitter: match fields.word("jitter") {
                None | Some("full") => Jitter::Full,
                Some("equal") => Jitter::Equal,
                Some("decorrelated") => Jitter::Decorrelated,
                Some("none") => Jitter::None,
                Some(other) => panic!("no jitter {other}"),
            },
            retry_after_margin_ns: fields
                .number_or("retry_after_margin_ns", absent.retry_after_margin_ns),
        };
        config.check()?;
        Ok(Told {
            config,
            delay_ns: 0,
        })
    }

    fn act(&mut self, verb: &str, step: Fields<'_>) -> Answer {
        assert_eq!(verb, "delay");
        let random = step
            .word("random")
            .expect("random bits")
            .parse()
            .expect("a number");
        let (previous_ns, retry_after_ns) = (
            step.number_or("previous_ns", 0),
            step.number_or("retry_after_ns", 0),
        );
        self.delay_ns = self.config.delay(
            step.number_or("attempt", 1),
            previous_ns,
            random,
            retry_after_ns,
        );
        Answer::Ok
    }

    fn look(&self, _: Fields<'_>) -> Value {
        json!({ "delay_ns": self.delay_ns })
    }
}
