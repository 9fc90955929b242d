//! The breaker's one word and the rules that move it.

use super::config::Settings;
use super::jitter_of;
use super::seats::Verdict;
use super::window::Results;
use crate::backoff::grow;
use crate::chance::pick;
use crate::status::{Refusal, Refused};
use crate::time::Nanos;

/// What the breaker does with callers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum State {
    /// All is well: everybody may call.
    Closed = 0,
    /// Nobody may call until the open time is over.
    Open = 1,
    /// A few probes may call, to see whether the dependency is well again.
    HalfOpen = 2,
    /// Nobody may call until somebody resets it by hand.
    ForcedOpen = 3,
    /// Everybody may call and nothing is recorded.
    Disabled = 4,
}

impl State {
    /// Bytes in shared memory are foreign: a number that is no state counts as closed, so that a damaged
    /// word lets calls through until somebody resets it.
    const fn from_bits(bits: u64) -> Self {
        match bits & 7 {
            1 => Self::Open,
            2 => Self::HalfOpen,
            3 => Self::ForcedOpen,
            4 => Self::Disabled,
            _ => Self::Closed,
        }
    }

    /// The state's name, as vectors and metrics use it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::HalfOpen => "half_open",
            Self::ForcedOpen => "forced_open",
            Self::Disabled => "disabled",
        }
    }
}

/// The whole decision in one word, so that each change is one compare-exchange, and a process killed
/// between two instructions leaves either the old breaker or the new one.
///
/// | bits    | field      | meaning                                                            |
/// |---------|------------|--------------------------------------------------------------------|
/// | 0..=2   | state      | 0 closed, 1 open, 2 half-open, 3 forced open, 4 disabled           |
/// | 3..=7   | growth     | how often it opened without a close in between, at most 31         |
/// | 8..=23  | generation | +1 at each state change; a permit of another generation is late    |
/// | 24..=63 | rest       | closed: failures in a row; open: the millisecond, modulo 2^40, at which a probe may go; else 0 |
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Word(u64);

const REST_MOST: u64 = (1 << 40) - 1;
const GROWTH_MOST: u64 = 31;
/// Three days in milliseconds: no open time is longer than a day and a half.
const FARTHEST: u64 = 1 << 28;

/// The answer of [`Word::step_acquire`].
pub(super) enum Acquired {
    /// Leave to call, to be recorded.
    Ordinary,
    /// Leave to call, not to be recorded.
    Unrecorded,
    /// The open time is over: try to make this the word, then take a seat.
    Begin(Word),
    /// Half-open: take a seat.
    Probe,
    /// No.
    Refused(Refusal),
}

/// A result recorded while closed, with the evidence of the window it has joined.
pub(super) struct Closing {
    pub(super) failure: bool,
    pub(super) seen: Results,
    pub(super) witnessed: bool,
    pub(super) now: Nanos,
    pub(super) retry_after: Nanos,
}

impl Word {
    pub(super) const CLOSED: Self = Self(0);

    const fn pack(state: State, growth: u64, generation: u16, rest: u64) -> Self {
        let rest = if rest > REST_MOST { REST_MOST } else { rest };
        Self(state as u64 | (growth & GROWTH_MOST) << 3 | (generation as u64) << 8 | rest << 24)
    }

    pub(super) const fn from_raw(raw: u64) -> Self {
        Self(raw)
    }

    pub(super) const fn raw(self) -> u64 {
        self.0
    }

    pub(super) const fn state(self) -> State {
        State::from_bits(self.0)
    }

    const fn growth(self) -> u64 {
        self.0 >> 3 & GROWTH_MOST
    }

    pub(super) const fn generation(self) -> u16 {
        (self.0 >> 8 & 0xFFFF) as u16
    }

    const fn rest(self) -> u64 {
        self.0 >> 24
    }

    /// Failures in a row; zero unless closed.
    pub(super) const fn streak(self) -> u64 {
        if matches!(self.state(), State::Closed) {
            self.rest()
        } else {
            0
        }
    }

    /// True while `self` is still the half-open round that `seen` was.
    pub(super) const fn same_round(self, seen: Self) -> bool {
        matches!(self.state(), State::HalfOpen) && self.generation() == seen.generation()
    }

    const fn next_generation(self) -> u16 {
        self.generation().wrapping_add(1)
    }

