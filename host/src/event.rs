//! Events: what happens at a dependency, told to whoever wants to know.
//!
//! A hook runs on the thread where it happened, after the new state is visible to everybody, under no lock. Let it
//! be short. If it panics, the call goes on and the failure is counted.
//!
//! A hook may call dependencies, its own as well, and what happens there is told, too: at most eight hooks deep, so
//! that a hook whose call brings about the very event that it waits for comes to an end.

use std::cell::Cell;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use seawall_core::breaker::{State, Transition};
use seawall_core::policy::Stop;
use seawall_core::retry_budget::Cause;
use seawall_core::{Moment, Nanos, Outcome, Refused};

use crate::dependency::Dependency;
use crate::wall::Seawall;

/// Something that happened at a dependency.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Event<'a> {
    /// The name of the dependency.
    pub dependency: &'a str,
    /// When, on the clock of its wall.
    pub at: Nanos,
    /// What.
    pub kind: Kind<'a>,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind<'a> {
    /// The breaker changed its state.
    StateChange {
        /// The state it left.
        from: State,
        /// The state it is in.
        to: State,
    },
    /// A call was refused before any attempt was made.
    Refusal {
        /// Why.
        reason: Refused,
        /// How long until asking again can help; zero when nobody knows.
        retry_after: Duration,
        /// The rate limit that said no, where one did.
        limit: Option<&'a str>,
    },
    /// An attempt failed, and another one follows.
    Retry {
        /// The attempt that failed, from 1.
        attempt: u32,
        /// The wait before the next one.
        delay: Duration,
        /// What kind of failure it was.
        cause: Cause,
    },
    /// A fallback served in place of the dependency.
    Fallback {
        /// Which step of the chain served, from 0.
        step: usize,
        /// What kind of step it is: `value`, `function`, `last_good`.
        source: &'static str,
        /// Why the dependency made no further attempt.
        reason: Stop,
    },
    /// A result came after the breaker had changed its state, which therefore took no notice of it.
    LateResult {
        /// The attempts made so far.
        attempt: u32,
        /// The result; `None` when the caller gave up.
        outcome: Option<Outcome>,
    },
}

impl Kind<'_> {
    /// Its name, as logs and other languages have it.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::StateChange { .. } => "state_change",
            Self::Refusal { .. } => "refusal",
            Self::Retry { .. } => "retry",
            Self::Fallback { .. } => "fallback",
            Self::LateResult { .. } => "late_result",
        }
    }
}

/// Called on the thread where it happened, after the new state is visible to everybody, under no lock.
type Hook = Arc<dyn Fn(&Event<'_>) + Send + Sync>;

/// Ends a subscription; made by `on_event`. Dropping it leaves the hook in place.
#[derive(Clone, Debug)]
pub struct Subscription(Arc<AtomicBool>);

impl Subscription {
    /// No event reaches the hook from now on, except one that is being told at this moment.
    pub fn cancel(&self) {
        // RELAXED: a hook that is called once more while it is being cancelled is no surprise.
        self.0.store(false, Ordering::Relaxed);
    }
}

/// Those who want to know. A list that only grows at its end, so that telling an event takes no lock: one read
/// of a pointer when nobody listens.
#[derive(Default)]
pub(crate) struct Hooks {
    first: OnceLock<Box<Node>>,
    failures: AtomicU64,
}

struct Node {
    hook: Hook,
    is_on: Arc<AtomicBool>,
    next: OnceLock<Box<Self>>,
}

impl Hooks {
    fn add(&self, hook: Hook) -> Subscription {
        let is_on = Arc::new(AtomicBool::new(true));
        let mut node = Box::new(Node {
            hook,
            is_on: Arc::clone(&is_on),
            next: OnceLock::new(),
        });
        let mut end = &self.first;
        loop {
            match end.set(node) {
                Ok(()) => return Subscription(is_on),
                Err(back) => node = back,
            }
            // Set, as has just been seen.
            if let Some(other) = end.get() {
                end = &other.next;
            }
        }
    }

    fn is_empty(&self) -> bool {
        self.first.get().is_none()
    }

    fn tell(&self, event: &Event<'_>) {
        let mut end = &self.first;
        while let Some(node) = end.get() {
            // RELAXED: see `Subscription::cancel`.
            if node.is_on.load(Ordering::Relaxed)
                && catch_unwind(AssertUnwindSafe(|| (node.hook)(event))).is_err()
            {
                // RELAXED: a count for dashboards.
                self.failures.fetch_add(1, Ordering::Relaxed);
            }
            end = &node.next;
        }
    }

    fn failures(&self) -> u64 {
        // RELAXED: a count for dashboards.
        self.failures.load(Ordering::Relaxed)
    }
}

impl Drop for Hooks {
    fn drop(&mut self) {
        // One after the other: a long list must not be dropped by recursion.
        let mut node = self.first.take();
        while let Some(mut this) = node {
            node = this.next.take();
        }
    }
}

impl fmt::Debug for Hooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hooks")
            .field("failures", &self.failures())
            .finish_non_exhaustive()
    }
}

