//! Deadlines in headers: what is left of a call, told to whoever is asked next.
//!
//! Two headers carry the time that is left, never a moment: the clocks of two machines differ, a span does not.
//!
//! - `grpc-timeout`, as in [gRPC over HTTP/2](https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md):
//!   1 to 8 digits and one of `H M S m u n` (hours, minutes, seconds, milliseconds, microseconds, nanoseconds).
//! - `x-request-timeout-ms`: whole milliseconds in digits, as proxies send them.
//!
//! Zero is a value: the time is over already. Blanks and tabs around a value are no part of it (RFC 9110, 5.5).
//! What is longer than 64 bytes is refused before it is read, so a header of a megabyte costs what an empty one
//! costs; a span above a day is refused as absurd, since no setting may be longer either.
//!
//! ```
//! use seawall_core::{Nanos, deadline::header};
//!
//! assert_eq!(header::from_grpc("1500m")?, Nanos::from_millis(1_500));
//! assert_eq!(header::to_grpc(Nanos::from_millis(1_500)).as_deref(), Some("1500000u"));
//! assert!(header::from_grpc("-1S").is_err());
//! # Ok::<(), seawall_core::deadline::header::HeaderError>(())
//! ```

use core::fmt;
use core::ops::Deref;

use crate::time::Nanos;

/// The name of gRPC's header, in lower case as HTTP/2 wants it.
pub const GRPC_TIMEOUT: &str = "grpc-timeout";
/// The name of the header with milliseconds.
pub const REQUEST_TIMEOUT_MS: &str = "x-request-timeout-ms";

/// The longest value of a header that is read at all, in bytes.
pub const MOST_BYTES: usize = 64;

/// The most digits that gRPC allows before the unit.
const MOST_GRPC_DIGITS: usize = 8;
/// The first number with too many digits for gRPC.
const GRPC_END: u64 = 100_000_000;

/// What is wrong with the value of a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
#[non_exhaustive]
pub enum HeaderFault {
    /// Nothing stands there.
    Empty = 1,
    /// More than [`MOST_BYTES`] bytes: not read any further.
    TooLong = 2,
    /// Not what the header's grammar allows.
    Malformed = 3,
    /// More than a day.
    TooLarge = 4,
}

/// A header that cannot be taken at its word. Carries no piece of the value: it came from outside and may be
/// anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeaderError {
    /// The header, in lower case (`grpc-timeout`).
    pub header: &'static str,
    /// What is wrong with its value.
    pub kind: HeaderFault,
    /// How many bytes the value had.
    pub bytes: usize,
    /// What would have been right, for people.
    pub expected: &'static str,
}

impl fmt::Display for HeaderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            header, expected, ..
        } = self;
        match self.kind {
            HeaderFault::Empty => write!(f, "{header}: is empty; expected {expected}"),
            HeaderFault::TooLong => {
                write!(
                    f,
                    "{header}: {} bytes are more than {MOST_BYTES}; expected {expected}",
                    self.bytes
                )
            }
            HeaderFault::Malformed => write!(f, "{header}: is malformed; expected {expected}"),
            HeaderFault::TooLarge => write!(f, "{header}: is more than a day; expected {expected}"),
        }
    }
}

impl core::error::Error for HeaderError {}

/// The value of one header, as it arrived.
pub(crate) struct Value<'a> {
    header: &'static str,
    expected: &'static str,
    bytes: usize,
    pub(crate) text: &'a [u8],
}

impl<'a> Value<'a> {
    /// The value without the blanks around it, if it is worth reading.
    pub(crate) const fn of(
        header: &'static str,
        expected: &'static str,
        text: &'a [u8],
    ) -> Result<Self, HeaderError> {
        let value = Self {
            header,
            expected,
            bytes: text.len(),
            text,
        };
        if text.len() > MOST_BYTES {
            return Err(value.wrong(HeaderFault::TooLong));
        }
        let text = trim(text);
        if text.is_empty() {
            return Err(value.wrong(HeaderFault::Empty));
        }
        Ok(Self { text, ..value })
    }

    pub(crate) const fn wrong(&self, kind: HeaderFault) -> HeaderError {
        HeaderError {
            header: self.header,
            kind,
            bytes: self.bytes,
            expected: self.expected,
        }
    }

    fn within_a_day(&self, span: Nanos) -> Result<Nanos, HeaderError> {
        if span > Nanos::DAY {
            Err(self.wrong(HeaderFault::TooLarge))
        } else {
            Ok(span)
        }
    }
}

/// Without blanks and tabs at both ends, and nothing else that Unicode would call a blank.
const fn trim(mut text: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] = text {
        text = rest;
    }
    while let [rest @ .., b' ' | b'\t'] = text {
        text = rest;
    }
    text
}

