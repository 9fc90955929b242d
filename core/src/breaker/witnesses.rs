//! Which members have seen the dependency fail: one sick worker must not cut off its healthy neighbours.

use crate::cas;
use crate::owner::Owner;
use crate::sync::{AtomicU64, Ordering};
use crate::time::Nanos;

const PLACES: usize = 8;

/// The last members that reported a failure or a slow call.
///
/// | bits    | field      | meaning                                       |
/// |---------|------------|-----------------------------------------------|
/// | 0..=19  | owner      | who; 0: nobody                                |
/// | 20..=27 | generation | modulo 2^8                                    |
/// | 28..=63 | when       | milliseconds of the monotonic clock, mod 2^36 |
#[repr(C, align(64))]
#[derive(Debug)]
pub(super) struct Witnesses {
    words: [AtomicU64; PLACES],
}

#[cfg(not(seawall_loom))]
const _: () = assert!(size_of::<Witnesses>() == 64);

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

    /// Notes that `owner` has seen a failure, in its own place or in the one that was quiet the longest.
    pub(super) fn testify(&self, owner: Owner, generation: u16, now: Nanos) {
        let word = u64::from(owner.raw())
            | (u64::from(generation) & 0xFF) << 20
            | now.as_millis_floor() << 28;
        let seen = self.look();
        let own = seen
            .iter()
            .position(|seen| owner_of(*seen) == u64::from(owner.raw()));
        let oldest = || {
            seen.iter()
                .enumerate()
                .min_by_key(|(_, seen)| **seen >> 28)
                .map(|(place, _)| place)
        };
        if let Some((place, seen)) = own
            .or_else(oldest)
            .and_then(|place| Some((self.words.get(place)?, *seen.get(place)?)))
        {
            // Lost to another witness: its testimony counts, ours comes with our next failure.
            cas::replace(place, seen, word);
        }
    }

    /// How many different members testified in this generation within `span`.
    pub(super) fn count(&self, generation: u16, now: Nanos, span: Nanos) -> u64 {
        let seen = self.look();
        let now_ms = now.as_millis_floor() & ((1 << 36) - 1);
        let valid = |word: u64| {
            let age = now_ms.wrapping_sub(word >> 28) & ((1 << 36) - 1);
            owner_of(word) != 0
                && word >> 20 & 0xFF == u64::from(generation) & 0xFF
                && age <= span.as_millis_ceil()
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
