//! The application's hooks: which there are, and what they run (§6).

use std::collections::BTreeMap;
use std::ffi::{CString, OsStr, OsString};
use std::fs;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use super::environment::{self, Environment, Strings};
use super::executed;
use super::files::{Disk, Files as _};
use super::users::Users;
use super::{Findings, Job, Planned, settings};
use crate::config::Layers;
use crate::config::condition::{self, Facts};
use crate::config::expand::{self, Lookup as _, Word};
use crate::config::keys::{self, Hook, HookRun};
use crate::config::values::{Condition, HookOutput, Named, Span};
use crate::identity::Identity;
use crate::machine::{ChildId, HookRule, OnFailure, Retry};
use crate::sys::bounds::Bounds;
use crate::sys::exec::{self, Program, Stdin, Stdout};
use crate::sys::regular;
use crate::text::near;

/// What is said of a command in which every word belongs to an optional group that is left out.
pub const NO_WORD_LEFT: &str =
    "has no word left: each is optional, and a variable of it is not set; write its program as a word of its own";

/// What every hook of a plan has in common.
#[derive(Clone, Copy)]
pub struct Surroundings<'a> {
    /// Where hooks run, and what `directory` is relative to.
    pub workdir: &'a Path,
    pub directory: &'a Path,
    pub environment: &'a Environment,
    /// The same, as the programs get it.
    pub strings: &'a Strings,
    /// The server's command line, for `when`.
    pub server: &'a [Vec<u8>],
    /// The role that was chosen.
    pub role: Option<&'a str>,
    pub users: &'a Users,
    pub bounds: &'a Option<Rc<Bounds>>,
    pub umask: Option<u32>,
    pub output: HookOutput,
    /// Handed to the hook's files: what follows the name in `app-init hook NAME`.
    pub arguments: &'a [OsString],
    /// What a failed command means where nothing is configured.
    pub on_failure: OnFailure,
}

impl Facts for Surroundings<'_> {
    fn variable(&self, name: &str) -> Option<Vec<u8>> {
        self.environment.get(name)
    }

    fn argv(&self) -> &[Vec<u8>] {
        self.server
    }

    fn role(&self) -> Option<&str> {
        self.role
    }

    /// Where a link of the user's could lead to what is none of the user's business, it is looked at as the user.
    fn is_there(&self, path: &Path) -> bool {
        let path = self.workdir.join(path);
        let user = self.users.boundaries().iter().find(|user| Disk.is_of(user, &path));
        Disk.is_there(&path, user.map(|user| &*user.identity))
    }
}

impl Surroundings<'_> {
    /// Whether all conditions hold.
    pub fn is_due(&self, conditions: &[Condition]) -> bool {
        conditions.iter().all(|condition| condition.holds(self))
    }

    /// The same for what `key` names, with a word of what is left out.
    pub fn is_on(&self, key: &str, conditions: &[Condition], findings: &mut Findings<'_>) -> bool {
        let is_due = self.is_due(conditions);
        if !is_due {
            findings.note(&format!("{key} is off: its `when` does not hold"));
        }
        is_due
    }
}

/// What is configured for hooks, by name.
pub type Hooks = BTreeMap<String, (Hook, Vec<HookRun>)>;

/// One command of a hook, before it is a program.
pub struct Command<'a> {
    /// Where it was named.
    pub key: String,
    pub label: String,
    pub argv: Vec<CString>,
    /// Why root must not run it: of which words the application's user could be the author.
    pub by_user: Option<String>,
    /// Its own settings, and where they are.
    run: Option<(&'a HookRun, String)>,
}

impl Command<'_> {
    /// Refuses words of the user's where the program runs as more than that user.
    pub fn refuse_where_above(&self, users: &Users, identity: Option<&Identity>, findings: &mut Findings<'_>) {
        if let Some(why) = self.by_user.as_ref().filter(|_| users.is_above(identity)) {
            findings.refusal(&self.key, why.clone());
        }
    }
}

