//! What a user can set on a retry budget, and how it lies in memory.

use super::{Cause, TOKEN};
use crate::error::ConfigError;
use crate::outcome::Mode;
use crate::sync::{UnorderedOrdering as Ordering, UnorderedU64 as AtomicU64};
use crate::time::Nanos;

/// Which published rule the budget follows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Profile {
    /// A bucket: each call adds its share, time adds a floor, a retry takes one.
    #[default]
    Bucket = 0,
    /// Finagle's `RetryBudget`: the balance of the last window, plus a reserve.
    Finagle = 1,
    /// gRPC retry throttling (gRFC A6): failures take, successes give, retries need more than half.
    Grpc = 2,
    /// The standard retry mode of the AWS SDKs by the rules of 2026: 14 tokens a retry, 5 when throttled.
    AwsStandard = 3,
    /// The same by the older rules: 5 tokens a retry, 10 after a timeout.
    AwsLegacy = 4,
}

impl Profile {
    /// The profile of a number that came over a language border.
    #[must_use]
    pub const fn from_number(number: u32) -> Option<Self> {
        match number {
            0 => Some(Self::Bucket),
            1 => Some(Self::Finagle),
            2 => Some(Self::Grpc),
            3 => Some(Self::AwsStandard),
            4 => Some(Self::AwsLegacy),
            _ => None,
        }
    }
}

/// The settings of a retry budget. Start from a profile: `Config::of(Profile::Grpc)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// Which rule. Default bucket.
    pub profile: Profile,
    /// What each call (bucket, finagle) or each success (grpc) adds, in thousandths of a token, 0 to 10,000.
    /// Default 100.
    pub ratio_permille: u32,
    /// Retries per second that are allowed whatever the traffic (bucket, finagle), 0 to 10,000. Default 1.
    pub min_per_second: u32,
    /// How long a deposit counts (finagle), and how much of the floor can be saved up (bucket). 1 s to an
    /// hour; default 10 s.
    pub window: Nanos,
    /// The most tokens, 1 to 1,000,000 (grpc: 1,000); for a bucket at least what the floor saves up.
    /// Default 100. Finagle has none.
    pub cap: u32,
    /// Retries under way may be at most this share of the calls under way, in thousandths, 0 to 10,000;
    /// 0 leaves the rule out. Default 0.
    pub max_concurrent_retries_permille: u32,
    /// That many retries under way are always allowed by the rule above, 0 to 1,000,000. Default 3.
    pub min_concurrent_retries: u32,
    /// How strictly to act. Default enforce.
    pub mode: Mode,
}

impl Default for Config {
    fn default() -> Self {
        Self::of(Profile::Bucket)
    }
}

impl Config {
    /// The published settings of a profile.
    #[must_use]
    pub const fn of(profile: Profile) -> Self {
        let (ratio_permille, min_per_second, cap) = match profile {
            Profile::Bucket => (100, 1, 100),
            Profile::Finagle => (200, 10, 100),
            Profile::Grpc => (100, 0, 10),
            Profile::AwsStandard | Profile::AwsLegacy => (0, 0, 500),
        };
        Self {
            profile,
            ratio_permille,
            min_per_second,
            window: Nanos::from_secs(10),
            cap,
            max_concurrent_retries_permille: 0,
            min_concurrent_retries: 3,
            mode: Mode::Enforce,
        }
    }

    /// Tokens that the floor saves up in one window.
    const fn floor(&self) -> u64 {
        (self.min_per_second as u64).saturating_mul(self.window.0 / 1_000_000_000)
    }

    /// Checks every setting.
    ///
    /// # Errors
    /// The first setting that is out of range.
    pub fn validate(&self) -> Result<(), ConfigError> {
        ConfigError::check("ratio", u64::from(self.ratio_permille), 0, 10_000)?;
        ConfigError::check("min_per_second", u64::from(self.min_per_second), 0, 10_000)?;
        ConfigError::check("window", self.window.0, 1_000_000_000, 3_600_000_000_000)?;
        match self.profile {
            Profile::Bucket => ConfigError::check(
                "cap",
                u64::from(self.cap),
                self.floor().clamp(1, 1_000_000),
                1_000_000,
            )?,
            Profile::Finagle => {}
            Profile::Grpc => ConfigError::check("cap", u64::from(self.cap), 1, 1_000)?,
            Profile::AwsStandard | Profile::AwsLegacy => {
                ConfigError::check("cap", u64::from(self.cap), 1, 1_000_000)?
            }
        }
        if matches!(self.profile, Profile::Bucket) {
            // More than a million tokens of floor would not fit into the word.
            let most = 1_000_000u64
                .checked_div(self.window.0 / 1_000_000_000)
                .unwrap_or(1_000_000);
            ConfigError::check("min_per_second", u64::from(self.min_per_second), 0, most)?;
        }
        let share = u64::from(self.max_concurrent_retries_permille);
        ConfigError::check("max_concurrent_retries_ratio", share, 0, 10_000)?;
        ConfigError::check(
            "min_concurrent_retries",
            u64::from(self.min_concurrent_retries),
            0,
            1_000_000,
        )
    }
}

