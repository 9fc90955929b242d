//! Threads that start together, round after round.
#![allow(dead_code, reason = "each test takes what it needs of it")]

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

/// A barrier for many short rounds: it yields where a sleeping one would cost more than the round itself.
pub struct Rounds {
    threads: usize,
    arrived: AtomicUsize,
    round: AtomicUsize,
}

impl Rounds {
    pub fn of(threads: usize) -> Self {
        Self {
            threads,
            arrived: AtomicUsize::new(0),
            round: AtomicUsize::new(0),
        }
    }

    /// Waits until all threads are here; true for the last one to come.
    pub fn meet(&self) -> bool {
        let round = self.round.load(Ordering::Acquire);
        if self.arrived.fetch_add(1, Ordering::AcqRel) + 1 == self.threads {
            self.arrived.store(0, Ordering::Relaxed);
            self.round.store(round + 1, Ordering::Release);
            return true;
        }
        let start = Instant::now();
        while self.round.load(Ordering::Acquire) == round {
            std::thread::yield_now();
            assert!(
                start.elapsed().as_secs() < 20,
                "a thread did not come to round {round}"
            );
        }
        false
    }
}

/// A small fast generator, so that threads do not do the same things in step.
pub struct Dice(pub u64);

impl Dice {
    pub fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }
}
