//! The environment of the application (§4): one pipeline, pure over its inputs.

use std::ffi::CString;

use crate::config::expand::{self, Lookup};
use crate::config::{Config, Fault, Layers};
use crate::sys::exec;

/// Environment strings, in the order they were given; names may be there twice, as the kernel allows.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Environment(Vec<CString>);

impl Environment {
    #[must_use]
    pub fn new(given: Vec<CString>) -> Environment {
        Environment(given)
    }

    /// Adds what the configuration says: `env.defaults`, then `env.set`, each expanded from what there is before it.
    pub fn apply(&mut self, config: &Config, layers: &Layers, faults: &mut Vec<Fault>) {
        for (table, variables, only_unset) in [("defaults", &config.defaults, true), ("set", &config.set, false)] {
            let before = self.clone();
            for (name, text) in variables {
                let mut refuse = |what: String| faults.push(layers.fault(&format!("env.{table}.{name}"), what));
                if !expand::is_name(name) {
                    refuse("is no name for a variable; use letters, digits and _, and no digit first".into());
                    continue;
                }
                if only_unset && self.get(name).is_some() {
                    continue;
                }
                match expand::expand(text, &before) {
                    Ok(value) if value.contains(&0) => refuse("a value cannot hold a NUL; remove it".into()),
                    Ok(value) => self.set(name, &value),
                    Err(fault) => refuse(fault),
                }
            }
        }
    }

    /// Sets a variable, in its old place if it has one. A value with a NUL, which callers exclude, changes nothing.
    pub fn set(&mut self, name: &str, value: &[u8]) {
        let Some(string) = exec::assignment(name, value) else { return };
        let mut new = Some(string);
        self.0.retain_mut(|old| {
            if !is_named(old, name) {
                return true;
            }
            new.take().map(|string| *old = string).is_some()
        });
        self.0.extend(new);
    }

    /// Sets a variable that is not set.
    pub fn set_default(&mut self, name: &str, value: &[u8]) {
        if self.get(name).is_none() {
            self.set(name, value);
        }
    }

    #[must_use]
    pub fn into_strings(self) -> Vec<CString> {
        self.0
    }
}

impl Lookup for Environment {
    fn get(&self, name: &str) -> Option<Vec<u8>> {
        let string = self.0.iter().find(|string| is_named(string, name))?;
        string.to_bytes().get(name.len().saturating_add(1)..).map(<[u8]>::to_vec)
    }
}

fn is_named(string: &CString, name: &str) -> bool {
    string.to_bytes().strip_prefix(name.as_bytes()).is_some_and(|rest| rest.starts_with(b"="))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(strings: &[&str]) -> Environment {
        Environment::new(strings.iter().map(|string| CString::new(*string).expect("no NUL")).collect())
    }

    #[test]
    fn setting_keeps_the_place_and_removes_copies() {
        let mut environment = environment(&["A=1", "odd", "B=2", "A=3", "AB=4"]);
        environment.set("A", b"x=y");
        environment.set("C", b"");
        environment.set_default("B", b"no");
        assert_eq!(environment, self::environment(&["A=x=y", "odd", "B=2", "AB=4", "C="]));
        assert_eq!(environment.get("A"), Some(b"x=y".to_vec()));
        assert_eq!(environment.get("odd"), None);
    }
}
