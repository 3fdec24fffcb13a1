//! The application's hooks: which there are, and what they run (§6).

use std::ffi::{CString, OsString};
use std::fs;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use nix::unistd::{AccessFlags, access};

use super::environment::{self, Environment};
use super::users::Users;
use super::{Findings, Job, Planned, settings};
use crate::config::Layers;
use crate::config::expand;
use crate::config::keys::{Hook, HookRun};
use crate::config::values::{Condition, HookOutput, Named, Span, Word};
use crate::identity::Identity;
use crate::machine::{ChildId, HookRule, OnFailure, OnStop, Retry};
use crate::sys::bounds::Bounds;
use crate::sys::exec::{self, Program, Stdin, Stdout};
use crate::sys::regular;

/// Where hooks are unless `hooks_dir` says otherwise: where the original system had them.
pub const DEFAULT_DIRECTORY: &str = ".docker/action_hooks";

const DEFAULT_TIMEOUT: Duration = Duration::from_secs(600);
const DEFAULT_STOP_TIMEOUT: Duration = Duration::from_secs(10);
const DEFAULT_BACKOFF: Duration = Duration::from_secs(1);
const DEFAULT_MAX_BACKOFF: Duration = Duration::from_secs(30);

/// What every hook of a plan has in common.
#[derive(Clone, Copy)]
pub struct Surroundings<'a> {
    /// Where hooks run, and what `directory` is relative to.
    pub workdir: &'a Path,
    pub directory: &'a Path,
    pub environment: &'a Environment,
    /// The same, shared by the programs.
    pub strings: &'a Rc<[CString]>,
    /// The server's command line, for `when`.
    pub server: &'a [Vec<u8>],
    pub users: &'a Users,
    pub bounds: &'a Option<Rc<Bounds>>,
    pub umask: Option<u32>,
    pub output: HookOutput,
    /// Handed to the hook's files: what follows the name in `app-init hook NAME`.
    pub arguments: &'a [OsString],
    /// What a failed command means where nothing is configured.
    pub on_failure: OnFailure,
}

/// One command of a hook, before it is a program.
struct Command<'a> {
    label: String,
    argv: Vec<CString>,
    /// Its own settings, and where they are.
    run: Option<(&'a HookRun, String)>,
}

/// The commands of hook `name`, in order: its file, the files of `NAME.d`, the configured commands. Their programs are
/// appended to `programs`.
pub fn plan(
    name: &str,
    configured: Option<&(Hook, Vec<HookRun>)>,
    around: &Surroundings<'_>,
    programs: &mut Vec<Planned>,
    findings: &mut Findings<'_>,
) -> Vec<HookRule> {
    let key = format!("hooks.{name}");
    let of_hook = Said { hook: configured.map(|(hook, _)| hook), run: None, key: &key };
    let mut list = Appender { name, around, programs, rules: Vec::new() };
    for command in commands(name, configured, around, findings) {
        let run = command.run.as_ref().map(|(run, key)| (*run, key.as_str()));
        let said = Said { run, ..of_hook };
        let identity = said.identity(around, findings);
        if let Some((run, key)) = run
            && let Some(question) = &run.skip_if
        {
            list.ask(question, 1, said, &format!("{key}.skip_if"), identity.clone(), findings);
        }
        let rule = said.rule(name, around, findings);
        list.append(command.label, command.argv, identity, rule);
    }
    if let Some(question) = of_hook.hook.and_then(|hook| hook.skip_if.as_ref())
        && !list.rules.is_empty()
    {
        // One answer for all of them, so it stands before them.
        let commands = std::mem::take(&mut list.rules);
        let count = u16::try_from(commands.len()).unwrap_or(u16::MAX);
        let identity = of_hook.identity(around, findings);
        list.ask(question, count, of_hook, &format!("{key}.skip_if"), identity, findings);
        list.rules.extend(commands);
    }
    list.rules
}

/// What is said of a command: by its own table, or else by its hook's.
#[derive(Clone, Copy)]
struct Said<'a> {
    hook: Option<&'a Hook>,
    run: Option<(&'a HookRun, &'a str)>,
    /// Where the hook's table is.
    key: &'a str,
}

