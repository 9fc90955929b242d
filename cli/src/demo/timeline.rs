//! The live timeline: a line for each second and one for each change of a breaker.

use super::clock;
use super::payment::Load;
use super::protocol::Counts;
use super::screen::{Look, Screen};
use super::tally::{Change, latency, seconds};
use std::time::Duration;

/// A median above this is called slow.
const SLOW: Duration = Duration::from_millis(100);

/// What one second looked like.
pub struct Second {
    /// The end of it, since the act began.
    pub t: Duration,
    /// What payment measured.
    pub load: Load,
    /// Requests that arrived at payment in it.
    pub arrived: u64,
    /// What the workers counted in it, together.
    pub counts: Counts,
    /// All workers of all pools.
    pub pool: u64,
    /// One cell per language: workers held, or the state of the breaker.
    pub cells: Vec<String>,
}

const WIDTHS: [usize; 9] = [9, 8, 8, 8, 9, 9, 8, 8, 7];
const CELL: usize = 8;

/// The two lines above the timeline of an act.
pub fn heading(languages: &[&str], is_protected: bool) -> [String; 2] {
    let above = format!(
        "  {:<10} {:<25}  {:<33} {:<16} {}",
        "time",
        "payment, as measured",
        "orders per second",
        "workers  other",
        if is_protected {
            "breaker of"
        } else {
            "workers held by payment in"
        }
    );
    let names = [
        "state", "p50", "calls", "served", "pending", "refused", "failed", "held", "routes",
    ];
    let mut below = format!("  {:<10}", "");
    for (name, width) in names.iter().zip(WIDTHS) {
        below.push_str(&format!("{name:>width$}"));
    }
    for language in languages {
        below.push_str(&format!("{language:>CELL$}"));
    }
    [above, below]
}

/// The line of one second.
pub fn row(second: &Second, screen: &Screen) -> String {
    let (state, look) = state(&second.load);
    let p50 = match second.load.median {
        None => "-".into(),
        Some(median) if second.load.mostly_abandoned => format!(">{}", latency(median)),
        Some(median) => latency(median),
    };
    let counts = &second.counts;
    let other = share(counts.other_served, counts.other_offered);
    let is_other_well = counts.other_served * 10 >= counts.other_offered * 9;
    let cells = [
        (state.to_string(), look),
        (p50, Look::Plain),
        (second.arrived.to_string(), Look::Plain),
        (counts.served.to_string(), mark(counts.served, Look::Good)),
        (counts.pending.to_string(), mark(counts.pending, Look::Warn)),
        (counts.refused.to_string(), mark(counts.refused, Look::Warn)),
        (counts.failed.to_string(), mark(counts.failed, Look::Bad)),
        (
            format!("{}/{}", counts.held, second.pool),
            if counts.held * 2 > second.pool {
                Look::Bad
            } else {
                Look::Plain
            },
        ),
        (other, if is_other_well { Look::Good } else { Look::Bad }),
    ];
    let mut line = format!("  {:<10}", clock::at(second.t));
    for ((text, look), width) in cells.into_iter().zip(WIDTHS) {
        line.push_str(&screen.paint(look, &format!("{text:>width$}")));
    }
    for cell in &second.cells {
        let look = if cell == "OPEN" {
            Look::Warn
        } else {
            Look::Plain
        };
        line.push_str(&screen.paint(look, &format!("{cell:>CELL$}")));
    }
    line
}

fn mark(number: u64, look: Look) -> Look {
    if number == 0 { Look::Faint } else { look }
}

/// What payment's own measurements say about it.
fn state(load: &Load) -> (&'static str, Look) {
    match load.median {
        Some(median) if median < SLOW => ("well", Look::Good),
        Some(_) => ("SLOW", Look::Bad),
        None if load.in_flight > 0 => ("SILENT", Look::Bad),
        None => ("idle", Look::Plain),
    }
}

