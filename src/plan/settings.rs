//! Each setting's value: the option's, else the `APP_INIT_*` variable's, else the file's, else the default.

use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use log::LevelFilter;

use super::Findings;
use crate::cli::Options;
use crate::config::expand::Lookup;
use crate::config::values::{self, Choice, HookOutput, Named, ServerMode, SignalName, Span};
use crate::config::{Config, keys};
use crate::logging::LogFormat;
use crate::machine::{Rewrite, Signal, SignalTarget};
use crate::sys::{exec, regular};
use crate::text::{cut, duration};

/// The prefix of every variable that is meant for app-init.
pub const PREFIX: &str = "APP_INIT_";

/// The variables by which a container is set up without changing its image, and what they mean.
pub const VARIABLES: [(&str, &str); 12] = [
    ("APP_INIT_CONFIG", "read this file alone, as --config"),
    ("APP_INIT_LOG", "off, error, warn, info, debug or trace; the one variable that does not end plain use"),
    ("APP_INIT_SKIP", "what the boot leaves out, separated by commas: hooks by their names, prepare, wait or all"),
    ("APP_INIT_HOOKS_DIR", "as --hooks-dir"),
    ("APP_INIT_WORKDIR", "as --workdir"),
    ("APP_INIT_USER", "as --user"),
    ("APP_INIT_ROLE", "the role, where the first argument names none"),
    ("APP_INIT_STOP_SIGNAL", "as --stop-signal"),
    ("APP_INIT_STOP_TIMEOUT", "as --stop-timeout"),
    ("APP_INIT_STOP_BUDGET", "what the platform gives from its stop request to its KILL, as stop.budget"),
    ("APP_INIT_DRAIN", "as --drain"),
    ("APP_INIT_RUN_TIMEOUT, APP_INIT_RUN_TIMEOUT_SIGNAL", "as --run-timeout and --run-timeout-signal"),
];

fn known() -> impl Iterator<Item = &'static str> {
    VARIABLES.iter().flat_map(|(names, _)| names.split(',')).map(str::trim)
}

/// Whether this variable sets something.
#[must_use]
pub fn is_known(name: &str) -> bool {
    known().any(|known| known == name)
}

/// Warns of variables that are meant for app-init and that it does not know. What hooks are given they hand on.
pub fn warn_of_unknown_variables(findings: &mut Findings<'_>) {
    const OF_HOOKS: [&str; 4] = ["APP_INIT_PHASE", "APP_INIT_HOOK", "APP_INIT_FAILED_HOOK", "APP_INIT_FAILED_CODE"];
    let known: Vec<&str> = known().collect();
    for string in exec::inherited_environment() {
        let (name, Some(_)) = cut(string.to_bytes(), b'=') else { continue };
        let name = String::from_utf8_lossy(name);
        if name.starts_with(PREFIX) && !known.contains(&&*name) && !OF_HOOKS.contains(&&*name) {
            findings.warning(&format!("{name} means nothing; unset it, or set one of {}", known.join(", ")));
        }
    }
}

/// Of less nothing would be left for the parts of a stop (§9.2).
const SHORTEST_BUDGET: Duration = Duration::from_secs(3);

/// What was decided, with every default filled in. `None` is a value here: no limit, no signal of one's own.
#[derive(Debug)]
pub struct Settings {
    pub hooks_dir: PathBuf,
    pub umask: Option<u32>,
    pub mode: ServerMode,
    pub stop_signal: Option<Signal>,
    pub stop_timeout: Option<Duration>,
    pub signal_target: SignalTarget,
    pub rewrite: Vec<Rewrite>,
    pub success_codes: Vec<u8>,
    pub run_timeout: Option<Duration>,
    pub run_timeout_signal: Signal,
    pub stop_signals: Vec<Signal>,
    pub hook_stop_timeout: Option<Duration>,
    pub drain: Duration,
    /// `None`: [`keys::Stop::LEFTOVERS`] as PID 1, none as subreaper.
    pub leftovers: Option<Duration>,
    pub budget: Option<Duration>,
    pub skip: Vec<String>,
    pub format: LogFormat,
    pub hook_output: HookOutput,
    pub termination_file: PathBuf,
}

