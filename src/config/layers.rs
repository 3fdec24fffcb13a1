//! The files, read and laid over each other, key by key.

use std::cell::OnceCell;
use std::mem::take;
use std::path::{Path, PathBuf};

use toml::de::{DeTable, DeValue};

use super::document::Document;
use super::fault::Fault;
use super::origins::{Origin, Origins, Source};
use super::value::{Table, Value};
use crate::identity::trust;
use crate::sys::{credentials, regular};

/// Somebody whom another file or a role replaced.
#[derive(Debug, PartialEq, Eq)]
pub struct ReplacedUser {
    pub spec: String,
    /// Only hooks ran as this user.
    pub is_of_hook: bool,
}

/// What the files say together.
#[derive(Debug, Default)]
pub struct Layers {
    pub table: Table,
    /// The files that were read.
    pub files: Vec<PathBuf>,
    /// Those of which nothing is told: whoever put them there may not read them.
    pub untold: Vec<String>,
    /// Those that were looked for and are not there.
    pub missing: Vec<PathBuf>,
    /// Those that are not to be read.
    left_out: Vec<PathBuf>,
    /// What each `user` was before another file or a role said something else.
    pub replaced_users: Vec<ReplacedUser>,
    /// What each `prepare` was before.
    pub replaced_preparations: Vec<Value>,
    /// A file is no TOML: what its values are is not known, and nothing is to be said of any.
    pub is_broken: bool,
    /// Keys that a later file's `mode = "exec"` took away, each with its place.
    pub dropped: Vec<(String, String)>,
    dropped_keys: Vec<&'static str>,
    sources: Vec<Source>,
    /// The role that was chosen.
    role: Option<String>,
    origins: OnceCell<Origins>,
}

impl Layers {
    /// The file `alone`; or else the base image's, and over it the application's, below `workdir` or the directory that
    /// the base image's names; but for those that are left out.
    #[must_use]
    pub fn of(alone: Option<&Path>, workdir: Option<PathBuf>, left_out: &[PathBuf], faults: &mut Vec<Fault>) -> Layers {
        let mut layers = Layers { left_out: left_out.to_vec(), ..Layers::default() };
        if let Some(path) = alone {
            layers.read(path, true, faults);
            return layers;
        }
        layers.read(Path::new(super::BASE_FILE), false, faults);
        let configured = || layers.table.get("workdir").and_then(Value::as_text).map(PathBuf::from);
        let path = workdir.or_else(configured).unwrap_or_default().join(super::APPLICATION_FILE);
        layers.read(&path, false, faults);
        layers
    }

    /// Whether a file is left out.
    #[must_use]
    pub fn is_incomplete(&self) -> bool {
        !self.left_out.is_empty()
    }

    /// Lays a file over what there is. A file that is not there changes nothing unless it is `required`.
    pub fn read(&mut self, path: &Path, required: bool, faults: &mut Vec<Fault>) {
        if self.left_out.iter().any(|left_out| left_out == path) {
            return;
        }
        let name = path.display().to_string();
        let at = |line, what: String| Fault { place: Some((name.clone(), line)), key: String::new(), what };
        let bytes = match regular::read(path) {
            Ok(Some(bytes)) => bytes,
            // Such as a volume that was not mounted.
            Ok(None) if path.is_symlink() => {
                return faults.push(at(0, "is a link that leads nowhere; mend the link, or remove it".into()));
            }
            Ok(None) if !required && let Some(why) = path.parent().and_then(regular::in_place_of) => {
                return faults.push(at(0, format!("is not there: {why}")));
            }
            Ok(None) if !required => return self.missing.push(path.to_owned()),
            Ok(None) => return faults.push(at(0, "is not there; make it, or name another".into())),
            Err(why) => return faults.push(at(0, format!("cannot be read: {why}"))),
        };
        self.files.push(path.to_owned());
        if credentials::is_root() && trust::is_kept_from_whoever_put_it(path) {
            self.untold.push(name.clone());
        }
        let Ok(text) = String::from_utf8(bytes) else {
            return faults.push(at(0, "is not UTF-8 text; save it as UTF-8".into()));
        };
        let document = Document::parse(&text);
        match document.error() {
            Some((line, what)) => {
                self.is_broken = true;
                faults.push(at(line, format!("not TOML: {what}")));
            }
            None => faults.extend(
                document
                    .repetitions()
                    .map(|(line, key)| at(line, format!("not TOML: duplicate key `{key}`; write it once"))),
            ),
        }
        let table = table(&document, document.root());
        drop(document);
        self.note_replaced(&table);
        lay_over(&mut self.table, table, true);
        self.sources.push(Source { name, text });
        self.origins.take();
    }

