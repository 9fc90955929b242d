//! Deadlines: one point in time for all the work of a call.

/// The time at which nobody waits for the answer any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadline {
    /// Nanoseconds of the monotonic clock.
    pub at_ns: u64,
}

impl Deadline {
    /// `duration_ns` from now; what does not fit is as late as can be.
    pub fn after(now_ns: u64, duration_ns: u64) -> Self {
        Deadline {
            at_ns: now_ns.saturating_add(duration_ns),
        }
    }

    /// What is left, 0 when it is over.
    pub fn remaining(self, now_ns: u64) -> u64 {
        self.at_ns.saturating_sub(now_ns)
    }

    /// Whether it is over; at the very time it is.
    pub fn is_expired(self, now_ns: u64) -> bool {
        self.remaining(now_ns) == 0
    }

    /// The earlier of two.
    pub fn nearer(self, other: Deadline) -> Self {
        if other.at_ns < self.at_ns {
            other
        } else {
            self
        }
    }

    /// A deadline for the callee that leaves the caller a share of what is left. No deadline stays none.
    pub fn keep(self, now_ns: u64, reserve_permille: u16) -> Self {
        if self.at_ns == u64::MAX {
            return self;
        }
        let kept = u128::from(self.remaining(now_ns)) * u128::from(reserve_permille) / 1000;
        Deadline {
            at_ns: self.at_ns - kept as u64,
        }
    }

    /// How long one attempt may take.
    pub fn attempt_timeout(self, timeout_ns: u64, now_ns: u64) -> u64 {
        timeout_ns.min(self.remaining(now_ns))
    }
}
