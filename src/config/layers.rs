//! The files, read and laid over each other, key by key, each key remembering where it came from.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::FileTypeExt;
use std::path::Path;

use toml::de::{DeTable, DeValue};
use toml::{Spanned, Table, Value};

use super::fault::Fault;

/// What the files say together.
#[derive(Debug, Default)]
pub struct Layers {
    pub table: Table,
    /// Key paths (`server.command`, `hooks.deploy.run[0].command`) with file and line.
    origins: BTreeMap<String, (String, usize)>,
}

impl Layers {
    /// Lays a file over what there is. A file that is not there changes nothing unless it is `required`.
    pub fn read(&mut self, path: &Path, required: bool, faults: &mut Vec<Fault>) {
        let name = path.display().to_string();
        let at = |line, what: String| Fault { place: Some((name.clone(), line)), key: String::new(), what };
        if fs::metadata(path).is_ok_and(|metadata| metadata.file_type().is_fifo()) {
            // Reading it would wait for a writer.
            faults.push(at(0, "is a pipe; name a regular file".into()));
            return;
        }
        let bytes = match fs::read(path) {
            Ok(bytes) => bytes,
            Err(error) if !required && matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => return,
            Err(error) => {
                faults.push(at(0, format!("cannot be read: {error}; name a file that is there and readable")));
                return;
            }
        };
        let Ok(text) = String::from_utf8(bytes) else {
            faults.push(at(0, "is not UTF-8 text; save it as UTF-8".into()));
            return;
        };
        let (document, errors) = DeTable::parse_recoverable(&text);
        let lines = Lines::of(&text);
        let broken: Vec<usize> = errors.iter().filter_map(|error| Some(lines.number(error.span()?.start))).collect();
        for error in &errors {
            let line = error.span().map_or(0, |span| lines.number(span.start));
            faults.push(at(line, format!("not TOML: {}", error.message())));
        }
        let reader = Reader { name: &name, lines: &lines, broken: &broken };
        reader.lay_over(document.get_ref(), "", &mut self.table, &mut self.origins);
    }

    /// Puts the place of `key`, or of the nearest table around it, to a fault.
    #[must_use]
    pub fn fault(&self, key: &str, what: impl Into<String>) -> Fault {
        let mut path = key;
        let place = loop {
            if let Some(origin) = self.origins.get(path) {
                break Some(origin.clone());
            }
            match path.rfind(['.', '[']) {
                Some(end) => path = path.get(..end).unwrap_or_default(),
                None => break None,
            }
        };
        Fault { place, key: key.to_owned(), what: what.into() }
    }

    /// Keys with file and line, in order; tables only where nothing is in them.
    pub fn origins(&self) -> impl Iterator<Item = (&str, &(String, usize))> {
        let holds = |outer: &str, key: &str| key.strip_prefix(outer).is_some_and(|rest| rest.starts_with(['.', '[']));
        self.origins
            .iter()
            .filter(move |(key, _)| !self.origins.keys().any(|other| holds(key, other)))
            .map(|(key, origin)| (key.as_str(), origin))
    }
}

struct Reader<'a> {
    name: &'a str,
    lines: &'a Lines,
    /// Lines that are not TOML: what was recovered from them says nothing.
    broken: &'a [usize],
}

impl Reader<'_> {
    fn lay_over(
        &self,
        document: &DeTable<'_>,
        prefix: &str,
        table: &mut Table,
        origins: &mut BTreeMap<String, (String, usize)>,
    ) {
        for (key, value) in document {
            let line = self.lines.number(key.span().start);
            if self.broken.contains(&line) || self.broken.contains(&self.lines.number(value.span().start)) {
                continue;
            }
            let name: &str = key.get_ref();
            let path = join(prefix, name);
            if let DeValue::Table(inner) = value.get_ref() {
                let entry = table.entry(name).or_insert_with(|| Value::Table(Table::new()));
                if let Value::Table(existing) = entry {
                    origins.entry(path.clone()).or_insert_with(|| (self.name.to_owned(), line));
                    self.lay_over(inner, &path, existing, origins);
                    continue;
                }
            }
            // A replaced list or table takes the origins of what was in it along.
            let inside = |known: &str| known.strip_prefix(&path).is_some_and(|rest| rest.starts_with(['.', '[']));
            origins.retain(|known, _| !inside(known));
            origins.insert(path.clone(), (self.name.to_owned(), line));
            self.note(value, &path, origins);
            table.insert(name.to_owned(), owned(value.get_ref()));
        }
    }

    /// Notes the places of everything inside a value.
    fn note(&self, value: &Spanned<DeValue<'_>>, path: &str, origins: &mut BTreeMap<String, (String, usize)>) {
        match value.get_ref() {
            DeValue::Table(table) => {
                for (key, value) in table {
                    let path = join(path, key.get_ref());
                    origins.insert(path.clone(), (self.name.to_owned(), self.lines.number(key.span().start)));
                    self.note(value, &path, origins);
                }
            }
            DeValue::Array(values) => {
                for (place, value) in values.iter().enumerate() {
                    if let DeValue::Table(_) = value.get_ref() {
                        let path = format!("{path}[{place}]");
                        origins.insert(path.clone(), (self.name.to_owned(), self.lines.number(value.span().start)));
                        self.note(value, &path, origins);
                    }
                }
            }
            DeValue::String(_)
            | DeValue::Integer(_)
            | DeValue::Float(_)
            | DeValue::Boolean(_)
            | DeValue::Datetime(_) => {}
        }
    }
}

fn join(prefix: &str, name: &str) -> String {
    if prefix.is_empty() { name.to_owned() } else { format!("{prefix}.{name}") }
}

/// A value without its places. A number that does not fit is kept as text, so that the key's type refuses it.
fn owned(value: &DeValue<'_>) -> Value {
    match value {
        DeValue::String(text) => Value::String(text.to_string()),
        DeValue::Integer(number) => match i64::from_str_radix(number.as_str(), number.radix()) {
            Ok(number) => Value::Integer(number),
            Err(_) => Value::String(number.as_str().to_owned()),
        },
        DeValue::Float(number) => match number.as_str().parse() {
            Ok(number) => Value::Float(number),
            Err(_) => Value::String(number.as_str().to_owned()),
        },
        DeValue::Boolean(truth) => Value::Boolean(*truth),
        DeValue::Datetime(time) => Value::Datetime(*time),
        DeValue::Array(values) => Value::Array(values.iter().map(|value| owned(value.get_ref())).collect()),
        DeValue::Table(table) => {
            let entries = table.iter().map(|(key, value)| (key.get_ref().to_string(), owned(value.get_ref())));
            Value::Table(entries.collect())
        }
    }
}

/// Line numbers of byte positions.
struct Lines {
    starts: Vec<usize>,
}

impl Lines {
    fn of(text: &str) -> Lines {
        let after_newlines =
            text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(place, _)| place.saturating_add(1));
        Lines { starts: std::iter::once(0).chain(after_newlines).collect() }
    }

    /// Counted from 1.
    fn number(&self, position: usize) -> usize {
        self.starts.partition_point(|&start| start <= position)
    }
}
