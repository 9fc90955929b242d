//! Bulkhead: a fixed number of permits, so that one slow dependency cannot hold every worker.
//!
//! A permit is owned, not counted: it is a cell that says who holds it, taken and given back by one
//! compare-exchange each. The permits of a process that died can therefore be taken back exactly
//! ([`Bulkhead::reclaim`]), and a second release, or one after the cell was taken back, is recognised and
//! counted instead of freeing somebody else's permit.
//!
//! Never more holders than permits, at any instant, in any interleaving; shrinking does not block, new
//! permits simply wait until the holders are below the new limit.

mod cell;
mod limits;
mod storage;

use crate::cas;
use crate::counters::{Counters, stripe};
use crate::error::ConfigError;
use crate::outcome::Mode;
use crate::owner::Owner;
use crate::status::{Refusal, Refused};
use crate::sync::{AtomicU64, Ordering, fence};
use crate::time::{Moment, Nanos};

use cell::{Cell, ticket_after, ticket_age};
use limits::Limits;
pub use storage::Sized;

/// The most permits of one bulkhead.
pub const MOST_PERMITS: u32 = 4_096;

/// Marks memory that holds a bulkhead of this layout ("SWblk" and the layout's number).
const IDENTITY: u64 = 0x5357_626C_6B00_0001;

/// How often an asker walks the cells again when others take and give back permits under its feet.
const ROUNDS: usize = 16;

const REJECTED: usize = 0;
const SHADOW_REFUSED: usize = 1;
const STALE: usize = 2;

/// The settings of a bulkhead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// Permits in all, 1 up to the capacity of the storage (at most 4,096). Default 20.
    pub max_concurrent: u32,
    /// How many of them only critical callers may take, 0 to `max_concurrent - 1`. Default 0.
    pub reserved: u32,
    /// How many callers may wait for a permit, 0 to 1,000,000. Default 0: nobody waits.
    pub max_waiting: u32,
    /// How strictly to act. Default enforce.
    pub mode: Mode,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            max_concurrent: 20,
            reserved: 0,
            max_waiting: 0,
            mode: Mode::Enforce,
        }
    }
}

impl Config {
    /// Checks every setting against the cells there are.
    ///
    /// # Errors
    /// The first setting that is out of range.
    pub fn validate(&self, capacity: u32) -> Result<(), ConfigError> {
        let capacity = u64::from(capacity.min(MOST_PERMITS));
        ConfigError::check(
            "max_concurrent",
            u64::from(self.max_concurrent),
            1,
            capacity,
        )?;
        ConfigError::check(
            "reserved",
            u64::from(self.reserved),
            0,
            u64::from(self.max_concurrent).saturating_sub(1),
        )?;
        ConfigError::check("max_waiting", u64::from(self.max_waiting), 0, 1_000_000)
    }
}

/// Leave to hold one place. Give it back with [`Bulkhead::release`] when the work has really ended.
///
/// | bits    | field  | meaning                                             |
/// |---------|--------|-----------------------------------------------------|
/// | 0..=43  | ticket | the cell's, unique for each time it is taken        |
/// | 44..=55 | cell   | which one                                           |
/// | 56      | valid  | 1: this is a permit                                 |
/// | 57      | free   | 1: admitted without a cell (shadow or off)          |
#[derive(Debug, PartialEq, Eq)]
pub struct Permit {
    token: u64,
    owner: Owner,
}

impl Permit {
    const VALID: u64 = 1 << 56;
    const WITHOUT_CELL: u64 = 1 << 57;

    const fn of_cell(index: usize, ticket: u64, owner: Owner) -> Self {
        Self {
            token: ticket | (index as u64) << 44 | Self::VALID,
            owner,
        }
    }

    const fn without_cell(owner: Owner) -> Self {
        Self {
            token: Self::VALID | Self::WITHOUT_CELL,
            owner,
        }
    }

    /// The two words that carry a permit over a language border: token and owner.
    #[must_use]
    pub const fn into_raw(self) -> (u64, u32) {
        (self.token, self.owner.raw())
    }

    /// The permit of two words from [`Permit::into_raw`]; `None` when they hold no permit.
    #[must_use]
    pub const fn from_raw(token: u64, owner: u32) -> Option<Self> {
        match Owner::from_raw(owner) {
            Some(owner) if token & Self::VALID != 0 => Some(Self { token, owner }),
            _ => None,
        }
    }
}

