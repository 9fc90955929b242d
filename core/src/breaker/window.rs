//! The results that a closed breaker judges by: the last n calls, or the calls of the last while.
//!
//! Every word carries the generation it belongs to, so a state change empties the window without touching
//! it. Totals are never kept, they are counted from the words when a decision is due: there is nothing
//! that could drift when a process dies between two of them.
//!
//! By time, successes are not written here at all: they are the breaker's count of successes, which lies on
//! lines of many threads, less what that count was when the oldest bucket of the window began. So a healthy
//! call writes nothing that other threads write.

mod bucket;

use bucket::{Base, Bucket, Newest};

use super::config::Settings;
use crate::cas;
use crate::counters::OrderedCounters;
use crate::sync::{AtomicU64, Ordering};
use crate::time::Nanos;

/// The longest window by count.
pub const MOST_CALLS: u32 = 1_024;

/// Calls in one word of the ring: two bits each beside a tag of sixteen.
const PER_WORD: u64 = 24;
const WORDS: usize = 46;
pub(super) const BUCKETS: u64 = 10;

/// What a window holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Results {
    /// Successes and failures together.
    pub calls: u64,
    /// Those that failed.
    pub failures: u64,
    /// Those that took too long, whether they failed or not.
    pub slow: u64,
}

impl Results {
    pub(super) const fn one(failure: bool, slow: bool) -> Self {
        Self {
            calls: 1,
            failures: failure as u64,
            slow: slow as u64,
        }
    }

    const fn is_bad(self) -> bool {
        self.failures != 0 || self.slow != 0
    }
}

/// Head and ring of the window. The head ends the breaker's first cache line, which every call reads and a
/// healthy call does not write; the ring begins on the next.
#[repr(C)]
#[derive(Debug)]
pub(super) struct Window {
    head: AtomicU64,
    _rest_of_line: [u64; 5],
    /// By count: 24 calls of two bits (failed, slow), then 16 bits of generation.
    /// By time: ten words of [`Base`], ten of failures, ten of slow calls, each a [`Bucket`], then twice
    /// [`Newest`]: the newest bucket, and the newest that was known to hold enough calls for a decision.
    words: [AtomicU64; WORDS],
}

#[cfg(not(seawall_loom))]
const _: () = {
    assert!(size_of::<Window>() == 8 * (WORDS + 6));
    assert!(WORDS as u64 * PER_WORD >= MOST_CALLS as u64 && WORDS as u64 > 3 * BUCKETS + 1);
};

impl Window {
    pub(super) fn new() -> Self {
        Self {
            head: AtomicU64::new(0),
            _rest_of_line: [0; 5],
            words: core::array::from_fn(|_| AtomicU64::new(0)),
        }
    }

    /// Forgets everything, for a window of another shape: empty words, tagged for `generation` where the ring
    /// is by count.
    pub(super) fn clear(&self, by_count: bool, generation: u16) {
        let tag = if by_count { u64::from(generation) } else { 0 };
        for word in &self.words {
            // ORDER(window): Release, after the new settings: see `keep_shape`. A result that is recorded meanwhile may
            // be lost or kept, either is a valid history.
            word.store(tag << 48, Ordering::Release);
        }
        self.head.store(tag, Ordering::Release); // ORDER(window): as above
    }

    /// Adds one result, and counts it as a success or not. True when the window may hold a failure or a slow
    /// call, so that a decision is due.
    pub(super) fn push(
        &self,
        settings: &Settings,
        generation: u16,
        result: Results,
        counters: &OrderedCounters,
        now: Nanos,
    ) -> bool {
        let shape = Shape::of(settings);
        let dirty = match shape.calls {
            0 => {
                // Before the success is counted, so that the bucket's base is without it.
                let tick = self.forward(shape, settings, generation, counters, now);
                self.push_by_time(tick, generation, result, counters)
            }
            calls => {
                if result.failures == 0 {
                    counters.add_first();
                }
                self.push_by_count(u64::from(calls), generation, result)
            }
        };
        // A success by time has written nothing here.
        if shape.calls != 0 || result.is_bad() {
            self.keep_shape(shape, settings, generation);
        }
        dirty
    }

    /// Wipes the window again if it got another shape since `shape` was looked at: what was written meanwhile would
    /// mean something else there, such as a result of times to come, which nothing displaces.
    fn keep_shape(&self, shape: Shape, settings: &Settings, generation: u16) {
        // ORDER(window): after the writes. Either `clear` comes after one of them and wipes it out, or the write has
        // acquired what `clear` released, and the new settings are seen here.
        let now = Shape::of(settings);
        if now != shape {
            self.clear(now.calls != 0, generation);
        }
    }