impl Settings {
    /// Fills in each setting: an option counts before a variable, that before the file, and that before the default.
    pub fn decide(
        options: &Options,
        config: &Config,
        variables: &Variables<'_>,
        environment: &impl Lookup,
        skip: Vec<String>,
        findings: &mut Findings<'_>,
    ) -> Settings {
        let none_if_zero = |time: Option<Duration>| time.filter(|time| !time.is_zero());
        let span = |key: &str, span: &Option<Span>, findings: &mut Findings<'_>| {
            resolve(key, span.as_ref(), environment, findings)
        };
        let name = |name: Option<SignalName>| name.map(|SignalName(signal)| signal);
        let server = &config.server;
        let stop = &config.stop;
        let option_target = match (options.signal_group, options.signal_process) {
            (true, _) => Some(SignalTarget::Group),
            (_, true) => Some(SignalTarget::Process),
            (false, false) => None,
        };
        let option_mode = match (options.exec, options.supervise) {
            (true, _) => Some(ServerMode::Exec),
            (_, true) => Some(ServerMode::Supervise),
            (false, false) => None,
        };
        let file_rewrite: Vec<Rewrite> = server.rewrite.iter().flatten().map(|rule| rule.0).collect();
        for (place, rule) in file_rewrite.iter().enumerate() {
            if file_rewrite.iter().take(place).any(|earlier| earlier.from == rule.from) {
                findings.fault(
                    &format!("server.rewrite[{place}]"),
                    format!("{} is rewritten already; remove one of them", rule.from),
                );
            }
        }
        let stop_timeout = options.stop_timeout.or(variables.span("STOP_TIMEOUT", findings));
        let stop_timeout = stop_timeout.or(span("server.stop_timeout", &server.stop_timeout, findings));
        let run_timeout = options.run_timeout.or(variables.span("RUN_TIMEOUT", findings));
        let run_timeout = run_timeout.or(span("server.run_timeout", &server.run_timeout, findings));
        let run_signal = variables.signal("RUN_TIMEOUT_SIGNAL", findings).or(name(server.run_timeout_signal));
        warn_of_signal_without_time(options, variables, run_timeout, findings);
        let stop_signal =
            options.stop_signal.or(variables.signal("STOP_SIGNAL", findings)).or(name(server.stop_signal));
        if let Some(signal) = stop_signal.filter(|signal| [Signal::STOP, Signal::CHLD].contains(signal)) {
            findings.warning(&format!("stop_signal {signal} makes no server end; name another, like TERM or QUIT"));
        }
        let rewrite = if options.rewrite.is_empty() { &file_rewrite } else { &options.rewrite };
        for signal in [Signal::TERM, Signal::INT].into_iter().filter(|_| stop_signal.is_none()) {
            if rewrite.iter().any(|rule| rule.from == signal && rule.to.is_none()) {
                findings.warning(&format!(
                    "rewrite {signal}:0 drops what asks the server to stop, so that only KILL ends it; name stop_signal, \
                     or another signal for it"
                ));
            }
        }
        let drain = options.drain.or(variables.span("DRAIN", findings)).or(span("stop.drain", &stop.drain, findings));
        let of_platform = variables.span("STOP_BUDGET", findings);
        let budget = none_if_zero(of_platform.or(span("stop.budget", &stop.budget, findings)));
        refuse_short_budget(budget, of_platform.is_some(), findings);
        let hook_stop_timeout = span("stop.timeout", &stop.timeout, findings);
        let leftovers = span("stop.leftovers", &stop.leftovers, findings);
        Settings {
            hooks_dir: hooks_dir(options, config, variables),
            umask: config.top.umask.map(|values::Umask(mask)| mask),
            mode: option_mode.or(server.mode.map(|Named(mode)| mode)).unwrap_or(keys::Server::MODE),
            stop_signal,
            stop_timeout: none_if_zero(stop_timeout),
            signal_target: option_target
                .or(server.signal_target.map(|Named(target)| target))
                .unwrap_or(keys::Server::SIGNAL_TARGET),
            rewrite: if options.rewrite.is_empty() { file_rewrite } else { options.rewrite.clone() },
            success_codes: match options.success_code.as_slice() {
                [] => server.success_codes.clone().unwrap_or_default(),
                codes => codes.to_vec(),
            },
            run_timeout: none_if_zero(run_timeout),
            run_timeout_signal: options.run_timeout_signal.or(run_signal).unwrap_or(keys::Server::RUN_TIMEOUT_SIGNAL),
            stop_signals: stop_signals(stop, findings),
            hook_stop_timeout: none_if_zero(hook_stop_timeout),
            drain: drain.unwrap_or(keys::Stop::DRAIN),
            leftovers,
            budget,
            skip,
            format: config.log.format.map_or(keys::Log::FORMAT, |Named(format)| format),
            hook_output: config.log.hook_output.map_or(keys::Log::HOOK_OUTPUT, |Named(output)| output),
            termination_file: config.log.termination_file.clone().unwrap_or_else(|| keys::Log::TERMINATION_FILE.into()),
        }
    }
}