/// A number in ASCII digits, at least one; saturates.
pub(crate) fn number(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0_u64, |number, byte| {
        byte.is_ascii_digit().then(|| {
            number
                .saturating_mul(10)
                .saturating_add(u64::from(byte & 0x0F))
        })
    })
}

/// Reads the value of `grpc-timeout`.
///
/// # Errors
/// [`HeaderError`] for anything but 1 to 8 digits and a unit, and for more than a day.
pub fn from_grpc(text: impl AsRef<[u8]>) -> Result<Nanos, HeaderError> {
    let value = Value::of(
        GRPC_TIMEOUT,
        "1 to 8 digits and one of H M S m u n, at most a day",
        text.as_ref(),
    )?;
    let malformed = value.wrong(HeaderFault::Malformed);
    let (unit, digits) = value.text.split_last().ok_or(malformed)?;
    let nanos: u64 = match unit {
        b'n' => 1,
        b'u' => 1_000,
        b'm' => 1_000_000,
        b'S' => 1_000_000_000,
        b'M' => 60_000_000_000,
        b'H' => 3_600_000_000_000,
        _ => return Err(malformed),
    };
    if digits.len() > MOST_GRPC_DIGITS {
        return Err(malformed);
    }
    let count = number(digits).ok_or(malformed)?;
    value.within_a_day(Nanos(count.saturating_mul(nanos)))
}

/// Reads the value of `x-request-timeout-ms`. Leading zeros do not matter.
///
/// # Errors
/// [`HeaderError`] for anything but digits, and for more than a day.
pub fn from_millis(text: impl AsRef<[u8]>) -> Result<Nanos, HeaderError> {
    let value = Value::of(
        REQUEST_TIMEOUT_MS,
        "whole milliseconds in digits, 0 to 86400000",
        text.as_ref(),
    )?;
    let malformed = value.wrong(HeaderFault::Malformed);
    let millis = number(value.text).ok_or(malformed)?;
    value.within_a_day(Nanos::from_millis(millis))
}

/// Writes what is left as `grpc-timeout`: in the finest unit whose number fits 8 digits, rounded down, so that
/// nobody below waits longer than the caller does. `None` for [`Nanos::MAX`]: no deadline, no header. More than
/// a day is written as a day, the longest span that is read.
#[must_use]
pub fn to_grpc(span: Nanos) -> Option<HeaderText> {
    let nanos = within_what_is_read(span)?;
    let (micros, millis) = (nanos / 1_000, nanos / 1_000_000);
    Some(if nanos < GRPC_END {
        HeaderText::new(nanos, b"n")
    } else if micros < GRPC_END {
        HeaderText::new(micros, b"u")
    } else {
        // A day has 86,400,000 of them, so that no coarser unit is ever needed.
        HeaderText::new(millis, b"m")
    })
}

/// Writes what is left as `x-request-timeout-ms`, rounded down: less than a millisecond is 0. `None` for
/// [`Nanos::MAX`]: no deadline, no header. More than a day is written as a day.
#[must_use]
pub fn to_millis(span: Nanos) -> Option<HeaderText> {
    Some(HeaderText::new(within_what_is_read(span)? / 1_000_000, b""))
}

fn within_what_is_read(span: Nanos) -> Option<u64> {
    (span != Nanos::MAX).then_some(span.min(Nanos::DAY).0)
}

/// A written value, without memory of its own elsewhere. Reads as `str`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct HeaderText {
    // Right-aligned, because digits come out of a number from the right.
    bytes: [u8; Self::MOST],
    length: usize,
}

impl HeaderText {
    /// The longest text, in bytes.
    pub const MOST: usize = 12;

    fn new(number: u64, unit: &[u8]) -> Self {
        let mut text = Self {
            bytes: [b'0'; Self::MOST],
            length: 0,
        };
        let mut left = number;
        let mut is_over = false;
        let mut unit = unit.iter().rev();
        for place in text.bytes.iter_mut().rev() {
            if let Some(letter) = unit.next() {
                *place = *letter;
            } else if is_over {
                break;
            } else {
                // The remainder is a single digit.
                *place = b'0' | u8::try_from(left % 10).unwrap_or(0);
                left /= 10;
                is_over = left == 0;
            }
            text.length = text.length.saturating_add(1);
        }
        text
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        let start = Self::MOST.saturating_sub(self.length);
        let (_, text) = self.bytes.split_at_checked(start).unwrap_or((&[], &[]));
        core::str::from_utf8(text).unwrap_or("")
    }
}

