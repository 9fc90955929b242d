//! The last good results of a dependency, for the time when it gives none.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use seawall_core::{ConfigError, Nanos};

/// The last good result of each key, bounded in age and number. A clone is the same store; any thread may use it.
///
/// Keeping and recalling take a lock for one look-up in a tree; nothing of yours but the comparison of keys and
/// the clone of a value runs under it.
pub struct LastGood<K, T>(Arc<Shared<K, T>>);

struct Shared<K, T> {
    max_age: Nanos,
    max_entries: usize,
    entries: Mutex<Entries<K, T>>,
}

struct Entries<K, T> {
    by_key: BTreeMap<K, Entry<T>>,
    /// The keys in the order in which they were kept last: the first goes first.
    by_turn: BTreeMap<u64, K>,
    turns: u64,
}

struct Entry<T> {
    value: T,
    at: Nanos,
    turn: u64,
}

impl<K: Ord + Clone, T: Clone> LastGood<K, T> {
    /// The entries that a store holds unless it is told otherwise.
    pub const DEFAULT_ENTRIES: usize = 1_000;

    /// An empty store. A result is served for `max_age` (1 ms to 366 days) after it was kept, and at most
    /// `max_entries` keys (1 to a million) are held; beyond that, the one kept longest ago goes.
    ///
    /// # Errors
    /// The first number that is out of range.
    pub fn new(max_age: Duration, max_entries: usize) -> Result<Self, ConfigError> {
        let age = Nanos::from(max_age);
        ConfigError::check(
            "max_age",
            age.0,
            1_000_000,
            Nanos::DAY.0.saturating_mul(366),
        )?;
        ConfigError::check("max_entries", max_entries as u64, 1, 1_000_000)?;
        Ok(Self(Arc::new(Shared {
            max_age: age,
            max_entries,
            entries: Mutex::new(Entries {
                by_key: BTreeMap::new(),
                by_turn: BTreeMap::new(),
                turns: 0,
            }),
        })))
    }

    fn entries(&self) -> MutexGuard<'_, Entries<K, T>> {
        // A clone or comparison of a user that panics leaves a store that may lack an entry, and no worse.
        let entries = self.0.entries.lock();
        entries.unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps a result.
    pub fn keep(&self, key: K, value: T, now: Nanos) {
        // Of the result that is replaced, nothing is dropped under the lock.
        let _old = self.entries().keep(key, value, now, self.0.max_entries);
    }

    /// The result kept last for this key, if it is not older than allowed.
    #[must_use]
    pub fn recall(&self, key: &K, now: Nanos) -> Option<T> {
        let entries = self.entries();
        let entry = entries.by_key.get(key)?;
        (now.since(entry.at) <= self.0.max_age).then(|| entry.value.clone())
    }

    /// How many results are held, those that are too old included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries().by_key.len()
    }

    /// Whether none is held.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<K: Ord + Clone, T> Entries<K, T> {
    fn keep(&mut self, key: K, value: T, now: Nanos, most: usize) -> [Option<Entry<T>>; 2] {
        let turn = self.turns;
        self.turns = self.turns.wrapping_add(1);
        let entry = Entry {
            value,
            at: now,
            turn,
        };
        let replaced = self.by_key.insert(key.clone(), entry);
        if let Some(old) = &replaced {
            self.by_turn.remove(&old.turn);
        }
        self.by_turn.insert(turn, key);
        let mut pushed_out = None;
        if self.by_key.len() > most
            && let Some((_, oldest)) = self.by_turn.pop_first()
        {
            pushed_out = self.by_key.remove(&oldest);
        }
        [replaced, pushed_out]
    }
}

impl<K, T> Clone for LastGood<K, T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<K, T> fmt::Debug for LastGood<K, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LastGood")
            .field("max_age", &self.0.max_age)
            .field("max_entries", &self.0.max_entries)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn at(millis: u64) -> Nanos {
        Nanos::from_millis(millis)
    }

    #[test]
    fn a_result_is_served_up_to_its_age_and_not_a_nanosecond_longer() {
        let store = LastGood::new(SECOND, 10).expect("in range");
        store.keep("a", 1, at(0));
        assert_eq!(store.recall(&"a", at(1_000)), Some(1));
        assert_eq!(store.recall(&"a", at(1_000).plus(Nanos(1))), None);
        assert_eq!(store.recall(&"b", at(0)), None);
        store.keep("a", 2, at(1_000));
        assert_eq!(store.recall(&"a", at(2_000)), Some(2));
    }

    #[test]
    fn the_key_kept_longest_ago_makes_room() {
        let store = LastGood::new(SECOND, 2).expect("in range");
        store.keep("a", 1, at(0));
        store.keep("b", 2, at(1));
        store.keep("a", 3, at(2));
        store.keep("c", 4, at(3));
        assert_eq!(store.len(), 2);
        assert_eq!(store.recall(&"b", at(3)), None);
        assert_eq!(store.recall(&"a", at(3)), Some(3));
    }

    #[test]
    fn a_store_that_can_hold_nothing_is_an_error() {
        let error = LastGood::<u8, u8>::new(SECOND, 0).expect_err("out of range");
        assert_eq!(error.field, "max_entries");
        let error = LastGood::<u8, u8>::new(Duration::ZERO, 1).expect_err("out of range");
        assert_eq!(error.field, "max_age");
    }
}
