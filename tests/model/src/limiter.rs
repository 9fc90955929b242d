//! The token bucket: so many calls per period, so many at once.

use std::collections::HashSet;

use crate::{Answer, DAY, Mode, Refused, narrow, within};

/// The rate of one limiter.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs, reason = "the names are those of the vectors")]
pub struct Config {
    pub permits: u64,
    pub period_ns: u64,
    pub burst: u64,
    pub mode: Mode,
}

impl Config {
    /// The name of the first field that is out of its range.
    pub fn check(&self) -> Result<(), &'static str> {
        within("rate", self.permits, 1, 1_000_000_000)?;
        within("period", self.period_ns, 1, 31 * DAY)?;
        if self.permits > self.period_ns {
            return Err("rate"); // more than one token per nanosecond
        }
        // A whole burst may take half of the farthest moment that the bucket can remember.
        let slowest = FARTHEST / 2 / Token::new(self.permits, self.period_ns).ticks;
        within(
            "burst",
            self.burst,
            1,
            narrow(slowest).clamp(1, 1_000_000_000),
        )
    }
}

/// The farthest that a bucket may ever become full ahead of now, in ticks: debts stop growing there.
const FARTHEST: u128 = 1 << 60;
const HOUR: u128 = 3_600_000_000_000;

/// Nanoseconds per token, `ticks / parts`. Time is counted in ticks of `1 / parts` nanoseconds, so one
/// token is a whole number of ticks and nothing is ever rounded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Token {
    ticks: u128,
    parts: u128,
}

impl Token {
    fn new(permits: u64, period_ns: u64) -> Self {
        let (period, permits) = (u128::from(period_ns), u128::from(permits));
        let divisor = greatest_common_divisor(period, permits);
        let exact = Token {
            ticks: period / divisor,
            parts: permits / divisor,
        };
        if exact.parts <= 1024 {
            return exact;
        }
        // Too fine to keep: the nearest fraction with at most 1024 parts, the simplest of equals.
        let rounded = |parts: u128| Token {
            ticks: (2 * period * parts + permits) / (2 * permits),
            parts,
        };
        let candidates = (1..=1024).map(rounded);
        candidates
            .reduce(|best, next| {
                if next.is_nearer(best, exact) {
                    next
                } else {
                    best
                }
            })
            .unwrap_or(exact)
    }

    /// How far ahead of now a bucket of `burst` tokens may become full, in ticks. Debts of rates that need fine
    /// ticks end an hour beyond the burst.
    fn farthest(self, burst: u64) -> u128 {
        if self.parts <= 32 {
            return FARTHEST;
        }
        (u128::from(burst) * self.ticks + self.parts * HOUR).min(FARTHEST)
    }

    fn is_nearer(self, best: Token, exact: Token) -> bool {
        let error = |token: Token| (token.ticks * exact.parts).abs_diff(exact.ticks * token.parts);
        error(self) * best.parts < error(best) * self.parts
    }
}

fn greatest_common_divisor(mut a: u128, mut b: u128) -> u128 {
    while b > 0 {
        (a, b) = (b, a % b);
    }
    a
}

/// Tokens taken in advance; may be cancelled once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reservation {
    id: u64,
    taken: u64,
    /// Nanoseconds until the call may go out.
    pub wait_ns: u64,
}

/// What can be seen from outside at one time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are those of the vectors")]
pub struct Snapshot {
    pub limit: u64,
    pub remaining: u64,
    pub reset_ns: u64,
    pub retry_after_ns: u64,
    pub allowed: u64,
    pub refused: u64,
    pub shadow_refused: u64,
}

/// A bucket that knows the exact time at which it will be full again.
#[derive(Clone, Debug)]
pub struct Limiter {
    config: Config,
    token: Token,
    full_at: u128,
    reservations: u64,
    cancelled: HashSet<u64>,
    allowed: u64,
    refused: u64,
    shadow_refused: u64,
}

