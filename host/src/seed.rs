//! Chance from the operating system, asked once per process.

use core::num::NonZeroUsize;
use core::sync::atomic::{AtomicU64, Ordering};

use once_cell::race::OnceNonZeroUsize;
use seawall_core::chance::mix;

static FIRST: OnceNonZeroUsize = OnceNonZeroUsize::new();
static DRAWN: AtomicU64 = AtomicU64::new(0);

/// Sixty-four random bits: for jitter and for the seeds of breakers, not for secrets. Any thread; a forked
/// child draws other numbers than its parent. Never blocks after the first call.
#[must_use]
pub fn random() -> u64 {
    let first = FIRST.get_or_init(ask_the_system).get() as u64;
    // RELAXED: only that each drawing gets another number matters.
    let drawn = DRAWN.fetch_add(1, Ordering::Relaxed);
    mix(first ^ mix(drawn) ^ process().rotate_left(32))
}

fn process() -> u64 {
    // SAFETY: getpid has no preconditions and always succeeds.
    u64::from(unsafe { libc::getpid() }.unsigned_abs())
}

fn ask_the_system() -> NonZeroUsize {
    let mut bytes = [0u8; 8];
    // SAFETY: the buffer is writable for its length. A short answer leaves zeros, which the clock and the
    // address below still tell apart.
    let _ = unsafe { libc::getrandom(bytes.as_mut_ptr().cast(), bytes.len(), 0) };
    let place = (&raw const bytes).addr() as u64;
    let word = u64::from_ne_bytes(bytes) ^ crate::clock::monotonic().0 ^ place;
    NonZeroUsize::new(word as usize | 1).unwrap_or(NonZeroUsize::MIN)
}

#[cfg(all(test, feature = "std"))]
mod tests {
    use super::random;

    #[test]
    fn no_two_drawings_are_alike() {
        let drawn: std::collections::HashSet<u64> = (0..10_000).map(|_| random()).collect();
        assert_eq!(drawn.len(), 10_000);
    }
}
