//! How a plan is made: each thing decided from what was decided before it.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use log::LevelFilter;

use super::builder::Builder;
use super::environment::{self, Computed, Environment, Inputs};
use super::files::Disk;
use super::settings::{self, Settings, Variables};
use super::users::Users;
use super::{DEPLOY_ENV, Findings, Part, Plan, Purpose, SKIPPABLE, Stage, hooks, lookup};
use crate::cli::{self, Answer, Options};
use crate::config::keys::{self, Limits};
use crate::config::near;
use crate::config::value::Value;
use crate::config::values::{HookOutput, LimitValue};
use crate::config::{self, Config, Fault, Layers};
use crate::exit;
use crate::logging;
use crate::sys::bounds::{Bounds, Limit, RESOURCES};
use crate::sys::{credentials, exec, on_behalf, regular};

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
    arguments: Vec<OsString>,
    deploy_env: Option<&[u8]>,
) -> Result<Plan, Answer> {
    let made = decide(purpose, options, arguments, deploy_env);
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
    arguments: Vec<OsString>,
    deploy_env: Option<&[u8]>,
) -> Result<Plan, Answer> {
    let given = Environment::new(exec::inherited_environment());
    let variables = Variables(&given);
    let mut faults = Vec::new();
    let (mut layers, arguments, meant) = read(purpose, options, &variables, arguments, &mut faults);
    let mut config = config::interpret(&mut layers, &mut faults);
    let mut findings = Findings::new(&layers, config.top.strict, faults);
    if let Some(meant) = meant.filter(|_| config.server.command.is_some()) {
        findings.warning(&meant);
    }
    let nothing = Environment::default();
    let resident = matches!(purpose, Purpose::Run | Purpose::Hook(..) | Purpose::Check);
    if !resident {
        forget_the_servers_life(&mut config);
    }
    let said = if resident { &variables } else { &Variables(&nothing) };

    let users = users(purpose, options, &config, &variables, &layers, &mut findings)?;
    let workdir = workdir(options, &config, &variables, &mut findings);
    let current = || std::env::current_dir().unwrap_or_else(|_| "/".into());
    let base = workdir.clone().unwrap_or_else(current);
    // app-init itself is elsewhere by the time that it writes there.
    config.log.termination_file = config.log.termination_file.map(|file| base.join(file));
    let skip = settings::skips(options, &config, &variables, purpose == Purpose::Run, &mut findings);
    let expects_more =
        deploy_env.is_none() && asks_for_environment(purpose, options, &config, &variables, &skip, &base);
    if expects_more {
        findings.expect_more();
    }
    let is_prelude = expects_more && purpose != Purpose::Check;

    let computed = application_environment(purpose, given.clone(), &config, &users, &base, deploy_env, &mut findings);
    let strings = computed.environment.strings();

    let mut settings = Settings::decide(options, &config, said, &computed.environment, skip, &mut findings);
    if !resident {
        // Standard output is somebody's data there.
        settings.hook_output = HookOutput::Stderr;
    }
    let builder = Builder {
        environment: &computed.environment,
        strings: &strings,
        settings: &settings,
        users: &users,
        role: layers.role(),
        bounds: bounds(&config.limits),
        workdir: workdir.as_deref(),
        base: &base,
    };
    let (words, argv) = builder.server_words(purpose, &config, arguments, &mut findings);
    let argv: Vec<Vec<u8>> = argv.into_iter().map(OsString::into_vec).collect();
    let needs_server = matches!(purpose, Purpose::Run | Purpose::Nested | Purpose::Exec | Purpose::Shell);
    if words.is_empty() && needs_server && !is_prelude && findings.is_sound() {
        return Err(cli::nothing_to_run(&layers.missing));
    }
    let mut programs = Vec::new();
    let server = match purpose {
        Purpose::Hook(..) | Purpose::Env => None,
        _ => builder.server(words, &mut programs),
    };
    let stage = Stage { purpose, argv: &argv, is_prelude, prepares: deploy_env.is_none() };
    let (rules, keeper) = builder.rules(stage, server, &config, options, &mut programs, &mut findings);
    let mut later = Vec::new();
    if is_prelude {
        // What is wrong with the rest is told before anything runs, as far as it shows already.
        builder.rules(Stage { is_prelude: false, ..stage }, server, &config, options, &mut later, &mut findings);
    }
    builder.check_trust(stage, &layers, &config, programs.iter().chain(&later).collect(), &mut findings);
    if purpose == Purpose::Check {
        tell_of_files(&layers, &base.join(&settings.hooks_dir), &mut findings);
        lookup::check_programs(&programs, &mut findings);
    }

    let default = if resident { keys::Log::LEVEL } else { LevelFilter::Warn };
    let level = settings::level(options, config.log.level.map(|level| level.0), &variables, default, &mut findings);
    let part = part(is_prelude, findings.forbids_hooks());
    let notes = findings.take_notes();
    let warnings = verdict(findings, purpose, resident, &settings)?;
    Ok(Plan {
        rules,
        keeper,
        programs,
        part,
        success_codes: settings.success_codes,
        log: logging::Settings { level, format: settings.format },
        hook_output: settings.hook_output,
        announces: resident,
        termination_file: resident.then_some(settings.termination_file),
        parent_death_signal: options.parent_death_signal,
        user: users.main(),
        hands_over_to: users.stepped_down_to(),
        nested: purpose == Purpose::Nested,
        warnings,
        notes,
        origins: origins(purpose, &layers),
        environment: strings.of(users.main().as_deref(), &users),
        secrets: computed.secrets,
    })
}

