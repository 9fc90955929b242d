//! Circuit breaker: stop calling what keeps failing, and find out gently when it is well again.
//!
//! Any thread and any process that sees the memory may use a breaker. Every state change raises the
//! generation, and a permit remembers the generation it was given in: a result that comes back after the
//! state has moved on is counted as late and changes nothing. Half-open calls are leases with an owner
//! and an expiry, so a probe that never reports cannot keep the breaker half-open for ever.
//!
//! A process killed at any instruction leaves a breaker that works: state, generation, open-until and
//! streak are one word, each probe seat is one word, and what lies between them is evidence that the
//! next result or the next asker completes.

mod asking;
mod config;
mod permit;
mod seats;
mod snapshot;
mod window;
mod witnesses;
mod word;

use crate::cas;
use crate::chance::mix;
use crate::counters::OrderedCounters;
use crate::error::ConfigError;
use crate::outcome::{Mode, Outcome};
use crate::owner::Owner;
use crate::status::Refusal;
use crate::sync::{AtomicU64, Ordering, fence};
use crate::time::{Moment, Nanos};

pub use config::Config;
use config::Settings;
pub use permit::Permit;
pub use seats::MOST_PROBES;
use seats::Seats;
pub use snapshot::Snapshot;
pub use window::MOST_CALLS;
use window::{Results, Window};
use witnesses::Witnesses;
pub use word::State;
use word::{Acquired, Closing, Word};

/// A state change, as its one winner gets it: for callbacks and logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transition {
    /// The state before.
    pub from: State,
    /// The state since.
    pub to: State,
    /// The generation that began with it.
    pub generation: u16,
}

/// A permit, and the state change that giving it made.
#[derive(Debug, PartialEq, Eq)]
pub struct Admission {
    /// Leave to make one call.
    pub permit: Permit,
    /// Open to half-open, when this asker was the first after the open time.
    pub transition: Option<Transition>,
}

/// What became of a recorded outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// It came too late to count.
    pub late: bool,
    /// The state change that it made, given to exactly one of the racing recorders.
    pub transition: Option<Transition>,
}

impl Recorded {
    const QUIET: Self = Self {
        late: false,
        transition: None,
    };
    const LATE: Self = Self {
        late: true,
        transition: None,
    };
}

pub(crate) const FAILURE: usize = 1;
pub(crate) const IGNORED: usize = 2;
pub(crate) const SLOW: usize = 3;
pub(crate) const REFUSED: usize = 4;
pub(crate) const SHADOW_REFUSED: usize = 5;
pub(crate) const LATE: usize = 6;
pub(crate) const OPENED: usize = 7;

/// Marks memory that holds a breaker of this layout ("SWbrk" and the layout's number).
const IDENTITY: u64 = 0x5357_6272_6B00_0001;

/// How often an asker looks at the state again when it changes under its feet. Each round means that the
/// breaker changed its state meanwhile; after that many the answer is a refusal.
const ROUNDS: usize = 8;

/// The circuit breaker itself. See the module for what it promises.
///
/// ```
/// use seawall_core::{Breaker, Nanos, Outcome, Owner, Refused, breaker::Config};
///
/// let breaker = Breaker::new(&Config { consecutive_failures: 1, ..Config::default() })?;
/// let now = Nanos::from_secs(1);
/// let admission = breaker.try_acquire(Owner::PRIVATE, &now).expect("closed");
/// breaker.record(admission.permit, Outcome::Failure, Nanos::ZERO, &now);
/// let refusal = breaker.try_acquire(Owner::PRIVATE, &now).expect_err("open");
/// assert_eq!(refusal.reason, Refused::BreakerOpen);
/// # Ok::<(), seawall_core::ConfigError>(())
/// ```
#[repr(C, align(64))]
#[derive(Debug)]
pub struct Breaker {
    identity: u64,
    word: AtomicU64,
    window: Window,
    settings: Settings,
    seats: Seats,
    witnesses: Witnesses,
    counters: OrderedCounters,
}

#[cfg(not(seawall_loom))]
const _: () = assert!(size_of::<Breaker>() == 1344 && align_of::<Breaker>() == 64);

impl Breaker {
    /// A closed breaker with an empty window.
    ///
    /// # Errors
    /// The first setting that is out of range.
    pub fn new(config: &Config) -> Result<Self, ConfigError> {
        Ok(Self {
            identity: IDENTITY,
            word: AtomicU64::new(Word::CLOSED.raw()),
            window: Window::new(),
            settings: Settings::new(config)?,
            seats: Seats::new(),
            witnesses: Witnesses::new(),
            counters: OrderedCounters::new(),
        })
    }

