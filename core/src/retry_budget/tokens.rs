//! Tokens in one word.

use super::TOKEN;
use super::config::Settings;
use crate::cas;
use crate::sync::{AtomicU64, Ordering};
use crate::time::Nanos;

/// | bits    | field  | meaning                                                            |
/// |---------|--------|--------------------------------------------------------------------|
/// | 0..=29  | tokens | in thousandths, at most 1,073,741,823                              |
/// | 30..=63 | stamp  | milliseconds modulo 2^34 up to which the floor has been paid       |
#[repr(C)]
#[derive(Debug)]
pub(super) struct Tokens {
    word: AtomicU64,
}

const STAMP_SHIFT: u32 = 30;
const LOW: u64 = (1 << STAMP_SHIFT) - 1;
const STAMP_MOST: u64 = u64::MAX >> STAMP_SHIFT;

const fn tokens(word: u64) -> u64 {
    word & LOW
}

const fn with_tokens(word: u64, tokens: u64) -> u64 {
    word & !LOW | if tokens > LOW { LOW } else { tokens }
}

const fn stamp(now: Nanos) -> u64 {
    now.as_millis_floor() << STAMP_SHIFT
}

impl Tokens {
    pub(super) fn new(tokens: u64, now: Nanos) -> Self {
        Self {
            word: AtomicU64::new(with_tokens(stamp(now), tokens)),
        }
    }

    pub(super) fn left(&self) -> u64 {
        tokens(self.word.load(Ordering::Relaxed)) // RELAXED: the word is complete by itself
    }

    /// Adds up to the cap; false when nothing was to be added, and then nothing was written.
    pub(super) fn add(&self, more: u64, cap: u64) -> bool {
        cas::update(&self.word, |word| {
            let next = with_tokens(word, tokens(word).saturating_add(more).min(cap));
            (next, next != word)
        })
        .unwrap_or(false)
    }

    pub(super) fn take(&self, cost: u64) -> bool {
        cas::update(&self.word, |word| match tokens(word).checked_sub(cost) {
            Some(left) => (with_tokens(word, left), true),
            None => (word, false),
        })
        .unwrap_or(false)
    }

    pub(super) fn lower(&self, cost: u64) {
        cas::update(&self.word, |word| {
            (with_tokens(word, tokens(word).saturating_sub(cost)), ())
        });
    }

    /// Pays the floor for the time since the stamp, as far as the floor reaches.
    fn step_floor(word: u64, settings: &Settings, now: Nanos) -> u64 {
        let floor = settings.floor().min(settings.cap());
        let passed = stamp(now).wrapping_sub(word & !LOW) >> STAMP_SHIFT;
        // A sixteenth of the range (12 days) is the past: a `now` before the stamp is no time at all. So little,
        // because a budget that was asked for no retry in months is still to get its floor.
        if passed == 0 || passed > STAMP_MOST / 16 * 15 {
            return word;
        }
        let have = tokens(word);
        let paid = passed.saturating_mul(settings.min_per_second());
        let have = if have < floor {
            have.saturating_add(paid).min(floor)
        } else {
            have
        };
        stamp(now) | have
    }

    /// Takes one token, or says how long until the floor brings one (zero when it never does).
    pub(super) fn withdraw_with_floor(&self, settings: &Settings, now: Nanos) -> Result<(), Nanos> {
        cas::update(&self.word, |word| {
            let word = Self::step_floor(word, settings, now);
            match tokens(word).checked_sub(TOKEN) {
                Some(left) => (with_tokens(word, left), Ok(())),
                None => {
                    let missing = TOKEN.saturating_sub(tokens(word));
                    let wait = missing.checked_div(settings.min_per_second()).unwrap_or(0);
                    let rest = missing.checked_rem(settings.min_per_second()).unwrap_or(0);
                    (
                        word,
                        Err(Nanos::from_millis(
                            wait.saturating_add(u64::from(rest != 0)),
                        )),
                    )
                }
            }
        })
        .unwrap_or(Err(Nanos::ZERO))
    }

    pub(super) fn left_with_floor(&self, settings: &Settings, now: Nanos) -> u64 {
        // RELAXED: as in `left`.
        tokens(Self::step_floor(
            self.word.load(Ordering::Relaxed),
            settings,
            now,
        ))
    }
}
