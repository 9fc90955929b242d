//! Stories of the limiter.

use std::collections::HashMap;

use seawall_core::limiter::{Config, Limiter, Reservation};
use seawall_core::{Misuse, Nanos, Status};

use crate::story::Story;

pub fn tell(story: &Story) {
    let config = Config {
        permits: story.number("permits", 100),
        period: Nanos(story.number("period_ns", 1_000_000_000)),
        burst: story.number("burst", 100),
        mode: story.mode(),
    };
    let Some(limiter) = story.made(Limiter::new(&config)) else {
        return;
    };
    let mut held: HashMap<String, Option<Reservation>> = HashMap::new();
    for step in story.steps() {
        let now = step.at();
        let mut refused_for = None;
        let answer: Status = match step.verb() {
            "acquire" => match limiter.try_acquire(step.number("n", 1), &now) {
                Ok(Ok(())) => Status::OK,
                Ok(Err(refusal)) => {
                    refused_for = Some(refusal.retry_after);
                    refusal.reason.into()
                }
                Err(misuse) => misuse.into(),
            },
            "reserve" => match limiter.reserve(
                step.number("n", 1),
                Nanos(step.number("max_wait_ns", 0)),
                &now,
            ) {
                Ok(Ok(reservation)) => {
                    step.check("wait_ns", reservation.wait.0);
                    held.insert(step.text("as"), Some(reservation));
                    Status::OK
                }
                Ok(Err(refusal)) => {
                    refused_for = Some(refusal.retry_after);
                    refusal.reason.into()
                }
                Err(misuse) => misuse.into(),
            },
            "cancel" => match held
                .get_mut(&step.text("reservation"))
                .and_then(Option::take)
            {
                Some(reservation) => {
                    limiter.cancel(reservation, &now);
                    Status::OK
                }
                None => Misuse::Spent.into(),
            },
            "adjust" => {
                limiter.adjust(step.fields["n"].as_i64().expect("n"), &now);
                Status::OK
            }
            "set_rate" => {
                let next = Config {
                    permits: step.number("permits", 0),
                    period: Nanos(step.number("period_ns", 0)),
                    burst: step.number("burst", 0),
                    ..config
                };
                limiter
                    .reconfigure(&next, &now)
                    .map_or(Misuse::Config.into(), |()| Status::OK)
            }
            "look" => Status::OK,
            verb => panic!("limiter cannot {verb}"),
        };
        step.expect(answer);
        let seen = limiter.snapshot(now);
        step.check("limit", seen.limit);
        step.check("remaining", seen.remaining);
        step.check("reset_ns", seen.reset.0);
        step.check("retry_after_ns", refused_for.unwrap_or(seen.retry_after).0);
        let counters = [
            ("allowed", seen.allowed),
            ("refused", seen.refused),
            ("shadow_refused", seen.shadow_refused),
        ];
        step.check_group("counters", &counters);
    }
}