    /// True when this memory holds a breaker that this library can use.
    #[must_use]
    pub fn is_initialised(&self) -> bool {
        self.identity == IDENTITY
    }

    /// Changes the settings of a live breaker. State, counters and window stay; a window of another shape
    /// (by count or by time, or of another length) begins empty. Not for two threads at once: a mixture
    /// of their settings may stay behind.
    ///
    /// # Errors
    /// The first setting that is out of range; nothing has changed then.
    pub fn reconfigure(&self, config: &Config) -> Result<(), ConfigError> {
        if self.settings.change(config)? {
            // RELAXED: only a label for what is recorded from now on.
            let generation = Word::from_raw(self.word.load(Ordering::Relaxed)).generation();
            self.window.clear(config.window_calls != 0, generation);
            self.witnesses.clear();
        }
        self.window.forget_enough(&self.settings);
        Ok(())
    }

    /// The settings in force.
    #[must_use]
    pub fn config(&self) -> Config {
        self.settings.config()
    }

    /// Asks for leave to make one call. Reads the time only when the breaker is not closed or the slow
    /// rule is on. Never blocks; at most 8 rounds over the probe seats.
    ///
    /// # Errors
    /// A [`Refusal`] when the breaker is open, half-open with its probes under way, or held open by hand.
    #[inline]
    pub fn try_acquire(&self, owner: Owner, moment: &impl Moment) -> Result<Admission, Refusal> {
        // ORDER(word): Acquire. Pairs with the transitions in `cas::update`: a permit of a generation
        // is only given after everything that began it is visible.
        let word = Word::from_raw(self.word.load(Ordering::Acquire));
        let hot = self.settings.hot();
        if word.state() == State::Closed && hot.mode() != Mode::Off {
            let started = if hot.slow_permille() == 0 {
                Nanos::ZERO
            } else {
                moment.now()
            };
            let permit = Permit::new(Permit::ORDINARY, word.generation(), started, owner);
            return Ok(Admission {
                permit,
                transition: None,
            });
        }
        self.try_acquire_unhealthy(owner, moment.now())
    }

    /// Says how a call ended. Reads the time only when the window or the slow rule needs it, or when the
    /// call failed. `retry_after` is what the server asked for with a failure (zero for nothing): if this
    /// failure opens the breaker, it stays open at least that long, up to a day.
    ///
    /// Exactly one of the threads whose results together change the state gets the transition.
    pub fn record(
        &self,
        permit: Permit,
        outcome: Outcome,
        retry_after: Nanos,
        moment: &impl Moment,
    ) -> Recorded {
        match permit.kind() {
            Permit::UNRECORDED => Recorded::QUIET,
            Permit::PROBE => self.record_probe(&permit, outcome, retry_after, moment.now()),
            _ => self.record_ordinary(&permit, outcome, retry_after, moment),
        }
    }

