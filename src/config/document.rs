//! One TOML file, taken apart: its entries with their lines, and what is not TOML in it.

use std::cell::OnceCell;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// A parsed file. Where a part of it is not TOML, the rest is there all the same.
pub struct Document<'t> {
    text: &'t str,
    root: Spanned<DeTable<'t>>,
    errors: Vec<toml::de::Error>,
    /// Lines that are not TOML, in order: what was recovered from them says nothing.
    broken: Vec<usize>,
    /// Where each line ends.
    ends: OnceCell<Vec<usize>>,
}

/// A key, where it is, and its value.
pub type Entry<'d, 't> = (&'d str, Range<usize>, &'d Spanned<DeValue<'t>>);

impl<'t> Document<'t> {
    #[must_use]
    pub fn parse(text: &'t str) -> Document<'t> {
        let (root, errors) = DeTable::parse_recoverable(text);
        let mut document = Document { text, root, errors, broken: Vec::new(), ends: OnceCell::new() };
        let lines = document.errors.iter().filter_map(|error| Some(document.line(error.span()?.start)));
        document.broken = lines.collect();
        document.broken.sort_unstable();
        document
    }

    #[must_use]
    pub fn root(&self) -> &DeTable<'t> {
        self.root.get_ref()
    }

    /// The line at which this is no TOML (0: the file as a whole), and why. All that the parser says of what comes after it
    /// may follow from it.
    #[must_use]
    pub fn error(&self) -> Option<(usize, String)> {
        let errors = self.errors.iter().filter(|error| !is_repetition(error));
        let first = errors.min_by_key(|error| error.span().map(|span| span.start))?;
        let Some(at) = first.span().map(|span| span.start) else { return Some((0, first.message().to_owned())) };
        let line = self.line(at);
        let opened =
            left_open(self.text, at).map(|sign| (self.line(sign.start), self.text.get(sign).unwrap_or_default()));
        Some(match opened {
            Some((opened, sign)) if opened < line => {
                let closing = match sign {
                    "[" => "]",
                    "{" => "}",
                    quotes => quotes,
                };
                (opened, format!("`{sign}` is opened here and not closed before line {line}; write `{closing}`"))
            }
            _ => (line, first.message().to_owned()),
        })
    }

    /// Keys that are there twice, each with its line.
    pub fn repetitions(&self) -> impl Iterator<Item = (usize, &str)> {
        let repetitions = self.errors.iter().filter(|error| is_repetition(error)).filter_map(toml::de::Error::span);
        repetitions.filter_map(|span| Some((self.line(span.start), self.text.get(span)?)))
    }

    /// The entries of a table of this file that are sound.
    pub fn entries<'d>(&'d self, table: &'d DeTable<'t>) -> impl Iterator<Item = Entry<'d, 't>> {
        let entries = table.iter().map(|(key, value)| (&**key.get_ref(), key.span(), value));
        entries.filter(|(_, key, value)| {
            let is_broken = |position| self.broken.binary_search(&self.line(position)).is_ok();
            // Below a [header] the lines of the table are as good as any, even where it is there for the second time.
            let has_header = value.span().start < key.start;
            self.broken.is_empty() || has_header || !(is_broken(key.start) || is_broken(value.span().start))
        })
    }

    /// The line of a position in the text, counted from 1.
    #[must_use]
    pub fn line(&self, position: usize) -> usize {
        let ends = self.ends.get_or_init(|| self.text.match_indices('\n').map(|(end, _)| end).collect());
        ends.partition_point(|end| *end < position).saturating_add(1)
    }
}

/// TOML all the same, but for what it says.
fn is_repetition(error: &toml::de::Error) -> bool {
    error.message() == "duplicate key"
}

/// The bracket or the quotes in front of `at` that are still open there, and that nothing behind it closes. A string of
/// several lines that ends in front of it on its line counts, too: it took the next one's quotes for its end.
fn left_open(text: &str, at: usize) -> Option<Range<usize>> {
    const SIGNS: [&str; 9] = ["\"\"\"", "'''", "\"", "'", "#", "[", "{", "]", "}"];
    let mut open: Vec<Range<usize>> = Vec::new();
    let mut place = 0;
    while let Some(rest) = text.as_bytes().get(place..).filter(|rest| !rest.is_empty()) {
        let sign = SIGNS.into_iter().find(|sign| rest.starts_with(sign.as_bytes()));
        let here = place..place.saturating_add(sign.map_or(1, str::len));
        place = here.end;
        match sign {
            None => {}
            Some("[" | "{") => open.push(here),
            Some(closing @ ("]" | "}")) => {
                let opening = if closing == "]" { "[" } else { "{" };
                let last = open.pop().filter(|last| text.get(last.clone()) != Some(opening) && last.start < at);
                if last.is_some() {
                    return last;
                }
            }
            Some("#") => place = string_end(text, place, "\n").unwrap_or_else(|end| end),
            Some(quotes) => {
                let end = string_end(text, place, quotes);
                place = end.unwrap_or_else(|end| end);
                let has_line_end = |range| text.get(range).is_some_and(|part: &str| part.contains('\n'));
                let ends_at_fault = place <= at && has_line_end(here.start..place) && !has_line_end(place..at);
                if here.start < at && (end.is_err() || ends_at_fault) {
                    return Some(here);
                }
            }
        }
    }
    open.into_iter().rfind(|sign| sign.start < at)
}

