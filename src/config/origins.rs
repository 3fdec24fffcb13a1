//! Where each key was set. Only faults and `check` ask: the files are read for it once more then, so that a start in
//! which nothing is wrong does not pay for it.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Bound;

use toml::de::{DeTable, DeValue};

use super::document::{Document, join};

/// Where a key was set.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Origin {
    pub file: String,
    pub line: usize,
    /// The role's table that it stands in, with its dot; empty outside of a role.
    pub within: String,
    /// Its value is a table, which another file's table joins instead of replacing it.
    is_table: bool,
}

impl fmt::Display for Origin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}", self.file, self.line)
    }
}

/// A file that was read.
#[derive(Clone, Debug)]
pub struct Source {
    pub name: String,
    pub text: String,
}

/// Key paths (`server.command`, `hooks.deploy.run[0].command`) and where each was set.
#[derive(Clone, Debug, Default)]
pub struct Origins(BTreeMap<String, Origin>);

impl Origins {
    /// Those of the files, one laid over the other, with a role laid over them, without what was dropped then.
    #[must_use]
    pub fn of(sources: &[Source], role: Option<&str>, dropped: &[&str]) -> Origins {
        let mut origins = Origins::default();
        for source in sources {
            origins.lay_over(Places::of(source));
        }
        if let Some(role) = role {
            origins.choose_role(role);
        }
        for key in dropped {
            origins.0.remove(*key);
            origins.remove_inside(key);
        }
        origins
    }

    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Origin> {
        self.0.get(key)
    }

    /// Keys as they are written, each with its place, in order; tables only where nothing is in them.
    pub fn leaves(&self) -> impl Iterator<Item = (String, &Origin)> {
        let leaves = self.0.iter().filter(|(key, _)| self.first_inside(key).is_none());
        leaves.map(|(key, origin)| (format!("{}{key}", origin.within), origin))
    }

    /// A key in the table or list `outer`. Each is looked for where it would stand: there may be many thousands.
    fn first_inside(&self, outer: &str) -> Option<String> {
        [".", "["].into_iter().find_map(|sign| {
            let start = format!("{outer}{sign}");
            let from = (Bound::Included(start.as_str()), Bound::Unbounded);
            let (key, _) = self.0.range::<str, _>(from).next().filter(|(key, _)| key.starts_with(&start))?;
            Some(key.clone())
        })
    }

    /// All that is in the table or list `outer`.
    pub fn inside(&self, outer: &str) -> impl Iterator<Item = &Origin> {
        let is_inside = move |key: &str| key.strip_prefix(outer).is_some_and(|rest| rest.starts_with(['.', '[']));
        self.0.iter().filter(move |(key, _)| is_inside(key)).map(|(_, origin)| origin)
    }

    fn remove_inside(&mut self, outer: &str) {
        while let Some(key) = self.first_inside(outer) {
            self.0.remove(&key);
        }
    }

    /// As the values are laid over each other (`layers.rs`): tables join, everything else is replaced.
    fn lay_over(&mut self, new: BTreeMap<String, Origin>) {
        if new.contains_key("server.command") && !new.contains_key("server.args") {
            self.0.remove("server.args");
            self.remove_inside("server.args");
        }
        // A table comes before what is in it.
        for (key, origin) in new {
            match self.0.get(&key) {
                Some(old) if old.is_table && origin.is_table => continue,
                Some(_) => self.remove_inside(&key),
                None => {}
            }
            self.0.insert(key, origin);
        }
    }

    fn choose_role(&mut self, name: &str) {
        let table = format!("role.{name}");
        let within = format!("{table}.");
        let inside = |(key, origin): (&String, &Origin)| {
            let key = key.strip_prefix(&within)?.to_owned();
            Some((key, Origin { within: within.clone(), ..origin.clone() }))
        };
        let of_role = self.0.iter().filter_map(inside).collect();
        self.lay_over(of_role);
        self.0.remove(&table);
        self.remove_inside(&table);
    }
}

/// The places of one file.
struct Places<'a> {
    source: &'a Source,
    document: &'a Document<'a>,
    found: BTreeMap<String, Origin>,
}

impl Places<'_> {
    fn of(source: &Source) -> BTreeMap<String, Origin> {
        let document = Document::parse(&source.text);
        let mut places = Places { source, document: &document, found: BTreeMap::new() };
        places.table(document.root(), "");
        places.found
    }

    fn table(&mut self, table: &DeTable<'_>, prefix: &str) {
        for (key, span, value) in self.document.entries(table) {
            let path = join(prefix, key);
            self.note(span.start, value.get_ref(), &path);
            self.below(value.get_ref(), &path);
        }
    }

    fn note(&mut self, position: usize, value: &DeValue<'_>, path: &str) {
        let origin = Origin {
            file: self.source.name.clone(),
            line: self.document.line(position),
            within: String::new(),
            is_table: matches!(value, DeValue::Table(_)),
        };
        self.found.insert(path.to_owned(), origin);
    }

    /// What is in a value.
    fn below(&mut self, value: &DeValue<'_>, path: &str) {
        match value {
            DeValue::Table(table) => self.table(table, path),
            DeValue::Array(values) => {
                for (place, value) in values.iter().enumerate() {
                    let path = format!("{path}[{place}]");
                    if let DeValue::Table(_) = value.get_ref() {
                        self.note(value.span().start, value.get_ref(), &path);
                    }
                    self.below(value.get_ref(), &path);
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