/// The settings as four words, so that a live change needs no lock.
///
/// | word | bits                                                                                   |
/// |------|----------------------------------------------------------------------------------------|
/// | 0    | 0..=1 mode, 2..=4 profile, 5..=18 ratio, 19..=32 min_per_second, 33..=52 cap           |
/// | 1    | window in ns                                                                           |
/// | 2    | 0..=13 max_concurrent_retries_permille, 14..=33 min_concurrent_retries                 |
#[repr(C)]
#[derive(Debug)]
pub(super) struct Settings {
    words: [AtomicU64; 3],
}

impl Settings {
    pub(super) fn new(config: &Config) -> Result<Self, ConfigError> {
        config.validate()?;
        Ok(Self {
            words: Self::pack(config).map(AtomicU64::new),
        })
    }

    const fn pack(config: &Config) -> [u64; 3] {
        [
            config.mode as u64
                | (config.profile as u64) << 2
                | (config.ratio_permille as u64) << 5
                | (config.min_per_second as u64) << 19
                | (config.cap as u64 & 0xF_FFFF) << 33,
            config.window.0,
            config.max_concurrent_retries_permille as u64
                | (config.min_concurrent_retries as u64) << 14,
        ]
    }

    pub(super) fn change(&self, config: &Config) -> Result<(), ConfigError> {
        config.validate()?;
        for (word, packed) in self.words.iter().zip(Self::pack(config)) {
            // RELAXED: each setting is valid by itself.
            word.store(packed, Ordering::Relaxed);
        }
        Ok(())
    }

    pub(super) fn config(&self) -> Config {
        Config {
            profile: self.profile(),
            ratio_permille: self.ratio() as u32,
            min_per_second: self.min_per_second() as u32,
            window: self.window(),
            cap: (self.cap() / TOKEN) as u32,
            max_concurrent_retries_permille: self.concurrent_permille() as u32,
            min_concurrent_retries: self.min_concurrent() as u32,
            mode: self.mode(),
        }
    }

    #[inline]
    fn word(&self, which: usize) -> u64 {
        // RELAXED: see `change`.
        self.words
            .get(which)
            .map_or(0, |word| word.load(Ordering::Relaxed))
    }

    pub(super) fn mode(&self) -> Mode {
        Mode::from_number((self.word(0) & 3) as u32).unwrap_or_default()
    }

    pub(super) fn profile(&self) -> Profile {
        Profile::from_number((self.word(0) >> 2 & 7) as u32).unwrap_or_default()
    }

    /// What a deposit adds, in thousandths of a token.
    pub(super) fn ratio(&self) -> u64 {
        self.word(0) >> 5 & 0x3FFF
    }

    pub(super) fn min_per_second(&self) -> u64 {
        self.word(0) >> 19 & 0x3FFF
    }

    /// The most tokens, in thousandths.
    pub(super) fn cap(&self) -> u64 {
        (self.word(0) >> 33 & 0xF_FFFF).saturating_mul(TOKEN)
    }

    pub(super) fn window(&self) -> Nanos {
        Nanos(self.word(1))
    }

    /// What the floor saves up, in thousandths of a token.
    pub(super) fn floor(&self) -> u64 {
        self.min_per_second()
            .saturating_mul(self.window().0 / 1_000_000_000)
            .saturating_mul(TOKEN)
    }

    fn concurrent_permille(&self) -> u64 {
        self.word(2) & 0x3FFF
    }

    fn min_concurrent(&self) -> u64 {
        self.word(2) >> 14 & 0xF_FFFF
    }

    pub(super) fn has_flight_rule(&self) -> bool {
        self.concurrent_permille() != 0
    }

    /// Retries that may be under way beside so many calls.
    pub(super) fn concurrent_retries(&self, calls: u64) -> u64 {
        (calls.saturating_mul(self.concurrent_permille()) / 1_000).max(self.min_concurrent())
    }

    pub(super) fn aws_cost(&self, cause: Cause) -> u64 {
        let tokens: u64 = match (self.profile(), cause) {
            (Profile::AwsLegacy, Cause::Timeout) => 10,
            (Profile::AwsLegacy, _) | (_, Cause::Throttled) => 5,
            _ => 14,
        };
        tokens.saturating_mul(TOKEN)
    }

    pub(super) fn first_tokens(&self) -> u64 {
        if self.profile() == Profile::Bucket {
            self.floor().min(self.cap())
        } else {
            self.cap()
        }
    }
}
