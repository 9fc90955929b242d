//! Open the policies, take a dependency, call.
//!
//! `cargo run --example dependency`

use std::io::{Error, ErrorKind};
use std::time::Duration;

use seawall::{DependencyError, Fallback, LastGood, Options, Seawall, classify, testing};

/// In a service this is a file, and `Seawall::open("seawall.toml")` reads it.
const POLICIES: &str = r#"
[dependency.payments]
criticality = "critical"
timeout = "2s"
deadline = "5s"
idempotent = false
retry = { attempts = 2, base = "100ms" }
breaker = { consecutive_failures = 3, open_for = "30s" }
bulkhead = { max_concurrent = 20 }

[dependency.recommendations]
criticality = "optional"
timeout = "200ms"
"#;

/// The network, as it is on a bad day.
struct Network {
    is_up: bool,
}

impl Network {
    fn charge(&self, order: u32, key: &str, within: Duration) -> Result<String, Error> {
        if self.is_up {
            Ok(format!(
                "receipt {order} (key {}..., {within:?})",
                &key[..8]
            ))
        } else {
            Err(Error::from(ErrorKind::ConnectionRefused))
        }
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // A clock that is moved by hand, so that this example takes no half minute; leave it out in a service.
    let time = testing::FakeClock::new();
    let wall = Seawall::options()
        .clock(time.clock())
        .parse(POLICIES, "seawall.toml")?;
    wall.on_event(|event| println!("  event: {}: {:?}", event.dependency, event.kind));

    // A call: the error of the last attempt, or a refusal that says when to come back.
    let payments = wall.dependency("payments")?;
    testing::no_waiting(&payments, &time);
    let mut network = Network { is_up: false };
    for order in 1..=4 {
        let receipt = payments.call_with(&Options::DEFAULT, classify::io, |attempt| {
            network.charge(order, &attempt.idempotency_key(), attempt.remaining())
        });
        match receipt {
            Ok(receipt) => println!("{receipt}"),
            Err(DependencyError::Refused(refusal)) => println!("order {order} waits: {refusal}"),
            Err(error) => println!("order {order} failed: {error}"),
        }
    }
    network.is_up = true;
    time.advance(Duration::from_secs(33));
    let receipt = payments
        .call(|attempt| network.charge(5, &attempt.idempotency_key(), attempt.remaining()))?;
    println!("{receipt}");

    // A fallback: the last good answer for a minute, then none at all.
    let kept = LastGood::new(Duration::from_secs(60), 1_000)?;
    let recommendations = wall
        .dependency("recommendations")?
        .calling()
        .fallback(Fallback::last_good(&kept, "ada").or(Fallback::value(Vec::new())))?;
    recommendations.call(|_| Ok::<_, Error>(vec!["socks", "a scarf"]))?;
    for later in [1, 60] {
        time.advance(Duration::from_secs(later));
        let detailed =
            recommendations.call_detailed(|_| Err(Error::from(ErrorKind::ConnectionReset)));
        println!(
            "{:?}, from {:?}",
            detailed.result?,
            detailed.degraded.map(|degraded| degraded.source)
        );
    }
    println!("{:#?}", payments.snapshot().counts);
    Ok(())
}
