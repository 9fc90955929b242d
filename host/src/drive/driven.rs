//! A call under way, its events and its place in the queue.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use seawall_core::policy::{Action, End, Ended, Options};
use seawall_core::retry_budget::Cause;
use seawall_core::{Deadline, Misuse, Moment, Nanos, Outcome};

use super::Attempt;
use crate::classify;
use crate::deadline;
use crate::dependency::Dependency;
use crate::event::Kind;
use crate::queue::Place;
use crate::step::{Call, Step};
use crate::testing::Script;

/// The first in the queue looks again after so long, even if nobody wakes it.
pub(super) const TICK: Nanos = Nanos::from_millis(10);

/// A call under way. Dropped before its end, it is cancelled; if it was its function that panicked, it has failed.
pub(super) struct Driven<'a> {
    pub(super) dependency: &'a Dependency,
    call: Call<'a>,
    place: Option<Arc<Place>>,
    attempts: u32,
    key: OnceLock<[u64; 2]>,
    /// When the last step was made.
    at: Nanos,
    /// Set while the function runs: still set when this is dropped, it has panicked.
    pub(super) is_inside: bool,
}

impl<'a> Driven<'a> {
    /// Begins a call under the deadline in force here.
    pub(super) fn begin(
        dependency: &'a Dependency,
        options: &Options,
    ) -> Result<(Self, Action), Misuse> {
        let now = dependency.clock().now();
        let mut options = Options {
            deadline: options.deadline.nearer(deadline::current()),
            ..*options
        };
        // Where chance is repeatable the key is, too; elsewhere it is drawn when somebody wants it.
        let wants_key = dependency.policy().sends_key || dependency.state().is_seeded();
        if options.key == [0; 2] && wants_key {
            options.key = [dependency.random(), dependency.random()];
        }
        let (call, step) = dependency.begin_at(&options, now)?;
        let mut driven = Self {
            dependency,
            call,
            place: None,
            attempts: 0,
            key: if options.key == [0; 2] {
                OnceLock::new()
            } else {
                OnceLock::from(options.key)
            },
            at: now,
            is_inside: false,
        };
        let action = driven.publish(step, None, now);
        Ok((driven, action))
    }

    /// What the function is told about an attempt.
    pub(super) fn attempt(&mut self, number: u32, timeout: Nanos) -> Attempt {
        self.attempts = number;
        Attempt {
            number,
            timeout,
            deadline: Deadline::after(self.at, timeout).nearer(self.call.deadline()),
            clock: self.dependency.clock().clone(),
            key: self.key.clone(),
        }
    }

    /// Draws the key now, for attempts that do not bring it back.
    pub(super) fn draw_key(&self) {
        if self.dependency.policy().call.attempts == 1 {
            return;
        }
        let draw = || [self.dependency.random(), self.dependency.random()];
        self.key.get_or_init(draw);
    }

    /// Keeps the key that an attempt has drawn for the next one.
    pub(super) fn keep_key(&mut self, attempt: Attempt) {
        self.key = attempt.key;
    }

    pub(super) fn ended(&mut self, ended: Ended) -> Result<Action, Misuse> {
        let now = self.now();
        // Chance is for the wait before another attempt.
        let random = (ended.outcome != Outcome::Failure).then_some(0);
        let step = self.call.ended(ended, random, now)?;
        Ok(self.publish(step, Some(ended), now))
    }

    pub(super) fn woke(&mut self) -> Result<Action, Misuse> {
        let now = self.now();
        let step = self.call.woke(now)?;
        Ok(self.publish(step, None, now))
    }

    pub(super) fn now(&self) -> Nanos {
        self.dependency.clock().now()
    }

    pub(super) fn script(&self) -> &'a Script {
        &self.dependency.state().script
    }

    /// How long it took up to the last step.
    pub(super) fn duration(&self) -> Duration {
        self.at.since(self.call.started()).into()
    }

    /// The place in the queue, taken at the end of it if there is none yet.
    pub(super) fn place(&mut self) -> &Arc<Place> {
        let queue = &self.dependency.state().queue;
        self.place.get_or_insert_with(|| queue.join())
    }

    pub(super) fn is_first(&self) -> bool {
        let queue = &self.dependency.state().queue;
        let place = self.place.as_ref();
        place.is_some_and(|place| queue.is_first(place))
    }

    /// Tells what happened, and leaves the queue where nothing is waited for any more.
    fn publish(&mut self, step: Step, ended: Option<Ended>, now: Nanos) -> Action {
        let Step { action, notes } = step;
        self.at = now;
        if !matches!(action, Action::Wait { .. }) {
            self.leave_queue();
        }
        let dependency = self.dependency;
        if !dependency.state().events.are_watched() {
            return action;
        }
        if let Some(transition) = notes.transition {
            dependency.tell(
                now,
                Kind::StateChange {
                    from: transition.from,
                    to: transition.to,
                },
            );
        }
        if notes.is_late {
            let (attempt, outcome) = (self.attempts, ended.map(|ended| ended.outcome));
            dependency.tell(now, Kind::LateResult { attempt, outcome });
        }
        match action {
            Action::Finish(finish) => {
                if let End::Refused(refusal) = finish.end {
                    // The numbers are those of the policy that the call began under.
                    let limits = &self.call.policy().rate_limits;
                    let limit = notes
                        .limiter
                        .and_then(|index| limits.get(usize::from(index)));
                    dependency.tell(
                        now,
                        Kind::Refusal {
                            reason: refusal.reason,
                            retry_after: refusal.retry_after.into(),
                            limit: limit.map(|limit| limit.name.as_str()),
                        },
                    );
                }
            }
            Action::Sleep { span } => {
                if let Some(ended) = ended
                    && ended.outcome == Outcome::Failure
                {
                    dependency.tell(
                        now,
                        Kind::Retry {
                            attempt: self.attempts,
                            delay: span.into(),
                            cause: ended.cause,
                        },
                    );
                }
            }
            Action::Run { .. } | Action::Wait { .. } => {}
        }
        action
    }

    fn leave_queue(&mut self) {
        if let Some(place) = self.place.take() {
            self.dependency.state().queue.leave(&place);
        }
    }
}

impl Drop for Driven<'_> {
    fn drop(&mut self) {
        if !self.call.is_under_way() {
            return;
        }
        let now = self.now();
        let (step, ended) = if self.is_inside {
            let ended = classify::FINAL;
            (self.call.ended(ended, Some(0), now).ok(), Some(ended))
        } else {
            (self.call.cancelled(now), None)
        };
        if let Some(step) = step {
            self.publish(step, ended, now);
        }
    }
}

/// An attempt that ran out of time.
pub(super) const TIMED_OUT: Ended = Ended {
    cause: Cause::Timeout,
    ..Ended::FAILURE
};
