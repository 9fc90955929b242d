//! The retry budget against its model, in all five profiles.

#[path = "support/histories.rs"]
mod histories;

use std::cell::Cell;

use histories::{Jump, jumps, numbers, starts};
use proptest::prelude::*;
use seawall_core::retry_budget::{Cause, Config, Profile, RetryBudget, Withdrawal};
use seawall_core::{Mode, Nanos, Outcome};
use seawall_model::retry_budget as model;

const SECOND: u64 = 1_000_000_000;
const DAY: u64 = 86_400 * SECOND;

#[derive(Clone, Debug)]
enum Op {
    Deposit(u32),
    Withdraw(Cause, u32),
    Record(Outcome, Option<usize>),
    Cancel(usize),
    Finish,
    Look,
}

fn ops() -> impl Strategy<Value = Op> {
    let causes = prop_oneof![
        Just(Cause::Failure),
        Just(Cause::Throttled),
        Just(Cause::Timeout)
    ];
    let outcomes = prop_oneof![
        Just(Outcome::Success),
        Just(Outcome::Failure),
        Just(Outcome::Ignored)
    ];
    prop_oneof![
        20 => (1..12u32).prop_map(Op::Deposit),
        25 => (causes, 1..6u32).prop_map(|(cause, times)| Op::Withdraw(cause, times)),
        20 => (outcomes, proptest::option::of(any::<usize>())).prop_map(|(outcome, which)| Op::Record(outcome, which)),
        8 => any::<usize>().prop_map(Op::Cancel),
        10 => Just(Op::Finish),
        5 => Just(Op::Look),
    ]
}

fn configs() -> impl Strategy<Value = Config> {
    let profile = prop_oneof![
        2 => Just(Profile::Bucket),
        2 => Just(Profile::Finagle),
        1 => Just(Profile::Grpc),
        1 => Just(Profile::AwsStandard),
        1 => Just(Profile::AwsLegacy),
    ];
    let mode =
        prop_oneof![10 => Just(Mode::Enforce), 1 => Just(Mode::Shadow), 1 => Just(Mode::Off)];
    (
        profile,
        prop_oneof![1 => Just(None), 3 => (0..=10_000u32).prop_map(Some)],
        prop_oneof![3 => 0..4u32, 1 => 0..=10_000u32],
        prop_oneof![2 => Just(SECOND), 2 => Just(10 * SECOND), 1 => numbers(SECOND, 3_600 * SECOND)],
        prop_oneof![3 => 1..40u32, 1 => 1..=1_000_000u32],
        prop_oneof![2 => Just(0u32), 1 => 0..=10_000u32],
        prop_oneof![3 => 0..5u32, 1 => 0..=1_000_000u32],
        mode,
    )
        .prop_map(|(profile, ratio, min_per_second, window, cap, share, least, mode)| {
            let preset = Config::of(profile);
            Config {
                ratio_permille: ratio.unwrap_or(preset.ratio_permille),
                min_per_second,
                window: Nanos(window),
                cap,
                max_concurrent_retries_permille: share,
                min_concurrent_retries: least,
                mode,
                ..preset
            }
        })
}

fn of_model(config: &Config) -> model::Config {
    model::Config {
        profile: match config.profile {
            Profile::Bucket => model::Profile::Bucket,
            Profile::Finagle => model::Profile::Finagle,
            Profile::Grpc => model::Profile::Grpc,
            Profile::AwsStandard => model::Profile::AwsStandard,
            Profile::AwsLegacy => model::Profile::AwsLegacy,
        },
        ratio_permille: config.ratio_permille,
        min_per_second: config.min_per_second,
        window_ns: config.window.0,
        cap: config.cap,
        max_concurrent_retries_permille: config.max_concurrent_retries_permille,
        min_concurrent_retries: config.min_concurrent_retries,
        mode: match config.mode {
            Mode::Enforce => seawall_model::Mode::Enforce,
            Mode::Shadow => seawall_model::Mode::Shadow,
            Mode::Off => seawall_model::Mode::Off,
        },
    }
}