/// What asks to stop, as configured.
fn stop_signals(stop: &keys::Stop, findings: &mut Findings<'_>) -> Vec<Signal> {
    let fault = match &stop.signals {
        None => return keys::Stop::SIGNALS.to_vec(),
        Some(signals) if signals.is_empty() => {
            "is empty, so that nothing could stop the container; name a signal, or remove it"
        }
        Some(signals) if signals.iter().any(|SignalName(signal)| signal.cannot_arrive()) => {
            "KILL, STOP and CHLD never reach app-init as a request; remove them"
        }
        Some(signals) => return signals.iter().map(|SignalName(signal)| *signal).collect(),
    };
    findings.fault("stop.signals", fault);
    Vec::new()
}

/// A signal for the end of a time that nobody set.
fn warn_of_signal_without_time(
    options: &Options,
    variables: &Variables<'_>,
    run_timeout: Option<Duration>,
    findings: &mut Findings<'_>,
) {
    let is_unlimited = run_timeout.is_none_or(|time| time.is_zero());
    let said = [
        ("--run-timeout-signal", options.run_timeout_signal.is_some()),
        ("APP_INIT_RUN_TIMEOUT_SIGNAL", variables.text("RUN_TIMEOUT_SIGNAL").is_some()),
    ];
    if let Some((name, _)) = said.into_iter().find(|(_, is_said)| *is_said && is_unlimited) {
        findings.warning(&format!("{name} means nothing without a run time; set one, or remove this"));
    }
}

fn refuse_short_budget(budget: Option<Duration>, is_of_variable: bool, findings: &mut Findings<'_>) {
    if budget.is_some_and(|budget| budget < SHORTEST_BUDGET) {
        let key = if is_of_variable { "APP_INIT_STOP_BUDGET" } else { "stop.budget" };
        let shortest = duration::show(SHORTEST_BUDGET);
        let what = "in which nothing could stop in order; write what the platform gives, or remove it";
        findings.fault(key, format!("is under {shortest}, {what}"));
    }
}

/// The configuration file and the working directory that an option or a variable names. Whom root trusts depends on
/// everybody's asking here.
#[must_use]
pub fn named_places(options: &Options, variables: &Variables<'_>) -> (Option<PathBuf>, Option<PathBuf>) {
    let file = options.config.clone().or_else(|| variables.path("CONFIG"));
    let workdir = options.workdir.clone().or_else(|| variables.path("WORKDIR"));
    (file, workdir)
}

/// Where the hooks are.
#[must_use]
pub fn hooks_dir(options: &Options, config: &Config, variables: &Variables<'_>) -> PathBuf {
    said_hooks_dir(options, config, variables).map_or_else(|| keys::Top::HOOKS_DIR.into(), |(_, said)| said)
}

fn said_hooks_dir(options: &Options, config: &Config, variables: &Variables<'_>) -> Option<(&'static str, PathBuf)> {
    let option = options.hooks_dir.clone().map(|path| ("--hooks-dir", path));
    let variable = || variables.path("HOOKS_DIR").map(|path| ("APP_INIT_HOOKS_DIR", path));
    let configured = || config.top.hooks_dir.clone().map(|path| ("hooks_dir", path));
    option.or_else(variable).or_else(configured)
}

/// Who says where hooks are has some: a word that is misspelt or a volume that is not there would leave all of them out.
/// Naming the default says nothing.
pub fn insist_on_hooks_dir(
    options: &Options,
    config: &Config,
    variables: &Variables<'_>,
    base: &Path,
    findings: &mut Findings<'_>,
) {
    let usual = Path::new(keys::Top::HOOKS_DIR);
    let Some((key, said)) = said_hooks_dir(options, config, variables).filter(|(_, said)| said != usual) else {
        if let Some(why) = regular::in_place_of(&base.join(usual)) {
            findings.fault("hooks_dir", format!("no hook is found in {}: {why}", usual.display()));
        }
        return;
    };
    if said.as_os_str().is_empty() {
        return findings.fault(key, "is empty; name a path");
    }
    let is_missing = match std::fs::metadata(base.join(&said)) {
        Ok(metadata) => !metadata.is_dir(),
        Err(error) => regular::is_absence(&error),
    };
    if is_missing {
        findings.fault(key, format!("there is no directory {}; make it, or remove this", said.display()));
    }
}

