//! The words of a window by time: what was counted in a while, and which while is the newest.

use super::BUCKETS;

/// The newest bucket in which a result was counted.
///
/// | bits    | field      | meaning                                                                |
/// |---------|------------|------------------------------------------------------------------------|
/// | 0..=47  | tick       | the bucket's number; at a millisecond a bucket it never comes round    |
/// | 48..=63 | generation | the breaker's then                                                     |
#[derive(Clone, Copy)]
pub(super) struct Newest(pub(super) u64);

impl Newest {
    pub(super) const TICK_MOST: u64 = (1 << 48) - 1;

    pub(super) const fn tick(self) -> u64 {
        self.0 & Self::TICK_MOST
    }

    pub(super) const fn of(generation: u16, tick: u64) -> Self {
        let tick = if tick > Self::TICK_MOST {
            Self::TICK_MOST
        } else {
            tick
        };
        Self((generation as u64) << 48 | tick)
    }

    /// The later of two buckets of one generation; another generation begins again. (One that is held up
    /// may begin an old generation again. Its results count for nothing, and the next one of the present
    /// generation sets it right.)
    pub(super) const fn step(self, generation: u16, tick: u64) -> Self {
        let next = Self::of(generation, tick);
        if self.0 >> 48 == generation as u64 && self.tick() >= next.tick() {
            self
        } else {
            next
        }
    }
}

/// How many successes the breaker had counted, ever, when a bucket began.
///
/// | bits    | field      | meaning                                 |
/// |---------|------------|-----------------------------------------|
/// | 0..=28  | count      | modulo 2^29                             |
/// | 29      | valid      | 1: this is a base                       |
/// | 30..=53 | tick       | the bucket's number, modulo 2^24        |
/// | 54..=63 | generation | modulo 2^10                             |
#[derive(Clone, Copy)]
pub(super) struct Base(pub(super) u64);

impl Base {
    pub(super) const COUNT_MOST: u64 = (1 << 29) - 1;
    pub(super) const VALID: u64 = 1 << 29;

    /// The base of a bucket: the first one that is noted stays, and so does one of a later while.
    pub(super) const fn step(self, generation: u16, tick: u64, successes: u64) -> Self {
        let count = successes & Self::COUNT_MOST | Self::VALID;
        let fresh = Bucket::new(generation, tick, count);
        let seen = Bucket(self.0);
        if self.0 & Self::VALID != 0
            && (seen.0 >> 30 == fresh.0 >> 30 || seen.is_later(generation, tick))
        {
            self
        } else {
            Self(fresh.0)
        }
    }

    /// How many buckets old it is, and its count, if it belongs to the window that ends at `tick`.
    pub(super) const fn age(self, generation: u16, tick: u64) -> Option<(u64, u64)> {
        match Bucket(self.0).age(generation, tick) {
            Some(age) if self.0 & Self::VALID != 0 => Some((age, self.0 & Self::COUNT_MOST)),
            _ => None,
        }
    }
}

/// A count and the while that it belongs to.
///
/// | bits    | field      | meaning                                 |
/// |---------|------------|-----------------------------------------|
/// | 0..=29  | count      | stays at its most                       |
/// | 30..=53 | tick       | the bucket's number, modulo 2^24        |
/// | 54..=63 | generation | modulo 2^10                             |
#[derive(Clone, Copy)]
pub(super) struct Bucket(pub(super) u64);

impl Bucket {
    pub(super) const COUNT_MOST: u64 = (1 << 30) - 1;

    pub(super) const fn new(generation: u16, tick: u64, count: u64) -> Self {
        Self((generation as u64 & 0x3FF) << 54 | (tick & 0xFF_FFFF) << 30 | count)
    }

    pub(super) const fn count(self) -> u64 {
        self.0 & Self::COUNT_MOST
    }

    /// How many buckets old it is, if it belongs to the window that ends at `tick`.
    pub(super) const fn age(self, generation: u16, tick: u64) -> Option<u64> {
        let age = (tick & 0xFF_FFFF).wrapping_sub(self.0 >> 30) & 0xFF_FFFF;
        if self.0 >> 54 == generation as u64 & 0x3FF && age < BUCKETS {
            Some(age)
        } else {
            None
        }
    }

    /// Whether it belongs to a later while, or a later generation.
    pub(super) const fn is_later(self, generation: u16, tick: u64) -> bool {
        let generations_ahead = (self.0 >> 54).wrapping_sub(generation as u64) & 0x3FF;
        let ticks_ahead = (self.0 >> 30).wrapping_sub(tick) & 0xFF_FFFF;
        if generations_ahead == 0 {
            // Only a thread held up on its way here finds a later while, and not much later. Anything farther
            // is the past: a window that rested for hours must not look like the future.
            ticks_ahead < 8 * BUCKETS
        } else {
            generations_ahead < 64
        }
    }

    /// One more call. A bucket of an earlier while or generation starts again; one of a later is left alone.
    pub(super) const fn step_count(self, generation: u16, tick: u64) -> Self {
        let fresh = Self::new(generation, tick, 1);
        if self.0 >> 30 == fresh.0 >> 30 {
            return if self.count() >= Self::COUNT_MOST {
                self
            } else {
                Self(self.0.wrapping_add(1))
            };
        }
        if self.is_later(generation, tick) && self.count() != 0 {
            self
        } else {
            fresh
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_of_a_later_while_is_left_alone() {
        let later = Bucket::new(3, 25, 9);
        assert_eq!(later.step_count(3, 15).0, later.0);
        assert_eq!(later.step_count(3, 35).count(), 1);
        assert_eq!(later.step_count(4, 15).count(), 1);
        assert_eq!(
            Bucket::new(3, 25, Bucket::COUNT_MOST)
                .step_count(3, 25)
                .count(),
            Bucket::COUNT_MOST
        );
    }
}
