//! The steps that read no files.

use std::os::unix::ffi::OsStrExt;

use super::pipeline::{Pipeline, shown_user};
use super::strings::source;
use crate::config::expand::{self, Lookup as _};
use crate::config::keys::Variables;
use crate::config::literal;
use crate::identity::Identity;
use crate::sys::exec;

impl Pipeline<'_, '_> {
    pub fn defaults(&mut self) {
        self.defaults_and_set("defaults", &self.inputs.env.defaults);
    }

    pub fn set_in_any_case(&mut self) {
        let inputs = self.inputs;
        self.tell_of_late_files(inputs.env.set.iter().map(|(name, _)| name.as_str()), "env.set");
        self.defaults_and_set("set", &self.inputs.env.set);
    }

    /// Each value is expanded from what there is before the step, so that the order within a table means nothing.
    fn defaults_and_set(&mut self, table: &str, variables: &Variables) {
        let mut values = Vec::new();
        for (name, text) in variables.iter() {
            let before = &self.computed.environment;
            if table == "defaults" && before.get(name).is_some() {
                continue;
            }
            let key = || format!("env.{table}.{name}");
            match expand::expand(text, before) {
                Ok(value) if value.contains(&0) => {
                    self.findings.fault(&key(), "a value cannot hold a NUL; remove it");
                }
                Ok(value) => values.push((name, value, before.made_of(expand::names(text)))),
                Err(faults) => self.unexpanded(&key(), faults),
            }
        }
        for (name, value, by_user) in values {
            self.set_from(name, &value, by_user);
            if table == "defaults" {
                self.defaulted.insert(name.to_owned());
            }
        }
    }

    /// A step before the `deploy-env` hook never sees what that writes.
    fn unexpanded(&mut self, key: &str, faults: Vec<expand::Fault>) {
        self.findings.of_what_runs_before(|findings| findings.unexpanded(key, faults));
    }

    pub fn first_files(&mut self) {
        for (name, patterns) in self.inputs.env.first_file.iter() {
            if self.computed.environment.filled(name).is_some() {
                continue;
            }
            let found = patterns.iter().find_map(|pattern| self.inputs.first_match(&self.inputs.workdir.join(pattern)));
            if found.is_none() && patterns.iter().any(|pattern| pattern.as_os_str().as_bytes().contains(&b'[')) {
                self.findings.warning(&format!("env.first_file.{name}: `[` is no pattern; write it with * or ?"));
            }
            if let Some(path) = found {
                let user = self.inputs.could_write(&path);
                let source = user.map(|user| source(&path.display().to_string(), &shown_user(user)));
                self.set_from(name, path.as_os_str().as_bytes(), source);
            }
        }
    }

    /// `path_prepend`, and the virtual environment's programs before it.
    pub fn paths(&mut self) {
        let mut prepend: Vec<Vec<u8>> = Vec::new();
        if let Some(directory) = self.inputs.virtualenv {
            prepend.push(directory.join("bin").as_os_str().as_bytes().to_vec());
            self.set("VIRTUAL_ENV", directory.as_os_str().as_bytes());
            self.computed.environment.unset("PYTHONHOME");
        }
        for (place, text) in self.inputs.env.path_prepend.iter().enumerate() {
            match expand::expand(text, &self.computed.environment) {
                // An empty entry of PATH is the working directory.
                Ok(directories) => {
                    let named = directories.split(|&byte| byte == b':').filter(|directory| !directory.is_empty());
                    prepend.extend(named.map(<[u8]>::to_vec));
                }
                Err(faults) => self.unexpanded(&format!("env.path_prepend[{place}]"), faults),
            }
        }
        if prepend.is_empty() {
            return;
        }
        let rest = self.computed.environment.filled("PATH").unwrap_or_else(|| exec::DEFAULT_PATH.to_vec());
        prepend.push(rest);
        let texts = self.inputs.env.path_prepend.iter().flat_map(|text| expand::names(text));
        let by_user = self.computed.environment.made_of(texts.chain(["PATH"]));
        let is_by_user = by_user.is_some();
        self.set_from("PATH", &prepend.join(&b':'), by_user);
        // What has more rights has the directories before its own, if none of the user's values is in them.
        let texts = self.inputs.env.path_prepend.iter().flat_map(|text| expand::names(text));
        if is_by_user && self.computed.environment.made_of(texts).is_none() {
            let own = self.computed.environment.trusted("PATH").filter(|path| !path.is_empty());
            if let Some(rest) = prepend.last_mut() {
                *rest = own.unwrap_or_else(|| exec::DEFAULT_PATH.to_vec());
            }
            self.computed.environment.set_trusted("PATH", &prepend.join(&b':'));
        }
    }

    /// HOME, USER and LOGNAME of the configured user. Whoever else it is, HOME is set to something.
    pub fn identity(&mut self) {
        let Some(identity) = self.inputs.identity else {
            return self.computed.environment.set_default("HOME", b"/");
        };
        for (name, value) in of_identity(identity) {
            self.set(name, &value);
        }
    }

    pub fn deploy_env(&mut self) {
        let Some(written) = self.inputs.deploy_env else { return };
        let pairs = self.sound("hooks.deploy-env", "what it wrote", literal::deploy_env(written));
        self.tell_of_late_files(pairs.iter().map(|(name, _)| name.as_str()), "the deploy-env hook");
        let by_user = self.inputs.deploy_env_by.as_deref().filter(|_| !self.inputs.boundaries.is_empty());
        self.take(pairs, "the deploy-env hook", by_user);
    }

    pub fn unset_and_require(&mut self) {
        for name in &self.inputs.env.unset {
            self.computed.environment.unset(name);
        }
        let unset = &self.inputs.env.unset;
        let (never, required): (Vec<_>, Vec<_>) = self.inputs.env.require.iter().partition(|name| unset.contains(name));
        for name in never {
            self.findings
                .fault("env.require", format!("{name} is taken away by env.unset; remove it from one of them"));
        }
        let required = required.into_iter();
        let missing: Vec<_> =
            required.filter(|name| self.computed.environment.filled(name).is_none()).cloned().collect();
        if !missing.is_empty() {
            let verb = if missing.len() == 1 { "is" } else { "are" };
            let what = format!("{} {verb} not set, or empty; set {}", missing.join(", "), them(missing.len()));
            self.findings.unset("env.require", what);
        }
    }
}

fn them(count: usize) -> &'static str {
    if count == 1 { "it" } else { "them" }
}

/// What an identity means for the environment.
#[must_use]
pub fn of_identity(identity: &Identity) -> Vec<(&'static str, Vec<u8>)> {
    let mut variables =
        vec![("HOME", identity.home.clone().filter(|home| !home.is_empty()).unwrap_or_else(|| b"/".to_vec()))];
    // Without a name the number stands for it: the caller's name would be a lie.
    let name = identity.name.clone().unwrap_or_else(|| identity.uid.to_string().into_bytes());
    variables.push(("USER", name.clone()));
    variables.push(("LOGNAME", name));
    variables
}
