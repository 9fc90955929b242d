//! Token bucket: so many calls per while, with a burst, and no drift.
//!
//! The rule is GCRA (ITU-T I.371; the virtual scheduling form): the whole bucket is one moment, the one at
//! which it will be full again. Time is counted in fractions of a nanosecond chosen so that one token is a
//! whole number of them, so a rate like 3 per second stays exact for ever.

mod rate;

use crate::cas;
use crate::counters::Counters;
use crate::error::ConfigError;
use crate::outcome::Mode;
use crate::status::{Misuse, Refusal, Refused};
use crate::sync::{AtomicU64, Ordering};
use crate::time::{Moment, Nanos};

pub use rate::Rate;

/// Marks memory that holds a limiter of this layout ("SWlim" and the layout's number).
const IDENTITY: u64 = 0x5357_6C69_6D00_0001;

const ALLOWED: usize = 0;
const REFUSED: usize = 1;
const SHADOW_REFUSED: usize = 2;

/// The farthest that the bucket's moment may ever lie ahead of now, in units (see [`Rate::horizon`]).
const HORIZON: u64 = 1 << 60;

/// The settings of a limiter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// Tokens per `period`, 1 to 1,000,000,000, and at most one per nanosecond.
    pub permits: u64,
    /// The while that `permits` is meant for, 1 ns to 31 days. Default one second.
    pub period: Nanos,
    /// The most tokens the bucket holds, 1 to 1,000,000,000 (less for very slow rates).
    pub burst: u64,
    /// How strictly to act. Default enforce.
    pub mode: Mode,
}

impl Default for Config {
    /// One hundred per second, burst 100.
    fn default() -> Self {
        Self {
            permits: 100,
            period: Nanos::from_secs(1),
            burst: 100,
            mode: Mode::Enforce,
        }
    }
}

impl Config {
    /// Checks every setting.
    ///
    /// # Errors
    /// The first setting that is out of range.
    pub fn validate(&self) -> Result<(), ConfigError> {
        Rate::new(self).map(|_| ())
    }
}

/// Tokens taken ahead of time. Wait for `wait`, then go; or give it back with [`Limiter::cancel`].
#[derive(Debug, PartialEq, Eq)]
pub struct Reservation {
    /// How many tokens it holds.
    pub tokens: u64,
    /// How long to wait before going.
    pub wait: Nanos,
}

/// What a bucket looked like at one moment, in the terms of the HTTP rate limit fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// The most tokens the bucket holds.
    pub limit: u64,
    /// Whole tokens left.
    pub remaining: u64,
    /// How long until the bucket is full.
    pub reset: Nanos,
    /// How long until one token is there; zero if it is.
    pub retry_after: Nanos,
    /// Tokens requests that were granted, ever.
    pub allowed: u64,
    /// Requests refused, ever.
    pub refused: u64,
    /// Requests that would have been refused in enforce mode, ever.
    pub shadow_refused: u64,
}

/// The bucket's one word.
///
/// | bits    | field | meaning                                                                          |
/// |---------|-------|----------------------------------------------------------------------------------|
/// | 0..=61  | full  | the moment at which the bucket is full again, in units of the rate, modulo 2^62  |
/// | 62..=63 | rate  | which of the four rate slots is in force                                         |
///
/// The moment is compared with now over the wrap: up to [`Rate::past`] units ahead it counts, anything else is
/// the past, and the bucket is full. With a unit of 1/p ns the range wraps after 146 years / p (52 days at the
/// finest): a bucket that nobody asked for almost exactly that long may look used, at most for its burst and two
/// hours. Where p is at most 32, it is the last quarter of 146 / p years, 3.4 to 4.6 with p = 32.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Word(u64);

impl Word {
    const FULL_MASK: u64 = (1 << 62) - 1;
    /// A bucket that nobody has asked yet is full whatever the clock says; no other word is like it.
    const FRESH: u64 = Self::FULL_MASK;

    const fn slot(self) -> usize {
        (self.0 >> 62) as usize
    }

    /// Units until the bucket is full.
    const fn backlog(self, rate: Rate, now: Nanos) -> u64 {
        if self.0 & Self::FULL_MASK == Self::FRESH {
            return 0;
        }
        let ahead = self.0.wrapping_sub(rate.units(now)) & Self::FULL_MASK;
        if ahead > rate.past() { 0 } else { ahead }
    }