/// What is said of the server's life and its stop is not said of a shell, or of a command beside it.
fn forget_the_servers_life(config: &mut Config) {
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

/// The warnings; or, where there are faults, the answer that lists them all.
fn verdict(
    findings: Findings<'_>,
    purpose: Purpose<'_>,
    resident: bool,
    settings: &Settings,
) -> Result<Vec<String>, Answer> {
    // The container's file is the boot's, and it is none that was just refused.
    let leaves = resident && purpose != Purpose::Check && !findings.has_refusal("log.termination_file");
    match purpose {
        // A shell is needed most when something is wrong.
        Purpose::Shell => Ok(findings.into_warnings()),
        _ if leaves => findings.verdict().map_err(|answer| answer.left_in(settings.termination_file.clone())),
        _ => findings.verdict(),
    }
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
    let virtualenv = virtualenv(config, base, findings);
    let inputs = Inputs {
        env: &config.env,
        virtualenv: virtualenv.as_deref(),
        identity: users.configured(),
        boundaries: users.boundaries(),
        workdir: base,
        files: &Disk,
        deploy_env,
        deploy_env_by_user: !hooks::runs_as_root(DEPLOY_ENV, &config.hooks, users),
    };
    let mut computed = environment::compute(given, &inputs, findings);
    if purpose == Purpose::Shell {
        computed.environment.set_default("TERM", b"xterm");
        computed.environment.set_default("PS1", format!("[{}] $PWD $ ", host_name()).as_bytes());
    }
    computed
}

/// The files, with the role laid over them, the arguments without its name, and what is to be said if their first is
/// handed to the server.
fn read(
    purpose: Purpose<'_>,
    options: &Options,
    variables: &Variables<'_>,
    arguments: Vec<OsString>,
    faults: &mut Vec<Fault>,
) -> (Layers, Vec<OsString>, Option<String>) {
    let alone = options.config.clone().or_else(|| variables.path("CONFIG"));
    let below = options.workdir.clone().or_else(|| variables.path("WORKDIR"));
    let mut layers = Layers::of(alone.as_deref(), below, faults);
    let reserved = cli::COMMANDS.map(|(name, _, _)| name);
    config::check_roles(&layers, &reserved, faults);
    config::check_conditions(&layers, faults);
    config::check_skips(&layers, &SKIPPABLE, faults);
    let boots = matches!(purpose, Purpose::Run | Purpose::Check);
    let meant = arguments.first().filter(|first| boots && !first.as_encoded_bytes().starts_with(b"-"));
    let meant = meant.and_then(|first| nearly_a_role(first.to_str()?, &layers));
    let arguments = choose_role(purpose, &mut layers, variables, arguments, faults);
    (layers, arguments, meant)
}

/// Where configuration was looked for in vain. That there is none at all is hardly ever meant: a `.dockerignore` leaves
/// out what begins with a dot, or this is another directory.
fn tell_of_files(layers: &Layers, hooks_dir: &Path, findings: &mut Findings<'_>) {
    let missing = config::not_there(&layers.missing);
    if layers.files.is_empty() && !missing.is_empty() && !hooks::any_in(hooks_dir) {
        findings.warning(&format!(
            "nothing is configured: {missing}, and no hook in {}; see that .dockerignore lets .docker into the image, and that this is its directory",
            hooks_dir.display()
        ));
    } else if !missing.is_empty() {
        findings.note(&missing);
    }
}

/// What is to be said of a first argument that is nearly a role's name and none.
fn nearly_a_role(first: &str, layers: &Layers) -> Option<String> {
    let Some(Value::Table(roles)) = layers.table.get("role") else { return None };
    let role = near::nearest(first, roles.keys().map(String::as_str)).filter(|_| !roles.contains_key(first))?;
    Some(format!("`{first}` is no role and becomes an argument of server.command; for the role write {role}"))
}

/// Lays the role that the first argument names over the configuration, and takes that argument away; or the one that
/// `APP_INIT_ROLE` names, for what has no arguments of the container's: a hook, a shell beside it.
fn choose_role(
    purpose: Purpose<'_>,
    layers: &mut Layers,
    variables: &Variables<'_>,
    mut arguments: Vec<OsString>,
    faults: &mut Vec<Fault>,
) -> Vec<OsString> {
    let boots = matches!(purpose, Purpose::Run | Purpose::Check);
    let first = arguments.first().filter(|_| boots).and_then(|first| first.to_str());
    if first.is_some_and(|first| layers.choose_role(first)) {
        arguments.remove(0);
        return arguments;
    }
    if let Some(name) = variables.text("ROLE")
        && !layers.choose_role(&name)
    {
        let what = format!("there is no role `{name}`; write [role.{name}], or unset this");
        faults.push(Fault::new("APP_INIT_ROLE", what));
    }
    arguments
}

/// Who the application runs as, and from whom root is protected. A shell opens with faults of every kind, but not as
/// somebody else.
fn users(
    purpose: Purpose<'_>,
    options: &Options,
    config: &Config,
    variables: &Variables<'_>,
    layers: &Layers,
    findings: &mut Findings<'_>,
) -> Result<Users, Answer> {
    let mut users = Users::new(&config.top);
    let option = options.user.clone().map(|spec| ("--user", spec));
    let variable = || variables.text("USER").map(|spec| ("APP_INIT_USER", spec));
    let configured = || config.top.user.clone().map(|spec| ("user", spec));
    let hint = |key: &str, why: &dyn std::fmt::Display, code| {
        Answer::new(format!("app-init: {key}: {why}\nanother user: app-init shell -u UID:GID\n"), code)
    };
    match option.or_else(variable).or_else(configured) {
        Some((key, spec)) => match users.set_main(key, &spec, findings) {
            Err(fault) if purpose == Purpose::Shell => return Err(hint(key, &fault, fault.code())),
            Err(fault) => findings.put(key, fault),
            Ok(()) => {}
        },
        None if purpose == Purpose::Shell && findings.has_fault("user") => {
            return Err(hint("user", &"is no user; mend it, or name one", exit::CONFIG));
        }
        None if matches!(purpose, Purpose::Run | Purpose::Check) => warn_of_user_elsewhere(config, &users, findings),
        None => {}
    }
    if let Some(gid) = config.top.require_gid {
        let own = nix::unistd::getegid().as_raw();
        let groups = nix::unistd::getgroups().unwrap_or_default();
        if own != gid && !groups.iter().any(|group| group.as_raw() == gid) {
            findings.refusal(
                "require_gid",
                format!("app-init runs with gid {own} and not {gid}; start the container with --user UID:{gid}"),
            );
        }
    }
    let mut replaced = layers.replaced_users.clone();
    if !matches!(purpose, Purpose::Run | Purpose::Check) {
        // The application runs beside this, whoever this is to run as.
        replaced.extend(config.top.user.clone());
    }
    let own = config
        .hooks
        .values()
        .flat_map(|(hook, runs)| hook.user.iter().chain(runs.iter().filter_map(|run| run.user.as_ref())));
    users.protect(&replaced, own);
    Ok(users)
}

/// Warns where only other roles have a user: a key at the end of the file belongs to the table before it.
fn warn_of_user_elsewhere(config: &Config, users: &Users, findings: &mut Findings<'_>) {
    let others = config.other_users.iter().filter(|(_, user)| credentials::is_root() && users.uid_of(user) != Some(0));
    let roles: Vec<String> = others.map(|(role, _)| format!("[{role}]")).collect();
    if !roles.is_empty() && !findings.has_fault("user") {
        findings.warning(&format!(
            "user is set in {} only, and this runs as root; write it above the first table, or user = \"root\" there",
            roles.join(", ")
        ));
    }
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
    !is_it && !skipped && hooks::is_there(DEPLOY_ENV, &base.join(directory), config.hooks.get(DEPLOY_ENV))
}

/// The directory that was asked for, absolute; `None`: the current one.
fn workdir(
    options: &Options,
    config: &Config,
    variables: &Variables<'_>,
    findings: &mut Findings<'_>,
) -> Option<PathBuf> {
    let option = options.workdir.clone().map(|path| ("--workdir", path));
    let variable = || variables.path("WORKDIR").map(|path| ("APP_INIT_WORKDIR", path));
    let configured = || config.top.workdir.clone().map(|path| ("workdir", path));
    let (key, wanted) = option.or_else(variable).or_else(configured)?;
    match std::fs::metadata(&wanted) {
        Ok(metadata) if metadata.is_dir() => {}
        Ok(_) => {
            findings.fault(key, format!("{} is not a directory; name one", wanted.display()));
            return None;
        }
        Err(error) => {
            let is_absent = regular::is_absence(&error);
            let why = if is_absent { format!("{error}; make it, or name another") } else { regular::why_not(&error) };
            findings.fault(key, format!("cannot enter {}: {why}", wanted.display()));
            return None;
        }
    }
    Some(std::env::current_dir().map_or_else(|_| wanted.clone(), |current| current.join(&wanted)))
}

fn virtualenv(config: &Config, base: &Path, findings: &mut Findings<'_>) -> Option<PathBuf> {
    let directory = base.join(config.top.virtualenv.as_ref()?);
    if !directory.join("bin").is_dir() {
        let what =
            format!("{} has no bin directory; make it with python3 -m venv, or name another", directory.display());
        findings.fault("virtualenv", what);
    }
    Some(directory)
}

fn bounds(limits: &Limits) -> Option<Rc<Bounds>> {
    let Limits {
        r#as,
        core,
        cpu,
        data,
        fsize,
        locks,
        memlock,
        msgqueue,
        nice,
        nofile,
        nproc,
        rss,
        rtprio,
        rttime,
        sigpending,
        stack,
        no_new_privileges,
        oom_score_adj,
    } = limits;
    // In the order of `RESOURCES`.
    let values: [&Option<LimitValue>; RESOURCES.len()] = [
        r#as, core, cpu, data, fsize, locks, memlock, msgqueue, nice, nofile, nproc, rss, rtprio, rttime, sigpending,
        stack,
    ];
    let limit = |(place, value): (u8, &Option<LimitValue>)| {
        value.map(|LimitValue { soft, hard }| Limit { resource: place, soft, hard })
    };
    let bounds = Bounds {
        limits: (0..).zip(values).filter_map(limit).collect(),
        no_new_privileges: no_new_privileges.unwrap_or(false),
        oom_score_adj: oom_score_adj.map(|score| score.0),
    };
    (bounds != Bounds::default()).then(|| Rc::new(bounds))
}

fn host_name() -> String {
    nix::unistd::gethostname().map_or_else(|_| "container".into(), |name| name.to_string_lossy().into_owned())
}

/// The log of what needs no plan.
#[must_use]
pub fn quiet_log(options: &Options) -> logging::Settings {
    let variables = Environment::new(exec::inherited_environment());
    let layers = Layers::default();
    let mut findings = Findings::new(&layers, false, Vec::new());
    let level = settings::level(options, None, &Variables(&variables), LevelFilter::Warn, &mut findings);
    logging::Settings { level, format: keys::Log::FORMAT }
}
