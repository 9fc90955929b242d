//! One call under way, driven by hand: what every driver, in every language, is built on.

use std::fmt;

use seawall_core::policy::{self, Action, Bound, Ended, Notes, Options, key_text};
use seawall_core::{Deadline, Misuse, Moment, Nanos, Outcome, bulkhead};

use crate::dependency::{Dependency, Rules, State};
use crate::policy::Policy;

/// What to do next, and what else the event brought about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// What to do next.
    pub action: Action,
    /// What else happened.
    pub notes: Notes,
}

/// One call to a dependency under way. It holds what the policy granted; dropped before its end, it is
/// cancelled and gives everything back.
pub struct Call<'a> {
    call: policy::Call,
    /// Those in force when it began; it ends by them.
    rules: &'a Rules,
    state: &'a State,
}

impl Dependency {
    /// Begins a call at `now`.
    ///
    /// # Errors
    /// [`Misuse::ExceedsCapacity`] when an attempt costs more than a rate limit can ever hold.
    pub fn begin_at(&self, options: &Options, now: Nanos) -> Result<(Call<'_>, Step), Misuse> {
        let state = self.state();
        let mut call = Call {
            call: policy::Call::new(),
            rules: state.rules(),
            state,
        };
        let Bound { config, gates } = call.rules.bound();
        let action = call.call.begin(config, gates, options, now)?;
        let step = call.step(action);
        Ok((call, step))
    }

    /// Begins a call that keeps its dependency alive by itself, for callers whose lifetimes the compiler cannot
    /// see.
    ///
    /// # Errors
    /// As for [`Dependency::begin_at`].
    pub fn begin_held(&self, options: &Options, now: Nanos) -> Result<(HeldCall, Step), Misuse> {
        let dependency = self.clone();
        let (call, step) = dependency.begin_at(options, now)?;
        // SAFETY: only the lifetime changes. The state lies inside the `Arc` that `dependency` holds, which is
        // dropped after the call.
        let call = unsafe { std::mem::transmute::<Call<'_>, Call<'static>>(call) };
        Ok((HeldCall { call, dependency }, step))
    }
}

impl Call<'_> {
    fn step(&mut self, action: Action) -> Step {
        let notes = self.call.take_notes();
        // A place came free: who has waited longest asks.
        if notes.freed {
            self.state.queue.wake_first();
        }
        Step { action, notes }
    }

    /// The time that the last action asked to wait has passed, or a place may have come free.
    ///
    /// # Errors
    /// [`Misuse::Argument`] when nothing was waited for; nothing changes then.
    pub fn woke(&mut self, now: Nanos) -> Result<Step, Misuse> {
        let Bound { config, gates } = self.rules.bound();
        let action = self.call.woke(config, gates, now)?;
        let step = self.step(action);
        // A waiter has been served, and more places may be free: the next one asks. A call that found its place at
        // once took nobody's turn, and pays for no look at the queue.
        if !matches!(action, Action::Wait { .. }) {
            self.state.queue.wake_first();
        }
        Ok(step)
    }

    /// An attempt ended. `random` is chance for the wait before the next one; `None` draws it.
    ///
    /// # Errors
    /// [`Misuse::Argument`] when no attempt was under way; nothing changes then.
    pub fn ended(&mut self, ended: Ended, random: Option<u64>, now: Nanos) -> Result<Step, Misuse> {
        let Bound { config, gates } = self.rules.bound();
        let random = match random {
            Some(random) => random,
            // Only a failure may have to wait.
            None if ended.outcome == Outcome::Failure => self.state.random(),
            None => 0,
        };
        let action = self.call.attempt_ended(config, gates, ended, random, now)?;
        Ok(self.step(action))
    }

    /// The caller gave up. `None` when the call had ended.
    pub fn cancelled(&mut self, now: Nanos) -> Option<Step> {
        let Bound { config, gates } = self.rules.bound();
        let finish = self.call.cancelled(config, gates, now)?;
        Some(self.step(Action::Finish(finish)))
    }

    /// Takes the place of the bulkhead out of the call, for work that goes on after the call has ended. Give it
    /// back with [`Dependency::release`].
    pub fn keep_place(&mut self) -> Option<bulkhead::Permit> {
        self.call.keep_place()
    }

    /// The moment after which nobody waits for this call: the deadline for everything below it.
    #[must_use]
    pub const fn deadline(&self) -> Deadline {
        self.call.deadline()
    }

    /// When it began.
    #[must_use]
    pub const fn started(&self) -> Nanos {
        self.call.started()
    }

    /// The idempotency key, the same for all attempts: a random UUID as text.
    #[must_use]
    pub fn key(&mut self) -> String {
        if self.call.key() == [0; 2] {
            self.call
                .set_key([self.state.random(), self.state.random()]);
        }
        String::from_utf8_lossy(&key_text(self.call.key())).into_owned()
    }

    /// Whether it has not ended.
    #[must_use]
    pub fn is_under_way(&self) -> bool {
        self.call.is_under_way()
    }

    /// The policy that it began under.
    pub(crate) fn policy(&self) -> &Policy {
        &self.rules.policy
    }
}

impl Drop for Call<'_> {
    fn drop(&mut self) {
        if self.is_under_way() {
            let now = self.state.clock.now();
            let _ = self.cancelled(now);
        }
    }
}

impl fmt::Debug for Call<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.call.fmt(f)
    }
}

/// A [`Call`] that keeps its dependency alive by itself.
#[derive(Debug)]
pub struct HeldCall {
    // Dropped first.
    call: Call<'static>,
    dependency: Dependency,
}

impl HeldCall {
    /// The dependency that is called.
    #[must_use]
    pub const fn dependency(&self) -> &Dependency {
        &self.dependency
    }

    /// As [`Call::woke`].
    ///
    /// # Errors
    /// As there.
    pub fn woke(&mut self, now: Nanos) -> Result<Step, Misuse> {
        self.call.woke(now)
    }

    /// As [`Call::ended`].
    ///
    /// # Errors
    /// As there.
    pub fn ended(&mut self, ended: Ended, random: Option<u64>, now: Nanos) -> Result<Step, Misuse> {
        self.call.ended(ended, random, now)
    }

    /// As [`Call::cancelled`].
    pub fn cancelled(&mut self, now: Nanos) -> Option<Step> {
        self.call.cancelled(now)
    }

    /// As [`Call::keep_place`].
    pub fn keep_place(&mut self) -> Option<bulkhead::Permit> {
        self.call.keep_place()
    }

    /// As [`Call::deadline`].
    #[must_use]
    pub const fn deadline(&self) -> Deadline {
        self.call.deadline()
    }

    /// As [`Call::key`].
    #[must_use]
    pub fn key(&mut self) -> String {
        self.call.key()
    }

    /// As [`Call::is_under_way`].
    #[must_use]
    pub fn is_under_way(&self) -> bool {
        self.call.is_under_way()
    }
}