impl Limiter {
    /// A full bucket, or the name of the wrong field.
    pub fn new(config: Config) -> Result<Self, &'static str> {
        config.check()?;
        Ok(Limiter {
            config,
            token: Token::new(config.permits, config.period_ns),
            full_at: 0,
            reservations: 0,
            cancelled: HashSet::new(),
            allowed: 0,
            refused: 0,
            shadow_refused: 0,
        })
    }

    /// Takes `n` tokens now or not at all.
    pub fn acquire(&mut self, n: u64, now_ns: u64) -> Result<(), Refused> {
        self.reserve(n, 0, now_ns).map(|_| ())
    }

    /// Takes `n` tokens, to be used after a wait of at most `max_wait_ns`.
    pub fn reserve(
        &mut self,
        n: u64,
        max_wait_ns: u64,
        now_ns: u64,
    ) -> Result<Reservation, Refused> {
        self.reservations += 1;
        let free = Reservation {
            id: self.reservations,
            taken: 0,
            wait_ns: 0,
        };
        if n == 0 || self.config.mode == Mode::Off {
            return Ok(free);
        }
        if n > self.config.burst {
            return Err(Refused {
                answer: Answer::ExceedsCapacity,
                retry_after_ns: 0,
            });
        }
        let wait_ns = self.wait_ns(n, now_ns);
        let after = self.backlog(now_ns) + u128::from(n) * self.token.ticks;
        if wait_ns <= max_wait_ns && after <= self.token.farthest(self.config.burst) {
            self.allowed += 1;
            self.take(n, now_ns);
            return Ok(Reservation {
                taken: n,
                wait_ns,
                ..free
            });
        }
        if self.config.mode == Mode::Shadow {
            self.shadow_refused += 1;
            return Ok(free);
        }
        self.refused += 1;
        Err(Refused {
            answer: Answer::RateLimited,
            retry_after_ns: wait_ns,
        })
    }

    /// Gives the tokens of a reservation back, once.
    pub fn cancel(&mut self, reservation: Reservation, now_ns: u64) -> Answer {
        if !self.cancelled.insert(reservation.id) {
            return Answer::Spent;
        }
        if reservation.taken > 0 {
            self.give_back(reservation.taken, now_ns);
        }
        Answer::Ok
    }

    /// Corrects the cost of a call afterwards: takes `n` tokens even into debt, or gives `-n` back.
    pub fn adjust(&mut self, n: i64, now_ns: u64) {
        if self.config.mode == Mode::Off || n == 0 {
            return;
        }
        if n >= 0 {
            self.take(n.unsigned_abs(), now_ns);
        } else {
            self.give_back(n.unsigned_abs(), now_ns);
        }
    }

    /// Changes the rate. As many tokens are missing afterwards as before, at most all of them; what was taken
    /// beyond the burst stays owed.
    pub fn set_rate(&mut self, permits: u64, period_ns: u64, burst: u64, now_ns: u64) -> Answer {
        let config = Config {
            permits,
            period_ns,
            burst,
            mode: self.config.mode,
        };
        if config.check().is_err() {
            return Answer::Config;
        }
        let token = Token::new(permits, period_ns);
        let backlog = self.backlog(now_ns);
        let converted = |ticks: u128| ticks * token.ticks / self.token.ticks;
        let missing = converted(backlog.min(self.burst_ticks()));
        let owed = converted(backlog.saturating_sub(self.burst_ticks()));
        let next = missing.min(u128::from(burst) * token.ticks) + owed;
        self.full_at = u128::from(now_ns) * token.parts + next.min(token.farthest(burst));
        self.token = token;
        self.config = config;
        Answer::Ok
    }

    /// What can be seen at `now_ns`. Changes nothing.
    pub fn snapshot(&self, now_ns: u64) -> Snapshot {
        let free_ticks = self.burst_ticks().saturating_sub(self.backlog(now_ns));
        Snapshot {
            limit: self.config.burst,
            remaining: narrow(free_ticks / self.token.ticks),
            reset_ns: narrow(self.backlog(now_ns).div_ceil(self.token.parts)),
            retry_after_ns: self.wait_ns(1, now_ns),
            allowed: self.allowed,
            refused: self.refused,
            shadow_refused: self.shadow_refused,
        }
    }

    /// Ticks until the bucket is full.
    fn backlog(&self, now_ns: u64) -> u128 {
        self.full_at
            .saturating_sub(u128::from(now_ns) * self.token.parts)
    }

    fn burst_ticks(&self) -> u128 {
        u128::from(self.config.burst) * self.token.ticks
    }

    /// Nanoseconds until `n` tokens are there, rounded up.
    fn wait_ns(&self, n: u64, now_ns: u64) -> u64 {
        let wanted = self.backlog(now_ns) + u128::from(n) * self.token.ticks;
        narrow(
            wanted
                .saturating_sub(self.burst_ticks())
                .div_ceil(self.token.parts),
        )
    }

    fn take(&mut self, n: u64, now_ns: u64) {
        let now = u128::from(now_ns) * self.token.parts;
        let full_at = self.full_at.max(now) + u128::from(n) * self.token.ticks;
        self.full_at = full_at.min(now + self.token.farthest(self.config.burst));
    }

    fn give_back(&mut self, n: u64, now_ns: u64) {
        let now = u128::from(now_ns) * self.token.parts;
        self.full_at = self
            .full_at
            .saturating_sub(u128::from(n) * self.token.ticks)
            .clamp(now, now + self.token.farthest(self.config.burst));
    }
}
