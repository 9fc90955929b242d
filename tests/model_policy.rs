//! The engine of a whole call against its model: the same policy and the same events give the same actions, the
//! same notes and the same sight of every gate after every step; and what must hold of every call holds.

#[path = "support/gates.rs"]
mod gates;
#[path = "support/histories.rs"]
mod histories;

use std::cell::RefCell;
use std::collections::BTreeMap;

use gates::{Wall, action_of, ended_of, notes_of, notes_told, options_of, sight, sight_told};
use histories::{Jump, jumps, starts};
use proptest::prelude::*;
use seawall_core::policy::Call;
use seawall_core::{Misuse, Nanos, Status};
use seawall_model::policy::{self as model, Action, End, Ended, Options, Policy};
use seawall_model::retry_budget::{Class, Profile};
use seawall_model::{Mode, Outcome, backoff, breaker, bulkhead, limiter, retry_budget};

const MILLI: u64 = 1_000_000;
const SECOND: u64 = 1_000 * MILLI;
const DAY: u64 = 86_400 * SECOND;
/// Calls that may be under way at once.
const CALLS: usize = 4;

#[derive(Clone, Debug)]
enum Op {
    /// What the call's last action asks for; in time or not.
    Next(usize, Box<(Options, Ended, u64)>),
    /// An event whether it is that call's turn or not.
    Begin(usize, Box<Options>),
    Ended(usize, Box<Ended>),
    Woke(usize),
    Cancelled(usize),
    Keep(usize),
    Release(usize),
    ForceOpen,
    Disable,
    Reset,
    Adjust(usize, i64),
}

fn modes() -> impl Strategy<Value = Mode> {
    prop_oneof![8 => Just(Mode::Enforce), 1 => Just(Mode::Shadow), 1 => Just(Mode::Off)]
}

fn options() -> impl Strategy<Value = Options> {
    let maybe = || prop_oneof![6 => Just(None), 1 => any::<bool>().prop_map(Some)];
    let deadline = prop_oneof![
        12 => Just(None),
        1 => Just(Some(0)),
        4 => (1..3 * SECOND).prop_map(Some),
        1 => Just(Some(u64::MAX)),
    ];
    let costs = prop_oneof![4 => Just(vec![]), 1 => proptest::collection::vec(0..6u64, 0..5)];
    (deadline, maybe(), maybe(), costs).prop_map(|(deadline_ns, critical, idempotent, costs)| {
        Options {
            deadline_ns,
            critical,
            idempotent,
            costs,
        }
    })
}

fn ends() -> impl Strategy<Value = Ended> {
    let outcome = prop_oneof![
        3 => Just(Outcome::Success),
        9 => Just(Outcome::Failure),
        1 => Just(Outcome::Ignored),
    ];
    let cause = prop_oneof![
        3 => Just(Class::Normal),
        1 => Just(Class::Throttled),
        1 => Just(Class::Timeout),
    ];
    let wish = prop_oneof![6 => Just(0), 2 => 1..2 * SECOND, 1 => Just(u64::MAX)];
    (
        outcome,
        prop::bool::weighted(0.9),
        prop::bool::weighted(0.2),
        cause,
        wish,
    )
        .prop_map(
            |(outcome, retryable, not_sent, cause, retry_after_ns)| Ended {
                outcome,
                retryable,
                not_sent,
                cause,
                retry_after_ns,
            },
        )
}

fn ops() -> impl Strategy<Value = Op> {
    let which = || 0..CALLS;
    prop_oneof![
        160 => (which(), options(), ends(), any::<u64>())
            .prop_map(|(call, options, ended, random)| Op::Next(call, Box::new((options, ended, random)))),
        2 => (which(), options()).prop_map(|(call, options)| Op::Begin(call, Box::new(options))),
        2 => (which(), ends()).prop_map(|(call, ended)| Op::Ended(call, Box::new(ended))),
        6 => which().prop_map(Op::Woke),
        5 => which().prop_map(Op::Cancelled),
        2 => which().prop_map(Op::Keep),
        3 => any::<usize>().prop_map(Op::Release),
        1 => Just(Op::ForceOpen),
        1 => Just(Op::Disable),
        6 => Just(Op::Reset),
        2 => (0..4usize, -5..6i64).prop_map(|(limit, tokens)| Op::Adjust(limit, tokens)),
    ]
}

