//! The probe seats of a half-open round: leases with an owner and an expiry.

use super::config::Settings;
use crate::cas;
use crate::owner::Owner;
use crate::sync::{AtomicU64, Ordering};
use crate::time::Nanos;

/// The most probes in one round.
#[cfg(not(seawall_loom))]
pub const MOST_PROBES: u32 = 32;
/// Two are enough for every race, and each seat more is swept in more orders.
#[cfg(seawall_loom)]
pub const MOST_PROBES: u32 = 2;

/// One seat in one word, so that taking it and deciding it are one compare-exchange each.
///
/// | bits    | field   | meaning                                                        |
/// |---------|---------|----------------------------------------------------------------|
/// | 0..=33  | expiry  | milliseconds modulo 2^34; stays when the verdict comes         |
/// | 34..=35 | verdict | 0 none yet, 1 succeeded, 2 failed, 3 never taken in this round |
/// | 36..=55 | owner   | who holds it; 0: free                                          |
/// | 56..=63 | round   | the generation modulo 255, plus 1; a seat of another round is free, and a word of 0 is one of no round |
#[derive(Clone, Copy, PartialEq, Eq)]
struct Seat(u64);

const EXPIRY_MASK: u64 = (1 << 34) - 1;
const SUCCEEDED: u64 = 1;
const FAILED: u64 = 2;
const FRESH: u64 = 3;
/// An expiry farther ahead than this, three days, lies in the past: no lease is longer than a day.
const FARTHEST: u64 = 1 << 28;

/// A seat that was taken, with what makes its word exact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Taken {
    pub(super) seat: usize,
    pub(super) expiry: u64,
}

/// How a half-open round ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Close,
    Reopen,
}

impl Seat {
    /// Never 0, so that a seat nobody has touched is not taken for one of this round. Two generations that
    /// meet where the generation wraps, 65,535 and 0, are never both half-open.
    const fn tag(round: u16) -> u64 {
        (round as u64 % 255).wrapping_add(1)
    }

    const fn new(round: u16, owner: u32, expiry: u64) -> Self {
        Self(Self::tag(round) << 56 | (owner as u64 & 0xF_FFFF) << 36 | expiry & EXPIRY_MASK)
    }

    const fn of_round(self, round: u16) -> bool {
        self.0 >> 56 == Self::tag(round)
    }

    const fn owner(self) -> u32 {
        (self.0 >> 36 & 0xF_FFFF) as u32
    }

    const fn expiry(self) -> u64 {
        self.0 & EXPIRY_MASK
    }

    const fn verdict(self) -> u64 {
        self.0 >> 34 & 3
    }

    const fn is_decided(self) -> bool {
        matches!(self.verdict(), SUCCEEDED | FAILED)
    }

    /// A seat that nobody has taken in `round`.
    const fn fresh(round: u16) -> Self {
        Self((round as u64 & 0xFF) << 56 | FRESH << 34)
    }

    const fn decided(self, failed: bool) -> Self {
        Self(self.0 | (if failed { FAILED } else { SUCCEEDED }) << 34)
    }

    /// The same seat of the same round, held by nobody.
    const fn freed(self) -> Self {
        Self(self.0 & 0xFF << 56)
    }

    /// Milliseconds until the lease of `round` runs out, `None` when the seat can be taken at `now_ms`.
    const fn leased_for(self, round: u16, now_ms: u64) -> Option<u64> {
        if !self.of_round(round) || self.owner() == 0 {
            return None;
        }
        let left = self.expiry().wrapping_sub(now_ms) & EXPIRY_MASK;
        if left == 0 || left > FARTHEST {
            None
        } else {
            Some(left)
        }
    }
}

#[repr(C, align(64))]
#[derive(Debug)]
pub(super) struct Seats {
    words: [AtomicU64; MOST_PROBES as usize],
}

#[cfg(not(seawall_loom))]
const _: () = assert!(size_of::<Seats>() == 256);

impl Seats {
    pub(super) fn new() -> Self {
        Self {
            words: core::array::from_fn(|_| AtomicU64::new(0)),
        }
    }

