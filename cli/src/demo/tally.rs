//! What happened in one act, and the questions that the summary asks of it.

use super::protocol::{Counts, Line};
use serde::Serialize;
use std::time::Duration;

/// A change of one worker's breaker.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Change {
    /// Milliseconds since the act began.
    pub t: u64,
    /// The state before.
    pub from: String,
    /// The state since.
    pub to: String,
}

/// One worker's part in an act.
#[derive(Clone, Debug, Default)]
pub struct Track {
    /// Its language.
    pub language: String,
    /// What it counted, in order of time.
    pub samples: Vec<Counts>,
    /// How its breaker changed.
    pub changes: Vec<Change>,
    /// Whether it played to the end.
    pub is_ended: bool,
    /// Whether its process has ended before that.
    pub is_gone: bool,
    /// Lines it has said besides the protocol.
    pub noise: u32,
    /// The samples before this one belong to seconds that have been shown.
    shown: usize,
}

/// How long everything must go well before a worker counts as recovered.
const STEADY: u64 = 500;

impl Track {
    /// A worker that has not said anything.
    pub fn new(language: &str) -> Self {
        Self {
            language: language.into(),
            ..Self::default()
        }
    }

    /// Notes a line; a state change is the answer, to be shown.
    pub fn note(&mut self, line: Line) -> Option<&Change> {
        match line {
            Line::Ready { .. } => None,
            Line::Count(counts) => {
                self.samples.push(counts);
                None
            }
            Line::End(counts) => {
                self.samples.push(counts);
                self.is_ended = true;
                None
            }
            Line::State { t, from, to } => {
                self.changes.push(Change { t, from, to });
                self.changes.last()
            }
        }
    }

    /// The last counts.
    pub fn last(&self) -> Counts {
        self.samples.last().copied().unwrap_or_default()
    }

    /// The state of the breaker as far as it is known.
    pub fn state(&self) -> &str {
        self.changes.last().map_or("closed", |change| &change.to)
    }

    /// What happened since the last call, with the most workers held in that time.
    pub fn second(&mut self) -> Counts {
        let before = self.counts_before(self.shown);
        let fresh = self.samples.get(self.shown..).unwrap_or_default();
        let most = fresh.iter().map(|counts| counts.held).max();
        self.shown = self.samples.len();
        let mut second = self.last().since(&before);
        second.held = most.unwrap_or(second.held);
        second
    }

    fn counts_before(&self, index: usize) -> Counts {
        let before = index.checked_sub(1);
        before
            .and_then(|index| self.samples.get(index))
            .copied()
            .unwrap_or_default()
    }

    /// From the moment `sick_at` to the first refusal after it, to a tenth of a second.
    pub fn first_refusal(&self, sick_at: u64) -> Option<u64> {
        let before = self.at(sick_at).refused;
        let first = self
            .samples
            .iter()
            .find(|counts| counts.t > sick_at && counts.refused > before)?;
        Some(first.t - sick_at)
    }

    /// From the moment `sick_at` to the first opening of the breaker after it.
    pub fn opened(&self, sick_at: u64) -> Option<u64> {
        let mut changes = self.changes.iter();
        let change = changes.find(|change| change.t >= sick_at && change.to == "open")?;
        Some(change.t - sick_at)
    }

    /// From the moment `well_at` to the first one since which, for half a second, nobody was sent away
    /// or put off and orders were paid at the pace at which they came. To a tenth of a second.
    pub fn recovery(&self, well_at: u64) -> Option<u64> {
        let later = |t: u64| {
            self.samples
                .iter()
                .find(move |counts| counts.t >= t + STEADY)
        };
        let mut after = self.samples.iter().filter(|counts| counts.t >= well_at);
        let first = after.find(|one| {
            later(one.t).is_some_and(|other| {
                let change = other.since(one);
                change.offered > 0
                    && change.served * 5 >= change.offered * 4
                    && change.pending + change.failed + change.other_failed == 0
            })
        })?;
        Some(first.t - well_at)
    }

    /// The time that all workers of the pool together spent waiting for payment, in milliseconds.
    pub fn waited(&self) -> u64 {
        let spans = self.samples.windows(2);
        let span = |pair: &[Counts]| match pair {
            [one, other] => (other.t - one.t.min(other.t)) * one.held,
            _ => 0,
        };
        spans.map(span).sum()
    }

    /// The counts at a moment: those of the last sample up to it.
    fn at(&self, t: u64) -> Counts {
        let mut before = self.samples.iter().rev();
        before
            .find(|counts| counts.t <= t)
            .copied()
            .unwrap_or_default()
    }
}

/// One act: bare or protected.
pub struct Act {
    /// Its name.
    pub name: &'static str,
    /// When payment turned slow, in milliseconds since the act began.
    pub sick_at: u64,
    /// When payment was well again.
    pub well_at: u64,
    /// Requests that arrived at payment while it was sick.
    pub met_sickness: u64,
    /// The most requests that were inside payment at a time.
    pub most_in_flight: u64,
    /// The workers' parts.
    pub tracks: Vec<Track>,
}

