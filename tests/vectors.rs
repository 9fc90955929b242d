//! Runs every story of `tests/vectors` against the core, as each language does against its package.
//! `tests/model` runs the same stories against the model.

#[path = "vectors/breaker.rs"]
mod breaker;
#[path = "vectors/bulkhead.rs"]
mod bulkhead;
#[path = "vectors/http.rs"]
mod http;
#[path = "vectors/limiter.rs"]
mod limiter;
#[path = "vectors/plain.rs"]
mod plain;
#[path = "vectors/policy.rs"]
mod policy;
#[path = "vectors/retry_budget.rs"]
mod retry_budget;
#[path = "vectors/story.rs"]
mod story;

use serde_json::Value;
use story::Story;

fn run(name: &str) -> u64 {
    let path = format!("{}/tests/vectors/{name}.json", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).expect("the vector file is there");
    let file: Value = serde_json::from_str(&text).expect("the vector file is JSON");
    let cases = file["cases"].as_array().expect("a list of cases");
    for case in cases {
        let primitive = case["primitive"]
            .as_str()
            .or(file["primitive"].as_str())
            .expect("a primitive");
        if primitive == "policy" {
            policy::tell(case);
            continue;
        }
        let story = Story::new(primitive, case);
        match primitive {
            "breaker" => breaker::tell(&story),
            "bulkhead" => bulkhead::tell(&story),
            "limiter" => limiter::tell(&story),
            "retry_budget" => retry_budget::tell(&story),
            "backoff" => plain::backoff(&story),
            "deadline" => plain::deadline(&story),
            "histogram" => plain::histogram(&story),
            "http" => http::http(&story),
            other => panic!("no runner for {other}"),
        }
    }
    cases.len() as u64
}

#[test]
fn every_story_ends_as_told() {
    let names = [
        "breaker",
        "bulkhead",
        "limiter",
        "retry_budget",
        "backoff",
        "deadline",
        "histogram",
        "http",
        "policy",
    ];
    let passed: u64 = names.iter().map(|name| run(name)).sum();
    assert!(passed >= 500, "only {passed} cases");
    println!("vectors passed: {passed}");
    if let Ok(report) = std::env::var("SEAWALL_VECTORS_REPORT") {
        std::fs::write(report, passed.to_string()).expect("the report can be written");
    }
}

#[test]
fn every_story_of_several_owners_ends_as_told() {
    assert!(run("owners") > 0);
}