fn breakers() -> impl Strategy<Value = breaker::Config> {
    let slow = prop_oneof![3 => Just(0u16), 1 => Just(500)];
    (
        prop_oneof![1 => Just(0u32), 5 => 1..6u32],
        prop_oneof![1 => Just(0u16), 3 => 1..=1000u16],
        slow,
        1..10u32,
        prop_oneof![2 => Just(0u32), 1 => 10..30u32],
        MILLI..2 * SECOND,
        1..4u32,
        MILLI..2 * SECOND,
        modes(),
        any::<u64>(),
    )
        .prop_map(
            |(row, rate, slow, least, calls, open, probes, lease, mode, seed)| breaker::Config {
                consecutive_failures: row,
                failure_permille: rate,
                slow_permille: slow,
                slow_after_ns: 100 * MILLI,
                window_calls: calls,
                min_calls: least,
                open_for_ns: open,
                open_max_ns: 4 * open,
                probes,
                probe_lease_ns: lease,
                mode,
                seed,
                ..breaker::Config::default()
            },
        )
}

fn bulkheads() -> impl Strategy<Value = bulkhead::Config> {
    (1..4u32, any::<u32>(), 0..4u32, modes()).prop_map(|(limit, reserved, max_waiting, mode)| {
        bulkhead::Config {
            capacity: gates::ROOM as u32,
            max_concurrent: limit,
            reserved: reserved % limit,
            max_waiting,
            mode,
        }
    })
}

fn limiters() -> impl Strategy<Value = limiter::Config> {
    let period = prop_oneof![
        6 => Just(100 * MILLI),
        6 => Just(SECOND),
        1 => Just(60 * SECOND),
        1 => 1_000..DAY,
    ];
    (1..40u64, period, 1..12u64, modes()).prop_map(|(permits, period_ns, burst, mode)| {
        limiter::Config {
            permits,
            period_ns,
            burst,
            mode,
        }
    })
}

fn budgets() -> impl Strategy<Value = retry_budget::Config> {
    let profile = prop_oneof![
        Just(Profile::Bucket),
        Just(Profile::Finagle),
        Just(Profile::Grpc),
        Just(Profile::AwsStandard),
        Just(Profile::AwsLegacy),
    ];
    let share = prop_oneof![2 => Just(0u32), 1 => 1..2_000u32];
    (profile, 0..2_000u32, 0..2u32, share, 0..3u32, modes()).prop_map(
        |(profile, ratio_permille, min_per_second, share, least, mode)| retry_budget::Config {
            ratio_permille,
            min_per_second,
            max_concurrent_retries_permille: share,
            min_concurrent_retries: least,
            mode,
            ..retry_budget::Config::preset(profile)
        },
    )
}

fn backoffs() -> impl Strategy<Value = backoff::Config> {
    let jitter = prop_oneof![
        Just(backoff::Jitter::Full),
        Just(backoff::Jitter::Equal),
        Just(backoff::Jitter::Decorrelated),
        Just(backoff::Jitter::None),
    ];
    let margin = prop_oneof![Just(0), Just(5 * SECOND), Just(u64::MAX)];
    (0..200 * MILLI, 1_000..4_000u32, 0..SECOND, jitter, margin).prop_map(
        |(base_ns, factor_permille, more, jitter, retry_after_margin_ns)| backoff::Config {
            base_ns,
            factor_permille,
            cap_ns: base_ns + more,
            jitter,
            retry_after_margin_ns,
        },
    )
}

