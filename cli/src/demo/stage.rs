//! One act, from "go" to the last counts.

use super::crew::{Crew, News, What};
use super::gather::Part;
use super::payment::Payment;
use super::protocol::Counts;
use super::screen::{Look, Screen};
use super::tally::{Act, Change, Track, seconds};
use super::timeline::{self, Second};
use super::{End, Options};
use std::time::Duration;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::{Instant, sleep_until};

/// Payment turns slow after this share of an act ...
const SICK_FROM: f64 = 0.23;
/// ... and is well again after this.
const SICK_TO: f64 = 0.66;
/// Lines that a worker may say besides the protocol; a stack trace fits, a flood of them does not.
const MOST_NOISE: u32 = 24;
/// How long workers may take for their last words.
const LAST_WORDS: Duration = Duration::from_millis(2_500);
/// How long the line of a change waits for workers that make the same change.
const COMPANY: Duration = Duration::from_millis(200);
/// A second is shown this much after its end, when the counts of its end have arrived.
const ARRIVAL: Duration = Duration::from_millis(40);

/// Everything an act is played with.
pub struct Stage<'a> {
    screen: &'a Screen,
    payment: &'a Payment,
    options: &'a Options,
    parts: &'a [Part],
    tracks: Vec<Track>,
    start: Instant,
    sick_at: Option<u64>,
    well_at: Option<u64>,
    arrived: u64,
    changes: Vec<SameChange>,
    changes_due: Option<Instant>,
}

/// A change that several breakers made at about the same time.
struct SameChange {
    first: Change,
    languages: Vec<String>,
}

impl<'a> Stage<'a> {
    /// A stage with the curtain down.
    pub fn new(
        screen: &'a Screen,
        payment: &'a Payment,
        options: &'a Options,
        parts: &'a [Part],
    ) -> Self {
        let tracks = parts.iter().map(|part| Track::new(&part.language));
        Self {
            screen,
            payment,
            options,
            parts,
            tracks: tracks.collect(),
            start: Instant::now(),
            sick_at: None,
            well_at: None,
            arrived: 0,
            changes: Vec::new(),
            changes_due: None,
        }
    }

    /// Plays the act: only when payment turns slow and recovers is scripted.
    ///
    /// # Errors
    /// When nobody reads the screen.
    pub async fn play(
        mut self,
        name: &'static str,
        crew: &mut Crew,
        news: &mut UnboundedReceiver<News>,
    ) -> Result<Act, End> {
        let languages: Vec<&str> = self
            .parts
            .iter()
            .map(|part| part.language.as_str())
            .collect();
        for line in timeline::heading(&languages, name == "protected") {
            self.screen.line(&self.screen.paint(Look::Faint, &line))?;
        }
        self.payment.begin();
        for part in self.parts {
            crew.go(part.number).await;
        }
        self.start = Instant::now();
        let length = Duration::from_secs_f64(self.options.seconds);
        let mut tick = 1;
        loop {
            let second = Duration::from_secs(tick);
            let switch = self.next_switch();
            let shown_at = self.start + second.min(length) + ARRIVAL;
            let next = [switch.map(|at| self.start + at), self.changes_due]
                .into_iter()
                .flatten()
                .fold(shown_at, Instant::min);
            tokio::select! {
                () = sleep_until(next) => {
                    if self.changes_due == Some(next) {
                        self.show_changes()?;
                    } else if next != shown_at {
                        self.show_changes()?;
                        self.switch()?;
                    } else if second <= length {
                        self.show_changes()?;
                        self.show_second(second, name)?;
                        tick += 1;
                    } else {
                        break;
                    }
                }
                one = news.recv() => self.hear(one)?,
            }
        }
        let last_words = self.start + length + LAST_WORDS;
        while !self
            .tracks
            .iter()
            .all(|track| track.is_ended || track.is_gone)
        {
            tokio::select! {
                () = sleep_until(last_words) => break,
                one = news.recv() => self.hear(one)?,
            }
        }
        self.show_changes()?;
        let load = self.payment.look();
        Ok(Act {
            name,
            sick_at: self.sick_at.unwrap_or(0),
            well_at: self.well_at.unwrap_or(0),
            met_sickness: load.met_sickness,
            most_in_flight: load.most_in_flight,
            tracks: self.tracks,
        })
    }

    /// The next scripted moment.
    fn next_switch(&self) -> Option<Duration> {
        let at = |share: f64| Duration::from_secs_f64(self.options.seconds * share);
        match (self.sick_at, self.well_at) {
            (None, _) => Some(at(SICK_FROM)),
            (Some(_), None) => Some(at(SICK_TO)),
            (Some(_), Some(_)) => None,
        }
    }

    fn switch(&mut self) -> Result<(), End> {
        let is_sick = self.sick_at.is_none();
        self.payment.set_sick(is_sick);
        let t = u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX);
        let what = if is_sick {
            self.sick_at = Some(t);
            "payment turns slow"
        } else {
            self.well_at = Some(t);
            "payment is well again"
        };
        let line = format!("--- {what}, {} into the act", seconds(t));
        self.screen
            .line(&self.screen.paint(Look::Bold, &timeline::note(t, &line)))?;
        Ok(())
    }

    fn hear(&mut self, one: Option<News>) -> Result<(), End> {
        let Some(News { from, what }) = one else {
            return Ok(());
        };
        let index = self.parts.iter().position(|part| part.number == from);
        let Some(track) = index.and_then(|index| self.tracks.get_mut(index)) else {
            return Ok(());
        };
        let line = match what {
            What::Line(line) => {
                if let Some(change) = track.note(line) {
                    let (change, language) = (change.clone(), track.language.clone());
                    self.gather_change(change, language);
                }
                return Ok(());
            }
            What::Noise(_) if track.noise >= MOST_NOISE => return Ok(()),
            What::Noise(text) => {
                track.noise += 1;
                format!("  {} says: {text}", track.language)
            }
            What::Gone if track.is_ended => return Ok(()),
            What::Gone => {
                track.is_gone = true;
                format!("  {} has ended too early", track.language)
            }
        };
        self.screen.line(&line)?;
        Ok(())
    }

    fn gather_change(&mut self, change: Change, language: String) {
        let mut like = self.changes.iter_mut();
        match like.find(|same| same.first.from == change.from && same.first.to == change.to) {
            Some(same) => same.languages.push(language),
            None => self.changes.push(SameChange {
                first: change,
                languages: vec![language],
            }),
        }
        self.changes_due.get_or_insert(Instant::now() + COMPANY);
    }

    fn show_changes(&mut self) -> Result<(), End> {
        self.changes_due = None;
        for same in self.changes.drain(..) {
            let moments = (self.sick_at, self.well_at);
            let line = timeline::change(&same.languages.join(", "), &same.first, moments);
            self.screen.line(&line)?;
        }
        Ok(())
    }

    fn show_second(&mut self, t: Duration, act: &str) -> Result<(), End> {
        let load = self.payment.look();
        let mut counts = Counts::default();
        let mut cells = Vec::new();
        for track in &mut self.tracks {
            let second = track.second();
            counts = counts.plus(&second);
            cells.push(if act == "protected" {
                timeline::short(track.state())
            } else {
                second.held.to_string()
            });
        }
        let second = Second {
            t,
            load,
            arrived: load.arrived.saturating_sub(self.arrived),
            counts,
            pool: u64::from(self.options.pool) * self.tracks.len() as u64,
            cells,
        };
        self.arrived = load.arrived;
        self.screen.line(&timeline::row(&second, self.screen))?;
        Ok(())
    }
}
