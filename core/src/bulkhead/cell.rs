//! One permit in one word.

use crate::owner::Owner;
use crate::time::Nanos;

/// | bits    | field  | meaning                                                                |
/// |---------|--------|------------------------------------------------------------------------|
/// | 0..=43  | ticket | grows each time the cell is taken, so no two holds of a cell are alike |
/// | 44..=63 | owner  | who holds it; 0: free                                                  |
///
/// The ticket doubles as the time of taking: its upper 32 bits are that time in milliseconds and its
/// lower 12 count within one. A cell taken more than 4,096 times in a millisecond runs ahead of the
/// clock, which only makes its hold look shorter.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Cell(u64);

impl Cell {
    pub(super) const TICKET_BITS: u32 = 44;
    pub(super) const TICKET_MASK: u64 = (1 << Self::TICKET_BITS) - 1;

    pub(super) const fn from_raw(raw: u64) -> Self {
        Self(raw)
    }

    pub(super) const fn raw(self) -> u64 {
        self.0
    }

    pub(super) const fn held(owner: Owner, ticket: u64) -> Self {
        Self((owner.raw() as u64) << Self::TICKET_BITS | ticket & Self::TICKET_MASK)
    }

    pub(super) const fn freed(self) -> Self {
        Self(self.ticket())
    }

    pub(super) const fn is_free(self) -> bool {
        self.owner() == 0
    }

    pub(super) const fn owner(self) -> u32 {
        (self.0 >> Self::TICKET_BITS) as u32
    }

    pub(super) const fn ticket(self) -> u64 {
        self.0 & Self::TICKET_MASK
    }
}

const fn ticket_of(now: Nanos) -> u64 {
    (now.as_millis_floor() << 12) & Cell::TICKET_MASK
}

/// The ticket of a cell taken at `now` whose last ticket was `last`: the time if that is later, else the next
/// number. Wraps after 49 days; half of the range counts as ahead.
pub(super) const fn ticket_after(last: u64, now: Nanos) -> u64 {
    let next = last.wrapping_add(1) & Cell::TICKET_MASK;
    let ahead = ticket_of(now).wrapping_sub(next) & Cell::TICKET_MASK;
    if ahead <= Cell::TICKET_MASK / 2 {
        ticket_of(now)
    } else {
        next
    }
}

/// How long ago the ticket was drawn, to a millisecond; zero when it runs ahead of the clock.
pub(super) const fn ticket_age(ticket: u64, now: Nanos) -> Nanos {
    let age = (ticket_of(now) >> 12).wrapping_sub(ticket >> 12) & (Cell::TICKET_MASK >> 12);
    if age <= Cell::TICKET_MASK >> 13 {
        Nanos::from_millis(age)
    } else {
        Nanos::ZERO
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ticket_is_never_drawn_twice_in_a_row() {
        for now in [Nanos(0), Nanos(1), Nanos::from_millis(1), Nanos::MAX] {
            let mut last = 0;
            for _ in 0..10_000 {
                let next = ticket_after(last, now);
                assert_ne!(next, last);
                last = next;
            }
        }
    }

    #[test]
    fn the_age_follows_the_clock() {
        let ticket = ticket_after(0, Nanos::from_millis(5));
        assert_eq!(
            ticket_age(ticket, Nanos::from_millis(9)),
            Nanos::from_millis(4)
        );
        assert_eq!(ticket_age(ticket, Nanos::from_millis(4)), Nanos::ZERO);
    }
}
