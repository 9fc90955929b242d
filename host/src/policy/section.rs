//! A table of the file: reads its settings one by one and notes whatever is wrong with them.

use std::ops::Range;

use seawall_core::{ConfigError, Nanos};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::problem::{Notes, Problem, join, nearest};
use super::units::{self, quoted};

/// Keys that are named one by one.
const SHORT_LIST: usize = 8;

/// In what a setting is counted, to show its range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    Count,
    Span,
    Share,
    Factor,
}

impl Unit {
    pub(crate) fn show(self, value: u64) -> String {
        let permille = u32::try_from(value).unwrap_or(u32::MAX);
        match self {
            Self::Count => value.to_string(),
            Self::Span => units::show_span(Nanos(value)),
            Self::Share => units::show_percent(permille),
            Self::Factor => units::show_factor(permille),
        }
    }
}

/// A table, its path and where it begins.
#[derive(Clone)]
pub(crate) struct Section<'a> {
    table: &'a DeTable<'a>,
    path: String,
    at: usize,
    notes: &'a Notes<'a>,
}

impl<'a> Section<'a> {
    pub(crate) fn root(table: &'a DeTable<'a>, notes: &'a Notes<'a>) -> Self {
        Self {
            table,
            path: String::new(),
            at: 0,
            notes,
        }
    }

    pub(crate) fn notes(&self) -> &'a Notes<'a> {
        self.notes
    }

    pub(crate) fn path(&self, key: &str) -> String {
        join(&self.path, key)
    }

    /// The keys and their places, in the order of the text.
    pub(crate) fn keys(&self) -> Vec<(&'a str, usize)> {
        let mut keys: Vec<_> = self
            .table
            .keys()
            .map(|key| (key.get_ref().as_ref(), key.span().start))
            .collect();
        keys.sort_by_key(|(_, at)| *at);
        keys
    }

    pub(crate) fn has(&self, key: &str) -> bool {
        self.table.contains_key(key)
    }

