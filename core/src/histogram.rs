//! How long calls take: a fixed log-linear histogram, within 3 % from the median to p99.9.

use crate::sync::{AtomicU32, Ordering};
use crate::time::Nanos;

/// Buckets in each power of two.
const PER_OCTAVE: u64 = 32;
const SUB_BITS: u32 = 5;
/// Below this many nanoseconds the buckets are linear, 32 ns each.
const LINEAR_BITS: u32 = 10;
/// The first value beyond the last bucket is 2 to this power: 137 s.
const LAST_BITS: u32 = 37;
const BUCKETS: usize = 896;

/// Latencies from 0 to 137 s, longer ones in the last bucket. Recording is one atomic addition; there is
/// nothing to configure.
///
/// A quantile is the middle of its bucket: off by at most 1/64 (1.6 %) above 1 us, and by at most 16 ns
/// below. Counts stay at 4,294,967,295.
///
/// ```
/// use seawall_core::{Histogram, Nanos};
///
/// let histogram = Histogram::new();
/// (1..=100).for_each(|millis| histogram.record(Nanos::from_millis(millis)));
/// let p99 = histogram.quantile(990_000).0;
/// assert!(p99.abs_diff(99_000_000) < 3_000_000);
/// ```
#[repr(C, align(64))]
#[derive(Debug)]
pub struct Histogram {
    counts: [AtomicU32; BUCKETS],
}

#[cfg(not(seawall_loom))]
const _: () = assert!(size_of::<Histogram>() == 3584 && align_of::<Histogram>() == 64);
const _: () = assert!(BUCKETS as u64 == PER_OCTAVE * (1 + (LAST_BITS - LINEAR_BITS) as u64));

impl Histogram {
    /// Empty.
    #[must_use]
    pub fn new() -> Self {
        Self {
            counts: core::array::from_fn(|_| AtomicU32::new(0)),
        }
    }

    fn index(value: u64) -> usize {
        if value < 1 << LINEAR_BITS {
            return (value >> (LINEAR_BITS - SUB_BITS)) as usize;
        }
        let octave = value.ilog2();
        if octave >= LAST_BITS {
            return BUCKETS - 1;
        }
        let sub = (value >> octave.saturating_sub(SUB_BITS)) & (PER_OCTAVE - 1);
        let row = u64::from(octave.saturating_sub(LINEAR_BITS)).wrapping_add(1);
        row.wrapping_mul(PER_OCTAVE).wrapping_add(sub) as usize
    }

    /// The middle of a bucket.
    fn middle(index: usize) -> Nanos {
        let (row, sub) = (index as u64 / PER_OCTAVE, index as u64 % PER_OCTAVE);
        let shift = if row == 0 {
            LINEAR_BITS - SUB_BITS
        } else {
            (row as u32).saturating_add(LINEAR_BITS - SUB_BITS - 1)
        };
        let base = if row == 0 {
            sub
        } else {
            sub.wrapping_add(PER_OCTAVE)
        };
        Nanos((base << shift).wrapping_add(1 << shift >> 1))
    }

    /// Counts one latency. Any thread, any process; never blocks.
    #[inline]
    pub fn record(&self, latency: Nanos) {
        if let Some(count) = self.counts.get(Self::index(latency.0)) {
            // RELAXED: a count orders nothing. The check before the addition keeps a full bucket full; two
            // threads that pass it together could wrap only after 2^32 of them.
            if count.load(Ordering::Relaxed) < u32::MAX {
                count.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// How many latencies were counted.
    #[must_use]
    pub fn total(&self) -> u64 {
        // RELAXED: a moment's look.
        self.counts.iter().fold(0, |sum, count| {
            sum.wrapping_add(u64::from(count.load(Ordering::Relaxed)))
        })
    }

    /// The latency that `ppm` millionths of all calls stayed at or below: 500,000 is the median, 999,000 is
    /// p99.9. Zero when nothing was counted; more than 1,000,000 counts as that.
    #[must_use]
    pub fn quantile(&self, ppm: u32) -> Nanos {
        let wanted = u128::from(self.total())
            .saturating_mul(u128::from(ppm.min(1_000_000)))
            .div_ceil(1_000_000)
            .max(1);
        let mut seen = 0u128;
        let mut last = Nanos::ZERO;
        for (index, count) in self.counts.iter().enumerate() {
            // RELAXED: a moment's look.
            let count = u128::from(count.load(Ordering::Relaxed));
            if count != 0 {
                last = Self::middle(index);
            }
            seen = seen.saturating_add(count);
            if seen >= wanted {
                return last;
            }
        }
        last
    }

    /// Adds everything that `other` holds.
    pub fn merge(&self, other: &Self) {
        for (count, more) in self.counts.iter().zip(&other.counts) {
            // RELAXED: counts order nothing.
            let (have, more) = (count.load(Ordering::Relaxed), more.load(Ordering::Relaxed));
            count.fetch_add(more.min(u32::MAX.saturating_sub(have)), Ordering::Relaxed);
        }
    }

    /// Forgets everything. Latencies recorded meanwhile may or may not stay.
    pub fn reset(&self) {
        for count in &self.counts {
            count.store(0, Ordering::Relaxed); // RELAXED: as above
        }
    }
}

impl Default for Histogram {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_up_to_the_last_bucket_is_within_three_percent() {
        let mut value = 1_000u64;
        while value < 1 << LAST_BITS {
            for near in [value - 1, value, value + 1] {
                let answer = Histogram::middle(Histogram::index(near)).0;
                assert!(
                    answer.abs_diff(near) * 100 <= near * 3 + 1_600,
                    "{near} became {answer}"
                );
            }
            value = value * 103 / 100;
        }
    }

    #[test]
    fn the_ends_have_buckets() {
        let histogram = Histogram::new();
        for value in [0, 1, u64::MAX] {
            histogram.record(Nanos(value));
        }
        assert_eq!(histogram.total(), 3);
        assert_eq!(histogram.quantile(1), Nanos(16));
        assert!(histogram.quantile(1_000_000) > Nanos::from_secs(130));
        histogram.reset();
        assert_eq!(histogram.quantile(500_000), Nanos::ZERO);
    }

    #[test]
    fn the_buckets_meet_without_gaps() {
        for index in 1..BUCKETS {
            assert_eq!(Histogram::index(Histogram::middle(index).0), index);
            assert!(Histogram::middle(index) > Histogram::middle(index - 1));
        }
    }
}
