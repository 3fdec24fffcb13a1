//! Commands as the configuration has them, before they are programs: expanded, and whose words they are.

use std::ffi::{CString, OsString};
use std::os::unix::ffi::OsStringExt;

use super::environment::Environment;
use super::findings::Findings;
use super::users::{self, Users};
use crate::config::expand::{self, Word};
use crate::identity::Identity;
use crate::sys::exec;

/// What is said of a command in which every word belongs to an optional group that is left out.
pub const NO_WORD_LEFT: &str =
    "has no word left: each is optional, and a variable of it is not set; write its program as a word of its own";

/// One command, before it is a program.
pub struct Command {
    /// Where it was named.
    pub key: String,
    pub label: String,
    pub argv: Vec<CString>,
    /// Of which word a user could be the author, and who that is: nobody with more rights must run it.
    pub by_user: Option<String>,
}

impl Command {
    /// Refuses words of the user's where the program runs as more than that user.
    pub fn refuse_where_above(&self, users: &Users, identity: Option<&Identity>, findings: &mut Findings<'_>) {
        if let Some(why) = self.by_user.as_ref().filter(|_| users.is_above(identity)) {
            findings.refusal(&self.key, refusal(why, identity));
        }
    }
}

/// A command of the configuration; `None` where it cannot be expanded.
pub fn words(list: &[Word], key: &str, environment: &Environment, findings: &mut Findings<'_>) -> Option<Command> {
    match expand::expand_words(list, environment) {
        Ok(words) if words.is_empty() && !list.is_empty() => {
            findings.unset(key, NO_WORD_LEFT.into());
            None
        }
        Ok(words) => {
            let label = findings.secrets().mask(&words.join(&b' '));
            let words = words.into_iter().map(OsString::from_vec);
            Some(Command {
                key: key.to_owned(),
                label: String::from_utf8_lossy(&label).into_owned(),
                argv: exec::arguments(words),
                by_user: list.iter().flat_map(Word::texts).find_map(|text| by_user(text, environment)),
            })
        }
        Err(faults) => {
            findings.unexpanded(key, faults);
            None
        }
    }
}

/// Which part of `text` a user could be the author of, and which user that is.
#[must_use]
pub fn by_user(text: &str, environment: &Environment) -> Option<String> {
    let (name, source) = environment.by_user(expand::names(text))?;
    Some(format!("${{{name}}} comes from {source} could have written"))
}

/// The whole message about it, where somebody else runs it (`None`: whoever app-init is).
#[must_use]
pub fn refusal(by_user: &str, runs_as: Option<&Identity>) -> String {
    let runs_as = users::described(runs_as);
    format!("{by_user}, and this runs {runs_as}; set it in env.set, or make its source root's")
}
