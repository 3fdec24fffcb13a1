//! The application's hooks: which there are, and what they run (§6).

use std::ffi::{CString, OsString};
use std::fs;
use std::io::ErrorKind;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use nix::unistd::{AccessFlags, access};

use super::{Findings, Planned};
use crate::config::Layers;
use crate::config::expand::{self, Lookup};
use crate::config::keys::{Hook, HookRun};
use crate::config::values::{HookOutput, Named, Span};
use crate::machine::{ChildId, HookRule, OnFailure, OnStop};
use crate::sys::exec::{self, Environment, Program, Stdin, Stdout};

/// Where hooks are unless `hooks_dir` says otherwise: where the original system had them.
pub const DEFAULT_DIRECTORY: &str = ".docker/action_hooks";

const DEFAULT_TIMEOUT: Duration = Duration::from_secs(600);
const DEFAULT_STOP_TIMEOUT: Duration = Duration::from_secs(10);

/// What every hook of a plan has in common.
pub struct Surroundings<'a, E: Lookup> {
    /// Where hooks run, and what `directory` is relative to.
    pub workdir: &'a Path,
    pub directory: &'a Path,
    pub environment: &'a E,
    pub strings: &'a Rc<[CString]>,
    pub umask: Option<u32>,
    pub output: HookOutput,
    /// Handed to the hook's files: what follows the name in `app-init hook NAME`.
    pub arguments: &'a [OsString],
    /// What a failed command means where nothing is configured.
    pub on_failure: OnFailure,
}

/// The commands of hook `name`, in order: its file, the files of `NAME.d`, the configured commands. Their programs are
/// appended to `programs`.
pub fn plan<E: Lookup>(
    name: &str,
    configured: Option<&(Hook, Vec<HookRun>)>,
    around: &Surroundings<'_, E>,
    programs: &mut Vec<Planned>,
    findings: &mut Findings<'_>,
) -> Vec<HookRule> {
    let mut rules = Vec::new();
    let settings = configured.map(|(hook, _)| hook);
    let mut add = |label: String, argv: Vec<CString>, run: Option<&HookRun>| {
        let id = ChildId(u16::try_from(programs.len()).unwrap_or(u16::MAX));
        rules.push(rule(id, name, settings, run, around.on_failure));
        let looked_for_in = Some(around.workdir.to_owned());
        programs.push(Planned {
            program: program(name, &label, argv, around),
            label,
            phase: name.to_owned(),
            looked_for_in,
        });
    };
    for file in files(name, around, findings) {
        let label = file.display().to_string();
        let words = [invocable(file)].into_iter().chain(around.arguments.iter().cloned());
        add(label, exec::arguments(words), None);
    }
    for (place, run) in configured.iter().flat_map(|(_, runs)| runs).enumerate() {
        match expand::expand_words(&run.command, around.environment) {
            Ok(words) => {
                let words: Vec<OsString> = words.into_iter().map(OsString::from_vec).collect();
                let label = words.join(" ".as_ref()).to_string_lossy().into_owned();
                add(label, exec::arguments(words), Some(run));
            }
            Err(faults) => faults
                .into_iter()
                .for_each(|fault| findings.fault(&format!("hooks.{name}.run[{place}].command"), fault)),
        }
    }
    rules
}

/// The executable file `name` in the hooks' directory, as it is to be called.
pub fn file<E: Lookup>(name: &str, around: &Surroundings<'_, E>, findings: &mut Findings<'_>) -> Option<PathBuf> {
    executable(around.directory.join(name), around.workdir, findings).map(|path| PathBuf::from(invocable(path)))
}

/// Whether the directory holds anything that could be run, which ends plain use. One that may not be looked into may.
#[must_use]
pub fn any_in(directory: &Path) -> bool {
    match fs::read_dir(directory) {
        Ok(entries) => entries.flatten().any(|entry| access(&entry.path(), AccessFlags::X_OK).is_ok()),
        Err(error) => !is_absence(&error),
    }
}

fn is_absence(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}

