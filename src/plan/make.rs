//! How a plan is made: each thing decided from what was decided before it.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use log::LevelFilter;

use super::boot::{Boot, Start};
use super::builder::Builder;
use super::environment::{self, Computed, Environment, Inputs};
use super::files::Disk;
use super::settings::{self, Settings, Variables};
use super::users::Users;
use super::{
    DEPLOY_ENV, Findings, Part, Plan, Planned, Purpose, Stage, directories, hooks, limits, lookup, sources, who,
};
use crate::cli::{self, Answer, Options};
use crate::config::keys;
use crate::config::values::{HookOutput, Named};
use crate::config::{self, Config, Fault, Layers};
use crate::sys::{credentials, exec, on_behalf};
use crate::{exit, logging};

/// Makes the plan. Where the `deploy-env` hook has to run first, it is the plan of that: made again, with what the hook
/// wrote, it is the rest.
///
/// # Errors
///
/// Every fault at once, with exit code 78 or 77; or a usage error, when there is nothing to run; or the stop request that
/// came first.
pub fn make(
    purpose: Purpose<'_>,
    options: &Options,
    arguments: &[OsString],
    start: &Start,
    deploy_env: Option<&[u8]>,
) -> Result<Plan, Answer> {
    let made = decide(purpose, options, arguments, start, deploy_env);
    let Some(signal) = on_behalf::interruption() else { return made };
    let file = made.map_or_else(|answer| answer.termination_file, |plan| plan.termination_file);
    let text = format!("app-init: stop requested by {signal}\n");
    Err(Answer {
        termination_file: file.filter(|_| purpose != Purpose::Check),
        ..Answer::new(text, signal.exit_code())
    })
}

fn decide(
    purpose: Purpose<'_>,
    options: &Options,
    arguments: &[OsString],
    start: &Start,
    deploy_env: Option<&[u8]>,
) -> Result<Plan, Answer> {
    let boot = start.boot.as_ref();
    let mut left_out = LeftOut::default();
    if let Some(why) = &start.refusal {
        if purpose != Purpose::Shell {
            return Err(Answer::new(format!("app-init: {why}\n"), exit::PERMISSION));
        }
        left_out.takes_directory(why);
    }
    loop {
        // Each time there is a file less.
        if let Some(plan) = try_to_make(purpose, options, arguments.to_vec(), boot, deploy_env, &mut left_out)? {
            return Ok(plan);
        }
    }
}

/// Files that say nothing in a shell's plan: what is refused or broken, no command uses, and a shell opens all the same.
#[derive(Default)]
struct LeftOut {
    files: Vec<PathBuf>,
    /// Why.
    faults: Vec<Fault>,
    refusals: Vec<Fault>,
}

impl LeftOut {
    /// Takes files that cannot be read for what they say: what was recovered from them may be anything.
    fn takes_broken(&mut self, faults: &mut Vec<Fault>) -> bool {
        let files = faults.iter().filter_map(|fault| Some(PathBuf::from(&fault.whole_file()?.0)));
        let files: Vec<PathBuf> = files.filter(|file| !self.files.contains(file)).collect();
        if files.is_empty() {
            return false;
        }
        self.files.extend(files);
        self.faults = std::mem::take(faults);
        self.faults.retain(|fault| fault.whole_file().is_some());
        true
    }

    /// Leaves a directory of which nothing is used.
    fn takes_directory(&mut self, why: &str) {
        // It is there, and nobody is kept from it.
        let _ = nix::unistd::chdir("/");
        self.files.push(config::APPLICATION_FILE.into());
        self.refusals.push(Fault::new("", why));
    }

    fn takes_refused(&mut self, files: &[PathBuf], findings: &Findings<'_>) -> bool {
        if files.is_empty() {
            return false;
        }
        self.files.extend_from_slice(files);
        self.refusals.extend(findings.refusals_of("user"));
        true
    }
}

