//! The circuit breaker: stop calling what keeps failing.

use std::collections::HashSet;

use crate::{
    Answer, DAY, MILLISECOND, Mode, Outcome, Refused, SECOND, ceil_ms, narrow, pick, within,
};

/// The rules of one breaker; 0 removes a rule.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs, reason = "the names are those of the vectors")]
pub struct Config {
    pub consecutive_failures: u32,
    pub consecutive_always: bool,
    pub failure_permille: u16,
    pub slow_permille: u16,
    pub slow_after_ns: u64,
    pub window_calls: u32,
    pub window_ns: u64,
    pub min_calls: u32,
    pub open_for_ns: u64,
    pub open_backoff_permille: u32,
    pub open_max_ns: u64,
    pub open_jitter_permille: u16,
    pub probes: u32,
    pub probe_lease_ns: u64,
    pub min_witnesses: u32,
    pub mode: Mode,
    pub seed: u64,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            consecutive_failures: 5,
            consecutive_always: false,
            failure_permille: 500,
            slow_permille: 0,
            slow_after_ns: 0,
            window_calls: 0,
            window_ns: 10 * SECOND,
            min_calls: 20,
            open_for_ns: 30 * SECOND,
            open_backoff_permille: 2000,
            open_max_ns: 300 * SECOND,
            open_jitter_permille: 100,
            probes: 1,
            probe_lease_ns: 30 * SECOND,
            min_witnesses: 1,
            mode: Mode::Enforce,
            seed: 0,
        }
    }
}

impl Config {
    /// The name of the first field that is out of its range.
    pub fn check(&self) -> Result<(), &'static str> {
        within(
            "consecutive_failures",
            self.consecutive_failures.into(),
            0,
            1_000_000,
        )?;
        within("failure_rate", self.failure_permille.into(), 0, 1000)?;
        within("slow_rate", self.slow_permille.into(), 0, 1000)?;
        if self.slow_permille > 0 {
            within("slow_after", self.slow_after_ns, 1, DAY)?;
        }
        within("window_calls", self.window_calls.into(), 0, 1024)?;
        let most_min_calls = if self.window_calls == 0 {
            within("window", self.window_ns, 10 * MILLISECOND, DAY)?;
            1_000_000
        } else {
            self.window_calls
        };
        within("min_calls", self.min_calls.into(), 1, most_min_calls.into())?;
        within("open_for", self.open_for_ns, MILLISECOND, DAY)?;
        within(
            "open_backoff",
            self.open_backoff_permille.into(),
            1000,
            10_000,
        )?;
        within("open_max", self.open_max_ns, self.open_for_ns, DAY)?;
        within("open_jitter", self.open_jitter_permille.into(), 0, 500)?;
        within("probes", self.probes.into(), 1, 32)?;
        within("probe_lease", self.probe_lease_ns, MILLISECOND, DAY)?;
        within("min_witnesses", self.min_witnesses.into(), 1, 8)
    }
}

/// What the breaker does with the next call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Admits and judges.
    Closed,
    /// Refuses until a time.
    Open,
    /// Lets a few probes through.
    HalfOpen,
    /// Refuses until somebody says otherwise.
    ForcedOpen,
    /// Admits and records nothing.
    Disabled,
}

impl State {
    /// The name in the vectors.
    pub fn name(self) -> &'static str {
        match self {
            State::Closed => "closed",
            State::Open => "open",
            State::HalfOpen => "half_open",
            State::ForcedOpen => "forced_open",
            State::Disabled => "disabled",
        }
    }
}

/// Leave to make one call; to be recorded or cancelled once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Permit {
    id: u64,
    owner: u32,
    generation: u16,
    acquired_ns: u64,
    counts: bool,
    is_probe: bool,
}

impl Permit {
    /// Whether the call is to test whether the service has recovered.
    pub fn is_probe(&self) -> bool {
        self.is_probe
    }
}

/// One success or failure of the present generation.
#[derive(Clone, Copy, Debug)]
struct Entry {
    time_ns: u64,
    owner: u32,
    failed: bool,
    slow: bool,
}

/// One place for a probe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Seat {
    Free,
    Leased {
        permit: u64,
        owner: u32,
        expiry_ms: u64,
    },
    Succeeded,
    Failed,
}

/// Totals that only rise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are those of the vectors")]
pub struct Counters {
    pub success: u64,
    pub failure: u64,
    pub ignored: u64,
    pub slow: u64,
    pub refused: u64,
    pub shadow_refused: u64,
    pub late: u64,
    pub opened: u64,
}

