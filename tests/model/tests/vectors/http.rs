use seawall_model::http::{self, Said};
use seawall_model::{Answer, Outcome};
use serde_json::{Value, json};

use super::{Fields, Story};

pub struct Told;

/// What a verb that reads makes of its text.
fn read(step: Fields<'_>) -> Option<u64> {
    let copies = step.number_or("copies", 1_usize);
    let text = step.word("text").expect("a text").repeat(copies);
    match step.word("do").expect("a verb") {
        "grpc_timeout" => http::grpc_timeout(text.as_bytes()),
        "timeout_ms" => http::timeout_ms(text.as_bytes()),
        "retry_after" => http::retry_after(text.as_bytes(), step.number("unix_ms")),
        other => panic!("no verb {other}"),
    }
}

fn said(said: Said) -> Value {
    json!({
        "outcome": if said.outcome == Outcome::Success { "success" } else { "failure" },
        "retryable": said.retryable,
        "not_sent": said.not_sent,
        "cause": said.cause,
    })
}

impl Story for Told {
    fn arguments(verb: &str) -> &'static [&'static str] {
        match verb {
            "grpc_timeout" | "timeout_ms" => &["text", "copies"],
            "retry_after" => &["text", "copies", "unix_ms"],
            "write_grpc_timeout" | "write_timeout_ms" => &["span_ns"],
            "status" => &["status", "retry_after_ns"],
            "trouble" => &["trouble"],
            "idempotent" => &["method"],
            _ => &[],
        }
    }

    fn new(fields: Fields<'_>) -> Result<Self, &'static str> {
        fields.knows(&[]);
        Ok(Told)
    }

    fn act(&mut self, verb: &str, step: Fields<'_>) -> Answer {
        let is_refused = Self::arguments(verb).contains(&"text") && read(step).is_none();
        if is_refused {
            Answer::Header
        } else {
            Answer::Ok
        }
    }

    fn look(&self, step: Fields<'_>) -> Value {
        match step.word("do").expect("a verb") {
            "write_grpc_timeout" => {
                json!({ "text": http::write_grpc_timeout(step.number("span_ns")) })
            }
            "write_timeout_ms" => json!({ "text": http::write_timeout_ms(step.number("span_ns")) }),
            "status" => {
                let has_wait = step.number_or("retry_after_ns", 0_u64) > 0;
                said(http::status(step.number("status"), has_wait))
            }
            "trouble" => said(http::trouble(step.word("trouble").expect("a trouble"))),
            "idempotent" => {
                json!({ "idempotent": http::idempotent(step.word("method").expect("a method")) })
            }
            _ => json!({ "span_ns": read(step) }),
        }
    }
}
