//! The environment of the application (§4): one pipeline, pure over its inputs, the same for server, hooks, `exec`,
//! `shell` and `env`.

use std::collections::BTreeMap;
use std::ffi::CString;
use std::path::{Path, PathBuf};

use super::Findings;
use super::files::Files;
use crate::config::expand::{self, Lookup};
use crate::config::keys::{self, Variables};
use crate::config::literal::{self, Pairs, Problem};
use crate::config::values::{Named, Prefer};
use crate::config::{Env, condition};
use crate::identity::Identity;
use crate::secrets::Secrets;
use crate::sys::exec;

/// Environment strings, in the order they were given. Of a name that was given twice, which the kernel allows, the first
/// counts, as for getenv(3): shells would take the last, and read another value than app-init decided by.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Environment {
    /// `None`: it was unset.
    strings: Vec<Option<CString>>,
    names: BTreeMap<Vec<u8>, Known>,
}

/// What is known of a variable that is set. There may be as many as the kernel takes, so each is found by its name.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Known {
    /// Its place among the strings.
    place: usize,
    /// Where its value came from, if it was neither given nor written in the configuration.
    outside: Option<Outside>,
}

/// Where a value came from that whoever wrote the configuration may never have seen.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Outside {
    /// The file, or the hook.
    pub source: String,
    /// The application's user could have written it, and root must not act on it.
    pub by_user: bool,
}

impl Environment {
    #[must_use]
    pub fn new(given: Vec<CString>) -> Environment {
        let mut environment = Environment::default();
        for string in given {
            let name = string.to_bytes().split(|&byte| byte == b'=').next().unwrap_or_default();
            // Without a `=` it is no variable: it is handed on, and nobody can ask for it.
            if name.len() == string.count_bytes() {
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

    /// The same for a value from outside.
    pub fn set_from(&mut self, name: &str, value: &[u8], outside: Option<Outside>) {
        let Some(string) = exec::assignment(name, value) else { return };
        self.put(name.into(), string, outside);
    }

    fn put(&mut self, name: Vec<u8>, string: CString, outside: Option<Outside>) {
        let end = self.strings.len();
        let known = self.names.entry(name).or_insert(Known { place: end, outside: None });
        known.outside = outside;
        match self.strings.get_mut(known.place) {
            Some(old) => *old = Some(string),
            None => self.strings.push(Some(string)),
        }
    }

    /// Where a value from outside came from; `None` for all others.
    #[must_use]
    pub fn outside(&self, name: &str) -> Option<&Outside> {
        self.names.get(name.as_bytes())?.outside.as_ref()
    }

    /// The first of the variables in `text` whose value the application's user could have written.
    #[must_use]
    pub fn by_user<'t>(&self, text: &'t str) -> Option<(&'t str, &Outside)> {
        let by_user = |name| Some((name, self.outside(name).filter(|outside| outside.by_user)?));
        expand::names(text).into_iter().find_map(by_user)
    }

    /// Where what is made of these variables comes from: from outside where one of them does, by the user if one of them is.
    fn outside_of<'t>(&self, names: impl IntoIterator<Item = &'t str>) -> Option<Outside> {
        let outside = names.into_iter().filter_map(|name| self.outside(name));
        outside.max_by_key(|outside| outside.by_user).cloned()
    }

    /// The variables that can make a program run somebody else's code and came from outside, with where from.
    pub fn steering(&self) -> impl Iterator<Item = (&str, &str)> {
        self.names.iter().filter_map(|(name, known)| {
            let (name, outside) = (std::str::from_utf8(name).ok()?, known.outside.as_ref()?);
            steers(name, outside.by_user).then_some((name, outside.source.as_str()))
        })
    }

    /// Sets a variable that is not set.
    pub fn set_default(&mut self, name: &str, value: &[u8]) {
        if self.get(name).is_none() {
            self.set(name, value);
        }
    }

    pub fn unset(&mut self, name: &str) {
        let old = self.names.remove(name.as_bytes()).and_then(|known| self.strings.get_mut(known.place));
        if let Some(old) = old {
            *old = None;
        }
    }

    /// The value, unless it is empty.
    #[must_use]
    pub fn filled(&self, name: &str) -> Option<Vec<u8>> {
        self.get(name).filter(|value| !value.is_empty())
    }

    #[must_use]
    pub fn into_strings(self) -> Vec<CString> {
        self.strings.into_iter().flatten().collect()
    }
}

impl Lookup for Environment {
    fn get(&self, name: &str) -> Option<Vec<u8>> {
        let string = self.strings.get(self.names.get(name.as_bytes())?.place)?.as_ref()?;
        string.to_bytes().get(name.len().saturating_add(1)..).map(<[u8]>::to_vec)
    }
}

/// What the pipeline is fed with.
pub struct Inputs<'a> {
    pub env: &'a Env,
    pub virtualenv: Option<&'a Path>,
    /// Who the application runs as, where that is configured.
    pub identity: Option<&'a Identity>,
    /// The same, where app-init is root and that user is not: what it could write is read with its rights.
    pub boundary: Option<&'a Identity>,
    /// What relative paths are relative to.
    pub workdir: &'a Path,
    pub files: &'a dyn Files,
    /// What the `deploy-env` hook wrote; `None` where it has not run, or there is none.
    pub deploy_env: Option<&'a [u8]>,
    /// That hook runs as somebody else than root.
    pub deploy_env_by_user: bool,
}