/// What is left out: by the file, the role and `--no-hooks`, and of a boot by the variable.
pub fn skips(
    options: &Options,
    config: &Config,
    variables: &Variables<'_>,
    boots: bool,
    findings: &mut Findings<'_>,
) -> Vec<String> {
    let mut skips = config.top.skip.clone();
    for name in variables.list("SKIP").into_iter().filter(|_| boots) {
        if !super::SKIPPABLE.contains(&name.as_str()) {
            let what = format!("there is no {name} to leave out; write {}", super::SKIPPABLE.join(", "));
            findings.fault("APP_INIT_SKIP", what);
        }
        skips.push(name);
    }
    // The `start` hook is the server.
    let hooks = super::PHASES.into_iter().filter(|phase| *phase != super::START);
    if skips.iter().any(|name| name == super::ALL) {
        skips.extend(hooks.chain([super::PREPARE, super::WAIT]).map(str::to_owned));
    } else if options.no_hooks {
        skips.extend(hooks.map(str::to_owned));
    }
    skips
}

/// A duration of the configuration, with the variables in it.
pub fn resolve(
    key: &str,
    span: Option<&Span>,
    environment: &impl Lookup,
    findings: &mut Findings<'_>,
) -> Option<Duration> {
    match span?.resolve(environment) {
        Ok(duration) => Some(duration),
        Err(faults) => {
            findings.unexpanded(key, faults);
            None
        }
    }
}

/// How much app-init says: `-v` and `-q`, `APP_INIT_LOG`, `log.level`, or what fits the use.
pub fn level(
    options: &Options,
    configured: Option<LevelFilter>,
    variables: &Variables<'_>,
    default: LevelFilter,
    findings: &mut Findings<'_>,
) -> LevelFilter {
    if options.verbose {
        return LevelFilter::Debug;
    }
    if options.quiet {
        return LevelFilter::Error;
    }
    variables.choice("LOG", findings).or(configured).unwrap_or(default)
}

/// The `APP_INIT_*` variables that app-init was given.
pub struct Variables<'a>(pub &'a dyn Lookup);

impl Variables<'_> {
    /// The value of `APP_INIT_` and `name`, where it is set and not empty.
    fn get(&self, name: &str) -> Option<Vec<u8>> {
        self.0.get(&format!("{PREFIX}{name}")).filter(|value| !value.is_empty())
    }

    #[must_use]
    pub fn path(&self, name: &str) -> Option<PathBuf> {
        self.get(name).map(|value| std::ffi::OsString::from_vec(value).into())
    }

    /// The value as text; what is not UTF-8 in it names nothing.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<String> {
        self.get(name).map(|value| String::from_utf8_lossy(&value).into_owned())
    }

    fn read<T>(&self, name: &str, read: impl Fn(&str) -> Result<T, String>, findings: &mut Findings<'_>) -> Option<T> {
        let value = self.get(name)?;
        match read(&String::from_utf8_lossy(&value)) {
            Ok(value) => Some(value),
            Err(fault) => {
                findings.fault(&format!("{PREFIX}{name}"), fault);
                None
            }
        }
    }

    fn span(&self, name: &str, findings: &mut Findings<'_>) -> Option<Duration> {
        self.read(name, duration::parse, findings)
    }

    fn signal(&self, name: &str, findings: &mut Findings<'_>) -> Option<Signal> {
        self.read(name, values::signal, findings)
    }

    fn choice<T: Choice>(&self, name: &str, findings: &mut Findings<'_>) -> Option<T> {
        self.read(name, Named::parse, findings)
    }

    #[must_use]
    pub fn list(&self, name: &str) -> Vec<String> {
        let value = self.get(name).unwrap_or_default();
        let words = String::from_utf8_lossy(&value);
        words.split(',').map(|word| word.trim().to_owned()).filter(|word| !word.is_empty()).collect()
    }
}
