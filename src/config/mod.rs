//! `app-init.toml`: found, read, checked for form. What the values mean together is the plan's business.

pub mod condition;
mod document;
pub mod expand;
mod fault;
pub mod keys;
mod layers;
pub mod literal;
pub mod map;
mod origins;
pub mod read;
pub mod value;
pub mod values;

use std::fmt;
use std::mem::take;
use std::path::{Path, PathBuf};

use keys::Variables;
use map::Map;
use read::{Keys, Mistake, Mistakes, NestedList, Read};
use value::{Table, Value};
use values::{FailurePolicy, Named, OneOrTable};

use crate::machine::OnStop;
use crate::sys::regular;

pub use fault::Fault;
pub use layers::Layers;

/// The base image's file.
pub const BASE_FILE: &str = "/etc/app-init.toml";
/// The application's file, below its working directory.
pub const APPLICATION_FILE: &str = ".docker/app-init.toml";

/// Everything that was configured; what was not is `None` or empty.
#[derive(Debug, Default)]
pub struct Config {
    /// Its tables are empty here: they are the fields below.
    pub top: keys::Top,
    pub env: Env,
    pub waits: Vec<keys::Wait>,
    pub preparations: Vec<keys::Prepare>,
    pub hooks: Map<(keys::Hook, Vec<keys::HookRun>)>,
    pub server: keys::Server,
    pub stop: keys::Stop,
    pub log: keys::Log,
    pub limits: keys::Limits,
    /// The roles that were not chosen and set `user`, with what to.
    pub other_users: Vec<(String, String)>,
    /// What another start may have prepared: those of these roles, and what a file or the role replaced.
    pub other_preparations: Vec<keys::Prepare>,
}

/// `[env]`
#[derive(Debug, Default)]
pub struct Env {
    pub defaults: Variables,
    pub files: Vec<keys::EnvFile>,
    pub vars_dir: Option<PathBuf>,
    pub secrets: Vec<keys::Secret>,
    pub set: Variables,
    pub first_file: Map<Vec<PathBuf>>,
    pub path_prepend: Vec<String>,
    pub unset: Vec<String>,
    pub require: Vec<String>,
}

/// Turns the files into their types. Roles are laid over them before ([`Layers::choose_role`]); those that were not
/// chosen are looked at all the same, so that a mistake shows before its role is started.
#[must_use]
pub fn interpret(layers: &mut Layers, faults: &mut Vec<Fault>) -> Config {
    // What it says is in the types from here on.
    let table = take(&mut layers.table);
    let mut reader = Reader { layers, faults };
    let (mut config, roles) = reader.whole("", table);
    for (name, role) in roles {
        if let Value::Table(role) = role {
            let path = format!("role.{name}");
            let (other, _) = reader.whole(&path, role);
            config.other_users.extend(other.top.user.map(|user| (path, user)));
            config.other_preparations.extend(other.preparations);
        }
    }
    let lists = take(&mut layers.replaced_preparations).into_iter();
    let lists = lists.filter_map(|list| NestedList::<keys::Prepare>::read(list).ok());
    for table in lists.flat_map(|list| list.tables) {
        let mut preparation = keys::Prepare::default();
        // What is wrong with it is nobody's business any more.
        let _ = preparation.set_all(table);
        config.other_preparations.push(preparation);
    }
    config
}

/// Finds what no role may be or hold, before one of them is chosen.
pub fn check_roles(layers: &Layers, reserved: &[&str], faults: &mut Vec<Fault>) {
    let Some(Value::Table(roles)) = layers.table.get("role") else { return };
    for (name, role) in roles {
        let path = format!("role.{name}");
        let mut fault = |key: &str, what: String| faults.push(layers.fault(key, what));
        if name.is_empty() {
            fault("role", "a role has an empty name, which no argument could be; write [role.NAME]".into());
        }
        if reserved.contains(&name.as_str()) {
            let what = "is a command of app-init, so no argument could choose it; name the role differently";
            fault(&path, what.into());
        }
        let Value::Table(role) = role else {
            fault(&path, format!("expected a table; write [{path}]"));
            continue;
        };
        for key in keys::NOT_FOR_ROLES.into_iter().filter(|key| role.contains_key(*key)) {
            fault(&format!("{path}.{key}"), "is not for a role; write it at the top of the file".into());
        }
    }
}