impl<'a> Said<'a> {
    /// A value, with the key that sets it.
    fn pick<T>(
        &self,
        name: &str,
        of_run: impl FnOnce(&'a HookRun) -> Option<&'a T>,
        of_hook: impl FnOnce(&'a Hook) -> Option<&'a T>,
    ) -> Option<(String, &'a T)> {
        let own = self.run.and_then(|(run, key)| Some((format!("{key}.{name}"), of_run(run)?)));
        own.or_else(|| Some((format!("{}.{name}", self.key), of_hook(self.hook?)?)))
    }

    fn identity(&self, around: &Surroundings<'_>, findings: &mut Findings<'_>) -> Option<Rc<Identity>> {
        match self.pick("user", |run| run.user.as_ref(), |hook| hook.user.as_ref()) {
            Some((key, user)) => around.users.resolve(&key, user, findings),
            None => around.users.main(),
        }
    }

    fn rule(&self, name: &str, around: &Surroundings<'_>, findings: &mut Findings<'_>) -> HookRule {
        let mut span = |picked: Option<(String, &Span)>| {
            picked.and_then(|(key, span)| settings::resolve(&key, Some(span), around.environment, findings))
        };
        // Pollers wait for things for as long as it takes.
        let default = if name == super::POST_DEPLOY { Duration::ZERO } else { DEFAULT_TIMEOUT };
        let timeout = span(self.pick("timeout", |run| run.timeout.as_ref(), |hook| hook.timeout.as_ref()));
        let timeout = timeout.unwrap_or(default);
        let stop_timeout =
            span(self.pick("stop_timeout", |run| run.stop_timeout.as_ref(), |hook| hook.stop_timeout.as_ref()));
        let retry = self.pick("retry", |run| run.retry.as_ref(), |hook| hook.retry.as_ref());
        let retry = retry.map(|(key, retry)| {
            let mut pause = |name: &str, pause: &'a Option<Span>| {
                span(pause.as_ref().map(|pause| (format!("{key}.{name}"), pause)))
            };
            Retry {
                max: retry.max,
                backoff: pause("backoff", &retry.backoff).unwrap_or(DEFAULT_BACKOFF),
                max_backoff: pause("max_backoff", &retry.max_backoff).unwrap_or(DEFAULT_MAX_BACKOFF),
                on_codes: retry.on_codes.clone(),
            }
        });
        let failure = self.pick("on_failure", |run| run.on_failure.as_ref(), |hook| hook.on_failure.as_ref());
        let stop = self.pick("on_stop", |run| run.on_stop.as_ref(), |hook| hook.on_stop.as_ref());
        HookRule {
            // Its place is known when it is appended.
            child: ChildId(0),
            timeout: (!timeout.is_zero()).then_some(timeout),
            stop_timeout: stop_timeout.unwrap_or(DEFAULT_STOP_TIMEOUT),
            on_failure: failure.map_or(around.on_failure, |(_, Named(policy))| *policy),
            on_stop: stop.map_or(OnStop::Stop, |(_, Named(policy))| *policy),
            skips: None,
            retry,
            helper: false,
        }
    }
}

/// What there is to run now: `when` is decided here.
fn commands<'a>(
    name: &str,
    configured: Option<&'a (Hook, Vec<HookRun>)>,
    around: &Surroundings<'_>,
    findings: &mut Findings<'_>,
) -> Vec<Command<'a>> {
    let of_hook = configured.and_then(|(hook, _)| hook.when.as_deref()).unwrap_or_default();
    let is_due = |conditions: &[Condition]| conditions.iter().all(|one| one.holds(around.environment, around.server));
    let mut commands = Vec::new();
    if is_due(of_hook) {
        for file in files(name, around, findings) {
            let label = file.display().to_string();
            let words = [invocable(file)].into_iter().chain(around.arguments.iter().cloned());
            commands.push(Command { label, argv: exec::arguments(words), run: None });
        }
    }
    for (place, run) in configured.iter().flat_map(|(_, runs)| runs).enumerate() {
        if !is_due(run.when.as_deref().unwrap_or(of_hook)) {
            continue;
        }
        let key = format!("hooks.{name}.run[{place}]");
        if let Some((label, argv)) = words(&run.command, &format!("{key}.command"), around.environment, findings) {
            commands.push(Command { label, argv, run: Some((run, key)) });
        }
    }
    commands
}

