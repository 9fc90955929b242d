//! Fallbacks: what to serve when the dependency does not.

use std::fmt;
use std::sync::Arc;

use seawall_core::Nanos;

use crate::drive::DependencyError;
use crate::last_good::LastGood;

/// How a call ended without a result: its own result, unchanged.
pub type Ending<T, E> = Result<T, DependencyError<E>>;

type Function<T, E> = dyn Fn(&Ending<T, E>) -> Result<T, E> + Send + Sync;

/// What to serve when the dependency does not: a chain of steps, of which the first that has something serves. A
/// clone shares the chain.
///
/// It runs when a call is refused or has finally failed, and the policy allows it; never in place of a result, and
/// never after the caller gave up. It runs on the caller's thread, outside the deadline, and holds nothing of the
/// dependency any more.
///
/// ```
/// use seawall::{Fallback, Policy, Seawall};
/// use std::time::Duration;
///
/// let wall = Seawall::new();
/// let policy = Policy::builder().timeout(Duration::from_millis(200)).build()?;
/// let recommendations = wall.define("recommendations", policy)?.calling().fallback(Fallback::value(Vec::new()))?;
/// let titles: Vec<String> = recommendations.call(|_| Err(std::io::Error::other("down")))?;
/// assert!(titles.is_empty());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Fallback<T, E> {
    steps: Arc<[Step<T, E>]>,
}

enum Step<T, E> {
    Value(Arc<dyn Fn() -> T + Send + Sync>),
    Function(Arc<Function<T, E>>),
    LastGood(Arc<dyn Recall<T>>),
}

/// A store of good results, its key chosen.
trait Recall<T>: Send + Sync {
    fn keep(&self, value: &T, now: Nanos);
    fn recall(&self, now: Nanos) -> Option<T>;
}

struct Keyed<K, T> {
    store: LastGood<K, T>,
    key: K,
}

impl<K, T> Recall<T> for Keyed<K, T>
where
    K: Ord + Clone + Send + Sync,
    T: Clone + Send,
{
    fn keep(&self, value: &T, now: Nanos) {
        self.store.keep(self.key.clone(), value.clone(), now);
    }

    fn recall(&self, now: Nanos) -> Option<T> {
        self.store.recall(&self.key, now)
    }
}

/// What a chain served.
pub(crate) struct Served<T> {
    pub(crate) value: T,
    pub(crate) step: usize,
    pub(crate) source: &'static str,
}

impl<T, E> Fallback<T, E> {
    fn of(step: Step<T, E>) -> Self {
        Self {
            steps: Arc::new([step]),
        }
    }

    /// Serves a copy of this value.
    pub fn value(value: T) -> Self
    where
        T: Clone + Send + Sync + 'static,
    {
        Self::of(Step::Value(Arc::new(move || value.clone())))
    }

    /// Serves what a function makes of the way the call ended. Its own error is passed on with that as the cause,
    /// unless a later step serves.
    pub fn function(
        function: impl Fn(&Ending<T, E>) -> Result<T, E> + Send + Sync + 'static,
    ) -> Self {
        Self::of(Step::Function(Arc::new(function)))
    }

    /// Serves the last good result of the same key, if it is not too old. Results of calls with this fallback are
    /// kept there.
    pub fn last_good<K>(store: &LastGood<K, T>, key: K) -> Self
    where
        K: Ord + Clone + Send + Sync + 'static,
        T: Clone + Send + 'static,
    {
        let store = store.clone();
        Self::of(Step::LastGood(Arc::new(Keyed { store, key })))
    }

    /// This one, and where it has nothing, the other one.
    #[must_use]
    pub fn or(self, next: Self) -> Self {
        let steps = self.steps.iter().chain(next.steps.iter());
        Self {
            steps: steps.map(Step::share).collect(),
        }
    }

    /// How many steps the chain has.
    pub(crate) fn len(&self) -> usize {
        self.steps.len()
    }

    /// Keeps a good result.
    pub(crate) fn keep(&self, value: &T, now: Nanos) {
        for step in &*self.steps {
            if let Step::LastGood(store) = step {
                store.keep(value, now);
            }
        }
    }

    /// What the first step that has something serves, or the error of the last step that failed, if one did.
    pub(crate) fn serve(&self, ending: &Ending<T, E>, now: Nanos) -> Result<Served<T>, Option<E>> {
        let mut failed = None;
        for (step, kind) in self.steps.iter().enumerate() {
            let (value, source) = match kind {
                Step::Value(make) => (make(), "value"),
                Step::LastGood(store) => match store.recall(now) {
                    Some(value) => (value, "last_good"),
                    None => continue,
                },
                Step::Function(function) => match function(ending) {
                    Ok(value) => (value, "function"),
                    Err(error) => {
                        failed = Some(error);
                        continue;
                    }
                },
            };
            return Ok(Served {
                value,
                step,
                source,
            });
        }
        Err(failed)
    }
}

impl<T, E> Step<T, E> {
    fn share(&self) -> Self {
        match self {
            Self::Value(make) => Self::Value(Arc::clone(make)),
            Self::Function(function) => Self::Function(Arc::clone(function)),
            Self::LastGood(store) => Self::LastGood(Arc::clone(store)),
        }
    }
}

impl<T, E> Clone for Fallback<T, E> {
    fn clone(&self) -> Self {
        Self {
            steps: Arc::clone(&self.steps),
        }
    }
}

impl<T, E> fmt::Debug for Fallback<T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.steps.iter().map(|step| match step {
            Step::Value(_) => "value",
            Step::Function(_) => "function",
            Step::LastGood(_) => "last_good",
        });
        f.debug_list().entries(names).finish()
    }
}