/// Finds conditions that name a role that nobody could choose.
pub fn check_conditions(layers: &Layers, faults: &mut Vec<Fault>) {
    each_condition(None, &layers.table, &mut |key, text| {
        let test = condition::Test::parse(text).ok();
        if let Some(name) = test.as_ref().and_then(condition::Test::role).filter(|name| !layers.has_role(name)) {
            let what = format!("there is no role `{name}`; write [role.{name}], or name another");
            faults.push(layers.fault(&key.to_string(), what));
        }
    });
}

/// What is to be said of conditions that compare with something that is hardly meant as it stands.
#[must_use]
pub fn doubtful_conditions(layers: &Layers) -> Vec<String> {
    let mut doubts = Vec::new();
    each_condition(None, &layers.table, &mut |key, text| {
        doubts.extend(condition::doubt(text).map(|what| layers.fault(&key.to_string(), what).to_string()));
    });
    doubts
}

/// Finds what is to be left out and is nobody's, in roles too.
pub fn check_skips(layers: &Layers, known: &[&str], faults: &mut Vec<Fault>) {
    let mut check = |path: &str, table: &Table| {
        let Some(Value::List(skip)) = table.get("skip") else { return };
        for (place, name) in skip.iter().enumerate() {
            let Some(name) = name.as_text().filter(|name| !known.contains(name)) else { continue };
            let what = format!("there is no {name} to leave out; write {}", known.join(", "));
            faults.push(layers.fault(&format!("{path}skip[{place}]"), what));
        }
    };
    check("", &layers.table);
    let Some(Value::Table(roles)) = layers.table.get("role") else { return };
    for (name, role) in roles {
        if let Value::Table(role) = role {
            check(&format!("role.{name}."), role);
        }
    }
}

/// Where a value stands. It is put into words only for whoever asks: of most values nothing is said.
#[derive(Clone, Copy)]
enum Place<'a> {
    Key(Option<&'a Place<'a>>, &'a str),
    Element(&'a Place<'a>, usize),
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Key(None, key) => formatter.write_str(key),
            Place::Key(Some(table), key) => write!(formatter, "{table}.{key}"),
            Place::Element(list, number) => write!(formatter, "{list}[{number}]"),
        }
    }
}

/// Looks at each text of each list `when`, in roles too.
fn each_condition(at: Option<&Place<'_>>, table: &Table, look: &mut dyn FnMut(Place<'_>, &str)) {
    for (key, value) in table {
        let place = Place::Key(at, key);
        match value {
            Value::Table(table) => each_condition(Some(&place), table, look),
            Value::List(list) => each_of_list(place, list, key == "when", look),
            Value::Text(_) | Value::Number(_) | Value::Truth(_) | Value::Other(_) => {}
        }
    }
}

fn each_of_list(at: Place<'_>, list: &[Value], is_when: bool, look: &mut dyn FnMut(Place<'_>, &str)) {
    for (number, value) in list.iter().enumerate() {
        let place = Place::Element(&at, number);
        match value {
            Value::Table(table) => each_condition(Some(&place), table, look),
            Value::List(list) => each_of_list(place, list, is_when, look),
            Value::Text(text) if is_when => look(place, text),
            Value::Text(_) | Value::Number(_) | Value::Truth(_) | Value::Other(_) => {}
        }
    }
}

/// Reads the parts of one file, or of one role.
struct Reader<'a> {
    layers: &'a Layers,
    faults: &'a mut Vec<Fault>,
}

