//! One act, from "go" to the last counts.

use super::crew::{Crew, News, What};
use super::gather::Part;
use super::payment::Payment;
use super::protocol::Counts;
use super::screen::{Look, Screen};
use super::tally::{Act, Track, seconds};
use super::timeline::{self, Second};
use super::{End, Options};
use std::time::Duration;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::{Instant, sleep_until};

/// Payment turns slow after this share of an act ...
const SICK_FROM: f64 = 0.23;
/// ... and is well again after this.
const SICK_TO: f64 = 0.66;
/// How long workers may take for their last words.
const LAST_WORDS: Duration = Duration::from_millis(2_500);

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
            let next = self.next_switch().map_or(second, |(at, _)| at.min(second));
            let is_over = next > length;
            tokio::select! {
                () = sleep_until(self.start + next.min(length)) => {
                    if is_over {
                        break;
                    } else if next == second {
                        self.show_second(second, name)?;
                        tick += 1;
                    } else {
                        self.switch()?;
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

    /// The next scripted moment: when, and whether payment is sick from then on.
    fn next_switch(&self) -> Option<(Duration, bool)> {
        let at = |share: f64| Duration::from_secs_f64(self.options.seconds * share);
        match (self.sick_at, self.well_at) {
            (None, _) => Some((at(SICK_FROM), true)),
            (Some(_), None) => Some((at(SICK_TO), false)),
            (Some(_), Some(_)) => None,
        }
    }

    fn switch(&mut self) -> Result<(), End> {
        let Some((_, is_sick)) = self.next_switch() else {
            return Ok(());
        };
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
                let moments = (self.sick_at, self.well_at);
                let language = track.language.clone();
                let Some(change) = track.note(line) else {
                    return Ok(());
                };
                timeline::change(&language, change, moments)
            }
            What::Noise(text) => format!("  {} says: {text}", track.language),
            What::Gone if track.is_ended => return Ok(()),
            What::Gone => {
                track.is_gone = true;
                format!("  {} has ended too early", track.language)
            }
        };
        self.screen.line(&line)?;
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
