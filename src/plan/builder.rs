//! Puts programs and rules together from what was decided.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use super::environment::{Environment, Strings};
use super::helper::helper;
use super::settings::{self, Settings};
use super::surroundings::Surroundings;
use super::users::Users;
use super::{
    DEPLOY, DEPLOY_ENV, Findings, Job, ON_FAILURE, POST_DEPLOY, POST_STOP, PRE_STOP, PREPARE, Planned, Purpose, START,
    Stage, WAIT, exec_mode, hooks, lookup, steps,
};
use crate::cli::Options;
use crate::config::values::ServerMode;
use crate::config::{Config, Layers, keys};
use crate::machine::{
    self, ChildId, HookRule, Leftovers, Mode, OnFailure, Rules, RunLimit, ServerRule, Signal, SignalTarget, StopRules,
};
use crate::sys::bounds::Bounds;
use crate::sys::signals;
use crate::text::duration;

/// What every part of a plan is made from.
pub struct Builder<'a> {
    pub environment: &'a Environment,
    pub strings: &'a Strings,
    pub settings: &'a Settings,
    pub users: &'a Users,
    /// The role that was chosen.
    pub role: Option<&'a str>,
    pub bounds: Option<Rc<Bounds>>,
    pub workdir: Option<&'a Path>,
    /// The working directory in full: hooks run when app-init has left for the root directory.
    pub base: &'a Path,
}

