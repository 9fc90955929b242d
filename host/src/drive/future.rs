//! A call in a future, of any runtime.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::{Context, Poll};

use seawall_core::policy::{Action, Ended, Options};
use seawall_core::{Misuse, Nanos};

use super::blocking::Over;
use super::driven::{Driven, TICK, TIMED_OUT};
use super::{Attempt, DependencyError, Sleep};
use crate::deadline;
use crate::dependency::Dependency;
use crate::testing::Injected;

/// Makes a call from its begin, when first polled, to its end.
pub(super) async fn drive<S, T, E, F, R>(
    dependency: &Dependency,
    options: &Options,
    sleep: &S,
    classify: &(impl Fn(&Result<T, E>) -> Ended + ?Sized),
    function: &mut F,
) -> Result<Over<T, E>, Misuse>
where
    S: Sleep,
    E: 'static,
    F: FnMut(Attempt) -> R,
    R: Future<Output = Result<T, E>>,
{
    let (mut driven, mut action) = Driven::begin(dependency, options)?;
    driven.draw_key();
    let mut last = None;
    loop {
        action = match action {
            Action::Run { attempt, timeout } => {
                let attempt = driven.attempt(attempt, timeout);
                let span = attempt.timeout();
                let result = driven.run_async(attempt, sleep, function).await;
                let ended = match &result {
                    Some(result) => {
                        driven.is_inside = true;
                        let ended = classify(result);
                        driven.is_inside = false;
                        ended
                    }
                    None => TIMED_OUT,
                };
                last = Some(match result {
                    Some(result) => result.map_err(DependencyError::Failed),
                    None => Err(DependencyError::TimedOut(span)),
                });
                driven.ended(ended)?
            }
            Action::Sleep { span } => {
                driven.pause_async(sleep, span).await;
                driven.woke()?
            }
            Action::Wait { at_most } => driven.wait_async(sleep, at_most).await?,
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
    /// The attempt's result, or none when its time was over first.
    async fn run_async<S, T, E, F, R>(
        &mut self,
        attempt: Attempt,
        sleep: &S,
        function: &mut F,
    ) -> Option<Result<T, E>>
    where
        S: Sleep,
        E: 'static,
        F: FnMut(Attempt) -> R,
        R: Future<Output = Result<T, E>>,
    {
        match self.script().inject::<E>(self.dependency, attempt.timeout) {
            Injected::Nothing => {}
            Injected::Latency(span) => self.pause_async(sleep, span).await,
            Injected::Timeout => {
                self.pause_async(sleep, attempt.timeout).await;
                return None;
            }
            Injected::Error(error) => return Some(Err(error)),
        }
        let clock = attempt.clone();
        // A panic while this is set is a failed attempt; a drop between two polls is not.
        let is_inside = &mut self.is_inside;
        *is_inside = true;
        let under = attempt.deadline;
        let future = deadline::scope(under, || function(attempt));
        *is_inside = false;
        let mut future = pin!(deadline::scope_async(under, future));
        let mut poll = |context: &mut Context<'_>| {
            *is_inside = true;
            let answer = future.as_mut().poll(context);
            *is_inside = false;
            answer
        };
        // Most answers that come at once need no timer.
        if let Poll::Ready(answer) = poll_fn(|context| Poll::Ready(poll(context))).await {
            return Some(answer);
        }
        let mut timer = pin!(sleep.sleep(clock.remaining()));
        let mut was_polled = true;
        poll_fn(|context| {
            if !std::mem::take(&mut was_polled)
                && let Poll::Ready(answer) = poll(context)
            {
                return Poll::Ready(Some(answer));
            }
            timer.as_mut().poll(context).map(|()| None)
        })
        .await
    }

    pub(super) async fn pause_async<S: Sleep>(&self, sleep: &S, span: Nanos) {
        match self.script().fake_clock() {
            Some(clock) => clock.advance(span.into()),
            None => sleep.sleep(span.into()).await,
        }
    }

    /// Waits for a place of the bulkhead, first come first served.
    pub(super) async fn wait_async<S: Sleep>(
        &mut self,
        sleep: &S,
        at_most: Nanos,
    ) -> Result<Action, Misuse> {
        let mut until = self.now().plus(at_most);
        if let Some(clock) = self.script().fake_clock() {
            clock.advance(at_most.into());
        }
        self.place();
        loop {
            let left = until.since(self.now());
            let was_first = self.is_first();
            let nap = if was_first { left.min(TICK) } else { left };
            let mut timer = pin!(sleep.sleep(nap.into()));
            let looked = poll_fn(|context| {
                // Before the look, so that who frees a place after it wakes us.
                self.place().set_waker(context.waker());
                if self.is_first() {
                    match self.woke() {
                        // Now that it is the first, a shorter timer.
                        Ok(Action::Wait { .. }) if !was_first => return Poll::Ready(None),
                        Ok(Action::Wait { .. }) => {}
                        action => return Poll::Ready(Some(action)),
                    }
                }
                timer.as_mut().poll(context).map(|()| None)
            })
            .await;
            if let Some(action) = looked {
                return action;
            }
            if self.now() >= until {
                match self.woke()? {
                    Action::Wait { at_most } => until = self.now().plus(at_most),
                    action => return Ok(action),
                }
            }
        }
    }
}