    /// Takes out of a fault what a file may have said that is not told of. What is known of one in another file is that
    /// file's; that one could be changed is told of the path.
    pub fn withhold(&self, fault: &mut Fault) {
        let Some(file) = self.untold.first() else { return };
        let is_of_another = fault.place.as_ref().is_some_and(|(file, _)| !self.untold.contains(file));
        let is_of_path = fault.key == "user" && self.untold.iter().any(|file| fault.what.starts_with(file));
        if is_of_path {
            fault.place = None;
        } else if !is_of_another {
            let what = "is wrong, and what it says is not told, since who could have put it there may not read it; make it \
                        root's, and nobody else's to write, with all directories above";
            *fault = Fault { place: Some((file.clone(), 0)), key: String::new(), what: what.into() };
        }
    }

    /// Whether there is a role of this name, which was not chosen.
    #[must_use]
    pub fn has_role(&self, name: &str) -> bool {
        matches!(self.table.get("role"), Some(Value::Table(roles)) if roles.contains_key(name))
    }

    /// The roles that were not chosen.
    #[must_use]
    pub fn other_roles(&self) -> Vec<String> {
        match self.table.get("role") {
            Some(Value::Table(roles)) => roles.keys().cloned().collect(),
            _ => Vec::new(),
        }
    }

    /// Lays the table of role `name` over the rest of the file; `false` where there is no such role.
    pub fn choose_role(&mut self, name: &str) -> bool {
        let Some(Value::Table(roles)) = self.table.get_mut("role") else { return false };
        let Some(Value::Table(mut role)) = roles.remove(name) else { return false };
        if let (Some(Value::List(own)), Some(Value::List(all))) = (role.get_mut("skip"), self.table.get("skip")) {
            // Who leaves something out everywhere means it there too.
            own.extend(all.iter().cloned());
        }
        self.note_replaced(&role);
        lay_over(&mut self.table, role, true);
        self.role = Some(name.to_owned());
        // A fault may have asked for them already.
        self.origins.take();
        true
    }

    /// The role that was chosen.
    #[must_use]
    pub fn role(&self) -> Option<&str> {
        self.role.as_deref()
    }

    /// Takes away what exec mode has nobody for, as far as a file before that of `mode` says it: the later one could not.
    pub fn drop_what_exec_mode_lacks(&mut self) {
        let is_exec = matches!(self.table.get("server"), Some(Value::Table(server))
            if server.get("mode").and_then(Value::as_text) == Some("exec"));
        if !is_exec || self.sources.len() < 2 {
            return;
        }
        let origins = self.origins();
        let rank = |origin: &Origin| self.sources.iter().position(|source| source.name == origin.file);
        let Some(of_mode) = origins.get("server.mode").map(rank) else { return };
        let is_earlier = |origin: &Origin| rank(origin) < of_mode;
        let found = BEYOND_EXEC.into_iter().filter_map(|key| Some((key, origins.get(key)?)));
        let found = found.filter(|(key, origin)| is_earlier(origin) && origins.inside(key).all(is_earlier));
        let dropped: Vec<_> =
            found.map(|(key, origin)| (format!("{}{key}", origin.within), origin.to_string(), key)).collect();
        for (shown, place, key) in dropped {
            if let Some(value) = remove(&mut self.table, key) {
                let mut path: Vec<&str> = key.split('.').collect();
                each_gone(&mut path, &value, &mut |path, value| self.note_gone(path, value));
            }
            self.dropped.push((shown, place));
            self.dropped_keys.push(key);
        }
        self.origins.take();
    }

    /// Remembers who is named, and what is prepared, where `over` says something else: in the tables of hooks and roles, too.
    fn note_replaced(&mut self, over: &Table) {
        let table = take(&mut self.table);
        each_replaced(&mut Vec::new(), &table, over, &mut |path, value| self.note_gone(path, value));
        self.table = table;
    }

    fn note_gone(&mut self, path: &[&str], value: &Value) {
        match (path.last(), value) {
            (Some(&"user"), Value::Text(spec)) => {
                let is_of_hook = matches!(path, ["hooks", ..] | ["role", _, "hooks", ..]);
                self.replaced_users.push(ReplacedUser { spec: spec.clone(), is_of_hook });
            }
            (Some(&"prepare"), Value::List(_)) => self.replaced_preparations.push(value.clone()),
            _ => {}
        }
    }

    /// Where each key was set.
    pub fn origins(&self) -> &Origins {
        self.origins.get_or_init(|| Origins::of(&self.sources, self.role.as_deref(), &self.dropped_keys))
    }

    /// Whether the role that was chosen sets this key.
    #[must_use]
    pub fn is_of_role(&self, key: &str) -> bool {
        self.role.is_some() && self.origins().get(key).is_some_and(|origin| !origin.within.is_empty())
    }