/// A command of the configuration as people see it, and as it is executed; `None` where it cannot be expanded.
pub fn words(
    list: &[Word],
    key: &str,
    environment: &Environment,
    findings: &mut Findings<'_>,
) -> Option<(String, Vec<CString>)> {
    match expand::expand_words(list, environment) {
        Ok(words) => {
            let label = findings.secrets().mask(&words.join(&b' '));
            let words = words.into_iter().map(OsString::from_vec);
            Some((String::from_utf8_lossy(&label).into_owned(), exec::arguments(words)))
        }
        Err(faults) => {
            for fault in faults {
                findings.unexpanded(key, fault);
            }
            None
        }
    }
}

/// Appends commands of one hook to the plan.
struct Appender<'a> {
    name: &'a str,
    around: &'a Surroundings<'a>,
    programs: &'a mut Vec<Planned>,
    rules: Vec<HookRule>,
}

impl Appender<'_> {
    fn append(&mut self, label: String, argv: Vec<CString>, identity: Option<Rc<Identity>>, rule: HookRule) {
        let id = ChildId(u16::try_from(self.programs.len()).unwrap_or(u16::MAX));
        self.rules.push(HookRule { child: id, ..rule });
        self.programs.push(Planned {
            job: Job::Program(program(self.name, &label, argv, identity, self.around)),
            label,
            phase: self.name.to_owned(),
            looked_for_in: Some(self.around.workdir.to_owned()),
        });
    }

    /// Appends the question whose answer 0 skips the `skips` commands after it.
    fn ask(
        &mut self,
        question: &[Word],
        skips: u16,
        said: Said<'_>,
        key: &str,
        identity: Option<Rc<Identity>>,
        findings: &mut Findings<'_>,
    ) {
        let Some((label, argv)) = words(question, key, self.around.environment, findings) else { return };
        if argv.is_empty() {
            findings
                .fault(key, "is empty; write a command that exits with 0 when there is nothing to do, or remove it");
            return;
        }
        let rule = HookRule { skips: Some(skips), retry: None, ..said.rule(self.name, self.around, findings) };
        self.append(label, argv, identity, rule);
    }
}

/// The executable file `name` in the hooks' directory, as it is to be called.
pub fn file(name: &str, around: &Surroundings<'_>, findings: &mut Findings<'_>) -> Option<PathBuf> {
    executable(around.directory.join(name), around.workdir, findings).map(|path| PathBuf::from(invocable(path)))
}

/// Whether there may be commands of hook `name`. One that may not be looked at may be one.
#[must_use]
pub fn is_there(name: &str, directory: &Path, configured: Option<&(Hook, Vec<HookRun>)>) -> bool {
    let may_run = |path: &Path| match fs::metadata(path) {
        Ok(metadata) => metadata.is_file() && access(path, AccessFlags::X_OK).is_ok(),
        Err(error) => !regular::is_absence(&error),
    };
    configured.is_some_and(|(_, runs)| !runs.is_empty())
        || may_run(&directory.join(name))
        || any_in(&directory.join(format!("{name}.d")))
}

/// Whether the directory holds anything that could be run, which ends plain use. One that may not be looked into may.
#[must_use]
pub fn any_in(directory: &Path) -> bool {
    match fs::read_dir(directory) {
        Ok(entries) => entries.flatten().any(|entry| access(&entry.path(), AccessFlags::X_OK).is_ok()),
        Err(error) => !regular::is_absence(&error),
    }
}

/// What is to be said of files in the default directory that look like hooks and will not run: in plain use too, because
/// a forgotten `chmod` is the commonest mistake with hooks.
#[must_use]
pub fn skipped_in_plain_use() -> Vec<String> {
    let layers = Layers::default();
    let mut findings = Findings::new(&layers, false, Vec::new());
    for name in super::PHASES {
        executable(Path::new(DEFAULT_DIRECTORY).join(name), Path::new(""), &mut findings);
    }
    findings.into_warnings()
}