    /// What the window holds for `generation` at `now`. Bounded by its 46 words and the stripes of the counters.
    pub(super) fn tally(
        &self,
        settings: &Settings,
        generation: u16,
        counters: &OrderedCounters,
        now: Nanos,
    ) -> Results {
        match settings.hot().window_calls() {
            0 => self.tally_by_time(self.tick(settings, generation, now), generation, counters),
            calls => self.tally_by_count(u64::from(calls), generation),
        }
    }

    /// Notes that the window of this bucket holds enough calls for a decision. As no call leaves it before the
    /// next bucket, another success in this one cannot be what completes the evidence.
    pub(super) fn note_enough(&self, settings: &Settings, generation: u16, now: Nanos) {
        if settings.hot().window_calls() != 0 {
            return;
        }
        let tick = self.tick(settings, generation, now);
        if let Some(word) = self.words.get(ENOUGH) {
            cas::update(word, |seen| (Newest(seen).step(generation, tick).0, ()));
        }
    }

    /// Whether that was noted for the bucket of `now`.
    pub(super) fn has_enough(&self, settings: &Settings, generation: u16, now: Nanos) -> bool {
        if settings.hot().window_calls() != 0 {
            return false;
        }
        let tick = self.tick(settings, generation, now);
        let noted = |word: &AtomicU64| {
            // RELAXED: only a hint; who misses it counts for itself. Zero is a word that nobody has written.
            let noted = word.load(Ordering::Relaxed);
            noted != 0 && noted == Newest::of(generation, tick).0
        };
        self.words.get(ENOUGH).is_some_and(noted)
    }

    /// Forgets what [`Window::note_enough`] noted, for settings that may want more calls.
    pub(super) fn forget_enough(&self, settings: &Settings) {
        if settings.hot().window_calls() != 0 {
            return;
        }
        if let Some(word) = self.words.get(ENOUGH) {
            word.store(0, Ordering::Relaxed); // RELAXED: only a hint
        }
    }

    /// The bucket that `now` belongs to; always 0 for a window by count. A `now` before the newest result of
    /// this generation counts as no time passed: it belongs to the bucket of that result.
    pub(super) fn tick(&self, settings: &Settings, generation: u16, now: Nanos) -> u64 {
        if settings.hot().window_calls() != 0 {
            return 0;
        }
        // RELAXED: as the buckets themselves.
        let newest = self
            .words
            .get(NEWEST)
            .map_or(0, |word| word.load(Ordering::Relaxed));
        Newest(newest)
            .step(generation, Shape::of(settings).bucket(now))
            .tick()
    }

    /// The same, noted as the newest. Writes once for each bucket, not for each call.
    fn forward(
        &self,
        shape: Shape,
        settings: &Settings,
        generation: u16,
        counters: &OrderedCounters,
        now: Nanos,
    ) -> u64 {
        let tick = shape.bucket(now);
        let Some(word) = self.words.get(NEWEST) else {
            return tick;
        };
        // ORDER(word): Acquire. Whoever sees a bucket as the newest also sees its base.
        let seen = Newest(word.load(Ordering::Acquire));
        let next = seen.step(generation, tick);
        // Zero may be the very first bucket, or a window that nobody has recorded in yet and that lacks its base.
        if next.0 == seen.0 && seen.0 != 0 {
            return next.tick();
        }
        // The base first: a process that dies in between leaves a base that the next one finds and keeps.
        let successes = counters.first();
        let index = next.tick() % BUCKETS;
        if let Some(base) = self.words.get(index as usize) {
            cas::update(base, |seen| {
                (Base(seen).step(generation, next.tick(), successes).0, ())
            });
        }
        let newest = cas::update(word, |seen| {
            let next = Newest(seen).step(generation, tick);
            (next.0, next.tick())
        });
        self.keep_shape(shape, settings, generation);
        newest.unwrap_or(tick)
    }

    fn push_by_count(&self, calls: u64, generation: u16, result: Results) -> bool {
        let Some((slot, dirty)) = cas::update(&self.head, |head| {
            Head(head).step(calls, generation, result.is_bad())
        })
        .flatten() else {
            return false;
        };
        let shift = (slot % PER_WORD).wrapping_mul(2);
        let bits = (result.failures | result.slow << 1) << shift;
        if let Some(word) = self.words.get((slot / PER_WORD) as usize) {
            cas::update(word, |seen| (write_slot(seen, generation, shift, bits), ()));
        }
        dirty
    }

