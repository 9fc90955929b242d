//! Driving a call: doing what the policy says, in a thread or in a future.
//!
//! The policy decides, and this does it: run the function, sleep, wait for a place, tell events, serve a fallback.
//! A call that is given up at any point, by a dropped future or by a panic, gives back all it holds.

mod attempt;
mod blocking;
mod calling;
mod driven;
mod future;
mod permit;
mod sleep;

use std::error::Error;
use std::fmt;
use std::time::Duration;

use seawall_core::{Misuse, Refusal};

pub use attempt::Attempt;
pub use calling::{Calling, Degraded, Detailed};
pub use permit::Permit;
pub use sleep::Sleep;
#[cfg(feature = "tokio")]
pub use sleep::Tokio;

/// Why a dependency gave no result.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DependencyError<E> {
    /// No attempt was made.
    Refused(Refusal),
    /// The last attempt did not end within its time, which was this long, and was dropped.
    TimedOut(Duration),
    /// The last attempt failed: the function's own error, unchanged.
    Failed(E),
    /// The fallback failed, too.
    Fallback {
        /// The fallback's own error.
        error: E,
        /// What the call itself had ended with; `None` when that was a result which counts as a failure.
        cause: Option<Box<Self>>,
    },
    /// The call cannot mean anything: it costs more tokens than a rate limit can ever hold. No attempt was made.
    Misuse(Misuse),
}

impl<E> DependencyError<E> {
    /// The refusal, if no attempt was made because of one. That of a call whose fallback failed, too, included.
    #[must_use]
    pub fn refusal(&self) -> Option<Refusal> {
        match self {
            Self::Refused(refusal) => Some(*refusal),
            Self::Fallback { cause, .. } => cause.as_ref().and_then(|cause| cause.refusal()),
            Self::TimedOut(_) | Self::Failed(_) | Self::Misuse(_) => None,
        }
    }

    /// The function's own error, or else that of the fallback.
    #[must_use]
    pub fn into_error(self) -> Option<E> {
        match self {
            Self::Failed(error) | Self::Fallback { error, .. } => Some(error),
            Self::Refused(_) | Self::TimedOut(_) | Self::Misuse(_) => None,
        }
    }
}

impl<E: fmt::Display> fmt::Display for DependencyError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(refusal) => refusal.fmt(f),
            Self::TimedOut(span) => write!(f, "no answer within {span:?}"),
            Self::Failed(error) => error.fmt(f),
            Self::Fallback { error, .. } => write!(f, "the fallback failed: {error}"),
            Self::Misuse(misuse) => misuse.fmt(f),
        }
    }
}

impl<E: Error + 'static> Error for DependencyError<E> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Refused(refusal) => Some(refusal),
            Self::Failed(error) => Some(error),
            Self::Fallback { error, cause } => Some(match cause {
                Some(cause) => cause.as_ref(),
                None => error,
            }),
            Self::Misuse(misuse) => Some(misuse),
            Self::TimedOut(_) => None,
        }
    }
}
