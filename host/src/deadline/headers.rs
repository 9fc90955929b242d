//! Deadlines in the headers of a request, between services.
//!
//! What travels is the time that is left, never a moment: clocks of two machines differ.

use http::header::{HeaderMap, HeaderName, HeaderValue};
use seawall_core::deadline::header::{self, HeaderError, HeaderText};
use seawall_core::{Deadline, Moment, Nanos};

const MILLIS: HeaderName = HeaderName::from_static(header::REQUEST_TIMEOUT_MS);
const GRPC: HeaderName = HeaderName::from_static(header::GRPC_TIMEOUT);

/// Writes what is left of `deadline` into the headers of a request, both as `x-request-timeout-ms` and as
/// `grpc-timeout`. Without a deadline, none is sent, and those that were there are taken out.
pub fn inject(headers: &mut HeaderMap, deadline: Deadline, now: impl Moment) {
    let left = left(deadline, now.now());
    put(headers, MILLIS, header::to_millis(left));
    put(headers, GRPC, header::to_grpc(left));
}

/// Writes only `x-request-timeout-ms`, for servers that know nothing of gRPC.
#[cfg(feature = "tower")]
pub(crate) fn inject_millis(headers: &mut HeaderMap, span: Nanos) {
    put(headers, MILLIS, header::to_millis(span));
}

/// Writes only `grpc-timeout`.
#[cfg(feature = "tower")]
pub(crate) fn inject_grpc(headers: &mut HeaderMap, span: Nanos) {
    put(headers, GRPC, header::to_grpc(span));
}

fn left(deadline: Deadline, now: Nanos) -> Nanos {
    if deadline == Deadline::NEVER {
        Nanos::MAX
    } else {
        deadline.remaining(now)
    }
}

fn put(headers: &mut HeaderMap, name: HeaderName, text: Option<HeaderText>) {
    // Digits and a letter are always a valid value.
    match text.and_then(|text| HeaderValue::from_str(&text).ok()) {
        Some(value) => {
            headers.insert(name, value);
        }
        None => {
            headers.remove(name);
        }
    }
}

/// The deadline that a request came with, on the clock that says `now`; [`Deadline::NEVER`] where it came with
/// none. If it came with several, the nearest counts.
///
/// ```
/// use http::HeaderMap;
/// use seawall::{deadline, Deadline, Nanos};
///
/// let mut headers = HeaderMap::new();
/// headers.insert("x-request-timeout-ms", "250".parse()?);
/// let deadline = deadline::extract(&headers, Nanos::from_secs(1))?;
/// assert_eq!(deadline, Deadline::at(Nanos::from_millis(1_250)));
/// headers.insert("x-request-timeout-ms", "-1".parse()?);
/// assert!(deadline::extract(&headers, Nanos::from_secs(1)).is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// A value that is malformed or above a day, also where another header has a good one.
pub fn extract(headers: &HeaderMap, now: impl Moment) -> Result<Deadline, HeaderError> {
    let now = now.now();
    let mut nearest = Deadline::NEVER;
    for value in headers.get_all(MILLIS) {
        let span = header::from_millis(value.as_bytes())?;
        nearest = nearest.nearer(Deadline::after(now, span));
    }
    for value in headers.get_all(GRPC) {
        let span = header::from_grpc(value.as_bytes())?;
        nearest = nearest.nearer(Deadline::after(now, span));
    }
    Ok(nearest)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Nanos = Nanos::from_secs(5);

    #[test]
    fn what_is_injected_is_extracted_and_the_nearest_counts() {
        let mut headers = HeaderMap::new();
        let deadline = Deadline::after(NOW, Nanos::from_millis(1_500));
        inject(&mut headers, deadline, NOW);
        assert_eq!(
            headers
                .get("x-request-timeout-ms")
                .map(HeaderValue::as_bytes),
            Some(&b"1500"[..])
        );
        assert_eq!(extract(&headers, NOW), Ok(deadline));
        headers.insert(GRPC, HeaderValue::from_static("20m"));
        let nearer = Deadline::after(NOW, Nanos::from_millis(20));
        assert_eq!(extract(&headers, NOW), Ok(nearer));
    }

    #[test]
    fn without_a_deadline_there_is_no_header() {
        let mut headers = HeaderMap::new();
        inject(&mut headers, Deadline::at(NOW), NOW);
        assert_eq!(
            headers
                .get("x-request-timeout-ms")
                .map(HeaderValue::as_bytes),
            Some(&b"0"[..])
        );
        inject(&mut headers, Deadline::NEVER, NOW);
        assert!(headers.is_empty());
        assert_eq!(extract(&headers, NOW), Ok(Deadline::NEVER));
    }

    #[test]
    fn what_is_malformed_absurd_or_a_megabyte_is_refused() {
        for text in ["", "soon", "-5", "1e3", "99999999999", "\u{e9}"] {
            let mut headers = HeaderMap::new();
            headers.insert(GRPC, HeaderValue::from_static("1S"));
            headers.insert(
                MILLIS,
                HeaderValue::from_bytes(text.as_bytes()).expect("a value"),
            );
            assert!(extract(&headers, NOW).is_err(), "{text}");
        }
        let mut headers = HeaderMap::new();
        headers.insert(
            GRPC,
            HeaderValue::from_bytes(&vec![b'1'; 1 << 20]).expect("a value"),
        );
        assert!(extract(&headers, NOW).is_err());
    }
}
