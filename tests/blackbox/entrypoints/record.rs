//! How the stand-in was called, read back from its record.

use std::collections::BTreeMap;
use std::fmt;

/// One call of a command.
pub struct Call {
    /// The command's name, then its arguments.
    pub words: Vec<String>,
    /// `UID:GID`
    pub identity: String,
    /// All groups, in the order of `id -G`.
    pub groups: String,
    pub directory: String,
    pub umask: String,
    /// The limit of open files, `SOFT:HARD`.
    pub nofile: String,
    environment: BTreeMap<String, String>,
}

impl Call {
    /// The value of a variable; empty when it is not set.
    pub fn env(&self, name: &str) -> &str {
        self.environment.get(name).map_or("", String::as_str)
    }

    pub fn has(&self, name: &str) -> bool {
        self.environment.contains_key(name)
    }
}

/// The command line. Words that are programs of their own are shortened.
impl fmt::Display for Call {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = self.words.iter().map(|word| if word.contains('\n') { "…" } else { word });
        write!(out, "{}", words.collect::<Vec<_>>().join(" "))
    }
}

/// All calls, in their order. A record that is still being written is left out.
pub fn parse(text: &str) -> Vec<Call> {
    text.split_inclusive('\u{1e}').filter_map(|record| call(record.strip_suffix('\u{1e}')?)).collect()
}

fn call(record: &str) -> Option<Call> {
    let mut parts = record.split('\u{1d}').map(items);
    let (words, found, environment) = (parts.next()?, parts.next()?, parts.next()?);
    let [identity, groups, directory, umask, nofile] = <[String; 5]>::try_from(found).ok()?;
    let environment = environment.iter().filter_map(|line| line.split_once('='));
    let environment = environment.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    Some(Call { words, identity, groups, directory, umask, nofile, environment })
}

/// Each item ends with its separator, so that an empty one counts.
fn items(part: &str) -> Vec<String> {
    let mut items: Vec<String> = part.split('\u{1f}').map(str::to_owned).collect();
    items.pop();
    items
}
