use std::collections::HashMap;

use seawall_model::Answer;
use seawall_model::breaker::{Breaker, Config, Permit};
use serde_json::{Value, json};

use super::{Fields, Story, answer_of};

pub struct Told {
    breaker: Breaker,
    permits: HashMap<String, Permit>,
    retry_after_ns: u64,
    transition: Option<String>,
}

impl Story for Told {
    fn arguments(verb: &str) -> &'static [&'static str] {
        match verb {
            "acquire" => &["owner"],
            "record" => &["permit", "outcome", "retry_after_ns"],
            "call" => &["outcome", "owner", "retry_after_ns"],
            "cancel" => &["permit"],
            _ => &[],
        }
    }

    fn new(fields: Fields<'_>) -> Result<Self, &'static str> {
        let absent = Config::default();
        let config = Config {
            consecutive_failures: fields
                .number_or("consecutive_failures", absent.consecutive_failures),
            consecutive_always: fields.flag("consecutive_always"),
            failure_permille: fields.number_or("failure_permille", absent.failure_permille),
            slow_permille: fields.number_or("slow_permille", absent.slow_permille),
            slow_after_ns: fields.number_or("slow_after_ns", absent.slow_after_ns),
            window_calls: fields.number_or("window_calls", absent.window_calls),
            window_ns: fields.number_or("window_ns", absent.window_ns),
            min_calls: fields.number_or("min_calls", absent.min_calls),
            open_for_ns: fields.number_or("open_for_ns", absent.open_for_ns),
            open_backoff_permille: fields
                .number_or("open_backoff_permille", absent.open_backoff_permille),
            open_max_ns: fields.number_or("open_max_ns", absent.open_max_ns),
            open_jitter_permille: fields
                .number_or("open_jitter_permille", absent.open_jitter_permille),
            probes: fields.number_or("probes", absent.probes),
            probe_lease_ns: fields.number_or("probe_lease_ns", absent.probe_lease_ns),
            min_witnesses: fields.number_or("min_witnesses", absent.min_witnesses),
            mode: fields.mode(),
            seed: fields.number_or("seed", absent.seed),
        };
        fields.knows(&[
            "consecutive_failures",
            "consecutive_always",
            "failure_permille",
            "slow_permille",
            "slow_after_ns",
            "window_calls",
            "window_ns",
            "min_calls",
            "open_for_ns",
            "open_backoff_permille",
            "open_max_ns",
            "open_jitter_permille",
            "probes",
            "probe_lease_ns",
            "min_witnesses",
            "mode",
            "seed",
        ]);
        let breaker = Breaker::new(config)?;
        Ok(Told {
            breaker,
            permits: HashMap::new(),
            retry_after_ns: 0,
            transition: None,
        })
    }

    fn act(&mut self, verb: &str, step: Fields<'_>) -> Answer {
        let now_ns = step.at_ns();
        let owner = step.number_or("owner", 1);
        let asked_for = step.number_or("retry_after_ns", 0);
        self.breaker.take_change();
        let answer = match verb {
            "acquire" => {
                let result = self.breaker.acquire(owner, now_ns);
                let (answer, retry_after_ns) = answer_of(&result);
                self.retry_after_ns = retry_after_ns;
                if let (Ok(permit), Some(name)) = (result, step.word("as")) {
                    self.permits.insert(name.into(), permit);
                }
                answer
            }
            "call" => {
                let result = self.breaker.acquire(owner, now_ns);
                if let Ok(permit) = result {
                    self.breaker
                        .record(permit, step.outcome(), asked_for, now_ns);
                }
                answer_of(&result).0
            }
            "record" => self
                .breaker
                .record(self.permit(step), step.outcome(), asked_for, now_ns),
            "cancel" => self.breaker.cancel(self.permit(step)),
            "force_open" => {
                self.breaker.force_open();
                Answer::Ok
            }
            "disable" => {
                self.breaker.disable();
                Answer::Ok
            }
            "reset" => {
                self.breaker.reset();
                Answer::Ok
            }
            "look" => {
                self.retry_after_ns = self.breaker.snapshot(now_ns).retry_after_ns;
                Answer::Ok
            }
            other => panic!("no verb {other}"),
        };
        self.transition = self
            .breaker
            .take_change()
            .map(|(from, to)| format!("{}->{}", from.name(), to.name()));
        answer
    }

    fn look(&self, step: Fields<'_>) -> Value {
        let seen = self.breaker.snapshot(step.at_ns());
        json!({
            "state": seen.state.name(),
            "generation": seen.generation,
            "window": { "calls": seen.window_calls, "failures": seen.window_failures, "slow": seen.window_slow },
            "streak": seen.streak,
            "probes_in_flight": seen.probes_in_flight,
            "retry_after_ns": self.retry_after_ns,
            "transition": self.transition,
            "counters": {
                "success": seen.counters.success,
                "failure": seen.counters.failure,
                "ignored": seen.counters.ignored,
                "slow": seen.counters.slow,
                "refused": seen.counters.refused,
                "shadow_refused": seen.counters.shadow_refused,
                "late": seen.counters.late,
                "opened": seen.counters.opened,
            },
        })
    }
}

impl Told {
    fn permit(&self, step: Fields<'_>) -> Permit {
        self.permits[step.word("permit").expect("a permit")]
    }
}
