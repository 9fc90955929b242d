//! Durations, shares and rates as people write them: "250ms", "12.5%", "100/s".

use seawall_core::Nanos;

/// Units of time from the longest to the shortest, in nanoseconds; the long words belong to rates.
const UNITS: [(&str, u64); 11] = [
    ("d", 86_400_000_000_000),
    ("day", 86_400_000_000_000),
    ("h", 3_600_000_000_000),
    ("hour", 3_600_000_000_000),
    ("m", 60_000_000_000),
    ("minute", 60_000_000_000),
    ("s", SECOND),
    ("second", SECOND),
    ("ms", 1_000_000),
    ("us", 1_000),
    ("ns", 1),
];
const SECOND: u64 = 1_000_000_000;

/// A duration as a number and a unit: "250ms", "1.5s", "2h". Units are ns, us, ms, s, m, h and d. Rounded to the
/// nanosecond; more than 584 years are [`Nanos::MAX`].
///
/// # Errors
/// What is wrong with the text, and how to write it.
pub fn span(text: &str) -> Result<Nanos, String> {
    let (number, unit) = split(text);
    if number.starts_with('-') {
        return Err(format!("{} is negative", quoted(text)));
    }
    if number.is_empty() {
        return Err(format!(
            "{} is no duration: write it like \"250ms\" or \"1.5s\"",
            quoted(text)
        ));
    }
    let size = match unit {
        "" => {
            // A number too long to be shown whole is no example either.
            let example = if number.len() <= 20 { number } else { "1" };
            return Err(format!(
                "{} has no unit: write \"{example}ms\" or \"{example}s\"",
                quoted(text)
            ));
        }
        // Long words belong to rates, "10/minute"; a duration has one way to be written.
        "ns" | "us" | "ms" | "s" | "m" | "h" | "d" => size_of(unit),
        _ => None,
    };
    let size = size.ok_or_else(|| {
        format!(
            "{} is no unit of time in {}: use ns, us, ms, s, m, h or d",
            quoted(unit.trim()),
            quoted(text)
        )
    })?;
    scaled(number, size)
        .map(Nanos)
        .ok_or_else(|| {
            format!(
                "{} is no duration: write it like \"250ms\" or \"1.5s\"",
                quoted(text)
            )
        })
        .and_then(|span| {
            if span == Nanos::ZERO && number.bytes().any(|digit| matches!(digit, b'1'..=b'9')) {
                Err(format!("{} is less than a nanosecond", quoted(text)))
            } else {
                Ok(span)
            }
        })
}

/// The shortest exact way to write a span that [`span`] reads back.
pub fn show_span(span: Nanos) -> String {
    let nanos = span.0;
    for (unit, size) in UNITS {
        if nanos < size || unit.len() > 2 {
            continue;
        }
        // Minutes, hours and days are written whole; below them decimals read better than large numbers.
        if size > SECOND && !nanos.is_multiple_of(size) {
            continue;
        }
        return format!("{}{unit}", decimal(nanos, size));
    }
    "0s".to_string()
}

/// A rate as calls and the while they are meant for: "100/s", "10/minute", "5/250ms". The while is one of the units
/// of [`span`] or second, minute, hour, day, or a duration. The range is checked where the limits are.
///
/// # Errors
/// What is wrong with the text, and how to write it.
pub fn rate(text: &str) -> Result<(u64, Nanos), String> {
    let wrong = || {
        format!(
            "{} is no rate: write it like \"100/s\", \"10/minute\" or \"5/250ms\"",
            quoted(text)
        )
    };
    let (permits, period) = text.split_once('/').ok_or_else(wrong)?;
    let (permits, period) = (permits.trim(), period.trim());
    if permits.is_empty() || !permits.bytes().all(|byte| byte.is_ascii_digit()) {
        let is_decimal = scaled(permits, 1).is_some();
        return Err(if is_decimal {
            format!(
                "{} does not let whole calls pass: write it like \"1/2s\"",
                quoted(text)
            )
        } else {
            wrong()
        });
    }
    // Only more digits than fit can fail here; the range is checked where the limits are.
    let permits = permits.parse().unwrap_or(u64::MAX);
    if let Some(size) = size_of(period) {
        return Ok((permits, Nanos(size)));
    }
    span(period)
        .map(|period| (permits, period))
        .map_err(|_| wrong())
}

/// The rate as [`rate`] reads it back.
pub fn show_rate(permits: u64, period: Nanos) -> String {
    let unit = match period.0 {
        86_400_000_000_000 => "day",
        3_600_000_000_000 => "hour",
        60_000_000_000 => "minute",
        SECOND => "s",
        _ => return format!("{permits}/{}", show_span(period)),
    };
    format!("{permits}/{unit}")
}

/// A share such as "12.5%" in thousandths, rounded to the nearest.
///
/// # Errors
/// What is wrong with the text, and how to write it.
pub fn percent(text: &str) -> Result<u32, String> {
    let wrong = || {
        format!(
            "{} is no share: write it like \"12.5%\" or 0.125",
            quoted(text)
        )
    };
    let number = text.strip_suffix('%').ok_or_else(wrong)?;
    if number.starts_with('-') {
        return Err(format!("{} is negative", quoted(text)));
    }
    let permille = scaled(number, 10).ok_or_else(wrong)?;
    if permille == 0 && number.bytes().any(|digit| matches!(digit, b'1'..=b'9')) {
        return Err(format!(
            "{} is less than 0.1%, the finest share there is",
            quoted(text)
        ));
    }
    Ok(u32::try_from(permille).unwrap_or(u32::MAX))
}

/// Thousandths as a percentage that [`percent`] reads back.
pub fn show_percent(permille: u32) -> String {
    format!("{}%", decimal(u64::from(permille), 10))
}

