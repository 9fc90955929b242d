//! Bulkhead: a fixed number of permits, so that one slow dependency cannot hold every worker.

use std::fmt;
use std::future::Future;
use std::pin::{Pin, pin};
use std::ptr::NonNull;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;
use std::time::{Duration, Instant};

use seawall_core::bulkhead::{Bulkhead as Core, MOST_PERMITS, Permit as Token};
use seawall_core::{ConfigError, Moment, Owner, Refusal, Refused};

pub use seawall_core::bulkhead::{Config, Snapshot};

use crate::breaker::named;
use crate::call::CallError;
use crate::clock::Clock;
use crate::queue::{Place, Queue};

/// A bulkhead on the heap with room for `capacity` permits (1 to 4,096).
///
/// # Errors
/// The first setting that is out of range.
pub fn allocate(capacity: u32, config: &Config) -> Result<Box<Core>, ConfigError> {
    let most = u64::from(MOST_PERMITS);
    let refused = ConfigError {
        field: "capacity",
        value: u64::from(capacity),
        min: 1,
        max: most,
    };
    let layout = Core::layout(capacity).ok_or(refused)?;
    config.validate(capacity)?;
    // SAFETY: the layout of a bulkhead is never empty.
    let memory = unsafe { std::alloc::alloc(layout) };
    let Some(memory) = NonNull::new(memory) else {
        std::alloc::handle_alloc_error(layout)
    };
    // SAFETY: freshly allocated by the layout for this capacity, and nobody else's.
    match unsafe { Core::init_in(memory, capacity, config) } {
        Ok(_) => {
            // SAFETY: allocated by the global allocator with the layout of exactly this value, whose size is
            // rounded up to its alignment just as `Core::layout` does.
            Ok(unsafe { Box::from_raw(Core::pointer(memory, capacity).as_ptr()) })
        }
        Err(error) => {
            // SAFETY: allocated above with this layout and not given away.
            unsafe { std::alloc::dealloc(memory.as_ptr(), layout) };
            Err(error)
        }
    }
}

/// A bulkhead of this process. Share it by reference or in an `Arc`; any thread may use it.
///
/// Taking and giving back a permit are one compare-exchange each. Callers that wait queue up, first come first
/// served; callers that do not wait may overtake them.
pub struct Bulkhead {
    name: String,
    core: Box<Core>,
    queue: Queue,
    clock: Clock,
}

impl Bulkhead {
    /// A bulkhead with all permits free and room to grow to `config.max_concurrent`.
    ///
    /// # Errors
    /// The first setting that is out of range; an empty name is out of range, too.
    pub fn new(name: &str, config: Config) -> Result<Self, ConfigError> {
        ConfigError::check(
            "max_concurrent",
            u64::from(config.max_concurrent),
            1,
            u64::from(MOST_PERMITS),
        )?;
        Self::with_capacity(name, config.max_concurrent, config)
    }

    /// As [`Bulkhead::new`], with room for [`Bulkhead::resize`] to grow to `capacity` (at most 4,096).
    ///
    /// # Errors
    /// As for [`Bulkhead::new`].
    pub fn with_capacity(name: &str, capacity: u32, config: Config) -> Result<Self, ConfigError> {
        named(name)?;
        let core = allocate(capacity, &config)?;
        Ok(Self {
            name: name.to_owned(),
            core,
            queue: Queue::default(),
            clock: Clock::system(),
        })
    }