/// What a bulkhead looked like at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// Permits in all.
    pub limit: u32,
    /// Those that only critical callers may take.
    pub reserved: u32,
    /// Permits held.
    pub in_use: u32,
    /// Callers that wait.
    pub waiting: u32,
    /// Callers turned away, ever; those that waited and were served are not among them.
    pub rejected: u64,
    /// Callers that would have been turned away in enforce mode, ever.
    pub shadow_refused: u64,
    /// Releases that came twice or too late, ever.
    pub stale: u64,
    /// How long the oldest permit has been held, to a millisecond.
    pub longest_hold: Nanos,
}

/// The bulkhead: a header, then one word for each permit it could ever have. `Bulkhead<[AtomicU64; N]>` is a
/// plain value; behind a reference it becomes the unsized `Bulkhead`. Other memory: [`Bulkhead::init_in`].
///
/// ```
/// use seawall_core::bulkhead::{Bulkhead, Config, Sized};
/// use seawall_core::{Nanos, Owner};
///
/// let storage = Sized::<2>::new(&Config { max_concurrent: 2, ..Config::default() })?;
/// let bulkhead: &Bulkhead = &storage;
/// let now = Nanos::from_secs(1);
/// let permit = bulkhead.try_acquire(Owner::PRIVATE, false, &now).expect("free");
/// assert_eq!(bulkhead.snapshot(now).in_use, 1);
/// assert!(bulkhead.release(permit));
/// # Ok::<(), seawall_core::ConfigError>(())
/// ```
#[repr(C, align(64))]
#[derive(Debug)]
pub struct Bulkhead<Cells: ?core::marker::Sized = [AtomicU64]> {
    identity: u64,
    capacity: u64,
    limits: AtomicU64,
    /// Callers that wait; the queue itself is the binding's.
    waiting: AtomicU64,
    /// Bits 0..=1 mode, 2..=31 max_waiting.
    policy: AtomicU64,
    counters: Counters,
    cells: Cells,
}

impl Bulkhead {
    fn limits(&self) -> Limits {
        // ORDER(limits): Acquire. Pairs with the compare-exchange in `resize`.
        Limits::from_raw(self.limits.load(Ordering::Acquire))
    }

    fn policy(&self) -> (Mode, u64) {
        // RELAXED: settings, each valid by itself.
        let policy = self.policy.load(Ordering::Relaxed);
        (
            Mode::from_number((policy & 3) as u32).unwrap_or_default(),
            policy >> 2 & 0x3FFF_FFFF,
        )
    }

    const fn pack_policy(config: &Config) -> u64 {
        config.mode as u64 | (config.max_waiting as u64) << 2
    }

    /// True when this memory holds a bulkhead that this library can use.
    #[must_use]
    pub fn is_initialised(&self) -> bool {
        self.identity == IDENTITY
    }

    /// How many permits the storage could hold.
    #[must_use]
    pub fn capacity(&self) -> u32 {
        u32::try_from(self.cells.len())
            .unwrap_or(MOST_PERMITS)
            .min(MOST_PERMITS)
    }

    /// The settings in force.
    #[must_use]
    pub fn config(&self) -> Config {
        let (mode, max_waiting) = self.policy();
        let limits = self.limits();
        Config {
            max_concurrent: limits.limit(),
            reserved: limits.reserved(),
            max_waiting: max_waiting as u32,
            mode,
        }
    }

    /// Asks for a permit without waiting. `critical` callers may also take reserved permits, and take those
    /// first. At most 16 walks over the cells; a refusal is only given when all permits this caller may take
    /// were held at one instant (or, under a churn that outlasts 16 walks, at the end of it).
    ///
    /// # Errors
    /// [`Refused::BulkheadFull`], counted as rejected.
    pub fn try_acquire(
        &self,
        owner: Owner,
        critical: bool,
        moment: &impl Moment,
    ) -> Result<Permit, Refusal> {
        self.try_acquire_waiting(owner, critical, moment)
            .inspect_err(|_| self.counters.add(REJECTED))
    }

