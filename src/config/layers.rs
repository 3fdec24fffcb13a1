//! The files, read and laid over each other, key by key, each key remembering where it came from.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::fault::Fault;
use super::value::{Table, Value};
use crate::sys::regular;

/// Where a key was set.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Origin {
    pub file: String,
    pub line: usize,
    /// The role's table that it stands in, with its dot; empty outside of a role.
    within: String,
}

impl fmt::Display for Origin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}", self.file, self.line)
    }
}

/// Key paths (`server.command`, `hooks.deploy.run[0].command`) and where each was set.
type Origins = BTreeMap<String, Origin>;

/// What the files say together.
#[derive(Debug, Default)]
pub struct Layers {
    pub table: Table,
    origins: Origins,
    /// The files that were read.
    pub files: Vec<PathBuf>,
}

impl Layers {
    /// Lays a file over what there is. A file that is not there changes nothing unless it is `required`.
    pub fn read(&mut self, path: &Path, required: bool, faults: &mut Vec<Fault>) {
        let name = path.display().to_string();
        let at = |line, what: String| Fault { place: Some((name.clone(), line)), key: String::new(), what };
        let bytes = match regular::read(path) {
            Ok(Some(bytes)) => bytes,
            Ok(None) if !required => return,
            Ok(None) => return faults.push(at(0, "is not there; make it, or name another".into())),
            Err(why) => return faults.push(at(0, format!("cannot be read: {why}"))),
        };
        self.files.push(path.to_owned());
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
        let mut reader = Reader { name: &name, lines: &lines, broken: &broken, origins: Origins::new() };
        let table = reader.table(document.get_ref(), "");
        lay_over(&mut self.table, table, "", &mut self.origins, &reader.origins);
    }

    /// Lays the table of role `name` over the rest of the file; `false` where there is no such role.
    pub fn choose_role(&mut self, name: &str) -> bool {
        let Some(Value::Table(roles)) = self.table.get_mut("role") else { return false };
        let Some(Value::Table(role)) = roles.remove(name) else { return false };
        let within = format!("role.{name}.");
        let inside = |(key, origin): (&String, &Origin)| {
            let key = key.strip_prefix(&within)?.to_owned();
            Some((key, Origin { within: within.clone(), ..origin.clone() }))
        };
        let of_role = self.origins.iter().filter_map(inside).collect();
        lay_over(&mut self.table, role, "", &mut self.origins, &of_role);
        self.origins.retain(|key, _| !key.starts_with(&within) && key.as_str() != within.trim_end_matches('.'));
        true
    }

    /// Whether the role that was chosen sets this key.
    #[must_use]
    pub fn is_of_role(&self, key: &str) -> bool {
        self.origins.get(key).is_some_and(|origin| !origin.within.is_empty())
    }

    /// Puts the place of `key`, or of the nearest table around it, to a fault.
    #[must_use]
    pub fn fault(&self, key: &str, what: impl Into<String>) -> Fault {
        let mut path = key;
        let origin = loop {
            if let Some(origin) = self.origins.get(path) {
                break Some(origin);
            }
            match path.rfind(['.', '[']) {
                Some(end) => path = path.get(..end).unwrap_or_default(),
                None => break None,
            }
        };
        let within = origin.map_or("", |origin| origin.within.as_str());
        let place = origin.map(|origin| (origin.file.clone(), origin.line));
        Fault { place, key: format!("{within}{key}"), what: what.into() }
    }

    /// Keys as they are written, each with its place, in order; tables only where nothing is in them.
    pub fn origins(&self) -> impl Iterator<Item = (String, &Origin)> {
        let holds_others = |key: &str| self.origins.keys().any(|other| is_inside(other, key));
        let leaves = self.origins.iter().filter(move |(key, _)| !holds_others(key));
        leaves.map(|(key, origin)| (format!("{}{key}", origin.within), origin))
    }
}

/// Whether `key` is in the table or list `outer`.
fn is_inside(key: &str, outer: &str) -> bool {
    key.strip_prefix(outer).is_some_and(|rest| rest.starts_with(['.', '[']))
}

/// Lays `over` over `table`, key by key, and takes the origins along.
fn lay_over(table: &mut Table, over: Table, prefix: &str, origins: &mut Origins, new: &Origins) {
    if prefix == "server" && over.contains_key("command") && !over.contains_key("args") {
        // They extend the command that is replaced.
        table.remove("args");
        origins.remove("server.args");
    }
    for (key, value) in over {
        let path = join(prefix, &key);
        match (table.get_mut(&key), value) {
            (Some(Value::Table(existing)), Value::Table(value)) => lay_over(existing, value, &path, origins, new),
            (_, value) => {
                origins.retain(|known, _| !is_inside(known, &path));
                let came_along = new.iter().filter(|(known, _)| **known == path || is_inside(known, &path));
                origins.extend(came_along.map(|(known, origin)| (known.clone(), origin.clone())));
                table.insert(key, value);
            }
        }
    }
}

/// Reads one file's document into plain values and notes their places.
struct Reader<'a> {
    name: &'a str,
    lines: &'a Lines,
    /// Lines that are not TOML: what was recovered from them says nothing.
    broken: &'a [usize],
    origins: Origins,
}