    /// The same bulkhead on another clock, for tests of how long permits are held. Waiting callers wait in real
    /// time all the same.
    #[must_use]
    pub fn with_clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// The name it was made with.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    fn permit(&self, asked: Result<Token, Refusal>) -> Result<Permit<'_>, Refusal> {
        Ok(Permit {
            bulkhead: self,
            token: Some(asked?),
        })
    }

    fn take(&self, critical: bool) -> Result<Permit<'_>, Refusal> {
        self.permit(self.core.try_acquire(Owner::PRIVATE, critical, &self.clock))
    }

    /// As `take`, for callers that go on waiting after a refusal.
    fn take_waiting(&self) -> Result<Permit<'_>, Refusal> {
        self.permit(
            self.core
                .try_acquire_waiting(Owner::PRIVATE, false, &self.clock),
        )
    }

    /// Asks for a permit without waiting.
    ///
    /// # Errors
    /// [`Refused::BulkheadFull`].
    pub fn try_acquire(&self) -> Result<Permit<'_>, Refusal> {
        self.take(false)
    }

    /// As [`Bulkhead::try_acquire`], for callers that may take reserved permits.
    ///
    /// # Errors
    /// As for [`Bulkhead::try_acquire`].
    pub fn try_acquire_critical(&self) -> Result<Permit<'_>, Refusal> {
        self.take(true)
    }

    /// Waits for a permit, at most `max_wait`, blocking this thread.
    ///
    /// # Errors
    /// [`Refused::BulkheadWaitFull`] when `max_waiting` callers wait already,
    /// [`Refused::BulkheadWaitTimeout`] when none came free in time.
    pub fn acquire(&self, max_wait: Duration) -> Result<Permit<'_>, Refusal> {
        if max_wait.is_zero() && self.queue.is_empty() {
            return self.take(false);
        }
        let until = Instant::now().checked_add(max_wait);
        let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
        let mut context = Context::from_waker(&waker);
        let mut waiting = pin!(self.acquire_async());
        // Waking a thread on another core costs some 50 us, so short waits are spent looking.
        let spin = crossbeam_utils::Backoff::new();
        loop {
            if let Poll::Ready(answer) = waiting.as_mut().poll(&mut context) {
                return answer;
            }
            let left = until.map(|until| until.saturating_duration_since(Instant::now()));
            match left {
                // A last look: served at the last moment, or counted as turned away.
                Some(left) if left.is_zero() => {
                    return self
                        .take(false)
                        .map_err(|_| Refused::BulkheadWaitTimeout.into_refusal());
                }
                _ if !spin.is_completed() => spin.snooze(),
                Some(left) => std::thread::park_timeout(left),
                None => std::thread::park(),
            }
        }
    }

    /// A future that waits for a permit, first come first served. Any runtime; for a limit on the wait, race it
    /// with a timer of yours: a dropped future leaves no trace in the queue.
    pub fn acquire_async(&self) -> Acquire<'_> {
        Acquire {
            bulkhead: self,
            place: None,
        }
    }

    /// Calls `function` while holding a permit, if one is free.
    ///
    /// # Errors
    /// [`CallError::Refused`] when the call was not made, [`CallError::Failed`] with the function's own error.
    pub fn call<T, E>(&self, function: impl FnOnce() -> Result<T, E>) -> Result<T, CallError<E>> {
        let permit = self.try_acquire()?;
        let result = function();
        drop(permit);
        result.map_err(CallError::Failed)
    }

    /// Changes limit and reserve. Holders keep their permits; after a shrink new ones are given once the
    /// holders are below the new limit. Never blocks.
    ///
    /// # Errors
    /// The first number that is out of range; nothing has changed then.
    pub fn resize(&self, max_concurrent: u32, reserved: u32) -> Result<(), ConfigError> {
        self.core.resize(max_concurrent, reserved)?;
        self.queue.wake_first();
        Ok(())
    }

    /// Changes all settings; holders and waiters stay.
    ///
    /// # Errors
    /// The first setting that is out of range; nothing has changed then.
    pub fn reconfigure(&self, config: Config) -> Result<(), ConfigError> {
        self.core.reconfigure(&config)?;
        self.queue.wake_first();
        Ok(())
    }

    /// A look at everything, changing nothing.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        self.core.snapshot(self.clock.about())
    }
}

impl fmt::Debug for Bulkhead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bulkhead")
            .field("name", &self.name)
            .field("snapshot", &self.snapshot())
            .finish_non_exhaustive()
    }
}

/// Leave to hold one place; dropping it gives it back.
#[must_use = "a permit that is dropped at once is given back"]
#[derive(Debug)]
pub struct Permit<'a> {
    bulkhead: &'a Bulkhead,
    token: Option<Token>,
}

impl Permit<'_> {
    /// Gives the permit back, as dropping it does.
    pub fn release(self) {}
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        if let Some(token) = self.token.take() {
            self.bulkhead.core.release(token);
            self.bulkhead.queue.wake_first();
        }
    }
}

/// See [`Bulkhead::acquire_async`].
#[must_use = "futures do nothing unless polled"]
#[derive(Debug)]
pub struct Acquire<'a> {
    bulkhead: &'a Bulkhead,
    place: Option<Arc<Place>>,
}

impl<'a> Future for Acquire<'a> {
    type Output = Result<Permit<'a>, Refusal>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let bulkhead = self.bulkhead;
        if self.place.is_none() {
            if bulkhead.queue.is_empty()
                && let Ok(permit) = bulkhead.take_waiting()
            {
                return Poll::Ready(Ok(permit));
            }
            if let Err(refusal) = bulkhead.core.begin_wait() {
                // A last look: served at the last moment, or counted as turned away.
                return Poll::Ready(bulkhead.take(false).map_err(|_| refusal));
            }
            self.place = Some(bulkhead.queue.join());
        }
        let Some(place) = &self.place else {
            return Poll::Pending;
        };
        place.set_waker(context.waker());
        if bulkhead.queue.is_first(place)
            && let Ok(permit) = bulkhead.take_waiting()
        {
            self.stop_waiting();
            return Poll::Ready(Ok(permit));
        }
        Poll::Pending
    }
}

impl Acquire<'_> {
    fn stop_waiting(&mut self) {
        if let Some(place) = self.place.take() {
            self.bulkhead.core.end_wait();
            self.bulkhead.queue.leave(&place);
        }
    }
}

impl Drop for Acquire<'_> {
    fn drop(&mut self) {
        self.stop_waiting();
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}
