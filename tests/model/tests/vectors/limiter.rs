use std::collections::HashMap;

use seawall_model::Answer;
use seawall_model::limiter::{Config, Limiter, Reservation};
use serde_json::{Value, json};

use super::{Fields, Story, answer_of};

pub struct Told {
    limiter: Limiter,
    reservations: HashMap<String, Reservation>,
    retry_after_ns: u64,
    wait_ns: u64,
}

impl Story for Told {
    fn arguments(verb: &str) -> &'static [&'static str] {
        match verb {
            "acquire" | "adjust" => &["n"],
            "reserve" => &["n", "max_wait_ns"],
            "cancel" => &["reservation"],
            "set_rate" => &["permits", "period_ns", "burst"],
            _ => &[],
        }
    }

    fn new(fields: Fields<'_>) -> Result<Self, &'static str> {
        fields.knows(&["permits", "period_ns", "burst", "mode"]);
        let config = Config {
            permits: fields.number("permits"),
            period_ns: fields.number("period_ns"),
            burst: fields.number("burst"),
            mode: fields.mode(),
        };
        Ok(Told {
            limiter: Limiter::new(config)?,
            reservations: HashMap::new(),
            retry_after_ns: 0,
            wait_ns: 0,
        })
    }

    fn act(&mut self, verb: &str, step: Fields<'_>) -> Answer {
        let now_ns = step.at_ns();
        match verb {
            "acquire" => {
                let (answer, retry_after_ns) =
                    answer_of(&self.limiter.acquire(step.number("n"), now_ns));
                self.retry_after_ns = retry_after_ns;
                answer
            }
            "reserve" => {
                let result =
                    self.limiter
                        .reserve(step.number("n"), step.number("max_wait_ns"), now_ns);
                let (answer, retry_after_ns) = answer_of(&result);
                self.retry_after_ns = retry_after_ns;
                if let Ok(reservation) = result {
                    self.wait_ns = reservation.wait_ns;
                    let name = step.word("as").unwrap_or_default();
                    self.reservations.insert(name.into(), reservation);
                }
                answer
            }
            "cancel" => {
                let name = step.word("reservation").expect("a reservation");
                self.limiter.cancel(self.reservations[name], now_ns)
            }
            "adjust" => {
                self.limiter.adjust(step.signed("n"), now_ns);
                Answer::Ok
            }
            "set_rate" => {
                let (permits, period_ns) = (step.number("permits"), step.number("period_ns"));
                self.limiter
                    .set_rate(permits, period_ns, step.number("burst"), now_ns)
            }
            "look" => {
                self.retry_after_ns = self.limiter.snapshot(now_ns).retry_after_ns;
                Answer::Ok
            }
            other => panic!("no verb {other}"),
        }
    }

    fn look(&self, step: Fields<'_>) -> Value {
        let seen = self.limiter.snapshot(step.at_ns());
        json!({
            "limit": seen.limit,
            "remaining": seen.remaining,
            "reset_ns": seen.reset_ns,
            "retry_after_ns": self.retry_after_ns,
            "wait_ns": self.wait_ns,
            "counters": { "allowed": seen.allowed, "refused": seen.refused, "shadow_refused": seen.shadow_refused },
        })
    }
}