/// Who wants to know about one dependency: those who asked it, and those who asked its wall.
#[derive(Debug)]
pub(crate) struct Events {
    own: Hooks,
    wall: Arc<Hooks>,
}

impl Events {
    pub(crate) fn of(wall: &Arc<Hooks>) -> Self {
        Self {
            own: Hooks::default(),
            wall: Arc::clone(wall),
        }
    }

    /// Whether anybody listens.
    pub(crate) fn are_watched(&self) -> bool {
        cfg!(feature = "tracing") || !self.own.is_empty() || !self.wall.is_empty()
    }

    fn tell(&self, event: &Event<'_>) {
        let Some(_deeper) = Deeper::go() else {
            return;
        };
        #[cfg(feature = "tracing")]
        trace(event);
        self.own.tell(event);
        self.wall.tell(event);
    }
}

thread_local! {
    static DEPTH: Cell<u32> = const { Cell::new(0) };
}

/// One event being told on this thread, perhaps inside the hook of another one.
struct Deeper(u32);

impl Deeper {
    /// How many events may lie in each other's hooks.
    const MOST: u32 = 8;

    fn go() -> Option<Self> {
        let depth = DEPTH.get();
        (depth < Self::MOST).then(|| {
            DEPTH.set(depth.saturating_add(1));
            Self(depth)
        })
    }
}

impl Drop for Deeper {
    fn drop(&mut self) {
        DEPTH.set(self.0);
    }
}