/// What comes out of it.
#[derive(Debug, Default)]
pub struct Computed {
    pub environment: Environment,
    pub secrets: Secrets,
}

/// Runs the steps of §4, in their order; later ones win.
pub fn compute(given: Environment, inputs: &Inputs<'_>, findings: &mut Findings<'_>) -> Computed {
    let mut pipeline = Pipeline { inputs, findings, computed: Computed { environment: given, ..Computed::default() } };
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
    pipeline.computed
}

/// What a file holds, and whether the application's user could have written it.
type Read = (Result<Option<Vec<u8>>, String>, bool);

struct Pipeline<'a, 'f> {
    inputs: &'a Inputs<'a>,
    findings: &'a mut Findings<'f>,
    computed: Computed,
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
                    // What is made of something from outside is from there, too.
                    self.set_from(name, &value, before.outside_of(expand::names(text)));
                }
                Err(faults) => self.findings.unexpanded(&key, faults),
            }
        }
    }

    /// What the container was given under a secret's name is one, whatever comes over it.
    fn given_secrets(&mut self) {
        for secret in self.inputs.env.secrets.iter().filter(|secret| is_hidden(secret)) {
            self.computed.environment.get(&secret.name).into_iter().for_each(|value| self.computed.secrets.add(value));
        }
        self.findings.hide(&self.computed.secrets);
    }

    /// Reads a file; with the rights of the application's user where that user could have put another one in its place.
    fn read(&self, path: &Path) -> Read {
        let files = self.inputs.files;
        match self.inputs.boundary.filter(|user| files.is_of(user, path)) {
            Some(user) => (files.read_as(user, path), true),
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
                    self.take(pairs, &Outside { source: shown, by_user });
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
        let files = self.inputs.files;
        let names = match self.inputs.boundary.filter(|user| files.is_of(user, &full)) {
            Some(user) => files.list_as(user, &full),
            None => files.list(&full),
        };
        let names = match names {
            Ok(Some(names)) => names,
            Ok(None) if configured.is_none() => return,
            Ok(None) => {
                return self
                    .findings
                    .fault("env.vars_dir", format!("there is no directory {shown}; make it, or remove this"));
            }
            Err(why) => return self.findings.fault("env.vars_dir", format!("cannot list {shown}: {why}")),
        };
        for name in names {
            let Some(name) = name.to_str().filter(|name| expand::is_name(name)) else {
                let what =
                    format!("{shown}/{}: is no name for a variable; rename it, or begin it with a dot", name.display());
                self.findings.fault("env.vars_dir", what);
                continue;
            };
            let (read, by_user) = self.read(&full.join(name));
            match read.map(|bytes| bytes.map(literal::variable_file)) {
                Ok(Some(Ok(value))) => {
                    let source = format!("{shown}/{name}");
                    self.take(vec![(name.to_owned(), value)], &Outside { source, by_user });
                }
                Ok(Some(Err(why))) => self.findings.fault("env.vars_dir", format!("{shown}/{name}: {why}")),
                // It was there a moment ago: a volume that is being updated.
                Ok(None) => self.findings.fault("env.vars_dir", format!("{shown}/{name} leads nowhere; mend the link")),
                Err(why) => self.findings.fault("env.vars_dir", format!("cannot read {shown}/{name}: {why}")),
            }
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
        let (read, by_user) = match self.inputs.identity {
            Some(identity) if named.is_some() => (self.inputs.files.read_as(identity, &path), true),
            _ => self.read(&path),
        };
        match read {
            Ok(Some(_)) if is_set && prefer.is_none() => Err(both("its file")),
            Ok(Some(bytes)) => {
                let value = literal::secret_file(bytes).map_err(|why| format!("{name}: {shown} {why}"))?;
                let outside = Outside { source: shown, by_user: by_user && self.inputs.boundary.is_some() };
                self.set_from(name, &value, Some(outside));
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
            let found =
                patterns.iter().find_map(|pattern| first_match(&self.inputs.workdir.join(pattern), self.inputs.files));
            if let Some(path) = found {
                use std::os::unix::ffi::OsStrExt;
                let is_of = |user: &Identity| self.inputs.files.is_of(user, &path);
                let source = path.display().to_string();
                let outside = self.inputs.boundary.is_some_and(is_of).then_some(Outside { source, by_user: true });
                self.set_from(name, path.as_os_str().as_bytes(), outside);
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
        let outside = self.computed.environment.outside_of(texts.chain(["PATH"]));
        self.set_from("PATH", &prepend.join(&b':'), outside);
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
        let source = "the deploy-env hook".to_owned();
        let by_user = self.inputs.boundary.is_some() && self.inputs.deploy_env_by_user;
        self.take(pairs, &Outside { source, by_user });
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
    fn sound(&mut self, key: &str, shown: &str, (pairs, problems): (Pairs, Vec<Problem>)) -> Pairs {
        for Problem { line, what } in problems {
            self.findings.fault(key, format!("{shown}, line {line}: {what}"));
        }
        pairs
    }

    /// Sets what came from outside of the configuration.
    fn take(&mut self, pairs: Pairs, outside: &Outside) {
        for (name, value) in pairs {
            self.set_from(&name, &value, Some(outside.clone()));
        }
    }

    fn set(&mut self, name: &str, value: &[u8]) {
        self.set_from(name, value, None);
    }

    /// Every value that a secret's name has had is one: its name says that nobody may read it.
    fn set_from(&mut self, name: &str, value: &[u8], outside: Option<Outside>) {
        if self.inputs.env.secrets.iter().any(|secret| secret.name == name && is_hidden(secret)) {
            self.computed.secrets.add(value.to_vec());
            self.findings.hide(&self.computed.secrets);
        }
        self.computed.environment.set_from(name, value, outside);
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

/// The first path, in byte order, that a pattern describes: `*` and `?` within a component.
fn first_match(pattern: &Path, files: &dyn Files) -> Option<PathBuf> {
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
            let mut names = files.list(&directory).ok().flatten().unwrap_or_default();
            names.retain(|name| condition::matches(glob.as_bytes(), name.as_bytes()));
            deeper.extend(names.iter().map(|name| directory.join(name)));
        }
        found = deeper;
    }
    found.into_iter().find(|path| files.is_there(path))
}

/// Whether a variable can make a program run somebody else's code: what loaders, shells and interpreters look at before
/// they do what they were told. Where the application's user could have written it, everything counts that such a program
/// has a name for.
fn steers(name: &str, by_user: bool) -> bool {
    const NAMES: [&str; 44] = [
        "BASH_ENV",
        "BUNDLE_GEMFILE",
        "CDPATH",
        "CLASSPATH",
        "DOTNET_STARTUP_HOOKS",
        "ENV",
        "ERL_AFLAGS",
        "ERL_FLAGS",
        "ERL_ZFLAGS",
        "GCONV_PATH",
        "GEM_HOME",
        "GEM_PATH",
        "GIT_SSH",
        "GIT_SSH_COMMAND",
        "GLIBC_TUNABLES",
        "IFS",
        "JAVA_TOOL_OPTIONS",
        "JDK_JAVA_OPTIONS",
        "LOCPATH",
        "LUA_CPATH",
        "LUA_PATH",
        "NLSPATH",
        "NODE_OPTIONS",
        "NODE_PATH",
        "PATH",
        "PERL5DB",
        "PERL5LIB",
        "PERL5OPT",
        "PERLLIB",
        "PHPRC",
        "PHP_INI_SCAN_DIR",
        "PROMPT_COMMAND",
        "PS4",
        "PYTHONBREAKPOINT",
        "PYTHONHOME",
        "PYTHONPATH",
        "PYTHONSTARTUP",
        "PYTHONUSERBASE",
        "RUBYLIB",
        "RUBYOPT",
        "SHELLOPTS",
        "XDG_CONFIG_HOME",
        "ZDOTDIR",
        "_JAVA_OPTIONS",
    ];
    const FAMILIES: [&str; 4] = ["GIT_CONFIG", "LD_", "LUA_INIT", "OPENSSL_"];
    const WHOLE: [&str; 10] =
        ["BASH", "GIT_", "NODE_", "NPM_CONFIG_", "PERL", "PIP_", "PYTHON", "RUBY", "UV_", "npm_config_"];
    let is_of = |families: &[&str]| families.iter().any(|family| name.starts_with(family));
    NAMES.contains(&name) || is_of(&FAMILIES) || by_user && is_of(&WHOLE)
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
            boundary: None,
            workdir: Path::new("/nowhere"),
            files: &Disk,
            deploy_env: None,
            deploy_env_by_user: false,
        };
        let given = given.iter().map(|string| CString::new(*string).expect("no NUL")).collect();
        compute(Environment::new(given), &inputs, &mut findings)
    }

    fn strings(environment: Environment) -> Vec<String> {
        environment.into_strings().into_iter().map(|string| string.to_string_lossy().into_owned()).collect()
    }

    /// Shells read the last of them, other programs the first.
    #[test]
    fn what_was_given_twice_is_handed_on_once() {
        let secret = keys::Secret { name: "PW".to_owned(), ..keys::Secret::default() };
        let env = Env { secrets: vec![secret], ..Env::default() };
        let given = ["PW=first", "none", "OTHER=x", "PW=second", "none", "PW=", "PWD=/", "OTHER=x=y", "HOME=/"];
        let computed = computed(&given, &env);
        assert_eq!(computed.secrets.mask_text("first"), "***");
        assert_eq!(strings(computed.environment), ["PW=first", "none", "OTHER=x", "none", "PWD=/", "HOME=/"]);
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
        assert_eq!(strings(environment), ["A=4", "AB=3", "B="]);
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
        assert_eq!(strings(environment), ["V0=2"]);
    }
}
