//! What is wrong with a configuration, and where.

use std::fmt;

/// One mistake, with what to do about it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Fault {
    /// File and line, 0 for the file as a whole; `None` for what came from the environment or the command line.
    pub place: Option<(String, usize)>,
    /// The key with its table (`server.stop_signal`), the variable or the option; empty where the file itself is wrong.
    pub key: String,
    pub what: String,
}

impl Fault {
    #[must_use]
    pub fn new(key: impl Into<String>, what: impl Into<String>) -> Fault {
        Fault { place: None, key: key.into(), what: what.into() }
    }

    /// The file and the line, where it is none of a key but of the file as such.
    #[must_use]
    pub fn whole_file(&self) -> Option<&(String, usize)> {
        self.place.as_ref().filter(|_| self.key.is_empty())
    }
}

impl fmt::Display for Fault {
    /// `FILE:LINE: KEY: what is wrong; what to do`.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some((file, line)) = &self.place {
            match line {
                0 => write!(formatter, "{file}: ")?,
                line => write!(formatter, "{file}:{line}: ")?,
            }
        }
        if !self.key.is_empty() {
            write!(formatter, "{}: ", self.key)?;
        }
        formatter.write_str(&self.what)
    }
}
