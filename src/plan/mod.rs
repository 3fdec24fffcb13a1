//! The plan: command line, files and environment, decided once. After it nothing reads configuration, and no `None` in it
//! means "default". Every fault that there is is listed at once (§2, §3).

mod builder;
mod environment;
mod hooks;
mod plain;
mod settings;
mod show;

use std::ffi::OsString;
use std::io::Read;
use std::path::{Path, PathBuf};

use log::LevelFilter;

use crate::cli::{Answer, Options};
use crate::config::values::{HookOutput, LogFormat};
use crate::config::{self, Config, Fault, Layers};
use crate::exit;
use crate::logging;
use crate::machine::{ChildId, Rules, Signal};
use crate::sys::exec::{self, Program};
use crate::sys::processes;

use builder::Builder;
use environment::Environment;
use settings::{Settings, Variables};

pub use plain::plain;
pub use settings::VARIABLES;
pub use show::show;

const DEPLOY: &str = "deploy";
const START: &str = "start";
const POST_DEPLOY: &str = "post-deploy";
const PRE_STOP: &str = "pre-stop";
const POST_STOP: &str = "post-stop";
pub const ON_FAILURE: &str = "on-failure";
/// The hooks that `run` knows.
const PHASES: [&str; 6] = [DEPLOY, START, POST_DEPLOY, PRE_STOP, POST_STOP, ON_FAILURE];

/// Everything that is to be done.
#[derive(Debug)]
pub struct Plan {
    pub rules: Rules,
    /// In exec mode with hooks: what the keeper runs. It is the child after the last program.
    pub keeper: Option<Rules>,
    /// The programs, by [`ChildId`].
    pub programs: Vec<Planned>,
    pub success_codes: Vec<u8>,
    pub log: logging::Settings,
    pub hook_output: HookOutput,
    /// Where the reason of the end is written, if the file is there.
    pub termination_file: Option<PathBuf>,
    pub parent_death_signal: Option<Signal>,
    /// Below another app-init.
    pub nested: bool,
    pub warnings: Vec<String>,
    /// What `check` shows about the files.
    pub origins: Vec<(String, String)>,
}

/// A program with what people call it.
#[derive(Debug)]
pub struct Planned {
    pub program: Program,
    /// As announced: the hook's path, the command.
    pub label: String,
    /// The hook's name, or `server`.
    pub phase: String,
    /// Where a relative path of the program is looked for, to say what is wrong with it.
    pub looked_for_in: Option<PathBuf>,
}

impl Planned {
    /// A server that is started in `directory`, or where app-init was started.
    fn server(program: Program, label: String) -> Planned {
        let relative = program.argv.first().is_some_and(|name| {
            let name = name.to_bytes();
            name.contains(&b'/') && !name.starts_with(b"/")
        });
        let here = || relative.then(|| std::env::current_dir().ok()).flatten();
        let looked_for_in = program.directory.clone().or_else(here);
        Planned { program, label, phase: "server".into(), looked_for_in }
    }
}

impl Plan {
    #[must_use]
    pub fn get(&self, child: ChildId) -> Option<&Planned> {
        self.programs.get(usize::from(child.0))
    }
}

/// What was found wrong or odd on the way.
#[derive(Debug)]
pub struct Findings<'a> {
    layers: &'a Layers,
    strict: bool,
    faults: Vec<Fault>,
    warnings: Vec<String>,
}

impl Findings<'_> {
    pub fn fault(&mut self, key: &str, what: impl Into<String>) {
        self.faults.push(self.layers.fault(key, what));
    }

    /// With `strict` a warning is a fault.
    pub fn warning(&mut self, what: String) {
        if self.strict {
            self.faults.push(Fault::new("strict", what));
        } else {
            self.warnings.push(what);
        }
    }
}