/// The plan; `None`: another file is left out.
fn try_to_make(
    purpose: Purpose<'_>,
    options: &Options,
    arguments: Vec<OsString>,
    boot: Option<&Boot>,
    deploy_env: Option<&[u8]>,
    left_out: &mut LeftOut,
) -> Result<Option<Plan>, Answer> {
    let given = Environment::new(exec::inherited_environment());
    let variables = Variables(&given);
    let mut faults = left_out.faults.clone();
    let (mut layers, words, warnings) =
        sources::read(purpose, options, &variables, arguments, boot, &left_out.files, &mut faults);
    if purpose == Purpose::Shell && left_out.takes_broken(&mut faults) {
        return Ok(None);
    }
    let unchecked = if purpose == Purpose::Check { layers.other_roles() } else { Vec::new() };
    let mut config = config::interpret(&mut layers, &mut faults);
    let mut findings = Findings::new(&layers, config.top.strict || options.strict, faults);
    findings.settle(&left_out.refusals);
    findings.warn_of_all(&warnings);
    let nothing = Environment::default();
    let resident = matches!(purpose, Purpose::Run | Purpose::Hook(..) | Purpose::Check);
    if !resident {
        forget_the_servers_life(&mut config);
    }
    let said = if resident { &variables } else { &Variables(&nothing) };

    let users = who::decide(purpose, options, &config, &variables, boot, &layers, &mut findings);
    let (workdir, base) = directories::directories(purpose, options, &mut config, &variables, &users, &mut findings);
    let skip = settings::skips(options, &config, &variables, purpose == Purpose::Run, &mut findings);
    let expects_more =
        deploy_env.is_none() && asks_for_environment(purpose, options, &config, &variables, &skip, &base);
    if expects_more {
        findings.expect_more();
    }
    let is_prelude = expects_more && purpose != Purpose::Check;

    let computed = application_environment(purpose, given.clone(), &config, &users, &base, deploy_env, &mut findings);
    let strings = computed.environment.strings();

    let settings = Settings::decide(options, &config, said, &computed.environment, skip, &mut findings);
    let builder = Builder {
        environment: &computed.environment,
        strings: &strings,
        settings: &settings,
        users: &users,
        role: layers.role(),
        bounds: limits::bounds(&config.limits),
        workdir: workdir.as_deref(),
        base: &base,
    };
    let (words, argv) = builder.server_words(purpose, &config, words, &mut findings);
    let argv: Vec<Vec<u8>> = argv.into_iter().map(OsString::into_vec).collect();
    let needs_server = matches!(purpose, Purpose::Run | Purpose::Nested | Purpose::Exec | Purpose::Shell);
    if words.is_empty() && needs_server && !is_prelude && findings.is_sound() {
        return Err(cli::nothing_to_run(&layers.missing));
    }
    let mut programs = Vec::new();
    let server = match purpose {
        Purpose::Hook(..) | Purpose::Env => None,
        _ => builder.server(purpose, words, &mut programs),
    };
    let stage = Stage { purpose, argv: &argv, is_prelude, prepares: deploy_env.is_none() };
    let (rules, keeper) = builder.rules(stage, server, &config, options, &mut programs, &mut findings);
    let mut later = Vec::new();
    if is_prelude {
        // What is wrong with the rest is told before anything runs, as far as it shows already.
        builder.rules(Stage { is_prelude: false, ..stage }, server, &config, options, &mut later, &mut findings);
    }
    let all: Vec<&Planned> = programs.iter().chain(&later).collect();
    lookup::check_lengths(&all, &computed.environment, room(&config), &mut findings);
    let refused = builder.check_trust(stage, &layers, &config, all, &mut findings);
    lookup::guard(&mut programs, &users);
    let part = part(is_prelude, findings.forbids_hooks());
    if purpose == Purpose::Shell && left_out.takes_refused(&refused, &findings) {
        return Ok(None);
    }
    if matches!(purpose, Purpose::Run | Purpose::Check) {
        let checked = (purpose == Purpose::Check).then_some((&*unchecked, &*programs));
        look_around(&builder, &layers, &config, checked, &mut findings);
    }

    let default = if resident { keys::Log::LEVEL } else { LevelFilter::Warn };
    let level = settings::level(options, config.log.level.map(|level| level.0), &variables, default, &mut findings);
    let notes = findings.take_notes();
    let warnings = match purpose {
        Purpose::Shell => shell_warnings(&users, options, &variables, left_out, findings)?,
        Purpose::Run | Purpose::Hook(..) => boot_verdict(findings, &refused, &settings)?,
        _ => findings.verdict()?,
    };
    Ok(Some(Plan {
        rules,
        keeper,
        programs,
        part,
        success_codes: settings.success_codes,
        log: logging::Settings { level, format: settings.format },
        hook_output: settings.hook_output,
        announces: resident,
        termination_file: resident.then_some(settings.termination_file),
        kept_from: users.boundaries().to_vec(),
        parent_death_signal: options.parent_death_signal,
        user: users.main(),
        hands_over_to: users.stepped_down_to(),
        nested: purpose == Purpose::Nested,
        warnings,
        notes,
        origins: origins(purpose, &layers),
        environment: strings.of(users.main().as_deref(), &users),
        secrets: computed.secrets,
    }))
}

/// The warnings of a shell. It opens with whatever is wrong, since it is needed most then, but not as more than what is
/// right would have it. Of a file that is no TOML nobody knows who it names: if nothing else names anybody, the shell is
/// for whoever asks.
fn shell_warnings(
    users: &Users,
    options: &Options,
    variables: &Variables<'_>,
    left_out: &LeftOut,
    findings: Findings<'_>,
) -> Result<Vec<String>, Answer> {
    let is_named = options.user.is_some() || variables.text("USER").is_some();
    let is_somebody = match users.configured() {
        Some(user) => is_named || user.uid != 0,
        None => !is_named && !credentials::is_root(),
    };
    let is_only_broken = left_out.refusals.is_empty()
        && !left_out.files.is_empty()
        && users.boundaries().is_empty()
        && !["user", "APP_INIT_ROLE"].into_iter().any(|key| findings.has_fault(key));
    let is_sure = is_somebody || !is_named && (is_only_broken || !findings.doubts_identity());
    if !is_sure || findings.has_refusal("user") || findings.has_refusal("server.command") {
        return Err(findings
            .answer(|_| "app-init: this shell was not opened; another user: app-init shell -u UID:GID".to_owned()));
    }
    Ok(findings.into_warnings())
}