    /// Notes every key that is none of `known`. Keys of the tables below, `elsewhere`, are recognised.
    pub(crate) fn expect(&self, known: &[&'static str], elsewhere: &[(&str, &[&'static str])]) {
        for (key, at) in self.keys() {
            if known.contains(&key) {
                continue;
            }
            let below = elsewhere
                .iter()
                .find(|(_, keys)| keys.contains(&key))
                .map(|(table, _)| format!("{table}.{key}"));
            let nearest = below.or_else(|| nearest(key, known.iter().copied()).map(str::to_string));
            // Where no word is near, a short list of all of them helps more than none.
            let message = if nearest.is_none() && known.len() <= SHORT_LIST {
                format!("unknown key; the keys here are {}", known.join(", "))
            } else {
                "unknown key".to_string()
            };
            self.notes.note_all(
                at,
                Problem {
                    key: self.path(key),
                    message,
                    nearest,
                    ..Problem::default()
                },
            );
        }
    }

    pub(crate) fn value(&self, key: &str) -> Option<&'a Spanned<DeValue<'a>>> {
        self.table.get(key)
    }

    /// Where a setting stands, or the table that should have it.
    pub(crate) fn at(&self, key: &str) -> usize {
        self.value(key).map_or(self.at, |value| value.span().start)
    }

    /// Path and place of a setting further below, "retry.jitter", or of the last table on the way that is there.
    pub(crate) fn locate(&self, keys: &str) -> (String, usize) {
        let mut path = self.path.clone();
        let mut at = self.at;
        let mut table = Some(self.clone());
        for key in keys.split('.') {
            path = join(&path, key);
            if let Some(section) = table.filter(|section| section.has(key)) {
                at = section.at(key);
                table = section.quiet_child(key);
            } else {
                table = None;
            }
        }
        (path, at)
    }

    pub(crate) fn complain(&self, key: &str, message: impl Into<String>) {
        self.notes.note(self.at(key), &self.path(key), message);
    }

    /// The table under a key; anything else there is noted with `how` to write it.
    pub(crate) fn child(&self, key: &str, how: &str) -> Option<Self> {
        match self.value(key)?.get_ref() {
            DeValue::Table(table) => Some(self.below(key, table)),
            other => {
                self.complain(key, format!("{}: write {how}", self.described(key, other)));
                None
            }
        }
    }

    /// A table known to be there.
    pub(crate) fn below(&self, key: &str, table: &'a DeTable<'a>) -> Self {
        Self {
            table,
            path: self.path(key),
            at: self.key_at(key),
            notes: self.notes,
        }
    }

    /// The table under a key, if there is one; anything else there is somebody else's complaint.
    pub(crate) fn quiet_child(&self, key: &str) -> Option<Self> {
        match self.value(key)?.get_ref() {
            DeValue::Table(table) => Some(self.below(key, table)),
            _ => None,
        }
    }

    pub(crate) fn is_off(&self, key: &str) -> bool {
        self.value(key)
            .is_some_and(|value| matches!(value.get_ref(), DeValue::String(text) if text == "off"))
    }

    /// A table of an array of tables.
    pub(crate) fn element(
        &self,
        key: &str,
        index: usize,
        value: &'a Spanned<DeValue<'a>>,
    ) -> Option<Self> {
        let path = format!("{}[{index}]", self.path(key));
        match value.get_ref() {
            DeValue::Table(table) => Some(Self {
                table,
                path,
                at: value.span().start,
                notes: self.notes,
            }),
            _ => {
                self.notes
                    .note(value.span().start, &path, "a table is wanted here");
                None
            }
        }
    }

    fn key_at(&self, key: &str) -> usize {
        self.table
            .get_key_value(key)
            .map_or(self.at, |(key, _)| key.span().start)
    }

    fn written(&self, key: &str) -> String {
        let span: Range<usize> = self.value(key).map_or(0..0, Spanned::span);
        let text = self.notes.written(span);
        let is_quoted = text.starts_with(['"', '\'']);
        let shown = quoted(text.trim_matches(['"', '\'']));
        if is_quoted {
            shown
        } else {
            shown.trim_matches('"').to_string()
        }
    }

    fn described(&self, key: &str, value: &DeValue<'_>) -> String {
        match value {
            DeValue::Table(_) => "a table cannot stand here".to_string(),
            DeValue::Array(_) => "an array cannot stand here".to_string(),
            DeValue::Datetime(_) => "a date cannot stand here".to_string(),
            _ => format!("{} cannot stand here", self.written(key)),
        }
    }

    fn wrong(&self, key: &str, value: &DeValue<'_>, how: &str) {
        self.complain(key, format!("{}: write {how}", self.described(key, value)));
    }

    fn noted<T>(&self, key: &str, read: Result<T, String>) -> Option<T> {
        read.map_err(|message| self.complain(key, message)).ok()
    }

    /// A duration with its unit.
    pub(crate) fn span(&self, key: &str) -> Option<Nanos> {
        match self.value(key)?.get_ref() {
            DeValue::String(text) => self.noted(key, units::span(text)),
            DeValue::Integer(_) | DeValue::Float(_) => {
                let number = self.written(key);
                let message = if number
                    .bytes()
                    .all(|byte| byte.is_ascii_digit() || byte == b'.')
                {
                    format!("{number} has no unit: write \"{number}ms\" or \"{number}s\"")
                } else {
                    format!("{number} is no duration: write it like \"250ms\" or \"1.5s\"")
                };
                self.complain(key, message);
                None
            }
            other => {
                self.wrong(key, other, "a duration such as \"250ms\"");
                None
            }
        }
    }

    /// A whole number, saturating where a smaller type is wanted: the range says no then.
    pub(crate) fn whole(&self, key: &str) -> Option<u64> {
        match self.value(key)?.get_ref() {
            DeValue::Integer(number) if number.as_str().starts_with('-') => {
                self.complain(key, format!("{} is negative", self.written(key)));
                None
            }
            DeValue::Integer(number) => {
                // Only more digits than fit can fail here.
                Some(u64::from_str_radix(number.as_str(), number.radix()).unwrap_or(u64::MAX))
            }
            DeValue::Float(_) => {
                self.complain(key, format!("{} is no whole number", self.written(key)));
                None
            }
            other => {
                self.wrong(key, other, "a whole number without quotes");
                None
            }
        }
    }

    /// A whole number of which every bit may be used.
    pub(crate) fn seed(&self, key: &str) -> Option<u64> {
        let seed = self.whole(key)?;
        if let Some(DeValue::Integer(number)) = self.value(key).map(Spanned::get_ref)
            && u64::from_str_radix(number.as_str(), number.radix()).is_err()
        {
            self.complain(
                key,
                format!("{} is outside 0..={}", self.written(key), u64::MAX),
            );
            return None;
        }
        Some(seed)
    }

    pub(crate) fn count(&self, key: &str) -> Option<u32> {
        self.whole(key)
            .map(|number| u32::try_from(number).unwrap_or(u32::MAX))
    }

    /// A share in thousandths: "12.5%" or 0.125.
    pub(crate) fn share(&self, key: &str) -> Option<u32> {
        match self.value(key)?.get_ref() {
            DeValue::String(text) => self.noted(key, units::percent(text)),
            DeValue::Integer(number)
                if !matches!(number.as_str(), "0" | "1") && !number.as_str().starts_with('-') =>
            {
                let number = self.written(key);
                self.complain(key, format!("{number} is no share: write \"{number}%\""));
                None
            }
            DeValue::Integer(_) | DeValue::Float(_) => self.permille(key),
            other => {
                self.wrong(key, other, "a share such as \"12.5%\" or 0.125");
                None
            }
        }
    }

    /// A plain number in thousandths: 2.0.
    pub(crate) fn factor(&self, key: &str) -> Option<u32> {
        match self.value(key)?.get_ref() {
            DeValue::Integer(_) | DeValue::Float(_) => self.permille(key),
            other => {
                self.wrong(key, other, "a number such as 2.0");
                None
            }
        }
    }

    fn permille(&self, key: &str) -> Option<u32> {
        let number = match self.value(key)?.get_ref() {
            DeValue::Integer(number) => i128::from_str_radix(number.as_str(), number.radix())
                .map_or(f64::INFINITY, |number| number as f64),
            DeValue::Float(number) => number.as_str().parse::<f64>().unwrap_or(f64::NAN),
            _ => f64::NAN,
        };
        let written = self.written(key);
        if number.is_nan() || (number.is_infinite() && written.contains("inf")) {
            self.complain(key, format!("{written} is no number"));
            return None;
        }
        if number < 0.0 {
            self.complain(key, format!("{written} is negative"));
            return None;
        }
        // A float becomes an integer here and never decides anything; `as` saturates.
        let permille = (number * 1_000.0).round() as u32;
        if permille == 0 && number > 0.0 {
            self.complain(
                key,
                format!("{written} is less than 0.001, the finest there is"),
            );
            return None;
        }
        Some(permille)
    }

    pub(crate) fn flag(&self, key: &str) -> Option<bool> {
        match self.value(key)?.get_ref() {
            DeValue::Boolean(flag) => Some(*flag),
            other => {
                self.wrong(key, other, "true or false");
                None
            }
        }
    }

    pub(crate) fn text(&self, key: &str) -> Option<&'a str> {
        match self.value(key)?.get_ref() {
            DeValue::String(text) => Some(text),
            other => {
                self.wrong(key, other, "a text in quotes");
                None
            }
        }
    }

    /// A rate in quotes: "100/s".
    pub(crate) fn rate(&self, key: &str) -> Option<(u64, Nanos)> {
        match self.value(key)?.get_ref() {
            DeValue::String(text) => self.noted(key, units::rate(text)),
            DeValue::Integer(_) => {
                let number = self.written(key);
                self.complain(
                    key,
                    format!("{number} has no period: write \"{number}/s\" or \"{number}/minute\""),
                );
                None
            }
            other => {
                self.wrong(key, other, "a rate such as \"100/s\"");
                None
            }
        }
    }

    /// A list of texts and their places.
    pub(crate) fn texts(&self, key: &str, how: &str) -> Vec<(&'a str, usize)> {
        let Some(value) = self.value(key) else {
            return Vec::new();
        };
        let DeValue::Array(array) = value.get_ref() else {
            self.wrong(key, value.get_ref(), how);
            return Vec::new();
        };
        let mut texts = Vec::new();
        for element in array.iter() {
            match element.get_ref() {
                DeValue::String(text) => texts.push((text.as_ref(), element.span().start)),
                _ => self.notes.note(
                    element.span().start,
                    &self.path(key),
                    format!("write {how}"),
                ),
            }
        }
        texts
    }

    /// One of several words.
    pub(crate) fn choice<T: Copy>(&self, key: &str, words: &[(&'static str, T)]) -> Option<T> {
        let text = self.text(key)?;
        let found = words.iter().find(|(word, _)| *word == text);
        if found.is_none() {
            let known: Vec<_> = words
                .iter()
                .map(|(word, _)| format!("\"{word}\""))
                .collect();
            self.notes.note_all(
                self.at(key),
                Problem {
                    key: self.path(key),
                    message: format!("{} is none of {}", quoted(text), known.join(", ")),
                    nearest: nearest(text, words.iter().map(|(word, _)| *word)).map(str::to_string),
                    ..Problem::default()
                },
            );
        }
        found.map(|(_, value)| *value)
    }

    /// Notes that a setting is out of range, as it is written if it is.
    pub(crate) fn out_of_range(&self, key: &str, error: &ConfigError, unit: Unit) {
        let value = if self.has(key) {
            self.written(key)
        } else {
            unit.show(error.value)
        };
        self.complain(
            key,
            format!(
                "{value} is outside {}..={}",
                unit.show(error.min),
                unit.show(error.max)
            ),
        );
    }

    /// Notes that a count of our own is out of range.
    pub(crate) fn expect_count(&self, key: &'static str, count: u32, least: u32, most: u32) {
        if let Err(error) =
            ConfigError::check(key, u64::from(count), u64::from(least), u64::from(most))
        {
            self.out_of_range(key, &error, Unit::Count);
        }
    }

    /// Notes that a span of our own is out of range.
    pub(crate) fn expect_span(&self, key: &'static str, span: Nanos, least: Nanos, most: Nanos) {
        if let Err(error) = ConfigError::check(key, span.0, least.0, most.0) {
            self.out_of_range(key, &error, Unit::Span);
        }
    }
}

/// Lets `validate` look again and again until every setting that is out of range has been told, not only the
/// first: `amend` notes an error and puts something sound in its place.
pub(crate) fn settle<C>(
    config: &mut C,
    validate: impl Fn(&C) -> Result<(), ConfigError>,
    mut amend: impl FnMut(&mut C, &ConfigError),
) {
    // Bounded: no table has more settings than this.
    for _ in 0..32 {
        match validate(config) {
            Ok(()) => return,
            Err(error) => amend(config, &error),
        }
    }
}
