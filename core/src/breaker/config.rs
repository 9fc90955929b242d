//! What a user can set on a breaker, and how it lies in memory.

use super::seats::MOST_PROBES;
use super::window::MOST_CALLS;
use crate::error::ConfigError;
use crate::outcome::Mode;
use crate::sync::{UnorderedOrdering as Ordering, UnorderedU64 as AtomicU64};
use crate::time::Nanos;

/// The settings of a breaker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// Open after this many failures in a row, 0 to 1,000,000; 0 leaves the rule out. Default 5.
    pub consecutive_failures: u32,
    /// Apply the rule above also when the window holds enough calls for a ratio. Default false.
    pub consecutive_always: bool,
    /// Open at this ratio of failures in the window or above, in thousandths, 0 to 1,000; 0 leaves the rule
    /// out. Default 500.
    pub failure_permille: u16,
    /// Open at this ratio of slow calls in the window or above, in thousandths, 0 to 1,000; 0 leaves the rule
    /// out. Default 0.
    pub slow_permille: u16,
    /// A call that took longer than this is slow. 1 ns to a day when the rule is on.
    pub slow_after: Nanos,
    /// Look at the last so many calls, 0 to 1,024; 0 looks at a time instead. Default 0.
    pub window_calls: u32,
    /// Look at the calls of this time, in ten rolling buckets. 10 ms to a day; default 10 s.
    pub window: Nanos,
    /// No ratio counts before the window holds this many calls, 1 to 1,000,000, and at most `window_calls`
    /// if that is set. Default 20.
    pub min_calls: u32,
    /// How long to stay open the first time. 1 ms to a day; default 30 s.
    pub open_for: Nanos,
    /// How much longer each time without a close in between, in thousandths, 1,000 to 10,000. Default 2,000.
    pub open_backoff_permille: u32,
    /// The longest open time before jitter, `open_for` to a day. Default 5 min.
    pub open_max: Nanos,
    /// How far the open time may stray either way, in thousandths, 0 to 500. Default 100.
    pub open_jitter_permille: u16,
    /// Calls let through in a half-open round, 1 to 32. Default 1.
    pub probes: u32,
    /// After this time without a verdict a probe's seat can be taken again. 1 ms to a day; default 30 s.
    pub probe_lease: Nanos,
    /// A ratio counts only when failures come from so many processes, 1 to 8. Default 1.
    pub min_witnesses: u32,
    /// How strictly to act. Default enforce.
    pub mode: Mode,
    /// Where the jitter starts from; give each breaker another one.
    pub seed: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            consecutive_failures: 5,
            consecutive_always: false,
            failure_permille: 500,
            slow_permille: 0,
            slow_after: Nanos::ZERO,
            window_calls: 0,
            window: Nanos::from_secs(10),
            min_calls: 20,
            open_for: Nanos::from_secs(30),
            open_backoff_permille: 2_000,
            open_max: Nanos::from_secs(300),
            open_jitter_permille: 100,
            probes: 1,
            probe_lease: Nanos::from_secs(30),
            min_witnesses: 1,
            mode: Mode::Enforce,
            seed: 0,
        }
    }
}

