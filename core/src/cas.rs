//! The one loop that applies a pure step to a shared word.

use crate::sync::{AtomicU64, Ordering};

/// How often a step is tried again after another thread changed the word first. Each lost race means that
/// somebody else moved on, so honest neighbours never get near this; it is there so that a hostile or
/// broken process that shares the word cannot keep a caller for ever.
pub const TRIES: u32 = 1 << 16;

/// Applies `step` to `word` and returns its answer, or `None` when [`TRIES`] races in a row were lost.
///
/// A step that returns the word it was given writes nothing: the line stays shared between cores.
#[inline]
pub fn update<A>(word: &AtomicU64, mut step: impl FnMut(u64) -> (u64, A)) -> Option<A> {
    // ORDER(word): Acquire. Pairs with the Release half of the compare-exchange below: whoever sees a
    // word also sees what its writer did before (the window entries behind a trip, say).
    let mut seen = word.load(Ordering::Acquire);
    for _ in 0..TRIES {
        let (next, answer) = step(seen);
        if next == seen {
            return Some(answer);
        }
        // ORDER(word): AcqRel on success publishes this step and joins the chain of earlier ones;
        // Acquire on failure for the same reason as the load above.
        match word.compare_exchange_weak(seen, next, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => return Some(answer),
            Err(now) => seen = now,
        }
    }
    None
}

/// One compare-exchange of an exact word, for cells that have an owner. True when this caller made it.
#[inline]
pub fn replace(cell: &AtomicU64, exact: u64, next: u64) -> bool {
    // ORDER(cell): AcqRel. The Release half hands over what the last owner did under the cell, the
    // Acquire half receives it. Relaxed on failure: the caller looks again or walks on.
    cell.compare_exchange(exact, next, Ordering::AcqRel, Ordering::Relaxed)
        .is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_without_a_change_writes_nothing_and_answers() {
        let word = AtomicU64::new(7);
        assert_eq!(update(&word, |seen| (seen, "same")), Some("same"));
        assert_eq!(word.load(Ordering::Relaxed), 7);
    }

    #[test]
    fn a_word_that_never_stands_still_ends_the_loop() {
        let word = AtomicU64::new(0);
        let answer = update(&word, |seen| {
            // Another writer gets in between each time.
            word.store(seen.wrapping_add(1), Ordering::Relaxed);
            (seen.wrapping_add(10), ())
        });
        assert_eq!(answer, None);
    }
}
