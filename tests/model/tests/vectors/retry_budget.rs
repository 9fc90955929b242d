use std::collections::HashMap;

use seawall_model::Answer;
use seawall_model::retry_budget::{Class, Config, Profile, RetryBudget, Withdrawal};
use serde_json::{Value, json};

use super::{Fields, Story, answer_of};

pub struct Told {
    budget: RetryBudget,
    withdrawals: HashMap<String, Withdrawal>,
}

impl Story for Told {
    fn arguments(verb: &str) -> &'static [&'static str] {
        match verb {
            "withdraw" => &["class"],
            "record" => &["outcome", "withdrawal"],
            "cancel" => &["withdrawal"],
            _ => &[],
        }
    }

    fn new(fields: Fields<'_>) -> Result<Self, &'static str> {
        let profile = match fields.word("profile") {
            None | Some("bucket") => Profile::Bucket,
            Some("finagle") => Profile::Finagle,
            Some("grpc") => Profile::Grpc,
            Some("aws_standard") => Profile::AwsStandard,
            Some("aws_legacy") => Profile::AwsLegacy,
            Some(other) => panic!("no profile {other}"),
        };
        let absent = Config::preset(profile);
        let config = Config {
            profile,
            ratio_permille: fields.number_or("ratio_permille", absent.ratio_permille),
            min_per_second: fields.number_or("min_per_second", absent.min_per_second),
            window_ns: fields.number_or("window_ns", absent.window_ns),
            cap: fields.number_or("cap", absent.cap),
            max_concurrent_retries_permille: fields.number_or(
                "max_concurrent_retries_permille",
                absent.max_concurrent_retries_permille,
            ),
            min_concurrent_retries: fields
                .number_or("min_concurrent_retries", absent.min_concurrent_retries),
            mode: fields.mode(),
        };
        fields.knows(&[
            "profile",
            "ratio_permille",
            "min_per_second",
            "window_ns",
            "cap",
            "max_concurrent_retries_permille",
            "min_concurrent_retries",
            "mode",
            "now_ns",
        ]);
        let budget = RetryBudget::new(config, fields.number_or("now_ns", 1))?;
        Ok(Told {
            budget,
            withdrawals: HashMap::new(),
        })
    }

    fn act(&mut self, verb: &str, step: Fields<'_>) -> Answer {
        let now_ns = step.at_ns();
        match verb {
            "deposit" => {
                self.budget.deposit(now_ns);
                Answer::Ok
            }
            "withdraw" => {
                let class = match step.word("class") {
                    None | Some("failure") => Class::Normal,
                    Some("throttled") => Class::Throttled,
                    Some("timeout") => Class::Timeout,
                    Some(other) => panic!("no class {other}"),
                };
                let result = self.budget.withdraw(class, now_ns);
                if let (Ok(withdrawal), Some(name)) = (result, step.word("as")) {
                    self.withdrawals.insert(name.into(), withdrawal);
                }
                answer_of(&result).0
            }
            "record" => self.budget.record(step.outcome(), self.withdrawal(step)),
            "cancel" => self
                .budget
                .cancel(self.withdrawal(step).expect("a withdrawal"), now_ns),
            "finish" => {
                self.budget.finish();
                Answer::Ok
            }
            "look" => Answer::Ok,
            other => panic!("no verb {other}"),
        }
    }

    fn look(&self, step: Fields<'_>) -> Value {
        let seen = self.budget.snapshot(step.at_ns());
        json!({
            "tokens_milli": i64::try_from(seen.tokens_milli).expect("a small number"),
            "calls_in_flight": seen.calls_in_flight,
            "retries_in_flight": seen.retries_in_flight,
            "counters": {
                "deposited": seen.deposited,
                "withdrawn": seen.withdrawn,
                "refused": seen.refused,
                "shadow_refused": seen.shadow_refused,
            },
        })
    }
}

impl Told {
    fn withdrawal(&self, step: Fields<'_>) -> Option<Withdrawal> {
        step.word("withdrawal").map(|name| self.withdrawals[name])
    }
}
