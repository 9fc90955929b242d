//! The token bucket against a model with exact fractions.

#[path = "support/histories.rs"]
mod histories;

use std::cell::Cell;

use histories::{Jump, jumps, numbers, starts};
use proptest::prelude::*;
use seawall_core::limiter::{Config, Limiter, Reservation};
use seawall_core::{Mode, Nanos, Status};
use seawall_model::limiter as model;

const SECOND: u64 = 1_000_000_000;
const DAY: u64 = 86_400 * SECOND;

/// How many tokens: a plain number, or the burst and so many less or more.
#[derive(Clone, Copy, Debug)]
enum Tokens {
    Plain(u64),
    Burst(i64),
}

#[derive(Clone, Debug)]
enum Op {
    Acquire(Tokens),
    Reserve(Tokens, u64),
    Cancel(usize),
    Adjust(i64),
    SetRate(Config),
    Look,
}

fn rates() -> impl Strategy<Value = Config> {
    let permits = prop_oneof![
        3 => prop_oneof![Just(1u64), Just(3), Just(7), Just(100), Just(997), Just(1_024), Just(999_983)],
        2 => numbers(1, 1_000_000_000),
    ];
    let period = prop_oneof![3 => Just(SECOND), 1 => Just(60 * SECOND), 2 => numbers(1, 31 * DAY)];
    let burst = prop_oneof![3 => 1..=20u64, 2 => numbers(1, 1_000_000_000)];
    let mode =
        prop_oneof![10 => Just(Mode::Enforce), 1 => Just(Mode::Shadow), 1 => Just(Mode::Off)];
    (permits, period, burst, mode).prop_map(|(permits, period, burst, mode)| Config {
        permits,
        period: Nanos(period),
        burst,
        mode,
    })
}

fn ops() -> impl Strategy<Value = Op> {
    let tokens = || {
        prop_oneof![
            6 => (0..4u64).prop_map(Tokens::Plain),
            2 => numbers(0, 1_000_000_001).prop_map(Tokens::Plain),
            2 => (-1..=1i64).prop_map(Tokens::Burst),
        ]
    };
    let waits = prop_oneof![2 => Just(0u64), 3 => 0..3 * SECOND, 1 => numbers(0, 3 * DAY)];
    prop_oneof![
        30 => tokens().prop_map(Op::Acquire),
        15 => (tokens(), waits).prop_map(|(tokens, wait)| Op::Reserve(tokens, wait)),
        8 => any::<usize>().prop_map(Op::Cancel),
        6 => (-20..20i64).prop_map(Op::Adjust),
        1 => rates().prop_map(Op::SetRate),
        6 => Just(Op::Look),
    ]
}

fn of_model(config: &Config) -> model::Config {
    model::Config {
        permits: config.permits,
        period_ns: config.period.0,
        burst: config.burst,
        mode: match config.mode {
            Mode::Enforce => seawall_model::Mode::Enforce,
            Mode::Shadow => seawall_model::Mode::Shadow,
            Mode::Off => seawall_model::Mode::Off,
        },
    }
}

#[test]
fn the_limiter_does_what_its_model_does() {
    let (refused, waited) = (Cell::new(0u64), Cell::new(0u64));
    let play = |(config, start, ops): (Config, u64, Vec<(Jump, Op)>)| {
        let (core, told) = (
            Limiter::new(&config),
            model::Limiter::new(of_model(&config)),
        );
        let (core, mut told) = match (core, told) {
            (Ok(core), Ok(told)) => (core, told),
            (core, told) => {
                let field = core.map(drop).expect_err("the model refuses").field;
                assert_eq!(field, told.map(drop).expect_err("the core refuses"));
                return 1;
            }
        };
        let mut held: Vec<(Reservation, model::Reservation)> = Vec::new();
        let (mut now, mut mode) = (start, config.mode);
        for (jump, op) in &ops {
            let rate = core.config();
            let token = rate.period.0 / rate.permits;
            let spans = [token, token * rate.burst, token + 1, rate.period.0];
            // A burst of a year and a clock that moves by months would reach the end of the bucket's range.
            now = jump.from(now, &spans.map(|span| span.min(DAY)), 0, start + 25 * DAY);
            let count = |tokens: Tokens| match tokens {
                Tokens::Plain(plain) => plain,
                Tokens::Burst(off) => rate.burst.saturating_add_signed(off),
            };
            match op {
                Op::Acquire(tokens) => {
                    let n = count(*tokens);
                    match (core.try_acquire(n, &Nanos(now)), told.acquire(n, now)) {
                        (Ok(Ok(())), Ok(())) => {}
                        (Ok(Err(core)), Err(told)) => {
                            refused.set(refused.get() + 1);
                            assert_eq!(core.retry_after.0, told.retry_after_ns);
                            assert_eq!(told.answer.name(), "rate_limited");
                        }
                        (Err(misuse), Err(told)) => {
                            assert_eq!(Status::from(misuse).name(), told.answer.name());
                        }
                        (core, told) => panic!("core {core:?}, model {told:?}"),
                    }
                }
                Op::Reserve(tokens, wait) => {
                    let n = count(*tokens);
                    match (
                        core.reserve(n, Nanos(*wait), &Nanos(now)),
                        told.reserve(n, *wait, now),
                    ) {
                        (Ok(Ok(core)), Ok(told)) => {
                            waited.set(waited.get() + u64::from(core.wait.0 > 0));
                            assert_eq!(core.wait.0, told.wait_ns);
                            held.push((core, told));
                        }
                        (Ok(Err(core)), Err(told)) => {
                            assert_eq!(core.retry_after.0, told.retry_after_ns)
                        }
                        (Err(misuse), Err(told)) => {
                            assert_eq!(Status::from(misuse).name(), told.answer.name());
                        }
                        (core, told) => panic!("core {core:?}, model {told:?}"),
                    }
                }
                Op::Cancel(which) if !held.is_empty() => {
                    let (core_held, told_held) = held.swap_remove(which % held.len());
                    core.cancel(core_held, &Nanos(now));
                    told.cancel(told_held, now);
                }
                Op::Adjust(n) => {
                    core.adjust(*n, &Nanos(now));
                    told.adjust(*n, now);
                }
                Op::SetRate(next) => {
                    let next = Config { mode, ..*next };
                    let answer = core.reconfigure(&next, &Nanos(now));
                    let named = told
                        .set_rate(next.permits, next.period.0, next.burst, now)
                        .name();
                    assert_eq!(answer.is_ok(), named == "ok", "set rate");
                    mode = next.mode;
                }
                Op::Cancel(_) | Op::Look => {}
            }
            let (seen, wanted) = (core.snapshot(Nanos(now)), told.snapshot(now));
            let seen = model::Snapshot {
                limit: seen.limit,
                remaining: seen.remaining,
                reset_ns: seen.reset.0,
                retry_after_ns: seen.retry_after.0,
                allowed: seen.allowed,
                refused: seen.refused,
                shadow_refused: seen.shadow_refused,
            };
            assert_eq!(seen, wanted);
        }
        ops.len() as u64
    };
    let history = (
        rates(),
        starts(),
        proptest::collection::vec((jumps(DAY), ops()), 1..240),
    );
    histories::run("limiter", 12_000, 1_000_000, history, play);
    println!("{} refusals, {} waits", refused.get(), waited.get());
    assert!(refused.get() > 50_000 && waited.get() > 5_000);
}
