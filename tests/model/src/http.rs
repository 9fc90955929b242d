//! Headers and what HTTP says, as slowly and plainly as can be: a text is cut at its blanks, written again from what was
//! understood, and taken only if both are the same; days are counted year by year and month by month.

use crate::{DAY, MILLISECOND, Outcome, SECOND};

const MONTHS: [(&str, u64); 12] = [
    ("Jan", 31),
    ("Feb", 28),
    ("Mar", 31),
    ("Apr", 30),
    ("May", 31),
    ("Jun", 30),
    ("Jul", 31),
    ("Aug", 31),
    ("Sep", 30),
    ("Oct", 31),
    ("Nov", 30),
    ("Dec", 31),
];
const WEEKDAYS: [&str; 7] = [
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
    "Sunday",
];

/// The value without blanks around it, or nothing when it is empty or not worth reading.
fn value(bytes: &[u8]) -> Option<&str> {
    if bytes.len() > 64 {
        return None;
    }
    let text = std::str::from_utf8(bytes).ok()?;
    let text = text.trim_matches([' ', '\t']);
    (!text.is_empty()).then_some(text)
}

/// A number of digits and nothing else.
fn digits(text: &str) -> Option<u128> {
    let is_number = !text.is_empty() && text.chars().all(|letter| "0123456789".contains(letter));
    // Sixty-four digits do not fit, and are more than anything that is compared with them.
    is_number.then(|| text.parse().unwrap_or(u128::MAX))
}

fn within_a_day(count: u128, unit: u64) -> Option<u64> {
    let span = count.checked_mul(u128::from(unit))?;
    (span <= u128::from(DAY)).then_some(span as u64)
}

/// The value of `grpc-timeout` in nanoseconds; nothing when it is refused.
pub fn grpc_timeout(bytes: &[u8]) -> Option<u64> {
    let text = value(bytes)?;
    let units = [
        ('H', 3_600 * SECOND),
        ('M', 60 * SECOND),
        ('S', SECOND),
        ('m', MILLISECOND),
        ('u', 1_000),
        ('n', 1),
    ];
    let (_, unit) = units
        .into_iter()
        .find(|(letter, _)| text.ends_with(*letter))?;
    let number = &text[..text.len() - 1];
    if number.len() > 8 {
        return None;
    }
    within_a_day(digits(number)?, unit)
}

/// The value of `x-request-timeout-ms` in nanoseconds; nothing when it is refused.
pub fn timeout_ms(bytes: &[u8]) -> Option<u64> {
    within_a_day(digits(value(bytes)?)?, MILLISECOND)
}

/// A span as `grpc-timeout`: the first unit, from the finest, whose number has at most eight digits.
pub fn write_grpc_timeout(span_ns: u64) -> String {
    let span = span_ns.min(DAY);
    [(1, 'n'), (1_000, 'u'), (MILLISECOND, 'm'), (SECOND, 'S')]
        .into_iter()
        .map(|(unit, letter)| format!("{}{letter}", span / unit))
        .find(|text| text.len() <= 9)
        .expect("a day has fewer than a hundred million seconds")
}

/// A span as `x-request-timeout-ms`.
pub fn write_timeout_ms(span_ns: u64) -> String {
    (span_ns.min(DAY) / MILLISECOND).to_string()
}

/// The value of `Retry-After` in nanoseconds from now; nothing when it is refused.
pub fn retry_after(bytes: &[u8], unix_ms: u64) -> Option<u64> {
    let text = value(bytes)?;
    let millis = match digits(text) {
        Some(seconds) => seconds.saturating_mul(1_000),
        None => {
            let at = date(text, unix_ms / 1_000)? * 1_000;
            u128::from(at.saturating_sub(unix_ms))
        }
    };
    let span = millis.saturating_mul(u128::from(MILLISECOND));
    Some(span.min(u128::from(DAY)) as u64)
}

/// Seconds since 1970 of an HTTP date, 0 for earlier ones.
pub fn date(text: &str, now: u64) -> Option<u64> {
    let words: Vec<&str> = text.split(' ').collect();
    match words[..] {
        [weekday, day, month, year, time, "GMT"] => {
            let day = digits(day)? as u64;
            let moment = Moment::of(digits(year)? as u64, month, day, time)?;
            let (month, _) = MONTHS[moment.month];
            let again = format!(
                "{weekday} {day:02} {month} {:04} {} GMT",
                moment.year,
                moment.clock()
            );
            let is_named = WEEKDAYS
                .iter()
                .any(|name| weekday == format!("{},", &name[..3]));
            (again == text && is_named).then(|| moment.seconds())?
        }
        [weekday, date, time, "GMT"] => {
            let is_named = WEEKDAYS.iter().any(|name| weekday == format!("{name},"));
            let parts: Vec<&str> = date.split('-').collect();
            let [day, month, year] = parts[..] else {
                return None;
            };
            let day = digits(day)? as u64;
            let (mut last, digits) = (None, digits(year)? as u64);
            let today = Moment::at(now);
            for year in (1900..10_000).filter(|year| year % 100 == digits) {
                let moment = Moment::of(year, month, day, time)?;
                let again = format!(
                    "{weekday} {day:02}-{month}-{:02} {} GMT",
                    year % 100,
                    moment.clock()
                );
                if again != text || !is_named {
                    return None;
                }
                let latest = (today.year + 50, today.month, today.day, today.clock());
                if (moment.year, moment.month, moment.day, moment.clock()) <= latest {
                    last = moment.seconds().or(last);
                }
            }
            last
        }
        [weekday, month, ref rest @ ..] => {
            let [day, time, year] = *rest.strip_prefix(&[""]).unwrap_or(rest) else {
                return None;
            };
            let day = digits(day)? as u64;
            let moment = Moment::of(digits(year)? as u64, month, day, time)?;
            let year = moment.year;
            // A day of one digit has a blank before it, or, as some servers write it, a nought.
            let is_same = [format!("{day:2}"), format!("{day:02}")]
                .iter()
                .any(|day| text == format!("{weekday} {month} {day} {} {year:04}", moment.clock()));
            let is_named = WEEKDAYS.iter().any(|name| weekday == &name[..3]);
            (is_same && is_named).then(|| moment.seconds())?
        }
        _ => None,
    }
}

