//! Dependency: something this service calls, by name; a policy and its live state.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicPtr, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use seawall_core::breaker::{self, Breaker, Transition};
use seawall_core::bulkhead::{self, Bulkhead, MOST_PERMITS};
use seawall_core::limiter::{self, Limiter};
use seawall_core::policy::{Bound, Counts, Gates, Tally};
use seawall_core::retry_budget::{self, RetryBudget};
use seawall_core::{Backoff, ConfigError, Histogram, Misuse, Moment, Nanos, Owner, chance};

use crate::clock::Clock;
use crate::event::Events;
use crate::policy::{Criticality, Policy, RateLimit};
use crate::queue::Queue;
use crate::seed;
use crate::testing::Script;

/// Something this service calls, by name. Clones are the same dependency; any thread may use any of them.
#[derive(Clone)]
pub struct Dependency(Arc<State>);

/// A policy in force, and the gates it governs. Lives as long as its dependency, so that a call that began under
/// it ends under it, whatever is loaded meanwhile.
pub(crate) struct Rules {
    pub(crate) policy: Policy,
    limiters: Vec<Arc<Limiter>>,
    /// Points into the state that owns these rules, and to the limiters above; never handed out for longer than that lives.
    bound: Bound<'static>,
}

/// How many profiles of retry budgets there are.
const PROFILES: usize = 5;

/// Everything about one dependency, at one place in memory.
pub(crate) struct State {
    name: Box<str>,
    breaker: Breaker,
    bulkhead: Box<Bulkhead>,
    /// Every rate limit that ever was in force, by its name, so that one which keeps its name keeps its tokens.
    limiters: Mutex<BTreeMap<String, Arc<Limiter>>>,
    /// One for each profile that was ever in force: the tokens of one mean nothing to another.
    budgets: [OnceLock<Box<RetryBudget>>; PROFILES],
    latency: Histogram,
    tally: Tally,
    /// The rules in force: always one of `rules`.
    current: AtomicPtr<Rules>,
    /// All rules that ever were in force. Reloads are rare and rules are small, so none is freed before the
    /// dependency; that is what makes reading `current` free of locks and counts.
    #[expect(
        clippy::vec_box,
        reason = "the rules must stay where they are when the list grows"
    )]
    rules: Mutex<Vec<Box<Rules>>>,
    pub(crate) queue: Queue,
    pub(crate) clock: Clock,
    chance: Arc<Chance>,
    pub(crate) events: Events,
    pub(crate) script: Script,
}

/// Random bits for jitter and keys: the system's, or a repeatable sequence for tests.
#[derive(Debug, Default)]
pub(crate) struct Chance {
    seed: Option<u64>,
    drawn: AtomicU64,
}

impl Chance {
    pub(crate) fn new(seed: Option<u64>) -> Self {
        let drawn = AtomicU64::new(0);
        Self { seed, drawn }
    }

    pub(crate) fn draw(&self) -> u64 {
        match self.seed {
            None => seed::random(),
            Some(seed) => {
                // RELAXED: only that each drawing gets another number matters.
                let drawn = self.drawn.fetch_add(1, Ordering::Relaxed);
                chance::mix(seed ^ chance::mix(drawn))
            }
        }
    }
}

/// What a dependency looked like at one moment.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Snapshot {
    /// Its name.
    pub name: String,
    /// How much the service needs it.
    pub criticality: Criticality,
    /// What became of the calls.
    pub counts: Counts,
    /// The time half of the calls took at most, over all time, within 3 %; zero before the first.
    pub p50: Nanos,
    /// The time 90 % of the calls took at most.
    pub p90: Nanos,
    /// The time 99 % of the calls took at most.
    pub p99: Nanos,
    /// The breaker, if the policy has one.
    pub breaker: Option<breaker::Snapshot>,
    /// The bulkhead, if the policy has one.
    pub bulkhead: Option<bulkhead::Snapshot>,
    /// The retry budget, if the policy has one.
    pub retry_budget: Option<retry_budget::Snapshot>,
    /// The rate limits by name.
    pub rate_limits: Vec<(String, limiter::Snapshot)>,
}