/// What is to be said of files in the default directory that look like hooks and will not run: in plain use too, because
/// a forgotten `chmod` is the commonest mistake with hooks.
#[must_use]
pub fn skipped_in_plain_use() -> Vec<String> {
    let layers = Layers::default();
    let mut findings = Findings { layers: &layers, strict: false, faults: Vec::new(), warnings: Vec::new() };
    for name in super::PHASES {
        executable(Path::new(DEFAULT_DIRECTORY).join(name), Path::new(""), &mut findings);
    }
    findings.warnings
}

fn files<E: Lookup>(name: &str, around: &Surroundings<'_, E>, findings: &mut Findings<'_>) -> Vec<PathBuf> {
    let mut found = Vec::from_iter(executable(around.directory.join(name), around.workdir, findings));
    let drop_in = around.directory.join(format!("{name}.d"));
    let mut names: Vec<OsString> = match fs::read_dir(around.workdir.join(&drop_in)) {
        Ok(entries) => entries.flatten().map(|entry| entry.file_name()).collect(),
        Err(error) => {
            if !is_absence(&error) {
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
                .warning(format!("hook {shown} is a link that leads nowhere and is skipped: {error}; mend the link"));
            return None;
        }
        Err(error) if is_absence(&error) => return None,
        // Fails closed: a migration that cannot be looked at must not be skipped.
        Err(error) => {
            findings.fault("hooks_dir", format!("cannot look at {shown}: {error}; make it readable for this user"));
            return None;
        }
    };
    if !metadata.is_dir() && !metadata.is_file() {
        findings.warning(format!("hook {shown} is no regular file and is skipped; put a script there"));
        return None;
    }
    if metadata.is_dir() {
        findings.warning(format!(
            "hook {shown} is a directory and is skipped; put a script there, or its scripts into {shown}.d"
        ));
        return None;
    }
    if access(&full, AccessFlags::X_OK).is_err() {
        findings.warning(format!("hook {shown} is not executable and is skipped; run chmod +x {shown}"));
        return None;
    }
    if lacks_interpreter_line(&full) {
        findings.warning(format!("hook {shown} has no #! line and is run by /bin/sh; begin it with #!/bin/sh"));
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

fn program<E: Lookup>(name: &str, label: &str, argv: Vec<CString>, around: &Surroundings<'_, E>) -> Program {
    let extra = [("APP_INIT_PHASE", name), ("APP_INIT_HOOK", label)];
    Program {
        argv,
        environment: Environment::Computed(Rc::clone(around.strings)),
        extra: extra.iter().filter_map(|(name, value)| exec::assignment(name, value.as_bytes())).collect(),
        directory: Some(around.workdir.to_owned()),
        umask: around.umask,
        stdin: Stdin::Null,
        stdout: match around.output {
            HookOutput::Stdout => Stdout::Inherited,
            HookOutput::Stderr => Stdout::Stderr,
        },
        keeps_descriptors: false,
        retries_busy: true,
    }
}

fn rule(child: ChildId, name: &str, hook: Option<&Hook>, run: Option<&HookRun>, on_failure: OnFailure) -> HookRule {
    // Pollers wait for things for as long as it takes.
    let default = if name == super::POST_DEPLOY { Duration::ZERO } else { DEFAULT_TIMEOUT };
    let span = |of_run: Option<Span>, of_hook: Option<Span>| of_run.or(of_hook).map(|Span(span)| span);
    let timeout = span(run.and_then(|run| run.timeout), hook.and_then(|hook| hook.timeout)).unwrap_or(default);
    let stop_timeout = span(run.and_then(|run| run.stop_timeout), hook.and_then(|hook| hook.stop_timeout));
    let failure = run.and_then(|run| run.on_failure).or(hook.and_then(|hook| hook.on_failure));
    let stop = run.and_then(|run| run.on_stop).or(hook.and_then(|hook| hook.on_stop));
    HookRule {
        child,
        timeout: (!timeout.is_zero()).then_some(timeout),
        stop_timeout: stop_timeout.unwrap_or(DEFAULT_STOP_TIMEOUT),
        on_failure: failure.map_or(on_failure, |Named(policy)| policy),
        on_stop: stop.map_or(OnStop::Stop, |Named(policy)| policy),
    }
}
