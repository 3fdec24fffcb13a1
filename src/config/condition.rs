//! Conditions of `when`: on the environment, the server's command line and who app-init is, decided when the plan is made (§6.5).

use super::expand::{self, Lookup};
use crate::sys::credentials;

/// What must hold.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Test {
    /// `env:NAME`: set and not empty.
    Filled(String),
    /// `env:NAME=value`
    Equals(String, String),
    /// `env:NAME!=value`; an unset variable differs from everything.
    Differs(String, String),
    /// `argv:GLOB`: the server's program as it is named.
    Program(String),
    /// `args:GLOB`: the server's whole command line, joined by spaces.
    CommandLine(String),
    /// `root`: app-init is root.
    Root,
    /// `!` before any of them.
    Not(Box<Test>),
}

impl Test {
    /// Reads a test.
    ///
    /// # Errors
    ///
    /// What is none.
    pub fn parse(text: &str) -> Result<Test, String> {
        let refuse = || {
            format!(
                "`{text}` is no condition; write env:NAME, env:NAME=value, env:NAME!=value, argv:GLOB, args:GLOB or root"
            )
        };
        if let Some(rest) = text.strip_prefix('!') {
            return Test::parse(rest).map(|test| Test::Not(Box::new(test))).map_err(|_| refuse());
        }
        if text == "root" {
            return Ok(Test::Root);
        }
        let (kind, rest) = text.split_once(':').ok_or_else(refuse)?;
        let test = match (kind, rest.split_once('=')) {
            ("argv", _) => return Ok(Test::Program(rest.to_owned())),
            ("args", _) => return Ok(Test::CommandLine(rest.to_owned())),
            ("env", None) => Test::Filled(rest.to_owned()),
            ("env", Some((name, value))) => match name.strip_suffix('!') {
                Some(name) => Test::Differs(name.to_owned(), value.to_owned()),
                None => Test::Equals(name.to_owned(), value.to_owned()),
            },
            _ => return Err(refuse()),
        };
        let (Test::Filled(name) | Test::Equals(name, _) | Test::Differs(name, _)) = &test else { return Err(refuse()) };
        if expand::is_name(name) { Ok(test) } else { Err(refuse()) }
    }

    /// Whether it holds for this environment and this command line of the server.
    pub fn holds(&self, environment: &impl Lookup, argv: &[Vec<u8>]) -> bool {
        match self {
            Test::Filled(name) => environment.get(name).is_some_and(|value| !value.is_empty()),
            Test::Equals(name, wanted) => environment.get(name).is_some_and(|value| value == wanted.as_bytes()),
            Test::Differs(name, other) => environment.get(name).is_none_or(|value| value != other.as_bytes()),
            Test::Not(test) => !test.holds(environment, argv),
            Test::Program(glob) => argv.first().is_some_and(|program| matches(glob.as_bytes(), program)),
            Test::Root => credentials::is_root(),
            Test::CommandLine(glob) => !argv.is_empty() && matches(glob.as_bytes(), &argv.join(&b' ')),
        }
    }
}

/// Whether `glob` describes all of `text`: `*` is anything, `?` one byte, everything else itself.
///
/// Where a part after a `*` does not fit, only that last `*` takes more: this is never worse than both lengths multiplied.
#[must_use]
pub fn matches(glob: &[u8], text: &[u8]) -> bool {
    let (mut pattern, mut rest) = (glob, text);
    let mut retry: Option<(&[u8], &[u8])> = None;
    loop {
        match (pattern.split_first(), rest.split_first()) {
            (Some((b'*', after)), _) => {
                retry = Some((after, rest));
                pattern = after;
            }
            (Some((wanted, after)), Some((found, tail))) if *wanted == b'?' || wanted == found => {
                (pattern, rest) = (after, tail);
            }
            (None, None) => return true,
            _ => match retry {
                Some((after, [_, tail @ ..])) => {
                    retry = Some((after, tail));
                    (pattern, rest) = (after, tail);
                }
                Some((_, [])) | None => return false,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lookup(name: &str) -> Option<Vec<u8>> {
        match name {
            "SET" => Some(b"true".to_vec()),
            "EMPTY" => Some(Vec::new()),
            _ => None,
        }
    }

    fn holds(test: &str, argv: &[&str]) -> bool {
        let argv: Vec<Vec<u8>> = argv.iter().map(|word| word.as_bytes().to_vec()).collect();
        Test::parse(test).expect(test).holds(&lookup, &argv)
    }

    #[test]
    fn variables() {
        for (test, expected) in [
            ("env:SET", true),
            ("env:EMPTY", false),
            ("env:NONE", false),
            ("env:SET=true", true),
            ("env:SET=tru", false),
            ("env:EMPTY=", true),
            ("env:NONE=", false),
            ("env:SET!=true", false),
            ("env:SET!=false", true),
            ("env:NONE!=true", true),
            ("env:EMPTY!=", false),
            ("!env:EMPTY", true),
            ("!env:SET", false),
            ("!!env:SET", true),
        ] {
            assert_eq!(holds(test, &[]), expected, "{test}");
        }
    }

    #[test]
    fn command_lines() {
        let rails = ["thrust", "./bin/rails", "server"];
        for (test, argv, expected) in [
            ("argv:gunicorn*", &["gunicorn", "app:app"][..], true),
            ("argv:gunicorn*", &["/bin/gunicorn"], false),
            ("argv:*", &[], false),
            ("args:*./bin/rails server", &rails, true),
            ("args:*./bin/rails serve", &rails, false),
            ("args:*", &[], false),
            ("args:node*current/index.js*", &["node", "current/index.js"], true),
        ] {
            assert_eq!(holds(test, argv), expected, "{test}");
        }
    }

    #[test]
    fn globs() {
        for (glob, text, expected) in [
            ("", "", true),
            ("*", "", true),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("*b*d", "abcbd", true),
            ("*ab", "aab", true),
            ("a*", "ba", false),
            ("**a", "bba", true),
        ] {
            assert_eq!(matches(glob.as_bytes(), text.as_bytes()), expected, "{glob} {text}");
        }
    }

    #[test]
    fn what_is_no_condition_is_refused() {
        for text in
            ["", "!", "env", "env:", "env:1A", "env:A B", "var:A", "env:!=x", "SET=true", "root:", "Root", "root "]
        {
            let fault = Test::parse(text).expect_err(text);
            assert!(fault.contains("is no condition; write"), "{fault}");
        }
    }
}