    /// As [`Bulkhead::try_acquire`], for a caller that goes on waiting after a refusal: it is not counted as
    /// rejected. A caller that gives up asks once more with [`Bulkhead::try_acquire`], and is counted there or
    /// served at the last moment.
    ///
    /// # Errors
    /// [`Refused::BulkheadFull`].
    pub fn try_acquire_waiting(
        &self,
        owner: Owner,
        critical: bool,
        moment: &impl Moment,
    ) -> Result<Permit, Refusal> {
        let (mode, _) = self.policy();
        if mode == Mode::Off {
            return Ok(Permit::without_cell(owner));
        }
        let now = moment.about();
        let mut proof = None;
        for _ in 0..ROUNDS {
            let limits = self.limits();
            let bound = if limits.ceiling() > limits.limit() {
                self.bound_after_shrink(limits)
            } else {
                limits.limit()
            };
            let shared = limits.limit().saturating_sub(limits.reserved()).min(bound) as usize;
            let zones = if critical {
                [(shared, bound as usize), (0, shared)]
            } else {
                [(0, shared), (0, 0)]
            };
            match self.take_in(zones, owner, now) {
                Walk::Took(index, ticket) => {
                    // ORDER(limits): SeqCst fence between taking the cell and looking at the limits again.
                    // Pairs with the fence in `resize`: either we see the new limit here and step back, or
                    // whoever acts on the new limit sees our cell held.
                    fence(Ordering::SeqCst);
                    if self.limits() == limits {
                        return Ok(Permit::of_cell(index, ticket, owner));
                    }
                    self.free(index, Cell::held(owner, ticket));
                    proof = None;
                }
                // The same tickets in two walks: tickets only grow, so nothing moved in between, and at
                // the instant between the walks every cell was held.
                Walk::AllHeld(tickets) if proof == Some((limits, tickets)) => break,
                Walk::AllHeld(tickets) => proof = Some((limits, tickets)),
                Walk::Moved => proof = None,
            }
        }
        if mode == Mode::Shadow {
            self.counters.add(SHADOW_REFUSED);
            return Ok(Permit::without_cell(owner));
        }
        Err(Refusal {
            reason: Refused::BulkheadFull,
            retry_after: Nanos::ZERO,
        })
    }

    fn take_in(&self, zones: [(usize, usize); 2], owner: Owner, now: Nanos) -> Walk {
        let (mut tickets, mut moved) = (0u64, false);
        for (start, end) in zones {
            let Some(zone) = self.cells.get(start..end) else {
                continue;
            };
            // Each thread begins elsewhere, so that they seldom want the same cell.
            let first = stripe().wrapping_mul(zone.len()) / crate::counters::STRIPES;
            for offset in 0..zone.len() {
                let turn = first.wrapping_add(offset);
                let within = if turn >= zone.len() {
                    turn.wrapping_sub(zone.len())
                } else {
                    turn
                };
                let Some(word) = zone.get(within) else {
                    continue;
                };
                // ORDER(cell): Acquire, so that what the proof of "full" has seen is seen in order.
                let cell = Cell::from_raw(word.load(Ordering::Acquire));
                if !cell.is_free() {
                    tickets = tickets.wrapping_add(cell.ticket());
                    continue;
                }
                let ticket = ticket_after(cell.ticket(), now);
                if cas::replace(word, cell.raw(), Cell::held(owner, ticket).raw()) {
                    return Walk::Took(start.wrapping_add(within), ticket);
                }
                moved = true;
            }
        }
        if moved {
            Walk::Moved
        } else {
            Walk::AllHeld(tickets)
        }
    }

    /// How many cells from the front may be taken while permits above a lowered limit are still held: the
    /// largest `b` for which `b` plus the permits held at `b` and above stays within the limit. Cells at `b`
    /// and above are taken by nobody, so those holders only become fewer, and `b` only grows.
    #[cold]
    fn bound_after_shrink(&self, limits: Limits) -> u32 {
        let (limit, ceiling) = (limits.limit(), limits.ceiling().min(self.capacity()));
        let (mut held, mut bound, mut above) = (0u32, None, 0u32);
        for index in (0..ceiling).rev() {
            let word = self.cells.get(index as usize);
            // ORDER(cell): Acquire, as in `take_in`.
            let free =
                word.is_none_or(|word| Cell::from_raw(word.load(Ordering::Acquire)).is_free());
            if index < limit
                && bound.is_none()
                && index.saturating_add(1).saturating_add(held) <= limit
            {
                bound = Some(index.saturating_add(1));
            }
            held = held.saturating_add(u32::from(!free));
            if index >= limit {
                above = held;
            }
        }
        if above == 0 {
            // Nobody is left above the limit: the next askers need not look there again.
            cas::replace(&self.limits, limits.raw(), limits.settled().raw());
        }
        bound.unwrap_or(0)
    }

    fn free(&self, index: usize, exact: Cell) -> bool {
        self.cells
            .get(index)
            .is_some_and(|word| cas::replace(word, exact.raw(), exact.freed().raw()))
    }

    /// Gives a permit back. False when it was given back before, or taken back from a dead owner: then
    /// nothing changes but a counter.
    pub fn release(&self, permit: Permit) -> bool {
        if permit.token & Permit::WITHOUT_CELL != 0 {
            return true;
        }
        let ticket = permit.token & Cell::TICKET_MASK;
        let released = self.free(
            (permit.token >> 44 & 0xFFF) as usize,
            Cell::held(permit.owner, ticket),
        );
        if !released {
            self.count_stale();
        }
        released
    }

