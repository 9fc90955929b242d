//! The breaker against its model: the same random history gives the same answers and the same sight of it
//! after every step.

#[path = "support/histories.rs"]
mod histories;

use std::sync::atomic::{AtomicU64, Ordering};

use histories::{Jump, jumps, numbers, starts};
use proptest::prelude::*;
use seawall_core::breaker::{Breaker, Config, Permit, Transition};
use seawall_core::{Mode, Nanos, Outcome, Owner, Status};
use seawall_model::breaker as model;

const MILLI: u64 = 1_000_000;
const DAY: u64 = 86_400_000 * MILLI;

/// What all histories together counted, to show that every path was taken.
static SEEN: [AtomicU64; 8] = [const { AtomicU64::new(0) }; 8];

#[derive(Clone, Debug)]
enum Op {
    Acquire(u32),
    Record(usize, Outcome, u64),
    Cancel(usize),
    Calls(u32, Outcome, u32, u64),
    ForceOpen,
    Disable,
    Reset,
    Reclaim(u32),
    Look,
}

fn outcomes() -> impl Strategy<Value = Outcome> {
    prop_oneof![
        4 => Just(Outcome::Success),
        4 => Just(Outcome::Failure),
        1 => Just(Outcome::Ignored),
    ]
}

fn ops() -> impl Strategy<Value = Op> {
    let waits = || prop_oneof![6 => Just(0u64), 1 => numbers(1, u64::MAX)];
    prop_oneof![
        30 => (1..=10u32).prop_map(Op::Acquire),
        30 => (any::<usize>(), outcomes(), waits()).prop_map(|(which, outcome, wait)| Op::Record(which, outcome, wait)),
        4 => any::<usize>().prop_map(Op::Cancel),
        30 => (1..=10u32, outcomes(), 1..12u32, waits())
            .prop_map(|(owner, outcome, times, wait)| Op::Calls(owner, outcome, times, wait)),
        1 => Just(Op::ForceOpen),
        1 => Just(Op::Disable),
        2 => Just(Op::Reset),
        2 => (1..=10u32).prop_map(Op::Reclaim),
        4 => Just(Op::Look),
    ]
}

fn configs() -> impl Strategy<Value = Config> {
    let small = |most: u64| prop_oneof![3 => 1..=6u64, 1 => numbers(1, most)];
    let permille = || prop_oneof![1 => Just(0u16), 1 => Just(1000), 4 => 1..=1000u16];
    let rules = (
        prop_oneof![1 => Just(0u32), 4 => 1..8u32, 1 => Just(1_000_000)],
        any::<bool>(),
        permille(),
        permille(),
        prop_oneof![Just(1u64), 1..50 * MILLI, Just(DAY)],
        prop_oneof![4 => Just(0u32), 3 => 1..=40u32, 1 => 1..=1024u32],
        prop_oneof![
            Just(10 * MILLI),
            10 * MILLI..1_000 * MILLI,
            Just(10_000 * MILLI),
            Just(DAY)
        ],
        small(60),
    );
    let opening = (
        prop_oneof![Just(MILLI), MILLI..500 * MILLI, Just(DAY)],
        1_000..=10_000u32,
        prop_oneof![1 => Just(0u64), 2 => 0..2_000 * MILLI, 1 => Just(DAY)],
        prop_oneof![Just(0u16), Just(500), 0..=500u16],
        prop_oneof![3 => 1..=4u32, 1 => 1..=32u32],
        prop_oneof![Just(MILLI), MILLI..500 * MILLI, Just(DAY)],
        prop_oneof![3 => Just(1u32), 2 => 2..=8u32],
        prop_oneof![6 => Just(Mode::Enforce), 1 => Just(Mode::Shadow), 1 => Just(Mode::Off)],
        any::<u64>(),
    );
    (rules, opening).prop_map(|(rules, opening)| Config {
        consecutive_failures: rules.0,
        consecutive_always: rules.1,
        failure_permille: rules.2,
        slow_permille: rules.3,
        slow_after: Nanos(rules.4),
        window_calls: rules.5,
        window: Nanos(rules.6),
        min_calls: if rules.5 == 0 {
            rules.7 as u32
        } else {
            (rules.7 as u32).min(rules.5)
        },
        open_for: Nanos(opening.0),
        open_backoff_permille: opening.1,
        open_max: Nanos((opening.0 + opening.2).min(DAY)),
        open_jitter_permille: opening.3,
        probes: opening.4,
        probe_lease: Nanos(opening.5),
        min_witnesses: opening.6,
        mode: opening.7,
        seed: opening.8,
    })
}