impl Act {
    /// The last counts of all workers together.
    pub fn total(&self) -> Counts {
        let all = self.tracks.iter().map(Track::last);
        all.fold(Counts::default(), |sum, counts| sum.plus(&counts))
    }

    /// The earliest first refusal.
    pub fn first_refusal(&self) -> Option<u64> {
        let all = self.tracks.iter();
        all.filter_map(|track| track.first_refusal(self.sick_at))
            .min()
    }

    /// How long until the last breaker had opened; none when one never did.
    pub fn all_opened(&self) -> Option<u64> {
        let all = self.tracks.iter().map(|track| track.opened(self.sick_at));
        all.collect::<Option<Vec<u64>>>()?.into_iter().max()
    }

    /// How long until the last worker had recovered; none when one did not within the act.
    pub fn recovery(&self) -> Option<u64> {
        let all = self.tracks.iter().map(|track| track.recovery(self.well_at));
        all.collect::<Option<Vec<u64>>>()?.into_iter().max()
    }
}

/// A duration for people, from milliseconds: "0.9 s".
pub fn seconds(millis: u64) -> String {
    let tenths = (millis + 50) / 100;
    format!("{}.{} s", tenths / 10, tenths % 10)
}

/// A short duration for people: "21 ms", from a second on "2.3 s".
pub fn latency(span: Duration) -> String {
    let millis = u64::try_from(span.as_millis()).unwrap_or(u64::MAX - 50);
    if millis < 1_000 {
        format!("{millis} ms")
    } else {
        seconds(millis)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Samples every 100 ms; four orders each, `answered(t)` says how many were served and put off.
    fn track(answered: impl Fn(u64) -> (u64, u64)) -> Track {
        let mut track = Track::new("go");
        let mut counts = Counts::default();
        for t in (100..=5_000).step_by(100) {
            let (served, refused) = answered(t);
            counts.t = t;
            counts.offered += 4;
            counts.served += served;
            counts.refused += refused;
            counts.pending += refused;
            counts.held = served;
            track.note(Line::Count(counts));
        }
        track
    }

    #[test]
    fn refusal_and_recovery_are_read_from_the_counts() {
        let story = track(|t| {
            if (1_300..3_000).contains(&t) {
                (0, 4)
            } else {
                (4, 0)
            }
        });
        assert_eq!(story.first_refusal(1_000), Some(300));
        assert_eq!(
            story.recovery(2_500),
            Some(400),
            "the counts at 2.9 s are the last bad ones"
        );
        assert_eq!(story.recovery(3_500), Some(0));
    }

    #[test]
    fn refusals_before_the_sickness_do_not_count() {
        let story = track(|t| {
            if t == 300 || t == 1_700 {
                (3, 1)
            } else {
                (4, 0)
            }
        });
        assert_eq!(story.first_refusal(1_000), Some(700));
        assert_eq!(story.first_refusal(2_000), None);
    }

    #[test]
    fn silence_is_not_recovery() {
        let story = track(|t| if t > 1_000 { (0, 0) } else { (4, 0) });
        assert_eq!(story.recovery(2_000), None);
        let act = Act {
            name: "bare",
            sick_at: 1_000,
            well_at: 2_000,
            met_sickness: 0,
            most_in_flight: 0,
            tracks: vec![story, track(|_| (4, 0))],
        };
        assert_eq!(act.recovery(), None, "one worker never came back");
        assert_eq!(act.first_refusal(), None);
        assert_eq!(act.total().offered, 400);
    }

    #[test]
    fn a_second_shows_the_most_held_in_it() {
        let mut story = track(|t| if t == 500 { (9, 0) } else { (4, 0) });
        let second = story.second();
        assert_eq!((second.offered, second.held), (200, 9));
        let next = story.second();
        assert_eq!((next.offered, next.served), (0, 0), "nothing new");
        assert_eq!(
            story.waited(),
            49 * 400 + 500,
            "49 gaps of 100 ms, five more held in one"
        );
    }

    #[test]
    fn the_last_change_is_the_state() {
        let mut story = Track::new("go");
        assert_eq!((story.state(), story.opened(0)), ("closed", None));
        for (t, to) in [(100, "open"), (900, "half_open"), (950, "open")] {
            let (from, to) = (story.state().to_string(), to.to_string());
            assert!(story.note(Line::State { t, from, to }).is_some());
        }
        assert_eq!((story.state(), story.opened(50)), ("open", Some(50)));
        assert_eq!(story.opened(200), Some(750));
    }

    #[test]
    fn durations_are_short() {
        assert_eq!(seconds(0), "0.0 s");
        assert_eq!(seconds(949), "0.9 s");
        assert_eq!(seconds(12_960), "13.0 s");
        assert_eq!(latency(Duration::from_micros(21_900)), "21 ms");
        assert_eq!(latency(Duration::from_millis(2_340)), "2.3 s");
    }
}
