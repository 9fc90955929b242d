//! The bulkhead against its model. Which free cell a caller gets is nobody's promise, so the model is told
//! which one it was and checks that it might be taken; everything else must be the same.

#[path = "support/histories.rs"]
mod histories;

use std::cell::Cell;

use histories::{Jump, jumps};
use proptest::prelude::*;
use seawall_core::bulkhead::{Config, Permit};
use seawall_core::{Mode, Nanos, Owner};
use seawall_model::bulkhead as model;

const MILLI: u64 = 1_000_000;
const DAY: u64 = 86_400_000 * MILLI;
const HAS_NO_CELL: u64 = 1 << 57;

#[derive(Clone, Debug)]
enum Op {
    Acquire(u32, bool),
    Release(usize),
    ReleaseAgain(usize),
    Resize(u32, u32),
    BeginWait,
    EndWait,
    Reclaim(u32),
    LookBack(u64),
}

fn ops() -> impl Strategy<Value = Op> {
    prop_oneof![
        30 => (1..=3u32, any::<bool>()).prop_map(|(owner, critical)| Op::Acquire(owner, critical)),
        18 => any::<usize>().prop_map(Op::Release),
        3 => any::<usize>().prop_map(Op::ReleaseAgain),
        5 => (0..16u32, 0..12u32).prop_map(|(limit, reserved)| Op::Resize(limit, reserved)),
        4 => Just(Op::BeginWait),
        4 => Just(Op::EndWait),
        1 => (1..=3u32).prop_map(Op::Reclaim),
        1 => (0..DAY).prop_map(Op::LookBack),
    ]
}

fn configs() -> impl Strategy<Value = (u32, Config)> {
    let mode = prop_oneof![8 => Just(Mode::Enforce), 1 => Just(Mode::Shadow), 1 => Just(Mode::Off)];
    let capacity = prop_oneof![12 => 1..=12u32, 1 => Just(64), 1 => Just(4_096)];
    (
        capacity,
        any::<u32>(),
        any::<u32>(),
        prop_oneof![Just(0), 1..4u32, Just(1_000_000)],
        mode,
    )
        .prop_map(|(capacity, limit, reserved, max_waiting, mode)| {
            let max_concurrent = 1 + limit % capacity.min(16);
            let config = Config {
                max_concurrent,
                reserved: if reserved % 3 == 0 {
                    0
                } else {
                    reserved % max_concurrent
                },
                max_waiting,
                mode,
            };
            (capacity, config)
        })
}

fn of_model(capacity: u32, config: &Config) -> model::Config {
    model::Config {
        capacity,
        max_concurrent: config.max_concurrent,
        reserved: config.reserved,
        max_waiting: config.max_waiting,
        mode: match config.mode {
            Mode::Enforce => seawall_model::Mode::Enforce,
            Mode::Shadow => seawall_model::Mode::Shadow,
            Mode::Off => seawall_model::Mode::Off,
        },
    }
}

#[test]
fn the_bulkhead_does_what_its_model_does() {
    let (refused, shrunk, stale) = (Cell::new(0u64), Cell::new(0u64), Cell::new(0u64));
    let play = |((capacity, config), ops): ((u32, Config), Vec<(Jump, Op)>)| {
        let core = seawall::bulkhead::allocate(capacity, &config).expect("valid");
        let mut told = model::Bulkhead::new(of_model(capacity, &config)).expect("valid");
        let mut held: Vec<((u64, u32), model::Permit)> = Vec::new();
        let mut gone = Vec::new();
        let mut now = 5_000 * MILLI;
        for (jump, op) in &ops {
            // Whole milliseconds, because holds are timed in those.
            let then = jump.from(now, &[MILLI], now, 20 * DAY);
            now = then / MILLI * MILLI;
            match *op {
                Op::Acquire(owner, critical) => {
                    let by = Owner::from_raw(owner).expect("an owner");
                    match core.try_acquire(by, critical, &Nanos(now)) {
                        Ok(permit) => {
                            let raw = permit.into_raw();
                            let cell = (raw.0 >> 44 & 0xFFF) as usize;
                            let cell = (raw.0 & HAS_NO_CELL == 0).then_some(cell);
                            if cell.is_none() && config.mode == Mode::Shadow {
                                assert!(
                                    told.candidates(critical).is_empty(),
                                    "refused with cells free"
                                );
                            }
                            let permit = told.acquire_at(cell, owner, critical, now);
                            held.push((raw, permit.expect("the model refuses")));
                        }
                        Err(refusal) => {
                            refused.set(refused.get() + 1);
                            assert_eq!(refusal.retry_after, Nanos::ZERO);
                            told.acquire(owner, critical, now)
                                .expect_err("the model admits");
                        }
                    }
                }
                Op::Release(which) if !held.is_empty() => {
                    let (raw, permit) = held.swap_remove(which % held.len());
                    let released = core.release(Permit::from_raw(raw.0, raw.1).expect("a permit"));
                    assert_eq!(released, told.release(permit).name() == "ok", "release");
                    gone.push((raw, permit));
                }
                Op::ReleaseAgain(which) if !gone.is_empty() => {
                    let (raw, permit) = gone[which % gone.len()];
                    // A permit without a cell looks like any other of its kind.
                    if raw.0 & HAS_NO_CELL == 0 {
                        stale.set(stale.get() + 1);
                        let released =
                            core.release(Permit::from_raw(raw.0, raw.1).expect("a permit"));
                        assert_eq!(
                            released,
                            told.release(permit).name() == "ok",
                            "second release"
                        );
                    }
                }
                Op::Resize(limit, reserved) => {
                    let before = core.snapshot(Nanos(now));
                    let answer = core.resize(limit, reserved);
                    assert_eq!(
                        answer.is_ok(),
                        told.resize(limit, reserved).name() == "ok",
                        "resize"
                    );
                    shrunk.set(shrunk.get() + u64::from(answer.is_ok() && limit < before.in_use));
                }
                Op::BeginWait => {
                    let answer = core.begin_wait().is_ok();
                    assert_eq!(answer, told.begin_wait().name() == "ok", "wait");
                }
                Op::EndWait => {
                    core.end_wait();
                    told.end_wait();
                }
                Op::Reclaim(owner) => {
                    core.reclaim(Owner::from_raw(owner).expect("an owner"));
                    told.reclaim(owner);
                }
                Op::Release(_) | Op::ReleaseAgain(_) | Op::LookBack(_) => {}
            }
            let at = if let Op::LookBack(by) = *op {
                now.saturating_sub(by) / MILLI * MILLI
            } else {
                now
            };
            let (seen, wanted) = (core.snapshot(Nanos(at)), told.snapshot(at));
            let seen = model::Snapshot {
                limit: seen.limit.into(),
                reserved: seen.reserved.into(),
                in_use: seen.in_use.into(),
                waiting: seen.waiting.into(),
                rejected: seen.rejected,
                shadow_refused: seen.shadow_refused,
                stale: seen.stale,
                longest_hold_ns: seen.longest_hold.0,
            };
            assert_eq!(seen, wanted);
        }
        ops.len() as u64
    };
    let history = (
        configs(),
        proptest::collection::vec((jumps(DAY), ops()), 1..240),
    );
    histories::run("bulkhead", 9_500, 1_000_000, history, play);
    let (refused, shrunk, stale) = (refused.get(), shrunk.get(), stale.get());
    println!("{refused} refusals, {shrunk} shrinks below the holders, {stale} second releases");
    assert!(refused > 50_000 && shrunk > 2_000 && stale > 5_000);
}