    /// Puts the place of `key`, or of the nearest table around it, to a fault.
    #[must_use]
    pub fn fault(&self, key: &str, what: impl Into<String>) -> Fault {
        let mut path = key;
        let origin = loop {
            if let Some(origin) = self.origins().get(path) {
                break Some(origin);
            }
            match path.rfind(['.', '[']) {
                Some(end) => path = path.get(..end).unwrap_or_default(),
                None => break None,
            }
        };
        let within = origin.map_or("", |origin| origin.within.as_str());
        let place = origin.map(|origin| (origin.file.clone(), origin.line));
        Fault { place, key: format!("{within}{key}"), what: what.into() }
    }
}

/// What needs an app-init that stays (`plan/exec_mode.rs` refuses it).
const BEYOND_EXEC: [&str; 15] = [
    "stop.signals",
    "stop.timeout",
    "stop.drain",
    "stop.leftovers",
    "stop.budget",
    "server.stop_signal",
    "server.stop_timeout",
    "server.signal_target",
    "server.rewrite",
    "server.success_codes",
    "server.run_timeout",
    "server.run_timeout_signal",
    "hooks.post-deploy.on_failure",
    "hooks.pre-stop",
    "hooks.post-stop",
];

/// Removes a key, which is a path of tables.
fn remove(table: &mut Table, key: &str) -> Option<Value> {
    match key.split_once('.') {
        Some((outer, rest)) => match table.get_mut(outer) {
            Some(Value::Table(inner)) => remove(inner, rest),
            _ => None,
        },
        None => table.remove(key),
    }
}

/// Is told a path and its value.
type Note<'n> = dyn FnMut(&[&str], &Value) + 'n;

/// Calls `note` with each value, and the path of its key, that is gone once `over` is laid over `table`.
fn each_replaced<'v>(path: &mut Vec<&'v str>, table: &'v Table, over: &'v Table, note: &mut Note<'_>) {
    for (key, over) in over {
        let Some(value) = table.get(key) else { continue };
        path.push(key);
        match (value, over) {
            (Value::Table(table), Value::Table(over)) => each_replaced(path, table, over, note),
            (value, _) => each_gone(path, value, note),
        }
        path.pop();
    }
}

/// Calls `note` with a value that is gone, and with each in it. A list's tables have its path.
fn each_gone<'v>(path: &mut Vec<&'v str>, value: &'v Value, note: &mut Note<'_>) {
    note(path, value);
    match value {
        Value::Table(table) => {
            for (key, value) in table {
                path.push(key);
                each_gone(path, value, note);
                path.pop();
            }
        }
        Value::List(values) => values.iter().for_each(|value| {
            if let Value::Table(_) = value {
                each_gone(path, value, note);
            }
        }),
        _ => {}
    }
}

/// Lays `over` over `table`, key by key: tables join, everything else is replaced. `origins.rs` has the same for places.
fn lay_over(table: &mut Table, over: Table, is_top: bool) {
    for (key, value) in over {
        if is_top
            && key == "server"
            && let (Some(Value::Table(server)), Value::Table(over)) = (table.get_mut(&key), &value)
            && over.contains_key("command")
        {
            // They extend the command that is replaced.
            server.remove("args");
        }
        match (table.get_mut(&key), value) {
            (Some(Value::Table(existing)), Value::Table(value)) => lay_over(existing, value, false),
            (_, value) => drop(table.insert(key, value)),
        }
    }
}

/// A table of the file in plain values.
fn table(document: &Document<'_>, from: &DeTable<'_>) -> Table {
    let mut plain = Table::new();
    for (key, _, from) in document.entries(from) {
        plain.insert(key.to_owned(), value(document, from.get_ref()));
    }
    plain
}