    fn tally_by_count(&self, calls: u64, generation: u16) -> Results {
        let head = Head(self.head.load(Ordering::Acquire)); // ORDER(word): after the entries it counts
        if head.tag() != generation {
            return Results::default();
        }
        let mut seen = Results {
            calls: head.filled().min(calls),
            failures: 0,
            slow: 0,
        };
        for word in self.words.iter().take(calls.div_ceil(PER_WORD) as usize) {
            // ORDER(window): Relaxed after the SeqCst fence of `record_ordinary`, whose partner is the same fence
            // of whoever recorded the entry that we look for.
            let word = word.load(Ordering::Relaxed);
            if word >> 48 == u64::from(generation) {
                const EVEN: u64 = 0x5555_5555_5555;
                seen.failures = seen
                    .failures
                    .wrapping_add(u64::from((word & EVEN).count_ones()));
                seen.slow = seen
                    .slow
                    .wrapping_add(u64::from((word >> 1 & EVEN).count_ones()));
            }
        }
        seen.failures = seen.failures.min(seen.calls);
        seen.slow = seen.slow.min(seen.calls);
        seen
    }

    fn push_by_time(
        &self,
        tick: u64,
        generation: u16,
        result: Results,
        counters: &OrderedCounters,
    ) -> bool {
        if result.failures == 0 {
            counters.add_first();
        }
        let rows = [result.failures != 0, result.slow != 0];
        for (row, _) in (1u64..).zip(rows).filter(|(_, counted)| *counted) {
            let index = row.wrapping_mul(BUCKETS).wrapping_add(tick % BUCKETS);
            if let Some(word) = self.words.get(index as usize) {
                cas::update(word, |seen| {
                    (Bucket(seen).step_count(generation, tick).0, ())
                });
            }
        }
        // The head holds the last bucket with a bad result, so that a good one can skip the count.
        if result.is_bad() {
            let next = Bucket::new(generation, tick, 1).0;
            cas::update(&self.head, |_| (next, ()));
            return true;
        }
        // ORDER(window): SeqCst, after `add_first`. Of a success and a bad result that complete the evidence
        // together, either the success sees here that the window is dirty, or the bad one, which wrote the head
        // before its fence, counts the success.
        let last = Bucket(self.head.load(Ordering::SeqCst));
        last.0 != 0 && last.age(generation, tick).is_some()
    }

    fn tally_by_time(&self, tick: u64, generation: u16, counters: &OrderedCounters) -> Results {
        // What the count of successes was when the oldest bucket that anybody recorded in began. Without one
        // nobody has recorded anything.
        let oldest = self
            .words
            .iter()
            .take(BUCKETS as usize)
            .filter_map(|word| Base(word.load(Ordering::Acquire)).age(generation, tick)) // ORDER(word): as in `forward`
            .max();
        let successes = oldest.map_or(0, |(_, base)| {
            counters.first().wrapping_sub(base) & Base::COUNT_MOST
        });
        let mut sums = [0u64; 2];
        let rows = self.words.chunks(BUCKETS as usize).skip(1);
        for (row, sum) in rows.zip(&mut sums) {
            for word in row {
                let bucket = Bucket(word.load(Ordering::Relaxed)); // RELAXED: as in `tally_by_count`
                if bucket.age(generation, tick).is_some() {
                    *sum = sum.saturating_add(bucket.count());
                }
            }
        }
        let [failures, slow] = sums;
        let calls = successes.saturating_add(failures);
        Results {
            calls,
            failures,
            slow: slow.min(calls),
        }
    }
}

/// What the words of a window mean: so many calls, or where that is 0, buckets of a tenth of the span.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Shape {
    calls: u32,
    span: Nanos,
}

impl Shape {
    fn of(settings: &Settings) -> Self {
        Self {
            calls: settings.hot().window_calls(),
            span: settings.window_span(),
        }
    }

    fn bucket(self, now: Nanos) -> u64 {
        // Checked, because a hostile zero must not divide.
        now.0
            .checked_div(self.span.0.div_ceil(BUCKETS))
            .unwrap_or(0)
    }
}

/// Which word of a window by time holds [`Newest`].
const NEWEST: usize = 3 * BUCKETS as usize;
/// Which one holds the newest bucket that was known to hold enough calls.
const ENOUGH: usize = NEWEST + 1;

