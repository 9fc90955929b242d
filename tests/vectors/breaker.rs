//! Stories of the breaker.

use std::collections::HashMap;

use seawall_core::breaker::{Breaker, Config, Permit, Transition};
use seawall_core::{Misuse, Nanos, Owner, Refusal, Status};

use crate::story::{Step, Story};

fn config(story: &Story) -> Config {
    let default = Config::default();
    Config {
        consecutive_failures: story.number("consecutive_failures", default.consecutive_failures),
        consecutive_always: story.flag("consecutive_always"),
        failure_permille: story.number("failure_permille", default.failure_permille),
        slow_permille: story.number("slow_permille", default.slow_permille),
        slow_after: Nanos(story.number("slow_after_ns", default.slow_after.0)),
        window_calls: story.number("window_calls", default.window_calls),
        window: Nanos(story.number("window_ns", default.window.0)),
        min_calls: story.number("min_calls", default.min_calls),
        open_for: Nanos(story.number("open_for_ns", default.open_for.0)),
        open_backoff_permille: story.number("open_backoff_permille", default.open_backoff_permille),
        open_max: Nanos(story.number("open_max_ns", default.open_max.0)),
        open_jitter_permille: story.number("open_jitter_permille", default.open_jitter_permille),
        probes: story.number("probes", default.probes),
        probe_lease: Nanos(story.number("probe_lease_ns", default.probe_lease.0)),
        min_witnesses: story.number("min_witnesses", default.min_witnesses),
        mode: story.mode(),
        seed: story.number("seed", default.seed),
    }
}

struct Told {
    breaker: Breaker,
    permits: HashMap<String, Option<Permit>>,
    transition: Option<Transition>,
    refusal: Option<Refusal>,
}

pub fn tell(story: &Story) {
    let Some(breaker) = story.made(Breaker::new(&config(story))) else {
        return;
    };
    let mut told = Told {
        breaker,
        permits: HashMap::new(),
        transition: None,
        refusal: None,
    };
    for step in story.steps() {
        (told.transition, told.refusal) = (None, None);
        let status = told.play(&step);
        step.expect(status);
        told.check(&step);
    }
}

impl Told {
    fn acquire(&mut self, step: &Step) -> Result<Permit, Status> {
        let owner = Owner::from_raw(step.number("owner", 1) as u32).expect("an owner");
        match self.breaker.try_acquire(owner, &step.at()) {
            Ok(admission) => {
                self.transition = admission.transition;
                Ok(admission.permit)
            }
            Err(refusal) => {
                self.refusal = Some(refusal);
                Err(refusal.reason.into())
            }
        }
    }

    fn record(&mut self, step: &Step, permit: Permit) -> Status {
        let retry_after = Nanos(step.number("retry_after_ns", 0));
        let recorded = self
            .breaker
            .record(permit, step.outcome(), retry_after, &step.at());
        self.transition = recorded.transition.or(self.transition);
        if recorded.late {
            Status::LATE
        } else {
            Status::OK
        }
    }

    fn play(&mut self, step: &Step) -> Status {
        let held = self.permits.get_mut(&step.text("permit")).map(Option::take);
        match (step.verb(), held) {
            ("acquire", _) => match self.acquire(step) {
                Ok(permit) => {
                    self.permits.insert(step.text("as"), Some(permit));
                    Status::OK
                }
                Err(status) => status,
            },
            ("call", _) => match self.acquire(step) {
                Ok(permit) => {
                    self.record(step, permit);
                    Status::OK
                }
                Err(status) => status,
            },
            ("record", Some(Some(permit))) => self.record(step, permit),
            ("cancel", Some(Some(permit))) => {
                if self.breaker.cancel(permit).late {
                    Status::LATE
                } else {
                    Status::OK
                }
            }
            ("record" | "cancel", Some(None)) => Misuse::Spent.into(),
            ("force_open", _) => self.by_hand(Breaker::force_open),
            ("disable", _) => self.by_hand(Breaker::disable),
            ("reset", _) => self.by_hand(Breaker::reset),
            ("reclaim", _) => {
                self.breaker
                    .reclaim(Owner::from_raw(step.number("owner", 1) as u32).expect("an owner"));
                Status::OK
            }
            ("look", _) => Status::OK,
            (verb, _) => panic!("breaker cannot {verb}"),
        }
    }

    fn by_hand(&mut self, change: impl Fn(&Breaker) -> Option<Transition>) -> Status {
        self.transition = change(&self.breaker);
        Status::OK
    }

    fn check(&self, step: &Step) {
        let seen = self.breaker.snapshot(step.at());
        step.check_word("state", seen.state.name());
        step.check("generation", u64::from(seen.generation));
        let window = seen.window;
        step.check_group(
            "window",
            &[
                ("calls", window.calls),
                ("failures", window.failures),
                ("slow", window.slow),
            ],
        );
        step.check("streak", seen.streak);
        step.check("probes_in_flight", u64::from(seen.probes_in_flight));
        let retry_after = self
            .refusal
            .map_or(seen.retry_after, |refusal| refusal.retry_after);
        if matches!(step.verb(), "acquire" | "look") {
            step.check("retry_after_ns", retry_after.0);
        }
        let change = self
            .transition
            .map(|change| format!("{}->{}", change.from.name(), change.to.name()));
        step.check_word("transition", &change.unwrap_or_default());
        step.check_group(
            "counters",
            &[
                ("success", seen.success),
                ("failure", seen.failure),
                ("ignored", seen.ignored),
                ("slow", seen.slow),
                ("refused", seen.refused),
                ("shadow_refused", seen.shadow_refused),
                ("late", seen.late),
                ("opened", seen.opened),
            ],
        );
    }
}