    /// How long an open breaker stays so at `now`. Compared over the wrap of the forty bits, so that clocks that
    /// count from 1970 do as well: what lies farther ahead than any open time can be is past.
    const fn open_for_more(self, now: Nanos) -> Nanos {
        let left = self.rest().wrapping_sub(now.as_millis_floor()) & REST_MOST;
        if left > FARTHEST {
            return Nanos::ZERO;
        }
        // The part of a millisecond that `now` is into counts as passed.
        Nanos::from_millis(left).since(Nanos(now.0 % 1_000_000))
    }

    /// The rule for "may one more call go out?". Pure: no clock, no memory, no panic.
    pub(super) fn step_acquire(self, now: Nanos) -> Acquired {
        match self.state() {
            State::Closed => Acquired::Ordinary,
            State::Disabled => Acquired::Unrecorded,
            State::HalfOpen => Acquired::Probe,
            State::ForcedOpen => Acquired::Refused(Refusal {
                reason: Refused::BreakerForcedOpen,
                retry_after: Nanos::ZERO,
            }),
            State::Open if self.open_for_more(now) != Nanos::ZERO => {
                let retry_after = self.open_for_more(now);
                Acquired::Refused(Refusal {
                    reason: Refused::BreakerOpen,
                    retry_after,
                })
            }
            State::Open => Acquired::Begin(Self::pack(
                State::HalfOpen,
                self.growth(),
                self.next_generation(),
                0,
            )),
        }
    }

    /// The rule for a result recorded by a call of `generation` while closed: ends or lengthens the streak,
    /// and opens when the evidence says so.
    pub(super) fn step_record(
        self,
        generation: u16,
        settings: &Settings,
        closing: &Closing,
    ) -> Self {
        if self.state() != State::Closed || self.generation() != generation {
            return self;
        }
        let streak = if closing.failure {
            self.rest().saturating_add(1)
        } else {
            0
        };
        if trips(settings, closing, streak) {
            return self.opened(settings, closing.now, closing.retry_after);
        }
        Self::pack(State::Closed, self.growth(), generation, streak)
    }

    /// The rule for the end of a half-open round.
    pub(super) fn step_verdict(
        self,
        generation: u16,
        verdict: Verdict,
        settings: &Settings,
        now: Nanos,
        retry_after: Nanos,
    ) -> Self {
        if self.state() != State::HalfOpen || self.generation() != generation {
            return self;
        }
        match verdict {
            Verdict::Close => Self::pack(State::Closed, 0, self.next_generation(), 0),
            Verdict::Reopen => self.opened(settings, now, retry_after),
        }
    }

    /// The rule for a state set by hand. Closing is always a fresh start; holding open or disabling what is
    /// so already changes nothing.
    pub(super) fn step_set(self, state: State) -> Self {
        if self.state() == state && state != State::Closed {
            return self;
        }
        Self::pack(state, 0, self.next_generation(), 0)
    }

    /// Open from `now` on: grown, capped, jittered, and at least as long as the server asked for.
    fn opened(self, settings: &Settings, now: Nanos, retry_after: Nanos) -> Self {
        let generation = self.next_generation();
        let longest = settings.open_max().0;
        let mut span = settings.open_for().0.min(longest);
        for _ in 0..self.growth() {
            span = grow(span, settings.open_backoff_permille()).min(longest);
        }
        let spread = grow(span, u32::from(settings.open_jitter_permille()));
        let random = jitter_of(settings.seed(), generation);
        let span = span
            .saturating_sub(spread)
            .saturating_add(pick(random, spread.saturating_mul(2)));
        let span = span.max(retry_after.min(Nanos::DAY).0);
        let until = now.plus(Nanos(span)).as_millis_ceil() & REST_MOST;
        Self::pack(
            State::Open,
            self.growth().saturating_add(1).min(GROWTH_MOST),
            generation,
            until,
        )
    }
}

/// True when the evidence opens the breaker. Compared with `>=`, so that a threshold of 100 % is reachable.
fn trips(settings: &Settings, closing: &Closing, streak: u64) -> bool {
    let hot = settings.hot();
    let Results {
        calls,
        failures,
        slow,
    } = closing.seen;
    let enough = calls >= u64::from(settings.min_calls());
    let reached = |count: u64, permille: u16| {
        permille != 0 && count.saturating_mul(1_000) >= u64::from(permille).saturating_mul(calls)
    };
    let by_rate = enough
        && closing.witnessed
        && (reached(failures, hot.failure_permille()) || reached(slow, hot.slow_permille()));
    let no_rate_rule = hot.failure_permille() == 0 && hot.slow_permille() == 0;
    let streak_rules = hot.consecutive_always() || no_rate_rule || !enough;
    let limit = u64::from(settings.consecutive_failures());
    by_rate || (limit != 0 && streak >= limit && streak_rules)
}