impl Dependency {
    /// Calls `hook` with everything that happens at this dependency from now on.
    pub fn on_event(&self, hook: impl Fn(&Event<'_>) + Send + Sync + 'static) -> Subscription {
        self.state().events.own.add(Arc::new(hook))
    }

    /// How often a hook panicked; those of the wall are not counted here.
    #[must_use]
    pub fn hook_failures(&self) -> u64 {
        self.state().events.own.failures()
    }

    pub(crate) fn tell(&self, at: Nanos, kind: Kind<'_>) {
        let dependency = self.name();
        self.state().events.tell(&Event {
            dependency,
            at,
            kind,
        });
    }

    /// Tells of a state change that was made by hand.
    pub(crate) fn told(&self, transition: Option<Transition>) -> Option<Transition> {
        if let Some(Transition { from, to, .. }) = transition
            && self.state().events.are_watched()
        {
            self.tell(self.clock().now(), Kind::StateChange { from, to });
        }
        transition
    }
}

impl Seawall {
    /// Calls `hook` with everything that happens at any dependency from now on, after the hooks of the dependency
    /// itself.
    pub fn on_event(&self, hook: impl Fn(&Event<'_>) + Send + Sync + 'static) -> Subscription {
        self.hooks().add(Arc::new(hook))
    }

    /// How often a hook of the wall panicked.
    #[must_use]
    pub fn hook_failures(&self) -> u64 {
        self.hooks().failures()
    }
}

/// Says an event through `tracing`, target `seawall`.
#[cfg(feature = "tracing")]
fn trace(event: &Event<'_>) {
    let dependency = event.dependency;
    match event.kind {
        Kind::StateChange { from, to } => {
            tracing::warn!(target: "seawall", dependency, from = from.name(), to = to.name(), "state_change");
        }
        Kind::Refusal {
            reason,
            retry_after,
            limit,
        } => {
            tracing::debug!(target: "seawall", dependency, %reason, ?retry_after, limit, "refusal");
        }
        Kind::Retry {
            attempt,
            delay,
            cause,
        } => {
            tracing::info!(target: "seawall", dependency, attempt, ?delay, ?cause, "retry");
        }
        Kind::Fallback {
            step,
            source,
            reason,
        } => {
            tracing::info!(target: "seawall", dependency, step, source, ?reason, "fallback");
        }
        Kind::LateResult { attempt, outcome } => {
            tracing::debug!(target: "seawall", dependency, attempt, ?outcome, "late_result");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    fn event() -> Event<'static> {
        Event {
            dependency: "payments",
            at: Nanos(1),
            kind: Kind::LateResult {
                attempt: 1,
                outcome: None,
            },
        }
    }

    #[test]
    fn every_hook_hears_every_event_until_it_is_cancelled() {
        let (hooks, heard) = (Hooks::default(), Arc::new(Mutex::new(Vec::new())));
        let subscriptions: Vec<Subscription> = (0..3)
            .map(|number| {
                let heard = Arc::clone(&heard);
                hooks.add(Arc::new(move |_| {
                    heard.lock().expect("no panic").push(number)
                }))
            })
            .collect();
        hooks.tell(&event());
        subscriptions.get(1).expect("three").cancel();
        hooks.tell(&event());
        assert_eq!(*heard.lock().expect("no panic"), [0, 1, 2, 0, 2]);
    }

    #[test]
    fn a_hook_that_panics_is_counted_and_the_next_one_hears_all_the_same() {
        let (hooks, heard) = (Hooks::default(), Arc::new(AtomicU64::new(0)));
        let count = Arc::clone(&heard);
        hooks.add(Arc::new(|_| panic!("a bug in a hook")));
        hooks.add(Arc::new(move |_| {
            count.fetch_add(1, Ordering::SeqCst);
        }));
        hooks.tell(&event());
        assert_eq!((hooks.failures(), heard.load(Ordering::SeqCst)), (1, 1));
    }

    #[test]
    fn a_hook_that_brings_about_what_it_waits_for_comes_to_an_end() {
        let wall = Seawall::new();
        let policy = crate::Policy::parse("timeout = '1s'").expect("good");
        let ledger = wall.define("ledger", policy).expect("new");
        let heard = Arc::new(AtomicU64::new(0));
        let (count, again) = (Arc::clone(&heard), ledger.clone());
        let hook = ledger.on_event(move |event| {
            if let Kind::Refusal { .. } = event.kind {
                count.fetch_add(1, Ordering::SeqCst);
                assert!(again.call(|_| Ok::<_, ()>(())).is_err());
            }
        });
        ledger.force_open();
        for calls in 1..=2 {
            assert!(ledger.call(|_| Ok::<_, ()>(())).is_err());
            assert_eq!(
                heard.load(Ordering::SeqCst),
                calls * u64::from(Deeper::MOST)
            );
        }
        assert_eq!(ledger.hook_failures(), 0);
        hook.cancel();
    }

    #[test]
    fn hooks_are_added_by_many_threads_and_a_long_list_ends_well() {
        let hooks = Hooks::default();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..500 {
                        hooks.add(Arc::new(|_| ()));
                    }
                });
            }
        });
        let mut length = 0;
        let mut end = &hooks.first;
        while let Some(node) = end.get() {
            length += 1;
            end = &node.next;
        }
        assert_eq!(length, 2_000);
    }
}
