//! Retry-After: when a server wants to be asked again.
//!
//! The value is a number of seconds or a date (RFC 9110, 10.2.3). A date is any of the three forms that a recipient
//! must take (RFC 9110, 5.6.7): `Sun, 06 Nov 1994 08:49:37 GMT` as everybody writes it today, and the two old ones,
//! `Sunday, 06-Nov-94 08:49:37 GMT` and `Sun Nov  6 08:49:37 1994`. Names of days and months are case-sensitive
//! there, and here. A day must have a name, but not the one that fits the date: the date says enough.
//!
//! A date in the past is zero: now. More than a day counts as a day: a server may well mean "next week", but no
//! wait of ours is longer, and a call ends at its deadline in any case. A refused value is no reason to fail a
//! call that has its answer: go on as if the header were not there.
//!
//! ```
//! use seawall_core::{Nanos, retry_after};
//!
//! let now_ms = 784_111_777_000; // Sun, 06 Nov 1994 08:49:37 GMT
//! assert_eq!(retry_after::parse("120", now_ms)?, Nanos::from_secs(120));
//! assert_eq!(retry_after::parse("Sun, 06 Nov 1994 08:50:07 GMT", now_ms)?, Nanos::from_secs(30));
//! # Ok::<(), seawall_core::deadline::header::HeaderError>(())
//! ```

use crate::deadline::header::{HeaderError, HeaderFault, Value, number};
use crate::time::Nanos;

/// The name of the header.
pub const RETRY_AFTER: &str = "retry-after";

/// How many years ahead a year of two digits may lie.
const AHEAD: u64 = 50;
const DAY_SECONDS: u64 = 86_400;

/// Reads the value of Retry-After: how long to wait from `unix_ms`, the wall clock in milliseconds since 1970. The
/// wall clock is only read here, since a date is of that clock; `unix_ms` does not matter for a number of seconds.
///
/// # Errors
/// [`HeaderError`] for anything but digits or a date, and for more than 64 bytes.
pub fn parse(text: impl AsRef<[u8]>, unix_ms: u64) -> Result<Nanos, HeaderError> {
    let value = Value::of(
        RETRY_AFTER,
        "whole seconds in digits, or a date such as Sun, 06 Nov 1994 08:49:37 GMT",
        text.as_ref(),
    )?;
    let span = match number(value.text) {
        Some(seconds) => Nanos::from_secs(seconds),
        None => {
            let at =
                date(value.text, unix_ms / 1_000).ok_or(value.wrong(HeaderFault::Malformed))?;
            Nanos::from_millis(at.saturating_mul(1_000).saturating_sub(unix_ms))
        }
    };
    Ok(span.min(Nanos::DAY))
}

/// The date in seconds since 1970, 0 for what lies before.
fn date(text: &[u8], now: u64) -> Option<u64> {
    imf_fixdate(text)
        .or_else(|| asctime(text))
        .or_else(|| rfc850(text, now))
}

/// `Sun, 06 Nov 1994 08:49:37 GMT`
fn imf_fixdate(text: &[u8]) -> Option<u64> {
    let [
        weekday @ ..,
        b',',
        b' ',
        d1,
        d2,
        b' ',
        m1,
        m2,
        m3,
        b' ',
        y1,
        y2,
        y3,
        y4,
        b' ',
        _,
        _,
        _,
        _,
        _,
        _,
        _,
        _,
        b' ',
        b'G',
        b'M',
        b'T',
    ] = text
    else {
        return None;
    };
    is_short_weekday(weekday).then_some(())?;
    seconds(
        number(&[*y1, *y2, *y3, *y4])?,
        month(&[*m1, *m2, *m3])?,
        number(&[*d1, *d2])?,
        time_before(text, b" GMT")?,
    )
}

/// `Sun Nov  6 08:49:37 1994`
fn asctime(text: &[u8]) -> Option<u64> {
    let [
        w1,
        w2,
        w3,
        b' ',
        m1,
        m2,
        m3,
        b' ',
        d1,
        d2,
        b' ',
        _,
        _,
        _,
        _,
        _,
        _,
        _,
        _,
        b' ',
        y1,
        y2,
        y3,
        y4,
    ] = text
    else {
        return None;
    };
    is_short_weekday(&[*w1, *w2, *w3]).then_some(())?;
    let day = match d1 {
        b' ' => number(&[*d2])?,
        _ => number(&[*d1, *d2])?,
    };
    seconds(
        number(&[*y1, *y2, *y3, *y4])?,
        month(&[*m1, *m2, *m3])?,
        day,
        time_before(text, &[b' ', *y1, *y2, *y3, *y4])?,
    )
}

