//! Conditions of `when`: on the environment, the server's command line, the role, files and who app-init is, decided when
//! the plan is made (§6.5).

use std::path::{Path, PathBuf};

use super::expand;
use crate::sys::credentials;

/// What conditions are about.
pub trait Facts {
    /// A variable of the application's environment.
    fn variable(&self, name: &str) -> Option<Vec<u8>>;
    /// The server's command line.
    fn argv(&self) -> &[Vec<u8>];
    /// The role that was chosen.
    fn role(&self) -> Option<&str>;
    /// Whether there is something of this name.
    fn is_there(&self, path: &Path) -> bool;
}

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
    /// `role:NAME`: that role was chosen.
    Role(String),
    /// `file:PATH`: there is something of that name.
    File(PathBuf),
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
        if text.contains("${") {
            return Err(format!("`{text}`: ${{…}} is not expanded in conditions; write the value itself"));
        }
        let bare = text.trim_start_matches('!');
        let refuse = || format!("`{text}` is no condition; write {FORMS}");
        let (kind, rest) = bare.split_once(':').unwrap_or((bare, ""));
        if let Some(better) = never_meant(kind, rest) {
            return Err(format!("`{text}` is hardly meant; write {kind}:{better}"));
        }
        let test = match (kind, rest, rest.split_once('=')) {
            ("root", _, _) if bare == "root" => Test::Root,
            (_, "", _) => return Err(refuse()),
            ("argv", glob, _) => Test::Program(glob.to_owned()),
            ("args", glob, _) => Test::CommandLine(glob.to_owned()),
            ("role", name, _) => Test::Role(name.to_owned()),
            ("file", path, _) if path.contains(['*', '?', '[']) => {
                return Err(format!("`{path}` is a pattern, and paths here are exact; write the path itself"));
            }
            ("file", path, _) => Test::File(path.into()),
            ("env", name, None) => Test::Filled(name.to_owned()),
            ("env", _, Some((name, value))) => match name.strip_suffix('!') {
                Some(name) => Test::Differs(name.to_owned(), value.to_owned()),
                None => Test::Equals(name.to_owned(), value.to_owned()),
            },
            _ => return Err(refuse()),
        };
        if let Test::Filled(name) | Test::Equals(name, _) | Test::Differs(name, _) = &test
            && !expand::is_name(name)
        {
            return Err(refuse());
        }
        let is_negated = text.len().saturating_sub(bare.len()) % 2 == 1;
        Ok(if is_negated { Test::Not(Box::new(test)) } else { test })
    }

    /// Whether it holds.
    pub fn holds(&self, facts: &impl Facts) -> bool {
        let argv = facts.argv();
        match self {
            Test::Filled(name) => facts.variable(name).is_some_and(|value| !value.is_empty()),
            Test::Equals(name, wanted) => facts.variable(name).is_some_and(|value| value == wanted.as_bytes()),
            Test::Differs(name, other) => facts.variable(name).is_none_or(|value| value != other.as_bytes()),
            Test::Program(glob) => argv.first().is_some_and(|program| matches(glob.as_bytes(), program)),
            Test::CommandLine(glob) => !argv.is_empty() && matches(glob.as_bytes(), &argv.join(&b' ')),
            Test::Role(name) => facts.role() == Some(name),
            Test::File(path) => facts.is_there(path),
            Test::Root => credentials::is_root(),
            Test::Not(test) => !test.holds(facts),
        }
    }

    /// The role that it names.
    #[must_use]
    pub fn role(&self) -> Option<&str> {
        match self {
            Test::Role(name) => Some(name),
            Test::Not(test) => test.role(),
            _ => None,
        }
    }
}

/// What is meant by a test that would never, or always, hold: no program, role or file is named with blanks around it, there
/// is no shell to put a home in place of `~`, and of two `=` the second would be a part of the value.
fn never_meant(kind: &str, rest: &str) -> Option<String> {
    let is_plain = matches!(kind, "argv" | "args" | "role" | "file");
    if is_plain && rest.trim() != rest && !rest.trim().is_empty() {
        return Some(rest.trim().to_owned());
    }
    if matches!(kind, "argv" | "file") && rest.starts_with('~') {
        return Some("/PATH, the whole of it".to_owned());
    }
    if kind == "argv" && rest.contains(['|', '[']) {
        return Some(
            "GLOB, in which only * and ? stand for something else; a list in the list is for several".to_owned(),
        );
    }
    if kind == "file" && expand::looks_like_variable(rest).is_some() {
        return Some("/PATH, in which nothing is expanded".to_owned());
    }
    let (name, value) = rest.split_once('=').filter(|_| kind == "env")?;
    value.starts_with('=').then(|| format!("{name}={}", value.trim_start_matches('=')))
}

/// What of a value is hardly meant as it stands, and is taken so.
#[must_use]
pub fn doubt(text: &str) -> Option<String> {
    let (name, value) = text.trim_start_matches('!').strip_prefix("env:")?.split_once('=')?;
    let is_quoted = |quote: char| value.len() > 1 && value.starts_with(quote) && value.ends_with(quote);
    let better = match value {
        _ if value.trim() != value => value.trim(),
        _ if is_quoted('"') || is_quoted('\'') => value.trim_matches(['"', '\'']),
        _ if value.contains('|') => {
            return Some(format!(
                "`{text}`: `|` is a part of the value; for several write a list of tests in the list"
            ));
        }
        _ if expand::looks_like_variable(value).is_some() => {
            return Some(format!("`{text}`: nothing is expanded in conditions; write the value itself"));
        }
        _ => return None,
    };
    Some(format!("`{text}`: blanks and quotes are a part of the value; write env:{name}={better}"))
}

