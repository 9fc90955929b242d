//! Calls and retries under way, for the rule that retries be a share of what is in flight.

use super::config::Settings;
use crate::cas;
use crate::sync::{AtomicU64, Ordering};

/// | bits    | field   | meaning               |
/// |---------|---------|-----------------------|
/// | 0..=31  | calls   | calls under way       |
/// | 32..=63 | retries | retries under way     |
#[repr(C)]
#[derive(Debug)]
pub(super) struct Flight {
    word: AtomicU64,
}

const fn split(word: u64) -> (u64, u64) {
    (word & 0xFFFF_FFFF, word >> 32)
}

const fn join(calls: u64, retries: u64) -> u64 {
    let most = 0xFFFF_FFFF;
    (if calls > most { most } else { calls }) | (if retries > most { most } else { retries }) << 32
}

impl Flight {
    pub(super) fn new() -> Self {
        Self {
            word: AtomicU64::new(0),
        }
    }

    fn change(&self, step: impl Fn(u64, u64) -> (u64, u64)) {
        cas::update(&self.word, |word| {
            let (calls, retries) = split(word);
            let (calls, retries) = step(calls, retries);
            (join(calls, retries), ())
        });
    }

    pub(super) fn begin_call(&self) {
        self.change(|calls, retries| (calls.saturating_add(1), retries));
    }

    pub(super) fn end_call(&self) {
        self.change(|calls, retries| (calls.saturating_sub(1), retries));
    }

    /// One step decides and counts, so that two retries cannot share the last place.
    pub(super) fn begin_retry(&self, settings: &Settings) -> bool {
        cas::update(&self.word, |word| {
            let (calls, retries) = split(word);
            if retries < settings.concurrent_retries(calls) {
                (join(calls, retries.saturating_add(1)), true)
            } else {
                (word, false)
            }
        })
        .unwrap_or(false)
    }

    pub(super) fn end_retry(&self) {
        self.change(|calls, retries| (calls, retries.saturating_sub(1)));
    }

    pub(super) fn look(&self) -> (u32, u32) {
        let (calls, retries) = split(self.word.load(Ordering::Relaxed)); // RELAXED: a moment's look
        (calls as u32, retries as u32)
    }
}