/// `Sunday, 06-Nov-94 08:49:37 GMT`. The year is the last one with these two digits that is not more than fifty
/// years ahead.
fn rfc850(text: &[u8], now: u64) -> Option<u64> {
    let [
        weekday @ ..,
        b',',
        b' ',
        d1,
        d2,
        b'-',
        m1,
        m2,
        m3,
        b'-',
        y1,
        y2,
        b' ',
        _,
        _,
        _,
        _,
        _,
        _,
        _,
        _,
        b' ',
        b'G',
        b'M',
        b'T',
    ] = text
    else {
        return None;
    };
    is_long_weekday(weekday).then_some(())?;
    let (day, month) = (number(&[*d1, *d2])?, month(&[*m1, *m2, *m3])?);
    let (digits, time) = (number(&[*y1, *y2])?, time_before(text, b" GMT")?);
    let is_near = |year: u64| {
        let back = year.saturating_sub(AHEAD);
        // A 29 February has no day of its own fifty years earlier; its day is over when March begins.
        seconds(back, month, day, time)
            .or_else(|| seconds(back, 2, 28, DAY_SECONDS))
            .is_some_and(|at| at <= now)
    };
    (19..100_u64)
        .map(|century| century.saturating_mul(100).saturating_add(digits))
        .take_while(|year| is_near(*year))
        .filter_map(|year| seconds(year, month, day, time))
        .last()
}

/// The seconds of the day in the `08:49:37` before `tail`. A leap second counts as the one after it.
fn time_before(text: &[u8], tail: &[u8]) -> Option<u64> {
    let [.., h1, h2, b':', m1, m2, b':', s1, s2] = text.strip_suffix(tail)? else {
        return None;
    };
    let (hour, minute) = (number(&[*h1, *h2])?, number(&[*m1, *m2])?);
    let second = number(&[*s1, *s2])?;
    (hour < 24 && minute < 60 && second <= 60).then_some(
        hour.saturating_mul(3_600)
            .saturating_add(minute.saturating_mul(60))
            .saturating_add(second),
    )
}

/// Seconds since 1970 of a moment, `None` for a day that does not exist.
fn seconds(year: u64, month: u64, day: u64, time: u64) -> Option<u64> {
    let is_leap = is_leap(year);
    // Days of the year before each month, and the month's length.
    let (before, length) = match month {
        1 => (0, 31),
        2 => (31, if is_leap { 29 } else { 28 }),
        3 => (59, 31),
        4 => (90, 30),
        5 => (120, 31),
        6 => (151, 30),
        7 => (181, 31),
        8 => (212, 31),
        9 => (243, 30),
        10 => (273, 31),
        11 => (304, 30),
        _ => (334, 31),
    };
    if day == 0 || day > length {
        return None;
    }
    if year < 1970 {
        return Some(0);
    }
    let of_years = year
        .saturating_sub(1970)
        .saturating_mul(365)
        .saturating_add(leap_days_before(year))
        .saturating_sub(leap_days_before(1970));
    let of_year = u64::saturating_add(before, day)
        .saturating_sub(1)
        .saturating_add(u64::from(is_leap && month > 2));
    Some(
        of_years
            .saturating_add(of_year)
            .saturating_mul(DAY_SECONDS)
            .saturating_add(time),
    )
}

const fn is_leap(year: u64) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

/// Leap days from the year 1 to the end of the year before.
const fn leap_days_before(year: u64) -> u64 {
    let last = year.saturating_sub(1);
    (last / 4)
        .saturating_sub(last / 100)
        .saturating_add(last / 400)
}

fn month(name: &[u8; 3]) -> Option<u64> {
    Some(match name {
        b"Jan" => 1,
        b"Feb" => 2,
        b"Mar" => 3,
        b"Apr" => 4,
        b"May" => 5,
        b"Jun" => 6,
        b"Jul" => 7,
        b"Aug" => 8,
        b"Sep" => 9,
        b"Oct" => 10,
        b"Nov" => 11,
        b"Dec" => 12,
        _ => return None,
    })
}

fn is_short_weekday(name: &[u8]) -> bool {
    matches!(
        name,
        b"Mon" | b"Tue" | b"Wed" | b"Thu" | b"Fri" | b"Sat" | b"Sun"
    )
}