impl Reader<'_> {
    /// The configuration in `table`, which stands at `path`, and the roles in it.
    fn whole(&mut self, path: &str, table: Table) -> (Config, Table) {
        let at = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
        let mut top: keys::Top = self.section(path, table);
        let roles = take(&mut top.role.0);
        let config = Config {
            env: self.env(&at("env"), take(&mut top.env.table)),
            waits: self.list(&at("wait"), take(&mut top.wait.tables)),
            preparations: self.list(&at("prepare"), take(&mut top.prepare.tables)),
            hooks: self.hooks(&at("hooks"), take(&mut top.hooks.tables)),
            server: self.section(&at("server"), take(&mut top.server.table)),
            stop: self.section(&at("stop"), take(&mut top.stop.table)),
            log: self.section(&at("log"), take(&mut top.log.table)),
            limits: self.section(&at("limits"), take(&mut top.limits.table)),
            other_users: Vec::new(),
            other_preparations: Vec::new(),
            top,
        };
        (config, roles)
    }

    fn fault(&mut self, key: &str, what: impl Into<String>) {
        self.faults.push(self.layers.fault(key, what));
    }

    /// Each key on its own, so that each that is wrong is reported.
    fn section<T: Keys>(&mut self, path: &str, table: Table) -> T {
        let mut section = T::default();
        if let Err(mistakes) = section.set_all(table) {
            self.mistakes(path, mistakes);
        }
        section
    }

    fn mistakes(&mut self, path: &str, Mistakes(mistakes): Mistakes) {
        for Mistake { at, what } in mistakes {
            let key = format!("{path}{at}");
            let key = key.trim_start_matches('.');
            self.fault(key, what.replace(read::ITS_KEY, &format!("[[{key}]]")));
        }
    }

    fn list<T: Keys>(&mut self, path: &str, tables: Vec<Table>) -> Vec<T> {
        let read = |(place, table)| self.section(&format!("{path}[{place}]"), table);
        tables.into_iter().enumerate().map(read).collect()
    }

    /// A table of strings under names for variables.
    fn variables(&mut self, path: &str, table: Table) -> Variables {
        let mut variables = Variables::default();
        for (name, value) in table {
            let path = format!("{path}.{name}");
            match String::read(value) {
                Ok(_) if !expand::is_name(&name) => self.fault(&path, NO_NAME),
                Ok(value) => variables.insert(name, value),
                Err(mistakes) => self.mistakes(&path, mistakes),
            }
        }
        variables
    }

    fn env(&mut self, path: &str, table: Table) -> Env {
        let env: keys::Env = self.section(path, table);
        let defaults = self.variables(&format!("{path}.defaults"), env.defaults.0);
        let set = self.variables(&format!("{path}.set"), env.set.0);
        let mut files = Vec::new();
        for (place, file) in env.files.into_iter().enumerate() {
            let path = format!("{path}.files[{place}]");
            let (file, is_told): (keys::EnvFile, _) = match file {
                OneOrTable::One(file) => {
                    let mistake = read::path_mistake(&file).filter(|_| !file.is_empty());
                    let is_told = mistake.map(|what| self.fault(&path, what)).is_some();
                    (keys::EnvFile { path: file.into(), optional: is_told }, is_told)
                }
                OneOrTable::Table(table, _) => {
                    let is_told = table.contains_key("path");
                    (self.section(&path, table), is_told)
                }
            };
            if file.path.as_os_str().is_empty() && !is_told {
                self.fault(&path, "has no path; write { path = \".env\" }");
            }
            files.push(file);
        }
        let mut secrets = Vec::new();
        for (place, secret) in env.secrets.into_iter().enumerate() {
            let path = format!("{path}.secrets[{place}]");
            let secret = match secret {
                OneOrTable::One(name) => keys::Secret { name, ..keys::Secret::default() },
                OneOrTable::Table(table, _) => self.section(&path, table),
            };
            if !expand::is_name(&secret.name) {
                let what = format!("`{}` is no name for a variable; write {{ name = \"DB_PASSWORD\" }}", secret.name);
                self.fault(&path, what);
            }
            secrets.push(secret);
        }
        for (name, _) in env.first_file.iter().filter(|(name, _)| !expand::is_name(name)) {
            self.fault(&format!("{path}.first_file.{name}"), NO_NAME);
        }
        for (place, text) in env.path_prepend.iter().enumerate() {
            let what = match expand::looks_like_variable(text) {
                _ if text.is_empty() => "is empty; name a path",
                _ if text == "~" || text.starts_with("~/") => "`~` is not expanded; write ${HOME}",
                Some(_) => "`$NAME` is not expanded; write ${NAME}",
                None => continue,
            };
            self.fault(&format!("{path}.path_prepend[{place}]"), what);
        }
        for key in ["unset", "require"] {
            let names = if key == "unset" { &env.unset } else { &env.require };
            for (place, name) in names.iter().enumerate().filter(|(_, name)| !expand::is_name(name)) {
                self.fault(&format!("{path}.{key}[{place}]"), format!("`{name}` {NO_NAME}"));
            }
        }
        Env {
            defaults,
            files,
            vars_dir: env.vars_dir,
            secrets,
            set,
            first_file: env.first_file,
            path_prepend: env.path_prepend,
            unset: env.unset,
            require: env.require,
        }
    }

    /// What is to come of a failure or a stop request has to be what can come of it.
    fn policies(
        &mut self,
        path: &str,
        hook: &str,
        on_failure: Option<Named<FailurePolicy>>,
        on_stop: Option<Named<OnStop>>,
    ) {
        let of_hook = FailurePolicy::of_hook(hook);
        let mut fault = |key: &str, word: &str, words: &str| {
            self.fault(&format!("{path}.{key}"), format!("`{word}` means nothing for {hook}; write {words}"));
        };
        if let Some(Named(said)) = on_failure.filter(|said| !of_hook.contains(&said.0)) {
            let words: Vec<&str> = of_hook.iter().map(|policy| policy.word()).collect();
            fault("on_failure", said.word(), &words.join(" or "));
        }
        // The one is stopped first, the other is a part of the stop.
        if on_stop == Some(Named(OnStop::Finish)) && ["post-deploy", "pre-stop"].contains(&hook) {
            fault("on_stop", "finish", "stop");
        }
    }

    fn hooks(&mut self, path: &str, tables: Table) -> Map<(keys::Hook, Vec<keys::HookRun>)> {
        let mut hooks = Map::default();
        for (name, table) in tables {
            if name.is_empty() {
                self.fault(path, "a hook has an empty name; write [hooks.NAME]");
                continue;
            }
            let path = format!("{path}.{name}");
            let Value::Table(table) = table else {
                self.fault(&path, format!("expected a table; write [{path}]"));
                continue;
            };
            let mut hook: keys::Hook = self.section(&path, table);
            let runs: Vec<keys::HookRun> = self.list(&format!("{path}.run"), take(&mut hook.run.tables));
            self.policies(&path, &name, hook.on_failure, hook.on_stop);
            for (place, run) in runs.iter().enumerate() {
                self.policies(&format!("{path}.run[{place}]"), &name, run.on_failure, run.on_stop);
                if run.command.is_empty() {
                    let path = format!("{path}.run[{place}]");
                    self.fault(&path, "has no command; write command = [\"program\", \"argument\"]");
                }
            }
            hooks.insert(name, (hook, runs));
        }
        hooks
    }
}

const NO_NAME: &str = "is no name for a variable; use letters, digits and _, and no digit first";

/// What to say of files that were looked for in vain; empty where there are none.
#[must_use]
pub fn not_there(missing: &[PathBuf]) -> String {
    let here = std::env::current_dir().unwrap_or_default();
    let names: Vec<String> = missing.iter().map(|path| here.join(path).display().to_string()).collect();
    if names.is_empty() { String::new() } else { format!("there is no {}", names.join(" and no ")) }
}

/// Whether there is any file to read. One that may not be looked at counts as one, and a link that leads nowhere too:
/// reading it says why.
#[must_use]
pub fn is_there(directory: &Path) -> bool {
    regular::may_be_there(Path::new(BASE_FILE)) || regular::may_be_there(&directory.join(APPLICATION_FILE))
}
