//! Puts programs and rules together from what was decided.

use std::ffi::{CString, OsString};
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use super::environment::Environment;
use super::hooks::{self, Surroundings};
use super::settings::Settings;
use super::{DEPLOY, Findings, ON_FAILURE, PHASES, POST_DEPLOY, POST_STOP, PRE_STOP, Planned, Purpose, START};
use crate::cli::{self, Answer, Options};
use crate::config::values::ServerMode;
use crate::config::{self, Config, expand};
use crate::machine::{
    ChildId, HookRule, Leftovers, Mode, OnFailure, OnStop, Rules, RunLimit, ServerRule, Signal, SignalTarget, StopRules,
};
use crate::sys::exec::{self, Program};

/// What every part of a plan is made from.
pub struct Builder<'a> {
    pub environment: &'a Environment,
    pub strings: Rc<[CString]>,
    pub settings: &'a Settings,
    pub workdir: Option<&'a Path>,
}

impl Builder<'_> {
    /// The server's program, `None` where there is none to be (`hook`).
    pub fn server(
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
            directory: self.workdir.map(Path::to_owned),
            umask: self.settings.umask,
            ..Program::new(exec::arguments(argv), exec::Environment::Computed(Rc::clone(&self.strings)))
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

    pub fn rules(
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
