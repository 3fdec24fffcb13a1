//! How a plan is made: each thing decided from what was decided before it.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use log::LevelFilter;

use super::builder::Builder;
use super::environment::{self, Computed, Environment, Inputs};
use super::files::Disk;
use super::settings::{self, Settings, Variables};
use super::users::Users;
use super::{Boot, DEPLOY_ENV, Findings, Part, Plan, Planned, Purpose, SKIPPABLE, Stage, hooks, lookup};
use crate::cli::{self, Answer, Options};
use crate::config::keys::{self, Limits};
use crate::config::value::Value;
use crate::config::values::{HookOutput, LimitValue, Named};
use crate::config::{self, Config, Fault, Layers};
use crate::logging;
use crate::sys::bounds::{Bounds, Limit, RESOURCES};
use crate::sys::{credentials, exec, on_behalf, regular};
use crate::text::near;

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
    boot: Option<&Boot>,
    deploy_env: Option<&[u8]>,
) -> Result<Plan, Answer> {
    let made = decide(purpose, options, arguments, boot, deploy_env);
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
    boot: Option<&Boot>,
    deploy_env: Option<&[u8]>,
) -> Result<Plan, Answer> {
    let mut left_out = LeftOut::default();
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
        read(purpose, options, &variables, arguments, boot, &left_out.files, &mut faults);
    if purpose == Purpose::Shell && left_out.takes_broken(&mut faults) {
        return Ok(None);
    }
    let unchecked = if purpose == Purpose::Check { layers.other_roles() } else { Vec::new() };
    let mut config = config::interpret(&mut layers, &mut faults);
    let mut findings = Findings::new(&layers, config.top.strict || options.strict, faults);
    findings.settle(&left_out.refusals);
    for warning in &warnings {
        findings.warning(warning);
    }
    let nothing = Environment::default();
    let resident = matches!(purpose, Purpose::Run | Purpose::Hook(..) | Purpose::Check);
    if !resident {
        forget_the_servers_life(&mut config);
    }
    let said = if resident { &variables } else { &Variables(&nothing) };

    let users = users(purpose, options, &config, &variables, boot, &layers, &mut findings);
    let (workdir, base) = directories(purpose, options, &mut config, &variables, &mut findings);
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
        bounds: bounds(&config.limits),
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
        _ => builder.server(words, &mut programs),
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
    let part = part(is_prelude, findings.forbids_hooks());
    if purpose == Purpose::Shell && left_out.takes_refused(&refused, &findings) {
        return Ok(None);
    }
    if purpose == Purpose::Check {
        tell_of_files(&layers, &base, &settings.hooks_dir, &mut findings);
        tell_of_roles(&unchecked, layers.role(), &mut findings);
        lookup::check_programs(&programs, &mut findings);
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

/// How much the kernel takes of arguments and environment.
fn room(config: &Config) -> usize {
    exec::room(config.limits.stack.map(|limit| limit.soft))
}

/// The words of a start that are no options.
pub struct Words {
    /// Those of this process, without the role's name.
    pub own: Vec<OsString>,
    /// Those that the boot which this process stands beside appends to the server's command.
    pub of_boot: Vec<OsString>,
    /// The first was a role's name.
    pub name_role: bool,
}

/// The files, with the role laid over them, the words without its name, and warnings.
fn read(
    purpose: Purpose<'_>,
    options: &Options,
    variables: &Variables<'_>,
    arguments: Vec<OsString>,
    boot: Option<&Boot>,
    left_out: &[PathBuf],
    faults: &mut Vec<Fault>,
) -> (Layers, Words, Vec<String>) {
    let alone = options.config.clone().or_else(|| variables.path("CONFIG"));
    let below = options.workdir.clone().or_else(|| variables.path("WORKDIR"));
    let mut layers = Layers::of(alone.as_deref(), below, left_out, faults);
    let reserved = cli::COMMANDS.map(|(name, _, _)| name);
    config::check_roles(&layers, &reserved, faults);
    config::check_conditions(&layers, faults);
    config::check_skips(&layers, &SKIPPABLE, faults);
    let boots = matches!(purpose, Purpose::Run | Purpose::Check);
    let meant = arguments.first().filter(|first| boots && !first.as_encoded_bytes().starts_with(b"-"));
    let meant = meant.and_then(|first| nearly_a_role(first.to_str()?, &layers));
    let words = choose_role(purpose, &mut layers, variables, arguments, boot, faults);
    let has_command =
        matches!(layers.table.get("server"), Some(Value::Table(server)) if server.contains_key("command"));
    let warnings = meant.filter(|_| has_command).into_iter().chain(boot.and_then(|boot| boot.warning.clone()));
    let warnings = warnings.collect();
    (layers, words, warnings)
}

/// Where configuration was looked for in vain. That there is none at all is hardly ever meant: a `.dockerignore` leaves
/// out what begins with a dot, or this is another directory.
fn tell_of_files(layers: &Layers, base: &Path, hooks_dir: &Path, findings: &mut Findings<'_>) {
    let missing = config::not_there(&layers.missing);
    let hooks_dir = base.join(hooks_dir);
    let is_bare = !missing.is_empty() && !hooks::any_in(&hooks_dir);
    // Beside the base image's file the application's may be missed, and need not be: only who wants to be sure is told.
    let is_own = |path: &PathBuf| path != Path::new(config::BASE_FILE);
    let misses_own = layers.missing.iter().any(is_own) && !base.join(".docker").exists();
    let advice = "see that .dockerignore lets .docker into the image, and that this is its directory";
    if is_bare && layers.files.is_empty() {
        let hooks_dir = hooks_dir.display();
        findings.warning(&format!("nothing is configured: {missing}, and no hook in {hooks_dir}; {advice}"));
    } else if is_bare && misses_own && findings.is_strict() {
        let base = config::BASE_FILE;
        findings.warning(&format!(
            "the application has no configuration: {missing}; {advice}, or name the one file: APP_INIT_CONFIG={base}"
        ));
    } else if !missing.is_empty() {
        findings.note(&missing);
    }
}

/// Which roles were looked at in form alone, since none was chosen.
fn tell_of_roles(others: &[String], chosen: Option<&str>, findings: &mut Findings<'_>) {
    if chosen.is_none() && !others.is_empty() {
        let each: Vec<String> = others.iter().map(|name| format!("app-init check {name}")).collect();
        findings.note(&format!("roles are checked one by one: {}", each.join(", ")));
    }
}

/// What is to be said of a first argument that is nearly a role's name and none.
fn nearly_a_role(first: &str, layers: &Layers) -> Option<String> {
    let Some(Value::Table(roles)) = layers.table.get("role") else { return None };
    let role = near::nearest(first, roles.keys().map(String::as_str)).filter(|_| !roles.contains_key(first))?;
    Some(format!("`{first}` is no role and becomes an argument of server.command; for the role write {role}"))
}

/// Lays a role over the configuration: the one that the first argument names, which is taken away; or the one of the boot
/// that this process stands beside; or the one that `APP_INIT_ROLE` names.
fn choose_role(
    purpose: Purpose<'_>,
    layers: &mut Layers,
    variables: &Variables<'_>,
    mut own: Vec<OsString>,
    boot: Option<&Boot>,
    faults: &mut Vec<Fault>,
) -> Words {
    let mut of_boot = boot.map_or_else(Vec::new, |boot| boot.arguments.clone());
    if of_boot.first().and_then(|word| word.to_str()).is_some_and(|word| layers.has_role(word)) {
        of_boot.remove(0);
    }
    let may_name_role = matches!(purpose, Purpose::Run | Purpose::Check | Purpose::Nested);
    let first = own.first().filter(|_| may_name_role).and_then(|first| first.to_str());
    if first.is_some_and(|first| layers.choose_role(first)) {
        own.remove(0);
        return Words { own, of_boot, name_role: true };
    }
    if purpose == Purpose::Check && own.is_empty() {
        own.clone_from(&of_boot);
    }
    let words = Words { own, of_boot, name_role: false };
    let variable = variables.text("ROLE");
    let given = variable.as_ref().map(OsStr::new);
    let word = boot.and_then(|boot| boot.role_word(given)).and_then(|word| word.to_str());
    if word.is_some_and(|word| layers.choose_role(word)) {
        return words;
    }
    if let Some(name) = variable
        && !layers.choose_role(&name)
    {
        let what = format!("there is no role `{name}`; write [role.{name}], or unset this");
        faults.push(Fault::new("APP_INIT_ROLE", what));
    }
    words
}

/// Who the application runs as, and from whom root is protected. A shell opens with faults of every kind, but not as
/// somebody else.
fn users(
    purpose: Purpose<'_>,
    options: &Options,
    config: &Config,
    variables: &Variables<'_>,
    boot: Option<&Boot>,
    layers: &Layers,
    findings: &mut Findings<'_>,
) -> Users {
    let mut users = Users::new(&config.top);
    if layers.is_incomplete() || findings.has_fault("APP_INIT_ROLE") {
        findings.doubt_identity();
    }
    let option = options.user.clone().map(|spec| ("--user", spec));
    let variable = || variables.text("USER").map(|spec| ("APP_INIT_USER", spec));
    let configured = || config.top.user.clone().map(|spec| ("user", spec));
    match option.or_else(variable).or_else(configured) {
        Some((key, spec)) => {
            if let Err(fault) = users.set_main(key, &spec, findings) {
                findings.put(key, fault);
            }
        }
        None if findings.has_fault("user") => findings.doubt_identity(),
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
    let beside = !matches!(purpose, Purpose::Run | Purpose::Check) || purpose == Purpose::Run && boot.is_some();
    if beside {
        // The application runs beside this, whoever this is to run as.
        replaced.extend(config.top.user.clone().into_iter().chain(variables.text("USER")));
        replaced.extend(boot.into_iter().flat_map(|boot| boot.users.iter().cloned()));
    }
    // In which role it runs is not known.
    let of_roles = config.other_users.iter().map(|(_, user)| user).filter(|_| beside);
    let own = config
        .hooks
        .values()
        .flat_map(|(hook, runs)| hook.user.iter().chain(runs.iter().filter_map(|run| run.user.as_ref())));
    users.protect(&replaced, own.chain(of_roles));
    users
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

/// The directory that was asked for, if any was, and the one that relative paths start at.
fn directories(
    purpose: Purpose<'_>,
    options: &Options,
    config: &mut Config,
    variables: &Variables<'_>,
    findings: &mut Findings<'_>,
) -> (Option<PathBuf>, PathBuf) {
    let workdir = workdir(options, config, variables, findings);
    let base = workdir.clone().unwrap_or_else(|| std::env::current_dir().unwrap_or_else(|_| "/".into()));
    // app-init itself is elsewhere by the time that it writes there.
    config.log.termination_file = config.log.termination_file.take().map(|file| base.join(file));
    if purpose != Purpose::Nested {
        settings::insist_on_hooks_dir(options, config, variables, &base, findings);
    }
    (workdir, base)
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
