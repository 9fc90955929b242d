//! Counters on cache lines of their own: many threads count, nobody waits for another's line.

use crate::sync::{AtomicU64 as OrderedU64, Ordering as OrderedOrdering};
use crate::sync::{UnorderedOrdering as Ordering, UnorderedU64 as AtomicU64};

/// How many lines the counts are spread over.
pub const STRIPES: usize = 8;

/// Eight monotonic counters, spread over [`STRIPES`] lines; a reader adds the lines up.
#[repr(C, align(64))]
#[derive(Debug)]
pub struct Counters {
    stripes: [Stripe; STRIPES],
}

#[repr(C, align(64))]
#[derive(Debug)]
struct Stripe {
    counts: [AtomicU64; 8],
}

/// As [`Counters`], where the first counter also decides something: it is ordered, and model checkers watch it.
#[repr(C, align(64))]
#[derive(Debug)]
pub struct OrderedCounters {
    stripes: [OrderedStripe; STRIPES],
}

#[repr(C, align(64))]
#[derive(Debug)]
struct OrderedStripe {
    first: OrderedU64,
    counts: [AtomicU64; 7],
}

#[cfg(not(seawall_loom))]
const _: () = {
    assert!(size_of::<Counters>() == 64 * STRIPES && align_of::<Counters>() == 64);
    assert!(size_of::<OrderedCounters>() == 64 * STRIPES && align_of::<OrderedCounters>() == 64);
};

impl OrderedCounters {
    /// All zero.
    #[must_use]
    pub fn new() -> Self {
        Self {
            stripes: core::array::from_fn(|_| OrderedStripe {
                first: OrderedU64::new(0),
                counts: core::array::from_fn(|_| AtomicU64::new(0)),
            }),
        }
    }

    /// Adds one to counter `which` (1..8); other numbers are no such counter and change nothing.
    #[inline]
    pub fn add(&self, which: usize) {
        if let Some(count) = self
            .stripes
            .get(stripe())
            .and_then(|stripe| stripe.counts.get(which.wrapping_sub(1)))
        {
            // RELAXED: a count orders nothing; readers only want it to arrive some time.
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Adds one to the first counter, in one order with everything else that is `SeqCst`.
    #[inline]
    pub fn add_first(&self) {
        if let Some(stripe) = self.stripes.get(stripe()) {
            // ORDER(window): SeqCst, see `Window`. Costs nothing on x86-64, where adding is a full barrier anyway.
            stripe.first.fetch_add(1, OrderedOrdering::SeqCst);
            // The model checker knows the one order of SeqCst for fences only.
            #[cfg(seawall_loom)]
            crate::sync::fence(OrderedOrdering::SeqCst);
        }
    }

    /// The total of the first counter, in the same order.
    #[must_use]
    pub fn first(&self) -> u64 {
        self.stripes.iter().fold(0, |sum, stripe| {
            // ORDER(window): SeqCst, the partner of `add_first`.
            sum.wrapping_add(stripe.first.load(OrderedOrdering::SeqCst))
        })
    }

    /// The total of counter `which` (1..8).
    #[must_use]
    pub fn total(&self, which: usize) -> u64 {
        self.stripes
            .iter()
            .filter_map(|stripe| stripe.counts.get(which.wrapping_sub(1)))
            // RELAXED: totals of a moving count are a moment's look in any order.
            .fold(0, |sum, count| {
                sum.wrapping_add(count.load(Ordering::Relaxed))
            })
    }
}

impl Default for OrderedCounters {
    fn default() -> Self {
        Self::new()
    }
}

impl Counters {
    /// All zero.
    #[must_use]
    pub fn new() -> Self {
        Self {
            stripes: core::array::from_fn(|_| Stripe {
                counts: core::array::from_fn(|_| AtomicU64::new(0)),
            }),
        }
    }

    /// Adds one to counter `which` (0..8); other numbers are no counter and change nothing.
    #[inline]
    pub fn add(&self, which: usize) {
        if let Some(count) = self
            .stripes
            .get(stripe())
            .and_then(|stripe| stripe.counts.get(which))
        {
            // RELAXED: a count orders nothing; readers only want it to arrive some time.
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// The total of counter `which`.
    #[must_use]
    pub fn total(&self, which: usize) -> u64 {
        self.stripes
            .iter()
            .filter_map(|stripe| stripe.counts.get(which))
            // RELAXED: totals of a moving count are a moment's look in any order.
            .fold(0, |sum, count| {
                sum.wrapping_add(count.load(Ordering::Relaxed))
            })
    }
}

impl Default for Counters {
    fn default() -> Self {
        Self::new()
    }
}

/// A line for the calling thread, guessed from where its stack lies: no thread-local is needed, and two
/// threads that guess alike only share a line, never a wrong count.
#[inline]
#[must_use]
pub fn stripe() -> usize {
    // A model checker wants the same path each time, wherever it puts its stacks.
    if cfg!(seawall_loom) {
        return 0;
    }
    let here = 0u8;
    let page = (&raw const here).addr() as u64 >> 14;
    (page.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 61) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_of_many_threads_add_up() {
        let counters = Counters::new();
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| (0..10_000).for_each(|_| counters.add(3)));
            }
        });
        assert_eq!(counters.total(3), 80_000);
        counters.add(8);
        assert_eq!((counters.total(2), counters.total(8)), (0, 0));
    }
}
