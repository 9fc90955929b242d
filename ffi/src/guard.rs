//! What surrounds every call: a panic becomes a status, a result becomes a number.

use seawall_core::{Misuse, Moment, Nanos, Status};
use seawall_host::clock;

use crate::status::seawall_status_t;

/// Runs `body` and turns its answer into a number. In the sealed archive a panic aborts the process, because
/// there is no unwinder; the core has none that could be reached.
#[inline]
pub(crate) fn guard(body: impl FnOnce() -> Result<Status, Misuse>) -> seawall_status_t {
    #[cfg(feature = "std")]
    {
        let run = std::panic::AssertUnwindSafe(body);
        match std::panic::catch_unwind(run) {
            Ok(answer) => number(answer),
            Err(_) => Misuse::Panic as i32,
        }
    }
    #[cfg(not(feature = "std"))]
    number(body())
}

fn number(answer: Result<Status, Misuse>) -> seawall_status_t {
    match answer {
        Ok(status) => status.0,
        Err(misuse) => misuse as i32,
    }
}

/// The time argument of every call: 0 reads the clock, but only if the answer needs it.
#[derive(Clone, Copy)]
pub(crate) struct When(pub(crate) u64);

impl Moment for When {
    #[inline]
    fn now(&self) -> Nanos {
        if self.0 == 0 {
            clock::monotonic()
        } else {
            Nanos(self.0)
        }
    }

    #[inline]
    fn about(&self) -> Nanos {
        if self.0 == 0 {
            clock::coarse()
        } else {
            Nanos(self.0)
        }
    }
}
