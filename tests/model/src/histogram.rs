//! The histogram: how long calls take.

/// Every value that was ever recorded.
#[derive(Clone, Debug, Default)]
pub struct Histogram {
    values: Vec<u64>,
}

impl Histogram {
    /// Adds one value in nanoseconds.
    pub fn record(&mut self, value_ns: u64) {
        self.values.push(value_ns);
    }

    /// How many values there are.
    pub fn total(&self) -> u64 {
        self.values.len() as u64
    }

    /// Adds the values of another histogram.
    pub fn merge(&mut self, other: &Histogram) {
        self.values.extend_from_slice(&other.values);
    }

    /// Forgets everything.
    pub fn reset(&mut self) {
        self.values.clear();
    }

    /// The middle of the bucket of the value at `ppm` millionths of the way, 0 when there is none.
    pub fn quantile(&self, ppm: u32) -> u64 {
        if self.values.is_empty() {
            return 0;
        }
        let mut sorted = self.values.clone();
        sorted.sort_unstable();
        let rank = (u128::from(ppm) * u128::from(self.total()))
            .div_ceil(1_000_000)
            .max(1);
        let (lower, width) = bucket(sorted[rank as usize - 1]);
        lower + width / 2
    }
}

/// Lower end and width of a value's bucket: 32 equal ones below 1024 ns, then 32 in each power of two up
/// to 2^37 ns; the last takes everything above.
pub fn bucket(value_ns: u64) -> (u64, u64) {
    let value = value_ns.min((1 << 37) - 1);
    let mut octave = 1024;
    while value >= 2 * octave {
        octave *= 2;
    }
    let start = if value < 1024 { 0 } else { octave };
    let width = octave / 32;
    (start + (value - start) / width * width, width)
}
