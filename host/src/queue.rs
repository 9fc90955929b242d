//! Who waits for a permit, first come first served. Touched only by callers that wait and by releases while
//! somebody waits: the ordinary path reads one number.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering, fence};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;

/// One waiter's place, known by its address.
#[derive(Debug, Default)]
pub(crate) struct Place {
    waker: Mutex<Option<Waker>>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing under these locks can panic, so a poisoned one is as good as any.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Place {
    pub(crate) fn set_waker(&self, waker: &Waker) {
        let mut place = locked(&self.waker);
        if !place.as_ref().is_some_and(|known| known.will_wake(waker)) {
            *place = Some(waker.clone());
        }
    }
}

#[derive(Debug, Default)]
pub(crate) struct Queue {
    places: Mutex<VecDeque<Arc<Place>>>,
    length: AtomicUsize,
}

impl Queue {
    pub(crate) fn is_empty(&self) -> bool {
        self.length.load(Ordering::Relaxed) == 0
    }

    pub(crate) fn join(&self) -> Arc<Place> {
        let place = Arc::new(Place::default());
        let mut places = locked(&self.places);
        places.push_back(Arc::clone(&place));
        self.length.store(places.len(), Ordering::Relaxed);
        drop(places);
        // Pairs with the fence in `wake_first`: either the releaser sees us in the queue, or our next try
        // sees its permit.
        fence(Ordering::SeqCst);
        place
    }

    pub(crate) fn is_first(&self, place: &Arc<Place>) -> bool {
        locked(&self.places)
            .front()
            .is_some_and(|first| Arc::ptr_eq(first, place))
    }

    /// Leaves without a trace, and hands a wake-up that may have been meant for us to the next one.
    pub(crate) fn leave(&self, place: &Arc<Place>) {
        let mut places = locked(&self.places);
        places.retain(|other| !Arc::ptr_eq(other, place));
        self.length.store(places.len(), Ordering::Relaxed);
        drop(places);
        self.wake_first();
    }

    /// Tells the first waiter that a permit may have come free.
    pub(crate) fn wake_first(&self) {
        fence(Ordering::SeqCst);
        if self.is_empty() {
            return;
        }
        let first = locked(&self.places).front().cloned();
        let waker = first.and_then(|place| locked(&place.waker).clone());
        // Outside the locks: a waker may run anything.
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}
