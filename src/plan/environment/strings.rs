//! Environment strings, and whose values they are.

use std::collections::BTreeMap;
use std::ffi::{CStr, CString};
use std::rc::Rc;

use crate::config::expand::Lookup;
use crate::identity::Identity;
use crate::plan::users::Users;
use crate::sys::exec;
use crate::text::cut;

/// Environment strings, in the order they were given. Of a name that was given twice, which the kernel allows, the first
/// counts, as for getenv(3): shells would take the last, and read another value than app-init decided by.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Environment {
    /// `None`: it was unset.
    strings: Vec<Option<CString>>,
    names: BTreeMap<Vec<u8>, Known>,
    size: usize,
}

/// What is known of a variable that is set. There may be as many as the kernel takes, so each is found by its name.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Known {
    /// Its place among the strings.
    place: usize,
    /// Where its value came from, if a user could have written it of whom root must not be the tool.
    by_user: Option<Source>,
    /// The last value before that, for what has more rights; `None`: there was none.
    before: Option<CString>,
}

/// A file, or a hook, and the user, for people: "FILE, which USER".
pub type Source = Rc<str>;

#[must_use]
pub fn source(what: &str, who: &str) -> Source {
    format!("{what}, which {who}").into()
}

impl Environment {
    #[must_use]
    pub fn new(given: Vec<CString>) -> Environment {
        let mut environment = Environment::default();
        for string in given {
            let (name, value) = cut(string.to_bytes(), b'=');
            // Without a `=` it is no variable: it is handed on, and nobody can ask for it.
            if value.is_none() {
                environment.size = environment.size.saturating_add(exec::size(&string));
                environment.strings.push(Some(string));
            } else if !environment.names.contains_key(name) {
                environment.put(name.to_vec(), string, None);
            }
        }
        environment
    }

    /// Sets a variable, in its old place if it has one. A value with a NUL, which callers exclude, changes nothing.
    pub fn set(&mut self, name: &str, value: &[u8]) {
        self.set_from(name, value, None);
    }

    /// The same for a value that a user could have written, if it says where that came from.
    pub fn set_from(&mut self, name: &str, value: &[u8], by_user: Option<Source>) {
        let Some(string) = exec::assignment(name, value) else { return };
        self.put(name.into(), string, by_user);
    }

    fn put(&mut self, name: Vec<u8>, string: CString, by_user: Option<Source>) {
        self.size = self.size.saturating_add(exec::size(&string));
        let end = self.strings.len();
        let known = self.names.entry(name).or_insert(Known { place: end, by_user: None, before: None });
        let old = if let Some(old) = self.strings.get_mut(known.place) {
            old.replace(string)
        } else {
            self.strings.push(Some(string));
            None
        };
        let was_by_user = std::mem::replace(&mut known.by_user, by_user).is_some();
        let gone = match (&known.by_user, was_by_user) {
            // It counts as long as it is kept: either of the two is handed on.
            (Some(_), false) => std::mem::replace(&mut known.before, old),
            (Some(_), true) => old,
            (None, _) => {
                self.size = self.size.saturating_sub(known.before.take().as_ref().map_or(0, exec::size));
                old
            }
        };
        self.size = self.size.saturating_sub(gone.as_ref().map_or(0, exec::size));
    }

    /// The first of these variables whose value a user could have written, and where that came from.
    #[must_use]
    pub fn by_user<'t>(&self, names: impl IntoIterator<Item = &'t str>) -> Option<(&'t str, &Source)> {
        let by_user = |name: &'t str| Some((name, self.names.get(name.as_bytes())?.by_user.as_ref()?));
        names.into_iter().find_map(by_user)
    }

    /// What is made of these variables is the user's if one of them is.
    pub fn made_of<'t>(&self, names: impl IntoIterator<Item = &'t str>) -> Option<Source> {
        self.by_user(names).map(|(_, source)| Rc::clone(source))
    }

    /// All variables whose value a user could have written, in order, and whether there was another value before that.
    pub fn all_by_user(&self) -> impl Iterator<Item = (&[u8], bool)> {
        let by_user = self.names.iter().filter(|(_, known)| known.by_user.is_some());
        by_user.map(|(name, known)| (name.as_slice(), known.before.is_some()))
    }

    /// The last value that no user could have written.
    #[must_use]
    pub fn trusted(&self, name: &str) -> Option<Vec<u8>> {
        let known = self.names.get(name.as_bytes())?;
        let string = if known.by_user.is_some() { &known.before } else { self.strings.get(known.place)? };
        value_of(name, string.as_ref()?)
    }

    /// Sets that value, and leaves one that a user could have written.
    pub fn set_trusted(&mut self, name: &str, value: &[u8]) {
        match self.names.get_mut(name.as_bytes()) {
            Some(known) if known.by_user.is_some() => {
                let Some(string) = exec::assignment(name, value) else { return };
                self.size = self.size.saturating_add(exec::size(&string));
                let gone = known.before.replace(string);
                self.size = self.size.saturating_sub(gone.as_ref().map_or(0, exec::size));
            }
            Some(_) | None => self.set(name, value),
        }
    }

    /// Sets a variable that is not set.
    pub fn set_default(&mut self, name: &str, value: &[u8]) {
        if self.get(name).is_none() {
            self.set(name, value);
        }
    }

    pub fn unset(&mut self, name: &str) {
        let Some(known) = self.names.remove(name.as_bytes()) else { return };
        let old = self.strings.get_mut(known.place).and_then(Option::take);
        for gone in old.iter().chain(&known.before) {
            self.size = self.size.saturating_sub(exec::size(gone));
        }
    }

    /// The value, unless it is empty.
    #[must_use]
    pub fn filled(&self, name: &str) -> Option<Vec<u8>> {
        self.get(name).filter(|value| !value.is_empty())
    }

    /// What the kernel counts of it, in bytes.
    #[must_use]
    pub fn size(&self) -> usize {
        self.size
    }

    /// As programs get it.
    #[must_use]
    pub fn strings(&self) -> Strings {
        let whole: Rc<[CString]> = self.strings.iter().flatten().cloned().collect();
        if self.get("PATH").is_some() && self.names.values().all(|known| known.by_user.is_none()) {
            return Strings { trusted: Rc::clone(&whole), whole };
        }
        let mut trusted = self.strings.clone();
        for known in self.names.values().filter(|known| known.by_user.is_some()) {
            if let Some(string) = trusted.get_mut(known.place) {
                string.clone_from(&known.before);
            }
        }
        // Without one some shells look for programs where they were started.
        if self.trusted("PATH").is_none() {
            trusted.push(exec::assignment("PATH", exec::DEFAULT_PATH));
        }
        Strings { trusted: trusted.into_iter().flatten().collect(), whole }
    }
}

