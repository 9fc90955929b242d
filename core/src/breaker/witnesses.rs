//! Which members have seen the dependency fail: one sick worker must not cut off its healthy neighbours.

use super::window::BUCKETS;
use crate::cas;
use crate::owner::Owner;
use crate::sync::{AtomicU64, Ordering};

const PLACES: usize = 8;

/// The last members that reported a failure or a slow call.
///
/// | bits    | field      | meaning                                                       |
/// |---------|------------|---------------------------------------------------------------|
/// | 0..=19  | owner      | who; 0: nobody                                                |
/// | 20..=27 | generation | modulo 2^8                                                    |
/// | 28..=63 | when       | the window's bucket modulo 2^36; always 0 in a window by count |
#[repr(C, align(64))]
#[derive(Debug)]
pub(super) struct Witnesses {
    words: [AtomicU64; PLACES],
}

#[cfg(not(seawall_loom))]
const _: () = assert!(size_of::<Witnesses>() == 64);

/// True for the testimony of somebody in this generation.
const fn is_of(word: u64, generation: u16) -> bool {
    owner_of(word) != 0 && word >> 20 & 0xFF == generation as u64 & 0xFF
}

const fn owner_of(word: u64) -> u64 {
    word & 0xF_FFFF
}

impl Witnesses {
    pub(super) fn new() -> Self {
        Self {
            words: core::array::from_fn(|_| AtomicU64::new(0)),
        }
    }

    fn look(&self) -> [u64; PLACES] {
        // RELAXED: testimony is evidence, ordered by the fence of the recorder like the window.
        core::array::from_fn(|place| {
            self.words
                .get(place)
                .map_or(0, |word| word.load(Ordering::Relaxed))
        })
    }

    /// Forgets everything, for a window of another shape.
    pub(super) fn clear(&self) {
        for word in &self.words {
            word.store(0, Ordering::Relaxed); // RELAXED: as for the window
        }
    }

    /// Notes that `owner` has seen a failure, in its own place or in the one that was quiet the longest. Tried
    /// again when another witness takes that place, once for each place there is.
    pub(super) fn testify(&self, owner: Owner, generation: u16, tick: u64) {
        for _ in 0..PLACES {
            if self.try_testify(owner, generation, tick) {
                return;
            }
        }
    }

    fn try_testify(&self, owner: Owner, generation: u16, tick: u64) -> bool {
        let word = u64::from(owner.raw()) | (u64::from(generation) & 0xFF) << 20 | tick << 28;
        let seen = self.look();
        let own = seen
            .iter()
            .position(|seen| owner_of(*seen) == u64::from(owner.raw()));
        let oldest = || {
            seen.iter()
                .enumerate()
                .min_by_key(|(_, seen)| (is_of(**seen, generation), **seen >> 28))
                .map(|(place, _)| place)
        };
        own.or_else(oldest)
            .and_then(|place| Some((self.words.get(place)?, *seen.get(place)?)))
            .is_none_or(|(place, seen)| seen == word || cas::replace(place, seen, word))
    }

    /// How many different members testified in this generation, within the window that ends at `tick`.
    pub(super) fn count(&self, generation: u16, tick: u64) -> u64 {
        let seen = self.look();
        let valid = |word: u64| {
            let age = tick.wrapping_sub(word >> 28) & ((1 << 36) - 1);
            is_of(word, generation) && age < BUCKETS
        };
        let distinct = seen.iter().enumerate().filter(|(place, word)| {
            valid(**word)
                && !seen
                    .iter()
                    .take(*place)
                    .any(|earlier| valid(*earlier) && owner_of(*earlier) == owner_of(**word))
        });
        distinct.count() as u64
    }
}