impl Config {
    /// Checks every setting.
    ///
    /// # Errors
    /// The first setting that is out of range.
    pub fn validate(&self) -> Result<(), ConfigError> {
        const MILLI: u64 = 1_000_000;
        const DAY: u64 = Nanos::DAY.0;
        let most_min_calls = if self.window_calls == 0 {
            1_000_000
        } else {
            u64::from(self.window_calls)
        };
        ConfigError::check(
            "consecutive_failures",
            u64::from(self.consecutive_failures),
            0,
            1_000_000,
        )?;
        ConfigError::check("failure_rate", u64::from(self.failure_permille), 0, 1_000)?;
        ConfigError::check("slow_rate", u64::from(self.slow_permille), 0, 1_000)?;
        if self.slow_permille != 0 {
            ConfigError::check("slow_after", self.slow_after.0, 1, DAY)?;
        }
        ConfigError::check(
            "window_calls",
            u64::from(self.window_calls),
            0,
            u64::from(MOST_CALLS),
        )?;
        if self.window_calls == 0 {
            ConfigError::check("window", self.window.0, 10 * MILLI, DAY)?;
        }
        ConfigError::check("min_calls", u64::from(self.min_calls), 1, most_min_calls)?;
        ConfigError::check("open_for", self.open_for.0, MILLI, DAY)?;
        ConfigError::check(
            "open_backoff",
            u64::from(self.open_backoff_permille),
            1_000,
            10_000,
        )?;
        ConfigError::check("open_max", self.open_max.0, self.open_for.0, DAY)?;
        ConfigError::check("open_jitter", u64::from(self.open_jitter_permille), 0, 500)?;
        ConfigError::check("probes", u64::from(self.probes), 1, u64::from(MOST_PROBES))?;
        ConfigError::check("probe_lease", self.probe_lease.0, MILLI, DAY)?;
        ConfigError::check("min_witnesses", u64::from(self.min_witnesses), 1, 8)
    }
}

/// The settings as eight words of one cache line, so that a live change needs no lock.
///
/// | word | bits                                                                                         |
/// |------|----------------------------------------------------------------------------------------------|
/// | 0    | [`Hot`]                                                                                      |
/// | 1    | 0..=19 consecutive_failures, 20..=39 min_calls, 40..=53 open_backoff_permille                |
/// | 2    | slow_after in ns                                                                             |
/// | 3    | window in ns                                                                                 |
/// | 4    | open_for in ns                                                                               |
/// | 5    | open_max in ns                                                                               |
/// | 6    | probe_lease in ns                                                                            |
/// | 7    | seed                                                                                         |
#[repr(C, align(64))]
#[derive(Debug)]
pub(super) struct Settings {
    words: [AtomicU64; 8],
}

#[cfg(not(seawall_loom))]
const _: () = assert!(size_of::<Settings>() == 64);

/// What every call looks at.
///
/// | bits    | field              |
/// |---------|--------------------|
/// | 0..=1   | mode               |
/// | 2       | consecutive_always |
/// | 3..=13  | window_calls       |
/// | 14..=19 | probes             |
/// | 20..=29 | failure_permille   |
/// | 30..=39 | slow_permille      |
/// | 40..=48 | open_jitter        |
/// | 49..=52 | min_witnesses      |
#[derive(Clone, Copy)]
pub(super) struct Hot(u64);

impl Hot {
    const fn pack(config: &Config) -> Self {
        Self(
            config.mode as u64
                | (config.consecutive_always as u64) << 2
                | (config.window_calls as u64) << 3
                | (config.probes as u64) << 14
                | (config.failure_permille as u64) << 20
                | (config.slow_permille as u64) << 30
                | (config.open_jitter_permille as u64) << 40
                | (config.min_witnesses as u64) << 49,
        )
    }

    pub(super) const fn mode(self) -> Mode {
        match self.0 & 3 {
            1 => Mode::Shadow,
            2 => Mode::Off,
            _ => Mode::Enforce,
        }
    }

    pub(super) const fn consecutive_always(self) -> bool {
        self.0 >> 2 & 1 != 0
    }

    /// At most [`MOST_CALLS`], whatever the bits say.
    pub(super) const fn window_calls(self) -> u32 {
        let calls = (self.0 >> 3 & 0x7FF) as u32;
        if calls > MOST_CALLS {
            MOST_CALLS
        } else {
            calls
        }
    }

    /// 1 to [`MOST_PROBES`], whatever the bits say.
    pub(super) const fn probes(self) -> u32 {
        match (self.0 >> 14 & 0x3F) as u32 {
            0 => 1,
            more if more > MOST_PROBES => MOST_PROBES,
            probes => probes,
        }
    }

