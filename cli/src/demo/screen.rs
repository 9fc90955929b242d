//! Where the story is shown: colours for people at a terminal, plain text for everything else.

use std::io::{self, IsTerminal, Write};

/// How a piece of text looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// As it comes.
    Plain,
    /// A heading.
    Bold,
    /// All is well.
    Good,
    /// The fallback at work.
    Warn,
    /// Somebody suffers.
    Bad,
    /// Of minor interest.
    Faint,
}

/// The terminal, file or pipe that the demo prints to.
pub struct Screen {
    pub(super) has_colours: bool,
}

impl Screen {
    /// Standard output. Colours only at a terminal, and not when `NO_COLOR` is set.
    pub fn new() -> Self {
        let is_unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Self {
            has_colours: io::stdout().is_terminal() && !is_unwanted,
        }
    }

    /// Shows one line.
    ///
    /// # Errors
    /// When nobody reads any more.
    pub fn line(&self, text: &str) -> io::Result<()> {
        let mut out = io::stdout().lock();
        writeln!(out, "{text}")?;
        out.flush()
    }

    /// The text with the escape codes of its look, if this screen has colours.
    pub fn paint(&self, look: Look, text: &str) -> String {
        let code = match look {
            Look::Plain => return text.into(),
            Look::Bold => "1",
            Look::Good => "32",
            Look::Warn => "33",
            Look::Bad => "31",
            Look::Faint => "2",
        };
        if self.has_colours {
            format!("\x1b[{code}m{text}\x1b[0m")
        } else {
            text.into()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_for_terminals_only() {
        let plain = Screen { has_colours: false };
        assert_eq!(plain.paint(Look::Bad, "slow"), "slow");
        let colourful = Screen { has_colours: true };
        assert_eq!(colourful.paint(Look::Bad, "slow"), "\x1b[31mslow\x1b[0m");
        assert_eq!(colourful.paint(Look::Plain, "slow"), "slow");
    }
}
