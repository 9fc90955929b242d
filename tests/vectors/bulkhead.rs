//! Stories of the bulkhead.

use std::collections::HashMap;

use seawall_core::bulkhead::{Config, Permit};
use seawall_core::{ConfigError, Misuse, Owner, Refusal, Status};

use crate::story::Story;

fn status<E: Into<Status>>(answer: Result<(), E>) -> Status {
    answer.map_or_else(Into::into, |()| Status::OK)
}

pub fn tell(story: &Story) {
    let config = Config {
        max_concurrent: story.number("max_concurrent", 20),
        reserved: story.number("reserved", 0),
        max_waiting: story.number("max_waiting", 0),
        mode: story.mode(),
    };
    let capacity = story.number("capacity", config.max_concurrent);
    let made = config
        .validate(capacity)
        .and_then(|()| seawall::bulkhead::allocate(capacity.max(1), &config));
    let Some(bulkhead) = story.made(made) else {
        return;
    };
    // A permit is kept as its words, because a story may release it twice.
    let mut permits: HashMap<String, (u64, u32)> = HashMap::new();
    for step in story.steps() {
        let owner = || Owner::from_raw(step.number("owner", 1) as u32).expect("an owner");
        let answer = match step.verb() {
            "acquire" => {
                let critical = step.fields["critical"].as_bool().unwrap_or(false);
                match bulkhead.try_acquire(owner(), critical, &step.at()) {
                    Ok(permit) => {
                        permits.insert(step.text("as"), permit.into_raw());
                        Status::OK
                    }
                    Err(refusal) => refusal.reason.into(),
                }
            }
            "release" => {
                let (token, owner) = permits[&step.text("permit")];
                let permit = Permit::from_raw(token, owner).expect("a permit");
                if bulkhead.release(permit) {
                    Status::OK
                } else {
                    Status::STALE
                }
            }
            "resize" => {
                let (limit, reserved) = (
                    step.number("max_concurrent", 0) as u32,
                    step.number("reserved", 0) as u32,
                );
                status(
                    bulkhead
                        .resize(limit, reserved)
                        .map_err(|_: ConfigError| Misuse::Config),
                )
            }
            "begin_wait" => status(
                bulkhead
                    .begin_wait()
                    .map_err(|refusal: Refusal| refusal.reason),
            ),
            "end_wait" => {
                bulkhead.end_wait();
                Status::OK
            }
            "reclaim" => {
                bulkhead.reclaim(owner());
                Status::OK
            }
            "look" => Status::OK,
            verb => panic!("bulkhead cannot {verb}"),
        };
        step.expect(answer);
        let seen = bulkhead.snapshot(step.at());
        step.check("limit", u64::from(seen.limit));
        step.check("in_use", u64::from(seen.in_use));
        step.check("waiting", u64::from(seen.waiting));
        step.check("rejected", seen.rejected);
        step.check("shadow_refused", seen.shadow_refused);
        step.check("stale", seen.stale);
        step.check("longest_hold_ns", seen.longest_hold.0);
    }
}