/// Where a string ends that began with `quotes` in front of `from`; or where it ends without them.
fn string_end(text: &str, from: usize, quotes: &str) -> Result<usize, usize> {
    let mut place = from;
    while let Some(rest) = text.as_bytes().get(place..).filter(|rest| !rest.is_empty()) {
        if rest.starts_with(quotes.as_bytes()) {
            return Ok(place.saturating_add(quotes.len()));
        }
        match rest {
            [b'\n', ..] if quotes.len() == 1 => return Err(place),
            [b'\\', ..] if quotes.starts_with('"') => place = place.saturating_add(2),
            _ => place = place.saturating_add(1),
        }
    }
    Err(text.len())
}

/// A part of the path of a key.
#[must_use]
pub fn join(prefix: &str, name: &str) -> String {
    if prefix.is_empty() { name.to_owned() } else { format!("{prefix}.{name}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is not TOML, with its line.
    fn error(text: &str) -> Option<(usize, String)> {
        Document::parse(text).error()
    }

    #[test]
    fn what_was_left_open_is_told_where_it_was_opened() {
        for (text, opened, sign, line, closing) in [
            ("a = 1\n[server]\ncommand = [\"a\", \"b\"\nargs = [\"x\"]\n[stop]\nb = 1\n", 3, "[", 4, "]"),
            ("x = [\n\"a\", # ]\n\n[server]\nmode = \"}\"\n", 1, "[", 4, "]"),
            ("x = [\n[1, 2],\n[3\n]\ny = 1\n", 1, "[", 5, "]"),
            ("files = [\n{ path = \"a\",\n{ path = \"b\" },\n]\n", 2, "{", 3, "}"),
            ("files = [\n{ path = \"a\"\n]\nx = 1\n", 2, "{", 3, "}"),
            ("x = { a = 1,\n[server]\n", 1, "{", 2, "}"),
            ("a = 1\nb = \"\"\"x\n\nc = 1\n", 2, "\"\"\"", 5, "\"\"\""),
            ("a = \"\"\"x\n\\\"\"\" b = '''y'''\nc = 1\n", 1, "\"\"\"", 4, "\"\"\""),
            ("a = \"\"\"x\nb = \"\"\"y\"\"\"\nc=1\n", 1, "\"\"\"", 2, "\"\"\""),
            ("a = '''x\n\nb = '''y'''\nc=1\n", 1, "'''", 3, "'''"),
        ] {
            let what = format!("`{sign}` is opened here and not closed before line {line}; write `{closing}`");
            assert_eq!(error(text), Some((opened, what)), "{text}");
        }
    }

    #[test]
    fn what_is_wrong_in_itself_is_told_where_it_stands() {
        for (text, line) in [
            ("[server\ncommand = [\"a\"]\n", 1),
            ("a = 1\n[[wait]\ntarget = \"a\"\n", 2),
            ("command = [\n  \"a\",\n  b,\n]\nx = 1\n", 3),
            ("command = [\n  \"a\",\n  \"b,\n  \"c\",\n]\nx = 1\n", 3),
            ("x = [\n  { a = 1 b = 2 },\n]\ny = [\n", 2),
            ("a = \"\"\"\nb\n\\q\n\"\"\"\n", 3),
            ("a = \"\"\"\nb\n\"\"\"\nc\n", 4),
            ("user = \"app\numask = \"0027\"\n", 1),
            ("umask = 0027\nuser = app\nuser = 1\n", 1),
            ("command = [\"a\"]]\nx = [\n", 1),
            ("command = [\"a, \"b\"]\nx = 1\n", 1),
            ("x = 'it's'\n", 1),
            ("x = \"ä\"\n[ä b]\n", 2),
            ("\n]\n", 2),
            ("\nx", 2),
        ] {
            let (found, what) = error(text).unwrap_or_default();
            assert_eq!(found, line, "{text}: {what}");
            assert!(!what.contains("opened here"), "{text}: {what}");
        }
    }

    #[test]
    fn a_key_that_is_there_twice_is_still_toml() {
        let document = Document::parse("a = 1\na = 2\n[b]\n[b]\nc.d = 1\nc = 2\n");
        assert_eq!(document.error(), None);
        assert_eq!(document.repetitions().collect::<Vec<_>>(), [(2, "a"), (4, "b"), (6, "c")]);
    }

    /// A look through the whole text for each of these would not come to its end today.
    #[test]
    fn long_texts_are_looked_at_once() {
        const SIZE: usize = 200_000;
        for piece in ["[", "{", "]", "x = [\"a\"", "\"", "\"a\", ", "\"\"\"\n", "'''\n'''", "# [\n", "ä\n", "a = 1\n"]
        {
            let text = piece.repeat(SIZE / piece.len());
            assert!(left_open(&text, text.len()).is_none_or(|sign| sign.end <= text.len()));
            assert!(left_open(&text, 0).is_none());
        }
        let text = "a\n".repeat(SIZE / 2);
        let document = Document { text: &text, ..Document::parse("") };
        assert!((0..SIZE / 2).all(|line| document.line(line * 2) == line + 1));
    }
}
