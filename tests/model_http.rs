//! Headers against their model and, for dates, against the parser of another house: whatever the bytes, the answers
//! are the same, within a day, and nothing panics.

#[path = "support/histories.rs"]
mod histories;

use std::time::{Duration, UNIX_EPOCH};

use proptest::prelude::*;
use seawall_core::deadline::header;
use seawall_core::{Nanos, http as core_http, retry_after};
use seawall_model::http;

const DAY: u64 = 86_400_000_000_000;
/// Fri, 31 Dec 9999 23:59:59 GMT
const LAST: u64 = 253_402_300_799;

/// Pieces of which headers are made, right and wrong.
const PIECES: [&str; 40] = [
    "0", "1", "5", "06", "60", "86400", "86400000", "99999999", "1994", "94", "08:49:37",
    "23:59:60", "24:00:00", "H", "M", "S", "m", "u", "n", " ", "  ", "\t", ",", "-", "+", ".", "e",
    ":", "Sun", "Sunday", "Nov", "Feb", "29", "GMT", "UTC", ", ", " GMT", "\0", "\u{665}", "é",
];

/// Bytes that are nothing, almost something, or something.
fn texts() -> impl Strategy<Value = Vec<u8>> {
    let pieces = proptest::collection::vec(proptest::sample::select(&PIECES[..]), 0..12);
    prop_oneof![
        2 => proptest::collection::vec(any::<u8>(), 0..80),
        3 => pieces.prop_map(|pieces| pieces.concat().into_bytes()),
        2 => "[0-9]{0,9}[HMSmun]".prop_map(String::into_bytes),
        1 => "[ \t]?[0-9]{0,70}[ \t]?".prop_map(String::into_bytes),
        4 => (dates(), any::<u8>(), 0..40usize, 0..4u8).prop_map(|(text, byte, at, how)| damaged(&text, byte, at, how)),
    ]
}

/// A date of any form, of days that exist and of some that do not.
fn dates() -> impl Strategy<Value = String> {
    const DAYS: [&str; 7] = ["Mon", "Tue", "Wednesday", "Thu", "Friday", "Sat", "Sunday"];
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let clock = (0..25u32, 0..61u32, 0..62u32);
    let date = (
        0..33u32,
        proptest::sample::select(&MONTHS[..]),
        0..=9_999u32,
    );
    let name = proptest::sample::select(&DAYS[..]);
    (name.prop_map(str::to_owned), date, clock, 0..4u8).prop_map(
        |(name, (day, month, year), (hour, minute, second), form)| {
            let clock = format!("{hour:02}:{minute:02}:{second:02}");
            let short: String = name.chars().take(3).collect();
            match form {
                0 => format!("{short}, {day:02} {month} {year:04} {clock} GMT"),
                1 => format!("{short} {month} {day:2} {clock} {year:04}"),
                2 => format!("{name}, {day:02}-{month}-{:02} {clock} GMT", year % 100),
                _ => format!("{name}, {day} {month} {year} {clock} GMT"),
            }
        },
    )
}

fn damaged(text: &str, byte: u8, at: usize, how: u8) -> Vec<u8> {
    let mut bytes = text.as_bytes().to_vec();
    let at = at.min(bytes.len().saturating_sub(1));
    match how {
        0 => bytes[at] = byte,
        1 => bytes.insert(at, byte),
        2 => drop(bytes.remove(at)),
        _ => {}
    }
    bytes
}

/// The wall clock in milliseconds: near the present, near the years that matter, and anywhere.
fn clocks() -> impl Strategy<Value = u64> {
    prop_oneof![
        6 => 0..4_102_444_800_000u64,
        2 => 784_111_770_000..784_111_780_000u64,
        1 => any::<u64>(),
    ]
}

#[test]
fn whatever_the_bytes_every_reader_agrees_with_its_model() {
    let steps = proptest::collection::vec((texts(), clocks()), 1..16);
    histories::run("headers", 12_000, 90_000, steps, |steps| {
        for (text, now) in &steps {
            let answers = [
                (header::from_grpc(text), http::grpc_timeout(text)),
                (header::from_millis(text), http::timeout_ms(text)),
                (
                    retry_after::parse(text, *now),
                    http::retry_after(text, *now),
                ),
            ];
            for (core, told) in answers {
                assert!(core.is_err() || core.is_ok_and(|span| span <= Nanos(DAY)));
                assert_eq!(core.ok().map(|span| span.0), told, "{text:?} at {now}");
            }
            let method = String::from_utf8_lossy(text);
            assert_eq!(core_http::is_idempotent(text), http::idempotent(&method));
        }
        steps.len() as u64
    });
}

#[test]
fn what_is_written_is_that_of_the_model_and_reads_as_no_more() {
    let spans = proptest::collection::vec(histories::numbers(0, u64::MAX - 1), 1..64);
    histories::run("written", 16_000, 400_000, spans, |spans| {
        for span in &spans {
            let grpc = header::to_grpc(Nanos(*span)).expect("a deadline");
            let millis = header::to_millis(Nanos(*span)).expect("a deadline");
            assert_eq!(grpc.as_str(), http::write_grpc_timeout(*span));
            assert_eq!(millis.as_str(), http::write_timeout_ms(*span));
            let read = header::from_grpc(&*grpc).expect("can be read again").0;
            let finest = header::from_millis(&*millis).expect("can be read again").0;
            let wanted = (*span).min(DAY);
            assert!(finest <= read && read <= wanted, "{span}: {grpc}, {millis}");
            // What eight digits lose is less than a part in a hundred thousand, and whole milliseconds less than one.
            assert!(wanted - read <= wanted / 100_000, "{span}: {grpc}");
            assert!(wanted - finest < 1_000_000, "{span}: {millis}");
        }
        spans.len() as u64
    });
}

#[test]
fn dates_mean_what_another_parser_says() {
    let moments = (0..=LAST, 0..=2 * 86_400_000u64);
    histories::run("dates", 40_000, 40_000, moments, |(seconds, before)| {
        let at = UNIX_EPOCH + Duration::from_secs(seconds);
        let text = httpdate::fmt_http_date(at);
        assert_eq!(httpdate::parse_http_date(&text).expect("its own date"), at);
        let now = (seconds * 1_000).saturating_sub(before);
        let wait = retry_after::parse(&text, now).expect("a date");
        assert_eq!(
            wait.0,
            ((seconds * 1_000 - now) * 1_000_000).min(DAY),
            "{text} at {now}"
        );
        1
    });
    histories::run("forms", 40_000, 40_000, dates(), |text| {
        // The last second of 2019: the other parser takes two digits below 70 for this century, as we do then.
        let now = 1_577_836_799_000;
        let ours = retry_after::parse(&text, now).ok();
        let theirs = httpdate::parse_http_date(&text).ok().map(|at| {
            let at = at
                .duration_since(UNIX_EPOCH)
                .expect("no date before 1970")
                .as_secs();
            Nanos(
                at.saturating_mul(1_000)
                    .saturating_sub(now)
                    .saturating_mul(1_000_000)
                    .min(DAY),
            )
        });
        // It knows no date before 1970 and no leap second; what it knows must be known here, too.
        assert!(
            theirs.is_none() || ours == theirs,
            "{text}: {ours:?}, {theirs:?}"
        );
        1
    });
}
