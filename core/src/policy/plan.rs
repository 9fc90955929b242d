//! What a call may take at worst, before anybody makes it.

use super::config::Config;
use crate::backoff::{Backoff, Jitter};
use crate::time::Nanos;

/// The most attempts that [`most_attempts`] looks at; more cannot be set.
pub const MOST_ATTEMPTS: u32 = 100;

/// Waits beyond this retry are all alike, so that absurd settings end as soon as sound ones.
const LAST_WAIT: u32 = 1_024;

/// The longest wait that jitter may draw before retry `attempt` (the first retry is 1). A server's Retry-After
/// may be longer; nobody can plan for that.
#[must_use]
pub fn longest_wait(backoff: &Backoff, attempt: u32) -> Nanos {
    if !matches!(backoff.jitter, Jitter::Decorrelated) {
        return backoff.without_jitter(attempt);
    }
    let mut wait = backoff.base.0.min(backoff.cap.0);
    // Bounded: growth by three ends at the cap within 64 steps, or at a base of zero at once.
    for _ in 0..attempt.clamp(1, LAST_WAIT) {
        let grown = wait.saturating_mul(3).min(backoff.cap.0);
        if grown == wait {
            break;
        }
        wait = grown;
    }
    Nanos(wait)
}

/// The time that a call takes when every attempt uses its whole timeout and every wait is the longest:
/// `overhead + attempts x timeout + waits`. The deadline cuts it off; this is what it would cut.
#[must_use]
pub fn worst_case(config: &Config, overhead: Nanos) -> Nanos {
    let retries = config.attempts.saturating_sub(1);
    let mut total = overhead.plus(times(config.timeout, config.attempts));
    for retry in 1..=retries.min(LAST_WAIT) {
        total = total.plus(longest_wait(&config.backoff, retry));
    }
    let rest = retries.saturating_sub(LAST_WAIT);
    total.plus(times(longest_wait(&config.backoff, LAST_WAIT), rest))
}

/// The largest number of attempts, 0 to [`MOST_ATTEMPTS`], whose worst case ends by the deadline.
#[must_use]
pub fn most_attempts(config: &Config, overhead: Nanos) -> u32 {
    let mut used = overhead;
    for attempts in 0..MOST_ATTEMPTS {
        if attempts > 0 {
            used = used.plus(longest_wait(&config.backoff, attempts));
        }
        used = used.plus(config.timeout);
        if used > config.deadline {
            return attempts;
        }
    }
    MOST_ATTEMPTS
}

const fn times(span: Nanos, count: u32) -> Nanos {
    Nanos(span.0.saturating_mul(count as u64))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(attempts: u32, jitter: Jitter) -> Config {
        Config {
            attempts,
            deadline: Nanos::from_secs(5),
            backoff: Backoff {
                jitter,
                ..Backoff::default()
            },
            ..Config::with_timeout(Nanos::from_secs(2))
        }
    }

    #[test]
    fn three_tries_of_two_seconds_do_not_fit_five() {
        let config = config(3, Jitter::Full);
        assert_eq!(worst_case(&config, Nanos::ZERO), Nanos::from_millis(6_300));
        assert_eq!(most_attempts(&config, Nanos::ZERO), 2);
        assert_eq!(
            most_attempts(&config, Nanos::from_millis(900)),
            2,
            "900 ms + 2 x 2 s + 100 ms is 5 s exactly"
        );
        assert_eq!(most_attempts(&config, Nanos::from_millis(901)), 1);
        assert_eq!(most_attempts(&config, Nanos::from_secs(4)), 0);
    }

    #[test]
    fn decorrelated_waits_triple_up_to_the_cap() {
        let backoff = Backoff {
            jitter: Jitter::Decorrelated,
            cap: Nanos::from_secs(1),
            ..Backoff::default()
        };
        let waits: std::vec::Vec<u64> = (1..5)
            .map(|retry| longest_wait(&backoff, retry).as_millis_floor())
            .collect();
        assert_eq!(waits, [300, 900, 1_000, 1_000]);
        let config = Config {
            backoff,
            ..config(3, Jitter::Full)
        };
        assert_eq!(worst_case(&config, Nanos::ZERO), Nanos::from_millis(7_200));
    }

    #[test]
    fn no_draw_is_longer_than_the_longest_wait() {
        for jitter in [
            Jitter::Full,
            Jitter::Equal,
            Jitter::Decorrelated,
            Jitter::None,
        ] {
            let backoff = Backoff {
                jitter,
                ..Backoff::default()
            };
            let mut previous = Nanos::ZERO;
            for retry in 1..20 {
                previous = backoff.delay(retry, previous, u64::MAX, Nanos::ZERO);
                assert_eq!(
                    previous,
                    longest_wait(&backoff, retry),
                    "{jitter:?} {retry}"
                );
            }
        }
    }

    #[test]
    fn absurd_settings_saturate() {
        let config = Config {
            attempts: u32::MAX,
            ..Config::with_timeout(Nanos::MAX)
        };
        assert_eq!(worst_case(&config, Nanos::MAX), Nanos::MAX);
        assert_eq!(most_attempts(&config, Nanos::ZERO), MOST_ATTEMPTS);
        let config = Config {
            attempts: 0,
            ..Config::with_timeout(Nanos::ZERO)
        };
        assert_eq!(worst_case(&config, Nanos::ZERO), Nanos::ZERO);
    }
}
