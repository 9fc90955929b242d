//! What may differ from call to call.

use super::MOST_LIMITERS;
use crate::deadline::Deadline;

/// What one call asks for beyond the policy. The default asks for nothing special.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// The deadline of whoever asks; the nearer of it and the policy's counts.
    pub deadline: Deadline,
    /// Whether the call may take reserved permits; `None`: as the policy says.
    pub critical: Option<bool>,
    /// Whether a request that may have been carried out may be sent again; `None`: as the policy says.
    pub idempotent: Option<bool>,
    /// Tokens of each rate limit that an attempt costs, in the order of the limits. Default 1 each.
    pub costs: [u32; MOST_LIMITERS],
    /// Random bits for the idempotency key, the same for all attempts of the call.
    pub key: [u64; 2],
}

impl Options {
    /// Nothing special.
    pub const DEFAULT: Self = Self {
        deadline: Deadline::NEVER,
        critical: None,
        idempotent: None,
        costs: [1; MOST_LIMITERS],
        key: [0; 2],
    };
}

impl Default for Options {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// An idempotency key as text: a random UUID (RFC 9562, version 4) made of 122 of the 128 bits.
#[must_use]
pub fn key_text(key: [u64; 2]) -> [u8; 36] {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let high = key[0] & !0xF000 | 0x4000;
    let low = key[1] & !(0b11 << 62) | 0b10 << 62;
    let mut bits = u128::from(high) << 64 | u128::from(low);
    let mut text = [b'-'; 36];
    for (at, place) in text.iter_mut().enumerate() {
        if !matches!(at, 8 | 13 | 18 | 23) {
            // The highest four bits are always a valid index.
            *place = *DIGITS.get((bits >> 124) as usize).unwrap_or(&b'0');
            bits <<= 4;
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_a_version_4_uuid() {
        let text = key_text([0x0123_4567_89ab_cdef, 0xfedc_ba98_7654_3210]);
        assert_eq!(&text, b"01234567-89ab-4def-bedc-ba9876543210");
        assert_eq!(&key_text([0, 0]), b"00000000-0000-4000-8000-000000000000");
    }
}
