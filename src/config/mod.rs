//! `app-init.toml`: found, read, checked for form. What the values mean together is the plan's business.

pub mod duration;
pub mod expand;
mod fault;
pub mod keys;
mod layers;
mod section;
pub mod values;

use std::collections::BTreeMap;
use std::path::Path;

pub use fault::Fault;
pub use layers::Layers;

/// The base image's file.
pub const BASE_FILE: &str = "/etc/app-init.toml";
/// The application's file, below its working directory.
pub const APPLICATION_FILE: &str = ".docker/app-init.toml";

/// Everything that was configured; what was not is `None` or empty.
#[derive(Debug, Default)]
pub struct Config {
    pub top: keys::Top,
    pub defaults: keys::Variables,
    pub set: keys::Variables,
    pub hooks: BTreeMap<String, (keys::Hook, Vec<keys::HookRun>)>,
    pub server: keys::Server,
    pub stop: keys::Stop,
    pub log: keys::Log,
}

/// Turns the files into their types.
#[must_use]
pub fn interpret(layers: &Layers, faults: &mut Vec<Fault>) -> Config {
    let mut top: keys::Top = section::read(layers, "", layers.table.clone(), faults);
    let take = std::mem::take::<toml::Table>;
    let env: keys::EnvTables = section::read(layers, "env", take(&mut top.env), faults);
    let mut hooks = BTreeMap::new();
    for (name, table) in take(&mut top.hooks) {
        let path = format!("hooks.{name}");
        let toml::Value::Table(table) = table else {
            faults.push(layers.fault(&path, format!("expected a table; write [{path}]")));
            continue;
        };
        let mut hook: keys::Hook = section::read(layers, &path, table, faults);
        let runs = std::mem::take(&mut hook.run).into_iter().enumerate();
        let runs = runs.map(|(place, run)| section::read(layers, &format!("{path}.run[{place}]"), run, faults));
        let runs: Vec<keys::HookRun> = runs.collect();
        for (place, run) in runs.iter().enumerate() {
            if run.command.is_empty() {
                faults.push(layers.fault(
                    &format!("{path}.run[{place}]"),
                    "has no command; write command = [\"program\", \"argument\"]",
                ));
            }
        }
        hooks.insert(name, (hook, runs));
    }
    Config {
        defaults: section::read_strings(layers, "env.defaults", env.defaults, faults),
        set: section::read_strings(layers, "env.set", env.set, faults),
        hooks,
        server: section::read(layers, "server", take(&mut top.server), faults),
        stop: section::read(layers, "stop", take(&mut top.stop), faults),
        log: section::read(layers, "log", take(&mut top.log), faults),
        top,
    }
}

/// Whether there is any file to read. One that may not be looked at counts as one: reading it says why.
#[must_use]
pub fn is_there(directory: &Path) -> bool {
    let may_be_there = |path: &Path| path.try_exists().unwrap_or(true);
    may_be_there(Path::new(BASE_FILE)) || may_be_there(&directory.join(APPLICATION_FILE))
}