fn policies() -> impl Strategy<Value = Policy> {
    let span = |most: u64| prop_oneof![2 => Just(0), 3 => MILLI..most];
    let times = (
        MILLI..2 * SECOND,
        prop_oneof![1 => Just(None), 2 => (0..5 * SECOND).prop_map(Some)],
        prop_oneof![20 => Just(0u16), 1 => Just(1_000), 10 => 1..1_000u16],
        prop_oneof![2 => Just(0u64), 1 => Just(u64::MAX), 2 => any::<u64>()],
        span(SECOND),
        span(SECOND),
    );
    let rules = (
        prop_oneof![1 => Just(1u32), 6 => 2..6u32],
        backoffs(),
        prop::bool::weighted(0.8),
        prop::bool::weighted(0.2),
        any::<bool>(),
        prop::bool::weighted(0.3),
        prop::bool::weighted(0.3),
    );
    let gates = (
        prop::option::weighted(0.8, breakers()),
        prop::option::weighted(0.8, bulkheads()),
        prop_oneof![2 => Just(0..=0usize), 3 => Just(1..=1), 2 => Just(2..=4)]
            .prop_flat_map(|count| proptest::collection::vec(limiters(), count)),
        prop::option::weighted(0.7, budgets()),
    );
    (times, rules, gates).prop_map(|(times, rules, gates)| Policy {
        timeout_ns: times.0,
        deadline_ns: times.1.map(|more| times.0 + more),
        reserve_permille: times.2,
        useful_ns: times.3 % (times.0 + 1),
        max_wait_ns: times.4,
        max_rate_wait_ns: times.5,
        attempts: rules.0,
        backoff: rules.1,
        idempotent: rules.2,
        critical: rules.3,
        may_fall_back: rules.4,
        breaker_per_attempt: rules.5,
        bulkhead_per_attempt: rules.6,
        breaker: gates.0,
        bulkhead: gates.1,
        limiter_names: (0..gates.2.len()).map(|limit| limit.to_string()).collect(),
        limiters: gates.2,
        budget: gates.3,
    })
}

/// A call in both worlds, and what its last action asks for.
#[derive(Default)]
struct Pair {
    core: Call,
    told: model::Call,
    due: Option<u64>,
}

struct World {
    policy: Policy,
    wall: Wall,
    told: model::Dependency,
    calls: [Pair; CALLS],
    kept: Vec<(seawall_core::bulkhead::Permit, bulkhead::Permit)>,
    /// Attempts made, and calls that ended after at least one.
    attempts: u64,
    counted: u64,
    ends: BTreeMap<String, u64>,
}

impl World {
    fn new(policy: Policy, start: u64) -> Self {
        World {
            wall: Wall::new(&policy, Nanos(start)),
            told: model::Dependency::new(policy.clone(), start).expect("a valid policy"),
            policy,
            calls: Default::default(),
            kept: Vec::new(),
            attempts: 0,
            counted: 0,
            ends: BTreeMap::new(),
        }
    }

    fn begin(&mut self, which: usize, options: &Options, now: u64) {
        // Deadlines are drawn as spans from now.
        let mut options = options.clone();
        options.deadline_ns = options.deadline_ns.map(|span| now.saturating_add(span));
        let (wall, pair) = (&self.wall, &mut self.calls[which]);
        let core = pair.core.begin(
            &wall.config,
            &wall.gates(),
            &options_of(&options),
            Nanos(now),
        );
        let told = self.told.begin(&mut pair.told, options, now);
        match (core, told) {
            (Ok(core), Ok(told)) => self.compare(which, core, told, now),
            (Err(misuse), Err(answer)) => {
                assert_eq!(Status::from(misuse).name(), answer.name(), "begin");
            }
            (core, told) => panic!("begin: core {core:?}, model {told:?}"),
        }
    }

    fn ended(&mut self, which: usize, ended: &Ended, random: u64, now: u64) {
        let (wall, pair) = (&self.wall, &mut self.calls[which]);
        let core = pair.core.attempt_ended(
            &wall.config,
            &wall.gates(),
            ended_of(ended),
            random,
            Nanos(now),
        );
        let told = self.told.ended(&mut pair.told, *ended, random, now);
        self.compare_turn(which, core, told, now);
    }