fn of_model(config: &Config) -> model::Config {
    model::Config {
        consecutive_failures: config.consecutive_failures,
        consecutive_always: config.consecutive_always,
        failure_permille: config.failure_permille,
        slow_permille: config.slow_permille,
        slow_after_ns: config.slow_after.0,
        window_calls: config.window_calls,
        window_ns: config.window.0,
        min_calls: config.min_calls,
        open_for_ns: config.open_for.0,
        open_backoff_permille: config.open_backoff_permille,
        open_max_ns: config.open_max.0,
        open_jitter_permille: config.open_jitter_permille,
        probes: config.probes,
        probe_lease_ns: config.probe_lease.0,
        min_witnesses: config.min_witnesses,
        mode: match config.mode {
            Mode::Enforce => seawall_model::Mode::Enforce,
            Mode::Shadow => seawall_model::Mode::Shadow,
            Mode::Off => seawall_model::Mode::Off,
        },
        seed: config.seed,
    }
}

fn outcome_of(outcome: Outcome) -> seawall_model::Outcome {
    match outcome {
        Outcome::Success => seawall_model::Outcome::Success,
        Outcome::Failure => seawall_model::Outcome::Failure,
        Outcome::Ignored => seawall_model::Outcome::Ignored,
    }
}

struct Pair {
    core: Breaker,
    model: model::Breaker,
    held: Vec<(Permit, model::Permit)>,
    /// How often each member died: a number that was reclaimed is never used again.
    deaths: [u32; 11],
    now: u64,
}

impl Pair {
    fn owner(&self, member: u32) -> u32 {
        member + 16 * self.deaths[member as usize]
    }

    fn same_change(&mut self, change: Option<Transition>) {
        let names = change.map(|change| (change.from.name(), change.to.name()));
        let told = self
            .model
            .take_change()
            .map(|(from, to)| (from.name(), to.name()));
        assert_eq!(names, told, "transition");
    }

    fn acquire(&mut self, member: u32) -> Option<(Permit, model::Permit)> {
        let owner = self.owner(member);
        let by = Owner::from_raw(owner).expect("an owner");
        let (core, model) = (
            self.core.try_acquire(by, &Nanos(self.now)),
            self.model.acquire(owner, self.now),
        );
        match (core, model) {
            (Ok(admission), Ok(permit)) => {
                self.same_change(admission.transition);
                Some((admission.permit, permit))
            }
            (Err(core), Err(model)) => {
                self.same_change(None);
                let status = Status::from(core.reason);
                assert_eq!(
                    (status.name(), core.retry_after.0),
                    (model.answer.name(), model.retry_after_ns)
                );
                None
            }
            (core, model) => panic!("core {core:?}, model {model:?}"),
        }
    }

    fn record(&mut self, (core, model): (Permit, model::Permit), outcome: Outcome, wait: u64) {
        let recorded = self
            .core
            .record(core, outcome, Nanos(wait), &Nanos(self.now));
        let told = self
            .model
            .record(model, outcome_of(outcome), wait, self.now);
        assert_eq!(recorded.late, told.name() == "late", "late");
        self.same_change(recorded.transition);
    }

    fn play(&mut self, op: &Op) -> u64 {
        let picked = |held: &Vec<_>, which: usize| (!held.is_empty()).then(|| which % held.len());
        match *op {
            Op::Acquire(owner) => {
                if let Some(both) = self.acquire(owner) {
                    self.held.push(both);
                }
            }
            Op::Record(which, outcome, wait) => {
                if let Some(index) = picked(&self.held, which) {
                    let both = self.held.swap_remove(index);
                    self.record(both, outcome, wait);
                }
            }
            Op::Cancel(which) => {
                if let Some(index) = picked(&self.held, which) {
                    let (core, model) = self.held.swap_remove(index);
                    let (recorded, told) = (self.core.cancel(core), self.model.cancel(model));
                    assert_eq!(recorded.late, told.name() == "late", "late cancel");
                }
            }
            Op::Calls(owner, outcome, times, wait) => {
                for _ in 0..times {
                    if let Some(both) = self.acquire(owner) {
                        self.record(both, outcome, wait);
                    }
                    self.compare();
                }
                return u64::from(times);
            }
            Op::ForceOpen => {
                let change = self.core.force_open();
                self.model.force_open();
                self.same_change(change);
            }
            Op::Disable => {
                let change = self.core.disable();
                self.model.disable();
                self.same_change(change);
            }
            Op::Reset => {
                let change = self.core.reset();
                self.model.reset();
                self.same_change(change);
            }
            Op::Reclaim(member) => {
                let owner = self.owner(member);
                self.deaths[member as usize] += 1;
                let by = Owner::from_raw(owner).expect("an owner");
                assert_eq!(
                    self.core.reclaim(by),
                    self.model.reclaim(owner),
                    "reclaimed"
                );
            }
            Op::Look => {}
        }
        1
    }

