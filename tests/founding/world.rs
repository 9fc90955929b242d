//! A wall in virtual time, and a driver that makes whole calls in it.

use seawall::core::policy::{Action, Finish};
use seawall::core::retry_budget::Cause;
use seawall::{Dependency, Ended, HeldCall, Nanos, Options, Policy, Seawall, Step};

pub const MILLI: u64 = 1_000_000;
pub const SECOND: u64 = 1_000 * MILLI;

/// The seed of every example.
pub const SEED: u64 = 247;

/// An empty wall whose chance is always the same.
pub fn wall() -> Seawall {
    Seawall::options().seed(SEED).build()
}

/// A dependency of that wall.
pub fn dependency(wall: &Seawall, name: &str, policy: &str) -> Dependency {
    let policy = Policy::parse(policy).expect("a valid policy");
    wall.define_at(name, policy, Nanos(1))
        .unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// An attempt that ran out of time.
pub const TIMED_OUT: Ended = Ended {
    cause: Cause::Timeout,
    ..Ended::FAILURE
};

/// Makes a whole call. `attempt` gets its timeout, moves the time and says how it ended.
pub fn call(
    dependency: &Dependency,
    options: &Options,
    now: &mut u64,
    mut attempt: impl FnMut(Nanos, &mut u64) -> Ended,
) -> Finish {
    let (mut call, mut step): (HeldCall, Step) = dependency
        .begin_held(options, Nanos(*now))
        .expect("a call that costs what it may");
    loop {
        step = match step.action {
            Action::Run { timeout, .. } => {
                let ended = attempt(timeout, now);
                call.ended(ended, None, Nanos(*now))
            }
            Action::Sleep { span } | Action::Wait { at_most: span } => {
                *now += span.0;
                call.woke(Nanos(*now))
            }
            Action::Finish(finish) => return finish,
        }
        .expect("its turn");
    }
}
