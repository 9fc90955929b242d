//! Stories of the retry budget.

use std::collections::HashMap;

use seawall_core::retry_budget::{Cause, Config, Profile, RetryBudget, Withdrawal};
use seawall_core::{Misuse, Nanos, Status};

use crate::story::Story;

pub fn tell(story: &Story) {
    let profiles = ["bucket", "finagle", "grpc", "aws_standard", "aws_legacy"];
    let preset =
        Config::of(Profile::from_number(story.word("profile", &profiles)).expect("a profile"));
    let share = preset.max_concurrent_retries_permille;
    let config = Config {
        ratio_permille: story.number("ratio_permille", preset.ratio_permille),
        min_per_second: story.number("min_per_second", preset.min_per_second),
        window: Nanos(story.number("window_ns", preset.window.0)),
        cap: story.number("cap", preset.cap),
        max_concurrent_retries_permille: story.number("max_concurrent_retries_permille", share),
        min_concurrent_retries: story
            .number("min_concurrent_retries", preset.min_concurrent_retries),
        mode: story.mode(),
        ..preset
    };
    let Some(budget) = story.made(RetryBudget::new(&config, Nanos(story.number("now_ns", 1))))
    else {
        return;
    };
    let mut held: HashMap<String, Option<Withdrawal>> = HashMap::new();
    for step in story.steps() {
        let now = step.at();
        // Without the field it is a first attempt, whatever was withdrawn without a name.
        let named = step.fields.get("withdrawal").is_some();
        let mut taken = || {
            named
                .then(|| held.get_mut(&step.text("withdrawal")).map(Option::take))
                .flatten()
        };
        let answer: Status = match step.verb() {
            "deposit" => {
                budget.deposit(&now);
                Status::OK
            }
            "withdraw" => {
                let cause = match step.text("class").as_str() {
                    "throttled" => Cause::Throttled,
                    "timeout" => Cause::Timeout,
                    _ => Cause::Failure,
                };
                match budget.try_withdraw(cause, &now) {
                    Ok(withdrawal) => {
                        held.insert(step.text("as"), Some(withdrawal));
                        Status::OK
                    }
                    Err(refusal) => refusal.reason.into(),
                }
            }
            "record" => match (named, taken()) {
                (true, Some(None) | None) => Misuse::Spent.into(),
                (_, withdrawal) => {
                    budget.record(step.outcome(), withdrawal.flatten());
                    Status::OK
                }
            },
            "cancel" => match taken().flatten() {
                Some(withdrawal) => {
                    budget.cancel(withdrawal, &now);
                    Status::OK
                }
                None => Misuse::Spent.into(),
            },
            "finish" => {
                budget.finish();
                Status::OK
            }
            "look" => Status::OK,
            verb => panic!("retry budget cannot {verb}"),
        };
        step.expect(answer);
        let seen = budget.snapshot(now);
        step.check("tokens_milli", seen.tokens_milli);
        step.check("calls_in_flight", u64::from(seen.calls_in_flight));
        step.check("retries_in_flight", u64::from(seen.retries_in_flight));
        step.check_group(
            "counters",
            &[
                ("deposited", seen.deposited),
                ("withdrawn", seen.withdrawn),
                ("refused", seen.refused),
                ("shadow_refused", seen.shadow_refused),
            ],
        );
    }
}