    fn record_ordinary(
        &self,
        permit: &Permit,
        outcome: Outcome,
        retry_after: Nanos,
        moment: &impl Moment,
    ) -> Recorded {
        let generation = permit.generation();
        // ORDER(word): Acquire, as in try_acquire.
        let word = Word::from_raw(self.word.load(Ordering::Acquire));
        if word.state() == State::Disabled {
            return Recorded::QUIET;
        }
        if word.state() != State::Closed || word.generation() != generation {
            self.counters.add(LATE);
            return Recorded::LATE;
        }
        if outcome == Outcome::Ignored {
            self.counters.add(IGNORED);
            return Recorded::QUIET;
        }
        let hot = self.settings.hot();
        let failure = outcome == Outcome::Failure;
        let is_exact = failure || hot.slow_permille() != 0;
        let now = match (is_exact, hot.window_calls()) {
            (true, _) => moment.now(),
            // A success only has to find its bucket, whose ends may be a few milliseconds off where it is
            // long enough.
            (false, 0) if self.settings.window_span() >= Nanos::from_secs(1) => moment.about(),
            (false, 0) => moment.now(),
            (false, _) => Nanos::ZERO,
        };
        let slow =
            hot.slow_permille() != 0 && now.since(permit.started) > self.settings.slow_after();
        self.count(failure, slow);
        let bad = failure || slow;
        if bad && hot.min_witnesses() > 1 {
            let tick = self.window.tick(&self.settings, generation, now);
            self.witnesses.testify(permit.owner, generation, tick);
        }
        let dirty = self.window.push(
            &self.settings,
            generation,
            Results::one(failure, slow),
            &self.counters,
            now,
        );
        if !bad && word.streak() == 0 {
            // Nothing in the window can trip, or another success cannot be what completes the evidence; and there
            // is no streak to end: the shared word is not touched.
            if !dirty || self.window.has_enough(&self.settings, generation, now) {
                return Recorded::QUIET;
            }
        }
        // A success can complete the evidence, and the open time then begins now, not about now.
        let now = if is_exact { now } else { moment.now() };
        // ORDER(window): SeqCst fence between writing our own result (`push`) and reading everybody's. Of two
        // recorders at least one sees both results, so a trip that both complete is not missed by both.
        fence(Ordering::SeqCst);
        let seen = self
            .window
            .tally(&self.settings, generation, &self.counters, now);
        if seen.calls >= u64::from(self.settings.min_calls()) {
            self.window.note_enough(&self.settings, generation, now);
        }
        let witnessed = hot.min_witnesses() <= 1
            || self.witnesses.count(
                generation,
                self.window.tick(&self.settings, generation, now),
            ) >= u64::from(hot.min_witnesses());
        let closing = Closing {
            failure,
            seen,
            witnessed,
            now,
            retry_after: asked_for(failure, retry_after),
        };
        let transition = cas::update(&self.word, |raw| {
            let word = Word::from_raw(raw);
            let next = word.step_record(generation, &self.settings, &closing);
            (
                next.raw(),
                (next.generation() != generation && next != word).then(|| change(word, next)),
            )
        })
        .flatten();
        if transition.is_some() {
            self.counters.add(OPENED);
        }
        Recorded {
            late: false,
            transition,
        }
    }

    fn record_probe(
        &self,
        permit: &Permit,
        outcome: Outcome,
        retry_after: Nanos,
        now: Nanos,
    ) -> Recorded {
        let hot = self.settings.hot();
        let generation = permit.generation();
        let word = Word::from_raw(self.word.load(Ordering::Acquire)); // ORDER(word): as in try_acquire
        if word.state() == State::Disabled {
            return Recorded::QUIET;
        }
        let current = word.state() == State::HalfOpen && word.generation() == generation;
        if outcome == Outcome::Ignored {
            let counted = current
                && self
                    .seats
                    .give_back(permit.taken(), generation, permit.owner);
            self.counters.add(if counted { IGNORED } else { LATE });
            return if counted {
                Recorded::QUIET
            } else {
                Recorded::LATE
            };
        }
        let slow =
            hot.slow_permille() != 0 && now.since(permit.started) > self.settings.slow_after();
        let failure = outcome == Outcome::Failure;
        if !current
            || !self
                .seats
                .decide(permit.taken(), generation, permit.owner, failure || slow)
        {
            self.counters.add(LATE);
            return Recorded::LATE;
        }
        self.count(failure, slow);
        if !failure {
            self.counters.add_first();
        }
        // ORDER(seat): SeqCst fence between our verdict and reading the others', as for the window.
        fence(Ordering::SeqCst);
        Recorded {
            late: false,
            transition: self.settle(generation, now, asked_for(failure, retry_after)),
        }
    }

    /// Ends the half-open round of `generation` if its verdict is certain. Anybody may do it: the recorder of
    /// the deciding probe, or an asker that finds a decided round whose recorder died.
    fn settle(&self, generation: u16, now: Nanos, retry_after: Nanos) -> Option<Transition> {
        let verdict = self.seats.verdict(&self.settings, generation)?;
        let transition = cas::update(&self.word, |raw| {
            let word = Word::from_raw(raw);
            let next = word.step_verdict(generation, verdict, &self.settings, now, retry_after);
            (next.raw(), (next != word).then(|| change(word, next)))
        })
        .flatten();
        if transition.is_some_and(|change| change.to == State::Open) {
            self.counters.add(OPENED);
        }
        transition
    }

    /// Gives a permit back unused: neither success nor failure, and a probe's seat is free again.
    pub fn cancel(&self, permit: Permit) -> Recorded {
        if permit.kind() != Permit::PROBE {
            return Recorded::QUIET;
        }
        let generation = permit.generation();
        let word = Word::from_raw(self.word.load(Ordering::Acquire)); // ORDER(word): as in try_acquire
        if word.state() == State::Disabled {
            return Recorded::QUIET;
        }
        let current = word.state() == State::HalfOpen && word.generation() == generation;
        if current
            && self
                .seats
                .give_back(permit.taken(), generation, permit.owner)
        {
            return Recorded::QUIET;
        }
        self.counters.add(LATE);
        Recorded::LATE
    }

