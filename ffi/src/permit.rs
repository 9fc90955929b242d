//! Permit: leave that a caller holds
//!
//! The same struct for breakers and bulkheads, on the caller's stack.

use seawall_core::breaker::Transition;
use seawall_core::{Misuse, Nanos};

/// Leave to make one call, on the caller's stack. Start from SEAWALL_PERMIT_INIT or zeros. Not to be copied:
/// a permit that was recorded, cancelled or released is marked as spent in place.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct seawall_permit_t {
    /// What the library knows it by; 0: no permit, or a spent one.
    pub token: u64,
    /// When the call began, where the slow rule needs it.
    pub started_ns: u64,
    /// The object that gave it.
    pub object: u64,
    /// After a refusal: how long until asking again can help, in nanoseconds; 0: nobody knows.
    pub retry_after_ns: u64,
    /// Who holds it.
    pub owner: u32,
    /// A state change that this call made: 0 none, else 0x10000 | state before | state after << 8.
    pub transition: u32,
}

/// The owner of permits that were taken in nobody's name.
pub const SEAWALL_OWNER_PRIVATE: u32 = 1;

pub(crate) fn transition_number(transition: Option<Transition>) -> u32 {
    transition.map_or(0, |change| {
        0x1_0000 | change.from as u32 | (change.to as u32) << 8
    })
}

impl seawall_permit_t {
    pub(crate) const SPENT: Self = Self {
        token: 0,
        started_ns: 0,
        object: 0,
        retry_after_ns: 0,
        owner: 0,
        transition: 0,
    };

    pub(crate) fn refuse(&mut self, retry_after: Nanos) {
        *self = Self {
            retry_after_ns: retry_after.0,
            ..Self::SPENT
        };
    }

    /// Checks that the permit is one of `object`'s and still unused.
    pub(crate) fn check<T: ?Sized>(&self, object: &T) -> Result<(), Misuse> {
        check(self.token, self.object, object)
    }
}

/// The number by which a permit knows its object: the address in this process.
pub(crate) fn number_of<T: ?Sized>(object: &T) -> u64 {
    (&raw const *object).cast::<u8>().addr() as u64
}

pub(crate) fn check<T: ?Sized>(token: u64, owner: u64, object: &T) -> Result<(), Misuse> {
    if token == 0 {
        Err(Misuse::Spent)
    } else if owner != number_of(object) {
        Err(Misuse::Foreign)
    } else {
        Ok(())
    }
}
