//! HTTP: what an answer, or the lack of one, says about the dependency and about another attempt.
//!
//! Tables that every adapter of every language asks, so that a 503 means the same in all of them. They follow
//! RFC 9110 (chapters 9 and 15), RFC 6585 (429) and RFC 8470 (425).
//!
//! | answer | outcome | another attempt? | cause |
//! |---|---|---|---|
//! | 1xx, 2xx, 3xx | success | - | - |
//! | 408, 425 | failure | yes | failure |
//! | 429 | failure | yes | throttled |
//! | any other 4xx | success: it answered, the request was wrong | - | - |
//! | 501, 505 | failure | no: the next answer is the same | failure |
//! | 503 with Retry-After | failure | yes | throttled |
//! | any other 5xx, any other number | failure | yes | failure |
//!
//! "Yes" means that another attempt may help. Whether it is made is for the engine: the request must be one that
//! may be sent twice, see [`is_idempotent`], or certainly not have been sent.

use crate::outcome::Outcome;
use crate::policy::Ended;
use crate::retry_budget::Cause;
use crate::time::Nanos;

/// What an answer with this status says. `retry_after` is what the server asked to wait ([`crate::retry_after`]),
/// zero for nothing; it is kept for failures and dropped otherwise.
///
/// A number outside 100..=599 is no status; it counts as a 5xx, as RFC 9110, 15, asks.
#[must_use]
pub const fn ended(status: u32, retry_after: Nanos) -> Ended {
    let (is_retryable, cause) = match status {
        408 | 425 => (true, Cause::Failure),
        429 => (true, Cause::Throttled),
        100..=499 => return Ended::SUCCESS,
        501 | 505 => (false, Cause::Failure),
        503 if retry_after.0 > 0 => (true, Cause::Throttled),
        _ => (true, Cause::Failure),
    };
    Ended {
        outcome: Outcome::Failure,
        is_retryable,
        was_not_sent: false,
        cause,
        retry_after,
    }
}

/// Why there was no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Trouble {
    /// No connection came about: refused, no route, no such name. Nothing was sent.
    NotConnected = 1,
    /// No connection came about in time. Nothing was sent.
    ConnectTimeout = 2,
    /// Connected, but no answer in time. The request may have been carried out.
    ReadTimeout = 3,
    /// The connection broke before the answer was complete: reset, broken pipe, an early end. The request may have
    /// been carried out.
    Reset = 4,
    /// The answer is not HTTP, or the peer is not who it should be (TLS): the next one would not be either.
    Protocol = 5,
    /// Anything else, which nobody knows to be worth another attempt.
    Other = 6,
}

impl Trouble {
    /// The trouble of a number that came over a language border.
    #[must_use]
    pub const fn from_number(number: u32) -> Option<Self> {
        match number {
            1 => Some(Self::NotConnected),
            2 => Some(Self::ConnectTimeout),
            3 => Some(Self::ReadTimeout),
            4 => Some(Self::Reset),
            5 => Some(Self::Protocol),
            6 => Some(Self::Other),
            _ => None,
        }
    }

    /// What it says: always a failure.
    #[must_use]
    pub const fn ended(self) -> Ended {
        let (is_retryable, was_not_sent, cause) = match self {
            Self::NotConnected => (true, true, Cause::Failure),
            Self::ConnectTimeout => (true, true, Cause::Timeout),
            Self::ReadTimeout => (true, false, Cause::Timeout),
            Self::Reset => (true, false, Cause::Failure),
            Self::Protocol | Self::Other => (false, false, Cause::Failure),
        };
        Ended {
            outcome: Outcome::Failure,
            is_retryable,
            was_not_sent,
            cause,
            retry_after: Nanos::ZERO,
        }
    }
}

/// True for the methods that may be sent twice with the effect of once (RFC 9110, 9.2.2): GET, HEAD, PUT, DELETE,
/// OPTIONS, TRACE. Methods are case-sensitive, as they stand on the wire; an unknown one may do anything.
#[must_use]
pub fn is_idempotent(method: impl AsRef<[u8]>) -> bool {
    matches!(
        method.as_ref(),
        b"GET" | b"HEAD" | b"PUT" | b"DELETE" | b"OPTIONS" | b"TRACE"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const ASKED: Nanos = Nanos::from_secs(7);

    #[test]
    fn every_number_has_an_answer() {
        for status in (0..=700).chain([999, 1_000, 65_536 + 200, u32::MAX]) {
            for asked in [Nanos::ZERO, ASKED] {
                let ended = ended(status, asked);
                let is_failure = matches!(status, 408 | 425 | 429) || !(100..500).contains(&status);
                let is_throttled = status == 429 || (status == 503 && asked == ASKED);
                assert_eq!(ended.outcome == Outcome::Failure, is_failure, "{status}");
                assert_eq!(
                    ended.is_retryable,
                    is_failure && !matches!(status, 501 | 505),
                    "{status}"
                );
                assert_eq!(ended.cause == Cause::Throttled, is_throttled, "{status}");
                assert!(!ended.was_not_sent, "{status}");
                let kept = if is_failure { asked } else { Nanos::ZERO };
                assert_eq!(ended.retry_after, kept, "{status}");
            }
        }
    }

    #[test]
    fn only_what_never_connected_was_certainly_not_sent() {
        for number in 0..=8 {
            let Some(trouble) = Trouble::from_number(number) else {
                assert!(number == 0 || number > 6);
                continue;
            };
            assert_eq!(trouble as u32, number);
            let ended = trouble.ended();
            assert_eq!(ended.outcome, Outcome::Failure);
            assert_eq!(ended.was_not_sent, number <= 2);
            assert_eq!(ended.is_retryable, number <= 4);
            assert_eq!(ended.cause == Cause::Timeout, matches!(number, 2 | 3));
        }
    }

    #[test]
    fn methods_are_taken_letter_by_letter() {
        for method in ["GET", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE"] {
            assert!(is_idempotent(method));
        }
        for method in [
            "POST", "PATCH", "CONNECT", "get", "GET ", "", "QUERY", "GETS",
        ] {
            assert!(!is_idempotent(method), "{method}");
        }
    }
}