impl Builder<'_> {
    /// What the hooks are made from; `server` is the server's command line.
    pub fn hooks<'s>(&'s self, on_failure: OnFailure, server: &'s [Vec<u8>]) -> Surroundings<'s> {
        Surroundings {
            workdir: self.base,
            directory: &self.settings.hooks_dir,
            environment: self.environment,
            strings: self.strings,
            server,
            role: self.role,
            is_above: false,
            users: self.users,
            bounds: &self.bounds,
            arguments: &[],
            umask: self.settings.umask,
            output: self.settings.hook_output,
            on_failure,
        }
    }

    /// The rules, with the programs of everything but the server, which is there already.
    pub fn rules(
        &self,
        stage: Stage<'_>,
        server: Option<ChildId>,
        config: &Config,
        options: &Options,
        programs: &mut Vec<Planned>,
        findings: &mut Findings<'_>,
    ) -> (Rules, Option<Rules>) {
        let Stage { purpose, argv, .. } = stage;
        let settings = self.settings;
        let hook = |name: &str,
                    default: OnFailure,
                    arguments: &[OsString],
                    programs: &mut Vec<Planned>,
                    findings: &mut Findings<'_>| {
            let asked_for = matches!(purpose, Purpose::Hook(asked, _) if asked == name);
            if !asked_for && self.skips(name) {
                return Vec::new();
            }
            let around = Surroundings { arguments, ..self.hooks(default, argv) };
            hooks::plan(name, &config.hooks, &around, programs, findings)
        };
        let boots = matches!(purpose, Purpose::Run | Purpose::Check) || matches!(purpose, Purpose::Hook(DEPLOY, _));
        let mut deploy = Vec::new();
        if boots && stage.prepares && !self.skips(PREPARE) {
            let prepared = findings.of_what_runs_before(|findings| self.preparation(config, argv, programs, findings));
            deploy.extend(prepared);
        }
        let asks_for_environment = matches!(purpose, Purpose::Hook(DEPLOY_ENV, _));
        let mut alerts_early = false;
        if stage.is_prelude || purpose == Purpose::Check && !asks_for_environment {
            let by_default = keys::Hook::ON_FAILURE.rule();
            let rules = findings.of_what_runs_before(|findings| hook(DEPLOY_ENV, by_default, &[], programs, findings));
            alerts_early = !rules.is_empty();
            deploy.extend(rules);
        }
        if boots && !stage.is_prelude {
            hooks::strays::tell_of_others(&config.hooks, &self.hooks(OnFailure::Abort, argv), findings);
            settings::warn_of_unknown_variables(findings);
        }
        let whole = matches!(purpose, Purpose::Run | Purpose::Check) && !stage.is_prelude;
        if boots && !stage.is_prelude && !self.skips(WAIT) {
            deploy.extend(self.waiting(config, argv, programs, findings));
        }
        let list = |name: &str, default, programs: &mut Vec<Planned>, findings: &mut Findings<'_>| {
            if whole { hook(name, default, &[], programs, findings) } else { Vec::new() }
        };
        let post_deploy = list(POST_DEPLOY, OnFailure::Continue, programs, findings);
        let pre_stop = list(PRE_STOP, OnFailure::Continue, programs, findings);
        let post_stop = list(POST_STOP, OnFailure::Continue, programs, findings);
        let own = match purpose {
            _ if stage.is_prelude => Vec::new(),
            Purpose::Hook(name, arguments) => hook(name, keys::Hook::ON_FAILURE.rule(), arguments, programs, findings),
            Purpose::Run | Purpose::Check => hook(DEPLOY, keys::Hook::ON_FAILURE.rule(), &[], programs, findings),
            Purpose::Nested | Purpose::Exec | Purpose::Shell | Purpose::Env => Vec::new(),
        };
        if let Purpose::Hook(name, _) = purpose
            && !stage.is_prelude
        {
            self.check_asked_for(name, config, own.is_empty(), findings);
        }
        deploy.extend(own);
        let alerts = deploy.iter().any(|hook| !hook.helper);
        let mut alert = |findings: &mut Findings<'_>| hook(ON_FAILURE, OnFailure::Continue, &[], programs, findings);
        let on_failure = match (alerts, alerts_early) {
            (false, _) => Vec::new(),
            (true, false) => alert(findings),
            // It may be deploy-env that fails.
            (true, true) => findings.of_what_runs_before(alert),
        };
        self.tell_of_skips(findings);
        let exec_mode = settings.mode == ServerMode::Exec && matches!(purpose, Purpose::Run | Purpose::Check);
        let mode = mode(stage, exec_mode);
        if exec_mode {
            let stops = post_deploy.iter().any(|hook| hook.on_failure == OnFailure::Abort);
            exec_mode::refuse_what_needs_a_resident(
                settings,
                config,
                options,
                [stops, !pre_stop.is_empty(), !post_stop.is_empty()],
                findings,
            );
        }
        self.check_budget(&pre_stop, findings);
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
                leftovers: self.leftovers(mode),
            },
            plain: purpose == Purpose::Nested,
            // Known once the terminal is looked at, which is the supervisor's business.
            terminal: false,
            foreground: false,
            top_of_session: false,
        };
        let needs_keeper = mode == Mode::Exec && !(rules.deploy.is_empty() && rules.post_deploy.is_empty());
        if needs_keeper { exec_mode::with_keeper(rules, programs.len()) } else { (rules, None) }
    }

    /// What comes of processes that are left when everything else has ended.
    fn leftovers(&self, mode: Mode) -> Leftovers {
        let is_pid_1 = signals::own_pid() == 1;
        match self.settings.leftovers {
            _ if mode == (Mode::Prelude { keeps_leftovers: false }) => Leftovers::Drain(keys::Stop::LEFTOVERS),
            Some(limit) if is_pid_1 || !limit.is_zero() => Leftovers::Drain(limit),
            None if is_pid_1 => Leftovers::Drain(keys::Stop::LEFTOVERS),
            Some(_) | None => Leftovers::Ignore,
        }
    }

    /// Whether this is left out of the boot.
    pub fn skips(&self, name: &str) -> bool {
        self.settings.skip.iter().any(|skipped| skipped == name)
    }

    fn tell_of_skips(&self, findings: &mut Findings<'_>) {
        let names: BTreeSet<&str> = self.settings.skip.iter().map(String::as_str).collect();
        if !names.is_empty() {
            findings.note(&format!("left out: {}", Vec::from_iter(names).join(", ")));
        }
    }

    /// Refuses what would let a user steer what has more rights; the files of the configuration that are refused.
    pub fn check_trust(
        &self,
        stage: Stage<'_>,
        layers: &Layers,
        config: &Config,
        programs: Vec<&Planned>,
        findings: &mut Findings<'_>,
    ) -> Vec<PathBuf> {
        let around = self.hooks(OnFailure::Abort, stage.argv);
        let users = self.users;
        let trusted = lookup::Trusted {
            layers,
            programs,
            environment: Some(self.environment).filter(|_| !stage.is_prelude),
            hands_on: match stage.purpose {
                Purpose::Env => users.is_above(users.main().as_deref()),
                _ => !stage.prepares && hooks::runs_as_other_than_root(DEPLOY_ENV, &config.hooks, users).is_none(),
            },
            given_to: &|user| steps::given_to(user, config, &around),
            termination_file: config.log.termination_file.as_deref(),
        };
        lookup::check_trust(&trusted, users, findings)
    }

    /// `app-init hook NAME` wants a hook that is there, unless its condition does not hold now.
    fn check_asked_for(&self, name: &str, config: &Config, nothing: bool, findings: &mut Findings<'_>) {
        if name.contains('/') {
            findings.fault("hook", format!("`{name}` is a path; write the name of a hook, like deploy"));
        }
        let has_condition = config
            .hooks
            .get(name)
            .is_some_and(|(hook, runs)| hook.when.is_some() || runs.iter().any(|run| run.when.is_some()));
        if nothing && !has_condition && findings.is_sound() {
            let place = self.settings.hooks_dir.join(name);
            // That one is the server, and is a file.
            let or = if name == START { String::new() } else { format!(", or configure [[hooks.{name}.run]]") };
            let what = format!("there is no such hook; make {} executable{or}", place.display());
            findings.fault(&format!("hooks.{name}"), what);
        }
    }

    /// The process that prepares files, if there is anything to prepare.
    fn preparation(
        &self,
        config: &Config,
        argv: &[Vec<u8>],
        programs: &mut Vec<Planned>,
        findings: &mut Findings<'_>,
    ) -> Option<HookRule> {
        let around = self.hooks(OnFailure::Abort, argv);
        let passwd_entry = config.top.passwd_entry;
        let all = steps::preparations(&config.preparations, passwd_entry, &around, findings);
        (!all.is_empty()).then(|| helper(Job::Prepare(all), PREPARE, programs))
    }

    /// The process that waits for everything at once, if there is anything to wait for.
    fn waiting(
        &self,
        config: &Config,
        argv: &[Vec<u8>],
        programs: &mut Vec<Planned>,
        findings: &mut Findings<'_>,
    ) -> Option<HookRule> {
        let around = self.hooks(OnFailure::Abort, argv);
        let all = steps::waits(&config.waits, &around, findings);
        let (keys, waits): (Vec<_>, Vec<_>) = all.into_iter().unzip();
        (!waits.is_empty()).then(|| helper(Job::Wait { waits, keys }, WAIT, programs))
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

    /// Parts that cannot fit into the budget together (§9.2).
    fn check_budget(&self, pre_stop: &[HookRule], findings: &mut Findings<'_>) {
        let settings = self.settings;
        let Some(budget) = settings.budget else { return };
        let leftovers = settings.leftovers.unwrap_or(keys::Stop::LEFTOVERS);
        let parts = [settings.drain, settings.stop_timeout.unwrap_or_default(), leftovers, machine::RESERVE];
        let needed = parts.iter().fold(Duration::ZERO, |sum, part| sum.saturating_add(*part));
        if needed > budget {
            let show = duration::show;
            let also = if pre_stop.is_empty() { "" } else { ", and pre-stop takes its time too" };
            findings.warning(&format!(
                "stop.budget {} is less than the {} that drain, stop_timeout, leftovers and a second for the end add up to{also}; the later parts are cut short",
                show(budget), show(needed),
            ));
        }
    }
}

/// How long a shell has after HUP.
const SHELL_STOP_TIMEOUT: Duration = Duration::from_secs(5);

/// What the machine is for.
fn mode(stage: Stage<'_>, exec_mode: bool) -> Mode {
    match stage.purpose {
        // What the hook left behind would be the children of whatever takes this process's place.
        Purpose::Run | Purpose::Hook(..) if stage.is_prelude => Mode::Prelude { keeps_leftovers: !exec_mode },
        _ if stage.is_prelude => Mode::Prelude { keeps_leftovers: false },
        Purpose::Hook(..) => Mode::HookOnly,
        _ if exec_mode => Mode::Exec,
        _ => Mode::Supervise,
    }
}