    fn load(word: &AtomicU64) -> Seat {
        // ORDER(cell): Acquire. Pairs with the Release half of `cas::replace`.
        Seat(word.load(Ordering::Acquire))
    }

    /// Empties the seats of earlier rounds before `round` begins, so that no seat can look current again
    /// when the eight bits of the round have come full circle. `is_before` says whether the round has still
    /// not begun: asked after a seat was read, it proves that what was read is no lease of a later round, so
    /// a sweeper that was held up for long harms nobody.
    pub(super) fn sweep(&self, round: u16, is_before: impl Fn() -> bool) {
        for word in &self.words {
            let seat = Self::load(word);
            if seat.0 == 0 || !seat.of_round(round) {
                if !is_before() {
                    return;
                }
                cas::replace(word, seat.0, Seat::fresh(round).0);
            }
        }
    }

    /// Takes a free or expired seat, or says when the first lease runs out. `is_current` says whether the
    /// round goes on, for the same reason as in [`Seats::sweep`]. The flag of the answer is true for the first
    /// taker of the first seat, of whom a round has exactly one: telling that it began falls to that one.
    pub(super) fn take(
        &self,
        settings: &Settings,
        round: u16,
        owner: Owner,
        now: Nanos,
        is_current: impl Fn() -> bool,
    ) -> Result<(Taken, bool), Nanos> {
        let now_ms = now.as_millis_floor();
        let expiry = now.plus(settings.probe_lease()).as_millis_ceil() & EXPIRY_MASK;
        let mut soonest = u64::MAX;
        for (index, word) in self.seats(settings) {
            let seat = Self::load(word);
            if seat.of_round(round) && seat.is_decided() {
                continue;
            }
            match seat.leased_for(round, now_ms) {
                Some(left) => soonest = soonest.min(left),
                None if is_current()
                    && cas::replace(word, seat.0, Seat::new(round, owner.raw(), expiry).0) =>
                {
                    let taken = Taken {
                        seat: index,
                        expiry,
                    };
                    return Ok((taken, index == 0 && seat.verdict() == FRESH));
                }
                // Somebody else was faster; their lease is a whole one.
                None => soonest = soonest.min(settings.probe_lease().as_millis_ceil()),
            }
        }
        if soonest == u64::MAX {
            Err(now)
        } else {
            Err(Nanos::from_millis(now_ms.saturating_add(soonest)))
        }
    }

    fn seats(&self, settings: &Settings) -> impl Iterator<Item = (usize, &AtomicU64)> {
        self.words
            .iter()
            .take(settings.hot().probes() as usize)
            .enumerate()
    }

    /// Frees a seat that is still exactly ours.
    pub(super) fn give_back(&self, taken: Taken, round: u16, owner: Owner) -> bool {
        self.finish(taken, round, owner, Seat::freed)
    }

    /// Writes the verdict of one probe into its seat, if it is still exactly ours.
    pub(super) fn decide(&self, taken: Taken, round: u16, owner: Owner, failed: bool) -> bool {
        self.finish(taken, round, owner, |seat| seat.decided(failed))
    }

    fn finish(&self, taken: Taken, round: u16, owner: Owner, next: impl Fn(Seat) -> Seat) -> bool {
        let exact = Seat::new(round, owner.raw(), taken.expiry);
        self.words
            .get(taken.seat)
            .is_some_and(|word| cas::replace(word, exact.0, next(exact).0))
    }

    /// True when the leases of all failed probes have run out: whoever should have ended the round is gone.
    pub(super) fn is_abandoned(&self, settings: &Settings, round: u16, now: Nanos) -> bool {
        let now_ms = now.as_millis_floor();
        self.seats(settings)
            .map(|(_, word)| Self::load(word))
            .filter(|seat| seat.of_round(round) && seat.verdict() == FAILED)
            .all(|seat| seat.leased_for(round, now_ms).is_none())
    }

