//! Five hundred queued messages, an outage of thirty seconds, and the moment it ends.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use seawall::core::policy::{Action, End};
use seawall::{Ended, HeldCall, Nanos, Options};

use crate::world::{MILLI, SECOND, dependency, wall};

const MESSAGES: usize = 500;
const OUTAGE: u64 = 30 * SECOND;
const BIN: u64 = 100 * MILLI;
/// When the outage begins, and all messages with it.
const START: u64 = SECOND;

/// How many were sent in the fullest 100 ms after the first, and when the last was through.
fn told(jitter: &str) -> (u64, u64, u64) {
    let wall = wall();
    let policy = format!(
        r#"
        timeout = "1s"
        breaker = "off"
        retry = {{ attempts = 100, base = "1s", factor = 2, cap = "16s", jitter = "{jitter}", budget = {{ mode = "shadow" }} }}
        "#
    );
    let broker = dependency(&wall, "broker", &policy);
    let mut bins = BTreeMap::<u64, u64>::new();
    let mut woken = BinaryHeap::new();
    let mut calls: Vec<HeldCall> = Vec::new();
    let (mut last, mut sent) = (0, 0);
    // A message is tried, and comes back later or is through.
    let mut tried = |call: &mut HeldCall, now: u64, is_first: bool| {
        sent += 1;
        if !is_first {
            *bins.entry((now - START) / BIN).or_default() += 1;
        }
        let ended = if now < START + OUTAGE {
            Ended::FAILURE
        } else {
            Ended::SUCCESS
        };
        let step = call.ended(ended, None, Nanos(now)).expect("its turn");
        match step.action {
            Action::Sleep { span } => Some(now + span.0),
            Action::Finish(finish) => {
                assert_eq!(finish.end, End::Success, "no message is lost");
                last = last.max(now - START);
                None
            }
            other => panic!("{other:?}"),
        }
    };
    for message in 0..MESSAGES {
        let (mut call, step) = broker
            .begin_held(&Options::DEFAULT, Nanos(START))
            .expect("a call of one token");
        assert!(matches!(step.action, Action::Run { .. }));
        let back = tried(&mut call, START, true).expect("the broker is out");
        woken.push(Reverse((back, message)));
        calls.push(call);
    }
    while let Some(Reverse((now, message))) = woken.pop() {
        let call = &mut calls[message];
        let step = call.woke(Nanos(now)).expect("its turn");
        assert!(matches!(step.action, Action::Run { .. }), "{step:?}");
        if let Some(back) = tried(call, now, false) {
            woken.push(Reverse((back, message)));
        }
    }
    (bins.into_values().max().unwrap_or(0), last, sent)
}

#[test]
fn five_hundred_messages_do_not_come_back_as_one() {
    let mut worst = BTreeMap::new();
    println!("500 messages after an outage of 30 s, waits of 1, 2, 4, 8, 16 s:");
    for jitter in ["none", "equal", "decorrelated", "full"] {
        let (most, last, sent) = told(jitter);
        println!(
            "  {jitter:>12}: {most:>3} in the worst later 100 ms, {sent} sent, the last through +{:.1} s",
            last as f64 / SECOND as f64
        );
        worst.insert(jitter, most);
    }
    assert_eq!(
        worst["none"], 500,
        "without jitter all of them come at once"
    );
    assert!(worst["full"] <= 110, "full jitter: {}", worst["full"]);
    assert!(worst["equal"] <= 150, "equal jitter: {}", worst["equal"]);
}
