//! A call in a thread, which sleeps and waits itself.

use std::sync::Arc;
use std::task::{Wake, Waker};
use std::thread::Thread;

use seawall_core::policy::{Action, Ended, Finish, Options};
use seawall_core::{Misuse, Nanos};

use super::driven::{Driven, TICK, TIMED_OUT};
use super::{Attempt, DependencyError};
use crate::deadline;
use crate::dependency::Dependency;
use crate::testing::Injected;

/// How a call ended.
pub(super) struct Over<T, E> {
    pub(super) finish: Finish,
    /// What the last attempt gave, if one was made.
    pub(super) last: Option<Result<T, DependencyError<E>>>,
    pub(super) duration: std::time::Duration,
}

/// Makes a call from its begin to its end.
pub(super) fn drive<T, E: 'static>(
    dependency: &Dependency,
    options: &Options,
    classify: &dyn Fn(&Result<T, E>) -> Ended,
    function: &mut dyn FnMut(&Attempt) -> Result<T, E>,
) -> Result<Over<T, E>, Misuse> {
    let (mut driven, mut action) = Driven::begin(dependency, options)?;
    let mut last = None;
    loop {
        action = match action {
            Action::Run { attempt, timeout } => {
                let attempt = driven.attempt(attempt, timeout);
                let (result, ended) = driven.run(&attempt, classify, function);
                driven.keep_key(attempt);
                last = Some(result);
                driven.ended(ended)?
            }
            Action::Sleep { span } => {
                driven.pause(span);
                driven.woke()?
            }
            Action::Wait { at_most } => driven.wait(at_most)?,
            Action::Finish(finish) => {
                let duration = driven.duration();
                return Ok(Over {
                    finish,
                    last,
                    duration,
                });
            }
        };
    }
}

impl Driven<'_> {
    fn run<T, E: 'static>(
        &mut self,
        attempt: &Attempt,
        classify: &dyn Fn(&Result<T, E>) -> Ended,
        function: &mut dyn FnMut(&Attempt) -> Result<T, E>,
    ) -> (Result<T, DependencyError<E>>, Ended) {
        // Reset only when all of it returns: a panic in here is a failed attempt.
        self.is_inside = true;
        let injected = self.script().inject::<E>(self.dependency, attempt.timeout);
        let result = match injected {
            Injected::Nothing => Ok(()),
            Injected::Latency(span) => {
                self.pause(span);
                Ok(())
            }
            Injected::Timeout => {
                self.pause(attempt.timeout);
                Err(None)
            }
            Injected::Error(error) => Err(Some(error)),
        };
        let answer = match result {
            Ok(()) => deadline::scope(attempt.deadline, || function(attempt)),
            Err(Some(error)) => Err(error),
            Err(None) => {
                self.is_inside = false;
                return (Err(DependencyError::TimedOut(attempt.timeout())), TIMED_OUT);
            }
        };
        let ended = classify(&answer);
        self.is_inside = false;
        (answer.map_err(DependencyError::Failed), ended)
    }

    pub(super) fn pause(&self, span: Nanos) {
        match self.script().fake_clock() {
            Some(clock) => clock.advance(span.into()),
            None => std::thread::sleep(span.into()),
        }
    }

    /// Waits for a place of the bulkhead, first come first served.
    pub(super) fn wait(&mut self, at_most: Nanos) -> Result<Action, Misuse> {
        let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
        // Before every look, so that who frees a place after it wakes us.
        self.place().set_waker(&waker);
        let mut until = self.now().plus(at_most);
        if let Some(clock) = self.script().fake_clock() {
            clock.advance(at_most.into());
        }
        // Waking a thread on another core costs some 50 us, so short waits are spent looking.
        let spin = crossbeam_utils::Backoff::new();
        loop {
            let now = self.now();
            let is_first = self.is_first();
            if is_first || now >= until {
                match self.woke()? {
                    Action::Wait { at_most } => until = now.plus(at_most),
                    action => return Ok(action),
                }
            }
            if !spin.is_completed() {
                spin.snooze();
                continue;
            }
            let left = until.since(now);
            let nap = if is_first { left.min(TICK) } else { left };
            std::thread::park_timeout(nap.into());
        }
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}
