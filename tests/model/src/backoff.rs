//! Backoff: how long to wait before the next attempt.

use crate::{DAY, MILLISECOND, SECOND, narrow, pick, within};

/// How the wait is spread.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Jitter {
    /// From nothing to the whole delay.
    #[default]
    Full,
    /// From half of the delay to the whole.
    Equal,
    /// From the base to three times the wait before.
    Decorrelated,
    /// Exactly the delay.
    None,
}

/// The shape of the waits.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs, reason = "the names are those of the vectors")]
pub struct Config {
    pub base_ns: u64,
    pub factor_permille: u32,
    pub cap_ns: u64,
    pub jitter: Jitter,
    pub retry_after_margin_ns: u64,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            base_ns: 100 * MILLISECOND,
            factor_permille: 2000,
            cap_ns: 20 * SECOND,
            jitter: Jitter::Full,
            retry_after_margin_ns: u64::MAX,
        }
    }
}

impl Config {
    /// The name of the first field that is out of its range.
    pub fn check(&self) -> Result<(), &'static str> {
        within("base", self.base_ns, 0, DAY)?;
        within("factor", self.factor_permille.into(), 1000, 10_000)?;
        within("cap", self.cap_ns, self.base_ns, DAY)
    }

    /// The wait before attempt `attempt + 1`, where the first attempt is 1. `previous_ns` is the wait before
    /// this one, `random` 64 random bits, `retry_after_ns` the server's wish; 0 when there is none.
    pub fn delay(&self, attempt: u32, previous_ns: u64, random: u64, retry_after_ns: u64) -> u64 {
        let full = self.grown(attempt);
        let delay = match self.jitter {
            Jitter::None => full,
            Jitter::Full => pick(random, full),
            Jitter::Equal => full / 2 + pick(random, full - full / 2),
            Jitter::Decorrelated => {
                // Before the first wait the base stands for the last one, as in the published formula.
                let last = if previous_ns == 0 {
                    self.base_ns
                } else {
                    previous_ns
                };
                let high = narrow(3 * u128::from(last)).max(self.base_ns);
                self.base_ns
                    .saturating_add(pick(random, high - self.base_ns))
                    .min(self.cap_ns)
            }
        };
        delay.max(retry_after_ns.min(delay.saturating_add(self.retry_after_margin_ns)))
    }

    /// The base, multiplied once for every attempt after the first, never above the cap. Nobody counts beyond
    /// the 1,024th attempt.
    fn grown(&self, attempt: u32) -> u64 {
        let mut delay = u128::from(self.base_ns);
        let cap = u128::from(self.cap_ns);
        for _ in 1..attempt.min(1024) {
            let next = (delay * u128::from(self.factor_permille) / 1000).min(cap);
            if next == delay {
                break; // it will not grow any more
            }
            delay = next;
        }
        narrow(delay)
    }
}