/// What a plan is made for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Purpose<'a> {
    Run,
    /// `run` below an app-init that is PID 1: an init in the application's environment, nothing more.
    Nested,
    /// One hook, with arguments for its files.
    Hook(&'a str, &'a [OsString]),
    /// `exec` and `shell`: the environment alone.
    Exec,
    Shell,
    /// As `run`, with programs looked up.
    Check,
}

/// Makes the plan.
///
/// # Errors
///
/// Every fault at once, with exit code 78; or a usage error, when there is nothing to run.
pub fn make(purpose: Purpose<'_>, options: &Options, arguments: Vec<OsString>) -> Result<Plan, Answer> {
    let given = Environment::new(exec::inherited_environment());
    let variables = Variables(&given);
    let mut faults = Vec::new();
    let layers = read_layers(options, &variables, &mut faults);
    let mut config = config::interpret(&layers, &mut faults);
    let faulty_config = !faults.is_empty();
    let strict = config.top.strict.unwrap_or(false);
    let mut findings = Findings { layers: &layers, strict, faults, warnings: Vec::new() };
    let mut environment = given.clone();
    let mut env_faults = Vec::new();
    environment.apply(&config, &layers, &mut env_faults);
    findings.faults.append(&mut env_faults);
    let nothing = Environment::default();
    let resident = matches!(purpose, Purpose::Run | Purpose::Hook(..) | Purpose::Check);
    if !resident {
        // What is said of the server and its stop is not said of a shell, or of a command beside it.
        config.server = config::keys::Server::default();
        config.stop = config::keys::Stop::default();
    }
    let said = if resident { &variables } else { &Variables(&nothing) };
    let settings = Settings::decide(options, &config, said, &mut findings);
    let workdir = workdir(options, &config, &variables, &mut findings);
    if purpose == Purpose::Shell {
        environment.set_default("TERM", b"xterm");
        environment.set_default("PS1", format!("[{}] $PWD $ ", host_name()).as_bytes());
    }
    let builder = Builder {
        environment: &environment,
        strings: environment.clone().into_strings().into(),
        settings: &settings,
        workdir: workdir.as_deref(),
    };
    let mut programs = Vec::new();
    let server = builder.server(purpose, &mut config, arguments, &mut programs, &mut findings);
    let server = match server {
        Ok(server) => server,
        Err(answer) if findings.faults.is_empty() => return Err(answer),
        Err(_) => None,
    };
    let (rules, keeper) = builder.rules(purpose, server, &config, options, &mut programs, &mut findings);
    if purpose == Purpose::Check {
        show::look_up_programs(&programs, &mut findings);
    }
    let default = match purpose {
        Purpose::Run | Purpose::Hook(..) | Purpose::Check => LevelFilter::Info,
        Purpose::Nested | Purpose::Exec | Purpose::Shell => LevelFilter::Warn,
    };
    let configured = config.log.level.map(|level| level.0);
    let level = settings::level(options, configured, &variables, default, &mut findings);
    let Findings { mut faults, mut warnings, .. } = findings;
    if !faults.is_empty() {
        if purpose != Purpose::Shell {
            let answer = list(faults);
            return Err(if purpose == Purpose::Check { answer } else { answer.left_in(settings.termination_file) });
        }
        // A shell is needed most when something is wrong.
        faults.sort();
        warnings.extend(faults.iter().map(ToString::to_string));
        if faulty_config {
            warnings.push("the configuration is wrong; this shell has what could be made of it".into());
        }
    }
    Ok(Plan {
        rules,
        keeper,
        programs,
        success_codes: settings.success_codes,
        log: logging::Settings { level, format: settings.format },
        hook_output: settings.hook_output,
        termination_file: resident.then_some(settings.termination_file),
        parent_death_signal: options.parent_death_signal,
        nested: purpose == Purpose::Nested,
        warnings,
        origins: layers.origins().map(|(key, (file, line))| (key.to_owned(), format!("{file}:{line}"))).collect(),
    })
}

