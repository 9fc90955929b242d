//! Chance as an argument: mixing of seeds and picking from a range, in integers.

/// The finaliser of SplitMix64 (Steele, Lea, Flood 2014): spreads the bits of `x` over the whole word.
#[inline]
#[must_use]
pub const fn mix(x: u64) -> u64 {
    let z = x.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// A number in `0..=most`, spread evenly by the random word `random` (multiply and take the high half).
#[inline]
#[must_use]
pub const fn pick(random: u64, most: u64) -> u64 {
    // Cannot overflow: (2^64 - 1) * 2^64 fits into 128 bits.
    let wide = (random as u128).wrapping_mul((most as u128).wrapping_add(1));
    (wide >> 64) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ends_of_the_range_are_reached() {
        for most in [0, 1, 9, u64::MAX] {
            assert_eq!(pick(0, most), 0);
            assert_eq!(pick(u64::MAX, most), most);
        }
    }

    #[test]
    fn mixing_matches_the_published_sequence() {
        // The first outputs of SplitMix64 with seed 0.
        assert_eq!(mix(0), 0xE220_A839_7B1D_CDAF);
        assert_eq!(mix(0x9E37_79B9_7F4A_7C15), 0x6E78_9E6A_A1B9_65F4);
    }
}