impl State {
    fn bind(&self, policy: &Policy, limiters: &[Arc<Limiter>]) -> Bound<'static> {
        let gates = Gates {
            breaker: policy.breaker.is_some().then_some(&self.breaker),
            bulkhead: policy.bulkhead.is_some().then_some(&*self.bulkhead),
            limiters: std::array::from_fn(|index| limiters.get(index).map(|limiter| &**limiter)),
            budget: policy
                .retry_budget
                .and_then(|config| self.budgets.get(config.profile as usize)?.get())
                .map(|budget| &**budget),
            latency: Some(&self.latency),
            tally: Some(&self.tally),
            owner: Owner::PRIVATE,
        };
        // SAFETY: only the lifetime changes. A state never moves (it is made inside an `Arc`), the rules that keep
        // this are owned by it and own the limiters, and `Rules::bound` shortens the lifetime again.
        let gates = unsafe { std::mem::transmute::<Gates<'_>, Gates<'static>>(gates) };
        Bound {
            config: policy.call,
            gates,
        }
    }

    pub(crate) fn random(&self) -> u64 {
        self.chance.draw()
    }

    /// Whether every random choice is repeatable.
    pub(crate) fn is_seeded(&self) -> bool {
        self.chance.seed.is_some()
    }

    /// The rules in force.
    pub(crate) fn rules(&self) -> &Rules {
        // ORDER: Acquire pairs with the Release in `put_in_force`, so that the rules are seen whole.
        // SAFETY: never null once the state is made, and never freed before it.
        unsafe { &*self.current.load(Ordering::Acquire) }
    }

    /// A budget of the profile that a policy names: the one there is under new settings, or a fresh one.
    fn provide_budget(
        &self,
        config: Option<&retry_budget::Config>,
        now: Nanos,
    ) -> Result<(), ConfigError> {
        let Some((config, place)) =
            config.and_then(|config| Some((config, self.budgets.get(config.profile as usize)?)))
        else {
            return Ok(());
        };
        match place.get() {
            Some(budget) => budget.reconfigure(config),
            None => {
                let fresh = Box::new(RetryBudget::new(config, now)?);
                place.get_or_init(|| fresh);
                Ok(())
            }
        }
    }

    /// The rate limits that a policy names: those there are under new settings, and fresh ones.
    fn provide_limiters(
        &self,
        limits: &[RateLimit],
        now: Nanos,
    ) -> Result<Vec<Arc<Limiter>>, ConfigError> {
        let mut known = self.limiters.lock().unwrap_or_else(PoisonError::into_inner);
        let provide = |limit: &RateLimit| {
            if let Some(limiter) = known.get(&limit.name) {
                limiter.reconfigure(&limit.config, &now)?;
                return Ok(Arc::clone(limiter));
            }
            let fresh = Arc::new(Limiter::new(&limit.config)?);
            known.insert(limit.name.clone(), Arc::clone(&fresh));
            Ok(fresh)
        };
        limits.iter().map(provide).collect()
    }

    fn put_in_force(&self, policy: Policy, now: Nanos) -> Result<(), ConfigError> {
        self.provide_budget(policy.retry_budget.as_ref(), now)?;
        let limiters = self.provide_limiters(&policy.rate_limits, now)?;
        let bound = self.bind(&policy, &limiters);
        let rules = Box::new(Rules {
            policy,
            limiters,
            bound,
        });
        let mut all = self.rules.lock().unwrap_or_else(PoisonError::into_inner);
        all.push(rules);
        if let Some(latest) = all.last() {
            let latest: *const Rules = &raw const **latest;
            self.current.store(latest.cast_mut(), Ordering::Release);
        }
        Ok(())
    }
}

impl Rules {
    /// What a call needs to be driven, for as long as the dependency is borrowed.
    pub(crate) fn bound(&self) -> &Bound<'_> {
        &self.bound
    }
}

fn seeded(config: breaker::Config, chance: &Chance) -> breaker::Config {
    breaker::Config {
        seed: if config.seed == 0 {
            chance.draw()
        } else {
            config.seed
        },
        ..config
    }
}

impl Dependency {
    /// A dependency with fresh state.
    pub(crate) fn new(
        name: &str,
        policy: Policy,
        clock: Clock,
        chance: Arc<Chance>,
        events: Events,
        now: Nanos,
    ) -> Result<Self, ConfigError> {
        let breaker = seeded(policy.breaker.unwrap_or_default(), &chance);
        let bulkhead = policy.bulkhead.unwrap_or_default();
        let state = Arc::new(State {
            name: name.into(),
            breaker: Breaker::new(&breaker)?,
            bulkhead: crate::bulkhead::allocate(MOST_PERMITS, &bulkhead)?,
            limiters: Mutex::default(),
            budgets: std::array::from_fn(|_| OnceLock::new()),
            latency: Histogram::new(),
            tally: Tally::new(),
            current: AtomicPtr::new(std::ptr::null_mut()),
            rules: Mutex::default(),
            queue: Queue::default(),
            clock,
            chance,
            events,
            script: Script::default(),
        });
        state.put_in_force(policy, now)?;
        Ok(Self(state))
    }

    /// Puts another policy in force. What the gates know stays, except where the shape of it changes. The policy
    /// has been validated.
    pub(crate) fn adopt(&self, policy: Policy, now: Nanos) -> Result<(), ConfigError> {
        let state = &*self.0;
        if let Some(config) = policy.breaker {
            let seed = state.breaker.config().seed;
            state
                .breaker
                .reconfigure(&breaker::Config { seed, ..config })?;
        }
        if let Some(config) = &policy.bulkhead {
            state.bulkhead.reconfigure(config)?;
        }
        state.put_in_force(policy, now)
    }