    /// How the round ends, as soon as that is certain: it reopens when the failures reach their ratio of all
    /// probes, and closes when they cannot reach it any more.
    pub(super) fn verdict(&self, settings: &Settings, round: u16) -> Option<Verdict> {
        let hot = settings.hot();
        let (mut succeeded, mut failed) = (0u64, 0u64);
        for (_, word) in self.seats(settings) {
            let seat = Self::load(word);
            if seat.of_round(round) && seat.is_decided() {
                if seat.verdict() == FAILED {
                    failed = failed.wrapping_add(1)
                } else {
                    succeeded = succeeded.wrapping_add(1)
                }
            }
        }
        let permille = if hot.failure_permille() == 0 {
            500
        } else {
            u64::from(hot.failure_permille())
        };
        let probes = u64::from(hot.probes());
        let needed = permille.wrapping_mul(probes).div_ceil(1_000).max(1);
        if failed >= needed {
            Some(Verdict::Reopen)
        } else if succeeded > probes.saturating_sub(needed) {
            Some(Verdict::Close)
        } else {
            None
        }
    }

    /// Leases that run at `now`, and how long until a seat can be taken (zero if one can be now).
    pub(super) fn in_flight(&self, settings: &Settings, round: u16, now: Nanos) -> (u32, Nanos) {
        let now_ms = now.as_millis_floor();
        let (mut leased, mut free, mut soonest) = (0u32, false, u64::MAX);
        for (_, word) in self.seats(settings) {
            let seat = Self::load(word);
            if seat.of_round(round) && seat.is_decided() {
                continue;
            }
            match seat.leased_for(round, now_ms) {
                Some(left) => {
                    leased = leased.wrapping_add(1);
                    soonest = soonest.min(left);
                }
                None => free = true,
            }
        }
        if free || soonest == u64::MAX {
            return (leased, Nanos::ZERO);
        }
        (
            leased,
            Nanos::from_millis(now_ms.saturating_add(soonest)).since(now),
        )
    }

    pub(super) fn reclaim(&self, owner: Owner, round: u16) -> u32 {
        let mut freed = 0u32;
        for word in &self.words {
            let seat = Self::load(word);
            if seat.of_round(round)
                && seat.owner() == owner.raw()
                && !seat.is_decided()
                && cas::replace(word, seat.0, seat.freed().0)
            {
                freed = freed.wrapping_add(1);
            }
        }
        freed
    }
}

#[cfg(test)]
mod tests {
    use super::super::Config;
    use super::*;

    #[test]
    fn every_round_has_one_first_taker() {
        let (seats, settings) = (
            Seats::new(),
            Settings::new(&Config::default()).expect("valid"),
        );
        let now = Nanos::from_secs(1);
        for round in (2..2_000u16).chain(0..3) {
            seats.sweep(round, || true);
            for turn in 0..3 {
                let (taken, is_first) = seats
                    .take(&settings, round, Owner::PRIVATE, now, || true)
                    .expect("free");
                assert_eq!(is_first, turn == 0, "round {round}, turn {turn}");
                assert!(seats.give_back(taken, round, Owner::PRIVATE));
            }
        }
    }

    #[test]
    fn neither_a_late_sweeper_nor_a_late_taker_touches_a_lease_of_a_later_round() {
        let (seats, settings) = (
            Seats::new(),
            Settings::new(&Config::default()).expect("valid"),
        );
        let now = Nanos::from_secs(1);
        let (taken, _) = seats
            .take(&settings, 3, Owner::PRIVATE, now, || true)
            .expect("free");
        // Both look at the word with the eyes of round 1, which is over.
        seats.sweep(1, || false);
        assert!(
            seats
                .take(&settings, 1, Owner::PRIVATE, now, || false)
                .is_err()
        );
        assert!(
            seats.decide(taken, 3, Owner::PRIVATE, false),
            "the lease still stands"
        );
    }

    #[test]
    fn a_seat_does_not_look_current_when_the_round_has_come_full_circle() {
        let (seats, settings) = (
            Seats::new(),
            Settings::new(&Config::default()).expect("valid"),
        );
        seats.sweep(1, || true);
        let (taken, is_first) = seats
            .take(&settings, 1, Owner::PRIVATE, Nanos(1), || true)
            .expect("free");
        assert!(is_first);
        assert!(seats.decide(taken, 1, Owner::PRIVATE, true));
        seats.sweep(3, || true);
        assert_eq!(seats.verdict(&settings, 257), None);
    }
}