/// The commands of hook `name`, in order: its file, the files of `NAME.d`, the configured commands. Their programs are
/// appended to `programs`.
pub fn plan(
    name: &str,
    all: &Hooks,
    around: &Surroundings<'_>,
    programs: &mut Vec<Planned>,
    findings: &mut Findings<'_>,
) -> Vec<HookRule> {
    let configured = all.get(name);
    let key = format!("hooks.{name}");
    let of_hook = Said { hook: configured.map(|(hook, _)| hook), run: None, key: &key };
    let mut list = Appender { name, around, programs, rules: Vec::new() };
    for command in commands(name, configured, around, findings) {
        let run = command.run.as_ref().map(|(run, key)| (*run, key.as_str()));
        let said = Said { run, ..of_hook };
        let own = said.own_user(around, findings);
        if let Some((run, key)) = run
            && let Some(question) = &run.skip_if
        {
            list.ask(question, 1, said, &format!("{key}.skip_if"), own.as_ref(), findings);
        }
        let rule = said.rule(name, around, findings);
        list.append(command, own.as_ref(), rule, findings);
    }
    if let Some(question) = of_hook.hook.and_then(|hook| hook.skip_if.as_ref())
        && !list.rules.is_empty()
    {
        // One answer for all of them, so it stands before them.
        let commands = std::mem::take(&mut list.rules);
        let count = u16::try_from(commands.len()).unwrap_or(u16::MAX);
        let own = of_hook.own_user(around, findings);
        list.ask(question, count, of_hook, &format!("{key}.skip_if"), own.as_ref(), findings);
        list.rules.extend(commands);
    }
    list.rules
}

/// Tells of hooks that are for no phase. They may have any name (`app-init hook NAME`), so that one that is misspelt
/// would never run, without a word: that is a warning.
pub fn tell_of_others(all: &Hooks, around: &Surroundings<'_>, findings: &mut Findings<'_>) {
    if all.contains_key(super::START) {
        findings.warning(
            "hooks.start has no effect: the start hook is a file; what is to be said of it goes into [server]",
        );
    }
    let by_name = |name: &str, what: &str| format!("{what} runs only by app-init hook {name}");
    for name in all.keys().filter(|name| !super::PHASES.contains(&name.as_str())) {
        match meant_phase(name) {
            Some(phase) => {
                findings.warning(&format!("hooks.{name} belongs to no phase and never runs; write hooks.{phase}"));
            }
            None => findings.note(&by_name(name, &format!("hooks.{name}"))),
        }
    }
    let directory = around.workdir.join(around.directory);
    // That it cannot be listed is said where its hooks are looked for.
    for name in names_in(&directory).iter().flatten().filter_map(|name| name.to_str()) {
        let (stem, end) = name.strip_suffix(".d").map_or((name, ""), |stem| (stem, ".d"));
        let path = directory.join(name);
        let runs = fs::metadata(&path).is_ok_and(|it| it.is_dir() != end.is_empty() && is_executable(&it));
        if !runs || super::PHASES.contains(&stem) || is_left_behind(OsStr::new(name)) {
            continue;
        }
        let shown = around.directory.join(name);
        let what = format!("hook {}", shown.display());
        let meant = meant_phase(stem).map(|phase| format!("{phase}{end}"));
        match meant.filter(|meant| !directory.join(meant).exists()) {
            Some(meant) => {
                findings.warning(&format!("{what} belongs to no phase and never runs; name it {meant}"));
            }
            // Beside a phase's hook it may be the script that the hook runs.
            None => findings.note(&by_name(stem, &what)),
        }
    }
}

