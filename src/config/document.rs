//! One TOML file, taken apart: its entries with their lines, and what is not TOML in it.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// A parsed file. Where a part of it is not TOML, the rest is there all the same.
pub struct Document<'t> {
    text: &'t str,
    root: Spanned<DeTable<'t>>,
    errors: Vec<toml::de::Error>,
    /// Lines that are not TOML: what was recovered from them says nothing.
    broken: Vec<usize>,
}

/// A key, where it is, and its value.
pub type Entry<'d, 't> = (&'d str, Range<usize>, &'d Spanned<DeValue<'t>>);

impl<'t> Document<'t> {
    #[must_use]
    pub fn parse(text: &'t str) -> Document<'t> {
        let (root, errors) = DeTable::parse_recoverable(text);
        let broken = errors.iter().filter_map(|error| Some(line(text, error.span()?.start))).collect();
        Document { text, root, errors, broken }
    }

    #[must_use]
    pub fn root(&self) -> &DeTable<'t> {
        self.root.get_ref()
    }

    /// What is not TOML, each with its line (0: the file as a whole).
    pub fn errors(&self) -> impl Iterator<Item = (usize, String)> {
        let at = |error: &toml::de::Error| error.span().map_or(0, |span| self.line(span.start));
        self.errors.iter().map(move |error| (at(error), self.what(error)))
    }

    /// What the parser says, with the key where it names none.
    fn what(&self, error: &toml::de::Error) -> String {
        let key = error.span().and_then(|span| self.text.get(span));
        match key.filter(|_| error.message() == "duplicate key") {
            Some(key) => format!("duplicate key `{key}`; write it once"),
            None => error.message().to_owned(),
        }
    }

    /// The entries of a table of this file that are sound.
    pub fn entries<'d>(&'d self, table: &'d DeTable<'t>) -> impl Iterator<Item = Entry<'d, 't>> {
        let entries = table.iter().map(|(key, value)| (&**key.get_ref(), key.span(), value));
        entries.filter(|(_, key, value)| {
            let is_broken = |position| self.broken.contains(&self.line(position));
            // Below a [header] the lines of the table are as good as any, even where it is there for the second time.
            let has_header = value.span().start < key.start;
            self.broken.is_empty() || has_header || !(is_broken(key.start) || is_broken(value.span().start))
        })
    }

    /// The line of a position in the text, counted from 1.
    #[must_use]
    pub fn line(&self, position: usize) -> usize {
        line(self.text, position)
    }
}

fn line(text: &str, position: usize) -> usize {
    text.get(..position).unwrap_or(text).matches('\n').count().saturating_add(1)
}

/// A part of the path of a key.
#[must_use]
pub fn join(prefix: &str, name: &str) -> String {
    if prefix.is_empty() { name.to_owned() } else { format!("{prefix}.{name}") }
}
