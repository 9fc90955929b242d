//! The retry budget: retries are paid for by calls.

use std::collections::HashSet;

use crate::{Answer, MILLISECOND, Mode, Outcome, Refused, SECOND, within};

/// Which published behaviour the budget has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// Calls deposit a share of a retry, time refills a floor.
    Bucket,
    /// A sliding sum of deposits and withdrawals over ten slices, and a reserve.
    Finagle,
    /// Failures take one, successes give a share; retries go out above half.
    Grpc,
    /// Retries cost 14, or 5 when throttled.
    AwsStandard,
    /// Retries cost 5, or 10 after a timeout.
    AwsLegacy,
}

/// Why a retry is wanted; some profiles charge by it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Class {
    /// Any failure.
    #[default]
    Normal,
    /// The server asked for fewer calls.
    Throttled,
    /// No answer in time.
    Timeout,
}

/// The rules of one budget.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs, reason = "the names are those of the vectors")]
pub struct Config {
    pub profile: Profile,
    pub ratio_permille: u32,
    pub min_per_second: u32,
    pub window_ns: u64,
    pub cap: u32,
    pub max_concurrent_retries_permille: u32,
    pub min_concurrent_retries: u32,
    pub mode: Mode,
}

impl Config {
    /// The published numbers of a profile.
    pub fn preset(profile: Profile) -> Self {
        let (ratio_permille, min_per_second, cap) = match profile {
            Profile::Bucket => (100, 1, 100),
            Profile::Finagle => (200, 10, 100),
            Profile::Grpc => (100, 0, 10),
            Profile::AwsStandard | Profile::AwsLegacy => (0, 0, 500),
        };
        Config {
            profile,
            ratio_permille,
            min_per_second,
            window_ns: 10 * SECOND,
            cap,
            max_concurrent_retries_permille: 0,
            min_concurrent_retries: 3,
            mode: Mode::Enforce,
        }
    }

    /// The name of the first field that is out of its range.
    pub fn check(&self) -> Result<(), &'static str> {
        within("ratio", self.ratio_permille.into(), 0, 10_000)?;
        within("min_per_second", self.min_per_second.into(), 0, 10_000)?;
        within("window", self.window_ns, SECOND, 3600 * SECOND)?;
        let floor = self.floor_milli() / 1000;
        match self.profile {
            Profile::Bucket => {
                within("cap", self.cap.into(), floor.clamp(1, 1_000_000), 1_000_000)?;
                within("min_per_second", floor, 0, 1_000_000)?;
            }
            Profile::Finagle => {} // has no cap
            Profile::Grpc => within("cap", self.cap.into(), 1, 1000)?,
            Profile::AwsStandard | Profile::AwsLegacy => {
                within("cap", self.cap.into(), 1, 1_000_000)?;
            }
        }
        within(
            "max_concurrent_retries_ratio",
            self.max_concurrent_retries_permille.into(),
            0,
            10_000,
        )?;
        within(
            "min_concurrent_retries",
            self.min_concurrent_retries.into(),
            0,
            1_000_000,
        )
    }

    fn floor_milli(&self) -> u64 {
        u64::from(self.min_per_second) * (self.window_ns / SECOND) * 1000
    }

    /// The most that can be held, in thousandths of a token.
    fn cap_milli(&self) -> u64 {
        u64::from(self.cap) * 1000
    }

    fn cost_milli(&self, class: Class) -> u64 {
        let tokens = match (self.profile, class) {
            (Profile::Grpc, _) => 0,
            (Profile::Bucket | Profile::Finagle, _) => 1,
            (Profile::AwsStandard, Class::Throttled) => 5,
            (Profile::AwsStandard, _) => 14,
            (Profile::AwsLegacy, Class::Timeout) => 10,
            (Profile::AwsLegacy, _) => 5,
        };
        tokens * 1000
    }
}

/// Leave to send one retry; to be recorded or cancelled once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Withdrawal {
    id: u64,
    cost_milli: u64,
    counts: bool,
}

