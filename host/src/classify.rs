//! What an error means to a dependency: whether it counts, whether another attempt may help, whether the request
//! was sent at all. Only the caller can know; these are the common answers.
//!
//! A classification is any function from a result to an [`Ended`]. Ignored says nothing about the dependency,
//! failure counts against it, and everything else is a success: it answered.

use std::error::Error;
use std::io;

use seawall_core::http::Trouble;
use seawall_core::policy::Ended;

/// `Ok` is a success. Every error is a failure that no other attempt helps against.
pub const fn plain<T, E>(result: &Result<T, E>) -> Ended {
    match result {
        Ok(_) => Ended::SUCCESS,
        Err(_) => FINAL,
    }
}

/// A failure that no other attempt helps against.
pub const FINAL: Ended = Ended {
    is_retryable: false,
    ..Ended::FAILURE
};

/// `Ok` is a success. Every error is a failure; another attempt is made after those of which `is_worth_it` says
/// so.
///
/// ```
/// use seawall::classify;
///
/// #[derive(Debug)]
/// enum Error { Busy, NoSuchCard }
///
/// let rule = classify::retry_if(|error| matches!(error, Error::Busy));
/// assert!(rule(&Err::<(), _>(Error::Busy)).is_retryable);
/// assert!(!rule(&Err::<(), _>(Error::NoSuchCard)).is_retryable);
/// ```
pub fn retry_if<T, E>(
    is_worth_it: impl Fn(&E) -> bool + Clone,
) -> impl Fn(&Result<T, E>) -> Ended + Clone {
    move |result| match result {
        Ok(_) => Ended::SUCCESS,
        Err(error) if is_worth_it(error) => Ended::FAILURE,
        Err(_) => FINAL,
    }
}

/// For errors of `std::io`: those of the connection and timeouts are worth another attempt, and a refused
/// connection was not sent; all others are failures of which a repetition would be one, too.
pub fn io<T>(result: &Result<T, io::Error>) -> Ended {
    match result {
        Ok(_) => Ended::SUCCESS,
        Err(error) => io_kind(error.kind()),
    }
}

/// What one kind of `std::io` error of a TCP connection means; see [`io()`]. Blocking sockets report a timeout as
/// `WouldBlock`.
#[must_use]
pub const fn io_kind(kind: io::ErrorKind) -> Ended {
    use io::ErrorKind as Kind;
    let trouble = match kind {
        Kind::ConnectionRefused => Trouble::NotConnected,
        Kind::TimedOut | Kind::WouldBlock => Trouble::ReadTimeout,
        // An unreachable host may have been reachable when the request was sent.
        Kind::ConnectionReset
        | Kind::ConnectionAborted
        | Kind::NotConnected
        | Kind::BrokenPipe
        | Kind::UnexpectedEof
        | Kind::HostUnreachable
        | Kind::NetworkUnreachable
        | Kind::NetworkDown => Trouble::Reset,
        _ => Trouble::Other,
    };
    trouble.ended()
}

/// The `std::io` error that an error was made of, if there is one among its sources. Bounded to a chain of 32.
#[must_use]
pub fn io_source<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a io::Error> {
    let mut next = Some(error);
    for _ in 0..32 {
        let this = next?;
        if let Some(found) = this.downcast_ref::<io::Error>() {
            // An error of `std::io` may wrap another one that knows more.
            return match found.get_ref().map(|inner| inner as &(dyn Error + 'static)) {
                Some(inner) if found.kind() == io::ErrorKind::Other => {
                    io_source(inner).or(Some(found))
                }
                _ => Some(found),
            };
        }
        next = this.source();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fmt;

    #[derive(Debug)]
    struct Wrapped(io::Error);

    impl fmt::Display for Wrapped {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("wrapped")
        }
    }

    impl Error for Wrapped {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            Some(&self.0)
        }
    }

    #[test]
    fn a_refused_connection_was_not_sent_and_a_bug_is_not_repeated() {
        let refused = io_kind(io::ErrorKind::ConnectionRefused);
        assert!(refused.was_not_sent && refused.is_retryable);
        let reset = io_kind(io::ErrorKind::ConnectionReset);
        assert!(!reset.was_not_sent && reset.is_retryable);
        let timeout = io_kind(io::ErrorKind::TimedOut);
        assert_eq!(timeout.cause, seawall_core::retry_budget::Cause::Timeout);
        assert!(!io_kind(io::ErrorKind::InvalidInput).is_retryable);
    }

    #[test]
    fn the_error_of_the_socket_is_found_among_the_sources() {
        let refused = || io::Error::from(io::ErrorKind::ConnectionRefused);
        let kind = |error: &(dyn Error + 'static)| io_source(error).map(io::Error::kind);
        assert_eq!(
            kind(&Wrapped(refused())),
            Some(io::ErrorKind::ConnectionRefused)
        );
        let twice = Wrapped(io::Error::other(Wrapped(refused())));
        assert_eq!(kind(&twice), Some(io::ErrorKind::ConnectionRefused));
        assert_eq!(kind(&fmt::Error), None);
    }
}