/// Thousandths as a plain number: 2000 is "2.0".
pub(crate) fn show_factor(permille: u32) -> String {
    let text = decimal(u64::from(permille), 1_000);
    if text.contains('.') {
        text
    } else {
        format!("{text}.0")
    }
}

/// A piece of somebody's text, fit to be shown: short, on one line, and without control characters.
pub(crate) fn quoted(text: &str) -> String {
    const LONGEST: usize = 40;
    let mut shown: String = text
        .chars()
        .take(LONGEST)
        .flat_map(char::escape_debug)
        .collect();
    if text.chars().nth(LONGEST).is_some() {
        shown.push_str("...");
    }
    format!("\"{shown}\"")
}

fn size_of(unit: &str) -> Option<u64> {
    UNITS
        .iter()
        .find(|(name, _)| *name == unit)
        .map(|(_, size)| *size)
}

/// Where the number ends and the unit begins.
fn split(text: &str) -> (&str, &str) {
    let end = text
        .find(|c: char| !matches!(c, '0'..='9' | '.' | '-' | '+'))
        .unwrap_or(text.len());
    text.split_at(end)
}

/// A decimal number times `size`, rounded to the nearest whole, saturating; `None` when it is no number.
fn scaled(number: &str, size: u64) -> Option<u64> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !is_digits(whole) || !is_digits(fraction) {
        return None;
    }
    let size = u128::from(size);
    let whole = whole
        .parse::<u128>()
        .unwrap_or(u128::MAX)
        .saturating_mul(size);
    // Eighteen digits are finer than a nanosecond of a day; what follows cannot change the rounding visibly.
    let fraction = &fraction[..fraction.len().min(18)];
    let scale = 10u128.pow(u32::try_from(fraction.len()).unwrap_or(18));
    let part = fraction.parse::<u128>().unwrap_or(0) * size;
    let total = whole.saturating_add((part + scale / 2) / scale);
    Some(u64::try_from(total).unwrap_or(u64::MAX))
}

/// `value / size` in decimals, exactly; `size` is a product of tens or divides `value`.
fn decimal(value: u64, size: u64) -> String {
    let (whole, rest) = (value / size, value % size);
    if rest == 0 {
        return whole.to_string();
    }
    let digits = size.ilog10() as usize;
    let fraction = format!("{rest:0digits$}");
    format!("{whole}.{}", fraction.trim_end_matches('0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_a_number_and_a_unit() {
        for (text, nanos) in [
            ("250ms", 250_000_000),
            ("1.5s", 1_500_000_000),
            ("2h", 7_200_000_000_000),
            ("1d", 86_400_000_000_000),
            ("0s", 0),
            ("0.5us", 500),
            ("90m", 5_400_000_000_000),
            ("0.30000000000000004s", 300_000_000),
            ("99999999999999999999999999999999999999999999d", u64::MAX),
        ] {
            assert_eq!(span(text), Ok(Nanos(nanos)), "{text}");
        }
        for text in [
            "", "s", "250", "-5s", "5 s", "5sec", "5S", "1e3s", "1..5s", ".5s", "5.s", "+5s",
            "NaN", "inf", "infs", "0.1ns", "1m30s", "5µ", "٣s",
        ] {
            assert!(span(text).is_err(), "{text}");
        }
    }

    #[test]
    fn spans_read_back_as_they_were() {
        for nanos in [
            0,
            1,
            999,
            1_001,
            1_500_000,
            999_999_999,
            1_500_000_000,
            6_300_000_000,
            60_000_000_000,
            61_000_000_001,
            90_000_000_000,
            300_000_000_000,
            90_000_000_000_000,
            86_400_000_000_000,
            u64::MAX,
        ] {
            assert_eq!(
                span(&show_span(Nanos(nanos))),
                Ok(Nanos(nanos)),
                "{}",
                show_span(Nanos(nanos))
            );
        }
        assert_eq!(show_span(Nanos(6_300_000_000)), "6.3s");
        assert_eq!(show_span(Nanos(90_000_000_000)), "90s");
        assert_eq!(show_span(Nanos(300_000_000_000)), "5m");
    }

    #[test]
    fn rates_are_permits_in_a_while() {
        for (text, permits, nanos) in [
            ("100/s", 100, SECOND),
            ("10/minute", 10, 60 * SECOND),
            ("1000/hour", 1_000, 3_600 * SECOND),
            ("5/250ms", 5, SECOND / 4),
            ("1/2s", 1, 2 * SECOND),
            ("7 / d", 7, 86_400 * SECOND),
        ] {
            assert_eq!(rate(text), Ok((permits, Nanos(nanos))), "{text}");
            assert_eq!(
                rate(&show_rate(permits, Nanos(nanos))),
                Ok((permits, Nanos(nanos)))
            );
        }
        for text in [
            "100",
            "/s",
            "100/",
            "-1/s",
            "0.5/s",
            "1e3/s",
            "100/fortnight",
            "1/1",
            "1/s/s",
        ] {
            assert!(rate(text).is_err(), "{text}");
        }
    }

    #[test]
    fn shares_are_thousandths() {
        for (text, permille) in [
            ("50%", 500),
            ("12.5%", 125),
            ("0%", 0),
            ("100%", 1_000),
            ("0.1%", 1),
            ("12.34%", 123),
        ] {
            assert_eq!(percent(text), Ok(permille), "{text}");
        }
        for text in ["50", "%", "-1%", "0.01%", "1e1%", "NaN%", "5 %"] {
            assert!(percent(text).is_err(), "{text}");
        }
        assert_eq!(show_percent(125), "12.5%");
        assert_eq!(show_factor(2_000), "2.0");
        assert_eq!(show_factor(1_125), "1.125");
    }
}