struct Moment {
    year: u64,
    month: usize,
    day: u64,
    hour: u64,
    minute: u64,
    second: u64,
}

impl Moment {
    fn of(year: u64, month: &str, day: u64, time: &str) -> Option<Self> {
        let parts: Vec<u128> = time.split(':').map(digits).collect::<Option<_>>()?;
        let [hour, minute, second] = parts[..] else {
            return None;
        };
        Some(Self {
            year,
            month: MONTHS.iter().position(|(name, _)| *name == month)?,
            day,
            hour: hour as u64,
            minute: minute as u64,
            second: second as u64,
        })
    }

    /// The moment that is so many seconds after the beginning of 1970; in the year 9999 at the latest.
    fn at(seconds: u64) -> Self {
        let (mut year, mut month, mut left) = (1970, 0, seconds / 86_400);
        while left >= days(year, month) && year < 10_000 {
            left -= days(year, month);
            month = (month + 1) % 12;
            year += u64::from(month == 0);
        }
        Self {
            year,
            month,
            day: left + 1,
            hour: seconds / 3_600 % 24,
            minute: seconds / 60 % 60,
            second: seconds % 60,
        }
    }

    fn clock(&self) -> String {
        format!("{:02}:{:02}:{:02}", self.hour, self.minute, self.second)
    }

    fn seconds(&self) -> Option<u64> {
        let is_day = (1..=days(self.year, self.month)).contains(&self.day);
        if !is_day || self.year > 9_999 || self.hour > 23 || self.minute > 59 || self.second > 60 {
            return None;
        }
        if self.year < 1970 {
            return Some(0);
        }
        let years: u64 = (1970..self.year)
            .map(|year| (0..12).map(|month| days(year, month)).sum::<u64>())
            .sum();
        let months: u64 = (0..self.month).map(|month| days(self.year, month)).sum();
        let days = years + months + self.day - 1;
        Some(((days * 24 + self.hour) * 60 + self.minute) * 60 + self.second)
    }
}

/// The days of a month, which is 0 for January.
fn days(year: u64, month: usize) -> u64 {
    let is_leap = year.is_multiple_of(400) || (year.is_multiple_of(4) && !year.is_multiple_of(100));
    MONTHS[month].1 + u64::from(is_leap && month == 1)
}

/// What an attempt says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Said {
    /// How it ended for the dependency.
    pub outcome: Outcome,
    /// Whether another attempt may help.
    pub retryable: bool,
    /// Whether the request was certainly not sent.
    pub not_sent: bool,
    /// `failure`, `throttled` or `timeout`.
    pub cause: &'static str,
}

/// What the status of an answer says; `has_wait` when the server named a wait.
pub fn status(status: u64, has_wait: bool) -> Said {
    let is_served = (100..500).contains(&status) && ![408, 425, 429].contains(&status);
    let is_throttled = status == 429 || (status == 503 && has_wait);
    Said {
        outcome: if is_served {
            Outcome::Success
        } else {
            Outcome::Failure
        },
        retryable: !is_served && ![501, 505].contains(&status),
        not_sent: false,
        cause: if is_throttled { "throttled" } else { "failure" },
    }
}

/// What the lack of an answer says.
pub fn trouble(trouble: &str) -> Said {
    let (retryable, not_sent, cause) = match trouble {
        "not_connected" => (true, true, "failure"),
        "connect_timeout" => (true, true, "timeout"),
        "read_timeout" => (true, false, "timeout"),
        "reset" => (true, false, "failure"),
        "protocol" | "other" => (false, false, "failure"),
        other => panic!("no trouble {other}"),
    };
    Said {
        outcome: Outcome::Failure,
        retryable,
        not_sent,
        cause,
    }
}

/// Whether a method may be sent twice.
pub fn idempotent(method: &str) -> bool {
    "GET HEAD PUT DELETE OPTIONS TRACE"
        .split(' ')
        .any(|known| known == method)
}