    const fn with_backlog(slot: usize, rate: Rate, now: Nanos, backlog: u64) -> Self {
        let horizon = rate.horizon();
        let backlog = if backlog > horizon { horizon } else { backlog };
        let full = rate.units(now).wrapping_add(backlog) & Self::FULL_MASK;
        // One unit less, a thousandth of a nanosecond, keeps the mark of a fresh bucket unique.
        let full = if full == Self::FRESH {
            Self::FRESH - 1
        } else {
            full
        };
        Self((slot as u64) << 62 | full)
    }
}

/// The token bucket itself. See the module for what it promises.
///
/// ```
/// use seawall_core::{Limiter, Nanos, limiter::Config};
///
/// let limiter = Limiter::new(&Config { permits: 10, burst: 1, ..Config::default() })?;
/// let now = Nanos::from_secs(1);
/// assert!(matches!(limiter.try_acquire(1, &now), Ok(Ok(()))));
/// let Ok(Err(refusal)) = limiter.try_acquire(1, &now) else { panic!("the bucket is empty") };
/// assert_eq!(refusal.retry_after, Nanos::from_millis(100));
/// # Ok::<(), seawall_core::ConfigError>(())
/// ```
#[repr(C, align(64))]
#[derive(Debug)]
pub struct Limiter {
    identity: u64,
    word: AtomicU64,
    mode: AtomicU64,
    /// Four slots of two words: the rate (see [`Rate`]) and the burst.
    slots: [[AtomicU64; 2]; 4],
    counters: Counters,
}

#[cfg(not(seawall_loom))]
const _: () = assert!(size_of::<Limiter>() == 640 && align_of::<Limiter>() == 64);

impl Limiter {
    /// A full bucket.
    ///
    /// # Errors
    /// The first setting that is out of range.
    pub fn new(config: &Config) -> Result<Self, ConfigError> {
        let rate = Rate::new(config)?;
        Ok(Self {
            identity: IDENTITY,
            word: AtomicU64::new(Word::FRESH),
            mode: AtomicU64::new(config.mode as u64),
            slots: core::array::from_fn(|_| rate.pack().map(AtomicU64::new)),
            counters: Counters::new(),
        })
    }

    /// True when this memory holds a limiter that this library can use.
    #[must_use]
    pub fn is_initialised(&self) -> bool {
        self.identity == IDENTITY
    }

    /// Whether it refuses, only counts, or neither.
    #[must_use]
    pub fn mode(&self) -> Mode {
        // RELAXED: a setting.
        Mode::from_number(self.mode.load(Ordering::Relaxed) as u32).unwrap_or_default()
    }

    fn rate(&self, word: Word) -> Rate {
        // RELAXED: the slot was written before the word that points to it, and the word was read with
        // Acquire; a slot is not rewritten before three more changes of rate.
        let read = |which: usize| {
            self.slots
                .get(word.slot())
                .and_then(|slot| slot.get(which))
                .map_or(1, |word| word.load(Ordering::Relaxed))
        };
        Rate::unpack([read(0), read(1)])
    }

    /// One step of the bucket: `step` gets the rate and the backlog and says the new backlog.
    fn update<A>(
        &self,
        now: Nanos,
        mut step: impl FnMut(Rate, u64) -> (Option<u64>, A),
    ) -> Option<A> {
        cas::update(&self.word, |raw| {
            let word = Word(raw);
            let rate = self.rate(word);
            let (backlog, answer) = step(rate, word.backlog(rate, now));
            (
                backlog.map_or(raw, |backlog| {
                    Word::with_backlog(word.slot(), rate, now, backlog).0
                }),
                answer,
            )
        })
    }

    /// Takes `tokens` if they are there now. Taking none always works and changes nothing.
    ///
    /// # Errors
    /// `Ok(Err(refusal))` when they are not there; its `retry_after` says exactly when they will be if
    /// nobody else takes them. [`Misuse::ExceedsCapacity`] when the bucket could never hold so many.
    pub fn try_acquire(
        &self,
        tokens: u64,
        moment: &impl Moment,
    ) -> Result<Result<(), Refusal>, Misuse> {
        self.reserve(tokens, Nanos::ZERO, moment)
            .map(|reserved| reserved.map(|_| ()))
    }

