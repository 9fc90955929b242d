//! What a checkout worker says, one JSON object per line. examples/checkout/README.md tells the same to
//! people who write one.

use serde::{Deserialize, Serialize};

/// One line of a worker.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Line {
    /// The worker can begin.
    Ready {
        /// Its language and version, for people.
        runtime: String,
    },
    /// Where it stands, ten times a second.
    Count(Counts),
    /// Its breaker has changed its state.
    State {
        /// Milliseconds since "go".
        t: u64,
        /// The state before.
        from: String,
        /// The state since.
        to: String,
    },
    /// The last counts.
    End(Counts),
}

/// What a worker counts, since "go".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Milliseconds since "go".
    pub t: u64,
    /// Orders that customers have placed.
    pub offered: u64,
    /// Orders paid within the customer's patience.
    pub served: u64,
    /// Orders answered "we will confirm your payment later", the fallback.
    pub pending: u64,
    /// Calls to payment that Seawall refused; their orders are among the pending ones.
    pub refused: u64,
    /// Orders that ended badly: an error, an answer after the customer had left, no room to wait.
    pub failed: u64,
    /// Second attempts.
    pub retries: u64,
    /// Requests for other routes.
    pub other_offered: u64,
    /// Requests for other routes answered within the customer's patience.
    pub other_served: u64,
    /// Requests for other routes that ended badly.
    pub other_failed: u64,
    /// Requests of any kind that wait for a worker of the pool now.
    pub waiting: u64,
    /// Workers of the pool held by a call to payment now.
    pub held: u64,
    /// The most that ever were.
    pub max_held: u64,
}

impl Counts {
    /// What happened since an earlier count. Gauges stay as they are.
    pub fn since(&self, earlier: &Self) -> Self {
        Self {
            offered: self.offered.saturating_sub(earlier.offered),
            served: self.served.saturating_sub(earlier.served),
            pending: self.pending.saturating_sub(earlier.pending),
            refused: self.refused.saturating_sub(earlier.refused),
            failed: self.failed.saturating_sub(earlier.failed),
            retries: self.retries.saturating_sub(earlier.retries),
            other_offered: self.other_offered.saturating_sub(earlier.other_offered),
            other_served: self.other_served.saturating_sub(earlier.other_served),
            other_failed: self.other_failed.saturating_sub(earlier.other_failed),
            ..*self
        }
    }

    /// The counts of two workers together.
    pub fn plus(&self, other: &Self) -> Self {
        Self {
            t: self.t.max(other.t),
            offered: self.offered + other.offered,
            served: self.served + other.served,
            pending: self.pending + other.pending,
            refused: self.refused + other.refused,
            failed: self.failed + other.failed,
            retries: self.retries + other.retries,
            other_offered: self.other_offered + other.other_offered,
            other_served: self.other_served + other.other_served,
            other_failed: self.other_failed + other.other_failed,
            waiting: self.waiting + other.waiting,
            held: self.held + other.held,
            max_held: self.max_held + other.max_held,
        }
    }

    /// Orders that got neither a payment nor the fallback.
    pub fn lost(&self) -> u64 {
        self.offered.saturating_sub(self.served + self.pending)
    }
}

/// Reads one line of a worker.
///
/// # Errors
/// What is wrong with it.
pub fn parse(line: &str) -> Result<Line, String> {
    serde_json::from_str(line).map_err(|error| format!("{error} in {line:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const COUNT: &str = r#"{"kind":"count","t":200,"offered":8,"served":5,"pending":1,"refused":1,
        "failed":1,"retries":0,"other_offered":8,"other_served":8,"other_failed":0,"waiting":0,"held":1,
        "max_held":2}"#;

    #[test]
    fn lines_of_workers_are_read() {
        let Ok(Line::Count(counts)) = parse(COUNT) else {
            panic!("a count");
        };
        assert_eq!((counts.t, counts.served, counts.max_held), (200, 5, 2));
        assert_eq!(counts.lost(), 2);
        let change = parse(r#"{"kind":"state","t":1,"from":"closed","to":"open"}"#);
        assert!(matches!(change, Ok(Line::State { t: 1, .. })));
        let ready = parse(r#"{"kind":"ready","runtime":"python 3.11"}"#);
        assert!(matches!(ready, Ok(Line::Ready { .. })));
    }

    #[test]
    fn a_bad_line_is_an_error_that_shows_it() {
        let missing = parse(r#"{"kind":"count","t":1}"#).expect_err("fields are missing");
        assert!(missing.contains("offered"), "{missing}");
        for bad in ["", "hello", "{}", r#"{"kind":"song"}"#, "[1]"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
        let negative = COUNT.replace("\"held\":1", "\"held\":-1");
        assert!(parse(&negative).is_err());
    }

    #[test]
    fn counts_add_and_subtract_without_wrapping() {
        let Ok(Line::Count(counts)) = parse(COUNT) else {
            panic!("a count");
        };
        let both = counts.plus(&counts);
        assert_eq!((both.offered, both.max_held, both.t), (16, 4, 200));
        assert_eq!(both.since(&counts).offered, 8);
        assert_eq!(counts.since(&both).offered, 0);
    }

    #[test]
    fn the_readme_explains_every_count() {
        let readme = include_str!("../../../examples/checkout/README.md");
        let counts = serde_json::to_value(Counts::default()).expect("plain numbers");
        for name in counts.as_object().expect("an object").keys() {
            assert!(readme.contains(&format!("`{name}`")), "{name}");
        }
        let lines = readme.match_indices("`{\"kind\":\"");
        assert_eq!(lines.count(), 4, "one example for each kind of line");
    }
}