    fn compare(&self) {
        let (core, model) = (
            self.core.snapshot(Nanos(self.now)),
            self.model.snapshot(self.now),
        );
        assert_eq!(
            (core.state.name(), core.generation),
            (model.state.name(), model.generation)
        );
        assert_eq!(
            (core.window.calls, core.window.failures, core.window.slow),
            (model.window_calls, model.window_failures, model.window_slow),
            "window"
        );
        assert_eq!(core.streak, model.streak, "streak");
        assert_eq!(
            u64::from(core.probes_in_flight),
            model.probes_in_flight,
            "probes"
        );
        assert_eq!(core.retry_after.0, model.retry_after_ns, "retry after");
        let counted = model::Counters {
            success: core.success,
            failure: core.failure,
            ignored: core.ignored,
            slow: core.slow,
            refused: core.refused,
            shadow_refused: core.shadow_refused,
            late: core.late,
            opened: core.opened,
        };
        assert_eq!(counted, model.counters);
    }
}

fn play((config, start, ops): (Config, u64, Vec<(Jump, Op)>)) -> u64 {
    let spans = [
        config.window.0,
        config.window.0.div_ceil(10),
        config.open_for.0,
        config.open_max.0,
        config.probe_lease.0,
        config.slow_after.0,
        MILLI,
    ];
    let mut pair = Pair {
        core: Breaker::new(&config).expect("valid"),
        model: model::Breaker::new(of_model(&config)).expect("valid"),
        held: Vec::new(),
        deaths: [0; 11],
        now: start,
    };
    let mut steps = 0;
    for (jump, op) in &ops {
        pair.now = jump.from(pair.now, &spans, 0, start + 100 * DAY);
        steps += pair.play(op);
        pair.compare();
    }
    let seen = pair.core.snapshot(Nanos(pair.now));
    let counts = [
        seen.success,
        seen.failure,
        seen.ignored,
        seen.slow,
        seen.refused,
        seen.shadow_refused,
        seen.late,
        seen.opened,
    ];
    for (total, count) in SEEN.iter().zip(counts) {
        total.fetch_add(count, Ordering::Relaxed);
    }
    steps
}

#[test]
fn the_breaker_does_what_its_model_does() {
    let history = (
        configs(),
        starts(),
        proptest::collection::vec((jumps(3 * DAY), ops()), 1..160),
    );
    histories::run("breaker", 6_500, 1_000_000, history, play);
    let seen = SEEN.each_ref().map(|total| total.load(Ordering::Relaxed));
    println!("success, failure, ignored, slow, refused, shadow, late, opened: {seen:?}");
    assert!(
        seen.iter().all(|total| *total > 1_000),
        "a path was hardly taken"
    );
}

#[test]
fn both_refuse_the_same_settings() {
    let wild = (configs(), 0..14u32, any::<u64>()).prop_map(|(mut config, field, raw)| {
        let (wide, narrow) = (Nanos(raw >> (raw % 64)), (raw >> (32 + raw % 32)) as u32);
        match field {
            0 => config.consecutive_failures = narrow,
            1 => config.failure_permille = narrow as u16,
            2 => config.slow_permille = narrow as u16,
            3 => config.slow_after = wide,
            4 => config.window_calls = narrow,
            5 => config.window = wide,
            6 => config.min_calls = narrow,
            7 => config.open_for = wide,
            8 => config.open_backoff_permille = narrow,
            9 => config.open_max = wide,
            10 => config.open_jitter_permille = narrow as u16,
            11 => config.probes = narrow,
            12 => config.probe_lease = wide,
            _ => config.min_witnesses = narrow,
        }
        config
    });
    histories::run("breaker settings", 20_000, 20_000, wild, |config| {
        let (core, model) = (Breaker::new(&config), of_model(&config).check());
        assert_eq!(core.map(drop).map_err(|error| error.field), model);
        1
    });
}