    /// Takes `tokens` now or ahead of time: the answer says how long to wait before going. A wait longer than
    /// `max_wait` is refused at once and takes nothing.
    ///
    /// # Errors
    /// As for [`Limiter::try_acquire`].
    pub fn reserve(
        &self,
        tokens: u64,
        max_wait: Nanos,
        moment: &impl Moment,
    ) -> Result<Result<Reservation, Refusal>, Misuse> {
        let mode = self.mode();
        if tokens == 0 || mode == Mode::Off {
            return Ok(Ok(Reservation {
                tokens: 0,
                wait: Nanos::ZERO,
            }));
        }
        let now = moment.now();
        let answer = self.update(now, |rate, backlog| {
            if tokens > rate.burst() {
                return (None, Err(Misuse::ExceedsCapacity));
            }
            let wanted = rate.wait(backlog, tokens);
            let fits = rate.after(backlog, tokens);
            match (wanted <= max_wait, fits) {
                (true, Some(next)) => (Some(next), Ok(Ok(wanted))),
                _ => (None, Ok(Err(wanted))),
            }
        });
        // Lost the race 65,536 times in a row: refuse, and let the caller come back at once.
        match answer.unwrap_or(Ok(Err(Nanos(1))))? {
            Ok(wait) => {
                self.counters.add(ALLOWED);
                Ok(Ok(Reservation { tokens, wait }))
            }
            Err(_) if mode == Mode::Shadow => {
                self.counters.add(SHADOW_REFUSED);
                Ok(Ok(Reservation {
                    tokens: 0,
                    wait: Nanos::ZERO,
                }))
            }
            Err(retry_after) => {
                self.counters.add(REFUSED);
                Ok(Err(Refusal {
                    reason: Refused::RateLimited,
                    retry_after,
                }))
            }
        }
    }

    /// Gives a reservation back, whether its time has come or not. Never fills the bucket above its burst.
    pub fn cancel(&self, reservation: Reservation, moment: &impl Moment) {
        self.give_back(reservation.tokens, moment);
    }

    /// Corrects the cost after the fact: takes `tokens` more whatever the bucket holds (it may go into debt,
    /// which later callers wait for), or gives back when negative.
    pub fn adjust(&self, tokens: i64, moment: &impl Moment) {
        if tokens < 0 {
            return self.give_back(tokens.unsigned_abs(), moment);
        }
        if tokens > 0 && self.mode() != Mode::Off {
            let cost = tokens.unsigned_abs();
            self.update(moment.now(), |rate, backlog| {
                (Some(backlog.saturating_add(rate.cost(cost))), ())
            });
        }
    }

    fn give_back(&self, tokens: u64, moment: &impl Moment) {
        if tokens > 0 && self.mode() != Mode::Off {
            self.update(moment.now(), |rate, backlog| {
                (Some(backlog.saturating_sub(rate.cost(tokens))), ())
            });
        }
    }

    /// Changes rate, burst and mode of a live limiter: the tokens that are missing stay missing. Not for two
    /// threads at once: one's rate may stay behind with the other's burst.
    ///
    /// # Errors
    /// The first setting that is out of range; nothing has changed then.
    pub fn reconfigure(&self, config: &Config, moment: &impl Moment) -> Result<(), ConfigError> {
        let next = Rate::new(config)?;
        let now = moment.now();
        // RELAXED: a setting.
        self.mode.store(config.mode as u64, Ordering::Relaxed);
        cas::update(&self.word, |raw| {
            let word = Word(raw);
            let slot = word.slot().wrapping_add(1) & 3;
            for (place, packed) in self.slots.get(slot).into_iter().flatten().zip(next.pack()) {
                // RELAXED: published by the Release of the compare-exchange that points to it.
                place.store(packed, Ordering::Relaxed);
            }
            let last = self.rate(word);
            let backlog = next.converted(last, word.backlog(last, now));
            (Word::with_backlog(slot, next, now, backlog).0, ())
        });
        Ok(())
    }

    /// The settings in force, the rate as the fraction that the bucket counts with.
    #[must_use]
    pub fn config(&self) -> Config {
        // ORDER(word): Acquire, so that the slot it points to is seen.
        let rate = self.rate(Word(self.word.load(Ordering::Acquire)));
        Config {
            permits: rate.permits(),
            period: rate.period(),
            burst: rate.burst(),
            mode: self.mode(),
        }
    }

    /// A look at everything, changing nothing.
    #[must_use]
    pub fn snapshot(&self, now: Nanos) -> Snapshot {
        // ORDER(word): as above.
        let word = Word(self.word.load(Ordering::Acquire));
        let rate = self.rate(word);
        let backlog = word.backlog(rate, now);
        Snapshot {
            limit: rate.burst(),
            remaining: rate.remaining(backlog),
            reset: rate.span(backlog),
            retry_after: rate.wait(backlog, 1),
            allowed: self.counters.total(ALLOWED),
            refused: self.counters.total(REFUSED),
            shadow_refused: self.counters.total(SHADOW_REFUSED),
        }
    }
}

#[cfg(test)]
mod tests;