fn files(name: &str, around: &Surroundings<'_>, findings: &mut Findings<'_>) -> Vec<PathBuf> {
    let mut found = Vec::from_iter(executable(around.directory.join(name), around.workdir, findings));
    let drop_in = around.directory.join(format!("{name}.d"));
    let mut names: Vec<OsString> = match fs::read_dir(around.workdir.join(&drop_in)) {
        Ok(entries) => entries.flatten().map(|entry| entry.file_name()).collect(),
        Err(error) => {
            if !regular::is_absence(&error) {
                findings.fault(
                    "hooks_dir",
                    format!("cannot list {}: {error}; make it readable for this user", drop_in.display()),
                );
            }
            Vec::new()
        }
    };
    names.sort_by(|one, other| one.as_bytes().cmp(other.as_bytes()));
    found.extend(names.iter().filter_map(|name| executable(drop_in.join(name), around.workdir, findings)));
    found
}

fn executable(path: PathBuf, workdir: &Path, findings: &mut Findings<'_>) -> Option<PathBuf> {
    let full = workdir.join(&path);
    let shown = path.display();
    let metadata = match fs::metadata(&full) {
        Ok(metadata) => metadata,
        Err(error) if full.is_symlink() => {
            findings
                .warning(&format!("hook {shown} is a link that leads nowhere and is skipped: {error}; mend the link"));
            return None;
        }
        Err(error) if regular::is_absence(&error) => return None,
        // Fails closed: a migration that cannot be looked at must not be skipped.
        Err(error) => {
            findings.fault("hooks_dir", format!("cannot look at {shown}: {error}; make it readable for this user"));
            return None;
        }
    };
    if !metadata.is_dir() && !metadata.is_file() {
        findings.warning(&format!("hook {shown} is no regular file and is skipped; put a script there"));
        return None;
    }
    if metadata.is_dir() {
        findings.warning(&format!(
            "hook {shown} is a directory and is skipped; put a script there, or its scripts into {shown}.d"
        ));
        return None;
    }
    if access(&full, AccessFlags::X_OK).is_err() {
        findings.warning(&format!("hook {shown} is not executable and is skipped; run chmod +x {shown}"));
        return None;
    }
    if lacks_interpreter_line(&full) {
        findings.warning(&format!("hook {shown} has no #! line and is run by /bin/sh; begin it with #!/bin/sh"));
    }
    Some(path)
}

fn lacks_interpreter_line(path: &Path) -> bool {
    // A program that may be executed and not read is none of ours to judge.
    let Some(start) = super::head(path) else { return false };
    !start.starts_with(b"#!") && !start.starts_with(b"\x7fELF")
}

/// A path that is looked up nowhere: it has a slash in it.
fn invocable(path: PathBuf) -> OsString {
    if path.as_os_str().as_bytes().contains(&b'/') { path.into() } else { Path::new(".").join(path).into() }
}

fn program(
    name: &str,
    label: &str,
    argv: Vec<CString>,
    identity: Option<Rc<Identity>>,
    around: &Surroundings<'_>,
) -> Program {
    let mut extra = vec![("APP_INIT_PHASE", name.as_bytes().to_vec()), ("APP_INIT_HOOK", label.as_bytes().to_vec())];
    // One that names a user of its own has that user's home.
    if let Some(identity) = identity.as_deref().filter(|_| identity != around.users.main()) {
        extra.extend(environment::of_identity(identity));
    }
    Program {
        argv,
        environment: exec::Environment::Computed(Rc::clone(around.strings)),
        extra: extra.iter().filter_map(|(name, value)| exec::assignment(name, value)).collect(),
        directory: Some(around.workdir.to_owned()),
        umask: around.umask,
        identity,
        bounds: around.bounds.clone(),
        stdin: Stdin::Null,
        stdout: match around.output {
            HookOutput::Stdout => Stdout::Inherited,
            HookOutput::Stderr => Stdout::Stderr,
        },
        keeps_descriptors: false,
        retries_busy: true,
        writes_environment: name == super::DEPLOY_ENV,
    }
}