/// What can be seen from outside at one time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are those of the vectors")]
pub struct Snapshot {
    pub state: State,
    pub generation: u16,
    pub window_calls: u64,
    pub window_failures: u64,
    pub window_slow: u64,
    pub streak: u64,
    pub probes_in_flight: u64,
    pub retry_after_ns: u64,
    pub counters: Counters,
}

/// A breaker that remembers every result of its present generation.
#[derive(Clone, Debug)]
pub struct Breaker {
    config: Config,
    state: State,
    generation: u16,
    entries: Vec<Entry>,
    streak: u64,
    openings: u32,
    open_until_ms: u64,
    seats: Vec<Seat>,
    permits: u64,
    used: HashSet<u64>,
    counters: Counters,
    change: Option<(State, State)>,
}

impl Breaker {
    /// A closed breaker, or the name of the wrong field.
    pub fn new(config: Config) -> Result<Self, &'static str> {
        config.check()?;
        Ok(Breaker {
            config,
            state: State::Closed,
            generation: 0,
            entries: Vec::new(),
            streak: 0,
            openings: 0,
            open_until_ms: 0,
            seats: Vec::new(),
            permits: 0,
            used: HashSet::new(),
            counters: Counters::default(),
            change: None,
        })
    }

    /// Asks for leave to make one call.
    pub fn acquire(&mut self, owner: u32, now_ns: u64) -> Result<Permit, Refused> {
        if self.config.mode == Mode::Off {
            return Ok(self.permit(owner, now_ns, false));
        }
        match self.state {
            State::Closed => Ok(self.permit(owner, now_ns, true)),
            State::Disabled => Ok(self.permit(owner, now_ns, false)),
            State::ForcedOpen => self.refuse(Answer::BreakerForcedOpen, 0, owner, now_ns),
            State::Open if now_ns / MILLISECOND < self.open_until_ms => {
                self.refuse(Answer::BreakerOpen, self.wait_ns(now_ns), owner, now_ns)
            }
            State::Open => {
                self.enter(State::HalfOpen);
                self.seats = vec![Seat::Free; self.config.probes as usize];
                Ok(self.take_seat(0, owner, now_ns))
            }
            State::HalfOpen => match self.open_seat(now_ns) {
                Some(seat) => Ok(self.take_seat(seat, owner, now_ns)),
                None => self.refuse(Answer::BreakerHalfOpen, self.wait_ns(now_ns), owner, now_ns),
            },
        }
    }

    /// Tells how an admitted call ended. `retry_after_ns` is the server's wish, 0 when it had none.
    pub fn record(
        &mut self,
        permit: Permit,
        outcome: Outcome,
        retry_after_ns: u64,
        now_ns: u64,
    ) -> Answer {
        if !self.used.insert(permit.id) {
            return Answer::Spent;
        }
        if !permit.counts || self.state == State::Disabled {
            return Answer::Ok;
        }
        let seat = self.seat_of(permit);
        if permit.generation != self.generation || (self.state == State::HalfOpen && seat.is_none())
        {
            self.counters.late += 1;
            return Answer::Late;
        }
        if outcome == Outcome::Ignored {
            self.counters.ignored += 1;
            self.free(seat);
            return Answer::Ok;
        }
        let failed = outcome == Outcome::Failure;
        let duration = now_ns.saturating_sub(permit.acquired_ns);
        let slow = self.config.slow_permille > 0 && duration > self.config.slow_after_ns;
        self.counters.success += u64::from(!failed);
        self.counters.failure += u64::from(failed);
        self.counters.slow += u64::from(slow);
        let retry_after_ns = if failed { retry_after_ns } else { 0 };
        match seat {
            Some(seat) => self.record_probe(seat, failed || slow, retry_after_ns, now_ns),
            None => {
                let time_ns = self.forward(now_ns);
                self.entries.push(Entry {
                    time_ns,
                    owner: permit.owner,
                    failed,
                    slow,
                });
                self.streak = if failed { self.streak + 1 } else { 0 };
                if self.trips(time_ns) {
                    self.open(retry_after_ns, now_ns);
                }
            }
        }
        Answer::Ok
    }

    /// Takes an admitted call back as if it had never been asked for.
    pub fn cancel(&mut self, permit: Permit) -> Answer {
        if !self.used.insert(permit.id) {
            return Answer::Spent;
        }
        let seat = self.seat_of(permit);
        if permit.is_probe && seat.is_none() && self.state != State::Disabled {
            self.counters.late += 1;
            return Answer::Late;
        }
        self.free(seat);
        Answer::Ok
    }

    /// Takes the seats of an owner that is gone back, and says how many.
    pub fn reclaim(&mut self, owner: u32) -> u32 {
        let mut freed = 0;
        for seat in &mut self.seats {
            if matches!(seat, Seat::Leased { owner: holder, .. } if *holder == owner) {
                *seat = Seat::Free;
                freed += 1;
            }
        }
        freed
    }

    /// Holds the breaker open.
    pub fn force_open(&mut self) {
        if self.state != State::ForcedOpen {
            self.enter(State::ForcedOpen);
        }
    }

    /// Lets everything through and records nothing.
    pub fn disable(&mut self) {
        if self.state != State::Disabled {
            self.enter(State::Disabled);
        }
    }

    /// Closed and fresh, whatever it was before.
    pub fn reset(&mut self) {
        self.enter(State::Closed);
        self.openings = 0;
    }

    /// The last change of state since this was asked before.
    pub fn take_change(&mut self) -> Option<(State, State)> {
        self.change.take()
    }

    /// What can be seen at `now_ns`. Changes nothing.
    pub fn snapshot(&self, now_ns: u64) -> Snapshot {
        let window = self.window(self.forward(now_ns));
        let leased = |seat: &&Seat| matches!(seat, Seat::Leased { .. }) && !takeable(seat, now_ns);
        Snapshot {
            state: self.state,
            generation: self.generation,
            window_calls: window.len() as u64,
            window_failures: window.iter().filter(|entry| entry.failed).count() as u64,
            window_slow: window.iter().filter(|entry| entry.slow).count() as u64,
            streak: self.streak,
            probes_in_flight: self.seats.iter().filter(leased).count() as u64,
            retry_after_ns: self.wait_ns(now_ns),
            counters: self.counters,
        }
    }

    /// A time before the newest entry counts as the time of that entry.
    fn forward(&self, now_ns: u64) -> u64 {
        self.entries
            .last()
            .map_or(now_ns, |newest| newest.time_ns.max(now_ns))
    }

    /// The entries that count: the last n, or those of the last ten buckets.
    fn window(&self, now_ns: u64) -> Vec<Entry> {
        if self.config.window_calls > 0 {
            let skipped = self
                .entries
                .len()
                .saturating_sub(self.config.window_calls as usize);
            return self.entries[skipped..].to_vec();
        }
        let width = self.config.window_ns.div_ceil(10);
        let oldest = (now_ns / width).saturating_sub(9);
        self.entries
            .iter()
            .copied()
            .filter(|entry| entry.time_ns / width >= oldest)
            .collect()
    }

    fn trips(&self, now_ns: u64) -> bool {
        let config = &self.config;
        let window = self.window(now_ns);
        let total = window.len() as u64;
        let enough = total >= u64::from(config.min_calls);
        let reached = |count: usize, permille: u16| {
            permille > 0 && enough && count as u64 * 1000 >= u64::from(permille) * total
        };
        // A count window remembers the witnesses of the whole generation, a time window only its own.
        let heard = if config.window_calls > 0 {
            &self.entries
        } else {
            &window
        };
        let witnesses: HashSet<u32> = heard
            .iter()
            .filter(|entry| entry.failed || entry.slow)
            .map(|entry| entry.owner)
            .collect();
        let failures = window.iter().filter(|entry| entry.failed).count();
        let slow = window.iter().filter(|entry| entry.slow).count();
        let by_rate = (reached(failures, config.failure_permille)
            || reached(slow, config.slow_permille))
            && witnesses.len() >= config.min_witnesses as usize;
        let no_rate_rule = config.failure_permille == 0 && config.slow_permille == 0;
        let by_row = config.consecutive_failures > 0
            && self.streak >= u64::from(config.consecutive_failures)
            && (config.consecutive_always || no_rate_rule || !enough);
        by_rate || by_row
    }

    fn record_probe(&mut self, seat: usize, failed: bool, retry_after_ns: u64, now_ns: u64) {
        self.seats[seat] = if failed {
            Seat::Failed
        } else {
            Seat::Succeeded
        };
        let permille = if self.config.failure_permille == 0 {
            500
        } else {
            self.config.failure_permille
        };
        let probes = self.config.probes as usize;
        let needed = (usize::from(permille) * probes).div_ceil(1000).max(1);
        let count = |wanted: Seat| self.seats.iter().filter(|seat| **seat == wanted).count();
        if count(Seat::Failed) >= needed {
            self.open(retry_after_ns, now_ns);
        } else if count(Seat::Succeeded) > probes - needed {
            self.enter(State::Closed);
            self.openings = 0;
        }
    }

    fn open(&mut self, retry_after_ns: u64, now_ns: u64) {
        let config = self.config;
        self.enter(State::Open);
        self.counters.opened += 1;
        let mut duration = u128::from(config.open_for_ns);
        for _ in 0..self.openings {
            duration = duration * u128::from(config.open_backoff_permille) / 1000;
            duration = duration.min(u128::from(config.open_max_ns));
        }
        self.openings = (self.openings + 1).min(31);
        let duration = narrow(duration);
        let span = duration * u64::from(config.open_jitter_permille) / 1000;
        let salt = u64::from(self.generation).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let random = mix(config.seed ^ salt);
        let jittered = duration - span + pick(random, 2 * span);
        let duration = jittered.max(retry_after_ns.min(DAY));
        self.open_until_ms = ceil_ms(now_ns.saturating_add(duration));
    }

    /// Every change of state is a new generation with nothing in it.
    fn enter(&mut self, state: State) {
        self.change = Some((self.state, state));
        self.state = state;
        self.generation = self.generation.wrapping_add(1);
        self.entries.clear();
        self.streak = 0;
        self.seats.clear();
    }

    fn permit(&mut self, owner: u32, now_ns: u64, counts: bool) -> Permit {
        self.permits += 1;
        Permit {
            id: self.permits,
            owner,
            generation: self.generation,
            acquired_ns: now_ns,
            counts,
            is_probe: false,
        }
    }

    fn refuse(
        &mut self,
        answer: Answer,
        retry_after_ns: u64,
        owner: u32,
        now_ns: u64,
    ) -> Result<Permit, Refused> {
        if self.config.mode == Mode::Shadow {
            self.counters.shadow_refused += 1;
            return Ok(self.permit(owner, now_ns, false));
        }
        self.counters.refused += 1;
        Err(Refused {
            answer,
            retry_after_ns,
        })
    }

    fn take_seat(&mut self, seat: usize, owner: u32, now_ns: u64) -> Permit {
        let permit = Permit {
            is_probe: true,
            ..self.permit(owner, now_ns, true)
        };
        let expiry_ms = ceil_ms(now_ns.saturating_add(self.config.probe_lease_ns));
        self.seats[seat] = Seat::Leased {
            permit: permit.id,
            owner,
            expiry_ms,
        };
        permit
    }

    fn open_seat(&self, now_ns: u64) -> Option<usize> {
        self.seats.iter().position(|seat| takeable(seat, now_ns))
    }

    fn seat_of(&self, permit: Permit) -> Option<usize> {
        self.seats
            .iter()
            .position(|seat| matches!(seat, Seat::Leased { permit: id, .. } if *id == permit.id))
    }

    fn free(&mut self, seat: Option<usize>) {
        if let Some(seat) = seat {
            self.seats[seat] = Seat::Free;
        }
    }

    /// Nanoseconds until the next call may be admitted, 0 when it may be now or nobody knows.
    fn wait_ns(&self, now_ns: u64) -> u64 {
        let until = |ms: u64| ms.saturating_mul(MILLISECOND).saturating_sub(now_ns);
        let expiry = |seat: &Seat| match seat {
            Seat::Leased { expiry_ms, .. } => Some(*expiry_ms),
            _ => None,
        };
        match self.state {
            State::Open => until(self.open_until_ms),
            State::HalfOpen if self.open_seat(now_ns).is_none() => {
                self.seats.iter().filter_map(expiry).min().map_or(0, until)
            }
            _ => 0,
        }
    }
}

/// A seat that is free, or whose lease has run out.
fn takeable(seat: &Seat, now_ns: u64) -> bool {
    match seat {
        Seat::Free => true,
        Seat::Leased { expiry_ms, .. } => now_ns / MILLISECOND >= *expiry_ms,
        Seat::Succeeded | Seat::Failed => false,
    }
}

/// The finaliser of splitmix64: neighbouring seeds give unrelated bits.
fn mix(seed: u64) -> u64 {
    let mut bits = seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    bits ^ (bits >> 31)
}