/// The phase that a name is like but for case, `_`, `-`, a script's extension and a slip of one letter.
fn meant_phase(name: &str) -> Option<&'static str> {
    const EXTENSIONS: [&str; 7] = ["sh", "bash", "py", "rb", "pl", "php", "js"];
    let plain = name.to_ascii_lowercase();
    let stem = plain.rsplit_once('.').filter(|(_, extension)| EXTENSIONS.contains(extension));
    let letters = |name: &str| name.replace(['-', '_'], "");
    let stem = letters(stem.map_or(plain.as_str(), |(stem, _)| stem));
    if stem == "predeploy" {
        return Some(super::DEPLOY);
    }
    // No finger slips on a number: `deploy2` is another.
    let slips = usize::from(!stem.bytes().any(|byte| byte.is_ascii_digit()));
    super::PHASES.into_iter().find(|&phase| name != phase && near::is_within(slips, &stem, &letters(phase)))
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

    /// Whom it names itself.
    fn own_user(&self, around: &Surroundings<'_>, findings: &mut Findings<'_>) -> Option<Rc<Identity>> {
        let (key, user) = self.pick("user", |run| run.user.as_ref(), |hook| hook.user.as_ref())?;
        around.users.resolve(&key, user, findings)
    }

    fn rule(&self, name: &str, around: &Surroundings<'_>, findings: &mut Findings<'_>) -> HookRule {
        let mut span = |picked: Option<(String, &Span)>| {
            picked.and_then(|(key, span)| settings::resolve(&key, Some(span), around.environment, findings))
        };
        // Pollers wait for things for as long as it takes.
        let default = if name == super::POST_DEPLOY { Duration::ZERO } else { Hook::TIMEOUT };
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
                backoff: pause("backoff", &retry.backoff).unwrap_or(keys::Retry::BACKOFF),
                max_backoff: pause("max_backoff", &retry.max_backoff).unwrap_or(keys::Retry::MAX_BACKOFF),
                on_codes: retry.on_codes.clone(),
            }
        });
        let is_asked_for = name == super::POST_DEPLOY && around.on_failure == OnFailure::Abort;
        let failure = self.pick("on_failure", |run| run.on_failure.as_ref(), |hook| hook.on_failure.as_ref());
        let stop = self.pick("on_stop", |run| run.on_stop.as_ref(), |hook| hook.on_stop.as_ref());
        HookRule {
            // Its place is known when it is appended.
            child: ChildId(0),
            timeout: (!timeout.is_zero()).then_some(timeout),
            stop_timeout: stop_timeout.unwrap_or(Hook::STOP_TIMEOUT),
            on_failure: match failure {
                // Whoever asked for it wants to know how it ends.
                Some(_) if is_asked_for => OnFailure::Abort,
                Some((_, Named(policy))) => policy.rule(),
                None => around.on_failure,
            },
            on_stop: stop.map_or(Hook::ON_STOP, |(_, Named(policy))| *policy),
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
    let mut commands = Vec::new();
    let is_on = around.is_on(&format!("hooks.{name}"), of_hook, findings);
    if is_on {
        for file in files(name, around, findings) {
            let label = file.display().to_string();
            let words = [invocable(file)].into_iter().chain(around.arguments.iter().cloned());
            let key = format!("hooks.{name}");
            commands.push(Command { key, label, argv: exec::arguments(words), by_user: None, run: None });
        }
    }
    for (place, run) in configured.iter().flat_map(|(_, runs)| runs).enumerate() {
        let key = format!("hooks.{name}.run[{place}]");
        if !run.when.as_ref().map_or(is_on, |when| around.is_on(&key, when, findings)) {
            continue;
        }
        let command = words(&run.command, &format!("{key}.command"), around.environment, findings);
        commands.extend(command.map(|command| Command { run: Some((run, key)), ..command }));
    }
    commands
}

