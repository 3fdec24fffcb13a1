//! The programs of a plan, looked for as exec will look for them: for `check`, and for what root must not run.

use std::ffi::OsStr;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use nix::unistd::{AccessFlags, access};

use super::environment::Environment;
use super::users::{self, Users};
use super::{Findings, Job, Planned};
use crate::config::Layers;
use crate::identity::{Identity, trust};
use crate::sys::exec::{self, Program};
use crate::sys::on_behalf;
use crate::wait::Target;

/// Reports programs that could not be executed.
pub fn check_programs(programs: &[Planned], findings: &mut Findings<'_>) {
    for planned in programs {
        match &planned.job {
            Job::Program(program) => check(program, &planned.key, findings),
            Job::Wait { waits, keys } => {
                for (wait, key) in waits.iter().zip(keys) {
                    if let Target::Command(program) = &wait.target {
                        check(program, &format!("{key}.command"), findings);
                    }
                }
            }
            Job::Prepare(_) => {}
        }
    }
}

fn check(program: &Program, key: &str, findings: &mut Findings<'_>) {
    let Some(name) = program.argv.first() else { return };
    // As whom it runs: what that user may not execute is passed over in PATH.
    let sought = || Ok(find(program).map(|file| file.into_os_string().into_vec()));
    let identity = program.identity.as_deref();
    if identity.is_some_and(|identity| matches!(on_behalf::of(identity, sought), Ok(Some(_)))) {
        return;
    }
    let Some(file) = find(program) else {
        let is_path = name.to_bytes().contains(&b'/');
        let place = if is_path { "it is not there, or not executable" } else { "not found in PATH" };
        return findings
            .fault(key, format!("cannot run {}: {place}; install it, or name another", name.to_string_lossy()));
    };
    let Some(identity) = identity else { return };
    let may_run = || match access(&file, AccessFlags::X_OK) {
        Ok(()) => Ok(None),
        Err(errno) => Err(format!("{}; run chmod a+rx on it and on the directories above it", errno.desc())),
    };
    if let Err(why) = on_behalf::of(identity, may_run) {
        findings.fault(key, format!("{} cannot run {}: {why}", users::shown(identity), file.display()));
    }
}

/// The file that would be executed.
fn find(program: &Program) -> Option<PathBuf> {
    let runs = |path: &PathBuf| path.is_file() && access(path, AccessFlags::X_OK).is_ok();
    candidates(program).into_iter().find(runs)
}

/// Where the program is looked for, in order.
fn candidates(program: &Program) -> Vec<PathBuf> {
    let Some(name) = program.argv.first() else { return Vec::new() };
    let name = Path::new(OsStr::from_bytes(name.to_bytes()));
    if name.as_os_str().as_bytes().contains(&b'/') {
        return vec![directory(program).join(name)];
    }
    search_path(program).into_iter().map(|directory| directory.join(name)).collect()
}

/// The directories of PATH.
fn search_path(program: &Program) -> Vec<PathBuf> {
    let path = exec::search_path_of(&program.environment);
    let entries = path.split(|&byte| byte == b':').map(|entry| Path::new(OsStr::from_bytes(entry)));
    entries.map(|entry| directory(program).join(entry)).collect()
}

fn directory(program: &Program) -> &Path {
    program.directory.as_deref().unwrap_or_else(|| Path::new(""))
}

/// What root is about to use of the application's.
pub struct Trusted<'a> {
    pub layers: &'a Layers,
    pub programs: Vec<&'a Planned>,
    pub environment: &'a Environment,
    /// What root gives to a user before it runs anything else.
    pub given_to: &'a dyn Fn(&Identity) -> Vec<PathBuf>,
    /// Where it writes, if the configuration names a file.
    pub termination_file: Option<&'a Path>,
}