    /// Frees the probe seats of an owner that is gone, and says how many. Safe to repeat and to race.
    pub fn reclaim(&self, owner: Owner) -> u32 {
        let word = Word::from_raw(self.word.load(Ordering::Acquire)); // ORDER(word): as in try_acquire
        if word.state() == State::HalfOpen {
            self.seats.reclaim(owner, word.generation())
        } else {
            0
        }
    }

    /// Refuses every call until [`Breaker::reset`]. `None` when it did so already.
    pub fn force_open(&self) -> Option<Transition> {
        self.set(State::ForcedOpen)
    }

    /// Admits every call and records nothing until [`Breaker::reset`]. `None` when it did so already.
    pub fn disable(&self) -> Option<Transition> {
        self.set(State::Disabled)
    }

    /// Closes the breaker with an empty window, whatever its state; permits given before are late.
    /// Always a new generation.
    pub fn reset(&self) -> Option<Transition> {
        self.set(State::Closed)
    }

    fn set(&self, state: State) -> Option<Transition> {
        let change = cas::update(&self.word, |raw| {
            let word = Word::from_raw(raw);
            let next = word.step_set(state);
            (next.raw(), (next != word).then(|| change(word, next)))
        })
        .flatten();
        if let Some(change) = change {
            // However often a breaker is set by hand, no seat grows so old that its round comes round again.
            self.seats.sweep(change.generation, || {
                Word::from_raw(self.word.load(Ordering::Acquire)).generation() == change.generation // ORDER(word): as above
            });
        }
        change
    }

    /// Counts a failure, and a slow call. Successes of a closed breaker are counted by its window.
    fn count(&self, failure: bool, slow: bool) {
        if failure {
            self.counters.add(FAILURE);
        }
        if slow {
            self.counters.add(SLOW);
        }
    }

    /// The state right now, without a look at the clock: an open breaker says open until somebody asks.
    #[must_use]
    pub fn state(&self) -> State {
        Word::from_raw(self.word.load(Ordering::Relaxed)).state() // RELAXED: a moment's look
    }

    /// True while a call that was admitted may try again: the breaker is closed, or refuses nobody anyway.
    #[must_use]
    pub fn allows_retry(&self) -> bool {
        matches!(self.state(), State::Closed | State::Disabled)
            || self.settings.hot().mode() != Mode::Enforce
    }

    /// A look at everything, changing nothing.
    #[must_use]
    pub fn snapshot(&self, now: Nanos) -> Snapshot {
        // ORDER(word): Acquire, so that the window of this generation is seen at least as new.
        let word = Word::from_raw(self.word.load(Ordering::Acquire));
        let generation = word.generation();
        let closed = word.state() == State::Closed;
        let window = if closed {
            self.window
                .tally(&self.settings, generation, &self.counters, now)
        } else {
            Results::default()
        };
        let half_open = word.state() == State::HalfOpen;
        let (probes_in_flight, next_seat) = if half_open {
            self.seats.in_flight(&self.settings, generation, now)
        } else {
            (0, Nanos::ZERO)
        };
        let retry_after = match word.step_acquire(now) {
            Acquired::Refused(refusal) => refusal.retry_after,
            _ => next_seat,
        };
        Snapshot {
            state: word.state(),
            generation,
            streak: word.streak(),
            window,
            probes_in_flight,
            retry_after,
            success: self.counters.first(),
            failure: self.counters.total(FAILURE),
            ignored: self.counters.total(IGNORED),
            slow: self.counters.total(SLOW),
            refused: self.counters.total(REFUSED),
            shadow_refused: self.counters.total(SHADOW_REFUSED),
            late: self.counters.total(LATE),
            opened: self.counters.total(OPENED),
        }
    }
}

const fn change(from: Word, to: Word) -> Transition {
    Transition {
        from: from.state(),
        to: to.state(),
        generation: to.generation(),
    }
}

/// What the server asked for counts only with a failure.
const fn asked_for(failure: bool, retry_after: Nanos) -> Nanos {
    if failure { retry_after } else { Nanos::ZERO }
}

/// The jitter of an open time: the same for all who look, different for each generation and each seed.
const fn jitter_of(seed: u64, generation: u16) -> u64 {
    mix(seed ^ (generation as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15))
}

#[cfg(test)]
mod tests;