/// A command of the configuration; `None` where it cannot be expanded.
pub fn words<'a>(
    list: &[Word],
    key: &str,
    environment: &Environment,
    findings: &mut Findings<'_>,
) -> Option<Command<'a>> {
    match expand::expand_words(list, environment) {
        Ok(words) if words.is_empty() && !list.is_empty() => {
            findings.unset(key, NO_WORD_LEFT.into());
            None
        }
        Ok(words) => {
            let label = findings.secrets().mask(&words.join(&b' '));
            let words = words.into_iter().map(OsString::from_vec);
            Some(Command {
                key: key.to_owned(),
                label: String::from_utf8_lossy(&label).into_owned(),
                argv: exec::arguments(words),
                by_user: list.iter().flat_map(Word::texts).find_map(|text| by_user(text, environment)),
                run: None,
            })
        }
        Err(faults) => {
            findings.unexpanded(key, faults);
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
    fn append(
        &mut self,
        command: Command<'_>,
        own: Option<&Rc<Identity>>,
        rule: HookRule,
        findings: &mut Findings<'_>,
    ) {
        command.refuse_where_above(self.around.users, self.around.users.to_become(own).as_deref(), findings);
        let Command { key, label, argv, by_user, .. } = command;
        let id = ChildId(u16::try_from(self.programs.len()).unwrap_or(u16::MAX));
        self.rules.push(HookRule { child: id, ..rule });
        self.programs.push(Planned {
            job: Job::Program(program(self.name, &label, argv, own, self.around)),
            key,
            label,
            phase: self.name.to_owned(),
            looked_for_in: Some(self.around.workdir.to_owned()),
            by_user: by_user.is_some(),
        });
    }

    /// Appends the question whose answer 0 skips the `skips` commands after it.
    fn ask(
        &mut self,
        question: &[Word],
        skips: u16,
        said: Said<'_>,
        key: &str,
        own: Option<&Rc<Identity>>,
        findings: &mut Findings<'_>,
    ) {
        let Some(command) = words(question, key, self.around.environment, findings) else { return };
        if command.argv.is_empty() {
            findings
                .fault(key, "is empty; write a command that exits with 0 when there is nothing to do, or remove it");
            return;
        }
        let rule = HookRule { skips: Some(skips), retry: None, ..said.rule(self.name, self.around, findings) };
        self.append(command, own, rule, findings);
    }
}

/// Which part of `text` a user could be the author of, for a message about something that root does.
#[must_use]
pub fn by_user(text: &str, environment: &Environment) -> Option<String> {
    let (name, source) = environment.by_user(expand::names(text))?;
    Some(format!(
        "${{{name}}} comes from {source}, which the application's user could have written, and root would act on it; set it in env.set, or make its source root's"
    ))
}

/// The executable file `name` in the hooks' directory, as it is to be called.
pub fn file(name: &str, around: &Surroundings<'_>, findings: &mut Findings<'_>) -> Option<PathBuf> {
    executable(around.directory.join(name), around.workdir, findings).map(|path| PathBuf::from(invocable(path)))
}

/// Whether there may be commands of hook `name`. One that may not be looked at may be one.
#[must_use]
pub fn is_there(name: &str, directory: &Path, configured: Option<&(Hook, Vec<HookRun>)>) -> bool {
    let may_run = |path: &Path| match fs::metadata(path) {
        Ok(metadata) => metadata.is_file() && is_executable(&metadata),
        Err(error) => !regular::is_absence(&error),
    };
    configured.is_some_and(|(_, runs)| !runs.is_empty())
        || may_run(&directory.join(name))
        || any_in(&directory.join(format!("{name}.d")))
}

/// Whether the directory holds anything that could be run, which ends plain use. One that may not be looked into may.
#[must_use]
pub fn any_in(directory: &Path) -> bool {
    // A directory that this user may not enter may hold a hook.
    let may_run = |entry: fs::DirEntry| {
        let may_run = || fs::metadata(entry.path()).is_ok_and(|metadata| metadata.is_dir() || is_executable(&metadata));
        !is_hidden(&entry.file_name()) && !is_left_behind(&entry.file_name()) && may_run()
    };
    match fs::read_dir(directory) {
        Ok(entries) => entries.flatten().any(may_run),
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
        executable(Path::new(keys::Top::HOOKS_DIR).join(name), Path::new(""), &mut findings);
    }
    findings.into_warnings()
}

fn files(name: &str, around: &Surroundings<'_>, findings: &mut Findings<'_>) -> Vec<PathBuf> {
    let mut found = Vec::from_iter(executable(around.directory.join(name), around.workdir, findings));
    let drop_in = around.directory.join(format!("{name}.d"));
    let names = names_in(&around.workdir.join(&drop_in)).unwrap_or_else(|error| {
        if !regular::is_absence(&error) {
            let what = format!("cannot list {}: {}", drop_in.display(), regular::why_not(&error));
            findings.fault("hooks_dir", what);
        }
        Vec::new()
    });
    for name in names {
        let path = drop_in.join(&name);
        if is_left_behind(&name) {
            findings.note(&format!("{} is no hook by its name and is skipped", path.display()));
        } else {
            found.extend(executable(path, around.workdir, findings));
        }
    }
    found
}

/// What is in a directory, in byte order.
fn names_in(directory: &Path) -> std::io::Result<Vec<OsString>> {
    let entries = fs::read_dir(directory)?.flatten();
    let mut names: Vec<OsString> = entries.map(|entry| entry.file_name()).filter(|name| !is_hidden(name)).collect();
    names.sort_by(|one, other| one.as_bytes().cmp(other.as_bytes()));
    Ok(names)
}

/// Whether all of hook `name` runs as root.
#[must_use]
pub fn runs_as_root(name: &str, all: &Hooks, users: &Users) -> bool {
    let is_root = |spec: Option<&String>| match spec {
        Some(spec) => users.databases().is_ok_and(|all| all.resolve(spec).is_ok_and(|user| user.uid == 0)),
        None => users.main().is_none_or(|user| user.uid == 0),
    };
    let Some((hook, runs)) = all.get(name) else { return is_root(None) };
    is_root(hook.user.as_ref()) && runs.iter().all(|run| is_root(run.user.as_ref().or(hook.user.as_ref())))
}

/// What an editor leaves behind, and the links by which a volume of Kubernetes is changed as a whole.
fn is_hidden(name: &OsStr) -> bool {
    name.as_bytes().starts_with(b".")
}

/// What editors and packagers leave beside a file, and what is there to be read: on some file systems each file is
/// executable.
fn is_left_behind(name: &OsStr) -> bool {
    const NAMES: [&[u8]; 10] =
        [b"*~", b"*.bak", b"*.orig", b"*.rej", b"*.swp", b"#*#", b"*.dpkg-*", b"*.rpm*", b"*.md", b"*.txt"];
    NAMES.iter().any(|glob| condition::matches(glob, name.as_bytes()))
}

/// Whether a file is meant to be executed. Whether this user may, here, is for the kernel to say: what cannot be run has
/// failed, and is not skipped.
fn is_executable(metadata: &fs::Metadata) -> bool {
    metadata.mode() & 0o111 != 0
}

fn is_loop(error: &std::io::Error) -> bool {
    error.raw_os_error() == Some(nix::libc::ELOOP)
}

fn executable(path: PathBuf, workdir: &Path, findings: &mut Findings<'_>) -> Option<PathBuf> {
    let full = workdir.join(&path);
    let shown = path.display();
    let metadata = match fs::metadata(&full) {
        Ok(metadata) => metadata,
        Err(error) if full.is_symlink() && (regular::is_absence(&error) || is_loop(&error)) => {
            findings
                .warning(&format!("hook {shown} is a link that leads nowhere and is skipped: {error}; mend the link"));
            return None;
        }
        Err(error) if regular::is_absence(&error) => return None,
        // Fails closed: a migration that cannot be looked at must not be skipped.
        Err(error) => {
            findings.fault("hooks_dir", format!("cannot look at {shown}: {}", regular::why_not(&error)));
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
    if !is_executable(&metadata) {
        findings.warning(&format!("hook {shown} is not executable and is skipped; run chmod +x {shown}"));
        return None;
    }
    // A program that may be executed and not read is none of ours to judge.
    let Some(start) = executed::head(&full) else { return Some(path) };
    match start.strip_prefix(b"#!") {
        Some(rest) if gives_a_carriage_return(rest) => findings.warning(&format!(
            "hook {shown} will not run: its #! line ends in a carriage return (CRLF); run dos2unix on it"
        )),
        None if !exec::is_binary(&start) => {
            findings.warning(&format!("hook {shown} has no #! line and is run by /bin/sh; begin it with #!/bin/sh"));
        }
        _ => {}
    }
    Some(path)
}

/// Whether an interpreter is given an argument that ends in a carriage return, of which it will say something odd
/// (`#!/usr/bin/env bash`). Where its own name does, it is not found, and that is said then.
fn gives_a_carriage_return(rest: &[u8]) -> bool {
    let line = rest.split(|&byte| byte == b'\n').next().unwrap_or(rest).trim_ascii_start();
    // `env -S` takes it for a blank.
    let splits = line.windows(3).any(|word| word == b" -S");
    line.ends_with(b"\r") && line.iter().any(|byte| matches!(byte, b' ' | b'\t')) && !splits
}

/// A path that is looked up nowhere: it has a slash in it.
fn invocable(path: PathBuf) -> OsString {
    if path.as_os_str().as_bytes().contains(&b'/') { path.into() } else { Path::new(".").join(path).into() }
}

fn program(
    name: &str,
    label: &str,
    argv: Vec<CString>,
    own: Option<&Rc<Identity>>,
    around: &Surroundings<'_>,
) -> Program {
    let mut extra = vec![("APP_INIT_PHASE", name.as_bytes().to_vec()), ("APP_INIT_HOOK", label.as_bytes().to_vec())];
    // One that names a user of its own has that user's home.
    if let Some(own) = own.filter(|own| Some(own.as_ref()) != around.users.configured()) {
        extra.extend(environment::of_identity(own));
    }
    let identity = around.users.to_become(own);
    Program {
        argv,
        environment: exec::Environment::Computed(around.strings.of(identity.as_deref(), around.users)),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_differ_by_a_habit_only_are_meant_for_the_phase() {
        for (name, phase) in [
            ("post_deploy", Some("post-deploy")),
            ("Deploy", Some("deploy")),
            ("deploy.sh", Some("deploy")),
            ("ON_FAILURE.py", Some("on-failure")),
            ("deploy", None),
            ("deploy.disabled", None),
            ("deploy.sh.bak", None),
            ("predeploy", Some("deploy")),
            ("pre_deploy.sh", Some("deploy")),
            ("postdeploy", Some("post-deploy")),
            ("depoly", Some("deploy")),
            ("on-failur", Some("on-failure")),
            ("prestop", Some("pre-stop")),
            ("deploy-env", None),
            ("redeploy", None),
            ("deploy2", None),
            ("release", None),
            ("seed", None),
        ] {
            assert_eq!(meant_phase(name), phase, "{name}");
        }
    }

    #[test]
    fn a_carriage_return_is_an_arguments_or_the_interpreters_own() {
        for (rest, is_argument) in [
            (&b"/usr/bin/env bash\r\necho\r\n"[..], true),
            (b"/bin/sh -e\r\n", true),
            (b"/bin/sh\r\necho a b\r\n", false),
            (b" /bin/sh\r\n", false),
            (b"/usr/bin/env bash\necho\r\n", false),
            (b"/usr/bin/env bash", false),
            (b"/usr/bin/env -S bash -e\r\n", false),
        ] {
            assert_eq!(gives_a_carriage_return(rest), is_argument, "{}", rest.escape_ascii());
        }
    }
}