    pub(super) const fn failure_permille(self) -> u16 {
        (self.0 >> 20 & 0x3FF) as u16
    }

    pub(super) const fn slow_permille(self) -> u16 {
        (self.0 >> 30 & 0x3FF) as u16
    }

    const fn open_jitter_permille(self) -> u16 {
        (self.0 >> 40 & 0x1FF) as u16
    }

    pub(super) const fn min_witnesses(self) -> u32 {
        (self.0 >> 49 & 0xF) as u32
    }
}

impl Settings {
    pub(super) fn new(config: &Config) -> Result<Self, ConfigError> {
        config.validate()?;
        Ok(Self {
            words: Self::pack(config).map(AtomicU64::new),
        })
    }

    const fn pack(config: &Config) -> [u64; 8] {
        [
            Hot::pack(config).0,
            config.consecutive_failures as u64
                | (config.min_calls as u64) << 20
                | (config.open_backoff_permille as u64) << 40,
            config.slow_after.0,
            config.window.0,
            config.open_for.0,
            config.open_max.0,
            config.probe_lease.0,
            config.seed,
        ]
    }

    /// Puts new settings in place. True when the window has another shape now.
    pub(super) fn change(&self, config: &Config) -> Result<bool, ConfigError> {
        config.validate()?;
        let before = self.config();
        for (word, packed) in self.words.iter().zip(Self::pack(config)) {
            // RELAXED: each setting is valid by itself, and a caller that still sees the old one is a
            // caller that came a moment earlier.
            word.store(packed, Ordering::Relaxed);
        }
        let by_time = config.window_calls == 0;
        Ok(before.window_calls != config.window_calls
            || (by_time && before.window != config.window))
    }

    pub(super) fn config(&self) -> Config {
        let hot = self.hot();
        Config {
            consecutive_failures: self.consecutive_failures(),
            consecutive_always: hot.consecutive_always(),
            failure_permille: hot.failure_permille(),
            slow_permille: hot.slow_permille(),
            slow_after: self.slow_after(),
            window_calls: hot.window_calls(),
            window: self.window_span(),
            min_calls: self.min_calls(),
            open_for: self.open_for(),
            open_backoff_permille: self.open_backoff_permille(),
            open_max: self.open_max(),
            open_jitter_permille: hot.open_jitter_permille(),
            probes: hot.probes(),
            probe_lease: self.probe_lease(),
            min_witnesses: hot.min_witnesses(),
            mode: hot.mode(),
            seed: self.seed(),
        }
    }

    #[inline]
    fn word(&self, which: usize) -> u64 {
        // RELAXED: see `change`.
        self.words
            .get(which)
            .map_or(0, |word| word.load(Ordering::Relaxed))
    }

    #[inline]
    pub(super) fn hot(&self) -> Hot {
        Hot(self.word(0))
    }

    pub(super) fn consecutive_failures(&self) -> u32 {
        (self.word(1) & 0xF_FFFF) as u32
    }

    pub(super) fn min_calls(&self) -> u32 {
        (self.word(1) >> 20 & 0xF_FFFF) as u32
    }

    pub(super) fn open_backoff_permille(&self) -> u32 {
        (self.word(1) >> 40 & 0x3FFF) as u32
    }

    pub(super) fn open_jitter_permille(&self) -> u16 {
        self.hot().open_jitter_permille()
    }

    pub(super) fn slow_after(&self) -> Nanos {
        Nanos(self.word(2))
    }

    pub(super) fn window_span(&self) -> Nanos {
        Nanos(self.word(3))
    }

    pub(super) fn open_for(&self) -> Nanos {
        Nanos(self.word(4))
    }

    pub(super) fn open_max(&self) -> Nanos {
        Nanos(self.word(5))
    }

    pub(super) fn probe_lease(&self) -> Nanos {
        Nanos(self.word(6))
    }

    pub(super) fn seed(&self) -> u64 {
        self.word(7)
    }
}
