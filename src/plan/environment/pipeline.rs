//! What the steps share: what has come out so far, and how a value is set.

use std::collections::BTreeSet;
use std::path::Path;

use super::inputs::Inputs;
use super::strings::{self, Environment, Source};
use crate::config::keys;
use crate::config::literal::{Found, Pairs, Problem};
use crate::identity::trust::Boundary;
use crate::plan::files::Content;
use crate::plan::findings::Findings;
use crate::plan::settings;
use crate::plan::users;
use crate::secrets::Secrets;
use crate::sys::exec;

/// What comes out of it.
#[derive(Debug, Default)]
pub struct Computed {
    pub environment: Environment,
    pub secrets: Secrets,
}

/// What a file holds, and which user could have written it.
pub type Read<'a> = (Content, Option<&'a Boundary>);

/// The environment on its way through the steps.
pub struct Pipeline<'a, 'f> {
    pub inputs: &'a Inputs<'a>,
    pub findings: &'a mut Findings<'f>,
    pub computed: Computed,
    secret_names: BTreeSet<Vec<u8>>,
    /// What has nothing but its default.
    pub defaulted: BTreeSet<String>,
    /// The kernel would not take any more.
    pub is_full: bool,
}

impl<'a, 'f> Pipeline<'a, 'f> {
    /// Before the first step.
    pub fn new(given: Environment, inputs: &'a Inputs<'a>, findings: &'a mut Findings<'f>) -> Self {
        let hidden = inputs.env.secrets.iter().filter(|secret| is_hidden(secret));
        let secret_names = hidden.map(|secret| secret.name.clone().into_bytes()).collect();
        let computed = Computed { environment: given, ..Computed::default() };
        Pipeline { inputs, findings, computed, secret_names, defaulted: BTreeSet::new(), is_full: false }
    }

    /// Behind the last one.
    pub fn end(self) -> Computed {
        Computed { secrets: self.findings.secrets().clone(), ..self.computed }
    }

    /// Reads a file; with the rights of a user who could have put another one in its place.
    pub fn read(&self, path: &Path) -> Read<'a> {
        let files = self.inputs.files;
        match self.inputs.could_write(path) {
            Some(user) => (files.read_as(&user.identity, path), Some(user)),
            None => (files.read(path), None),
        }
    }

    /// The pairs that could be read; the problems are faults.
    pub fn sound(&mut self, key: &str, shown: &str, found: Found) -> Pairs {
        for Problem { line, what } in found.problems {
            self.findings.fault(key, format!("{shown}, line {line}: {what}"));
        }
        if found.more_problems > 0 {
            self.findings.fault(key, format!("{shown}, … and {} more lines", found.more_problems));
        }
        if let Some((count, line)) = found.unexpanded {
            let others = if count > 1 { format!(" (and {} more)", count.saturating_sub(1)) } else { String::new() };
            self.findings.warning(&format!(
                "{shown}, line {line}{others}: ${{NAME}} and $NAME are not expanded there; put the value into env.set, or in single quotes"
            ));
        }
        found.pairs
    }

    /// Sets what came from a file or a hook.
    pub fn take(&mut self, pairs: Pairs, from: &str, by_user: Option<&str>) {
        let steers = |name: &str| name.strip_prefix(settings::PREFIX).is_some_and(|_| settings::is_known(name));
        for (name, _) in pairs.iter().filter(|(name, _)| steers(name)) {
            self.findings.warning(&format!(
                "{name} in {from} steers nothing: app-init heeds what the container is given; hand it on by -e {name}=…"
            ));
        }
        let by_user = by_user.map(|user| strings::source(from, user));
        for (name, value) in pairs {
            self.put(&name, &value, by_user.clone(), from);
        }
    }

    pub fn set(&mut self, name: &str, value: &[u8]) {
        self.set_from(name, value, None);
    }

    /// Sets what no file and no hook says.
    pub fn set_from(&mut self, name: &str, value: &[u8], by_user: Option<Source>) {
        self.put(name, value, by_user, "");
    }

    /// Every value that a secret's name has had is one: its name says that nobody may read it. More than the kernel takes is
    /// a fault here, where it is known whose it is: later it would only be an exec that fails. `source` is for that fault.
    pub fn put(&mut self, name: &str, value: &[u8], by_user: Option<Source>, source: &str) {
        if self.secret_names.contains(name.as_bytes()) {
            self.findings.hide(value.to_vec());
        }
        if self.is_full {
            return;
        }
        self.defaulted.remove(name);
        self.computed.environment.set_from(name, value, by_user);
        let source = if source.is_empty() { String::new() } else { format!(" from {source}") };
        let length = name.len().saturating_add(value.len()).saturating_add(2);
        let longest = exec::longest_string();
        if length > longest {
            let what = format!("{name}{source} has more than the {} KiB that the kernel takes", longest / 1024);
            self.findings.fault("env", format!("{what}; make it shorter, or hand on the name of a file that holds it"));
        }
        let room = self.inputs.room;
        if self.computed.environment.size() > room.saturating_sub(exec::FOR_ARGUMENTS) {
            self.is_full = true;
            let what = format!("with {name}{source} it is more than the {} KiB that the kernel takes", room / 1024);
            self.findings
                .fault("env", format!("{what}; hand on less, or raise the stack's limit, of which it is a quarter"));
        }
    }
}

/// Whether nobody may read the variable in what app-init says.
pub fn is_hidden(secret: &keys::Secret) -> bool {
    secret.secret.unwrap_or(keys::Secret::SECRET)
}

/// A user for people.
pub fn shown_user(user: &Boundary) -> String {
    users::shown(&user.identity)
}
