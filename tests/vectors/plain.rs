//! Stories of what keeps no decision of its own: backoff, deadline, histogram.

use seawall_core::backoff::{Backoff, Jitter};
use seawall_core::{Deadline, Histogram, Nanos};

use crate::story::Story;

pub fn backoff(story: &Story) {
    let default = Backoff::default();
    let jitter = story.word("jitter", &["full", "equal", "decorrelated", "none"]);
    let backoff = Backoff {
        base: Nanos(story.number("base_ns", default.base.0)),
        factor_permille: story.number("factor_permille", default.factor_permille),
        cap: Nanos(story.number("cap_ns", default.cap.0)),
        jitter: Jitter::from_number(jitter).expect("a jitter"),
        retry_after_margin: Nanos(
            story.number("retry_after_margin_ns", default.retry_after_margin.0),
        ),
    };
    if story.made(backoff.validate()).is_none() {
        return;
    }
    for step in story.steps() {
        let attempt = step.number("attempt", 1) as u32;
        let (previous, random) = (
            Nanos(step.number("previous_ns", 0)),
            step.number("random", 0),
        );
        let delay = backoff.delay(
            attempt,
            previous,
            random,
            Nanos(step.number("retry_after_ns", 0)),
        );
        step.check("delay_ns", delay.0);
    }
}

pub fn deadline(story: &Story) {
    let mut deadline = Deadline::at(Nanos(story.number("at_ns", Deadline::NEVER.moment().0)));
    for step in story.steps() {
        let now = step.at();
        match step.verb() {
            "after" => deadline = Deadline::after(now, Nanos(step.number("duration_ns", 0))),
            "keep" => deadline = deadline.keep(now, step.number("reserve_permille", 0) as u16),
            "nearer" => {
                deadline =
                    deadline.nearer(Deadline::at(Nanos(step.number("at_other_ns", u64::MAX))))
            }
            "attempt_timeout" => {
                step.check(
                    "attempt_ns",
                    deadline
                        .attempt_timeout(Nanos(step.number("timeout_ns", 0)), now)
                        .0,
                );
            }
            "remaining" => {}
            verb => panic!("deadline cannot {verb}"),
        }
        step.check("remaining_ns", deadline.remaining(now).0);
        if let Some(expired) = step.fields["expired"].as_bool() {
            assert_eq!(deadline.is_expired(now), expired, "expired at {now}");
        }
    }
}

pub fn histogram(story: &Story) {
    let histogram = Histogram::new();
    for step in story.steps() {
        match step.verb() {
            "record" => histogram.record(Nanos(step.number("value_ns", 0))),
            "quantile" => step.check(
                "value_ns",
                histogram.quantile(step.number("ppm", 0) as u32).0,
            ),
            "look" => {}
            verb => panic!("histogram cannot {verb}"),
        }
        step.check("total", histogram.total());
    }
}
