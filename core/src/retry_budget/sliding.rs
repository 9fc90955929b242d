//! The balance of the last window, in ten slices.

use super::TOKEN;
use super::config::Settings;
use crate::cas;
use crate::sync::{AtomicU64, Ordering};
use crate::time::Nanos;

const SLICES: u64 = 10;

/// A slice, or the whole balance: an amount and the slice it was counted in.
///
/// | bits    | field  | meaning                                                |
/// |---------|--------|--------------------------------------------------------|
/// | 0..=36  | amount | thousandths of a token, two's complement               |
/// | 37..=63 | tick   | the slice's number modulo 2^27                         |
#[derive(Clone, Copy)]
struct Slice(u64);

impl Slice {
    const AMOUNT_BITS: u32 = 37;
    const TICK_MASK: u64 = (1 << 27) - 1;
    /// An age beyond this is the future: a thread or a clock that is behind. A sixteenth of the range, so that a
    /// budget that rested for months is not taken for one of the future.
    const OLDEST: u64 = Self::TICK_MASK / 16 * 15;
    const MOST: i64 = (1 << 36) - 1;

    const fn new(tick: u64, amount: i64) -> Self {
        let amount = if amount > Self::MOST {
            Self::MOST
        } else if amount < -Self::MOST {
            -Self::MOST
        } else {
            amount
        };
        Self(
            (tick & Self::TICK_MASK) << Self::AMOUNT_BITS
                | amount as u64 & ((1 << Self::AMOUNT_BITS) - 1),
        )
    }

    const fn amount(self) -> i64 {
        // The sign bit of the 37 moves to the top and back.
        ((self.0 << 27) as i64) >> 27
    }

    const fn tick(self) -> u64 {
        self.0 >> Self::AMOUNT_BITS
    }

    /// How many slices before `tick` it lies; future ones are huge.
    const fn age(self, tick: u64) -> u64 {
        tick.wrapping_sub(self.tick()) & Self::TICK_MASK
    }

    /// The slice of `tick` with `amount` more; one of an earlier time starts again, a later one is left alone.
    const fn step_add(self, tick: u64, amount: i64) -> Self {
        if self.age(tick) == 0 {
            return Self::new(tick, self.amount().saturating_add(amount));
        }
        if self.age(tick) > Self::OLDEST && self.amount() != 0 {
            self
        } else {
            Self::new(tick, amount)
        }
    }
}

/// The balance decides; the slices say what leaves it as time passes. A member that dies between the two
/// leaves the balance off by one operation until the next slice begins, when it is counted anew.
#[repr(C)]
#[derive(Debug)]
pub(super) struct Sliding {
    balance: AtomicU64,
    slices: [AtomicU64; SLICES as usize],
}

fn tick(settings: &Settings, now: Nanos) -> u64 {
    now.0.checked_div(settings.window().0 / SLICES).unwrap_or(0)
}

impl Sliding {
    pub(super) fn new() -> Self {
        Self {
            balance: AtomicU64::new(0),
            slices: core::array::from_fn(|_| AtomicU64::new(0)),
        }
    }

    fn sum(&self, tick: u64) -> i64 {
        self.slices
            .iter()
            .map(|slice| Slice(slice.load(Ordering::Acquire))) // ORDER(word): after what it counts
            .filter(|slice| slice.age(tick) < SLICES)
            .fold(0, |sum, slice| sum.saturating_add(slice.amount()))
    }

    /// The balance at `tick`: as it stands in the same slice, counted anew in a later one.
    fn balance_at(&self, balance: Slice, tick: u64) -> Slice {
        let age = balance.age(tick);
        if age == 0 || age > Slice::OLDEST {
            balance
        } else {
            Slice::new(tick, self.sum(tick))
        }
    }

    pub(super) fn left(&self, settings: &Settings, now: Nanos) -> u64 {
        // ORDER(word): Acquire, pairs with `cas::update`.
        let balance = self.balance_at(
            Slice(self.balance.load(Ordering::Acquire)),
            tick(settings, now),
        );
        let reserve = i64::try_from(settings.floor()).unwrap_or(i64::MAX);
        u64::try_from(balance.amount().saturating_add(reserve)).unwrap_or(0)
    }

    pub(super) fn add(&self, settings: &Settings, amount: u64, now: Nanos) {
        let (tick, amount) = (tick(settings, now), i64::try_from(amount).unwrap_or(0));
        let counted = cas::update(&self.balance, |word| {
            let balance = self.balance_at(Slice(word), tick);
            (
                Slice::new(balance.tick(), balance.amount().saturating_add(amount)).0,
                balance.tick(),
            )
        });
        if let Some(tick) = counted {
            self.note(tick, amount);
        }
    }

    pub(super) fn withdraw(&self, settings: &Settings, now: Nanos) -> bool {
        let tick = tick(settings, now);
        let (cost, reserve) = (
            TOKEN.cast_signed(),
            i64::try_from(settings.floor()).unwrap_or(i64::MAX),
        );
        let granted = cas::update(&self.balance, |word| {
            let balance = self.balance_at(Slice(word), tick);
            if balance.amount().saturating_add(reserve) < cost {
                return (balance.0, None);
            }
            (
                Slice::new(balance.tick(), balance.amount().saturating_sub(cost)).0,
                Some(balance.tick()),
            )
        })
        .flatten();
        if let Some(tick) = granted {
            self.note(tick, cost.wrapping_neg());
        }
        granted.is_some()
    }

    fn note(&self, tick: u64, amount: i64) {
        if let Some(slice) = self.slices.get((tick % SLICES) as usize) {
            cas::update(slice, |word| (Slice(word).step_add(tick, amount).0, ()));
        }
    }
}
