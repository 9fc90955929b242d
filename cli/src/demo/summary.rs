//! The summary: both acts side by side, for all workers and for each language, and the same as JSON.

use super::tally::{Act, Track, seconds};
use super::timeline::share;
use serde_json::{Value, json};

/// A table: its first row is the heading, the first column is text, the others are numbers.
fn table(rows: &[Vec<String>]) -> Vec<String> {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let show = |row: &Vec<String>| {
        let mut line = String::from(" ");
        for (column, (cell, &width)) in row.iter().zip(&widths).enumerate() {
            line.push_str(&if column == 0 {
                format!(" {cell:<width$}")
            } else {
                format!("   {cell:>width$}")
            });
        }
        line.trim_end().to_string()
    };
    let mut lines: Vec<String> = rows.iter().map(show).collect();
    let rule: usize = widths.iter().sum::<usize>() + 3 * columns.saturating_sub(1);
    if !lines.is_empty() {
        lines.insert(1, format!("  {}", "-".repeat(rule)));
    }
    lines
}

fn row(name: &str, acts: &[Act], cell: impl Fn(&Act) -> String) -> Vec<String> {
    let mut row = vec![name.to_string()];
    row.extend(acts.iter().map(cell));
    row
}

fn or(time: Option<u64>, none: &str) -> String {
    time.map_or_else(|| none.into(), seconds)
}

/// Both acts as a whole.
pub fn whole(acts: &[Act], pool: u64) -> Vec<String> {
    let of = |part: u64, whole: u64| format!("{part} ({})", share(part, whole));
    let rows = [
        row("", acts, |act| act.name.into()),
        row("orders placed", acts, |act| act.total().offered.to_string()),
        row("orders answered in time", acts, |act| {
            let total = act.total();
            of(total.served + total.pending, total.offered)
        }),
        row("  paid at once", acts, |act| act.total().served.to_string()),
        row("  pending (fallback)", acts, |act| {
            act.total().pending.to_string()
        }),
        row("orders lost", acts, |act| act.total().lost().to_string()),
        row("other routes answered in time", acts, |act| {
            of(act.total().other_served, act.total().other_offered)
        }),
        row("slow -> first refusal", acts, |act| {
            or(act.first_refusal(), "never")
        }),
        row("slow -> all breakers open", acts, |act| {
            or(act.all_opened(), "never")
        }),
        row("well -> all served again", acts, |act| {
            or(act.recovery(), "not in this act")
        }),
        row("most workers held by payment", acts, |act| {
            let held: u64 = act.tracks.iter().map(|track| track.last().max_held).sum();
            format!("{held} of {}", pool * act.tracks.len() as u64)
        }),
        row("workers' time spent waiting for it", acts, |act| {
            seconds(act.tracks.iter().map(Track::waited).sum())
        }),
        row("requests that met sick payment", acts, |act| {
            act.met_sickness.to_string()
        }),
        row("most inside payment at once", acts, |act| {
            act.most_in_flight.to_string()
        }),
        row("retries", acts, |act| act.total().retries.to_string()),
    ];
    table(&rows)
}

/// The same for each language, "bare > protected".
pub fn languages(acts: &[Act]) -> Vec<String> {
    let Some(first) = acts.first() else {
        return Vec::new();
    };
    let mut rows = vec![
        [
            "worker",
            "paid",
            "pending",
            "lost",
            "other routes",
            "most held",
            "opened after",
            "back after",
        ]
        .map(String::from)
        .to_vec(),
    ];
    for (number, track) in first.tracks.iter().enumerate() {
        let both = |cell: &dyn Fn(&Act, &Track) -> String| {
            let cells = acts.iter().filter_map(|act| {
                let track = act.tracks.get(number)?;
                Some(cell(act, track))
            });
            cells.collect::<Vec<_>>().join(" > ")
        };
        rows.push(vec![
            track.language.clone(),
            both(&|_, track| track.last().served.to_string()),
            both(&|_, track| track.last().pending.to_string()),
            both(&|_, track| track.last().lost().to_string()),
            both(&|_, track| share(track.last().other_served, track.last().other_offered)),
            both(&|_, track| track.last().max_held.to_string()),
            both(&|act, track| or(track.opened(act.sick_at), "-")),
            both(&|act, track| or(track.recovery(act.well_at), "not yet")),
        ]);
    }
    table(&rows)
}

/// Everything measured, for programs.
pub fn json(acts: &[Act]) -> Value {
    let of_track = |act: &Act, track: &Track| {
        json!({
            "language": track.language,
            "counts": track.last(),
            "first_refusal_ms": track.first_refusal(act.sick_at),
            "opened_ms": track.opened(act.sick_at),
            "recovery_ms": track.recovery(act.well_at),
            "changes": track.changes,
            "samples": track.samples,
            "is_ended": track.is_ended,
        })
    };
    let of_act = |act: &Act| {
        json!({
            "act": act.name,
            "sick_at_ms": act.sick_at,
            "well_at_ms": act.well_at,
            "counts": act.total(),
            "first_refusal_ms": act.first_refusal(),
            "recovery_ms": act.recovery(),
            "met_sickness": act.met_sickness,
            "most_in_flight": act.most_in_flight,
            "workers": act.tracks.iter().map(|track| of_track(act, track)).collect::<Vec<_>>(),
        })
    };
    Value::Array(acts.iter().map(of_act).collect())
}

#[cfg(test)]
mod tests {
    use super::super::protocol::{Counts, Line};
    use super::*;

    fn act(name: &'static str, served: u64, max_held: u64) -> Act {
        let mut track = Track::new("go");
        track.note(Line::End(Counts {
            t: 13_000,
            offered: 520,
            served,
            pending: if max_held == 4 { 20 } else { 0 },
            other_offered: 520,
            other_served: served,
            max_held,
            ..Counts::default()
        }));
        Act {
            name,
            sick_at: 3_000,
            well_at: 8_000,
            met_sickness: 96,
            most_in_flight: 60,
            tracks: vec![track],
        }
    }

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows = [
            vec!["".into(), "bare".into()],
            vec!["lost".into(), "7".into()],
        ];
        let lines = table(&rows);
        assert_eq!(lines, ["         bare", "  -----------", "  lost      7"]);
        assert!(table(&[]).is_empty());
    }

    #[test]
    fn the_summary_shows_both_acts() {
        let acts = [act("bare", 200, 12), act("protected", 500, 4)];
        let text = whole(&acts, 12).join("\n");
        for wanted in [
            "bare",
            "protected",
            "12 of 12",
            "4 of 12",
            "500 (96 %)",
            "320",
            "never",
        ] {
            assert!(text.contains(wanted), "{wanted} in\n{text}");
        }
        let text = languages(&acts).join("\n");
        for wanted in ["200 > 500", "12 > 4", "38 % > 96 %", "not yet > not yet"] {
            assert!(text.contains(wanted), "{wanted} in\n{text}");
        }
        assert_eq!(json(&acts)[1]["workers"][0]["counts"]["max_held"], 4);
        assert!(languages(&[]).is_empty());
    }
}
