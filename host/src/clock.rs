//! The one place that reads a clock.

use seawall_core::Nanos;

/// The monotonic clock that all processes of the host share. It stops while the machine is suspended and
/// never goes back. About 25 ns.
#[must_use]
pub fn monotonic() -> Nanos {
    read(libc::CLOCK_MONOTONIC)
}

/// The same clock as of the last timer tick: up to about 5 ms late, and five times cheaper. Good for
/// windows and open times, wrong for rates above some hundred per second.
#[must_use]
pub fn coarse() -> Nanos {
    #[cfg(target_os = "linux")]
    return read(libc::CLOCK_MONOTONIC_COARSE);
    #[cfg(not(target_os = "linux"))]
    monotonic()
}

fn read(clock: libc::clockid_t) -> Nanos {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: `time` is a valid place for the answer; an unknown clock would only return an error.
    let status = unsafe { libc::clock_gettime(clock, &raw mut time) };
    if status != 0 {
        // Only a kernel without the clock gets here; time that stands still refuses nothing for ever,
        // because every primitive treats "no time passed" as a valid answer.
        return Nanos(1);
    }
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    let nanos = u64::try_from(time.tv_nsec).unwrap_or(0);
    Nanos(seconds.saturating_mul(1_000_000_000).saturating_add(nanos))
}