/// A share in whole percent, at most 100 %: answers to earlier seconds' requests do not make it more.
pub fn share(part: u64, whole: u64) -> String {
    if whole == 0 {
        return "-".into();
    }
    format!("{} %", (part * 100 / whole).min(100))
}

/// The short name of a breaker's state in a column.
pub fn short(state: &str) -> String {
    match state {
        "open" => "OPEN".into(),
        "half_open" => "half".into(),
        other => other.into(),
    }
}

/// The line of a breaker's change. `moments` are when payment turned slow and when it was well again.
pub fn change(language: &str, change: &Change, moments: (Option<u64>, Option<u64>)) -> String {
    let when = match moments {
        (_, Some(well)) if change.t >= well => {
            format!(
                ", {} after payment was well again",
                seconds(change.t - well)
            )
        }
        (Some(sick), _) if change.t >= sick => {
            format!(", {} after payment turned slow", seconds(change.t - sick))
        }
        _ => String::new(),
    };
    let what = format!("{language}: breaker {} -> {}{when}", change.from, change.to);
    note(change.t, &what)
}

/// A line between the seconds, with the time of the story; `t` in milliseconds since the act began.
pub fn note(t: u64, what: &str) -> String {
    format!("  {:<10}   {what}", clock::at(Duration::from_millis(t)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn second() -> Second {
        Second {
            t: Duration::from_secs(4),
            load: Load {
                in_flight: 3,
                median: Some(Duration::from_millis(2_300)),
                ..Load::default()
            },
            arrived: 12,
            counts: Counts {
                served: 7,
                pending: 180,
                refused: 170,
                other_offered: 200,
                other_served: 199,
                held: 20,
                ..Counts::default()
            },
            pool: 60,
            cells: vec!["OPEN".into(), "closed".into()],
        }
    }

    #[test]
    fn the_columns_of_a_row_stand_below_their_names() {
        let plain = Screen { has_colours: false };
        let [_, below] = heading(&["python", "go"], true);
        let row = row(&second(), &plain);
        assert_eq!(row.len(), below.len(), "{below}\n{row}");
        assert!(
            row.starts_with("  2:47:04 PM     SLOW   2.3 s      12"),
            "{row}"
        );
        assert!(row.ends_with("20/60   99 %    OPEN  closed"), "{row}");
        for name in ["served", "pending", "failed", "python"] {
            let end = below.find(name).expect(name) + name.len();
            let beyond = row.as_bytes().get(end).copied().unwrap_or(b' ');
            assert_eq!(beyond, b' ', "nothing crosses the column of {name}");
        }
        assert!(row.is_ascii() && below.is_ascii());
    }

    #[test]
    fn the_state_of_payment_is_what_it_measured() {
        let load = |median, in_flight| Load {
            median,
            in_flight,
            ..Load::default()
        };
        assert_eq!(state(&load(Some(Duration::from_millis(21)), 3)).0, "well");
        assert_eq!(state(&load(Some(Duration::from_millis(300)), 3)).0, "SLOW");
        assert_eq!(state(&load(None, 3)).0, "SILENT");
        assert_eq!(state(&load(None, 0)).0, "idle");
    }

    #[test]
    fn shares_stay_between_nothing_and_all() {
        assert_eq!(share(0, 0), "-");
        assert_eq!(share(1, 3), "33 %");
        assert_eq!(share(199, 200), "99 %", "not everything is not 100 %");
        assert_eq!(share(300, 200), "100 %");
    }

    #[test]
    fn a_change_says_how_long_it_took() {
        let opened = Change {
            t: 4_100,
            from: "closed".into(),
            to: "open".into(),
        };
        let early = change("go", &opened, (None, None));
        assert!(early.ends_with("go: breaker closed -> open"), "{early}");
        let trip = change("go", &opened, (Some(3_000), None));
        assert!(trip.ends_with("1.1 s after payment turned slow"), "{trip}");
        let late = change("go", &opened, (Some(3_000), Some(4_000)));
        assert!(
            late.ends_with("0.1 s after payment was well again"),
            "{late}"
        );
    }
}
