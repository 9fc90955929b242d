//! Before the first act: starting the workers of both acts, and waiting until they are ready.

use super::crew::{Crew, LANGUAGES, News, Orders, Programs, What};
use super::protocol::Line;
use super::screen::Screen;
use super::{ACTS, End, Options};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::{Instant, timeout_at};

/// How long workers may take to get ready.
const PATIENCE: Duration = Duration::from_secs(30);

/// A worker that plays in an act.
pub struct Part {
    /// Its number in the crew.
    pub number: usize,
    /// Its language.
    pub language: String,
}

/// What is known of a worker that was started.
#[derive(Clone, Default)]
struct Muster {
    /// What it calls itself, once it is ready.
    runtime: Option<String>,
    /// The last thing that it complained about.
    complaint: Option<String>,
    is_gone: bool,
}

impl Muster {
    fn hear(&mut self, what: What) {
        match what {
            What::Line(Line::Ready { runtime }) => self.runtime = Some(runtime),
            What::Line(_) => {}
            What::Noise(text) if text.trim().is_empty() => {}
            What::Noise(text) => self.complaint = Some(text),
            What::Gone => self.is_gone = true,
        }
    }

    /// Why it will not play.
    fn why_not(&self) -> String {
        let what = if self.is_gone {
            "it ended"
        } else {
            "it did not get ready in 30 s"
        };
        match &self.complaint {
            Some(complaint) => format!("{what}: {complaint}"),
            None => what.into(),
        }
    }
}

/// Starts all workers that were asked for. One line on the screen for each language, and one part in
/// each act for each that is ready; one that is not is left out of both.
///
/// # Errors
/// When nobody is left, or nobody reads the screen.
pub async fn gather(
    options: &Options,
    programs: &Programs,
    url: &str,
    policies: &Path,
    crew: &mut Crew,
    news: &mut UnboundedReceiver<News>,
    screen: &Screen,
) -> Result<[Vec<Part>; 2], End> {
    let is_wanted = |language: &str| {
        options.workers.is_empty() || options.workers.iter().any(|name| name == language)
    };
    let mut started = Vec::new();
    let mut musters: BTreeMap<usize, Muster> = BTreeMap::new();
    for language in LANGUAGES.into_iter().filter(|language| is_wanted(language)) {
        let Some(line) = programs.get(language) else {
            screen.line(&format!(
                "  {language:<8} left out: not built; `make demo` builds it, or says why not"
            ))?;
            continue;
        };
        let orders = |act| Orders {
            url,
            policies,
            act,
            rate: options.rate,
            pool: options.pool,
            seconds: options.seconds,
        };
        let both = ACTS.map(|act| crew.start(line, orders(act)));
        match both.into_iter().collect::<Result<Vec<usize>, String>>() {
            Ok(numbers) => {
                musters.extend(numbers.iter().map(|&number| (number, Muster::default())));
                started.push((language, numbers));
            }
            Err(why) => screen.line(&format!("  {language:<8} left out: {why}"))?,
        }
    }

    let patience = Instant::now() + PATIENCE;
    let is_settled = |muster: &Muster| muster.runtime.is_some() || muster.is_gone;
    while !musters.values().all(is_settled) {
        let Ok(Some(one)) = timeout_at(patience, news.recv()).await else {
            break;
        };
        if let Some(muster) = musters.get_mut(&one.from) {
            muster.hear(one.what);
        }
    }

    let mut parts = [Vec::new(), Vec::new()];
    for (language, numbers) in started {
        let of = |number: &usize| musters.get(number).cloned().unwrap_or_default();
        let mut all = numbers.iter().map(of);
        let unfit = all.find(|muster| muster.runtime.is_none() || muster.is_gone);
        if let Some(muster) = unfit {
            screen.line(&format!("  {language:<8} left out: {}", muster.why_not()))?;
            for number in numbers {
                crew.end(number).await;
            }
            continue;
        }
        let runtime = numbers.first().and_then(|number| of(number).runtime);
        screen.line(&format!("  {language:<8} {}", runtime.unwrap_or_default()))?;
        for (part, number) in parts.iter_mut().zip(numbers) {
            let language = language.to_string();
            part.push(Part { number, language });
        }
    }
    if parts.iter().any(Vec::is_empty) {
        return Err(End::Broken("no worker is left to play".into()));
    }
    Ok(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_worker_that_does_not_play_says_why() {
        let mut muster = Muster::default();
        assert_eq!(muster.why_not(), "it did not get ready in 30 s");
        muster.hear(What::Noise("no module named seawall".into()));
        muster.hear(What::Noise("  ".into()));
        muster.hear(What::Gone);
        assert_eq!(muster.why_not(), "it ended: no module named seawall");
    }
}
