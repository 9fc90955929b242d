//! Five layers that each try three times, and what arrives at the bottom.

use seawall::core::policy::End;
use seawall::{Dependency, Ended, Options};

use crate::world::{MILLI, SECOND, call, dependency, wall};

const LAYERS: usize = 5;

fn stack(policies: [&str; LAYERS]) -> Vec<Dependency> {
    let wall = wall();
    let name = |depth| format!("layer-{depth}");
    let all = policies.iter().enumerate();
    all.map(|(depth, policy)| dependency(&wall, &name(depth), policy))
        .collect()
}

/// One request through all layers to a leaf that fails; says whether it came back well.
fn send(layers: &[Dependency], now: &mut u64, arrived: &mut u64) -> bool {
    let Some((layer, below)) = layers.split_first() else {
        *arrived += 1;
        *now += MILLI;
        return false;
    };
    let finish = call(layer, &Options::DEFAULT, now, |_, now| {
        if send(below, now, arrived) {
            Ended::SUCCESS
        } else {
            Ended::FAILURE
        }
    });
    finish.end == End::Success
}

const TRIES_THREE: &str = r#"
    timeout = "1h"
    breaker = "off"
    retry = { attempts = 3, base = "1ms", budget = "off" }
"#;
const TRIES_ONCE: &str = r#"
    timeout = "1h"
    breaker = "off"
"#;
const WITHIN_BUDGET: &str = r#"
    timeout = "1h"
    breaker = "off"
    retry = { attempts = 3, base = "1ms", budget = { ratio = "10%", min_per_second = 0 } }
"#;
const AS_IT_COMES: &str = r#"
    timeout = "1h"
    retry = { attempts = 3, base = "1ms" }
"#;

#[test]
fn five_layers_of_three_tries_are_243_requests_unless_one_layer_retries() {
    let mut now = SECOND;
    let mut bare = 0;
    send(&stack([TRIES_THREE; LAYERS]), &mut now, &mut bare);
    println!("five layers of three tries, a dead leaf: {bare} requests for one");
    assert_eq!(bare, 243);

    for depth in 0..LAYERS {
        let mut policies = [TRIES_ONCE; LAYERS];
        policies[depth] = TRIES_THREE;
        let mut arrived = 0;
        send(&stack(policies), &mut now, &mut arrived);
        println!("  only layer {} retries: {arrived}", depth + 1);
        assert!(arrived <= 3, "{arrived}");
    }
}

#[test]
fn budgets_keep_five_retrying_layers_near_one_request_for_one() {
    const REQUESTS: u64 = 10_000;
    for (name, policy, most) in [
        ("budgets of 10 %", WITHIN_BUDGET, 1.1f64.powi(LAYERS as i32)),
        ("budgets and breakers as they come", AS_IT_COMES, 1.0),
    ] {
        let layers = stack([policy; LAYERS]);
        let (mut now, mut arrived) = (SECOND, 0);
        for _ in 0..REQUESTS {
            send(&layers, &mut now, &mut arrived);
            now += MILLI;
        }
        let share = arrived as f64 / REQUESTS as f64;
        println!("five retrying layers, {name}: {arrived} requests for {REQUESTS} ({share:.3})");
        assert!(share <= most + 0.001, "{share} of at most {most}");
    }
}
