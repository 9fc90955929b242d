//! For tests of services: a clock moved by hand, forced states, injected faults, no waiting.
//!
//! None of it costs a call anything where no test has asked for it: one read of a pointer.
//!
//! ```
//! use seawall::{Options, Policy, Seawall, classify, testing};
//! use std::io::{Error, ErrorKind};
//! use std::time::Duration;
//!
//! let time = testing::FakeClock::new();
//! let wall = Seawall::options().clock(time.clock()).build();
//! let policy = Policy::builder().timeout(Duration::from_secs(1)).retry(|retry| retry.attempts(3)).build()?;
//! let profile = wall.define("profile", policy)?;
//!
//! testing::no_waiting(&profile, &time);
//! testing::inject(&profile, testing::Fault::error(|| Error::from(ErrorKind::ConnectionReset)).times(2));
//! // Two injected errors and two backoffs later, without a millisecond of waiting:
//! let answer = profile.call_with(&Options::DEFAULT, classify::io, |attempt| Ok(attempt.number()));
//! assert_eq!(answer.ok(), Some(3));
//!
//! testing::force(&profile, testing::State::Open)?;
//! assert!(profile.call(|_| Ok::<_, Error>(())).is_err());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::any::Any;
use std::fmt;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use seawall_core::{Moment, Nanos, Outcome, Owner, chance};

pub use crate::clock::ManualClock as FakeClock;
pub use seawall_core::breaker::State;

use crate::dependency::Dependency;

/// What tests have asked of one dependency.
#[derive(Default)]
pub(crate) struct Script(OnceLock<Box<Mutex<Inside>>>);

#[derive(Default)]
struct Inside {
    faults: Vec<Fault>,
    clock: Option<FakeClock>,
}

/// What an attempt meets in place of its function.
pub(crate) enum Injected<E> {
    Nothing,
    Latency(Nanos),
    /// It lasts as long as the attempt may, and longer.
    Timeout,
    Error(E),
}

impl Script {
    fn look(&self) -> Option<MutexGuard<'_, Inside>> {
        let inside = self.0.get()?;
        Some(inside.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn write(&self) -> MutexGuard<'_, Inside> {
        let inside = self.0.get_or_init(Box::default);
        inside.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The clock that moves in place of waiting.
    pub(crate) fn fake_clock(&self) -> Option<FakeClock> {
        self.look()?.clock.clone()
    }

    /// The fault that the next attempt meets.
    ///
    /// # Panics
    /// When the error to inject is of another type than those of the call: the test would not test what it says.
    pub(crate) fn inject<E: 'static>(
        &self,
        dependency: &Dependency,
        timeout: Nanos,
    ) -> Injected<E> {
        let Some(mut inside) = self.look() else {
            return Injected::Nothing;
        };
        let Some(at) = inside
            .faults
            .iter()
            .position(|fault| fault.strikes(dependency))
        else {
            return Injected::Nothing;
        };
        let Some(fault) = inside.faults.get_mut(at) else {
            return Injected::Nothing;
        };
        fault.left = fault.left.saturating_sub(1);
        let injected = match &fault.kind {
            Kind::Latency(span) if *span >= timeout => Injected::Timeout,
            Kind::Latency(span) => Injected::Latency(*span),
            Kind::Error { make, name } => {
                let make = make.downcast_ref::<Make<E>>();
                let Some(Make(make)) = make else {
                    let (name, other) = (*name, std::any::type_name::<E>());
                    drop(inside);
                    panic!("the injected error is a {name}, but errors of this call are {other}");
                };
                Injected::Error(make())
            }
        };
        if fault.left == 0 {
            inside.faults.remove(at);
        }
        injected
    }
}

impl fmt::Debug for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Script")
    }
}

/// Something that goes wrong with an attempt; give it to [`inject`].
pub struct Fault {
    kind: Kind,
    permille: u16,
    left: u32,
}

enum Kind {
    Latency(Nanos),
    Error {
        make: Box<dyn Any + Send>,
        name: &'static str,
    },
}

struct Make<E>(Box<dyn Fn() -> E + Send>);

