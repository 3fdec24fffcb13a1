//! The plan: command line, files and environment, decided once. After it nothing reads configuration, and no `None` in it
//! means "default". Every fault that there is is listed at once (§2, §3).

mod environment;
mod hooks;
mod plain;
mod settings;
mod show;

use std::ffi::{CString, OsString};
use std::io::Read;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use log::LevelFilter;

use crate::cli::{self, Answer, Options};
use crate::config::keys::{HookOutput, LogFormat, ServerMode};
use crate::config::{self, Config, Fault, Layers, expand};
use crate::exit;
use crate::logging;
use crate::machine::{
    ChildId, HookRule, Leftovers, Mode, OnFailure, OnStop, Rules, RunLimit, ServerRule, Signal, SignalTarget, StopRules,
};
use crate::sys::exec::{self, Environment as ProgramEnvironment, Program, Stdin, Stdout};
use crate::sys::processes;

use environment::Environment;
use hooks::Surroundings;
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

/// Puts programs and rules together from what was decided.
struct Builder<'a> {
    environment: &'a Environment,
    strings: Rc<[CString]>,
    settings: &'a Settings,
    workdir: Option<&'a Path>,
}

impl Builder<'_> {
    /// The server's program, `None` where there is none to be (`hook`).
    fn server(
        &self,
        purpose: Purpose<'_>,
        config: &mut Config,
        arguments: Vec<OsString>,
        programs: &mut Vec<Planned>,
        findings: &mut Findings<'_>,
    ) -> Result<Option<ChildId>, Answer> {
        let argv = match purpose {
            Purpose::Hook(..) => return Ok(None),
            Purpose::Exec | Purpose::Nested => arguments,
            Purpose::Shell => self.shell(arguments),
            Purpose::Run | Purpose::Check => self.command(config, arguments, findings),
        };
        if argv.is_empty() && purpose == Purpose::Check {
            return Ok(None);
        }
        if argv.is_empty() {
            return Err(cli::usage("nothing to run: no command was given and no server.command is configured"));
        }
        let id = ChildId(u16::try_from(programs.len()).unwrap_or(u16::MAX));
        let label = argv.first().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let program = Program {
            argv: exec::arguments(argv),
            environment: ProgramEnvironment::Computed(Rc::clone(&self.strings)),
            extra: Vec::new(),
            directory: self.workdir.map(Path::to_owned),
            umask: self.settings.umask,
            stdin: Stdin::Inherited,
            stdout: Stdout::Inherited,
            keeps_descriptors: true,
            retries_busy: false,
        };
        programs.push(Planned::server(program, label));
        Ok(Some(id))
    }

    /// `server.command` and `server.args` with the arguments appended, or the `start` hook with them, or they alone.
    fn command(&self, config: &mut Config, arguments: Vec<OsString>, findings: &mut Findings<'_>) -> Vec<OsString> {
        let skipped = self.settings.skip.iter().any(|name| name == START);
        let start = if skipped { None } else { hooks::file(START, &self.hooks(OnFailure::Abort), findings) };
        let mut argv: Vec<OsString> = match (start, config.server.command.take()) {
            (Some(start), _) => vec![start.into()],
            (None, Some(command)) => {
                if command.is_empty() {
                    findings.fault("server.command", "is empty; name a program, or remove it");
                }
                let mut words = Vec::new();
                for (key, list) in [("server.command", &command), ("server.args", &config.server.args)] {
                    match expand::expand_words(list, self.environment) {
                        Ok(list) => words.extend(list.into_iter().map(OsString::from_vec)),
                        Err(faults) => faults.into_iter().for_each(|fault| findings.fault(key, fault)),
                    }
                }
                words
            }
            (None, None) => {
                if !config.server.args.is_empty() {
                    findings.fault("server.args", "extends server.command, which is not set; set it, or remove this");
                }
                Vec::new()
            }
        };
        argv.extend(arguments);
        argv
    }

    /// `$SHELL`, else bash, else sh. Of the arguments only a leading `-c COMMAND` counts: others are the image's CMD.
    fn shell(&self, arguments: Vec<OsString>) -> Vec<OsString> {
        use expand::Lookup;
        let own = self
            .environment
            .get("SHELL")
            .filter(|shell| !shell.is_empty())
            .map(|path| PathBuf::from(OsString::from_vec(path)));
        let candidates = own.into_iter().chain(["/bin/bash", "/usr/bin/bash"].map(PathBuf::from));
        let shell = candidates.into_iter().find(|path| path.is_file()).unwrap_or_else(|| "/bin/sh".into());
        let mut argv = vec![shell.into_os_string()];
        if arguments.first().is_some_and(|first| first == "-c") {
            argv.extend(arguments);
        }
        argv
    }

    fn hooks(&self, on_failure: OnFailure) -> Surroundings<'_, Environment> {
        Surroundings {
            workdir: self.workdir.unwrap_or_else(|| Path::new("")),
            directory: &self.settings.hooks_dir,
            environment: self.environment,
            strings: &self.strings,
            arguments: &[],
            umask: self.settings.umask,
            output: self.settings.hook_output,
            on_failure,
        }
    }

    fn rules(
        &self,
        purpose: Purpose<'_>,
        server: Option<ChildId>,
        config: &Config,
        options: &Options,
        programs: &mut Vec<Planned>,
        findings: &mut Findings<'_>,
    ) -> (Rules, Option<Rules>) {
        let settings = self.settings;
        // Hooks run when app-init has left for the root directory, so their directory is a full path.
        let current = std::env::current_dir().ok();
        let base = self.workdir.or(current.as_deref()).unwrap_or_else(|| Path::new("/"));
        let mut hook = |name: &str, default: OnFailure, arguments: &[OsString]| {
            let asked_for = matches!(purpose, Purpose::Hook(asked, _) if asked == name);
            if !asked_for && (options.no_hooks || settings.skip.iter().any(|skipped| skipped == name)) {
                return Vec::new();
            }
            let around = Surroundings { workdir: base, arguments, ..self.hooks(default) };
            hooks::plan(name, config.hooks.get(name), &around, programs, findings)
        };
        let whole = matches!(purpose, Purpose::Run | Purpose::Check);
        let mut list = |name: &str, default| if whole { hook(name, default, &[]) } else { Vec::new() };
        let post_deploy = list(POST_DEPLOY, OnFailure::Continue);
        let pre_stop = list(PRE_STOP, OnFailure::Continue);
        let post_stop = list(POST_STOP, OnFailure::Continue);
        let deploy = match purpose {
            Purpose::Hook(name, arguments) => hook(name, OnFailure::Abort, arguments),
            Purpose::Run | Purpose::Check => hook(DEPLOY, OnFailure::Abort, &[]),
            Purpose::Nested | Purpose::Exec | Purpose::Shell => Vec::new(),
        };
        let on_failure = if deploy.is_empty() { Vec::new() } else { hook(ON_FAILURE, OnFailure::Continue, &[]) };
        if let Purpose::Hook(name, _) = purpose
            && name.contains('/')
        {
            findings.fault("hook", format!("`{name}` is a path; write the name of a hook, like deploy"));
        }
        if let Purpose::Hook(name, _) = purpose
            && deploy.is_empty()
            && findings.faults.is_empty()
        {
            let place = settings.hooks_dir.join(name);
            findings.fault(
                &format!("hooks.{name}"),
                format!(
                    "there is no such hook; make {} executable, or configure [[hooks.{name}.run]]",
                    place.display()
                ),
            );
        }
        for name in settings.skip.iter().filter(|name| !PHASES.contains(&name.as_str())) {
            findings.warning(format!(
                "APP_INIT_SKIP names {name}, which is no hook of run; write one of {}",
                PHASES.join(", ")
            ));
        }
        let exec_mode = settings.mode == ServerMode::Exec && whole;
        let mode = match purpose {
            Purpose::Hook(..) => Mode::HookOnly,
            _ if exec_mode => Mode::Exec,
            _ => Mode::Supervise,
        };
        if exec_mode {
            self.refuse_what_needs_a_resident(config, options, &pre_stop, &post_stop, findings);
        }
        self.check_budget(&pre_stop, findings);
        let is_pid_1 = nix::unistd::getpid().as_raw() == 1;
        let leftovers = match settings.leftovers {
            Some(limit) if is_pid_1 || !limit.is_zero() => Leftovers::Drain(limit),
            None if is_pid_1 => Leftovers::Drain(DEFAULT_LEFTOVERS),
            Some(_) | None => Leftovers::Ignore,
        };
        let rules = Rules {
            mode,
            deploy,
            post_deploy,
            pre_stop,
            post_stop,
            on_failure,
            server: server.map(|child| self.server_rule(child, purpose)),
            stop: StopRules {
                signals: settings.stop_signals.clone(),
                timeout: settings.hook_stop_timeout,
                drain: settings.drain,
                budget: settings.budget,
                leftovers,
            },
            plain: purpose == Purpose::Nested,
            // Known once the terminal is looked at, which is the supervisor's business.
            terminal: false,
            foreground: false,
            top_of_session: false,
        };
        let needs_keeper = mode == Mode::Exec && !(rules.deploy.is_empty() && rules.post_deploy.is_empty());
        if needs_keeper { with_keeper(rules, programs.len()) } else { (rules, None) }
    }

    fn server_rule(&self, child: ChildId, purpose: Purpose<'_>) -> ServerRule {
        let settings = self.settings;
        let limit = |timeout| RunLimit { timeout, signal: settings.run_timeout_signal };
        let is_shell = purpose == Purpose::Shell;
        ServerRule {
            child,
            // An interactive shell ignores TERM; HUP is what it gets from a terminal that goes away.
            stop_signal: if is_shell { Some(Signal::HUP) } else { settings.stop_signal },
            // One that is only just starting may miss the HUP, and what was typed into a shell is lost in any case.
            stop_timeout: if is_shell { Some(SHELL_STOP_TIMEOUT) } else { settings.stop_timeout },
            target: if is_shell { SignalTarget::Process } else { settings.signal_target },
            rewrite: settings.rewrite.clone(),
            run_limit: settings.run_timeout.map(limit),
        }
    }

    /// In exec mode nobody stays to do these (§7.2).
    fn refuse_what_needs_a_resident(
        &self,
        config: &Config,
        options: &Options,
        pre_stop: &[HookRule],
        post_stop: &[HookRule],
        findings: &mut Findings<'_>,
    ) {
        let (server, stop, settings) = (&config.server, &config.stop, self.settings);
        let grouped = options.signal_group || options.signal_process;
        let used = [
            ("stop.signals", stop.signals.is_some()),
            ("stop.timeout", stop.timeout.is_some()),
            ("stop.drain", stop.drain.is_some() || !settings.drain.is_zero()),
            ("stop.leftovers", stop.leftovers.is_some()),
            ("stop.budget", stop.budget.is_some() || settings.budget.is_some()),
            ("server.stop_signal", settings.stop_signal.is_some()),
            ("server.stop_timeout", server.stop_timeout.is_some() || settings.stop_timeout.is_some()),
            ("server.signal_target", server.signal_target.is_some() || grouped),
            ("server.rewrite", server.rewrite.is_some() || !options.rewrite.is_empty()),
            ("server.success_codes", server.success_codes.is_some() || !options.success_code.is_empty()),
            ("server.run_timeout", server.run_timeout.is_some() || settings.run_timeout.is_some()),
            ("hooks.pre-stop", !pre_stop.is_empty()),
            ("hooks.post-stop", !post_stop.is_empty()),
        ];
        for (key, _) in used.into_iter().filter(|(_, used)| *used) {
            findings.fault(
                key,
                "needs app-init to stay, and mode = \"exec\" does not; remove it, or use mode = \"supervise\"",
            );
        }
    }

    /// Parts that cannot fit into the budget together (§9.2).
    fn check_budget(&self, pre_stop: &[HookRule], findings: &mut Findings<'_>) {
        let settings = self.settings;
        let Some(budget) = settings.budget else { return };
        let leftovers = settings.leftovers.unwrap_or(DEFAULT_LEFTOVERS);
        let parts = [settings.drain, settings.stop_timeout.unwrap_or_default(), leftovers, Duration::from_secs(1)];
        let needed = parts.iter().fold(Duration::ZERO, |sum, part| sum.saturating_add(*part));
        if needed > budget {
            let show = config::duration::show;
            let also = if pre_stop.is_empty() { "" } else { ", and pre-stop takes its time too" };
            findings.warning(format!(
                "stop.budget {} is less than the {} that drain, stop_timeout, leftovers and a second for the end add up to{also}; the later parts are cut short",
                show(budget), show(needed),
            ));
        }
    }
}

/// In exec mode the hooks are the keeper's, which is the child after the last program: the rules of the process that will
/// be the server, and the keeper's.
fn with_keeper(rules: Rules, programs: usize) -> (Rules, Option<Rules>) {
    let keeper = Rules {
        mode: Mode::Keeper,
        server: None,
        stop: StopRules { leftovers: Leftovers::Drain(DEFAULT_LEFTOVERS), ..rules.stop.clone() },
        ..rules.clone()
    };
    let whole_keeper = HookRule {
        child: ChildId(u16::try_from(programs).unwrap_or(u16::MAX)),
        timeout: None,
        stop_timeout: Duration::ZERO,
        on_failure: OnFailure::Abort,
        on_stop: OnStop::Stop,
    };
    let rules = Rules { deploy: vec![whole_keeper], post_deploy: Vec::new(), on_failure: Vec::new(), ..rules };
    (rules, Some(keeper))
}

/// How long a shell has after HUP.
const SHELL_STOP_TIMEOUT: Duration = Duration::from_secs(1);

/// How long leftovers may take where PID 1 asks them to end.
const DEFAULT_LEFTOVERS: Duration = Duration::from_secs(3);

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