fn is_long_weekday(name: &[u8]) -> bool {
    matches!(
        name,
        b"Monday" | b"Tuesday" | b"Wednesday" | b"Thursday" | b"Friday" | b"Saturday" | b"Sunday"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::ToString;

    /// Sun, 06 Nov 1994 08:49:37 GMT, the example of the RFC.
    const EXAMPLE: u64 = 784_111_777_000;
    /// Fri, 20 Nov 2026 00:00:00 GMT
    const TODAY: u64 = 1_795_132_800_000;

    fn at(text: &str) -> Option<u64> {
        date(text.as_bytes(), TODAY / 1_000)
    }

    #[test]
    fn the_three_forms_mean_the_same_moment() {
        for text in [
            "Sun, 06 Nov 1994 08:49:37 GMT",
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun Nov  6 08:49:37 1994",
        ] {
            assert_eq!(at(text), Some(EXAMPLE / 1_000), "{text}");
            assert_eq!(
                parse(text, EXAMPLE - 5_000),
                Ok(Nanos::from_secs(5)),
                "{text}"
            );
            assert_eq!(parse(text, EXAMPLE), Ok(Nanos::ZERO), "{text}");
            assert_eq!(parse(text, EXAMPLE + 1), Ok(Nanos::ZERO), "{text}");
            assert_eq!(parse(text, u64::MAX), Ok(Nanos::ZERO), "{text}");
            assert_eq!(parse(text, 0), Ok(Nanos::DAY), "{text}");
        }
    }

    #[test]
    fn milliseconds_of_the_clock_count() {
        assert_eq!(
            parse("Sun, 06 Nov 1994 08:49:37 GMT", EXAMPLE - 1),
            Ok(Nanos::from_millis(1))
        );
    }

    #[test]
    fn days_that_are_not_in_the_calendar_are_refused() {
        assert_eq!(at("Thu, 01 Jan 1970 00:00:00 GMT"), Some(0));
        assert_eq!(at("Tue, 29 Feb 2000 00:00:00 GMT"), Some(951_782_400));
        assert_eq!(at("Thu, 29 Feb 2024 23:59:60 GMT"), Some(1_709_251_200));
        assert_eq!(at("Fri, 31 Dec 9999 23:59:59 GMT"), Some(253_402_300_799));
        assert_eq!(at("Wed, 31 Dec 1969 23:59:59 GMT"), Some(0));
        assert_eq!(at("Mon, 01 Jan 0000 00:00:00 GMT"), Some(0));
        for text in [
            "Wed, 29 Feb 2100 00:00:00 GMT",
            "Wed, 29 Feb 2023 00:00:00 GMT",
            "Wed, 00 Jan 2025 00:00:00 GMT",
            "Wed, 32 Jan 2025 00:00:00 GMT",
            "Wed, 31 Apr 2025 00:00:00 GMT",
            "Wed, 01 Jan 2025 24:00:00 GMT",
            "Wed, 01 Jan 2025 00:60:00 GMT",
            "Wed, 01 Jan 2025 00:00:61 GMT",
        ] {
            assert_eq!(at(text), None, "{text}");
        }
    }

    #[test]
    fn two_digits_are_a_year_near_the_present() {
        let moment = |text| at(text).map(|seconds| seconds / 31_556_952 + 1970);
        assert_eq!(moment("Sunday, 15-Jun-26 00:00:00 GMT"), Some(2026));
        assert_eq!(moment("Sunday, 15-Jun-76 00:00:00 GMT"), Some(2076));
        assert_eq!(moment("Sunday, 15-Jun-77 00:00:00 GMT"), Some(1977));
        assert_eq!(moment("Sunday, 20-Nov-76 00:00:00 GMT"), Some(2076));
        assert_eq!(moment("Sunday, 20-Nov-76 00:00:01 GMT"), Some(1976));
        // Only one of the years with these digits has this day.
        assert_eq!(moment("Tuesday, 29-Feb-00 00:00:00 GMT"), Some(2000));
        assert_eq!(at("Tuesday, 29-Feb-01 00:00:00 GMT"), None);
    }

    #[test]
    fn seconds_are_digits_and_at_most_a_day() {
        assert_eq!(parse("0", TODAY), Ok(Nanos::ZERO));
        assert_eq!(parse(" 120\t", 0), Ok(Nanos::from_secs(120)));
        assert_eq!(parse("86400", u64::MAX), Ok(Nanos::DAY));
        assert_eq!(parse("604800", TODAY), Ok(Nanos::DAY));
        assert_eq!(
            parse("99999999999999999999999999999", TODAY),
            Ok(Nanos::DAY)
        );
        for text in [
            "-1",
            "+1",
            "1.5",
            "1e3",
            "soon",
            "5s",
            "120, 60",
            "sun, 06 nov 1994 08:49:37 gmt",
            "Sun, 06 Nov 1994 08:49:37 UTC",
            "Sun, 06 Nov 1994 08:49:37 +0000",
            "Sun, 6 Nov 1994 08:49:37 GMT",
            "Sun,06 Nov 1994 08:49:37 GMT",
            "Sun, 06 Nov 94 08:49:37 GMT",
            "Sunday, 06 Nov 1994 08:49:37 GMT",
            "Sun, 06-Nov-94 08:49:37 GMT",
            "Sun, 06 Nov 1994 8:49:37 GMT",
            "Sun Nov 6 08:49:37 1994",
            "Sun Nov 06 08:49:37 1994 GMT",
            "1994-11-06T08:49:37Z",
            "784111777 GMT",
        ] {
            assert_eq!(
                parse(text, EXAMPLE).map_err(|error| error.kind),
                Err(HeaderFault::Malformed),
                "{text}"
            );
        }
        assert_eq!(
            parse("soon", 0).expect_err("no number").to_string(),
            "retry-after: is malformed; expected whole seconds in digits, or a date such as Sun, 06 Nov 1994 08:49:37 GMT"
        );
        assert_eq!(
            parse("", 0).map_err(|error| error.kind),
            Err(HeaderFault::Empty)
        );
        assert_eq!(
            parse([b'1'; 65], 0).map_err(|error| error.kind),
            Err(HeaderFault::TooLong)
        );
    }
}
