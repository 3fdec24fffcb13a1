//! The files that are hooks: found by their names, and judged before they run.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::config::Layers;
use crate::config::condition;
use crate::config::keys::{self, Hook, HookRun};
use crate::plan::PHASES;
use crate::plan::executed;
use crate::plan::findings::Findings;
use crate::plan::surroundings::Surroundings;
use crate::sys::{exec, regular};

/// The executable file `name` in the hooks' directory, as it is to be called.
pub fn file(name: &str, around: &Surroundings<'_>, findings: &mut Findings<'_>) -> Option<PathBuf> {
    let found = executable(around.directory.join(name), around.workdir, &|path| around.head(path), findings);
    found.map(|path| PathBuf::from(invocable(path)))
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

/// Whether the directory holds anything that could be run, which ends plain use. One that may not be looked into may, and
/// so may what is in its place: a link to a volume that is not mounted.
#[must_use]
pub fn any_in(directory: &Path) -> bool {
    let may_run = |entry: fs::DirEntry| {
        let name = entry.file_name();
        let may_run = || match fs::metadata(entry.path()) {
            // A directory that this user may not enter may hold a hook.
            Ok(metadata) => metadata.is_dir() || is_executable(&metadata) || is_drop_in(&name),
            Err(error) => !regular::is_absence(&error) || is_drop_in(&name),
        };
        !is_hidden(&name) && !is_left_behind(&name) && may_run()
    };
    regular::may_be_there(directory)
        && match fs::read_dir(directory) {
            Ok(mut entries) => entries.any(|entry| entry.map_or(true, may_run)),
            Err(_) => true,
        }
}

/// Whether the name is that of a phase's directory.
fn is_drop_in(name: &OsStr) -> bool {
    name.to_str().and_then(|name| name.strip_suffix(".d")).is_some_and(|phase| PHASES.contains(&phase))
}

/// What is to be said of files in the default directory that look like hooks and will not run: in plain use too, because
/// a forgotten `chmod` is the commonest mistake with hooks.
#[must_use]
pub fn skipped_in_plain_use() -> Vec<String> {
    let layers = Layers::default();
    let mut findings = Findings::new(&layers, false, Vec::new());
    for name in PHASES {
        executable(Path::new(keys::Top::HOOKS_DIR).join(name), Path::new(""), &executed::head, &mut findings);
    }
    findings.into_warnings()
}

/// The files of hook `name`, in order: its own, and those of `NAME.d`.
pub fn all(name: &str, around: &Surroundings<'_>, findings: &mut Findings<'_>) -> Vec<PathBuf> {
    let head: &dyn Fn(&Path) -> Option<Vec<u8>> = &|path| around.head(path);
    let mut found = Vec::from_iter(executable(around.directory.join(name), around.workdir, head, findings));
    let drop_in = around.directory.join(format!("{name}.d"));
    let names = names_in(&around.workdir.join(&drop_in)).unwrap_or_else(|error| {
        let why = if regular::is_absence(&error) {
            regular::in_place_of(&around.workdir.join(&drop_in))
        } else {
            Some(regular::why_not(&error))
        };
        if let Some(why) = why {
            findings.fault("hooks_dir", format!("cannot list {}: {why}", drop_in.display()));
        }
        Vec::new()
    });
    for name in names {
        let path = drop_in.join(&name);
        if is_left_behind(&name) {
            findings.note(&format!("{} does not have a hook's name and is skipped", path.display()));
        } else {
            found.extend(executable(path, around.workdir, head, findings));
        }
    }
    found
}

/// What is in a directory, in byte order.
pub fn names_in(directory: &Path) -> std::io::Result<Vec<OsString>> {
    let names: std::io::Result<Vec<OsString>> = fs::read_dir(directory)?.map(|entry| Ok(entry?.file_name())).collect();
    let mut names = names?;
    names.retain(|name| !is_hidden(name));
    names.sort_by(|one, other| one.as_bytes().cmp(other.as_bytes()));
    Ok(names)
}

/// What an editor leaves behind, and the links by which a volume of Kubernetes is changed as a whole.
fn is_hidden(name: &OsStr) -> bool {
    name.as_bytes().starts_with(b".")
}

/// What editors and packagers leave beside a file, and what is there to be read: on some file systems each file is
/// executable.
pub fn is_left_behind(name: &OsStr) -> bool {
    const NAMES: [&[u8]; 10] =
        [b"*~", b"*.bak", b"*.orig", b"*.rej", b"*.swp", b"#*#", b"*.dpkg-*", b"*.rpm*", b"*.md", b"*.txt"];
    NAMES.iter().any(|glob| condition::matches(glob, name.as_bytes()))
}

/// Whether a file is meant to be executed. Whether this user may, here, is for the kernel to say: what cannot be run has
/// failed, and is not skipped.
pub fn is_executable(metadata: &fs::Metadata) -> bool {
    metadata.mode() & 0o111 != 0
}

fn is_loop(error: &std::io::Error) -> bool {
    error.raw_os_error() == Some(nix::libc::ELOOP)
}

fn executable(
    path: PathBuf,
    workdir: &Path,
    head: &dyn Fn(&Path) -> Option<Vec<u8>>,
    findings: &mut Findings<'_>,
) -> Option<PathBuf> {
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
    let Some(start) = head(&full) else { return Some(path) };
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
pub fn invocable(path: PathBuf) -> OsString {
    if path.as_os_str().as_bytes().contains(&b'/') { path.into() } else { Path::new(".").join(path).into() }
}

#[cfg(test)]
mod tests {
    use super::*;

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