/// What is said of the server's life and its stop is not said of a shell, or of a command beside it. Standard output is
/// somebody's data there.
fn forget_the_servers_life(config: &mut Config) {
    config.log.hook_output = Some(Named(HookOutput::Stderr));
    let keys::Server { command, args, .. } = std::mem::take(&mut config.server);
    config.server = keys::Server { command, args, ..keys::Server::default() };
    config.stop = keys::Stop::default();
}

fn part(is_prelude: bool, forbids_hooks: bool) -> Part {
    match (is_prelude, forbids_hooks) {
        (false, _) => Part::Whole,
        (true, false) => Part::Prelude,
        (true, true) => Part::RefusedPrelude,
    }
}

/// Where each key was set.
fn origins(purpose: Purpose<'_>, layers: &Layers) -> Vec<(String, String)> {
    match purpose {
        Purpose::Check => layers.origins().leaves().map(|(key, origin)| (key, origin.to_string())).collect(),
        _ => Vec::new(),
    }
}

/// The warnings of a boot; or, where there are faults, the answer that lists them all, which is left in the container's
/// file too.
fn boot_verdict(findings: Findings<'_>, refused: &[PathBuf], settings: &Settings) -> Result<Vec<String>, Answer> {
    if findings.has_refusal("log.termination_file") {
        return findings.verdict();
    }
    // What names another place may be what is refused.
    let is_usual = findings.doubts_identity() || !refused.is_empty();
    let file = if is_usual { keys::Log::TERMINATION_FILE.into() } else { settings.termination_file.clone() };
    findings.verdict().map_err(|answer| answer.left_in(file))
}

/// The environment that everything of the application gets.
fn application_environment(
    purpose: Purpose<'_>,
    given: Environment,
    config: &Config,
    users: &Users,
    base: &Path,
    deploy_env: Option<&[u8]>,
    findings: &mut Findings<'_>,
) -> Computed {
    let virtualenv = directories::virtualenv(config, base, findings);
    let inputs = Inputs {
        env: &config.env,
        virtualenv: virtualenv.as_deref(),
        identity: users.configured(),
        boundaries: users.boundaries(),
        workdir: base,
        files: &Disk,
        deploy_env,
        deploy_env_by: hooks::runs_as_other_than_root(DEPLOY_ENV, &config.hooks, users),
        room: room(config),
    };
    let is_root = credentials::is_root() && users.main().is_none_or(|user| user.uid == 0);
    let mut computed = if purpose == Purpose::Shell && is_root && findings.doubts_identity() {
        // It is not known whose the values are.
        Computed { environment: given, ..Computed::default() }
    } else {
        environment::compute(given, &inputs, findings)
    };
    if purpose == Purpose::Shell {
        if users.is_above(users.main().as_deref()) {
            lookup::keep_own_path(&mut computed.environment, users.boundaries(), base, findings);
        }
        computed.environment.set_default("TERM", b"xterm");
        computed.environment.set_default("PS1", format!("[{}] $PWD $ ", host_name()).as_bytes());
    }
    computed
}

/// Tells of files that are missed; and to who checks of the roles that were not chosen, and of programs that are not there.
fn look_around(
    builder: &Builder<'_>,
    layers: &Layers,
    config: &Config,
    checked: Option<(&[String], &[Planned])>,
    findings: &mut Findings<'_>,
) {
    let hooks_dir = &builder.settings.hooks_dir;
    if builder.workdir.is_some() {
        sources::tell_of_lost(layers, config, builder.base, hooks_dir, findings);
    }
    if let Some((others, programs)) = checked {
        sources::tell_of_files(layers, builder.base, hooks_dir, findings);
        sources::tell_of_roles(others, layers.role(), findings);
        lookup::check_all(programs, builder.bounds.as_deref(), findings);
    }
}

/// How much the kernel takes of arguments and environment.
fn room(config: &Config) -> usize {
    exec::room(config.limits.stack.map(|limit| limit.soft))
}

/// Whether the `deploy-env` hook has a say in this plan.
fn asks_for_environment(
    purpose: Purpose<'_>,
    options: &Options,
    config: &Config,
    variables: &Variables<'_>,
    skip: &[String],
    base: &Path,
) -> bool {
    let is_it = matches!(purpose, Purpose::Nested | Purpose::Hook(DEPLOY_ENV, _));
    let skipped = skip.iter().any(|name| name == DEPLOY_ENV);
    let directory = settings::hooks_dir(options, config, variables);
    !is_it && !skipped && hooks::files::is_there(DEPLOY_ENV, &base.join(directory), config.hooks.get(DEPLOY_ENV))
}

fn host_name() -> String {
    nix::unistd::gethostname().map_or_else(|_| "container".into(), |name| name.to_string_lossy().into_owned())
}