impl Deref for HeaderText {
    type Target = str;

    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl AsRef<str> for HeaderText {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl fmt::Display for HeaderText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for HeaderText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::ToString;
    use std::vec;

    fn fault<T>(answer: Result<T, HeaderError>) -> Option<HeaderFault> {
        answer.err().map(|error| error.kind)
    }

    #[test]
    fn every_unit_is_read() {
        for (text, nanos) in [
            ("0n", 0),
            ("1n", 1),
            ("7u", 7_000),
            ("99999999n", 99_999_999),
            ("250m", 250_000_000),
            ("00000005S", 5_000_000_000),
            ("90M", 5_400_000_000_000),
            ("24H", Nanos::DAY.0),
            (" \t5S\t ", 5_000_000_000),
        ] {
            assert_eq!(from_grpc(text), Ok(Nanos(nanos)), "{text}");
        }
    }

    #[test]
    fn what_the_grammar_does_not_know_is_refused_with_its_kind() {
        for text in [
            "S",
            "5",
            "5s",
            "5h",
            "5 S",
            "+5S",
            "-5S",
            "5.0S",
            "0x5S",
            "5SS",
            "123456789n",
            "\u{665}S",
            "5S\n",
            "5S\0",
            "1e3m",
        ] {
            assert_eq!(
                fault(from_grpc(text)),
                Some(HeaderFault::Malformed),
                "{text:?}"
            );
        }
        for text in ["25H", "1441M", "86401S", "86400001m", "99999999H"] {
            assert_eq!(
                fault(from_grpc(text)),
                Some(HeaderFault::TooLarge),
                "{text}"
            );
        }
        for text in ["", " ", "\t \t"] {
            assert_eq!(fault(from_grpc(text)), Some(HeaderFault::Empty), "{text:?}");
            assert_eq!(
                fault(from_millis(text)),
                Some(HeaderFault::Empty),
                "{text:?}"
            );
        }
        let megabyte = vec![b'0'; 1 << 20];
        assert_eq!(fault(from_grpc(&megabyte)), Some(HeaderFault::TooLong));
        assert_eq!(fault(from_millis(&megabyte)), Some(HeaderFault::TooLong));
        assert_eq!(
            fault(from_millis([0xFF, 0xFE])),
            Some(HeaderFault::Malformed)
        );
    }

    #[test]
    fn milliseconds_are_digits_up_to_a_day() {
        assert_eq!(from_millis("0"), Ok(Nanos::ZERO));
        assert_eq!(
            from_millis("0000000000000000001500"),
            Ok(Nanos::from_millis(1_500))
        );
        assert_eq!(from_millis("86400000"), Ok(Nanos::DAY));
        assert_eq!(fault(from_millis("86400001")), Some(HeaderFault::TooLarge));
        assert_eq!(
            fault(from_millis("99999999999999999999999999")),
            Some(HeaderFault::TooLarge)
        );
        for text in ["1.5", "-1", "+1", "1_000", "1 000", "5S", "ten", "1e3"] {
            assert_eq!(
                fault(from_millis(text)),
                Some(HeaderFault::Malformed),
                "{text}"
            );
        }
    }

    #[test]
    fn writing_takes_the_finest_unit_that_fits_and_rounds_down() {
        for (nanos, grpc, millis) in [
            (0, "0n", "0"),
            (1, "1n", "0"),
            (99_999_999, "99999999n", "99"),
            (100_000_000, "100000u", "100"),
            (100_000_999, "100000u", "100"),
            (99_999_999_999, "99999999u", "99999"),
            (100_000_000_000, "100000m", "100000"),
            (Nanos::DAY.0, "86400000m", "86400000"),
            (Nanos::DAY.0 * 2, "86400000m", "86400000"),
            (u64::MAX - 1, "86400000m", "86400000"),
        ] {
            assert_eq!(to_grpc(Nanos(nanos)).as_deref(), Some(grpc));
            assert_eq!(to_millis(Nanos(nanos)).as_deref(), Some(millis));
        }
        assert_eq!((to_grpc(Nanos::MAX), to_millis(Nanos::MAX)), (None, None));
    }

    #[test]
    fn an_error_names_the_header_and_what_was_expected() {
        assert_eq!(
            from_millis("ten").expect_err("no digits").to_string(),
            "x-request-timeout-ms: is malformed; expected whole milliseconds in digits, 0 to 86400000"
        );
        let long = from_grpc([b' '; 65]).expect_err("too long");
        assert_eq!((long.bytes, long.header), (65, "grpc-timeout"));
        assert!(
            long.to_string()
                .starts_with("grpc-timeout: 65 bytes are more than 64;")
        );
    }
}
