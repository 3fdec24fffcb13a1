//! The environment of the application (§4): one pipeline, pure over its inputs, the same for server, hooks, `exec`,
//! `shell` and `env`.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{CStr, CString, OsString};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use super::Findings;
use super::files::{Content, Files};
use super::users::Users;
use crate::config::expand::{self, Lookup};
use crate::config::keys::{self, Variables};
use crate::config::literal::{self, Found, Pairs, Problem};
use crate::config::values::{Named, Prefer};
use crate::config::{Env, condition};
use crate::identity::Identity;
use crate::identity::trust::Boundary;
use crate::secrets::Secrets;
use crate::sys::exec;

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

/// A file, or a hook, for people.
type Source = Rc<str>;

impl Environment {
    #[must_use]
    pub fn new(given: Vec<CString>) -> Environment {
        let mut environment = Environment::default();
        for string in given {
            let name = string.to_bytes().split(|&byte| byte == b'=').next().unwrap_or_default();
            // Without a `=` it is no variable: it is handed on, and nobody can ask for it.
            if name.len() == string.count_bytes() {
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
    fn made_of<'t>(&self, names: impl IntoIterator<Item = &'t str>) -> Option<Source> {
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
            Some(known) if known.by_user.is_some() => known.before = exec::assignment(name, value),
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

/// What the pipeline is fed with.
pub struct Inputs<'a> {
    pub env: &'a Env,
    pub virtualenv: Option<&'a Path>,
    /// Who the application runs as, where that is configured.
    pub identity: Option<&'a Identity>,
    /// Who could write something that root must not act on; what they could write is read with their rights.
    pub boundaries: &'a [Boundary],
    /// What relative paths are relative to.
    pub workdir: &'a Path,
    pub files: &'a dyn Files,
    /// What the `deploy-env` hook wrote; `None` where it has not run, or there is none.
    pub deploy_env: Option<&'a [u8]>,
    /// That hook runs as somebody else than root.
    pub deploy_env_by_user: bool,
    /// How much the kernel takes of arguments and environment, in bytes.
    pub room: usize,
}

impl Inputs<'_> {
    /// The first of them who could have written what is there.
    fn could_write(&self, path: &Path) -> Option<&Boundary> {
        self.boundaries.iter().find(|user| self.files.is_of(user, path))
    }

    /// The names in a directory, seen with the rights of a user who could have placed it.
    fn list(&self, directory: &Path) -> Result<Option<Vec<OsString>>, String> {
        match self.could_write(directory) {
            Some(user) => self.files.list_as(&user.identity, directory),
            None => self.files.list(directory),
        }
    }

    /// The first path, in byte order, that a pattern describes: `*` and `?` within a component.
    fn first_match(&self, pattern: &Path) -> Option<PathBuf> {
        use std::os::unix::ffi::OsStrExt;
        let mut found = vec![PathBuf::new()];
        for component in pattern.components() {
            let glob = component.as_os_str();
            if !glob.as_bytes().iter().any(|byte| b"*?".contains(byte)) {
                for path in &mut found {
                    path.push(glob);
                }
                continue;
            }
            let mut deeper = Vec::new();
            for directory in found {
                let mut names = self.list(&directory).ok().flatten().unwrap_or_default();
                names.retain(|name| condition::matches(glob.as_bytes(), name.as_bytes()));
                deeper.extend(names.iter().map(|name| directory.join(name)));
            }
            found = deeper;
        }
        let is_there = |path: &PathBuf| self.files.is_there(path, self.could_write(path).map(|user| &*user.identity));
        found.into_iter().find(is_there)
    }
}

/// What comes out of it.
#[derive(Debug, Default)]
pub struct Computed {
    pub environment: Environment,
    pub secrets: Secrets,
}

/// Runs the steps of §4, in their order; later ones win.
pub fn compute(given: Environment, inputs: &Inputs<'_>, findings: &mut Findings<'_>) -> Computed {
    let hidden = inputs.env.secrets.iter().filter(|secret| is_hidden(secret));
    let secret_names = hidden.map(|secret| secret.name.clone().into_bytes()).collect();
    let computed = Computed { environment: given, ..Computed::default() };
    let mut pipeline = Pipeline { inputs, findings, computed, secret_names, is_full: false };
    pipeline.given_secrets();
    pipeline.defaults_and_set("defaults", &inputs.env.defaults);
    pipeline.env_files();
    pipeline.vars_dir();
    pipeline.secrets();
    pipeline.defaults_and_set("set", &inputs.env.set);
    pipeline.first_files();
    pipeline.paths();
    pipeline.identity();
    pipeline.deploy_env();
    pipeline.unset_and_require();
    pipeline.computed.secrets = pipeline.findings.secrets().clone();
    pipeline.computed
}

/// What a file holds, and whether a user could have written it.
type Read = (Content, bool);

struct Pipeline<'a, 'f> {
    inputs: &'a Inputs<'a>,
    findings: &'a mut Findings<'f>,
    computed: Computed,
    secret_names: BTreeSet<Vec<u8>>,
    /// The kernel would not take any more.
    is_full: bool,
}

impl Pipeline<'_, '_> {
    /// Each value is expanded from what there is before the step, so that the order within a table means nothing.
    fn defaults_and_set(&mut self, table: &str, variables: &Variables) {
        let before = self.computed.environment.clone();
        for (name, text) in variables {
            let key = format!("env.{table}.{name}");
            if table == "defaults" && before.get(name).is_some() {
                continue;
            }
            match expand::expand(text, &before) {
                Ok(value) if value.contains(&0) => {
                    self.findings.fault(&key, "a value cannot hold a NUL; remove it");
                }
                Ok(value) => {
                    self.set_from(name, &value, before.made_of(expand::names(text)));
                }
                Err(faults) => self.findings.unexpanded(&key, faults),
            }
        }
    }

    /// What the container was given under a secret's name is one, whatever comes over it.
    fn given_secrets(&mut self) {
        for secret in self.inputs.env.secrets.iter().filter(|secret| is_hidden(secret)) {
            self.computed.environment.get(&secret.name).into_iter().for_each(|value| self.findings.hide(value));
        }
    }

    /// Reads a file; with the rights of a user who could have put another one in its place.
    fn read(&self, path: &Path) -> Read {
        let files = self.inputs.files;
        match self.inputs.could_write(path) {
            Some(user) => (files.read_as(&user.identity, path), true),
            None => (files.read(path), false),
        }
    }

    fn env_files(&mut self) {
        // One without a path was reported when it was read.
        let files = self.inputs.env.files.iter().enumerate().filter(|(_, file)| !file.path.as_os_str().is_empty());
        for (place, file) in files {
            let key = format!("env.files[{place}]");
            let shown = file.path.display().to_string();
            let (read, by_user) = self.read(&self.inputs.workdir.join(&file.path));
            match read {
                Ok(Some(bytes)) => {
                    let pairs = self.sound(&key, &shown, literal::env_file(&bytes));
                    self.take(pairs, &shown, by_user);
                }
                Ok(None) if file.optional => {}
                Ok(None) => {
                    self.findings.fault(&key, format!("there is no {shown}; make it, or write optional = true"));
                }
                Err(why) => self.findings.fault(&key, format!("cannot read {shown}: {why}")),
            }
        }
    }

    fn vars_dir(&mut self) {
        let configured = self.inputs.env.vars_dir.as_deref();
        let directory = configured.unwrap_or_else(|| Path::new(keys::Env::VARS_DIR));
        let shown = directory.display().to_string();
        let full = self.inputs.workdir.join(directory);
        let names = match self.inputs.list(&full) {
            Ok(Some(names)) => names,
            Ok(None) if configured.is_none() => return,
            Ok(None) => {
                return self
                    .findings
                    .fault("env.vars_dir", format!("there is no directory {shown}; make it, or remove this"));
            }
            Err(why) => return self.findings.fault("env.vars_dir", format!("cannot list {shown}: {why}")),
        };
        let (names, others): (Vec<_>, Vec<_>) =
            names.into_iter().partition(|name| name.to_str().is_some_and(expand::is_name));
        let nameless = |name: &OsString| {
            format!("{shown}/{}: is no name for a variable; rename it, or begin it with a dot", name.display())
        };
        let mut wrong: Vec<String> = others.iter().map(nameless).collect();
        let inputs = self.inputs;
        let owned: Vec<_> = names.iter().map(|name| (name, inputs.could_write(&full.join(name)))).collect();
        let whose = |user: Option<&Boundary>| user.map(std::ptr::from_ref);
        'all: for group in owned.chunk_by(|(_, one), (_, other)| whose(*one) == whose(*other)) {
            let by_user = group.first().and_then(|(_, user)| *user);
            let paths: Vec<PathBuf> = group.iter().map(|(name, _)| full.join(name)).collect();
            let mut read = by_user.map(|user| inputs.files.read_all_as(&user.identity, &paths).into_iter());
            for ((name, _), path) in group.iter().zip(&paths) {
                if self.is_full {
                    break 'all;
                }
                let content =
                    read.as_mut().map_or_else(|| inputs.files.read(path), |read| read.next().unwrap_or(Ok(None)));
                let source = format!("{shown}/{}", name.display());
                match content.map(|bytes| bytes.map(literal::variable_file)) {
                    Ok(Some(Ok(value))) => {
                        self.take(vec![(name.to_string_lossy().into_owned(), value)], &source, by_user.is_some());
                    }
                    Ok(Some(Err(why))) => wrong.push(format!("{source}: {why}")),
                    // It was there a moment ago: a volume that is being updated.
                    Ok(None) => wrong.push(format!("{source} leads nowhere; mend the link")),
                    Err(why) => wrong.push(format!("cannot read {source}: {why}")),
                }
            }
        }
        let more = wrong.len().saturating_sub(literal::MOST_PROBLEMS);
        for what in wrong.into_iter().take(literal::MOST_PROBLEMS) {
            self.findings.fault("env.vars_dir", what);
        }
        if more > 0 {
            self.findings.fault("env.vars_dir", format!("{shown}/… and {more} more files"));
        }
    }

    fn secrets(&mut self) {
        for (place, secret) in self.inputs.env.secrets.iter().enumerate() {
            let key = format!("env.secrets[{place}]");
            if let Err(fault) = self.secret(secret) {
                self.findings.fault(&key, fault);
            }
        }
    }

    /// One secret: its variable, or the content of the file that `NAME_FILE` or the configuration names.
    fn secret(&mut self, secret: &keys::Secret) -> Result<(), String> {
        let name = &secret.name;
        let by_variable = format!("{name}_FILE");
        let named = self.computed.environment.filled(&by_variable);
        let named_by_user = self.computed.environment.by_user([by_variable.as_str()]).is_some();
        self.computed.environment.unset(&by_variable);
        let is_set = self.computed.environment.filled(name).is_some();
        let prefer = secret.prefer.map(|Named(prefer)| prefer);
        if is_set && prefer == Some(Prefer::Variable) {
            return Ok(());
        }
        let both = |source: &str| {
            format!("{name} and {source} are both set; unset one of them, or write prefer = \"file\" or \"variable\"")
        };
        let (path, shown) = match (named.as_deref().map(path_of), &secret.file) {
            (Some(_), _) if is_set && prefer.is_none() => return Err(both(&by_variable)),
            (Some(path), _) if path.is_absolute() => (path.clone(), path.display().to_string()),
            // Where somebody has put the secret itself, it is not repeated.
            (Some(path), _) => (self.inputs.workdir.join(path), format!("the file that {by_variable} names")),
            (None, Some(path)) => (self.inputs.workdir.join(path), path.display().to_string()),
            (None, None) => return Ok(()),
        };
        // A path in a variable is whatever somebody who may set variables wants: root must not read it for them.
        let user = self.inputs.could_write(&path).or(self.inputs.boundaries.first().filter(|_| named_by_user));
        let identity = self.inputs.identity.filter(|identity| named.is_some() && identity.uid != 0);
        let read = match identity.or(user.map(|user| &*user.identity)) {
            Some(identity) => self.inputs.files.read_as(identity, &path),
            None => self.inputs.files.read(&path),
        };
        match read {
            Ok(Some(_)) if is_set && prefer.is_none() => Err(both("its file")),
            Ok(Some(bytes)) => {
                let value = literal::secret_file(bytes).map_err(|why| format!("{name}: {shown} {why}"))?;
                self.set_from(name, &value, user.map(|_| shown.into()));
                Ok(())
            }
            Ok(None) if named.is_none() && (secret.optional || is_set) => Ok(()),
            Ok(None) if named.is_none() => {
                Err(format!("{name}: there is no {shown}; make it, or write optional = true"))
            }
            Ok(None) if shown.starts_with('/') => {
                Err(format!("{name}: there is no {shown}; make it, or unset {by_variable}"))
            }
            Ok(None) => Err(format!("{name}: {shown} is not there; make it, or unset {by_variable}")),
            Err(why) => Err(format!("{name}: cannot read {shown}: {why}")),
        }
    }

    fn first_files(&mut self) {
        for (name, patterns) in &self.inputs.env.first_file {
            if self.computed.environment.filled(name).is_some() {
                continue;
            }
            let found = patterns.iter().find_map(|pattern| self.inputs.first_match(&self.inputs.workdir.join(pattern)));
            if let Some(path) = found {
                use std::os::unix::ffi::OsStrExt;
                let source = self.inputs.could_write(&path).map(|_| path.display().to_string().into());
                self.set_from(name, path.as_os_str().as_bytes(), source);
            }
        }
    }

    /// `path_prepend`, and the virtual environment's programs before it.
    fn paths(&mut self) {
        use std::os::unix::ffi::OsStrExt;
        let mut prepend: Vec<Vec<u8>> = Vec::new();
        if let Some(directory) = self.inputs.virtualenv {
            prepend.push(directory.join("bin").as_os_str().as_bytes().to_vec());
            self.set("VIRTUAL_ENV", directory.as_os_str().as_bytes());
            self.computed.environment.unset("PYTHONHOME");
        }
        for (place, text) in self.inputs.env.path_prepend.iter().enumerate() {
            match expand::expand(text, &self.computed.environment) {
                Ok(directory) => prepend.push(directory),
                Err(faults) => self.findings.unexpanded(&format!("env.path_prepend[{place}]"), faults),
            }
        }
        if prepend.is_empty() {
            return;
        }
        let rest = self.computed.environment.filled("PATH").unwrap_or_else(|| exec::DEFAULT_PATH.to_vec());
        prepend.push(rest);
        let texts = self.inputs.env.path_prepend.iter().flat_map(|text| expand::names(text));
        let by_user = self.computed.environment.made_of(texts.chain(["PATH"]));
        self.set_from("PATH", &prepend.join(&b':'), by_user);
    }

    /// HOME, USER and LOGNAME of the configured user. Whoever else it is, HOME is set to something.
    fn identity(&mut self) {
        let Some(identity) = self.inputs.identity else {
            return self.computed.environment.set_default("HOME", b"/");
        };
        for (name, value) in of_identity(identity) {
            self.set(name, &value);
        }
    }

    fn deploy_env(&mut self) {
        let Some(written) = self.inputs.deploy_env else { return };
        let pairs = self.sound("hooks.deploy-env", "what it wrote", literal::deploy_env(written));
        let by_user = !self.inputs.boundaries.is_empty() && self.inputs.deploy_env_by_user;
        self.take(pairs, "the deploy-env hook", by_user);
    }

    fn unset_and_require(&mut self) {
        for name in &self.inputs.env.unset {
            self.computed.environment.unset(name);
        }
        let required = self.inputs.env.require.iter();
        let missing: Vec<_> =
            required.filter(|name| self.computed.environment.filled(name).is_none()).cloned().collect();
        if !missing.is_empty() {
            let verb = if missing.len() == 1 { "is" } else { "are" };
            let what = format!("{} {verb} not set, or empty; set {}", missing.join(", "), them(missing.len()));
            self.findings.unset("env.require", what);
        }
    }

    /// The pairs that could be read; the problems are faults.
    fn sound(&mut self, key: &str, shown: &str, found: Found) -> Pairs {
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
    fn take(&mut self, pairs: Pairs, source: &str, by_user: bool) {
        let by_user = by_user.then(|| Source::from(source));
        for (name, value) in pairs {
            self.put(&name, &value, by_user.clone(), source);
        }
    }

    fn set(&mut self, name: &str, value: &[u8]) {
        self.set_from(name, value, None);
    }

    /// Sets what no file and no hook says.
    fn set_from(&mut self, name: &str, value: &[u8], by_user: Option<Source>) {
        self.put(name, value, by_user, "");
    }

    /// Every value that a secret's name has had is one: its name says that nobody may read it. More than the kernel takes is
    /// a fault here, where it is known whose it is: later it would only be an exec that fails. `source` is for that fault.
    fn put(&mut self, name: &str, value: &[u8], by_user: Option<Source>, source: &str) {
        if self.secret_names.contains(name.as_bytes()) {
            self.findings.hide(value.to_vec());
        }
        if self.is_full {
            return;
        }
        self.computed.environment.set_from(name, value, by_user);
        let source = if source.is_empty() { String::new() } else { format!(" from {source}") };
        let length = name.len().saturating_add(value.len()).saturating_add(2);
        let longest = exec::longest_string();
        if length > longest {
            let what = format!("{name}{source} has more than the {} KiB that the kernel takes", longest / 1024);
            self.findings.fault("env", format!("{what}; make it shorter, or hand on the name of a file that holds it"));
        }
        let room = self.inputs.room;
        if self.computed.environment.size > room.saturating_sub(exec::FOR_ARGUMENTS) {
            self.is_full = true;
            let what = format!("with {name}{source} it is more than the {} KiB that the kernel takes", room / 1024);
            self.findings
                .fault("env", format!("{what}; hand on less, or raise the stack's limit, of which it is a quarter"));
        }
    }
}

/// Whether nobody may read the variable in what app-init says.
fn is_hidden(secret: &keys::Secret) -> bool {
    secret.secret.unwrap_or(keys::Secret::SECRET)
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

fn them(count: usize) -> &'static str {
    if count == 1 { "it" } else { "them" }
}

fn path_of(bytes: &[u8]) -> PathBuf {
    use std::os::unix::ffi::OsStrExt;
    std::ffi::OsStr::from_bytes(bytes).into()
}

#[cfg(test)]
mod tests {
    use super::super::files::Disk;
    use super::*;
    use crate::config::Layers;

    fn computed(given: &[&str], env: &Env) -> Computed {
        let layers = Layers::default();
        let mut findings = Findings::new(&layers, false, Vec::new());
        let inputs = Inputs {
            env,
            virtualenv: None,
            identity: None,
            boundaries: &[],
            workdir: Path::new("/nowhere"),
            files: &Disk,
            deploy_env: None,
            deploy_env_by_user: false,
            room: usize::MAX,
        };
        let given = given.iter().map(|string| CString::new(*string).expect("no NUL")).collect();
        compute(Environment::new(given), &inputs, &mut findings)
    }

    fn strings(environment: &Environment) -> Vec<String> {
        environment.strings().whole.iter().map(|string| string.to_string_lossy().into_owned()).collect()
    }

    /// Shells read the last of them, other programs the first.
    #[test]
    fn what_was_given_twice_is_handed_on_once() {
        let secret = keys::Secret { name: "PW".to_owned(), ..keys::Secret::default() };
        let env = Env { secrets: vec![secret], ..Env::default() };
        let given = ["PW=first", "none", "OTHER=x", "PW=second", "none", "PW=", "PWD=/", "OTHER=x=y", "HOME=/"];
        let computed = computed(&given, &env);
        assert_eq!(computed.secrets.mask_text("first"), "***");
        assert_eq!(strings(&computed.environment), ["PW=first", "none", "OTHER=x", "none", "PWD=/", "HOME=/"]);
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
