//! The deadline of whoever is being served, known to everything below without being passed along.
//!
//! Inside the function of a call, [`current`] is the deadline of its attempt, and a call made there inherits it
//! unless its own is nearer. A service that takes requests sets it with [`scope`] or [`scope_async`]. It belongs
//! to the thread or the future it was set for: a thread or task that is started inside begins without one.

#[cfg(feature = "http")]
mod headers;

use std::cell::Cell;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

#[cfg(feature = "http")]
pub use headers::{extract, inject};
#[cfg(feature = "tower")]
pub(crate) use headers::{inject_grpc, inject_millis};
pub use seawall_core::Deadline;
pub use seawall_core::deadline::header::{HeaderError, HeaderFault};

thread_local! {
    static CURRENT: Cell<Deadline> = const { Cell::new(Deadline::NEVER) };
}

/// The deadline in force here; [`Deadline::NEVER`] where none was set.
#[must_use]
pub fn current() -> Deadline {
    CURRENT.get()
}

struct Restore(Deadline);

impl Drop for Restore {
    fn drop(&mut self) {
        CURRENT.set(self.0);
    }
}

/// Runs `function` under a deadline, or under the one in force if that is nearer.
pub fn scope<T>(deadline: Deadline, function: impl FnOnce() -> T) -> T {
    let _restore = Restore(CURRENT.replace(current().nearer(deadline)));
    function()
}

/// A future that runs under a deadline, or under the one in force where it is polled if that is nearer. Any
/// runtime.
pub fn scope_async<F: Future>(deadline: Deadline, future: F) -> Scope<F> {
    Scope { deadline, future }
}

/// See [`scope_async`].
#[must_use = "futures do nothing unless polled"]
#[derive(Debug)]
pub struct Scope<F> {
    deadline: Deadline,
    future: F,
}

impl<F: Future> Future for Scope<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let deadline = self.deadline;
        // SAFETY: the future is never moved out of its place, and `Scope` has no `Drop` and is `Unpin` only where
        // the future is.
        let future = unsafe { self.map_unchecked_mut(|scope| &mut scope.future) };
        scope(deadline, || future.poll(context))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use seawall_core::Nanos;

    #[test]
    fn the_nearer_deadline_counts_and_the_outer_one_comes_back() {
        let at = |nanos| Deadline::at(Nanos(nanos));
        assert_eq!(current(), Deadline::NEVER);
        scope(at(5), || {
            assert_eq!(current(), at(5));
            scope(at(9), || assert_eq!(current(), at(5)));
            scope(at(3), || assert_eq!(current(), at(3)));
            assert_eq!(current(), at(5));
        });
        assert_eq!(current(), Deadline::NEVER);
    }

    #[test]
    fn a_panic_does_not_leave_its_deadline_behind() {
        let panics = std::panic::catch_unwind(|| scope(Deadline::at(Nanos(5)), || panic!("a bug")));
        assert!(panics.is_err());
        assert_eq!(current(), Deadline::NEVER);
    }
}