/// Where the ring stands.
///
/// | bits    | field      | meaning                                              |
/// |---------|------------|------------------------------------------------------|
/// | 0..=15  | tag        | the generation                                       |
/// | 16..=31 | filled     | calls in the ring, at most the window                |
/// | 32..=47 | index      | where the next one goes                              |
/// | 48..=63 | since_bad  | successes since the last bad one, at most the window |
struct Head(u64);

impl Head {
    const fn tag(&self) -> u16 {
        (self.0 & 0xFFFF) as u16
    }

    const fn filled(&self) -> u64 {
        self.0 >> 16 & 0xFFFF
    }

    /// One more result: the new head, and where to write it and whether the window is dirty. A full, clean
    /// window does not move for another success. A result of an older generation is dropped.
    const fn step(&self, calls: u64, generation: u16, bad: bool) -> (u64, Option<(u64, bool)>) {
        let (mut filled, mut index, mut since_bad) =
            (self.filled(), self.0 >> 32 & 0xFFFF, self.0 >> 48);
        if self.tag() != generation {
            if is_newer(self.tag(), generation) {
                return (self.0, None);
            }
            (filled, index, since_bad) = (0, 0, 0);
        }
        if !bad && filled >= calls && since_bad >= calls {
            return (self.0, None);
        }
        // Range-checked, because the ring may lie in memory that others can write.
        let slot = if index >= calls { 0 } else { index };
        let next = if slot.wrapping_add(1) >= calls {
            0
        } else {
            slot.wrapping_add(1)
        };
        filled = if filled >= calls {
            calls
        } else {
            filled.wrapping_add(1)
        };
        since_bad = if bad {
            0
        } else if since_bad >= calls {
            calls
        } else {
            since_bad.wrapping_add(1)
        };
        let head = generation as u64 | filled << 16 | next << 32 | since_bad << 48;
        (head, Some((slot, since_bad < filled)))
    }
}

/// Puts two bits into a ring word; a word of an older generation starts empty, a newer one stays.
const fn write_slot(word: u64, generation: u16, shift: u64, bits: u64) -> u64 {
    let tag = (word >> 48) as u16;
    if tag == generation {
        return word & !(3 << shift) | bits;
    }
    if is_newer(tag, generation) || bits == 0 {
        return word;
    }
    bits | (generation as u64) << 48
}

/// True when generation `a` came a little after `b`, over the wrap: a recorder that was held up must not wipe
/// what newer ones wrote. Anything farther is old, however long a word has lain untouched.
const fn is_newer(a: u16, b: u16) -> bool {
    let ahead = a.wrapping_sub(b);
    ahead != 0 && ahead < 64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_clean_ring_does_not_move() {
        let (mut head, mut wrote) = (0, 0);
        for _ in 0..10 {
            let (next, answer) = Head(head).step(4, 0, false);
            wrote += u32::from(answer.is_some());
            head = next;
        }
        assert_eq!(wrote, 4);
        let (head, answer) = Head(head).step(4, 0, true);
        assert_eq!(answer, Some((0, true)));
        assert!(
            Head(head)
                .step(4, 0, false)
                .1
                .is_some_and(|(slot, dirty)| slot == 1 && dirty)
        );
    }

    #[test]
    fn generations_compare_over_the_wrap() {
        assert!(is_newer(0, u16::MAX) && !is_newer(u16::MAX, 0) && !is_newer(5, 5));
    }

    #[test]
    fn a_word_that_lay_untouched_for_long_takes_results_again() {
        for (last, generation) in [(5u16, 40_000u16), (5, 600), (0, 65), (60_000, 10)] {
            let ring = write_slot(u64::from(last) << 48, generation, 0, 1);
            assert_eq!(
                ring >> 48,
                u64::from(generation),
                "ring word of {last} at {generation}"
            );
            assert!(Head(u64::from(last)).step(4, generation, true).1.is_some());
            let bucket = Bucket::new(last, 7, 3).step_count(generation, 107);
            assert_eq!(bucket.count(), 1, "bucket of {last} at {generation}");
        }
    }

    #[test]
    fn a_recorder_that_was_held_up_wipes_nothing() {
        assert_eq!(write_slot(9 << 48 | 1, 8, 2, 1), 9 << 48 | 1);
        assert_eq!(Head(9).step(4, 8, true), (9, None));
    }
}
