//! Leave to make one call.

use super::seats::Taken;
use crate::owner::Owner;
use crate::time::Nanos;

/// Leave to make one call. Give it back with [`Breaker::record`] or [`Breaker::cancel`]; one that is only
/// dropped leaves a probe seat taken until its lease expires.
#[derive(Debug, PartialEq, Eq)]
pub struct Permit {
    token: u64,
    pub(super) started: Nanos,
    pub(super) owner: Owner,
}

/// | bits    | field      | meaning                                                             |
/// |---------|------------|---------------------------------------------------------------------|
/// | 0..=15  | generation | the breaker's when the permit was given                             |
/// | 16..=20 | seat       | the probe seat held                                                 |
/// | 21..=22 | kind       | 0 no permit, 1 ordinary, 2 probe, 3 admitted without being recorded |
/// | 23..=58 | expiry     | the seat's lease, as in the seat's word                             |
impl Permit {
    pub(super) const ORDINARY: u64 = 1;
    pub(super) const PROBE: u64 = 2;
    pub(super) const UNRECORDED: u64 = 3;

    pub(super) const fn new(kind: u64, generation: u16, started: Nanos, owner: Owner) -> Self {
        Self {
            token: generation as u64 | kind << 21,
            started,
            owner,
        }
    }

    pub(super) const fn probe(generation: u16, taken: Taken, started: Nanos, owner: Owner) -> Self {
        let seat = (taken.seat as u64) << 16 | taken.expiry << 23;
        Self {
            token: generation as u64 | seat | Self::PROBE << 21,
            started,
            owner,
        }
    }

    pub(super) const fn kind(&self) -> u64 {
        self.token >> 21 & 3
    }

    pub(super) const fn generation(&self) -> u16 {
        (self.token & 0xFFFF) as u16
    }

    pub(super) const fn taken(&self) -> Taken {
        Taken {
            seat: (self.token >> 16 & 0x1F) as usize,
            expiry: self.token >> 23 & ((1 << 36) - 1),
        }
    }

    /// True when this call tests whether the dependency has recovered.
    #[must_use]
    pub const fn is_probe(&self) -> bool {
        self.kind() == Self::PROBE
    }

    /// When the call began, if the breaker needs to know (zero otherwise).
    #[must_use]
    pub const fn started(&self) -> Nanos {
        self.started
    }

    /// The three words that carry a permit over a language border: token, start, owner.
    #[must_use]
    pub const fn into_raw(self) -> (u64, u64, u32) {
        (self.token, self.started.0, self.owner.raw())
    }

    /// The permit of three words from [`Permit::into_raw`]. `None` when they hold no permit (a spent one is
    /// all zero). A forged permit can give wrong counts, never undefined behaviour.
    #[must_use]
    pub const fn from_raw(token: u64, started: u64, owner: u32) -> Option<Self> {
        match Owner::from_raw(owner) {
            Some(owner) if token >> 21 & 3 != 0 => Some(Self {
                token,
                started: Nanos(started),
                owner,
            }),
            _ => None,
        }
    }
}