/// Refuses what would let the application's user steer root: the files of the configuration, programs that run as root
/// or with a group that is not the user's, and what such a program looks at before it does what it was told.
pub fn check_trust(trusted: &Trusted<'_>, users: &Users, findings: &mut Findings<'_>) {
    for boundary in users.boundaries(&trusted.layers.replaced_users) {
        let given = (trusted.given_to)(&boundary);
        // Who that user is stands in the last two.
        let databases = ["/etc/passwd", "/etc/group"].map(PathBuf::from);
        let databases = databases.iter().filter(|_| users.are_looked_up());
        for file in trusted.layers.files.iter().chain(databases) {
            let at_fault = trust::changeable_by(file, &boundary).or_else(|| is_given(file, &given));
            refuse_if(at_fault, "user", file, &boundary, findings);
        }
    }
    let Some(boundary) = users.boundary() else { return };
    if let Some(directory) = trusted.termination_file.and_then(Path::parent) {
        let at_fault = trust::could_be_put_by(directory, boundary);
        refuse_if(at_fault, "log.termination_file", directory, boundary, findings);
    }
    let given = (trusted.given_to)(boundary);
    let mut steered = false;
    for planned in &trusted.programs {
        let Some(program) = planned.program().filter(|program| is_above(program, boundary)) else { continue };
        steered = true;
        if let Some(why) = &planned.by_user {
            findings.refusal(&planned.key, why.clone());
        }
        for file in files_of(program) {
            let at_fault = trust::could_be_put_by(&file, boundary).or_else(|| is_given(&file, &given));
            refuse_if(at_fault, &planned.key, &file, boundary, findings);
        }
        for directory in search_path(program) {
            let at_fault = trust::could_be_put_by(&directory, boundary);
            if let Some(at_fault) = at_fault.or_else(|| is_given(&directory, &given)) {
                let (path, who) = (directory.display(), users::shown(boundary));
                let what = format!("looks for programs in {path}, which could be changed by {who}: {at_fault}");
                findings.refusal(&planned.key, format!("{what}; make it root's, or take it out of PATH"));
            }
        }
    }
    for (name, source) in trusted.environment.steering().filter(|_| steered) {
        findings.refusal(
            "env",
            format!("{name} from {source} would steer what runs as root; remove it there, or set it in env.set"),
        );
    }
}

fn refuse_if(at_fault: Option<String>, key: &str, file: &Path, user: &Identity, findings: &mut Findings<'_>) {
    if let Some(at_fault) = at_fault {
        let (path, who) = (file.display(), users::shown(user));
        let what = format!("{path} could be changed by {who}: {at_fault}; make it root's, and nobody else's to write");
        findings.refusal(key, what);
    }
}

/// Whether the program runs with a right that the user does not have.
fn is_above(program: &Program, user: &Identity) -> bool {
    let has = |gid: &u32| *gid == user.gid || user.groups.contains(gid);
    program
        .identity
        .as_ref()
        .is_none_or(|identity| identity.uid != user.uid || !identity.groups.iter().chain([&identity.gid]).all(has))
}

/// What the kernel would execute for the program, wherever it may appear: the file, and the interpreters that its first
/// line names.
fn files_of(program: &Program) -> Vec<PathBuf> {
    /// As many as the kernel follows (execve(2)).
    const DEEPEST: usize = 5;
    let Some(found) = find(program) else {
        let named = candidates(program);
        // In PATH the directories count, not each name in them.
        return if named.len() == 1 { named } else { Vec::new() };
    };
    let mut files = vec![found];
    while let Some(words) = files.last().filter(|_| files.len() < DEEPEST).and_then(|file| interpreter(file)) {
        let mut words = words.into_iter();
        let Some(interpreter) = words.next() else { break };
        let is_env = interpreter.file_name() == Some(OsStr::new("env"));
        files.push(interpreter);
        if is_env {
            // The directories of PATH are looked at by themselves; a link in them may lead elsewhere.
            let named = words.find(|word| !word.as_os_str().as_bytes().starts_with(b"-"));
            let is_there = |path: &PathBuf| path.is_file();
            let found = named.and_then(|name| search_path(program).iter().map(|at| at.join(&name)).find(is_there));
            files.extend(found);
            break;
        }
    }
    files
}

/// The words of a script's first line.
fn interpreter(file: &Path) -> Option<Vec<PathBuf>> {
    let head = super::head(file)?;
    let line = head.split(|&byte| byte == b'\n').next()?.strip_prefix(b"#!")?;
    let words = line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    Some(words.map(|word| PathBuf::from(OsStr::from_bytes(word))).collect())
}

/// What is given to the user and holds the file, wherever links lead: itself, or a directory above it.
fn is_given(file: &Path, given: &[PathBuf]) -> Option<String> {
    let real = |path: &Path| std::fs::canonicalize(path).ok();
    let in_its_directory = |path: &Path| Some(real(path.parent()?)?.join(path.file_name()?));
    let names: Vec<PathBuf> =
        [real(file), in_its_directory(file), Some(file.to_owned())].into_iter().flatten().collect();
    let holds = |one: &&PathBuf| {
        let one = real(one).or_else(|| in_its_directory(one)).unwrap_or_else(|| (*one).clone());
        names.iter().any(|name| name.starts_with(&one))
    };
    Some(format!("{} is given to that user by [[prepare]]", given.iter().find(holds)?.display()))
}