fn value(document: &Document<'_>, from: &DeValue<'_>) -> Value {
    match from {
        DeValue::String(text) => Value::Text(text.to_string()),
        DeValue::Integer(number) => match i64::from_str_radix(number.as_str(), number.radix()) {
            Ok(number) => Value::Number(number),
            Err(_) => Value::Other(number.as_str().to_owned()),
        },
        DeValue::Float(number) => Value::Other(number.as_str().to_owned()),
        DeValue::Boolean(truth) => Value::Truth(*truth),
        DeValue::Datetime(time) => Value::Other(time.to_string()),
        DeValue::Table(from) => Value::Table(table(document, from)),
        DeValue::Array(values) => Value::List(values.iter().map(|from| value(document, from.get_ref())).collect()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::origins::Origin;
    use super::*;

    /// What these texts say together, as files one after another.
    fn layers(texts: &[&str]) -> Layers {
        let mut layers = Layers::default();
        let directory = tempfile::tempdir().expect("a directory");
        for (place, text) in texts.iter().enumerate() {
            let path = directory.path().join(place.to_string());
            std::fs::write(&path, text).expect("a file");
            let mut faults = Vec::new();
            layers.read(&path, true, &mut faults);
            assert!(faults.is_empty(), "{faults:?}");
        }
        layers
    }

    fn places(layers: &Layers) -> Vec<(String, String)> {
        let file = |origin: &Origin| origin.file.rsplit('/').next().unwrap_or_default().to_owned();
        layers.origins().leaves().map(|(key, origin)| (key, format!("{}:{}", file(origin), origin.line))).collect()
    }

    fn pairs(list: &[(&str, &str)]) -> Vec<(String, String)> {
        list.iter().map(|(key, place)| ((*key).to_owned(), (*place).to_owned())).collect()
    }

    #[test]
    fn tables_join_and_lists_are_replaced() {
        let layers = layers(&[
            "umask = \"0022\"\n[server]\ncommand = [\"a\"]\nargs = [\"b\"]\n[[wait]]\ntarget = \"x:1\"\n[[wait]]\ntarget = \"y:1\"",
            "[server]\nstop_signal = \"INT\"\n[[wait]]\ntimeout = 3\ntarget = \"z:1\"",
        ]);
        let expected = [
            ("server.args", "0:4"),
            ("server.command", "0:3"),
            ("server.stop_signal", "1:2"),
            ("umask", "0:1"),
            ("wait[0].target", "1:5"),
            ("wait[0].timeout", "1:4"),
        ];
        assert_eq!(places(&layers), pairs(&expected));
        assert!(matches!(layers.table.get("wait"), Some(Value::List(waits)) if waits.len() == 1));
    }

    #[test]
    fn whoever_is_replaced_is_remembered() {
        let mut layers = layers(&[
            "[hooks]\ndeploy.user = \"b\"\npre-stop.user = \"c\"\nx.run = [{ user = \"d\" }]\n\
             [role.web]\nuser = \"a\"\nprepare = [{ dir = \"1\" }]\nhooks.x.run = [{ user = \"e\" }]\n",
            "[server]\nmode = \"exec\"\n[role.web]\nuser = \"f\"\nhooks.deploy.user = \"g\"\nprepare = []\n",
        ]);
        layers.drop_what_exec_mode_lacks();
        assert!(layers.choose_role("web"));
        let replaced = |spec: &str, is_of_hook| ReplacedUser { spec: spec.into(), is_of_hook };
        let expected = [("a", false), ("c", true), ("b", true), ("d", true)];
        assert_eq!(layers.replaced_users, expected.map(|(spec, is_of_hook)| replaced(spec, is_of_hook)));
        assert_eq!(layers.replaced_preparations.len(), 1);
    }

    #[test]
    fn another_command_does_not_get_the_arguments_of_the_first() {
        let layers = layers(&["[server]\ncommand = [\"a\"]\nargs = [\"b\"]", "[server]\ncommand = [\"c\"]"]);
        assert_eq!(places(&layers), pairs(&[("server.command", "1:2")]));
        assert!(matches!(layers.table.get("server"), Some(Value::Table(server)) if !server.contains_key("args")));
    }

    #[test]
    fn a_chosen_role_is_laid_over_the_rest_and_remembers_where_it_stood() {
        let mut layers = layers(&[
            "[server]\ncommand = [\"web\"]\nargs = [\"x\"]\nstop_signal = \"INT\"\n[role.worker]\nserver.command = [\"w\"]\n[[role.worker.wait]]\ntarget = \"q\"\n[role.other]\numask = \"0\"",
        ]);
        assert!(!layers.choose_role("none"));
        assert!(layers.choose_role("worker"));
        let expected = [
            ("role.other.umask", "0:10"),
            ("role.worker.server.command", "0:6"),
            ("server.stop_signal", "0:4"),
            ("role.worker.wait[0].target", "0:8"),
        ];
        assert_eq!(places(&layers), pairs(&expected));
        let fault = layers.fault("server.command", "is wrong");
        assert!(fault.to_string().ends_with("0:6: role.worker.server.command: is wrong"), "{fault}");
        assert!(layers.fault("wait[0].timeout", "x").to_string().contains("0:7: role.worker.wait[0].timeout"));
    }

    #[test]
    fn places_are_those_of_the_role_although_something_was_wrong_before_it_was_chosen() {
        let mut layers = layers(&["[server]\nargs = [\"x\"]\n[role.worker]\nserver.args = [\"y\"]\n"]);
        assert!(layers.fault("role.worker", "x").to_string().ends_with("0:3: role.worker: x"));
        assert!(layers.choose_role("worker"));
        assert!(layers.is_of_role("server.args"));
        assert!(layers.fault("server.args", "x").to_string().ends_with("0:4: role.worker.server.args: x"));
    }
}
