//! The programs of a plan, looked for as exec will look for them: for `check`, and for what root must not run.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use nix::unistd::{AccessFlags, access};

use super::users::Users;
use super::{Findings, Job, Planned};
use crate::sys::exec::{self, Program};
use crate::wait::Target;

/// Reports programs that could not be executed. Hooks' files were looked at when they were found.
pub fn check_programs(programs: &[Planned], findings: &mut Findings<'_>) {
    for planned in programs {
        match &planned.job {
            Job::Program(program) => check(program, &key_of(planned), findings),
            Job::Wait(waits) => {
                for wait in waits {
                    if let Target::Command(program) = &wait.target {
                        check(program, "wait", findings);
                    }
                }
            }
            Job::Prepare(_) => {}
        }
    }
}

/// Where the program was named.
fn key_of(planned: &Planned) -> String {
    if planned.phase == "server" { "server.command".to_owned() } else { format!("hooks.{}", planned.phase) }
}

fn check(program: &Program, key: &str, findings: &mut Findings<'_>) {
    let Some(name) = program.argv.first() else { return };
    if find(program).is_none() {
        let is_path = name.to_bytes().contains(&b'/');
        let place = if is_path { "it is not there, or not executable" } else { "not found in PATH" };
        findings.fault(key, format!("cannot run {}: {place}; install it, or name another", name.to_string_lossy()));
    }
}

/// The file that would be executed.
fn find(program: &Program) -> Option<PathBuf> {
    let name = Path::new(OsStr::from_bytes(program.argv.first()?.to_bytes()));
    let directory = program.directory.as_deref().unwrap_or_else(|| Path::new(""));
    let runs = |path: &PathBuf| path.is_file() && access(path, AccessFlags::X_OK).is_ok();
    if name.as_os_str().as_bytes().contains(&b'/') {
        return Some(directory.join(name)).filter(runs);
    }
    let path = exec::search_path_of(&program.environment);
    let entries = path.split(|&byte| byte == b':').map(|entry| Path::new(OsStr::from_bytes(entry)));
    entries.map(|entry| directory.join(entry).join(name)).find(runs)
}

/// Refuses what would let the application's user steer root: the files of the configuration, programs that run as root,
/// and variables from outside of the configuration that a program which runs as root would obey.
pub fn check_trust(
    files: &[PathBuf],
    programs: &[Planned],
    steering: &[(String, String)],
    users: &Users,
    findings: &mut Findings<'_>,
) {
    let Some(boundary) = users.boundary() else { return };
    for file in files {
        users.check_trust("user", file, None, findings);
    }
    let as_root = |program: &&Program| program.identity.as_ref().is_none_or(|identity| identity.uid != boundary.uid);
    let mut steered = false;
    for planned in programs {
        let Some(program) = planned.program().filter(as_root) else { continue };
        steered = true;
        if let Some(file) = find(program) {
            users.check_trust(&key_of(planned), &file, program.identity.as_deref(), findings);
        }
    }
    for (name, source) in steering.iter().filter(|_| steered) {
        findings.refusal(
            "env",
            format!("{name} from {source} would steer what runs as root; remove it there, or set it in env.set"),
        );
    }
}