    fn woke(&mut self, which: usize, now: u64) {
        let (wall, pair) = (&self.wall, &mut self.calls[which]);
        let core = pair.core.woke(&wall.config, &wall.gates(), Nanos(now));
        let told = self.told.woke(&mut pair.told, now);
        self.compare_turn(which, core, told, now);
    }

    fn cancelled(&mut self, which: usize, now: u64) {
        let (wall, pair) = (&self.wall, &mut self.calls[which]);
        let core = pair
            .core
            .cancelled(&wall.config, &wall.gates(), Nanos(now))
            .map(seawall_core::policy::Action::Finish);
        let told = self.told.cancelled(&mut pair.told, now);
        self.compare_turn(which, core.ok_or(Misuse::Argument), told, now);
    }

    fn compare_turn(
        &mut self,
        which: usize,
        core: Result<seawall_core::policy::Action, Misuse>,
        told: Option<Action>,
        now: u64,
    ) {
        match (core, told) {
            (Ok(core), Some(told)) => self.compare(which, core, told, now),
            (Err(Misuse::Argument), None) => {}
            (core, told) => panic!("core {core:?}, model {told:?}"),
        }
    }

    fn compare(
        &mut self,
        which: usize,
        core: seawall_core::policy::Action,
        told: Action,
        now: u64,
    ) {
        let pair = &mut self.calls[which];
        let core = action_of(core);
        assert_eq!(core, told, "the action");
        let (notes, wanted) = (pair.core.take_notes(), self.told.take_notes());
        assert_eq!(notes_of(notes), notes_told(wanted), "the notes");
        let deadline = pair.core.deadline().moment().0;
        assert_eq!(deadline, pair.told.deadline_ns(), "the deadline");
        pair.due = None;
        match core {
            Action::Run {
                attempt,
                timeout_ns,
            } => {
                self.attempts += 1;
                assert!(
                    attempt <= self.policy.attempts,
                    "more attempts than allowed"
                );
                assert!(timeout_ns > 0 && timeout_ns <= self.policy.timeout_ns);
                assert!(
                    now.saturating_add(timeout_ns) <= deadline,
                    "an attempt overruns"
                );
                pair.due = Some(timeout_ns);
            }
            Action::Sleep { span_ns } => {
                assert!(now.saturating_add(span_ns) < deadline, "a sleep overruns");
                pair.due = Some(span_ns);
            }
            Action::Wait { span_ns } => {
                assert!(now.saturating_add(span_ns) <= deadline, "a wait overruns");
                pair.due = Some(span_ns);
            }
            Action::Finish {
                end,
                stop,
                attempts,
                ..
            } => {
                self.counted += u64::from(attempts > 0);
                let end = match end {
                    End::Refused { status, .. } => status.to_owned(),
                    _ => format!("{end:?} {stop:?}"),
                };
                *self.ends.entry(end).or_default() += 1;
            }
        }
    }

    fn play(&mut self, op: &Op, now: u64) {
        match op {
            Op::Next(which, with) => {
                let (options, ended, random) = &**with;
                let call = &self.calls[*which].core;
                match (call.is_under_way(), call.is_running()) {
                    (false, _) => self.begin(*which, options, now),
                    (true, true) => self.ended(*which, ended, *random, now),
                    (true, false) => self.woke(*which, now),
                }
            }
            Op::Begin(which, options) => self.begin(*which, options, now),
            Op::Ended(which, ended) => self.ended(*which, ended, 7, now),
            Op::Woke(which) => self.woke(*which, now),
            Op::Cancelled(which) => self.cancelled(*which, now),
            Op::Keep(which) => {
                let pair = &mut self.calls[*which];
                match (pair.core.keep_place(), pair.told.keep()) {
                    (Some(core), Some(told)) => self.kept.push((core, told)),
                    (None, None) => {}
                    (core, told) => panic!("kept: core {core:?}, model {told:?}"),
                }
            }
            Op::Release(which) if !self.kept.is_empty() => {
                let (core, told) = self.kept.swap_remove(which % self.kept.len());
                let core = self.wall.bulkhead().expect("a bulkhead").release(core);
                assert_eq!(core, self.told.release(told).name() == "ok", "release");
            }
            Op::ForceOpen | Op::Disable | Op::Reset => {
                let breakers = self.wall.breaker.as_ref().zip(self.told.breaker.as_mut());
                if let Some((core, told)) = breakers {
                    match op {
                        Op::ForceOpen => (core.force_open(), told.force_open()),
                        Op::Disable => (core.disable(), told.disable()),
                        _ => (core.reset(), told.reset()),
                    };
                    // A change by hand is not the next call's.
                    let _ = told.take_change();
                }
            }
            Op::Adjust(limit, tokens) => {
                if let Some(core) = self.wall.limiters.get(*limit) {
                    core.adjust(*tokens, &Nanos(now));
                    self.told.limiters[*limit].adjust(*tokens, now);
                }
            }
            Op::Release(_) => {}
        }
    }