struct Pair {
    core: RetryBudget,
    model: model::RetryBudget,
    held: Vec<(Withdrawal, model::Withdrawal)>,
    refused: u64,
}

impl Pair {
    fn play(&mut self, op: &Op, now: u64) -> u64 {
        match *op {
            Op::Deposit(times) => {
                for _ in 0..times {
                    self.core.deposit(&Nanos(now));
                    self.model.deposit(now);
                }
                return u64::from(times);
            }
            Op::Withdraw(cause, times) => {
                for _ in 0..times {
                    self.withdraw(cause, now);
                    self.compare(now);
                }
                return u64::from(times);
            }
            Op::Record(outcome, which) => {
                let held = which.filter(|_| !self.held.is_empty());
                let both = held.map(|which| self.held.swap_remove(which % self.held.len()));
                let (core, told) = both.unzip();
                self.core.record(outcome, core);
                let outcome = match outcome {
                    Outcome::Success => seawall_model::Outcome::Success,
                    Outcome::Failure => seawall_model::Outcome::Failure,
                    Outcome::Ignored => seawall_model::Outcome::Ignored,
                };
                assert_eq!(self.model.record(outcome, told).name(), "ok");
            }
            Op::Cancel(which) if !self.held.is_empty() => {
                let (core, told) = self.held.swap_remove(which % self.held.len());
                self.core.cancel(core, &Nanos(now));
                assert_eq!(self.model.cancel(told, now).name(), "ok");
            }
            Op::Finish => {
                self.core.finish();
                self.model.finish();
            }
            Op::Cancel(_) | Op::Look => {}
        }
        1
    }

    fn withdraw(&mut self, cause: Cause, now: u64) {
        let class = match cause {
            Cause::Failure => model::Class::Normal,
            Cause::Throttled => model::Class::Throttled,
            Cause::Timeout => model::Class::Timeout,
        };
        match (
            self.core.try_withdraw(cause, &Nanos(now)),
            self.model.withdraw(class, now),
        ) {
            (Ok(core), Ok(told)) => self.held.push((core, told)),
            (Err(_), Err(_)) => self.refused += 1,
            (core, told) => panic!("core {core:?}, model {told:?}"),
        }
    }

    fn compare(&self, now: u64) {
        let (seen, wanted) = (self.core.snapshot(Nanos(now)), self.model.snapshot(now));
        let seen = model::Snapshot {
            tokens_milli: seen.tokens_milli.into(),
            cap_milli: seen.cap_milli,
            calls_in_flight: seen.calls_in_flight.into(),
            retries_in_flight: seen.retries_in_flight.into(),
            deposited: seen.deposited,
            withdrawn: seen.withdrawn,
            refused: seen.refused,
            shadow_refused: seen.shadow_refused,
        };
        assert_eq!(seen, wanted);
    }
}

#[test]
fn the_retry_budget_does_what_its_model_does() {
    let refused = Cell::new(0u64);
    let play = |(config, start, ops): (Config, u64, Vec<(Jump, Op)>)| {
        let core = RetryBudget::new(&config, Nanos(start));
        let (core, model) = match (core, model::RetryBudget::new(of_model(&config), start)) {
            (Ok(core), Ok(told)) => (core, told),
            (core, told) => {
                let field = core.map(drop).expect_err("the model refuses").field;
                assert_eq!(field, told.map(drop).expect_err("the core refuses"));
                return 1;
            }
        };
        let mut pair = Pair {
            core,
            model,
            held: Vec::new(),
            refused: 0,
        };
        let spans = [config.window.0, config.window.0 / 10, SECOND, 1_000_000];
        let (mut now, mut steps) = (start, 0);
        for (jump, op) in &ops {
            now = jump.from(now, &spans, 0, start + 100 * DAY);
            steps += pair.play(op, now);
            pair.compare(now);
        }
        refused.set(refused.get() + pair.refused);
        steps
    };
    let history = (
        configs(),
        starts(),
        proptest::collection::vec((jumps(DAY), ops()), 1..160),
    );
    histories::run("retry budget", 7_000, 1_000_000, history, play);
    println!("{} refusals", refused.get());
    assert!(refused.get() > 50_000);
}
