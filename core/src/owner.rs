//! Who holds a permit or a probe seat, so that it can be taken back when its holder dies.

/// A member of the host that can hold permits: a process slot (8 bits) and that slot's generation (12 bits).
///
/// Objects that live in one process only use [`Owner::PRIVATE`] throughout.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(transparent)]
pub struct Owner(u32);

impl Owner {
    /// How many bits an owner takes in a packed word.
    pub const BITS: u32 = 20;
    /// The owner of everything in a private object.
    pub const PRIVATE: Self = Self(1);

    /// The owner with this packed number, `None` for 0 (nobody) and for numbers beyond 20 bits.
    #[must_use]
    pub const fn from_raw(raw: u32) -> Option<Self> {
        if raw == 0 || raw >> Self::BITS != 0 {
            None
        } else {
            Some(Self(raw))
        }
    }

    /// The packed number, never 0.
    #[must_use]
    pub const fn raw(self) -> u32 {
        self.0
    }
}
