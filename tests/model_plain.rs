//! What keeps no decision of its own, against its model: backoff, deadline and histogram.

#[path = "support/histories.rs"]
mod histories;

use histories::numbers;
use proptest::prelude::*;
use seawall_core::backoff::{Backoff, Jitter};
use seawall_core::{Deadline, Histogram, Nanos};
use seawall_model::{backoff, deadline, histogram};

const DAY: u64 = 86_400_000_000_000;

#[test]
fn every_wait_is_that_of_the_model() {
    let jitters = [
        Jitter::Full,
        Jitter::Equal,
        Jitter::Decorrelated,
        Jitter::None,
    ];
    let wait = (
        0..=3usize,
        (
            numbers(0, DAY),
            1_000..=10_000u32,
            numbers(0, DAY),
            numbers(0, u64::MAX),
        ),
        proptest::collection::vec(
            (
                numbers(0, 1_200),
                numbers(0, u64::MAX),
                numbers(0, u64::MAX),
                numbers(0, u64::MAX),
            ),
            1..64,
        ),
    );
    histories::run(
        "backoff",
        32_000,
        1_000_000,
        wait,
        |(kind, (base, factor, more, margin), waits)| {
            let core = Backoff {
                base: Nanos(base),
                factor_permille: factor,
                cap: Nanos((base + more).min(DAY)),
                jitter: jitters[kind],
                retry_after_margin: Nanos(margin),
            };
            core.validate().expect("valid");
            let told = backoff::Config {
                base_ns: base,
                factor_permille: factor,
                cap_ns: core.cap.0,
                jitter: match core.jitter {
                    Jitter::Full => backoff::Jitter::Full,
                    Jitter::Equal => backoff::Jitter::Equal,
                    Jitter::Decorrelated => backoff::Jitter::Decorrelated,
                    Jitter::None => backoff::Jitter::None,
                },
                retry_after_margin_ns: margin,
            };
            for (attempt, previous, random, asked) in &waits {
                assert_eq!(
                    core.delay(*attempt as u32, Nanos(*previous), *random, Nanos(*asked))
                        .0,
                    told.delay(*attempt as u32, *previous, *random, *asked),
                    "attempt {attempt}, previous {previous}, random {random}, asked {asked}"
                );
            }
            waits.len() as u64
        },
    );
}

#[test]
fn every_deadline_is_that_of_the_model() {
    let any_time = || numbers(0, u64::MAX);
    let steps =
        proptest::collection::vec((any_time(), any_time(), any_time(), 0..=1_000u16), 1..64);
    histories::run("deadline", 32_000, 1_000_000, steps, |steps| {
        for (now, span, other, permille) in &steps {
            let at = Nanos(*now);
            let core = Deadline::after(at, Nanos(*span));
            let told = deadline::Deadline::after(*now, *span);
            let other_told = deadline::Deadline { at_ns: *other };
            assert_eq!(core.moment().0, told.at_ns);
            assert_eq!(
                core.nearer(Deadline::at(Nanos(*other))).moment().0,
                told.nearer(other_told).at_ns
            );
            assert_eq!(core.remaining(Nanos(*other)).0, told.remaining(*other));
            assert_eq!(core.is_expired(Nanos(*other)), told.is_expired(*other));
            assert_eq!(
                core.keep(at, *permille).moment().0,
                told.keep(*now, *permille).at_ns
            );
            assert_eq!(
                core.attempt_timeout(Nanos(*span), Nanos(*other)).0,
                told.attempt_timeout(*span, *other)
            );
        }
        steps.len() as u64
    });
}

#[test]
fn every_quantile_is_that_of_the_model() {
    let values = proptest::collection::vec((numbers(0, u64::MAX), 0..=1_000_000u32), 1..256);
    histories::run(
        "histogram",
        9_000,
        1_000_000,
        (values, any::<bool>()),
        |(values, merge)| {
            let (core, other) = (Histogram::new(), Histogram::new());
            let mut told = histogram::Histogram::default();
            for (index, (value, _)) in values.iter().enumerate() {
                let half = if merge && index % 2 == 0 {
                    &other
                } else {
                    &core
                };
                half.record(Nanos(*value));
                told.record(*value);
            }
            core.merge(&other);
            for (_, ppm) in values.iter().take(8) {
                assert_eq!(core.quantile(*ppm).0, told.quantile(*ppm), "{ppm} ppm");
            }
            assert_eq!(core.total(), told.total());
            values.len() as u64
        },
    );
}
