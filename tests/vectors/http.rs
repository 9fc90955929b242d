//! Stories of headers and of what HTTP says: no object, one answer for each step.

use seawall_core::deadline::header::{self, HeaderError, HeaderText};
use seawall_core::http::{self, Trouble};
use seawall_core::policy::Ended;
use seawall_core::{Misuse, Nanos, Outcome, Status, retry_after};

use crate::story::{Step, Story};

pub fn http(story: &Story) {
    for step in story.steps() {
        let text = || step.text("text").repeat(step.number("copies", 1) as usize);
        match step.verb() {
            "grpc_timeout" => read(&step, header::from_grpc(text())),
            "timeout_ms" => read(&step, header::from_millis(text())),
            "retry_after" => {
                let now = step.number("unix_ms", 0);
                read(&step, retry_after::parse(text(), now));
            }
            "write_grpc_timeout" => written(&step, header::to_grpc),
            "write_timeout_ms" => written(&step, header::to_millis),
            "status" => {
                let asked = Nanos(step.number("retry_after_ns", 0));
                said(&step, &http::ended(step.number("status", 0) as u32, asked));
            }
            "trouble" => {
                let words = [
                    "not_connected",
                    "connect_timeout",
                    "read_timeout",
                    "reset",
                    "protocol",
                    "other",
                ];
                let word = step.text("trouble");
                let place = words.iter().position(|known| *known == word);
                let number = place.unwrap_or_else(|| panic!("no trouble {word}")) as u32 + 1;
                let trouble = Trouble::from_number(number).expect("a trouble");
                said(&step, &trouble.ended());
            }
            "idempotent" => step.check_flag("idempotent", http::is_idempotent(step.text("method"))),
            verb => panic!("http cannot {verb}"),
        }
    }
}

fn read(step: &Step<'_>, answer: Result<Nanos, HeaderError>) {
    match answer {
        Ok(span) => {
            step.expect(Status::OK);
            step.check("span_ns", span.0);
        }
        Err(_) => step.expect(Misuse::Header),
    }
}

fn written(step: &Step<'_>, write: impl Fn(Nanos) -> Option<HeaderText>) {
    let text = write(Nanos(step.number("span_ns", 0))).expect("a span that is written");
    step.expect(Status::OK);
    step.check_word("text", text.as_str());
}

fn said(step: &Step<'_>, ended: &Ended) {
    let outcomes = ["success", "failure", "ignored"];
    let causes = ["failure", "throttled", "timeout"];
    step.check_word("outcome", outcomes[ended.outcome as usize]);
    step.check_word("cause", causes[ended.cause as usize]);
    step.check_flag("retryable", ended.is_retryable);
    step.check_flag("not_sent", ended.was_not_sent);
    if ended.outcome == Outcome::Success {
        assert_eq!(ended.retry_after, Nanos::ZERO, "a success asks for no wait");
    }
}