    pub(crate) fn state(&self) -> &State {
        &self.0
    }

    /// The same state for a caller that keeps the dependency alive in its own way (the C interface).
    #[must_use]
    pub fn as_ptr(&self) -> *const () {
        Arc::as_ptr(&self.0).cast()
    }

    /// The dependency behind a pointer from [`Dependency::as_ptr`], without a count of its own.
    ///
    /// # Safety
    /// The pointer came from `as_ptr` of a dependency of which a handle outlives the answer, and the answer is
    /// never dropped.
    #[must_use]
    pub unsafe fn borrow_ptr(pointer: *const ()) -> Self {
        // SAFETY: by the caller's promise it is the inside of a living `Arc`.
        Self(unsafe { Arc::from_raw(pointer.cast::<State>()) })
    }

    /// Its bulkhead, whether the policy in force uses it or not.
    #[must_use]
    pub fn bulkhead(&self) -> &Bulkhead {
        &self.0.bulkhead
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// The policy in force now.
    #[must_use]
    pub fn policy(&self) -> &Policy {
        &self.0.rules().policy
    }

    /// The policy in force now and the gates it governs, to drive a [`seawall_core::policy::Call`] by hand.
    #[must_use]
    pub fn bound(&self) -> &Bound<'_> {
        self.0.rules().bound()
    }

    /// Where it gets its time from.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.0.clock
    }

    /// Sixty-four random bits of its wall: the system's, or of a repeatable sequence where a seed was set.
    #[must_use]
    pub fn random(&self) -> u64 {
        self.0.chance.draw()
    }

    /// Refuses every call until [`Dependency::reset`].
    pub fn force_open(&self) -> Option<Transition> {
        self.told(self.0.breaker.force_open())
    }

    /// Admits every call and records nothing until [`Dependency::reset`].
    pub fn disable(&self) -> Option<Transition> {
        self.told(self.0.breaker.disable())
    }

    /// The breaker closed and without memory.
    pub fn reset(&self) -> Option<Transition> {
        self.told(self.0.breaker.reset())
    }

    /// Corrects the cost of a call after the fact: takes `tokens` more from a rate limit, or gives back when
    /// negative.
    ///
    /// # Errors
    /// [`Misuse::Argument`] when there is no limit of that number.
    pub fn adjust(&self, limit: usize, tokens: i64, now: Nanos) -> Result<(), Misuse> {
        let limiter = self.bound().gates.limiters.get(limit).copied().flatten();
        limiter.ok_or(Misuse::Argument)?.adjust(tokens, &now);
        Ok(())
    }

    /// The number of the rate limit of this name.
    #[must_use]
    pub fn limit_named(&self, name: &str) -> Option<usize> {
        let limits = &self.policy().rate_limits;
        limits.iter().position(|limit| limit.name == name)
    }

    /// Gives back a place that was kept beyond the end of its call. False when it had been given back.
    pub fn release(&self, place: bulkhead::Permit) -> bool {
        let released = self.0.bulkhead.release(place);
        self.0.queue.wake_first();
        released
    }

    /// Counts a result that a fallback served.
    pub fn count_fallback(&self) {
        self.0.tally.fell_back();
    }

    /// Counts a result that came when its call had ended.
    pub fn count_late(&self) {
        self.0.tally.came_late();
    }

    /// What it looks like now. Changes nothing.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        self.snapshot_at(self.0.clock.now())
    }

    /// What it looks like at `now`. Changes nothing.
    #[must_use]
    pub fn snapshot_at(&self, now: Nanos) -> Snapshot {
        let state = &*self.0;
        let rules = state.rules();
        let gates = &rules.bound.gates;
        let limits = rules.policy.rate_limits.iter().zip(&rules.limiters);
        Snapshot {
            name: state.name.to_string(),
            criticality: rules.policy.criticality,
            counts: state.tally.counts(),
            p50: state.latency.quantile(500_000),
            p90: state.latency.quantile(900_000),
            p99: state.latency.quantile(990_000),
            breaker: gates.breaker.map(|breaker| breaker.snapshot(now)),
            bulkhead: gates.bulkhead.map(|bulkhead| bulkhead.snapshot(now)),
            retry_budget: gates.budget.map(|budget| budget.snapshot(now)),
            rate_limits: limits
                .map(|(rate, limiter)| (rate.name.clone(), limiter.snapshot(now)))
                .collect(),
        }
    }

    /// The wait between the attempts, as the policy in force has it.
    #[must_use]
    pub fn backoff(&self) -> &Backoff {
        &self.bound().config.backoff
    }
}

impl fmt::Debug for Dependency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dependency")
            .field("name", &self.0.name)
            .field("breaker", &self.0.breaker.state())
            .finish_non_exhaustive()
    }
}
