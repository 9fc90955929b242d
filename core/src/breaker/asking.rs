//! Asking a breaker that is not closed: open times, half-open rounds and their seats.

use super::permit::Permit;
use super::seats::Verdict;
use super::word::{Acquired, State, Word};
use super::{Admission, Breaker, REFUSED, ROUNDS, SHADOW_REFUSED, Transition};
use crate::cas;
use crate::outcome::Mode;
use crate::owner::Owner;
use crate::status::{Refusal, Refused};
use crate::sync::{Ordering, fence};
use crate::time::Nanos;

impl Breaker {
    /// True while the breaker is in exactly the state that `seen` was. What was read before asking belongs to
    /// that state or an earlier one.
    pub(super) fn is_still(&self, seen: Word) -> bool {
        // ORDER(word): Acquire, as in try_acquire.
        Word::from_raw(self.word.load(Ordering::Acquire)) == seen
    }

    #[cold]
    pub(super) fn try_acquire_unhealthy(
        &self,
        owner: Owner,
        now: Nanos,
    ) -> Result<Admission, Refusal> {
        let hot = self.settings.hot();
        if hot.mode() == Mode::Off {
            let generation = Word::from_raw(self.word.load(Ordering::Relaxed)).generation(); // RELAXED: only a label
            return Ok(Admission {
                permit: Permit::new(Permit::UNRECORDED, generation, now, owner),
                transition: None,
            });
        }
        let mut transition = None;
        let mut refusal = Refusal {
            reason: Refused::BreakerHalfOpen,
            retry_after: Nanos::ZERO,
        };
        for _ in 0..ROUNDS {
            let seen = Word::from_raw(self.word.load(Ordering::Acquire)); // ORDER(word): as in try_acquire
            let generation = seen.generation();
            match seen.step_acquire(now) {
                Acquired::Ordinary => {
                    let permit = Permit::new(Permit::ORDINARY, generation, now, owner);
                    return Ok(Admission { permit, transition });
                }
                Acquired::Unrecorded => {
                    let permit = Permit::new(Permit::UNRECORDED, generation, now, owner);
                    return Ok(Admission { permit, transition });
                }
                Acquired::Refused(refused) => {
                    refusal = refused;
                    break;
                }
                Acquired::Begin(half_open) => {
                    self.seats
                        .sweep(half_open.generation(), || self.is_still(seen));
                    // The change is told by the first to take a seat, so that it never falls to an asker
                    // who then finds all seats taken and is refused.
                    cas::replace(&self.word, seen.raw(), half_open.raw());
                }
                Acquired::Probe => {
                    match self.seats.take(&self.settings, generation, owner, now, || {
                        self.is_still(seen)
                    }) {
                        Ok((taken, is_first)) => {
                            // ORDER(seat): SeqCst fence between taking the seat and looking at the state
                            // again. Pairs with the compare-exchange of the transition: if the round
                            // ended before the seat was taken, this look sees it and gives it back.
                            fence(Ordering::SeqCst);
                            let still = Word::from_raw(self.word.load(Ordering::Acquire)); // ORDER(word): as above
                            // The first of a round goes out in any case: it sits in one of that round's seats, and
                            // nobody else can tell that the round began. Its verdict is late then.
                            if is_first || still.same_round(seen) {
                                if is_first {
                                    transition = Some(begun(seen));
                                }
                                return Ok(Admission {
                                    permit: Permit::probe(generation, taken, now, owner),
                                    transition,
                                });
                            }
                            self.seats.give_back(taken, generation, owner);
                        }
                        Err(expiry) => {
                            refusal = Refusal {
                                reason: Refused::BreakerHalfOpen,
                                retry_after: expiry.since(now),
                            };
                            // A recorder may have died between its verdict and the transition: complete it.
                            // A round about to reopen is left to its recorder while the lease runs, because
                            // this asker is refused then and could not tell anybody of the change.
                            let verdict = self.seats.verdict(&self.settings, generation);
                            let is_ours = match verdict {
                                None => false,
                                Some(Verdict::Close) => true,
                                Some(Verdict::Reopen) => {
                                    self.seats.is_abandoned(&self.settings, generation, now)
                                }
                            };
                            if is_ours {
                                let settled = self.settle(generation, now, Nanos::ZERO);
                                if let Some(closed) = settled.filter(|by| by.to == State::Closed) {
                                    // Goes out at once, with the change to tell, even if others open it again.
                                    let generation = closed.generation;
                                    return Ok(Admission {
                                        permit: Permit::new(
                                            Permit::ORDINARY,
                                            generation,
                                            now,
                                            owner,
                                        ),
                                        transition: settled,
                                    });
                                }
                            } else if self.is_still(seen) {
                                break;
                            }
                        }
                    }
                }
            }
        }
        if hot.mode() == Mode::Shadow {
            self.counters.add(SHADOW_REFUSED);
            let generation = Word::from_raw(self.word.load(Ordering::Relaxed)).generation(); // RELAXED: only a label
            return Ok(Admission {
                permit: Permit::new(Permit::UNRECORDED, generation, now, owner),
                transition,
            });
        }
        self.counters.add(REFUSED);
        Err(refusal)
    }
}

/// The change that began the half-open round of `word`.
const fn begun(word: Word) -> Transition {
    Transition {
        from: State::Open,
        to: State::HalfOpen,
        generation: word.generation(),
    }
}