/// The tests there are.
const FORMS: &str = "env:NAME, env:NAME=value, env:NAME!=value, argv:GLOB, args:GLOB, role:NAME, file:PATH or root";

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

    struct Case<'a>(Vec<Vec<u8>>, Option<&'a str>);

    impl Facts for Case<'_> {
        fn variable(&self, name: &str) -> Option<Vec<u8>> {
            match name {
                "SET" => Some(b"true".to_vec()),
                "EMPTY" => Some(Vec::new()),
                _ => None,
            }
        }

        fn argv(&self) -> &[Vec<u8>] {
            &self.0
        }

        fn role(&self) -> Option<&str> {
            self.1
        }

        fn is_there(&self, path: &Path) -> bool {
            path == Path::new("is/there")
        }
    }

    fn holds(test: &str, argv: &[&str]) -> bool {
        let argv: Vec<Vec<u8>> = argv.iter().map(|word| word.as_bytes().to_vec()).collect();
        Test::parse(test).expect(test).holds(&Case(argv, Some("web")))
    }

    #[test]
    fn roles_and_files() {
        for (test, expected) in [
            ("role:web", true),
            ("role:we", false),
            ("!role:worker", true),
            ("file:is/there", true),
            ("file:is/not", false),
            ("!file:is/not", true),
        ] {
            assert_eq!(holds(test, &[]), expected, "{test}");
        }
        assert!(!Test::parse("role:web").expect("a test").holds(&Case(Vec::new(), None)));
        assert_eq!(Test::parse("!role:web").expect("a test").role(), Some("web"));
        assert_eq!(Test::parse("env:web").expect("a test").role(), None);
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

    /// One box for each would be dropped one within the other, and the stack has its end.
    #[test]
    fn negations_are_counted_and_not_nested() {
        let signs = "!".repeat(1_000_001);
        assert_eq!(Test::parse(&format!("{signs}root")), Ok(Test::Not(Box::new(Test::Root))));
        assert_eq!(Test::parse(&format!("!{signs}root")), Ok(Test::Root));
    }

    #[test]
    fn what_is_not_expanded_is_refused() {
        for text in ["env:A!=${B}", "env:A=${B:-c}", "argv:${C}", "args:*${C}", "!env:A=${B}", "file:${D}/x", "${E}"] {
            let fault = Test::parse(text).expect_err(text);
            assert_eq!(fault, format!("`{text}`: ${{…}} is not expanded in conditions; write the value itself"));
        }
        for path in ["/data/*", "/data/a?c", "/data/[a]"] {
            let fault = Test::parse(&format!("file:{path}")).expect_err(path);
            assert_eq!(fault, format!("`{path}` is a pattern, and paths here are exact; write the path itself"));
        }
        // A dollar sign alone means nothing else.
        assert!(Test::parse("env:PRICE=$5").is_ok());
    }

    #[test]
    fn values_that_are_hardly_meant_are_told() {
        for (text, better) in [
            ("env:A= true", Some("env:A=true")),
            ("!env:A!=true ", Some("env:A!=true")),
            ("env:A=\"true\"", Some("env:A=true")),
            ("env:A=true|1", Some("a list of tests")),
            ("env:A=$B", Some("the value itself")),
            ("env:A=$5", None),
            ("env:A=\"", None),
            ("env:A=it's", None),
            ("env:A", None),
            ("args:a|b", None),
        ] {
            let told = doubt(text);
            assert_eq!(told.is_some(), better.is_some(), "{text}");
            assert!(told.is_none_or(|told| better.is_some_and(|better| told.contains(better))), "{text}");
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
    fn what_could_never_hold_is_refused() {
        for (text, meant) in [
            ("argv: true", "argv:true"),
            ("!args:rails server ", "args:rails server"),
            ("role: web", "role:web"),
            ("file: /x", "file:/x"),
            ("file:~/x", "file:/PATH, the whole of it"),
            ("argv:~/bin/x", "argv:/PATH, the whole of it"),
            (
                "argv:sh|bash",
                "argv:GLOB, in which only * and ? stand for something else; a list in the list is for several",
            ),
            (
                "argv:s[h]",
                "argv:GLOB, in which only * and ? stand for something else; a list in the list is for several",
            ),
            ("file:$HOME/x", "file:/PATH, in which nothing is expanded"),
            ("env:A==x", "env:A=x"),
            ("env:A!==x", "env:A!=x"),
            ("env:A===x", "env:A=x"),
        ] {
            assert_eq!(Test::parse(text), Err(format!("`{text}` is hardly meant; write {meant}")));
        }
        for text in ["args:*~/x", "env:A= x", "env:A=x=y", "env:A!=", "argv:*/x", "args:a  b", "file:x~"] {
            assert!(Test::parse(text).is_ok(), "{text}");
        }
    }

    #[test]
    fn what_is_no_condition_is_refused() {
        for text in [
            "", "!", "env", "env:", "env:1A", "env:A B", "var:A", "env:!=x", "SET=true", "root:", "argv:", "args:",
            "role:", "file:", "Root", "root ",
        ] {
            let fault = Test::parse(text).expect_err(text);
            assert!(fault.contains("is no condition; write"), "{fault}");
        }
    }
}