impl Fault {
    /// The attempt fails with this error; its function is not called.
    pub fn error<E: 'static>(make: impl Fn() -> E + Send + 'static) -> Self {
        let make: Make<E> = Make(Box::new(make));
        Self::of(Kind::Error {
            make: Box::new(make),
            name: std::any::type_name::<E>(),
        })
    }

    /// The attempt begins so much later; if that is its timeout or more, it times out.
    #[must_use]
    pub fn latency(span: Duration) -> Self {
        Self::of(Kind::Latency(span.into()))
    }

    const fn of(kind: Kind) -> Self {
        Self {
            kind,
            permille: 1_000,
            left: u32::MAX,
        }
    }

    /// Only this many thousandths of the attempts meet it. Above 1,000 counts as 1,000. Which ones is repeatable
    /// with the seed of the wall.
    #[must_use]
    pub const fn rate(mut self, permille: u16) -> Self {
        self.permille = permille;
        self
    }

    /// Only so many attempts meet it.
    #[must_use]
    pub const fn times(mut self, times: u32) -> Self {
        self.left = times;
        self
    }

    fn strikes(&self, dependency: &Dependency) -> bool {
        let is_meant = match self.permille {
            1_000.. => true,
            0 => false,
            permille => chance::pick(dependency.random(), 999) < u64::from(permille),
        };
        is_meant && self.left > 0
    }
}

impl fmt::Debug for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind: &dyn fmt::Debug = match &self.kind {
            Kind::Latency(span) => span,
            Kind::Error { name, .. } => name,
        };
        f.debug_struct("Fault")
            .field("kind", kind)
            .field("permille", &self.permille)
            .field("left", &self.left)
            .finish()
    }
}

/// Makes attempts meet a fault, after those injected before.
pub fn inject(dependency: &Dependency, fault: Fault) {
    dependency.state().script.write().faults.push(fault);
}

/// Takes all faults out again, and waits are waited for again.
pub fn restore(dependency: &Dependency) {
    if let Some(mut inside) = dependency.state().script.look() {
        *inside = Inside::default();
    }
}

/// From now on no call to this dependency waits: where it would sleep between attempts, for a rate or for a
/// place, it moves the clock on instead. Timeouts of real functions are waited for all the same.
///
/// # Panics
/// When the clock is not the one that the wall of the dependency was given: nothing would ever come to its end.
pub fn no_waiting(dependency: &Dependency, clock: &FakeClock) {
    let now = clock.clock().now();
    let later = now.plus(Nanos(1));
    clock.set(later);
    let is_the_same = dependency.clock().now() == later;
    clock.set(now);
    assert!(
        is_the_same,
        "the wall of {} has another clock",
        dependency.name()
    );
    dependency.state().script.write().clock = Some(clock.clone());
}

/// The state could not be forced: the policy has no breaker, or its breaker does not trip on failures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotForced(pub State);

impl fmt::Display for NotForced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "no breaker that failures bring to the state {}",
            self.0.name()
        )
    }
}

impl std::error::Error for NotForced {}

/// Puts the breaker into a state: closed and without memory; open, as failures would have opened it; half-open,
/// with its next probe free; held open or disabled by hand.
///
/// # Errors
/// [`NotForced`] when there is no breaker, or failures do not bring it there.
pub fn force(dependency: &Dependency, state: State) -> Result<(), NotForced> {
    let breaker = dependency.bound().gates.breaker.ok_or(NotForced(state))?;
    match state {
        State::ForcedOpen => {
            let _ = dependency.force_open();
        }
        State::Disabled => {
            let _ = dependency.disable();
        }
        State::Closed | State::Open | State::HalfOpen => {
            let _ = dependency.reset();
        }
    }
    if !matches!(state, State::Open | State::HalfOpen) {
        return Ok(());
    }
    let config = breaker.config();
    let mut now = dependency.clock().now();
    for _ in 0..config.min_calls.max(config.consecutive_failures).max(1) {
        let Ok(admission) = breaker.try_acquire(Owner::PRIVATE, &now) else {
            break;
        };
        breaker.record(admission.permit, Outcome::Failure, Nanos::ZERO, &now);
    }
    if state == State::HalfOpen && breaker.state() == State::Open {
        // A probe that is given back leaves the breaker half-open with its seat free. Seen from the end of the
        // open time, which the clock of the wall need not have reached.
        now = now.plus(breaker.snapshot(now).retry_after);
        if let Ok(admission) = breaker.try_acquire(Owner::PRIVATE, &now) {
            breaker.cancel(admission.permit);
        }
    }
    if breaker.state() == state {
        Ok(())
    } else {
        Err(NotForced(state))
    }
}