impl Reader<'_> {
    fn table(&mut self, document: &DeTable<'_>, prefix: &str) -> Table {
        let mut table = Table::new();
        for (key, value) in document {
            let line = self.lines.number(key.span().start);
            if self.broken.contains(&line) || self.broken.contains(&self.lines.number(value.span().start)) {
                continue;
            }
            let path = join(prefix, key.get_ref());
            self.note(path.clone(), line);
            table.insert(key.get_ref().to_string(), self.value(value, &path));
        }
        table
    }

    fn note(&mut self, path: String, line: usize) {
        self.origins.insert(path, Origin { file: self.name.to_owned(), line, within: String::new() });
    }

    /// A value without its places.
    fn value(&mut self, value: &Spanned<DeValue<'_>>, path: &str) -> Value {
        match value.get_ref() {
            DeValue::String(text) => Value::Text(text.to_string()),
            DeValue::Integer(number) => match i64::from_str_radix(number.as_str(), number.radix()) {
                Ok(number) => Value::Number(number),
                Err(_) => Value::Other(number.as_str().to_owned()),
            },
            DeValue::Float(number) => Value::Other(number.as_str().to_owned()),
            DeValue::Boolean(truth) => Value::Truth(*truth),
            DeValue::Datetime(time) => Value::Other(time.to_string()),
            DeValue::Table(table) => Value::Table(self.table(table, path)),
            DeValue::Array(values) => {
                let element = |(place, value): (usize, &Spanned<DeValue<'_>>)| {
                    let path = format!("{path}[{place}]");
                    if let DeValue::Table(_) = value.get_ref() {
                        self.note(path.clone(), self.lines.number(value.span().start));
                    }
                    self.value(value, &path)
                };
                Value::List(values.iter().enumerate().map(element).collect())
            }
        }
    }
}

fn join(prefix: &str, name: &str) -> String {
    if prefix.is_empty() { name.to_owned() } else { format!("{prefix}.{name}") }
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

#[cfg(test)]
mod tests {
    use super::*;

    /// What these texts say together, as files one after another.
    fn layers(texts: &[&str]) -> Layers {
        let mut layers = Layers::default();
        let directory = tempfile::tempdir().expect("a directory");
        for (place, text) in texts.iter().enumerate() {
            let path = directory.path().join(place.to_string());
            std::fs::write(&path, text).expect("a file");
            let mut faults = Vec::new();
            layers.read(&path, true, &mut faults);
            assert!(faults.is_empty(), "{faults:?}");
        }
        layers
    }

    fn places(layers: &Layers) -> Vec<(String, String)> {
        let file = |origin: &Origin| origin.file.rsplit('/').next().unwrap_or_default().to_owned();
        layers.origins().map(|(key, origin)| (key, format!("{}:{}", file(origin), origin.line))).collect()
    }

    fn pairs(list: &[(&str, &str)]) -> Vec<(String, String)> {
        list.iter().map(|(key, place)| ((*key).to_owned(), (*place).to_owned())).collect()
    }

    #[test]
    fn tables_join_and_lists_are_replaced() {
        let layers = layers(&[
            "umask = \"0022\"\n[server]\ncommand = [\"a\"]\nargs = [\"b\"]\n[[wait]]\ntarget = \"x:1\"\n[[wait]]\ntarget = \"y:1\"",
            "[server]\nstop_signal = \"INT\"\n[[wait]]\ntimeout = 3\ntarget = \"z:1\"",
        ]);
        let expected = [
            ("server.args", "0:4"),
            ("server.command", "0:3"),
            ("server.stop_signal", "1:2"),
            ("umask", "0:1"),
            ("wait[0].target", "1:5"),
            ("wait[0].timeout", "1:4"),
        ];
        assert_eq!(places(&layers), pairs(&expected));
        assert!(matches!(layers.table.get("wait"), Some(Value::List(waits)) if waits.len() == 1));
    }

    #[test]
    fn another_command_does_not_get_the_arguments_of_the_first() {
        let layers = layers(&["[server]\ncommand = [\"a\"]\nargs = [\"b\"]", "[server]\ncommand = [\"c\"]"]);
        assert_eq!(places(&layers), pairs(&[("server.command", "1:2")]));
        assert!(matches!(layers.table.get("server"), Some(Value::Table(server)) if !server.contains_key("args")));
    }

    #[test]
    fn a_chosen_role_is_laid_over_the_rest_and_remembers_where_it_stood() {
        let mut layers = layers(&[
            "[server]\ncommand = [\"web\"]\nargs = [\"x\"]\nstop_signal = \"INT\"\n[role.worker]\nserver.command = [\"w\"]\n[[role.worker.wait]]\ntarget = \"q\"\n[role.other]\numask = \"0\"",
        ]);
        assert!(!layers.choose_role("none"));
        assert!(layers.choose_role("worker"));
        let expected = [
            ("role.other.umask", "0:10"),
            ("role.worker.server.command", "0:6"),
            ("server.stop_signal", "0:4"),
            ("role.worker.wait[0].target", "0:8"),
        ];
        assert_eq!(places(&layers), pairs(&expected));
        let fault = layers.fault("server.command", "is wrong");
        assert!(fault.to_string().ends_with("0:6: role.worker.server.command: is wrong"), "{fault}");
        assert!(layers.fault("wait[0].timeout", "x").to_string().contains("0:7: role.worker.wait[0].timeout"));
    }
}