/// The environment of all programs, shared by them.
pub struct Strings {
    whole: Rc<[CString]>,
    /// With the last values that no user could have written, for what has more rights: there is no telling which variables
    /// make which program run something.
    trusted: Rc<[CString]>,
}

impl Strings {
    /// The strings of a program that runs as this; `None`: as app-init.
    #[must_use]
    pub fn of(&self, identity: Option<&Identity>, users: &Users) -> Rc<[CString]> {
        Rc::clone(if users.is_above(identity) { &self.trusted } else { &self.whole })
    }
}

impl Lookup for Environment {
    fn get(&self, name: &str) -> Option<Vec<u8>> {
        value_of(name, self.strings.get(self.names.get(name.as_bytes())?.place)?.as_ref()?)
    }
}

fn value_of(name: &str, string: &CStr) -> Option<Vec<u8>> {
    string.to_bytes().get(name.len().saturating_add(1)..).map(<[u8]>::to_vec)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strings(environment: &Environment) -> Vec<String> {
        environment.strings().whole.iter().map(|string| string.to_string_lossy().into_owned()).collect()
    }

    #[test]
    fn a_variable_keeps_its_place_until_it_is_unset() {
        let mut environment =
            Environment::new(["A=1", "B=2", "AB=3"].map(|string| CString::new(string).unwrap_or_default()).to_vec());
        environment.set("A", b"4");
        environment.unset("B");
        environment.unset("none");
        environment.set_default("AB", b"5");
        environment.set_default("B", b"");
        assert_eq!((environment.get("B"), environment.filled("B")), (Some(Vec::new()), None));
        assert_eq!(strings(&environment), ["A=4", "AB=3", "B="]);
    }

    #[test]
    fn what_has_more_rights_keeps_the_last_value_that_is_not_the_users() {
        let of_user = || Some(Source::from("a file"));
        let mut environment = Environment::new(
            ["A=1", "B=1", "PATH=/bin"].map(|string| CString::new(string).unwrap_or_default()).to_vec(),
        );
        let all = environment.size();
        environment.set("B", b"2");
        for name in ["A", "B", "C", "PATH"] {
            environment.set_from(name, b"user's", of_user());
            environment.set_from(name, b"user's again", of_user());
        }
        environment.set_trusted("PATH", b"/usr/bin");
        let trusted = |environment: &Environment| -> Vec<String> {
            environment.strings().trusted.iter().map(|string| string.to_string_lossy().into_owned()).collect()
        };
        assert_eq!(trusted(&environment), ["A=1", "B=2", "PATH=/usr/bin"]);
        assert_eq!(environment.trusted("C"), None);
        let kept: Vec<_> = environment.all_by_user().map(|(_, is_kept)| is_kept).collect();
        assert_eq!(kept, [true, true, false, true]);
        // What counts is what is said last; nothing of before comes back.
        environment.unset("A");
        environment.set_from("A", b"user's", of_user());
        environment.set("B", b"3");
        environment.set_from("B", b"user's", of_user());
        assert_eq!(trusted(&environment), ["B=3", "PATH=/usr/bin"]);
        for name in ["A", "B", "C", "PATH"] {
            environment.unset(name);
        }
        for (name, value) in [("A", &b"1"[..]), ("B", b"1"), ("PATH", b"/bin")] {
            environment.set(name, value);
        }
        assert_eq!(environment.size(), all);
    }

    /// A look through all of them for each would not come to its end today.
    #[test]
    fn as_many_variables_as_there_may_be_take_no_time_to_speak_of() {
        const COUNT: usize = 100_000;
        let mut environment = Environment::default();
        for round in ["1", "2"] {
            for number in 0..COUNT {
                environment.set(&format!("V{number}"), round.as_bytes());
            }
        }
        for number in 1..COUNT {
            assert_eq!(environment.get(&format!("V{number}")).as_deref(), Some(&b"2"[..]));
            environment.unset(&format!("V{number}"));
        }
        assert_eq!(strings(&environment), ["V0=2"]);
    }
}