    /// Counts a release of a permit that was released before, for callers that can tell by themselves.
    pub fn count_stale(&self) {
        self.counters.add(STALE);
    }

    /// Gives back everything that `owner` holds and says how much that was. For owners that are gone; each
    /// cell is one compare-exchange, so it is safe to repeat, to race and to die in the middle of.
    pub fn reclaim(&self, owner: Owner) -> u32 {
        let mut freed = 0u32;
        for word in &self.cells {
            // ORDER(cell): Acquire, as in `take_in`.
            let cell = Cell::from_raw(word.load(Ordering::Acquire));
            if cell.owner() == owner.raw() && cas::replace(word, cell.raw(), cell.freed().raw()) {
                freed = freed.wrapping_add(1);
            }
        }
        freed
    }

    /// Counts one more waiter, if the settings allow one more. Whoever got leave to wait must call
    /// [`Bulkhead::end_wait`] when done waiting, with a permit or without. A refusal is not counted as
    /// rejected: whoever gives up then asks once more with [`Bulkhead::try_acquire`], and is counted there.
    ///
    /// # Errors
    /// [`Refused::BulkheadWaitFull`]; always where nobody may wait at all.
    pub fn begin_wait(&self) -> Result<(), Refusal> {
        let (_, most) = self.policy();
        let joined = cas::update(&self.waiting, |waiting| {
            if waiting >= most {
                (waiting, false)
            } else {
                (waiting.saturating_add(1), true)
            }
        });
        if joined == Some(true) {
            return Ok(());
        }
        Err(Refusal {
            reason: Refused::BulkheadWaitFull,
            retry_after: Nanos::ZERO,
        })
    }

    /// Counts one waiter less; at zero it stays there.
    pub fn end_wait(&self) {
        cas::update(&self.waiting, |waiting| (waiting.saturating_sub(1), ()));
    }

    /// How many callers wait.
    #[must_use]
    pub fn waiting(&self) -> u32 {
        // RELAXED: a caller that misses the first waiter by a moment only overtakes it once.
        u32::try_from(self.waiting.load(Ordering::Relaxed)).unwrap_or(u32::MAX)
    }

    /// Changes limit and reserve of a live bulkhead. Holders keep their permits; after a shrink new ones are
    /// given once the holders are below the new limit.
    ///
    /// # Errors
    /// The first number that is out of range; nothing has changed then.
    pub fn resize(&self, max_concurrent: u32, reserved: u32) -> Result<(), ConfigError> {
        Config {
            max_concurrent,
            reserved,
            ..self.config()
        }
        .validate(self.capacity())?;
        cas::update(&self.limits, |raw| {
            (
                Limits::from_raw(raw)
                    .resized(max_concurrent, reserved)
                    .raw(),
                (),
            )
        });
        // ORDER(limits): SeqCst fence, see `try_acquire`.
        fence(Ordering::SeqCst);
        Ok(())
    }

    /// Changes all settings of a live bulkhead; holders and waiters stay.
    ///
    /// # Errors
    /// The first setting that is out of range; nothing has changed then.
    pub fn reconfigure(&self, config: &Config) -> Result<(), ConfigError> {
        config.validate(self.capacity())?;
        // RELAXED: settings, each valid by itself.
        self.policy
            .store(Self::pack_policy(config), Ordering::Relaxed);
        self.resize(config.max_concurrent, config.reserved)
    }

    /// A look at everything, changing nothing. Walks all cells.
    #[must_use]
    pub fn snapshot(&self, now: Nanos) -> Snapshot {
        let limits = self.limits();
        let (mut in_use, mut longest) = (0u32, Nanos::ZERO);
        for word in &self.cells {
            let cell = Cell::from_raw(word.load(Ordering::Relaxed)); // RELAXED: a moment's look
            if !cell.is_free() {
                in_use = in_use.wrapping_add(1);
                longest = longest.max(ticket_age(cell.ticket(), now));
            }
        }
        Snapshot {
            limit: limits.limit(),
            reserved: limits.reserved(),
            in_use,
            waiting: self.waiting.load(Ordering::Relaxed) as u32, // RELAXED: a moment's look
            rejected: self.counters.total(REJECTED),
            shadow_refused: self.counters.total(SHADOW_REFUSED),
            stale: self.counters.total(STALE),
            longest_hold: longest,
        }
    }
}

/// What a walk over the cells found.
enum Walk {
    Took(usize, u64),
    AllHeld(u64),
    Moved,
}

#[cfg(test)]
mod tests;