/// What can be seen from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are those of the vectors")]
pub struct Snapshot {
    pub tokens_milli: i128,
    pub cap_milli: u64,
    pub calls_in_flight: u64,
    pub retries_in_flight: u64,
    pub deposited: u64,
    pub withdrawn: u64,
    pub refused: u64,
    pub shadow_refused: u64,
}

/// A budget; the sliding profile keeps a list of everything put in and taken out.
#[derive(Clone, Debug)]
pub struct RetryBudget {
    config: Config,
    tokens_milli: u64,
    stamp_ms: u64,
    movements: Vec<(u64, i128)>,
    newest_slice: u64,
    calls: u64,
    retries: u64,
    withdrawals: u64,
    used: HashSet<u64>,
    deposited: u64,
    withdrawn: u64,
    refused: u64,
    shadow_refused: u64,
}

impl RetryBudget {
    /// A budget made at `now_ns`, or the name of the wrong field.
    pub fn new(config: Config, now_ns: u64) -> Result<Self, &'static str> {
        config.check()?;
        let start = match config.profile {
            Profile::Bucket => config.floor_milli().min(config.cap_milli()),
            Profile::Finagle => 0,
            _ => config.cap_milli(),
        };
        Ok(RetryBudget {
            config,
            tokens_milli: start,
            stamp_ms: now_ns / MILLISECOND,
            movements: Vec::new(),
            newest_slice: 0,
            calls: 0,
            retries: 0,
            withdrawals: 0,
            used: HashSet::new(),
            deposited: 0,
            withdrawn: 0,
            refused: 0,
            shadow_refused: 0,
        })
    }

    /// A call starts; in two of the profiles it pays a share of a retry.
    pub fn deposit(&mut self, now_ns: u64) {
        if self.config.mode == Mode::Off {
            return;
        }
        self.calls += u64::from(self.has_flight_rule());
        match self.config.profile {
            Profile::Bucket => {
                let before = self.tokens_milli;
                self.earn(self.config.ratio_permille.into());
                if self.tokens_milli == before {
                    return; // a deposit that adds nothing is none
                }
            }
            Profile::Finagle => self.movement(now_ns, self.config.ratio_permille.into()),
            _ => {}
        }
        self.deposited += 1;
    }

    /// A call ends.
    pub fn finish(&mut self) {
        if self.config.mode != Mode::Off {
            self.calls = self.calls.saturating_sub(1);
        }
    }

    /// Asks for leave to send one retry.
    pub fn withdraw(&mut self, class: Class, now_ns: u64) -> Result<Withdrawal, Refused> {
        self.withdrawals += 1;
        let free = Withdrawal {
            id: self.withdrawals,
            cost_milli: 0,
            counts: false,
        };
        if self.config.mode == Mode::Off {
            return Ok(free);
        }
        if self.has_place() {
            let cost_milli = self.config.cost_milli(class);
            self.refill(now_ns);
            self.newest_slice = self.slice(now_ns);
            let held = self.held(now_ns);
            let paid = match self.config.profile {
                Profile::Grpc => held * 2 > i128::from(self.config.cap_milli()),
                _ => held >= i128::from(cost_milli),
            };
            if paid {
                match self.config.profile {
                    Profile::Finagle => self.movement(now_ns, -i128::from(cost_milli)),
                    _ => self.tokens_milli -= cost_milli,
                }
                self.retries += u64::from(self.has_flight_rule());
                self.withdrawn += 1;
                return Ok(Withdrawal {
                    cost_milli,
                    counts: true,
                    ..free
                });
            }
        }
        if self.config.mode == Mode::Shadow {
            self.shadow_refused += 1;
            return Ok(free);
        }
        self.refused += 1;
        Err(Refused {
            answer: Answer::BudgetExhausted,
            retry_after_ns: 0,
        })
    }

    /// Tells how an attempt ended; with its withdrawal when it was a retry.
    pub fn record(&mut self, outcome: Outcome, withdrawal: Option<Withdrawal>) -> Answer {
        if withdrawal.is_some_and(|withdrawal| !self.used.insert(withdrawal.id)) {
            return Answer::Spent;
        }
        if withdrawal.is_some_and(|withdrawal| withdrawal.counts) {
            self.retries -= u64::from(self.has_flight_rule());
        }
        if self.config.mode == Mode::Off {
            return Answer::Ok;
        }
        match (self.config.profile, outcome) {
            (Profile::Grpc, Outcome::Failure) => {
                self.tokens_milli = self.tokens_milli.saturating_sub(1000)
            }
            (Profile::Grpc, Outcome::Success) => self.earn(self.config.ratio_permille.into()),
            (Profile::AwsStandard | Profile::AwsLegacy, Outcome::Success) => {
                self.earn(withdrawal.map_or(1000, |withdrawal| withdrawal.cost_milli));
            }
            _ => {}
        }
        Answer::Ok
    }

    /// The retry was never sent: its cost comes back, in a sliding budget as a deposit of now.
    pub fn cancel(&mut self, withdrawal: Withdrawal, now_ns: u64) -> Answer {
        if !self.used.insert(withdrawal.id) {
            return Answer::Spent;
        }
        if withdrawal.counts {
            self.retries -= u64::from(self.has_flight_rule());
            match self.config.profile {
                Profile::Finagle => self.movement(now_ns, withdrawal.cost_milli.into()),
                _ => self.earn(withdrawal.cost_milli),
            }
        }
        Answer::Ok
    }

    /// What can be seen at `now_ns`. Changes nothing.
    pub fn snapshot(&self, now_ns: u64) -> Snapshot {
        Snapshot {
            tokens_milli: match self.config.profile {
                Profile::Finagle => self.held(now_ns).max(0),
                _ => self.tokens_at(now_ns).into(),
            },
            cap_milli: match self.config.profile {
                Profile::Finagle => 0, // there is none
                _ => self.config.cap_milli(),
            },
            calls_in_flight: self.calls,
            retries_in_flight: self.retries,
            deposited: self.deposited,
            withdrawn: self.withdrawn,
            refused: self.refused,
            shadow_refused: self.shadow_refused,
        }
    }

    /// What could be withdrawn: the tokens, or the reserve and the sum of the last ten slices.
    fn held(&self, now_ns: u64) -> i128 {
        if self.config.profile != Profile::Finagle {
            return self.tokens_milli.into();
        }
        let oldest = self.slice(now_ns).saturating_sub(9);
        let recent = self.movements.iter().filter(|(slice, _)| *slice >= oldest);
        i128::from(self.config.floor_milli()) + recent.map(|(_, amount)| amount).sum::<i128>()
    }

    /// The slice of `now_ns`, never before the newest that anybody asked in.
    fn slice(&self, now_ns: u64) -> u64 {
        (now_ns / (self.config.window_ns / 10)).max(self.newest_slice)
    }

    fn movement(&mut self, now_ns: u64, milli: i128) {
        self.newest_slice = self.slice(now_ns);
        self.movements.push((self.newest_slice, milli));
    }

    fn has_flight_rule(&self) -> bool {
        self.config.max_concurrent_retries_permille > 0
    }

    fn earn(&mut self, milli: u64) {
        self.tokens_milli = (self.tokens_milli + milli).min(self.config.cap_milli());
    }

    /// Time gives tokens, but only up to the floor. A clock that stepped back gives none.
    fn tokens_at(&self, now_ns: u64) -> u64 {
        let passed_ms = (now_ns / MILLISECOND).saturating_sub(self.stamp_ms);
        let earned = passed_ms.saturating_mul(self.config.min_per_second.into());
        let floor = self.config.floor_milli();
        if self.config.profile == Profile::Bucket && self.tokens_milli < floor {
            self.tokens_milli.saturating_add(earned).min(floor)
        } else {
            self.tokens_milli
        }
    }

    fn refill(&mut self, now_ns: u64) {
        self.tokens_milli = self.tokens_at(now_ns);
        self.stamp_ms = self.stamp_ms.max(now_ns / MILLISECOND);
    }

    /// Whether one more retry may be in flight.
    fn has_place(&self) -> bool {
        let permille = u64::from(self.config.max_concurrent_retries_permille);
        let share = self.calls * permille / 1000;
        permille == 0 || self.retries < share.max(self.config.min_concurrent_retries.into())
    }
}
