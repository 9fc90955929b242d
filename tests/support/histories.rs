//! Random histories: what to generate, how time jumps, and a runner that prints its seed.
#![allow(dead_code, reason = "each test takes what it needs of it")]

use std::cell::Cell;

use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

/// Runs `play` on random values until `cases` are done and `steps` steps were compared. The seed is fixed, so
/// that a red build is red again at the desk; `SEAWALL_SEED` takes another one.
pub fn run<S: Strategy>(
    name: &str,
    cases: u32,
    steps: u64,
    strategy: S,
    play: impl Fn(S::Value) -> u64,
) {
    let seed: u64 = std::env::var("SEAWALL_SEED")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(247);
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let config = Config {
        cases,
        failure_persistence: None,
        max_shrink_iters: 20_000,
        ..Config::default()
    };
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let done = Cell::new(0);
    let answer = TestRunner::new_with_rng(config, rng).run(&strategy, |value| {
        done.set(done.get() + play(value));
        Ok(())
    });
    if let Err(error) = answer {
        panic!("{name}: SEAWALL_SEED={seed}: {error}");
    }
    println!(
        "{name}: {} steps in {cases} histories, seed {seed}",
        done.get()
    );
    assert!(done.get() >= steps, "only {} steps", done.get());
}

/// How the time moves before a step.
#[derive(Clone, Copy, Debug)]
pub enum Jump {
    /// Not at all.
    Stay,
    /// By so many nanoseconds.
    Ahead(u64),
    /// By a span that matters to the primitive, and so many nanoseconds less or more.
    Span(usize, i64),
    /// To the next multiple of a span that matters, and so many nanoseconds less or more.
    Edge(usize, i64),
    /// Back by so many nanoseconds.
    Back(u64),
}

/// Jumps of all kinds; `huge` is the longest.
pub fn jumps(huge: u64) -> impl Strategy<Value = Jump> {
    prop_oneof![
        8 => Just(Jump::Stay),
        4 => (1..1_000u64).prop_map(Jump::Ahead),
        6 => (1..50_000_000u64).prop_map(Jump::Ahead),
        3 => (1..5_000_000_000u64).prop_map(Jump::Ahead),
        4 => (0..8usize, -1..=1i64).prop_map(|(which, off)| Jump::Span(which, off)),
        4 => (0..8usize, -1..=1i64).prop_map(|(which, off)| Jump::Edge(which, off)),
        1 => (1..=huge).prop_map(Jump::Ahead),
        1 => (1..20_000_000_000u64).prop_map(Jump::Back),
    ]
}

impl Jump {
    /// The time after the jump, within `least..=most`.
    pub fn from(self, now: u64, spans: &[u64], least: u64, most: u64) -> u64 {
        let span = |which: usize| spans[which % spans.len()].max(1);
        let then = match self {
            Jump::Stay => now,
            Jump::Ahead(by) => now.saturating_add(by),
            Jump::Span(which, off) => now.saturating_add(span(which)).saturating_add_signed(off),
            Jump::Edge(which, off) => (now / span(which) + 1)
                .saturating_mul(span(which))
                .saturating_add_signed(off),
            Jump::Back(by) => now.saturating_sub(by),
        };
        then.clamp(least, most)
    }
}

/// A number of `low..=high`, often one of the two, else of any magnitude.
pub fn numbers(low: u64, high: u64) -> impl Strategy<Value = u64> {
    let spread = high - low;
    prop_oneof![
        1 => Just(low),
        1 => Just(high),
        6 => (0..=64u32, any::<u64>()).prop_map(move |(bits, raw)| {
            let raw = if bits == 64 { raw } else { raw & ((1 << bits) - 1) };
            low + if spread == u64::MAX { raw } else { raw % (spread + 1) }
        }),
    ]
}

/// Where histories begin: at the first moments of a clock, and after some uptime.
pub fn starts() -> impl Strategy<Value = u64> {
    prop_oneof![Just(0), Just(1), Just(1_000_000_000), 0..1u64 << 50]
}
