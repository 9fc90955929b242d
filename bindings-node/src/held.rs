//! A call that is kept between two of its events: one that may wait, or one of somebody who cannot.

use seawall::core::bulkhead::Permit;
use seawall::core::policy::{Action, Bound, Call, Config, key_text};
use seawall::{Deadline, Dependency, Ended, HeldCall, Misuse, Moment, Nanos, Options, Step};

pub enum Held {
    Patient(HeldCall),
    Impatient(Impatient),
}

/// The call of somebody who cannot wait: the policy with one attempt and without its waits, on the gates of the
/// dependency. What would have to wait is refused, and counted as refused, by the core.
pub struct Impatient {
    call: Call,
    bound: Bound<'static>,
    dependency: Dependency,
}

impl Held {
    pub fn begin(
        dependency: &Dependency,
        is_at_once: bool,
        options: &Options,
        now: Nanos,
    ) -> Result<(Self, Step), Misuse> {
        if is_at_once {
            let (call, step) = Impatient::begin(dependency, options, now)?;
            Ok((Self::Impatient(call), step))
        } else {
            let (call, step) = dependency.begin_held(options, now)?;
            Ok((Self::Patient(call), step))
        }
    }

    pub fn woke(&mut self, now: Nanos) -> Result<Step, Misuse> {
        match self {
            Self::Patient(call) => call.woke(now),
            // It never waits for anything.
            Self::Impatient(_) => Err(Misuse::Argument),
        }
    }

    pub fn ended(&mut self, ended: Ended, random: Option<u64>, now: Nanos) -> Result<Step, Misuse> {
        match self {
            Self::Patient(call) => call.ended(ended, random, now),
            Self::Impatient(call) => call.ended(ended, now),
        }
    }

    pub fn cancelled(&mut self, now: Nanos) -> Option<Step> {
        match self {
            Self::Patient(call) => call.cancelled(now),
            Self::Impatient(call) => call.cancelled(now),
        }
    }

    pub fn keep_place(&mut self) -> Option<Permit> {
        match self {
            Self::Patient(call) => call.keep_place(),
            Self::Impatient(call) => call.call.keep_place(),
        }
    }

    pub fn deadline(&self) -> Deadline {
        match self {
            Self::Patient(call) => call.deadline(),
            Self::Impatient(call) => call.call.deadline(),
        }
    }

    pub fn key(&mut self) -> String {
        match self {
            Self::Patient(call) => call.key(),
            Self::Impatient(call) => call.key(),
        }
    }

    pub fn is_under_way(&self) -> bool {
        match self {
            Self::Patient(call) => call.is_under_way(),
            Self::Impatient(call) => call.call.is_under_way(),
        }
    }
}

impl Impatient {
    fn begin(
        dependency: &Dependency,
        options: &Options,
        now: Nanos,
    ) -> Result<(Self, Step), Misuse> {
        let Bound { config, gates } = *dependency.bound();
        let config = Config {
            attempts: 1,
            max_wait: Nanos::ZERO,
            max_rate_wait: Nanos::ZERO,
            ..config
        };
        let bound = Bound { config, gates };
        // SAFETY: only the lifetime changes. The gates belong to the state of the dependency, which never moves, frees
        // none of them before itself, and is kept alive by the field beside.
        let bound = unsafe { core::mem::transmute::<Bound<'_>, Bound<'static>>(bound) };
        let mut this = Self {
            call: Call::new(),
            bound,
            dependency: dependency.clone(),
        };
        let Bound { config, gates } = &this.bound;
        let action = this.call.begin(config, gates, options, now)?;
        let step = this.step(action);
        Ok((this, step))
    }

    fn ended(&mut self, ended: Ended, now: Nanos) -> Result<Step, Misuse> {
        let Bound { config, gates } = &self.bound;
        // Chance is for the wait before another attempt.
        let action = self.call.attempt_ended(config, gates, ended, 0, now)?;
        Ok(self.step(action))
    }

    fn cancelled(&mut self, now: Nanos) -> Option<Step> {
        let Bound { config, gates } = &self.bound;
        let finish = self.call.cancelled(config, gates, now)?;
        Some(self.step(Action::Finish(finish)))
    }

    fn key(&mut self) -> String {
        if self.call.key() == [0; 2] {
            let key = [self.dependency.random(), self.dependency.random()];
            self.call.set_key(key);
        }
        String::from_utf8_lossy(&key_text(self.call.key())).into_owned()
    }

    fn step(&mut self, action: Action) -> Step {
        Step {
            action,
            notes: self.call.take_notes(),
        }
    }
}

impl Drop for Impatient {
    fn drop(&mut self) {
        if self.call.is_under_way() {
            let now = self.dependency.clock().now();
            let _ = self.cancelled(now);
        }
    }
}
