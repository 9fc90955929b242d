//! Limit and reserve in one word, so that an asker never sees half of a change.

/// | bits    | field    | meaning                                                                        |
/// |---------|----------|--------------------------------------------------------------------------------|
/// | 0..=12  | limit    | permits in all                                                                 |
/// | 13..=25 | reserved | those at the end that only critical callers may take                           |
/// | 26..=38 | ceiling  | no permit at or above this cell is held; above the limit only after a shrink   |
/// | 39..=63 | epoch    | +1 at each change, so that a change and its undoing are not mistaken for none  |
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Limits(u64);

const FIELD: u64 = 0x1FFF;

impl Limits {
    pub(super) const fn new(limit: u32, reserved: u32) -> Self {
        Self::pack(limit as u64, reserved as u64, limit as u64, 0)
    }

    const fn pack(limit: u64, reserved: u64, ceiling: u64, epoch: u64) -> Self {
        Self(limit & FIELD | (reserved & FIELD) << 13 | (ceiling & FIELD) << 26 | epoch << 39)
    }

    pub(super) const fn from_raw(raw: u64) -> Self {
        Self(raw)
    }

    pub(super) const fn raw(self) -> u64 {
        self.0
    }

    pub(super) const fn limit(self) -> u32 {
        (self.0 & FIELD) as u32
    }

    pub(super) const fn reserved(self) -> u32 {
        (self.0 >> 13 & FIELD) as u32
    }

    pub(super) const fn ceiling(self) -> u32 {
        (self.0 >> 26 & FIELD) as u32
    }

    const fn next_epoch(self) -> u64 {
        (self.0 >> 39).wrapping_add(1)
    }

    pub(super) const fn resized(self, limit: u32, reserved: u32) -> Self {
        let ceiling = if limit > self.ceiling() {
            limit
        } else {
            self.ceiling()
        };
        Self::pack(
            limit as u64,
            reserved as u64,
            ceiling as u64,
            self.next_epoch(),
        )
    }

    /// After the last permit above the limit has come back.
    pub(super) const fn settled(self) -> Self {
        Self::pack(
            self.limit() as u64,
            self.reserved() as u64,
            self.limit() as u64,
            self.next_epoch(),
        )
    }
}