    /// What must hold whatever happened.
    fn check(&self, now: u64) {
        assert_eq!(sight(&self.wall, Nanos(now)), sight_told(&self.told, now));
        if let Some(breaker) = &self.wall.breaker {
            let seen = breaker.snapshot(Nanos(now));
            let recorded = seen.success + seen.failure + seen.ignored;
            let most = if self.policy.breaker_per_attempt {
                self.attempts
            } else {
                self.counted
            };
            assert!(recorded <= most, "{recorded} counts of {most}");
        }
        if !self.calls.iter().any(|pair| pair.core.is_under_way()) {
            self.nothing_is_held(now);
        }
    }

    fn nothing_is_held(&self, now: u64) {
        if let Some(bulkhead) = self.wall.bulkhead() {
            let seen = bulkhead.snapshot(Nanos(now));
            assert!(seen.in_use as usize <= self.kept.len(), "a place is lost");
            assert_eq!(seen.waiting, 0, "a waiter is lost");
        }
        if let Some(breaker) = &self.wall.breaker {
            assert_eq!(
                breaker.snapshot(Nanos(now)).probes_in_flight,
                0,
                "a probe is lost"
            );
        }
        if let Some(budget) = &self.wall.budget {
            let seen = budget.snapshot(Nanos(now));
            assert_eq!((seen.calls_in_flight, seen.retries_in_flight), (0, 0));
        }
    }
}

#[test]
fn a_call_does_what_its_model_does() {
    let ends = RefCell::new(BTreeMap::<String, u64>::new());
    let attempts = RefCell::new(0);
    let play = |(policy, start, ops): (Policy, u64, Vec<(Jump, Op)>)| {
        let mut world = World::new(policy, start);
        let mut now = start;
        for (jump, op) in &ops {
            let due = match op {
                Op::Next(which, _) => world.calls[*which].due,
                _ => None,
            };
            let open_ns = world
                .policy
                .breaker
                .map_or(SECOND, |breaker| breaker.open_for_ns);
            let spans = [due.unwrap_or(MILLI), due.unwrap_or(SECOND), open_ns, MILLI];
            now = jump.from(now, &spans, 0, start + 100 * DAY);
            world.play(op, now);
            world.check(now);
        }
        // Whoever is still under way gives up, and nothing is left.
        for which in 0..CALLS {
            world.cancelled(which, now);
        }
        world.check(now);
        *attempts.borrow_mut() += world.attempts;
        for (end, times) in world.ends {
            *ends.borrow_mut().entry(end).or_default() += times;
        }
        ops.len() as u64
    };
    let history = (
        policies(),
        starts(),
        proptest::collection::vec((jumps(DAY), ops()), 1..240),
    );
    histories::run("policy", 9_500, 1_000_000, history, play);
    let (ends, attempts) = (ends.into_inner(), attempts.into_inner());
    println!("{attempts} attempts; calls by their end:");
    for (end, times) in &ends {
        println!("  {times:>8} {end}");
    }
    assert_eq!(ends.len(), 18, "an end was never reached");
    assert!(attempts > 200_000, "only {attempts} attempts");
}