/// Whether this start is plain use (§0): then nothing of the above is needed.
#[must_use]
pub fn is_plain(options: &Options) -> bool {
    let for_app_init =
        |string: &[u8]| string.starts_with(settings::PREFIX.as_bytes()) && !string.starts_with(b"APP_INIT_LOG=");
    let docker = Path::new(".docker");
    let files = || {
        config::is_there(Path::new("."))
            || hooks::any_in(Path::new(hooks::DEFAULT_DIRECTORY))
            || docker.join("user_vars").exists()
    };
    !options.ask_for_more_than_signals()
        && !exec::any_inherited(for_app_init)
        && !Path::new(config::BASE_FILE).exists()
        && (!docker.exists() || !files())
}

fn list(mut faults: Vec<Fault>) -> Answer {
    faults.sort();
    faults.dedup();
    let mut text = String::new();
    for fault in &faults {
        text.push_str(&logging::escape(&fault.to_string()));
        text.push('\n');
    }
    let (count, things) = (faults.len(), if faults.len() == 1 { "fault" } else { "faults" });
    text.push_str(&format!("app-init: {count} {things}, nothing was started\n"));
    Answer::new(text, exit::CONFIG)
}

fn read_layers(options: &Options, variables: &Variables<'_>, faults: &mut Vec<Fault>) -> Layers {
    let mut layers = Layers::default();
    if let Some(path) = options.config.clone().or_else(|| variables.path("CONFIG")) {
        layers.read(&path, true, faults);
        return layers;
    }
    layers.read(Path::new(config::BASE_FILE), false, faults);
    let configured = || layers.table.get("workdir").and_then(|value| value.as_str()).map(PathBuf::from);
    let below = options.workdir.clone().or_else(|| variables.path("WORKDIR")).or_else(configured);
    let path = below.unwrap_or_default().join(config::APPLICATION_FILE);
    layers.read(&path, false, faults);
    layers
}

/// The directory that was asked for, absolute; `None`: the current one.
fn workdir(
    options: &Options,
    config: &Config,
    variables: &Variables<'_>,
    findings: &mut Findings<'_>,
) -> Option<PathBuf> {
    let wanted =
        options.workdir.clone().or_else(|| variables.path("WORKDIR")).or_else(|| config.top.workdir.clone())?;
    match std::fs::metadata(&wanted) {
        Ok(metadata) if metadata.is_dir() => {}
        Ok(_) => {
            findings.fault("workdir", format!("{} is not a directory; name one", wanted.display()));
            return None;
        }
        Err(error) => {
            findings.fault("workdir", format!("cannot enter {}: {error}; make it, or name another", wanted.display()));
            return None;
        }
    }
    Some(std::env::current_dir().map_or_else(|_| wanted.clone(), |current| current.join(&wanted)))
}

fn host_name() -> String {
    nix::unistd::gethostname().map_or_else(|_| "container".into(), |name| name.to_string_lossy().into_owned())
}

/// The first bytes of a file, as far as they say how it is executed.
#[must_use]
pub fn head(path: &Path) -> Option<Vec<u8>> {
    let mut start = Vec::new();
    // Opening a pipe would wait for its writer.
    if !path.is_file() {
        return None;
    }
    std::fs::File::open(path).ok()?.take(256).read_to_end(&mut start).ok()?;
    Some(start)
}

/// Whether `run` finds itself below another app-init.
#[must_use]
pub fn is_nested(options: &Options) -> bool {
    !options.hooks && processes::is_nested()
}

/// The log of what needs no plan.
#[must_use]
pub fn quiet_log(options: &Options) -> logging::Settings {
    let variables = Environment::new(exec::inherited_environment());
    let mut findings = Findings { layers: &Layers::default(), strict: false, faults: Vec::new(), warnings: Vec::new() };
    let level = settings::level(options, None, &Variables(&variables), LevelFilter::Warn, &mut findings);
    logging::Settings { level, format: LogFormat::Text }
}
