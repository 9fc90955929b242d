//! The bulkhead: never more calls in flight than permits.

use std::collections::HashSet;

use crate::{Answer, Mode, Refused, within};

/// The size of one bulkhead.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs, reason = "the names are those of the vectors")]
pub struct Config {
    pub capacity: u32,
    pub max_concurrent: u32,
    pub reserved: u32,
    pub max_waiting: u32,
    pub mode: Mode,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            capacity: 20,
            max_concurrent: 20,
            reserved: 0,
            max_waiting: 0,
            mode: Mode::Enforce,
        }
    }
}

impl Config {
    /// The name of the first field that is out of its range.
    pub fn check(&self) -> Result<(), &'static str> {
        within("capacity", self.capacity.into(), 1, 4096)?;
        within(
            "max_concurrent",
            self.max_concurrent.into(),
            1,
            self.capacity.into(),
        )?;
        within(
            "reserved",
            self.reserved.into(),
            0,
            u64::from(self.max_concurrent) - 1,
        )?;
        within("max_waiting", self.max_waiting.into(), 0, 1_000_000)
    }
}

/// Leave to do one piece of work; to be released when the work really ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Permit {
    id: u64,
    has_cell: bool,
}

/// Who sits in a cell, and since when.
#[derive(Clone, Copy, Debug)]
struct Holder {
    permit: u64,
    owner: u32,
    since_ns: u64,
}

/// What can be seen from outside at one time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are those of the vectors")]
pub struct Snapshot {
    pub limit: u64,
    pub reserved: u64,
    pub in_use: u64,
    pub waiting: u64,
    pub rejected: u64,
    pub shadow_refused: u64,
    pub stale: u64,
    pub longest_hold_ns: u64,
}

/// A bulkhead with one list of cells, most of them empty.
#[derive(Clone, Debug)]
pub struct Bulkhead {
    config: Config,
    cells: Vec<Option<Holder>>,
    waiting: u64,
    permits: u64,
    released: HashSet<u64>,
    rejected: u64,
    shadow_refused: u64,
    stale: u64,
}

impl Bulkhead {
    /// An empty bulkhead, or the name of the wrong field.
    pub fn new(config: Config) -> Result<Self, &'static str> {
        config.check()?;
        Ok(Bulkhead {
            config,
            cells: vec![None; config.capacity as usize],
            waiting: 0,
            permits: 0,
            released: HashSet::new(),
            rejected: 0,
            shadow_refused: 0,
            stale: 0,
        })
    }

    /// Asks for a permit. Only a `critical` caller may take the reserved cells, and it takes them first.
    pub fn acquire(&mut self, owner: u32, critical: bool, now_ns: u64) -> Result<Permit, Refused> {
        let cell = self.candidates(critical).first().copied();
        self.acquire_at(cell, owner, critical, now_ns)
    }

    /// The cells that a caller may take now: the free ones of the reserved zone if it is critical and there are
    /// any, else the free ones of the rest. Which of them it gets is nobody's promise.
    pub fn candidates(&self, critical: bool) -> Vec<usize> {
        let limit = self.config.max_concurrent as usize;
        let ordinary = limit - self.config.reserved as usize;
        let end = self.end();
        let free = |zone: std::ops::Range<usize>| -> Vec<usize> {
            zone.filter(|cell| *cell < end && self.cells[*cell].is_none())
                .collect()
        };
        let reserved = free(ordinary..limit);
        if critical && !reserved.is_empty() {
            reserved
        } else {
            free(0..ordinary)
        }
    }

    /// Asks for a permit and gets this one of the [`Bulkhead::candidates`].
    pub fn acquire_at(
        &mut self,
        cell: Option<usize>,
        owner: u32,
        critical: bool,
        now_ns: u64,
    ) -> Result<Permit, Refused> {
        self.permits += 1;
        let id = self.permits;
        if self.config.mode == Mode::Off {
            return Ok(Permit {
                id,
                has_cell: false,
            });
        }
        let candidates = self.candidates(critical);
        match cell.or(candidates.first().copied()) {
            Some(cell) => {
                assert!(candidates.contains(&cell), "cell {cell} may not be taken");
                self.cells[cell] = Some(Holder {
                    permit: id,
                    owner,
                    since_ns: now_ns,
                });
                Ok(Permit { id, has_cell: true })
            }
            None if self.config.mode == Mode::Shadow => {
                self.shadow_refused += 1;
                Ok(Permit {
                    id,
                    has_cell: false,
                })
            }
            None => {
                self.rejected += 1;
                Err(Refused {
                    answer: Answer::BulkheadFull,
                    retry_after_ns: 0,
                })
            }
        }
    }

    /// Gives a permit back. Doing so twice, or after a reclaim, is counted and changes nothing.
    pub fn release(&mut self, permit: Permit) -> Answer {
        let first = self.released.insert(permit.id);
        let holds = |cell: &Option<Holder>| cell.is_some_and(|holder| holder.permit == permit.id);
        match self.cells.iter().position(holds) {
            Some(cell) => self.cells[cell] = None,
            None if first && !permit.has_cell => {}
            None => {
                self.stale += 1;
                return Answer::Stale;
            }
        }
        Answer::Ok
    }

    /// Takes a place among the waiters.
    pub fn begin_wait(&mut self) -> Answer {
        if self.waiting >= u64::from(self.config.max_waiting) {
            return Answer::BulkheadWaitFull;
        }
        self.waiting += 1;
        Answer::Ok
    }

    /// Leaves the waiters, with or without a permit.
    pub fn end_wait(&mut self) {
        self.waiting = self.waiting.saturating_sub(1);
    }

    /// Changes the limit. Nobody loses a permit and nobody waits.
    pub fn resize(&mut self, max_concurrent: u32, reserved: u32) -> Answer {
        let config = Config {
            max_concurrent,
            reserved,
            ..self.config
        };
        if config.check().is_err() {
            return Answer::Config;
        }
        self.config = config;
        Answer::Ok
    }

    /// Empties every cell of an owner that is gone.
    pub fn reclaim(&mut self, owner: u32) {
        for cell in &mut self.cells {
            if cell.is_some_and(|holder| holder.owner == owner) {
                *cell = None;
            }
        }
    }

    /// What can be seen at `now_ns`. Changes nothing.
    pub fn snapshot(&self, now_ns: u64) -> Snapshot {
        let holders = || self.cells.iter().flatten();
        let age = |holder: &Holder| now_ns.saturating_sub(holder.since_ns);
        Snapshot {
            limit: self.config.max_concurrent.into(),
            reserved: self.config.reserved.into(),
            in_use: holders().count() as u64,
            waiting: self.waiting,
            rejected: self.rejected,
            shadow_refused: self.shadow_refused,
            stale: self.stale,
            longest_hold_ns: holders().map(age).max().unwrap_or(0),
        }
    }

    /// Only cells before the end may be taken, so that holders beyond it, left over from a larger limit,
    /// are paid for: the largest `end` with `end + holders beyond it <= limit`.
    fn end(&self) -> usize {
        let limit = self.config.max_concurrent as usize;
        let fits = |end: &usize| end + self.cells[*end..].iter().flatten().count() <= limit;
        (0..=limit).rev().find(fits).unwrap_or(0)
    }
}
