//! The environment of the application (§4): one pipeline, pure over its inputs, the same for server, hooks, `exec`,
//! `shell` and `env`.

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

/// Environment strings, in the order they were given; names may be there twice, as the kernel allows.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Environment(Vec<CString>);

impl Environment {
    #[must_use]
    pub fn new(given: Vec<CString>) -> Environment {
        Environment(given)
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

    pub fn unset(&mut self, name: &str) {
        self.0.retain(|string| !is_named(string, name));
    }

    /// The value, unless it is empty.
    #[must_use]
    pub fn filled(&self, name: &str) -> Option<Vec<u8>> {
        self.get(name).filter(|value| !value.is_empty())
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

/// What the pipeline is fed with.
pub struct Inputs<'a> {
    pub env: &'a Env,
    pub virtualenv: Option<&'a Path>,
    /// Who the application runs as, where that is configured.
    pub identity: Option<&'a Identity>,
    /// What relative paths are relative to.
    pub workdir: &'a Path,
    pub files: &'a dyn Files,
    /// What the `deploy-env` hook wrote; `None` where it has not run, or there is none.
    pub deploy_env: Option<&'a [u8]>,
}

/// What comes out of it.
#[derive(Debug, Default)]
pub struct Computed {
    pub environment: Environment,
    pub secrets: Secrets,
    /// Variables that steer a loader or an interpreter and came from a file or a hook, with where from.
    pub steering: Vec<(String, String)>,
}

/// The directory of variables, where nothing else is said: where the original system had it.
pub const VARS_DIR: &str = ".docker/user_vars";

/// Runs the steps of §4, in their order; later ones win.
pub fn compute(given: Environment, inputs: &Inputs<'_>, findings: &mut Findings<'_>) -> Computed {
    let mut pipeline = Pipeline { inputs, findings, computed: Computed { environment: given, ..Computed::default() } };
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
                Ok(value) => self.set(name, &value),
                Err(fault) => self.findings.unexpanded(&key, fault),
            }
        }
    }

    fn env_files(&mut self) {
        // One without a path was reported when it was read.
        let files = self.inputs.env.files.iter().enumerate().filter(|(_, file)| !file.path.as_os_str().is_empty());
        for (place, file) in files {
            let key = format!("env.files[{place}]");
            let shown = file.path.display().to_string();
            match self.inputs.files.read(&self.inputs.workdir.join(&file.path)) {
                Ok(Some(bytes)) => {
                    let pairs = self.sound(&key, &shown, literal::env_file(&bytes));
                    self.take(pairs, &shown);
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
        let directory = configured.unwrap_or_else(|| Path::new(VARS_DIR));
        let shown = directory.display().to_string();
        let full = self.inputs.workdir.join(directory);
        let names = match self.inputs.files.list(&full) {
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
            let read = self.inputs.files.read(&full.join(name));
            match read.map(|bytes| bytes.map(literal::variable_file)) {
                Ok(Some(Ok(value))) => self.take(vec![(name.to_owned(), value)], &format!("{shown}/{name}")),
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
            if let Some(value) = self.computed.environment.get(&secret.name) {
                self.computed.secrets.add(value);
            }
        }
        self.findings.hide(&self.computed.secrets);
    }

    /// One secret: its variable, or the content of the file that `NAME_FILE` or the configuration names.
    fn secret(&mut self, secret: &keys::Secret) -> Result<(), String> {
        let name = &secret.name;
        let by_variable = format!("{name}_FILE");
        let named = self.computed.environment.filled(&by_variable);
        self.computed.environment.unset(&by_variable);
        let is_set = self.computed.environment.filled(name).is_some();
        let (path, source): (PathBuf, &str) = match (&named, &secret.file) {
            (Some(path), _) => (self.inputs.workdir.join(path_of(path)), &by_variable),
            (None, Some(path)) => (self.inputs.workdir.join(path), "its file"),
            (None, None) => return Ok(()),
        };
        let prefer = secret.prefer.map(|Named(prefer)| prefer);
        if is_set && prefer == Some(Prefer::Variable) {
            return Ok(());
        }
        let shown = path.display();
        // A path in a variable is whatever somebody who may set variables wants: root must not read it for them.
        let read = match self.inputs.identity {
            Some(identity) if named.is_some() => self.inputs.files.read_as(identity, &path),
            _ => self.inputs.files.read(&path),
        };
        match read {
            Ok(Some(_)) if is_set && prefer.is_none() => Err(format!(
                "{name} and {source} are both set; unset one of them, or write prefer = \"file\" or \"variable\""
            )),
            Ok(Some(bytes)) => {
                let value = literal::secret_file(bytes).map_err(|why| format!("{name}: {shown} {why}"))?;
                self.set(name, &value);
                Ok(())
            }
            Ok(None) if secret.optional || is_set && named.is_none() => Ok(()),
            Ok(None) => Err(format!("{name}: there is no {shown}; make it, or write optional = true")),
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
                self.set(name, path.as_os_str().as_bytes());
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
                Err(fault) => self.findings.unexpanded(&format!("env.path_prepend[{place}]"), fault),
            }
        }
        if prepend.is_empty() {
            return;
        }
        let rest = self.computed.environment.filled("PATH").unwrap_or_else(|| exec::DEFAULT_PATH.to_vec());
        prepend.push(rest);
        self.set("PATH", &prepend.join(&b':'));
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
        self.take(pairs, "the deploy-env hook");
    }

    fn unset_and_require(&mut self) {
        for name in &self.inputs.env.unset {
            self.computed.environment.unset(name);
        }
        // Whatever came over it in a later step, its name says that nobody may read it.
        for secret in &self.inputs.env.secrets {
            self.computed.secrets.add(self.computed.environment.get(&secret.name).unwrap_or_default());
        }
        self.findings.hide(&self.computed.secrets);
        let required = self.inputs.env.require.iter();
        let missing: Vec<_> =
            required.filter(|name| self.computed.environment.filled(name).is_none()).cloned().collect();
        if !missing.is_empty() {
            let verb = if missing.len() == 1 { "is" } else { "are" };
            let what = format!("{} {verb} not set, or empty; set {}", missing.join(", "), them(missing.len()));
            self.findings.unexpanded("env.require", what);
        }
    }

    /// The pairs that could be read; the problems are faults.
    fn sound(&mut self, key: &str, shown: &str, (pairs, problems): (Pairs, Vec<Problem>)) -> Pairs {
        for Problem { line, what } in problems {
            self.findings.fault(key, format!("{shown}, line {line}: {what}"));
        }
        pairs
    }

    /// Sets what came from outside of the configuration, and remembers what could steer a program.
    fn take(&mut self, pairs: Pairs, source: &str) {
        for (name, value) in pairs {
            self.set(&name, &value);
            if steers(&name) {
                self.computed.steering.push((name, source.to_owned()));
            }
        }
    }

    fn set(&mut self, name: &str, value: &[u8]) {
        self.computed.steering.retain(|(steering, _)| steering != name);
        self.computed.environment.set(name, value);
    }
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
/// they do what they were told.
fn steers(name: &str) -> bool {
    const NAMES: [&str; 28] = [
        "BASH_ENV",
        "CDPATH",
        "ENV",
        "GCONV_PATH",
        "GLIBC_TUNABLES",
        "IFS",
        "JAVA_TOOL_OPTIONS",
        "JDK_JAVA_OPTIONS",
        "LOCPATH",
        "LUA_INIT",
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
        "PYTHONHOME",
        "PYTHONPATH",
        "PYTHONSTARTUP",
        "RUBYLIB",
        "RUBYOPT",
        "SHELLOPTS",
    ];
    name.starts_with("LD_") || name == "_JAVA_OPTIONS" || NAMES.contains(&name)
}
