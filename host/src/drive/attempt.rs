//! One attempt, as the function that makes it sees it.

use std::sync::OnceLock;
use std::time::Duration;

use seawall_core::policy::key_text;
use seawall_core::{Deadline, Moment, Nanos};

use crate::clock::Clock;
use crate::seed;

/// What the function of a call is told about the attempt it makes.
#[derive(Clone, Debug)]
pub struct Attempt {
    pub(super) number: u32,
    pub(super) timeout: Nanos,
    pub(super) deadline: Deadline,
    pub(super) clock: Clock,
    pub(super) key: OnceLock<[u64; 2]>,
}

impl Attempt {
    /// Which attempt of the call it is, from 1.
    #[must_use]
    pub const fn number(&self) -> u32 {
        self.number
    }

    /// How long it may take in all: the timeout of the policy, or what the deadline left at its begin.
    #[must_use]
    pub fn timeout(&self) -> Duration {
        self.timeout.into()
    }

    /// How long it may still take; zero once its time is over. In a synchronous call nobody stops the function,
    /// so give this to whatever blocks.
    #[must_use]
    pub fn remaining(&self) -> Duration {
        self.deadline.remaining(self.clock.now()).into()
    }

    /// When its time is over, on the clock of the wall: the deadline for everything below it.
    #[must_use]
    pub const fn deadline(&self) -> Deadline {
        self.deadline
    }

    /// A random UUID, the same for all attempts of the call, so that a server can tell a repetition from a second
    /// order.
    #[must_use]
    pub fn idempotency_key(&self) -> String {
        let key = *self.key.get_or_init(|| [seed::random(), seed::random()]);
        String::from_utf8_lossy(&key_text(key)).into_owned()
    }
}
